"""Fact-based variants (methods.md C3): new passages, each about a few facts, every fact equally often.

Facts come with the document, or the writer extracts them: one request per document, a second for protected values
that the first left out; a value that is not in the document is rejected. Passages are planned before any is written,
so that the counts of two facts of a document differ by at most one; a passage that fails all its tries is queued
again with another genre. Scaling by facts, not by tokens, keeps coverage even (Mecklenburg and others, 2024).
"""

from __future__ import annotations

import random
from collections import deque
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Literal

from pydantic import Field, model_validator

from homespun.data.records import Fact, derive_seed
from homespun.engine.context import Context
from homespun.errors import DegenerateError
from homespun.generate.base import style_of
from homespun.generate.cells import Queue, Turn, ask
from homespun.generate.writing import Slot, Slots, WrittenVariants, listing
from homespun.models.base import Completion, Request
from homespun.text.extract import merged, parse_facts, sentence_facts, uncovered
from homespun.text.fidelity import Faithful
from homespun.text.prompts import pick
from homespun.text.reading import Value
from homespun.text.rewrite_prompts import GENRES, facts_prompt, passage_prompt, passage_request

ROUNDS = 2  #: requests for the facts of one document
NAMED = 8  #: values that a second request names


class Facts(WrittenVariants):
    """Writes passages about facts of documents."""

    kind: Literal["facts"] = "facts"
    variants: int = Field(8, ge=1, description="passages wanted of every document")
    extract: bool = Field(False, description="let the writer extract facts where the documents have some, too")
    facts: tuple[int, int] = Field((3, 8), description="fewest and most facts of a passage")
    genres: tuple[str, ...] = Field((), description="kinds of passage; default: eight, from memo to table in words")
    format: Literal["auto", "plain", "json"] = Field("auto", description="of extracted facts; auto: json where it can")

    @model_validator(mode="after")
    def _ordered(self) -> Facts:
        if not 1 <= self.facts[0] <= self.facts[1]:
            raise ValueError(f"facts: {list(self.facts)} is no range; give the fewest and the most, from 1 on")
        return self

    def plan(self, name: str, ctx: Context, sources: Sequence[Faithful]) -> Slots:
        """Return the passages to write; extracts facts where that is needed.

        Raises:
            DegenerateError: no document has any fact.
        """
        wanting = [source for source in sources if self.extract or not source.document.facts]
        extracted = self._extracted(name, ctx, wanting) if wanting else {}
        facts = {source: tuple(extracted.get(source.document.id, source.document.facts)) for source in sources}
        without = [source.document.id for source in sources if not facts[source]]
        if len(without) == len(sources):
            raise DegenerateError(
                f"{name}: no fact was found in any of {len(sources)} documents; they hold no number, name or quoted"
                " term to ask for. Rewrite them with kind: paraphrase"
            )
        if without:
            ctx.progress.say(f"{name}: no fact in {len(without)} documents, left out: {', '.join(without[:3])}")
        return _Passages(self, name, ctx, {source: some for source, some in facts.items() if some})

    def _extracted(self, name: str, ctx: Context, sources: Sequence[Faithful]) -> dict[str, Sequence[Fact]]:
        """Return the facts of each document that has to be asked about."""
        writer = ctx.models["writer"]
        style = style_of(self.format, writer)
        found: dict[str, Sequence[Fact]] = {source.document.id: [] for source in sources}
        lacking: dict[str, list[Value]] = {source.document.id: [] for source in sources}

        def request(turn: Turn[Faithful, bool]) -> Request:
            document = turn.of.document
            shown = [value.shown for value in lacking[document.id]][:NAMED] if turn.tried else ()
            prompt = facts_prompt(document, ctx.language, style, shown)
            room = self.room(document.text, ctx.language, 6.0 if style == "json" else 3.0)
            return listing(self, name, ctx, f"facts|{document.id}|{turn.tried}", prompt, room)

        def read(turn: Turn[Faithful, bool], _asked: Request, answer: Completion) -> list[bool]:
            document = turn.of.document.id
            found[document] = merged([*found[document], *parse_facts(answer.text, turn.of)])
            lacking[document] = uncovered(found[document], turn.of)
            return [not lacking[document]]

        deque(ask(writer, Queue(sources, ROUNDS, at_once=False), request, read, self.shard), maxlen=0)
        bare = [source for source in sources if not found[source.document.id]]
        for source in bare:
            found[source.document.id] = sentence_facts(source)
            lacking[source.document.id] = uncovered(found[source.document.id], source)
        values = sum(len(source.values) for source in sources)
        covered = 1 - sum(map(len, lacking.values())) / values if values else 1.0
        ctx.progress.say(
            f"{name}: {sum(map(len, found.values()))} facts of {len(sources)} documents, with {covered:.0%} of their"
            f" protected values" + (f"; {len(bare)} by their sentences, since no answer held a fact" if bare else "")
        )
        return found


