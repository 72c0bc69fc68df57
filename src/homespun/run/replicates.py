"""Replicates of a run: what chance decides is drawn anew in each, so that a result is about the rule and not one draw.

A replicate is one of the recipe's `train.seeds`. `draws` says what it draws beside the order and weights of training:

- `pool`: it writes a pool of its own (variants of the same documents, responses to the same prompts)
- `split`: one pool is written and cut, cell by cell, into disjoint parts, one for each
- `fixed`: all share one pool and one choice of rows; only the controls are drawn anew

Overlapping samples of one pool are no replicates: two of 80 % correlate at .4 (docs/comparison.md), so they are not
offered. What follows for verdicts is evaluate/versus.py's business.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

from homespun.data.records import Row, derive_seed
from homespun.errors import UsageError
from homespun.generate.base import Generator
from homespun.select.arms import axis_of
from homespun.select.rules.share import draw

if TYPE_CHECKING:
    from homespun.engine.context import Context
    from homespun.recipe.recipe import Recipe
    from homespun.task import Draws


@dataclass(frozen=True)
class Replicate:
    """Rows that are written, scored and selected by themselves, and the trainings that take them."""

    seeds: tuple[int, ...]  #: of the trainings: one, or all of a run whose rows are fixed
    seed: int  #: what a run's seed decides follows from this
    mark: str  #: of its files, NAME@SEED; empty for seed 0 and where all share their rows
    part: int = 0  #: of the pool that is cut
    parts: int = 1

    def of(self, rows: Sequence[Row]) -> tuple[Row, ...]:
        """Return this replicate's part of rows: of every cell as many as the others get, give or take one."""
        by_cell = sorted(rows, key=lambda row: (*_cell(row), draw(self.seed, "split", row)))
        mine = {row.id for row in by_cell[self.part :: self.parts]}
        return tuple(row for row in rows if row.id in mine)


def _cell(row: Row) -> tuple[str, str]:
    """Return what parts have equally much of: a label, a prompt, or a form of a document."""
    return axis_of(row), row.groups.get(row.payload.axes[0], "")


def seeds_of(recipe: Recipe) -> tuple[int, ...]:
    """Return the seeds of all trainings; one where nothing is trained."""
    trainers = [recipe.trainer_for(arm) for arm in recipe.arms.values()]
    return tuple(sorted({seed for trainer in trainers if trainer for seed in trainer.seeds})) or (0,)


def draws_of(recipe: Recipe) -> Draws:
    """Return what every replicate draws anew; by default split where rows are paid for or there already, else pool."""
    return recipe.draws or ("split" if _there_already(recipe) or recipe.model_for("writer").is_server else "pool")


def is_cut(recipe: Recipe, source: str) -> bool:
    """Whether replicates get a part each of these rows; those that no seed changes go to all of them whole."""
    generator = recipe.generate.get(source)
    return draws_of(recipe) == "split" and (generator is None or generator.anew)


def replicates_of(recipe: Recipe) -> list[Replicate]:
    """Return a run's replicates, the first one first."""
    seeds, draws = seeds_of(recipe), draws_of(recipe)
    if draws == "fixed":
        return [Replicate(seeds, recipe.seed, "")]
    marks = [f"@{seed}" if seed else "" for seed in seeds]
    if draws == "split":
        places = enumerate(zip(seeds, marks, strict=True))
        return [Replicate((seed,), recipe.seed, mark, part, len(seeds)) for part, (seed, mark) in places]
    return [
        Replicate((seed,), derive_seed(recipe.seed, "replicate", seed) if seed else recipe.seed, mark)
        for seed, mark in zip(seeds, marks, strict=True)
    ]


def pool_marks(recipe: Recipe) -> list[str]:
    """Return the marks of the pools that a run writes: one for each replicate, or one for all."""
    return [one.mark for one in replicates_of(recipe) if one.part == 0]


def _there_already(recipe: Recipe) -> list[str]:
    """Return where rows come from that nobody can write anew: files."""
    files = [source for arm in recipe.arms.values() for source in arm.sources or () if source not in recipe.generate]
    return [*files, *(name for name, one in recipe.generate.items() if one.fixed)]


def check_draws(recipe: Recipe, ctx: Context) -> None:
    """Refuse replicates that cannot be drawn, before anything is spent.

    Raises:
        UsageError: a file is to be written anew, the rows of a selecting arm are the same in every replicate, or a
            part of a pool would lack a label, document or prompt, or what an arm takes of it.
    """
    parts, there = len(seeds_of(recipe)), _there_already(recipe)
    if parts == 1 or draws_of(recipe) == "fixed":
        return
    if draws_of(recipe) == "pool" and there:
        raise UsageError(
            f"draws: pool writes new rows for each of train.seeds, and those of {', '.join(there)} are there already;"
            " take draws: split (a part of them for each), or draws: fixed (one choice, the verdict is about it alone)"
        )
    for arm, entry in recipe.arms.items():
        sources = entry.sources or tuple(recipe.generate)
        generators = [recipe.generate.get(source) for source in sources]
        if entry.select and all(generator and not generator.anew for generator in generators):
            raise UsageError(
                f"arms.{arm} selects among {', '.join(sources)}, whose rows are the same in every replicate, so its one"
                " choice would be taken for a rule; take draws: fixed"
            )
    for name, strategy in recipe.generate.items():
        if is_cut(recipe, name):
            _check_parts(recipe, name, strategy, ctx, parts)


def _check_parts(recipe: Recipe, name: str, generator: Generator, ctx: Context, parts: int) -> None:
    wanted, cells = generator.wanted(ctx), generator.cells(ctx)
    cut = f"draws: split cuts the rows of generate.{name} into {parts} parts, one for each of train.seeds, and"
    if wanted < parts * cells:
        raise UsageError(
            f"{cut} {wanted} rows are too few for {cells} cells (labels, documents or prompts) in each: write at least"
            f" {parts * cells}, take fewer seeds, or draws: pool"
        )
    for arm, entry in recipe.arms.items():
        most = {"size": wanted // parts, "variants": wanted // parts // cells}
        for key, asked in {"size": entry.size, "variants": entry.each}.items():
            if entry.sources == (name,) and asked is not None and asked > most[key]:
                raise UsageError(
                    f"{cut} arms.{arm}.{key} is {asked} where each has {most[key]}: write {parts} times as many, take"
                    " fewer seeds, or draws: pool"
                )
