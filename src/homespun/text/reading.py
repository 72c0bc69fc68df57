"""A text as it is looked into: what it states, and what of it a rewrite must state, too (the protected values).

Values are read by values.py; names are found by how they are written (names.py). For fidelity.py, which judges.
"""

from __future__ import annotations

import re
from dataclasses import dataclass, replace
from functools import cached_property, lru_cache
from itertools import takewhile
from typing import Literal, NamedTuple

from homespun.text.names import names, unknown
from homespun.text.normalise import KANA, KANJI, clean, comparable, comparable_lines
from homespun.text.values import COMPARATORS, GAP, MONTHS, atoms, cut, flat, folded
from homespun.text.words import length

#: What counts the parts of a text: "1.", "(2)", "Q3:", "Step 4", 問5
_COUNTERS = re.compile(
    r"(?m)^[ \t#>\-•]*(?:(?:step|part|section|question|answer|fact|item|第|問|質問|回答|手順)[ .#]*\d{1,2}(?![\d.,]*\d)"
    r"|(?:[qa] ?)?[(\[]?\d{1,2}[.)\]:、]+(?=\D|$))"
)
_HEADS = re.compile(r"(?:q|a|no|step|part|section|question|answer|fact|item)\d{1,2}$")
_EMPHASIS = re.compile(r"[*`]+")
_DEGREES = {"~c": "~°"}  #: a difference in temperature and in angle is written alike, and so is "20°" for "20 °C"
_SMALL = frozenset(map(str, range(1, 11)))  #: in words and counting nothing in particular neither due nor new
_QUOTED = {
    "ja": re.compile(r"「([^「」\n]{1,30})」|『([^『』\n]{1,30})』"),
    "en": re.compile(r"[\"“]([^\"“”\n]{2,60})[\"”]"),
}
_JAPANESE = re.compile(f"[{KANA}{KANJI}]")
_KATAKANA = re.compile("[\u30a1-\u30fa\u30fc-\u30ff\u31f0-\u31ff]")


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


class Quantity(NamedTuple):
    """A number or time that a text states."""

    number: str
    unit: str  #: empty for none, and for a counter
    bound: str  #: "<", ">", "~" (up to) or empty
    shown: str


