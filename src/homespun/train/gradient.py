"""The training loop that all trainers share: planned updates by gradient, and nothing lost by a kill.

A trainer says which examples there are and in which order they are shown (`plan`), and what is learned from those of
an update (`loss`: the mean over all predicted tokens, unless it says otherwise). The rest stands here: model or
adapter, rate, probes, checkpoints (snapshots.py), the result and its card. One step of the arithmetic is learner.py's.
"""

from __future__ import annotations

import math
import time
from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from importlib.metadata import version
from itertools import accumulate
from pathlib import Path
from typing import TYPE_CHECKING, Any, ClassVar, Literal

from pydantic import Field

from homespun.data.records import JSONDict, Row, content_hash, derive_seed
from homespun.engine.context import Context
from homespun.errors import DegenerateError
from homespun.models.libraries import missing_extra, quiet
from homespun.models.load import load_for_training, model_identity
from homespun.task import ModelSpec
from homespun.train.adapter import save
from homespun.train.base import Card, Probe, Trainer
from homespun.train.exposures import Update, rate_factor
from homespun.train.lora import Lora
from homespun.train.snapshots import Snapshots

if TYPE_CHECKING:
    from homespun.train.batches import Example
    from homespun.train.learner import Learner, Loss


@dataclass(frozen=True)
class Plan:
    """All that a training shows, and in which order."""

    updates: list[Update]
    texts: list[list[Example]]  #: of each row trained on, its parts
    pieces: list[Example] = field(default_factory=list)  #: of general text
    shared: int = 0  #: leading tokens that all prompts have in common and that are read once for several
    card: JSONDict = field(default_factory=dict)  #: what the trainer's card says beside what every card does

    @property
    def tokens(self) -> list[int]:
        """Tokens of each row."""
        return [sum(map(len, parts)) for parts in self.texts]

    def presented(self) -> list[int]:
        """Return the tokens of rows shown up to the end of every exposure."""
        tokens = self.tokens
        by_exposure = Counter[int]()
        for update in self.updates:
            by_exposure[update.exposure] += sum(tokens[row] for row in update.rows)
        return list(accumulate(by_exposure.values()))

    def exposure_losses(self, losses: Sequence[float]) -> list[float]:
        """Return the mean loss of every exposure, from that of every update."""
        parts: dict[int, list[tuple[float, int]]] = {}
        for update, loss in zip(self.updates, losses, strict=True):
            predicted = sum(len(part.completion) for row in update.rows for part in self.texts[row])
            parts.setdefault(update.exposure, []).append((loss * predicted, predicted))
        return [sum(loss for loss, _ in found) / sum(count for _, count in found) for found in parts.values()]


