"""Accuracy at the end of training by category of question, by kind of question, and kinds of answers."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from homespun.report.format import MISSING, interval_of, metric_name, value_of
from homespun.report.page import Section
from homespun.report.parts import Tint
from homespun.report.sections.curves import curves_of
from homespun.run.readback import RunData

HEADS = {
    "accuracy_forward": "asked forward",
    "accuracy_reverse": "asked in reverse",
    "contained": "holds the value",
    "judged": "accepted by the judge",
    "unclear": "holds another value too",
    "unparsed": "no verdict of the judge",
    "elsewhere": "answer of another document",
}
UNWANTED = {"unclear", "unparsed", "elsewhere"}  #: shares that are better low


def view(run: RunData) -> Mapping[str, Any] | None:
    """Return the metrics at the end of training by group of questions, and by kind of question and answer."""
    curves = curves_of(run)
    if curves is None:
        return None
    ends = {arm: curve[-1]["metrics"] for arm, curve in curves.curves.items()}
    names = list(dict.fromkeys(name for metrics in ends.values() for name in metrics))
    tables: dict[str, list[str]] = {}
    for name in names:
        group = name.partition(":")[0] if ":" in name else ""
        if name != curves.metric:
            tables.setdefault(group, []).append(name)
    kinds = sorted(tables.pop("", []), key=lambda name: list(HEADS).index(name) if name in HEADS else -1)
    captions = {f"By {group}, at the end of training": metrics for group, metrics in tables.items()}
    if kinds:
        captions["By kind of question and of answer, at the end of training"] = kinds
    shades = [_shades(caption, [curves.metric, *found], ends, curves.metric) for caption, found in captions.items()]
    return {"tables": shades} if shades else None


def _shades(
    caption: str, metrics: Sequence[str], ends: Mapping[str, Mapping[str, Any]], primary: str
) -> Mapping[str, Any]:
    means = [found[metric]["mean"] for found in ends.values() for metric in metrics if metric in found]
    forward = any("accuracy_reverse" in found and "accuracy_forward" not in found for found in ends.values())
    whole = "asked forward" if forward else "all questions"  # the primary metric leaves reversed questions out
    low, span = min(means), max(means) - min(means) or 1.0

    def tint(found: Mapping[str, Any] | None, metric: str) -> Tint:
        if found is None:
            return Tint(MISSING, 0.0)
        return Tint(value_of(metric, found["mean"]), round((found["mean"] - low) / span, 2), metric in UNWANTED)

    def interval(found: Mapping[str, Any] | None, metric: str) -> tuple[str, str]:
        if found is None:
            return MISSING, ""
        return value_of(metric, found["mean"]), interval_of(metric, found["low"], found["high"])

    heads = [whole if m == primary else HEADS.get(m, metric_name(m.partition(":")[2] or m)) for m in metrics]
    return {
        "caption": caption,
        "heads": heads,
        "rows": [(arm, [tint(found.get(m), m) for m in metrics]) for arm, found in ends.items()],
        "intervals": [(arm, [interval(found.get(m), m) for m in metrics]) for arm, found in ends.items()],
    }


KINDS = Section("By category and kind of question", "kinds.html", view, "curves.css")
