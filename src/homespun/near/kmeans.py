"""Spherical k-means: centroids of unit length, rows assigned by cosine; the same whatever the threads.

A row's label is decided as in near.cosine: a float32 product says which centroids could be the nearest, and
what lies within its error is decided in float64, equals by the lower number. Centroids are summed in float64
in the order of the rows. So threads and the BLAS change nothing. faiss does not promise that, and was no
faster by more than the noise (docs/semantic.md), so it is not used. Seeding is k-means++ on 8 rows per
centroid. Centroids are trained on at most 256 rows per centroid (the figure of faiss), drawn by the seed;
then every row is assigned. Memory beside the vectors, which may be a memory map: the rows trained on, and
some arrays of one number per row.
"""

from __future__ import annotations

import math
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray
from scipy.sparse import csr_matrix

from homespun.errors import UsageError
from homespun.near.cosine import NOTHING, Positions, Scores, Vectors, error_bound, where

ROWS = 4096  #: rows assigned at a time; results depend on no such number but this file's
PER_CENTROID = 256  #: most rows per centroid to train on
SEEDS_PER_CENTROID = 8  #: rows per centroid that k-means++ chooses from
ITERATIONS = 20


@dataclass(frozen=True, slots=True)
class Clusters:
    """A clustering of rows: each row's cluster and its cosine to the cluster's centroid."""

    centroids: Vectors  #: shape (clusters, dimensions), unit length
    label: NDArray[np.int32]
    cosine: Scores

    @property
    def distance(self) -> Scores:
        """Cosine distance of each row to its centroid: 1 - cosine."""
        return 1 - self.cosine

    def members(self) -> list[Positions]:
        """Return the ascending positions of the rows of each cluster; empty clusters have none."""
        order = np.argsort(self.label, kind="stable")
        return np.split(order, np.cumsum(np.bincount(self.label, minlength=len(self.centroids)))[:-1])


def default_k(count: int) -> int:
    """Return the usual number of clusters: the square root of the number of rows, rounded (methods.md C6)."""
    return max(1, round(math.sqrt(count)))


def kmeans(
    vectors: Vectors,
    k: int,
    seed: int,
    rows: Positions | None = None,
    *,
    iterations: int = ITERATIONS,
    per_centroid: int = PER_CENTROID,
) -> Clusters:
    """Cluster rows around k centroids.

    Args:
        vectors: unit vectors, none of nan among those clustered; may be a memory map.
        k: number of clusters; at most the number of rows. A cluster that runs empty is started again at the row
            farthest from its centroid; where rows repeat, some may stay empty.
        seed: fixes the sample and the seeding.
        rows: positions of the rows to cluster; all unless given. Labels are in their order.
        iterations: most rounds of training; fewer when no label changes.
        per_centroid: most rows per centroid to train on.

    Raises:
        UsageError: k is below 1, or there are no rows.
    """
    places = np.arange(len(vectors)) if rows is None else rows
    if k < 1 or not len(places):
        raise UsageError(f"cannot make {k} clusters of {len(places)} rows; both must be at least 1")
    k = min(k, len(places))
    rng = np.random.default_rng(seed)
    trained = _train(_sample(vectors, places, k * per_centroid, rng), k, rng, iterations)
    label, cosine = np.empty(len(places), dtype=np.int32), np.empty(len(places))
    for start in range(0, len(places), ROWS):
        block = np.asarray(vectors[places[start : start + ROWS]])
        found = _assign(block, trained)
        label[start : start + ROWS] = found
        cosine[start : start + ROWS] = _cosines(block, trained, found)
    return Clusters(trained, label, cosine)


def _sample(vectors: Vectors, places: Positions, most: int, rng: np.random.Generator) -> Vectors:
    if len(places) > most:
        places = places[np.sort(rng.choice(len(places), most, replace=False))]
    return np.asarray(vectors[places])


def _train(points: Vectors, k: int, rng: np.random.Generator, iterations: int) -> Vectors:
    centroids = _seed(_sample(points, np.arange(len(points)), k * SEEDS_PER_CENTROID, rng), k, rng)
    before = np.full(len(points), -1, dtype=np.int64)
    label = np.empty(len(points), dtype=np.int64)
    for _ in range(iterations):
        total = np.zeros((k, points.shape[1]))
        for start in range(0, len(points), ROWS):
            block = points[start : start + ROWS]
            label[start : start + ROWS] = found = _assign(block, centroids)
            # Each row of this product adds vectors one after the other, in the order of the rows.
            ends = np.r_[0, np.cumsum(np.bincount(found, minlength=k))]
            total += csr_matrix((np.ones(len(found)), np.argsort(found, kind="stable"), ends), (k, len(found))) @ block
        if np.array_equal(label, before):
            break
        before = label.copy()
        length = np.sqrt((total * total).sum(axis=1))
        empty = np.flatnonzero(length == 0)
        length[empty] = 1
        moved = (total / length[:, None]).astype(np.float32)
        if len(empty):
            moved[empty] = centroids[empty]
            _restart(points, moved, label, empty)
        centroids = moved
    return centroids


def _restart(points: Vectors, centroids: Vectors, label: Positions, empty: Positions) -> None:
    """Put the centroids of empty clusters on the rows farthest from their own, the farthest first."""
    cosine = np.empty(len(points))
    for start in range(0, len(points), ROWS):
        cosine[start : start + ROWS] = _cosines(points[start : start + ROWS], centroids, label[start : start + ROWS])
    farthest = np.argsort(cosine, kind="stable")[: len(empty)]
    centroids[empty[: len(farthest)]] = points[farthest]


def _seed(points: Vectors, k: int, rng: np.random.Generator) -> Vectors:
    """Choose k rows by k-means++: each with a chance proportional to its distance to the nearest before."""
    chosen = [int(rng.integers(len(points)))]
    near = np.full(len(points), NOTHING)
    for _ in range(1, k):
        # einsum, not the BLAS, whose last digits follow the number of threads
        near = np.maximum(near, np.einsum("ij,j->i", points, points[chosen[-1]]))
        far = np.cumsum(np.maximum(1 - near, 0))
        place = int(np.searchsorted(far, rng.random() * far[-1], side="right"))
        chosen.append(min(place, len(points) - 1))
    return points[chosen]


def _assign(block: Vectors, centroids: Vectors) -> Positions:
    """Return the centroid with the highest cosine for each row, the first of equals."""
    product = block @ centroids.T
    every = np.arange(len(block))
    label: Positions = product.argmax(axis=1)
    top = product[every, label]
    product[every, label] = NOTHING
    reach = top - 2 * error_bound(block)
    unsure = np.flatnonzero(product.max(axis=1) >= reach)
    if len(unsure):
        product[unsure, label[unsure]] = top[unsure]
        inner, column = where(product[unsure] >= reach[unsure, None])
        score = _cosines(block[unsure[inner]], centroids, column)
        order = np.lexsort((column, -score, inner))
        first = order[np.diff(inner[order], prepend=-1) != 0]
        label[unsure] = column[first]
    return label


def _cosines(block: Vectors, centroids: Vectors, label: NDArray[np.integer]) -> Scores:
    """Return each row's cosine to its centroid in float64, summed in one order."""
    product = block.astype(np.float64)
    product *= centroids[label]
    found: Scores = product.sum(axis=1)
    return np.clip(found, -1, 1, out=found)
