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
from collections.abc import Collection, Iterable, Iterator, Sequence
from dataclasses import dataclass, replace
from functools import cached_property, lru_cache
from itertools import takewhile
from typing import Literal

from homespun.records import Document
from homespun.text.names import names, unknown
from homespun.text.normalise import KANA, KANJI, clean, comparable, comparable_lines, script_share
from homespun.text.phrases import refusal
from homespun.text.sentences import ends
from homespun.text.strays import new_names, runaway, turned_round
from homespun.text.values import COMPARATORS, GAP, MONTHS, atoms, cut, flat, folded
from homespun.text.words import length, unit

RECALL = 0.95  #: share of protected values that a rewrite of a whole document states
RETOLD = 0.5  #: share of protected values above which a text is a retelling of its document
_SMALL = frozenset(map(str, range(1, 11)))  #: in words and without a unit neither due nor new
LEAST = {"ja": 12}  #: characters of a text that says anything; other languages: 5 words
SCRIPT = {"ja": 0.5}  #: Japanese text holds Latin names; other languages: 0.8
SAME = 0.7  #: share of a text that the document itself takes up before the text is no rewrite
ECHOED = {"ja": 12}  #: characters of an instruction that a text may not repeat; other languages: 30

Due = Literal["all", "subject"] | Sequence["int | Value"]  #: numbers are those of facts


@dataclass(frozen=True, slots=True)
class Value:
    """Something that a document says and a rewrite must say, too."""

    kind: Literal["fact", "number", "date", "code", "name", "quoted"]
    shown: str  #: as the document writes it
    key: str  #: its atoms, `flat`; of a number itself, its unit and its bound
    spelled: str = ""  #: what must stand letter for letter: a name that no dictionary knows

    @classmethod
    def of(cls, kind: Literal["fact", "code", "name", "quoted"], shown: str) -> Value:
        """Return the value that is written so."""
        return cls(kind, shown, flat(atoms(shown)))


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


#: What counts the parts of a text: "1.", "(2)", "Q3:", "Step 4", 問5
_COUNTERS = re.compile(
    r"(?m)^[ \t#>\-•]*(?:(?:step|part|section|question|answer|fact|item|第|問|質問|回答|手順)[ .#]*\d{1,2}(?![\d.,]*\d)"
    r"|(?:[qa] ?)?[(\[]?\d{1,2}[.)\]:、]+(?=\D|$))"
)
_HEADS = re.compile(r"(?:q|a|no|step|part|section|question|answer|fact|item)\d{1,2}$")
_EMPHASIS = re.compile(r"[*`]+")
_DEGREES = {"~c": "~°"}  #: a difference in temperature and in angle is written alike, and so is "20°" for "20 °C"


class _Read:
    """A text as it is looked into: cut once, its numbers and dates found once."""

    def __init__(self, text: str) -> None:
        self.text = text
        self.plain = _COUNTERS.sub(_blank, folded(_EMPHASIS.sub("", text)))
        self.atoms = cut(self.plain, runs=True)
        self.numbers: dict[str, set[str]] = {}  #: number or time -> its units, empty for none and for a counter
        self.bounds: dict[str, set[str]] = {}  #: number or time -> "<", ">", "~" (up to) or empty
        self.dates: dict[tuple[str, str], str] = {}  #: year and month, month and day -> as it is written
        self.flat = flat(self.atoms)
        self.parts: set[str] = set()  #: of codes
        for place, atom in enumerate(self.atoms):
            if atom.kind in ("word", "run"):
                continue
            if atom.kind in ("number", "time"):
                number, unit_name, sign = self.measure(place)
                self.numbers.setdefault(number, set()).add(unit_name)
                self.bounds.setdefault(number, set()).add(sign)
            elif atom.kind == "part":
                self.parts.add(atom.text)
            elif atom.kind == "date" and atom.start == atom.end:  # the second or third part of a date
                self.dates[self.atoms[place - 1].text, atom.text] = self.shown(place - 1)

    @cached_property
    def digits(self) -> frozenset[str]:
        """What it says in figures."""
        return frozenset(re.findall(r"\d+", _COUNTERS.sub(_blank, comparable_lines(self.text))))

    def passing(self, number: str, unit_name: str) -> bool:
        """Tell whether a number is small, in words and counts nothing in particular: "two reasons"."""
        return number in _SMALL and not unit_name and number not in self.digits

    def measure(self, place: int) -> tuple[str, str, str]:
        """Return the number that stands at a place, its unit and on which side it bounds something."""
        after = self.atoms[place + 1].text if place + 1 < len(self.atoms) else ""
        unit_name = "" if not after.startswith("~") or after.startswith("~#") else _DEGREES.get(after, after)
        before = self.atoms[place - 1].text if place else ""
        return (
            self.atoms[place].text.rstrip("stndrh"),
            unit_name,
            before[-1 if before == "<~" else 0] if before in COMPARATORS else "",
        )

    def shown(self, place: int) -> str:
        """Return the value at a place as it is written; a part of a date as a text of its own."""
        atom = first = self.atoms[place]
        while first.start == first.end:
            place, first = place - 1, self.atoms[place - 1]
        whole = self.plain[first.start : first.end].strip(" -")
        if atom.kind == "date" and atom.text in MONTHS:
            return f"{MONTHS.index(atom.text) + 1}月" if "月" in whole else atom.text.capitalize()
        dated = atom.kind == "number" and place + 1 < len(self.atoms) and self.atoms[place + 1].kind == "date"
        return (f"{atom.text}年" if "年" in whole else atom.text) if dated else whole

    def codes(self) -> dict[str, str]:
        """Return what is made of letters and digits, as it is written, with its atoms."""
        found = {}
        for first, atom in enumerate(self.atoms):
            if atom.kind != "code":
                continue
            parts = [atom, *takewhile(lambda one: one.kind == "part", self.atoms[first + 1 :])]
            if not _HEADS.match("".join(part.text for part in parts)):
                found[self.plain[atom.start : parts[-1].end]] = flat(parts)
        return found

    def has_number(self, number: str, unit_name: str, sign: str = "") -> bool:
        """Tell whether it holds a number with this unit and bound; where it never has a unit, any will do."""
        units = self.numbers.get(number)
        if units is None:
            return number == "1" and (self.has("one") or "一" in self.flat)
        bounded = sign in ("", "~") or sign in self.bounds[number] or (sign == "<" and "~" in self.bounds[number])
        return bounded and (not unit_name or unit_name in units or units == {""})

    def holds(self, key: str) -> bool:
        """Tell whether it holds what was made `flat`, as whole words; katakana is one word with katakana beside it."""
        wanted = key.strip(GAP)
        for text in (self.flat, f"{GAP}{self.plain}{GAP}"):  # the second has what parts katakana: ・, spaces, brackets
            at = text.find(wanted) if wanted else -1
            while at >= 0:
                if not _joined(text[at - 1], wanted[0]) and not _joined(wanted[-1], text[at + len(wanted)]):
                    return True
                at = text.find(wanted, at + 1)
            if wanted[:1].isascii():
                break
        return False

    def has(self, text: str) -> bool:
        """Tell whether one of its atoms is this."""
        return f"{GAP}{text}{GAP}" in self.flat


