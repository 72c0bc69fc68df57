"""What the rules against repetition share: which texts and groups they compare, and their verdicts.

The measures (ROUGE-L, MinHash, cosine) are in near/; they answer in positions, which become verdicts here. Pairs
found above one threshold decide every higher one, so that `decider` compares no row again.
"""

from __future__ import annotations

import math
from abc import abstractmethod
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from typing import ClassVar

from pydantic import Field

from homespun.data.records import Row, Verdict
from homespun.errors import UsageError
from homespun.near.pairs import KEPT, Pairs, Repeats, TooManyPairsError, greedy
from homespun.near.parts import Measure
from homespun.select.base import Columns, Rule, group_values, show
from homespun.text.fields import FIELDS, field_texts

PAIRS_PER_ROW, PAIRS_AT_LEAST = 20, 100_000  #: as many pairs are held for other thresholds without being asked for


class RepeatRule(Rule):
    """Base of the rules that drop a row for being like an earlier one that is kept."""

    within: str | None = Field(None, description="group key: compare only rows of the same group, e.g. cell")

    def groups(self, rows: Sequence[Row]) -> list[str] | None:
        """Return the group of each row, or None where all are compared with all."""
        return None if self.within is None else group_values(rows, self.within)

    def verdicts(self, rows: Sequence[Row], repeats: Repeats, threshold: float, measure: str) -> list[Verdict]:
        """Return one verdict per row.

        Args:
            rows: the rows compared.
            repeats: which row each of them repeats.
            threshold: scores above it are repeats.
            measure: what the score is, e.g. `ROUGE-L`.
        """
        found, named = [], str(self)
        scores = repeats.score.tolist()
        for row, of, score in zip(rows, repeats.of.tolist(), scores, strict=True):
            if of == KEPT:
                reason = f"{measure} with no row kept before it is above {show(threshold)}"
                near = None if math.isnan(score) else score
                found.append(Verdict(row.id, True, named, near, threshold, reason))
                continue
            other = rows[of].id
            reason = f"{measure} {show(score)} with row {other} is above {show(threshold)}"
            found.append(Verdict(row.id, False, named, score, threshold, reason, other))
        return found

    def place(self) -> str:
        """Return ` within cell`, or nothing without groups."""
        return f" within {self.within}" if self.within else ""


@dataclass(frozen=True, slots=True)
class Search:
    """How some rows are compared."""

    pairs: Callable[[float, int | None], Pairs]  #: those above a floor, so many at most
    kept: Callable[[float], Repeats]  #: what one threshold keeps
    unscored: Mapping[int, str] = field(default_factory=dict)  #: why rows cannot be compared, by their place


class PairRule(RepeatRule):
    """Base of those that keep a row unless its score with a row kept before it is above a threshold."""

    named: ClassVar[str]  #: what its score is
    threshold: float

    @abstractmethod
    def search(self, rows: Sequence[Row], columns: Columns) -> Search:
        """Return how rows are compared.

        Raises:
            UsageError: a row lacks a field or the group, or a setting cannot be.
        """

    def __call__(self, rows: Sequence[Row], columns: Columns, seed: int) -> list[Verdict]:
        """Return one verdict per row, in the rows' order; for the errors see `search`."""
        search = self.search(rows, columns)
        return self._told(rows, search, search.kept(self.threshold))

    def decider(
        self, rows: Sequence[Row], columns: Columns, seed: int, floor: float | None = None
    ) -> Callable[[float], list[Verdict]]:
        """Return what decides rows at any threshold; only one below `floor`, or the threshold, compares rows again.

        Many rows that are alike make more pairs than memory holds, and one threshold does not need them: beyond
        PAIRS_PER_ROW a row is compared with kept rows alone, and pairs are found if another threshold is asked for.

        Raises:
            UsageError: as `search`, or the floor lies above the threshold.
        """
        if floor is not None and not 0 <= floor <= self.threshold:
            raise UsageError(f"floor is {floor}; it must lie between 0 and the threshold, {self.threshold}")
        search = self.search(rows, columns)
        pairs: Pairs | None = None
        try:
            most = max(PAIRS_PER_ROW * len(rows), PAIRS_AT_LEAST) if floor is None else None
            pairs = search.pairs(self.threshold if floor is None else floor, most)
        except TooManyPairsError:
            pass

        def decide(at: float) -> list[Verdict]:
            nonlocal pairs
            rule = self.moved(at)
            if pairs is None and at == self.threshold:
                return rule._told(rows, search, search.kept(at))
            if pairs is None or at < pairs.floor:
                pairs = search.pairs(min(at, self.threshold), None)
            return rule._told(rows, search, greedy(pairs, at))

        return decide

    def _told(self, rows: Sequence[Row], search: Search, repeats: Repeats) -> list[Verdict]:
        verdicts = self.verdicts(rows, repeats, self.threshold, self.named)
        for place, reason in search.unscored.items():
            verdicts[place] = Verdict(rows[place].id, False, str(self), reason=reason)
        return verdicts


class TextRepeatRule(PairRule):
    """Base of those that compare texts: a row repeats another where each of its fields does."""

    fields: tuple[str, ...] | None = Field(None, min_length=1, description=f"{FIELDS}; each is compared by itself")

    @abstractmethod
    def cut(self, text: str, language: str) -> list[str]:
        """Return the words of a text."""

    @abstractmethod
    def measure(self) -> Measure:
        """Return how texts are compared."""

    def search(self, rows: Sequence[Row], columns: Columns) -> Search:
        """Compare the words of each field; they are cut anew for each search, so that none are held between."""
        groups, measure = self.groups(rows), self.measure()
        several = any(len(self.fields or row.payload.fields) > 1 for row in rows)
        return Search(
            lambda floor, most: measure.above(self._texts(rows), floor, groups, most, several=several),
            lambda at: measure.kept(self._texts(rows), at, groups, several=several),
        )

    def _texts(self, rows: Sequence[Row]) -> Iterator[list[list[str]]]:
        return ([self.cut(text, row.language) for text in field_texts(row, self.fields)] for row in rows)

    def of(self) -> str:
        """Return ` of question, output`, or nothing where all input is compared."""
        return f" of {', '.join(self.fields)}" if self.fields else ""
