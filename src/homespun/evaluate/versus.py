"""Two arms held against each other: what varies by chance, the verdict, and what it would take.

What varies by chance follows from how the replicates were drawn (`Design`): where every replicate has candidates of
its own, a difference is about the rule; where all share one choice, its luck stays in the difference and is measured
by the controls' draws. A verdict needs p below the level of this look after Holm's correction; the correction runs
over every arm that is held against the same kind of other arm, one family per question, because each question is
answered on its own (docs/comparison.md). Statistics are in inference.py, the entry of results.json in compare.py.
"""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any, Literal, NamedTuple, cast, get_args

import numpy as np

from homespun.data.records import JSONDict
from homespun.evaluate.base import Evaluation, ItemResult, Mode, groups_of
from homespun.stats import descriptive, inference
from homespun.stats.descriptive import Floats
from homespun.stats.inference import Difference, Part
from homespun.task import Controls, Draws, Task

Relation = Literal["control", "reference", "baseline"]
RELATIONS: tuple[Relation, ...] = ("control", "reference", "baseline")

Verdict = Literal["helped", "hurt", "no difference that matters", "no evidence", "no verdict"]
VERDICTS: tuple[Verdict, ...] = get_args(Verdict)
ROUNDING = 1e-12  #: differences below this are none
SeedResults = Mapping[int, Sequence[ItemResult]]  #: replicate -> results of every item, in any modes


@dataclass(frozen=True, slots=True)
class Against:
    """The arms that an arm is held against."""

    control: str | None = None
    reference: str | None = None


@dataclass(frozen=True, slots=True)
class Design:
    """How a run's replicates were drawn, and what its verdicts are held to."""

    draws: Draws = "pool"
    worth: float = 0.03  #: difference below which two arms are as good as equal, as a share
    spent: float = 0.0  #: of the level, by the looks before this one
    controls: Controls = "rows"  #: what a control has as much of as its arm


class _Chance(NamedTuple):
    """What a comparison varies by, beside the items."""

    parts: dict[str, Part]
    once: float  #: their variance with one replicate
    stays: float  #: share of it that more replicates leave as it is


@dataclass(frozen=True, slots=True)
class Arm:
    """Values per metric, shape (replicates, items), in one mode."""

    seeds: tuple[int, ...]
    values: Mapping[str, Floats]

    def rows(self, metric: str, seeds: Sequence[int]) -> Floats:
        """Return the values of some replicates; a model that no replicate changes has the same in each."""
        if self.seeds == ():
            return np.repeat(self.values[metric], len(seeds), axis=0)
        return self.values[metric][[self.seeds.index(seed) for seed in seeds]]


def by_mode(results: Sequence[ItemResult], evaluation: Evaluation) -> dict[Mode, list[ItemResult]]:
    """Return the results of every mode, with those that follow from them."""
    found: dict[Mode, list[ItemResult]] = {}
    for result in results:
        found.setdefault(result.mode, []).append(result)
    return found | evaluation.derived(found)


def primary_mode(results: SeedResults) -> Mode:
    """Return the mode that stands first."""
    return next(iter(results.values()))[0].mode


@dataclass(frozen=True, slots=True)
class Reader:
    """Turns item results into values per metric, and says which items belong together."""

    evaluation: Evaluation
    task: Task | None
    items: Sequence[str]
    first: Sequence[ItemResult]

    @property
    def groupings(self) -> list[list[str]]:
        """For every way in which items belong together the group of each."""
        return [groups_of(self.first, name) for name in self.evaluation.grouped]

    def arm(self, results: SeedResults, mode: Mode) -> Arm:
        """Return an arm's values in one mode."""
        seeds = tuple(sorted(results))
        asked = [by_mode(results[seed], self.evaluation).get(mode, []) for seed in seeds]
        for seed, answers in zip(seeds, asked, strict=True):
            if [result.item_id for result in answers] != list(self.items):
                raise ValueError(f"seed {seed} has results of other items than the untrained model")
        return Arm(seeds, self._values(asked))

    def fixed(self, results: Sequence[ItemResult]) -> Arm:
        """Return the values of a model that no replicate changes."""
        return Arm((), self._values([results]))

    def _values(self, answers: Sequence[Sequence[ItemResult]]) -> dict[str, Floats]:
        """Return the values of every metric, without the items to which it does not apply.

        Where items belong together in one way, a mean over items becomes one over groups, each by its mean.
        """
        found = self.evaluation.by_unit(answers, self.task)
        return {name: values[:, ~np.isnan(values).all(axis=0)] for name, values in found.items()}

    def counted(self, metric: str) -> int:
        """Return to how many items a metric applies."""
        values = self.evaluation.values([self.first], self.task)
        return int((~np.isnan(values[metric])).sum()) if metric in values else len(self.items)

    def units(self, gaps: Floats, metric: str) -> Part:
        """Return the part of the items, or of the groups to which they belong."""
        if self.evaluation.grouped and not self.evaluation.by_group(metric):
            return inference.crossed_part(gaps, self.groupings)
        return inference.unit_part(gaps)


