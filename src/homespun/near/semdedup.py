"""SemDeDup: near copies found within clusters of embeddings (Abbas et al. 2023; methods.md C6).

Rows of a cluster are ordered by their distance to its centroid, the farthest first (`keep="hard"`), and
M is each row's highest cosine to a row before it. The reference drops a row whose M is above a threshold.
Since it compares with rows that are dropped as well, a chain of rows each like the next loses all but its
first; the greedy variant compares with kept rows only. M answers any threshold, and any share to be kept,
without another search; the greedy variant needs its threshold beforehand.

Copies that fall into different clusters are missed. So up to EXACT rows all rows are compared, in the same
order; above, `recall` measures what is missed. Clusters are never cut into chunks, as the published code does.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

import numpy as np
from numpy.typing import NDArray

from homespun.errors import UsageError
from homespun.near import cosine
from homespun.near.cosine import Positions, Scores, Vectors
from homespun.near.kmeans import Clusters
from homespun.near.pairs import KEPT, Repeats

EXACT = 200_000  #: up to so many rows all are compared with all, clusters or not
Keep = Literal["hard", "easy"]


@dataclass(frozen=True, slots=True)
class Nearest:
    """For each row the nearest of the rows before it in its cluster's order."""

    order: Positions  #: positions in the order of comparison, cluster after cluster
    of: NDArray[np.int32]  #: position of the nearest row before, KEPT where there is none
    score: Scores  #: M, the cosine to it; nan where there is none

    def above(self, threshold: float) -> Repeats:
        """Return the reference decision: a row whose M is above the threshold repeats its nearest."""
        over = self.score > threshold  # nan is above nothing
        return Repeats(np.where(over, self.of, KEPT).astype(np.int32), np.where(over, self.score, np.nan))

    def keeping(self, count: int) -> tuple[Repeats, float]:
        """Return the decision that keeps `count` rows, and the threshold, which is a quantile of all M.

        Of rows with an M equal to the threshold, those earlier in the order of comparison are kept. Rows with
        none before them, one per cluster, are always kept, so that a tiny count may be exceeded.

        Raises:
            UsageError: count is not within 0 and the number of rows.
        """
        if not 0 <= count <= len(self.score):
            raise UsageError(f"cannot keep {count} of {len(self.score)} rows")
        place = np.empty(len(self.order), dtype=np.int64)
        place[self.order] = np.arange(len(self.order))
        m = np.where(self.of == KEPT, -np.inf, self.score)
        ranked = np.lexsort((place, m))
        count = max(count, int(np.equal(self.of, KEPT).sum()))
        dropped = ranked[count:]
        found = Repeats.none(len(m))
        found.of[dropped], found.score[dropped] = self.of[dropped], self.score[dropped]
        return found, float(m[ranked[count - 1]]) if count else -np.inf


@dataclass(frozen=True, slots=True)
class Recall:
    """What a search within clusters finds of what is there, counted on a sample of rows."""

    rows: int  #: rows looked at
    pairs: int  #: their pairs, with any row, above the threshold
    pairs_found: int  #: those whose rows share a cluster
    repeated: int  #: rows looked at that are in such a pair
    repeated_found: int  #: those with at least one such pair in their cluster

    @property
    def of_pairs(self) -> float:
        """Share of pairs found; nan where there are none."""
        return self.pairs_found / self.pairs if self.pairs else np.nan

    @property
    def of_rows(self) -> float:
        """Share of the rows with a near copy for which one is found; nan where there are none."""
        return self.repeated_found / self.repeated if self.repeated else np.nan