_QUOTED = {
    "ja": re.compile(r"「([^「」\n]{1,30})」|『([^『』\n]{1,30})』"),
    "en": re.compile(r"[\"“]([^\"“”\n]{2,60})[\"”]"),
}


def protected(text: str, language: str) -> tuple[Value, ...]:
    """Return the protected values of a text, each once: numbers with units, dates, codes, quoted terms and names.

    Args:
        text: any text.
        language: en, ja, or another (quotes and capitals as in English).
    """
    return _protected(_Read(text), language)


def _protected(read: _Read, language: str) -> tuple[Value, ...]:
    text = read.text
    found: dict[str, Value] = {}
    for place, atom in enumerate(read.atoms):
        if atom.kind in ("number", "time"):
            number, unit_name, sign = read.measure(place)
            key = GAP.join((number, unit_name, sign))
            if not read.passing(number, unit_name):
                found.setdefault(key, Value("number", read.shown(place), key))
        elif atom.kind == "date":
            key = flat([atom])
            found.setdefault(key, Value("date", read.shown(place), key))
    known = read.codes()
    for code, key in known.items():
        found.setdefault(key, Value("code", code, key))
    for match in _QUOTED.get(language, _QUOTED["en"]).finditer(text):
        shown = (match[1] or match[match.lastindex or 1]).strip(" ,.、。")
        if shown and length(shown, language) <= (30 if language == "ja" else 6):
            value = Value.of("quoted", shown)
            found.setdefault(value.key, value)
    for name in names(clean(text).text, language):
        value = Value.of("name", name)
        if value.key and not any(comparable(name) in code for code in known):
            if "ヴ" in name and unknown(name):
                value = replace(value, spelled=name)
            found.setdefault(value.key, value)
    return tuple(found.values())


