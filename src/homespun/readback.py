"""A run directory read back, for the report, for exports and for predictions; nothing here writes or decides.

Works for a run that ended early: what is not there yet is left out.
"""

from __future__ import annotations

from pathlib import Path

from homespun import recipefile
from homespun.errors import StoreError
from homespun.generate.base import Piece, summed
from homespun.recipe import Recipe
from homespun.records import Attempt, JSONDict, Row, Scores, Verdict
from homespun.replicates import pool_marks, replicates_of
from homespun.stages import concat, pool_files
from homespun.store import Store
from homespun.tables import attempts_from, scores_from, verdicts_from

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


class RunData:
    """What a run directory holds, read once: the rows of all replicates together."""

    def __init__(self, store: Store, recipe: Recipe) -> None:
        self.store, self.recipe = store, recipe
        self.attempts: dict[str, list[Attempt]] = {}
        self.checks: dict[str, list[Verdict]] = {}
        self.counts: dict[str, JSONDict] = {}
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
                self.attempts.setdefault(name, []).extend(attempts)
                self.checks.setdefault(name, []).extend(verdicts_from(store.read_table(checks, parsed)))
                self.counts[name] = summed([self.counts.get(name, {}), marker["counts"]])
        self.scores: list[Scores] = [
            scores_from(concat([store.read_table(file) for file in files]))
            for name in recipe.score
            if (files := [file for mark in marks if store.has(file := f"scores/{name}{mark}.parquet")])
        ]
        self.results: JSONDict | None = store.read_json("results.json") if store.has("results.json") else None
        self.manifest: JSONDict = store.read_json("manifest.json") if store.has("manifest.json") else {}
        #: finished stages of the recipe that was run last; `done/` also has those of arms that it no longer has
        self.stages: list[str] = self.manifest.get("stages") or list(store.stages())
        self.arms: JSONDict = (self.results or {}).get("arms", {})
        self.verdicts: dict[str, dict[str, Verdict]] = {}
        for arm in self.arms:
            for mark in marks:
                if store.has(f"arms/{arm}{mark}/verdicts.parquet"):
                    found = verdicts_from(store.read_table(f"arms/{arm}{mark}/verdicts.parquet"))
                    self.verdicts.setdefault(arm, {}).update({verdict.row_id: verdict for verdict in found})

    @property
    def selecting(self) -> list[str]:
        """Names of the arms that have a control; none that a changed recipe has left out since the results."""
        return [arm for arm, entry in self.arms.items() if entry["control"] and arm in self.recipe.arms]

    def piece(self, name: str) -> Piece:
        """Return what one generator wrote."""
        return Piece(self.attempts[name], self.checks[name])

    def accepted(self) -> list[Row]:
        """Return the rows of all generators that passed their checks."""
        return [row for name in self.attempts for row in self.piece(name).accepted]
