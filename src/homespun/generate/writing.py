"""Variants that a model writes: a plan of slots, asked for, checked, and asked for again where the check fails.

A slot is one request, of which one text comes, or several (sections of a longer answer). One whose texts all fail is
asked again with another seed, up to `retries` times; a document that is still short then may get more slots from its
strategy. What stops a run and what does not is said in cells.py.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from math import ceil
from typing import TYPE_CHECKING

from pydantic import Field

from homespun.data.records import derive_seed
from homespun.data.store import Work
from homespun.engine.context import Context
from homespun.generate.base import Made, Pieces, attempt_of, lineage_of, pieces, request_of
from homespun.generate.cells import Cell, Loop, Place, Plan, Turn
from homespun.generate.variants import PIECE, CountedVariants, groups_of, key_of, made
from homespun.models.base import Completion, Request
from homespun.text.fidelity import RECALL, Due, Faithful
from homespun.text.parse import unwrapped
from homespun.text.prompts import Prompt
from homespun.text.sentences import fitting

if TYPE_CHECKING:
    from homespun.near.overlap import Reference

LISTING = 0.5  #: temperature at which facts and entities are asked for, at most: they are copied, not invented
_TOKENS = {"ja": 1.6}  #: per character of a document, rather too many; other languages: 0.45


@dataclass(frozen=True)
class Slot(Place):
    """One place of the plan; its cell is the document."""

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


class Slots(Plan[Slot]):
    """What a strategy decides for one run: which slots there are, and which more where some are short."""

    def __init__(self, spec: WrittenVariants, name: str, ctx: Context) -> None:
        """Take the strategy, its name in the recipe, and the context of the run."""
        choosing = "".join(field for field in ("forms", "shares") if field in type(spec).model_fields)
        self.ways = {"": "Take a larger writer." + (f" Leave the form out (`{choosing}`)." if choosing else "")}
        self.ways["missing values"] = "A lower `recall` accepts texts that lose more values."
        self.spec, self.name, self.ctx, self.language = spec, name, ctx, ctx.language
        self.writer = ctx.models["writer"]

    def request(self, turn: Turn[Slot, Made]) -> Request:
        """Return what a slot is asked with: another seed every time."""
        slot, spec = turn.of, self.spec
        key = key_of(slot.source.document, slot.form, slot.k, turn.tried)
        seed = derive_seed(self.ctx.seed, self.name, key)
        return request_of(key, slot.prompt, seed, spec.temperature, spec.top_p, slot.max_tokens, whole=True)

    def read(self, turn: Turn[Slot, Made], asked: Request, answer: Completion) -> list[Made]:
        """Return the texts that an answer holds, each checked against its document."""
        slot, document = turn.of, turn.of.source.document
        texts = slot.read(answer.text) if answer.finish_reason != "error" else []
        cut = answer.finish_reason == "length"
        if texts and cut:
            texts[-1] = fitting(texts[-1], self.ctx.language, 1 << 30, cut_off=True)
        texts = [text for text in texts if text.strip()]
        if not texts:
            problem = "cut off before the end of its first sentence" if cut else "nothing that can be read as asked"
            problem = problem if answer.text.strip() else "empty"
            groups = groups_of(document, slot.form, slot.number)
            return [Made(attempt_of(answer, groups, asked.key, problem=problem))]
        found = []
        for part, text in enumerate(texts):
            if part:  # one answer is counted once
                answer = replace(answer, text=text, prompt_tokens=0, completion_tokens=0)
            lineage = replace(
                lineage_of(self.name, self.writer.id, slot.prompt.id, asked, answer),
                key=key_of(document, slot.form, slot.k, turn.tried, part),
            )
            checked = slot.source.check(text, slot.due, recall=slot.recall, echoes=slot.told, known=slot.known)
            number = slot.number + part
            found.append(made(document, slot.form, number, text, checked, self.ctx, lineage, answer, slot.recall))
        return found


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

    def plan(self, name: str, ctx: Context, sources: Sequence[Faithful]) -> Slots:
        """Return what to ask for; may ask the writer about the documents first."""
        raise NotImplementedError

    def __call__(self, name: str, ctx: Context, work: Work, against: Sequence[Reference] = ()) -> Pieces:
        """Write variants of every document (see Generator).

        Answers stand in the ledger of the run, so a rerun asks for none twice and needs no shards of its own.

        Raises:
            DataError: the source holds no documents.
            DegenerateError: a form, or the whole, gets no acceptable text.
        """
        sources = [Faithful(document, ctx.language) for document in self.read(ctx)]
        plan = self.plan(name, ctx, sources)
        cells = {one.document.id: Cell(one.document.id, self.variants) for one in sources}
        loop = Loop(name, ctx, plan, cells, self.retries + 1, self.shard, self.max_asked)
        yield from pieces(ctx, loop.all(), PIECE)

    def answers(self, ctx: Context, rate: float) -> int:
        """Return the wanted texts over the accept rate, within the budget and what `retries` allow."""
        wanted = self.wanted(ctx)
        return min(ceil(wanted / rate), wanted * (1 + self.retries), self.max_asked or 1 << 62)

    def room(self, text: str, language: str, factor: float) -> int:
        """Return the tokens of an answer that may be `factor` times as long as a text."""
        return self.max_tokens or min(max(64, ceil(len(text) * _TOKENS.get(language, 0.45) * factor)), 8192)


def listing(spec: WrittenVariants, name: str, ctx: Context, key: str, prompt: Prompt, max_tokens: int) -> Request:
    """Return the request for what a plan must know of a document first."""
    temperature, whole = min(spec.temperature, LISTING), prompt.schema is not None
    return request_of(key, prompt, derive_seed(ctx.seed, name, key), temperature, spec.top_p, max_tokens, whole=whole)
