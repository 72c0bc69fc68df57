"""The training loop of continual pre-training: plain text, every token learned, and nothing lost by a kill.

A text is a beginning of text, its tokens, and an end of text. Texts of different lengths are packed into sequences of
equal ones, with positions that begin anew for each and a mask that shows a text itself alone (batches.collate): little
padding, no attention from one text to another. transformers' Trainer is not used here, since
its checkpoints are pickled; AdamW, the schedule and clipping are a few lines.

Weights and moments are float32 on every device. Products may be computed in bfloat16 (autocast); weights kept
in bfloat16 would lose updates smaller than about 1/256 of a weight, which at these learning rates are most of them.
Torch is seeded anew at every update, so that no state of a random generator has to be kept for dropout.
"""

from __future__ import annotations

import math
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from typing import Any

import torch

from homespun.errors import DegenerateError
from homespun.models.encoding import Encoder
from homespun.models.transformers import TransformersModel
from homespun.train.batches import Example, collate
from homespun.train.exposures import near_equal
from homespun.train.fit import completion_logits, packable

EVEN = 3000  #: width at which attention costs as much as the products, for SmolLM2-135M; larger for larger models
PASS = 2048  #: tokens that go through the model at once; logits of 100,000 words each are then 0.8 GB


def encode_texts(texts: Sequence[str], tokenizer: Any, longest: int) -> list[list[Example]]:
    """Return each text as one example, or as several of near-equal length where it has more than `longest` tokens.

    Every token of the text is predicted in exactly one of them, the end of text in the last. A tokenizer without a
    beginning and an end of text leaves the first token of each example unpredicted.
    """
    encoder = Encoder(tokenizer)
    start = encoder.start
    end = [] if tokenizer.eos_token_id is None else [int(tokenizer.eos_token_id)]
    found = []
    for ids in encoder.plain(texts):
        parts = near_equal([*ids, *end], longest - len(start))
        found.append([Example(start or part[:1], part if start else part[1:]) for part in parts])
    return found


def arrange(lengths: Sequence[int]) -> list[list[int]]:
    """Divide texts among sequences so that padding and attention together cost little; return their indices.

    A sequence costs its width for all products and its width squared for attention. For every number of sequences
    the longest text still to be placed goes where there is most room, and the cheapest number is taken.
    """
    longest_first = sorted(range(len(lengths)), key=lambda i: -lengths[i])
    found: list[tuple[float, list[list[int]]]] = []
    for count in range(1, len(lengths) + 1):
        sequences: list[list[int]] = [[] for _ in range(count)]
        widths = [0] * count
        for i in longest_first:
            place = widths.index(min(widths))
            sequences[place].append(i)
            widths[place] += lengths[i]
        found.append((count * max(widths) * (1 + max(widths) / EVEN), [sorted(sequence) for sequence in sequences]))
    return min(found, key=lambda pair: pair[0])[1]


