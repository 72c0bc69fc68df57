"""From item results to a difference: its interval, p, power, and whether it is too small to matter.

Results are arrays replicates x units: every replicate (rows, order and weights drawn anew) answers every item; units
are items, or groups of items that belong together (documents), each by its mean. Both are samples, so the variance of
a mean difference has a part for replicates, S²/k of the differences within replicates, and one for units, the spread
of their mean differences with the interaction of both taken off, which S² has in it already (two crossed random
factors, analysis of variance without replication).

Few replicates make the first part badly known. Each part keeps its own quantile: the half-width is the root of the sum
of (t x standard error)² over parts. Where one part is all it is Student's t; between, it is wider than Cochran and
Cox's weighting of the quantiles (1950) and than Satterthwaite's degrees of freedom, which err up to 12 % of the time at
two replicates. benchmarks/intervals.py simulates it beside others; docs/comparison.md prints the tables.

Nothing here knows arms or files; evaluate/versus.py says which values are held against which.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from functools import lru_cache
from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray

Floats = NDArray[np.float64]
LEVEL = 0.05  #: chance of a verdict where nothing is there, over all looks at a run
POWER = 0.8  #: of the differences that are called visible
POINTS = 1000  #: at which the distribution of a variance is averaged
LATTICE = (0.6180339887498949, 0.7548776662466927, 0.5698402909980532)  #: steps that fill the unit interval evenly
MOST_REPLICATES, MOST_ITEMS = 100, 10_000_000  #: plans beyond these are not worth making


class Part(NamedTuple):
    """One source of chance: what it adds to the squared standard error, and how well that is known.

    Both may be arrays, for many comparisons at once.
    """

    variance: Any
    df: Any  #: degrees of freedom


@dataclass(frozen=True, slots=True)
class Difference:
    """A difference of two arms with its 95 % interval and two-sided p, both None where nothing measures chance."""

    difference: float
    parts: Mapping[str, Part] = field(default_factory=dict)
    low: float | None = None
    high: float | None = None
    p: float | None = None


def replicate_variance(values: Floats) -> float:
    """Return S², the variance between replicates of their means, for values (replicates, units)."""
    means = values.mean(axis=1)
    return float(((means - means.mean()) ** 2).sum() / (len(means) - 1))


def _interaction(values: Floats) -> float:
    """Return the part of a mean's variance that is the interaction of replicates and units."""
    replicates, units = values.shape
    residual = values - values.mean(axis=1, keepdims=True) - values.mean(axis=0) + values.mean()
    df = max(replicates - 1, 1) * max(units - 1, 1)
    return float((residual**2).sum() / (df * replicates * units))


def unit_part(gaps: Floats) -> Part:
    """Return the part of the items (or groups) for gaps (replicates, units), less the interaction."""
    units = gaps.shape[1]
    by_unit = float(gaps.mean(axis=0).var(ddof=1)) / units
    return Part(max(by_unit - _interaction(gaps), 0.0), units - 1)


def group_means(values: Floats, groups: Sequence[str]) -> Floats:
    """Return the mean of every group, in order of first appearance: values (replicates, items) to (replicates, groups).

    Items of one group are no independent sample, groups are (Student's t over group means). The metric becomes the
    mean over groups, the same as that over items where groups are of one size. nan is an item to which the metric
    does not apply, and a group without any other.
    """
    places = {group: place for place, group in enumerate(dict.fromkeys(groups))}
    codes = np.asarray([places[group] for group in groups])
    applies = ~np.isnan(values)
    counts = np.stack([np.bincount(codes, row, minlength=len(places)) for row in applies])
    sums = np.stack([np.bincount(codes, row, minlength=len(places)) for row in np.where(applies, values, 0.0)])
    return np.asarray(np.divide(sums, counts, out=np.full(sums.shape, np.nan), where=counts > 0))


