"""Texts alike by ROUGE-L F, found exactly: one by one, greedily over a list, or all pairs (methods.md D4).

F = 2 LCS / (m + n), one correctly rounded division, so an F of exactly 0.7 is not above 0.7. rouge-score
computes it by way of precision and recall, whose rounding puts some such pairs above: `ties="rouge-score"`
follows it bit for bit, for the same rows as pipelines built on it. Only texts that share enough of their
rarest tokens are compared (bags.py); what is found is what a comparison of all texts with all would find.

`greedy` and `pairs` run compiled where numba is installed (the extra `fast`) and the list is long enough to
be worth it, else through `RougeIndex`; both give the same answers. No sentence splitting (rouge-score's
ROUGE-Lsum); words are text/words.py's business. Empty texts are like nothing.
"""

from __future__ import annotations

from array import array
from collections.abc import Hashable, Iterable, Iterator, Sequence
from dataclasses import dataclass
from fractions import Fraction
from importlib.util import find_spec
from typing import Any, Literal

import numpy as np
from rapidfuzz.distance import LCSseq

from homespun.errors import UsageError
from homespun.near.bags import Bags, Ints, bags
from homespun.near.pairs import Pairs, Repeats, TooManyPairsError
from homespun.near.parts import least, on_end

Ties = Literal["exact", "rouge-score"]
NO_BOUND = 2**62  #: pairs
COMPILED_FROM = 1000  #: texts; below, loading compiled code takes longer than doing without


def lcs(a: Sequence[Hashable], b: Sequence[Hashable]) -> int:
    """Return the length of the longest common subsequence of two token lists."""
    numbers: dict[Hashable, int] = {}  # rapidfuzz compares hashes: small integers never collide
    left, right = (array("i", [numbers.setdefault(token, len(numbers)) for token in text]) for text in (a, b))
    return LCSseq.similarity(left, right)


def rouge_l(a: Sequence[Hashable], b: Sequence[Hashable], *, ties: Ties = "exact") -> float:
    """Return ROUGE-L F of two token lists, 0 to 1; 0 when they share nothing."""
    common = lcs(a, b)
    return _score(common, len(a), len(b), published=ties == "rouge-score") if common else 0.0


def _score(common: int, m: int, n: int, *, published: bool) -> float:
    """Return F of texts of m and n tokens; none of the three is 0."""
    if not published:
        return 2 * common / (m + n)
    precision, recall = common / n, common / m
    return 2 * precision * recall / (precision + recall)


def greedy(
    texts: Iterable[Sequence[Hashable]],
    threshold: float,
    groups: Sequence[Hashable] | None = None,
    *,
    ties: Ties = "exact",
) -> Repeats:
    """Keep each text unless its F with an earlier text that is kept is above the threshold.

    Args:
        texts: token lists, in the order of their arrival.
        threshold: 0 to 1.
        groups: compare only texts of the same group; all unless given.
        ties: how F is rounded, which matters where it is exactly the threshold.

    Returns:
        For each text the kept one with the highest F, the first of equals.

    Raises:
        UsageError: the threshold is not in 0..1.
    """
    limit, known = _Limit.of(threshold, ties), bags(texts, groups)
    if _compiled(len(known)):
        return Repeats(*_join(known, limit, every=False)[:2])
    repeats, index = Repeats.none(len(known)), _Index(limit)
    for place, (tokens, elements) in enumerate(_each(known)):
        best = _best(index.find(tokens, elements))
        if best is None:
            index.store(place, tokens, elements)
        else:
            repeats.of[place], repeats.score[place] = best
    return repeats


