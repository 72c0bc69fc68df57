"""From item results to verdicts: the `evaluations` part of results.json (docs/results-json.md).

Every arm is held against its random control (did the choice help, beyond the number of rows?), against its
reference (is it better than using every row?), and against the untrained student (versus.py). Written here are the
metrics of every arm, with the comparisons and their sentences beside them.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from typing import Any, cast

import numpy as np

from homespun.data.records import JSONDict
from homespun.evaluate.base import Evaluation, Mode
from homespun.evaluate.besides import general_sentences
from homespun.evaluate.sentences import METRIC_WORDS, SHORT, arm_sentence, sentence, shows
from homespun.evaluate.versus import (
    RELATIONS,
    Against,
    Arm,
    Design,
    Judge,
    Reader,
    SeedResults,
    by_mode,
    decide,
    primary_mode,
    with_rivals,
)
from homespun.stats import descriptive
from homespun.stats.descriptive import Floats, SeedSpread
from homespun.task import Task


def compare(
    evaluation: Evaluation,
    task: Task | None,
    baseline: Mapping[str, SeedResults],
    arms: Mapping[str, SeedResults],
    against: Mapping[str, Against],
    design: Design | None = None,
) -> JSONDict:
    """Return one evaluation's entry of results.json.

    Args:
        evaluation: says what an answer is worth, and which metric verdicts are about.
        task: the task of the recipe, if it has one.
        baseline: the untrained student by the way it was asked: what no replicate changes under replicate 0, what
            is asked with a replicate's rows under each.
        arms: results of every arm and control; the mode that stands first is the primary one.
        against: arm -> its control and reference; arms that are not in it are not held against anything.
        design: how replicates were drawn.

    Raises:
        ValueError: results of different items cannot be paired.
    """
    design = design or Design()
    metric = evaluation.primary
    plain = by_mode(baseline["untrained"][0], evaluation)
    prompted: dict[str, SeedResults] = {
        mode: seeds
        for name, seeds in baseline.items()
        if name != "untrained"
        for mode in by_mode(next(iter(seeds.values())), evaluation)
    }
    modes = {name: primary_mode(results) for name, results in arms.items() if results}
    mode = next(iter(modes.values()), next(iter(plain)))
    first = plain[mode]
    read = Reader(evaluation, task, [result.item_id for result in first], first)
    measured = {name: read.arm(arms[name], mode) for name in modes}
    untrained: dict[str, Arm] = {name: read.fixed(results) for name, results in plain.items()}
    untrained |= {name: read.arm(seeds, cast(Mode, name)) for name, seeds in prompted.items()}
    spreads = {name: _spread([arm.values[name] for arm in measured.values()]) for name in untrained[mode].values}
    judge = Judge(read, design, metric, measured, against)

    entries: dict[str, JSONDict] = {}
    for name, arm in measured.items():
        relation = against.get(name, Against())
        rivals = {other: judge.versus(name, untrained[other], other, "baseline") for other in untrained}
        entries[name] = {
            "metrics": _metrics(arm, arms[name], spreads, read),
            "versus_control": judge.versus(name, measured.get(relation.control or ""), relation.control, "control"),
            "versus_reference": judge.versus(
                name, measured.get(relation.reference or ""), relation.reference, "reference"
            ),
            "versus_baseline": with_rivals(rivals.pop(mode), rivals),
            "seeds": list(arm.seeds),
        }
    for kind in RELATIONS:
        decide([entry[f"versus_{kind}"] for entry in entries.values() if entry[f"versus_{kind}"]], design)
    for name, entry in entries.items():
        for kind in RELATIONS:
            if entry[f"versus_{kind}"]:
                entry[f"versus_{kind}"]["sentence"] = sentence(name, entry[f"versus_{kind}"])
        entry["sentence"] = arm_sentence(entry)
    groups = [len(set(codes)) for codes in read.groupings]
    hardest = _hardest([entry[f"versus_{kind}"] for kind in RELATIONS for entry in entries.values()])
    return {
        "items": read.counted(metric),
        "groups": groups,
        "metric": metric,
        "mode": mode,
        "baseline": {
            **{name: evaluation.summary(results, task) for name, results in plain.items()},
            **{name: {metric: float(untrained[name].values[metric].mean())} for name in prompted},
        },
        "shows": hardest and hardest["smallest_visible"],
        "sentence": shows(hardest, groups),
        "seed_sd": {name: spread.variance**0.5 if spread.df else None for name, spread in spreads.items()},
        "arms": entries,
    }


def _hardest(comparisons: Sequence[JSONDict | None]) -> JSONDict | None:
    """Return the comparison that says what a run can show: of the first kind that it has, the one that shows least."""
    known = [one for one in comparisons if one and one["smallest_visible"] is not None]
    return min(known, key=lambda one: (RELATIONS.index(one["relation"]), -one["smallest_visible"]), default=None)


def _spread(arms: Iterable[Floats]) -> SeedSpread:
    """Pool over arms, those with the same answers (the same rows, trained once) counted once."""
    return descriptive.seed_spread(list({values.tobytes(): values for values in arms}.values()))


def _metrics(arm: Arm, results: SeedResults, spreads: Mapping[str, SeedSpread], read: Reader) -> JSONDict:
    """Return every metric; those of the primary mode with an interval, those of another without."""
    found: JSONDict = {}
    for name, values in arm.values.items():
        estimate = descriptive.mean_interval(values, spreads[name], descriptive.is_share(name))
        seeds = values.mean(axis=1)
        found[name] = {
            "mean": estimate.mean,
            "low": estimate.low,
            "high": estimate.high,
            "seeds": [float(value) for value in seeds],
        }
    primary = primary_mode(results)
    per_seed = [by_mode(results[seed], read.evaluation) for seed in arm.seeds]
    for mode in [mode for mode in per_seed[0] if all(mode in seed for seed in per_seed)]:
        scored = [read.evaluation.summary(seed[mode], read.task) for seed in per_seed]
        prefix = "" if mode == primary else f"{mode}_"
        for name in scored[0]:
            if f"{prefix}{name}" not in found:
                shares = [seed[name] for seed in scored]
                mean = float(np.mean(shares))
                found[f"{prefix}{name}"] = {"mean": mean, "low": None, "high": None, "seeds": shares}
    return found


def summary_lines(results: Mapping[str, Any]) -> list[str]:
    """Return results.json in a few lines: per evaluation the untrained model, each arm, each verdict."""
    lines: list[str] = []
    for name, evaluation in results.get("evaluations", {}).items():
        if evaluation.get("general") and "recommendation" not in results:
            continue
        metric = evaluation["metric"]
        lines.append(f"{name}: {METRIC_WORDS.get(metric, metric)} on {evaluation['items']} items")
        lines += [f"  {evaluation['sentence']}"] if evaluation["sentence"] else []
        width = max((len(arm) for arm in evaluation["arms"]), default=0)
        ways = {f"untrained, {SHORT.get(mode, mode)}": values for mode, values in evaluation["baseline"].items()}
        width = max(width, *map(len, ways))
        for way, values in ways.items():
            unparsed = values.get("unparsed", 0.0)
            remark = f"  ({100 * unparsed:.0f} % of the answers could not be read)" if unparsed else ""
            lines.append(f"  {way:<{width}}  {100 * values[metric]:.1f} %{remark}")
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
    return lines + general_sentences(results)


def tuning_sentences(evaluation: Mapping[str, Any]) -> list[str]:
    """Return a sentence per arm that neither selects nor is a control: did tuning on written rows help at all."""
    arms = evaluation["arms"]
    controls = {entry["versus_control"]["against"] for entry in arms.values() if entry["versus_control"]}
    return [
        entry["versus_baseline"]["sentence"]
        for name, entry in arms.items()
        if name not in controls and not entry["versus_control"] and not entry["versus_reference"]
    ]
