"""Draw the next token of many rows at once, each row with its own random numbers.

Nucleus sampling (Holtzman et al., 2020): the smallest set of most probable tokens whose mass is at least
top_p, at least one token, renormalised. The set is found among the few hundred best tokens, since sorting
a vocabulary of 49,152 for 64 rows costs as much as a layer of the model; rows whose nucleus is larger
than that are sorted in full, so the result is exact. Tokens are drawn by inverse CDF from uniform numbers
that depend on the request's seed alone: what else is in the batch changes no draw.
"""

from __future__ import annotations

import torch
from torch import Tensor

CANDIDATES = 256  #: tokens looked at before a full sort


def draw(logits: Tensor, temperature: Tensor, top_p: Tensor, uniform: Tensor) -> Tensor:
    """Return one token id per row.

    Args:
        logits: next-token logits, shape (rows, vocabulary).
        temperature: shape (rows,); 0 takes the most probable token.
        top_p: shape (rows,); 1 keeps the whole vocabulary.
        uniform: one number in [0, 1) per row, shape (rows,), float64.
    """
    greedy = temperature == 0
    if bool(greedy.all()):
        return logits.argmax(-1)
    scaled = logits.float() / torch.where(greedy, torch.ones_like(temperature), temperature)[:, None]
    open_rows = (top_p >= 1) & ~greedy
    log_total = scaled.logsumexp(-1, keepdim=True)
    best, ids = scaled.topk(min(CANDIDATES, scaled.shape[-1]))
    probabilities = (best - log_total).double().exp()
    chosen = pick(probabilities, top_p, uniform)
    tokens = ids.gather(1, chosen[:, None])[:, 0]
    short = (probabilities.sum(-1) < top_p) & ~greedy & ~open_rows
    if bool(short.any()) and best.shape[-1] < scaled.shape[-1]:
        ordered, order = scaled[short].sort(-1, descending=True)
        wide = pick((ordered - log_total[short]).double().exp(), top_p[short], uniform[short])
        tokens[short] = order.gather(1, wide[:, None])[:, 0]
    if bool(open_rows.any()):  # no order needed: any order gives the same distribution
        everything = (scaled[open_rows] - log_total[open_rows]).double().exp()
        whole = pick(everything, torch.full_like(top_p[open_rows], 2.0), uniform[open_rows])
        tokens[open_rows] = whole
    return torch.where(greedy, ids[:, 0], tokens)


def pick(probabilities: Tensor, top_p: Tensor, uniform: Tensor) -> Tensor:
    """Return the drawn column per row of descending probabilities, from the nucleus of mass top_p.

    A column is in the nucleus if the mass before it is less than top_p: the first always is.
    """
    mass = probabilities.cumsum(-1)
    size = ((mass - probabilities) < top_p[:, None]).sum(-1).clamp(min=1)
    total = mass.gather(1, size[:, None] - 1)
    drawn = (mass <= uniform[:, None] * total).sum(-1)
    return torch.minimum(drawn, size - 1)