class Judge:
    """Holds arms against each other, still without a verdict."""

    def __init__(
        self, read: Reader, design: Design, metric: str, arms: Mapping[str, Arm], against: Mapping[str, Against]
    ) -> None:
        self.read, self.design, self.metric, self.arms, self.against = read, design, metric, arms, against
        self.controls = {one.control for one in against.values()}

    def versus(self, name: str, other: Arm | None, against: str | None, relation: Relation) -> JSONDict | None:
        """Return a paired comparison over the replicates that both have."""
        if other is None:
            return None
        arm, metric = self.arms[name], self.metric
        seeds = tuple(seed for seed in arm.seeds if seed in (other.seeds or arm.seeds))
        if not seeds:
            return None
        mine, theirs = arm.rows(metric, seeds), other.rows(metric, seeds)
        gaps = mine - theirs
        chance: _Chance | None = None
        found = Difference(float(gaps.mean()))
        if min(gaps.shape) > 1 and not gaps.any():
            found = Difference(0.0, {}, 0.0, 0.0, 1.0)
        elif min(gaps.shape) > 1:
            units, varies = self.read.units(gaps, metric), self._chance(relation, name, seeds, gaps, theirs)
            parts = {"items": units, **varies.parts}
            # one or two units, or units whose means are alike, do not measure what chance among them does
            alike = float(np.ptp(gaps.mean(axis=0))) <= ROUNDING
            if units.df > 1 and not alike and sum(part.variance for part in parts.values()) > ROUNDING**2:
                chance, found = varies, inference.concluded(found.difference, parts)
            elif units.df > 1 and float(np.ptp(gaps)) <= ROUNDING:  # as many tosses of a coin
                found = replace(found, p=2.0 ** (1 - mine.shape[1]))
        variance = sum(part.variance for part in found.parts.values())
        return {
            "metric": metric,
            "difference": found.difference,
            "low": found.low,
            "high": found.high,
            "p": found.p,
            "against": against,
            "relation": relation,
            "draws": self.design.draws,
            **({"alike": self.design.controls} if relation == "control" else {}),
            "items": self.read.counted(metric),
            "units": mine.shape[1],
            "replicates": len(seeds),
            "same_answers": not gaps.any(),
            "worth": self.design.worth if descriptive.is_share(metric) else None,
            "parts": {part: {"variance": one.variance, "df": one.df} for part, one in found.parts.items()},
            "items_share": found.parts["items"].variance / variance if variance else None,
            "_chance": chance,
            **self._per_replicate(seeds, mine, theirs),
        }

    def _chance(self, relation: Relation, name: str, seeds: Sequence[int], gaps: Floats, theirs: Floats) -> _Chance:
        """Return what the difference varies by beside the items; docs/comparison.md has the table."""
        count, within = len(gaps), inference.replicate_variance(gaps)
        replicates = Part(within / count, count - 1)
        if self.design.draws != "fixed" or relation == "baseline" or name in self.controls:
            return _Chance({"replicates": replicates}, within, 0.0)
        # one choice for all replicates: its luck stays, and the draws of its control tell how large such luck is
        if relation == "control":
            luck = inference.replicate_variance(theirs)
            return _Chance({"draws": Part(luck * (1 + 1 / count), count - 1)}, 2 * luck, 0.5)
        control = self.arms[cast(str, self.against[name].control)]
        luck = inference.replicate_variance(control.rows(self.metric, seeds))
        parts = {"draws": Part(luck, count - 1), "replicates": replicates}
        return _Chance(parts, luck + within, luck / (luck + within) if luck else 0.0)

    def _per_replicate(self, seeds: Sequence[int], mine: Floats, theirs: Floats) -> JSONDict:
        """Return an exact test per replicate: McNemar's, or flipped signs where items belong together."""
        if self.read.evaluation.grouped:
            if not self.read.evaluation.by_group(self.metric):
                return {}
            flips = [inference.sign_flips(gap) for gap in mine - theirs]
            return {"sign_flips": [{"seed": seed, "p": p} for seed, p in zip(seeds, flips, strict=True)]}
        if not np.isin(mine, (0.0, 1.0)).all() or not np.isin(theirs, (0.0, 1.0)).all():
            return {}
        only_mine, only_theirs = (mine > theirs).sum(axis=1), (mine < theirs).sum(axis=1)
        return {
            "mcnemar": [
                {"seed": seed, "b": int(b), "c": int(c), "p": inference.mcnemar_exact(int(b), int(c))}
                for seed, b, c in zip(seeds, only_mine, only_theirs, strict=True)
            ]
        }


