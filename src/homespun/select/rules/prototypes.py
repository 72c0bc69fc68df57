"""Rules that drop what is typical: SSL prototypes, and D4, which takes near copies out first (near.d4).

Both work on clusters of embeddings, so they need many rows: with a few dozen, a centroid is the mean of a
handful of rows and says little. Where rows come from a few documents or fields, clusters find those, and
pruning over all of them starves the smaller ones. D4 works within documents where rows have them; for other
fields give `within` the group key.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Literal

from pydantic import Field, model_validator

from homespun.data.records import Row, Verdict
from homespun.near.cosine import Positions, Vectors
from homespun.near.d4 import d4
from homespun.near.kmeans import default_k, kmeans
from homespun.near.prototypes import Prototypes as Ranking
from homespun.near.prototypes import prototypes
from homespun.select.base import show
from homespun.select.rules.embeddings import PoolRule
from homespun.select.rules.semantic import reference_verdicts
from homespun.select.rules.share import AmountRule, share_of

DOCUMENT = "document"  #: group key of rows that were made from documents
DEDUP_SHARE = 0.75  #: part of the rows that SemDeDup leaves in D4, as in the paper


class Prototypes(PoolRule, AmountRule):
    """Keep the rows farthest from the centroid of their cluster."""

    kind: Literal["prototypes"] = "prototypes"
    k: int | None = Field(None, ge=1, description="clusters; the square root of the number of rows unless given")

    def decide(self, rows: Sequence[Row], vectors: Vectors, places: Positions, seed: int, where: str) -> list[Verdict]:
        """Return the verdicts on one group."""
        clusters = kmeans(vectors, self.k or default_k(len(rows)), seed, places)
        return _by_distance(str(self), rows, prototypes(clusters, self.quota(len(rows))), where)

    def __str__(self) -> str:
        return f"prototypes {self.by} {self.amount()}"


class D4(PoolRule, AmountRule):
    """Keep rows that are unlike each other and not typical: SemDeDup, new clusters, prototypes."""

    kind: Literal["d4"] = "d4"
    dedup_share: float = Field(
        DEDUP_SHARE, gt=0, le=1, description="part of the rows that the first half, SemDeDup, keeps"
    )
    within: str | None = Field(
        None, description="group key to work within; `document` where all rows have one and it is not given"
    )
    stratify: bool = Field(True, description="false: without `within`, take all rows together, documents or not")
    k: int | None = Field(None, ge=1, description="clusters; the square root of the number of rows unless given")

    @model_validator(mode="after")
    def _shares_fit(self) -> D4:
        if self.share is not None and self.share > self.dedup_share:
            raise ValueError(
                f"share {self.share} is above dedup_share {self.dedup_share}: SemDeDup would leave fewer rows than "
                "are to be kept; raise dedup_share"
            )
        return self

    def moved(self, value: float) -> D4:
        """Return the rule with another share; its first half leaves enough rows for it."""
        usual = max(DEDUP_SHARE, self.share or 0)
        first = max(value, DEDUP_SHARE if self.dedup_share == usual else self.dedup_share)
        return super(D4, self.model_copy(update={"dedup_share": first})).moved(value)

    def strata(self, rows: Sequence[Row]) -> str | None:
        """Return the group key to work within."""
        documents = self.stratify and bool(rows) and all(DOCUMENT in row.groups for row in rows)
        return self.within or (DOCUMENT if documents else None)

    def decide(self, rows: Sequence[Row], vectors: Vectors, places: Positions, seed: int, where: str) -> list[Verdict]:
        """Return the verdicts on one group: those of SemDeDup on what it drops, of the prototypes on the rest."""
        count = self.quota(len(rows))
        distinct = max(count, share_of(self.dedup_share, len(rows)))
        found = d4(vectors, count, distinct, seed, places, k=self.k)
        kept = found.repeats.kept.tolist()
        verdicts = reference_verdicts(str(self), rows, found.near, kept, found.threshold, where or " rows")
        left = found.survivors.tolist()
        for place, verdict in zip(
            left, _by_distance(str(self), [rows[place] for place in left], found.prototypes, where), strict=True
        ):
            verdicts[place] = verdict
        return verdicts

    def __str__(self) -> str:
        return f"d4 {self.by} {self.amount()}"


def _by_distance(rule: str, rows: Sequence[Row], ranking: Ranking, where: str) -> list[Verdict]:
    """Return the verdicts on rows ranked by their distance to their centroids."""
    limit = ranking.threshold if ranking.count else None
    found = []
    for row, distance, rank in zip(rows, ranking.distance.tolist(), ranking.rank.tolist(), strict=True):
        reason = (
            f"distance {show(distance)} to the centroid of its cluster ranks {rank} of {len(rows)}{where}; "
            f"{ranking.count} kept"
        )
        found.append(Verdict(row.id, rank <= ranking.count, rule, distance, limit, reason))
    return found
