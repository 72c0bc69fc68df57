"""What every evaluation gives: one result per item, never only a mean.

Means, intervals and verdicts are made from item results by compare.py, so an item can be looked up again,
two arms can be paired item by item, and another metric needs no model.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Literal

from homespun.models.base import Advance, Model, ignore_progress
from homespun.registry import Strategy
from homespun.task import Task

Mode = Literal["constrained", "free"]  #: label by likelihood, or label read from a written answer


@dataclass(frozen=True, slots=True)
class Item:
    """One held-out example."""

    id: str
    fields: Mapping[str, str]
    gold: str  #: empty when only predictions are wanted


@dataclass(frozen=True, slots=True)
class ItemResult:
    """What a model made of one item."""

    item_id: str
    gold: str
    predicted: str  #: empty: no label could be read from the answer; counts as wrong
    mode: Mode
    posterior: Mapping[str, float] = field(default_factory=dict)  #: label -> probability; constrained only
    raw: str = ""  #: the answer as written; free only
    problem: str = ""  #: why there is no prediction

    @property
    def probability_gold(self) -> float:
        """Probability of the right label among the labels; nan when answered freely."""
        return self.posterior.get(self.gold, float("nan"))


class Evaluation(Strategy):
    """Base of what a recipe may name under `evaluate`."""

    @property
    def primary(self) -> str:
        """The metric that verdicts are about."""
        raise NotImplementedError

    def modes(self, trained: bool) -> tuple[Mode, ...]:
        """Return the modes a model is asked in, the primary one first."""
        raise NotImplementedError

    def load_items(self, task: Task) -> list[Item]:
        """Read the held-out items.

        Raises:
            DataError: they cannot be read, or do not fit the task.
        """
        raise NotImplementedError

    def predict(
        self,
        model: Model,
        task: Task,
        items: Sequence[Item],
        language: str,
        mode: Mode,
        advance: Advance = ignore_progress,
    ) -> list[ItemResult]:
        """Return one result per item, in the items' order."""
        raise NotImplementedError
