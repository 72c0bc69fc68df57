"""Labelled rows from a task description: keyword x label -> text (methods.md A1, thesis of seed a).

The model proposes keywords, then writes one text per cell of the label x keyword grid. Cells are visited
label by label in turn over shuffled keywords, so stopping early leaves the labels balanced. Rejected rows
are asked for again with other cells until every label has its quota of *accepted* rows or the budget is
spent. The next shard depends only on committed shards, so a rerun plans the same ones. Single-text
classification only: pair tasks need two calls per row and are another strategy.
"""

from __future__ import annotations

import random
from collections.abc import Mapping, Sequence
from math import ceil
from typing import TYPE_CHECKING, ClassVar, Literal, NamedTuple

from pydantic import Field

from homespun.data.records import Attempt, Labelled, Row, Verdict, derive_seed
from homespun.data.store import Work
from homespun.data.tables import attempts_from, attempts_table
from homespun.engine.context import Context
from homespun.errors import DegenerateError, UsageError
from homespun.generate.base import Generator, Made, Piece, Pieces, attempt_of, lineage_of, request_of, style_of
from homespun.generate.cells import HOPELESS, Cell, Queue, Turn, ask, by_need, quotas
from homespun.generate.hygiene import Checker, Hygiene
from homespun.generate.tally import Tally
from homespun.models.base import Completion, Request
from homespun.near.overlap import Reference
from homespun.task import Task
from homespun.text.normalise import clean
from homespun.text.parse import parse_keywords, parse_row, rank_keywords
from homespun.text.prompts import STYLES, keywords_prompt, pick, row_prompt
from homespun.text.sentences import fitting

if TYPE_CHECKING:
    import pyarrow as pa

KEYWORDS_PER_ASK = 10
ASKS_PER_ROUND = 24  #: many short answers: a model's first topics are its best, and a large batch costs little more
KEYWORD_TOKENS = 64
WAYS = {"": "Reword the task's description or the label's meaning, or take another writer."}


class LabelledGenerator(Generator):
    """Writes rows for a single-text classification."""

    kind: Literal["labelled"] = "labelled"
    checks_against: ClassVar[bool] = True
    keywords: int | tuple[str, ...] = Field(40, description="how many topics to ask for, or the topics themselves")
    rows: int = Field(400, ge=1, description="accepted rows wanted, over all labels")
    max_asked: int | None = Field(None, ge=1, description="budget of answers; default 8 x rows")
    format: Literal["auto", "plain", "json"] = Field("auto", description="auto: json where the model can")
    min_length: int = Field(5, ge=1, description="words (en) or characters (ja)")
    max_length: int = Field(30, ge=2)
    temperature: float = Field(0.8, ge=0)
    top_p: float = Field(0.95, gt=0, le=1)
    max_tokens: int = Field(56, ge=8)
    trim: bool = Field(True, description="leave out the last sentences of a text that is too long or cut off")
    shard: int = Field(64, ge=1, description="answers that are asked for and committed together")
    hygiene: Hygiene = Hygiene()

    def check(self, task: Task) -> None:
        """Refuse a task with several texts."""
        if len(task.fields) != 1:
            raise UsageError(f"labelled writes one text per row, but the task has the fields {', '.join(task.fields)}")
        if self.min_length > self.max_length:
            raise UsageError(f"min_length {self.min_length} is above max_length {self.max_length}")

    def __call__(self, name: str, ctx: Context, work: Work, against: Sequence[Reference] = ()) -> Pieces:
        """Write rows until every label has its quota or the budget is spent (see Generator).

        Raises:
            DegenerateError: a label gets no acceptable row at all.
        """
        grid = _Grid(self, name, ctx, work)
        cells = quotas(self.rows, ctx.the_task.labels)
        limits = self.hygiene.model_copy(update={"min_length": self.min_length, "max_length": self.max_length})
        checker = Checker(ctx.the_task, ctx.language, limits, against)
        attempts: list[Attempt] = []
        judged: list[Made] = []
        with ctx.progress.bar(f"write {name}", self.rows, "rows") as bar:
            shard = accepted = 0
            while turns := by_need(cells, min(self.shard, self._budget - len(attempts))):
                answered = grid.committed(f"rows-{shard:05d}", [grid.place(cell) for cell in turns])
                for attempt in answered:
                    if attempt.row is not None:
                        checker.add(attempt.row)
                attempts += answered
                judged = _within_quota(attempts, checker.verdicts, cells)
                tally = Tally("label", "answers", ways=WAYS)
                for one in judged:
                    tally.add(one)
                ctx.accepted([one.attempt.row for one in judged[-len(answered) :] if one.attempt.row and one.keep])
                bar.advance(sum(cell.accepted for cell in cells) - accepted)
                bar.note(tally.note())
                if shard == 0:
                    ctx.progress.say(tally.impression(f"{name}: first {len(attempts)} answers"))
                tally.stop_if_hopeless(HOPELESS)
                shard, accepted = shard + 1, sum(cell.accepted for cell in cells)
        yield Piece(attempts, [one.verdict for one in judged if one.verdict is not None])

    @property
    def _budget(self) -> int:
        return self.max_asked or 8 * self.rows

    def answers(self, ctx: Context, rate: float) -> int:
        """Return the wanted rows over the accept rate, within the budget."""
        return min(ceil(self.rows / rate), self._budget)

    def wanted(self, ctx: Context) -> int:
        """Return the recipe's `rows`."""
        return self.rows


