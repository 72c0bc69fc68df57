"""Write many completions at once. (First version: fixed batches, left padding.)"""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import torch

from homespun.models.base import Completion
from homespun.models.rows import Row
from homespun.models.sampling import draw

SLOTS = 64


def decode(hf_model: Any, tokenizer: Any, ends: frozenset[int], rows: list[Row]) -> Iterator[tuple[int, Completion]]:
    """Yield (place, answer) as rows end."""
    order = sorted(rows, key=lambda row: (-len(row.prompt), row.place))
    for start in range(0, len(order), SLOTS):
        yield from plain_batch(hf_model, tokenizer, ends, order[start : start + SLOTS])


def plain_batch(
    hf_model: Any, tokenizer: Any, ends: frozenset[int], rows: list[Row]
) -> Iterator[tuple[int, Completion]]:
    """Decode one fixed batch through the model's own cache: for architectures with special attention."""
    device = hf_model.device
    width = max(len(row.prompt) for row in rows)
    tokens = torch.tensor([[0] * (width - len(row.prompt)) + row.prompt for row in rows], device=device)
    lengths = torch.tensor([len(row.prompt) for row in rows], device=device)
    mask = (torch.arange(width, device=device)[None] >= width - lengths[:, None]).long()
    positions = (mask.cumsum(-1) - 1).clamp(min=0)
    temperature = torch.tensor([row.request.sampling.temperature for row in rows], device=device)
    top_p = torch.tensor([row.request.sampling.top_p for row in rows], device=device, dtype=torch.float64)
    cache = None
    live = dict(enumerate(rows))
    while live:
        with torch.inference_mode():
            output = hf_model(
                tokens,
                attention_mask=mask,
                position_ids=positions,
                past_key_values=cache,
                use_cache=True,
                logits_to_keep=1,
            )
            uniform = [live[i].uniform if i in live else 0.0 for i in range(len(rows))]
            drawn = draw(
                output.logits[:, -1], temperature, top_p, torch.tensor(uniform, device=device, dtype=torch.float64)
            )
        cache = output.past_key_values
        for i, token in enumerate(drawn.tolist()):
            if i in live and (answer := live[i].push(token, ends, tokenizer)) is not None:
                yield live.pop(i).place, answer
        tokens = drawn[:, None]
        mask = torch.nn.functional.pad(mask, (0, 1), value=1)
        positions = positions[:, -1:] + 1
