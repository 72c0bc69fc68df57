"""Which text is shown when: the plan of a continual pre-training, made before its first update (methods.md C7).

One exposure shows every document once. At exposure t (from 0) document d shows its variant pi_d(t mod V_d), where
pi_d is a permutation of its V_d variants that the seed decides; so t exposures show min(t, V_d) different variants,
and none twice before all were shown. The documents of an exposure come in a new order and in batches of near-equal
size that never reach into the next exposure: after t exposures every document was shown exactly t times. (The paper
takes 12.5 batches of four for 50 documents, across the border; ours are 13 of three or four.)

General text is mixed in by tokens: each update brings as many as its documents owe, to half a piece.
"""

from __future__ import annotations

import math
import random
from collections.abc import Hashable, Sequence
from dataclasses import dataclass, replace
from itertools import cycle, islice, pairwise
from typing import Literal, TypeVar

from homespun.data.records import derive_seed

Name = TypeVar("Name", bound=Hashable)

PROBES = 9  #: points of a curve where the user names none
Schedule = Literal["constant", "linear", "cosine"]


@dataclass(frozen=True, slots=True)
class Update:
    """One optimizer step: what it shows, and the exposure (from 1) that it is part of."""

    exposure: int
    rows: tuple[int, ...]  #: indices of the rows shown, one per document
    replay: tuple[int, ...] = ()  #: indices of the pieces of general text


def by_document(documents: Sequence[Name]) -> dict[Name, list[int]]:
    """Return document -> the indices of its rows, in the rows' order; `documents[i]` is that of row i."""
    found: dict[Name, list[int]] = {}
    for row, document in enumerate(documents):
        found.setdefault(document, []).append(row)
    return found


def plan_updates(documents: Sequence[str], batch_size: int, exposures: int, seed: int) -> list[Update]:
    """Return all updates of a training; `documents[i]` is the document of row i.

    The order of variants depends on the seed and the document alone, so another set of documents does not change it.
    """
    variants = {
        document: random.Random(derive_seed(seed, "variants", document)).sample(rows, len(rows))
        for document, rows in by_document(documents).items()
    }
    names = list(variants)
    count = math.ceil(len(names) / batch_size)
    edges = [len(names) * i // count for i in range(count + 1)]
    updates = []
    for exposure in range(exposures):
        order = random.Random(derive_seed(seed, "exposure", exposure)).sample(names, len(names))
        shown = [variants[name][exposure % len(variants[name])] for name in order]
        updates += [Update(exposure + 1, tuple(shown[first:end])) for first, end in pairwise(edges)]
    return updates


def mix_in(updates: Sequence[Update], row_tokens: Sequence[int], pieces: Sequence[int], share: float) -> list[Update]:
    """Return the updates with general text, which is `share` of all tokens shown.

    Args:
        updates: the plan.
        row_tokens: tokens of each row.
        pieces: tokens of each piece of general text; taken in turn, from the first again after the last.
        share: of the tokens shown in all, from 0 to below 1.
    """
    owed, mixed = 0.0, []
    turn = cycle(range(len(pieces)))
    upcoming = next(turn)
    for update in updates:
        owed += share / (1 - share) * sum(row_tokens[row] for row in update.rows)
        taken = []
        while owed >= pieces[upcoming] / 2:
            owed -= pieces[upcoming]
            taken.append(upcoming)
            upcoming = next(turn)
        mixed.append(replace(update, replay=tuple(taken)))
    return mixed


def rate_factor(update: int, schedule: Schedule, warmup: int, horizon: float) -> float:
    """Return the share of the peak learning rate at an update (from 0).

    It rises linearly over the first `warmup` updates, then stays (constant), or falls to 0 at update `horizon`
    along a line or half a cosine; later it stays 0.
    """
    if update < warmup:
        return (update + 1) / (warmup + 1)
    if schedule == "constant":
        return 1.0
    progress = min((update - warmup) / max(horizon - warmup, 1e-9), 1.0)
    return 1 - progress if schedule == "linear" else (1 + math.cos(math.pi * progress)) / 2


def default_points(exposures: int) -> tuple[int, ...]:
    """Return at most PROBES points that go down from the end by the square root of two: 40, 28, 20, 14, 10, ..."""
    points = (round(exposures / 2 ** (i / 2)) for i in range(PROBES))
    return tuple(sorted({point for point in points if point >= 1}))


def near_equal(items: Sequence[int], most: int) -> list[list[int]]:
    """Cut a list into the fewest parts of at most `most` items, of near-equal length."""
    count = max(1, math.ceil(len(items) / most))
    edges = [len(items) * i // count for i in range(count + 1)]
    return [list(islice(items, first, end)) for first, end in pairwise(edges)]
