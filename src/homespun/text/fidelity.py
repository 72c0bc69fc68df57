"""Is a text a faithful rewrite of a document? By rule, without a model (methods.md C2).

Protected values of a document are its numbers with units, dates, codes, names and quoted terms, and the values of its
facts where it has any. A rewrite passes when it states at least a share of those that are due, brings in no number,
date, bound or code of its own, is written in the language's script, does not run away, and is neither the document
again nor talk about the task. What is due depends on the form: everything, the facts that were asked for, or the name
of the subject. A retelling of everything may bring in no name either, and turn no denial round (strays.py).

Not found: statements that are wrong in other words, names that are written like words, values that changed places.
"""

from __future__ import annotations

import re
from collections.abc import Collection, Iterable, Sequence
from dataclasses import dataclass
from functools import cached_property
from typing import Literal

from homespun.data.records import Document
from homespun.text.normalise import comparable, comparable_lines, script_share
from homespun.text.phrases import refusal
from homespun.text.reading import Reading, Value, protected
from homespun.text.sentences import sentences
from homespun.text.strays import new_names, runaway, turned_round
from homespun.text.values import GAP
from homespun.text.words import length, unit

RECALL = 0.95  #: share of protected values that a rewrite of a whole document states
RETOLD = 0.5  #: share of protected values above which a text is a retelling of its document
LEAST = {"ja": 12}  #: characters of a text that says anything; other languages: 5 words
SCRIPT = {"ja": 0.5}  #: Japanese text holds Latin names; other languages: 0.8
SAME = 0.7  #: share of a text that the document itself takes up before the text is no rewrite
ECHOED = {"ja": 12}  #: characters of an instruction that a text may not repeat; other languages: 30

Due = Literal["all", "subject"] | Sequence["int | Value"]  #: numbers are those of facts


@dataclass(frozen=True, slots=True)
class Fidelity:
    """What a rewrite keeps. It passes where `problem` is empty."""

    problem: str
    """empty | refusal | echo | wrong script | too short | unchanged | run-away | new numbers | new names
    | turned round | missing values; empty where it passes"""
    reason: str  #: in words
    recall: float  #: share of the values that are due; 1 where none is
    missing: tuple[str, ...] = ()  #: values that are due and not stated, as the document writes them
    novel: tuple[str, ...] = ()  #: numbers, dates and codes that the document does not hold
    facts: tuple[int, ...] = ()  #: numbers of the facts (or protected values) that it states

    @property
    def passes(self) -> bool:
        """Whether the text is a faithful rewrite."""
        return not self.problem


