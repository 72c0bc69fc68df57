"""What a rule is: a recipe's wish to keep some rows, turned into one verdict per row.

A rule reads score columns and never asks a model, so another threshold or another arm costs nothing. It
sees the rows that it is given (in an arm: those that earlier rules kept) and answers for each of them, in
order. A row that has no score is dropped with the reason "could not be scored: ...": a missing value is
never counted as low or high. Nothing is removed here: verdicts refer to rows by id.
"""

from __future__ import annotations

import math
from abc import ABC, abstractmethod
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, ClassVar, Self, cast

from pydantic import ValidationError

from homespun.data.records import Row, Scores, Verdict
from homespun.errors import UsageError
from homespun.registry import Strategy, did_you_mean, lookup

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray

UNSCORED = "could not be scored"  #: how the reason of a verdict on a row without a score begins
MOVABLE = ("threshold", "share", "value")  #: settings that another threshold means, of those that a rule has


def split_by(by: str) -> tuple[str, str]:
    """Split `probability.pmi` into scorer and column; a bare `judge` has an empty column."""
    scorer, _, column = by.partition(".")
    return scorer, column


def show(value: float) -> str:
    """Return a number as verdicts print it: four significant digits."""
    return f"{value:.4g}"


def are_numbers(column: Any) -> bool:
    """Say whether a column of scores holds numbers: texts and vectors are none."""
    return getattr(column, "ndim", 1) == 1 and not any(isinstance(value, str) for value in column)


@dataclass(frozen=True, slots=True)
class Columns:
    """Score columns of a pool, looked up by `by:` name and row id."""

    scores: Mapping[str, Scores]  #: by scorer name

    @staticmethod
    def of(scores: Iterable[Scores]) -> Columns:
        """Build from scores, each under its own name."""
        return Columns({score.name: score for score in scores})

    def resolve(self, by: str) -> tuple[Scores, str]:
        """Return the scores and the column that a `by:` means.

        Raises:
            UsageError: no such score or column.
        """
        if by in self.scores:  # first, so that a column of a file may have a dot in its name
            return self.scores[by], self.scores[by].primary
        scorer, column = split_by(by)
        if scorer not in self.scores:
            raise UsageError(
                f'there is no score "{scorer}" (by: {by}).{did_you_mean(scorer, list(self.scores))} '
                f"Scores: {', '.join(self.scores) or 'none; add one under score:'}."
            )
        found = self.scores[scorer]
        if column not in found.columns:
            raise UsageError(
                f'score "{scorer}" has no column "{column}" (by: {by}).'
                f"{did_you_mean(column, list(found.columns))} Columns: {', '.join(found.columns)}."
            )
        return found, column

    def numbers(self, by: str, rows: Sequence[Row]) -> list[float]:
        """Return a number per row; nan where there is none.

        Raises:
            UsageError: no such column, a column of text, or a row that was never scored.
        """
        values = self._values(by, rows)
        if not all(isinstance(value, int | float) for value in values):
            kind = "text" if any(isinstance(value, str) for value in values) else "vectors"
            raise UsageError(f"by: {by} is a column of {kind}; this rule needs numbers")
        return [float(value) for value in values]

    def texts(self, by: str, rows: Sequence[Row]) -> list[str]:
        """Return a text per row; empty where there is none.

        Raises:
            UsageError: no such column, a column of numbers, or a row that was never scored.
        """
        values = self._values(by, rows)
        if not all(isinstance(value, str) for value in values):
            raise UsageError(f"by: {by} is a column of numbers; this rule needs text, such as judge.label")
        return [str(value) for value in values]

    def vectors(self, by: str, rows: Sequence[Row]) -> NDArray[np.float32]:
        """Return an array rows x dimensions; a row of nan where there is none.

        Raises:
            UsageError: no such column, one that holds no vectors, or a row that was never scored.
        """
        import numpy as np

        found, column = self.resolve(by)
        values = found.columns[column]
        if getattr(values, "ndim", 1) != 2:
            raise UsageError(f"by: {by} is no column of vectors; this rule needs embeddings (score kind: embedding)")
        places = self._places(found, rows)
        return np.asarray(values, dtype=np.float32)[places]

    def why_unscored(self, by: str, row: Row) -> str:
        """Return the reason to print on a row that has no value."""
        found, _ = self.resolve(by)
        return f"{UNSCORED}: {found.reasons.get(row.id, f'{by} has no value for it')}"

    def _values(self, by: str, rows: Sequence[Row]) -> list[float | str]:
        found, column = self.resolve(by)
        values = found.columns[column]
        return [values[place] for place in self._places(found, rows)]

    @staticmethod
    def _places(found: Scores, rows: Sequence[Row]) -> list[int]:
        places = {row_id: place for place, row_id in enumerate(found.ids)}
        missing = [row.id for row in rows if row.id not in places]
        if missing:
            raise UsageError(
                f'score "{found.name}" lacks {len(missing)} of {len(rows)} rows, the first is {missing[0]}: '
                "it was made for other rows; delete it and run again"
            )
        return [places[row.id] for row in rows]


