"""Curves by exposure: averages, crossings, savings and intervals, on cases worked out by hand."""

from __future__ import annotations

import math

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from homespun.evaluate.curves import (
    Reach,
    above,
    curve,
    difference,
    exposures_to,
    level,
    moving_average,
    reach,
    reached,
    saving,
    sooner,
    spreads,
)
from homespun.stats import descriptive

RISING = [(100, 0.5), (200, 0.8), (300, 0.9)]
PAPER = [(0, 0.0), (100, 0.6), (200, 0.8), (300, 0.9), (400, 0.91), (500, 0.92)]


def test_the_analytic_case() -> None:
    assert exposures_to(RISING, 0.85, window=1) == 250


def test_savings_of_the_paper() -> None:
    assert saving(200, 650) == pytest.approx(0.692, abs=5e-4)
    assert saving(250, 650) == pytest.approx(0.615, abs=5e-4)
    assert saving(700, 650) == pytest.approx(-50 / 650)
    assert saving(None, 650) is saving(200, None) is saving(200, 0) is None


def test_the_average_is_centred_and_keeps_the_ends() -> None:
    assert moving_average(RISING) == [(100, 0.5), (200, pytest.approx(2.2 / 3)), (300, 0.9)]
    assert moving_average(PAPER, 5)[1] == (100, pytest.approx(1.4 / 3))  # only one neighbour on the left: three points
    assert moving_average(PAPER, 5)[2] == (200, pytest.approx(3.21 / 5))
    assert moving_average([]) == [] and moving_average([(1, 0.2)]) == [(1, 0.2)]


@pytest.mark.parametrize("window", [0, 2, -1])
def test_a_window_has_a_middle(window: int) -> None:
    with pytest.raises(ValueError, match=f"window is {window}"):
        moving_average(RISING, window)


@given(
    st.lists(st.integers(0, 2000), min_size=2, max_size=15, unique=True).map(sorted),
    st.floats(-1, 1),
    st.sampled_from([1, 3, 5]),
)
def test_a_straight_line_stays_itself_however_its_points_are_spaced(at: list[int], slope: float, window: int) -> None:
    for x, y in moving_average([(x, slope * x) for x in at], window):
        assert y == pytest.approx(slope * x, abs=1e-9)


def test_crossings_of_the_average() -> None:
    assert exposures_to(PAPER, 0.75) == pytest.approx(200 - 100 * (2.3 / 3 - 0.75) / (2.3 / 3 - 1.4 / 3))
    assert exposures_to(PAPER, 0.93) is None
    assert exposures_to([], 0.5) is None
    assert exposures_to([(100, 0.9), (200, 0.95)], 0.85) == 100  # it may have been earlier
    assert exposures_to([(0, math.nan), *RISING], 0.85, window=1) == 250


def test_a_crossing_must_hold_at_the_next_checkpoint() -> None:
    spike = [(100, 0.2), (200, 0.9), (300, 0.3), (400, 0.5), (500, 0.9), (600, 0.9)]
    assert exposures_to(spike, 0.85, window=1) == pytest.approx(400 + 100 * 0.35 / 0.4)
    assert exposures_to(spike[:4], 0.85, window=1) is None
    assert exposures_to([(100, 0.9), (200, 0.3), (300, 0.9)], 0.85, window=1) == pytest.approx(200 + 100 * 0.55 / 0.6)
    assert exposures_to(spike[:2], 0.85, window=1) == pytest.approx(100 + 100 * 0.65 / 0.7)  # the last one counts


def _points(means: list[float], half: float = 0.05) -> list[dict]:
    return [
        {"exposures": 100 * i, "tokens": 1000 * i, "loss": None,
         "metrics": {"accuracy": {"mean": m, "low": max(m - half, 0), "high": min(m + half, 1), "seeds": [m]}}}
        for i, m in enumerate(means)
    ]  # fmt: skip