class _Place(NamedTuple):
    """What one answer is asked with."""

    request: Request
    groups: Mapping[str, str] = {}  #: of its row; empty: keywords are asked for
    prompt: str = ""  #: its id


class _Grid:
    """The grid of labels and keywords: what is asked next for a label, and what an answer holds."""

    def __init__(self, spec: LabelledGenerator, name: str, ctx: Context, work: Work) -> None:
        self.spec, self.name, self.ctx, self.work, self.writer = spec, name, ctx, work, ctx.models["writer"]
        self.style = style_of(spec.format, self.writer)
        topics = self._asked(spec.keywords) if isinstance(spec.keywords, int) else spec.keywords
        self.topics = {label: list(topics) for label in ctx.the_task.labels}
        for label, order in self.topics.items():
            random.Random(derive_seed(ctx.seed, name, label, "topics")).shuffle(order)

    def _asked(self, wanted: int) -> list[str]:
        """Return keywords that the writer proposes, in rounds until there are enough or no new ones come."""
        spec, ctx, name = self.spec, self.ctx, self.name
        avoid = (*ctx.the_task.labels, *ctx.the_task.fields)
        answers: list[list[str]] = []
        found: list[str] = []
        stale = 0
        with ctx.progress.bar(f"keywords {name}", wanted, "topics") as bar:
            for turn in range(20):
                if len(found) >= wanted or stale == 2:
                    break
                prompt = keywords_prompt(ctx.the_task, ctx.language, KEYWORDS_PER_ASK, found, self.style)
                asked = (spec.temperature, spec.top_p, KEYWORD_TOKENS)
                seeds = [derive_seed(ctx.seed, name, "keywords", turn, k) for k in range(ASKS_PER_ROUND)]
                requests = [request_of(f"keywords|{turn}|{k}", prompt, seed, *asked) for k, seed in enumerate(seeds)]
                before = len(found)
                read = self.committed(f"keywords-{turn:02d}", [_Place(request) for request in requests])
                answers += [parse_keywords(attempt.raw, ctx.language, avoid) for attempt in read]
                found = rank_keywords(answers)
                stale = stale + 1 if len(found) < before * 1.2 + 1 else 0
                bar.advance(min(len(found), wanted) - min(before, wanted))
        if not found:
            raise DegenerateError(
                "the writer proposed no usable keyword; give them in the recipe: keywords: [acting, plot, ...]"
            )
        if len(found) < wanted:
            ctx.progress.say(f"{name}: the writer found {len(found)} of {wanted} topics; going on with those")
        return found[:wanted]

    def committed(self, shard: str, places: Sequence[_Place]) -> list[Attempt]:
        """Return the answers of a shard; asks for them, together, where they are not committed."""

        def made() -> pa.Table:
            queue = Queue[_Place, Attempt](places)
            turns = ask(self.writer, queue, lambda turn: turn.of.request, self._read, len(places))
            return attempts_table([attempt for turn in turns for attempt in turn.found])

        return attempts_from(self.work.table(shard, made)[0])

    def place(self, cell: Cell) -> _Place:
        """Return the next keyword of a label, each in turn."""
        spec, ctx, label, topics = self.spec, self.ctx, cell.name, self.topics[cell.name]
        turn, at = divmod(cell.asked, len(topics))
        cell.asked += 1
        key = f"{label}|{topics[at]}|{turn}"
        seed = derive_seed(ctx.seed, self.name, key)
        styles = pick(STYLES, ctx.language)
        style = styles[seed % len(styles)]
        prompt = row_prompt(
            ctx.the_task, ctx.language, label, topics[at], style, spec.min_length, spec.max_length, self.style
        )
        whole = self.style == "json" or not spec.trim
        request = request_of(key, prompt, seed, spec.temperature, spec.top_p, spec.max_tokens, whole=whole)
        return _Place(request, {"label": label, "keyword": topics[at], "style": style}, prompt.id)

    def _read(self, turn: Turn[_Place, Attempt], request: Request, answer: Completion) -> list[Attempt]:
        """Return the row that an answer holds, or why there is none; keywords are read from the answer as it is."""
        groups = turn.of.groups
        text, problem = self._text(answer) if groups else ("", "")
        row = None
        if text:
            fields = {self.ctx.the_task.fields[0]: text}
            lineage = lineage_of(self.name, self.writer.id, turn.of.prompt, request, answer)
            row = Row.make(
                Labelled(fields, groups["label"]), language=self.ctx.language, groups=groups, lineage=lineage
            )
        return [attempt_of(answer, groups, row=row, problem=problem)]

    def _text(self, answer: Completion) -> tuple[str, str]:
        """Return the text that an answer holds, and what is wrong where there is none."""
        cut_off = answer.finish_reason == "length"
        if answer.finish_reason == "error":
            return "", ""
        if cut_off and not (self.spec.trim and self.style == "plain"):
            return "", f"cut off after {answer.completion_tokens} tokens"
        parsed = parse_row(answer.text, self.style, self.ctx.the_task.fields[0], self.ctx.language)
        if parsed.value is None:
            return "", parsed.problem
        text = clean(parsed.value).text
        if self.spec.trim:
            text = fitting(text, self.ctx.language, self.spec.max_length, cut_off)
        return text, "" if text else "cut off before the end of its first sentence"


def _within_quota(attempts: Sequence[Attempt], checked: Sequence[Verdict], cells: Sequence[Cell]) -> list[Made]:
    """Return every attempt with what hygiene said of its row, then the quota of its label; counts what passed."""
    by_label = {cell.name: cell for cell in cells}
    for cell in cells:
        cell.accepted = 0
    verdicts, judged = iter(checked), []
    for attempt in attempts:
        verdict = None if attempt.row is None else next(verdicts)
        if verdict is not None and verdict.keep:
            cell = by_label[attempt.groups["label"]]
            if not cell.missing:
                reason = f"{cell.name} already has its {cell.wanted} rows"
                verdict = Verdict(verdict.row_id, False, "quota", reason=reason)
            cell.accepted += verdict.keep
        judged.append(Made(attempt, verdict))
    return judged
