"""The page about one selection: what each rule removed, what stands near its threshold, what the set lost.

Everything comes as plain records from selectpage.py; here it gets the shape that select.html draws. Texts are
cut to what a person reads, and every cut says so.
"""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path

from markupsafe import Markup

from homespun.report.charts import axis_over, finite, histogram
from homespun.report.data_view import Bar, Panel, Tint
from homespun.report.format import percent, plain, shortened
from homespun.report.html import HERE, environment, write_page
from homespun.report.verdict_view import MARKS

SECTIONS = {
    "funnel": "From read to kept",
    "rules": "What each rule removed",
    "near": "Nearest to each threshold",
    "pairs": "Dropped rows beside what they repeat",
    "diversity": "Diversity, before and after",
    "scores": "Scores, kept and dropped",
    "correlation": "Agreement between scores",
    "unreadable": "Records that could not be used",
    "made": "How it was made",
}
TEXT = 600  #: characters of a text on the page
PANELS = 12


@dataclass(frozen=True, slots=True)
class RuleDone:
    """What one rule did."""

    rule: str
    dropped: int
    unscored: int
    alone: int | None  #: rows it would drop by itself


@dataclass(frozen=True, slots=True)
class Shown:
    """One row on the page, with the row that it repeats where there is one."""

    place: str  #: FILE:NUMBER
    text: str
    keep: bool
    reason: str
    other_place: str = ""
    other_text: str = ""


@dataclass(frozen=True, slots=True)
class Group:
    """Rows of one rule: those nearest to its threshold, or some that it dropped."""

    rule: str
    rows: Sequence[Shown]
    total: int = 0  #: of how many, where that is worth saying


@dataclass(frozen=True, slots=True)
class Column:
    """One score over all rows."""

    name: str
    values: Sequence[float]
    kept: Sequence[bool]
    thresholds: Sequence[float] = ()


@dataclass(frozen=True, slots=True)
class SelectData:
    """Everything that the page shows."""

    title: str
    files: Sequence[str]
    language: str
    created: str
    command: str
    read: int
    unreadable: int
    kept: int
    rules: Sequence[RuleDone]
    nearest: Sequence[Group]
    pairs: Sequence[Group]
    diversity: Sequence[tuple[str, float, float]]  #: name, before, after
    diversity_note: str
    columns: Sequence[Column]
    correlations: tuple[Sequence[str], Sequence[Sequence[float]]]
    problems: Sequence[str]  #: the first of the unreadable records
    settings: Mapping[str, str] = field(default_factory=dict)
    warnings: Sequence[str] = ()


def render(data: SelectData) -> str:
    """Return the page's HTML."""
    return (
        environment()
        .get_template("select.html")
        .render(
            data=data,
            css=Markup((HERE / "page.css").read_text(encoding="utf-8")),
            sections=SECTIONS,
            marks=MARKS,
            headline=f"{data.kept:,} of {data.read:,} records are kept",
            steps=_steps(data),
            groups=[(name, [_cut(row) for row in group.rows], group.total, group.rule)
                    for name, groups in (("near", data.nearest), ("pairs", data.pairs)) for group in groups],
            panels=[panel for column in data.columns[:PANELS] if (panel := _panel(column)) is not None],
            rho_names=tuple(data.correlations[0]),
            rho=[[_tint(value, row == place) for place, value in enumerate(values)]
                 for row, values in enumerate(data.correlations[1])],
        )
    )  # fmt: skip


def build(data: SelectData, out: Path) -> None:
    """Write the page to `out`, whole or not at all.

    Raises:
        StoreError: the file cannot be written; an older page is then still there.
    """
    write_page(render(data), out)


def _steps(data: SelectData) -> list[Bar]:
    """Return the bars of the funnel: read, then what is left after each loss."""
    left = data.read
    steps = [Bar("read", left, 100.0, percent(1, 1))]
    losses = [("usable", data.unreadable, "could not be used")] if data.unreadable else []
    losses += [(f"after {done.rule}", done.dropped, f"by {done.rule}") for done in data.rules]
    for name, lost, why in losses:
        left -= lost
        width = round(100 * left / data.read, 2) if data.read else 0.0
        steps.append(Bar(name, left, width, percent(left, data.read), f"{lost:,} {why}"))
    return steps


def _cut(row: Shown) -> Shown:
    return Shown(row.place, shortened(row.text, TEXT), row.keep, row.reason, row.other_place,
                 shortened(row.other_text, TEXT))  # fmt: skip


def _panel(column: Column) -> Panel | None:
    numbers = finite(column.values)
    if not numbers:
        return None
    sides: dict[bool, list[float]] = {True: [], False: []}
    for value, keep in zip(column.values, column.kept, strict=True):
        if math.isfinite(value):
            sides[bool(keep)].append(value)
    axis = axis_over(numbers, pad=0.01)
    return Panel(
        column=column.name,
        arm="",
        used=bool(column.thresholds),
        kept=len(sides[True]),
        dropped=len(sides[False]),
        unscored=len(column.values) - len(numbers),
        median_kept=_median(sides[True]),
        median_dropped=_median(sides[False]),
        histogram=histogram(column.values, column.kept, axis),
        cuts=tuple(axis.at(cut) for cut in finite(list(column.thresholds))),
        ends=(plain(min(numbers)), plain(max(numbers))),
    )


def _median(values: list[float]) -> str:
    if not values:
        return plain(None)
    ordered, half = sorted(values), len(values) // 2
    return plain(ordered[half] if len(values) % 2 else (ordered[half - 1] + ordered[half]) / 2)


def _tint(value: float, same: bool) -> Tint:
    if not math.isfinite(value):
        return Tint(plain(None), 0.0)
    return Tint(f"{value:.2f}".replace("-", "\u2212"), 0.0 if same else round(abs(value), 2), value < 0)