def test_reach_of_both_ends_and_in_tokens() -> None:
    line = _points([0.0, 0.2, 0.4, 0.6, 0.8, 1.0])
    assert reach(line, 0.5) == Reach(pytest.approx(250), pytest.approx(225), pytest.approx(275))
    assert reach(line, 0.5, "tokens").at == pytest.approx(2500)
    assert reach(line, 0.97).late is None
    assert reached(line, (0.5, 1.1)) == {
        "exposures_to": {"0.5": pytest.approx(250), "1.1": None},
        "tokens_to": {"0.5": pytest.approx(2500), "1.1": None},
    }


@given(st.lists(st.floats(0, 1), min_size=1, max_size=12), st.floats(0, 1), st.floats(0, 0.3))
def test_the_upper_end_crosses_first_and_the_lower_end_last(means: list[float], threshold: float, half: float) -> None:
    found = reach(_points(means, half), threshold)
    if found.at is not None:
        assert found.early is not None and found.early <= found.at + 1e-6
    if found.late is not None:
        assert found.at is not None and found.at <= found.late + 1e-6


# points of results.json


def _answers(share: float, seeds: int = 3, items: int = 40, seed: int = 0) -> np.ndarray:
    return (np.random.default_rng(seed).uniform(size=(seeds, items)) < share).astype(float)


def test_points_carry_the_intervals_of_stats() -> None:
    first, last = _answers(0.3), _answers(0.8)
    found = curve([0, 10], {"accuracy": [first, last]}, [[math.nan] * 3, [1.0, 1.5, 2.0]], [[0, 0, 0], [100, 110, 120]])
    estimate = descriptive.mean_interval(last)
    assert found[1] == {
        "exposures": 10,
        "tokens": 110.0,
        "loss": 1.5,
        "metrics": {
            "accuracy": {
                "mean": estimate.mean, "low": estimate.low, "high": estimate.high,
                "seeds": [float(x) for x in last.mean(axis=1)],
            }
        },
    }  # fmt: skip
    assert found[0]["loss"] is None


def test_items_that_a_metric_is_not_about_are_left_out() -> None:
    answers = _answers(0.6)
    product = answers.copy()
    product[:, 10:] = np.nan
    nothing = np.full_like(answers, np.nan)
    (found,) = curve([5], {"category:product": [product], "category:none": [nothing]}, [[1.0]], [[9]])
    assert list(found["metrics"]) == ["category:product"]
    estimate = descriptive.mean_interval(answers[:, :10])
    assert found["metrics"]["category:product"]["low"] == estimate.low
    assert found["metrics"]["category:product"]["mean"] == estimate.mean


def test_a_share_of_the_wrong_answers_is_a_ratio_per_seed() -> None:
    """Which items count differs between seeds; the mean of each seed is over its own."""
    values = np.array([[1.0, 0.0, np.nan, np.nan], [np.nan, 0.0, 1.0, 1.0]])
    (found,) = curve([5], {"elsewhere": [values]}, [[1.0]], [[9]])
    assert found["metrics"]["elsewhere"]["seeds"] == pytest.approx([1 / 2, 2 / 3])
    half_empty = np.array([[1.0, 0.0], [np.nan, np.nan]])
    (found,) = curve([5], {"elsewhere": [half_empty]}, [[1.0]], [[9]])
    assert found["metrics"]["elsewhere"]["seeds"] == pytest.approx([0.5])


def test_seeds_are_pooled_over_arms() -> None:
    rng = np.random.default_rng(3)
    arms = [([10], {"accuracy": [np.clip(_answers(0.7, seed=n) + rng.normal(0, 0.1, (3, 1)), 0, 1)]}) for n in range(6)]
    pooled = spreads(arms)
    assert pooled["accuracy", 10].df == 12
    assert spreads([arms[0], arms[0]])["accuracy", 10].df == 2  # the same answers count once
    alone, among = (curve([10], arms[0][1], [[1.0]], [[1]], s)[0]["metrics"]["accuracy"] for s in (None, pooled))
    assert alone["mean"] == among["mean"]
    assert among["high"] - among["low"] != alone["high"] - alone["low"]


