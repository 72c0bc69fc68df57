"""Do the intervals cover and how often is nothing called something? Simulated, with known truth.

Items and training seeds are drawn anew in every simulated run: each item has a difficulty that all arms
share, each arm errs on items of its own, and each seed shifts an arm's accuracy by a normal amount. Two of
five arms (an arm, its control, a reference, another arm and its control) are compared; they are equally
good, so every verdict is a false one. Printed as Markdown; docs/comparison.md holds the output.

    python benchmarks/intervals.py            # about five minutes on one core
    python benchmarks/intervals.py --runs 200 # a quick look
"""

from __future__ import annotations

import argparse
from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray
from scipy.stats import norm

from homespun import stats

ARMS = 5
ACCURACY = 0.85
OWN_ERRORS = 0.25  # share of an item's difficulty that is not common to all arms: about 13 % discordant
Correct = NDArray[np.bool_]


def draw(
    rng: np.random.Generator, items: int, seeds: int, seed_sds: Sequence[float], gains: Sequence[float] = ()
) -> Correct:
    """Return which items each arm and seed gets right, shape (arms, seeds, items)."""
    arms = len(seed_sds)
    threshold = norm.ppf(ACCURACY)
    slope = norm.pdf(threshold)  # accuracy per unit of the latent scale
    shared = rng.standard_normal((1, 1, items)) * np.sqrt(1 - OWN_ERRORS)
    of_arm = rng.standard_normal((arms, 1, items)) * np.sqrt(OWN_ERRORS * 0.4)
    of_seed = rng.standard_normal((arms, seeds, items)) * np.sqrt(OWN_ERRORS * 0.6)
    shift = rng.standard_normal((arms, seeds, 1)) * np.asarray(seed_sds)[:, None, None] / slope
    gain = np.asarray(gains or [0.0] * arms)[:, None, None] / slope
    return shared + of_arm + of_seed + shift + threshold + gain > 0


class Tally:
    """Counts of one line of a table."""

    def __init__(self) -> None:
        self.covered = self.false = self.runs = 0
        self.width = 0.0

    def add(self, found: stats.Difference, truth: float = 0.0) -> None:
        """Count one comparison."""
        self.runs += 1
        self.covered += found.low <= truth <= found.high
        self.false += found.p < 0.05
        self.width += (found.high - found.low) / 2

    def row(self) -> str:
        """Return coverage and mean half-width, in percent and points."""
        return f"{100 * self.covered / self.runs:.1f} | {100 * self.width / self.runs:.1f}"


def compare(values: Sequence[stats.Floats], metric: str, tallies: Sequence[Tally]) -> None:
    """Compare the first two arms in three ways."""
    pooled = stats.seed_spread(values)
    a, b = values[:2]
    tallies[0].add(stats.paired_difference(a, b, metric, pooled))
    tallies[1].add(stats.paired_difference(a, b, metric))
    averaged = stats.paired_difference(a.mean(axis=0, keepdims=True), b.mean(axis=0, keepdims=True), metric)
    tallies[2].add(averaged)


HEAD = (
    "| covers % | ± points | two arms alone: covers % | ± points | items only: covers % | ± points |\n"
    "|---|---|---|---|---|---|---|---|---|"
)


def coverage(runs: int, items: int, seeds: int, seed_sds: Sequence[float]) -> str:
    """Return one line of a table."""
    rng = np.random.default_rng([items, seeds, *(int(1e5 * sd) for sd in seed_sds)])
    tallies = [Tally() for _ in range(3)]
    for _ in range(runs):
        compare(list(draw(rng, items, seeds, seed_sds).astype(np.float64)), "accuracy", tallies)
    return " | ".join(tally.row() for tally in tallies)


