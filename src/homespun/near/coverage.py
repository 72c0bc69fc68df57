"""k-center: so many rows, chosen so that no row is far from all of them (Gonzalez 1985).

Each choice is the row farthest from those chosen before. The farthest row that is left is then at most twice
as far, in straight distance between unit vectors, as with the best choice. Outliers are chosen early: take
near copies and junk out first. Cost: rows x choices x dimensions.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from homespun.errors import UsageError
from homespun.near.cosine import Positions, Scores, Vectors, products


@dataclass(frozen=True, slots=True)
class Coverage:
    """The rows chosen and how far every row is from them."""

    chosen: Positions  #: in the order of choice
    of: Positions  #: for each row the nearest chosen one, the first of equals
    cosine: Scores  #: to it

    @property
    def radius(self) -> float:
        """Cosine distance of the row that is farthest from all chosen ones."""
        return float(1 - self.cosine.min())


def k_center(vectors: Vectors, count: int, rows: Positions | None = None) -> Coverage:
    """Choose `count` rows that cover all.

    The first is the row nearest to the mean of all; of equals the earliest.

    Args:
        vectors: unit vectors.
        count: number of rows to choose.
        rows: positions of the rows to work on; all unless given. The answer counts within them.

    Raises:
        UsageError: count is not within 1 and the number of rows.
    """
    own = np.asarray(vectors if rows is None else vectors[rows])
    if not 1 <= count <= len(own):
        raise UsageError(f"cannot choose {count} of {len(own)} rows")
    mean = own.sum(axis=0, dtype=np.float64).astype(np.float32)
    # einsum, not the BLAS: its last digits follow the number of threads and would decide between equals
    chosen = [int(np.einsum("ij,j->i", own, mean).argmax())]
    of, best = np.zeros(len(own), dtype=np.int64), np.full(len(own), -np.inf, dtype=np.float32)
    while True:
        near = np.einsum("ij,j->i", own, own[chosen[-1]])
        near[chosen[-1]] = 2  # its own centre, whatever rounding says, and never farthest
        closer = near > best
        best[closer], of[closer] = near[closer], len(chosen) - 1
        if len(chosen) == count:
            break
        chosen.append(int(best.argmin()))
    nearest = np.array(chosen, dtype=np.int64)[of]
    return Coverage(np.array(chosen, dtype=np.int64), nearest, products(own, np.arange(len(own)), nearest))
