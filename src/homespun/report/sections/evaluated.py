"""The numbers of results.json: a comparison chart and a table per evaluation.

Reads the documented keys and, where a run has it, `p_holm`. Computes no statistic: what stands on the page
is what the evaluation found.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from homespun.report.charts import Axis, axis_over
from homespun.report.format import change_interval, change_of, interval_of, is_share, metric_name, p_value, value_of
from homespun.report.page import Section
from homespun.run.readback import RunData

BASELINES = {
    "free": "untrained, free answer",
    "constrained": "untrained, constrained",
    "calibrated": "untrained, bias off",
    "few_shot": "untrained, few-shot",
    "few_shot_calibrated": "untrained, few-shot, bias off",
}
COMPARED = {"versus_control": "vs random control", "versus_reference": "vs all rows", "versus_baseline": "vs untrained"}
#: A baseline further below the arms than this many times their own range stands at the chart's edge.
FAR = 1.5


@dataclass(frozen=True, slots=True)
class Line:
    """A baseline in the chart; `edge` says that it lies off the left of the plot."""

    at: float
    name: str
    value: str
    style: str
    edge: bool


@dataclass(frozen=True, slots=True)
class ChartRow:
    """One dot with its interval and a tick per seed; positions in percent of the plot."""

    name: str
    kind: str  #: arm | control | plain
    value: str
    interval: str
    low: float
    middle: float
    high: float
    seeds: tuple[float, ...]
    seed_values: str


@dataclass(frozen=True, slots=True)
class Chart:
    """Every arm of one evaluation in one metric."""

    evaluation: str
    metric: str
    items: int
    rows: tuple[ChartRow, ...]
    lines: tuple[Line, ...]
    ticks: tuple[tuple[float, str], ...]


@dataclass(frozen=True, slots=True)
class Compared:
    """One comparison as a table cell."""

    change: str
    interval: str
    p: str
    verdict: str


@dataclass(frozen=True, slots=True)
class TableRow:
    """One line of the table of verdicts in numbers."""

    name: str
    kind: str  #: baseline | arm | control | plain
    rows: str
    primary: tuple[str, str]  #: the primary metric: mean, interval
    compared: tuple[Compared | None, ...]


@dataclass(frozen=True, slots=True)
class Table:
    """All numbers of one evaluation."""

    evaluation: str
    items: int
    metrics: list[str]
    comparisons: list[str]  #: headings, in the order of `TableRow.compared`
    rows: Sequence[TableRow]
    others: Sequence[tuple[str, Sequence[tuple[str, str]], str]]  #: the other metrics: name, mean and interval, kind
    seeds: Sequence[tuple[str, Sequence[str], str]]  #: of arms: name, per metric one value per seed, kind
    holm: bool
    calibrated: bool  #: some answers have a model's bias taken off


def _in_order(names: Sequence[str], arms: Mapping[str, Any]) -> list[tuple[str, str]]:
    """Return (name, kind) with every control right after its arm."""
    controls = {entry["control"]: name for name, entry in arms.items() if entry.get("control")}
    ordered: list[tuple[str, str]] = []
    for name in names:
        if name in controls and controls[name] in names:
            continue
        control = arms.get(name, {}).get("control")
        ordered.append((name, "arm" if control else "plain"))
        if control is not None and control in names:
            ordered.append((control, "control"))
    return ordered


def baseline_name(mode: str) -> str:
    """Return a mode of the untrained student in words."""
    return BASELINES.get(mode, f"untrained, {mode}")


def _row(name: str, kind: str, metric: str, entry: Mapping[str, Any], axis: Axis) -> ChartRow:
    seeds, low, high = tuple(entry.get("seeds", ())), entry["low"], entry["high"]
    return ChartRow(
        name=name,
        kind=kind,
        value=value_of(metric, entry["mean"]),
        interval=interval_of(metric, low, high),
        low=axis.at(entry["mean"] if low is None else low),
        middle=axis.at(entry["mean"]),
        high=axis.at(entry["mean"] if high is None else high),
        seeds=tuple(axis.at(seed) for seed in seeds),
        seed_values=", ".join(value_of(metric, seed) for seed in seeds),
    )


def _chart(name: str, evaluation: Mapping[str, Any], metric: str, arms: Mapping[str, Any]) -> Chart:
    entries = {arm: e["metrics"][metric] for arm, e in evaluation["arms"].items() if metric in e["metrics"]}
    ends = [end for e in entries.values() for end in (e["mean"], e["low"], e["high"], *e.get("seeds", ()))]
    ends = [end for end in ends if end is not None]
    baseline = {mode: found[metric] for mode, found in evaluation["baseline"].items() if metric in found}
    span = max(ends) - min(ends) or 0.1
    axis = axis_over([*ends, *(value for value in baseline.values() if min(ends) - value <= FAR * span)])
    scale, unit = (100, " %") if is_share(metric) else (1, "")
    decimals = max(0, axis.decimals - 2) if is_share(metric) else axis.decimals
    return Chart(
        evaluation=name,
        metric=metric_name(metric),
        items=evaluation["items"],
        rows=tuple(_row(arm, kind, metric, entries[arm], axis) for arm, kind in _in_order(list(entries), arms)),
        lines=tuple(
            Line(axis.at(value), baseline_name(mode), value_of(metric, value), f"base{index % 2}", value < axis.low)
            for index, (mode, value) in enumerate(baseline.items())
        ),
        ticks=tuple((axis.at(tick), f"{tick * scale:.{decimals}f}{unit}") for tick in axis.ticks),
    )


def _columns(evaluation: Mapping[str, Any], primary: str) -> list[str]:
    """Return the metrics in the order of the table, the primary one first.

    What only the untrained student's other mode has (`unparsed`) gets no column of its own where the arms have
    the same metric of that mode (`free_unparsed`).
    """
    found = dict.fromkeys(metric for entry in evaluation["arms"].values() for metric in entry["metrics"])
    if any(entry.get("curve") for entry in evaluation["arms"].values()):  # groups have a section of their own
        found = {metric: None for metric in found if ":" not in metric}
    for mode, values in evaluation["baseline"].items():
        found |= dict.fromkeys(metric for metric in values if f"{mode}_{metric}" not in found)
    return sorted(found, key=lambda metric: metric != primary)


def _table(name: str, evaluation: Mapping[str, Any], primary: str, arms: Mapping[str, Any]) -> Table:
    entries = evaluation["arms"]
    metrics = _columns(evaluation, primary)
    versus = [key for key in COMPARED if any(entry.get(key) for entry in entries.values())]

    rows, others, seeds = [], [], []
    for mode, baseline in evaluation["baseline"].items():
        found = [(value_of(metric, baseline.get(metric.removeprefix(f"{mode}_"))), "") for metric in metrics]
        others.append((baseline_name(mode), found[1:], "baseline"))
        rows.append(TableRow(baseline_name(mode), "baseline", "", found[0], (None,) * len(versus)))
    for arm, kind in _in_order(list(entries), arms):
        entry, kept = entries[arm], arms.get(arm, {}).get("kept")
        known = [(metric, entry["metrics"].get(metric, {})) for metric in metrics]
        found = [(value_of(m, e.get("mean")), interval_of(m, e.get("low"), e.get("high"))) for m, e in known]
        others.append((arm, found[1:], kind))
        seeds.append((arm, [", ".join(value_of(m, seed) for seed in e.get("seeds", ())) for m, e in known], kind))
        compared = tuple(_compared(entry.get(key)) for key in versus)
        rows.append(TableRow(arm, kind, f"{kept:,}" if kept is not None else "", found[0], compared))
    return Table(
        evaluation=name,
        items=evaluation["items"],
        metrics=[metric_name(metric) for metric in metrics],
        comparisons=[COMPARED[key] for key in versus],
        rows=rows,
        others=others,
        seeds=seeds,
        holm=any((entry.get(key) or {}).get("p_holm") is not None for entry in entries.values() for key in versus),
        calibrated="calibrated" in evaluation["baseline"],
    )


def _compared(versus: Mapping[str, Any] | None) -> Compared | None:
    if versus is None:
        return None
    metric, p = versus["metric"], versus.get("p_holm")
    return Compared(
        change=change_of(metric, versus["difference"]),
        interval=change_interval(metric, versus),
        p="–" if p is None else p_value(p),
        verdict=versus["verdict"],
    )


def view_comparison(run: RunData) -> Mapping[str, Any] | str:
    """Return the charts, that of the primary evaluation first."""
    advice = run.results.get("recommendation") or {}
    elsewhere = {entry["evaluation"] for entry in advice.get("forgetting", ())}  # drawn as before and after
    charts = []
    for name, evaluation in run.evaluations.items():
        known = [m for entry in evaluation["arms"].values() for m in entry["metrics"]]
        if known and name not in elsewhere:
            metric = run.primary[1] if run.primary[1] in known else known[0]
            charts.append(_chart(name, evaluation, metric, run.arms))
    return {"charts": charts} if charts else "No comparison: nothing has been evaluated."


def view_numbers(run: RunData) -> Mapping[str, Any] | str:
    """Return the tables, that of the primary evaluation first."""
    tables = [_table(name, evaluation, run.primary[1], run.arms) for name, evaluation in run.evaluations.items()]
    return {"tables": tables} if tables else "No numbers: nothing has been evaluated."


COMPARISON = Section("Comparison", "comparison.html", view_comparison)
NUMBERS = Section("Numbers", "numbers.html", view_numbers)
