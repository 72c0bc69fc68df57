"""What every generator is and returns.

A generator turns a task, or the records of a source, into attempts, shard by shard. It hands them on in
pieces, in plan order, each with the verdicts of its own checks; what it returns is a pure function of what
models answered. A generator whose checks look at all rows together hands on one piece at the end; one that
judges every row alone hands on many, and then a pool of any size needs no more memory than a piece.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Generator as Generated
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from itertools import islice
from typing import TYPE_CHECKING, ClassVar, Literal, NamedTuple

from homespun.data.records import Attempt, JSONDict, Labelled, Lineage, Payload, Row, Verdict, content_hash
from homespun.data.store import Work
from homespun.engine.context import Context
from homespun.errors import UsageError
from homespun.models.base import Completion, Model, Request, Sampling
from homespun.registry import Strategy, did_you_mean

if TYPE_CHECKING:
    from homespun.near.overlap import Reference
    from homespun.text.prompts import Prompt


@dataclass(frozen=True)
class Piece:
    """Attempts in plan order, and one verdict per parsed one: the generator's own checks."""

    attempts: Sequence[Attempt]
    verdicts: Sequence[Verdict]

    @property
    def parsed(self) -> list[Row]:
        """Rows of parsed attempts, in plan order."""
        return [attempt.row for attempt in self.attempts if attempt.row is not None]

    @property
    def accepted(self) -> list[Row]:
        """Rows that passed the checks, in plan order."""
        return [row for row, verdict in zip(self.parsed, self.verdicts, strict=True) if verdict.keep]


class Made(NamedTuple):
    """One attempt, and the verdict on its row where it has one."""

    attempt: Attempt
    verdict: Verdict | None = None

    @property
    def keep(self) -> bool:
        """Whether there is a row that passed."""
        return self.verdict is not None and self.verdict.keep


def attempt_of(
    answer: Completion, groups: Mapping[str, str], key: str = "", *, row: Row | None = None, problem: str = ""
) -> Attempt:
    """Return what became of an answer: failed, parsed where it has a row, unparsed with a problem otherwise."""
    failed = answer.finish_reason == "error"
    return Attempt(
        key=key or answer.key,
        status="failed" if failed else "parsed" if row else "unparsed",
        raw=answer.text,
        problem=(answer.error or "the model gave no answer") if failed else problem,
        groups=groups,
        row=row,
        finish_reason=answer.finish_reason,
        prompt_tokens=answer.prompt_tokens,
        completion_tokens=answer.completion_tokens,
    )


def style_of(chosen: Literal["auto", "plain", "json"], writer: Model) -> Literal["plain", "json"]:
    """Return how a writer is asked for what a program reads; auto: JSON where it can."""
    if chosen == "auto":
        return "json" if writer.structured else "plain"
    return chosen


def request_of(
    key: str, prompt: Prompt, seed: int, temperature: float, top_p: float, max_tokens: int, *, whole: bool = False
) -> Request:
    """Return the request for an answer to a prompt."""
    sampling = Sampling(temperature, top_p, max_tokens, prompt.stop)
    return Request(key, prompt.messages, sampling, seed, prompt.prefill, prompt.schema, whole)


def lineage_of(name: str, model: str, prompt: str, request: Request, answer: Completion) -> Lineage:
    """Return where a row comes from: generator, id of the writer, id of the prompt, what was asked and answered."""
    return Lineage(
        generator=name,
        key=request.key,
        model=model,
        prompt=prompt,
        prompt_hash=content_hash(request.messages),
        seed=request.seed,
        finish_reason=answer.finish_reason,
        tokens=answer.completion_tokens,
    )


@dataclass
class Funnel:
    """Counts of a pool: asked = answered + failed, answered = parsed + unparsed, parsed = kept + dropped."""

    status: Counter[str] = field(default_factory=Counter)
    dropped_by: Counter[str] = field(default_factory=Counter)  #: rule -> rows
    failed_by: Counter[str] = field(default_factory=Counter)  #: kind of failure -> attempts
    prompt_tokens: int = 0
    completion_tokens: int = 0

    @classmethod
    def of(cls, pieces: Iterable[Piece]) -> Funnel:
        """Count whole pieces."""
        found = cls()
        for piece in pieces:
            found.add(piece)
        return found

    def add(self, piece: Piece) -> None:
        """Count a piece."""
        for attempt in piece.attempts:
            self.status[attempt.status] += 1
            self.prompt_tokens += attempt.prompt_tokens
            self.completion_tokens += attempt.completion_tokens
            if attempt.status == "failed":
                self.failed_by[attempt.problem.partition(":")[0]] += 1
        self.dropped_by.update(verdict.rule for verdict in piece.verdicts if not verdict.keep)

    def counts(self) -> JSONDict:
        """Return the counts by their names in results.json."""
        asked, dropped = self.status.total(), self.dropped_by.total()
        return {
            "asked": asked,
            "answered": asked - self.status["failed"],
            "failed": self.status["failed"],
            "parsed": self.status["parsed"],
            "unparsed": self.status["unparsed"],
            "kept": self.status["parsed"] - dropped,
            "dropped": dropped,
            "dropped_by": dict(self.dropped_by.most_common()),
            "failed_by": dict(self.failed_by.most_common()),
        }


