"""Is a text a faithful rewrite of a document? By rule, without a model (methods.md C2).

Protected values of a document are its numbers with units, codes, names and quoted terms, and the values of its
facts where it has any. A rewrite passes when it states at least a share of those that are due, brings in no number
or code of its own, is written in the language's script, and is neither the document again nor talk about the task.
What is due depends on the form: everything, the facts that were asked for, or the name of the subject.

Not found: statements that are wrong without a new number, invented names, values that changed places.
"""

from __future__ import annotations

import re
from collections.abc import Collection, Iterable, Iterator, Sequence
from dataclasses import dataclass
from functools import cached_property
from typing import Literal

from homespun.records import Document
from homespun.text.names import names
from homespun.text.normalise import clean, comparable, script_share
from homespun.text.phrases import refusal
from homespun.text.quantities import codes, folded, in_words, quantities
from homespun.text.sentences import ends
from homespun.text.words import length, unit

RECALL = 0.95  #: share of protected values that a rewrite of a whole document states
LEAST = {"ja": 12}  #: characters of a text that says anything; other languages: 5 words
SCRIPT = {"ja": 0.5}  #: Japanese text holds Latin names; other languages: 0.8
SAME = 0.7  #: share of a text that the document itself takes up before the text is no rewrite
ECHOED = {"ja": 12}  #: characters of an instruction that a text may not repeat; other languages: 30

Due = Literal["all", "subject"] | Sequence["int | Value"]  #: numbers are those of facts


@dataclass(frozen=True, slots=True)
class Value:
    """Something that a document says and a rewrite must say, too."""

    kind: Literal["fact", "number", "code", "name", "quoted"]
    shown: str  #: as the document writes it
    key: str  #: folded; of a number its digits
    unit: str = ""


@dataclass(frozen=True, slots=True)
class Fidelity:
    """What a rewrite keeps. It passes where `problem` is empty."""

    problem: str  #: empty | refusal | echo | wrong script | too short | unchanged | new numbers | missing values
    reason: str  #: in words
    recall: float  #: share of the values that are due; 1 where none is
    missing: tuple[str, ...] = ()  #: values that are due and not stated, as the document writes them
    novel: tuple[str, ...] = ()  #: numbers and codes that the document does not hold
    facts: tuple[int, ...] = ()  #: numbers of the facts (or protected values) that it states

    @property
    def passes(self) -> bool:
        """Whether the text is a faithful rewrite."""
        return not self.problem


class _Read:
    """A text as it is looked into: folded once, its numbers found once."""

    def __init__(self, text: str) -> None:
        self.plain = folded(text)
        self.flat = " ".join(self.plain.split("\n"))
        self.numbers: dict[str, set[str]] = {}
        self.shown: dict[str, str] = {}
        for found in quantities(self.plain):
            self.numbers.setdefault(found.number, set()).add(found.unit)
            self.shown.setdefault(found.number, found.shown)
        self.codes = set(codes(self.plain))

    @cached_property
    def words(self) -> set[str]:
        return in_words(self.plain)

    def has_number(self, number: str, unit: str) -> bool:
        """Tell whether it holds a number with this unit; an unknown unit contradicts none."""
        units = self.numbers.get(number)
        if units is None:
            return number in self.words
        return not unit or "" in units or unit in units

    def holds(self, key: str) -> bool:
        """Tell whether it holds a folded text as whole words."""
        at = self.flat.find(key) if key else -1
        while at >= 0:
            end = at + len(key)
            if not (_joined(self.flat[at - 1 : at], key[0]) or _joined(key[-1], self.flat[end : end + 1])):
                return True
            at = self.flat.find(key, at + 1)
        return False


def _joined(before: str, after: str) -> bool:
    """Tell whether two neighbouring characters belong to one word or number; only letters without accents do."""
    return before.isascii() and before.isalnum() and after.isascii() and after.isalnum()


_MONTHS = "january february march april may june july august september october november december".split()
_QUOTED = {
    "ja": re.compile(r"「([^「」\n]{1,30})」|『([^『』\n]{1,30})』"),
    "en": re.compile(r"[\"“]([^\"“”\n]{2,60})[\"”]"),
}
_LETTERS = re.compile(r"[^\W\d_]+")


