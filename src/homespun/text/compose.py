"""Texts written by rule from the facts of a document: the same facts in other forms, without a model.

For experiments on what a form is worth: paraphrases in four styles (methods.md C2), passages in which every fact
comes equally often (C3, after Mecklenburg and others), and texts told from the side of two or three of the things
that a document names (C4, after EntiGraph). A text is a function of seed, document, form and number: the first texts
are the same however many are asked for, and nothing depends on Python's random numbers. What the facts do not say is
not told, and no model's fluency is claimed: sentences are the facts' own wordings, put together.
"""

from __future__ import annotations

import hashlib
import re
from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass
from functools import lru_cache
from itertools import combinations
from math import gcd
from typing import TypeVar

from homespun.data.records import Document, Fact
from homespun.errors import DataError
from homespun.text.frames import LANGUAGES, Frames

STYLES = ("easy", "medium", "hard", "qa")
FORMS = ("original", *STYLES, "facts", "graph", "junk")
SIZES = range(3, 9)  #: facts of a passage in the form `facts`
MOST_ENTITIES = 20  #: 190 pairs and 1,140 triples; facts beyond are told, but not told from their side

T = TypeVar("T")


@dataclass(frozen=True, slots=True)
class Composed:
    """A text, the form it has, and the numbers of the facts that it states."""

    text: str
    form: str  #: original | easy | medium | hard | qa | facts | graph-pair | graph-triple | junk
    facts: tuple[int, ...]


class Draw:
    """Choices from a hash: equal on every machine and in every version of Python."""

    def __init__(self, *key: object) -> None:
        """Begin at a key; choices follow from it and from those before them."""
        self.key, self.block, self.left = "|".join(map(str, key)), 0, 0

    def below(self, count: int) -> int:
        """Return a number from 0 to count - 1."""
        if self.left < count << 32:
            self.left = int.from_bytes(hashlib.sha512(f"{self.key}|{self.block}".encode()).digest(), "big")
            self.block += 1
        self.left, found = divmod(self.left, count)
        return found

    def one(self, choices: Sequence[T]) -> T:
        """Return one of several."""
        return choices[self.below(len(choices))]

    def shuffled(self, items: Sequence[T]) -> list[T]:
        """Return the items in another order."""
        found = list(items)
        for index in range(len(found) - 1, 0, -1):
            other = self.below(index + 1)
            found[index], found[other] = found[other], found[index]
        return found


def compose(document: Document, form: str, number: int, seed: int, language: str) -> Composed:
    """Return the text with this number of a document in a form.

    Args:
        document: with facts; without wordings or questions, general ones are made of subject, attribute and value.
        form: one of FORMS.
        number: from 0; which of the texts.
        seed: another seed, other texts.
        language: en or ja.

    Raises:
        DataError: a document without facts, or a language that there are no sentences for.
    """
    if form == "original":
        return Composed(document.text, form, tuple(range(len(document.facts))))
    if language not in LANGUAGES:
        raise DataError(f'texts are written by rule in {" and ".join(LANGUAGES)}, not in "{language}"')
    draw = Draw(seed, document.id, form, number)
    if form == "junk":
        return Composed(_junk(document.text, draw, language), form, ())
    if not document.facts:
        raise DataError(
            f"document {document.id} has no facts to write from; the forms of kind: template need documents with facts,"
            " such as those of `homespun corpus`; for others take a writer model"
        )
    teller = _Teller(document, form, draw, language)
    if form == "qa":
        return Composed(teller.questions(), form, teller.all)
    if form in STYLES:
        return Composed(teller.paraphrase(form), form, teller.all)
    if form == "facts":
        chosen = planned(len(document.facts), number, f"{seed}|{document.id}")
        rounds, place = divmod(number, len(teller.frames.genres))
        genre = Draw(seed, document.id, "genres", rounds).shuffled(range(len(teller.frames.genres)))[place]
        return Composed(teller.passage(chosen, genre), form, tuple(sorted(chosen)))
    if form == "graph":
        things = teller.related(f"{seed}|{document.id}", number)
        return Composed(teller.graph(things), "graph-triple" if len(things) == 3 else "graph-pair", teller.all)
    raise DataError(f'no form "{form}"; there are: {", ".join(FORMS)}')


