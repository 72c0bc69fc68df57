"""Graph-based variants after EntiGraph (Yang and others, 2024; methods.md C4): how entities of a document are related.

The writer lists the entities of a document once. Then every pair, then every triple, is asked about in a seeded
order; an answer's sections become variants of their own. Where that is not enough, combinations are asked about
again, in turn, with new seeds. The published code asks for entities until it gets some and, restarted, asks for all
pairs again: here a list is asked for `retries` more times, then made from the protected values of the document, and
a document with fewer than two entities is left out; which combination is next is fixed by the seed.
"""

from __future__ import annotations

import random
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from functools import partial
from itertools import combinations
from typing import Literal

from pydantic import Field

from homespun.engine.context import Context
from homespun.errors import DegenerateError
from homespun.generate.writing import Plan, Slot, WrittenVariants, ask_each
from homespun.models.base import Completion, Model
from homespun.records import derive_seed
from homespun.text.extract import distinct, parse_entities, split_sections
from homespun.text.fidelity import Faithful
from homespun.text.parse import Format
from homespun.text.prompts import Prompt
from homespun.text.rewrite_prompts import entities_prompt, relation_prompt

FEWEST = 2  #: entities that have a relation
FORM = {2: "graph-pair", 3: "graph-triple"}


class Graph(WrittenVariants):
    """Writes about pairs and triples of a document's entities."""

    kind: Literal["graph"] = "graph"
    variants: int = Field(12, ge=1, description="texts wanted of every document, sections counted singly")
    temperature: float = Field(1.0, ge=0)
    entities: int = Field(12, ge=2, description="entities of a document at most: 12 make 66 pairs and 220 triples")
    format: Literal["auto", "plain", "json"] = Field(
        "auto", description="json: entities as JSON and answers in titled sections; plain: lines and one text"
    )

    def plan(self, name: str, ctx: Context, writer: Model, sources: Sequence[Faithful]) -> Plan:
        """Return what to ask about; asks for the entities first.

        Raises:
            DegenerateError: no document has two entities.
        """
        style = self.style(writer)
        found: dict[str, _Known] = {}
        asked = list(sources)
        for turn in range(self.retries + 1):
            requests = [
                (
                    f"entities|{source.document.id}|{turn}",
                    entities_prompt(source.document, ctx.language, style),
                    self.room(source.document.text, ctx.language, 2.0),
                )
                for source in asked
            ]
            answers = ask_each(self, name, ctx, writer, requests)
            for source, (_, prompt, _), answer in zip(asked, requests, answers, strict=True):
                summary, entities = parse_entities(answer.text, source)
                found[source.document.id] = _Known(source, entities[: self.entities], summary, prompt, answer)
            asked = [source for source in asked if len(found[source.document.id].entities) < FEWEST]
            if not asked:
                break
        for source in asked:
            found[source.document.id].entities = self._by_rule(source, found[source.document.id].entities)
        self._tell(name, ctx, found, len(asked))
        usable = [known for known in found.values() if len(known.entities) >= FEWEST]
        return _Relations(self, name, ctx, style, usable)

    def _by_rule(self, source: Faithful, listed: Sequence[str]) -> list[str]:
        """Return entities from what the document protects, names first: for want of a list that can be read."""
        rank = {"fact": 1, "name": 0, "quoted": 0, "code": 2, "number": 3}
        values = sorted(source.values, key=lambda value: rank[value.kind])
        subject = [value.shown for value in source.subject]
        return distinct([*listed, *subject, *(value.shown for value in values)], source)[: self.entities]

    def _tell(self, name: str, ctx: Context, found: Mapping[str, _Known], by_rule: int) -> None:
        without = [key for key, known in found.items() if len(known.entities) < FEWEST]
        if len(without) == len(found):
            shown = "\n".join(f"  {' '.join(known.answer.text.split())[:160]!r}" for known in [*found.values()][:3])
            raise DegenerateError(
                f"{name}: none of {len(found)} documents has two entities that its text holds. Answers look like:\n"
                f"{shown}\nTake a larger writer, format: plain, or rewrite the documents with kind: paraphrase"
            )
        total = sum(len(known.entities) for known in found.values())
        told = f"{name}: {total / len(found):.1f} entities a document"
        if by_rule:
            told += f"; of {by_rule} from names and numbers in the text, since no list could be read"
        if without:
            told += f"; {len(without)} documents are left out, with fewer than two: {', '.join(without[:3])}"
        ctx.progress.say(told)


@dataclass
class _Known:
    """What was found in a document, and where."""

    source: Faithful
    entities: list[str]
    summary: str
    prompt: Prompt
    answer: Completion


@dataclass
class _Turn:
    """Where a document's round of combinations stands."""

    known: _Known
    next: Iterator[tuple[str, int, tuple[str, ...]]]
    texts: int = 0  #: planned so far


class _Relations(Plan):
    """Combinations of entities, every document in turn."""

    def __init__(self, spec: Graph, name: str, ctx: Context, style: Format, found: Sequence[_Known]) -> None:
        self.spec, self.language, self.style = spec, ctx.language, style
        self.turns = {
            known.source.document.id: _Turn(
                known,
                rounds(known.entities, derive_seed(ctx.seed, name, known.source.document.id, "combinations")),
            )
            for known in found
        }

    def slots(self) -> Iterator[Slot]:
        for turn in self.turns.values():
            if turn.known.summary:
                yield self._summary(turn)
        waiting = list(self.turns.values())
        while waiting := [turn for turn in waiting if turn.texts < self.spec.variants]:
            for turn in waiting:
                yield self._slot(turn)

    def more(self, missing: Mapping[str, int], failed: Sequence[Slot]) -> Iterable[Slot]:
        """Return the next combinations of documents that lack texts."""
        found = []
        for key, count in missing.items():
            if (turn := self.turns.get(key)) is not None:
                wanted = turn.texts + count
                while turn.texts < wanted:
                    found.append(self._slot(turn))
        return found

    def _summary(self, turn: _Turn) -> Slot:
        known = turn.known
        turn.texts += 1
        summary = known.summary
        return Slot(
            known.source,
            "graph-summary",
            0,
            0,
            known.prompt,
            0,
            due="subject",
            recall=1.0,
            read=lambda answer: [summary],
            answer=known.answer,
        )

    def _slot(self, turn: _Turn) -> Slot:
        form, k, entities = next(turn.next)
        source = turn.known.source
        parts = len(entities) + 1 if self.style == "json" else 1
        number = turn.texts
        turn.texts += parts
        prompt = relation_prompt(source.document, entities, self.language, self.style)
        room = self.spec.room(source.document.text, self.language, 1.5 * parts + 0.5)
        read = partial(split_sections, parts=parts)
        return Slot(source, form, k, number, prompt, room, due="subject", recall=1.0, read=read)


def rounds(entities: Sequence[str], seed: int) -> Iterator[tuple[str, int, tuple[str, ...]]]:
    """Return (form, k, entities) without end: all pairs, all triples, each in a seeded order, and again from the first.

    k counts the combinations of one size, so that a later round has other keys, and with them other seeds.
    """
    draw = random.Random(seed)
    orders = []
    for size in (2, 3):
        order = list(combinations(entities, size))
        draw.shuffle(order)
        orders.append(order)
    turn = 0
    while True:
        for order in orders:
            for place, chosen in enumerate(order):
                yield FORM[len(chosen)], turn * len(order) + place, chosen
        turn += 1
