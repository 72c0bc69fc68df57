"""Generation probability of a row's output under the task prompt (methods.md A3).

The prompt is the one used in training and evaluation (`task_messages`), never the generation prompt,
which names the label. With S_y the total log-probability of label y (natural log, end of text not
included):

- `logprob` mean over the tokens of the row's own label
- `posterior` exp(S_own) / sum over labels of exp(S_y); with `normalise: mean`, S_y / tokens of y instead
- `margin` S_own - the best other S_y: the log of the odds, which still tells rows apart at posterior 1.0
- `label` the label with the highest score, `agrees` 1 if that is the row's own
- `pmi` log posterior(own | x) - log posterior(own | x left out), never calibrated
- `input_logprob` (on request) mean over the tokens of the input as plain text: its fluency

`calibrate` adds a bias per label to S_y before posterior, margin, label and agrees (posterior.py).
Total is the default because a mean over one token and a mean over three are not comparable.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import ClassVar, Literal

from pydantic import Field

from homespun.data.records import Row, Scores
from homespun.engine.context import Context
from homespun.models.base import Advance, Continuation, LogprobQuery, ignore_progress
from homespun.models.judge import log_softmax
from homespun.score.base import Marks, Scorer
from homespun.score.posterior import CALIBRATE, Calibration, empty_input, label_marks
from homespun.text.prompts import task_messages


class Probability(Scorer):
    """Log-probabilities of the labels under the training prompt."""

    kind: Literal["probability"] = "probability"
    needs_likelihood: ClassVar[bool] = True
    normalise: Literal["total", "mean"] = Field(
        "total", description="label score: sum over its tokens, or mean where labels differ much in length"
    )
    calibrate: Calibration = Field("none", description=CALIBRATE)
    input_logprob: bool = Field(False, description="also the fluency of the input (one more pass)")

    @property
    def whole_pool(self) -> bool:
        """Pool calibration needs all rows."""
        return self.calibrate in ("pool", "auto")

    def columns(self) -> tuple[str, ...]:
        """Return the column names."""
        fixed = ("posterior", "logprob", "pmi", "margin", "agrees", "label")
        return (*fixed, "input_logprob") if self.input_logprob else fixed

    def __call__(
        self, rows: Sequence[Row], ctx: Context, *, name: str = "", advance: Advance = ignore_progress
    ) -> Scores:
        """Score rows; a row whose output is no label of the task has no score."""
        labels = tuple(ctx.the_task.labels)
        model = ctx.models["scorer"]

        def query(fields: Mapping[str, str]) -> LogprobQuery:
            return LogprobQuery(task_messages(ctx.the_task, fields, ctx.language), labels)

        (prior,) = model.logprobs([query(empty_input(ctx.the_task, ctx.language))])
        answers = model.logprobs([query(row.payload.fields) for row in rows], advance)
        scores, empty = [self.label_scores(answer) for answer in answers], self.label_scores(prior)
        marks = label_marks(rows, labels, scores, empty, self.calibrate)
        for place, (row, mark) in enumerate(zip(rows, marks, strict=True)):
            if not mark.problem:
                own = labels.index(row.payload.output)
                lift = log_softmax(scores[place])[own] - log_softmax(empty)[own]
                marks[place] = Marks({**mark.values, "logprob": answers[place][own].mean, "pmi": lift})
        if self.input_logprob:
            texts = model.logprobs([LogprobQuery((), (row.text,)) for row in rows])
            marks = [
                Marks({**mark.values, "input_logprob": text.mean}, mark.problem)
                for mark, (text,) in zip(marks, texts, strict=True)
            ]
        return self.marks_table(rows, marks, name)

    def label_scores(self, continuations: Sequence[Continuation]) -> list[float]:
        """Return S_y per label, as a sum or as a mean."""
        return [one.total if self.normalise == "total" else one.mean for one in continuations]
