"""Supervised fine-tuning with LoRA: the student learns to answer each row's prompt with its label.

LoRA (Hu et al., 2021) on every linear layer; loss on label and end of turn only; AdamW, linear warm-up,
cosine to zero (methods.md A6). Rows longer than `max_tokens` are left out and counted, never cut: a cut row has
lost its label or its question. The loop is gradient.py's; the result is a PEFT adapter in safetensors.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, ClassVar, Literal

from pydantic import Field

from homespun.data.records import Row
from homespun.engine.context import Context
from homespun.errors import DegenerateError
from homespun.models.encoding import shared_prefix
from homespun.train.gradient import GradientTrainer, Plan
from homespun.train.lora import Lora


class Sft(GradientTrainer):
    """Supervised fine-tuning with LoRA. One exposure is one epoch."""

    kind: Literal["sft"] = "sft"
    added: ClassVar[frozenset[str]] = frozenset({"products", "checkpoint_minutes"})
    lora: Lora = Lora()
    epochs: int = Field(2, ge=1, description="times that every row is presented")
    max_tokens: int = Field(512, ge=8, description="prompt and completion; longer rows are left out")

    def once(self) -> Sft:
        """Return a trainer of one epoch."""
        return self.model_copy(update={"epochs": 1})

    def presented(self, rows: float, records: int) -> float:
        """Return the rows of all epochs."""
        return rows * self.epochs

    def plan(
        self, rows: Sequence[Row], ctx: Context, seed: int, hf_model: Any, tokenizer: Any, warnings: list[str]
    ) -> Plan:
        """Return the rows within `max_tokens`, in batches of similar length; add a warning that counts the others.

        Raises:
            DegenerateError: every row is too long, or those that are left have one label.
        """
        from homespun.train.batches import encode, plan_batches

        examples = encode(rows, ctx.the_task, ctx.language, tokenizer)
        longest = max(map(len, examples))
        kept = [i for i, example in enumerate(examples) if len(example) <= self.max_tokens]
        if not kept:
            raise DegenerateError(
                f"all {len(rows)} rows are longer than max_tokens {self.max_tokens} (prompt and label; the longest "
                f"has {longest}). Raise max_tokens or generate shorter rows."
            )
        rows, examples, given = [rows[i] for i in kept], [examples[i] for i in kept], len(rows)
        if len(rows) < given:
            warnings.append(
                f"{given - len(rows)} of {given} rows are longer than max_tokens {self.max_tokens} (the "
                f"longest has {longest} tokens) and were left out"
            )
            warnings += self.check_rows(rows, ctx.the_task)
        return Plan(
            plan_batches([len(example) for example in examples], self.batch_size, self.epochs, seed),
            [[example] for example in examples],
            # With dropout the rows would have one mask in common on what they share.
            shared=0 if self.lora.dropout else shared_prefix([example.prompt for example in examples]),
            card={"labels": {label: sum(row.payload.output == label for row in rows) for label in ctx.the_task.labels}},
        )
