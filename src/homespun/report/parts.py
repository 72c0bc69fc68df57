"""What several sections draw: bars of a funnel, histograms of a score, cells with a shade, rows to read."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from statistics import median
from typing import Any

from homespun.report.charts import Histogram, axis_over, finite, histogram
from homespun.report.format import MINUS, MISSING, percent, plain


@dataclass(frozen=True, slots=True)
class Bar:
    """One bar of a funnel; `lost` says what did not come through, a line each."""

    name: str
    count: int
    width: float
    share: str
    lost: Sequence[str] = ()
    tone: str = ""


def bar(name: str, count: int, whole: int, lost: Sequence[str] = (), tone: str = "") -> Bar:
    """Return the bar of a part of a whole."""
    return Bar(name, count, round(100 * count / whole, 2) if whole else 0.0, percent(count, whole), lost, tone)


@dataclass(frozen=True, slots=True)
class Panel:
    """One score under one arm: what it kept above the line, what it dropped below."""

    column: str
    arm: str  #: empty where a page has one selection alone
    used: bool  #: the arm selects by this score
    kept: int
    dropped: int
    unscored: int
    median_kept: str
    median_dropped: str
    histogram: Histogram
    cuts: tuple[float, ...]
    ends: tuple[str, str]


def panel(
    column: str, values: Sequence[float], flags: Sequence[bool], cuts: Sequence[float], arm: str = "", used: bool = True
) -> Panel | None:
    """Return the histogram of a score, kept rows (`flags`) apart; None where no row has a value."""
    numbers = finite(values)
    if not numbers:
        return None
    sides: tuple[list[float], list[float]] = ([], [])
    for value, keep in zip(values, flags, strict=True):
        if math.isfinite(value):
            sides[not keep].append(value)
    axis = axis_over(numbers, pad=0.01)
    return Panel(
        column=column,
        arm=arm,
        used=used,
        kept=len(sides[0]),
        dropped=len(sides[1]),
        unscored=len(values) - len(numbers),
        median_kept=plain(median(sides[0]) if sides[0] else None),
        median_dropped=plain(median(sides[1]) if sides[1] else None),
        histogram=histogram(values, flags, axis),
        cuts=tuple(axis.at(cut) for cut in finite(cuts)),
        ends=(plain(min(numbers)), plain(max(numbers))),
    )


@dataclass(frozen=True, slots=True)
class Tint:
    """A table cell whose shade follows its number; the number itself is always written."""

    text: str
    shade: float  #: 0 to 1
    negative: bool = False


def correlations(names: Sequence[str], square: Sequence[Sequence[float]], over: str) -> Mapping[str, Any] | str:
    """Return what correlation.html shows of a square of rank correlations over such rows."""
    if len(names) < 2:
        return "No correlations: fewer than two scores."

    def cell(value: float, same: bool) -> Tint:
        if not math.isfinite(value):
            return Tint(MISSING, 0.0)
        return Tint(f"{value:.2f}".replace("-", MINUS), 0.0 if same else round(abs(value), 2), value < 0)

    rows = [
        (name, [cell(value, row == place) for place, value in enumerate(values)])
        for row, (name, values) in enumerate(zip(names, square, strict=True))
    ]
    return {"names": names, "rows": rows, "over": over}


@dataclass(frozen=True, slots=True)
class Card:
    """One row to read; every text may come from a model and is never trusted."""

    id: str
    fields: Sequence[tuple[str, str]]  #: name, empty where it needs none, and text
    reason: str = ""
    turned_away: bool = False  #: the reason tells of a drop, not only of where the row stands
    label: str = ""
    keyword: str = ""
    scores: Sequence[tuple[str, str]] = ()
    kept_by: Sequence[str] = ()  #: arms


@dataclass(frozen=True, slots=True)
class Group:
    """Rows of one kind, with how many there are."""

    name: str
    meaning: str
    cards: Sequence[Card]
    total: int = 0  #: 0: not worth saying
