"""Keep the rows in the middle of a ranking: neither the most nor the least of a score (methods.md C5).

With n scored rows ranked upwards, 1 to n, the rows with the smallest |rank - (n + 1) / 2| are kept: a run of
neighbours around the median. Of two rows equally far from it the lower score goes first; equal scores are
ranked in the order of the rows. Amounts are those of share.py (half up: 0.5 of 5 is 3).
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import Literal

from pydantic import Field

from homespun.records import Row, Verdict
from homespun.select.base import Columns, show
from homespun.select.share import AmountRule


class Middle(AmountRule):
    """Keep the rows nearest to the median by rank."""

    kind: Literal["middle"] = "middle"
    by: str = Field(min_length=1, description="score, or score.column")

    def needs(self) -> frozenset[str]:
        """Return the one column read."""
        return frozenset({self.by})

    def __call__(self, rows: Sequence[Row], columns: Columns, seed: int) -> list[Verdict]:
        """Return one verdict per row, in the rows' order; the threshold is the nearer end of the kept scores."""
        scores = columns.numbers(self.by, rows)
        verdicts: dict[int, Verdict] = {}
        for group, members in self.members(rows).items():
            scored = [position for position in members if not math.isnan(scores[position])]
            ranked = sorted(scored, key=lambda position: scores[position])  # stable: ties
            kept = self.quota(len(ranked))
            first = (len(ranked) - kept) // 2  # so that of two ends equally far the lower one stays
            ends = [scores[ranked[place]] for place in (first, first + kept - 1)] if kept else [None, None]
            for rank, position in enumerate(ranked):
                reason = (
                    f"{self.by} {show(scores[position])} ranks {rank + 1} of {len(ranked)}{self.place(group)};"
                    f" {kept} in the middle kept"
                )
                keep, threshold = first <= rank < first + kept, ends[2 * rank >= len(ranked)]
                verdicts[position] = Verdict(rows[position].id, keep, str(self), scores[position], threshold, reason)
        return [
            verdicts.get(position) or self.drop_unscored(row, columns, self.by) for position, row in enumerate(rows)
        ]

    def __str__(self) -> str:
        return f"middle {self.by} {self.amount()}"
