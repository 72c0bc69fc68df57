"""Continual pre-training on documents and their rewrites, counted in exposures (methods.md C7).

The student goes on reading plain text, as in its pre-training: loss on every token, no prompt, no chat template.
One exposure shows every document once, in one of its variants (exposures.py has the order), so that arms with
different variants are compared at equal exposures, within one training: `probe` gets the model at those that `at`
names. The loop is lm.py's; snapshots.py keeps it from losing work. Full fine-tuning or LoRA; the result is a model
folder or a PEFT adapter, in safetensors.

How many variants a document has is decided before: the rows that come in are all shown, if there are exposures
enough.
"""

from __future__ import annotations

import math
import time
from collections import Counter
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from importlib.metadata import version
from itertools import accumulate
from pathlib import Path
from typing import TYPE_CHECKING, Any, ClassVar, Literal

from pydantic import Field, model_validator

from homespun.engine.context import Context
from homespun.engine.progress import Bar
from homespun.errors import DataError, DegenerateError
from homespun.models.checkpoint import missing_extra
from homespun.models.load import load_for_training, model_identity, quiet
from homespun.records import Payload, Row, Variant, content_hash, derive_seed
from homespun.task import ModelSpec, Task
from homespun.train.adapter import save_adapter, save_whole
from homespun.train.base import Card, Probe, Trainer
from homespun.train.exposures import (
    Schedule,
    Update,
    by_document,
    default_points,
    mix_in,
    plan_updates,
    rate_factor,
)
from homespun.train.lora import Lora
from homespun.train.replay import Replay
from homespun.train.snapshots import Snapshots

if TYPE_CHECKING:
    from homespun.train.batches import Example
    from homespun.train.lm import Learner


@dataclass(frozen=True)
class Plan:
    """All that a training shows, and in which order."""

    updates: list[Update]
    texts: list[list[Example]]  #: of each row, its parts
    pieces: list[Example]  #: of general text

    @property
    def tokens(self) -> list[int]:
        """Tokens of each row."""
        return [sum(map(len, parts)) for parts in self.texts]

    def shown(self, update: Update) -> tuple[list[Example], list[Example]]:
        """Return the texts and the general text of an update."""
        return [part for row in update.rows for part in self.texts[row]], [self.pieces[i] for i in update.replay]

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