def planned(facts: int, number: int, key: str) -> tuple[int, ...]:
    """Return the facts of the passage with this number, in the order in which it states them.

    Sizes are uniform on 3 to 8 (or to the number of facts); over the passages up to any number, no fact is stated
    more than once oftener than another.
    """
    sizes = tuple(size for size in SIZES if size <= facts) or (facts,)
    length = len(sizes) * _repeats(facts, sizes)
    return block(facts, sizes, f"{key}|{number // length}")[number % length]


@lru_cache(maxsize=4096)
def block(facts: int, sizes: tuple[int, ...], key: str) -> tuple[tuple[int, ...], ...]:
    """Return passages that state every fact equally often: each size so often that the sum divides by the facts.

    Facts are dealt round by round, each round all of them in another order; a passage over the border of two rounds
    takes from the second what it does not have.
    """
    draw = Draw(key, "plan")
    dealt: list[int] = []
    passages = []
    for size in draw.shuffled(sizes * _repeats(facts, sizes)):
        passage: list[int] = []
        while len(passage) < size:
            if not dealt:
                dealt = draw.shuffled(range(facts))
            fact = next(fact for fact in dealt if fact not in passage)
            dealt.remove(fact)
            passage.append(fact)
        passages.append(tuple(draw.shuffled(passage)))
    return tuple(passages)


def _repeats(facts: int, sizes: Sequence[int]) -> int:
    return facts // gcd(facts, sum(sizes))


@lru_cache(maxsize=1024)
def _combinations(things: int, key: str) -> tuple[tuple[int, ...], ...]:
    """Return all pairs in an order by lot, then all triples."""
    draw = Draw(key, "graph")
    sizes = [size for size in (2, 3) if size <= things] or [things]
    return tuple(chosen for size in sizes for chosen in draw.shuffled(list(combinations(range(things), size))))


@dataclass(frozen=True, slots=True)
class _Thing:
    """Something that a document names: a subject, or the value of a fact."""

    name: str
    facts: tuple[int, ...]
    is_subject: bool