class Reading:
    """A text: cut once, its numbers and dates found once."""

    def __init__(self, text: str) -> None:
        self.text = text
        self.plain = _COUNTERS.sub(_blank, folded(_EMPHASIS.sub("", text)))
        self.atoms = cut(self.plain, runs=True)
        self.flat = flat(self.atoms)
        self.quantities: list[Quantity] = []
        self.dates: dict[str, str] = {}  #: months and days, each as it is written
        self.dated: dict[tuple[str, str], str] = {}  #: year and month, month and day, as they are written
        self.yearless: set[str] = set()  #: months that stand without a year, too
        self.codes: dict[str, str] = {}  #: what is made of letters and digits, as it is written -> `flat`
        self.parts: set[str] = set()  #: of codes
        for place, atom in enumerate(self.atoms):
            if atom.kind in ("number", "time"):
                self.quantities.append(self._quantity(place))
            elif atom.kind == "date":
                self.dates.setdefault(atom.text, self._shown(place))
                if atom.text in MONTHS and atom.start < atom.end:
                    self.yearless.add(atom.text)
                if atom.start == atom.end:  # the second or third part of a date
                    self.dated[self.atoms[place - 1].text, atom.text] = self._shown(place - 1)
            elif atom.kind == "code":
                code = [atom, *takewhile(lambda one: one.kind == "part", self.atoms[place + 1 :])]
                self.parts.update(part.text for part in code)
                if not _HEADS.match("".join(part.text for part in code)):
                    self.codes[self.plain[atom.start : code[-1].end]] = flat(code)
        self._units: dict[str, set[str]] = {}
        self._bounds: dict[str, set[str]] = {}
        for one in self.quantities:
            self._units.setdefault(one.number, set()).add(one.unit)
            self._bounds.setdefault(one.number, set()).add(one.bound)

    def _quantity(self, place: int) -> Quantity:
        before = self.atoms[place - 1].text if place else ""
        after = self.atoms[place + 1].text if place + 1 < len(self.atoms) else ""
        unit = _DEGREES.get(after, after) if after.startswith("~") and not after.startswith("~#") else ""
        bound = "~" if before == "<~" else before[:1] if before in COMPARATORS else ""
        return Quantity(self.atoms[place].text.rstrip("stndrh"), unit, bound, self._shown(place))

    def _shown(self, place: int) -> str:
        """Return the value at a place as it is written; a part of a date as a text of its own."""
        atom = first = self.atoms[place]
        dated = atom.kind == "number" and place + 1 < len(self.atoms) and self.atoms[place + 1].kind == "date"
        while first.start == first.end:
            place, first = place - 1, self.atoms[place - 1]
        whole = self.plain[first.start : first.end].strip(" -")
        if atom.text in MONTHS:
            return f"{MONTHS.index(atom.text) + 1}月" if "月" in whole else atom.text.capitalize()
        return (f"{atom.text}年" if "年" in whole else atom.text) if dated else whole

    @cached_property
    def _digits(self) -> frozenset[str]:
        return frozenset(re.findall(r"\d+", _COUNTERS.sub(_blank, comparable_lines(self.text))))

    def in_passing(self, one: Quantity) -> bool:
        """Tell whether a number is small, in words and counts nothing in particular: "two reasons"."""
        return one.number in _SMALL and not one.unit and one.number not in self._digits

    def has_number(self, number: str, unit: str, bound: str = "") -> bool:
        """Tell whether it holds a number with this unit and bound; where it never has a unit, any will do."""
        units, bounds = self._units.get(number), self._bounds.get(number, ())
        if units is None:
            return number == "1" and (self.holds("one") or "一" in self.flat)
        bounded = bound in ("", "~") or bound in bounds or (bound == "<" and "~" in bounds)
        return bounded and (not unit or unit in units or units == {""})

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

    def states(self, value: Value) -> bool:
        """Tell whether it states a value: a number with unit and bound, a date in any order, words as they are."""
        if value.kind == "number":
            return self.has_number(*value.key.split(GAP))
        if value.spelled and comparable(value.spelled) not in comparable(self.text):
            return False
        if self.holds(value.key):
            return True
        own = _remembered(value.shown) if value.kind == "fact" else None
        if own is None or not (own.quantities or own.dates) or any(one.kind in ("word", "run") for one in own.atoms):
            return False
        return all(self.has_number(*one[:3]) for one in own.quantities) and all(map(self.holds, own.dates))


def protected(text: str, language: str) -> tuple[Value, ...]:
    """Return the protected values of a text, each once: numbers with units, dates, codes, quoted terms and names.

    Args:
        text: any text.
        language: en, ja, or another (quotes and capitals as in English).
    """
    read = Reading(text)
    found = [Value("number", one.shown, GAP.join(one[:3])) for one in read.quantities if not read.in_passing(one)]
    found += [Value("date", shown, date) for date, shown in read.dates.items()]
    found += [Value("code", code, key) for code, key in read.codes.items()]
    for match in _QUOTED.get(language, _QUOTED["en"]).finditer(text):
        shown = (match[1] or match[match.lastindex or 1]).strip(" ,.、。")
        if shown and length(shown, language) <= (30 if language == "ja" else 6):
            found.append(Value.of("quoted", shown))
    for name in names(clean(text).text, language):
        value = Value.of("name", name)
        if value.key and not any(comparable(name) in code for code in read.codes):
            found.append(replace(value, spelled=name) if "ヴ" in name and unknown(name) else value)
    distinct: dict[str, Value] = {}
    for value in found:
        distinct.setdefault(value.key if value.kind == "number" else value.key.strip(GAP), value)
    return tuple(distinct.values())


def holds(text: str, words: str) -> bool:
    """Tell whether a text holds some words, or a number or date in another spelling."""
    return Reading(text).states(Value.of("fact", words))


@lru_cache(maxsize=1 << 12)
def _remembered(text: str) -> Reading:
    return Reading(text)


def _blank(match: re.Match[str]) -> str:
    return " " * len(match[0])


def _joined(before: str, after: str) -> bool:
    """Tell whether two neighbouring characters belong to one word: letters and digits, or katakana."""
    if _KATAKANA.match(before) or _JAPANESE.match(after):
        return bool(_KATAKANA.match(before) and _KATAKANA.match(after))
    return before.isalnum() and after.isalnum() and not _JAPANESE.match(before)
