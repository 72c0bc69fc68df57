"""Drop rows whose text stands in the pool already.

Texts are compared after normalisation (NFKC, case folding, collapsed whitespace), never stored that way.
The first row stays and the others name it. Where copies of one input carry different outputs, none of
them can be trusted and all are dropped (the rule of Self-Instruct, methods.md A5). Near duplicates are
not found here.
"""

from __future__ import annotations

import heapq
from collections.abc import Sequence
from typing import Literal

from pydantic import Field

from homespun.data.records import Row, Verdict
from homespun.errors import UsageError
from homespun.registry import did_you_mean
from homespun.select.base import Columns, Rule
from homespun.task import Task
from homespun.text.normalise import comparable

SHOWN = 5  #: different outputs that a verdict names


class ExactDuplicates(Rule):
    """Keep the first of the rows with the same input."""

    kind: Literal["exact_duplicates"] = "exact_duplicates"
    fields: tuple[str, ...] | None = Field(
        None, min_length=1, description="input fields to compare; all of them unless given"
    )
    conflicts: Literal["drop_all", "keep_first"] = Field(
        "drop_all", description="what to do with copies that carry different outputs"
    )

    def check(self, task: Task) -> None:
        """Refuse fields that the task does not have."""
        for name in self.fields or ():
            if name not in task.fields:
                raise _no_field(name, task.fields)

    def __call__(self, rows: Sequence[Row], columns: Columns, seed: int) -> list[Verdict]:
        """Return one verdict per row, in the rows' order."""
        copies: dict[tuple[str, ...], _Copies] = {}
        keys = [self._key(row) for row in rows]
        for row, key in zip(rows, keys, strict=True):
            copies.setdefault(key, _Copies(row)).add(row)
        return [self._verdict(row, copies[key]) for row, key in zip(rows, keys, strict=True)]

    def __str__(self) -> str:
        return "exact_duplicates" + (f" of {', '.join(self.fields)}" if self.fields else "")

    def _key(self, row: Row) -> tuple[str, ...]:
        texts = row.payload.fields
        names = self.fields or tuple(sorted(texts))
        for name in names:
            if name not in texts:
                raise _no_field(name, tuple(texts))
        return tuple(comparable(texts[name]) for name in names)

    def _verdict(self, row: Row, copies: _Copies) -> Verdict:
        first = copies.first
        other = first.id if row is not first else None
        if len(copies.outputs) > 1 and self.conflicts == "drop_all":
            reason = f"{copies.count} rows have this input with different outputs: {copies.told()}"
            return Verdict(row.id, False, str(self), reason=reason, duplicate_of=other)
        if other:
            return Verdict(row.id, False, str(self), reason=f"repeats row {other}", duplicate_of=other)
        reason = "the only row with this input" if copies.count == 1 else f"the first of {copies.count} copies"
        return Verdict(row.id, True, str(self), reason=reason)


class _Copies:
    """The rows with one input, as far as verdicts tell of them: a pool may hold one text 100,000 times."""

    def __init__(self, first: Row) -> None:
        self.first, self.count = first, 0
        self.outputs: set[str] = set()

    def add(self, row: Row) -> None:
        self.count += 1
        self.outputs.add(row.payload.output)

    def told(self) -> str:
        """Return the outputs, or a few of them where there are many."""
        few = heapq.nsmallest(SHOWN, self.outputs)
        more = len(self.outputs) - len(few)
        return ", ".join(few) + (f" and {more} more" if more else "")


def _no_field(name: str, known: Sequence[str]) -> UsageError:
    suggestion = did_you_mean(name, list(known))
    return UsageError(f'exact_duplicates: rows have no field "{name}".{suggestion} Fields: {", ".join(known)}')
