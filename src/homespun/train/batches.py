"""From rows to batches of token ids: what is read, what is learned, and in which order.

A row is the task's prompt through the student's chat template, then the label and the token that ends the
turn; loss is taken on label and end only. Prompt and label are tokenised apart, by the encoder that
scoring and evaluation use, so the student is asked exactly what it was taught. Nothing is truncated.

The order of all steps is planned before the first one and depends on the seed alone. Rows of similar
length share a batch (less padding): shuffled rows are cut into pools, each pool is sorted by length and
cut into batches of near-equal size, and the batches are shuffled.
"""

from __future__ import annotations

import random
from collections.abc import Sequence
from dataclasses import dataclass
from itertools import accumulate, pairwise
from typing import Any

import torch

from homespun.data.records import Row, derive_seed
from homespun.models.encoding import Encoder
from homespun.task import Task
from homespun.text.prompts import task_messages
from homespun.train.exposures import Update, near_equal

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


def plan_batches(lengths: Sequence[int], batch_size: int, epochs: int, seed: int) -> list[Update]:
    """Return the rows of every step; each epoch holds each row once."""
    rng = random.Random(derive_seed(seed, "batches"))
    plan: list[Update] = []
    for epoch in range(epochs):
        order = rng.sample(range(len(lengths)), len(lengths))
        batches = []
        for start in range(0, len(order), batch_size * POOL):
            pool = sorted(order[start : start + batch_size * POOL], key=lengths.__getitem__)
            batches += near_equal(pool, batch_size)
        rng.shuffle(batches)
        plan += [Update(epoch + 1, tuple(batch)) for batch in batches]
    return plan


def collate(
    examples: Sequence[Example], shared: int = 0, sizes: Sequence[int] | None = None
) -> dict[str, torch.Tensor]:
    """Return one batch: several examples to a sequence, behind one copy of the tokens that all begin with.

    Args:
        examples: those of one pass.
        shared: with `sizes`, how many leading tokens all prompts have in common.
        sizes: how many examples each sequence takes; by default one, which no other and no padding can be
            seen from (causal attention), so that no mask is needed.

    Returns:
        `tokens` (sequences, width), padded on the right. With `sizes`, `places` of the same shape holds each
        token's position in its example, and `visible` (sequences, 1, width, width) says which tokens it may look
        at: those before it in its example, and the common start. `columns` (K,) are those at which any
        completion is predicted; `sequence`, `column` (N,) say which sequence and which of those columns
        predict each of the N `targets`.
    """
    if sizes is None:
        shared = 0
    edges = list(accumulate(sizes or [1] * len(examples), initial=0))
    start = examples[0].prompt[:shared]
    tokens, places, owners = [], [], []
    predicted = []
    for sequence, (first, end) in enumerate(pairwise(edges)):
        ids, place, owner = list(start), list(range(shared)), [0] * shared
        for number, example in enumerate(examples[first:end], start=1):
            body = (example.prompt + example.completion)[shared:]
            before = len(ids) + len(example.prompt) - shared - 1
            predicted += [(sequence, before + offset, token) for offset, token in enumerate(example.completion)]
            ids += body
            place += range(shared, shared + len(body))
            owner += [number] * len(body)
        tokens.append(ids)
        places.append(place)
        owners.append(owner)
    columns = sorted({column for _, column, _ in predicted})
    place_of = {column: place for place, column in enumerate(columns)}
    batch = {
        "tokens": _padded(tokens, 0),
        "columns": torch.tensor(columns),
        "sequence": torch.tensor([sequence for sequence, _, _ in predicted]),
        "column": torch.tensor([place_of[column] for _, column, _ in predicted]),
        "targets": torch.tensor([token for _, _, token in predicted]),
    }
    if sizes:
        owned = _padded(owners, -1)  # padding sees padding: a token that saw nothing would be not a number
        mine = (owned[:, :, None] == owned[:, None, :]) | (owned[:, None, :] == 0)
        batch |= {"places": _padded(places, 0), "visible": mine.tril()[:, None]}
    return batch


def _padded(rows: Sequence[Sequence[int]], fill: int) -> torch.Tensor:
    width = max(map(len, rows))
    return torch.tensor([[*row, *[fill] * (width - len(row))] for row in rows])
