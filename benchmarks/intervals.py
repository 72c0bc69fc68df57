"""How often is nothing called something, and something found? Simulated runs of the whole comparison, with known truth.

Every *row* has a value, its luck for the student, and the sets of rows that arms are trained on make the correlation:
a placebo rule keeps the first 60 % in an order that knows nothing, its control a random 60 %, the reference all. With
`pool` every replicate has new rows, with `split` a part of its own of one pool, with `fixed` all have one pool and one
choice, and only controls are drawn anew. Items have a difficulty that arms share, and every arm and training errs on
items of its own. All arms are truly as good as the untrained student, so every "helped" or "hurt" is a false one.
Judged is by the product's parts and half-widths, for many runs at once; `check` asserts that `compare` says the same.

    python benchmarks/intervals.py             # 40 named cells and the other tables, one core
    python benchmarks/intervals.py --all       # every cell
    python benchmarks/intervals.py --runs 400  # a quick look
"""

from __future__ import annotations

import argparse
import itertools
from collections.abc import Iterator, Sequence
from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray
from scipy.special import stdtrit
from scipy.stats import norm

from homespun.evaluate.base import Evaluation, ItemResult
from homespun.evaluate.compare import compare
from homespun.evaluate.versus import Against, Design
from homespun.stats.inference import (
    LEVEL,
    Part,
    half_width,
    items_needed,
    level_at,
    replicates_needed,
    smallest_visible,
)

ROWS, KEPT = 50, 30  # candidates and kept of one replicate
ACCURACY, WORTH, EFFECT = 0.85, 0.03, 0.04
OF_ARM, OF_TRAINING = 0.1, 0.15  # shares of the latent variance that arms and trainings do not have in common
THRESHOLD = norm.ppf(ACCURACY)
SLOPE = norm.pdf(THRESHOLD)  # accuracy per unit of the latent scale
GROUPS = 40
CHUNK = 2_000_000  # answers at once
Values = NDArray[np.float32]


class Cell(NamedTuple):
    """One simulated design; standard deviations in points."""

    draws: str = "pool"
    items: int = 2000
    replicates: int = 3
    training: float = 1.0
    drawing: float = 1.0  #: of a random choice of KEPT of ROWS
    grouped: float = 0.0  #: share of the latent variance that is arm x group; 0: no groups
    unequal: bool = False  #: groups of 1 to 15 times the smallest
    arms: int = 1  #: that select

    def words(self) -> str:
        """Return the first columns of a table."""
        groups = f"{self.grouped:g}{', unequal' if self.unequal else ''}" if self.grouped else "no"
        return " | ".join(f"{one:g}" if isinstance(one, float) else str(one) for one in (*self[:5], groups, self.arms))


class Answers(NamedTuple):
    """Values of many runs, each (runs, replicates, units)."""

    selecting: list[Values]
    controls: list[Values]
    reference: Values
    untrained: Values
    better: list[Values]  #: the first selecting arm with each true effect


def shifts(rng: np.random.Generator, cell: Cell, runs: int) -> NDArray[np.float64]:
    """Return what rows and training add to accuracy, (runs, arms and controls and reference, replicates)."""
    fixed, k = cell.draws == "fixed", cell.replicates
    sd = cell.drawing / 100 / np.sqrt(1 / KEPT - 1 / ROWS)
    rows = rng.standard_normal((runs, 1 if fixed else k, ROWS)) * sd
    if cell.draws == "split":  # one pool, its rows dealt out
        rows = rng.permuted(rows.reshape(runs, -1), axis=1).reshape(rows.shape)
    if fixed:  # these rows are as good as the untrained student, others might not be
        rows = np.repeat(rows - rows.mean(axis=2, keepdims=True), k, axis=1)
    found = []
    for arm in range(2 * cell.arms):
        once = fixed and arm < cell.arms
        order = rng.random((runs, 1 if once else k, ROWS), dtype=np.float32).argpartition(KEPT, axis=2)[..., :KEPT]
        found.append(np.take_along_axis(rows, np.repeat(order, k, axis=1) if once else order, axis=2).mean(axis=2))
    trained = np.stack([*found, rows.mean(axis=2)], axis=1)
    return np.asarray(trained + rng.standard_normal(trained.shape) * cell.training / 100)


