"""The pool as the page shows it: funnel, score distributions, correlations, rows to read, coverage.

Large runs are cut to what a person reads, and every cut carries how many there are. Nothing is sampled:
what is shown is the first of what the run handed over, so that equal data gives an equal page.
"""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import dataclass

from homespun.report.charts import Histogram, axis_over, finite, histogram
from homespun.report.data import GROUPS, Counts, ReadRow, ReportData, ScoreColumn
from homespun.report.format import percent, plain, shortened

ROWS_PER_GROUP = 12
PANELS = 6  #: histograms on the page; the rest stands folded
PANELS_FOLDED = 18
KEYWORDS = 96
KEYWORDS_PER_TABLE = 12

GROUP_MEANING = {
    "kept": "Accepted rows that no selecting arm turned away.",
    "nearest to threshold": "Rows on either side of a cut: if these look alike, the cut is arbitrary.",
    "dropped by selection": "Accepted rows that a selecting arm turned away, with its rule and reason.",
    "repeats the evaluation": "Rows turned away because a text of the evaluation stands in them, with the check.",
    "dropped by hygiene": "Answers turned away before any scoring, with the check that did it.",
    "unparsed answer": "Raw answers in which no row could be found.",
}


@dataclass(frozen=True, slots=True)
class Bar:
    """One bar of a funnel; `lost` says what did not come through, in words."""

    name: str
    count: int
    width: float
    share: str
    lost: str = ""


@dataclass(frozen=True, slots=True)
class FunnelView:
    """One generator from asked to accepted."""

    name: str
    steps: tuple[Bar, ...]
    reasons: tuple[Bar, ...]
    labels: tuple[tuple[str, Counts, str], ...]  #: label, counts, share accepted


def _bar(name: str, count: int, whole: int, lost: str = "") -> Bar:
    return Bar(name, count, round(100 * count / whole, 2) if whole else 0.0, percent(count, whole), lost)


def view_funnels(data: ReportData) -> tuple[FunnelView, ...]:
    """Return each generator's steps in order, with the reasons for dropping, the largest first."""
    views = []
    for name, funnel in data.funnels.items():
        total = funnel.total
        dropped = sum(total.dropped.values())
        steps = (
            _bar("asked", total.asked, total.asked),
            _bar("answered", total.answered, total.asked, f"{total.failed:,} failed" if total.failed else ""),
            _bar("parsed", total.parsed, total.asked, f"{total.unparsed:,} unparsed" if total.unparsed else ""),
            _bar("accepted", total.kept, total.asked, f"{dropped:,} dropped by the checks" if dropped else ""),
        )
        reasons = sorted(total.dropped.items(), key=lambda item: -item[1])
        views.append(
            FunnelView(
                name=name,
                steps=steps,
                reasons=tuple(_bar(reason, count, dropped) for reason, count in reasons),
                labels=tuple((label, c, percent(c.kept, c.asked)) for label, c in funnel.labels.items()),
            )
        )
    return tuple(views)


@dataclass(frozen=True, slots=True)
class ArmBar:
    """What one arm kept of its candidates, and which rules dropped the rest."""

    bar: Bar
    idle: tuple[str, ...]  #: rules that dropped nothing
    dropped: tuple[tuple[str, int], ...]
    control: str | None


def view_arms(data: ReportData) -> tuple[ArmBar, ...]:
    """Return the kept rows per arm; a control is as large as its arm and is named beside it."""
    controls = {arm.control for arm in data.arms}
    return tuple(
        ArmBar(
            _bar(arm.name, arm.chosen, max(arm.candidates, arm.chosen)),
            tuple(rule for rule in arm.rules if rule not in arm.dropped_by),
            tuple(sorted(arm.dropped_by.items(), key=lambda item: -item[1])),
            arm.control,
        )
        for arm in data.arms
        if arm.name not in controls
    )


@dataclass(frozen=True, slots=True)
class Panel:
    """One score under one arm: what it kept above the line, what it dropped below."""

    column: str
    arm: str
    used: bool  #: the arm selects by this score
    kept: int
    dropped: int
    unscored: int
    median_kept: str
    median_dropped: str
    histogram: Histogram
    cuts: tuple[float, ...]
    ends: tuple[str, str]


def _median(values: list[float]) -> str:
    if not values:
        return plain(None)
    ordered, half = sorted(values), len(values) // 2
    return plain(ordered[half] if len(values) % 2 else (ordered[half - 1] + ordered[half]) / 2)


def _panel(column: ScoreColumn, arm: str) -> Panel | None:
    numbers = finite(column.values)
    if not numbers:
        return None
    flags = column.kept[arm]
    kept = [v for v, keep in zip(column.values, flags, strict=True) if keep and math.isfinite(v)]
    dropped = [v for v, keep in zip(column.values, flags, strict=True) if not keep and math.isfinite(v)]
    axis = axis_over(numbers, pad=0.01)
    return Panel(
        column=column.name,
        arm=arm,
        used=arm in column.used_by,
        kept=len(kept),
        dropped=len(dropped),
        unscored=len(column.values) - len(numbers),
        median_kept=_median(kept),
        median_dropped=_median(dropped),
        histogram=histogram(column.values, flags, axis),
        cuts=tuple(axis.at(cut) for cut in finite(column.thresholds.get(arm, ()))),
        ends=(plain(min(numbers)), plain(max(numbers))),
    )