def test_what_is_no_share_may_be_above_one() -> None:
    bits = np.array([[1.0, 1.4, 1.8], [1.1, 1.5, 1.9]])
    (found,) = curve([10], {"bits_per_byte": [bits]}, [[1.0]], [[1]])
    value = found["metrics"]["bits_per_byte"]
    assert value["mean"] == pytest.approx(1.45)
    assert value["mean"] - value["low"] == pytest.approx(value["high"] - value["mean"])
    assert value["high"] > 1.5 and value["low"] < 1.4


def test_one_seed_has_an_interval_over_items() -> None:
    (found,) = curve([10], {"accuracy": [_answers(0.7, seeds=1)]}, [[1.0]], [[1]])
    assert found["metrics"]["accuracy"]["low"] < found["metrics"]["accuracy"]["mean"]


def test_what_does_not_fit_together_is_refused() -> None:
    answers = _answers(0.5)
    with pytest.raises(ValueError, match=r"checkpoints must rise, got \[10, 10\]"):
        curve([10, 10], {"accuracy": [answers, answers]}, [[1.0], [1.0]], [[1], [1]])
    with pytest.raises(ValueError, match="accuracy has 1 checkpoints, the curve 2"):
        curve([10, 20], {"accuracy": [answers]}, [[1.0], [1.0]], [[1], [1]])


# differences


def _value(mean: float, half: float) -> dict[str, float]:
    return {"mean": mean, "low": mean - half, "high": mean + half}


def test_intervals_add_in_squares() -> None:
    gap, low, high = difference(_value(0.9, 0.03), _value(0.8, 0.04))
    assert (gap, low, high) == (pytest.approx(0.1), pytest.approx(0.05), pytest.approx(0.15))
    assert above(_value(0.9, 0.03), _value(0.8, 0.04))
    assert not above(_value(0.84, 0.03), _value(0.8, 0.04))
    assert not above(_value(0.8, 0.04), _value(0.9, 0.03))


def test_the_best_of_many_needs_a_wider_gap() -> None:
    a, b = _value(0.86, 0.03), _value(0.8, 0.04)
    assert above(a, b)
    assert not above(a, b, among=6)  # 0.05 x 2.64 / 1.96 = 0.067


def test_ends_for_several_comparisons_cross_later_and_earlier() -> None:
    """The accuracy rises by 0.1 per 100 exposures; 95 % ends lie 0.05 off, and 0.05 x 3.04 / 1.96 for 21 pairs."""
    line = [
        {"exposures": at, "tokens": at, "metrics": {"accuracy": _value(at / 1000, 0.05)}} for at in range(0, 1001, 100)
    ]
    assert reach(line, 0.5) == pytest.approx((500, 450, 550))
    wider = 50 * 3.0381 / 1.95996
    assert reach(line, 0.5, among=21) == pytest.approx((500, 500 - wider, 500 + wider), abs=0.01)


@pytest.mark.parametrize(
    ("a", "b", "expected"),
    [
        (Reach(200, 180, 230), Reach(220, 190, 400), True),
        (Reach(200, 180, 230), Reach(250, 190, 400), False),
        (Reach(200, 180, None), Reach(250, 190, 400), True),
        (Reach(200, 180, 300), Reach(250, 210, None), False),
        (Reach(200, 180, None), Reach(None, 190, None), False),
        (Reach(None, None, None), Reach(None, 100, None), True),
    ],
)
def test_level(a: Reach, b: Reach, expected: bool) -> None:
    assert level(a, b) is level(b, a) is expected


@pytest.mark.parametrize(
    ("a", "b", "expected"),
    [
        (Reach(200, 180, 230), Reach(650, 550, None), True),
        (Reach(200, 180, 230), Reach(250, 190, 400), False),
        (Reach(200, 180, None), Reach(650, 550, 800), False),  # its own lower end never gets there
        (Reach(200, 180, 230), Reach(None, None, None), True),
        (Reach(200, 180, 230), Reach(None, 300, None), True),
        (Reach(200, 180, 350), Reach(None, 300, None), False),
        (Reach(None, 100, None), Reach(650, 550, 800), False),
        (Reach(650, 550, 800), Reach(200, 180, 230), False),
    ],
)
def test_sooner(a: Reach, b: Reach, expected: bool) -> None:
    assert sooner(a, b) is expected