class Faithful:
    """One document, prepared so that any number of rewrites can be checked against it."""

    def __init__(self, document: Document, language: str) -> None:
        """Find what the document protects; its facts' values come first and hide plain values inside them."""
        self.document, self.language = document, language
        self.source = _Read(f"{document.title}\n{document.text}")
        self.facts = tuple(Value.of("fact", fact.value) for fact in document.facts)
        distinct = {value.key: value for value in self.facts if value.key}
        plain = [value for value in protected(document.text, language) if not _inside(value, distinct)]
        self.values = (*distinct.values(), *plain)
        self._known = [self.source, _Read("\n".join(_said(document)))]

    def says(self, words: str) -> bool:
        """Tell whether the document, title or text, holds these words, or a number or date in another spelling."""
        return stated(Value.of("fact", words), self.source)

    @cached_property
    def subject(self) -> tuple[Value, ...]:
        """Names of the thing that the document is about: its facts' subjects, or the names in its title."""
        subjects = [Value.of("name", fact.subject) for fact in self.document.facts]
        if subjects:
            return tuple(value for value in subjects if self.source.holds(value.key))[:1]
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
        if not problem and due == "all" and recall > RETOLD:
            problem, reason = self._beside(text)
        if not problem and share < recall:
            kept = len(wanted) - len(missing)
            problem, reason = "missing values", f"states {kept} of {len(wanted)} values; without {_listed(missing)}"
        if not problem:
            reason = f"states {len(wanted) - len(missing)} of {len(wanted)} values, no new number"
        return Fidelity(problem, reason, share, missing, novel, said)

    def _novel(self, read: _Read, known: Collection[str]) -> tuple[str, ...]:
        sources = [*self._known, *([_Read("\n".join(known))] if known else [])]
        found: dict[str, None] = {}
        for place, atom in enumerate(read.atoms):
            if atom.kind in ("number", "time"):
                number, unit_name, sign = read.measure(place)
                if read.passing(number, unit_name):
                    continue
                if not any(one.has_number(number, unit_name, sign) or number in one.parts for one in sources):
                    shown = read.shown(place)
                    bound = sign and any(one.has_number(number, unit_name) for one in sources)
                    found[f"{sign} {shown}" if bound else shown] = None
            elif atom.kind == "date" and not any(one.has(atom.text) for one in sources):
                found[read.shown(place)] = None
        for date, shown in read.dates.items():
            same = [one for source in sources for one in source.dates if one[0] == date[0]]
            if same and date not in same:
                found[shown] = None
        codes = ((code, key) for code, key in read.codes().items() if not any(one.holds(key) for one in sources))
        return (*found, *sorted(code for code, _ in codes))

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
        sentences = list(_sentences(lines, self.language))
        if same := self._unchanged(lines, sentences):
            return "unchanged", same
        if stray := runaway(lines, self._lines, sentences):
            return "run-away", stray
        if size < LEAST.get(self.language, 5):
            return "too short", f"{size} {unit(self.language)}"
        return None

    @cached_property
    def _lines(self) -> str:
        return comparable_lines(f"{self.document.title}\n{self.document.text}")

    @cached_property
    def _sentences(self) -> frozenset[str]:
        return frozenset(_sentences(self._lines, self.language))

    def _unchanged(self, text: str, sentences: Sequence[str]) -> str:
        document, own = _letters(comparable_lines(self.document.text)), _letters(text)
        if document in own and len(document) > SAME * len(own):
            return "holds the document as it is"
        copied = sum(len(one) for one in sentences if one in self._sentences)
        if copied > SAME * len(own):
            return f"{copied / len(own):.0%} of it are sentences of the document"
        return ""


@lru_cache(maxsize=1 << 12)
def _read(text: str) -> _Read:
    return _Read(text)


def _blank(match: re.Match[str]) -> str:
    return " " * len(match[0])


def stated(value: Value, read: _Read) -> bool:
    """Tell whether a text states a value: a number with its unit and bound, a date in any order, words as they are."""
    if value.kind == "number":
        return read.has_number(*value.key.split(GAP))
    if value.spelled and comparable(value.spelled) not in comparable(read.text):
        return False
    if read.holds(value.key):
        return True
    if value.kind != "fact":
        return False
    own = _read(value.shown)
    return (
        bool(own.numbers or own.dates)
        and all(
            read.has_number(*own.measure(place)) if atom.kind in ("number", "time") else read.has(atom.text)
            for place, atom in enumerate(own.atoms)
            if atom.kind not in ("unit", "comparator")
        )
        and not any(atom.kind in ("word", "run") for atom in own.atoms)
    )


def holds(text: str, words: str) -> bool:
    """Tell whether a text holds some words as a document does (see Faithful.says)."""
    return stated(Value.of("fact", words), _Read(text))


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


def _inside(value: Value, facts: Collection[str]) -> bool:
    """Tell whether a plain value is a part of a fact's value, and counted with it."""
    key = f"{GAP}{value.key.split(GAP)[0]}{GAP}" if value.kind == "number" else value.key.strip(GAP)
    return any(key in fact for fact in facts)


_JAPANESE = re.compile(f"[{KANA}{KANJI}]")
_KATAKANA = re.compile("[\u30a1-\u30fa\u30fc-\u30ff\u31f0-\u31ff]")
_NO_LETTERS = re.compile(r"[\W_]+")


def _letters(text: str) -> str:
    return _NO_LETTERS.sub("", text)


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


def _joined(before: str, after: str) -> bool:
    """Tell whether two neighbouring characters belong to one word: letters and digits, or katakana."""
    if _KATAKANA.match(before) or _JAPANESE.match(after):
        return bool(_KATAKANA.match(before) and _KATAKANA.match(after))
    return before.isalnum() and after.isalnum() and not _JAPANESE.match(before)


def _listed(values: Sequence[str]) -> str:
    return ", ".join(values[:5]) + (f" and {len(values) - 5} more" if len(values) > 5 else "")
