"""Similarity of two texts of a row: the cosine of their embeddings (methods.md A2).

For tasks whose input is a pair (premise and hypothesis, facts and text): too low is off the subject, near
1 is a copy. A task with one text has nothing to compare and is refused before anything is generated.
Embeddings are the scorer model's own mean-pooled states, uncentred, so values are crowded near 1 and only
their order means something: prefer `top` and `band` of known values over a threshold from elsewhere.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Literal

import numpy as np
from pydantic import Field

from homespun.data.records import Row, Scores
from homespun.engine.context import Context
from homespun.errors import UsageError
from homespun.models.base import Advance, ignore_progress
from homespun.registry import did_you_mean
from homespun.score.base import Marks, Scorer
from homespun.task import Task


class Similarity(Scorer):
    """Cosine of two input fields."""

    kind: Literal["similarity"] = "similarity"
    fields: tuple[str, str] | None = Field(None, description="the two fields; the task's first two unless given")

    def columns(self) -> tuple[str, ...]:
        """Return the column names."""
        return ("cosine",)

    def check(self, task: Task) -> None:
        """Refuse a task with one text, or fields that it does not have.

        Raises:
            UsageError: the task has no two such fields.
        """
        self.pair(task)

    def pair(self, task: Task) -> tuple[str, str]:
        """Return the names of the two fields to compare.

        Raises:
            UsageError: the task has no two such fields.
        """
        if len(task.fields) < 2:
            raise UsageError(
                "similarity compares two texts of a row; this task has one: "
                f"{task.fields[0]}. Take the score out, or use probability or judge."
            )
        first, second = self.fields or task.fields[:2]
        for name in (first, second):
            if name not in task.fields:
                raise UsageError(
                    f'similarity: the task has no field "{name}".{did_you_mean(name, list(task.fields))} '
                    f"Fields: {', '.join(task.fields)}."
                )
        if first == second:
            raise UsageError(f'similarity: both fields are "{first}"; name two different ones')
        return first, second

    def __call__(
        self, rows: Sequence[Row], ctx: Context, *, name: str = "", advance: Advance = ignore_progress
    ) -> Scores:
        """Score rows; a row with an empty text or a zero vector has no score."""
        first, second = self.pair(ctx.the_task)
        texts = [(row.payload.fields[first], row.payload.fields[second]) for row in rows]
        marks = [Marks({}, "one of its two texts is empty") for _ in rows]
        full = [position for position, pair in enumerate(texts) if all(text.strip() for text in pair)]
        if full:
            sides = [[texts[position][side] for position in full] for side in (0, 1)]
            left, right = (ctx.models["scorer"].embed(side).astype(np.float64) for side in sides)
            dots = (left * right).sum(axis=1)
            norms = np.linalg.norm(left, axis=1) * np.linalg.norm(right, axis=1)
            for position, dot, norm in zip(full, dots, norms, strict=True):
                usable = norm > 0 and np.isfinite(norm)
                marks[position] = (
                    Marks({"cosine": float(np.clip(dot / norm, -1, 1))})
                    if usable
                    else Marks({}, "its embedding has no direction")
                )
        advance(len(rows))
        return self.marks_table(rows, marks, name)
