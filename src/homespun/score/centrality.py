"""Centrality: how much an answer agrees with the others to the same prompt (minimum Bayes risk; methods.md B2).

The mean agreement with all other answers of the group, by the cosine of their embeddings or by ROUGE-L. An
answer that was given several times is scored once, its copies counting as agreement. The most central answer
is the typical one: neither wrong in its own way nor better than the rest. Long answers may agree more because
they say more; look at the correlation with length before trusting a rank across lengths.

Embeddings are those of the scorer model for the text alone, brought to unit length, by default after taking
off the mean over all rows.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import ClassVar, Literal

import numpy as np
from pydantic import Field

from homespun.data.records import Payload, Row, Scores
from homespun.engine.context import Context
from homespun.errors import UsageError
from homespun.models.base import Advance, ignore_progress
from homespun.near.centrality import by_cosine, by_rouge_l, ranks
from homespun.near.cosine import Vectors, unit
from homespun.registry import did_you_mean
from homespun.score.base import Marks, Scorer
from homespun.text.words import length, words


class Centrality(Scorer):
    """Mean agreement with the other answers of a group, and the rank by it."""

    kind: Literal["centrality"] = "centrality"
    whole_pool: ClassVar[bool] = True  #: the answers of a group must be seen together
    needs_task: ClassVar[bool] = False
    takes: ClassVar[type[Payload]] = Payload
    measure: Literal["cosine", "rouge_l"] = Field("cosine", description="cosine of embeddings, or ROUGE-L of words")
    within: str | None = Field("prompt", description="group key of the answers to compare; null: all rows")
    of: Literal["output", "input"] = Field("output", description="the text to compare")
    centre: bool = Field(True, description="cosine: take off the mean of all embeddings first")

    def columns(self) -> tuple[str, ...]:
        """Return the column names; `rank` counts within the group from 1, the most central."""
        return ("centrality", "rank")

    def __call__(
        self, rows: Sequence[Row], ctx: Context, *, name: str = "", advance: Advance = ignore_progress
    ) -> Scores:
        """Score rows. An empty text has no score; a single answer no centrality, but rank 1.

        Raises:
            UsageError: a row has no such group.
        """
        texts = [(row.payload.output if self.of == "output" else row.text).strip() for row in rows]
        vectors = self._vectors(texts, ctx) if self.measure == "cosine" and any(texts) else None
        marks = [Marks({}, "its text is empty") for _ in rows]
        for members in self._groups(rows).values():
            answers: dict[str, list[int]] = {}  # distinct text -> the rows that say it
            for position in members:
                if vectors is not None and texts[position] and np.isnan(vectors[position, 0]):
                    marks[position] = Marks({}, "its embedding has no direction")
                elif texts[position]:
                    answers.setdefault(texts[position], []).append(position)
            if not answers:
                continue
            copies = [len(said) for said in answers.values()]
            if vectors is not None:
                scores = by_cosine(vectors[[said[0] for said in answers.values()]], copies)
            else:
                scores = by_rouge_l([words(text, rows[said[0]].language) for text, said in answers.items()], copies)
            order = ranks(scores, [length(text, rows[said[0]].language) for text, said in answers.items()])
            for said, score, rank in zip(answers.values(), scores.tolist(), order.tolist(), strict=True):
                alone = "the only answer of its group" if math.isnan(score) else ""
                for position in said:
                    values = {"rank": float(rank)} if alone else {"centrality": score, "rank": float(rank)}
                    marks[position] = Marks(values, alone)
        advance(len(rows))
        return self.marks_table(rows, marks, name)

    def _vectors(self, texts: Sequence[str], ctx: Context) -> Vectors:
        """Return a unit vector per row, a row of nan for an empty text; each distinct text is embedded once."""
        place = {text: number for number, text in enumerate(dict.fromkeys(text for text in texts if text))}
        raw = ctx.models["scorer"].embed(list(place))
        vectors = np.full((len(texts), raw.shape[1]), np.nan, dtype=np.float32)
        said = [position for position, text in enumerate(texts) if text]
        vectors[said] = raw[[place[texts[position]] for position in said]]
        return unit(vectors, centre=self.centre, out=vectors)

    def _groups(self, rows: Sequence[Row]) -> dict[str, list[int]]:
        found: dict[str, list[int]] = {}
        for position, row in enumerate(rows):
            if self.within is not None and self.within not in row.groups:
                known = list(row.groups)
                raise UsageError(
                    f'centrality: rows have no group "{self.within}" (within).{did_you_mean(self.within, known)} '
                    f"Groups of row {row.id}: {', '.join(known) or 'none'}."
                )
            found.setdefault(row.groups[self.within] if self.within else "", []).append(position)
        return found
