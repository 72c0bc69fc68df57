"""What the parts of a recipe say about each other: names that refer to nothing, parts that do not fit.

Each check yields (where, what is wrong); recipefile.py adds file and line. Whether a part is right by itself is
its own pydantic model's business. Nothing here reads data.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import TYPE_CHECKING

from homespun.errors import UsageError
from homespun.registry import Strategy, did_you_mean
from homespun.task import ROLES

if TYPE_CHECKING:
    from homespun.recipe.recipe import Arm, Recipe
    from homespun.score.base import Scorer
    from homespun.train.base import Trainer

Where = tuple[str | int, ...]
Problem = tuple[Where, str]
LANGUAGES = ("en", "ja")


def problems(recipe: Recipe, folder: Path) -> Iterator[Problem]:
    """Yield everything that is wrong between the parts of a recipe; `folder` is where its paths begin."""
    if recipe.language not in LANGUAGES:
        yield ("language",), f'no prompts for language "{recipe.language}"; there are: {", ".join(LANGUAGES)}'
    sections: dict[str, Mapping[str, Strategy]] = {
        "sources": recipe.sources,
        "generate": recipe.generate,
        "score": recipe.score,
        "evaluate": recipe.evaluate,
    }
    for of, section in sections.items():
        yield from (problem for name, one in section.items() for problem in _fits((of, name), one, recipe))
    if recipe.train is not None:
        yield from _fits(("train",), recipe.train, recipe)
    yield from _sources(recipe)
    yield from _payloads(recipe)
    yield from _servers(recipe)
    for name, arm in recipe.arms.items():
        yield from _arm(("arms", name), arm, recipe, folder)
    if recipe.evaluate and recipe.train is None:
        yield ("evaluate",), "evaluating arms needs `train`; add it or take `evaluate` out"
    if recipe.train is not None and not recipe.arms:
        yield ("train",), "nothing to train: the recipe has no arms (`arms: {unfiltered: {}}` is the least)"


def _fits(where: Where, strategy: Strategy, recipe: Recipe) -> Iterator[Problem]:
    if recipe.task is None:
        if strategy.needs_task:
            yield where, f"`{strategy.kind}` needs a `task` (description and labels), and the recipe has none"
        return
    try:
        strategy.check(recipe.task)
    except UsageError as error:
        yield where, str(error)


def _sources(recipe: Recipe) -> Iterator[Problem]:
    for name, generator in recipe.generate.items():
        try:
            generator.source_of(recipe.sources)
        except UsageError as error:
            yield ("generate", name), str(error)


def _payloads(recipe: Recipe) -> Iterator[Problem]:
    """Find what would get rows of another kind than it takes."""
    takers: list[tuple[Where, Scorer | Trainer]] = [(("score", name), scorer) for name, scorer in recipe.score.items()]
    if recipe.train is not None:
        takers.append((("train",), recipe.train))
    for where, taker in takers:
        for name, generator in recipe.generate.items():
            if not issubclass(generator.gives, taker.takes):
                writes = f"takes {taker.takes.kind} rows, but generate.{name} writes {generator.gives.kind} rows"
                yield where, f"`{taker.kind}` {writes}"


def _servers(recipe: Recipe) -> Iterator[Problem]:
    """Find what a model behind a server cannot do, before it is paid for anything."""
    for role in ROLES:
        spec = recipe.model_for(role)
        if spec.is_server and not spec.id.partition("#")[2]:
            yield ("models", role), f'"{spec.id}" names no model; write {spec.id}#MODEL'
    if recipe.train is not None and recipe.model_for("student").is_server:
        yield (
            ("models", "student"),
            "a model behind a server cannot be tuned here; name a path, a hub id or embedded as the student",
        )
    for name, scorer in recipe.score.items():
        spec = recipe.model_for(scorer.role)
        if spec.is_server and (lacking := scorer.server_lacks(spec)):
            setting, why = lacking
            yield (("score", name, setting) if setting else ("score", name)), why


def _arm(where: Where, arm: Arm, recipe: Recipe, folder: Path) -> Iterator[Problem]:
    for source in arm.sources or ():
        if recipe.task is None and source not in recipe.generate and (folder / source).is_file():
            yield (*where, "from"), f'reading the rows of "{source}" needs a `task`, and the recipe has none'
        if source not in recipe.generate and not (folder / source).is_file():
            known = list(recipe.generate)
            yield (
                (*where, "from"),
                f'"{source}" is no generator and no file.{did_you_mean(source, known)}'
                f" Generators: {', '.join(known) or 'none'}.",
            )
    for index, rule in enumerate(arm.select):
        yield from _fits((*where, "select", index), rule, recipe)
        for scorer in sorted({column.partition(".")[0] for column in rule.needs()}):
            if scorer not in recipe.score:
                known = list(recipe.score)
                yield (
                    (*where, "select", index),
                    f'names the score "{scorer}", which the recipe does not make.'
                    f"{did_you_mean(scorer, known)} Scores: {', '.join(known) or 'none'}.",
                )
    if arm.train and recipe.train is None:
        yield (*where, "train"), "the recipe has no train that this could change"
