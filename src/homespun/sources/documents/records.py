"""Documents as records of a data file: a text, and what is known about it.

`{"id", "title", "text", "category", "facts"}` is what `homespun corpus` writes; a mapping renames the fields. A fact
is `{"subject", "attribute", "value", "sentence"}`, where `value` stands in the text letter for letter, optionally with
other `wordings` of the sentence and `questions` that it answers.
"""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any

from homespun.data.find import Part, parts
from homespun.data.read import Entry, entries
from homespun.data.records import Document, Fact, JSONDict
from homespun.data.text import MISSING, lacks, lookup
from homespun.sources.documents.extract import Unreadable
from homespun.text.normalise import clean

ROLES = ("id", "text", "title", "category", "facts")
_FACT = ("subject", "attribute", "value", "sentence")


def documents_of(files: Sequence[Path], columns: Mapping[str, str]) -> Iterator[tuple[str, Document | Unreadable]]:
    """Return the place (file and line or record) and the document of every record, or why it holds none."""
    known: dict[str, str] = {}
    for path in files:
        for part in parts(path):
            for entry in entries(part):
                place = f"{part.path.name}:{entry.number}"
                try:
                    document = _document(part, entry, place, columns, several=len(files) > 1)
                    if document.id in known:
                        raise Unreadable(f'has the id "{document.id}" of {known[document.id]}; give each its own')
                    known[document.id] = place
                    yield place, document
                except Unreadable as problem:
                    yield place, problem


def _document(part: Part, entry: Entry, place: str, columns: Mapping[str, str], *, several: bool) -> Document:
    if entry.record is None:
        raise Unreadable(entry.problem)
    record = entry.record
    text = clean(_text(record, "text", columns, required=True)).text
    if not text:
        raise Unreadable(f'"{columns.get("text", "text")}" is empty')
    if not any(map(str.isalnum, text)):
        raise Unreadable(f'"{columns.get("text", "text")}" holds no letter and no digit')
    own = _text(record, "id", columns)
    facts = _facts(record, columns, text)
    title, category = _text(record, "title", columns), _text(record, "category", columns)
    made = place if several else str(entry.number)
    return Document(own or made, title, text, category, facts, file=place, start=0, end=len(text))


def _text(record: JSONDict, role: str, columns: Mapping[str, str], *, required: bool = False) -> str:
    name = columns.get(role, role)
    found = lookup(record, name)
    if found is MISSING and (required or role in columns):
        fix = f"; say which holds the {role}: columns: {{{role}: NAME}}" if role not in columns else ""
        raise Unreadable(lacks(record, name) + fix)
    if found is MISSING or found is None:
        found = ""
    if isinstance(found, int | float) and not isinstance(found, bool) and role != "text":
        found = str(found)
    if not isinstance(found, str):
        raise Unreadable(f'"{name}" is no text, but {_short(found)}')
    return found.strip()


def _facts(record: JSONDict, columns: Mapping[str, str], text: str) -> tuple[Fact, ...]:
    name = columns.get("facts", "facts")
    found = lookup(record, name)
    if found is MISSING or found is None or found == "":
        if found is MISSING and "facts" in columns:
            raise Unreadable(lacks(record, name))
        return ()
    if isinstance(found, str):  # a cell of a CSV file
        try:
            found = json.loads(found)
        except ValueError:
            found = None
    if not isinstance(found, list):
        if "facts" not in columns:
            return ()  # a field of that name with something else in it
        raise Unreadable(f'"{name}" is no list of facts')
    return tuple(_fact(fact, number, text) for number, fact in enumerate(found, start=1))


def _fact(fact: Any, number: int, text: str) -> Fact:
    if not isinstance(fact, Mapping):
        raise Unreadable(f"fact {number} is no object, but {_short(fact)}")
    missing = [name for name in _FACT if not isinstance(fact.get(name), str)]
    if missing:
        raise Unreadable(f"fact {number} lacks {', '.join(missing)}; a fact is {', '.join(_FACT)}, each a text")
    if fact["value"] not in text:
        raise Unreadable(f'fact {number}: the value "{fact["value"]}" does not stand in the text, letter for letter')
    lists = []
    for name in ("wordings", "questions"):
        values = fact.get(name) or []
        if not isinstance(values, list) or not all(isinstance(value, str) for value in values):
            raise Unreadable(f"fact {number}: {name} is no list of texts")
        lists.append(tuple(values))
    return Fact(fact["subject"], fact["attribute"], fact["value"], fact["sentence"], *lists)


def _short(value: object) -> str:
    told = json.dumps(value, ensure_ascii=False, default=str)
    return told if len(told) <= 40 else told[:40] + "..."
