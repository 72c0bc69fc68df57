"""Supervised fine-tuning with LoRA: the student learns to answer each row's prompt with its label.

LoRA (Hu et al., 2021) on every linear layer; loss on label and end of turn only; AdamW, linear warm-up,
cosine to zero (methods.md A6). Every hyperparameter of the recipe is in `Sft`; the steps are in fit.py.
Rows longer than `max_tokens` are left out and counted, never cut: a cut row has lost its label or its
question. The result is a PEFT adapter in safetensors, nothing else.
"""

from __future__ import annotations

import time
from collections.abc import Mapping, Sequence
from importlib.metadata import version
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import TYPE_CHECKING, Literal

from pydantic import Field

from homespun.engine.context import Context
from homespun.errors import DegenerateError
from homespun.models.checkpoint import missing_extra
from homespun.models.load import load_for_training, model_identity, quiet
from homespun.records import Row
from homespun.task import ModelSpec
from homespun.train.adapter import save_adapter
from homespun.train.base import Card, Probe, Trainer
from homespun.train.lora import Lora

if TYPE_CHECKING:
    from homespun.train.batches import Example


class Sft(Trainer):
    """Supervised fine-tuning with LoRA."""

    kind: Literal["sft"] = "sft"
    lora: Lora = Lora()
    epochs: int = Field(2, ge=1, description="times that every row is presented")
    learning_rate: float = Field(2e-4, gt=0, description="at its peak")
    batch_size: int = Field(16, ge=1, description="rows per step")
    max_tokens: int = Field(512, ge=8, description="prompt and completion; longer rows are left out")
    warmup: float = Field(0.03, ge=0, lt=1, description="share of the steps before the peak")
    weight_decay: float = Field(0.0, ge=0)
    max_grad_norm: float = Field(1.0, gt=0)

    def once(self) -> Sft:
        """Return a trainer of one epoch."""
        return self.model_copy(update={"epochs": 1})

    def presented(self, rows: float, records: int) -> float:
        """Return the rows of all epochs."""
        return rows * self.epochs

    def __call__(
        self,
        rows: Sequence[Row],
        ctx: Context,
        student: ModelSpec,
        seed: int,
        out: Path,
        probe: Probe | None = None,
        at: Sequence[int] = (),
        about: Mapping[str, str] | None = None,
        state: Path | None = None,
    ) -> Card:
        """Train and write the adapter, its model card and, last, `card.json` to `out`.

        One exposure is one epoch.

        Raises:
            DegenerateError: no rows, one label only, every row too long, or the training diverged.
            DataError: a row without text or with an unknown label.
            ModelError: the student cannot be loaded or has no weights.
            MissingExtraError: torch, transformers or PEFT is not installed.
        """
        warnings = self.check_rows(rows, ctx.task)
        try:
            import accelerate  # noqa: F401 - the Trainer needs it
            import peft
            import torch
            import transformers  # noqa: F401
        except ImportError as error:
            raise missing_extra("train") from error
        quiet()
        from homespun.train.batches import encode, plan_batches
        from homespun.train.fit import fit, seeded
        from homespun.train.lm import answering

        hf_model, tokenizer = load_for_training(student)
        identity = model_identity(student)
        used, examples = self._short_enough(rows, encode(rows, ctx.task, ctx.language, tokenizer), warnings)
        if len(used) < len(rows):
            warnings += self.check_rows(used, ctx.task)
        steps = plan_batches([len(example) for example in examples], self.batch_size, self.epochs, seed)
        about = dict(about or {})
        title = f"train {about.get('arm', out.name)} (seed {seed})"
        for warning in warnings:
            ctx.progress.say(f"{title}: {warning}")
        exposed_at = {len(steps) // self.epochs * epoch: epoch for epoch in at}

        with ctx.progress.bar(title, len(steps), "step") as bar, seeded(seed), TemporaryDirectory() as scratch:
            model = peft.get_peft_model(hf_model, self.lora.config())

            def step_done(step: int, loss: float) -> None:
                bar.advance()
                bar.note(f"loss {loss:.3f}")
                if probe is not None and step in exposed_at:
                    with answering(f"{identity}+step-{step}", model, tokenizer) as answerer:
                        probe(answerer, exposed_at[step])

            started = time.monotonic()
            losses = fit(
                model,
                examples,
                steps,
                seed=seed,
                dropout=self.lora.dropout,
                scratch=scratch,
                step_done=step_done,
                learning_rate=self.learning_rate,
                warmup=self.warmup,
                weight_decay=self.weight_decay,
                max_grad_norm=self.max_grad_norm,
            )
            seconds = time.monotonic() - started
        tokens = self.epochs * sum(len(example) for example in examples)
        card = Card(
            kind=self.kind,
            student=identity,
            seed=seed,
            rows=len(used),
            labels={label: sum(row.payload.output == label for row in used) for label in ctx.task.labels},
            warnings=warnings,
            epochs=self.epochs,
            steps=len(steps),
            tokens=tokens,
            seconds=seconds,
            tokens_per_second=tokens / seconds,
            losses=losses,
            settings=self.model_dump(mode="json", exclude={"kind", "seeds"}),
            device=str(hf_model.device),
            dtype=str(hf_model.dtype).removeprefix("torch."),
            threads=torch.get_num_threads(),
            versions={name: version(name) for name in ("homespun", "torch", "transformers", "peft")},
            about=about,
        )
        save_adapter(model, student, card, out)
        return card

    def _short_enough(
        self, rows: Sequence[Row], examples: Sequence[Example], warnings: list[str]
    ) -> tuple[list[Row], list[Example]]:
        """Return the rows within `max_tokens`; add a warning that counts the others."""
        kept = [i for i, example in enumerate(examples) if len(example) <= self.max_tokens]
        longest = max(map(len, examples))
        if not kept:
            raise DegenerateError(
                f"all {len(rows)} rows are longer than max_tokens {self.max_tokens} (prompt and label; the longest "
                f"has {longest}). Raise max_tokens or generate shorter rows."
            )
        if len(kept) < len(rows):
            warnings.append(
                f"{len(rows) - len(kept)} of {len(rows)} rows are longer than max_tokens {self.max_tokens} (the "
                f"longest has {longest} tokens) and were left out"
            )
        return [rows[i] for i in kept], [examples[i] for i in kept]
