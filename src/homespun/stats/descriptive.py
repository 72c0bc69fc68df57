"""Values per item, intervals of one arm, biases of labels, and association between columns.

An arm's results are an array seeds x items: every training seed answers every item (two crossed random
factors). The variance of a mean is the sum of an items part, taken from the spread over items of the
seed-averaged values, and a seeds part, taken from the spread between seeds beyond what the items explain.
With two or three seeds one arm alone says almost nothing about the second part, so it is pooled over all
arms of a run (`SeedSpread`), and the arms at hand count where theirs is larger; degrees of freedom follow
Satterthwaite. benchmarks/intervals.py simulates coverage and false positives, docs/comparison.md prints
them. With one seed the seeds part is unknown and left out, which callers must say. Two arms are compared in
inference.py.

Macro-F1 is linearised (influence values), so both metrics go through the same procedure.
"""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from typing import NamedTuple

import numpy as np
from numpy.typing import ArrayLike, NDArray

Floats = NDArray[np.float64]
METRICS = ("accuracy", "macro_f1")
ROUNDS, TOLERANCE = 1000, 1e-9  #: of proportional fitting
ROUNDING = 1e-12  #: relative; two ways of computing one sum of squares differ by less


@dataclass(frozen=True, slots=True)
class SeedSpread:
    """How much training seeds move an arm's metric beyond what its items explain, pooled over arms."""

    variance: float  #: of one seed's effect on the metric; 0 when seeds differ no more than items explain
    mean_square: float  #: variance before the items' share is taken off
    df: int  #: degrees of freedom; 0: one seed, not measured

    def at_least(self, own: SeedSpread) -> SeedSpread:
        """Return the larger of this spread and that of the arms at hand, known as well as this one.

        Arms need not be shaken equally: a control draws other rows for every seed.
        """
        return replace(
            self,
            variance=max(self.variance, own.variance),
            mean_square=max(self.mean_square, own.mean_square),
        )


@dataclass(frozen=True, slots=True)
class Estimate:
    """A metric of one arm with its 95 % interval."""

    mean: float
    low: float
    high: float


NOT_MEASURED = SeedSpread(0.0, 0.0, 0)


def item_values(predicted: Sequence[Sequence[str]], gold: Sequence[str], labels: Sequence[str], metric: str) -> Floats:
    """Return values, shape (seeds, items), whose mean over items is the metric of each seed.

    Accuracy: 1 where right. Macro-F1: the metric plus each item's influence on it, so its spread over
    items gives the metric's variance. The labels that count are those that the gold has, the same for every
    model; a prediction of any other is wrong and belongs to no label.
    """
    answers, truth = np.asarray(predicted, dtype=str), np.asarray(gold, dtype=str)
    if metric == "accuracy":
        return np.asarray(answers == truth, dtype=np.float64)
    if metric != "macro_f1":
        raise ValueError(f'unknown metric "{metric}"; there are: {", ".join(METRICS)}')
    items = truth.shape[0]
    there = [label for label in labels if (truth == label).any()]
    totals, influence = np.zeros((len(answers), 1)), np.zeros(answers.shape)
    for label in there:
        is_gold, is_predicted = truth == label, answers == label
        hits = (is_gold & is_predicted).astype(np.float64)
        members = is_gold.astype(np.float64) + is_predicted
        size = members.sum(axis=1, keepdims=True)
        f1 = 2 * hits.sum(axis=1, keepdims=True) / size
        totals += f1
        influence += items * (2 * hits - f1 * members) / size
    return np.asarray((totals + influence) / max(len(there), 1))


def matching_biases(scores: ArrayLike, shares: ArrayLike) -> list[float]:
    """Return one bias per label, with mean 0, that makes the mean posterior match the labels' shares.

    Found by iterative proportional fitting, a convex problem.

    Args:
        scores: finite log scores, shape (rows, labels), at least one row.
        shares: of the labels, each above 0, with sum 1.
    """
    logs, wanted = np.asarray(scores, dtype=np.float64), np.log(shares)
    biases = np.zeros(logs.shape[1])
    for _ in range(ROUNDS):
        shifted = logs + biases
        weights = np.exp(shifted - shifted.max(axis=1, keepdims=True))
        means = (weights / weights.sum(axis=1, keepdims=True)).mean(axis=0)
        step = wanted - np.log(np.maximum(means, 1e-300))
        biases += step
        if np.abs(step).max() < TOLERANCE:
            break
    return [float(bias) for bias in biases - biases.mean()]


def seed_spread(arms: Sequence[Floats]) -> SeedSpread:
    """Pool the spread between training seeds over arms (arrays seeds x items of `item_values`).

    Per arm, the mean square between seeds minus the mean square of the interaction seeds x items, over
    items, estimates the variance of a seed's effect (two-way analysis of variance without replication).
    """
    between = inner = 0.0
    df = 0
    for values in arms:
        seeds, items = values.shape
        if seeds < 2:
            continue
        seed_means = values.mean(axis=1, keepdims=True)
        residual = values - seed_means - values.mean(axis=0, keepdims=True) + values.mean()
        between += float(((seed_means - values.mean()) ** 2).sum())
        inner += float((residual**2).sum()) / max(items - 1, 1) / items
        df += seeds - 1
    if df == 0:
        return NOT_MEASURED
    excess = between - inner
    if excess < ROUNDING * between:  # equal but for the order of the sums: no spread, not one of 1e-17
        excess = 0.0
    return SeedSpread(excess / df, between / df, df)


