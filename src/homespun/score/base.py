"""What a scorer is: models asked about rows, answers turned into named columns.

A scorer is row-wise unless it says `whole_pool`: the value of a row depends on that row alone, so the loop
calls it on shards of rows and joins the parts. A row that cannot be scored has nan (text: the empty string)
in every column it lacks and a reason in words; it never stops the run. Scorers keep nothing and drop
nothing: that is for rules, which read the columns.
"""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from typing import ClassVar, NamedTuple

from homespun.data.records import Labelled, Payload, Row, Scores
from homespun.engine.context import Context
from homespun.models.base import Advance, ignore_progress
from homespun.registry import Strategy
from homespun.task import ModelSpec, Role

NAN = math.nan
TEXT_COLUMNS = frozenset({"label", "raw_label"})  #: columns of text; every other one that `table` makes is of numbers


class Marks(NamedTuple):
    """One row's columns, and why some or all of them are missing."""

    values: Mapping[str, float | str]
    problem: str = ""


class Scorer(Strategy):
    """Base of the scorers."""

    group: ClassVar[str] = "scorer"
    takes: ClassVar[type[Payload]] = Labelled  #: which rows it can score; Payload: all

    @property
    def whole_pool(self) -> bool:
        """Whether it must see all rows at once, so that it is never given a shard."""
        return False

    @property
    def role(self) -> Role:
        """Which of the run's models it asks."""
        return "scorer"

    @property
    def own_model(self) -> ModelSpec | None:
        """A model that it asks in place of the run's, if its own settings name one."""
        return None

    @property
    def needs_likelihood(self) -> bool:
        """Whether it asks for probabilities of given answers, which few servers give (ModelSpec.logprobs)."""
        return False

    def server_lacks(self, spec: ModelSpec) -> tuple[str, str] | None:
        """Return which setting asks the model behind a server for what it cannot give, and the mend; None if none."""
        if not self.needs_likelihood or spec.logprobs:
            return None
        return "", (
            f"reads probabilities of given answers from the {self.role}, which few servers give; set"
            f" models.{self.role}.logprobs to vllm or llama.cpp if it is one of these, set models.{self.role} to"
            " embedded, a path or a hub id, or judge by text (answer: text)"
        )

    def columns(self) -> tuple[str, ...]:
        """Return the names of the columns it will make; the first is meant by the scorer's bare name."""
        return (self.kind,)

    @property
    def primary(self) -> str:
        """Name of the first column."""
        return self.columns()[0]

    def value(self, row: Row, ctx: Context) -> float:
        """Return what a row is worth, nan where that cannot be told: all that a scorer of one number has to say."""
        raise NotImplementedError

    def __call__(
        self, rows: Sequence[Row], ctx: Context, *, name: str = "", advance: Advance = ignore_progress
    ) -> Scores:
        """Score rows.

        Args:
            rows: the rows, or a shard of them.
            ctx: task, language, seed and models.
            name: the scorer's name in the recipe; its kind unless given.
            advance: called with the number of rows finished since the last call.
        """
        marks = []
        for row in rows:
            value = self.value(row, ctx)
            marks.append(Marks({}, "it has no value") if math.isnan(value) else Marks({self.primary: value}))
            advance(1)
        return self.marks_table(rows, marks, name)

    def table(
        self,
        rows: Sequence[Row],
        values: Sequence[Mapping[str, float | str]],
        name: str,
        problems: Sequence[str] = (),
    ) -> Scores:
        """Return the columns made of one mapping per row; what a row lacks is nan, or empty for text.

        Args:
            rows: the rows.
            values: column name -> value, per row.
            name: the scorer's name in the recipe; its kind if empty.
            problems: per row, why values are missing, or the empty string; none unless given.
        """
        found: dict[str, Sequence[float] | Sequence[str]] = {}
        for column in self.columns():
            if column in TEXT_COLUMNS:
                found[column] = [str(each.get(column, "")) for each in values]
            else:
                found[column] = [float(each.get(column, NAN)) for each in values]
        why = zip(rows, problems or [""] * len(rows), strict=True)
        reasons = {row.id: problem for row, problem in why if problem}
        return Scores(name or self.kind, self.primary, tuple(row.id for row in rows), found, reasons)

    def marks_table(self, rows: Sequence[Row], marks: Sequence[Marks], name: str) -> Scores:
        """Return the columns made of the marks of each row."""
        return self.table(rows, [mark.values for mark in marks], name, [mark.problem for mark in marks])
