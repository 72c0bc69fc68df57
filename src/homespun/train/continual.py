"""Continual pre-training on documents and their rewrites, counted in exposures (methods.md C7).

The student goes on reading plain text, as in its pre-training: loss on every token, no prompt, no chat template.
One exposure shows every document once, in one of its variants (exposures.py has the order), so that arms with
different variants are compared at equal exposures, within one training: `probe` gets the model at those that `at`
names. The loop is gradient.py's. Full fine-tuning or LoRA; the result is a model folder or a PEFT adapter, in
safetensors.

How many variants a document has is decided before: the rows that come in are all shown, if there are exposures
enough.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import replace
from typing import Any, ClassVar, Literal

from pydantic import Field, model_validator

from homespun.data.records import Payload, Row, Variant
from homespun.engine.context import Context
from homespun.errors import DataError, DegenerateError
from homespun.task import Task
from homespun.train.exposures import Schedule, by_document, default_points, mix_in, plan_updates, rate_factor
from homespun.train.gradient import GradientTrainer, Plan
from homespun.train.lora import Lora
from homespun.train.replay import Replay


class Continual(GradientTrainer):
    """Continual pre-training, by exposures."""

    kind: Literal["continual"] = "continual"
    added: ClassVar[frozenset[str]] = frozenset({"products"})
    takes: ClassVar[type[Payload]] = Variant
    needs_task: ClassVar[bool] = False
    dtype: ClassVar[Literal["float32"] | None] = "float32"
    exposure: ClassVar[str] = "exposure"

    exposures: int = Field(40, ge=1, description="times that every document is shown")
    at: tuple[int, ...] | None = Field(
        None, description="exposures at which the model is evaluated, beside the last; default: down from it by √2"
    )
    batch_size: int = Field(4, ge=1, description="documents per update; no batch reaches into the next exposure")
    learning_rate: float = Field(3e-4, gt=0, description="at its peak")
    schedule: Schedule = Field("constant", description="constant, linear or cosine, after the warm-up")
    horizon: int | None = Field(None, ge=1, description="exposures after which the rate would be 0; default: the last")
    lora: Lora | None = Field(None, description="null: all weights are trained")
    max_tokens: int = Field(1024, ge=8, description="longer texts are shown in parts, all in the same exposure")
    replay: Replay | None = Field(None, description="general text mixed in")

    @model_validator(mode="after")
    def _possible(self) -> Continual:
        outside = [point for point in self.at or () if not 1 <= point <= self.exposures]
        if outside:
            raise ValueError(f"at: {outside[0]} is not among the exposures, which are 1 to {self.exposures}")
        if self.horizon is not None and self.schedule == "constant":
            raise ValueError("a constant schedule has no horizon; set schedule: cosine or linear, or take it out")
        if self.horizon is not None and self.horizon < self.exposures:
            raise ValueError(
                f"horizon: {self.horizon} lies before the last of {self.exposures} exposures; nothing would be "
                "learned after it"
            )
        return self

    def points(self) -> tuple[int, ...]:
        """Return the exposures at which the model is to be evaluated; the last is always among them."""
        chosen = default_points(self.exposures) if self.at is None else self.at
        return tuple(sorted({*chosen, self.exposures}))

    def look(self) -> object:
        """Read the first of the general text (see Trainer)."""
        return None if self.replay is None else self.replay.look()

    def once(self) -> Continual:
        """Return a trainer of one exposure."""
        return self.model_copy(update={"exposures": 1, "at": None, "horizon": None, "schedule": "constant"})

    def presented(self, rows: float, records: int) -> float:
        """Return the texts of all exposures, one of every document in each."""
        return self.exposures * records

    def check_rows(self, rows: Sequence[Row], task: Task | None) -> list[str]:
        """Return warnings about the rows.

        Raises:
            DegenerateError: no rows.
            DataError: a row is no text of a document, or is empty.
        """
        if not rows:
            raise DegenerateError("there are no texts to train on. Loosen the selection rules, or generate more.")
        other = next(
            (row for row in rows if not isinstance(row.payload, Variant) or "document" not in row.groups), None
        )
        if other is not None:
            raise DataError(f"`continual` takes texts of documents; row {other.id} is none")
        empty = [row.id for row in rows if not row.text.strip()]
        if empty:
            raise DataError(f"{len(empty)} of {len(rows)} texts are empty (first: {empty[0]}). Drop them.")
        counts = [len(found) for found in by_document([row.groups["document"] for row in rows]).values()]
        warnings = []
        if min(counts) < max(counts):
            fewest = sum(count < max(counts) for count in counts)
            warnings.append(
                f"{fewest} of {len(counts)} documents have fewer variants than others (from {min(counts)} to "
                f"{max(counts)}); theirs are shown more often"
            )
        if max(counts) > self.exposures:
            unseen = sum(max(count - self.exposures, 0) for count in counts)
            warnings.append(
                f"{unseen} of {len(rows)} variants are never shown: documents have up to {max(counts)}, and are "
                f"shown {self.exposures} times"
            )
        return warnings

    def rate(self, update: int, count: int) -> float:
        """Return the share of the peak learning rate at an update (from 0) of `count`."""
        horizon = (self.horizon or self.exposures) * count / self.exposures
        return rate_factor(update, self.schedule, math.ceil(self.warmup * count), horizon)

    def plan(
        self, rows: Sequence[Row], ctx: Context, seed: int, hf_model: Any, tokenizer: Any, warnings: list[str]
    ) -> Plan:
        """Return the texts by exposures, with the general text mixed in; add warnings about it.

        Raises:
            DataError: the replay file cannot be read.
        """
        from homespun.train.batches import encode_texts

        longest = min(self.max_tokens, int(getattr(hf_model.config, "max_position_embeddings", None) or 1 << 30))
        texts = encode_texts([row.text for row in rows], tokenizer, longest)
        in_parts = [len(parts) for parts in texts if len(parts) > 1]
        if in_parts:
            warnings.append(
                f"{len(in_parts)} of {len(rows)} texts are longer than {longest} tokens and are shown in parts (up to "
                f"{max(in_parts)}), all in the same exposure"
            )
        documents = [row.groups["document"] for row in rows]
        updates = plan_updates(documents, self.batch_size, self.exposures, seed)
        plan = Plan(updates, texts, card={"labels": {}, "documents": len(set(documents))})
        if self.replay is None:
            return plan
        owed = plan.presented()[-1] * self.replay.share / (1 - self.replay.share)
        pieces = self.replay.pieces(owed, tokenizer, longest)
        if (had := sum(map(len, pieces))) < owed:
            warnings.append(f"the replay text has {had} tokens and is shown {owed / had:.1f} times")
        updates = mix_in(updates, plan.tokens, [len(piece) for piece in pieces], self.replay.share)
        return replace(plan, updates=updates, pieces=pieces)
