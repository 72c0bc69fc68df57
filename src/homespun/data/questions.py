"""Questions with their accepted answers, from a file of the user's.

Flat, one question a record (question, answer, document; the answer a text or a list of accepted ones), or nested
under the passage (`id`, `questions: [{question, answers}]`). A mapping renames fields: `{question: prompt,
answer: answers.text}`; a field inside another is named by dots. Names of the mapping other than those of ROLES
become groups that accuracy is told for. Whether an answer is right, or stands in its document, is not judged here.
"""

from __future__ import annotations

import difflib
import json
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from homespun.data.find import Part, parts
from homespun.data.read import entries
from homespun.data.records import JSONDict
from homespun.data.text import MISSING, lacks, lookup
from homespun.errors import DataError, UsageError
from homespun.text.normalise import comparable

ROLES = ("id", "question", "answer", "document", "category", "split", "questions")  #: names that a mapping knows
TOLD = 10  #: problems that an error lists in full


@dataclass(frozen=True, slots=True)
class Question:
    """A question, and every answer that counts as right."""

    id: str  #: the file's own, or made of document or line; unique in the file
    question: str
    answers: tuple[str, ...]  #: at least one, in the order of the file
    document: str = ""  #: id of the document that answers it; empty where the file names none
    category: str = ""
    split: str = ""  #: train, test, reverse, or what the file says; empty where it says nothing
    groups: Mapping[str, str] = field(default_factory=dict)  #: further fields that the mapping names


def read_questions(path: Path, columns: Mapping[str, str] | None = None) -> Iterator[Question]:
    """Return the questions of a JSONL, CSV or Parquet file, or a folder of such, in order and constant memory.

    A record with a list under `questions` holds a passage's questions; the passage's `id` is then their document,
    and its category, split and groups are theirs where they have none of their own. Other records are questions.
    Without a name in `columns`, a field is looked for under the role's own name; the answer also under `answers`.
    In CSV, where a cell is a text, a cell such as ["Rome", "Roma"] is a list of accepted answers.

    Args:
        path: the file.
        columns: name of each role's field, and of further fields as groups; {} takes the names as they are.

    Raises:
        UsageError: a name in `columns` is a near miss of a role.
        DataError: no such file, no question in it; or, behind the last sound question, a list of all records that
            hold none, each with file and line.
    """
    columns = dict(columns or {})
    for name in columns:
        close = difflib.get_close_matches(name, ROLES, n=1, cutoff=0.8)
        if name not in ROLES and close:
            raise UsageError(
                f'columns: "{name}" is none of {", ".join(ROLES)}. Did you mean "{close[0]}"? Any other name makes a'
                " group, but not one so close to these."
            )
    reader = _Reader(columns)
    for part in parts(path):
        for entry in entries(part):
            if entry.record is None:
                reader.refuse(part, entry.number, entry.problem)
            else:
                yield from reader.read(part, entry.number, entry.record)
    if reader.problems:
        count = len(reader.problems)
        listed = "\n".join(f"  {problem}" for problem in reader.problems[:TOLD])
        rest = f"\n  and {count - TOLD} more" if count > TOLD else ""
        raise DataError(f"{path}: {count} record{'s' * (count > 1)} cannot be asked:\n{listed}{rest}")
    if not reader.count:
        raise DataError(f"{path}: holds no question; write one a line: " + '{"question": "...", "answer": "..."}')


class _Problem(Exception):
    """What is wrong with one record, in words."""


