"""Variants that a model writes: a plan of slots, asked for, checked, and asked for again where the check fails.

A slot is one place of the plan, one request, of which one text comes, or several (sections of a longer answer).
What comes of it is a pure function of the plan and of the answers to it: texts are handed on slot by slot, however
the answers arrive, and every decision looks only at slots before. A slot whose texts all fail is asked again with
another seed, up to `retries` times; a document that is still short then may get more slots from its strategy.

What stops and what does not: a form of which nothing is accepted in HOPELESS texts on as many documents (or on all)
stops the run, since every document would lack it. A document of which nothing is accepted in STUBBORN answers is left
out and told of, and the run goes on: one odd document among ten thousand is no reason to throw the others away.
"""

from __future__ import annotations

from collections import Counter, deque
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from contextlib import closing
from dataclasses import dataclass, field
from math import ceil
from typing import TYPE_CHECKING, Literal

from pydantic import Field

from homespun.engine.context import Context
from homespun.engine.progress import Bar
from homespun.errors import DegenerateError
from homespun.generate.base import Pieces
from homespun.generate.tally import Tally
from homespun.generate.variants import CountedVariants, Distinct, Made, groups_of, key_of, made, pieces
from homespun.models.base import Completion, Model, Request, Sampling, stream
from homespun.records import Attempt, Lineage, content_hash, derive_seed
from homespun.store import Work
from homespun.text.fidelity import RECALL, Due, Faithful
from homespun.text.parse import Format, unwrapped
from homespun.text.prompts import Prompt
from homespun.text.sentences import fitting

if TYPE_CHECKING:
    from homespun.near.overlap import Reference

HOPELESS = 96  #: texts of one form, and documents, without a single accepted one before the run stops
STUBBORN = 24  #: answers for one document without a single accepted text before it is left out
LISTING = 0.5  #: temperature at which facts and entities are asked for, at most: they are copied, not invented
IMPRESSION = 32  #: attempts before the first word on what is accepted
_TOKENS = {"ja": 1.6}  #: per character of a document, rather too many; other languages: 0.45


@dataclass(frozen=True, slots=True)
class Slot:
    """One place of the plan."""

    source: Faithful
    form: str
    k: int  #: unique within document and form
    number: int  #: of its first text within the document
    prompt: Prompt
    max_tokens: int
    due: Due = "all"
    recall: float = RECALL
    read: Callable[[str], list[str]] = lambda answer: [unwrapped(answer)]
    told: tuple[str, ...] = ()  #: instructions that no text may repeat
    known: tuple[str, ...] = ()  #: texts whose numbers are no invention, beside the document's
    about: tuple[int, ...] = ()  #: what its strategy has to know of it when it fails
    answer: Completion | None = None  #: where it is there already: nothing is asked


class Plan:
    """What a strategy decides for one run: which slots there are, and which more where some are short."""

    def slots(self) -> Iterator[Slot]:
        """Return the slots in plan order: variant by variant, every document in turn."""
        raise NotImplementedError

    def more(self, missing: Mapping[str, int], failed: Sequence[Slot]) -> Iterable[Slot]:
        """Return further slots for documents that lack texts; nothing ends the run.

        Args:
            missing: document -> texts that it lacks.
            failed: slots of the last round of which nothing was accepted.
        """
        return ()


class WrittenVariants(CountedVariants):
    """Base of the strategies that ask a writer."""

    retries: int = Field(2, ge=0, description="times that a rejected text is asked for again, with another seed")
    recall: float = Field(RECALL, ge=0, le=1, description="share of protected values that a whole rewrite states")
    temperature: float = Field(0.7, ge=0)
    top_p: float = Field(0.95, gt=0, le=1)
    max_tokens: int | None = Field(None, ge=16, description="of one answer; default: by the document's length")
    max_asked: int | None = Field(
        None, ge=1, description="ends with the text that reaches it; default: retries bound the answers"
    )
    shard: int = Field(32, ge=1, description="answers of a model in this process that are asked for together")

    def plan(self, name: str, ctx: Context, writer: Model, sources: Sequence[Faithful]) -> Plan:
        """Return what to ask for; may ask the writer about the documents first."""
        raise NotImplementedError

    def style(self, writer: Model) -> Format:
        """Return how the writer is asked for what a program reads."""
        chosen: Literal["auto", "plain", "json"] = getattr(self, "format", "auto")
        if chosen == "auto":
            return "json" if writer.structured else "plain"
        return chosen

    def __call__(self, name: str, ctx: Context, work: Work, against: Sequence[Reference] = ()) -> Pieces:
        """Write variants of every document (see Generator).

        Answers stand in the ledger of the run, so a rerun asks for none twice and needs no shards of its own.

        Raises:
            DataError: the source holds no documents.
            DegenerateError: a form, or the whole, gets no acceptable text.
        """
        writer = ctx.models["writer"]
        sources = [Faithful(document, ctx.language) for document in self.read(ctx)]
        plan = self.plan(name, ctx, writer, sources)
        with ctx.progress.bar(f"write {name}", len(sources) * self.variants, "variants") as bar:
            yield from pieces(ctx, _Run(self, name, ctx, writer, bar, len(sources)).all(plan, sources))

    def answers(self, ctx: Context, rate: float) -> int:
        """Return the wanted texts over the accept rate, within the budget and what `retries` allow."""
        wanted = self.wanted(ctx)
        return min(ceil(wanted / rate), wanted * (1 + self.retries), self.max_asked or 1 << 62)

    def room(self, text: str, language: str, factor: float) -> int:
        """Return the tokens of an answer that may be `factor` times as long as a text."""
        return self.max_tokens or min(max(64, ceil(len(text) * _TOKENS.get(language, 0.45) * factor)), 8192)