@dataclass
class _Pool:
    """A document with the facts that passages are made of."""

    source: Faithful
    facts: tuple[Fact, ...]
    genres: Sequence[str]
    planned: Iterator[tuple[int, ...]]
    again: int = 0  #: passages that were queued again


class _Passages(Slots):
    """Passages over the facts of every document."""

    def __init__(self, spec: Facts, name: str, ctx: Context, facts: Mapping[Faithful, tuple[Fact, ...]]) -> None:
        super().__init__(spec, name, ctx)
        self.pools: dict[str, _Pool] = {}
        for source, some in facts.items():
            key, genres = source.document.id, list(spec.genres or pick(GENRES, ctx.language))
            random.Random(derive_seed(ctx.seed, name, key, "genres")).shuffle(genres)
            planned = passages(len(some), *spec.facts, derive_seed(ctx.seed, name, key, "passages"))
            self.pools[key] = _Pool(source, some, genres, planned)

    def places(self) -> Iterator[Slot]:
        for number in range(self.spec.variants):
            for pool in self.pools.values():
                yield self._slot(pool, number, number, next(pool.planned), pool.genres[number % len(pool.genres)])

    def more(self, missing: Mapping[str, int], failed: Sequence[Slot]) -> Iterable[Slot]:
        """Return failed passages again, their facts in another order and genre."""
        found = []
        for slot in failed:
            if slot.cell not in missing:
                continue
            pool = self.pools[slot.cell]
            k = self.spec.variants + pool.again
            pool.again += 1
            chosen = (*slot.about[1:], slot.about[0])
            found.append(self._slot(pool, k, slot.number, chosen, pool.genres[(slot.number + k) % len(pool.genres)]))
        return found

    def _slot(self, pool: _Pool, k: int, number: int, chosen: tuple[int, ...], genre: str) -> Slot:
        facts = [pool.facts[index] for index in chosen]
        sentences = [fact.sentence for fact in facts]
        values = [Value.of("fact", fact.value) for fact in facts]
        stated = "\n".join(sentences)
        return Slot(
            pool.source.document.id,
            pool.source,
            "facts",
            k,
            number,
            passage_prompt(sentences, genre, self.language),
            self.spec.room(stated, self.language, 3.0),
            due=(*pool.source.subject, *values),
            recall=1.0,
            told=(passage_request(self.language),),
            known=(stated,),
            about=chosen,
        )


def passages(facts: int, smallest: int, largest: int, seed: int) -> Iterator[tuple[int, ...]]:
    """Return passages without end, each a few of `facts` facts; counts of two facts never differ by more than one.

    A passage takes m ~ U{smallest..largest} facts (at most all there are) from a shuffled deck; a deck that runs out
    within a passage is followed by a new one, of which the passage takes none that it has already.
    """
    draw = random.Random(seed)
    deck: list[int] = []
    while True:
        size = min(draw.randint(smallest, largest), facts)
        chosen, deck = deck[:size], deck[size:]
        if len(chosen) < size:
            deck = draw.sample(range(facts), facts)
            fresh = [index for index in deck if index not in chosen][: size - len(chosen)]
            deck = [index for index in deck if index not in fresh]
            chosen += fresh
        yield tuple(chosen)
