"""What a run shows beside accuracy: what was forgotten; on documents also questions in reverse, categories.

Reads results.json; recommend.py asks for it, advice.py puts it into words for documents.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from homespun.data.records import JSONDict
from homespun.evaluate.curves import above

CATEGORY, REVERSE = "category:", "accuracy_reverse"  #: metrics of a group, and of questions asked in reverse
BITS = "bits_per_byte"  #: of plain text: it moves before any answer changes


def verdict(versus: Mapping[str, Any] | None) -> JSONDict | None:
    """Return what is told of a comparison; None where there is none."""
    return {key: versus[key] for key in ("verdict", "difference", "low", "high")} if versus else None


def is_general(name: str, evaluation: Mapping[str, Any], primary: str) -> bool:
    """Say whether an evaluation is about general ability: it is marked so, or is no primary one and has no curves."""
    curves = any(entry.get("curve") for entry in evaluation["arms"].values())
    return name != primary and bool(evaluation.get("general", not curves))


def forgetting(results: Mapping[str, Any], primary: str, arms: set[str]) -> list[JSONDict]:
    """Return what every arm did to the general evaluations: before, after, and the verdict on the difference."""
    found = []
    for name, evaluation in results["evaluations"].items():
        if not is_general(name, evaluation, primary):
            continue
        metric = evaluation.get("metric", "accuracy")
        modes = [evaluation["baseline"].get(evaluation.get("mode"), {}), *evaluation["baseline"].values()]
        before = next((values[metric] for values in modes if metric in values), None)
        bits = next((values[BITS] for values in modes if BITS in values), None)
        for arm, entry in evaluation["arms"].items():
            after, versus = entry["metrics"].get(metric), entry.get("versus_baseline")
            if arm in arms and after and before is not None:
                found.append(
                    {
                        "evaluation": name,
                        "metric": metric,
                        "arm": arm,
                        "before": before,
                        "after": {key: after[key] for key in ("mean", "low", "high")},
                        "change": verdict(versus),
                        "bits": _bits(bits, entry["metrics"].get(BITS)),
                    }
                )
    return found


def general_sentences(results: Mapping[str, Any]) -> list[str]:
    """Say what training did to general ability, before and after, where no recommendation says it."""
    if "recommendation" in results:
        return []
    arms_of_run = results.get("arms", {})
    controls = {arm["control"] for arm in arms_of_run.values()}
    found = forgetting(results, (results.get("primary") or [""])[0], set(arms_of_run) - controls)
    said = []
    for name in dict.fromkeys(entry["evaluation"] for entry in found):
        arms = [entry for entry in found if entry["evaluation"] == name]
        after = [
            f"{100 * entry['after']['mean']:.1f} % after {entry['arm']} ({entry['change']['verdict']})"
            for entry in arms
        ]
        said.append(f"General ability ({name}): {100 * arms[0]['before']:.1f} % before training, {', '.join(after)}.")
    return said


def reverse(ends: Mapping[str, Any], metric: str) -> JSONDict | None:
    """Return how an arm with these metrics answers questions asked in reverse; `below`: beyond the intervals."""
    found = ends.get(REVERSE)
    if found is None:
        return None
    return {**{key: found[key] for key in ("mean", "low", "high")}, "below": above(ends[metric], found)}


def _bits(before: float | None, after: Mapping[str, Any] | None) -> JSONDict | None:
    return None if before is None or after is None else {"before": before, "after": after["mean"]}


def categories(ends: Mapping[str, Mapping[str, Any]], chosen: str) -> list[JSONDict]:
    """Return the categories in which another arm than the chosen one is highest; `clear`: beyond the intervals.

    Args:
        ends: arm -> its metrics at the end of training.
        chosen: one of the arms.
    """
    names = [name for name in ends[chosen] if name.startswith(CATEGORY)]
    among = max(len(names) * (len(ends) - 1), 1)
    found = []
    for name in names:
        known = {arm: metrics[name] for arm, metrics in ends.items() if name in metrics}
        best = max(known, key=lambda arm: known[arm]["mean"])
        if known[best]["mean"] > known[chosen]["mean"]:
            found.append(
                {
                    "category": name.removeprefix(CATEGORY),
                    "arm": best,
                    "accuracy": known[best]["mean"],
                    "chosen_accuracy": known[chosen]["mean"],
                    "clear": above(known[best], known[chosen], among),
                }
            )
    return found