def crossed_part(gaps: Floats, groupings: Sequence[Sequence[str]]) -> Part:
    """Return the part of items that belong to groups in several ways at once (premise and hypothesis).

    Two-way clustering (Cameron, Gelbach and Miller, 2011): the variances by either grouping less that by both, at
    least the larger one; degrees of freedom of the grouping with fewer groups.
    """
    residual = gaps.mean(axis=0) - gaps.mean()

    def by(keys: Sequence[object]) -> tuple[float, int]:
        _, codes = np.unique([str(key) for key in keys], return_inverse=True)
        sums = np.bincount(codes, residual)
        return float((sums**2).sum()) / len(residual) ** 2 * len(sums) / max(len(sums) - 1, 1), len(sums)

    single = [by(keys) for keys in groupings]
    both = by(list(zip(*groupings, strict=True)))[0]
    variance = max(sum(one for one, _ in single) - both, *(one for one, _ in single))
    return Part(variance, min(count for _, count in single) - 1)


# decisions


def half_width(parts: Sequence[Part], alpha: Any = LEVEL) -> Any:
    """Return the half-width of the two-sided interval at level 1 - alpha."""
    from scipy.special import stdtrit

    return np.sqrt(sum(part.variance * stdtrit(part.df, np.asarray(alpha) / 2) ** 2 for part in parts))


def two_sided(distance: Any, parts: Sequence[Part]) -> Any:
    """Return the p at which the interval's half-width is `distance`; 1 at a distance of 0."""
    distance = np.abs(np.asarray(distance, dtype=np.float64))
    low, high = np.full(distance.shape, -340.0), np.zeros(distance.shape)  # logarithms of p; t² overflows below
    for _ in range(60):
        middle = (low + high) / 2
        wide = half_width(parts, np.exp(middle)) > distance  # p is larger than this
        low, high = np.where(wide, middle, low), np.where(wide, high, middle)
    certain = sum(np.asarray(part.variance) for part in parts) == 0
    p = np.where(certain, distance == 0, np.where(distance == 0, 1.0, np.exp(high)))
    return p if p.ndim else float(p)


def equivalence(difference: Any, parts: Sequence[Part], worth: float) -> Any:
    """Return p of "the difference is smaller than `worth`", the larger of two one-sided tests (Schuirmann, 1987)."""
    room = worth - np.abs(np.asarray(difference, dtype=np.float64))
    p = np.where(room > 0, two_sided(np.maximum(room, 0.0), parts) / 2, 1.0)
    return p if p.ndim else float(p)


def concluded(difference: float, parts: Mapping[str, Part]) -> Difference:
    """Return a difference with the interval and p that its parts give."""
    found = list(parts.values())
    half = float(half_width(found))
    return Difference(difference, parts, difference - half, difference + half, float(two_sided(difference, found)))


def paired(a: Floats, b: Floats) -> Difference:
    """Return the difference of two arms (replicates, units) whose replicates are independent of each other."""
    gaps = a - b
    if not gaps.any():
        return Difference(0.0, {}, 0.0, 0.0, 1.0)
    if min(gaps.shape) < 2:
        return Difference(float(gaps.mean()))
    replicates = Part(replicate_variance(gaps) / len(gaps), len(gaps) - 1)
    return concluded(float(gaps.mean()), {"items": unit_part(gaps), "replicates": replicates})


def mcnemar_exact(b: int, c: int) -> float:
    """Return the exact two-sided p of McNemar's test: b items only one model got right, c only the other."""
    from scipy import stats as scipy_stats

    return float(scipy_stats.binomtest(b, b + c, 0.5).pvalue) if b + c else 1.0


def sign_flips(gaps: Floats, draws: int = 20_000) -> float:
    """Return the two-sided p of flipping the signs of group differences (units,): all flips of up to 14, else draws."""
    gaps = gaps[gaps != 0]
    if not len(gaps):
        return 1.0
    if len(gaps) <= 14:
        signs = 1 - 2 * (np.arange(2 ** len(gaps))[:, None] >> np.arange(len(gaps)) & 1)
    else:
        signs = np.random.default_rng(0).choice([-1, 1], size=(draws, len(gaps)))
        signs[0] = 1  # the flip that was seen is one of them
    return float((np.abs(signs @ gaps) >= abs(gaps.sum()) - 1e-12).mean())


