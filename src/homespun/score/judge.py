"""LLM-as-a-judge: a second look at each row, blind to its label or grading it (methods.md A4).

`blind`: the judge labels the input without seeing the row's label, so it cannot be led by it. Column
`agreement` is the probability it gives to the row's own label (by text: 1 or 0), `label` its own answer,
which by text may be `UNSURE`. `rating`: the judge sees input and output and grades them from 1 to 5.
Column `rating` is the expected grade over the probabilities of the five digits (by text: the mean of
several answers).

By likelihood, agreement is calibrated over the pool where the judge answers one label for more than 60 % of the
rows of every label, unless the recipe says otherwise (posterior.py): a threshold of 0.5 would keep that label
alone. Otherwise it is left as it is, because calibration hides wrong rows of one label. `raw_agreement` and
`raw_label` are what the judge says before any calibration.

A judge of the same model by likelihood and the probability scorer ask nearly the same question; another
model as judge, or a text answer, is a second opinion.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from functools import partial
from typing import Literal

from pydantic import Field

from homespun.data.records import Row, Scores
from homespun.engine.context import Context
from homespun.errors import UsageError
from homespun.models.base import Advance, ignore_progress
from homespun.models.judge import Question, Replies, ask_likelihood, ask_text
from homespun.score.base import Marks, Scorer
from homespun.score.posterior import CALIBRATE, Calibration, empty_input, label_marks, label_problem
from homespun.task import Role, Task
from homespun.text.parse import parse_label, parse_rating
from homespun.text.prompts import Form, judge_blind_prompt, judge_rating_prompt

UNSURE = "UNSURE"  #: what a blind judge writes when no label, or more than one, seems right
GRADES = (1, 2, 3, 4, 5)
NO_PROBABILITY = "the judge gave no probability"


class Judge(Scorer):
    """A model's opinion of each row."""

    kind: Literal["judge"] = "judge"
    mode: Literal["blind", "rating", "both"] = Field("blind", description="relabel unseen, grade 1-5, or both")
    answer: Literal["likelihood", "text"] = Field(
        "likelihood",
        description="compare the probabilities of the possible answers (small models), or read what it writes",
    )
    calibrate: Calibration = Field("auto", description="answer: likelihood, blind: " + CALIBRATE)
    samples: int = Field(3, ge=1, description="answer: text: gradings per row, whose mean is the rating")
    retries: int = Field(2, ge=0, description="answer: text: further tries after an unreadable answer")
    max_tokens: int = Field(256, ge=1, description="answer: text: longest answer")

    @property
    def whole_pool(self) -> bool:
        """Pool calibration needs all rows."""
        return self.calibrate in ("pool", "auto") and self.answer == "likelihood" and self.mode != "rating"

    @property
    def role(self) -> Role:
        """The judge."""
        return "judge"

    @property
    def needs_likelihood(self) -> bool:
        """Unless its text is read."""
        return self.answer == "likelihood"

    @property
    def form(self) -> Form:
        """Which form of the prompts: begun for the model and read off, or answered in free text."""
        return "short" if self.answer == "likelihood" else "full"

    def columns(self) -> tuple[str, ...]:
        """Return the column names of the mode."""
        raw = ("raw_agreement", "raw_label") if self.answer == "likelihood" else ()
        blind, rating = ("agreement", "label", *raw), ("rating",)
        return {"blind": blind, "rating": rating, "both": blind + rating}[self.mode]

    def check(self, task: Task) -> None:
        """Refuse a task with a label that the blind judge needs for itself.

        Raises:
            UsageError: a label is called UNSURE.
        """
        taken = [label for label in task.labels if label.casefold() == UNSURE.casefold()]
        if taken and self.mode != "rating" and self.answer == "text":
            raise UsageError(f'the blind judge answers {UNSURE} when it cannot tell; rename label "{taken[0]}"')

    def __call__(
        self, rows: Sequence[Row], ctx: Context, *, name: str = "", advance: Advance = ignore_progress
    ) -> Scores:
        """Score rows; a row whose output is no label, or whose answers cannot be read, has no score."""
        labels = tuple(ctx.the_task.labels)
        usable = [row for row in rows if not label_problem(row, labels)]
        advance(len(rows) - len(usable))
        blind = rating = [Marks({})] * len(usable)
        if self.mode != "rating":
            blind = self.relabel(usable, ctx, advance)
        if self.mode != "blind":
            rating = self.grade(usable, ctx, advance if self.mode == "rating" else ignore_progress)
        joined = {row.id: _join(one, two) for row, one, two in zip(usable, blind, rating, strict=True)}
        marks = [joined.get(row.id) or Marks({}, label_problem(row, labels)) for row in rows]
        return self.marks_table(rows, marks, name)

    def relabel(self, rows: Sequence[Row], ctx: Context, advance: Advance) -> list[Marks]:
        """Let the judge label rows without seeing their labels."""
        labels = tuple(ctx.the_task.labels)
        if self.answer == "likelihood":
            inputs = [empty_input(ctx.the_task, ctx.language), *(row.payload.fields for row in rows)]
            prompts = [judge_blind_prompt(ctx.the_task, fields, ctx.language, self.form) for fields in inputs]
            (empty,) = ask_likelihood(ctx.models["judge"], prompts[:1], labels)
            scores = ask_likelihood(ctx.models["judge"], prompts[1:], labels, advance)
            raw, told = (label_marks(rows, labels, scores, empty, each) for each in ("none", self.calibrate))
            return [
                Marks(_agreement(mark) | {f"raw_{key}": value for key, value in _agreement(one).items()}, mark.problem)
                for one, mark in zip(raw, told, strict=True)
            ]
        prompts = [judge_blind_prompt(ctx.the_task, row.payload.fields, ctx.language, self.form) for row in rows]
        question = Question(
            partial(parse_label, labels=(*labels, UNSURE)), retries=self.retries, max_tokens=self.max_tokens
        )
        keys = [f"judge/blind/{row.id}" for row in rows]
        replies = ask_text(ctx.models["judge"], prompts, keys, ctx.seed, question, advance)
        return [
            Marks({"agreement": float(reply.verdicts[0] == row.payload.output), "label": reply.verdicts[0]})
            if reply.verdicts
            else self.unread(reply)
            for row, reply in zip(rows, replies, strict=True)
        ]

    def grade(self, rows: Sequence[Row], ctx: Context, advance: Advance) -> list[Marks]:
        """Let the judge grade rows from 1 to 5."""
        prompts = [
            judge_rating_prompt(ctx.the_task, row.payload.fields, row.payload.output, ctx.language, self.form)
            for row in rows
        ]
        if self.answer == "likelihood":
            found = ask_likelihood(ctx.models["judge"], prompts, tuple(map(str, GRADES)), advance)
            return [
                Marks({}, NO_PROBABILITY) if math.isnan(each[0]) else Marks({"rating": expected_grade(each)})
                for each in found
            ]
        question = Question(parse_rating, 0.7, self.samples, self.retries, self.max_tokens)
        keys = [f"judge/rating/{row.id}" for row in rows]
        replies = ask_text(ctx.models["judge"], prompts, keys, ctx.seed, question, advance)
        return [
            Marks({"rating": sum(reply.verdicts) / len(reply.verdicts)}) if reply.verdicts else self.unread(reply)
            for reply in replies
        ]

    def unread(self, reply: Replies[str] | Replies[int]) -> Marks:
        """Return why a row has no score when none of the answers could be read."""
        shown = " ".join(reply.last.split())[-80:]
        tries = self.retries + 1
        return Marks({}, f'the judge\'s answer could not be read after {tries} tries: "{shown}"')


def expected_grade(logs: Sequence[float]) -> float:
    """Return the expected grade, the sum of s p(s), for the log-probabilities of 1 to 5."""
    return sum(grade * math.exp(log) for grade, log in zip(GRADES, logs, strict=True))


def _agreement(mark: Marks) -> dict[str, float | str]:
    return {"agreement": mark.values["posterior"], "label": mark.values["label"]} if mark.values else {}


def _join(blind: Marks, rating: Marks) -> Marks:
    problem = "; ".join(each.problem for each in (blind, rating) if each.problem)
    return Marks({**blind.values, **rating.values}, problem)
