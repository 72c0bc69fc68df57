"""How often does a rule that knows nothing get a verdict? Placebos put together from real trainings.

The luck of a training seed, of one draw of rows and of the pool that was written move an arm's accuracy.
`collect` trains and evaluates the loop's student (recipes/sentiment.yaml) on random draws of 60 % of a pool,
one thread, about a minute each, and goes on where it was stopped: results and pools stand beside this file.
Without `collect` the three parts are estimated from them, and thousands of runs are put together in which
arm and control are both drawn by lot, so that every verdict is a false one. `--linear` does the same with a
ridge classifier on real reviews. Printed as Markdown.

    python benchmarks/placebo.py collect --minutes 60
    python benchmarks/placebo.py
    python benchmarks/placebo.py --linear PATH/movie_reviews.jsonl
"""

from __future__ import annotations

import argparse
import functools
import json
import os
import re
import tempfile
import time
from collections.abc import Callable, Iterator
from pathlib import Path

import numpy as np
from scipy.stats import chi2, t

from homespun.stats import inference
from homespun.stats.descriptive import Floats

HERE = Path(__file__).parent
TRAININGS, POOLS = HERE / "placebo.jsonl", HERE / "placebo-pools.jsonl"
DRAWS, OTHER_POOLS, DRAWS_OF_OTHERS, SEEDS, ITEMS = 40, 11, 3, 2, 300
Cell = tuple[int, int]  # pool, draw


def lines(path: Path) -> list[dict]:
    """Return the records of a file, none if it is not there."""
    return [json.loads(line) for line in path.read_text("utf-8").splitlines()] if path.exists() else []


def append(path: Path, records: list[dict]) -> None:
    """Add records to a file, on disk when this returns."""
    with path.open("a", encoding="utf-8") as file:
        file.writelines(json.dumps(record, ensure_ascii=False) + "\n" for record in records)
        file.flush()
        os.fsync(file.fileno())


def order() -> list[Cell]:
    """Return every pool and draw, both studies in turn, so that both can be read wherever collection stops."""
    cells = [(0, draw) for draw in range(DRAWS_OF_OTHERS)]
    more = np.array_split(np.arange(DRAWS_OF_OTHERS, DRAWS), OTHER_POOLS)
    for pool, draws in enumerate(more, start=1):
        cells += [(pool, draw) for draw in range(DRAWS_OF_OTHERS)] + [(0, int(draw)) for draw in draws]
    return cells


def collect(minutes: float) -> None:
    """Train and evaluate what is missing in the file of trainings."""
    import torch

    from homespun.data.records import Labelled, Lineage, Row
    from homespun.engine.context import Context, Models
    from homespun.models.load import load_model
    from homespun.recipe import recipefile
    from homespun.run import loop, readback
    from homespun.select.base import Columns
    from homespun.select.rules.share import Random

    torch.set_num_threads(1)
    started = time.monotonic()
    recipe = recipefile.load(HERE.parent / "recipes/sentiment.yaml")
    student, evaluation = recipe.model_for("student"), recipe.evaluate["accuracy"]
    items = evaluation.load_items(recipe.the_task)
    ctx = Context(recipe.the_task, recipe.language, 0, Models({}, load_model))
    done = {(one["pool"], one["draw"], one["seed"]) for one in lines(TRAININGS)}

    def write(pool: int) -> None:
        only = recipe.model_copy(update={"seed": pool, "score": {}, "arms": {}, "train": None, "evaluate": {}})
        folder = HERE.parent / f"runs/placebo/pool-{pool}"
        loop.run(only, folder)
        rows = readback.RunData.read(*readback.open_run(folder)).accepted()
        records = [{"pool": pool, "label": row.payload.output, "text": row.text} for row in rows]
        append(POOLS, records)

    def rows_of(pool: int) -> list[Row]:
        found = []
        for number, one in enumerate(one for one in lines(POOLS) if one["pool"] == pool):
            payload, lineage = (
                Labelled({recipe.the_task.fields[0]: one["text"]}, one["label"]),
                Lineage("pool", str(number)),
            )
            found.append(Row.make(payload, language="en", groups={"label": one["label"]}, lineage=lineage))
        return found

    for pool, draw in order():
        for seed in (1000 * pool + SEEDS * draw + one for one in range(SEEDS)):
            if (pool, draw, seed) in done:
                continue
            if time.monotonic() - started > 60 * minutes:
                return
            if not rows_of(pool):
                write(pool)
            began, rows = time.monotonic(), rows_of(pool)
            verdicts = Random(share=0.6, within="label")(rows, Columns({}), draw)
            drawn = [row for row, verdict in zip(rows, verdicts, strict=True) if verdict.keep]
            with tempfile.TemporaryDirectory() as folder:
                recipe.train(drawn, ctx, student, seed, Path(folder))
                model = load_model(student, Path(folder))
            results = evaluation.predict(model, recipe.the_task, items, recipe.language, "constrained")
            right = np.array([result.predicted == result.gold for result in results])
            record = {"study": "pools" if pool else "draws", "pool": pool, "draw": draw, "seed": seed}
            record |= {"rows": len(drawn), "right": np.packbits(right).tobytes().hex(), "accuracy": right.mean()}
            append(TRAININGS, [record])
            print(*record.values(), f"{time.monotonic() - began:.0f} s", flush=True)


