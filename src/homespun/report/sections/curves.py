"""What the student knows, and its training loss, against exposures and against training tokens.

Drawn from results.json: its curves, without which these sections are not there, and its recommendation, which says
what each arm was written with. Forms differ in length, so tokens stand beside exposures in every figure. At most six
lines share a plot; more arms are drawn by strategy. Controls lie behind in grey. Computes no statistic.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from homespun.report.charts import Axis, axis_from_zero, axis_of_shares, path
from homespun.report.format import MISSING, amount, interval_of, metric_name, percent, plain, value_of
from homespun.report.page import Section
from homespun.run.readback import RunData

LINES = 6  #: lines that can be told apart in one plot; the page has as many styles
MARKS_PER_LINE = 9
TABLE_ROWS = 24
Value = tuple[float, float, float]  #: middle, low, high
Curve = Sequence[Mapping[str, Any]]


@dataclass(frozen=True, slots=True)
class Line:
    """One arm in a plot: its line, its band, its marks; positions in percent, from the upper left."""

    name: str
    style: str  #: s0 to s5, or `control`
    points: str
    band: str
    marks: tuple[tuple[float, float], ...]


@dataclass(frozen=True, slots=True)
class Plot:
    """Lines over one horizontal axis."""

    across: str  #: what the axis counts
    lines: tuple[Line, ...]
    x_ticks: tuple[tuple[float, str], ...]
    y_ticks: tuple[tuple[float, str], ...]
    limits: tuple[tuple[float, str], ...]
    label: str


@dataclass(frozen=True, slots=True)
class Figure:
    """The same arms over exposures and over tokens, with a legend and a table of the numbers."""

    title: str
    legend: tuple[tuple[str, str, str], ...]  #: style, name, value at the end
    plots: tuple[Plot, ...]
    heads: tuple[str, ...]
    rows: Sequence[tuple[str, Sequence[tuple[str, str]]]]  #: per checkpoint: value and interval per arm
    left_out: int = 0  #: checkpoints that the table leaves out


@dataclass(frozen=True, slots=True)
class Curves:
    """The curves of one evaluation, with what the recommendation says about its arms."""

    evaluation: str
    items: int
    seeds: int
    metric: str
    curves: Mapping[str, Curve]  #: without controls
    controls: Mapping[str, str]  #: arm -> its control, where that has a curve
    behind: Mapping[str, Curve]  #: curves of the controls
    about: Mapping[str, Mapping[str, Any]]
    advice: Mapping[str, Any]

    def strategy(self, arm: str) -> str:
        """Return what an arm's variants are written with; without a recommendation, its name."""
        return str(self.about.get(arm, {}).get("strategy", arm))


def curves_of(run: RunData) -> Curves | None:
    """Return the curves of the evaluation that the recommendation is about, else of the first that has some."""
    advice, evaluations = run.results.get("recommendation") or {}, run.evaluations
    named = [advice["evaluation"]] if advice.get("evaluation") in evaluations else list(evaluations)
    name = next((n for n in named if any(e.get("curve") for e in evaluations[n]["arms"].values())), None)
    if name is None:
        return None
    evaluation = evaluations[name]
    metric = evaluation.get("metric", "accuracy")
    found = {arm: entry["curve"] for arm, entry in evaluation["arms"].items() if entry.get("curve")}
    controls = {arm: entry["control"] for arm, entry in run.arms.items() if entry["control"] in found}
    return Curves(
        evaluation=name,
        items=evaluation["items"],
        seeds=len(next(iter(found.values()))[-1]["metrics"].get(metric, {}).get("seeds", ())),
        metric=metric,
        curves={arm: curve for arm, curve in found.items() if arm not in controls.values()},
        controls={arm: control for arm, control in controls.items() if arm in found},
        behind={control: found[control] for control in controls.values()},
        about=advice.get("arms", {}),
        advice=advice,
    )


# which arms share a plot


