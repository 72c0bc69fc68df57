"""How much a server is asked at once, and how long a refused row waits."""

from __future__ import annotations

import asyncio
import random
import time
from datetime import UTC, datetime, timedelta
from email.utils import format_datetime

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from homespun.models.limits import LONGEST, Limit, RetryBudget, wait_before


def play(limit: Limit, outcomes: list[bool]) -> None:
    """Let requests come and go one by one."""

    async def run():
        for refused in outcomes:
            limit.leave(await limit.enter(), refused=refused)

    asyncio.run(run())


def test_sporadic_refusals_change_nothing():
    rng = random.Random(1)
    limit = Limit(64)
    play(limit, [rng.random() < 0.05 for _ in range(20_000)])
    assert limit.now > 60


def test_overload_halves_and_success_climbs_by_one_per_round():
    limit = Limit(64)
    play(limit, [True] * 8)
    assert limit.now == 32
    play(limit, [True] * 8)
    assert limit.now == 16
    play(limit, [False] * 16)
    assert 16.8 < limit.now < 17.1
    play(limit, [True] * 500)
    assert limit.now == 1.0
    play(limit, [False] * 5000)
    assert limit.now == 64


def test_what_was_sent_before_a_decrease_does_not_decrease_again():
    limit = Limit(64)

    async def run():
        sent = [await limit.enter() for _ in range(64)]
        for epoch in sent:
            limit.leave(epoch, refused=True)

    asyncio.run(run())
    assert limit.now == 32


@settings(max_examples=30, deadline=None)
@given(st.integers(1, 20), st.integers(1, 60), st.randoms())
def test_never_more_in_flight_than_the_limit_and_nobody_waits_for_ever(most, count, rng):
    limit = Limit(most)
    peak = 0

    async def one(number: int):
        nonlocal peak
        epoch = await limit.enter()
        peak = max(peak, limit.in_flight)
        try:
            await asyncio.sleep(0)
        finally:
            limit.leave(epoch, refused=rng.random() < 0.3)

    async def run():
        tasks = [asyncio.create_task(one(number)) for number in range(count)]
        for task in rng.sample(tasks, count // 4):
            await asyncio.sleep(0)
            task.cancel()
        await asyncio.wait_for(asyncio.gather(*tasks, return_exceptions=True), 5)

    asyncio.run(run())
    assert peak <= most


def test_a_retry_budget_stops_a_storm():
    budget = RetryBudget()
    assert sum(budget.take() for _ in range(1000)) == 20
    for _ in range(1000):
        budget.answered()
    assert 99 <= sum(budget.take() for _ in range(1000)) <= 100


def test_the_server_says_how_long():
    rng = random.Random(0)
    soon = format_datetime(datetime.now(UTC) + timedelta(seconds=20), usegmt=True)
    for headers, low, high in (
        ({"retry-after": "3"}, 3, 3.1),
        ({"retry-after": "0.5"}, 0.5, 0.6),
        ({"retry-after-ms": "250", "retry-after": "3"}, 0.25, 0.31),
        ({"retry-after": soon}, 17, 20.1),
        ({"retry-after": "99999"}, LONGEST, LONGEST + 0.1),
        ({"retry-after": "Wed, 21 Oct 2015 07:28:00 GMT"}, 0, 0.06),
    ):
        assert low <= wait_before(1, headers, rng) <= high, headers


@pytest.mark.parametrize("nonsense", ["", "soon", "-5", "nan", "inf", "Wed, 99 Oct"])
def test_without_a_word_from_the_server_waits_double(nonsense):
    rng = random.Random(0)
    longest = [max(wait_before(n, {"retry-after": nonsense}, rng) for _ in range(200)) for n in (1, 2, 3, 10)]
    assert longest[0] <= 0.5 < longest[1] <= 1 < longest[2] <= 2
    assert longest[3] <= LONGEST


def test_the_wall_clock_does_not_matter(monkeypatch):
    monkeypatch.setattr(time, "time", lambda: 0.0)
    test_overload_halves_and_success_climbs_by_one_per_round()
