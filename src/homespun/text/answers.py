"""Whether a written answer holds the right value: normalised containment (methods.md C8).

A value is found where its atoms (text/atoms.py) stand side by side: "75" is not in "775" nor in "75.5", "art" not in
"start", 776 g not in "776 kg". What cannot be decided by looking is not decided here but left to a judge, as `unclear`:
the value beside "or" or in a range, negated, or together with another known value of the same kind or another quantity
of the same unit. Synonyms, conversions and spelling mistakes are a judge's business, too.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from itertools import pairwise
from typing import Literal

from homespun.text.atoms import OR, Atom, atoms
from homespun.text.normalise import comparable

Found = Literal["right", "unclear", "absent"]

_NEGATIONS = frozenset(
    "not never no neither nor without cannot isnt arent wasnt werent doesnt dont didnt wont cant couldnt hasnt havent"
    " wouldnt shouldnt".split()
)
_NO_NEGATION = frozenset("until only just later less more fewer".split())  #: "not until 1985", "no later than May"
_COPULAS = ("です", "だ", "でし", "であ", "になり", "となり")
_NOT_JA = tuple(f"{begin}{end}" for begin in ("では", "じゃ", "で") for end in ("な", "あり"))
_LEADS = frozenset("a an about around approximately roughly circa 約".split())
_BEFORE_NUMBERS = frozenset("in on at by since from".split())
_LENIENT_DEGREES = ("~c", "~f")


@dataclass(frozen=True, slots=True)
class Place:
    """Where a value stands in an answer."""

    value: str  #: as it was given
    start: int  #: its first atom
    end: int  #: the atom after its last


class Values:
    """Known values, to be found in answers; finding takes no longer for a thousand values than for one."""

    def __init__(self, values: Iterable[str]) -> None:
        """Take the values; one without letters and digits is found as a piece of text."""
        self._whole: dict[tuple[str, ...], str] = {}
        self._bare: dict[str, str] = {}  #: the number of a quantity, which may stand without its unit
        self._signs: list[str] = []
        for value in values:
            pieces = tuple(atom.text for atom in atoms(value))
            pieces = _without_lead(pieces)
            if not pieces:
                self._signs += [value] if comparable(value) else []
                continue
            self._whole.setdefault(pieces, value)
            if _is_quantity(pieces):
                self._bare.setdefault(pieces[0], value)
                if pieces[1] in _LENIENT_DEGREES:
                    self._whole.setdefault((pieces[0], "~°"), value)
        self._lengths = sorted({len(pieces) for pieces in self._whole}, reverse=True)

    def within(self, answer: str) -> Iterator[Place]:
        """Return every place where a value stands, from the left; the longest of those that begin together."""
        said = atoms(answer)
        texts = [atom.text for atom in said]
        at = 0
        while at < len(said):
            place = None if said[at].glued else self._at(said, texts, at)
            if place:
                yield place
            at = place.end if place else at + 1
        for value in self._signs:
            if comparable(value) in comparable(answer):
                yield Place(value, 0, 0)

    def _at(self, said: tuple[Atom, ...], texts: list[str], at: int) -> Place | None:
        for length in self._lengths:
            end = at + length
            if end > len(said) or (end < len(said) and said[end].glued):
                continue
            value = self._whole.get(tuple(texts[at:end]))
            if value is not None:
                return Place(value, at, end)
        value = self._bare.get(texts[at])
        return Place(value, at, at + 1) if value is not None and _stands_alone(said, at) else None


def _without_lead(pieces: tuple[str, ...]) -> tuple[str, ...]:
    """Return a value without the article, the "about" or, before a number or date, the preposition it begins with."""
    while len(pieces) > 1 and (pieces[0] in _LEADS or (pieces[0] in _BEFORE_NUMBERS and pieces[1][:1].isdigit())):
        pieces = pieces[1:]
    return pieces


def _is_quantity(pieces: tuple[str, ...]) -> bool:
    return len(pieces) == 2 and pieces[0][-1:].isdigit() and pieces[1].startswith("~")


def _stands_alone(said: tuple[Atom, ...], at: int) -> bool:
    """Say whether a number is the whole of what is stated: nothing follows that could be what it counts."""
    if at + 1 == len(said) or said[at + 1].broken:
        return True
    return "".join(atom.text for atom in said[at + 1 : at + 4]).startswith(_COPULAS)


def find_answer(answer: str, accepted: Values, others: Values | None = None, question: str = "") -> Found:
    """Say whether an answer states one of the accepted values.

    Args:
        answer: what a model wrote.
        accepted: the values that are right.
        others: values that would be right for another question of the same kind; named beside the right one they make
            an answer `unclear`, unless the question names them too.
        question: what was asked.
    """
    places = list(accepted.within(answer))
    if not places:
        return "absent"
    said = atoms(answer)
    if all(_doubtful(said, place) for place in places):
        return "unclear"
    right = {place.value for place in places}
    asked = {place.value for place in others.within(question)} if others and question else set()
    for place in others.within(answer) if others else ():
        inside = any(mine.start <= place.start and place.end <= mine.end for mine in places)
        if not inside and place.value not in right | asked:
            return "unclear"
    return "unclear" if _other_quantity(said, places, question) else "right"


def _doubtful(said: tuple[Atom, ...], place: Place) -> bool:
    """Say whether a value is given as one of two, or negated."""
    before = said[place.start - 1] if place.start else None
    after = said[place.end] if place.end < len(said) else None
    if (before and before.text == OR) or (after and after.text == OR):
        return True
    if place.start < len(said) and not said[place.start].broken:
        for near in range(place.start - 1, max(place.start - 4, -1), -1):
            word = said[near].text
            if word in _NO_NEGATION:
                break
            if word in _NEGATIONS:
                return True
            if said[near].broken:
                break
    return "".join(atom.text for atom in said[place.end : place.end + 4]).startswith(_NOT_JA)


def _other_quantity(said: tuple[Atom, ...], places: list[Place], question: str) -> bool:
    """Say whether another number stands with the unit of a right quantity, and not in the question."""
    rights = {tuple(atom.text for atom in said[place.start : place.end]) for place in places}
    units = {pieces[1] for pieces in rights if _is_quantity(pieces)}
    given = {first.text for first in atoms(question)} if units and question else set()
    pairs = [(one.text, two.text) for one, two in pairwise(said) if two.text in units]
    return any(pair not in rights and pair[0][-1:].isdigit() and pair[0] not in given for pair in pairs)
