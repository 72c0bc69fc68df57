"""The text of a record: one field, or a template over several.

`--field text`, `--field meta.title` (a field inside another; a whole name with dots wins), `--field messages`
(a conversation: the contents of its turns, one a line), `--field "{question} {answer}"`. Whatever gives no text
is a problem in words, so that the record can be reported.
"""

from __future__ import annotations

import string
from collections.abc import Collection, Mapping, Sequence
from typing import Any

from homespun.errors import UsageError
from homespun.registry import did_you_mean

MISSING = object()


def lookup(record: Mapping[str, Any], name: str) -> Any:
    """Return the value of a field, of one inside another by dots (`a.b`, `turns.0.content`), or MISSING."""
    if name in record:
        return record[name]
    found: Any = record
    for piece in name.split("."):
        if isinstance(found, Mapping) and piece in found:
            found = found[piece]
        elif isinstance(found, list) and piece.isdigit() and int(piece) < len(found):
            found = found[int(piece)]
        else:
            return MISSING
    return found


def lacks(record: Collection[str], name: str) -> str:
    """Return the words for a record without a field: the field, the nearest name, and what it has."""
    return f'has no "{name}".{did_you_mean(name, list(record))} It has: {", ".join(record)}'


class TextOf:
    """Reads the text that is compared out of records.

    Raises:
        UsageError: a template that is none.
    """

    def __init__(self, field: str) -> None:
        self.field = field
        self.pieces: list[tuple[str, str | None]] = [("", field)]  #: text before, name of the field
        if "{" in field:
            try:
                parsed = list(string.Formatter().parse(field))
            except ValueError as error:
                raise UsageError(
                    f'--field "{field}": {error}; write names in braces: "{{question}} {{answer}}"'
                ) from None
            if any(spec or conversion for _, _, spec, conversion in parsed):
                raise UsageError(f'--field "{field}": a name in braces is all it can hold, as in "{{question}}"')
            self.pieces = [(before, name) for before, name, _, _ in parsed]
        self.names: tuple[str, ...] = tuple(name for _, name in self.pieces if name is not None)  #: fields it reads
        self.key = field if "{" not in field else "text"  #: name of the text among a row's fields
        self.single = self.names[0] if len(self.pieces) == 1 and not self.pieces[0][0] and self.names else None
        if not self.names or not all(name.strip() for name in self.names):
            raise UsageError(f'--field "{field}" names no field; write a name, or names in braces')

    def __call__(self, record: Mapping[str, Any]) -> tuple[str, str]:
        """Return the text and "", or "" and what is wrong with the record."""
        if self.single is not None:
            text, problem = _text(record, self.single)
        else:
            text, problem = "", ""
            for before, name in self.pieces:
                piece, wrong = ("", "") if name is None else _text(record, name)
                problem = problem or wrong
                text += before + piece
        if not problem and not text.strip():
            problem = f'"{self.field}" is empty'
        return ("", problem) if problem else (text, "")


def _text(record: Mapping[str, Any], name: str) -> tuple[str, str]:
    value = record[name] if name in record else lookup(record, name)
    if isinstance(value, str):
        return value, ""
    if value is MISSING:
        return "", f'has no field "{name}"'
    if value is None:
        return "", f'"{name}" is null'
    if isinstance(value, list) and value and all(isinstance(turn, Mapping) for turn in value):
        return _conversation(value, name)
    return "", f'"{name}" is no text but {_kind(value)}'


def _conversation(turns: Sequence[Mapping[str, Any]], name: str) -> tuple[str, str]:
    contents = [turn.get("content", turn.get("value")) for turn in turns]
    if not all(isinstance(content, str) for content in contents):
        return "", f'"{name}" is a list of objects, and not each has a text under content or value'
    return "\n".join(str(content) for content in contents), ""


def _kind(value: object) -> str:
    kinds = {bool: "true or false", int: "a number", float: "a number", list: "a list", dict: "an object"}
    return kinds.get(type(value), f"a {type(value).__name__}")
