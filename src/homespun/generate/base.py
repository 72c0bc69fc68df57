"""What every generator is and returns.

A generator turns a task into attempts, shard by shard, through a `Work` that commits each shard before the
next is planned. What it returns is a pure function of the committed shards.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from homespun.engine.context import Context
from homespun.records import Attempt, Row, Verdict
from homespun.registry import Strategy
from homespun.store import Work


@dataclass(frozen=True)
class Pool:
    """Everything a generator asked for, and what became of it."""

    attempts: Sequence[Attempt]
    verdicts: Sequence[Verdict]  #: one per parsed attempt, in order: the generator's own checks
    wanted: int  #: accepted rows asked for; fewer means that the budget ran out

    @property
    def parsed(self) -> list[Row]:
        """Rows of parsed attempts, in plan order."""
        return [attempt.row for attempt in self.attempts if attempt.row is not None]

    @property
    def accepted(self) -> list[Row]:
        """Rows that passed the checks, in plan order."""
        return [row for row, verdict in zip(self.parsed, self.verdicts, strict=True) if verdict.keep]


class Generator(Strategy):
    """Base of the strategies under `generate:`."""

    def __call__(self, name: str, ctx: Context, work: Work, against: Sequence[str] = ()) -> Pool:
        """Write rows.

        Args:
            name: the generator's name in the recipe; part of every row's lineage and seed.
            ctx: task, models, seed, progress.
            work: where shards are committed; a rerun gets the committed ones back.
            against: texts of the evaluation sets; rows that contain one are dropped (contamination).
        """
        raise NotImplementedError
