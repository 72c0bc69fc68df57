"""The numbers of results.json as the page shows them: a comparison chart and a table per evaluation.

Reads the documented keys and, where a run has it, `p_holm`. Computes no statistic: what stands on the page
is what the evaluation found.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from homespun.report.charts import axis_over
from homespun.report.data import ReportData
from homespun.report.format import change_of, is_share, metric_name, p_value, value_of

BASELINES = {"free": "untrained, free answer", "constrained": "untrained, best label"}
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
    """One dot with its interval and a tick per seed."""

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
class TableRow:
    """One line of the table of numbers."""

    name: str
    kind: str
    rows: str
    values: tuple[tuple[str, str], ...]  #: per metric: mean, interval
    seeds: tuple[str, ...]  #: per metric: one value per seed
    against: tuple[tuple[str, str, str, str] | None, ...]  #: control, reference: change, interval, p, verdict


@dataclass(frozen=True, slots=True)
class Table:
    """All numbers of one evaluation."""

    evaluation: str
    items: int
    metrics: tuple[str, ...]
    rows: tuple[TableRow, ...]
    holm: bool


@dataclass(frozen=True, slots=True)
class ResultsView:
    """The charts and the tables, the primary evaluation first."""

    charts: tuple[Chart, ...]
    tables: tuple[Table, ...]


def arms_of(data: ReportData) -> dict[str, dict[str, Any]]:
    """Return arm -> kept, control, reference, from results.json and, for what it lacks, from the run."""
    known = {
        arm.name: {"kept": arm.chosen, "control": arm.control, "reference": arm.reference} for arm in data.arms
    }
    for name, entry in (data.results or {}).get("arms", {}).items():
        known[name] = known.get(name, {}) | dict(entry)
    for entry in list(known.values()):
        control = entry.get("control")
        if control:
            known.setdefault(control, {"kept": entry.get("kept")})
    return known


def _in_order(names: Sequence[str], arms: Mapping[str, Mapping[str, Any]]) -> list[tuple[str, str]]:
    """Return (name, kind) with every control right after its arm."""
    controls = {entry["control"]: name for name, entry in arms.items() if entry.get("control")}
    ordered: list[tuple[str, str]] = []
    for name in names:
        if name in controls and controls[name] in names:
            continue
        control = arms.get(name, {}).get("control")
        ordered.append((name, "arm" if control else "plain"))
        if control in names:
            ordered.append((control, "control"))
    return ordered


def _interval(metric: str, entry: Mapping[str, Any]) -> str:
    return f"{value_of(metric, entry.get('low'))} to {value_of(metric, entry.get('high'))}"


def comparisons(entry: Mapping[str, Any]) -> list[tuple[str, Mapping[str, Any]]]:
    """Return the comparisons that an arm has, with its control first."""
    pairs = ((key, entry.get(key)) for key in ("versus_control", "versus_reference"))
    return [(key, versus) for key, versus in pairs if versus]


def _chart(
    name: str, evaluation: Mapping[str, Any], metric: str, arms: Mapping[str, Mapping[str, Any]]
) -> Chart:
    entries = {arm: e["metrics"][metric] for arm, e in evaluation["arms"].items() if metric in e["metrics"]}
    ends = [end for e in entries.values() for end in (e["low"], e["high"], *e.get("seeds", ()))]
    baseline = {mode: found[metric] for mode, found in evaluation.get("baseline", {}).items() if metric in found}
    span = max(ends) - min(ends) or 0.1
    near = [value for value in baseline.values() if min(ends) - value <= FAR * span]
    axis = axis_over([*ends, *near])
    scale = 100 if is_share(metric) else 1
    decimals = max(0, axis.decimals - 2) if is_share(metric) else axis.decimals
    unit = " %" if is_share(metric) else ""
    rows = []
    for arm, kind in _in_order(list(entries), arms):
        entry = entries[arm]
        seeds = tuple(entry.get("seeds", ()))
        rows.append(
            ChartRow(
                name=arm,
                kind=kind,
                value=value_of(metric, entry["mean"]),
                interval=_interval(metric, entry),
                low=axis.at(entry["low"]),
                middle=axis.at(entry["mean"]),
                high=axis.at(entry["high"]),
                seeds=tuple(axis.at(seed) for seed in seeds),
                seed_values=", ".join(value_of(metric, seed) for seed in seeds),
            )
        )
    lines = tuple(
        Line(axis.at(value), BASELINES.get(mode, mode), value_of(metric, value), f"base{index % 2}", value < axis.low)
        for index, (mode, value) in enumerate(baseline.items())
    )
    ticks = tuple((axis.at(tick), f"{tick * scale:.{decimals}f}{unit}") for tick in axis.ticks)
    return Chart(name, metric_name(metric), evaluation["items"], tuple(rows), lines, ticks)


def _table(name: str, evaluation: Mapping[str, Any], arms: Mapping[str, Mapping[str, Any]]) -> Table:
    entries = evaluation["arms"]
    metrics = list(dict.fromkeys(metric for entry in entries.values() for metric in entry["metrics"]))
    metrics += [m for found in evaluation.get("baseline", {}).values() for m in found if m not in metrics]
    rows = [
        TableRow(
            BASELINES.get(mode, mode),
            "baseline",
            "0",
            tuple((value_of(metric, found.get(metric)), "") for metric in metrics),
            tuple("" for _ in metrics),
            (None, None),
        )
        for mode, found in evaluation.get("baseline", {}).items()
    ]
    for arm, kind in _in_order(list(entries), arms):
        entry, kept = entries[arm], arms.get(arm, {}).get("kept")
        found = [entry["metrics"].get(metric, {}) for metric in metrics]
        compared = dict(comparisons(entry))
        rows.append(
            TableRow(
                name=arm,
                kind=kind,
                rows=f"{kept:,}" if kept is not None else "",
                values=tuple(
                    (value_of(metric, e.get("mean")), _interval(metric, e) if e else "")
                    for metric, e in zip(metrics, found, strict=True)
                ),
                seeds=tuple(
                    ", ".join(value_of(metric, seed) for seed in e.get("seeds", ()))
                    for metric, e in zip(metrics, found, strict=True)
                ),
                against=tuple(_cells(compared.get(key)) for key in ("versus_control", "versus_reference")),
            )
        )
    holm = any(v.get("p_holm") is not None for e in entries.values() for _, v in comparisons(e))
    return Table(name, evaluation["items"], tuple(metric_name(m) for m in metrics), tuple(rows), holm)


def _cells(versus: Mapping[str, Any] | None) -> tuple[str, str, str, str] | None:
    if versus is None:
        return None
    metric, p = versus["metric"], versus.get("p_holm")
    interval = f"{change_of(metric, versus['low'])} to {change_of(metric, versus['high'])}"
    p = versus["p"] if p is None else p
    return change_of(metric, versus["difference"]), interval, p_value(p), versus["verdict"]


def evaluations_of(data: ReportData) -> dict[str, Mapping[str, Any]]:
    """Return the evaluations that have results, the primary one first."""
    if data.results is None:
        return {}
    primary = data.results["primary"][0]
    found = {name: e for name, e in data.results.get("evaluations", {}).items() if e["arms"] or e["baseline"]}
    return dict(sorted(found.items(), key=lambda item: item[0] != primary))


def view_results(data: ReportData) -> ResultsView | None:
    """Arrange the numbers for the page; None while nothing is evaluated."""
    evaluations = evaluations_of(data)
    if data.results is None or not evaluations:
        return None
    arms = arms_of(data)
    metric = data.results["primary"][1]
    charts = []
    for name, evaluation in evaluations.items():
        known = [m for entry in evaluation["arms"].values() for m in entry["metrics"]]
        if known:
            charts.append(_chart(name, evaluation, metric if metric in known else known[0], arms))
    return ResultsView(
        charts=tuple(charts),
        tables=tuple(_table(name, evaluation, arms) for name, evaluation in evaluations.items()),
    )