def equal_arms(runs: int) -> None:
    """Print the table for arms whose seeds shake them alike."""
    print("\n### Equal arms, every arm shaken alike\n")
    print(f"| items | seeds | seed sd (points) {HEAD}")
    for items in (300, 2000):
        for seeds in (1, 2, 3, 5):
            for sd in (0.0, 0.005, 0.01, 0.02):
                line = coverage(runs if items == 300 else runs // 2, items, seeds, [sd] * ARMS)
                print(f"| {items} | {seeds} | {100 * sd:.1f} | {line} |", flush=True)


def unequal_arms(runs: int) -> None:
    """Print the table for arms that are shaken unequally."""
    print("\n### Equal arms, some shaken more than others\n")
    print(f"| items | seeds | seed sd of the two compared, and of the others (points) {HEAD}")
    cases = ([0.015, 0.015, 0.0075], [0.02, 0.02, 0.01, 0.01, 0.01], [0.005, 0.015, 0.005, 0.015, 0.005])
    for items in (300, 2000):
        for seeds in (2, 3):
            for sds in cases:
                line = coverage(runs if items == 300 else runs // 2, items, seeds, sds)
                words = ", ".join(f"{100 * sd:g}" for sd in sds)
                print(f"| {items} | {seeds} | {words} | {line} |", flush=True)


LABELS = ("a", "b", "c")
SHARES = (0.7, 0.2, 0.1)


def labelled(rng: np.random.Generator, right: Correct) -> tuple[NDArray[np.str_], NDArray[np.str_]]:
    """Return gold labels (unbalanced) and predictions: the gold one where right, else another."""
    gold = rng.choice(3, size=right.shape[-1], p=SHARES)
    wrong = (gold + rng.integers(1, 3, size=right.shape)) % 3
    names = np.asarray(LABELS)
    return names[gold], names[np.where(right, gold, wrong)]


def expected_macro_f1(right_share: float) -> float:
    """Return the macro-F1 of `labelled` predictions on endlessly many items."""
    wrong = (1 - right_share) / 2
    scores = [2 * share * right_share / (share * (1 + right_share) + (1 - share) * wrong) for share in SHARES]
    return sum(scores) / len(scores)


def macro_f1_and_single_arms(runs: int) -> None:
    """Print coverage for macro-F1 and for the metrics of a single arm."""
    print("\n### Macro-F1 (labels 70/20/10 %), and intervals of one arm (seed sd 1 point)\n")
    print(
        "| items | seeds | macro-F1 difference: covers % | ± points"
        " | accuracy of one arm: covers % | macro-F1: covers % |"
    )
    print("|---|---|---|---|---|---|")
    sds = [0.01] * ARMS
    slope = norm.pdf(norm.ppf(ACCURACY))
    right_share = float(norm.cdf(norm.ppf(ACCURACY) / np.sqrt(1 + (0.01 / slope) ** 2)))
    truth = {"accuracy": right_share, "macro_f1": expected_macro_f1(right_share)}
    rng = np.random.default_rng(7)
    for items in (100, 300, 2000):
        for seeds in (1, 2, 3):
            tally, inside = Tally(), dict.fromkeys(stats.METRICS, 0)
            for _ in range(runs):
                right = draw(rng, items, seeds, sds)
                gold, predicted = labelled(rng, right)
                for name in stats.METRICS:
                    values = [stats.item_values(arm, gold, LABELS, name) for arm in predicted]
                    pooled = stats.seed_spread(values)
                    alone = stats.mean_interval(values[0], pooled)
                    inside[name] += alone.low <= truth[name] <= alone.high
                tally.add(stats.paired_difference(values[0], values[1], "macro_f1", pooled))
            single = " | ".join(f"{100 * inside[name] / runs:.1f}" for name in stats.METRICS)
            print(f"| {items} | {seeds} | {tally.row()} | {single} |", flush=True)


def false_verdicts(runs: int) -> None:
    """Print how often a run makes at least one false claim."""
    print("\n### Runs with at least one false verdict against the controls (300 items, seed sd 1 point)\n")
    print("| selecting arms | seeds | with Holm % | without % |")
    print("|---|---|---|---|")
    rng = np.random.default_rng(11)
    for selecting in (1, 3, 6):
        for seeds in (1, 2, 3):
            any_holm = any_raw = 0
            for _ in range(runs):
                values = list(draw(rng, 300, seeds, [0.01] * (2 * selecting + 1)).astype(np.float64))
                pooled = stats.seed_spread(values)
                pairs = [(values[2 * i], values[2 * i + 1]) for i in range(selecting)]
                p = [stats.paired_difference(a, b, "accuracy", pooled).p for a, b in pairs]
                any_raw += min(p) < 0.05
                any_holm += min(stats.holm(p)) < 0.05
            print(f"| {selecting} | {seeds} | {100 * any_holm / runs:.1f} | {100 * any_raw / runs:.1f} |", flush=True)


def power(runs: int) -> None:
    """Print how often the number of items asked for is enough."""
    print("\n### Does `items_needed` keep its promise of 80 %? (no seed effect)\n")
    print("| true difference (points) | seeds | items needed | found with that many % |")
    print("|---|---|---|---|")
    rng = np.random.default_rng(13)
    for gain in (0.02, 0.03, 0.05):
        for seeds in (1, 3):
            sds, gains = [0.0] * 2, [gain, 0.0]
            a, b = draw(rng, 400_000, seeds, sds, gains).astype(np.float64)
            gaps = (a - b).mean(axis=0)
            needed = stats.items_needed(float(gaps.mean()), float((gaps**2).mean()))
            assert needed is not None
            found = 0
            for _ in range(runs):
                a, b = draw(rng, needed, seeds, sds, gains).astype(np.float64)
                found += stats.paired_difference(a, b, spread=stats.NOT_MEASURED).p < 0.05
            print(f"| {100 * gaps.mean():.1f} | {seeds} | {needed} | {100 * found / runs:.1f} |", flush=True)


def main() -> None:
    """Print every table."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--runs", type=int, default=2000, help="simulated runs per line (half for 2000 items)")
    runs = parser.parse_args().runs
    print("covers %: intervals that hold the true difference, 0; the rest are false positives at p < 0.05.")
    equal_arms(runs)
    unequal_arms(runs)
    macro_f1_and_single_arms(runs)
    false_verdicts(runs)
    power(runs)


if __name__ == "__main__":
    main()