def pairs(
    texts: Iterable[Sequence[Hashable]],
    floor: float,
    groups: Sequence[Hashable] | None = None,
    *,
    ties: Ties = "exact",
    most: int | None = None,
) -> Pairs:
    """Find the pairs with an F above the floor, for any threshold from there on (near/pairs.py).

    A copy of an earlier text has a pair with the first of its kind and one with each text before that which
    the first has a pair with; others with it are left out, so that ten thousand copies of one text make ten
    thousand pairs and not fifty million. `pairs.greedy` keeps the same rows as with all of them.

    Args:
        texts: token lists.
        floor: 0 to 1.
        groups: compare only texts of the same group; all unless given.
        ties: how F is rounded, which matters where it is exactly the floor.
        most: pairs to hold at most; no bound unless given.

    Raises:
        UsageError: the floor is not in 0..1.
        TooManyPairsError: there are more than `most`.
    """
    limit, known = _Limit.of(floor, ties), bags(texts, groups)
    first = known.firsts()
    alone = np.unique(first)
    rest = known.take(alone)
    bound = NO_BOUND if most is None else most
    if _compiled(len(rest)):
        earlier, later, score = _join(rest, limit, every=True, most=bound)[2:]
    else:
        earlier, later, score = _all_pairs(rest, limit, bound)
    if len(score) > bound:
        raise TooManyPairsError
    return _with_copies(Pairs.of(len(known), floor, alone[earlier], alone[later], score), first, bound)


class RougeIndex:
    """Texts added one by one, and the one nearest to a new text if it is above the threshold.

    Raises:
        UsageError: the threshold is not in 0..1.
    """

    def __init__(self, threshold: float, *, ties: Ties = "exact") -> None:
        self.index = _Index(_Limit.of(threshold, ties))
        self.keys: list[str] = []
        self.rows: list[Sequence[Sequence[str]]] = []  #: texts of those that have several
        #: token, or (token, k) for its k-th occurrence in a text -> number; later ones are likely rarer
        self.numbers: dict[Hashable, int] = {}

    def add(self, key: str, *texts: Sequence[str]) -> None:
        """Store the token list of a text, or those of a row's texts; empty ones are near to nothing and not stored."""
        if any(texts):
            self.index.store(len(self.keys), *self._numbered(on_end(texts)))
            self.keys.append(key)
            self.rows.append(texts if len(texts) > 1 else ())

    def nearest(self, *texts: Sequence[str]) -> tuple[str, float] | None:
        """Return (key, F) of what is stored with the highest F above the threshold, the first of equals.

        The F of rows of several texts is the least of theirs (near/parts.py).
        """
        found = self.index.find(*self._numbered(on_end(texts)))
        if len(texts) > 1:
            scored = [(place, least(rouge_l, texts, self.rows[place])) for place, _ in found]
            best = _best(each for each in scored if each[1] > self.index.limit.threshold)
        else:
            best = _best(found)
        return None if best is None else (self.keys[best[0]], best[1])

    def _numbered(self, tokens: Sequence[Hashable]) -> tuple[array[int], list[int]]:
        plain, elements = array("i"), []
        counts: dict[int, int] = {}
        for token in tokens:
            number = self.numbers.setdefault(token, len(self.numbers))
            times = counts[number] = counts.get(number, 0) + 1
            plain.append(number)
            again = self.numbers.setdefault((_AGAIN, number, times), len(self.numbers)) if times > 1 else number
            elements.append(-again)
        return plain, sorted(elements)


_AGAIN = object()  #: no text holds it as a token


