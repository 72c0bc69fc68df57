"""A recipe's file: YAML and `--set` to a checked Recipe, or to the rules of `homespun select --rules`.

Every error names file, line, the value and what is allowed, and all are told at once. Relative paths are
relative to the file. Nothing here runs anything; of data it looks only whether the file is there.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from pydantic import BaseModel, ValidationError

from homespun.data import yamlfile
from homespun.errors import RecipeError, UsageError
from homespun.evaluate.base import Evaluation
from homespun.generate.base import Generator
from homespun.recipe import checks, grid
from homespun.recipe.recipe import Arm, Recipe, RulesFile
from homespun.registry import S, Strategy, did_you_mean, kinds, lookup
from homespun.score.base import Scorer
from homespun.select.base import Rule
from homespun.sources.base import Source
from homespun.task import ROLES, ModelSpec, Price
from homespun.train.base import Trainer

PATHS = ("data", "path", "against", "sentence_transformers")  #: settings that name files or folders
SECTIONS: dict[str, type[Strategy]] = {
    "sources": Source,
    "generate": Generator,
    "score": Scorer,
    "evaluate": Evaluation,
}
Paths = yamlfile.Path_


class _Reader:
    """Turns raw YAML into a Recipe and collects every error with its line."""

    def __init__(self, name: str, lines: Mapping[Paths, int], folder: Path) -> None:
        self.name, self.lines, self.folder = name, lines, folder
        self.generators: frozenset[str] = frozenset()
        self.errors: list[str] = []

    def error(self, path: Paths, message: str) -> None:
        known = path
        while known and known not in self.lines:
            known = known[:-1]
        where = f"{self.name}:{self.lines[known]}" if known in self.lines else self.name
        dotted = "".join(f"[{part}]" if isinstance(part, int) else f".{part}" for part in path)
        spoken = f"{dotted.lstrip('.')}: " if dotted else ""
        self.errors.append(f"{where}: {spoken}{message}")

    def pydantic(self, path: Paths, error: ValidationError, model: type[BaseModel]) -> None:
        found = error.errors()
        for item in found:
            inside = [other for other in found if other is not item and other["loc"][: len(item["loc"])] == item["loc"]]
            if item["type"] == "too_short" and inside:  # its items are wrong, and were not counted
                continue
            location: list[str | int] = []
            for part in item["loc"]:
                if not (isinstance(part, str) and part.startswith("function-")):
                    location.append(part)
            message = item["msg"].removeprefix("Value error, ")
            if item["type"] == "extra_forbidden":
                # The unknown key may sit in a nested model; its neighbours are known only on the top level.
                allowed = [field.alias or name for name, field in model.model_fields.items()]
                wrong = str(location[-1])
                listed = f" Known keys: {', '.join(allowed)}." if len(location) == 1 else ""
                message = f'unknown key "{wrong}".{did_you_mean(wrong, allowed)}{listed}'
            elif item["type"] == "missing":
                message = f'"{location[-1]}" is missing'
            elif isinstance(item["input"], str | int | float | bool):
                message += f" (got {item['input']!r})"
            self.error((*path, *location), message)

    def strategy(self, base: type[S], value: object, path: Paths) -> S | None:
        if isinstance(value, base):
            return value
        if not isinstance(value, Mapping):
            self.error(path, f"expected a mapping with `kind`, got {value!r}")
            return None
        data = dict(value)
        if base is Rule and len(data) == 1 and next(iter(data)) in ("all", "any"):
            ((kind, inner),) = data.items()
            data = {"kind": kind, "rules": inner}
        kind = data.get("kind")
        if not isinstance(kind, str):
            self.error(path, f"`kind` is missing; known kinds: {', '.join(sorted(kinds(base.group)))}")
            return None
        try:
            cls = lookup(base, kind)
        except UsageError as error:
            self.error((*path, "kind"), str(error))
            return None
        if base is Rule and isinstance(data.get("rules"), Sequence):
            inner_path = (*path, "rules") if "rules" in value else (*path, kind)
            rules = [self.strategy(Rule, rule, (*inner_path, i)) for i, rule in enumerate(data["rules"])]
            if None in rules:
                return None
            data["rules"] = tuple(rules)
        try:
            return cls.model_validate(self.with_paths(data))
        except ValidationError as error:
            self.pydantic(path, error, cls)
            return None

    def with_paths(self, settings: Mapping[str, Any]) -> dict[str, Any]:
        """Return settings with the paths in them located; other mappings (columns) hold names, not paths."""
        found = dict(settings)
        for name, value in settings.items():
            if name == "replay" and isinstance(value, Mapping):
                found[name] = self.with_paths(value)
            elif name in PATHS and isinstance(value, str):
                found[name] = self.located(value)
            elif name in PATHS and isinstance(value, Sequence):
                found[name] = tuple(self.located(one) if isinstance(one, str) else one for one in value)
        return found

    def located(self, text: str) -> str:
        """Return an existing path relative to the recipe as an absolute one, anything else as it is."""
        inside = self.folder / Path(text).expanduser()
        return str(inside.resolve()) if inside.exists() else text

    def source(self, value: object) -> object:
        """Return a generator's name as it is, a file as its path."""
        return self.located(value) if isinstance(value, str) and value not in self.generators else value

    def model(self, value: object, path: Paths) -> ModelSpec | None:
        data = {"id": value} if isinstance(value, str) else value
        if isinstance(data, Mapping) and isinstance(data.get("id"), str):
            scheme, colon, rest = data["id"].partition(":")
            prefixed = scheme in ("scripted", "sentence") and colon
            located = f"{scheme}:{self.located(rest)}" if prefixed else self.located(data["id"])
            as_it_is = data["id"] == "embedded" or scheme in ("http", "https")
            data = {**data, "id": data["id"] if as_it_is else located}
        try:
            return ModelSpec.model_validate(data)
        except ValidationError as error:
            self.pydantic(path, error, ModelSpec)
            return None

    def table(self, raw: Mapping[str, Any], section: str) -> dict[str, Any]:
        value = raw.get(section)
        if value is None:
            return {}
        if not isinstance(value, Mapping):
            self.error((section,), f"expected names with settings below them, got {value!r}")
            return {}
        return {str(name): entry for name, entry in value.items()}

    def recipe(self, raw: object) -> Recipe:
        if not isinstance(raw, Mapping):
            raise RecipeError(f"{self.name}: a recipe is a mapping with name, task, generate, ...; this is not")
        self.generators = frozenset(self.table(raw, "generate"))
        prepared = dict(raw)
        for section, base in SECTIONS.items():
            prepared[section] = {
                name: self.strategy(base, entry, (section, name)) for name, entry in self.table(raw, section).items()
            }
        prepared["models"] = self.roles(raw)
        if raw.get("train") is not None:
            prepared["train"] = self.strategy(Trainer, raw["train"], ("train",))
        prepared["arms"] = self.arms(raw)
        if self.errors:
            raise RecipeError("\n".join(self.errors))
        try:
            recipe = Recipe.model_validate(prepared)
        except ValidationError as error:
            self.pydantic((), error, Recipe)
            raise RecipeError("\n".join(self.errors)) from None
        for path, message in checks.problems(recipe, self.folder):
            self.error(path, message)
        for name, arm in recipe.arms.items():
            self.overridden(recipe, arm, ("arms", name, "train"))
        if self.errors:
            raise RecipeError("\n".join(self.errors))
        return recipe

    def rules(self, raw: object) -> RulesFile:
        """Return a rules file (see load_rules)."""
        if not isinstance(raw, Mapping) or not isinstance(raw.get("select"), list) or not raw["select"]:
            raise RecipeError(
                f"{self.name}: a rules file has a list of rules under `select`, as an arm of a recipe has"
            )
        for key in raw:
            if key not in RulesFile.model_fields:
                known = list(RulesFile.model_fields)
                self.error(
                    (key,), f'unknown key "{key}".{did_you_mean(str(key), known)} Known keys: {", ".join(known)}.'
                )
        models = self.roles(raw)
        score = {name: self.strategy(Scorer, it, ("score", name)) for name, it in self.table(raw, "score").items()}
        for name, scorer in score.items():
            if scorer is not None and scorer.needs_task:
                self.error(("score", name), f"`{scorer.kind}` needs a `task`, and rows of a file have none")
        select = [self.strategy(Rule, rule, ("select", index)) for index, rule in enumerate(raw["select"])]
        if self.errors:
            raise RecipeError("\n".join(self.errors))
        try:
            return RulesFile.model_validate({"models": models, "score": score, "select": tuple(select)})
        except ValidationError as error:
            self.pydantic((), error, RulesFile)
            raise RecipeError("\n".join(self.errors)) from None

    def roles(self, raw: Mapping[str, Any]) -> dict[str, ModelSpec | None]:
        models = {role: self.model(v, ("models", role)) for role, v in self.table(raw, "models").items()}
        for role in models:
            if role not in ROLES:
                self.error(
                    ("models", role),
                    f'unknown role "{role}".{did_you_mean(role, list(ROLES))} Roles: {", ".join(ROLES)}.',
                )
        return models

    def arms(self, raw: Mapping[str, Any]) -> dict[str, Arm | None]:
        found: dict[str, Arm | None] = {}
        for name, entry in self.table(raw, "arms").items():
            path: Paths = ("arms", name)
            try:
                entries = grid.expand(entry) if name == grid.GRID else {name: entry}
            except UsageError as error:
                self.error(path, str(error))
                continue
            for one, settings in entries.items():
                if one in found:
                    self.error(path, f'the grid makes an arm "{one}", and the recipe has one of that name')
                found[one] = self.arm(settings, path)
        return found

    def arm(self, entry: object, path: Paths) -> Arm | None:
        data = {} if entry is None else entry
        if not isinstance(data, Mapping):
            self.error(path, f"expected settings (from, select, train, size, variants), got {entry!r}")
            return None
        data = dict(data)
        if isinstance(data.get("from"), str):
            data["from"] = [data["from"]]
        if isinstance(data.get("from"), list):
            data["from"] = [self.source(source) for source in data["from"]]
        if isinstance(data.get("train"), Mapping):
            data["train"] = self.with_paths(data["train"])
        rules = data.get("select") or []
        if not isinstance(rules, list):
            self.error((*path, "select"), f"expected a list of rules, got {rules!r}")
            return None
        built = [self.strategy(Rule, rule, (*path, "select", i)) for i, rule in enumerate(rules)]
        if None in built:
            return None
        data["select"] = tuple(rule for rule in built if rule is not None)
        try:
            return Arm.model_validate(data)
        except ValidationError as error:
            self.pydantic(path, error, Arm)
            return None

    def overridden(self, recipe: Recipe, arm: Arm, path: Paths) -> None:
        """Check the trainer that an arm's own settings give."""
        try:
            recipe.trainer_for(arm)
        except ValidationError as error:
            self.pydantic(path, error, type(recipe.train) if recipe.train else Trainer)