def trained() -> dict[int, Floats]:
    """Return what is collected, by pool: shape (draws, seeds, items), 1 where right; unfinished draws left out."""
    cells: dict[Cell, list[Floats]] = {}
    for one in lines(TRAININGS):
        bits = np.unpackbits(np.frombuffer(bytes.fromhex(one["right"]), np.uint8), count=ITEMS)
        cells.setdefault((one["pool"], one["draw"]), []).append(bits.astype(float))
    pools: dict[int, list[list[Floats]]] = {}
    for (pool, _), right in sorted(cells.items()):
        pools.setdefault(pool, []).extend([right] * (len(right) == SEEDS))
    return {pool: np.array(draws) for pool, draws in pools.items() if len(draws) >= DRAWS_OF_OTHERS}


# The parts of the luck


def spread(groups: list[Floats]) -> tuple[float, float, int]:
    """Return the mean square between the rows of arrays (n, items), what their items explain of it, and the df."""
    between = explained = 0.0
    df = 0
    for values in groups:
        means = values.mean(axis=1, keepdims=True)
        rest = values - means - values.mean(axis=0) + values.mean()
        between += float(((means - means.mean()) ** 2).sum())
        explained += float((rest**2).sum()) / (values.shape[1] - 1) / values.shape[1]
        df += len(values) - 1
    return between / df, explained / df, df


def component(upper: tuple[float, float, int], lower: tuple[float, float, int], share: float) -> str:
    """Return the sd that a level adds to `share` of the level below, with its 95 % interval, in points.

    Modified large sample limits (Graybill and Wang 1980); the items' share is taken as known.
    """
    (high, high_items, high_df), (low, low_items, low_df) = upper, lower
    middle = high - high_items - share * (low - low_items)
    df = np.array([high_df, low_df])
    fall, rise = 1 - df / chi2.isf(0.025, df), df / chi2.isf(0.975, df) - 1
    down = middle - np.hypot(fall[0] * high, rise[1] * share * low)
    up = middle + np.hypot(rise[0] * high, fall[1] * share * low)
    sd, least, most = 100 * np.sqrt(np.maximum([middle, down, up], 0))
    return f"{sd:.2f} | {least:.2f} to {most:.2f} | {high_df}"


