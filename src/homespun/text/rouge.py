"""ROUGE-L F between token lists, and an exact index of accepted texts (methods.md D4).

F = 2 * LCS / (m + n). The threshold is decided in integers (for 0.7: 20 * LCS > 7 * (m + n)), so that no
rounding moves a row across it. The index returns what a comparison with every stored text would return:
the inverted index only leaves out texts that share too few tokens to pass. No stemming, no sentence
splitting (rouge-score's ROUGE-Lsum). Meant for tens of thousands of short texts, not for millions.
"""

from __future__ import annotations

from array import array
from collections.abc import Hashable, Sequence
from fractions import Fraction

import numpy as np
from rapidfuzz.distance import LCSseq

from homespun.errors import UsageError


def lcs(a: Sequence[Hashable], b: Sequence[Hashable]) -> int:
    """Return the length of the longest common subsequence of two token lists."""
    numbers: dict[Hashable, int] = {}  # rapidfuzz compares hashes: small integers never collide
    return LCSseq.similarity(
        [numbers.setdefault(token, len(numbers)) for token in a],
        [numbers.setdefault(token, len(numbers)) for token in b],
    )


def rouge_l(a: Sequence[Hashable], b: Sequence[Hashable]) -> float:
    """Return ROUGE-L F of two token lists, 0 to 1; 0 when one is empty."""
    return 2 * lcs(a, b) / (len(a) + len(b)) if a and b else 0.0


class RougeIndex:
    """Texts added one by one, and the one nearest to a new text if it is above the threshold.

    Raises:
        UsageError: the threshold is not in 0..1.
    """

    def __init__(self, threshold: float) -> None:
        if not 0 <= threshold <= 1:
            raise UsageError(f"ROUGE-L threshold is {threshold}; it must lie between 0 and 1, e.g. 0.7")
        exact = Fraction(str(threshold))
        self.p, self.q = exact.numerator, exact.denominator
        self.numbers: dict[Hashable, int] = {}
        self.keys: list[str] = []
        self.texts: list[list[int]] = []
        self.sizes = array("q")
        #: (token, k) -> positions in `texts` of those where the token occurs at least k times
        self.holding: dict[tuple[int, int], array[int]] = {}

    def add(self, key: str, tokens: Sequence[Hashable]) -> None:
        """Store a text; an empty one is near to nothing and is not stored."""
        if not tokens:
            return
        text = [self.numbers.setdefault(token, len(self.numbers)) for token in tokens]
        for occurrence in _occurrences(text):
            self.holding.setdefault(occurrence, array("q")).append(len(self.texts))
        self.keys.append(key)
        self.texts.append(text)
        self.sizes.append(len(text))

    def nearest(self, tokens: Sequence[Hashable]) -> tuple[str, float] | None:
        """Return (key, F) of the stored text with the highest F above the threshold, the first of equals."""
        unknown = len(self.numbers)
        text = [self.numbers.get(token, unknown + place) for place, token in enumerate(tokens)]
        best: tuple[str, float] | None = None
        for position in self._candidates(text):
            other = self.texts[position]
            total = len(text) + len(other)
            least = self.p * total // (2 * self.q) + 1  # the smallest LCS with 2 * LCS / total > p / q
            common = LCSseq.similarity(text, other, score_cutoff=least)
            # An F is one correctly rounded division, so equal fractions are equal floats.
            if common >= least and (best is None or 2 * common / total > best[1]):
                best = (self.keys[position], 2 * common / total)
        return best

    def _candidates(self, text: list[int]) -> list[int]:
        """Return positions, ascending, of texts that share enough tokens to pass.

        The k-th occurrence of a token counts as a token of its own, so that what is counted is the size of
        the bag intersection, and LCS can never be larger than that.
        """
        lists = [
            np.frombuffer(self.holding[occurrence], dtype=np.int64)
            for occurrence in _occurrences(text)
            if occurrence in self.holding
        ]
        if not lists:
            return []
        sizes = np.frombuffer(self.sizes, dtype=np.int64)
        shared = np.bincount(np.concatenate(lists), minlength=len(sizes))
        passing: list[int] = np.flatnonzero(2 * self.q * shared > self.p * (len(text) + sizes)).tolist()
        return passing


def _occurrences(text: list[int]) -> list[tuple[int, int]]:
    """Return (token, how often it has occurred so far) for each token of a text."""
    counts: dict[int, int] = {}
    found = []
    for token in text:
        counts[token] = counts.get(token, 0) + 1
        found.append((token, counts[token]))
    return found
