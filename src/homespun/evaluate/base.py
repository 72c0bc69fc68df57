"""What every evaluation gives: one result per item, never only a mean.

An evaluation asks the model that is evaluated (`predict`), then says what each answer is worth (`grade`), for which
it may ask a judge, and turns that into values per item (`values`). Asking may happen while the model is trained;
grading comes afterwards, so another judge needs no training. Means, intervals and verdicts are made from the values
by compare.py, so an item can be looked up again and two arms can be paired item by item.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, ClassVar, Literal

from homespun.models.base import Advance, Model, ignore_progress
from homespun.registry import Strategy
from homespun.task import Role, Task

if TYPE_CHECKING:
    from homespun.data.records import Record, Row
    from homespun.engine.context import Context
    from homespun.stats.descriptive import Floats

#: label by likelihood; label read from a written answer; label by likelihood with the model's bias taken off, after
#: some rows of the pool with their labels, or both
Mode = Literal["constrained", "free", "calibrated", "few_shot", "few_shot_calibrated"]


@dataclass(frozen=True, slots=True)
class Item:
    """One held-out example."""

    id: str
    fields: Mapping[str, str]
    gold: str  #: empty when only predictions are wanted
    groups: Mapping[str, str] = field(default_factory=dict)  #: what the item belongs to: document, category, split
    accepted: tuple[str, ...] = ()  #: further right answers


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
    groups: Mapping[str, str] = field(default_factory=dict)  #: those of the item
    marks: Mapping[str, float] = field(default_factory=dict)  #: metric -> what the answer is worth; from `grade`

    @property
    def probability_gold(self) -> float:
        """Probability of the right label among the labels; nan when answered freely."""
        return self.posterior.get(self.gold, float("nan"))


def groups_of(results: Sequence[ItemResult], name: str) -> list[str]:
    """Return the group of every item; one that names none is a group of its own."""
    return [result.groups.get(name, result.item_id) for result in results]


class Evaluation(Strategy):
    """Base of what a recipe may name under `evaluate`."""

    group: ClassVar[str] = "evaluation"
    graded_by: ClassVar[frozenset[str]] = frozenset()  #: settings that only `grade` reads
    not_asked: ClassVar[frozenset[str]] = frozenset()  #: settings that change no answer of `predict`
    compares: ClassVar[bool] = False  #: graded beside the answers of other arms, when all have; never on the way
    along: ClassVar[bool] = True  #: False: asked before and after a training, never at exposures on the way

    @property
    def grouped(self) -> tuple[str, ...]:
        """Groups whose items are no independent sample (questions on one document)."""
        return ()

    @property
    def primary(self) -> str:
        """The metric that verdicts are about."""
        raise NotImplementedError

    def modes(self, trained: bool) -> tuple[Mode, ...]:
        """Return the modes a model is asked in, the primary one first."""
        raise NotImplementedError

    def load_items(self, task: Task | None = None, language: str = "en") -> list[Item]:
        """Read the held-out items; `language` is that of the run.

        Raises:
            DataError: they cannot be read, or do not fit the task.
        """
        raise NotImplementedError

    def predict(
        self,
        model: Model,
        task: Task | None,
        items: Sequence[Item],
        language: str,
        mode: Mode,
        advance: Advance = ignore_progress,
    ) -> list[ItemResult]:
        """Return one result per item, in the items' order; asks no other model."""
        raise NotImplementedError

    def shows(self, row: Row) -> bool:
        """Whether a row can stand in a prompt as an example."""
        return False

    @property
    def few_shots(self) -> int:
        """Number of rows that the untrained student is shown by `predict_shown`; 0: it cannot be asked so."""
        return 0

    def predict_shown(
        self,
        model: Model,
        task: Task | None,
        items: Sequence[Item],
        language: str,
        shown: Sequence[Row],
        advance: Advance = ignore_progress,
    ) -> list[ItemResult]:
        """Return one result per item, in mode few_shot, from a model that has answered rows before it."""
        raise NotImplementedError

    def judges(self) -> tuple[Role, ...]:
        """Return the models that `grade` asks."""
        return ()

    def sample(self) -> Evaluation:
        """Return an evaluation that asks no judge, for an estimate."""
        return self

    def look_at(self, items: Sequence[Item], records: Iterable[Record]) -> list[str]:
        """Return what a reader should know about items that ask for something in a source; reads it once.

        Raises:
            DataError: the source answers none of them.
        """
        return []

    def texts(self, item: Item) -> list[tuple[str, bool]]:
        """Return the texts of an item that no training row may repeat, each with whether it is an answer."""
        return [(text, False) for text in item.fields.values()] + ([(item.gold, True)] if item.gold else [])

    def grade(self, results: Sequence[ItemResult], items: Sequence[Item], ctx: Context) -> list[ItemResult]:
        """Return the results with their marks; may ask a judge. `results` hold one mode and all items, in order."""
        return list(results)

    def grade_beside(
        self,
        results: Sequence[ItemResult],
        others: Mapping[str, Sequence[ItemResult]],
        items: Sequence[Item],
        ctx: Context,
    ) -> list[ItemResult]:
        """Return the results with their marks, where `compares`: `others` are the answers of all other arms.

        Args:
            results: of one model, in one mode, for all items in order.
            others: arm -> answers in the same mode, of the same seed where it has that; of the untrained student too,
                under `_baseline`.
            items: what was asked.
            ctx: models and language.
        """
        raise NotImplementedError

    def derived(self, results: Mapping[Mode, Sequence[ItemResult]]) -> dict[Mode, list[ItemResult]]:
        """Return results in modes that follow from those a model was asked in, without asking again."""
        return {}

    def values(self, answers: Sequence[Sequence[ItemResult]], task: Task | None) -> dict[str, Floats]:
        """Return metric -> values, shape (seeds, items), whose mean over items is the metric of each seed.

        nan where a metric does not apply to an item; the same items for every model.
        """
        import numpy as np

        names = dict.fromkeys(name for results in answers for result in results for name in result.marks)
        return {
            name: np.asarray([[result.marks.get(name, np.nan) for result in results] for results in answers])
            for name in names
        }

    def by_group(self, metric: str) -> bool:
        """Whether a metric is a mean over groups; one that is no mean over items is not."""
        return len(self.grouped) == 1 and metric != "macro_f1"

    def by_unit(self, answers: Sequence[Sequence[ItemResult]], task: Task | None) -> dict[str, Floats]:
        """Return `values`, or where items belong together in one way, those of their groups, each by its mean."""
        from homespun.stats.inference import group_means

        return {
            name: group_means(values, groups_of(answers[0], self.grouped[0])) if self.by_group(name) else values
            for name, values in self.values(answers, task).items()
        }

    def summary(self, results: Sequence[ItemResult], task: Task | None) -> dict[str, float]:
        """Return every metric of one model's results in one mode."""
        import numpy as np

        return {name: float(np.nanmean(values)) for name, values in self.by_unit([results], task).items()}
