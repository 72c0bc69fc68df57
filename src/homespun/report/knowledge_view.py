"""A run on documents as the page shows it: the recommendation, the figures, what each arm needed, what it forgot.

Drawn from results.json: its curves, and its recommendation, which says what each arm was written with and what it
needed to reach the thresholds. Computes no statistic.
"""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from homespun.report.charts import Axis, axis_of_shares
from homespun.report.curves_view import Curves, Figure, accuracy_figures, loss_figures, variants_figures
from homespun.report.data import ReportData
from homespun.report.data_view import Tint
from homespun.report.format import (
    MISSING,
    amount,
    change_interval,
    change_of,
    interval_of,
    metric_name,
    percent,
    value_of,
)
from homespun.report.results_view import arms_of, evaluations_of


@dataclass(frozen=True, slots=True)
class Need:
    """What one arm needed to reach the threshold, in exposures or tokens."""

    text: str
    width: float
    low: float
    high: float
    saving: str


@dataclass(frozen=True, slots=True)
class ReachView:
    """What every arm needed to reach the threshold, and a table for all of them."""

    threshold: str
    base: str
    rows: tuple[tuple[str, tuple[Need, ...]], ...]  #: arm; exposures, tokens
    heads: tuple[str, ...]
    table: tuple[tuple[str, tuple[tuple[str, str], ...]], ...]  #: arm; per threshold what it needs, and the saving


@dataclass(frozen=True, slots=True)
class ShadeTable:
    """Numbers of arms with a shade for their size."""

    caption: str
    corner: str
    heads: tuple[str, ...]
    rows: tuple[tuple[str, tuple[Tint, ...]], ...]
    intervals: tuple[tuple[str, tuple[tuple[str, str], ...]], ...]


@dataclass(frozen=True, slots=True)
class BeforeAfter:
    """One arm on a general evaluation, before and after training."""

    arm: str
    before: float
    low: float
    middle: float
    high: float
    after: str
    change: str
    interval: str
    verdict: str
    bits: str


@dataclass(frozen=True, slots=True)
class GeneralView:
    """One general evaluation, before and after."""

    evaluation: str
    metric: str
    before: str
    ticks: tuple[tuple[float, str], ...]
    arms: tuple[BeforeAfter, ...]


@dataclass(frozen=True, slots=True)
class KnowledgeView:
    """Everything that curves.html draws."""

    recommendation: tuple[str, ...]
    metric: str
    evaluation: str
    items: int
    seeds: int
    figures: tuple[Figure, ...]
    reach: ReachView | None
    variants: tuple[Figure, ...]
    losses: tuple[Figure, ...]
    kinds: tuple[ShadeTable, ...]
    forgetting: tuple[GeneralView, ...]


def view_knowledge(data: ReportData) -> KnowledgeView | None:
    """Arrange the figures; None where no evaluation has curves."""
    advice = (data.results or {}).get("recommendation") or {}
    evaluations, arms = evaluations_of(data), arms_of(data)
    named = [advice["evaluation"]] if advice.get("evaluation") in evaluations else list(evaluations)
    name = next((n for n in named if any(e.get("curve") for e in evaluations[n]["arms"].values())), None)
    if name is None:
        return None
    evaluation = evaluations[name]
    found = {arm: entry["curve"] for arm, entry in evaluation["arms"].items() if entry.get("curve")}
    controls = {arm: entry["control"] for arm, entry in arms.items() if entry.get("control") in found}
    run = Curves(
        metric=evaluation.get("metric", "accuracy"),
        curves={arm: curve for arm, curve in found.items() if arm not in controls.values()},
        controls={arm: control for arm, control in controls.items() if arm in found},
        behind={control: found[control] for control in controls.values()},
        about=advice.get("arms", {}),
        advice=advice,
    )
    ends = next(iter(found.values()))[-1]["metrics"]
    return KnowledgeView(
        recommendation=tuple(advice.get("sentences", ())),
        metric=metric_name(run.metric),
        evaluation=name,
        items=evaluation["items"],
        seeds=len(ends[run.metric]["seeds"]) if run.metric in ends else 0,
        figures=accuracy_figures(run),
        reach=_reach(run),
        variants=variants_figures(run),
        losses=loss_figures(run),
        kinds=_kinds(run),
        forgetting=_forgetting(advice),
    )


# exposures and tokens needed