def _groups(run: Curves, arms: Sequence[str]) -> list[tuple[str, dict[str, str]]]:
    """Return (title, arm -> style): all arms where six lines hold them, else one per strategy, then each strategy."""
    if len(arms) <= LINES:
        return [("", {arm: f"s{index}" for index, arm in enumerate(arms)})]
    mains = [entry["arm"] for entry in run.advice.get("strategies", ()) if entry["arm"] in arms]
    by_strategy: dict[str, list[str]] = {}
    for arm in arms:
        by_strategy.setdefault(run.strategy(arm), []).append(arm)
    if not mains:
        mains = [members[0] for members in by_strategy.values()]
    own = {arm: index % LINES for index, arm in enumerate(mains)}
    found = [
        ("One arm of each strategy", {arm: f"s{own[arm]}" for arm in mains[at : at + LINES]})
        for at in range(0, len(mains), LINES)
    ]
    for strategy, members in by_strategy.items():
        if len(members) < 2:
            continue
        members = sorted(members, key=lambda arm: arm not in own)
        for at in range(0, len(members), LINES):
            first = own.get(members[0], 0) if at == 0 else 0
            part = members[at : at + LINES]
            found.append((strategy, {arm: f"s{(first + place) % LINES}" for place, arm in enumerate(part)}))
    return found


# curves


Read = Callable[[Mapping[str, Any]], "Value | None"]


def accuracy_figures(run: Curves) -> tuple[Figure, ...]:
    """Return the primary metric against exposures and tokens, with the threshold of the recommendation."""

    def read(point: Mapping[str, Any]) -> Value | None:
        found = point["metrics"].get(run.metric)
        return (found["mean"], found["low"], found["high"]) if found else None

    ends = [end for curve in (*run.curves.values(), *run.behind.values()) for p in curve for end in read(p) or ()]
    threshold = run.advice.get("threshold")
    limits = () if threshold is None else ((threshold, percent(threshold, 1)),)
    axis = axis_of_shares([*ends, *(limit for limit, _ in limits)])
    y_ticks = tuple((100 - axis.at(tick), percent(tick, 1)) for tick in axis.ticks)
    drawn = tuple((100 - axis.at(limit), text) for limit, text in limits)
    return _figures(run, read, axis, y_ticks, drawn, lambda value: value_of(run.metric, value), metric_name(run.metric))


def loss_figures(run: Curves) -> tuple[Figure, ...]:
    """Return training loss against exposures and tokens; nothing where no loss was kept."""

    def read(point: Mapping[str, Any]) -> Value | None:
        loss = point.get("loss")
        return None if loss is None else (loss, loss, loss)

    values = [found[0] for curve in (*run.curves.values(), *run.behind.values()) for p in curve if (found := read(p))]
    if not values:
        return ()
    axis = axis_from_zero(1.03 * max(values))
    y_ticks = tuple((100 - axis.at(tick), plain(tick)) for tick in axis.ticks)
    return _figures(run, read, axis, y_ticks, (), plain, "Training loss")


def _figures(
    run: Curves,
    read: Read,
    axis: Axis,
    y_ticks: tuple[tuple[float, str], ...],
    limits: tuple[tuple[float, str], ...],
    say: Callable[[float], str],
    name: str,
) -> tuple[Figure, ...]:
    everything = (*run.curves.values(), *run.behind.values())
    x_axes = {by: axis_from_zero(max(p[by] for curve in everything for p in curve)) for by in ("exposures", "tokens")}
    found = []
    for title, styles in _groups(run, list(run.curves)):
        ends = {arm: value for arm in styles if (value := _last(run.curves[arm], read)) is not None}
        order = sorted(ends, key=lambda arm: -ends[arm][0])
        behind = [run.controls[arm] for arm in styles if arm in run.controls]
        legend = [(styles[arm], arm, say(ends[arm][0])) for arm in order]
        legend += [("limit", f"{text} {name.lower()}", "") for _, text in limits]
        if behind:
            legend.append(("control", "random control" if len(behind) == 1 else "random controls", ""))
        said = "; ".join(f"{arm} ends at {say(ends[arm][0])}" for arm in order)
        plots = tuple(
            Plot(
                across="training tokens" if by == "tokens" else by,
                lines=tuple(
                    [_line(c, "control", run.behind[c], by, read, x_axes[by], axis) for c in behind]
                    + [_line(arm, styles[arm], run.curves[arm], by, read, x_axes[by], axis) for arm in styles]
                ),
                x_ticks=tuple((x_axes[by].at(tick), amount(tick) if tick else "0") for tick in x_axes[by].ticks),
                y_ticks=y_ticks,
                limits=limits,
                label=f"{name} against {'training tokens' if by == 'tokens' else by}: {said}",
            )
            for by in ("exposures", "tokens")
        )
        rows, left_out = _table(run, list(styles), read, say)
        found.append(Figure(title, tuple(legend), plots, tuple(styles), rows, left_out))
    return tuple(found)


