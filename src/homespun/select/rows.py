"""From a record to a row: the texts that rules compare, the groups that they work within; or what is wrong with it."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from homespun.data.records import Labelled, Lineage, Row
from homespun.data.text import MISSING, TextOf, lookup
from homespun.text.normalise import language_of


@dataclass(frozen=True, slots=True)
class Wanted:
    """What to take from each record."""

    texts: tuple[TextOf, ...]
    output: str | None = None  #: field with the output that belongs to the text, such as a label
    groups: tuple[str, ...] = ()  #: fields that rules compare or rank within
    numbers: tuple[str, ...] = ()  #: fields that rules rank by
    vectors: str | None = None  #: field with an embedding
    own_id: str = "id"  #: field that names a record; may be missing
    language: str | None = None  #: of all records; None: of each by its script

    @property
    def fields(self) -> set[str]:
        """Top-level fields that hold all this (a name with dots may be one or lead into one)."""
        named = [name for text in self.texts for name in text.names]
        named += [*self.groups, *self.numbers, *filter(None, (self.output, self.vectors, self.own_id))]
        return {*named, *(name.partition(".")[0] for name in named)}

    def row(self, record: Mapping[str, Any] | str, row_id: str, source: str, number: int) -> tuple[Row | None, str]:
        """Return the row of a record, or of a bare text, and "", or None and what is wrong."""
        bare = record if isinstance(record, str) else None
        named: Mapping[str, Any] = {} if isinstance(record, str) else record
        texts = {}
        for text in self.texts:
            value, problem = text(named) if bare is None else (bare, "" if bare.strip() else "is empty")
            if problem:
                return None, problem
            texts[text.key] = value
        output, groups = "", {}
        if self.output is not None:
            output, problem = _plain(named, self.output)
            if problem:
                return None, problem
        for name in self.groups:
            groups[name], problem = _plain(named, name)
            if problem:
                return None, problem
        language = self.language or language_of(" ".join(texts.values()))
        return Row(row_id, Labelled(texts, output), language, groups, Lineage(source, str(number))), ""


def given(record: Mapping[str, Any], name: str) -> tuple[Any, str]:
    """Return the value of a field and "", or None and why there is none."""
    value = lookup(record, name)
    if value is MISSING or value is None:
        return None, f'has no field "{name}"' if value is MISSING else f'"{name}" is null'
    return value, ""


def _plain(record: Mapping[str, Any], name: str) -> tuple[str, str]:
    """Return a label or group as text: texts, numbers, true and false."""
    value, problem = given(record, name)
    if problem or isinstance(value, str | int | float):
        return "" if problem else str(value), problem
    return "", f'"{name}" is no label but {type(value).__name__}'
