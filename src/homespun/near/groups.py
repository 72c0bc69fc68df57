"""Which rows are compared with which: positions by group, rows without a vector left out."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from itertools import pairwise

import numpy as np
from numpy.typing import NDArray

from homespun.errors import UsageError


def members(vectors: NDArray[np.float32], groups: Sequence[str] | None) -> Iterator[NDArray[np.int64]]:
    """Yield the ascending positions of the rows of each group; without groups, of all rows.

    Rows of nan (cosine.unit) are in no group.

    Raises:
        UsageError: there are more or fewer groups than rows.
    """
    usable = np.flatnonzero(~np.isnan(vectors[:, 0])) if vectors.size else np.empty(0, dtype=np.int64)
    if groups is None:
        yield usable
        return
    if len(groups) != len(vectors):
        raise UsageError(f"{len(groups)} groups are given for {len(vectors)} vectors; give one group per row")
    numbers: dict[str, int] = {}  # an array of texts would give each the room of the longest
    codes = np.array([numbers.setdefault(group, len(numbers)) for group in groups], dtype=np.int64)[usable]
    order = np.argsort(codes, kind="stable")
    for start, end in pairwise(np.r_[0, np.cumsum(np.bincount(codes))]):
        if end > start:
            yield usable[order[start:end]]
