"""Generation probability of a row's output under the task prompt (methods.md A3).

The prompt is the one used in training and evaluation (`task_messages`), never the generation prompt,
which names the label. With S_y the total log-probability of label y (natural log, end of text not
included):

- `logprob` mean over the tokens of the row's own label
- `posterior` exp(S_own) / sum over labels of exp(S_y); with `normalise: mean`, S_y / tokens of y instead
- `pmi` log posterior(own | x) - log posterior(own | x left out): takes off the model's taste for a label
- `margin` S_own - the best other S_y: the log of the odds, which still tells rows apart at posterior 1.0
- `label` the label with the highest score, `agrees` 1 if that is the row's own
- `input_logprob` (on request) mean over the tokens of the input as plain text: its fluency

Total is the default because a mean over one token and a mean over three are not comparable.
"""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from typing import Literal

from pydantic import Field

from homespun.engine.context import Context
from homespun.models.base import Advance, Continuation, LogprobQuery, ignore_progress
from homespun.models.judge import log_softmax
from homespun.records import Row, Scores
from homespun.score.base import Marks, Scorer, label_problem
from homespun.text.prompts import pick, task_messages

CONTENT_FREE = {"en": "N/A", "ja": "該当なし"}  #: stands for every input field when x is left out


class Probability(Scorer):
    """Log-probabilities of the labels under the training prompt."""

    kind: Literal["probability"] = "probability"
    normalise: Literal["total", "mean"] = Field(
        "total", description="label score: sum over its tokens, or mean where labels differ much in length"
    )
    input_logprob: bool = Field(False, description="also the fluency of the input (one more pass)")

    @property
    def primary(self) -> str:
        """The posterior of the row's own label."""
        return "posterior"

    def columns(self) -> tuple[str, ...]:
        """Return the column names."""
        fixed = ("posterior", "logprob", "pmi", "margin", "agrees", "label")
        return (*fixed, "input_logprob") if self.input_logprob else fixed

    def __call__(
        self, rows: Sequence[Row], ctx: Context, *, name: str = "", advance: Advance = ignore_progress
    ) -> Scores:
        """Score rows; a row whose output is no label of the task has no score."""
        labels = tuple(ctx.task.labels)
        nothing = dict.fromkeys(ctx.task.fields, pick(CONTENT_FREE, ctx.language))
        model = ctx.models["scorer"]

        def query(fields: Mapping[str, str]) -> LogprobQuery:
            return LogprobQuery(task_messages(ctx.task, fields, ctx.language), labels)

        (prior,) = model.logprobs([query(nothing)])
        answers = model.logprobs([query(row.payload.fields) for row in rows], advance)
        if self.input_logprob:
            texts = model.logprobs([LogprobQuery((), (row.text,)) for row in rows])
            fluency = [text.mean for (text,) in texts]
        else:
            fluency = [math.nan] * len(rows)
        marks = []
        for row, answer, mean in zip(rows, answers, fluency, strict=True):
            problem = label_problem(row, labels)
            own = row.payload.output
            marks.append(Marks({}, problem) if problem else self.marks(own, labels, answer, prior, mean))
        return self.table(rows, marks, name)

    def marks(
        self,
        output: str,
        labels: Sequence[str],
        answer: Sequence[Continuation],
        prior: Sequence[Continuation],
        fluency: float,
    ) -> Marks:
        """Return the columns of one row.

        Args:
            output: the row's own label.
            labels: the task's labels.
            answer: log-probabilities of the labels given the input.
            prior: the same with the input left out.
            fluency: mean log-probability of the input, or nan.
        """
        scores, before = self.label_scores(answer), self.label_scores(prior)
        if not all(map(math.isfinite, (*scores, *before))):
            return Marks({}, "the model gave no log-probability for one of the labels")
        own = labels.index(output)
        posterior, base = log_softmax(scores)[own], log_softmax(before)[own]
        best = scores.index(max(scores))
        others = [score for position, score in enumerate(scores) if position != own]
        values: dict[str, float | str] = {
            "posterior": math.exp(posterior),
            "logprob": answer[own].mean,
            "pmi": posterior - base,
            "margin": scores[own] - max(others),
            "agrees": float(best == own),
            "label": labels[best],
            "input_logprob": fluency,
        }
        return Marks(values)

    def label_scores(self, continuations: Sequence[Continuation]) -> list[float]:
        """Return S_y per label, as a sum or as a mean."""
        return [one.total if self.normalise == "total" else one.mean for one in continuations]
