"""Labelled rows from a task description: keyword x label -> text (methods.md A1, thesis of seed a).

The model proposes keywords, then writes one text per cell of the label x keyword grid. Cells are visited
label by label in turn over shuffled keywords, so stopping early leaves the labels balanced. Rejected rows
are asked for again with other cells until every label has its quota of *accepted* rows or the budget is
spent. The next shard depends only on committed shards, so a rerun plans the same ones. Single-text
classification only: pair tasks need two calls per row and are another strategy.
"""

from __future__ import annotations

import random
from collections import Counter
from collections.abc import Mapping, Sequence
from math import ceil
from typing import ClassVar, Literal

from pydantic import Field

from homespun.engine.context import Context
from homespun.errors import DegenerateError, UsageError
from homespun.generate.base import Generator, Piece, Pieces
from homespun.generate.hygiene import Checker, Hygiene
from homespun.models.base import Completion, Model, Request, Sampling
from homespun.near.overlap import Reference
from homespun.records import Attempt, Labelled, Lineage, Row, Verdict, content_hash, derive_seed
from homespun.store import Work
from homespun.tables import attempts_from, attempts_table
from homespun.task import Task
from homespun.text.normalise import clean
from homespun.text.parse import parse_keywords, parse_row, rank_keywords
from homespun.text.prompts import STYLES, Prompt, keywords_prompt, pick, row_prompt
from homespun.text.sentences import fitting

KEYWORDS_PER_ASK = 10
ASKS_PER_ROUND = 24  #: many short answers: a model's first topics are its best, and a large batch costs little more
KEYWORD_TOKENS = 64
HOPELESS = 96  #: answers for one label without a single accepted row before the run stops


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
        writer = ctx.models["writer"]
        plan = _Plan(self, name, ctx, writer, self._topics(name, ctx, writer, work))
        attempts: list[Attempt] = []
        verdicts: list[Verdict] = []
        budget = self.max_asked or 8 * self.rows
        limits = self.hygiene.model_copy(update={"min_length": self.min_length, "max_length": self.max_length})
        checker = Checker(ctx.task, ctx.language, limits, against)
        with ctx.progress.bar(f"write {name}", self.rows, "rows") as bar:
            index = accepted = 0
            while requests := plan.next_shard(attempts, verdicts, budget - len(attempts)):
                table, _ = work.table(
                    f"rows-{index:05d}",
                    lambda asked=requests: attempts_table(plan.ask(asked)),  # type: ignore[misc]
                )
                answered = attempts_from(table)
                for attempt in answered:
                    if attempt.row is not None:
                        checker.add(attempt.row)
                attempts += answered
                verdicts = self._within_quota(attempts, checker.verdicts, list(ctx.task.labels))
                passed = {verdict.row_id for verdict in verdicts if verdict.keep}
                ctx.accepted([a.row for a in answered if a.row is not None and a.row.id in passed])
                now = len(passed)
                bar.advance(now - accepted)
                bar.note(f"{now / len(attempts):.0%} of {len(attempts)} answers accepted")
                if index == 0:
                    ctx.progress.say(first_impression(attempts, verdicts))
                index, accepted = index + 1, now
                plan.stop_if_hopeless(attempts, verdicts)
        yield Piece(attempts, verdicts)

    def answers(self, ctx: Context, rate: float) -> int:
        """Return the wanted rows over the accept rate, within the budget."""
        return min(ceil(self.rows / rate), self.max_asked or 8 * self.rows)

    def wanted(self, ctx: Context) -> int:
        """Return the recipe's `rows`."""
        return self.rows

    def _within_quota(
        self, attempts: Sequence[Attempt], checked: Sequence[Verdict], labels: Sequence[str]
    ) -> list[Verdict]:
        """Return one verdict per parsed attempt: what hygiene said, then the quota of each label."""
        rows = [attempt.row for attempt in attempts if attempt.row is not None]
        verdicts = list(checked)
        quota = quotas(self.rows, labels)
        held: Counter[str] = Counter()
        for index, (row, verdict) in enumerate(zip(rows, verdicts, strict=True)):
            label = row.groups["label"]
            if not verdict.keep:
                continue
            held[label] += 1
            if held[label] > quota[label]:
                reason = f"{label} already has its {quota[label]} rows"
                verdicts[index] = Verdict(row.id, False, "quota", reason=reason)
        return verdicts

    def _topics(self, name: str, ctx: Context, writer: Model, work: Work) -> list[str]:
        """Return the keywords: given, or proposed by the writer in rounds."""
        if not isinstance(self.keywords, int):
            return list(self.keywords)
        style = self._style(writer)
        avoid = (*ctx.task.labels, *ctx.task.fields)
        answers: list[list[str]] = []
        found: list[str] = []
        stale = 0
        with ctx.progress.bar(f"keywords {name}", self.keywords, "topics") as bar:
            for turn in range(20):
                if len(found) >= self.keywords or stale == 2:
                    break
                prompt = keywords_prompt(ctx.task, ctx.language, KEYWORDS_PER_ASK, found, style)
                sampling = Sampling(self.temperature, self.top_p, KEYWORD_TOKENS, prompt.stop)
                requests = [
                    Request(
                        key=f"keywords|{turn}|{k}",
                        messages=prompt.messages,
                        sampling=sampling,
                        seed=derive_seed(ctx.seed, name, "keywords", turn, k),
                        prefill=prompt.prefill,
                        schema=prompt.schema,
                    )
                    for k in range(ASKS_PER_ROUND)
                ]
                table, _ = work.table(
                    f"keywords-{turn:02d}",
                    lambda asked=requests: attempts_table(  # type: ignore[misc]
                        [_raw_attempt(answer) for answer in writer.complete(asked)]
                    ),
                )
                before = len(found)
                answers += [parse_keywords(attempt.raw, ctx.language, avoid) for attempt in attempts_from(table)]
                found = rank_keywords(answers)
                stale = stale + 1 if len(found) < before * 1.2 + 1 else 0
                bar.advance(min(len(found), self.keywords) - min(before, self.keywords))
        if not found:
            raise DegenerateError(
                "the writer proposed no usable keyword; give them in the recipe: keywords: [acting, plot, ...]"
            )
        if len(found) < self.keywords:
            ctx.progress.say(f"{name}: the writer found {len(found)} of {self.keywords} topics; going on with those")
        return found[: self.keywords]

    def _style(self, writer: Model) -> Literal["plain", "json"]:
        if self.format == "auto":
            return "json" if writer.structured else "plain"
        return self.format


