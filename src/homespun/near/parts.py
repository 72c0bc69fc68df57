"""Rows of one or several texts: alike only where each of their texts is.

The score of two rows is the least of their texts'. Two rows that share a long premise are no near copies unless
their hypotheses are, too, though the texts on end are alike. The score of texts on end, each with words of its
own, is a weighted mean of theirs and so never below the least: pairs are searched there and scored text by text.
Two empty texts are equal.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass

import numpy as np

from homespun.errors import UsageError
from homespun.near.pairs import Pairs, Repeats, TooManyPairsError, greedy

Text = Sequence[str]  #: its words
Score = Callable[[Text, Text], float]
MOST = 10_000_000  #: pairs that are scored text by text
SLACK = 1e-9  #: more than rounding takes off a weighted mean


def on_end(texts: Sequence[Text]) -> Text:
    """Return the words of several texts as those of one, each marked with its text's number; of one as they are."""
    return texts[0] if len(texts) == 1 else [f"{n} {word}" for n, text in enumerate(texts) for word in text]


def least(score: Score, one: Sequence[Text], other: Sequence[Text]) -> float:
    """Return the lowest score of two rows' texts, 0 where they have not as many, 1 where all are empty."""
    if len(one) != len(other):
        return 0.0
    return min((score(a, b) for a, b in zip(one, other, strict=True) if a or b), default=1.0)


@dataclass(frozen=True, slots=True)
class Measure:
    """How texts are compared: the searches of rouge.py or minhash.py with their settings."""

    greedy: Callable[[Iterable[Text], float, Sequence[str] | None], Repeats]
    pairs: Callable[..., Pairs]
    units: Callable[[Text], Text]  #: what the words of a text are compared by, for the next two
    unit_pairs: Callable[..., Pairs]
    score: Score

    def kept(
        self, rows: Iterable[Sequence[Text]], threshold: float, groups: Sequence[str] | None, *, several: bool
    ) -> Repeats:
        """Keep each row unless it scores above the threshold with an earlier one that is kept.

        Raises:
            UsageError: so many rows of several texts are alike on the whole that they cannot be told apart.
        """
        if not several:
            return self.greedy(_only(rows), threshold, groups)
        try:
            return greedy(self.above(rows, threshold, groups, MOST, several=True), threshold)
        except TooManyPairsError:
            raise UsageError(
                f"more than {MOST:,} pairs of rows are alike but for one of their fields; name the fields that tell"
                " them apart (fields: [...]), or compare within a group (within: ...)"
            ) from None

    def above(
        self,
        rows: Iterable[Sequence[Text]],
        floor: float,
        groups: Sequence[str] | None,
        most: int | None,
        *,
        several: bool,
    ) -> Pairs:
        """Return the pairs of rows above a floor.

        Raises:
            TooManyPairsError: there are more than `most`.
        """
        if not several:
            return self.pairs(_only(rows), floor, groups, most=most)
        each = [[self.units(text) for text in row] for row in rows]
        found = self.unit_pairs(map(on_end, each), max(0.0, floor - SLACK), groups, most=most)
        places = zip(found.earlier.tolist(), found.later.tolist(), strict=True)
        scores = np.array([least(self.score, each[one], each[other]) for one, other in places], dtype=np.float64)
        above = scores > floor
        return Pairs(found.count, floor, found.earlier[above], found.later[above], scores[above])


def _only(rows: Iterable[Sequence[Text]]) -> Iterator[Text]:
    return (text for (text,) in rows)