class GradientTrainer(Trainer):
    """Base of the trainers that change weights by gradients, here."""

    not_learned: ClassVar[frozenset[str]] = frozenset({"checkpoint_minutes"})
    dtype: ClassVar[Literal["float32"] | None] = None  #: of the weights; None: what the student's spec says
    exposure: ClassVar[str] = "epoch"  #: what one showing of everything is called

    lora: Lora | None = None
    batch_size: int = Field(16, ge=1, description="rows per update")
    learning_rate: float = Field(2e-4, gt=0, description="at its peak")
    warmup: float = Field(0.03, ge=0, lt=1, description="share of the updates before the peak")
    weight_decay: float = Field(0.0, ge=0)
    max_grad_norm: float = Field(1.0, gt=0)
    products: Literal["auto", "float32", "bfloat16"] = Field(
        "auto", description="number format of products, not of weights; auto: bfloat16 on a GPU, float32 on a CPU"
    )
    checkpoint_minutes: float = Field(10.0, gt=0, description="minutes of work that a kill may cost at most")

    def plan(
        self, rows: Sequence[Row], ctx: Context, seed: int, hf_model: Any, tokenizer: Any, warnings: list[str]
    ) -> Plan:
        """Return all that will be shown; add warnings about it."""
        raise NotImplementedError

    def loss(self, learner: Learner, texts: Sequence[Sequence[Example]], replay: Sequence[Example]) -> Iterator[Loss]:
        """Compute what is learned from the rows (each given by its parts) and the general text of an update."""
        return learner.token_mean(texts, replay)

    def rate(self, update: int, count: int) -> float:
        """Return the share of the peak learning rate at an update (from 0) of `count`."""
        return rate_factor(update, "cosine", math.ceil(self.warmup * count), count)

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
        """Train and write the model or adapter, its model card and, last, `card.json` to `out`.

        With `state`, a rerun with the same rows and settings goes on from the last checkpoint in that folder and ends
        with the same bytes as a training that was never interrupted, on the same machine with the same number of
        threads. A probe whose exposure lies before that checkpoint is not called again.

        Raises:
            DegenerateError: rows that teach nothing, or the training diverged.
            DataError: rows that do not fit the trainer, or a file that it needs cannot be read.
            ModelError: the student cannot be loaded or has no weights.
            StoreError: a checkpoint or the result cannot be written.
            MissingExtraError: torch, transformers or PEFT is not installed.
        """
        warnings = self.check_rows(rows, ctx.task)
        try:
            import peft
            import torch
            import transformers  # noqa: F401
        except ImportError as error:
            raise missing_extra("train") from error
        quiet()
        from homespun.train.learner import Learner, answering

        identity = model_identity(student)
        hf_model, tokenizer = load_for_training(student.model_copy(update={"dtype": self.dtype or student.dtype}))
        plan = self.plan(rows, ctx, seed, hf_model, tokenizer, warnings)
        about = dict(about or {})
        title = f"train {about.get('arm', out.name)} (seed {seed})"
        for warning in warnings:
            ctx.progress.say(f"{title}: {warning}")
        settings = self.model_dump(mode="json", exclude={"kind", "seeds"})
        fingerprint = content_hash(
            {
                "settings": {k: v for k, v in settings.items() if k not in {"at", *self.not_learned}},
                "student": identity,
                "seed": seed,
                "examples": [
                    [[part.prompt, part.completion] for part in parts] for parts in [*plan.texts, plan.pieces]
                ],
                "updates": [[update.exposure, update.rows, update.replay] for update in plan.updates],
                "probed": sorted(at) if probe else [],
                "arithmetic": [hf_model.device.type, torch.__version__, torch.get_num_threads()],
            }
        )
        snapshots = None if state is None else Snapshots(state, fingerprint)
        last = {update.exposure: number for number, update in enumerate(plan.updates)}  # exposure -> its last update
        count = len(plan.updates)

        with torch.random.fork_rng():
            torch.manual_seed(seed)
            model = hf_model if self.lora is None else peft.get_peft_model(hf_model, self.lora.config())
            model.train()
            learner = Learner(
                model,
                learning_rate=self.learning_rate,
                weight_decay=self.weight_decay,
                max_grad_norm=self.max_grad_norm,
                half=self.products == "bfloat16" or (self.products == "auto" and hf_model.device.type == "cuda"),
                shared=plan.shared,
            )
            losses: list[float] = []
            seconds = 0.0  # of the updates alone, in all processes
            if snapshots and (found := snapshots.latest()):
                tensors, facts = found
                learner.restore(tensors)
                losses, seconds = facts["losses"], facts["seconds"]
            written = time.monotonic()
            with ctx.progress.bar(title, count, "step", done=len(losses)) as bar:
                for number in range(len(losses), count):
                    update = plan.updates[number]
                    started = time.monotonic()
                    shown = [plan.texts[row] for row in update.rows], [plan.pieces[i] for i in update.replay]
                    parts = self.loss(learner, *shown)
                    loss = learner.learn(parts, self.rate(number, count), derive_seed(seed, "update", number))
                    if not math.isfinite(loss):
                        raise DegenerateError(
                            f"the training diverged: the loss of step {number + 1} is {loss} at learning_rate "
                            f"{self.learning_rate}. Lower it."
                        )
                    losses.append(loss)
                    seconds += time.monotonic() - started
                    bar.advance()
                    bar.note(f"{self.exposure} {update.exposure}, loss {loss:.3f}")
                    due = time.monotonic() - written > 60 * self.checkpoint_minutes
                    if probe and number == last[update.exposure] and update.exposure in at:
                        with answering(f"{identity}+{fingerprint}-{update.exposure}", model, tokenizer) as answerer:
                            probe(answerer, update.exposure)
                        due = True
                    if snapshots and due:
                        snapshots.write(number + 1, learner.tensors(), {"losses": losses, "seconds": seconds})
                        written = time.monotonic()
        presented = plan.presented()
        card = Card(
            kind=self.kind,
            student=identity,
            seed=seed,
            rows=len(plan.texts),
            warnings=warnings,
            epochs=plan.updates[-1].exposure,
            steps=count,
            tokens=presented[-1],
            seconds=seconds,
            tokens_per_second=presented[-1] / seconds,
            losses=losses,
            settings=settings,
            device=str(hf_model.device),
            dtype=str(hf_model.dtype).removeprefix("torch."),
            threads=torch.get_num_threads(),
            versions={name: version(name) for name in ("homespun", "torch", "transformers", "peft")},
            about=about,
            replay_tokens=sum(len(plan.pieces[piece]) for update in plan.updates for piece in update.replay),
            exposure_losses=plan.exposure_losses(losses),
            exposure_tokens=presented,
            **plan.card,
        )
        save(model, tokenizer, student, card, out)
        return card
