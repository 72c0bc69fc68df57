"""From files to rows for selection: one pass that takes texts, groups, numbers and embeddings, and no more.

A row's id is FILE:NUMBER, so that every reason that names another row says where it stands. What gives no row
(not JSON, no such field, an empty text) becomes a problem with file and number; the rest goes on.
"""

from __future__ import annotations

import math
from array import array
from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from functools import cached_property
from itertools import compress, islice
from typing import Any

from homespun.data.find import Part
from homespun.data.read import count, entries, schema_of, size
from homespun.data.records import Row, Scores
from homespun.data.text import lookup
from homespun.data.write import Stamp, stamp
from homespun.engine.progress import Bar, Progress
from homespun.errors import DataError
from homespun.registry import did_you_mean
from homespun.select.rows import Wanted, given

VECTOR = "vector"  #: column of the scores made of an embedding field


@dataclass(frozen=True, slots=True)
class Problem:
    """A record that gives no row."""

    file: str
    number: int
    reason: str
    own_id: str = ""

    def __str__(self) -> str:
        return f"{self.file}:{self.number}: {self.reason}"


@dataclass
class Intake:
    """Everything that selection needs to know of the files."""

    parts: Sequence[Part]
    stamps: Sequence[Stamp] = ()  #: size and time of each part before it was read
    rows: list[Row] = field(default_factory=list)
    numbers: list[array[int]] = field(default_factory=list)  #: per part: the number of each of its rows
    problems: list[list[Problem]] = field(default_factory=list)  #: per part, ascending
    own_ids: list[str] = field(default_factory=list)  #: per row, empty where it has none
    scores: list[Scores] = field(default_factory=list)  #: number fields and embeddings

    @property
    def unreadable(self) -> list[Problem]:
        """All problems in the order of the input."""
        return [problem for group in self.problems for problem in group]

    @property
    def partial(self) -> bool:
        """Whether some records could not be used."""
        return any(self.problems)

    @cached_property
    def languages(self) -> Mapping[str, int]:
        """How many rows are in each language, the commonest first."""
        return dict(Counter(row.language for row in self.rows).most_common())

    def places(self) -> Iterator[tuple[int, int]]:
        """Return part and number of each row, in the rows' order."""
        return ((index, number) for index, numbers in enumerate(self.numbers) for number in numbers)


