"""A vector per row: what the rules on likeness, centrality and spread compare.

Vectors come from one of

- `model: student` (default), `scorer`, `judge`, `writer`: in this process the mean hidden state over the text's
  own tokens after `layer` (default two thirds of them: methods.md B2), of a server its embeddings endpoint;
- `sentence_transformers: PATH_OR_ID`: a model made for it.

The text is embedded alone, without a chat template: of responses name `fields: [output]`. Vectors are kept as
they come, neither centred nor normalised: both depend on the other rows, and are up to the rule that
compares them. A row whose text is empty has a vector of nan.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import ClassVar, Literal

import numpy as np
from pydantic import Field, model_validator

from homespun.data.records import Payload, Row, Scores
from homespun.engine.context import Context
from homespun.errors import UsageError
from homespun.models.base import Advance, ignore_progress
from homespun.models.load import SENTENCE
from homespun.score.base import Scorer
from homespun.task import ModelSpec, Role, Task
from homespun.text.fields import FIELDS, field_text


class Embedding(Scorer):
    """The embedding of a row's text, as one column `vector`."""

    kind: Literal["embedding"] = "embedding"
    needs_task: ClassVar[bool] = False
    takes: ClassVar[type[Payload]] = Payload
    fields: tuple[str, ...] | None = Field(None, min_length=1, description=FIELDS)
    model: Role = Field("student", description="whose hidden states, or, of a server, whose embeddings endpoint")
    layer: int | None = Field(None, ge=1, description="after which layer; two thirds of them unless given")
    sentence_transformers: str | None = Field(
        None, min_length=1, description="path or hub id of a sentence-transformers model, in place of `model`"
    )

    @model_validator(mode="after")
    def _one_source(self) -> Embedding:
        if self.sentence_transformers and self.layer is not None:
            raise ValueError("a sentence-transformers model takes no layer; take `layer` out")
        return self

    def server_lacks(self, spec: ModelSpec) -> tuple[str, str] | None:
        """Name `layer`, which no server takes."""
        if self.layer is None:
            return None
        return "layer", (
            f"models.{self.role} is a server, whose embeddings endpoint takes no layer; take `layer` out, or set"
            f" models.{self.role} to embedded, a path or a hub id"
        )

    @property
    def role(self) -> Role:
        """Whose vectors, unless it has a model of its own."""
        return self.model

    @property
    def own_model(self) -> ModelSpec | None:
        """The sentence-transformers model, if one is named."""
        return ModelSpec(id=f"{SENTENCE}{self.sentence_transformers}") if self.sentence_transformers else None

    def check(self, task: Task) -> None:
        """Refuse a task of several texts where none is named: with a long one inside, rows that share it look alike.

        Raises:
            UsageError: `fields` is missing.
        """
        self._one_of(task.fields)

    def _one_of(self, names: Sequence[str]) -> None:
        if self.fields is None and len(names) > 1:
            raise UsageError(
                f"embedding: rows have the fields {', '.join(names)}, and one vector of all would make rows that share"
                f" a long one look alike; name what it is made of: fields: [{names[-1]}], or all of them to have it so"
            )

    def columns(self) -> tuple[str, ...]:
        """Return the column names."""
        return ("vector",)

    def __call__(
        self, rows: Sequence[Row], ctx: Context, *, name: str = "", advance: Advance = ignore_progress
    ) -> Scores:
        """Embed rows; one with an empty text or without a finite vector has none."""
        for row in rows:
            self._one_of(list(row.payload.fields))
        texts = [field_text(row, self.fields) for row in rows]
        full = [place for place, text in enumerate(texts) if text.strip()]
        advance(len(rows) - len(full))
        reasons = {row.id: "its text is empty" for row, text in zip(rows, texts, strict=True) if not text.strip()}
        model = ctx.models.of(self.own_model) if self.own_model else ctx.models[self.role]
        asked = [texts[place] for place in full] or ["a"]  # a shard of empty texts still has a width
        found = model.embed(asked, advance if full else ignore_progress, layer=self.layer)
        vectors = np.full((len(rows), found.shape[1]), np.nan, dtype=np.float32)
        if full:
            vectors[full] = found
        for place in full:
            if not np.isfinite(vectors[place]).all() or not vectors[place].any():
                vectors[place] = np.nan
                reasons[rows[place].id] = "its embedding has no direction"
        return Scores(name or self.kind, self.primary, tuple(row.id for row in rows), {"vector": vectors}, reasons)
