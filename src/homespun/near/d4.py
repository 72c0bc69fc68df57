"""D4: SemDeDup, then k-means anew on what is left, then drop prototypes (Tirumala et al. 2023; methods.md C6).

Clustering again matters: near copies make clusters of their own, whose members would all pass for
prototypes. One pool at a time: stratify by calling it for each stratum (the rule `d4` does, within a group).
Memory beside the vectors, which may be a memory map: near.kmeans', and one cluster at a time.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from homespun.errors import UsageError
from homespun.near.cosine import Positions, Vectors
from homespun.near.kmeans import Clusters, default_k, kmeans
from homespun.near.pairs import Repeats
from homespun.near.prototypes import Prototypes, prototypes
from homespun.near.semdedup import EXACT, Nearest, nearest


@dataclass(frozen=True, slots=True)
class D4:
    """What both halves decide; positions count within the rows given."""

    clusters: Clusters  #: the first ones
    near: Nearest  #: M of every row
    repeats: Repeats  #: what SemDeDup drops and for which row
    threshold: float  #: cosine above which it drops
    survivors: Positions  #: rows that it leaves
    prototypes: Prototypes  #: of the survivors, in their order

    @property
    def kept(self) -> NDArray[np.bool_]:
        """Say for each row whether it stays."""
        found = np.zeros(len(self.repeats.of), dtype=np.bool_)
        found[self.survivors[self.prototypes.kept]] = True
        return found


def d4(
    vectors: Vectors,
    count: int,
    distinct: int,
    seed: int,
    rows: Positions | None = None,
    *,
    k: int | None = None,
    exact: int = EXACT,
) -> D4:
    """Keep `count` of the rows: at most `distinct` that are unlike each other, and of these the least typical.

    Args:
        vectors: unit vectors; may be a memory map.
        count: rows to keep in the end.
        distinct: rows to keep by SemDeDup's reference rule; the literature takes three quarters.
        seed: fixes both clusterings.
        rows: positions of the rows to work on; all unless given.
        k: clusters, both times; the square root of the number of rows unless given.
        exact: up to so many rows, SemDeDup compares all with all.

    Raises:
        UsageError: not 0 <= count <= distinct <= number of rows, or there are no rows.
    """
    places = np.arange(len(vectors)) if rows is None else rows
    if not 0 <= count <= distinct <= len(places):
        raise UsageError(
            f"cannot keep {count} of {distinct} of {len(places)} rows; give 0 <= count <= distinct <= rows"
        )
    k = k or default_k(len(places))
    clusters = kmeans(vectors, k, seed, places)
    near = nearest(vectors, clusters, places, exact=exact)
    repeats, threshold = near.keeping(distinct)
    survivors = np.flatnonzero(repeats.kept)
    if not len(survivors):
        return D4(
            clusters, near, repeats, threshold, survivors, Prototypes(np.empty(0), np.empty(0, dtype=np.int64), 0)
        )
    again = kmeans(vectors, k, seed, places[survivors])
    return D4(clusters, near, repeats, threshold, survivors, prototypes(again, count))