def protected(text: str, language: str) -> tuple[Value, ...]:
    """Return the protected values of a text, each once: numbers with units, codes, quoted terms and names.

    Args:
        text: any text.
        language: en, ja, or another (quotes and capitals as in English).
    """
    plain = folded(text)
    found: dict[tuple[str, str], Value] = {}
    for number, unit_name, shown in quantities(plain):
        found.setdefault((number, unit_name), Value("number", shown, number, unit_name))
    known = codes(plain)
    for code in known:
        found.setdefault((code, ""), Value("code", code, code))
    for match in _QUOTED.get(language, _QUOTED["en"]).finditer(text):
        shown = (match[1] or match[match.lastindex or 1]).strip(" ,.、。")
        if shown and length(shown, language) <= (30 if language == "ja" else 6):
            found.setdefault((folded(shown), ""), Value("quoted", shown, folded(shown)))
    for name in names(clean(text).text, language):
        key = folded(name)
        if not any(key in code for code in known):
            found.setdefault((key, ""), Value("name", name, key))
    return tuple(found.values())


class Faithful:
    """One document, prepared so that any number of rewrites can be checked against it."""

    def __init__(self, document: Document, language: str) -> None:
        """Find what the document protects; its facts' values come first and hide plain values inside them."""
        self.document, self.language = document, language
        self.source = _Read(f"{document.title}\n{document.text}")
        self.facts = tuple(Value("fact", fact.value, folded(fact.value)) for fact in document.facts)
        distinct = {value.key: value for value in self.facts if value.key}
        numbers = {part.number for key in distinct for part in quantities(key)}
        plain = [value for value in protected(document.text, language) if not _inside(value, distinct, numbers)]
        self.values = (*distinct.values(), *plain)
        self._known = _Read("\n".join((document.title, document.text, *_said(document))))

    def says(self, words: str) -> bool:
        """Tell whether the document, title or text, holds these words, or a number or date in another spelling."""
        return stated(Value("fact", words, folded(words)), self.source)

    @cached_property
    def subject(self) -> tuple[Value, ...]:
        """Names of the thing that the document is about: its facts' subjects, or the names in its title."""
        subjects = {folded(fact.subject): fact.subject for fact in self.document.facts}
        if subjects:
            return tuple(Value("name", shown, key) for key, shown in subjects.items() if self.source.holds(key))[:1]
        title = _Read(self.document.title)
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
            text: of the rewrite, after `unwrapped`.
            due: values that it must state: all, the subject's name, or these; a number is that of a fact.
            recall: share of them that is enough.
            echoes: instructions that the writer was given; a text that repeats one has not followed it.
            known: texts whose numbers are no invention, beside the document's own.
        """
        read = _Read(text)
        wanted = self.due(due)
        missing = tuple(value.shown for value in wanted if not stated(value, read))
        share = 1 - len(missing) / len(wanted) if wanted else 1.0
        novel = self._novel(read, known)
        told = self.facts or self.values
        said = tuple(index for index, value in enumerate(told) if stated(value, read))
        problem, reason = self._unusable(text, echoes) or ("", "")
        if not problem and novel:
            problem, reason = "new numbers", f"not in the document: {_listed(novel)}"
        if not problem and share < recall:
            kept = len(wanted) - len(missing)
            problem, reason = "missing values", f"states {kept} of {len(wanted)} values; without {_listed(missing)}"
        if not problem:
            reason = f"states {len(wanted) - len(missing)} of {len(wanted)} values, no new number"
        return Fidelity(problem, reason, share, missing, novel, said)

    def _novel(self, read: _Read, known: Collection[str]) -> tuple[str, ...]:
        more = _Read("\n".join(known)) if known else None
        found = []
        for number, units in read.numbers.items():
            allowed = any(
                source.has_number(number, unit_name)
                for source in (self._known, more)
                if source is not None
                for unit_name in units
            )
            if not allowed:
                found.append(read.shown[number])
        sources = self._known.codes | (more.codes if more else set())
        return (*found, *sorted(code for code in read.codes - sources if not self._known.holds(code)))

    def _unusable(self, text: str, echoes: Iterable[str]) -> tuple[str, str] | None:
        plain = comparable(text)
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
        if same := self._unchanged(text):
            return "unchanged", same
        if size < LEAST.get(self.language, 5):
            return "too short", f"{size} {unit(self.language)}"
        return None

    @cached_property
    def _sentences(self) -> frozenset[str]:
        return frozenset(_sentences(f"{self.document.title}\n{self.document.text}", self.language))

    def _unchanged(self, text: str) -> str:
        document, own = _letters(self.document.text), _letters(text)
        if document in own and len(document) > SAME * len(own):
            return "holds the document as it is"
        copied = sum(len(one) for one in _sentences(text, self.language) if one in self._sentences)
        if copied > SAME * len(own):
            return f"{copied / len(own):.0%} of it are sentences of the document"
        return ""


def stated(value: Value, read: _Read) -> bool:
    """Tell whether a text states a value: a number with its unit, or words as they are; dates in any order."""
    if value.kind == "number":
        return read.has_number(value.key, value.unit)
    if read.holds(value.key):
        return True
    if value.kind == "name" and value.key in _MONTHS:
        return read.holds(value.key[:3])
    if value.kind != "fact":
        return False
    parts = quantities(value.key)
    rest = [word for word in _LETTERS.findall(_without(value.key, [part.shown for part in parts])) if len(word) > 1]
    if not parts or any(word not in _MONTHS for word in rest):
        return False
    return all(read.has_number(part.number, part.unit) for part in parts) and all(map(read.holds, rest))


def holds(text: str, words: str) -> bool:
    """Tell whether a text holds some words as a document does (see Faithful.says)."""
    return stated(Value("fact", words, folded(words)), _Read(text))


def unwrapped(text: str) -> str:
    """Return a rewrite without what writers put around it: fences, lead-ins, closing offers, emphasis."""
    text = clean(text).text
    fenced = _FENCE.fullmatch(text)
    if fenced:
        text = fenced[1].strip()
    previous = None
    while text != previous:
        previous = text
        text = _LEAD_IN.sub("", text, count=1).strip()
        text = _CLOSING.sub("", text).strip()
    if text[:1] == '"' and text[-1:] == '"' and text.count('"') == 2:
        text = text[1:-1].strip()
    return _LABELS.sub("", _BOLD.sub(r"\2", text)).strip()


_FENCE = re.compile(r"```[\w-]*[ \t]*\n(.*?)\n?```", re.DOTALL)
_LEAD_IN = re.compile(
    r"\A(?:(?:sure|certainly|of course|absolutely|okay|ok)\b[^\n:]{0,60}[!.:,]\s*"
    r"|(?:here(?:['’]s| is| are)|below (?:is|are)|the following (?:is|are))\b[^\n]{0,120}?:(?=\s)\s*"
    r"|(?:rewritten|revised|paraphrased|simplified)(?: \w+){0,3}:\s*"
    r"|(?:承知(?:しました|いたしました)|かしこまりました|はい|もちろんです)[。、！!]\s*"
    r"|(?:以下|次)(?:は|に|が|の)[^\n。:：]{0,60}(?:です|ます|した|示します)(?:[。:：]\s*)"
    r"|(?:書き換え|言い換え|書き直し)(?:後|た文章?|文)?[:：]\s*)",
    re.IGNORECASE,
)
_CLOSING = re.compile(
    r"\n+(?:let me know|i hope|feel free|please let me know|would you like|ご不明な点|必要であれば|他にご)[^\n]*\Z",
    re.IGNORECASE,
)
_LABELS = re.compile(r"(?m)^(?:Text|Title|本文|題名)[:：][ \t]*")  # as the prompt shows a document
_BOLD = re.compile(r"(\*\*|__)(?=\S)([^\n]*?\S)\1")


def _said(document: Document) -> Iterable[str]:
    for fact in document.facts:
        yield from (fact.subject, fact.value, fact.sentence, *fact.wordings)


def _inside(value: Value, facts: Collection[str], numbers: Collection[str]) -> bool:
    """Tell whether a plain value is a part of a fact's value, and counted with it."""
    return value.key in numbers if value.kind == "number" else any(value.key in key for key in facts)


def _without(key: str, parts: Sequence[str]) -> str:
    for part in sorted(parts, key=len, reverse=True):
        key = key.replace(part, " ")
    return key


def _letters(text: str) -> str:
    return re.sub(r"[\W_]+", "", comparable(text))


def _sentences(text: str, language: str) -> Iterator[str]:
    for line in text.splitlines():
        start = 0
        for end in (*ends(line, language), len(line)):
            if sentence := _letters(line[start:end]):
                yield sentence
            start = end


def _echoed(told: str, plain: str, language: str) -> str:
    least = ECHOED.get(language, 30)
    pieces = (piece.strip() for piece in re.split(r"(?<=[.。:\n])\s*", told))
    return next((piece for piece in pieces if len(piece) >= least and piece in plain), "")


def _listed(values: Sequence[str]) -> str:
    return ", ".join(values[:5]) + (f" and {len(values) - 5} more" if len(values) > 5 else "")
