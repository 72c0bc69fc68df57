"""Accuracy against exposures: the points of a curve with their intervals, and where it reaches a threshold.

Pure functions on numbers; no model, no file. A threshold is reached at the first crossing of a moving average over
three checkpoints that holds at the checkpoint after it, interpolated linearly (methods.md C7). The crossing of the
interval's upper and lower end says how well that place is known.

Two curves are told apart by their intervals alone: the difference of two values, with their intervals added in
squares (Newcombe 1998, method 10). Both answered the same items, which only makes that more cautious; so do intervals
widened for the number of comparisons (Bonferroni).
"""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from itertools import pairwise
from statistics import NormalDist
from typing import Any, NamedTuple

import numpy as np

from homespun.data.records import JSONDict
from homespun.evaluate.base import Evaluation, ItemResult
from homespun.stats import descriptive
from homespun.stats.descriptive import Floats, SeedSpread
from homespun.task import Task

WINDOW = 3  #: checkpoints of the moving average
THRESHOLDS = (0.5, 0.7, 0.85, 0.95)  #: accuracies looked for; the paper reads its curves at 0.85
Point = tuple[float, float]  #: exposures or tokens, and the metric there


class Reach(NamedTuple):
    """Where a curve reaches a threshold: on its mean, and on the two ends of its 95 % interval.

    None where that line never does. `early` belongs to the upper end, `late` to the lower one.
    """

    at: float | None
    early: float | None
    late: float | None