def load_rules(path: Path) -> RulesFile:
    """Read a file with `models`, `score` and `select` as a recipe has them.

    Raises:
        RecipeError: with one line per problem, each with file and line.
    """
    raw, lines = yamlfile.read(path)
    return _Reader(path.name, lines, path.resolve().parent).rules(raw)


def load(path: Path, overrides: Sequence[str] = ()) -> Recipe:
    """Read a recipe file and apply `--set a.b=c` overrides.

    Raises:
        RecipeError: with one line per problem, each with file and line.
    """
    raw, lines = yamlfile.read(path)
    for override in overrides:
        _override(raw, override)
    return _Reader(path.name, lines, path.resolve().parent).recipe(raw)


def prices_in(path: Path) -> dict[str, Price | None]:
    """Return the prices that a run's recipe names; none where there is no recipe yet (after `homespun plan`)."""
    return load(path).prices() if path.is_file() else {}


def loads(text: str, folder: Path, name: str = "recipe") -> Recipe:
    """Read a recipe from text; relative paths are relative to `folder`."""
    raw, lines = yamlfile.parse(text, name)
    return _Reader(name, lines, folder).recipe(raw)


def _override(raw: Any, override: str) -> None:
    dotted, equals, text = override.partition("=")
    if not equals or not dotted.strip():
        raise UsageError(f'--set takes KEY=VALUE, for example train.epochs=3; got "{override}"')
    value, _ = yamlfile.parse(text, f"--set {dotted}")
    *parents, last = dotted.strip().split(".")
    target = raw
    for part in parents:
        if isinstance(target, list) and part.isdigit() and int(part) < len(target):
            target = target[int(part)]
        elif isinstance(target, dict):
            target = target.setdefault(part, {})
            if target is None:
                raise UsageError(f'--set {override}: "{part}" is empty in the recipe; set it as a whole')
        else:
            raise UsageError(f'--set {override}: "{part}" is not a place in the recipe')
    if isinstance(target, list) and last.isdigit() and int(last) < len(target):
        target[int(last)] = value
    elif isinstance(target, dict):
        target[last] = value
    else:
        raise UsageError(f'--set {override}: "{last}" is not a place in the recipe')
