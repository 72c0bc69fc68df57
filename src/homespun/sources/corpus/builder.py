"""A corpus of made-up company documents with questions: what a model cannot have read before.

Five kinds of documents (terms of use, product, procedure, glossary, company facts), eight facts each and about 125
tokens, after the data set of Kadoya and Kawagoshi. Theirs was filled in by a language model and then cleaned of real
names; here templates are filled from listed pools, so nothing is asked of a model, chance accuracy is known, and every
promise is checked before anything is written. The seed decides everything; the first documents of a larger corpus are
those of a smaller one.
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from decimal import Decimal

from homespun.data.records import JSONDict
from homespun.errors import DegenerateError, UsageError
from homespun.sources.corpus.pools import choose, shuffled
from homespun.sources.corpus.templates import LANGUAGES, Category, Slot, load
from homespun.text.normalise import comparable

LIMIT = 1000  #: documents; 200 of a category, for which the smallest pool (256 values) is enough
SPLITS = ("train", "test", "reverse")

_NUMBER = re.compile(r"\d+(?:[.,]\d+)*")


@dataclass(frozen=True)
class Corpus:
    """Documents and questions as they are written to file, one dictionary a line."""

    language: str
    seed: int
    documents: list[
        JSONDict
    ]  #: id, category, title, text, facts: {subject, attribute, value, sentence, wordings, questions}
    questions: list[JSONDict]  #: id, document, category, attribute, question, answer, split


def numbers(text: str) -> set[Decimal]:
    """Return the numbers in a text: `$4,350` gives 4350, `2021年3月` gives 2021 and 3."""
    return {Decimal(found.replace(",", "")) for found in _NUMBER.findall(comparable(text))}


def build(language: str = "en", documents: int = 50, seed: int = 0) -> Corpus:
    """Return a corpus in which no answer and no name stands in two documents of a category.

    Raises:
        UsageError: no such language, or fewer than 1 or more than LIMIT documents.
    """
    if language not in LANGUAGES:
        raise UsageError(f'there is no corpus in "{language}"; give one of: {", ".join(LANGUAGES)}')
    if not 1 <= documents <= LIMIT:
        raise UsageError(
            f"{documents} documents cannot be made; give 1 to {LIMIT}: beyond that the pools of made-up values are"
            " too small for every answer to belong to one document"
        )
    taken: list[str] = []  # made-up names, of all categories
    writers = [_Writer(category, f"{seed}|{language}|{category.name}", taken) for category in load(language)]
    written: list[JSONDict] = []
    asked: list[JSONDict] = []
    for index in range(documents):
        document, questions = writers[index % len(writers)].next()
        written.append(document)
        asked.extend(questions)
    return Corpus(language, seed, written, asked)


class _Writer:
    """Writes the documents of one category, one after the other."""

    def __init__(self, category: Category, key: str, taken: list[str]) -> None:
        self.category, self.key, self.taken = category, key, taken
        self.left = {slot.attribute: shuffled(slot.pool, f"{key}|{slot.attribute}") for slot in category.slots}
        self.subjects = shuffled(category.subjects, f"{key}|subject")
        self.fixed = comparable(
            "\n".join([*category.texts, *(text for slot in category.slots for text in slot.wordings)])
        )
        self.answers: list[str] = []
        self.count = 0

    def next(self) -> tuple[JSONDict, list[JSONDict]]:
        self.count += 1
        name = f"{self.category.name}-{self.count:03d}"
        used: set[Decimal] = set()
        subject = self._draw(self.subjects, used, is_name=True)
        values = {}
        for slot in self.category.slots:
            values[slot.attribute] = self._draw(self.left[slot.attribute], used, is_name=slot.is_name)
        text = choose(list(self.category.texts), f"{self.key}|{name}").format(subject=subject, **values)
        facts = [
            {
                "subject": subject,
                "attribute": slot.attribute,
                "value": values[slot.attribute],
                "sentence": slot.fact.format(subject=subject, value=values[slot.attribute]),
                "wordings": [
                    wording.format(subject=subject, value=values[slot.attribute]) for wording in slot.wordings
                ],
                "questions": [wording.format(subject=subject) for wording in slot.train],
            }
            for slot in self.category.slots
        ]
        document: JSONDict = {
            "id": name,
            "category": self.category.name,
            "title": self.category.title.format(subject=subject),
            "text": text,
            "facts": facts,
        }
        asked = [
            question
            for slot in self.category.slots
            for question in self._ask(name, slot, subject, values[slot.attribute])
        ]
        return document, asked

    def _draw(self, pool: list[str], used: set[Decimal], *, is_name: bool) -> str:
        """Take the first value that is no part of another answer, repeats no number and shares no name."""
        index = 0
        while index < len(pool):
            value = pool[index]
            plain = comparable(value)
            if used & numbers(value):  # may serve a later document
                index += 1
                continue
            del pool[index]
            if plain in self.fixed or _overlaps(plain, self.answers) or (is_name and _overlaps(plain, self.taken)):
                continue
            used |= numbers(value)
            self.answers.append(plain)
            if is_name:
                self.taken.append(plain)
            return value
        raise DegenerateError(f"the pools of {self.category.name} are used up at document {self.count}; lower LIMIT")

    def _ask(self, document: str, slot: Slot, subject: str, value: str) -> list[JSONDict]:
        found: list[JSONDict] = []
        for split in SPLITS:
            wordings = {"train": list(slot.train), "test": list(slot.test), "reverse": [slot.reverse]}[split]
            wording = choose(wordings, f"{self.key}|{document}|{slot.attribute}|{split}")
            found.append(
                {
                    "id": f"{document}-{slot.attribute}-{split}",
                    "document": document,
                    "category": self.category.name,
                    "attribute": slot.attribute,
                    "question": wording.format(subject=subject, value=value),
                    "answer": subject if split == "reverse" else value,
                    "split": split,
                }
            )
        return found


def _overlaps(plain: str, others: list[str]) -> bool:
    return any(plain in other or other in plain for other in others)


def pool_sizes(language: str) -> dict[str, dict[str, int]]:
    """Return how many values each slot draws from, by category: a guess is right once in so many.

    `subject` is the slot that reversed questions ask for.
    """
    return {
        category.name: {
            "subject": len(category.subjects),
            **{slot.attribute: len(slot.pool) for slot in category.slots},
        }
        for category in load(language)
    }
