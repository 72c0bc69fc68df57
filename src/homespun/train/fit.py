"""The training loop of a causal language model on completions: transformers' Trainer with another loss.

Two things make it fast on a CPU. Logits are computed only at the positions that predict a completion
token, not over the whole vocabulary at every position. And rows are packed behind one copy of the start
that all have in common (system turn, instructions), with a mask that shows each row the start and itself:
no padding, fewer and larger products, the start once instead of once per row. Loss and gradients are those
of the plain way (causal attention: the start cannot see what follows).

Nothing is logged, saved, evaluated or sent anywhere by the Trainer. docs/training.md has the measurements.
"""

from __future__ import annotations

import inspect
import math
import random
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from typing import Any

import numpy as np
import torch
import transformers
from transformers.cache_utils import DynamicCache, DynamicLayer

from homespun.errors import DegenerateError
from homespun.models.encoding import shared_prefix
from homespun.train.batches import Example, collate
from homespun.train.exposures import rate_factor

PACK = 384  #: tokens of rows in a sequence; attention grows with the square of it, products get no better

StepDone = Callable[[int, float], None]  #: called with the number of steps done and the last one's loss


@contextmanager
def seeded(seed: int) -> Iterator[None]:
    """Seed every global generator, and put back what was there before."""
    python, numpy = random.getstate(), np.random.get_state()
    with torch.random.fork_rng():
        transformers.set_seed(seed)
        try:
            yield
        finally:
            random.setstate(python)
            np.random.set_state(numpy)


def completion_loss(model: Any, batch: dict[str, torch.Tensor]) -> torch.Tensor:
    """Return the mean cross-entropy (nats) over the completion tokens of a batch from `collate`."""
    return torch.nn.functional.cross_entropy(completion_logits(model, batch), batch["targets"])


def completion_logits(model: Any, batch: dict[str, torch.Tensor]) -> torch.Tensor:
    """Return the logits that predict the completion tokens of a batch, shape (N, vocabulary), float32."""
    packed: dict[str, torch.Tensor] = {}
    if "visible" in batch:
        hidden = torch.finfo(model.dtype).min
        mask = torch.zeros_like(batch["visible"], dtype=model.dtype).masked_fill(~batch["visible"], hidden)
        packed = {"attention_mask": mask, "position_ids": batch["places"]}
    read = batch["sequence"], batch["column"]
    head = model.get_output_embeddings()
    # What is read is picked before the head: its output is by far the largest tensor, and would be copied.
    hook = None if head is None else head.register_forward_pre_hook(lambda _, inputs: (inputs[0][read],))
    try:
        logits = model(input_ids=batch["tokens"], **packed, use_cache=False, logits_to_keep=batch["columns"]).logits
    finally:
        if hook is not None:
            hook.remove()
    predicted: torch.Tensor = logits if hook is not None else logits[read]
    return predicted.float()


def packable(model: Any) -> bool:
    """Return whether rows may share a sequence: plain attention with positions and a mask of our own.

    A sliding window or a recurrent state sees what the mask would hide; attention with a bias by distance
    takes no positions.
    """
    model = model.get_base_model() if hasattr(model, "get_base_model") else model
    plain = all(type(layer) is DynamicLayer for layer in DynamicCache(config=model.config).layers)
    masked = model.config._attn_implementation in ("sdpa", "eager")
    return plain and masked and "position_ids" in inspect.signature(model.forward).parameters


class _CompletionTrainer(transformers.Trainer):  # type: ignore[misc]
    """transformers' Trainer on planned batches, with `completion_loss` and the rates of `rate_factor`."""

    def __init__(self, warmup: float, **settings: Any) -> None:
        super().__init__(**settings)
        self.remove_callback(transformers.PrinterCallback)
        self.warmup = warmup
        self.losses: list[float] = []

    def create_scheduler(self, num_training_steps: int, optimizer: Any = None) -> Any:
        # transformers' own warm-up takes the first step at rate 0: its batch would be shown and not learned
        warmup = math.ceil(self.warmup * num_training_steps)
        self.lr_scheduler = torch.optim.lr_scheduler.LambdaLR(
            optimizer or self.optimizer, lambda step: rate_factor(step, "cosine", warmup, num_training_steps)
        )
        return self.lr_scheduler

    def compute_loss(self, model: Any, inputs: dict[str, torch.Tensor], *_: Any, **__: Any) -> torch.Tensor:
        loss = completion_loss(model, inputs)
        self.losses.append(float(loss.detach()))
        if not math.isfinite(self.losses[-1]):
            raise DegenerateError(
                f"the training diverged: the loss of step {len(self.losses)} is {self.losses[-1]} at "
                f"learning_rate {self.args.learning_rate}. Lower it."
            )
        return loss


class _StepDone(transformers.TrainerCallback):  # type: ignore[misc]
    """Tells the caller about each finished step."""

    def __init__(self, losses: list[float], tell: StepDone) -> None:
        self.losses, self.tell = losses, tell

    def on_step_end(self, args: Any, state: Any, control: Any, **_: Any) -> None:
        self.tell(state.global_step, self.losses[-1])


def fit(
    model: Any,
    examples: Sequence[Example],
    steps: Sequence[Sequence[int]],
    *,
    seed: int,
    dropout: float,
    scratch: str,
    step_done: StepDone,
    warmup: float,
    **arguments: Any,
) -> list[float]:
    """Train the model in place, a step per entry of `steps` (from `plan_batches`); return their losses.

    The rate rises over the first share `warmup` of the steps and falls to 0 after the last along half a cosine.
    `scratch` is a folder that the Trainer asks for and leaves empty; `arguments` are those of
    `transformers.TrainingArguments` (learning_rate, weight_decay, ...).

    Raises:
        DegenerateError: the loss is no longer finite.
    """
    pack = PACK if packable(model) else 0
    # With dropout the rows would have one mask in common on what they share.
    shared = shared_prefix([example.prompt for example in examples]) if pack and not dropout else 0
    settings = transformers.TrainingArguments(
        output_dir=scratch,
        num_train_epochs=1,
        per_device_train_batch_size=1,  # one item of the data set is one step's batch
        train_sampling_strategy="sequential",
        remove_unused_columns=False,
        seed=seed,
        data_seed=seed,
        use_cpu=model.device.type == "cpu",
        bf16=False,  # the weights' own type is computed in
        report_to="none",
        logging_strategy="no",
        save_strategy="no",
        disable_tqdm=True,
        dataloader_pin_memory=False,
        **arguments,
    )
    settings._n_gpu = 1  # or the Trainer splits every batch over all GPUs that it sees
    trainer = _CompletionTrainer(
        warmup=warmup,
        model=model,
        train_dataset=[[examples[i] for i in step] for step in steps],
        data_collator=lambda items: collate(items[0], shared, pack),
        args=settings,
    )
    trainer.add_callback(_StepDone(trainer.losses, step_done))
    trainer.train()
    return trainer.losses
