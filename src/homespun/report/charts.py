"""Geometry of the charts: where things stand, in percent of the plot. Templates draw them as SVG.

Positions in percent let one SVG fit a desktop, a phone and paper without a script and without distorting
text. No drawing and no text for people here.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

BINS = 26
LOSS_POINTS = 160  #: a line this long is as smooth as a screen shows it


def finite(values: Sequence[float]) -> list[float]:
    """Return the values that are numbers."""
    return [value for value in values if math.isfinite(value)]


@dataclass(frozen=True, slots=True)
class Axis:
    """A linear axis with round ticks."""

    low: float
    high: float
    ticks: tuple[float, ...]

    def at(self, value: float) -> float:
        """Return a value's position in percent, held inside the plot."""
        share = (value - self.low) / (self.high - self.low)
        return round(100 * min(1.0, max(0.0, share)), 2)

    @property
    def decimals(self) -> int:
        """Digits after the point that tell the ticks apart."""
        step = self.ticks[1] - self.ticks[0] if len(self.ticks) > 1 else 1.0
        return max(0, -math.floor(math.log10(step) + 1e-9))


def axis_over(values: Sequence[float], target: int = 5, pad: float = 0.06) -> Axis:
    """Return an axis that covers the values with some air and about `target` ticks at 1, 2 or 5 x 10^k."""
    low, high = min(values), max(values)
    room = (high - low) * pad
    if room <= 1e-9 * max(abs(low), abs(high)):  # one value, or values that only rounding tells apart
        room = max(abs(low), abs(high)) * pad or 1.0
    low, high = low - room, high + room
    return Axis(low, high, _ticks(low, high, target))


def axis_from_zero(high: float, target: int = 5) -> Axis:
    """Return an axis from 0 to `high` itself: what is counted begins at nothing and ends with the run."""
    high = high if high > 0 else 1.0
    return Axis(0.0, high, _ticks(0.0, high, target))


def axis_of_shares(values: Sequence[float], target: int = 5) -> Axis:
    """Return an axis over shares that stays within 0 and 1, and begins at 0 unless all of them are high."""
    found = axis_over(values, target)
    low, high = (0.0 if found.low < 0.4 else found.low), min(found.high, 1.0)
    return Axis(low, high, _ticks(low, high, target))


def _ticks(low: float, high: float, target: int) -> tuple[float, ...]:
    raw = (high - low) / target
    power = 10.0 ** math.floor(math.log10(raw))
    step = next(factor * power for factor in (1, 2, 5, 10) if factor * power >= raw * 0.999)
    first = math.ceil(low / step - 1e-9)
    last = math.floor(high / step + 1e-9)
    return tuple(float(f"{index * step:.12g}") for index in range(first, last + 1))


@dataclass(frozen=True, slots=True)
class Bin:
    """One column of a mirrored histogram: kept rows above the line, dropped rows below, in percent."""

    x: float
    width: float
    kept: float
    dropped: float


@dataclass(frozen=True, slots=True)
class Histogram:
    """A mirrored histogram; `line` is where the two halves meet, in percent from the top."""

    axis: Axis
    bins: tuple[Bin, ...]
    line: float


def histogram(values: Sequence[float], kept: Sequence[bool], axis: Axis) -> Histogram:
    """Count finite values into equal bins over the axis, kept and dropped apart, on one common scale."""
    numbers, flags = np.asarray(values, dtype=float), np.asarray(kept, dtype=bool)
    fine = np.isfinite(numbers)
    edges = np.linspace(axis.low, axis.high, BINS + 1)
    above = np.histogram(numbers[fine & flags], edges)[0]
    below = np.histogram(numbers[fine & ~flags], edges)[0]
    peak_above, peak_below = int(above.max()), int(below.max())
    unit = 100 / max(1, peak_above + peak_below)
    width = 100 / BINS
    bins = tuple(
        Bin(round(index * width, 2), round(width * 0.86, 2), round(up * unit, 2), round(down * unit, 2))
        for index, (up, down) in enumerate(zip(above.tolist(), below.tolist(), strict=True))
        if up or down
    )
    return Histogram(axis, bins, round(peak_above * unit, 2))


def polyline(values: Sequence[float], steps: int, axis: Axis) -> str:
    """Return the `points` of a line over `steps` steps in a 100 x 100 box, thinned to what a screen shows."""
    stride = max(1, math.ceil(len(values) / LOSS_POINTS))
    chosen = list(range(0, len(values), stride))
    if values and chosen[-1] != len(values) - 1:
        chosen.append(len(values) - 1)
    span = max(1, steps - 1)
    points = ((100 * index / span, 100 - axis.at(values[index])) for index in chosen if math.isfinite(values[index]))
    return " ".join(f"{x:.2f},{y:.2f}" for x, y in points)


def path(points: Sequence[tuple[float, float]], x: Axis, y: Axis) -> str:
    """Return the `points` of a line or an outline in a 100 x 100 box, its origin at the upper left."""
    return " ".join(f"{x.at(a):.2f},{100 - y.at(b):.2f}" for a, b in points if math.isfinite(b))
