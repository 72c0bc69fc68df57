"""The arms of a run: those of the recipe, and what each selecting one is held against.

A selecting arm needs two others to prove itself: its reference, the same rows before selection, and its
control, a random draw of the same size and label balance (methods.md A7). Both are made here when the
recipe does not have them. What the rules say about rows is select/'s; training and results are not
planned here.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING

from homespun.data.records import Row, derive_seed
from homespun.errors import UsageError
from homespun.select.arms import check_columns, control
from homespun.select.base import Rule
from homespun.select.engine import Selected
from homespun.task import Controls
from homespun.train.base import Trainer

if TYPE_CHECKING:
    from homespun.recipe.recipe import Recipe


@dataclass(frozen=True)
class ArmPlan:
    """An arm of the run: from the recipe, or made to hold one of the recipe's arms against."""

    name: str
    sources: tuple[str, ...]
    select: tuple[Rule, ...]
    size: int | None
    each: int | None  #: rows of each document; None: all
    trainer: Trainer | None
    control: str | None = None  #: name of the random arm that this one is held against
    reference: str | None = None  #: name of the arm with the same rows before selection
    control_of: str | None = None  #: for a control: the arm it belongs to
    alike: Controls = "rows"  #: for a control: what it has as much of


@dataclass(frozen=True)
class Choice:
    """What an arm chose."""

    plan: ArmPlan
    candidates: tuple[Row, ...]
    outcome: Selected | None  #: None for a control
    chosen: tuple[Row, ...]  #: the rows that the arm keeps; of a control those of its owner

    def rows(self, run_seed: int, seed: int) -> tuple[Row, ...]:
        """Return the rows to train on; a control draws them anew for each seed, independently of other controls."""
        if self.plan.control_of is None:
            return self.chosen
        drawn_by = derive_seed(run_seed, "control", self.plan.control_of, seed)
        return control(self.chosen, self.candidates, drawn_by, self.plan.alike)


def plan_arms(recipe: Recipe, only: Sequence[str] | None = None) -> list[ArmPlan]:
    """Return the arms to run: the recipe's, and for each selecting one its reference and its control.

    Raises:
        UsageError: `only` names an arm that the recipe does not have.
    """
    for name in only or ():
        if name not in recipe.arms:
            raise UsageError(f'the recipe has no arm "{name}"; its arms are: {", ".join(recipe.arms)}')
    plans: dict[str, ArmPlan] = {}
    for name, arm in recipe.arms.items():
        sources = arm.sources or tuple(recipe.generate)
        plans[name] = ArmPlan(name, sources, arm.select, arm.size, arm.each, recipe.trainer_for(arm))
    wanted = {name: plans[name] for name in only} if only else dict(plans)
    result: dict[str, ArmPlan] = {}
    for name, plan in wanted.items():
        if not plan.select:
            result.setdefault(name, plan)
            continue
        rows = (plan.sources, plan.size, plan.each, plan.trainer)
        peers = [plan for plan in (*plans.values(), *result.values()) if not plan.select and plan.control_of is None]
        reference = next((peer for peer in peers if (peer.sources, peer.size, peer.each, peer.trainer) == rows), None)
        if reference is None:
            free = "unfiltered" if "unfiltered" not in plans and "unfiltered" not in result else f"{name}/unfiltered"
            reference = replace(plan, name=free, select=())
        result.setdefault(reference.name, reference)
        random = f"{name}/random"
        result[name] = replace(plan, control=random, reference=reference.name)
        result[random] = replace(plan, name=random, select=(), control_of=name, alike=recipe.controls)
    return list(result.values())


def check_rules(recipe: Recipe) -> None:
    """Refuse rules that read columns which no scorer makes, or bad files, before anything is generated."""
    columns = {name: scorer.columns() for name, scorer in recipe.score.items()}
    for arm in recipe.arms.values():
        check_columns(arm.select, columns)
        for rule in arm.select:
            rule.check_files()
