"""Pairs of rows that are alike, and which rows a threshold then keeps. No measure of likeness here.

One convention for every measure: a row repeats another when their score is *strictly above* the threshold,
so a threshold of 1 finds nothing. Rows are decided in their order (greedy in arrival order, as in
Self-Instruct): the first of a group stays and the later ones name it. Since pairs carry their scores, any
threshold at or above the floor they were searched with can be decided again without comparing a row.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import ArrayLike, NDArray

from homespun.errors import UsageError

KEPT = -1  #: in Repeats.of: the row repeats nothing


class TooManyPairsError(Exception):
    """A search was stopped: there are more pairs than the caller wanted to hold."""


@dataclass(frozen=True, slots=True)
class Pairs:
    """All pairs of `count` rows with a score above `floor`, ordered by the later row, then by the earlier."""

    count: int
    floor: float
    earlier: NDArray[np.int32]  #: position of the earlier row of each pair
    later: NDArray[np.int32]  #: position of the later row of each pair
    score: NDArray[np.float64]

    @staticmethod
    def of(count: int, floor: float, earlier: ArrayLike, later: ArrayLike, score: ArrayLike) -> Pairs:
        """Build from pairs in any order."""
        first, second = np.asarray(earlier, dtype=np.int32), np.asarray(later, dtype=np.int32)
        order = np.lexsort((first, second))
        return Pairs(count, floor, first[order], second[order], np.asarray(score, dtype=np.float64)[order])

    def __len__(self) -> int:
        return len(self.score)


@dataclass(frozen=True, slots=True)
class Repeats:
    """For each row the row that it repeats, or KEPT, and their score (nan where it repeats none)."""

    of: NDArray[np.int32]
    score: NDArray[np.float64]

    @property
    def kept(self) -> NDArray[np.bool_]:
        """Say for each row whether it stays."""
        return np.equal(self.of, KEPT)

    @staticmethod
    def none(count: int) -> Repeats:
        """Return the answer for rows of which none repeats another."""
        return Repeats(np.full(count, KEPT, dtype=np.int32), np.full(count, np.nan))


def greedy(pairs: Pairs, threshold: float) -> Repeats:
    """Keep a row unless it scores above the threshold with an earlier row that is kept.

    A dropped row names the kept row with the highest score, the first of equals.

    Raises:
        UsageError: the threshold lies below the floor of the search, where pairs are missing.
    """
    return _decide(pairs, threshold, kept_only=True)


def chained(pairs: Pairs, threshold: float) -> Repeats:
    """Keep a row unless it scores above the threshold with any earlier row, kept or not.

    A chain of rows each like the next loses all but its first: the rule of the reference SemDeDup.

    Raises:
        UsageError: the threshold lies below the floor of the search, where pairs are missing.
    """
    return _decide(pairs, threshold, kept_only=False)


def _decide(pairs: Pairs, threshold: float, *, kept_only: bool) -> Repeats:
    if threshold < pairs.floor:
        raise UsageError(
            f"threshold {threshold} lies below {pairs.floor}, the lowest that this search can decide; search again"
        )
    of, best = [KEPT] * pairs.count, [np.nan] * pairs.count  # lists: read and written pair by pair
    over = pairs.score > threshold
    for earlier, later, score in zip(
        pairs.earlier[over].tolist(), pairs.later[over].tolist(), pairs.score[over].tolist(), strict=True
    ):
        if kept_only and of[earlier] != KEPT:
            continue
        if of[later] == KEPT or score > best[later]:
            of[later], best[later] = earlier, score
    return Repeats(np.array(of, dtype=np.int32), np.array(best, dtype=np.float64))