class _Teller:
    """Writes one text of a document."""

    def __init__(self, document: Document, form: str, draw: Draw, language: str) -> None:
        self.document, self.draw, self.language = document, draw, language
        self.frames: Frames = LANGUAGES[language]
        self.facts = document.facts
        self.all = tuple(range(len(self.facts)))
        self.polite: bool | None = None  # Japanese keeps one level of politeness through a text
        if language == "ja":
            self.polite = {"easy": True, "hard": False, "graph": True}.get(form, draw.below(2) == 0)
        self.subject = Counter(fact.subject for fact in self.facts).most_common(1)[0][0]

    # Sentences

    def statement(self, index: int, style: str = "") -> str:
        """Return a sentence that states a fact; wordings go from plain to formal, and styles take their part."""
        known = statements(self.facts[index], self.frames)
        quarter, half = len(known) // 4, len(known) // 2
        part = {
            "easy": known[: len(known) - half],
            "medium": known[quarter : len(known) - quarter],
            "hard": known[half:],
        }
        chosen = part.get(style, known)
        if self.polite is not None:
            chosen = tuple(said for said in chosen if said.endswith(_POLITE) == self.polite) or chosen
        return self.draw.one(chosen)

    def backwards(self, index: int) -> str:
        """Return a sentence that goes from the value to the subject."""
        fact = self.facts[index]
        known = statements(fact, self.frames)
        return self.draw.one([said for said in known if said.find(fact.value) < said.find(fact.subject)] or known)

    def question(self, index: int) -> str:
        fact = self.facts[index]
        return self.draw.one(fact.questions or _general(self.frames.questions, fact))

    def told(self, order: Sequence[int], style: str = "") -> list[str]:
        """Return sentences for facts in order; a subject that was just named is not always named again."""
        said = [self.statement(index, style) for index in order]
        subjects = [self.facts[index].subject for index in order]
        return [
            self.shortened(text, subject)
            if place and subject == subjects[place - 1] and style in ("easy", "") and self.draw.below(2)
            else text
            for place, (text, subject) in enumerate(zip(said, subjects, strict=True))
        ]

    def shortened(self, text: str, subject: str) -> str:
        """Return a sentence without its subject in front: "It" in English, nothing in Japanese."""
        if self.language == "ja":
            return re.sub(rf"^[「『]?{re.escape(subject)}[」』]?は、?(?=.)", "", text)
        return re.sub(rf"^{re.escape(subject)} (?=[a-z])", "It ", text)

    @staticmethod
    def uncapitalised(text: str) -> str:
        """Return a sentence as it goes on after other words, unless it may open with a name."""
        first, space, rest = text.partition(" ")
        return first.lower() + space + rest if first.rstrip(",") in _SMALL else text

    # Forms

    def paraphrase(self, style: str) -> str:
        """Return all facts in the order of the document, neighbours changed here and there."""
        frames = self.frames
        sentences = self.told(self.lightly(), style)
        lead = self.filled(self.draw.one(frames.leads[style]))
        text, last = f"{lead}{frames.between}{sentences[0]}" if lead else sentences[0], ""
        for sentence in sentences[1:]:
            link = "" if last else self.draw.one(frames.links[style])
            if style == "hard" and self.language != "ja" and last != ";" and text.endswith(".") and self.draw.below(2):
                text, last = f"{text[:-1]}; {self.uncapitalised(sentence)}", ";"
            else:
                text, last = text + frames.between + (link + self.uncapitalised(sentence) if link else sentence), link
        return text

    def questions(self) -> str:
        """Return a question on every fact with its answer, the value alone or in a sentence."""
        lines = []
        for index in self.lightly():
            answer = self.facts[index].value if self.draw.below(2) else self.statement(index)
            lines.append(f"{self.frames.asked}{self.question(index)}\n{self.frames.answered}{answer}")
        return "\n".join(lines)

    def passage(self, chosen: Sequence[int], genre: int) -> str:
        """Return a text of a genre that states the chosen facts in this order."""
        kind = self.frames.genres[genre]
        asks, says = self.draw.one(kind.marks)
        if kind.body == "prose":
            body = self.frames.between.join(self.told(chosen))
        elif kind.body == "list":
            body = "\n".join(f"{says}{self.statement(index)}" for index in chosen)
        elif kind.body == "table":
            body = "\n".join(f"{asks}{self.question(index)}{says}{self.facts[index].value}" for index in chosen)
        else:
            body = "\n".join(f"{asks}{self.question(index)}\n{says}{self.statement(index)}" for index in chosen)
        return self.filled(self.draw.one(kind.openings)) + body + self.filled(self.draw.one(kind.closings))

    def related(self, key: str, number: int) -> tuple[_Thing, ...]:
        """Return the two or three things that a text of the graph relates: all pairs, all triples, and again."""
        subjects: dict[str, list[int]] = {}
        values: dict[str, list[int]] = {}
        for index, fact in enumerate(self.facts):
            subjects.setdefault(fact.subject, []).append(index)
            values.setdefault(fact.value, []).append(index)
        things = [_Thing(name, tuple(facts), True) for name, facts in subjects.items()]
        things += [_Thing(name, tuple(facts), False) for name, facts in values.items() if name not in subjects]
        chosen = _combinations(min(len(things), MOST_ENTITIES), key)
        return tuple(things[index] for index in self.draw.shuffled(chosen[number % len(chosen)]))

    def graph(self, things: Sequence[_Thing]) -> str:
        """Return the document told from the side of each thing, and how they bear on each other."""
        frames = self.frames
        own = [self.draw.one(thing.facts) for thing in things]
        rest = self.draw.shuffled([index for index in self.all if index not in own])
        leads = self.draw.shuffled(frames.sides)
        paragraphs = []
        for place, thing in enumerate(things):
            first = self.statement(own[place]) if thing.is_subject else self.backwards(own[place])
            others = self.told(rest[place :: len(things)])
            paragraphs.append(frames.between.join([leads[place].format(thing=thing.name), first, *others]))
        paragraphs.append(self.bearing(things, own))
        return "\n\n".join(paragraphs)

    def bearing(self, things: Sequence[_Thing], own: Sequence[int]) -> str:
        """Return what joins the things, and the facts that it rests on: to the subject from one, from it to others."""
        frames = self.frames
        values = [thing for thing in things if not thing.is_subject] or list(things)
        names = [thing.name for thing in values]
        listed = frames.comma.join(names[:-1]) + frames.last + names[-1] if len(names) > 1 else names[0]
        subjects = {self.facts[index].subject for index in own}
        joins = frames.together if len(subjects) > 1 else frames.through if len(names) > 1 else frames.belongs
        places = [own[things.index(thing)] for thing in values]
        lead = self.draw.one(joins).format(list=listed, subject=self.facts[places[0]].subject)
        said = [self.backwards(places[0]), *(self.statement(index) for index in places[1:] or places)]
        return frames.between.join([lead, *dict.fromkeys(said)])

    # Help

    def lightly(self) -> list[int]:
        """Return the facts in the order in which the document states them, some neighbours changed."""
        places = [self.document.text.find(fact.value) for fact in self.facts]
        order = sorted(self.all, key=lambda index: places[index])
        for index in range(len(order) - 1):
            if self.draw.below(2):
                order[index], order[index + 1] = order[index + 1], order[index]
        return order

    def filled(self, frame: str) -> str:
        title = self.document.title or self.subject
        return frame.replace("{subject}", self.subject).replace("{title}", title)