def nearest(
    vectors: Vectors, clusters: Clusters, rows: Positions | None = None, *, keep: Keep = "hard", exact: int = EXACT
) -> Nearest:
    """Find each row's nearest of the rows before it in its cluster.

    Args:
        vectors: unit vectors; may be a memory map.
        clusters: of these rows, from near.kmeans.
        rows: positions of the rows clustered; all unless given. The answer counts within them.
        keep: which end of a cluster stands first and stays: `hard`, far from the centroid, or `easy`, near it.
        exact: up to so many rows, compare all with all.
    """
    places = np.arange(len(vectors)) if rows is None else rows
    orders = _orders(clusters, keep, exact)
    of, score = np.full(len(places), KEPT, dtype=np.int32), np.full(len(places), np.nan)
    for order in orders:
        _write(cosine.nearest(vectors[places[order]]), order, of, score)
    return Nearest(np.concatenate(orders), of, score)


def greedy(
    vectors: Vectors,
    clusters: Clusters,
    threshold: float,
    rows: Positions | None = None,
    *,
    keep: Keep = "hard",
    exact: int = EXACT,
) -> Repeats:
    """Drop a row if its cosine with a kept row before it in its cluster is above the threshold.

    Args:
        vectors: unit vectors; may be a memory map.
        clusters: of these rows, from near.kmeans.
        threshold: scores above it are repeats.
        rows: positions of the rows clustered; all unless given. The answer counts within them.
        keep: which end of a cluster stands first and stays: `hard`, far from the centroid, or `easy`, near it.
        exact: up to so many rows, compare all with all.
    """
    places = np.arange(len(vectors)) if rows is None else rows
    found = Repeats.none(len(places))
    for order in _orders(clusters, keep, exact):
        _write(cosine.greedy(vectors[places[order]], threshold), order, found.of, found.score)
    return found


def recall(
    vectors: Vectors,
    clusters: Clusters,
    threshold: float,
    rows: Positions | None = None,
    *,
    sample: int = 1000,
    seed: int = 0,
) -> Recall:
    """Measure what a search within these clusters finds of all pairs above the threshold.

    Args:
        vectors: unit vectors; may be a memory map.
        clusters: of these rows, from near.kmeans.
        threshold: pairs above it are wanted.
        rows: positions of the rows clustered; all unless given.
        sample: number of rows, drawn by the seed, that are compared with all rows.
        seed: fixes the sample.
    """
    places = np.arange(len(vectors)) if rows is None else rows
    rng = np.random.default_rng(seed)
    chosen = np.sort(rng.choice(len(places), min(sample, len(places)), replace=False))
    own, label = vectors[places[chosen]], clusters.label
    slack = cosine.error_bound(own)
    pairs, found = np.zeros(len(chosen), dtype=np.int64), np.zeros(len(chosen), dtype=np.int64)
    for start in range(0, len(places), cosine.AT_ONCE):
        others = np.arange(start, min(start + cosine.AT_ONCE, len(places)))
        product = own @ vectors[places[others]].T
        left, right = cosine.where(product > threshold - slack)
        right = others[right]
        real = (cosine.products(vectors, places[chosen[left]], places[right]) > threshold) & (chosen[left] != right)
        left, right = left[real], right[real]
        pairs += np.bincount(left, minlength=len(chosen))
        found += np.bincount(left[label[chosen[left]] == label[right]], minlength=len(chosen))
    return Recall(len(chosen), int(pairs.sum()), int(found.sum()), int((pairs > 0).sum()), int((found > 0).sum()))


def _orders(clusters: Clusters, keep: Keep, exact: int) -> list[Positions]:
    """Return the positions of each cluster in its order of comparison; of all rows as one where few."""
    key = -clusters.distance if keep == "hard" else clusters.distance
    together = [np.arange(len(key))] if len(key) <= exact else [part for part in clusters.members() if len(part)]
    return [part[np.argsort(key[part], kind="stable")] for part in together]


def _write(repeats: Repeats, order: Positions, of: NDArray[np.int32], score: Scores) -> None:
    """Store an answer on rows in order of comparison under their own positions."""
    hit = np.flatnonzero(~repeats.kept)
    of[order[hit]], score[order[hit]] = order[repeats.of[hit]], repeats.score[hit]
