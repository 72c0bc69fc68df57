"""Token lists as numbered bags, ready for a prefix-filtered join (AllPairs, WWW 2007; PPJoin, TODS 2011).

Two texts can have a ROUGE-L F above t only if more than t (m + n) / 2 of their tokens agree as bags, since a
common subsequence is a common sub-bag. The k-th occurrence of a token counts as an element of its own, so
bags become sets. With all elements in one fixed order, rarest first, texts whose first elements (`prefix`)
have nothing in common share too few: only texts that meet in a prefix are ever compared.
"""

from __future__ import annotations

from array import array
from collections import defaultdict
from collections.abc import Hashable, Iterable, Sequence
from dataclasses import dataclass
from itertools import count, repeat

import numpy as np
from numpy.typing import NDArray

Ints = NDArray[np.int32]


@dataclass(frozen=True, slots=True)
class Bags:
    """Token lists as numbers: text i is `tokens[start[i]:start[i + 1]]` and, sorted rarest first, `elements[...]`."""

    start: NDArray[np.int64]
    tokens: Ints  #: in the order of the text
    elements: Ints  #: per text ascending; a smaller number is a rarer element
    vocabulary: int  #: number of different tokens
    kinds: int  #: number of different elements

    def __len__(self) -> int:
        return len(self.start) - 1

    @property
    def sizes(self) -> Ints:
        """Number of tokens of each text."""
        return np.diff(self.start).astype(np.int32)

    def firsts(self) -> Ints:
        """Return for each text the first one with the same tokens: itself, unless it is a copy."""
        first: dict[bytes, int] = {}
        bounds = zip(self.start[:-1].tolist(), self.start[1:].tolist(), strict=True)
        found = (
            first.setdefault(self.tokens[begin:end].tobytes(), place) if end > begin else place
            for place, (begin, end) in enumerate(bounds)
        )
        return np.fromiter(found, dtype=np.int32, count=len(self))

    def take(self, places: Ints) -> Bags:
        """Return the texts at these places, numbered as here."""
        sizes = self.sizes[places]
        start = np.zeros(len(places) + 1, dtype=np.int64)
        np.cumsum(sizes, out=start[1:])
        source = np.arange(start[-1]) + np.repeat(self.start[:-1][places] - start[:-1], sizes)
        return Bags(start, self.tokens[source], self.elements[source], self.vocabulary, self.kinds)


def bags(texts: Iterable[Sequence[Hashable]], groups: Sequence[Hashable] | None = None) -> Bags:
    """Number the tokens of texts. Texts of different groups share no token, whatever they say."""
    numbers: defaultdict[Hashable, int] = defaultdict(count().__next__)
    flat, start = array("i"), array("q", [0])
    for text, group in zip(texts, repeat(None) if groups is None else groups, strict=groups is not None):
        keys: Iterable[Hashable] = text if groups is None else ((group, token) for token in text)
        flat.extend(map(numbers.__getitem__, keys))
        start.append(len(flat))
    tokens, starts = np.frombuffer(flat, dtype=np.int32), np.frombuffer(start, dtype=np.int64)
    elements, kinds = _elements(tokens, starts, len(numbers))
    return Bags(starts, tokens, elements, len(numbers), kinds)


def _elements(tokens: Ints, start: NDArray[np.int64], vocabulary: int) -> tuple[Ints, int]:
    """Number (token, how often it has occurred in the text) by how rare it is, and sort each text by that."""
    if not len(tokens):
        return tokens, 0
    text_of = np.repeat(np.arange(len(start) - 1, dtype=np.int32), np.diff(start))
    order = np.lexsort((tokens, text_of))  # stable: equal tokens of a text side by side
    by_text, by_token = text_of[order], tokens[order]
    fresh = np.empty(len(order), dtype=bool)
    fresh[0] = True
    np.not_equal(by_token[1:], by_token[:-1], out=fresh[1:])
    fresh[1:] |= by_text[1:] != by_text[:-1]
    places = np.arange(len(order), dtype=np.int64)
    occurrence = places - np.maximum.accumulate(np.where(fresh, places, 0))
    keys = occurrence * vocabulary + by_token
    _, named, how_many = np.unique(keys, return_inverse=True, return_counts=True)
    rank = np.empty(len(how_many), dtype=np.int32)
    rank[np.argsort(how_many, kind="stable")] = np.arange(len(how_many), dtype=np.int32)
    elements = rank[named]
    # by_text ascends, so sorting by (text, rank) leaves each text in its own stretch
    return elements[np.lexsort((elements, by_text))].astype(np.int32), len(how_many)
