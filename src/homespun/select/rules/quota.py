"""So many rows of each cell at most: balance over labels, fields, or any combination of them.

A cell is one combination of the values of `within` that stands in the rows. `count` rows are kept of each,
or, with `count: smallest`, as many as the smallest cell has, so that all are equal. Which ones: the highest
by a score, or by lot. Rows without the score are dropped before cells are counted, and a cell in which no
row has one has no part in the smallest.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import Annotated, Any, Literal

from pydantic import BeforeValidator, Field

from homespun.data.records import Row, Verdict
from homespun.select.base import Columns, Rule, group_values
from homespun.select.rules.share import by_lot, by_rank

Count = Annotated[int, Field(ge=1)] | Literal["smallest"]


def _listed(value: Any) -> Any:
    return [value] if isinstance(value, str) else value


class Quota(Rule):
    """Keep a number of rows of each cell."""

    kind: Literal["quota"] = "quota"
    within: Annotated[tuple[str, ...], BeforeValidator(_listed)] = Field(
        min_length=1, description="group keys or input fields whose values make a cell, e.g. [label, keyword]"
    )
    count: Count = Field(description="rows of each cell at most, or `smallest`: as many as the smallest cell has")
    by: str | None = Field(None, min_length=1, description="keep the highest by this score; by lot unless given")
    seed: int | None = Field(None, description="fixes the lot; otherwise it follows the run's seed")

    def needs(self) -> frozenset[str]:
        """Return the one column read, if any."""
        return frozenset({self.by} if self.by else ())

    def __call__(self, rows: Sequence[Row], columns: Columns, seed: int) -> list[Verdict]:
        """Return one verdict per row, in the rows' order.

        Raises:
            UsageError: a row has no value for a key of `within`.
        """
        used = seed if self.seed is None else self.seed
        scores = columns.numbers(self.by, rows) if self.by else None
        cells: dict[tuple[str, ...], list[int]] = {}
        for position, cell in enumerate(zip(*(group_values(rows, key) for key in self.within), strict=True)):
            if scores is None or not math.isnan(scores[position]):
                cells.setdefault(cell, []).append(position)
        smallest = min(map(len, cells.values()), default=0)
        most = smallest if self.count == "smallest" else self.count
        verdicts: dict[int, Verdict] = {}
        for cell, members in cells.items():
            kept = min(most, len(members))
            where = " in " + ", ".join(f"{key} {value}" for key, value in zip(self.within, cell, strict=True))
            if scores is None:
                verdicts |= by_lot(self, "quota", rows, members, kept, where, used)
            else:
                verdicts |= by_rank(self, str(self.by), rows, scores, members, kept, where, downwards=True)
        return [
            verdicts.get(position) or self.drop_unscored(row, columns, str(self.by))
            for position, row in enumerate(rows)
        ]

    def __str__(self) -> str:
        how = f" by {self.by}" if self.by else ""
        fixed = f" seed {self.seed}" if self.seed is not None and not self.by else ""
        return f"quota {self.count} of each {', '.join(self.within)}{how}{fixed}"