def simulate(cell: Cell, runs: int, effects: Sequence[float] = (EFFECT,), seed: int = 0) -> Iterator[Answers]:
    """Yield the answers of all arms, some runs at a time."""
    rng = np.random.default_rng([seed, *(ord(c) for c in cell.draws), *(int(100 * x) for x in cell[1:])])
    n, k, arms = cell.items, cell.replicates, 2 * cell.arms + 2
    # A training's own errors: slices of one long series, each from a place of its own, which is as good as new ones.
    series = rng.standard_normal(2**23, dtype=np.float32) * np.float32(np.sqrt(OF_TRAINING))
    slices = np.lib.stride_tricks.sliding_window_view(series, n)
    sizes = np.linspace(1, 15, GROUPS) if cell.unequal else np.ones(GROUPS)
    codes = np.searchsorted(np.cumsum(sizes) / sizes.sum(), (np.arange(n) + 0.5) / n)
    means = ((codes[:, None] == np.arange(GROUPS)) / np.bincount(codes)).astype(np.float32)
    chosen, whole = (1 / KEPT, 1 / ROWS) if cell.draws != "fixed" else (1 / KEPT - 1 / ROWS, 0.0)
    luck = np.array([chosen] * (arms - 2) + [whole, 0.0]) / (1 / KEPT - 1 / ROWS) * cell.drawing**2
    luck[:-1] += cell.training**2
    start = THRESHOLD * np.sqrt(1 + luck / (100 * SLOPE) ** 2)  # with luck as without it right as often
    size = max(CHUNK // (n * k * arms), 1)
    for first in range(0, runs, size):
        r = min(size, runs - first)
        moved = np.concatenate([shifts(rng, cell, r), np.zeros((r, 1, k))], axis=1) / SLOPE
        limit = -(moved + start[:, None]).astype(np.float32)[..., None]
        shared = rng.standard_normal((r, 1, n), dtype=np.float32) * np.sqrt(1 - OF_ARM - OF_TRAINING - cell.grouped)
        base = shared + rng.standard_normal((r, arms, n), dtype=np.float32) * np.sqrt(OF_ARM)
        if cell.grouped:
            base += rng.standard_normal((r, arms, GROUPS), dtype=np.float32)[..., codes] * np.sqrt(cell.grouped)
        base = base.astype(np.float32)

        starts = rng.integers(0, len(slices), (r, arms, k))

        def answers(
            arm: int, effect: float = 0.0, limit: Any = limit, base: Any = base, starts: Any = starts
        ) -> Values:
            count = 1 if arm == arms - 1 else k
            better = np.float32(norm.ppf(ACCURACY + effect) - THRESHOLD)
            right = slices[starts[:, arm, :count]] > limit[:, arm, :count] - base[:, arm, None] - better
            return right.astype(np.float32) @ means if cell.grouped else right.astype(np.float32)

        every = [answers(arm) for arm in range(arms)]
        yield Answers(
            every[: cell.arms], every[cell.arms : -2], every[-2], every[-1], [answers(0, effect) for effect in effects]
        )


class Held(NamedTuple):
    """What a comparison is made from, for many runs at once."""

    difference: Any
    by_unit: Any  #: variance of the unit means, over units
    interaction: Any
    between: Any  #: S² of the differences within replicates
    replicates: int
    units: int

    def part(self) -> Part:
        """Return the part of the items, as `unit_part`."""
        return Part(np.maximum(self.by_unit - self.interaction, 0), self.units - 1)


def held(a: Values, b: Values | float = 0.0) -> Held:
    """Return the moments of one arm's values, or of two arms' differences, (runs, replicates, units)."""
    gaps = a - b
    _, k, n = gaps.shape
    by_replicate = (gaps @ np.ones(n, np.float32)).astype(np.float64) / n
    by_unit = gaps.mean(axis=1)
    mean = by_replicate.mean(axis=1)
    squares = np.einsum("ru,ru->r", by_unit, by_unit, dtype=np.float64)
    total = np.einsum("rku,rku->r", gaps, gaps, dtype=np.float64)
    residual = total - n * (by_replicate**2).sum(axis=1) - k * squares + k * n * mean**2
    inner = residual / (max(k - 1, 1) * (n - 1) * k * n)
    between = by_replicate.var(axis=1, ddof=1) if k > 1 else np.zeros(len(gaps))
    return Held(mean, (squares / n - mean**2) / (n - 1), inner, between, k, n)


# the procedure of this project, and others


def parts_of(cell: Cell, relation: str, gap: Held, control: Held | None = None) -> list[Part]:
    """Return the parts of a difference as versus.py makes them; `control`: the arm's own."""
    k = gap.replicates
    replicates = Part(gap.between / k, k - 1)
    if cell.draws != "fixed" or control is None:
        return [gap.part(), replicates]
    if relation == "control":
        return [gap.part(), Part(control.between * (1 + 1 / k), k - 1)]
    return [gap.part(), Part(control.between, k - 1), replicates]


class Judged(NamedTuple):
    """Differences of every family, with their parts; of the better arms too."""

    control: list[tuple[Held, list[Part]]]
    reference: list[tuple[Held, list[Part]]]
    untrained: list[tuple[Held, list[Part]]]
    better: list[tuple[Held, list[Part]]]


def judge(cell: Cell, found: Answers, replicates: int | None = None) -> Judged:
    """Hold all arms of some runs against each other, on the first replicates or all."""
    kept = slice(replicates)
    selecting, controls, better = (
        [one[:, kept] for one in some] for some in (found.selecting, found.controls, found.better)
    )
    reference = found.reference[:, kept]
    luck = [held(one) for one in controls]

    def against(relation: str, a: Values, b: Values, control: Held | None = None) -> tuple[Held, list[Part]]:
        gap = held(a, b)
        return gap, parts_of(cell, relation, gap, control)

    return Judged(
        [against("control", a, c, own) for a, c, own in zip(selecting, controls, luck, strict=True)],
        [against("reference", a, reference, own) for a, own in zip(selecting, luck, strict=True)],
        [against("untrained", a, found.untrained) for a in (*selecting, reference, *controls)],
        [against("control", a, controls[0], luck[0]) for a in better],
    )


def beyond(family: Sequence[tuple[Held, list[Part]]], level: float, among: int = 0) -> NDArray[np.bool_]:
    """Return which runs have a verdict in a family whose arms are all equal (Holm's first step), (runs, arms)."""
    alpha = level / (among or len(family))
    return np.stack([np.abs(gap.difference) > half_width(parts, alpha) for gap, parts in family], axis=1)


def equal(gap: Held, parts: list[Part], level: float) -> NDArray[np.bool_]:
    """Return which runs say "no difference that matters"."""
    return np.asarray(WORTH - np.abs(gap.difference) > half_width(parts, 2 * level))


def t_beyond(difference: Any, variance: Any, df: Any, alpha: float) -> NDArray[np.bool_]:
    """Return where a t test rejects."""
    return np.asarray(np.abs(difference) > -stdtrit(df, alpha / 2) * np.sqrt(variance))


def old(arms: Sequence[Values], a: Values, b: Values, alpha: float) -> NDArray[np.bool_]:
    """Return what the earlier procedure rejected: spread of trainings pooled over all arms as if rows were fixed."""

    def spread(held_arms: Sequence[Held]) -> tuple[Any, Any, int]:
        between = sum(one.between for one in held_arms) / len(held_arms)
        inner = sum(one.interaction * one.replicates for one in held_arms) / len(held_arms)
        return np.maximum(between - inner, 0), between, len(held_arms) * (held_arms[0].replicates - 1)

    gap = held(a, b)
    (variance, square, df), own = spread([held(one) for one in arms]), spread([held(a), held(b)])
    variance, square, share = np.maximum(variance, own[0]), np.maximum(square, own[1]), 2 / gap.replicates
    total = gap.by_unit + share * variance
    doubt = gap.by_unit**2 / (gap.units - 1) + (share * square) ** 2 / df
    return t_beyond(gap.difference, total, np.maximum(total**2 / doubt, min(df, gap.units - 1)), alpha)


def mixed(gap: Held, alpha: float) -> NDArray[np.bool_]:
    """Return what a crossed mixed model rejects: balanced analysis of variance, Satterthwaite's degrees of freedom."""
    k, n = gap.replicates, gap.units
    inner, rows, units = gap.interaction, gap.between / k, gap.by_unit
    of_rows, of_units = np.maximum(rows - inner, 0), np.maximum(units - inner, 0)
    total = of_rows + of_units + inner
    one, other = of_rows > 0, of_units > 0  # a component below 0 leaves the model
    doubt = one * rows**2 / (k - 1) + other * units**2 / (n - 1)
    doubt += ((1.0 - one - other) * inner) ** 2 / ((k - 1) * (n - 1))
    return t_beyond(gap.difference, total, total**2 / doubt, alpha)


def welch(a: Held, b: Held, alpha: float) -> NDArray[np.bool_]:
    """Return what Welch's t test over replicates rejects."""
    k = a.replicates
    total = (a.between + b.between) / k
    df = total**2 / np.maximum((a.between**2 + b.between**2) / k**2 / (k - 1), 1e-30)
    return t_beyond(a.difference - b.difference, total, df, alpha)


def bootstrap(gaps: Values, weights: Values, rng: np.random.Generator, resamples: int = 300) -> NDArray[np.bool_]:
    """Return what a percentile bootstrap over items and replicates rejects."""
    k, out = gaps.shape[1], []
    for gap in gaps:
        drawn = rng.multinomial(k, [1 / k] * k, resamples).astype(np.float32) / k
        low, high = np.quantile(((drawn @ gap) * weights).sum(axis=1), [LEVEL / 2, 1 - LEVEL / 2])
        out.append(low > 0 or high < 0)
    return np.asarray(out)


# tables


def percent(counts: Sequence[Any]) -> str:
    """Return the share of runs, in percent."""
    return f"{100 * np.concatenate(counts).mean():.1f}"


def verdicts(cell: Cell, runs: int) -> str:
    """Return one line of the main table."""
    level, among = level_at(cell.replicates), cell.arms
    alpha = LEVEL / among
    told: dict[str, list[Any]] = {}
    for found in simulate(cell, runs):
        judged = judge(cell, found)
        a, b, better = found.selecting, found.controls, found.better[0]
        control = beyond(judged.control, level).any(axis=1)
        real = cell.arms if cell.draws == "fixed" else 0  # one choice differs from the untrained student by its luck
        elsewhere = beyond(judged.untrained, level)[:, real:].any(axis=1) | beyond(judged.reference, level).any(axis=1)
        line = {"false": control, "anywhere": control | elsewhere, "found": beyond(judged.better, level, among)[:, 0]}
        every = [*a, *b, found.reference]
        line["old"] = np.any([old(every, x, y, alpha) for x, y in zip(a, b, strict=True)], axis=0)
        line["old found"] = old(every, better, b[0], alpha)
        line["mixed"] = np.any([mixed(gap, alpha) for gap, _ in judged.control], axis=0)
        line["mixed found"] = mixed(judged.better[0][0], alpha)
        line["welch"] = np.any([welch(held(x), held(y), alpha) for x, y in zip(a, b, strict=True)], axis=0)
        line["welch found"] = welch(held(better), held(b[0]), alpha)
        for name, counts in line.items():
            told.setdefault(name, []).append(counts)
    return " | ".join(percent(counts) for counts in told.values())


HEAD = """
| draws | items | replicates | training sd | draw sd | arm x group | arms | **false** % | anywhere % | found % |\
 earlier false % | found % | mixed model false % | found % | Welch false % | found % |
|---|---|---|---|---|---|---|---|---|---|---|---|---|---|---|---|"""

NAMED = [
    *(Cell("pool", n, k, 1, sd) for n in (300, 2000) for k in (2, 3, 5, 10) for sd in (1, 3)),
    *(Cell("pool", 2000, k, *sds) for k in (2, 3) for sds in ((0.5, 0), (2, 0), (2, 3))),
    Cell("pool", 2000, 10, 1, 2),
    *(Cell("split", 2000, k, 1, 2) for k in (2, 3, 5, 10)),
    *(Cell("fixed", 2000, k, 1, 1) for k in (2, 3, 5, 10)),
    *(Cell("fixed", 2000, k, 1, 3) for k in (2, 5)),
    Cell("pool", 2000, 3, 1, 1, 0.1),
    Cell("pool", 2000, 3, 1, 1, 0.4, True),
    Cell("pool", 2000, 5, 1, 1, 0.4),
    Cell("fixed", 2000, 5, 1, 1, 0.4, True),
    Cell("pool", 300, 3, 1, 1, arms=3),
    Cell("pool", 300, 3, 1, 1, arms=7),
    Cell("fixed", 300, 3, 1, 1, arms=7),
]


def rest() -> list[Cell]:
    """Return the cells that have no name."""
    draws, counts = ("pool", "split", "fixed"), (2, 3, 5, 10)
    plain = itertools.product(draws, (300, 2000), counts, (0.5, 1, 2), (0, 1, 2, 3))
    groups = itertools.product(draws, (2000,), counts, (1,), (1,), (0.1, 0.2, 0.4), (False, True))
    arms = itertools.product(draws, (300, 2000), counts, (1,), (1,), (0.0,), (False,), (3, 7))
    every = [Cell(*one) for one in (*plain, *groups, *arms)]
    return [cell for cell in every if cell not in NAMED]


def bootstraps(runs: int) -> None:
    """Print how often a bootstrap errs."""
    print("\n### A bootstrap over items and replicates (2,000 items, training sd 1, draw sd 1)\n")
    print("| replicates | false % |\n|---|---|")
    for k in (2, 3, 5, 10):
        rng, cell = np.random.default_rng(k), Cell(replicates=k)
        weights = (rng.multinomial(cell.items, [1 / cell.items] * cell.items, 300) / cell.items).astype(np.float32)
        told = [bootstrap(x.selecting[0] - x.controls[0], weights, rng) for x in simulate(cell, max(runs // 4, 50))]
        print(f"| {k} | {percent(told)} |", flush=True)


def equivalences(runs: int) -> None:
    """Print how often two arms are called as good as equal when they are not quite, and when they are."""
    print(f"\n### No difference that matters ({100 * WORTH:g} points)\n")
    print(
        "| draws | items | replicates | training sd | draw sd | arm x group | arms | when they differ by exactly that,"
        " % | when they are equal, % |\n|---|---|---|---|---|---|---|---|---|"
    )
    cells = [Cell("pool", n, k, sd, sd) for n, sd in ((300, 0.5), (2000, 0.5), (2000, 1)) for k in (2, 3, 5, 10)]
    for cell in [*cells, *(Cell("fixed", 2000, k, 0.5, 0.5) for k in (3, 10))]:
        told: list[list[Any]] = [[], []]
        for found in simulate(cell, runs, (WORTH, 0.0)):
            for counts, one in zip(told, judge(cell, found).better, strict=True):
                counts.append(equal(*one, level_at(cell.replicates)))
        print(f"| {cell.words()} | {percent(told[0])} | {percent(told[1])} |", flush=True)


def looks(runs: int) -> None:
    """Print how often a run errs that is looked at, given more replicates, and looked at again."""
    print("\n### Looking at 2, then 3, then 5 replicates: any false verdict against the control\n")
    print("| draws | items | training sd | draw sd | false % | every look at 5 %: false % |\n|---|---|---|---|---|---|")
    levels: list[float] = []
    for count in (2, 3, 5):
        levels.append(level_at(count, sum(levels)))
    for cell in [Cell(d, n, 5, 1, sd) for d in ("pool", "fixed") for n in (300, 2000) for sd in (1, 3)]:
        spent, plain = [], []
        for found in simulate(cell, runs):
            judged = [judge(cell, found, count).control for count in (2, 3, 5)]
            spent.append(np.any([beyond(one, at) for one, at in zip(judged, levels, strict=True)], axis=0))
            plain.append(np.any([beyond(one, LEVEL) for one in judged], axis=0))
        print(f"| {cell.draws} | {cell.items} | 1 | {cell.drawing} | {percent(spent)} | {percent(plain)} |", flush=True)


def single(parts: Sequence[Part], run: int) -> list[Part]:
    """Return the parts of one run."""
    return [Part(float(part.variance[run]), part.df) for part in parts]


def planning(runs: int) -> None:
    """Print whether plans keep their promise of 80 %, each made by one run, the middle of some 40."""
    print("\n### Plans: is the smallest visible difference found four times in five, and do the replicates suffice?\n")
    print(
        "| draws | items | replicates | training sd | draw sd | arm x group | arms | smallest visible | found %"
        f" | replicates for {100 * WORTH:g} points | found % | items, with these replicates | found % |"
    )
    print("|---|---|---|---|---|---|---|---|---|---|---|---|---|")
    for cell in [Cell("pool", n, k, 1, 1) for n in (300, 2000) for k in (3, 5, 10)] + [Cell("pool", 2000, 5, 1, 2)]:
        level = level_at(cell.replicates)

        def later(count: int, level: float = level) -> float:
            return level_at(count, level)

        gap, parts = judge(cell, next(simulate(cell, 40, seed=1))).control[0]
        pilots = range(len(gap.difference))
        seen = [smallest_visible(single(parts, run), level) for run in pilots]
        visible = float(np.mean(seen))
        needed, more = [], []
        for run in pilots:
            unit, other = single(parts, run)
            at = later if seen[run] > WORTH else lambda _, level=level: level
            needed.append(replicates_needed(WORTH, unit, other.variance * cell.replicates, at) or 1000)
            more.append(items_needed(WORTH, cell.items, unit, [other], level) or 10**9)
        line = [f"{100 * visible:.1f}", found_share(cell, visible, level, runs)]
        count, items = int(np.median(needed)), int(np.median(more))
        again, larger = cell._replace(replicates=count), cell._replace(items=items)
        held_to = later(count) if count > cell.replicates else level
        line += [str(count), found_share(again, WORTH, held_to, runs)] if count < 30 else ["-", "-"]
        line += [str(items), found_share(larger, WORTH, level, runs)] if items < 10_000 else ["-", "-"]
        print(f"| {cell.words()} | {' | '.join(line)} |", flush=True)


def found_share(cell: Cell, effect: float, level: float, runs: int) -> str:
    """Return how often a true difference is found, in percent."""
    return percent([beyond(judge(cell, one).better, level) for one in simulate(cell, runs, (effect,))])


class Marked(Evaluation):
    """Items that are given their marks."""

    kind: str = "marked"

    @property
    def primary(self) -> str:
        """Return the metric of verdicts."""
        return "accuracy"


def check() -> None:
    """Assert that `compare` reaches what the code above reaches for many runs at once."""
    cells = [Cell(draws, 300, 3, 1, 3, arms=2) for draws in ("pool", "split", "fixed")]
    for cell in [*cells, Cell("fixed", 300, 3, 1, 3, 0.4, True, 2)]:
        found = next(simulate(cell, 3))
        judged = judge(cell, found)
        for run in range(len(found.untrained)):
            arms = {f"a{i}": one for i, one in enumerate(found.selecting)} | {"all": found.reference}
            arms |= {f"c{i}": one for i, one in enumerate(found.controls)}
            marks = {
                name: {
                    seed: [ItemResult(str(i), "", "", "free", marks={"accuracy": float(v)}) for i, v in enumerate(row)]
                    for seed, row in enumerate(one[run])
                }
                for name, one in {**arms, "untrained": found.untrained}.items()
            }
            said = compare(
                Marked(),
                None,
                {"untrained": marks.pop("untrained")},
                marks,
                {f"a{i}": Against(f"c{i}", "all") for i in range(cell.arms)},
                Design(cell.draws, WORTH),  # type: ignore[arg-type]
            )["arms"]
            families = {
                "control": zip(["a0", "a1"], judged.control, strict=True),
                "reference": zip(["a0", "a1"], judged.reference, strict=True),
                "baseline": zip(["a0", "a1", "all", "c0", "c1"], judged.untrained, strict=True),
            }
            for relation, family in families.items():
                for name, (gap, parts) in family:
                    one = said[name][f"versus_{relation}"]
                    half = float(half_width(parts)[run])
                    expected = (gap.difference[run] - half, gap.difference[run] + half)
                    assert np.allclose((one["low"], one["high"]), expected, atol=1e-5), (cell, relation, name)
            first = beyond(judged.control, level_at(cell.replicates))[run].any()
            assert first == any(said[name]["versus_control"]["verdict"] in ("helped", "hurt") for name in ("a0", "a1"))


def main() -> None:
    """Print every table."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--runs", type=int, default=4000, help="simulated runs per line")
    parser.add_argument("--all", action="store_true", help="every cell, not only the named ones")
    options = parser.parse_args()
    check()
    print("### Verdicts: false ones where nothing is there, and a true difference of 4 points found")
    print(HEAD)
    for cell in [*NAMED, *(rest() if options.all else [])]:
        print(f"| {cell.words()} | {verdicts(cell, options.runs)} |", flush=True)
    for table in (bootstraps, equivalences, looks, planning):
        table(options.runs)


if __name__ == "__main__":
    main()