def view_scores(data: ReportData) -> tuple[tuple[Panel, ...], tuple[Panel, ...], int]:
    """Return the panels to show, those to fold away, and how many were left out.

    Scores that an arm selects by come first. Arms that keep every row have nothing to compare and get none.
    """
    pairs = [(column, arm) for column in data.scores for arm, flags in column.kept.items() if not all(flags)]
    pairs.sort(key=lambda pair: pair[1] not in pair[0].used_by)
    panels = [panel for column, arm in pairs[: PANELS + PANELS_FOLDED] if (panel := _panel(column, arm)) is not None]
    return tuple(panels[:PANELS]), tuple(panels[PANELS:]), max(0, len(pairs) - PANELS - PANELS_FOLDED)


@dataclass(frozen=True, slots=True)
class Tint:
    """A table cell whose shade follows its number; the number itself is always written."""

    text: str
    shade: float  #: 0 to 1
    negative: bool = False


def view_correlations(data: ReportData) -> tuple[tuple[str, ...], tuple[tuple[Tint, ...], ...]]:
    """Return the scores' names and the square of their rank correlations, filled from either triangle."""
    rho = data.correlations
    names = tuple(dict.fromkeys([*rho, *(b for row in rho.values() for b in row)]))

    def cell(a: str, b: str) -> Tint:
        value = rho.get(a, {}).get(b, rho.get(b, {}).get(a, 1.0 if a == b else math.nan))
        if not math.isfinite(value):
            return Tint(plain(None), 0.0)
        text = f"{value:.2f}".replace("-", "\u2212")
        return Tint(text, 0.0 if a == b else round(abs(value), 2), value < 0)

    return names, tuple(tuple(cell(a, b) for b in names) for a in names)


@dataclass(frozen=True, slots=True)
class ReadCard:
    """One row as the page shows it."""

    row: ReadRow
    fields: tuple[tuple[str, str], ...]
    scores: tuple[tuple[str, str], ...]
    turned_away: bool  #: the reason tells of a drop, not only of where the row stands


@dataclass(frozen=True, slots=True)
class ReadGroup:
    """Rows of one kind, with how many of them the run has."""

    name: str
    meaning: str
    cards: tuple[ReadCard, ...]
    total: int


def view_rows(data: ReportData) -> tuple[ReadGroup, ...]:
    """Return the rows to read by group, at most `ROWS_PER_GROUP` of each."""
    groups = []
    for name in GROUPS:
        rows = [row for row in data.rows if row.group == name]
        if rows:
            cards = tuple(
                ReadCard(
                    row,
                    tuple((field, shortened(text)) for field, text in row.fields.items()),
                    tuple((score, plain(value)) for score, value in row.scores.items()),
                    not row.kept_by or name == "dropped by selection",
                )
                for row in rows[:ROWS_PER_GROUP]
            )
            total = max(len(rows), data.row_totals.get(name, 0))
            groups.append(ReadGroup(name, GROUP_MEANING[name], cards, total))
    return tuple(groups)


@dataclass(frozen=True, slots=True)
class CoverageView:
    """The keyword x label grid in short tables, and what it adds up to."""

    labels: tuple[str, ...]
    tables: tuple[tuple[tuple[str, tuple[Tint, ...]], ...], ...]
    shown: int
    keywords: int
    per_label: tuple[Bar, ...]
    empty: int  #: cells without an accepted row
    cells: int


def view_coverage(data: ReportData) -> CoverageView | None:
    """Return accepted of asked per cell; of many keywords those with the fewest accepted rows."""
    if not data.coverage:
        return None
    labels = tuple(dict.fromkeys(cell.label for cell in data.coverage))
    counts: dict[str, dict[str, tuple[int, int]]] = {}
    for cell in data.coverage:
        accepted, asked = counts.setdefault(cell.keyword, {}).get(cell.label, (0, 0))
        counts[cell.keyword][cell.label] = (accepted + cell.accepted, asked + cell.asked)
    keywords = list(counts)
    if len(keywords) > KEYWORDS:
        thinnest = sorted(keywords, key=lambda word: sum(accepted for accepted, _ in counts[word].values()))
        chosen = set(thinnest[:KEYWORDS])
        keywords = [word for word in keywords if word in chosen]
    most = max((accepted for row in counts.values() for accepted, _ in row.values()), default=0) or 1

    def tint(row: Mapping[str, tuple[int, int]], label: str) -> Tint:
        if label not in row:
            return Tint(plain(None), 0.0)
        accepted, asked = row[label]
        return Tint(f"{accepted}/{asked}", round(accepted / most, 2))

    lines = [(word, tuple(tint(counts[word], label) for label in labels)) for word in keywords]
    totals = {label: sum(row[label][0] for row in counts.values() if label in row) for label in labels}
    whole = sum(totals.values())
    cells = [accepted for row in counts.values() for accepted, _ in row.values()]
    return CoverageView(
        labels=labels,
        tables=tuple(tuple(lines[at : at + KEYWORDS_PER_TABLE]) for at in range(0, len(lines), KEYWORDS_PER_TABLE)),
        shown=len(keywords),
        keywords=len(counts),
        per_label=tuple(_bar(label, count, whole) for label, count in totals.items()),
        empty=sum(accepted == 0 for accepted in cells),
        cells=len(cells),
    )