def gather(parts: Sequence[Part], wanted: Wanted, progress: Progress) -> Intake:
    """Read all files once.

    Raises:
        DataError: a file as a whole cannot be read, or there is no row in any.
    """
    intake = Intake(parts, [stamp(part) for part in parts])
    numbers = {name: array("d") for name in wanted.numbers}
    vectors, widths = array("f"), array("L")
    known: dict[str, None] = {}
    with progress.bar("read", sum(-(-size(part) // 1024) for part in parts), "kB") as bar:
        for part in parts:
            if part.kind in ("parquet", "arrow"):
                known.update(dict.fromkeys(schema_of(part).names))
            intake.numbers.append(array("Q"))
            intake.problems.append([])
            meter, name_of, fields = _Meter(part, bar), part.name, wanted.fields
            for entry in entries(part, fields):
                meter.pass_(entry.raw)
                row, problem = None, entry.problem
                if entry.record is not None:
                    if not known:
                        known.update(dict.fromkeys(entry.record))
                    row, problem = wanted.row(entry.record, f"{name_of}:{entry.number}", name_of, entry.number)
                if row is not None and entry.record is not None and wanted.vectors is not None:
                    problem = _take_vector(entry.record, wanted.vectors, vectors, widths)
                if row is None or problem or entry.record is None:
                    own_id = _own_id(entry.record or {}, wanted.own_id)
                    intake.problems[-1].append(Problem(name_of, entry.number, problem, own_id))
                    continue
                intake.rows.append(row)
                intake.numbers[-1].append(entry.number)
                intake.own_ids.append(_own_id(entry.record, wanted.own_id))
                for name, column in numbers.items():
                    column.append(_number(lookup(entry.record, name)))
            meter.end()
    if wanted.vectors is not None:
        intake.scores.append(_vector_scores(intake, numbers, vectors, widths, wanted.vectors))
    _check(intake, numbers, wanted, known)
    ids = [row.id for row in intake.rows]
    for name, column in numbers.items():
        missing = {i: f'"{name}" is no number' for i, v in zip(ids, column, strict=True) if v != v}
        intake.scores.append(Scores(name, name, ids, {name: column}, missing))
    return intake


def _number(value: object) -> float:
    """Return a field as a number; nan for what is none, and for infinity, which would rank above every score."""
    try:
        found = float(value) if isinstance(value, int | float | str) else math.nan
    except (ValueError, OverflowError):  # no number, or an integer beyond any float
        return math.nan
    return found if math.isfinite(found) else math.nan


def _own_id(record: Mapping[str, Any], name: str) -> str:
    value = lookup(record, name)
    return str(value) if isinstance(value, str | int) else ""


def _take_vector(record: Mapping[str, Any], name: str, vectors: array[float], widths: array[int]) -> str:
    value, problem = given(record, name)
    if problem:
        return problem
    try:
        taken = array("f", value)
    except (TypeError, ValueError, OverflowError):
        return f'"{name}" is no list of numbers'
    if not taken:
        return f'"{name}" is an empty list'
    vectors.extend(taken)
    widths.append(len(taken))
    return ""


def _vector_scores(
    intake: Intake, numbers: dict[str, array[float]], vectors: array[float], widths: array[int], name: str
) -> Scores:
    """Return the embeddings as a column; rows of another width than most become problems."""
    import numpy as np

    each, flat = np.frombuffer(widths, dtype=f"u{widths.itemsize}"), np.frombuffer(vectors, dtype=np.float32)
    if not len(each):
        return Scores("embedding", VECTOR, [], {VECTOR: np.zeros((0, 0), dtype=np.float32)})
    width = int(np.bincount(each.astype(np.int64)).argmax())
    good = each == width
    if good.all():
        return Scores("embedding", VECTOR, [row.id for row in intake.rows], {VECTOR: flat.reshape(-1, width)})
    flags = good.tolist()
    for ok, has, (at, number), own_id in zip(flags, each.tolist(), intake.places(), intake.own_ids, strict=True):
        if not ok:
            reason = f'"{name}" has {has} numbers, and most rows have {width}'
            intake.problems[at].append(Problem(intake.parts[at].name, number, reason, own_id))
    left = iter(flags)
    intake.numbers = [array("Q", compress(found, islice(left, len(found)))) for found in intake.numbers]
    intake.rows[:] = compress(intake.rows, flags)
    intake.own_ids[:] = compress(intake.own_ids, flags)
    for column, values in numbers.items():
        numbers[column] = array("d", compress(values, flags))
    inside = np.repeat(good, each.astype(np.int64))
    for group in intake.problems:
        group.sort(key=lambda problem: problem.number)
    return Scores("embedding", VECTOR, [row.id for row in intake.rows], {VECTOR: flat[inside].reshape(-1, width)})


def _check(intake: Intake, numbers: Mapping[str, array[float]], wanted: Wanted, known: Mapping[str, None]) -> None:
    if not intake.rows:
        problems = intake.unreadable
        files = ", ".join(part.name for part in intake.parts)
        if not problems:
            raise DataError(f"{files}: empty; there is no record")
        hint = "".join(
            did_you_mean(name, list(known)) for text in wanted.texts for name in text.names if name not in known
        )
        fields = f".{hint} Fields: {', '.join(known)}" if known else ""
        raise DataError(f"{files}: none of {len(problems):,} records can be used; the first: {problems[0]}{fields}")
    for name, column in numbers.items():
        if all(value != value for value in column):
            raise DataError(
                f'no record has a number in "{name}".{did_you_mean(name, list(known))} Fields: {", ".join(known)}'
            )


class _Meter:
    """Advances a bar in kB, rarely enough to cost nothing."""

    def __init__(self, part: Part, bar: Bar) -> None:
        self.bar, self.size, self.told, self.bytes, self.entries = bar, size(part), 0, 0, 0
        self.each = 0.0 if part.kind in ("jsonl", "csv") else self.size / max(1, count(part))

    def pass_(self, raw: bytes) -> None:
        self.entries += 1
        self.bytes += len(raw)
        if self.entries % 4096 == 0:
            self.tell(int(self.bytes + self.each * self.entries) // 1024)

    def end(self) -> None:
        self.tell(-(-self.size // 1024))

    def tell(self, now: int) -> None:
        self.bar.advance(max(0, now - self.told))
        self.told = max(now, self.told)
