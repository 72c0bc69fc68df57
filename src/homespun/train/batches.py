"""From rows to batches of token ids: what is read, what is learned, and in which order.

A row is the task's prompt through the student's chat template, then the label and the token that ends the
turn; loss is taken on label and end only. Prompt and label are tokenised apart, by the encoder that
scoring and evaluation use, so the student is asked exactly what it was taught. Nothing is truncated.

The order of all steps is planned before the first one and depends on the seed alone. Rows of similar
length share a batch (less padding): shuffled rows are cut into pools, each pool is sorted by length and
cut into batches of near-equal size, and the batches are shuffled.
"""

from __future__ import annotations

import math
import random
from collections.abc import Sequence
from dataclasses import dataclass
from itertools import pairwise
from typing import Any

import torch

from homespun.models.encoding import Encoder
from homespun.records import Row, derive_seed
from homespun.task import Task
from homespun.text.prompts import task_messages

POOL = 8  #: batches sorted together: most of the padding saved, and no two epochs with the same batches


@dataclass(frozen=True, slots=True)
class Example:
    """Token ids of one row."""

    prompt: list[int]
    completion: list[int]  #: the label, then the end of the turn

    def __len__(self) -> int:
        return len(self.prompt) + len(self.completion)


def encode(rows: Sequence[Row], task: Task, language: str, tokenizer: Any) -> list[Example]:
    """Return the token ids of every row, in the rows' order."""
    encoder = Encoder(tokenizer)
    prompts = encoder.prompts([(task_messages(task, row.payload.fields, language), "") for row in rows])
    end = end_of_turn(tokenizer)
    completions = encoder.plain([row.payload.output for row in rows])
    return [Example(prompt, [*ids, end]) for prompt, ids in zip(prompts, completions, strict=True)]


def end_of_turn(tokenizer: Any) -> int:
    """Return the token that the chat template puts after an answer, so that writing stops there.

    It is the tokenizer's end-of-text token where there is no template or it adds no special token.
    """
    answer = "answer"
    if tokenizer.chat_template:
        turns = [{"role": "user", "content": "question"}, {"role": "assistant", "content": answer}]
        text = str(tokenizer.apply_chat_template(turns, tokenize=False))
        tail = tokenizer(text.rpartition(answer)[2].strip(), add_special_tokens=False)["input_ids"]
        if tail and tail[0] in set(tokenizer.all_special_ids) | set(tokenizer.added_tokens_decoder):
            return int(tail[0])
    return int(tokenizer.eos_token_id)


def plan_batches(lengths: Sequence[int], batch_size: int, epochs: int, seed: int) -> list[list[int]]:
    """Return the row indices of every step; each epoch holds each row once."""
    rng = random.Random(derive_seed(seed, "batches"))
    plan = []
    for _ in range(epochs):
        order = rng.sample(range(len(lengths)), len(lengths))
        batches = []
        for start in range(0, len(order), batch_size * POOL):
            pool = sorted(order[start : start + batch_size * POOL], key=lengths.__getitem__)
            count = math.ceil(len(pool) / batch_size)
            edges = [len(pool) * i // count for i in range(count + 1)]
            batches += [pool[first:end] for first, end in pairwise(edges)]
        rng.shuffle(batches)
        plan += batches
    return plan


def collate(examples: Sequence[Example], shared: int) -> dict[str, torch.Tensor]:
    """Return one batch without the first `shared` tokens, which all its rows have in common.

    `tokens` (rows, width) is padded on the right: behind causal attention no token sees the padding, so
    no mask is needed. `positions` (K,) are the columns at which any row's completion is predicted;
    `row`, `column` (N,) say which row and which of those positions predicts each of the N `targets`.
    """
    bodies = [(example.prompt + example.completion)[shared:] for example in examples]
    width = max(map(len, bodies))
    predicted = [
        (row, len(example.prompt) - shared - 1 + offset, token)
        for row, example in enumerate(examples)
        for offset, token in enumerate(example.completion)
    ]
    positions = sorted({position for _, position, _ in predicted})
    return {
        "tokens": torch.tensor([body + [0] * (width - len(body)) for body in bodies]),
        "positions": torch.tensor(positions),
        "row": torch.tensor([row for row, _, _ in predicted]),
        "column": torch.tensor([positions.index(position) for _, position, _ in predicted]),
        "targets": torch.tensor([token for _, _, token in predicted]),
    }
