"""What the rules on embeddings share: vectors from a column, centred and of unit length, and groups of them.

The embedding scorer writes raw vectors, row by row; what needs all rows at once is done here. The mean that
is taken off is that of all rows the rule sees, also where it then works within groups.
"""

from __future__ import annotations

from abc import abstractmethod
from collections.abc import Sequence

import numpy as np
from pydantic import Field

from homespun.data.records import Row, Verdict, derive_seed
from homespun.near.cosine import Positions, Vectors, unit
from homespun.select.base import UNSCORED, Columns, Rule, group_values

NO_DIRECTION = "its embedding has no direction"


class EmbeddingRule(Rule):
    """Base of the rules that read a column of vectors."""

    by: str = Field("embedding", min_length=1, description="column of vectors: a score, or score.column")
    centre: bool = Field(
        True, description="take off the mean of all vectors first; needed for hidden states of language models"
    )

    def needs(self) -> frozenset[str]:
        """Return the one column read."""
        return frozenset({self.by})

    def unit_vectors(self, rows: Sequence[Row], columns: Columns) -> Vectors:
        """Return a unit vector per row; a row of nan where there is none."""
        vectors = columns.vectors(self.by, rows)  # a copy of our own, so that it can be written over
        found = unit(vectors, centre=self.centre, out=vectors)
        if self.centre and len(rows) and np.isnan(found[:, 0]).all():  # all alike: without their mean nothing is left
            vectors = columns.vectors(self.by, rows)
            found = unit(vectors, out=vectors)
        return found

    def no_vector(self, row: Row, columns: Columns) -> Verdict:
        """Return the verdict on a row without a vector, or with one that has no direction."""
        why = columns.resolve(self.by)[0].reasons.get(row.id, NO_DIRECTION)
        return Verdict(row.id, False, str(self), reason=f"{UNSCORED}: {why}")


class PoolRule(EmbeddingRule):
    """Base of those that decide a whole pool at once, or each group by itself."""

    within: str | None = Field(None, description="group key: decide each group by itself, e.g. document")

    def strata(self, rows: Sequence[Row]) -> str | None:
        """Return the group key whose groups are decided each by itself; None: all rows together."""
        return self.within

    @abstractmethod
    def decide(self, rows: Sequence[Row], vectors: Vectors, places: Positions, seed: int, where: str) -> list[Verdict]:
        """Return the verdicts on one group.

        Args:
            rows: the rows of the group that have a vector; at least one.
            vectors: unit vectors of the whole pool.
            places: where those of the rows stand among them.
            seed: of this rule and group.
            where: ` in label positive`, or nothing without groups.
        """

    def __call__(self, rows: Sequence[Row], columns: Columns, seed: int) -> list[Verdict]:
        """Return one verdict per row, in the rows' order."""
        vectors = self.unit_vectors(rows, columns)
        verdicts: list[Verdict | None] = [None] * len(rows)
        groups: dict[str, list[int]] = {}
        key = self.strata(rows)
        for position, group in enumerate(group_values(rows, key)):
            if not np.isnan(vectors[position, 0]):
                groups.setdefault(group, []).append(position)
        for group, positions in groups.items():
            where = f" in {key} {group}" if key else ""
            own, places = [rows[position] for position in positions], np.array(positions, dtype=np.int64)
            decided = self.decide(own, vectors, places, derive_seed(seed, self.kind, group), where)
            for position, verdict in zip(positions, decided, strict=True):
                verdicts[position] = verdict
        return [verdict or self.no_vector(row, columns) for row, verdict in zip(rows, verdicts, strict=True)]