def moving_average(points: Sequence[Point], window: int = WINDOW) -> list[Point]:
    """Return the average over `window` neighbouring checkpoints, centred.

    Near an end the window shrinks to what lies on both sides, so the first and the last point stay as they are and a
    straight line stays itself. The exposures are averaged with the values: where checkpoints are spaced unevenly,
    the average belongs to their middle.

    Raises:
        ValueError: `window` is not odd, or below 1.
    """
    if window < 1 or window % 2 == 0:
        raise ValueError(f"window is {window}; it must be odd and at least 1, to have a middle")
    found = []
    for index in range(len(points)):
        half = min(window // 2, index, len(points) - 1 - index)
        near = points[index - half : index + half + 1]
        found.append((sum(x for x, _ in near) / len(near), sum(y for _, y in near) / len(near)))
    return found


def exposures_to(points: Sequence[Point], threshold: float, window: int = WINDOW) -> float | None:
    """Return the exposures (or tokens) at which the curve reaches the threshold, or None.

    The first crossing of the moving average counts that holds at the next checkpoint. A crossing at the very last
    checkpoint counts, too: nothing contradicts it. A curve that begins above the threshold reaches it at its first
    checkpoint; it may have been earlier.
    """
    average = moving_average([point for point in points if math.isfinite(point[1])], window)
    for index, (x, y) in enumerate(average):
        if y < threshold or (index + 1 < len(average) and average[index + 1][1] < threshold):
            continue
        if index == 0:
            return x
        before_x, before_y = average[index - 1]
        if before_y < threshold:
            return round(before_x + (x - before_x) * (threshold - before_y) / (y - before_y), 6)
    return None


def saving(needed: float | None, base: float | None) -> float | None:
    """Return the share of `base` that needing only `needed` saves, `1 - needed / base`; negative when it costs more."""
    return None if needed is None or not base else 1 - needed / base


def reach(
    curve: Sequence[JSONDict], threshold: float, by: str = "exposures", metric: str = "accuracy", among: int = 1
) -> Reach:
    """Return where a curve of results.json reaches a threshold, with the ends of its interval.

    Args:
        curve: points as `curve` returns them.
        threshold: of the metric, as a share.
        by: `exposures` or `tokens`.
        metric: one that every point has.
        among: number of comparisons that the ends are for; they are widened to that level.
    """

    def end(value: Mapping[str, Any], key: str) -> float:
        return float(value["mean"] + _wider(among) * (value[key] - value["mean"]))

    lines = ([(point[by], end(point["metrics"][metric], key)) for point in curve] for key in ("mean", "high", "low"))
    return Reach(*(exposures_to(line, threshold) for line in lines))


def reached(
    curve: Sequence[JSONDict], thresholds: Sequence[float] = THRESHOLDS, metric: str = "accuracy"
) -> dict[str, dict[str, float | None]]:
    """Return `exposures_to` and `tokens_to` of results.json: threshold -> number or None."""
    return {
        f"{by}_to": {f"{threshold:g}": reach(curve, threshold, by, metric).at for threshold in thresholds}
        for by in ("exposures", "tokens")
    }


def curves_of(
    evaluation: Evaluation,
    task: Task | None,
    asked: Mapping[str, Sequence[Mapping[int, Sequence[ItemResult]]]],
    trained: Mapping[str, Sequence[tuple[Sequence[float], Sequence[int]]]],
) -> dict[str, tuple[JSONDict, Floats]]:
    """Return the curve of every arm, where it reaches the thresholds, and its primary metric at the end.

    Args:
        evaluation: that was asked.
        task: of the recipe.
        asked: arm -> exposures -> item results, for each seed.
        trained: arm -> losses of every exposure and tokens up to its end, for each seed.
    """
    measured = {}
    for arm, seeds in asked.items():
        points = sorted(seeds[0])
        values = [evaluation.by_unit([seed[exposures] for seed in seeds], task) for exposures in points]
        measured[arm] = (points, {metric: [at[metric] for at in values] for metric in values[-1]})
    spread = spreads(list(measured.values()))
    found = {}
    for arm, (points, by_metric) in measured.items():
        losses = [[told[exposures - 1] for told, _ in trained[arm]] for exposures in points]
        tokens = [[told[exposures - 1] for _, told in trained[arm]] for exposures in points]
        drawn = curve(points, by_metric, losses, tokens, spread)
        entry = {"curve": drawn, **reached(drawn, metric=evaluation.primary)}
        found[arm] = (entry, by_metric[evaluation.primary][-1])
    return found


def spreads(
    arms: Sequence[tuple[Sequence[int], Mapping[str, Sequence[Floats]]]],
) -> dict[tuple[str, int], SeedSpread]:
    """Return how much seeds move each metric at each checkpoint, pooled over the arms that have it.

    Two or three seeds of one arm say little about that; see `descriptive.seed_spread`. Arms with the same answers (the
    same rows, trained once) are counted once.

    Args:
        arms: of each arm the points and the values that `curve` takes.
    """
    groups: dict[tuple[str, int], dict[bytes, Floats]] = {}
    for points, values in arms:
        for metric, found in values.items():
            for exposures, answers in zip(points, found, strict=True):
                applying = _applying(answers)
                if applying.size:
                    groups.setdefault((metric, exposures), {})[applying.tobytes()] = applying
    return {key: descriptive.seed_spread(list(found.values())) for key, found in groups.items()}


def curve(
    points: Sequence[int],
    values: Mapping[str, Sequence[Floats]],
    losses: Sequence[Sequence[float]],
    tokens: Sequence[Sequence[int]],
    spread: Mapping[tuple[str, int], SeedSpread] | None = None,
) -> list[JSONDict]:
    """Return one arm's curve for results.json.

    Args:
        points: exposures of the checkpoints, rising.
        values: metric -> per checkpoint an array (seeds, items) of shares, usually 0 or 1; nan where the metric does
            not apply to an item. A metric that applies to nothing at a checkpoint is left out there.
        losses: per checkpoint and seed, mean training loss of that exposure in nats per token; nan before training.
        tokens: per checkpoint and seed, training tokens presented by then.
        spread: from `spreads` over all arms; default this arm's own seeds alone, which makes wide intervals.

    Raises:
        ValueError: the checkpoints do not rise, or the parts have different numbers of checkpoints.
    """
    if any(later <= earlier for earlier, later in pairwise(points)):
        raise ValueError(f"checkpoints must rise, got {list(points)}")
    lengths = {"losses": len(losses), "tokens": len(tokens), **{name: len(found) for name, found in values.items()}}
    for name, length in lengths.items():
        if length != len(points):
            raise ValueError(f"{name} has {length} checkpoints, the curve {len(points)}")
    found = []
    for index, exposures in enumerate(points):
        loss = [value for value in losses[index] if math.isfinite(value)]
        metrics: JSONDict = {}
        for name, answers in values.items():
            applying = _applying(answers[index])
            if applying.size:
                metrics[name] = _estimate(applying, (spread or {}).get((name, exposures)), descriptive.is_share(name))
        found.append(
            {
                "exposures": exposures,
                "tokens": float(np.mean(tokens[index])),
                "loss": float(np.mean(loss)) if loss else None,
                "metrics": metrics,
            }
        )
    return found


def _estimate(values: Floats, spread: SeedSpread | None, is_share: bool) -> JSONDict:
    estimate = descriptive.mean_interval(values, spread, is_share)
    seeds = [float(value) for value in values.mean(axis=1)]
    return {"mean": estimate.mean, "low": estimate.low, "high": estimate.high, "seeds": seeds}


def _applying(values: Floats) -> Floats:
    """Return the items a metric applies to, as values whose mean is each seed's metric, shape (seeds, items).

    What applies to an item with some seeds only (a share of the wrong answers, say) is linearised as a ratio: the
    metric plus each item's influence on it, as `descriptive.item_values` does for macro-F1.
    """
    values = np.asarray(values, dtype=np.float64)
    values = values[:, ~np.isnan(values).all(axis=0)]
    applies = ~np.isnan(values)
    if applies.all():
        return values
    counts = applies.sum(axis=1, keepdims=True)
    if (counts == 0).any():  # a seed with nothing to measure has no value; the others have
        values = values[counts[:, 0] > 0]
        return _applying(values) if values.size else np.empty((0, 0))
    means = np.nansum(values, axis=1, keepdims=True) / counts
    influence = values.shape[1] / counts * (np.where(applies, values, means) - means)
    return np.asarray(means + influence)


# differences of two curves, from their intervals alone


def above(a: Mapping[str, Any], b: Mapping[str, Any], among: int = 1) -> bool:
    """Say whether `a` is above `b` beyond their 95 % intervals.

    Args:
        a: mean, low and high.
        b: the same of the other.
        among: number of comparisons that this one was picked from.
    """
    return difference(a, b, among)[1] > 0


def difference(a: Mapping[str, Any], b: Mapping[str, Any], among: int = 1) -> tuple[float, float, float]:
    """Return the difference a - b with its 95 % interval, from the intervals of both."""
    gap = a["mean"] - b["mean"]
    wider = _wider(among)
    down = wider * math.hypot(a["mean"] - a["low"], b["high"] - b["mean"])
    up = wider * math.hypot(a["high"] - a["mean"], b["mean"] - b["low"])
    return gap, gap - down, gap + up


def _wider(among: int) -> float:
    """Return by how much a 95 % interval is widened to hold in that many comparisons together (Bonferroni)."""
    return NormalDist().inv_cdf(1 - 0.025 / max(among, 1)) / NormalDist().inv_cdf(0.975)


def level(a: Reach, b: Reach) -> bool:
    """Say whether `a` and `b` each reach a threshold within the interval of the other, or neither does.

    An end that never gets there leaves the interval open.
    """
    if a.at is None or b.at is None:
        return a.at is b.at
    (first_early, first_late), (early, late) = ((x.early or 0, math.inf if x.late is None else x.late) for x in (a, b))
    return first_early <= b.at <= first_late and early <= a.at <= late


def sooner(a: Reach, b: Reach) -> bool:
    """Say whether `a` reaches a threshold before `b` beyond what the ends of their intervals allow.

    As one of several comparisons: of what `reach` returns with `among`.
    """
    if a.at is None or a.late is None:
        return False
    if b.at is None or b.early is None:  # b never gets there: even its upper end must be later, or never
        return b.early is None or b.early > a.late
    return b.at - a.at > math.hypot(a.late - a.at, b.at - b.early)