@dataclass(frozen=True, slots=True)
class _Limit:
    """A threshold, and what must hold for a pair to be above it."""

    threshold: float
    published: bool  #: compute F as rouge-score does, rounding included
    p: int  #: no pair at or below p / q passes
    q: int

    @staticmethod
    def of(threshold: float, ties: Ties) -> _Limit:
        if not 0 <= threshold <= 1:
            raise UsageError(f"ROUGE-L threshold is {threshold}; it must lie between 0 and 1, e.g. 0.7")
        # As written in decimal: F is one correctly rounded division, so F at or below this is not above the float.
        bound = Fraction(str(float(threshold)))
        if ties == "rouge-score":
            bound = max(bound - Fraction(1, 10**9), Fraction(0))  # more than its four roundings can add
        return _Limit(threshold, ties == "rouge-score", bound.numerator, bound.denominator)

    def need(self, total: Any) -> Any:
        """Return the smallest LCS that can pass, of texts with so many tokens together (a number or an array)."""
        return self.p * total // (2 * self.q) + 1

    def prefix(self, size: Any) -> Any:
        """Return how many of its rarest elements a text of this size is looked up by.

        More than t size / (2 - t) elements are shared with any text that passes, so the others do not cover it.
        """
        return np.clip(size - self.p * size // (2 * self.q - self.p), 0, size)

    def score(self, common: int, m: int, n: int) -> float:
        """Return F of texts of m and n tokens; none of the three is 0."""
        return _score(common, m, n, published=self.published)


class _Index:
    """Numbered texts by the elements of their prefixes."""

    def __init__(self, limit: _Limit) -> None:
        self.limit = limit
        self.places: list[int] = []
        self.texts: list[array[int]] = []
        self.bits: list[int] = []
        self.holding: dict[int, list[int]] = {}  #: element -> texts (in the order stored) whose prefix holds it

    def store(self, place: int, tokens: array[int], elements: Sequence[int]) -> None:
        """Keep a text under a place, with its elements sorted, the rarest first."""
        for element in elements[: self.limit.prefix(len(elements))]:
            self.holding.setdefault(element, []).append(len(self.texts))
        self.places.append(place)
        self.texts.append(tokens)
        self.bits.append(_signature(elements))

    def find(self, tokens: array[int], elements: Sequence[int]) -> Iterator[tuple[int, float]]:
        """Return (place, F) of every stored text above the threshold, in the order stored."""
        limit, bits, m = self.limit, _signature(elements), len(tokens)
        lists = (self.holding.get(element, ()) for element in elements[: limit.prefix(m)])
        for candidate in sorted(set().union(*lists)):
            other = self.texts[candidate]
            total = m + len(other)
            least = limit.need(total)
            # Each element that only one of two texts has flips one bit: what differs bounds what is shared.
            if least > min(m, len(other)) or total - (bits ^ self.bits[candidate]).bit_count() < 2 * least:
                continue
            common = LCSseq.similarity(tokens, other, score_cutoff=least)
            if common >= least and (score := limit.score(common, m, len(other))) > limit.threshold:
                yield self.places[candidate], score


def _signature(elements: Iterable[int]) -> int:
    bits = 0
    for element in elements:
        bits ^= 1 << (element * 0x9E3779B1 >> 7 & 255)
    return bits


def _best(found: Iterable[tuple[int, float]]) -> tuple[int, float] | None:
    return max(found, key=lambda near: (near[1], -near[0]), default=None)


def _each(known: Bags) -> Iterator[tuple[array[int], list[int]]]:
    for begin, end in zip(known.start[:-1].tolist(), known.start[1:].tolist(), strict=True):
        yield array("i", known.tokens[begin:end].tobytes()), known.elements[begin:end].tolist()


def _all_pairs(known: Bags, limit: _Limit, most: int) -> tuple[list[int], list[int], list[float]]:
    index, (earlier, later, scores) = _Index(limit), ([], [], [])
    for place, (tokens, elements) in enumerate(_each(known)):
        for other, score in index.find(tokens, elements):
            earlier.append(other)
            later.append(place)
            scores.append(score)
        if len(scores) > most:
            break
        index.store(place, tokens, elements)
    return earlier, later, scores


def _compiled(count: int) -> bool:
    return count >= COMPILED_FROM and find_spec("numba") is not None


def _join(known: Bags, limit: _Limit, *, every: bool, most: int = NO_BOUND) -> Any:
    from homespun.near.rouge_kernel import join

    sizes = known.sizes
    need = limit.need(np.arange(2 * int(sizes.max(initial=0)) + 1, dtype=np.int64))
    return join(
        known.start,
        known.tokens,
        known.elements,
        limit.prefix(sizes.astype(np.int64)),
        known.vocabulary,
        known.kinds,
        need,
        limit.threshold,
        limit.published,
        every,
        most,
    )


def _with_copies(found: Pairs, first: Ints, most: int) -> Pairs:
    """Add what copies of earlier texts inherit from the first of their kind."""
    copies = np.flatnonzero(first != np.arange(len(first)))
    if not len(copies) or found.floor >= 1:
        return found
    begin = np.searchsorted(found.later, first[copies], side="left")
    many = np.searchsorted(found.later, first[copies], side="right") - begin
    if len(found) + len(copies) + many.sum() > most:
        raise TooManyPairsError
    taken = np.arange(many.sum()) + np.repeat(begin - np.cumsum(many) + many, many)
    return Pairs.of(
        found.count,
        found.floor,
        np.concatenate((found.earlier, first[copies], found.earlier[taken])),
        np.concatenate((found.later, copies, np.repeat(copies, many))),
        np.concatenate((found.score, np.ones(len(copies)), found.score[taken])),
    )