class Continual(Trainer):
    """Continual pre-training, by exposures."""

    kind: Literal["continual"] = "continual"
    takes: ClassVar[type[Payload]] = Variant
    needs_task: ClassVar[bool] = False

    exposures: int = Field(40, ge=1, description="times that every document is shown")
    at: tuple[int, ...] | None = Field(
        None, description="exposures at which the model is evaluated, beside the last; default: down from it by √2"
    )
    batch_size: int = Field(4, ge=1, description="documents per update; no batch reaches into the next exposure")
    learning_rate: float = Field(3e-4, gt=0, description="at its peak")
    schedule: Schedule = Field("constant", description="constant, linear or cosine, after the warm-up")
    horizon: int | None = Field(None, ge=1, description="exposures after which the rate would be 0; default: the last")
    warmup: float = Field(0.03, ge=0, lt=1, description="share of the updates before the peak")
    weight_decay: float = Field(0.0, ge=0)
    max_grad_norm: float = Field(1.0, gt=0)
    lora: Lora | None = Field(None, description="null: all weights are trained")
    max_tokens: int = Field(1024, ge=8, description="longer texts are shown in parts, all in the same exposure")
    replay: Replay | None = Field(None, description="general text mixed in")
    products: Literal["auto", "float32", "bfloat16"] = Field(
        "auto", description="number format of products, not of weights; auto: bfloat16 on a GPU, float32 on a CPU"
    )
    checkpoint_minutes: float = Field(10.0, gt=0, description="minutes of work that a kill may cost at most")

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

    def exposures_at(self) -> tuple[int, ...]:
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
            DegenerateError: no rows, or the training diverged.
            DataError: a row is no text of a document, or the replay file cannot be read.
            ModelError: the student cannot be loaded or has no weights.
            StoreError: a checkpoint or the result cannot be written.
            MissingExtraError: torch, transformers or PEFT is not installed.
        """
        warnings = self.check_rows(rows, None)
        try:
            import peft
            import torch
            import transformers  # noqa: F401
        except ImportError as error:
            raise missing_extra("train") from error
        quiet()
        from homespun.train.fit import seeded
        from homespun.train.lm import Learner, answering

        identity = model_identity(student)
        hf_model, tokenizer = load_for_training(student.model_copy(update={"dtype": "float32"}))
        plan = self._plan(rows, seed, hf_model, tokenizer, warnings)
        about = dict(about or {})
        title = f"train {about.get('arm', out.name)} (seed {seed})"
        for warning in warnings:
            ctx.progress.say(f"{title}: {warning}")
        settings = self.model_dump(mode="json", exclude={"kind", "seeds"})
        fingerprint = content_hash(
            {
                "settings": {k: v for k, v in settings.items() if k not in ("at", "checkpoint_minutes")},
                "student": identity,
                "seed": seed,
                "rows": [row.id for row in rows],
                "replay": [[*piece.prompt, *piece.completion] for piece in plan.pieces],
                "probed": sorted(at) if probe else [],
                "arithmetic": [hf_model.device.type, torch.__version__, torch.get_num_threads()],
            }
        )

        snapshots = None if state is None else Snapshots(state, fingerprint)

        with seeded(seed):
            model = hf_model if self.lora is None else peft.get_peft_model(hf_model, self.lora.config())
            model.train()

            def ask(exposure: int) -> bool:
                if probe is None or exposure not in at:
                    return False
                with answering(f"{identity}+{fingerprint}-{exposure}", model, tokenizer) as answerer:
                    probe(answerer, exposure)
                return True

            learner = Learner(
                model,
                learning_rate=self.learning_rate,
                weight_decay=self.weight_decay,
                max_grad_norm=self.max_grad_norm,
                half=self.products == "bfloat16" or (self.products == "auto" and hf_model.device.type == "cuda"),
            )
            losses, seconds = [], 0.0
            if snapshots and (found := snapshots.latest()):
                tensors, facts = found
                learner.restore(tensors)
                losses, seconds = facts["losses"], facts["seconds"]
            with ctx.progress.bar(title, len(plan.updates), "update", done=len(losses)) as bar:
                seconds = self._learn(learner, plan, seed, losses, seconds, bar, ask, snapshots)
        card = Card(
            kind=self.kind,
            student=identity,
            seed=seed,
            rows=len(rows),
            labels={},
            warnings=warnings,
            epochs=self.exposures,
            steps=len(losses),
            tokens=plan.presented()[-1],
            seconds=seconds,
            tokens_per_second=plan.presented()[-1] / seconds,
            losses=losses,
            settings=settings,
            device=str(hf_model.device),
            dtype=str(hf_model.dtype).removeprefix("torch."),
            threads=torch.get_num_threads(),
            versions={name: version(name) for name in ("homespun", "torch", "transformers", "peft")},
            about=about,
            documents=len({row.groups["document"] for row in rows}),
            replay_tokens=sum(len(plan.pieces[piece]) for update in plan.updates for piece in update.replay),
            exposure_losses=plan.exposure_losses(losses),
            exposure_tokens=plan.presented(),
        )
        if self.lora is None:
            save_whole(model, tokenizer, student, card, out)
        else:
            save_adapter(model, student, card, out)
        return card

    def _plan(self, rows: Sequence[Row], seed: int, hf_model: Any, tokenizer: Any, warnings: list[str]) -> Plan:
        """Return all that will be shown; add warnings about it."""
        from homespun.train.lm import encode_texts

        longest = min(self.max_tokens, int(getattr(hf_model.config, "max_position_embeddings", None) or 1 << 30))
        texts = encode_texts([row.text for row in rows], tokenizer, longest)
        in_parts = [len(parts) for parts in texts if len(parts) > 1]
        if in_parts:
            warnings.append(
                f"{len(in_parts)} of {len(rows)} texts are longer than {longest} tokens and are shown in parts (up to "
                f"{max(in_parts)}), all in the same exposure"
            )
        updates = plan_updates([row.groups["document"] for row in rows], self.batch_size, self.exposures, seed)
        plan = Plan(updates, texts, [])
        if self.replay is None:
            return plan
        owed = plan.presented()[-1] * self.replay.share / (1 - self.replay.share)
        pieces = self.replay.pieces(owed, tokenizer, longest)
        if (had := sum(map(len, pieces))) < owed:
            warnings.append(f"the replay text has {had} tokens and is shown {owed / had:.1f} times")
        return Plan(mix_in(updates, plan.tokens, [len(piece) for piece in pieces], self.replay.share), texts, pieces)

    def _learn(
        self,
        learner: Learner,
        plan: Plan,
        seed: int,
        losses: list[float],
        seconds: float,
        bar: Bar,
        ask: Callable[[int], bool],
        snapshots: Snapshots | None,
    ) -> float:
        """Take the updates that follow those whose `losses` are given, and add theirs.

        `ask` evaluates the model after an exposure and says whether it did. Returns the seconds of all updates, those
        of earlier processes (`seconds`) too.
        """
        count = len(plan.updates)
        warmup = math.ceil(self.warmup * count)
        horizon = (self.horizon or self.exposures) * count / self.exposures
        last = {update.exposure: number for number, update in enumerate(plan.updates)}  # exposure -> its last update
        written = time.monotonic()
        for number in range(len(losses), count):
            update = plan.updates[number]
            factor = rate_factor(number, self.schedule, warmup, horizon)
            started = time.monotonic()
            losses.append(learner.learn(*plan.shown(update), factor, derive_seed(seed, "update", number)))
            seconds += time.monotonic() - started
            bar.advance()
            bar.note(f"exposure {update.exposure}, loss {losses[-1]:.3f}")
            asked = number == last[update.exposure] and ask(update.exposure)
            if snapshots and (asked or time.monotonic() - written > 60 * self.checkpoint_minutes):
                snapshots.write(number + 1, learner.tensors(), {"losses": losses, "seconds": seconds})
                written = time.monotonic()
        return seconds
