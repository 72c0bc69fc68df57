"""Checks that every written row passes before any score is bought (methods.md A5, E5).

Fixed rules in a fixed order; the first that a row breaks is its verdict, in words. Rows are judged one by
one against the rows before them, so a verdict does not change when more rows arrive, with one exception:
when a text turns up under a second label, all its copies are dropped (a rule of Self-Instruct). For that
reason lengths are bounded by the options alone, not by the mean of a batch that still grows. Near
duplicates are compared with rows that passed. Nothing here asks a model, and nothing is deleted: a dropped
row stays in the pool with its verdict.
"""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Sequence
from dataclasses import replace
from typing import NamedTuple

from pydantic import BaseModel, ConfigDict, Field

from homespun.data.records import Row, Verdict
from homespun.near.overlap import OverlapIndex, Reference
from homespun.near.rouge import RougeIndex
from homespun.task import Task
from homespun.text.normalise import comparable, script_share
from homespun.text.phrases import refusal, self_talk
from homespun.text.words import length, signature, unit, words

_LENGTHS = {"ja": (8, 240)}  #: characters; other languages: words
_SCRIPT_SHARE = {"ja": 0.5}  #: Japanese text holds Latin names; other languages: 0.8
_REPEATED = 0.3  #: share of a text's word trigrams that already stood in it
_SENTENCE_END = re.compile(r"[.!?…。！？♪〜～](?:[\"'”’)\]」』）]*)$")
_SENTENCE = re.compile(r"[^.!?。！？\n]+")
_PLACEHOLDER = re.compile(
    r"\[[^\W\d_][^\[\]\n]{0,40}\]|<[^\W\d_][\w \-]{0,30}>|\{[^\W\d_][\w \-]{0,30}\}|_{3,}|[〇○]{2,}"
)


