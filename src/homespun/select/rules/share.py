"""Rules that keep so many rows: top, bottom, middle, random; of the pool or within each group.

`share` of n rows is rounded half up (0.5 of 3 rows is 2), in decimal arithmetic so that 0.145 of 100 is
15; `count` is taken per group, and a group with fewer rows keeps all of them. n counts the rows with a
score: those without are dropped before. Equal scores are kept in the order of the rows. The random rule
ranks rows by a hash of seed and row id, so a draw depends on no generator and on no order, and a larger
draw contains a smaller one.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from decimal import ROUND_HALF_UP, Decimal
from typing import ClassVar, Literal

from pydantic import Field, model_validator

from homespun.data.records import Row, Verdict, derive_seed
from homespun.select.base import Columns, Rule, group_values, show

PARTS = {"low": "bottom", "middle": "middle", "high": "top"}  #: part of a ranking -> rule that keeps it


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
    """Base of top, bottom and middle: sort each group by score and cut."""

    by: str = Field(min_length=1, description="score, or score.column")
    downwards: ClassVar[bool] = False
    middle: ClassVar[bool] = False

    def needs(self) -> frozenset[str]:
        """Return the one column read."""
        return frozenset({self.by})

    def __call__(self, rows: Sequence[Row], columns: Columns, seed: int) -> list[Verdict]:
        """Return one verdict per row, in the rows' order; the threshold is the nearer end of the kept scores."""
        scores = columns.numbers(self.by, rows)
        verdicts: dict[int, Verdict] = {}
        for group, members in self.members(rows).items():
            scored = [position for position in members if not math.isnan(scores[position])]
            kept, where = self.quota(len(scored)), self.place(group)
            verdicts |= by_rank(self, self.by, rows, scores, scored, kept, where, self.downwards, self.middle)
        return [
            verdicts.get(position) or self.drop_unscored(row, columns, self.by) for position, row in enumerate(rows)
        ]

    def __str__(self) -> str:
        return f"{self.kind} {self.by} {self.amount()}"


class Top(RankRule):
    """Keep the rows with the highest scores."""

    kind: Literal["top"] = "top"
    downwards: ClassVar[bool] = True


class Bottom(RankRule):
    """Keep the rows with the lowest scores."""

    kind: Literal["bottom"] = "bottom"


class Middle(RankRule):
    """Keep the rows nearest to the median by rank: neither the most nor the least of a score (methods.md C5).

    With n scored rows ranked upwards, 1 to n, those with the smallest |rank - (n + 1) / 2| are kept: a run of
    neighbours around the median. Of two rows equally far from it the lower score goes first.
    """

    kind: Literal["middle"] = "middle"
    middle: ClassVar[bool] = True


class Random(AmountRule):
    """Keep rows by lot: a control written by hand, or a cheap way to a smaller pool."""

    kind: Literal["random"] = "random"
    seed: int | None = Field(None, description="fixes the draw; otherwise it follows the run's seed")

    def __call__(self, rows: Sequence[Row], columns: Columns, seed: int) -> list[Verdict]:
        """Return one verdict per row, in the rows' order."""
        used = seed if self.seed is None else self.seed
        verdicts: dict[int, Verdict] = {}
        for group, members in self.members(rows).items():
            verdicts |= by_lot(self, "rule", rows, members, self.quota(len(members)), self.place(group), used)
        return [verdicts[position] for position in range(len(rows))]

    def __str__(self) -> str:
        return f"random {self.amount()}" + (f" seed {self.seed}" if self.seed is not None else "")


def by_rank(
    rule: Rule,
    by: str,
    rows: Sequence[Row],
    scores: Sequence[float],
    members: Sequence[int],
    kept: int,
    where: str,
    downwards: bool,
    middle: bool = False,
) -> dict[int, Verdict]:
    """Return the verdicts on the scored rows of a group, by position, that keep the first or the middle by rank."""
    ranked = sorted(members, key=lambda position: -scores[position] if downwards else scores[position])  # stable
    first = (len(ranked) - kept) // 2 if middle else 0  # so that of two ends equally far the lower one stays
    ends = [scores[ranked[place]] for place in (first, first + kept - 1)] if kept else [None, None]
    verdicts, named = {}, str(rule)
    for rank, position in enumerate(ranked):
        score, end = scores[position], ends[not middle or 2 * rank >= len(ranked)]
        reason = f"{by} {show(score)} ranks {rank + 1} of {len(ranked)}{where}; {kept}{' in the middle' * middle} kept"
        verdicts[position] = Verdict(rows[position].id, first <= rank < first + kept, named, score, end, reason)
    return verdicts


def by_lot(
    rule: Rule, purpose: str, rows: Sequence[Row], members: Sequence[int], kept: int, where: str, seed: int
) -> dict[int, Verdict]:
    """Return the verdicts on the rows of a group, by position, that keep some by lot."""
    ranked = sorted(members, key=lambda position: draw(seed, purpose, rows[position]))
    verdicts, named = {}, str(rule)
    for rank, position in enumerate(ranked):
        reason = f"{'' if rank < kept else 'not '}drawn: {kept} of {len(ranked)}{where}, seed {seed}"
        verdicts[position] = Verdict(rows[position].id, rank < kept, named, reason=reason)
    return verdicts


def draw(seed: int, purpose: str, row: Row) -> tuple[int, str]:
    """Return a row's lot: sort by it and take the first n to draw n rows at random."""
    return derive_seed(seed, "draw", purpose, row.id), row.id
