"""From item results to verdicts: the `evaluations` part of results.json (docs/results-json.md).

Every arm is held against its random control (did the choice help, beyond the number of rows?), against its
reference (is it better than using every row?), and against the untrained student. A verdict needs p < 0.05
after Holm's correction; the correction runs over every arm that is held against the same kind of other
arm, one family per question, because each question is answered on its own (docs/comparison.md).
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Literal

import numpy as np

from homespun import stats
from homespun.evaluate.base import Evaluation, ItemResult, Mode
from homespun.evaluate.sentences import METRIC_WORDS, arm_sentence, sentence
from homespun.records import JSONDict
from homespun.stats import Floats, SeedSpread
from homespun.task import Task

Relation = Literal["control", "reference", "baseline"]
RELATIONS: tuple[Relation, ...] = ("control", "reference", "baseline")
LEVEL = 0.05

Verdict = Literal["helped", "hurt", "no evidence"]
SeedResults = Mapping[int, Sequence[ItemResult]]  #: training seed -> results of every item, in any modes


@dataclass(frozen=True, slots=True)
class Against:
    """The arms that an arm is held against."""

    control: str | None = None
    reference: str | None = None


@dataclass(frozen=True, slots=True)
class _Arm:
    """Values per metric, shape (seeds, items), in the primary mode."""

    seeds: tuple[int, ...]
    values: Mapping[str, Floats]

    def rows(self, metric: str, seeds: Sequence[int]) -> Floats:
        return self.values[metric][[self.seeds.index(seed) for seed in seeds]]


def compare(
    evaluation: Evaluation,
    task: Task | None,
    baseline: Sequence[ItemResult],
    arms: Mapping[str, SeedResults],
    against: Mapping[str, Against],
) -> JSONDict:
    """Return one evaluation's entry of results.json.

    Args:
        evaluation: says what an answer is worth, and which metric verdicts are about.
        task: the task of the recipe, if it has one.
        baseline: results of the untrained student, one or two modes.
        arms: results of every arm and control; the mode that stands first is the primary one.
        against: arm -> its control and reference; arms that are not in it are not held against anything.

    Raises:
        ValueError: results of different items cannot be paired.
    """
    metric = evaluation.primary
    by_mode = _by_mode(baseline)
    modes = {name: _primary_mode(results) for name, results in arms.items() if results}
    mode = next(iter(modes.values()), next(iter(by_mode)))
    items = [result.item_id for result in by_mode[mode]]
    measured = {name: _arm(arms[name], mode, items, evaluation, task) for name in modes}
    untrained = _Arm((0,), _values([by_mode[mode]], evaluation, task))
    spreads = {name: _spread([arm.values[name] for arm in measured.values()]) for name in untrained.values}

    entries: dict[str, JSONDict] = {}
    for name, arm in measured.items():
        relation = against.get(name, Against())
        control, reference = (measured.get(other or "") for other in (relation.control, relation.reference))
        entries[name] = {
            "metrics": _metrics(arm, arms[name], spreads, evaluation, task),
            "versus_control": _versus(arm, control, relation.control, "control", metric, spreads[metric]),
            "versus_reference": _versus(arm, reference, relation.reference, "reference", metric, spreads[metric]),
            "versus_baseline": _versus(arm, untrained, "untrained", "baseline", metric, spreads[metric]),
            "seeds": list(arm.seeds),
        }
    for kind in RELATIONS:
        _judge([entry[f"versus_{kind}"] for entry in entries.values() if entry[f"versus_{kind}"]])
    for name, entry in entries.items():
        for kind in RELATIONS:
            if entry[f"versus_{kind}"]:
                entry[f"versus_{kind}"]["sentence"] = sentence(name, entry[f"versus_{kind}"])
        entry["sentence"] = arm_sentence(entry)
    return {
        "items": untrained.values[metric].shape[1] if metric in untrained.values else len(items),
        "metric": metric,
        "mode": mode,
        "baseline": {name: evaluation.summary(results, task) for name, results in by_mode.items()},
        "seed_sd": {name: spread.variance**0.5 if spread.df else None for name, spread in spreads.items()},
        "arms": entries,
    }


def _by_mode(results: Sequence[ItemResult]) -> dict[Mode, list[ItemResult]]:
    found: dict[Mode, list[ItemResult]] = {}
    for result in results:
        found.setdefault(result.mode, []).append(result)
    return found


def _primary_mode(results: SeedResults) -> Mode:
    return next(iter(results.values()))[0].mode


def _arm(results: SeedResults, mode: Mode, items: Sequence[str], evaluation: Evaluation, task: Task | None) -> _Arm:
    seeds = tuple(sorted(results))
    asked = [_by_mode(results[seed]).get(mode, []) for seed in seeds]
    for seed, answers in zip(seeds, asked, strict=True):
        if [result.item_id for result in answers] != list(items):
            raise ValueError(f"seed {seed} has results of other items than the untrained model")
    return _Arm(seeds, _values(asked, evaluation, task))


def _values(answers: Sequence[Sequence[ItemResult]], evaluation: Evaluation, task: Task | None) -> dict[str, Floats]:
    """Return the values of every metric, without the items to which it does not apply."""
    found = evaluation.values(answers, task)
    return {name: values[:, ~np.isnan(values).all(axis=0)] for name, values in found.items()}


def _spread(arms: Sequence[Floats]) -> SeedSpread:
    """Pool over arms, those with the same answers (the same rows, trained once) counted once."""
    return stats.seed_spread(list({values.tobytes(): values for values in arms}.values()))


def _metrics(
    arm: _Arm, results: SeedResults, spreads: Mapping[str, SeedSpread], evaluation: Evaluation, task: Task | None
) -> JSONDict:
    """Return every metric; those of the primary mode with an interval, those of another without."""
    found: JSONDict = {}
    for name, values in arm.values.items():
        estimate = stats.mean_interval(values, spreads[name], stats.is_share(name))
        seeds = values.mean(axis=1)
        found[name] = {
            "mean": estimate.mean,
            "low": estimate.low,
            "high": estimate.high,
            "seeds": [float(value) for value in seeds],
        }
    primary = _primary_mode(results)
    per_seed = [_by_mode(results[seed]) for seed in arm.seeds]
    for mode in per_seed[0]:
        scored = [evaluation.summary(seed[mode], task) for seed in per_seed]
        prefix = "" if mode == primary else f"{mode}_"
        for name in scored[0]:
            if f"{prefix}{name}" not in found:
                shares = [seed[name] for seed in scored]
                mean = float(np.mean(shares))
                found[f"{prefix}{name}"] = {"mean": mean, "low": None, "high": None, "seeds": shares}
    return found


def _versus(
    arm: _Arm, other: _Arm | None, name: str | None, relation: Relation, metric: str, spread: SeedSpread
) -> JSONDict | None:
    """Return the paired comparison over the seeds that both have, still without a verdict."""
    if other is None:
        return None
    fixed = relation == "baseline"
    seeds = arm.seeds if fixed else tuple(seed for seed in arm.seeds if seed in other.seeds)
    if not seeds:
        return None
    flag = "accuracy" if "accuracy" in arm.values else metric
    mine, right = arm.rows(metric, seeds), arm.rows(flag, seeds)
    theirs = other.values[metric] if fixed else other.rows(metric, seeds)
    theirs_right = other.values[flag] if fixed else other.rows(flag, seeds)
    found = stats.paired_difference(mine, theirs, metric, spread, fixed=fixed)
    items = mine.shape[1]
    discordance = found.items_variance * items + found.difference**2
    only_mine, only_theirs = right > theirs_right, right < theirs_right
    return {
        "metric": metric,
        "difference": found.difference,
        "low": found.low,
        "high": found.high,
        "p": found.p,
        "verdict": "no evidence",
        "against": name,
        "relation": relation,
        "items": items,
        "seeds": len(seeds),
        "same_answers": bool((mine == theirs).all()),
        "seed_share": _share(found.seeds_variance, found.items_variance),
        "items_needed": stats.items_needed(found.difference, discordance, seeds_variance=found.seeds_variance),
        "smallest_visible": stats.smallest_visible(items, discordance, seeds_variance=found.seeds_variance),
        "mcnemar": [
            {"seed": seed, "b": int(b), "c": int(c), "p": stats.mcnemar_exact(int(b), int(c))}
            for seed, b, c in zip(seeds, only_mine.sum(axis=1), only_theirs.sum(axis=1), strict=True)
        ],
    }


def _share(part: float, rest: float) -> float:
    return part / (part + rest) if part + rest else 0.0


def _judge(comparisons: Sequence[JSONDict]) -> None:
    """Add Holm's correction and the verdict to one family of comparisons."""
    adjusted = stats.holm([comparison["p"] for comparison in comparisons])
    for comparison, p in zip(comparisons, adjusted, strict=True):
        comparison["p_holm"], comparison["family"] = p, len(comparisons)
        comparison["verdict"] = _verdict(p, comparison["difference"])


