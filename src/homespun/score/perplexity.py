"""Perplexity of a row's text as plain text (methods.md C5): exp of minus the mean log-probability per token.

The whole text is scored after the beginning-of-text token, without a chat template; a text longer than the
model's window is scored by a sliding window (models/scoring.py), never cut. Natural logarithms; the end of
text is not scored.

- `perplexity` exp(-logprob)
- `logprob` mean over tokens
- `tokens` how many
- `bits_per_byte` minus the log-probability of the whole text, in bits, per byte of its UTF-8. Tokens are not alike:
  where a tokenizer cuts a script that it does not know into bytes, each byte is easy to guess after the one before,
  and a text that means nothing to the model has a lower perplexity than good ones (methods.md has only that)
- `script` share of letters in the script of the row's language, 0 to 1: text in another script has a perplexity of its
  own kind, so it is better dropped first, by a rule on this column

Which part to keep (low, middle, high) is a rule's business: bottom, middle, top.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import ClassVar, Literal

from pydantic import Field

from homespun.data.records import Payload, Row, Scores
from homespun.engine.context import Context
from homespun.models.base import Advance, LogprobQuery, ignore_progress
from homespun.score.base import Marks, Scorer
from homespun.text.fields import FIELDS, field_text
from homespun.text.normalise import script_share


class Perplexity(Scorer):
    """How surprising a text is to the model under `models: scorer`."""

    kind: Literal["perplexity"] = "perplexity"
    needs_likelihood: ClassVar[bool] = True
    needs_task: ClassVar[bool] = False
    takes: ClassVar[type[Payload]] = Payload
    fields: tuple[str, ...] | None = Field(None, min_length=1, description=FIELDS)

    def columns(self) -> tuple[str, ...]:
        """Return the column names."""
        return ("perplexity", "logprob", "tokens", "bits_per_byte", "script")

    def __call__(
        self, rows: Sequence[Row], ctx: Context, *, name: str = "", advance: Advance = ignore_progress
    ) -> Scores:
        """Score rows; one whose text is empty, or that the model cannot score, has `script` alone."""
        texts = [field_text(row, self.fields) for row in rows]
        full = [place for place, text in enumerate(texts) if text.strip()]
        scripts = [script_share(text, row.language) for row, text in zip(rows, texts, strict=True)]
        marks = [Marks({"script": script}, "its text is empty") for script in scripts]
        advance(len(rows) - len(full))
        if full:
            answers = ctx.models["scorer"].logprobs([LogprobQuery((), (texts[place],)) for place in full], advance)
            for place, (text,) in zip(full, answers, strict=True):
                found = {"script": scripts[place]}
                if not math.isfinite(text.mean):
                    marks[place] = Marks(found, "the model gives no log-probability for its text")
                    continue
                bits = -text.total / math.log(2)
                found |= {"perplexity": perplexity(text.mean), "logprob": text.mean, "tokens": len(text.logprobs)}
                found["bits_per_byte"] = bits / len(texts[place].encode())
                marks[place] = Marks(found)
        return self.marks_table(rows, marks, name)


def perplexity(mean: float) -> float:
    """Return exp(-mean) of a mean log-probability per token; infinite where a float cannot hold it."""
    try:
        return math.exp(-mean)
    except OverflowError:
        return math.inf
