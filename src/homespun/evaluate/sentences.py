"""Comparisons in words: helped, hurt, no difference that matters, no evidence, no verdict; and what it would take.

Only numbers of the comparison are spoken; nothing is computed here that results.json does not hold.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from homespun.stats.inference import LEVEL

METRIC_WORDS = {"accuracy": "accuracy", "macro_f1": "macro-F1"}
FAR_AWAY = 50_000  #: item counts above this are not worth planning for
FEW_GROUPS = 6  #: below this, groups of items decide what can be shown
WAYS = {  #: how the untrained student was asked, in words
    "constrained": "by label likelihood",
    "free": "by its own answers",
    "calibrated": "with its bias for a label taken off (fitted on these texts, without their labels)",
    "few_shot": "with some of the rows in its prompt",
    "few_shot_calibrated": "with some of the rows in its prompt and its bias taken off (as fitted on these texts)",
}
#: the same, in a list
SHORT = {"calibrated": "bias off", "few_shot": "few-shot", "few_shot_calibrated": "few-shot, bias off"}


def _points(value: float) -> str:
    return f"{100 * value:+.1f}"


def _p(value: float) -> str:
    if value < 0.001:
        return "p < 0.001"
    return f"p = {value:.3f}" if value < 0.0995 else f"p = {value:.2f}"


def _other(comparison: Mapping[str, Any]) -> str:
    if comparison["relation"] == "control":
        return f"a random choice of as many {comparison.get('alike', 'rows')}"
    if comparison["relation"] == "reference":
        return f"all rows ({comparison['against']})"
    return "the untrained model"


def _measured(comparison: Mapping[str, Any]) -> str:
    metric = METRIC_WORDS.get(comparison["metric"], comparison["metric"])
    word = "over" if comparison["difference"] > 0 else "against"
    said = f"{_points(comparison['difference'])} points of {metric} {word} {_other(comparison)}"
    if comparison["p"] is None:
        return said
    chance = _p(comparison["p_holm"])
    if comparison["family"] > 1:
        chance += f" after Holm's correction over {comparison['family']} arms"
    if comparison["level"] <= comparison["p_holm"] < LEVEL:
        chance += f"; this look is held to {comparison['level']:.3g}"
    hardest = _hardest_rival(comparison)
    if hardest is None:
        return f"{said} ({_interval(comparison)}, {chance})"
    name, rival = hardest
    way = WAYS.get(name, name)
    return (
        f"{said} ({_interval(comparison)}), {_points(rival['difference'])} over it {way} ({_interval(rival)}, {chance})"
    )


def _interval(value: Mapping[str, Any]) -> str:
    if value["low"] is None:
        return "no interval"
    return f"95 % interval {_points(value['low'])} to {_points(value['high'])}"


def _hardest_rival(comparison: Mapping[str, Any]) -> tuple[str, Mapping[str, Any]] | None:
    """Return the way of asking the untrained model that decides about an arm above it, where it is not the same.

    It is one that is above the arm, the highest, or else the one with the largest p.
    """
    rivals = comparison.get("rivals") or {}
    if not rivals or comparison["difference"] <= 0:
        return None
    name = min(rivals, key=lambda one: rivals[one]["difference"])
    if rivals[name]["difference"] > 0:
        name = max(rivals, key=lambda one: rivals[one]["p"])
    decides = rivals[name]["difference"] <= 0 or rivals[name]["p"] > comparison["p"]
    return (name, rivals[name]) if decides else None


def sentence(arm: str, comparison: Mapping[str, Any]) -> str:
    """Return one comparison of results.json as plain English."""
    if comparison["same_answers"]:
        return f"{arm} scores the same on every item as {_other(comparison)}: nothing to tell apart."
    verdict = comparison["verdict"]
    begin = {
        "helped": f"{arm} helped",
        "hurt": f"{arm} hurt",
        "no difference that matters": f"No difference that matters for {arm}",
        "no evidence": f"No evidence about {arm}",
        "no verdict": f"No verdict about {arm} ({_lacking(comparison)})",
    }[verdict]
    parts = [f"{begin}: {_measured(comparison)}."]
    if verdict == "no difference that matters":
        parts.append(
            f"It is smaller than {_worth(comparison)} (two one-sided tests, {_p(comparison['p_equivalent'])})."
        )
    if verdict == "no evidence":
        parts.append(_what_it_takes(comparison))
    if verdict == "no verdict":
        parts.append(_alone(comparison))
    if verdict != "no verdict" and comparison["draws"] == "fixed":
        parts.append(
            "With these rows: another pool may give another result."
            if comparison["relation"] == "baseline"
            else "This is about this choice among these rows, not about the rule."
        )
    return " ".join(parts)


def shows(comparison: Mapping[str, Any] | None, groups: Sequence[int]) -> str:
    """Return which differences a run can show, by the comparison that is hardest; empty where none measures chance.

    Args:
        comparison: of results.json.
        groups: for every way in which items belong together the number of groups.
    """
    if comparison is None:
        return ""
    visible, count = comparison["smallest_visible"], comparison["replicates"]
    said = f"{count} replicates show differences of {100 * visible:.1f} points or more (80 % power)."
    if visible >= 1:
        said = f"{count} replicates can show no difference here, however large: take five or more."
    if groups and min(groups) < FEW_GROUPS:
        said += f" The items belong to {min(groups)} groups: more items of the same groups would not show smaller ones."
    return said


def _worth(comparison: Mapping[str, Any]) -> str:
    return f"{100 * comparison['worth']:g} points"


def _lacking(comparison: Mapping[str, Any]) -> str:
    return "one replicate" if comparison["replicates"] == 1 else "too few items to measure chance among them"


def _alone(comparison: Mapping[str, Any]) -> str:
    if comparison["replicates"] > 1:
        return "It takes at least three items, or three groups of them."
    exact = [one["p"] for one in (comparison.get("mcnemar") or comparison.get("sign_flips") or ())]
    test = "McNemar's" if comparison.get("mcnemar") else "sign-flip"
    said = f"On these items alone the exact {test} test gives {_p(exact[0])}; h" if exact else "H"
    return f"{said}ow far chance in drawing and training moves it takes at least two replicates to tell, better three."


def _what_it_takes(comparison: Mapping[str, Any]) -> str:
    if comparison["p_all"] < comparison["level"]:
        return f"Alone it would count; among {comparison['family']} arms it can be luck."
    if comparison["p"] < comparison["level"]:
        return "It would count against one way of asking the untrained model, not against all of them."
    replicates, visible = comparison["replicates"], comparison["smallest_visible"]
    if visible is None or comparison["worth"] is None:
        return ""
    if visible >= 1:
        return f"{replicates} replicates cannot show any difference here: take five or more."
    said = f"{replicates} replicates on {comparison['items']:,} items show {100 * visible:.1f} points or more"
    needed, items = comparison["replicates_needed"], comparison["items_needed"]
    if visible <= comparison["worth"]:
        return f"{said} four times in five."
    if needed is not None and needed > replicates:
        return f"{said}; {_worth(comparison)} would take about {needed} replicates."
    if items is not None and comparison["items"] < items <= FAR_AWAY:
        return f"{said}; {_worth(comparison)} would take about {_rounded(items):,} items."
    return f"{said}; {_worth(comparison)} would take more items and more replicates."


def _rounded(count: int) -> int:
    """Round up to two figures: a plan is not more exact than that."""
    step: int = 10 ** max(len(str(count)) - 2, 0)
    return -(-count // step) * step


def arm_sentence(entry: Mapping[str, Any]) -> str:
    """Return what is to be said about a selecting arm: against its control, then its reference."""
    found = (entry["versus_control"], entry["versus_reference"])
    return " ".join(comparison["sentence"] for comparison in found if comparison)
