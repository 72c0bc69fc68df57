"""A run directory read back, for the report, for exports and for predictions; nothing here writes or decides.

Works for a run that ended early: what is not there yet is left out.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass, field
from functools import cached_property
from pathlib import Path
from typing import cast

from homespun.data.records import NOTHING, Attempt, JSONDict, Row, Scores, Verdict
from homespun.data.store import Store
from homespun.data.tables import attempts_from, scores_from, verdicts_from
from homespun.errors import StoreError
from homespun.generate.base import Piece, summed
from homespun.recipe import recipefile
from homespun.recipe.recipe import Recipe
from homespun.run.replicates import pool_marks, replicates_of
from homespun.run.stages import concat, pool_files
from homespun.select.base import are_numbers

READ = 500  #: answers that are read of plain batch inference, whatever its size; counts are of all


def open_run(folder: Path) -> tuple[Store, Recipe]:
    """Open a run directory for reading, with its recipe.

    Raises:
        StoreError: it is no run directory.
    """
    store = Store(folder)
    if not store.exists or not store.has("recipe.yaml"):
        raise StoreError(f"{folder} is no run directory; give the --out of a `homespun run` (default runs/NAME)")
    text = store.path("recipe.yaml").read_text(encoding="utf-8")
    return store, recipefile.loads(text, folder, "recipe.yaml")


@dataclass
class RunData:
    """What a run directory holds, read once: the rows of all replicates together."""

    recipe: Recipe
    root: Path
    started: str = ""  #: ISO 8601
    recipe_yaml: str = ""  #: with every default
    attempts: dict[str, list[Attempt]] = field(default_factory=dict)  #: generator -> its answers
    checks: dict[str, list[Verdict]] = field(default_factory=dict)  #: generator -> a verdict per parsed answer
    counts: dict[str, JSONDict] = field(default_factory=dict)  #: generator -> its funnel
    scores: list[Scores] = field(default_factory=list)
    verdicts: dict[str, dict[str, Verdict]] = field(default_factory=dict)  #: arm -> row id -> verdict
    results: JSONDict = field(default_factory=dict)  #: results.json
    manifest: JSONDict = field(default_factory=dict)  #: manifest.json
    cards: dict[str, dict[int, JSONDict]] = field(default_factory=dict)  #: arm -> training seed -> card of the model
    files: dict[str, dict[str, str]] = field(default_factory=dict)  #: arm -> what -> path in the run directory

    @classmethod
    def read(cls, store: Store, recipe: Recipe) -> RunData:
        """Read a run directory."""
        run = cls(recipe, store.root)
        run.started = store.read_json("started.json")["started"]
        run.recipe_yaml = store.path("recipe.yaml").read_text(encoding="utf-8")
        marks = [replicate.mark for replicate in replicates_of(recipe)]
        for name, generator in recipe.generate.items():
            for mark in pool_marks(recipe):
                marker = store.marker(f"pool/{name}{mark}")
                if not marker:
                    continue
                rows, checks = pool_files(name, mark)
                at_most = READ if generator.any_size and not recipe.score else None
                attempts = attempts_from(store.read_table(rows, at_most))
                parsed = sum(attempt.row is not None for attempt in attempts)
                run.attempts.setdefault(name, []).extend(attempts)
                run.checks.setdefault(name, []).extend(verdicts_from(store.read_table(checks, parsed)))
                run.counts[name] = summed([run.counts.get(name, {}), marker["counts"]])
        run.scores = [
            scores_from(concat([store.read_table(file) for file in files]))
            for name in recipe.score
            if (files := [file for mark in marks if store.has(file := f"scores/{name}{mark}.parquet")])
        ]
        run.results = store.read_json("results.json") if store.has("results.json") else {}
        run.manifest = store.read_json("manifest.json") if store.has("manifest.json") else {}
        # stages of the recipe that was run last; `done/` also has those of arms that it no longer has
        stages = run.manifest.get("stages") or list(store.stages())
        for arm in run.arms:
            paths = run.files[arm] = {}
            for stage in stages:
                if stage.startswith(f"models/{arm}/seed-") and (marker := store.marker(stage)):
                    card = store.read_json(f"{marker['adapter']}/card.json")
                    run.cards.setdefault(arm, {})[card["seed"]] = card
                    paths[f"adapter, seed {card['seed']}"] = marker["adapter"]
            for mark in marks:
                file = f"arms/{arm}{mark}/verdicts.parquet"
                if store.has(file):
                    found = verdicts_from(store.read_table(file))
                    run.verdicts.setdefault(arm, {}).update({verdict.row_id: verdict for verdict in found})
            if store.has(file := f"arms/{arm}/verdicts.parquet"):
                paths["verdicts"] = file
        return run

    @property
    def arms(self) -> JSONDict:
        """The arms of results.json."""
        return cast(JSONDict, self.results.get("arms", {}))

    @property
    def selecting(self) -> list[str]:
        """Names of the arms that have a control; none that a changed recipe has left out since the results."""
        return [arm for arm, entry in self.arms.items() if entry["control"] and arm in self.recipe.arms]

    @property
    def primary(self) -> tuple[str, str]:
        """The primary evaluation and metric; empty names where a run has none."""
        evaluation, metric = self.results.get("primary") or ("", "")
        return evaluation, metric

    @property
    def evaluations(self) -> dict[str, JSONDict]:
        """The evaluations that have results, the primary one first."""
        found = {n: e for n, e in self.results.get("evaluations", {}).items() if e["arms"] or e["baseline"]}
        return dict(sorted(found.items(), key=lambda item: item[0] != self.primary[0]))

    @property
    def axes(self) -> tuple[str, str]:
        """The two groups that rows are counted by: those that the first generator's rows name."""
        return next((one.gives.axes for one in self.recipe.generate.values()), NOTHING.axes)

    @property
    def scored(self) -> Sequence[str]:
        """The ids of all rows with a score; of a run that ended between two scores, those of the longer."""
        return max((scores.ids for scores in self.scores), key=len, default=())

    @cached_property
    def numbers(self) -> dict[str, list[float]]:
        """Every score that is a number, as rules name it (`judge.probability`): per scored row its value or nan."""
        found = {}
        for scores in self.scores:
            for column, values in scores.columns.items():
                if are_numbers(values):
                    known = dict(zip(scores.ids, map(float, values), strict=True))
                    whole = len(scores.ids) == len(self.scored)
                    column_values = map(float, values) if whole else (known.get(key, math.nan) for key in self.scored)
                    found[f"{scores.name}.{column}"] = list(column_values)
        return found

    def piece(self, name: str) -> Piece:
        """Return what one generator wrote."""
        return Piece(self.attempts[name], self.checks[name])

    def accepted(self) -> list[Row]:
        """Return the rows of all generators that passed their checks."""
        return [row for name in self.attempts for row in self.piece(name).accepted]
