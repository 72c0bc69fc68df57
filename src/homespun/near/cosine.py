"""Cosine of embeddings, exact for every pair, without ever holding rows x rows in memory.

Vectors are brought to unit length once (`unit`); their scalar products are then cosines. Products are made
in tiles by a float32 matrix product, which is only trusted to say which pairs could matter: its error for d
dimensions is below d * 2^-24 (Higham, Accuracy and Stability, 3.1), and whatever lies within that of a
decision is computed anew in float64, summed in one fixed order. So neither tile size nor threads nor the
BLAS change a result, and the pairs are those of a dense float64 product. Equal vectors have a cosine of
exactly 1: their float32 lengths are only within 2^-23 of 1, so what is within 2^-22 of 1 is called 1.
Cost: rows^2 / 2 * d multiply-adds; above some 200,000 rows use near.semdedup.

Rows of nan stand for "no vector" and are near to nothing.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from hashlib import blake2b
from itertools import pairwise
from typing import Any

import numpy as np
from numpy.typing import NDArray

from homespun.errors import UsageError
from homespun.near.groups import members
from homespun.near.pairs import KEPT, Pairs, Repeats, TooManyPairsError

Vectors = NDArray[np.float32]
Positions = NDArray[np.int64]
Scores = NDArray[np.float64]

TILE = 1024  #: rows of a tile; columns are WIDE times as many
WIDE = 4
AT_ONCE = 4096  #: rows or pairs taken to float64 at a time
NO_DIRECTION = 1e-6  #: a vector that centring leaves with this part of its length or less has no direction
ONE = 1 - 2.0**-22  #: cosines above it are 1
NOTHING = -np.inf  #: stands where no product counts: below every cosine


def unit(vectors: NDArray[Any], *, centre: bool = False, out: Vectors | None = None) -> Vectors:
    """Return the vectors at length 1, as float32, shape (rows, dimensions).

    A row that has no direction (with a nan or an infinity, of length zero, or equal to the mean that is
    taken off) becomes a row of nan.

    Args:
        vectors: shape (rows, dimensions); may be a memory map.
        centre: take off the mean of all finite rows but those of zeros first. Raw hidden states of language models
            all point one way, so that unrelated texts have a cosine near 1; without their mean they do not.
        out: where to write; may be `vectors` itself. A new array unless given.

    Raises:
        UsageError: the array has not two dimensions.
    """
    if vectors.ndim != 2:
        raise UsageError(f"vectors have the shape {vectors.shape}; give rows x dimensions")
    found = np.empty(vectors.shape, dtype=np.float32) if out is None else out
    mean = _mean(vectors) if centre else np.zeros(vectors.shape[1])
    for start in range(0, len(vectors), AT_ONCE):
        block = np.array(vectors[start : start + AT_ONCE], dtype=np.float64)
        with np.errstate(invalid="ignore", over="ignore"):
            before = np.sqrt((block * block).sum(axis=1))
            block -= mean
            length = np.sqrt((block * block).sum(axis=1))
            length[~(np.isfinite(length) & (before > 0) & (length > NO_DIRECTION * before))] = np.nan
            block /= length[:, None]
        found[start : start + AT_ONCE] = block
    return found


def pairs(
    vectors: Vectors,
    floor: float,
    groups: Sequence[str] | None = None,
    *,
    tile: int = TILE,
    most: int | None = None,
) -> Pairs:
    """Return all pairs of rows with a cosine above the floor.

    Args:
        vectors: unit vectors.
        floor: scores above it are wanted. Each such pair takes 16 bytes, and some more while they are put in
            order: where most rows are alike, `greedy` answers without them.
        groups: compare only rows of the same group.
        tile: rows of a tile; the result does not depend on it.
        most: pairs to hold at most; no bound unless given.

    Raises:
        TooManyPairsError: there are more than `most`.
    """
    slack = error_bound(vectors)
    earlier, later, scores, held = [], [], [], 0
    for rows in members(vectors, groups):
        own = _take(vectors, rows)
        for row, column, product in _below_diagonal(own, tile):
            over = np.flatnonzero(product.max(axis=1) > floor - slack)
            inner, second = where(product[over] > floor - slack)
            left, right = second + column, over[inner] + row
            score = products(own, left, right)
            sure = score > floor
            earlier.append(rows[left[sure]].astype(np.int32))
            later.append(rows[right[sure]].astype(np.int32))
            scores.append(score[sure])
            held += len(scores[-1])
            if most is not None and held > most:
                raise TooManyPairsError
    if not scores:
        return Pairs.of(len(vectors), floor, [], [], [])
    return Pairs.of(len(vectors), floor, *(np.concatenate(part) for part in (earlier, later, scores)))


def nearest(vectors: Vectors, *, tile: int = TILE) -> Repeats:
    """Return for each row the nearest of the rows before it, the first of equals, whatever their cosine.

    The first row, and rows of nan, have none (KEPT). `score > threshold` is then the rule of the reference
    SemDeDup for any threshold.
    """
    found = Repeats.none(len(vectors))
    for rows in members(vectors, None):
        copied = _copied(vectors, rows)  # a text that stands there thousands of times is compared once
        distinct = np.flatnonzero(copied == np.arange(len(rows)))
        own = _take(vectors, rows[distinct])
        best = _Best(own, NOTHING)
        for row, column, product in _below_diagonal(own, tile):
            best.offer(row, np.arange(column, column + product.shape[1]), product)
        best.write(found, rows[distinct])
        copies = np.flatnonzero(copied != np.arange(len(rows)))
        first = rows[copied[copies]]
        found.of[rows[copies]] = np.where(found.score[first] == 1, found.of[first], first)
        found.score[rows[copies]] = 1
    return found


def greedy(vectors: Vectors, threshold: float, groups: Sequence[str] | None = None, *, tile: int = TILE) -> Repeats:
    """Keep a row unless its cosine with an earlier row that is kept is above the threshold.

    The answer of near.pairs.greedy on all pairs, without holding them: a tile of rows is compared with the
    rows kept so far and then within itself, so copies cost little and memory is that of the vectors kept.

    Args:
        vectors: unit vectors.
        threshold: scores above it are repeats.
        groups: compare only rows of the same group.
        tile: rows of a tile; the result does not depend on it.
    """
    found = Repeats.none(len(vectors))
    for rows in members(vectors, groups):
        own = _take(vectors, rows)
        best = _Best(own, threshold)
        kept: list[tuple[Positions, Vectors]] = []  # chunks of rows kept: their places and their vectors
        for start in range(0, len(own), tile):
            here = np.arange(start, min(start + tile, len(own)))
            for places, chunk in kept:
                best.offer(start, places, own[here] @ chunk.T)
            alive = here[best.of[here] == KEPT]
            _within(own, best, here, alive)
            _append(kept, own, here[best.of[here] == KEPT], tile * WIDE)
        best.write(found, rows)
    return found


def products(vectors: Vectors, left: Positions, right: Positions) -> Scores:
    """Return the cosines of pairs of rows in float64, each summed in the same order, within -1..1."""
    found = np.empty(len(left))
    for start in range(0, len(left), AT_ONCE):
        end = start + AT_ONCE
        block = vectors[left[start:end]].astype(np.float64)
        block *= vectors[right[start:end]]
        found[start:end] = block.sum(axis=1)
    found[found > ONE] = 1
    return np.maximum(found, -1, out=found)


class _Best:
    """For each row the earlier row with the highest cosine above a bound; updated tile by tile."""

    def __init__(self, vectors: Vectors, bound: float) -> None:
        self.vectors, self.bound, self.slack = vectors, bound, error_bound(vectors)
        self.of = np.full(len(vectors), KEPT, dtype=np.int64)
        self.score = np.full(len(vectors), bound, dtype=np.float64)

    def offer(self, start: int, columns: Positions, product: Vectors) -> None:
        """Compare rows from `start` on with the rows at `columns`, given their float32 products.

        Columns must be offered in ascending order, so that the first of equals stays.
        """
        if not product.size:
            return
        top = product.max(axis=1)
        over = np.flatnonzero(top > self.score[start : start + len(product)] - self.slack)
        if not len(over):
            return
        # The exact best of a row lies within the error of its float32 best, on either side.
        inner, second = where(product[over] >= (top[over] - 2 * self.slack)[:, None])
        rows, others = over[inner] + start, columns[second]
        self.settle(rows, others, products(self.vectors, rows, others))

    def settle(self, rows: Positions, others: Positions, score: Scores) -> None:
        """Take over exact scores that are better than what is known."""
        if not len(rows):
            return
        order = np.lexsort((others, -score, rows))
        rows, others, score = rows[order], others[order], score[order]
        first = np.r_[True, rows[1:] != rows[:-1]] & (score > self.score[rows])
        self.of[rows[first]], self.score[rows[first]] = others[first], score[first]

    def write(self, found: Repeats, rows: Positions) -> None:
        """Store the answer under the rows' own positions."""
        hit = np.flatnonzero(self.of != KEPT)
        found.of[rows[hit]], found.score[rows[hit]] = rows[self.of[hit]], self.score[hit]


