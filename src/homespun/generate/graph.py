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
from dataclasses import dataclass, field
from functools import partial
from itertools import combinations
from typing import Literal

from pydantic import Field

from homespun.data.records import derive_seed
from homespun.engine.context import Context
from homespun.errors import DegenerateError
from homespun.generate.base import style_of
from homespun.generate.cells import Queue, Turn, ask
from homespun.generate.writing import Slot, Slots, WrittenVariants, listing
from homespun.models.base import Completion, Request
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

    def plan(self, name: str, ctx: Context, sources: Sequence[Faithful]) -> Slots:
        """Return what to ask about; asks for the entities first.

        Raises:
            DegenerateError: no document has two entities.
        """
        writer = ctx.models["writer"]
        style = style_of(self.format, writer)

        def request(turn: Turn[Faithful, _Known]) -> Request:
            document = turn.of.document
            prompt, room = entities_prompt(document, ctx.language, style), self.room(document.text, ctx.language, 2.0)
            return listing(self, name, ctx, f"entities|{document.id}|{turn.tried}", prompt, room)

        def read(turn: Turn[Faithful, _Known], _asked: Request, answer: Completion) -> list[_Known]:
            summary, entities = parse_entities(answer.text, turn.of)
            prompt = entities_prompt(turn.of.document, ctx.language, style)
            return [_Known(turn.of, entities[: self.entities], summary, prompt, answer)]

        queue = Queue[Faithful, _Known](sources, self.retries + 1, at_once=False)
        turns = ask(writer, queue, request, read, self.shard, passes=lambda known: len(known.entities) >= FEWEST)
        found = {turn.of.document.id: turn.found[-1] for turn in turns}
        by_rule = [known for known in found.values() if len(known.entities) < FEWEST]
        for known in by_rule:
            known.entities = self._by_rule(known.source, known.entities)
        self._tell(name, ctx, found, len(by_rule))
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
    """What was found in a document, and how far its combinations are."""

    source: Faithful
    entities: list[str]
    summary: str
    prompt: Prompt
    answer: Completion
    next: Iterator[tuple[str, int, tuple[str, ...]]] = field(default_factory=lambda: iter(()))  #: combinations
    texts: int = 0  #: planned so far


class _Relations(Slots):
    """Combinations of entities, every document in turn."""

    def __init__(self, spec: Graph, name: str, ctx: Context, style: Format, found: Sequence[_Known]) -> None:
        super().__init__(spec, name, ctx)
        self.style = style
        self.found = {known.source.document.id: known for known in found}
        for key, known in self.found.items():
            known.next = rounds(known.entities, derive_seed(ctx.seed, name, key, "combinations"))

    def places(self) -> Iterator[Slot]:
        for known in self.found.values():
            if known.summary:
                yield self._summary(known)
        waiting = list(self.found.values())
        while waiting := [known for known in waiting if known.texts < self.spec.variants]:
            for known in waiting:
                yield self._slot(known)

    def more(self, missing: Mapping[str, int], failed: Sequence[Slot]) -> Iterable[Slot]:
        """Return the next combinations of documents that lack texts."""
        for known in [self.found[key] for key in missing if key in self.found]:
            wanted = known.texts + missing[known.source.document.id]
            while known.texts < wanted:
                yield self._slot(known)

    def _summary(self, known: _Known) -> Slot:
        known.texts += 1
        return Slot(
            known.source.document.id,
            known.source,
            "graph-summary",
            0,
            0,
            known.prompt,
            0,
            due="subject",
            recall=1.0,
            read=lambda answer: [known.summary],
            answer=known.answer,
        )

    def _slot(self, known: _Known) -> Slot:
        form, k, entities = next(known.next)
        document, number = known.source.document, known.texts
        parts = len(entities) + 1 if self.style == "json" else 1
        known.texts += parts
        prompt = relation_prompt(document, entities, self.language, self.style)
        room = self.spec.room(document.text, self.language, 1.5 * parts + 0.5)
        read = partial(split_sections, parts=parts)
        return Slot(document.id, known.source, form, k, number, prompt, room, "subject", 1.0, read)


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