def _verdict(p: float, difference: float) -> Verdict:
    if p >= LEVEL or difference == 0:
        return "no evidence"
    return "helped" if difference > 0 else "hurt"


def summary_lines(results: Mapping[str, Any]) -> list[str]:
    """Return results.json in a few lines: per evaluation the untrained model, each arm, each verdict."""
    lines: list[str] = []
    for name, evaluation in results.get("evaluations", {}).items():
        metric = evaluation["metric"]
        lines.append(f"{name}: {METRIC_WORDS.get(metric, metric)} on {evaluation['items']} items")
        width = max((len(arm) for arm in evaluation["arms"]), default=0)
        width = max(width, *(len(f"untrained, {mode}") for mode in evaluation["baseline"]))
        for mode, values in evaluation["baseline"].items():
            unparsed = values.get("unparsed", 0.0)
            remark = f"  ({100 * unparsed:.0f} % of the answers could not be read)" if unparsed else ""
            lines.append(f"  {f'untrained, {mode}':<{width}}  {100 * values[metric]:.1f} %{remark}")
        for arm, entry in evaluation["arms"].items():
            value = entry["metrics"][metric]
            seeds = ", ".join(f"{100 * seed:.1f}" for seed in value["seeds"])
            lines.append(
                f"  {arm:<{width}}  {100 * value['mean']:.1f} %"
                f"  ({100 * value['low']:.1f} to {100 * value['high']:.1f}; by seed {seeds})"
            )
        lines += [f"  {text}" for text in tuning_sentences(evaluation)]
        compared = [
            entry[key] for entry in evaluation["arms"].values() for key in ("versus_control", "versus_reference")
        ]
        lines += [f"  {comparison['sentence']}" for comparison in compared if comparison]
    return lines


def tuning_sentences(evaluation: Mapping[str, Any]) -> list[str]:
    """Return a sentence per arm that neither selects nor is a control: did tuning on written rows help at all."""
    arms = evaluation["arms"]
    controls = {entry["versus_control"]["against"] for entry in arms.values() if entry["versus_control"]}
    return [
        entry["versus_baseline"]["sentence"]
        for name, entry in arms.items()
        if name not in controls and not entry["versus_control"] and not entry["versus_reference"]
    ]
