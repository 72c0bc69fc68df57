"""Whether a written answer holds the right value: normalised containment (methods.md C8).

A value is found where its atoms (text/values.py) stand side by side: "75" is not in "775" nor in "75.5", "art" not in
"start", 776 g not in "776 kg". What cannot be decided by looking is not decided here but left to a judge, as
`unclear`: the value beside "or" or in a range, bounded ("under 18", 18歳未満), excepted, negated, one of three and more
in a list, grown together with other kanji or katakana (赤 in 赤紫), or together with another known value of the same
kind or another quantity of the same unit. Synonyms, conversions and spelling mistakes are a judge's business, too.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from itertools import pairwise
from typing import Literal

from homespun.text.normalise import KANA, KANJI, comparable
from homespun.text.values import COMPARATORS, OR, Atom, atoms, folded

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
_WEEKDAYS = frozenset("monday tuesday wednesday thursday friday saturday sunday".split())
_LENIENT_DEGREES = ("~c", "~f")
_NEVER_LEFT_OUT = frozenset({"~%"})  #: units without which a number is another value
_EXCEPT_BEFORE = re.compile(
    r"(?:(?:(?:any|every)(?:thing|where|one|body)|all) but|except(?: for| on)?|other than"
    r"|apart from|aside from|excluding|besides|but not|with the exception of) (?:the |an? )?$"
)
_EXCEPT_AFTER = ("以外", "を除", "は除", "のほか", "の他")
_KANJI = re.compile(f"[{KANJI}]")
_GROWN_BEFORE, _GROWN_AFTER = re.compile(f"[{KANJI}\u30a1-\u30ff]$"), re.compile(f"[{KANJI}\u30a1-\u30ff]")
#: what may stand beside a name or word in kanji without making it another
_JOINED_BEFORE = re.compile(r"(?:会社|法人|財団|組合|社長|会長|教授|博士|約|現|元|前|故|同)$")
_JOINED_AFTER = re.compile(
    r"(?:氏|様|殿|君|色|製|産|社長|会長|教授|博士|先生|選手|監督|部長|課長|大臣|首相|知事|市長|出身|在住|生まれ)"
)
_LISTED = re.compile(
    r"\s*(?:[,、,;；・/]\s*(?:and |or )?|\band\b|\bor\b|および|及び|ならびに|と(?=[^\u3041-\u309f]))\s*"
)
_SENTENCE_END = re.compile(r"[.!?。\n](?:\s|$)|[。\n]")
_NO_ITEM = re.compile(
    r"(?:so|i|we|its?|they|this|that|is|was|not|but|perhaps|maybe|probably|as|at|an?|the|in|on|of|by|for|to|who|which"
    r"|when|where|with|his|her|about|born)\b"
)
_OPPOSITES = {
    one: re.compile(rf"\b{other}\b" if one.isascii() else other)
    for pair in (("yes", "no"), ("はい", "いいえ"))
    for one, other in (pair, pair[::-1])
}
LISTED = 3  #: values of a list, of which none is the answer


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
            if _is_quantity(pieces) and pieces[1] not in _NEVER_LEFT_OUT:
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
    dated = _BEFORE_NUMBERS | _WEEKDAYS
    while len(pieces) > 1 and (pieces[0] in _LEADS or (pieces[0] in dated and pieces[1][:1].isdigit())):
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
    said, plain = atoms(answer), folded(answer)
    if any(opposite.search(plain) for place in places if (opposite := _OPPOSITES.get(place.value.casefold()))):
        return "unclear"
    if all(_doubtful(said, place) or _bounded(said, plain, place) for place in places):
        return "unclear"
    right = {place.value for place in places}
    asked = {place.value for place in others.within(question)} if others and question else set()
    for place in others.within(answer) if others else ():
        inside = any(mine.start <= place.start and place.end <= mine.end for mine in places)
        if not inside and place.value not in right | asked:
            return "unclear"
    return "unclear" if _other_quantity(said, places, question) else "right"


def _doubtful(said: tuple[Atom, ...], place: Place) -> bool:
    """Say whether a value is given as one of two, as a place that was left or reached, or negated."""
    before = said[place.start - 1] if place.start else None
    after = said[place.end] if place.end < len(said) else None
    if (before and before.text == OR) or (after and after.text == OR):
        return True
    if before and after and (before.text, after.text) == ("from", "to"):
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


def _bounded(said: tuple[Atom, ...], plain: str, place: Place) -> bool:
    """Say whether a value is only the bound of what is stated, excepted from it, part of a word or one of a list."""
    if not place.end:
        return False
    first, last = said[place.start], said[place.end - 1]
    before, after = plain[: first.start], plain[last.end :]
    if place.start and said[place.start - 1].text in COMPARATORS and first.text not in COMPARATORS:
        return True
    if _EXCEPT_BEFORE.search(before) or after.startswith(_EXCEPT_AFTER):
        return True
    if place.end < len(said) and said[place.end].text in _NEVER_LEFT_OUT and last.kind == "number":
        return True
    if _KANJI.match(first.text) and _GROWN_BEFORE.search(before) and not _JOINED_BEFORE.search(before):
        return True
    if _KANJI.match(last.text) and _GROWN_AFTER.match(after) and not _JOINED_AFTER.match(after):
        return True
    return _listed(before, after)


def _listed(before: str, after: str) -> bool:
    """Say whether what stands between two texts is an item of a list of three and more short ones."""
    left = _LISTED.split(_SENTENCE_END.split(before)[-1])
    right = _LISTED.split(_SENTENCE_END.split(after)[0])
    if right[0].strip("です ") or (len(left) == 1 and len(right) == 1):
        return False
    count = 1
    for items in (reversed(left[:-1]), right[1:]):
        for item in items:
            if not _is_item(item):
                break
            count += 1
    return count >= LISTED


def _is_item(text: str) -> bool:
    if _NO_ITEM.match(text) or not text:
        return False
    return len(text) <= 8 if re.search(f"[{KANJI}{KANA}]", text) else len(text.split()) <= 3


def _other_quantity(said: tuple[Atom, ...], places: list[Place], question: str) -> bool:
    """Say whether another number stands with the unit of a right quantity, and not in the question."""
    rights = {tuple(atom.text for atom in said[place.start : place.end]) for place in places}
    units = {pieces[1] for pieces in rights if _is_quantity(pieces)}
    given = {first.text for first in atoms(question)} if units and question else set()
    pairs = [(one.text, two.text) for one, two in pairwise(said) if two.text in units]
    return any(pair not in rights and pair[0][-1:].isdigit() and pair[0] not in given for pair in pairs)
