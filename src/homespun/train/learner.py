"""One optimizer step of a language model on token ids, and what a restart of it needs.

Logits are computed only at the positions that predict a token with a loss, not over the whole vocabulary everywhere.
Examples are packed into few sequences, behind one copy of the start that all have in common (system turn,
instructions), with positions and a mask that show each the start and itself: little padding, fewer and larger products,
the start once instead of once per example. Loss and gradients are those of each by itself, since with causal attention
the start cannot see what follows. docs/training.md has the measurements.

AdamW, clipping and the rate are a few lines here, since transformers' Trainer pickles its checkpoints. Products may be
computed in bfloat16 (autocast); weights kept in it would lose updates smaller than about 1/256 of a weight. Torch is
seeded anew at every update, so that no state of a random generator has to be kept for dropout.
"""

from __future__ import annotations

import inspect
from collections.abc import Iterable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from heapq import heapreplace
from typing import Any

import torch
from transformers.cache_utils import DynamicCache, DynamicLayer

from homespun.models.transformers import TransformersModel
from homespun.train.batches import Example, collate

EVEN = 3000  #: width at which attention costs as much as the products, for SmolLM2-135M; larger for larger models
PASS = 2048  #: predicted tokens that go through at once; logits of 100,000 words each are then 0.8 GB

Loss = tuple[torch.Tensor, torch.Tensor]  #: of a part of an update: what is learned from, what is told; both are summed


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
    """Return whether examples may share a sequence: plain attention with positions and a mask of our own.

    A sliding window or a recurrent state sees what the mask would hide; attention with a bias by distance
    takes no positions.
    """
    model = model.get_base_model() if hasattr(model, "get_base_model") else model
    plain = all(type(layer) is DynamicLayer for layer in DynamicCache(config=model.config).layers)
    masked = model.config._attn_implementation in ("sdpa", "eager")
    return plain and masked and "position_ids" in inspect.signature(model.forward).parameters


def arrange(lengths: Sequence[int], shared: int = 0) -> list[list[int]]:
    """Divide examples among sequences so that padding and attention together cost little; return their indices.

    A sequence costs its width for all products and its width squared for attention. For every number of sequences
    the longest example still to be placed goes where there is most room, and the cheapest number is taken.

    Args:
        lengths: tokens of each example, without the shared ones.
        shared: tokens that every sequence begins with.
    """
    longest_first = sorted(range(len(lengths)), key=lambda i: -lengths[i])
    found: list[tuple[float, list[list[int]]]] = []
    for count in range(1, len(lengths) + 1):
        sequences: list[list[int]] = [[] for _ in range(count)]
        widths = [(shared, place) for place in range(count)]
        for i in longest_first:
            width, place = widths[0]
            sequences[place].append(i)
            heapreplace(widths, (width + lengths[i], place))
        widest, _ = max(widths)
        found.append((count * widest * (1 + widest / EVEN), [sorted(sequence) for sequence in sequences]))
    return min(found, key=lambda pair: pair[0])[1]


class Learner:
    """A model, its optimizer, and one step of both; `shared` leading tokens of all prompts are the same."""

    def __init__(
        self,
        model: Any,
        *,
        learning_rate: float,
        weight_decay: float,
        max_grad_norm: float,
        half: bool,
        shared: int = 0,
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
        self.packs, self.half, self.shared = packable(model), half, shared

    def losses(self, examples: Sequence[Example]) -> torch.Tensor:
        """Return the loss of every token that the examples predict, in their order, in nats."""
        sequences = [[i] for i in range(len(examples))]
        if self.packs:
            sequences = arrange([len(example) - self.shared for example in examples], self.shared)
        order = [i for sequence in sequences for i in sequence]
        sizes = [len(sequence) for sequence in sequences] if len(sequences) < len(examples) else None
        batch = collate([examples[i] for i in order], self.shared, sizes)
        batch = {name: part.to(self.model.device) for name, part in batch.items()}
        with torch.autocast(self.model.device.type, torch.bfloat16, enabled=self.half):
            logits = completion_logits(self.model, batch)
        losses = torch.nn.functional.cross_entropy(logits, batch["targets"], reduction="none")
        by_example = dict(zip(order, losses.split([len(examples[i].completion) for i in order]), strict=True))
        return torch.cat([by_example[i] for i in range(len(examples))])

    def token_mean(self, texts: Sequence[Sequence[Example]], replay: Sequence[Example] = ()) -> Iterator[Loss]:
        """Learn from the mean loss of all predicted tokens, in passes of at most PASS; tell that of the texts alone."""
        examples = [part for parts in texts for part in parts]
        own = left = sum(len(example.completion) for example in examples)
        count = own + sum(len(example.completion) for example in replay)
        for some in _passes([*examples, *replay]):
            losses = self.losses(some)
            yield losses.sum() / count, losses[:left].sum() / own
            left = max(left - len(losses), 0)

    def learn(self, parts: Iterable[Loss], factor: float, seed: int) -> float:
        """Take one step, at a share `factor` of the peak rate; return the loss told, also one that is not finite.

        `parts` is computed one by one, so that no more of an update is in memory; `seed` is that of dropout.
        """
        torch.manual_seed(seed)
        loss = torch.zeros((), device=self.model.device)
        for learned, told in parts:
            learned.backward()
            loss += told.detach()
        torch.nn.utils.clip_grad_norm_(self.weights.values(), self.max_grad_norm)
        for group in self.optimizer.param_groups:
            group["lr"] = self.peak * factor
        self.optimizer.step()
        self.optimizer.zero_grad()
        return float(loss)

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
    """Cut an update into passes that predict at most PASS tokens, or of one example."""
    some: list[Example] = []
    count = 0
    for example in examples:
        count += len(example.completion)
        if some and count > PASS:
            yield some
            some, count = [], len(example.completion)
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
