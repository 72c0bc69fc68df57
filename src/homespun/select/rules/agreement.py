"""Keep rows whose own output is what a scorer would answer (methods.md A3: argmax = own label).

The strongest cheap filter for labelled rows: label noise is real and can be checked. It stands and falls
with the scorer's calibration: a model that gives one label to everything agrees with that label alone.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Literal

from pydantic import Field

from homespun.data.records import Row, Verdict
from homespun.select.base import Columns, Rule, split_by


class Agreement(Rule):
    """Keep rows whose output equals a column of text, by default the scorer's `label`."""

    kind: Literal["agreement"] = "agreement"
    by: str = Field("judge", min_length=1, description="score (its column label) or score.column")

    def column(self) -> str:
        """Return the full name of the column: a bare score means its `label`."""
        scorer, column = split_by(self.by)
        return f"{scorer}.{column or 'label'}"

    def needs(self) -> frozenset[str]:
        """Return the one column read."""
        return frozenset({self.column()})

    def __call__(self, rows: Sequence[Row], columns: Columns, seed: int) -> list[Verdict]:
        """Return one verdict per row, in the rows' order."""
        verdicts = []
        for row, answer in zip(rows, columns.texts(self.column(), rows), strict=True):
            if not answer:
                verdicts.append(self.drop_unscored(row, columns, self.column()))
                continue
            keep = answer == row.payload.output
            word = "agrees" if keep else f"says {answer}, the row says {row.payload.output}"
            verdicts.append(Verdict(row.id, keep, str(self), reason=f"{self.column()} {word}"))
        return verdicts

    def __str__(self) -> str:
        return f"agreement {self.column()}"