class Learner:
    """A model, its optimizer, and one step of both."""

    def __init__(
        self, model: Any, *, learning_rate: float, weight_decay: float, max_grad_norm: float, half: bool
    ) -> None:
        self.model = model
        self.weights = {name: weight for name, weight in model.named_parameters() if weight.requires_grad}
        matrices = [weight for weight in self.weights.values() if weight.ndim > 1]
        others = [weight for weight in self.weights.values() if weight.ndim <= 1]  # norms and biases do not decay
        groups = [(matrices, weight_decay), (others, 0.0)]
        self.optimizer = torch.optim.AdamW(
            [{"params": weights, "weight_decay": decay} for weights, decay in groups if weights],
            lr=learning_rate,
            fused=True,  # one pass over weights and moments, on a CPU too
        )
        self.peak, self.max_grad_norm = learning_rate, max_grad_norm
        self.packs = packable(model)
        self.half = half

    def losses(self, examples: Sequence[Example]) -> torch.Tensor:
        """Return the loss of every token that the examples predict, in their order, in nats."""
        device = self.model.device
        alone = [[i] for i in range(len(examples))]
        sequences = arrange([len(example) for example in examples]) if self.packs else alone
        order = [i for sequence in sequences for i in sequence]
        packed = len(sequences) < len(examples)
        batch = collate([examples[i] for i in order], 0, int(packed), [len(sequence) for sequence in sequences])
        batch = {name: part.to(device) for name, part in batch.items()}
        with torch.autocast(device.type, torch.bfloat16, enabled=self.half):
            logits = completion_logits(self.model, batch)
        losses = torch.nn.functional.cross_entropy(logits, batch["targets"], reduction="none")
        by_example = dict(zip(order, losses.split([len(examples[i].completion) for i in order]), strict=True))
        return torch.cat([by_example[i] for i in range(len(examples))])

    def learn(self, examples: Sequence[Example], replay: Sequence[Example], factor: float, seed: int) -> float:
        """Take one step on texts and general text; return the mean loss of the texts alone, in nats per token.

        Raises:
            DegenerateError: the loss is no longer finite.
        """
        torch.manual_seed(seed)
        shown = [*examples, *replay]
        count = sum(len(example.completion) for example in shown)
        found = []
        for some in _passes(shown):
            losses = self.losses(some)
            (losses.sum() / count).backward()
            found.append(losses.detach())
        own = sum(len(example.completion) for example in examples)
        loss = float(torch.cat(found)[:own].mean())
        if not math.isfinite(loss):
            raise DegenerateError(f"the training diverged: a loss is {loss} at learning_rate {self.peak}. Lower it.")
        torch.nn.utils.clip_grad_norm_(self.weights.values(), self.max_grad_norm)
        for group in self.optimizer.param_groups:
            group["lr"] = self.peak * factor
        self.optimizer.step()
        self.optimizer.zero_grad()
        return loss

    def tensors(self) -> dict[str, torch.Tensor]:
        """Return what a restart needs: the weights that are trained and the optimizer's moments."""
        found = {f"weight/{name}": weight for name, weight in self.weights.items()}
        for name, weight in self.weights.items():
            found |= {f"{kind}/{name}": value for kind, value in self.optimizer.state[weight].items()}
        return found

    def restore(self, tensors: Mapping[str, torch.Tensor]) -> None:
        """Put back what `tensors` returned."""
        for key, value in tensors.items():
            kind, _, name = key.partition("/")
            weight = self.weights[name]
            if kind == "weight":
                with torch.no_grad():
                    weight.copy_(value)
            else:
                self.optimizer.state[weight][kind] = value.to(weight.device, copy=True)


def _passes(examples: Sequence[Example]) -> Iterator[list[Example]]:
    """Cut an update into passes of at most PASS tokens, or of one example."""
    some: list[Example] = []
    for example in examples:
        if some and sum(map(len, some)) + len(example) > PASS:
            yield some
            some = []
        some.append(example)
    yield some


@contextmanager
def answering(identity: str, model: Any, tokenizer: Any) -> Iterator[TransformersModel]:
    """Give a model in training as one that answers, and put everything back as it was, to the bit.

    A LoRA adapter is merged meanwhile, as it will be when the result is loaded; the weights it is merged into are
    copied, since taking it out again by subtraction would not give the same bits.
    """
    adapted = hasattr(model, "merge_adapter")
    hf_model = model.get_base_model() if adapted else model
    layers = [layer for layer in hf_model.modules() if hasattr(layer, "lora_A")] if adapted else []
    kept = [(layer.base_layer.weight, layer.base_layer.weight.detach().clone()) for layer in layers]
    model.eval()
    if adapted:
        model.merge_adapter()
    answerer = TransformersModel(identity, hf_model, tokenizer)
    try:
        yield answerer
    finally:
        answerer.forward.close()
        if adapted:
            model.unmerge_adapter()
            with torch.no_grad():
                for weight, copy in kept:
                    weight.copy_(copy)
        model.train()