class Rule(Strategy, ABC):
    """Base of the rules. `str(rule)` is the rule as verdicts and reports name it."""

    group: ClassVar[str] = "rule"
    needs_task: ClassVar[bool] = False  #: a rule reads rows and columns alone

    @abstractmethod
    def __call__(self, rows: Sequence[Row], columns: Columns, seed: int) -> list[Verdict]:
        """Return one verdict per row, in the rows' order."""

    @abstractmethod
    def __str__(self) -> str:
        """Return the rule in a few words, e.g. `top probability 0.6 within label`."""

    def inner(self) -> tuple[Rule, ...]:
        """Return the rules that it combines."""
        return ()

    @property
    def movable(self) -> str | None:
        """Name of the setting that `moved` replaces: its threshold, share or value, if it has one."""
        return next((name for name in MOVABLE if dict(self).get(name) is not None), None)

    def moved(self, value: float) -> Self:
        """Return the rule with another threshold, share or value.

        Raises:
            UsageError: it has none, or the value is out of range.
        """
        if self.movable is None:
            raise UsageError(f"{self} has no threshold to move")
        return cast(Self, rule_of(self.kind, {**dict(self), self.movable: value}))

    def decider(
        self, rows: Sequence[Row], columns: Columns, seed: int, floor: float | None = None
    ) -> Callable[[float], list[Verdict]]:
        """Return what decides rows at any threshold; rules on pairs search once, down to `floor` (rules/repeats.py)."""
        return lambda at: self.moved(at)(rows, columns, seed)

    def check_files(self) -> None:
        """Raise a DataError when a file that it reads is not there or no use; called before anything is generated."""

    def drop_unscored(self, row: Row, columns: Columns, by: str) -> Verdict:
        """Return the verdict on a row without a score."""
        return Verdict(row.id, False, str(self), reason=columns.why_unscored(by, row))


class RowRule(Rule):
    """Base of the rules that decide each row from its own score alone."""

    by: str

    def needs(self) -> frozenset[str]:
        """Return the one column read."""
        return frozenset({self.by})

    @abstractmethod
    def decide(self, score: float) -> tuple[bool, float, str]:
        """Return keep, the threshold that decided, and the reason."""

    def __call__(self, rows: Sequence[Row], columns: Columns, seed: int) -> list[Verdict]:
        """Return one verdict per row, in the rows' order."""
        verdicts = []
        for row, score in zip(rows, columns.numbers(self.by, rows), strict=True):
            if math.isnan(score):
                verdicts.append(self.drop_unscored(row, columns, self.by))
                continue
            keep, threshold, reason = self.decide(score)
            verdicts.append(Verdict(row.id, keep, str(self), score, threshold, reason))
        return verdicts


def rule_of(kind: str, settings: Mapping[str, Any], told: str = "") -> Rule:
    """Return a rule; settings that are None are left to its defaults.

    Raises:
        UsageError: no such kind, or the rule refuses a setting; it begins with what `told` says was written.
    """
    try:
        return lookup(Rule, kind).model_validate({k: v for k, v in settings.items() if v is not None})
    except ValidationError as error:
        first = error.errors()[0]
        place, message = ".".join(map(str, first["loc"])), first["msg"].removeprefix("Value error, ")
        if told:
            raise UsageError(f"{told}: {place + ': ' if place else ''}{message}") from None
        got = f" (got {first['input']!r})" if isinstance(first["input"], str | int | float) else ""
        raise UsageError(f"{place or kind}: {message}{got}") from None


def group_values(rows: Sequence[Row], key: str | None) -> list[str]:
    """Return each row's value of a group key or input field; the empty string for all when key is None.

    Raises:
        UsageError: a row has no such key.
    """
    if key is None:
        return [""] * len(rows)
    return [_group_value(row, key) for row in rows]


def _group_value(row: Row, key: str) -> str:
    if key in row.groups:
        return row.groups[key]
    fields = row.payload.fields
    if key in fields:
        return fields[key]
    known = [*row.groups, *fields]
    raise UsageError(
        f'rows have no group "{key}" (within: {key}).{did_you_mean(key, known)} '
        f"Groups and fields of row {row.id}: {', '.join(known) or 'none'}."
    )