def _combine(by_item: float, items: int, spread: SeedSpread, share: float) -> tuple[float, float]:
    """Return the variance of a mean and its degrees of freedom (Satterthwaite).

    `share` is how often the variance of one seed's effect enters: arms that train / seeds of each.
    """
    variance = by_item + share * spread.variance
    if variance == 0:
        return 0.0, float(max(items - 1, 1))
    doubt = by_item**2 / max(items - 1, 1)
    least = max(items - 1, 1)
    if spread.df:
        doubt += (share * spread.mean_square) ** 2 / spread.df
        least = min(least, spread.df)
    # A sum of variances is never known worse than its worst part; the mean square may say otherwise.
    return variance, max(variance**2 / doubt, float(least))


def _quantile(df: float) -> float:
    from scipy import stats as scipy_stats

    return float(scipy_stats.t.isf(0.025, df))


def _wilson(share: float, trials: float, quantile: float) -> tuple[float, float]:
    squared = quantile**2 / trials
    middle = (share + squared / 2) / (1 + squared)
    half = math.sqrt(share * (1 - share) * squared + squared**2 / 4) / (1 + squared)
    return max(middle - half, 0.0), min(middle + half, 1.0)


def is_share(metric: str) -> bool:
    """Say whether a metric lies between 0 and 1; bits per byte and perplexities do not."""
    return "bits_per_byte" not in metric and "perplexity" not in metric


def mean_interval(values: Floats, spread: SeedSpread | None = None, share: bool = True) -> Estimate:
    """Return an arm's metric and its 95 % interval (Wilson's form, so it stays within 0 and 1).

    Args:
        values: shape (seeds, items), from `item_values`.
        spread: pooled over the run's arms; default this arm's own.
        share: the metric lies between 0 and 1; for any other the interval is the mean plus and minus.
    """
    seeds, items = values.shape
    own = seed_spread([values])
    spread = spread.at_least(own) if spread else own
    by_item = float(values.mean(axis=0).var(ddof=1)) / items if items > 1 else 0.25
    variance, df = _combine(by_item, items, spread, 1 / seeds)
    if not share:
        mean, half = float(values.mean()), _quantile(df) * math.sqrt(variance)
        return Estimate(mean, mean - half, mean + half)
    mean = float(np.clip(values.mean(), 0.0, 1.0))
    # As many independent trials as would give this variance; all right or all wrong: the items.
    trials = mean * (1 - mean) / variance if variance > 0 and 0 < mean < 1 else float(items)
    low, high = _wilson(mean, trials, _quantile(df))
    return Estimate(mean, min(low, mean), max(high, mean))


def wilson(successes: int, trials: int) -> tuple[float, float]:
    """Return Wilson's 95 % interval of a share; (0, 1) without trials."""
    from scipy import stats as scipy_stats

    return _wilson(successes / trials, trials, float(scipy_stats.norm.isf(0.025))) if trials else (0.0, 1.0)


class Association(NamedTuple):
    """How two columns go together; nan when it is not defined (a constant column, one class)."""

    value: float
    used: int  #: pairs that both columns have
    missing: int  #: pairs left out because either is nan


def _complete(first: ArrayLike, second: ArrayLike) -> tuple[Floats, Floats, int]:
    x, y = np.asarray(first, dtype=np.float64), np.asarray(second, dtype=np.float64)
    if x.shape != y.shape or x.ndim != 1:
        raise ValueError(f"two columns of one length are needed, got shapes {x.shape} and {y.shape}")
    there = ~(np.isnan(x) | np.isnan(y))
    return x[there], y[there], int((~there).sum())


def auc(scores: ArrayLike, labels: ArrayLike) -> Association:
    """Return the chance that a row with label 1 scores above one with label 0, ties counting half."""
    from scipy import stats as scipy_stats

    x, y, missing = _complete(scores, labels)
    if not np.isin(y, (0.0, 1.0)).all():
        raise ValueError("labels must be 0 or 1")
    ones = int(y.sum())
    zeros = len(y) - ones
    if ones == 0 or zeros == 0:
        return Association(float("nan"), len(x), missing)
    ranks = scipy_stats.rankdata(x)
    above = float(ranks[y == 1].sum()) - ones * (ones + 1) / 2
    return Association(above / (ones * zeros), len(x), missing)


def spearman(first: ArrayLike, second: ArrayLike) -> Association:
    """Return Spearman's rank correlation, ties given their mean rank."""
    from scipy import stats as scipy_stats

    x, y, missing = _complete(first, second)
    if len(x) < 2 or np.ptp(x) == 0 or np.ptp(y) == 0:
        return Association(float("nan"), len(x), missing)
    value = np.corrcoef(scipy_stats.rankdata(x), scipy_stats.rankdata(y))[0, 1]
    return Association(float(value), len(x), missing)


class Histogram(NamedTuple):
    """Counts of several groups over the same bins."""

    edges: list[float]  #: one more than bins
    counts: dict[str, list[int]]
    missing: dict[str, int]  #: nan values per group, in no bin


def histogram(groups: Mapping[str, ArrayLike], bins: int = 20) -> Histogram:
    """Count groups of values (kept and dropped, say) over bins of equal width that all share."""
    columns = {name: np.asarray(values, dtype=np.float64) for name, values in groups.items()}
    there = {name: values[np.isfinite(values)] for name, values in columns.items()}
    edges = np.histogram_bin_edges(np.concatenate([*there.values(), np.empty(0)]), bins)
    return Histogram(
        edges.tolist(),
        {name: np.histogram(values, edges)[0].tolist() for name, values in there.items()},
        {name: int(values.size - there[name].size) for name, values in columns.items()},
    )