def with_rivals(asked_alike: JSONDict | None, rivals: Mapping[str, JSONDict | None]) -> JSONDict | None:
    """Add the other ways of asking the untrained student: tuning has to beat them all."""
    if asked_alike:
        told = ("difference", "low", "high", "p")
        asked_alike["rivals"] = {name: {key: one[key] for key in told} for name, one in rivals.items() if one}
    return asked_alike


def decide(comparisons: Sequence[JSONDict], design: Design) -> None:
    """Add Holm's correction, the verdict and what it would take to one family of comparisons."""
    able = [comparison for comparison in comparisons if comparison["p"] is not None]
    for comparison in able:
        rivals = list(comparison.get("rivals", {}).values())
        lowest = min([comparison["difference"], *(one["difference"] for one in rivals)])
        # above every way of asking the untrained student: the largest p counts; below: the one asked alike
        comparison["p_all"] = comparison["p"]
        if comparison["difference"] > 0:
            known = [1.0 if one["p"] is None else one["p"] for one in rivals]
            comparison["p_all"] = max(comparison["p"], *known, 0.0 if lowest > 0 else 1.0)
        comparison["p_equivalent"] = _equivalence(comparison) if lowest > -(comparison["worth"] or 0) else 1.0
    adjusted = inference.holm([comparison["p_all"] for comparison in able])
    alike = inference.holm([comparison["p_equivalent"] for comparison in able])
    for comparison, p, p_alike in zip(able, adjusted, alike, strict=True):
        comparison["p_holm"], comparison["p_equivalent"] = p, p_alike
    for comparison in comparisons:
        comparison["family"] = max(len(able), 1)
        comparison["level"] = inference.level_at(comparison["replicates"], design.spent)
        for key in ("p_all", "p_holm", "p_equivalent"):
            comparison.setdefault(key, None)
        comparison["verdict"] = _verdict(comparison)
        comparison |= _what_it_takes(comparison, comparison.pop("_chance"), design.spent)


def _parts(comparison: Mapping[str, Any]) -> dict[str, Part]:
    return {name: Part(one["variance"], one["df"]) for name, one in comparison["parts"].items()}


def _equivalence(comparison: Mapping[str, Any]) -> float:
    if comparison["worth"] is None:
        return 1.0
    if comparison["same_answers"]:  # the chance that so many items show none of a difference of `worth`
        return float((1 - comparison["worth"]) ** comparison["units"])
    return float(
        inference.equivalence(comparison["difference"], list(_parts(comparison).values()), comparison["worth"])
    )


def _verdict(comparison: Mapping[str, Any]) -> Verdict:
    if comparison["p"] is None:
        return "no verdict"
    if comparison["p_holm"] < comparison["level"] and comparison["difference"] != 0:
        return "helped" if comparison["difference"] > 0 else "hurt"
    return "no difference that matters" if comparison["p_equivalent"] < comparison["level"] else "no evidence"


def _what_it_takes(comparison: Mapping[str, Any], chance: _Chance | None, spent: float) -> JSONDict:
    """Return the difference that this run shows with 80 % power, and what it takes to show one that matters."""
    parts, worth, family = _parts(comparison), comparison["worth"], comparison["family"]
    if chance is None or worth is None:
        return {"smallest_visible": None, "replicates_needed": None, "items_needed": None}
    unit, others = parts["items"], [part for name, part in parts.items() if name != "items"]
    level = comparison["level"]
    visible = inference.smallest_visible(list(parts.values()), level / family)

    def look(count: int) -> float:
        """Return the level of this look where it shows enough, else that of a later one at so many replicates."""
        return float(level if visible <= worth else inference.level_at(count, spent + level)) / int(family)

    units = inference.items_needed(worth, comparison["units"], unit, others, level / family)
    return {
        "smallest_visible": visible,
        "replicates_needed": inference.replicates_needed(worth, unit, chance.once, look, chance.stays),
        "items_needed": units and math.ceil(units * comparison["items"] / comparison["units"]),
    }