class Hygiene(BaseModel):
    """Bounds of the checks. Lengths count words; for Japanese, characters without white space."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    min_length: int | None = Field(None, ge=1, description="default: 4 words; Japanese 8 characters")
    max_length: int | None = Field(None, ge=1, description="default: 80 words; Japanese 240 characters")
    near_duplicate: float | None = Field(
        0.7, gt=0, lt=1, description="drop a text whose ROUGE-L with a row that passed is higher; null: never"
    )
    label_words: bool = Field(True, description="drop a text that names a label of the task")

    def lengths(self, language: str) -> tuple[int, int]:
        """Return the shortest and the longest length allowed in a language."""
        shortest, longest = _LENGTHS.get(language, (4, 80))
        return self.min_length or shortest, self.max_length or longest


class Checker:
    """Judges rows as they come; `verdicts` holds one verdict per row, in their order."""

    def __init__(
        self, task: Task, language: str, options: Hygiene | None = None, against: Sequence[Reference] = ()
    ) -> None:
        """Prepare the checks; `against` holds evaluation texts that no row may repeat."""
        self.language = language
        self.options = options or Hygiene()
        self.labels = {label: _label_pattern(label) for label in task.labels if len(label) >= _least(label)}
        self.meanings = [comparable(meaning) for meaning in task.labels.values() if len(meaning.split()) > 2]
        self.evaluation = OverlapIndex(against, language, short_queries=True) if against else None
        self.seen: dict[str, tuple[int, set[str]]] = {}  #: comparable text -> position of its first row, all outputs
        self.index = RougeIndex(self.options.near_duplicate) if self.options.near_duplicate else None
        self.verdicts: list[Verdict] = []

    def add(self, row: Row) -> Verdict:
        """Judge one more row; if it contradicts earlier copies, their verdicts change too."""
        text = row.text
        plain = comparable(text)
        found = self._alone(row, text, plain) or self._leaked(row) or self._repeated(row, plain)
        verdict = (
            replace(found, row_id=row.id) if found else Verdict(row.id, True, "hygiene", reason="passes every check")
        )
        position = len(self.verdicts)
        self.verdicts.append(verdict)
        self.seen.setdefault(plain, (position, set()))[1].add(row.payload.output)
        if verdict.keep and self.index is not None:
            self.index.add(row.id, *self._texts(row))
        return verdict

    def _alone(self, row: Row, text: str, plain: str) -> Verdict | None:
        """Return what is wrong with a row whatever stands beside it."""
        if not words(text, self.language):
            return _dropped("empty", "no words")
        if refused := refusal(plain):
            return _dropped("refusal", f'says "{refused}"')
        if talk := self_talk(plain):
            return _dropped("about itself", f'says "{talk}"')
        if echoed := [meaning for meaning in self.meanings if meaning in plain]:
            return _dropped("echoes the prompt", f'says "{echoed[0]}"')
        if place := _PLACEHOLDER.search(text):
            return _dropped("placeholder", f'holds "{place.group(0)}"')
        share, least = script_share(text, self.language), _SCRIPT_SHARE.get(self.language, 0.8)
        if share < least:
            return _dropped("wrong script", f"{share:.0%} of letters are {self.language}", share, least)
        cut = row.lineage.finish_reason == "length" and not _SENTENCE_END.search(text)
        if cut or text.rstrip()[-1] in ":：,、，;；":
            return _dropped("unfinished", f'ends with "{text.rstrip()[-12:]}"')
        return self._length(text) or self._label_word(plain) or self._repeats_itself(text)

    def _length(self, text: str) -> Verdict | None:
        size = length(text, self.language)
        shortest, longest = self.options.lengths(self.language)
        if size < shortest:
            return _dropped("too short", f"{size} {unit(self.language)}", size, shortest)
        if size > longest:
            return _dropped("too long", f"{size} {unit(self.language)}", size, longest)
        return None

    def _label_word(self, plain: str) -> Verdict | None:
        if self.options.label_words:
            for label, pattern in self.labels.items():
                if pattern.search(plain):
                    return _dropped("names a label", f'says "{label}"')
        return None

    def _repeats_itself(self, text: str) -> Verdict | None:
        sentences = Counter(
            sentence for part in _SENTENCE.findall(text) if len(sentence := tuple(words(part, self.language))) > 2
        )
        if sentences and (most := sentences.most_common(1)[0])[1] > 1:
            return _dropped("repeats itself", f'says "{" ".join(most[0])}" {most[1]} times')
        tokens = words(text, self.language)
        trigrams = list(zip(tokens, tokens[1:], tokens[2:], strict=False))
        share = 1 - len(set(trigrams)) / len(trigrams) if trigrams else 0.0
        if share > _REPEATED:
            return _dropped("repeats itself", f"{share:.0%} of its trigrams occur before", share, _REPEATED)
        return None

    def _texts(self, row: Row) -> list[list[str]]:
        return [words(text, self.language) for text in row.payload.fields.values()]

    def _leaked(self, row: Row) -> Verdict | None:
        found = self.evaluation.of_row(row) if self.evaluation else None
        return _dropped("contamination", found.reason, found.score, found.threshold) if found else None

    def _repeated(self, row: Row, plain: str) -> Verdict | None:
        if plain in self.seen:
            position, outputs = self.seen[plain]
            first = self.verdicts[position]
            if outputs != {row.payload.output}:
                reason = "the same text has different labels; no copy is kept"
                if first.keep:  # of copies, only the first can be kept
                    contradicted = _dropped("contradiction", reason, duplicate_of=row.id)
                    self.verdicts[position] = replace(contradicted, row_id=first.row_id)
                return _dropped("contradiction", reason, duplicate_of=first.row_id)
            return _dropped("duplicate", "the same text as an earlier row", duplicate_of=first.row_id)
        near = self.index.nearest(*self._texts(row)) if self.index else None
        if near:
            reason = f"ROUGE-L {near[1]:.2f} with an earlier row ({signature(self.language)} words)"
            return _dropped("near duplicate", reason, near[1], self.options.near_duplicate, near[0])
        return None


class Opening(NamedTuple):
    """The most common first words of a pool and the share of its texts that begin with them."""

    text: str
    share: float


def opening_share(texts: Sequence[str], language: str, size: int = 4) -> Opening:
    """Return the most common opening of `size` words; above 5 % the pool looks like a template (A1)."""
    counts = Counter(tuple(words(text, language)[:size]) for text in texts)
    if not counts:
        return Opening("", 0.0)
    opening, count = counts.most_common(1)[0]
    return Opening(("" if language == "ja" else " ").join(opening), count / len(texts))


def _dropped(
    rule: str, reason: str, score: float | None = None, threshold: float | None = None, duplicate_of: str | None = None
) -> Verdict:
    """Return a verdict on a row that is named later."""
    return Verdict("", False, f"hygiene: {rule}", score, threshold, reason, duplicate_of)


def _least(label: str) -> int:
    """Return the fewest letters of a label that is looked for: "no" or "A" stands in any English text."""
    return 3 if label.isascii() else 2


def _label_pattern(label: str) -> re.Pattern[str]:
    name = r"[\s_\-]+".join(re.escape(part) for part in re.split(r"[\s_\-]+", comparable(label)) if part)
    before = r"(?<![a-z0-9])" if label[:1].isascii() else ""
    after = r"(?![a-z0-9])" if label[-1:].isascii() else ""
    return re.compile(before + name + after)
