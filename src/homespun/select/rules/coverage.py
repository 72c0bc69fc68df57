"""Keep so many rows that cover all: k-center over embeddings (near.coverage)."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Literal

from homespun.data.records import Row, Verdict
from homespun.near.cosine import Positions, Vectors
from homespun.near.coverage import k_center
from homespun.select.base import show
from homespun.select.rules.embeddings import PoolRule
from homespun.select.rules.share import AmountRule


class Coverage(PoolRule, AmountRule):
    """Keep rows such that none is far from a kept one; outliers are kept early."""

    kind: Literal["coverage"] = "coverage"

    def decide(self, rows: Sequence[Row], vectors: Vectors, places: Positions, seed: int, where: str) -> list[Verdict]:
        """Return the verdicts on one group."""
        count = self.quota(len(rows))
        if not count:
            return [Verdict(row.id, False, str(self), reason=f"0 of {len(rows)} rows{where} kept") for row in rows]
        found = k_center(vectors, count, places)
        turns = {place: turn for turn, place in enumerate(found.chosen.tolist(), start=1)}
        verdicts = []
        for place, (row, of, cosine) in enumerate(zip(rows, found.of.tolist(), found.cosine.tolist(), strict=True)):
            if place in turns:
                reason = f"choice {turns[place]} of {count} that cover {len(rows)} rows{where}"
            else:
                reason = (
                    f"row {rows[of].id} covers it at cosine {show(cosine)}; {count} of {len(rows)} rows{where} kept"
                )
            verdicts.append(Verdict(row.id, place in turns, str(self), cosine, reason=reason))
        return verdicts

    def __str__(self) -> str:
        return f"coverage {self.by} {self.amount()}"