def _within(vectors: Vectors, best: _Best, here: Positions, alive: Positions) -> None:
    """Decide the rows of one tile against each other; `alive` are those that may still be kept."""
    product = vectors[here] @ vectors[alive].T
    product[here[:, None] <= alive] = NOTHING
    rows, columns = where(product > best.bound - best.slack)
    later, earlier = here[rows], alive[columns]
    score = products(vectors, later, earlier)
    sure = score > best.bound
    later, earlier, score = later[sure], earlier[sure], score[sure]
    starts = np.flatnonzero(np.diff(later, prepend=-1))
    # Rows come in order, so what an earlier row of the tile became is known when it is asked for.
    for start, end in pairwise([*starts, len(later)]):
        standing = start + np.flatnonzero(best.of[earlier[start:end]] == KEPT)
        best.settle(later[standing], earlier[standing], score[standing])


def _append(kept: list[tuple[Positions, Vectors]], vectors: Vectors, places: Positions, most: int) -> None:
    """Add rows to the chunks of rows kept, filling the last one up to `most` rows."""
    if not len(places):
        return
    if kept and len(kept[-1][0]) + len(places) <= most:
        before, chunk = kept.pop()
        kept.append((np.concatenate([before, places]), np.concatenate([chunk, vectors[places]])))
    else:
        kept.append((places, vectors[places]))


