"""Answers come in the order asked, a bounded number of them wait, and nothing in flight is dropped."""

from __future__ import annotations

import asyncio
import threading
from contextlib import asynccontextmanager

import pytest
from hypothesis import given
from hypothesis import strategies as st

from homespun.models import inorder
from homespun.models.inorder import InOrder


@asynccontextmanager
async def nothing():
    yield None


def asked(items, one, workers=8, advance=lambda _: None):
    return InOrder(items, one, nothing, workers, advance).answers()


@given(st.lists(st.integers(0, 3), max_size=60), st.integers(1, 9))
def test_the_order_is_that_of_the_items_however_long_each_takes(delays, workers):
    async def one(_session, item):
        place, delay = item
        for _ in range(delay):
            await asyncio.sleep(0)
        return place

    assert list(asked(enumerate(delays), one, workers)) == list(range(len(delays)))


def test_a_slow_consumer_holds_back_the_asking(monkeypatch):
    monkeypatch.setattr(inorder, "AHEAD", 16)
    started = []

    async def one(_session, item):
        started.append(item)
        return item

    answers = asked(range(10_000), one, workers=4)
    taken = [next(answers) for _ in range(3)]
    threading.Event().wait(0.2)
    assert taken == [0, 1, 2] and len(started) <= 16 + 4 + 3
    assert list(answers) == list(range(3, 10_000))


def test_a_failure_is_raised_after_the_answers_before_it_and_what_is_in_flight_ends():
    ended = []

    async def one(_session, item):
        if item == 5:
            raise ValueError("five")
        await asyncio.sleep(0.01 * (item > 5))
        ended.append(item)
        return item

    found = []
    with pytest.raises(ValueError, match="five"):
        for answer in asked(range(1000), one, workers=4):
            found.append(answer)
    assert found == [0, 1, 2, 3, 4]
    assert set(range(5)) <= set(ended) and max(ended) < 20


def test_an_error_of_the_list_itself_is_raised():
    def items():
        yield 1
        raise OSError("the file ends")

    async def one(_session, item):
        return item

    with pytest.raises(OSError, match="the file ends"):
        list(asked(items(), one))


def test_leaving_early_waits_for_what_is_in_flight():
    begun, ended = [], []

    async def one(_session, item):
        begun.append(item)
        await asyncio.sleep(0.05)
        ended.append(item)
        return item

    answers = asked(range(1000), one, workers=8)
    next(answers)
    answers.close()
    assert sorted(begun) == sorted(ended) and len(ended) < 40
    assert threading.active_count() == 1 or all(t.name != "asking" for t in threading.enumerate())