def parts(pools: dict[int, Floats]) -> None:
    """Print how much seeds, draws and pools move the accuracy."""
    print("\n### What moves an arm's accuracy\n\n| | sd, points | 95 % | df |\n|---|---|---|---|")
    seeds = spread([draw for draws in pools.values() for draw in draws])
    draws = spread([draws.mean(axis=1) for draws in pools.values()])
    print(f"| training seed | {component(seeds, (0.0, 0.0, 1), 0.0)} |")
    print(f"| draw of the rows | {component(draws, seeds, 1 / SEEDS)} |")
    if len(pools) > 1:
        means = np.array([draws[:DRAWS_OF_OTHERS].mean(axis=(0, 1)) for draws in pools.values()])
        print(f"| pool | {component(spread([means]), draws, 1 / DRAWS_OF_OTHERS)} |")
    print("\nNested analysis of variance, what the items explain taken off; modified large sample limits.")


# Placebos


Pair = tuple[Floats, Floats]  #: arm and control, each (replicates, items)


def verdict(kind: str, arm: Floats, control: Floats) -> float:
    """Return the p of the product: one choice is judged by its control's draws, replicates by their differences."""
    gaps, count = arm - control, len(arm)
    drawn = inference.replicate_variance(control) * (1 + 1 / count)
    one = drawn if kind == "fixed" else inference.replicate_variance(gaps) / count
    parts = {"items": inference.unit_part(gaps), "chance": inference.Part(one, count - 1)}
    return inference.concluded(float(gaps.mean()), parts).p


def old(arm: Floats, control: Floats) -> float:
    """Return the p of a comparison that counts the replicates of one draw as if each were drawn anew."""
    count, items = arm.shape
    gaps = (arm - control).mean(axis=0)
    seeds, explained, df = spread([arm, control])
    by_item, by_seed = gaps.var(ddof=1) / items, 2 / count * max(seeds - explained, 0.0)
    if not by_item + by_seed:
        return float(gaps.mean() == 0)
    doubt = by_item**2 / (items - 1) + (2 / count * seeds) ** 2 / df
    found = max((by_item + by_seed) ** 2 / doubt, min(items - 1, df))
    return float(2 * t.sf(abs(gaps.mean()) / np.sqrt(by_item + by_seed), found))


def more_seeds(rng: np.random.Generator, right: Floats, draw: int, count: int) -> Floats:
    """Return `count` trainings of one draw, as many as were never done.

    What the draw does, its share of the seeds' luck taken off, plus what a seed did to some other draw: the
    variance of accuracy and of items is that of real trainings.
    """
    middle = right.mean(axis=(0, 1))
    of_draw, of_seed = right.mean(axis=1) - middle, (right[:, 0] - right[:, 1]) / 2**0.5
    whole, own = of_draw.mean(axis=1, keepdims=True), of_seed.mean(axis=1, keepdims=True)
    of_draw, of_seed_items = of_draw - whole, of_seed - own

    def keep(draws: Floats, seeds: Floats) -> float:
        return max(0.0, 1 - (seeds**2).mean() / SEEDS / (draws**2).sum() * (draws.size - draws.shape[1])) ** 0.5

    fixed = middle + keep(whole, own) * whole[draw] + keep(of_draw, of_seed_items) * of_draw[draw]
    return fixed + rng.choice([-1, 1], (count, 1)) * of_seed[rng.choice(len(right), count, replace=False)]


def placebos(pools: dict[int, Floats], kind: str, count: int, runs: int) -> Iterator[Pair]:
    """Yield pairs that differ by luck alone.

    fixed: the arm is one draw of one pool, the control another draw per replicate; pool: another pool per replicate.
    """
    rng, first = np.random.default_rng(count), pools[0]
    for _ in range(runs):
        if kind == "fixed":
            draw, *others = rng.choice(len(first), count + 1, replace=False)
            arm = rng.permutation(first[draw]) if count == SEEDS else more_seeds(rng, first, draw, count)
            yield arm, first[others, rng.integers(SEEDS, size=count)]
        else:
            some = [pools[pool] for pool in rng.choice(list(pools), count, replace=False)]
            two = np.array(
                [draws[rng.choice(len(draws), 2, replace=False), rng.integers(SEEDS, size=2)] for draws in some]
            )
            yield two[:, 0], two[:, 1]