def _below_diagonal(vectors: Vectors, tile: int) -> Iterator[tuple[int, int, Vectors]]:
    """Yield (first row, first column, products) of tiles that cover all pairs with column < row.

    Products at and above the diagonal are NOTHING. The array is written over by the next tile.
    """
    tile = max(1, min(tile, len(vectors)))  # groups may be many and small
    buffer = np.empty(tile * tile * WIDE, dtype=np.float32)
    upper = np.triu(np.ones((tile, tile), dtype=np.bool_))
    for row in range(0, len(vectors), tile):
        end = min(row + tile, len(vectors))
        for column in range(0, end, tile * WIDE):
            last = min(column + tile * WIDE, end)
            product = buffer[: (end - row) * (last - column)].reshape(end - row, last - column)
            np.matmul(vectors[row:end], vectors[column:last].T, out=product)
            if last == end:
                product[:, row - column :][upper[: end - row, : end - row]] = NOTHING
            yield row, column, product


def where(mask: NDArray[np.bool_]) -> tuple[Positions, Positions]:
    """Return rows and columns that are true, by row; several times faster than numpy's for few of them."""
    rows, columns = np.divmod(np.flatnonzero(mask), mask.shape[1] or 1)
    return rows, columns


def error_bound(vectors: Vectors) -> float:
    """Return a bound on how far a float32 product of two unit vectors lies from their cosine (`products`)."""
    return float((vectors.shape[1] + 8) * 2.0**-24)


def _take(vectors: Vectors, rows: Positions) -> Vectors:
    """Return the rows as one array; no copy where they are all rows."""
    return np.asarray(vectors if len(rows) == len(vectors) else vectors[rows])


def _copied(vectors: Vectors, rows: Positions) -> Positions:
    """Return for each of the rows the place of the first among them with the same bytes, its own if it is that."""
    places: dict[bytes, int] = {}
    digests = (blake2b(vectors[row].tobytes(), digest_size=16).digest() for row in rows)
    return np.array([places.setdefault(digest, place) for place, digest in enumerate(digests)], dtype=np.int64)


def _mean(vectors: NDArray[Any]) -> Scores:
    total, count = np.zeros(vectors.shape[1]), 0
    for start in range(0, len(vectors), AT_ONCE):
        block = np.asarray(vectors[start : start + AT_ONCE], dtype=np.float64)
        usable = block[np.isfinite(block).all(axis=1) & block.any(axis=1)]
        total += usable.sum(axis=0)
        count += len(usable)
    return total / max(count, 1)
