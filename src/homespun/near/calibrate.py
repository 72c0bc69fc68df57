"""How alike the rows of a set are, and the threshold that this suggests (methods.md D4).

A threshold from a paper was found with its own tokeniser on its own texts. Short questions of one theme are
alike without being copies, and the more so the smaller the units that are compared. So look at the F of each
row's nearest neighbour before choosing: copies and the rest show as two heaps, and the threshold belongs
between them. Where pairs are known to be copies and others known not to be, it is the point at which as many
of the first would be missed as of the second be dropped (`equal_error`).
"""

from __future__ import annotations

from collections.abc import Hashable, Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import ArrayLike, NDArray
from rapidfuzz import process
from rapidfuzz.distance import Indel

from homespun.errors import UsageError

USUAL = 0.7  #: Self-Instruct's threshold, where the distribution suggests no other
BINS = 20
LOWEST, HIGHEST = 8, 18  #: bins, 0.40 to 0.90: below, texts are not copies; above, only copies are found


@dataclass(frozen=True, slots=True)
class Calibration:
    """The F of the nearest neighbour of each row looked at, and what follows."""

    nearest: NDArray[np.float64]  #: sorted
    proposed: float
    why: str

    def histogram(self) -> list[tuple[float, int]]:
        """Return the lower end of each bin of 0.05 and the number of rows in it."""
        counts, edges = np.histogram(self.nearest, bins=BINS, range=(0.0, 1.0))
        return list(zip(edges[:-1].round(2).tolist(), counts.tolist(), strict=True))

    def share_above(self, threshold: float) -> float:
        """Return the share of the rows whose nearest neighbour is above a threshold: at most that many are dropped."""
        return float(np.mean(self.nearest > threshold)) if len(self.nearest) else 0.0

    def lines(self, width: int = 40) -> list[str]:
        """Return the distribution as text, with the proposal."""
        found = self.histogram()
        most = max((count for _, count in found), default=0) or 1
        bars = [f"{low:.2f}  {count:>6}  {'#' * round(width * count / most)}" for low, count in found]
        above = f"{self.share_above(self.proposed):.1%} of the rows have a neighbour above it"
        return ["F of the nearest neighbour", *bars, f"proposed threshold: {self.proposed:g} ({self.why}); {above}"]


def calibrate(
    texts: Sequence[Sequence[Hashable]],
    groups: Sequence[Hashable] | None = None,
    *,
    sample: int = 1000,
    seed: int = 0,
) -> Calibration:
    """Compare a sample of the texts with all and propose a threshold.

    Args:
        texts: token lists.
        groups: look for neighbours in a text's own group only.
        sample: how many texts to look at; each is compared with every text.
        seed: fixes the sample.
    """
    full = [place for place, text in enumerate(texts) if text]
    chosen = sorted(np.random.default_rng(seed).permutation(full)[:sample].tolist())
    as_string = _strings(texts)
    members: dict[Hashable, list[int]] = {}
    for place in full:
        members.setdefault(groups[place] if groups is not None else None, []).append(place)
    nearest = []
    for group, places in members.items():
        mine = [place for place in chosen if groups is None or groups[place] == group]
        others = [as_string[place] for place in places]
        at = {place: number for number, place in enumerate(places)}
        for begin in range(0, len(mine), 64):  # so many rows of the matrix at once
            some = mine[begin : begin + 64]
            found = process.cdist([as_string[place] for place in some], others, scorer=Indel.normalized_similarity)
            found[np.arange(len(some)), [at[place] for place in some]] = 0.0  # not with itself
            nearest += found.max(axis=1).tolist()
    values = np.sort(np.asarray(nearest, dtype=np.float64))
    return Calibration(values, *_valley(values))


def equal_error(copies: ArrayLike, different: ArrayLike) -> tuple[float, float]:
    """Return the threshold at which known copies are missed as often as others are taken for copies, and how often.

    Args:
        copies: F of pairs that are copies of one another, such as paraphrases.
        different: F of pairs that are not, such as questions of one cell on different themes.

    Raises:
        UsageError: one of the two is empty.
    """
    if not np.size(copies) or not np.size(different):
        raise UsageError(
            f"{np.size(copies)} pairs of copies and {np.size(different)} of others; each needs one at least"
        )
    missed, taken = np.sort(np.asarray(copies, dtype=float)), np.sort(np.asarray(different, dtype=float))
    limits = np.unique(np.concatenate((missed, taken, [0.0])))
    miss = np.searchsorted(missed, limits, side="right") / len(missed)  # not above the limit
    take = 1 - np.searchsorted(taken, limits, side="right") / len(taken)
    best = int(np.lexsort((np.abs(miss - take), np.maximum(miss, take)))[0])
    return float(limits[best]), float(max(miss[best], take[best]))


def _strings(texts: Sequence[Sequence[Hashable]]) -> list[str]:
    """Return each text as a string of one character per token; the Indel similarity of two is their ROUGE-L F."""
    numbers: dict[Hashable, int] = {}

    def character(token: Hashable) -> str:
        number = numbers.setdefault(token, len(numbers))
        return chr(number + 1 if number < 0xD7FF else (number - 0xD7FF) % 0x100000 + 0xE000)  # leaves out surrogates

    return ["".join(map(character, text)) for text in texts]


def _valley(nearest: NDArray[np.float64]) -> tuple[float, str]:
    """Return the emptiest place between two heaps; the usual threshold where there are not two."""
    counts, edges = np.histogram(nearest, bins=BINS, range=(0.0, 1.0))
    if len(nearest) < 50:
        return USUAL, "the usual one: too few rows to see a distribution"
    emptiest = min(range(LOWEST, HIGHEST), key=lambda place: (counts[place], abs(edges[place] - USUAL)))
    left, right = counts[:emptiest].max(), counts[emptiest + 1 :].max()
    if 4 * counts[emptiest] > min(left, right):  # short texts have few different F: bins vary by half by chance
        return USUAL, "the usual one: the distribution has no gap"
    return round(float(edges[emptiest]) + 0.5 / BINS, 3), "the emptiest place between two heaps"