def table(kinds: dict[str, Callable[[int], Iterator[Pair]]], most: Callable[[str], int]) -> None:
    """Print the share of placebos with p < .05."""
    print("\n| placebo | replicates | p < .05 % | earlier procedure % |\n|---|---|---|---|")
    for kind, pairs in kinds.items():
        for count in (2, 3, 5, 10):
            if count <= most(kind):
                p = np.array([[verdict(kind, *pair), old(*pair)] for pair in pairs(count)])
                new, before = 100 * (p < 0.05).mean(axis=0)
                print(f"| {kind} | {count} | {new:.1f} | {before:.1f} |", flush=True)


def linear(path: Path, runs: int) -> None:
    """Print the table for a ridge classifier on the words of real reviews; a training leaves a tenth of its rows out.

    split: one pool of 600 rows is cut into a disjoint part per replicate.
    """
    rng, items = np.random.default_rng(0), 1000
    records = lines(path)
    words = [set(re.findall(r"[a-z']+", one["text"].lower())) for one in records]
    number = {word: place for place, word in enumerate(sorted(set().union(*words)))}
    has = np.zeros((len(words), len(number)))
    for place, some in enumerate(words):
        has[place, [number[word] for word in some]] = len(some) ** -0.5
    kernel = has @ has.T
    sign = np.array([1.0 if one["label"] == "positive" else -1.0 for one in records])

    def draw(pool: np.ndarray, share: float = 0.6) -> np.ndarray:
        of_label = [rng.permutation(pool[sign[pool] == one]) for one in (1, -1)]
        return np.concatenate([rows[: round(share * len(rows))] for rows in of_label])

    def train(rows: np.ndarray) -> Floats:
        some = draw(rows, 0.9)
        weights = np.linalg.solve(kernel[np.ix_(some, some)] + np.eye(len(some)), sign[some])
        return (kernel[:items, some] @ weights * sign[:items] > 0).astype(float)

    def pairs(kind: str, count: int) -> Iterator[Pair]:
        for _ in range(runs):
            some = [rng.permutation(np.arange(items, len(records))) for _ in range(count)]
            pools = [pool[:150] for pool in some] if kind == "pool" else [some[0][:150]] * count
            pools = np.array_split(some[0][:600], count) if kind == "split" else pools
            arms = [draw(pools[0])] * count if kind == "fixed" else map(draw, pools)
            yield np.array([train(rows) for rows in arms]), np.array([train(draw(pool)) for pool in pools])

    print(f"### {runs} placebos each: ridge on the words of {len(records)} real reviews, {items} of them items")
    table({kind: functools.partial(pairs, kind) for kind in ("fixed", "pool", "split")}, lambda kind: 10)


def main() -> None:
    """Collect or analyse."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("collect", nargs="?", choices=["collect"])
    parser.add_argument("--minutes", type=float, default=1e9, help="no training begins later than that")
    parser.add_argument("--linear", type=Path, metavar="FILE", help="JSONL of real reviews with `text` and `label`")
    parser.add_argument("--runs", type=int, help="placebos per line; default 2000, linear 500")
    options = parser.parse_args()
    if options.collect:
        collect(options.minutes)
    elif options.linear and not options.linear.exists():
        print(f"{options.linear} is not there: skipped")
    elif options.linear:
        linear(options.linear, options.runs or 500)
    else:
        pools, runs = trained(), options.runs or 2000
        print(f"{SEEDS * sum(map(len, pools.values()))} trainings of {len(pools)} pools, {ITEMS} items.")
        parts(pools)
        print(f"\n### {runs} placebos each, put together from these trainings")
        kinds = {kind: functools.partial(placebos, pools, kind, runs=runs) for kind in ("fixed", "pool")}
        table(kinds, lambda kind: len(pools[0]) - 1 if kind == "fixed" else len(pools))


if __name__ == "__main__":
    main()