def holm(p_values: Sequence[float]) -> list[float]:
    """Return p values adjusted for their number by Holm's step-down method, in the order given."""
    count = len(p_values)
    adjusted = [0.0] * count
    highest = 0.0
    for rank, index in enumerate(sorted(range(count), key=lambda i: p_values[i])):
        highest = max(highest, min(1.0, (count - rank) * p_values[index]))
        adjusted[index] = highest
    return adjusted


def level_at(replicates: int, spent: float = 0.0) -> float:
    """Return the level of a look at so many replicates, when earlier looks at the run spent so much of LEVEL.

    Looking, drawing more and looking again gives chance another try. A look at k replicates spends the share
    1 - 2^(1-k) of what is left (2: half of it; 3: three quarters; 5: 94 %), so all looks together never spend more than
    LEVEL (Bonferroni's bound over an alpha-spending sequence, Lan and DeMets, 1983). One replicate spends nothing.
    """
    return (LEVEL - spent) * (1 - 2.0 ** (1 - replicates))


# planning


def power(difference: float, parts: Sequence[Part], level: float = LEVEL) -> float:
    """Return the chance of p < level when the true difference is this one.

    The difference is normal, the variance of each part a chi-square of its own; for one part this is the noncentral t.
    """
    from scipy.special import ndtr, stdtrit

    variance = sum(part.variance for part in parts)
    if variance == 0:
        return float(difference != 0)
    ranked = sorted(parts, key=lambda part: float(part.df))
    squared = sum(
        stdtrit(part.df, level / 2) ** 2 * part.variance * _mean_squares(part.df, place)
        for place, part in enumerate(ranked)
    )
    half, error = np.sqrt(squared), math.sqrt(variance)
    return float((ndtr((difference - half) / error) + ndtr((-difference - half) / error)).mean())


@lru_cache(maxsize=1024)
def _mean_squares(df: float, place: int) -> Floats:
    """Return draws of a variance whose true value is 1: the least known one evenly, others by a lattice beside it."""
    from scipy.special import chdtri

    points = np.arange(0.5, POINTS)
    return np.asarray(chdtri(df, points / POINTS if place == 0 else points * LATTICE[place - 1] % 1) / df)


def _least(enough: Callable[[int], bool], low: int, high: int) -> int | None:
    """Return the least number from `low` to `high` that is enough, when more is never less; None where none is."""
    if not enough(high):
        return None
    while low < high:
        middle = (low + high) // 2
        low, high = (low, middle) if enough(middle) else (middle + 1, high)
    return high


def smallest_visible(parts: Sequence[Part], level: float = LEVEL) -> float:
    """Return the smallest true difference that is found with 80 % power."""
    from scipy.optimize import brentq

    high = 2 * float(half_width(parts, level)) + 1e-9
    while power(high, parts, level) < POWER:
        high *= 2
    return float(brentq(lambda size: power(size, parts, level) - POWER, 0.0, high, xtol=1e-6))


def replicates_needed(
    worth: float, unit: Part, one: float, level: Callable[[int], float] = level_at, share: float = 0.0
) -> int | None:
    """Return how many replicates show a true difference of `worth` with 80 % power; None: not even many, so more items.

    Args:
        worth: the difference, as a share.
        unit: the part of the items, which replicates leave as it is.
        one: variance of the difference within one replicate.
        level: of p, for a look at so many replicates.
        share: part of `one` that more replicates do not average out (a choice that is drawn once).
    """

    def enough(count: int) -> bool:
        return power(worth, (unit, Part(one * (share + (1 - share) / count), count - 1)), level(count)) >= POWER

    return _least(enough, 2, MOST_REPLICATES)


def items_needed(worth: float, items: int, unit: Part, other: Sequence[Part], level: float = LEVEL) -> int | None:
    """Return how many items show a true difference of `worth` with these replicates; None: no number does."""

    def enough(count: int) -> bool:
        more = Part(unit.variance * items / count, count - 1)
        return power(worth, (more, *other), level) >= POWER

    return _least(enough, 2, MOST_ITEMS)
