"""Draw the next token of many rows at once, each row with its own random numbers.

Nucleus sampling (Holtzman et al., 2020): the smallest set of most probable tokens whose mass is at least
top_p, at least one token, renormalised. The set is found among the few hundred best tokens, since sorting
a vocabulary of 49,152 for 64 rows takes longer than the model does; rows whose nucleus is larger get more
candidates and in the end a full sort, so the result is exact. Tokens are drawn by inverse CDF from uniform numbers
that depend on the request's seed alone: what else is in the batch changes no draw.
"""

from __future__ import annotations

import torch
from torch import Tensor

CANDIDATES = (256, 4096)  #: most probable tokens looked at, one after the other, before a full sort


def draw(logits: Tensor, temperature: Tensor, top_p: Tensor, uniform: Tensor) -> list[int]:
    """Return one token id per row.

    Args:
        logits: next-token logits, shape (rows, vocabulary), on any device; the rest is on the CPU.
        temperature: shape (rows,); 0 takes the most probable token.
        top_p: shape (rows,), float64; 1 keeps the whole vocabulary.
        uniform: one number in [0, 1) per row, shape (rows,), float64.
    """
    greedy = temperature == 0
    vocabulary = logits.shape[-1]
    scaled = logits.float() / torch.where(greedy, torch.ones_like(temperature), temperature)[:, None].to(logits.device)
    tokens = scaled.argmax(-1).cpu()
    left = (~greedy).nonzero()[:, 0]
    if len(left):
        log_total = scaled.logsumexp(-1, keepdim=True)
    whole = ((top_p >= 1) & ~greedy).nonzero()[:, 0]
    if len(whole):  # no order needed: the distribution is the same in any
        everything = (scaled[whole] - log_total[whole]).cpu().double().exp()
        tokens[whole] = pick(everything, torch.full_like(top_p[whole], 2.0), uniform[whole])
        left = ((top_p < 1) & ~greedy).nonzero()[:, 0]
    for width in (*CANDIDATES, vocabulary):
        if not len(left):
            break
        best, ids = scaled[left].topk(min(width, vocabulary))
        probabilities = (best - log_total[left]).cpu().double().exp()
        chosen = pick(probabilities, top_p[left], uniform[left])
        enough = probabilities.sum(-1) >= top_p[left]
        if width >= vocabulary:  # rounding may leave even the whole vocabulary short of top_p
            enough[:] = True
        tokens[left[enough]] = ids.cpu().gather(1, chosen[:, None])[enough, 0]
        left = left[~enough]
    drawn: list[int] = tokens.tolist()
    return drawn


def pick(probabilities: Tensor, top_p: Tensor, uniform: Tensor) -> Tensor:
    """Return the drawn column per row of descending probabilities, from the nucleus of mass top_p.

    A column is in the nucleus if the mass before it is less than top_p: the first always is.
    """
    mass = probabilities.cumsum(-1)
    size = ((mass - probabilities) < top_p[:, None]).sum(-1).clamp(min=1)
    total = mass.gather(1, size[:, None] - 1)
    drawn = (mass <= uniform[:, None] * total).sum(-1)
    return torch.minimum(drawn, size - 1)
