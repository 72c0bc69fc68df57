"""SSL prototypes: drop the most typical rows, those nearest to the centroid of their own cluster.

Sorscher et al. 2022, "Beyond neural scaling laws", without labels; methods.md C6. What is typical is said
often, so it is the first that can be spared where rows are many; where they are few, spare nothing this way.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from homespun.errors import UsageError
from homespun.near.cosine import Scores
from homespun.near.kmeans import Clusters


@dataclass(frozen=True, slots=True)
class Prototypes:
    """Each row's distance to its centroid, and what is kept of them."""

    distance: Scores  #: 1 - cosine
    rank: NDArray[np.int64]  #: from 1, the farthest first
    count: int  #: rows kept

    @property
    def kept(self) -> NDArray[np.bool_]:
        """Say for each row whether it stays."""
        return np.less_equal(self.rank, self.count)

    @property
    def threshold(self) -> float:
        """The smallest distance that is kept; nan where nothing is."""
        return float(self.distance[self.kept].min()) if self.count else np.nan


def prototypes(clusters: Clusters, count: int) -> Prototypes:
    """Keep the `count` rows that are farthest from their centroids; of equals the earlier.

    Raises:
        UsageError: count is not within 0 and the number of rows.
    """
    distance = clusters.distance
    if not 0 <= count <= len(distance):
        raise UsageError(f"cannot keep {count} of {len(distance)} rows")
    rank = np.empty(len(distance), dtype=np.int64)
    rank[np.argsort(-distance, kind="stable")] = np.arange(1, len(distance) + 1)
    return Prototypes(distance, rank, count)