def _last(curve: Curve, read: Read) -> Value | None:
    return next((value for point in reversed(curve) if (value := read(point)) is not None), None)


def _line(name: str, style: str, curve: Curve, by: str, read: Read, x: Axis, y: Axis) -> Line:
    known = [(float(point[by]), value) for point in curve if (value := read(point)) is not None]
    upper, lower = [(at, high) for at, (_, _, high) in known], [(at, low) for at, (_, low, _) in known]
    stride = -(-len(known) // MARKS_PER_LINE) or 1
    marked = [point for index, point in enumerate(reversed(known)) if index % stride == 0]
    return Line(
        name=name,
        style=style,
        points=path([(at, middle) for at, (middle, _, _) in known], x, y),
        band=path([*upper, *reversed(lower)], x, y) if upper != lower and style != "control" else "",
        marks=() if style == "control" else tuple((x.at(at), round(100 - y.at(v[0]), 2)) for at, v in marked),
    )


def _table(
    run: Curves, arms: Sequence[str], read: Read, say: Callable[[float], str]
) -> tuple[Sequence[tuple[str, Sequence[tuple[str, str]]]], int]:
    """Return per checkpoint and arm the value, its interval and the tokens; of many checkpoints some, evenly chosen."""
    at: dict[str, dict[int, Mapping[str, Any]]] = {arm: {p["exposures"]: p for p in run.curves[arm]} for arm in arms}
    points = sorted({exposures for known in at.values() for exposures in known})
    chosen = points
    if len(points) > TABLE_ROWS:
        step = (len(points) - 1) / (TABLE_ROWS - 1)
        chosen = [points[round(index * step)] for index in range(TABLE_ROWS)]

    def cell(arm: str, exposures: int) -> tuple[str, str]:
        point = at[arm].get(exposures)
        value = read(point) if point else None
        if point is None or value is None:
            return MISSING, ""
        interval = interval_of(run.metric, value[1], value[2]) if value[1] != value[2] else ""
        return say(value[0]), ", ".join(part for part in (interval, f"{amount(point['tokens'])} tokens") if part)

    rows = tuple((f"{exposures:,}", tuple(cell(arm, exposures) for arm in arms)) for exposures in chosen)
    return rows, len(points) - len(chosen)


# variants


def variants_figures(run: Curves) -> tuple[Figure, ...]:
    """Return accuracy at the end against the number of variants; numbers stand in order, not to scale."""
    series: dict[str, dict[int | None, str]] = {}
    for arm in run.curves:
        about = run.about.get(arm, {})
        if about and run.metric in run.curves[arm][-1]["metrics"]:
            rules = ", ".join(about.get("rules", ()))
            name = f"{about['strategy']}, {rules}" if rules else about["strategy"]
            series.setdefault(name, {}).setdefault(about["variants"], arm)
    several = {run.strategy(arm) for found in series.values() if len(found) > 1 for arm in found.values()}
    series = {name: found for name, found in series.items() if run.strategy(next(iter(found.values()))) in several}
    if not series:
        return ()
    numbers = {number for found in series.values() for number in found}
    sizes = sorted(numbers, key=lambda number: math.inf if number is None else number)
    ends = {arm: run.curves[arm][-1]["metrics"][run.metric] for found in series.values() for arm in found.values()}
    axis = axis_of_shares([end[key] for end in ends.values() for key in ("mean", "low", "high")])
    x = Axis(-0.4, len(sizes) - 0.6, tuple(float(index) for index in range(len(sizes))))
    names = list(series)
    return tuple(
        _of_variants(run, {name: series[name] for name in names[at : at + LINES]}, sizes, ends, x, axis)
        for at in range(0, len(names), LINES)
    )


def _of_variants(
    run: Curves,
    series: Mapping[str, Mapping[int | None, str]],
    sizes: Sequence[int | None],
    ends: Mapping[str, Mapping[str, Any]],
    x: Axis,
    y: Axis,
) -> Figure:
    said = ["all" if size is None else f"{size:,}" for size in sizes]
    lines, legend = [], []
    for index, (name, found) in enumerate(series.items()):
        known = [(float(at), ends[found[size]]) for at, size in enumerate(sizes) if size in found]
        lines.append(
            Line(
                name=name,
                style=f"s{index}",
                points=path([(at, end["mean"]) for at, end in known], x, y),
                band=path(
                    [(at, e["high"]) for at, e in known] + [(at, e["low"]) for at, e in reversed(known)], x, y
                ),
                marks=tuple((x.at(at), round(100 - y.at(end["mean"]), 2)) for at, end in known),
            )
        )  # fmt: skip
        legend.append((f"s{index}", name, value_of(run.metric, known[-1][1]["mean"])))

    def cell(arm: str | None) -> tuple[str, str]:
        if arm is None:
            return MISSING, ""
        end, tokens = ends[arm], amount(run.curves[arm][-1]["tokens"])
        interval = interval_of(run.metric, end["low"], end["high"])
        return value_of(run.metric, end["mean"]), f"{interval}, {tokens} tokens"

    spoken = []
    for name, found in series.items():
        pairs = zip(said, sizes, strict=True)
        values = [f"{text} {value_of(run.metric, ends[found[size]]['mean'])}" for text, size in pairs if size in found]
        spoken.append(f"{name}: {', '.join(values)}")
    label = f"{metric_name(run.metric)} at the end of training against variants per document; {'; '.join(spoken)}"
    plot = Plot(
        across="variants per document",
        lines=tuple(lines),
        x_ticks=tuple((x.at(index), text) for index, text in enumerate(said)),
        y_ticks=tuple((100 - y.at(tick), percent(tick, 1)) for tick in y.ticks),
        limits=(),
        label=label,
    )
    rows = tuple(
        (text, tuple(cell(found.get(size)) for found in series.values()))
        for text, size in zip(said, sizes, strict=True)
    )
    return Figure("", tuple(legend), (plot,), tuple(series), rows)


# sections


def _section(
    title: str, figures: Callable[[Curves], Sequence[Figure]], name: str, corner: str, said: str
) -> Section[RunData]:
    """Return a section of figures; `name` is theirs, `corner` that of their tables, `said` how to read them."""

    def view(run: RunData) -> Mapping[str, Any] | None:
        curves = curves_of(run)
        found = curves and figures(curves)
        if not curves or not found:
            return None
        chance = (
            "questions and seeds" if curves.seeds > 1 else "questions; one seed says nothing about chance in training"
        )
        facts = {
            "metric": metric_name(curves.metric).capitalize(),
            "whose": f"{curves.evaluation}, {curves.items:,} questions",
            "seeds": f"{curves.seeds} training seed{'s' if curves.seeds != 1 else ''}",
            "chance": chance,
        }
        return {"said": said.format_map(facts), "figures": found, "name": name.format_map(facts), "corner": corner}

    return Section(title, "curves.html", view, "curves.css")


EXPOSURE = _section(
    "Knowledge by exposure",
    accuracy_figures,
    "{metric} by exposure",
    "exposures",
    "{metric} on {whose}, after every document has been shown so often (first plot) and after so many training tokens"
    " (second), on one scale. Line: mean of {seeds}. Shade: 95 % interval over {chance}. The value in the legend is the"
    " one at the end.",
)
VARIANTS = _section(
    "How many variants",
    variants_figures,
    "{metric} by number of variants",
    "variants",
    "{metric} at the end of training. The numbers of variants stand in order, not to scale.",
)
LOSS = _section(
    "Training loss by exposure",
    loss_figures,
    "Training loss by exposure",
    "exposures",
    "Mean loss on all tokens during each exposure. A loss near zero says that the student knows these very texts by"
    " heart, which is not knowing what they say.",
)