def summed(found: Sequence[JSONDict]) -> JSONDict:
    """Return counts (`Funnel.counts`) of several pools together."""
    total: JSONDict = {}
    for counts in found:
        for key, value in counts.items():
            if isinstance(value, int):
                total[key] = total.get(key, 0) + value
            else:
                total[key] = dict((Counter(total.get(key, {})) + Counter(value)).most_common())
    return total


Pieces = Generated[Piece, None, None]


def pieces(ctx: Context, attempts: Iterable[Made], size: int) -> Pieces:
    """Hand attempts on, `size` at a time, and tell the run of the rows that passed."""
    waiting = iter(attempts)
    while some := list(islice(waiting, size)):
        piece = Piece([one.attempt for one in some], [one.verdict for one in some if one.verdict is not None])
        ctx.accepted(piece.accepted)
        yield piece


class Generator(Strategy):
    """Base of the strategies under `generate:`."""

    group: ClassVar[str] = "generator"
    gives: ClassVar[type[Payload]] = Labelled  #: what its rows are
    any_size: ClassVar[bool] = False  #: its pool may be larger than memory; a page shows its first rows
    fixed: ClassVar[bool] = False  #: its rows are there already, so none is missing where a check drops some
    anew: ClassVar[bool] = True  #: another seed gives other rows, so that replicates can have some each
    checks_against: ClassVar[bool] = False  #: it drops rows that repeat an evaluation text, and asks for others

    def __call__(self, name: str, ctx: Context, work: Work, against: Sequence[Reference] = ()) -> Pieces:
        """Write rows.

        Args:
            name: the generator's name in the recipe; part of every row's lineage and seed.
            ctx: task, sources, models, seed, progress.
            work: where shards are committed; a rerun gets the committed ones back.
            against: texts of the evaluation sets; rows that repeat one are dropped, by the run where the
                generator does not do it (`checks_against`).
        """
        raise NotImplementedError

    def source_of(self, sources: Mapping[str, object]) -> str | None:
        """Return the name of the source that it takes; None where it takes none.

        Raises:
            UsageError: it is not there, or there are several and none is named.
        """
        return None

    def digest(self) -> str:
        """Return a hash of the file of rows that it reads; empty where it reads none."""
        return ""

    def look(self, ctx: Context) -> None:
        """Read the file of rows that it reads, so that a bad one costs nothing."""

    def mend(self, name: str) -> str:
        """Return what gives more rows where all answers that may be asked for are spent."""
        return f"the budget of answers is spent: raise generate.{name}.max_asked or relax its checks"

    def sample(self, count: int) -> Generator:
        """Return a generator that asks for about `count` answers, the first ones of the whole, for an estimate."""
        return self.model_copy(update={"max_asked": count}) if "max_asked" in type(self).model_fields else self

    def answers(self, ctx: Context, rate: float) -> int:
        """Return how many answers it will ask for if this share of them is accepted."""
        return self.wanted(ctx)

    def cells(self, ctx: Context) -> int:
        """Return how many labels, documents or prompts every part of the rows should have."""
        return len(ctx.task.labels) if ctx.task else 1

    def wanted(self, ctx: Context) -> int:
        """Return how many accepted rows are asked for; fewer in the end means that some are missing."""
        raise NotImplementedError


def find_source(setting: str, name: str | None, sources: Mapping[str, object]) -> str:
    """Return the name of the source that a generator takes: the one it names, else the only one.

    Args:
        setting: the generator's field that names a source, for messages.
        name: its value.
        sources: those of the recipe.

    Raises:
        UsageError: it is not there, or there are several and none is named.
    """
    known = ", ".join(sources) or "none"
    if name is None and len(sources) != 1:
        raise UsageError(f"{setting}: name the source to take; the recipe has: {known}")
    if name is not None and name not in sources:
        raise UsageError(f'{setting}: no source "{name}".{did_you_mean(name, list(sources))} Sources: {known}.')
    return name or next(iter(sources))