class _Plan:
    """Decides which cells to ask for next and turns answers into attempts."""

    def __init__(self, spec: LabelledGenerator, name: str, ctx: Context, writer: Model, topics: Sequence[str]) -> None:
        self.spec, self.name, self.ctx, self.writer = spec, name, ctx, writer
        self.labels = list(ctx.task.labels)
        self.topics = {label: _shuffled(topics, ctx.seed, name, label) for label in self.labels}
        self.style = spec._style(writer)
        self.asked: Counter[str] = Counter()
        self.groups: dict[str, dict[str, str]] = {}
        self.prompts: dict[str, Prompt] = {}

    def next_shard(self, attempts: Sequence[Attempt], verdicts: Sequence[Verdict], budget: int) -> list[Request]:
        """Return the next requests, labels in turn, the ones that lack more rows asked for more."""
        missing, rate = self._missing(attempts, verdicts)
        if budget <= 0 or not any(missing.values()):
            return []
        wanted = {label: ceil(missing[label] / rate[label]) if missing[label] else 0 for label in self.labels}
        room = min(self.spec.shard, budget, sum(wanted.values()))
        turns: list[str] = []
        while len(turns) < room:
            for label in self.labels:
                if wanted[label] > 0 and len(turns) < room:
                    wanted[label] -= 1
                    turns.append(label)
        return [self._request(label) for label in turns]

    def _missing(
        self, attempts: Sequence[Attempt], verdicts: Sequence[Verdict]
    ) -> tuple[dict[str, int], dict[str, float]]:
        quota = quotas(self.spec.rows, self.labels)
        asked = Counter(attempt.groups["label"] for attempt in attempts)
        rows = [attempt.row for attempt in attempts if attempt.row is not None]
        accepted = Counter(row.groups["label"] for row, v in zip(rows, verdicts, strict=True) if v.keep)
        missing = {label: quota[label] - accepted[label] for label in self.labels}
        # One imagined success keeps a label that starts badly from being given up or over-asked.
        rate = {label: (accepted[label] + 1) / (asked[label] + 1) for label in self.labels}
        return missing, rate

    def _request(self, label: str) -> Request:
        spec, ctx = self.spec, self.ctx
        count = self.asked[label]
        self.asked[label] += 1
        topics = self.topics[label]
        topic, turn = topics[count % len(topics)], count // len(topics)
        key = f"{label}|{topic}|{turn}"
        seed = derive_seed(ctx.seed, self.name, key)
        styles = pick(STYLES, ctx.language)
        style = styles[seed % len(styles)]
        prompt = row_prompt(ctx.task, ctx.language, label, topic, style, spec.min_length, spec.max_length, self.style)
        self.groups[key] = {"label": label, "keyword": topic, "style": style}
        self.prompts[key] = prompt
        sampling = Sampling(spec.temperature, spec.top_p, spec.max_tokens, prompt.stop)
        whole = self.style == "json" or not spec.trim
        return Request(key, prompt.messages, sampling, seed, prompt.prefill, prompt.schema, whole)

    def ask(self, requests: Sequence[Request]) -> list[Attempt]:
        """Ask the writer and parse what comes back."""
        answers = self.writer.complete(requests)
        return [self._attempt(request, answer) for request, answer in zip(requests, answers, strict=True)]

    def _attempt(self, request: Request, answer: Completion) -> Attempt:
        groups = self.groups[request.key]
        field = self.ctx.task.fields[0]
        if answer.finish_reason == "error":
            return _raw_attempt(answer, "failed", answer.error or "the model gave no answer", groups)
        cut_off = answer.finish_reason == "length"
        if cut_off and not (self.spec.trim and self.style == "plain"):
            return _raw_attempt(answer, "unparsed", f"cut off after {answer.completion_tokens} tokens", groups)
        parsed = parse_row(answer.text, self.style, field, self.ctx.language)
        if parsed.value is None:
            return _raw_attempt(answer, "unparsed", parsed.problem, groups)
        text = clean(parsed.value).text
        if self.spec.trim:
            text = fitting(text, self.ctx.language, self.spec.max_length, cut_off)
        if not text:
            return _raw_attempt(answer, "unparsed", "cut off before the end of its first sentence", groups)
        prompt = self.prompts[request.key]
        lineage = Lineage(
            generator=self.name,
            key=request.key,
            model=self.writer.id,
            prompt=prompt.id,
            prompt_hash=content_hash(prompt.messages),
            seed=request.seed,
            finish_reason=answer.finish_reason,
            tokens=answer.completion_tokens,
        )
        row = Row.make(
            Labelled({field: text}, groups["label"]),
            language=self.ctx.language,
            groups=groups,
            lineage=lineage,
        )
        return _raw_attempt(answer, "parsed", "", groups, row)

    def stop_if_hopeless(self, attempts: Sequence[Attempt], verdicts: Sequence[Verdict]) -> None:
        """Stop a run in which one label gets nothing, with the reasons and three answers to look at."""
        by_row = {verdict.row_id: verdict for verdict in verdicts}
        for label in self.labels:
            own = [attempt for attempt in attempts if attempt.groups["label"] == label]
            kept = [a for a in own if a.row is not None and by_row[a.row.id].keep]
            if kept or len(own) < HOPELESS:
                continue
            reasons = Counter(_why(attempt, by_row) for attempt in own).most_common(3)
            examples = "\n".join(f"  {attempt.raw.strip()[:100]!r}" for attempt in own[:3])
            raise DegenerateError(
                f'none of {len(own)} answers for the label "{label}" is usable:'
                f" {', '.join(f'{why} ({count})' for why, count in reasons)}. Answers look like:\n{examples}\n"
                "Reword the task's description or the label's meaning, or take another writer."
            )


