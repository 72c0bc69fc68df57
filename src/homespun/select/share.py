"""Rules that keep so many rows: top, bottom, random; of the pool or within each group.

`share` of n rows is rounded half up (0.5 of 3 rows is 2), in decimal arithmetic so that 0.145 of 100 is
15; `count` is taken per group, and a group with fewer rows keeps all of them. n counts the rows with a
score: those without are dropped before. Equal scores are kept in the order of the rows. The random rule
ranks rows by a hash of seed and row id, so a draw depends on no generator and on no order, and a larger
draw contains a smaller one.
"""

from __future__ import annotations

import math
from abc import abstractmethod
from collections.abc import Sequence
from decimal import ROUND_HALF_UP, Decimal
from typing import Literal

from pydantic import Field, model_validator

from homespun.records import Row, Verdict, derive_seed
from homespun.select.base import Columns, Rule, group_values, show


def share_of(share: float, count: int) -> int:
    """Return the number of rows that a share of `count` rows is, rounded half up."""
    return int((Decimal(str(share)) * count).to_integral_value(ROUND_HALF_UP))


class AmountRule(Rule):
    """Base: `share` or `count`, of all rows or within each value of a group key."""

    share: float | None = Field(None, gt=0, le=1, description="part of the rows to keep")
    count: int | None = Field(None, ge=1, description="number of rows to keep")
    within: str | None = Field(None, description="group key: keep that much of each group, e.g. label")

    @model_validator(mode="after")
    def _one_amount(self) -> AmountRule:
        if (self.share is None) == (self.count is None):
            raise ValueError(f"{self.kind} needs either share or count, one of the two")
        return self

    def quota(self, count: int) -> int:
        """Return how many of `count` rows to keep."""
        if self.share is not None:
            return share_of(self.share, count)
        return min(self.count or 0, count)

    def amount(self) -> str:
        """Return amount and group in words."""
        size = show(self.share) if self.share is not None else f"{self.count} row{'s' * (self.count != 1)}"
        return size + (f" within {self.within}" if self.within else "")

    def members(self, rows: Sequence[Row]) -> dict[str, list[int]]:
        """Return the positions of the rows of each group, in the rows' order."""
        found: dict[str, list[int]] = {}
        for position, group in enumerate(group_values(rows, self.within)):
            found.setdefault(group, []).append(position)
        return found

    def place(self, group: str) -> str:
        """Return ` in label positive`, or nothing without groups."""
        return f" in {self.within} {group}" if self.within else ""


class RankRule(AmountRule):
    """Base of top and bottom: sort each group by score and cut."""

    by: str = Field(min_length=1, description="score, or score.column")

    def needs(self) -> frozenset[str]:
        """Return the one column read."""
        return frozenset({self.by})

    @abstractmethod
    def rank_key(self, score: float) -> float:
        """Return what to sort by; the smallest is kept first."""

    def __call__(self, rows: Sequence[Row], columns: Columns, seed: int) -> list[Verdict]:
        """Return one verdict per row, in the rows' order."""
        scores = columns.numbers(self.by, rows)
        verdicts: dict[int, Verdict] = {}
        for group, members in self.members(rows).items():
            scored = [position for position in members if not math.isnan(scores[position])]
            ranked = sorted(scored, key=lambda position: self.rank_key(scores[position]))  # stable: ties
            kept = self.quota(len(ranked))
            threshold = scores[ranked[kept - 1]] if kept else None
            for rank, position in enumerate(ranked, start=1):
                reason = (
                    f"{self.by} {show(scores[position])} ranks {rank} of {len(ranked)}{self.place(group)}; {kept} kept"
                )
                verdicts[position] = Verdict(
                    rows[position].id, rank <= kept, str(self), scores[position], threshold, reason
                )
        return [
            verdicts.get(position) or self.drop_unscored(row, columns, self.by) for position, row in enumerate(rows)
        ]

    def __str__(self) -> str:
        return f"{self.kind} {self.by} {self.amount()}"


class Top(RankRule):
    """Keep the rows with the highest scores."""

    kind: Literal["top"] = "top"

    def rank_key(self, score: float) -> float:
        """Sort downwards."""
        return -score


class Bottom(RankRule):
    """Keep the rows with the lowest scores."""

    kind: Literal["bottom"] = "bottom"

    def rank_key(self, score: float) -> float:
        """Sort upwards."""
        return score


class Random(AmountRule):
    """Keep rows by lot: a control written by hand, or a cheap way to a smaller pool."""

    kind: Literal["random"] = "random"
    seed: int | None = Field(None, description="fixes the draw; otherwise it follows the run's seed")

    def __call__(self, rows: Sequence[Row], columns: Columns, seed: int) -> list[Verdict]:
        """Return one verdict per row, in the rows' order."""
        used = seed if self.seed is None else self.seed
        verdicts: dict[int, Verdict] = {}
        for group, members in self.members(rows).items():
            ranked = sorted(members, key=lambda position: draw(used, "rule", rows[position]))
            kept = self.quota(len(ranked))
            for rank, position in enumerate(ranked, start=1):
                drawn = "drawn" if rank <= kept else "not drawn"
                reason = f"{drawn}: {kept} of {len(ranked)}{self.place(group)}, seed {used}"
                verdicts[position] = Verdict(rows[position].id, rank <= kept, str(self), reason=reason)
        return [verdicts[position] for position in range(len(rows))]

    def __str__(self) -> str:
        return f"random {self.amount()}" + (f" seed {self.seed}" if self.seed is not None else "")


def draw(seed: int, purpose: str, row: Row) -> tuple[int, str]:
    """Return a row's lot: sort by it and take the first n to draw n rows at random."""
    return derive_seed(seed, "draw", purpose, row.id), row.id
