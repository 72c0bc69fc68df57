"""Fact-based variants (methods.md C3): new passages, each about a few facts, every fact equally often.

Facts come with the document, or the writer extracts them: one request per document, a second for protected values
that the first left out; a value that is not in the document is rejected. Passages are planned before any is written,
so that the counts of two facts of a document differ by at most one; a passage that fails all its tries is queued
again with another genre. Scaling by facts, not by tokens, keeps coverage even (Mecklenburg and others, 2024).
"""

from __future__ import annotations

import random
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Literal

from pydantic import Field, model_validator

from homespun.engine.context import Context
from homespun.errors import DegenerateError
from homespun.generate.writing import Plan, Slot, WrittenVariants, ask_each
from homespun.models.base import Model
from homespun.records import Fact, derive_seed
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

    def plan(self, name: str, ctx: Context, writer: Model, sources: Sequence[Faithful]) -> Plan:
        """Return the passages to write; extracts facts where that is needed.

        Raises:
            DegenerateError: no document has any fact.
        """
        wanting = [source for source in sources if self.extract or not source.document.facts]
        extracted = self._extracted(name, ctx, writer, wanting) if wanting else {}
        pools = [_Pool(source, tuple(extracted.get(source.document.id, source.document.facts))) for source in sources]
        without = [pool.source.document.id for pool in pools if not pool.facts]
        if len(without) == len(pools):
            raise DegenerateError(
                f"{name}: no fact was found in any of {len(pools)} documents; they hold no number, name or quoted"
                " term to ask for. Rewrite them with kind: paraphrase"
            )
        if without:
            ctx.progress.say(f"{name}: no fact in {len(without)} documents, left out: {', '.join(without[:3])}")
        return _Passages(self, name, ctx, [pool for pool in pools if pool.facts])

    def _extracted(
        self, name: str, ctx: Context, writer: Model, sources: Sequence[Faithful]
    ) -> dict[str, Sequence[Fact]]:
        """Return the facts of each document that has to be asked about."""
        style = self.style(writer)
        found: dict[str, Sequence[Fact]] = {source.document.id: [] for source in sources}
        lacking: dict[str, list[Value]] = {source.document.id: [] for source in sources}
        asked = list(sources)
        for turn in range(ROUNDS):
            requests = []
            for source in asked:
                shown = [value.shown for value in lacking[source.document.id]][:NAMED]
                prompt = facts_prompt(source.document, ctx.language, style, shown if turn else ())
                room = self.room(source.document.text, ctx.language, 6.0 if style == "json" else 3.0)
                requests.append((f"facts|{source.document.id}|{turn}", prompt, room))
            for source, answer in zip(asked, ask_each(self, name, ctx, writer, requests), strict=True):
                document = source.document.id
                found[document] = merged([*found[document], *parse_facts(answer.text, source)])
                lacking[document] = uncovered(found[document], source)
            asked = [source for source in asked if lacking[source.document.id]]
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
    planned: Iterator[tuple[int, ...]] = field(default_factory=lambda: iter(()))
    genres: Sequence[str] = ()
    again: int = 0  #: passages that were queued again


class _Passages(Plan):
    """Passages over the facts of every document."""

    def __init__(self, spec: Facts, name: str, ctx: Context, pools: Sequence[_Pool]) -> None:
        self.spec, self.language = spec, ctx.language
        self.pools = {pool.source.document.id: pool for pool in pools}
        for key, pool in self.pools.items():
            genres = list(spec.genres or pick(GENRES, ctx.language))
            random.Random(derive_seed(ctx.seed, name, key, "genres")).shuffle(genres)
            pool.genres = genres
            seed = derive_seed(ctx.seed, name, key, "passages")
            pool.planned = passages(len(pool.facts), *spec.facts, seed)

    def slots(self) -> Iterator[Slot]:
        for number in range(self.spec.variants):
            for pool in self.pools.values():
                yield self._slot(pool, number, number, next(pool.planned), pool.genres[number % len(pool.genres)])

    def more(self, missing: Mapping[str, int], failed: Sequence[Slot]) -> Iterable[Slot]:
        """Return failed passages again, their facts in another order and genre."""
        found = []
        for slot in failed:
            if slot.source.document.id not in missing:
                continue
            pool = self.pools[slot.source.document.id]
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


def gini(counts: Sequence[float]) -> float:
    """Return the Gini coefficient of counts: 0 where all are equal, towards 1 where one has everything."""
    ordered, total = sorted(counts), sum(counts)
    if not total:
        return 0.0
    ranked = sum(rank * count for rank, count in enumerate(ordered, start=1))
    return 2 * ranked / (len(ordered) * total) - (len(ordered) + 1) / len(ordered)
