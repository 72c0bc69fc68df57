"""Drop rows that mean what another row means: by exact cosine, or by SemDeDup (near.cosine, near.semdedup).

`semantic` compares every row with the kept rows before it. `semdedup` takes the order and the choice of the
literature: rows far from the centroid of their cluster come first and stay. Both compare all rows;
`semdedup` compares within clusters only above near.semdedup.EXACT rows.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import ClassVar, Literal

import numpy as np
from pydantic import Field, model_validator

from homespun.data.records import Row, Verdict
from homespun.near import cosine, semdedup
from homespun.near.cosine import Positions, Vectors
from homespun.near.kmeans import default_k, kmeans
from homespun.near.pairs import KEPT
from homespun.select.base import Columns, show
from homespun.select.rules.embeddings import EmbeddingRule, PoolRule
from homespun.select.rules.repeats import PairRule, RepeatRule, Search
from homespun.select.rules.share import share_of

MEASURE = "cosine"


class Semantic(EmbeddingRule, PairRule):
    """Keep a row unless its cosine with an earlier row that is kept is above the threshold."""

    kind: Literal["semantic"] = "semantic"
    named: ClassVar[str] = MEASURE
    threshold: float = Field(ge=0, le=1, allow_inf_nan=False, description="a higher cosine makes a repeat")

    def search(self, rows: Sequence[Row], columns: Columns) -> Search:
        """Compare unit vectors."""
        vectors, groups = self.unit_vectors(rows, columns), self.groups(rows)
        lacking = np.flatnonzero(np.isnan(vectors[:, 0])).tolist()
        return Search(
            lambda floor, most: cosine.pairs(vectors, floor, groups, most=most),
            lambda at: cosine.greedy(vectors, at, groups),
            {place: self.no_vector(rows[place], columns).reason for place in lacking},
        )

    def __str__(self) -> str:
        return f"semantic {self.by} {show(self.threshold)}{self.place()}"


class SemDedup(PoolRule, RepeatRule):
    """Keep a row unless its cosine with a row before it, in the order of its cluster, is too high."""

    kind: Literal["semdedup"] = "semdedup"
    threshold: float | None = Field(
        None, ge=0, le=1, allow_inf_nan=False, description="a higher cosine makes a repeat (1 - epsilon of the paper)"
    )
    share: float | None = Field(None, gt=0, le=1, description="part of the rows to keep, instead of a threshold")
    variant: Literal["reference", "greedy"] = Field(
        "reference", description="reference: compare with dropped rows too; greedy: with kept rows only"
    )
    keep: semdedup.Keep = Field("hard", description="what stays: hard, far from the centroid, or easy, near it")
    k: int | None = Field(None, ge=1, description="clusters; the square root of the number of rows unless given")

    @model_validator(mode="after")
    def _one_amount(self) -> SemDedup:
        if (self.share is None) == (self.threshold is None):
            raise ValueError("semdedup needs either threshold or share, one of the two")
        if self.share is not None and self.variant == "greedy":
            raise ValueError("share works with `variant: reference` only; give the greedy variant a threshold")
        return self

    def decide(self, rows: Sequence[Row], vectors: Vectors, places: Positions, seed: int, where: str) -> list[Verdict]:
        """Return the verdicts on one group."""
        clusters = kmeans(vectors, self.k or default_k(len(rows)), seed, places)
        if self.threshold is not None and self.variant == "greedy":
            repeats = semdedup.greedy(vectors, clusters, self.threshold, places, keep=self.keep)
            return self.verdicts(rows, repeats, self.threshold, MEASURE)
        near = semdedup.nearest(vectors, clusters, places, keep=self.keep)
        if self.threshold is not None:
            return reference_verdicts(str(self), rows, near, near.above(self.threshold).kept.tolist(), self.threshold)
        repeats, threshold = near.keeping(share_of(self.share or 0, len(rows)))
        return reference_verdicts(str(self), rows, near, repeats.kept.tolist(), threshold, where or " rows")

    def __str__(self) -> str:
        amount = f"share {show(self.share)}" if self.share else show(self.threshold or 0)
        variant = " greedy" if self.variant == "greedy" else ""
        return f"semdedup{variant} {self.by} {amount}{self.place()}"


def reference_verdicts(
    rule: str, rows: Sequence[Row], near: semdedup.Nearest, kept: list[bool], threshold: float, of_what: str = ""
) -> list[Verdict]:
    """Return verdicts by SemDeDup's reference rule: the score is M, the cosine with the nearest row before.

    Args:
        rule: the rule in words.
        rows: the rows compared.
        near: their nearest before.
        kept: whether each stays.
        threshold: the M that divides them; -inf where none does.
        of_what: where a share is kept, of what: ` rows`, ` in label positive`.
    """
    limit = threshold if np.isfinite(threshold) else None
    highest = f"among the {kept.count(False)} highest of {len(rows)}{of_what}"
    above = highest if of_what else f"above {show(threshold)}"
    found = []
    for row, of, score, keep in zip(rows, near.of.tolist(), near.score.tolist(), kept, strict=True):
        if of == KEPT:
            reason = "the first of its cluster: no row stands before it"
            found.append(Verdict(row.id, True, rule, None, limit, reason))
            continue
        other = rows[of].id
        reason = f"{MEASURE} {show(score)} with row {other}, the nearest before it, is {'not ' * keep}{above}"
        found.append(Verdict(row.id, keep, rule, score, limit, reason, None if keep else other))
    return found
