"""Work ahead of its stage: done, thrown away, and never in the way."""

from __future__ import annotations

import threading

import pytest

from homespun.engine.ahead import AT_MOST, ahead
from homespun.errors import ModelError


def test_every_list_reaches_every_step_in_order():
    seen: list[tuple[str, int]] = []
    with ahead([lambda rows: seen.append(("a", rows[0])), lambda rows: seen.append(("b", rows[0]))]) as take:
        for number in range(AT_MOST * 2):
            take([number])
    assert seen == [(step, number) for number in range(AT_MOST * 2) for step in "ab"]


def test_a_step_that_fails_is_left_to_its_stage():
    seen = []

    def step(rows):
        seen.append(rows)
        raise ModelError("no key")

    with ahead([step]) as take:
        take([1])
        take([2])
    assert seen == [[1], [2]]


def test_after_an_error_nothing_more_is_begun():
    first, seen = threading.Event(), []

    def step(rows):
        first.wait(5)
        seen.append(rows)

    with pytest.raises(KeyboardInterrupt), ahead([step]) as take:
        for number in range(10):
            take([number])
        first.set()
        raise KeyboardInterrupt
    assert len(seen) <= 10
    assert threading.active_count() < 20


def test_without_steps_there_is_no_thread():
    before = threading.active_count()
    with ahead([]) as take:
        take([1])
        assert threading.active_count() == before
