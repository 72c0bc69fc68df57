"""Log-probabilities of continuations. (First version: one pass per continuation.)"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import torch

from homespun.models.base import Advance


def score(
    hf_model: Any,
    prompts: Sequence[list[int]],
    continuations: Sequence[Sequence[list[int]]],
    context: int,
    advance: Advance,
) -> list[list[list[float]]]:
    """Return per prompt, continuation and token the natural log-probability."""
    jobs = [(q, c) for q, row in enumerate(continuations) for c, ids in enumerate(row) if ids]
    jobs.sort(key=lambda job: len(prompts[job[0]]) + len(continuations[job[0]][job[1]]))
    found: list[list[list[float]]] = [[[] for _ in row] for row in continuations]
    for start in range(0, len(jobs), 16):
        batch = jobs[start : start + 16]
        rows = [prompts[q] + continuations[q][c] for q, c in batch]
        width = max(map(len, rows))
        tokens = torch.tensor([row + [0] * (width - len(row)) for row in rows], device=hf_model.device)
        with torch.inference_mode():
            hidden = hf_model.base_model(tokens, use_cache=False).last_hidden_state
            for i, (q, c) in enumerate(batch):
                ids = continuations[q][c]
                at = len(prompts[q]) - 1
                logits = hf_model.get_output_embeddings()(hidden[i, at : at + len(ids)]).float()
                picked = logits.log_softmax(-1)[torch.arange(len(ids)), torch.tensor(ids)]
                found[q][c] = picked.tolist()
    advance(len(prompts))
    return found
