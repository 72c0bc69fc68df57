"""Drop rows that repeat a text of an evaluation set, of whatever file.

The checks are those of near/overlap.py; the verdict names the check and the evaluation item as file and
record. In a run with `evaluate` this is done to every row without being asked for; the rule is for other
files and for evaluations that the run does not make. Paraphrases and translations are not found.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from functools import cache
from pathlib import Path
from typing import TYPE_CHECKING, Any, Literal

from pydantic import Field

from homespun.data.read import iter_records
from homespun.data.records import Row, Verdict
from homespun.errors import DataError
from homespun.registry import did_you_mean
from homespun.select.base import Columns, Rule
from homespun.text.fields import OUTPUT, field_value

if TYPE_CHECKING:
    from homespun.near.overlap import Overlap, OverlapIndex, Reference

#: Names of fields that hold what is asked for and not what is asked.
ANSWERS = frozenset(
    "answer answers assistant output outputs label labels gold target targets response responses completion reference"
    " references solution chosen rejected".split()
)


class Contamination(Rule):
    """Keep rows that repeat no evaluation text."""

    kind: Literal["contamination"] = "contamination"
    against: tuple[str, ...] = Field(min_length=1, description="evaluation files: JSONL, CSV or Parquet")
    read: tuple[str, ...] | None = Field(
        None, min_length=1, description="fields of the evaluation files to compare with, at any depth; all unless given"
    )
    fields: tuple[str, ...] | None = Field(
        None,
        min_length=1,
        description=f"fields of the rows, `{OUTPUT}` for the output; all and the output unless given",
    )
    rouge_l: float | None = Field(
        None, gt=0, le=1, description="ROUGE-L above which a text is a copy: 0.7, Japanese 0.8; 1: no such check"
    )
    share: float = Field(
        0.0, ge=0, lt=1, description="drop only above this share of n-grams in common; 0: one in common is enough"
    )

    def check_files(self) -> None:
        """Read the evaluation files, so that a bad one stops everything before it begins.

        Raises:
            DataError: a file cannot be read, or holds no text that can be compared.
        """
        self._index("en", self.references())

    def references(self) -> list[Reference]:
        """Return the texts of the evaluation files.

        Raises:
            DataError: a file cannot be read, or has none of the fields.
        """
        return [reference for path in self.against for reference in references(Path(path), self.read)]

    def __call__(self, rows: Sequence[Row], columns: Columns, seed: int) -> list[Verdict]:
        """Return one verdict per row, in the rows' order.

        Raises:
            DataError: an evaluation file cannot be read, or nothing in it can be compared.
            UsageError: a row has no such field.
        """
        texts = self.references()
        index = cache(lambda language: self._index(language, texts))
        return [self._verdict(row, self._find(index(row.language), row)) for row in rows]

    def __str__(self) -> str:
        return f"contamination against {', '.join(Path(path).name for path in self.against)}"

    def _index(self, language: str, texts: Sequence[Reference]) -> OverlapIndex:
        from homespun.near.overlap import OverlapIndex

        index = OverlapIndex(texts, language, rouge_l=self.rouge_l, share=self.share)
        if not index.compared:
            raise DataError(
                f"{', '.join(self.against)}: none of the {len(texts)} texts can be compared with rows:"
                f" {index.too_short} are too short, {index.templates} are shared by more than {index.common} records"
            )
        return index

    def _find(self, index: OverlapIndex, row: Row) -> Overlap | None:
        if self.fields is None:
            return index.of_row(row)
        found = (index.first(field_value(row, name), answer=name == OUTPUT) for name in self.fields)
        return next(filter(None, found), None)

    def _verdict(self, row: Row, found: Overlap | None) -> Verdict:
        if found is None:
            return Verdict(row.id, True, str(self), reason="repeats no evaluation text")
        return Verdict(row.id, False, str(self), found.score, found.threshold, found.reason)


def references(path: Path, read: Sequence[str] | None = None) -> list[Reference]:
    """Return the texts of an evaluation file, each under `FILE:RECORD`; records are counted from 1.

    Args:
        path: a JSONL, CSV or Parquet file; lists and objects inside a record are looked through.
        read: names of the fields to take; every text unless given. Fields in ANSWERS, and what an assistant
            says in a conversation, are answers, all others queries.

    Raises:
        DataError: it cannot be read, or a field is nowhere in it.
    """
    from homespun.near.overlap import Reference

    found: list[Reference] = []
    seen: set[str] = set()
    known: dict[str, None] = {}
    for number, record in enumerate(iter_records(path), start=1):
        for names, text in _texts(record):
            known.update(dict.fromkeys(names))
            if read is None or not names.isdisjoint(read):
                found.append(Reference(f"{path.name}:{number}", text, not names.isdisjoint(ANSWERS)))
                seen |= names
    for name in read or ():
        if name not in seen:
            raise DataError(
                f'{path}: no record has a text "{name}".{did_you_mean(name, list(known))}'
                f" Fields with text: {', '.join(sorted(known)) or 'none'}"
            )
    return found


def _texts(value: Any, names: frozenset[str] = frozenset()) -> Iterator[tuple[frozenset[str], str]]:
    """Return every text in a JSON value with the names of the fields around it, `assistant` for what one says."""
    if isinstance(value, str):
        yield names, value
    elif isinstance(value, list):
        for part in value:
            yield from _texts(part, names)
    elif isinstance(value, dict):
        inside = names | {"assistant"} if value.get("role") == "assistant" else names
        for key, part in value.items():
            if key != "role":
                yield from _texts(part, inside | {key})
