"""Comparisons in words: `helped`, `hurt` or `no evidence`, with what was seen and what it would take.

Only numbers of the comparison are spoken; nothing is computed here that results.json does not hold.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

METRIC_WORDS = {"accuracy": "accuracy", "macro_f1": "macro-F1"}
FAR_AWAY = 50_000  #: item counts above this are not worth planning for


def _points(value: float) -> str:
    return f"{100 * value:+.1f}"


def _p(value: float) -> str:
    if value < 0.001:
        return "p < 0.001"
    return f"p = {value:.3f}" if value < 0.0995 else f"p = {value:.2f}"


def _other(comparison: Mapping[str, Any]) -> str:
    if comparison["relation"] == "control":
        return "a random choice of as many rows"
    if comparison["relation"] == "reference":
        return f"all rows ({comparison['against']})"
    return "the untrained model"


def _measured(comparison: Mapping[str, Any]) -> str:
    metric = METRIC_WORDS.get(comparison["metric"], comparison["metric"])
    chance = _p(comparison["p_holm"])
    if comparison["family"] > 1:
        chance += f" after Holm's correction over {comparison['family']} arms"
    interval = f"95 % interval {_points(comparison['low'])} to {_points(comparison['high'])}"
    word = "over" if comparison["difference"] > 0 else "against"
    difference = f"{_points(comparison['difference'])} points of {metric}"
    return f"{difference} {word} {_other(comparison)} ({interval}, {chance})"


def sentence(arm: str, comparison: Mapping[str, Any]) -> str:
    """Return one comparison of results.json as plain English."""
    if comparison["same_answers"]:
        return f"No evidence about {arm}: it gives the same answer to every item as {_other(comparison)}."
    verdict = comparison["verdict"]
    begin = f"No evidence about {arm}" if verdict == "no evidence" else f"{arm} {verdict}"
    parts = [f"{begin}: {_measured(comparison)}."]
    if verdict == "no evidence":
        parts.append(_what_it_takes(comparison))
    if comparison["seeds"] == 1:
        parts.append("One training seed: how far chance in training moves this was not measured.")
    return " ".join(parts)


def _what_it_takes(comparison: Mapping[str, Any]) -> str:
    needed, items = comparison["items_needed"], comparison["items"]
    if comparison["p"] < 0.05:
        return f"Alone it would count; among {comparison['family']} arms it can be luck."
    if needed is not None and items < needed <= FAR_AWAY:
        return f"To see a difference of this size it would take about {_rounded(needed):,} items; there are {items:,}."
    if comparison["seed_share"] > 0.5:
        return (
            f"{100 * comparison['seed_share']:.0f} % of the uncertainty comes from the training seeds,"
            " so more seeds would help more than more items."
        )
    visible = 100 * comparison["smallest_visible"]
    return f"With {items:,} items, a difference of {visible:.1f} points or more would most likely have shown."


def _rounded(count: int) -> int:
    """Round up to two figures: a plan is not more exact than that."""
    step: int = 10 ** max(len(str(count)) - 2, 0)
    return -(-count // step) * step


def arm_sentence(entry: Mapping[str, Any]) -> str:
    """Return what is to be said about a selecting arm: against its control, then its reference."""
    found = (entry["versus_control"], entry["versus_reference"])
    return " ".join(comparison["sentence"] for comparison in found if comparison)