class _Reader:
    """Makes questions of records and notes what is none."""

    def __init__(self, columns: Mapping[str, str]) -> None:
        self.columns = columns
        self.groups = [name for name in columns if name not in ROLES]
        self.problems: list[str] = []
        self.count = 0
        self.ids: dict[str, str] = {}  #: id -> where it was read
        self.asked: dict[tuple[str, str, str], str] = {}  #: document, split, question -> where it was read

    def refuse(self, part: Part, number: int, problem: str) -> None:
        self.problems.append(f"{part.name}:{number}: {problem}")

    def read(self, part: Part, number: int, record: JSONDict) -> Iterator[Question]:
        nested = lookup(record, self.columns.get("questions", "questions"))
        if nested is MISSING or nested is None:
            if "questions" in self.columns:
                self.refuse(part, number, lacks(record, self.columns["questions"]))
                return
            yield from self._one(part, number, "", record, None)
        elif not isinstance(nested, list):
            self.refuse(part, number, f'"{self.columns.get("questions", "questions")}" is no list of questions')
        else:
            for index, item in enumerate(nested, start=1):
                place = f"question {index}: "
                if isinstance(item, Mapping):
                    yield from self._one(part, number, place, dict(item), record)
                else:
                    self.refuse(part, number, f"{place}expected an object with question and answer, got {item!r:.40}")

    def _one(self, part: Part, number: int, place: str, item: JSONDict, passage: JSONDict | None) -> Iterator[Question]:
        try:
            question = self._question(part, number, place, item, passage)
        except _Problem as problem:
            self.refuse(part, number, place + str(problem))
        else:
            self.count += 1
            yield question

    def _question(self, part: Part, number: int, place: str, item: JSONDict, passage: JSONDict | None) -> Question:
        both = (item,) if passage is None else (item, passage)
        question = self._text("question", (item,), required=True)
        answers = self._answers(part, item)
        document = self._document(item, passage)
        split, category = self._text("split", both), self._text("category", both)
        where = f"line {number}" if part.kind in ("jsonl", "csv") else f"record {number}"
        where += f" of {part.name}" + (f", {place[:-2]}" if place else "")
        key = (document, split, comparable(question))
        if key in self.asked:
            of = f' of "{document}"' if document else ""
            raise _Problem(
                f'asks "{question}"{of} again, as {self.asked[key]} does; keep one, with all accepted answers in a list'
            )
        own = self._text("id", (item,))
        made = f"{document or number}#{place.removeprefix('question ')[:-2]}" if place else str(number)
        if made in self.ids and not own:  # a second file of a folder, or a passage that comes twice
            made = f"{part.path.name}:{number}:{made}"
        if own in self.ids:
            raise _Problem(f'has the id "{own}" of {self.ids[own]}; give each its own')
        self.ids[own or made] = self.asked[key] = where
        groups = {name: self._text(name, both, required=True) for name in self.groups}
        return Question(own or made, question, answers, document, category, split, groups)

    def _document(self, item: JSONDict, passage: JSONDict | None) -> str:
        if passage is None or "document" in self.columns:
            return self._text("document", (item,) if passage is None else (item, passage))
        return self._text("document", (item,)) or _plain(lookup(passage, self.columns.get("id", "id")), "id")

    def _text(self, role: str, records: tuple[JSONDict, ...], *, required: bool = False) -> str:
        """Return a field's text; empty where nobody asked for it and it is not there."""
        name = self.columns.get(role, role)
        found = next((value for value in (lookup(record, name) for record in records) if value is not MISSING), MISSING)
        if found is MISSING and (required or (role in self.columns and role != "id")):
            raise _Problem(lacks([key for record in records for key in record], name))
        text = _plain(found, name)
        if required and not text:
            raise _Problem(f'"{name}" is empty')
        return text

    def _answers(self, part: Part, item: JSONDict) -> tuple[str, ...]:
        name = self.columns.get("answer", "answer")
        found = lookup(item, name)
        if found is MISSING and "answer" not in self.columns and "answers" in item:
            name, found = "answers", item["answers"]
        if found is MISSING:
            raise _Problem(lacks(item, name))
        if isinstance(found, Mapping):
            inside = f"{name}.{next(iter(found), 'text')}"
            raise _Problem(f'"{name}" is an object; name the field inside it, as in columns: {{answer: {inside}}}')
        if isinstance(found, str) and part.kind == "csv":
            found = _list_in_cell(found)
        values = found if isinstance(found, list) else [found]
        answers = tuple(dict.fromkeys(text for value in values if (text := _plain(value, name))))
        if not answers:
            raise _Problem(f'"{name}" is empty; a question needs at least one accepted answer')
        return answers


def _plain(value: Any, name: str) -> str:
    """Return a text or number as text, stripped; the empty string for what is not there."""
    if value is MISSING or value is None:
        return ""
    if isinstance(value, str):
        return value.strip()
    if isinstance(value, int | float) and not isinstance(value, bool):
        return str(value)
    kind = {bool: "true or false", list: "a list", dict: "an object"}.get(type(value), f"a {type(value).__name__}")
    raise _Problem(f'"{name}" is no text but {kind}')


def _list_in_cell(cell: str) -> Any:
    if not cell.lstrip().startswith("["):
        return cell
    try:
        found = json.loads(cell)
    except ValueError:
        return cell
    return found if isinstance(found, list) and all(isinstance(value, str) for value in found) else cell