def ask_each(
    spec: WrittenVariants, name: str, ctx: Context, writer: Model, asked: Sequence[tuple[str, Prompt, int]]
) -> list[Completion]:
    """Ask one thing of each (key, prompt, max_tokens), for what a plan must know first; answers in their order."""
    requests = [
        Request(
            key,
            prompt.messages,
            Sampling(min(spec.temperature, LISTING), spec.top_p, room, prompt.stop),
            derive_seed(ctx.seed, name, key),
            prompt.prefill,
            prompt.schema,
            whole=prompt.schema is not None,
        )
        for key, prompt, room in asked
    ]
    with closing(stream(writer, iter(requests), spec.shard)) as answers:
        return list(answers)


@dataclass
class _Open:
    """A slot that is being asked for."""

    slot: Slot
    attempt: int = 0
    found: list[Made] = field(default_factory=list)
    final: bool = False


class _Run:
    """One pass over a plan."""

    def __init__(self, spec: WrittenVariants, name: str, ctx: Context, writer: Model, bar: Bar, count: int) -> None:
        self.spec, self.name, self.ctx, self.writer, self.bar = spec, name, ctx, writer, bar
        choosing = [field for field in ("forms", "shares") if field in type(spec).model_fields]
        self.tally = Tally(count, "".join(choosing))
        self.asked = self.emitted = 0
        self.accepted: Counter[str] = Counter()  #: by document
        self.tried: Counter[str] = Counter()
        self.given_up: dict[str, str] = {}  #: document -> why
        self.distinct = Distinct()
        self.failed: list[Slot] = []

    def all(self, plan: Plan, sources: Sequence[Faithful]) -> Iterator[Made]:
        """Return every attempt in plan order, round by round."""
        slots: Iterable[Slot] = plan.slots()
        for _ in range(self.spec.retries + 1):
            self.failed = []
            yield from self._round(slots)
            missing = {
                source.document.id: lack
                for source in sources
                if (lack := self.spec.variants - self.accepted[source.document.id]) > 0
                and source.document.id not in self.given_up
            }
            slots = list(plan.more(missing, self.failed)) if missing and not self._spent() else []
            if not slots:
                break
        self._end(sources)

    def _spent(self) -> bool:
        return self.spec.max_asked is not None and self.asked >= self.spec.max_asked

    def _round(self, slots: Iterable[Slot]) -> Iterator[Made]:
        waiting, again = iter(slots), deque[_Open]()
        order, by_key = deque[_Open](), dict[str, _Open]()

        def requests() -> Iterator[Request]:  # a server's thread takes these as it has room
            while True:
                if again:
                    one = again.popleft()
                elif not self._spent() and (slot := next(waiting, None)) is not None:
                    if slot.source.document.id in self.given_up:
                        continue
                    one = _Open(slot)
                    if slot.answer is not None:
                        self._take(one, slot.answer, again)
                        order.append(one)
                        continue
                    order.append(one)
                else:
                    return
                self.asked += 1
                request = self._request(one)
                by_key[request.key] = one
                yield request

        while True:
            before = self.asked
            with closing(stream(self.writer, requests(), self.spec.shard)) as answers:
                for answer in answers:
                    self._take(by_key.pop(answer.key), answer, again)
                    while order and order[0].final:
                        yield from self._emit(order.popleft())
                        if self.spec.max_asked is not None and self.emitted >= self.spec.max_asked:
                            return
            if not again and self.asked == before:
                break
        while order:
            yield from self._emit(order.popleft())

    def _request(self, one: _Open) -> Request:
        slot, spec = one.slot, self.spec
        key = key_of(slot.source.document, slot.form, slot.k, one.attempt)
        sampling = Sampling(spec.temperature, spec.top_p, slot.max_tokens, slot.prompt.stop)
        seed = derive_seed(self.ctx.seed, self.name, key)
        return Request(key, slot.prompt.messages, sampling, seed, slot.prompt.prefill, whole=True)

    def _take(self, one: _Open, answer: Completion, again: deque[_Open]) -> None:
        """Read an answer; ask again where nothing in it passes."""
        found = self._read(one, answer)
        one.found += found
        if any(text.verdict is not None and text.verdict.keep for text in found) or one.slot.answer is not None:
            one.final = True
        elif one.attempt < self.spec.retries:
            one.attempt += 1
            again.append(one)
        else:
            one.final = True

    def _read(self, one: _Open, answer: Completion) -> list[Made]:
        slot, document = one.slot, one.slot.source.document
        if answer.finish_reason == "error":
            return [self._without_row(one, answer, "failed", answer.error or "the model gave no answer")]
        texts = slot.read(answer.text)
        if texts and answer.finish_reason == "length":
            texts[-1] = fitting(texts[-1], self.ctx.language, 1 << 30, cut_off=True)
        texts = [text for text in texts if text.strip()]
        if not texts:
            cut = answer.finish_reason == "length"
            problem = "cut off before the end of its first sentence" if cut else "nothing that can be read as asked"
            problem = problem if answer.text.strip() else "empty"
            return [self._without_row(one, answer, "unparsed", problem)]
        found = []
        for part, text in enumerate(texts):
            lineage = Lineage(
                generator=self.name,
                key=key_of(document, slot.form, slot.k, one.attempt, part),
                model=self.writer.id,
                prompt=slot.prompt.id,
                prompt_hash=content_hash(slot.prompt.messages),
                seed=derive_seed(self.ctx.seed, self.name, key_of(document, slot.form, slot.k, one.attempt)),
                finish_reason=answer.finish_reason,
                tokens=0 if part else answer.completion_tokens,
            )
            checked = slot.source.check(text, slot.due, recall=slot.recall, echoes=slot.told, known=slot.known)
            found.append(
                made(
                    document,
                    slot.form,
                    slot.number + part,
                    text,
                    checked,
                    language=self.ctx.language,
                    lineage=lineage,
                    raw="" if part else answer.text,
                    tokens=(0, 0) if part else (answer.prompt_tokens, answer.completion_tokens),
                    recall=slot.recall,
                )
            )
        return found

    def _without_row(self, one: _Open, answer: Completion, status: str, problem: str) -> Made:
        slot = one.slot
        attempt = Attempt(
            key=key_of(slot.source.document, slot.form, slot.k, one.attempt),
            status=status,
            raw=answer.text,
            problem=problem,
            groups=groups_of(slot.source.document, slot.form, slot.number),
            row=None,
            finish_reason=answer.finish_reason,
            prompt_tokens=answer.prompt_tokens,
            completion_tokens=answer.completion_tokens,
        )
        return Made(attempt, None)

    def _emit(self, one: _Open) -> Iterator[Made]:
        """Hand a slot on, count it, and see whether anything is hopeless."""
        name = one.slot.source.document.id
        if name in self.given_up:  # asked for before that was known
            return
        before = self.accepted[name]
        for found in one.found:
            found = self.distinct(found)
            self.emitted += 1
            keep = found.verdict is not None and found.verdict.keep
            self.accepted[name] += keep
            self.tally.add(found)
            self.bar.advance(keep and self.accepted[name] <= self.spec.variants)
            if self.emitted == IMPRESSION:
                self.ctx.progress.say(self.tally.impression(f"{self.name}: first {IMPRESSION} texts"))
            yield found
        self.bar.note(self.tally.note())
        if self.accepted[name] == before:
            self.failed.append(one.slot)
        self.tried[name] += one.attempt + 1
        if not self.accepted[name] and self.tried[name] >= STUBBORN:
            self._give_up(name)
        if self.spec.max_asked is None and self.tally.hopeless(one.slot.form, HOPELESS):
            raise DegenerateError(self.tally.why_hopeless(one.slot.form))

    def _give_up(self, name: str) -> None:
        self.given_up[name] = why = self.tally.commonest(name)
        if len(self.given_up) <= 3:
            told = f"none of {self.tried[name]} answers is usable, mostly {why}"
            self.ctx.progress.say(f'{self.name}: document "{name}" is left out: {told}')

    def _end(self, sources: Sequence[Faithful]) -> None:
        if not sum(self.accepted.values()) and self.spec.max_asked is None:
            raise DegenerateError(self.tally.why_hopeless(None))
        self.ctx.progress.say(self.tally.impression(f"{self.name}: {self.emitted} texts"))
        short = [source.document.id for source in sources if self.accepted[source.document.id] < self.spec.variants]
        if short and self.spec.max_asked is None:
            shown = ", ".join(f"{name} ({self.accepted[name]})" for name in short[:3])
            self.ctx.progress.say(
                f"{self.name}: {len(short)} of {len(sources)} documents have fewer than {self.spec.variants} variants:"
                f" {shown}{', ...' if len(short) > 3 else ''}"
            )