def quotas(rows: int, labels: Sequence[str]) -> dict[str, int]:
    """Split the wanted rows evenly over labels; the first labels get the remainder."""
    share, extra = divmod(rows, len(labels))
    return {label: share + (index < extra) for index, label in enumerate(labels)}


def first_impression(attempts: Sequence[Attempt], verdicts: Sequence[Verdict]) -> str:
    """Say early what share is accepted, and what was rejected and why, with an example of each reason."""
    by_row = {verdict.row_id: verdict for verdict in verdicts}
    rejected = [a for a in attempts if a.row is None or not by_row[a.row.id].keep]
    lines = [f"first {len(attempts)} answers: {len(attempts) - len(rejected)} accepted, {len(rejected)} rejected"]
    reasons = Counter(_why(attempt, by_row) for attempt in rejected)
    for why, count in reasons.most_common(4):
        example = next(a for a in rejected if _why(a, by_row) == why)
        text = example.row.text if example.row else example.raw
        lines.append(f"  {count} x {why}, e.g. {' '.join(text.split())[:80]!r}")
    return "\n".join(lines)


def _why(attempt: Attempt, by_row: Mapping[str, Verdict]) -> str:
    if attempt.row is None:
        return attempt.problem
    return by_row[attempt.row.id].rule


def _shuffled(topics: Sequence[str], *seed: object) -> list[str]:
    order = list(topics)
    random.Random(derive_seed(*seed, "topics")).shuffle(order)
    return order


def _raw_attempt(
    answer: Completion,
    status: str = "unparsed",
    problem: str = "",
    groups: Mapping[str, str] | None = None,
    row: Row | None = None,
) -> Attempt:
    return Attempt(
        key=answer.key,
        status=status,
        raw=answer.text,
        problem=problem,
        groups=groups or {},
        row=row,
        finish_reason=answer.finish_reason,
        prompt_tokens=answer.prompt_tokens,
        completion_tokens=answer.completion_tokens,
    )