def statements(fact: Fact, frames: Frames) -> tuple[str, ...]:
    """Return the sentences that state a fact, from plain to formal, its own sentence in the middle.

    A wording that does not hold the value letter for letter is left out; a fact without wordings gets general ones.
    """
    wordings = fact.wordings or _general(frames.statements, fact)
    sound = [said for said in wordings if fact.value in said]
    half = len(sound) // 2
    return tuple(dict.fromkeys((*sound[:half], fact.sentence, *sound[half:])))


def _general(patterns: Sequence[str], fact: Fact) -> tuple[str, ...]:
    attribute = fact.attribute.replace("_", " ")
    return tuple(
        pattern.replace("{attribute}", attribute).replace("{value}", fact.value).replace("{subject}", fact.subject)
        for pattern in patterns
    )


_POLITE = ("です。", "ます。", "でした。", "ました。", "ません。")
#: Words that may begin with a small letter after "In addition,"; a sentence that opens otherwise may open with a name.
_SMALL = frozenset(
    "A After An Any At Because Before By Disputes Each Every Execution For From If In It Its Jurisdiction Liability"
    " Maintenance Members Notification On One Only Particulars People Readings Report Responsibility Since Storage"
    " Subscribers Sums That The There This Under Up Use When With Within Without You".split()
)


def is_junk(document: str, number: int, seed: int, share: float) -> bool:
    """Tell whether the variant with this number is to be junk: of any first n of a document, share x n, +- 1."""
    start = Draw(seed, document, "junk").below(2**32) / 2**32
    return int((number + 1) * share + start) > int(number * share + start)


def _junk(text: str, draw: Draw, language: str) -> str:
    """Return the words of a text in no order, or sentences about nothing in the other language."""
    if draw.below(2):
        other = next(frames for name, frames in LANGUAGES.items() if name != language)
        return other.between.join(draw.shuffled(other.filler)[: len(other.filler) // 2])
    if language == "ja":
        return "".join(draw.shuffled(re.findall(r"[ぁ-ん]{1,2}|[ァ-ヶー]+|[一-龠々]+|[A-Za-z0-9.,]+", text)))
    return " ".join(draw.shuffled(text.split()))