class Faithful:
    """One document, prepared so that any number of rewrites can be checked against it."""

    def __init__(self, document: Document, language: str) -> None:
        """Find what the document protects; its facts' values come first and hide plain values inside them."""
        self.document, self.language = document, language
        self.source = Reading(f"{document.title}\n{document.text}")
        self.facts = tuple(Value.of("fact", fact.value) for fact in document.facts)
        distinct = {value.key: value for value in self.facts if value.key}
        plain = [value for value in protected(document.text, language) if not _inside(value, distinct)]
        self.values = (*distinct.values(), *plain)
        self._known = [self.source, Reading("\n".join(_said(document)))]

    def says(self, words: str) -> bool:
        """Tell whether the document, title or text, holds these words, or a number or date in another spelling."""
        return self.source.states(Value.of("fact", words))

    @cached_property
    def subject(self) -> tuple[Value, ...]:
        """Names of the thing that the document is about: its facts' subjects, or the names in its title."""
        subjects = [Value.of("name", fact.subject) for fact in self.document.facts]
        if subjects:
            return tuple(value for value in subjects if self.source.holds(value.key))[:1]
        title = Reading(self.document.title)
        return tuple(value for value in self.values if value.kind in ("name", "quoted") and title.holds(value.key))

    def due(self, due: Due) -> tuple[Value, ...]:
        """Return the values that a text must state."""
        if due == "all":
            return self.values
        if due == "subject":
            return self.subject
        values = (self.facts[one] if isinstance(one, int) else one for one in due)
        return tuple({value.key: value for value in values}.values())

    def check(
        self,
        text: str,
        due: Due = "all",
        *,
        recall: float = RECALL,
        echoes: Iterable[str] = (),
        known: Collection[str] = (),
    ) -> Fidelity:
        """Judge one rewrite.

        Args:
            text: of the rewrite, after `parse.unwrapped`.
            due: values that it must state: all, the subject's name, or these; a number is that of a fact.
            recall: share of them that is enough.
            echoes: instructions that the writer was given; a text that repeats one has not followed it.
            known: texts whose numbers are no invention, beside the document's own.
        """
        read = Reading(text)
        wanted = self.due(due)
        missing = tuple(value.shown for value in wanted if not read.states(value))
        share = 1 - len(missing) / len(wanted) if wanted else 1.0
        novel = self._novel(read, known)
        told = self.facts or self.values
        said = tuple(index for index, value in enumerate(told) if read.states(value))
        problem, reason = self._unusable(text, echoes) or ("", "")
        if not problem and novel:
            problem, reason = "new numbers", f"not in the document: {_listed(novel)}"
        if not problem and due == "all" and recall > RETOLD:
            problem, reason = self._beside(text)
        if not problem and share < recall:
            kept = len(wanted) - len(missing)
            problem, reason = "missing values", f"states {kept} of {len(wanted)} values; without {_listed(missing)}"
        if not problem:
            reason = f"states {len(wanted) - len(missing)} of {len(wanted)} values, no new number"
        return Fidelity(problem, reason, share, missing, novel, said)

    def _novel(self, read: Reading, known: Collection[str]) -> tuple[str, ...]:
        sources = [*self._known, *([Reading("\n".join(known))] if known else [])]
        found: dict[str, None] = {}
        for one in read.quantities:
            if read.in_passing(one) or any(
                source.has_number(*one[:3]) or one.number in source.parts for source in sources
            ):
                continue
            same = one.bound and any(source.has_number(one.number, one.unit) for source in sources)
            found[f"{one.bound} {one.shown}" if same else one.shown] = None
        for date, shown in read.dates.items():
            if not any(source.holds(date) for source in sources):
                found[shown] = None
        for pair, shown in read.dated.items():
            known_pairs = [one for source in sources for one in source.dated if one[0] == pair[0]]
            if known_pairs and pair not in known_pairs and not any(pair[1] in source.yearless for source in sources):
                found[shown] = None
        codes = (code for code, key in read.codes.items() if not any(source.holds(key) for source in sources))
        return (*found, *sorted(codes))

    def _beside(self, text: str) -> tuple[str, str]:
        """Return what a retelling says that its document does not, and no number tells."""
        source = f"{self.document.title}\n{self.document.text}"
        if brought := new_names(text, source, self.language):
            return "new names", f"not in the document: {_listed(brought)}"
        if turned := turned_round(text, source, self.language):
            return "turned round", f'the document says otherwise than "{turned}"'
        return "", ""

    def _unusable(self, text: str, echoes: Iterable[str]) -> tuple[str, str] | None:
        lines = comparable_lines(text)
        plain = " ".join(lines.split())
        size = length(text, self.language)
        if not size:
            return "empty", "no words"
        if refused := refusal(plain):
            return "refusal", f'says "{refused}"'
        for told in echoes:
            if echoed := _echoed(comparable(told), plain, self.language):
                return "echo", f'repeats the instruction "{echoed}"'
        share, least = script_share(text, self.language), SCRIPT.get(self.language, 0.8)
        if share < least:
            return "wrong script", f"{share:.0%} of letters are {self.language}"
        said = [_letters(one) for one in sentences(lines, self.language)]
        if same := self._unchanged(lines, said):
            return "unchanged", same
        if stray := runaway(lines, self._lines, said):
            return "run-away", stray
        if size < LEAST.get(self.language, 5):
            return "too short", f"{size} {unit(self.language)}"
        return None

    @cached_property
    def _lines(self) -> str:
        return comparable_lines(f"{self.document.title}\n{self.document.text}")

    @cached_property
    def _sentences(self) -> frozenset[str]:
        return frozenset(_letters(one) for one in sentences(self._lines, self.language))

    def _unchanged(self, text: str, said: Sequence[str]) -> str:
        document, own = _letters(comparable_lines(self.document.text)), _letters(text)
        if document in own and len(document) > SAME * len(own):
            return "holds the document as it is"
        copied = sum(len(one) for one in said if one in self._sentences)
        if copied > SAME * len(own):
            return f"{copied / len(own):.0%} of it are sentences of the document"
        return ""


def _said(document: Document) -> Iterable[str]:
    for fact in document.facts:
        yield from (fact.subject, fact.value, fact.sentence, *fact.wordings)


def _inside(value: Value, facts: Collection[str]) -> bool:
    """Tell whether a plain value is a part of a fact's value, and counted with it."""
    key = f"{GAP}{value.key.split(GAP)[0]}{GAP}" if value.kind == "number" else value.key.strip(GAP)
    return any(key in fact for fact in facts)


_NO_LETTERS = re.compile(r"[\W_]+")


def _letters(text: str) -> str:
    return _NO_LETTERS.sub("", text)


def _echoed(told: str, plain: str, language: str) -> str:
    least = ECHOED.get(language, 30)
    pieces = (piece.strip() for piece in re.split(r"(?<=[.。:\n])\s*", told))
    return next((piece for piece in pieces if len(piece) >= least and piece in plain), "")


def _listed(values: Sequence[str]) -> str:
    return ", ".join(values[:5]) + (f" and {len(values) - 5} more" if len(values) > 5 else "")