def _reach(run: Curves) -> ReachView | None:
    table, threshold = run.advice.get("reach") or {}, run.advice.get("threshold")
    if not table:
        return None
    arms = [arm for arm in run.curves if arm in next(iter(table.values()))]
    most = {by: max(p[by] for arm in arms for p in run.curves[arm]) for by in ("exposures", "tokens")}
    base = run.advice.get("base")

    def saved(value: float | None) -> str:
        if value is None:
            return ""
        return f"{percent(abs(value), 1)} {'fewer' if value >= 0 else 'more'}"

    def need(row: Mapping[str, Any], by: str) -> Need:
        at, low, high = row[by], row[f"{by}_low"], row[f"{by}_high"]
        if at is None:
            return Need("not reached", 0, 0, 0, "")
        ends = [round(100 * min(1.0, end / most[by]), 2) for end in (at, at if low is None else low)]
        last = 100.0 if high is None else round(100 * min(1.0, high / most[by]), 2)
        return Need(amount(at), ends[0], ends[1], last, saved(row[f"{by}_saving"]))

    def cells(arm: str) -> tuple[tuple[str, str], ...]:
        found = []
        for rows in table.values():
            for by in ("exposures", "tokens"):
                row = rows[arm]
                found.append((amount(row[by]), saved(row[f"{by}_saving"])))
        return tuple(found)

    rows: Mapping[str, Any] = table.get(f"{threshold:g}", {}) if threshold is not None else {}
    return ReachView(
        threshold=percent(threshold, 1) if threshold is not None else "",
        base=base or "",
        rows=tuple(
            (arm, tuple(need(rows[arm], by) for by in ("exposures", "tokens")))
            for arm in sorted(rows, key=lambda arm: rows[arm]["exposures"] or math.inf)
        ),
        heads=tuple(f"{by} to {percent(float(key), 1)}" for key in table for by in ("exposures", "tokens")),
        table=tuple((arm, cells(arm)) for arm in arms),
    )


# categories, kinds of question, forgetting


def _kinds(run: Curves) -> tuple[ShadeTable, ...]:
    ends = {arm: curve[-1]["metrics"] for arm, curve in run.curves.items()}
    names = list(dict.fromkeys(name for metrics in ends.values() for name in metrics))
    tables: dict[str, list[str]] = {}
    for name in names:
        group = name.partition(":")[0] if ":" in name else ""
        if name != run.metric:
            tables.setdefault(group, []).append(name)
    kinds = sorted(tables.pop("", []), key=lambda name: list(HEADS).index(name) if name in HEADS else -1)
    captions = {f"By {group}, at the end of training": metrics for group, metrics in tables.items()}
    if kinds:
        captions["By kind of question and of answer, at the end of training"] = kinds
    return tuple(_shades(caption, [run.metric, *metrics], ends, run.metric) for caption, metrics in captions.items())


def _shades(caption: str, metrics: Sequence[str], ends: Mapping[str, Mapping[str, Any]], primary: str) -> ShadeTable:
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

    return ShadeTable(
        caption=caption,
        corner="arm",
        heads=tuple(whole if m == primary else HEADS.get(m, metric_name(m.partition(":")[2] or m)) for m in metrics),
        rows=tuple((arm, tuple(tint(found.get(m), m) for m in metrics)) for arm, found in ends.items()),
        intervals=tuple((arm, tuple(interval(found.get(m), m) for m in metrics)) for arm, found in ends.items()),
    )


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


def _forgetting(advice: Mapping[str, Any]) -> tuple[GeneralView, ...]:
    groups: dict[tuple[str, str], list[Mapping[str, Any]]] = {}
    for entry in advice.get("forgetting", ()):
        groups.setdefault((entry["evaluation"], entry["metric"]), []).append(entry)
    found = []
    for (name, metric), entries in groups.items():
        values = [v for e in entries for v in (e["before"], *(e["after"][key] or e["before"] for key in e["after"]))]
        axis = axis_of_shares(values)
        found.append(
            GeneralView(
                evaluation=name,
                metric=metric_name(metric),
                before=value_of(metric, entries[0]["before"]),
                ticks=tuple((axis.at(tick), percent(tick, 1)) for tick in axis.ticks),
                arms=tuple(_before_after(entry, metric, axis) for entry in entries),
            )
        )
    return tuple(found)


def _before_after(entry: Mapping[str, Any], metric: str, axis: Axis) -> BeforeAfter:
    after, change = entry["after"], entry["change"] or {}
    ends = [after["mean"] if after[key] is None else after[key] for key in ("low", "high")]
    return BeforeAfter(
        arm=entry["arm"],
        before=axis.at(entry["before"]),
        low=axis.at(ends[0]),
        middle=axis.at(after["mean"]),
        high=axis.at(ends[1]),
        after=value_of(metric, after["mean"]),
        change=change_of(metric, change.get("difference", after["mean"] - entry["before"])),
        interval=change_interval(metric, change),
        verdict=change.get("verdict", ""),
        bits=f"{bits['before']:.2f} → {bits['after']:.2f}" if (bits := entry.get("bits")) else "",
    )
