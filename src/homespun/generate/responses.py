"""Responses to prompts that are there: plain batch inference, and the candidates of job (b) (methods.md B1).

Every record of a source is asked `n` times, each time with a seed of its own. Nothing here looks at two
rows together, so a piece is handed on as soon as its answers are there, and the answers themselves stand in
the ledger: a rerun asks for nothing twice and needs no shards of its own. Ranking responses is the scorers'.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from typing import TYPE_CHECKING, ClassVar, Literal

from pydantic import Field

from homespun.data.records import Message, Payload, Record, Response, Row, Verdict, derive_seed
from homespun.data.store import Work
from homespun.engine.context import Context
from homespun.errors import DataError
from homespun.generate.base import Generator, Made, Pieces, attempt_of, find_source, lineage_of, pieces
from homespun.generate.cells import Queue, Turn, ask
from homespun.models.base import Completion, Request, Sampling
from homespun.text.normalise import clean

if TYPE_CHECKING:
    from homespun.near.overlap import Reference

Asked = tuple[str, int, tuple[Message, ...]]  #: id of the prompt, number of the sample, conversation
PIECE = 1024  #: answers that are handed on together
ROLES = ("system", "user", "assistant")


class Responses(Generator):
    """Asks the writer every prompt of a source."""

    kind: Literal["responses"] = "responses"
    needs_task: ClassVar[bool] = False
    gives: ClassVar[type[Payload]] = Response
    any_size: ClassVar[bool] = True

    prompts: str | None = Field(None, description="name of the source; default: the only one")
    n: int = Field(1, ge=1, description="responses per prompt")
    system: str = Field("", description="a system message before every prompt that has none")
    temperature: float = Field(1.0, ge=0)
    top_p: float = Field(0.95, gt=0, le=1)
    max_tokens: int = Field(512, ge=1)
    stop: tuple[str, ...] = Field((), description="an answer ends before the first of these texts")
    truncated: Literal["drop", "keep"] = Field("drop", description="answers that were cut off at max_tokens")
    shard: int = Field(64, ge=1, description="answers of a model in this process that are asked for together")

    def __call__(self, name: str, ctx: Context, work: Work, against: Sequence[Reference] = ()) -> Pieces:
        """Ask every prompt `n` times, in the order of the source (see Generator).

        Raises:
            DataError: a prompt is neither a text nor a conversation.
        """
        writer = ctx.models["writer"]

        def places() -> Iterator[Asked]:
            for record in ctx.sources[self.source_of(ctx.sources)]():
                messages = conversation(record, self.system)
                yield from ((record.id, sample, messages) for sample in range(self.n))

        def request(turn: Turn[Asked, Made]) -> Request:
            prompt, sample, messages = turn.of
            key = f"{prompt}|{sample}"
            sampling = Sampling(self.temperature, self.top_p, self.max_tokens, self.stop)
            return Request(key, messages, sampling, derive_seed(ctx.seed, name, key), whole=self.truncated == "drop")

        def read(turn: Turn[Asked, Made], asked: Request, answer: Completion) -> list[Made]:
            groups = {"prompt": turn.of[0], "sample": str(turn.of[1])}
            text = clean(answer.text).text
            if answer.finish_reason == "error" or not text.strip():
                return [Made(attempt_of(answer, groups, problem="empty"))]
            lineage = lineage_of(name, writer.id, "responses", asked, answer)
            row = Row.make(Response(asked.messages, text), language=ctx.language, groups=groups, lineage=lineage)
            verdict = Verdict(row.id, True, "answered")
            if answer.finish_reason == "length" and self.truncated == "drop":
                reason = f"cut off after {answer.completion_tokens} tokens"
                verdict = Verdict(row.id, False, "truncated", reason=reason)
            return [Made(attempt_of(answer, groups, row=row), verdict)]

        with ctx.progress.bar(f"write {name}", self.wanted(ctx), "rows") as bar:
            turns = ask(writer, Queue(places()), request, read, self.shard, advance=bar.advance)
            yield from pieces(ctx, (made for turn in turns for made in turn.found), PIECE)

    def source_of(self, sources: Mapping[str, object]) -> str:
        """Return the name of the source to take.

        Raises:
            UsageError: it is not there, or there are several and none is named.
        """
        return find_source("prompts", self.prompts, sources)

    def cells(self, ctx: Context) -> int:
        """Return the number of prompts."""
        return self.wanted(ctx) // self.n

    def wanted(self, ctx: Context) -> int:
        """Return the number of prompts times `n`; reads and checks them all.

        Raises:
            DataError: a prompt is neither a text nor a conversation.
        """
        return self.n * sum(bool(conversation(record)) for record in ctx.sources[self.source_of(ctx.sources)]())


def conversation(record: Record, system: str = "") -> tuple[Message, ...]:
    """Return a prompt as messages: a text is what the user says, a list is a conversation.

    Raises:
        DataError: it is neither.
    """
    value = record.value
    messages: tuple[Message, ...] = ()
    if isinstance(value, str):
        messages = (("user", value),)
    elif isinstance(value, list) and all(_is_message(entry) for entry in value):
        messages = tuple((entry["role"], entry["content"]) for entry in value)
    if not messages or messages[-1][0] != "user":
        shown = str(value)[:60]
        raise DataError(
            f"record {record.id}: a prompt is a text or a list of {{role, content}} with the roles"
            f" {', '.join(ROLES)}, ending with the user; got {shown}"
        )
    if system and messages[0][0] != "system":
        return (("system", system), *messages)
    return messages


def _is_message(value: object) -> bool:
    return isinstance(value, dict) and value.get("role") in ROLES and isinstance(value.get("content"), str)
