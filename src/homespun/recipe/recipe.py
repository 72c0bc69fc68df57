"""The recipe: what a run does, as checked, frozen objects; recipefile.py reads them from YAML.

A recipe names strategies by `kind`; each is looked up in the registry and checked by its own pydantic
model, so a plug-in's fields are checked like ours; every section holds strategies of its own base class.
Nothing here runs anything or reads files.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from typing import Annotated, Any

from pydantic import BaseModel, BeforeValidator, ConfigDict, Field, SerializeAsAny
from pydantic_core import to_jsonable_python

from homespun.data.records import JSONDict
from homespun.engine.budget import Budget
from homespun.errors import RecipeError
from homespun.evaluate.base import Evaluation
from homespun.generate.base import Generator
from homespun.score.base import Scorer
from homespun.select.base import Rule
from homespun.sources.base import Source
from homespun.task import ROLES, Controls, Draws, ModelSpec, Price, Task
from homespun.train.base import Trainer

NAME = re.compile(r"^[a-z0-9][a-z0-9._-]{0,63}$")


def _name(value: object) -> object:
    if isinstance(value, str) and not NAME.match(value):
        raise ValueError(f'"{value}" cannot be a name: use a-z, 0-9, ".", "_", "-", at most 64 characters')
    return value


Name = Annotated[str, BeforeValidator(_name)]


class Arm(BaseModel):
    """A named choice of rows that is trained and evaluated."""

    model_config = ConfigDict(frozen=True, extra="forbid", populate_by_name=True)

    sources: tuple[str, ...] | None = Field(
        None,
        alias="from",
        description="generators to take rows from, or a file of rows; default: all generators",
    )
    select: tuple[SerializeAsAny[Rule], ...] = Field((), description="rules, applied in order")
    train: dict[str, Any] = Field({}, description="settings that differ from the recipe's train")
    size: int | None = Field(None, ge=1, description="cut the candidates to this many rows before selection")
    each: int | None = Field(
        None,
        ge=1,
        alias="variants",
        description="cut the candidates to the first so many of each document before selection",
    )


class Recipe(BaseModel):
    """Everything a run needs to know."""

    model_config = ConfigDict(frozen=True, extra="forbid", populate_by_name=True)

    name: Name
    language: str = Field("en", description="language of prompts and rows: en or ja")
    seed: int = 0
    draws: Draws | None = Field(
        None,
        description="what every replicate draws anew: pool, split or fixed; default: split where rows are paid"
        " for or come from a file, else pool",
    )
    worth: float = Field(3.0, gt=0, le=100, description="points of the metric below which a difference does not matter")
    controls: Controls = Field(
        "rows", description="random arms have as many rows of each label as their arm, or about as many tokens"
    )
    models: dict[str, ModelSpec] = Field(
        {}, description="writer and student (default embedded); judge and scorer default to the writer"
    )
    task: Task | None = Field(None, description="what the tuned model is to do")
    budget: Budget = Field(Budget(), description="where a run stops: tokens, money, minutes")
    sources: dict[Name, SerializeAsAny[Source]] = Field({}, description="prompts or documents from outside")
    generate: dict[Name, SerializeAsAny[Generator]] = {}
    score: dict[Name, SerializeAsAny[Scorer]] = {}
    arms: dict[Name, Arm] = {}
    train: SerializeAsAny[Trainer] | None = None
    evaluate: dict[Name, SerializeAsAny[Evaluation]] = {}

    @property
    def paged(self) -> bool:
        """Whether a run ends with a page; of plain batch inference `homespun report` writes one when it is wanted."""
        return bool(self.task or self.evaluate)

    @property
    def the_task(self) -> Task:
        """The task.

        Raises:
            RecipeError: the recipe describes none; what needs it is refused when the recipe is read.
        """
        if self.task is None:
            raise RecipeError(f"the recipe {self.name} describes no `task`, and this needs one")
        return self.task

    def model_for(self, role: str) -> ModelSpec:
        """Return the model of a role with the defaults applied."""
        fallback = ModelSpec(id="embedded")
        if role in self.models:
            return self.models[role]
        if role in ("judge", "scorer"):
            return self.models.get("writer", fallback)
        return fallback

    def prices(self) -> dict[str, Price | None]:
        """Return what the tokens of each model cost, where the recipe says so."""
        return {spec.id: spec.price for spec in map(self.model_for, ROLES)}

    def trainer_for(self, arm: Arm) -> Trainer | None:
        """Return the trainer of an arm: the recipe's, with the arm's settings on top."""
        if self.train is None or not arm.train:
            return self.train
        settings = _merge(self.train.model_dump(), arm.train)
        return type(self.train).model_validate(settings)

    def dump(self) -> JSONDict:
        """Return the recipe as plain data, defaults included; read again, it is the same recipe."""
        data: JSONDict = _plain(self)
        return {name: value for name, value in data.items() if name != "budget" or value}


def _plain(value: Any) -> Any:
    """Return models as mappings and tuples as lists; null is left out where it is the default, and only there."""
    if isinstance(value, BaseModel):
        fields = type(value).model_fields
        told = ((fields[name], name, item) for name, item in value)
        return {f.alias or name: _plain(item) for f, name, item in told if item is not None or f.default is not None}
    if isinstance(value, Mapping):
        return {name: _plain(item) for name, item in value.items()}
    return [_plain(item) for item in value] if isinstance(value, tuple | list) else to_jsonable_python(value)


def _merge(base: Mapping[str, Any], over: Mapping[str, Any]) -> JSONDict:
    merged = dict(base)
    for key, value in over.items():
        inner = merged.get(key)
        if isinstance(value, Mapping) and isinstance(inner, Mapping):
            merged[key] = _merge(inner, value)
        else:
            merged[key] = value
    return merged


class RulesFile(BaseModel):
    """A file of rules for rows that are there already: what a recipe says of models, scores and one arm's rules."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    models: dict[str, ModelSpec] = {}
    score: dict[Name, SerializeAsAny[Scorer]] = {}
    select: tuple[SerializeAsAny[Rule], ...]
