"""What the rules against repetition share: which texts and groups they compare, and their verdicts.

The measures (ROUGE-L, MinHash, cosine) are in near/; they answer in positions, which become verdicts here.
"""

from __future__ import annotations

import math
from abc import abstractmethod
from collections.abc import Iterator, Sequence
from typing import ClassVar

from pydantic import Field

from homespun.near.pairs import KEPT, Repeats
from homespun.near.parts import Measure
from homespun.records import Row, Verdict
from homespun.select.base import Columns, Rule, group_values, show
from homespun.text.fields import FIELDS, field_texts


class RepeatRule(Rule):
    """Base of the rules that drop a row for being like an earlier one that is kept."""

    within: str | None = Field(None, description="group key: compare only rows of the same group, e.g. cell")

    def groups(self, rows: Sequence[Row]) -> list[str] | None:
        """Return the group of each row, or None where all are compared with all."""
        return None if self.within is None else group_values(rows, self.within)

    def verdicts(self, rows: Sequence[Row], repeats: Repeats, threshold: float, measure: str) -> list[Verdict]:
        """Return one verdict per row.

        Args:
            rows: the rows compared.
            repeats: which row each of them repeats.
            threshold: scores above it are repeats.
            measure: what the score is, e.g. `ROUGE-L`.
        """
        found = []
        scores = repeats.score.tolist()
        for row, of, score in zip(rows, repeats.of.tolist(), scores, strict=True):
            if of == KEPT:
                reason = f"{measure} with no row kept before it is above {show(threshold)}"
                near = None if math.isnan(score) else score
                found.append(Verdict(row.id, True, str(self), near, threshold, reason))
                continue
            other = rows[of].id
            reason = f"{measure} {show(score)} with row {other} is above {show(threshold)}"
            found.append(Verdict(row.id, False, str(self), score, threshold, reason, other))
        return found

    def place(self) -> str:
        """Return ` within cell`, or nothing without groups."""
        return f" within {self.within}" if self.within else ""


class TextRepeatRule(RepeatRule):
    """Base of those that compare texts: a row repeats another where each of its fields does."""

    named: ClassVar[str]  #: what its score is
    threshold: float
    fields: tuple[str, ...] | None = Field(None, min_length=1, description=f"{FIELDS}; each is compared by itself")

    @abstractmethod
    def cut(self, text: str, language: str) -> list[str]:
        """Return the words of a text."""

    @abstractmethod
    def measure(self) -> Measure:
        """Return how texts are compared."""

    def texts(self, rows: Sequence[Row]) -> Iterator[list[list[str]]]:
        """Return the words of each field of each row that is compared.

        Raises:
            UsageError: a row has no such field.
        """
        return ([self.cut(text, row.language) for text in field_texts(row, self.fields)] for row in rows)

    def several(self, rows: Sequence[Row]) -> bool:
        """Say whether rows are compared by more than one field."""
        return any(len(self.fields or row.payload.fields) > 1 for row in rows)

    def __call__(self, rows: Sequence[Row], columns: Columns, seed: int) -> list[Verdict]:
        """Return one verdict per row, in the rows' order.

        Raises:
            UsageError: a row lacks a field or the group, or a setting cannot be.
        """
        several = self.several(rows)
        repeats = self.measure().kept(self.texts(rows), self.threshold, self.groups(rows), several=several)
        return self.verdicts(rows, repeats, self.threshold, self.named)

    def of(self) -> str:
        """Return ` of question, output`, or nothing where all input is compared."""
        return f" of {', '.join(self.fields)}" if self.fields else ""
