"""What the rules against repetition share: which texts and groups they compare, and their verdicts.

The measures (ROUGE-L, MinHash, cosine) are in near/; they answer in positions, which become verdicts here.
"""

from __future__ import annotations

import math
from collections.abc import Sequence

from pydantic import Field

from homespun.near.pairs import KEPT, Repeats
from homespun.records import Row, Verdict
from homespun.select.base import Rule, group_values, show
from homespun.text.fields import FIELDS, field_text


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
    """Base of those that compare texts."""

    fields: tuple[str, ...] | None = Field(None, min_length=1, description=FIELDS)

    def texts(self, rows: Sequence[Row]) -> list[str]:
        """Return the text of each row that is compared.

        Raises:
            UsageError: a row has no such field.
        """
        return [field_text(row, self.fields) for row in rows]

    def of(self) -> str:
        """Return ` of question, output`, or nothing where all input is compared."""
        return f" of {', '.join(self.fields)}" if self.fields else ""
