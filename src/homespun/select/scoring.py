"""Scores where there is no run: the scorers that rules need, asked about the rows that are left, once each.

Models are loaded when a scorer first asks. Answers of a server go through a ledger beside the output, so that the
same command again asks for none twice; scores of models in this process are made anew.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from functools import cached_property
from itertools import chain
from pathlib import Path
from typing import TYPE_CHECKING, Any

from homespun.data.records import Row, Scores
from homespun.engine.context import Context, Models
from homespun.engine.progress import Progress, Silent
from homespun.errors import UsageError
from homespun.registry import did_you_mean, lookup
from homespun.score.base import Scorer
from homespun.select.base import Columns, Rule, split_by
from homespun.task import ROLES, ModelSpec

if TYPE_CHECKING:
    from homespun.data.ledger import Ledger
    from homespun.models.base import Model


@dataclass
class Scoring:
    """The scorers at hand, and the scores made so far."""

    language: str
    seed: int
    progress: Progress = field(default_factory=Silent)
    ledger_path: Path = Path()  #: where answers of servers are kept
    at_once: int = 1024  #: rows that a scorer gets in one call
    scorers: dict[str, Scorer] = field(default_factory=dict)  #: by the name that rules use
    specs: dict[str, ModelSpec] = field(default_factory=dict)  #: by role
    made: dict[str, Scores] = field(default_factory=dict)  #: by name: of scorers, and of the file's own fields
    ledger: Ledger | None = None

    def add(self, kind: str) -> None:
        """Put a scorer with its usual settings at hand, under the name of its kind."""
        self.scorers.setdefault(kind, lookup(Scorer, kind).model_validate({}))

    def scorer_of(self, by: str) -> str | None:
        """Return the name of the scorer that makes a column, or None where no scorer does."""
        name = by if by in self.scorers else split_by(by)[0]
        return name if name in self.scorers else None

    def fields_of(self, rules: Sequence[Rule]) -> list[str]:
        """Return the columns that rules read and no scorer makes: fields of the file.

        Raises:
            UsageError: a scorer makes no such column.
        """
        found: dict[str, None] = {}
        for rule in rules:
            for by in sorted(rule.needs()):
                name = self.scorer_of(by)
                if name is None:
                    found[by] = None
                    continue
                column, known = split_by(by)[1], list(self.scorers[name].columns())
                if column and by != name and column not in known:
                    raise UsageError(
                        f'rule `{rule}` needs column "{column}" of score "{name}".{did_you_mean(column, known)}'
                        f" Columns: {', '.join(known)}."
                    )
        return list(found)

    def score(self, rule: Rule, rows: Sequence[Row]) -> None:
        """Make the scores that a rule reads, for these rows, unless they are made."""
        for by in sorted(rule.needs()):
            name = self.scorer_of(by)
            if name is not None and name not in self.made:
                self.made[name] = self.scores(name, rows)

    def scores(self, name: str, rows: Sequence[Row]) -> Scores:
        """Return the scores of rows by the scorer of that name."""
        scorer, context = self.scorers[name], Context(None, self.language, self.seed, self.models)
        at_once = len(rows) if scorer.whole_pool else self.at_once
        with self.progress.bar(f"score {name}", len(rows), "rows") as bar:
            parts = [
                scorer(rows[start : start + at_once], context, name=name, advance=bar.advance)
                for start in range(0, len(rows), max(1, at_once))
            ]
        return _joined(parts)

    @cached_property
    def models(self) -> Models:
        """The models that scorers ask, loaded when they first do."""
        usual = ModelSpec(id="embedded")
        writer = self.specs.get("writer", usual)
        specs = {role: self.specs.get(role, usual if role == "student" else writer) for role in ROLES}
        return Models(specs, self._load)

    def _load(self, spec: ModelSpec) -> Model:
        from homespun.models.load import load_model

        if not spec.is_server:
            return load_model(spec)
        from homespun.data.ledger import Ledger
        from homespun.models.server import connect

        if not spec.id.partition("#")[2]:
            raise UsageError(f'"{spec.id}" names no model; write {spec.id}#MODEL')
        if self.ledger is None:
            self.ledger = Ledger(self.ledger_path)
        return connect(spec, self.ledger, stage=lambda: "select", say=self.progress.say)

    def close(self) -> None:
        """Let go of models and ledger."""
        self.models.release()
        if self.ledger is not None:
            self.ledger.close()


def scored(kind: str, rows: Sequence[Row], model: str) -> Columns:
    """Return the column of a scorer, of that name, made by a model in this process.

    Raises:
        UsageError: the model is behind a server.
    """
    if not rows:
        return Columns({})
    spec = ModelSpec(id=model)
    if spec.is_server:
        raise UsageError(f"{model}: servers are asked by `homespun select`, which keeps their answers; or give vectors")
    scoring = Scoring(rows[0].language, 0, at_once=len(rows), specs={"writer": spec, "student": spec})
    scoring.add(kind)
    return Columns.of([scoring.scores(kind, rows)])


def _joined(parts: Sequence[Scores]) -> Scores:
    """Join the scores of slices of the rows."""
    import numpy as np

    if len(parts) == 1:
        return parts[0]
    first, columns = parts[0], {}
    for name, column in first.columns.items():
        values: Any = [part.columns[name] for part in parts]
        columns[name] = np.concatenate(values) if getattr(column, "ndim", 1) == 2 else list(chain(*values))
    reasons = {row_id: reason for part in parts for row_id, reason in part.reasons.items()}
    return Scores(first.name, first.primary, [row_id for part in parts for row_id in part.ids], columns, reasons)
