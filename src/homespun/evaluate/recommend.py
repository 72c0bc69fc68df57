"""What a run on documents advises: which strategy, how many variants, whether selecting them paid.

Reads results.json. A difference between two arms counts where it is larger than the 95 % intervals of both allow
(curves.py), and at the end of training, where the answers are at hand, item by item (stats.py); where the best of
several is looked for, the level is divided by the number of comparisons. Selecting arms keep the verdicts that
compare.py gave them. advice.py puts all of it into words.
"""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

from homespun.data.records import JSONDict
from homespun.evaluate import advice, besides
from homespun.evaluate.curves import THRESHOLDS, Reach, above, difference, level, reach, saving, sooner
from homespun.stats import inference
from homespun.stats.descriptive import Floats
from homespun.stats.inference import LEVEL, Difference

USUAL = 0.85  #: the accuracy at which the paper compares exposures
PARAPHRASES = {"paraphrase", "easy", "medium", "hard", "qa"}


@dataclass(frozen=True, slots=True)
class Arm:
    """An arm with a curve, as the advice needs it."""

    name: str
    strategy: str  #: what its variants are written with
    variants: int | None  #: at most so many of each document; None: all
    rules: tuple[str, ...]
    is_original: bool  #: it repeats the documents as they are
    is_paraphrase: bool
    curve: Sequence[JSONDict]
    metric: str

    @property
    def end(self) -> Mapping[str, Any]:
        """The metric at the end of training: mean, low, high, seeds."""
        found: Mapping[str, Any] = self.curve[-1]["metrics"][self.metric]
        return found


@dataclass(frozen=True, slots=True)
class Ends:
    """The arms at the end of training, compared item by item where their answers are known."""

    answers: Mapping[str, Floats]

    @staticmethod
    def of(answers: Mapping[str, Floats]) -> Ends:
        """Leave out items to which the metric does not apply."""
        return Ends({name: values[:, ~np.isnan(values).any(axis=0)] for name, values in answers.items()})

    def _paired(self, a: Arm, b: Arm) -> Difference | None:
        mine, theirs = self.answers.get(a.name), self.answers.get(b.name)
        if mine is None or theirs is None or mine.shape != theirs.shape:
            return None
        found = inference.paired(mine, theirs)
        return found if found.p is not None else None

    def difference(self, a: Arm, b: Arm) -> tuple[float, float, float]:
        """Return the difference a - b with its 95 % interval."""
        found = self._paired(a, b)
        if found is None or found.low is None or found.high is None:
            return difference(a.end, b.end)
        return found.difference, found.low, found.high

    def above(self, a: Arm, b: Arm, among: int = 1) -> bool:
        """Say whether `a` ends above `b`, as one of that many comparisons."""
        found = self._paired(a, b)
        if found is None or found.p is None:
            return above(a.end, b.end, among)
        return found.difference > 0 and found.p * among < LEVEL


def recommend(
    results: Mapping[str, Any], threshold: float = USUAL, answers: Mapping[str, Floats] | None = None
) -> JSONDict | None:
    """Return the recommendation of a run, or None where no evaluation has curves.

    Args:
        results: content of results.json; docs/results-json.md.
        threshold: accuracy at which exposures are compared; where no arm reaches it, the highest one of
            `exposures_to` that any does.
        answers: arm -> values of the primary metric at the end of training, shape (seeds, items), the same items for
            every arm, nan where it does not apply. With them arms are compared item by item; without, by their
            intervals, which sees less.
    """
    name, arms = _arms(results)
    if not arms:
        return None
    ends = Ends.of(answers or {})
    plain = [arm for arm in arms if not arm.rules]
    mains = _mains(plain or arms)
    thresholds = _thresholds(results["evaluations"][name], threshold)
    reaches = {
        (arm.name, limit, by): reach(arm.curve, limit, by, arm.metric)
        for arm in arms
        for limit in thresholds
        for by in ("exposures", "tokens")
    }
    chosen = _usable(mains, thresholds, threshold, reaches)
    base = _base(mains)
    strategies = _ranked(mains, chosen, reaches)
    found: JSONDict = {
        "evaluation": name,
        "metric": arms[0].metric,
        "seeds": min(len(arm.end["seeds"]) for arm in arms),
        "exposures": max(arm.curve[-1]["exposures"] for arm in arms),
        "threshold": chosen,
        "base": base.name if base else None,
        "arms": {
            arm.name: {"strategy": arm.strategy, "variants": arm.variants, "rules": list(arm.rules)} for arm in arms
        },
        "strategies": strategies,
        "choice": _choice(strategies, mains, ends, chosen, reaches),
        "reach": _reach_table(arms, thresholds, base, reaches),
        "falls": _falls(mains),
        "variants": [
            entry for strategy in dict.fromkeys(a.strategy for a in plain) if (entry := _knee(plain, strategy, ends))
        ],
        "selection": _selection(results, name, arms, chosen, reaches),
        "forgetting": besides.forgetting(results, name, {arm.name for arm in arms}),
    }
    at_the_end = {arm.name: arm.curve[-1]["metrics"] for arm in mains}
    winner = found["choice"]["arm"]
    found["categories"] = besides.categories(at_the_end, winner)
    found["reverse"] = besides.reverse(at_the_end[winner], found["metric"])
    found["headline"], found["sentences"] = advice.headline(found), advice.sentences(found)
    return found


# the arms


def _arms(results: Mapping[str, Any]) -> tuple[str, list[Arm]]:
    """Return the evaluation with curves, the primary one first, and its arms without controls."""
    primary = (results.get("primary") or [None])[0]
    evaluations = results.get("evaluations", {})
    for name in sorted(evaluations, key=lambda name: name != primary):
        evaluation = evaluations[name]
        controls = {entry.get("control") for entry in results["arms"].values()}
        metric = evaluation.get("metric", "accuracy")
        named = _strategies(results["arms"])
        found = [
            _arm(arm, named.get(arm, arm), results["arms"].get(arm, {}), entry["curve"], metric)
            for arm, entry in evaluation["arms"].items()
            if arm not in controls and entry.get("curve") and metric in entry["curve"][-1]["metrics"]
        ]
        if found:
            return name, found
    return "", []


def _strategies(arms: Mapping[str, Mapping[str, Any]]) -> dict[str, str]:
    """Return arm -> strategy: its generators, and what else tells arms of the same generators apart.

    That is how they are trained, and their forms. Forms that are all among those of another arm make no strategy of
    their own: a cut to the first few variants may leave some out (graph: pairs come before triples).
    """
    written = {name: tuple(entry.get("from") or (name,)) for name, entry in arms.items()}
    forms = {name: frozenset(entry.get("forms") or ()) for name, entry in arms.items()}
    trained = {name: _settings(entry.get("train") or {}) for name, entry in arms.items()}
    named = {}
    for name, generators in written.items():
        peers = [peer for peer in arms if written[peer] == generators]
        kinds = {forms[peer] for peer in peers}
        told = " + ".join(generators)
        if forms[name] and frozenset().union(*kinds) not in kinds:
            told += f" ({', '.join(sorted(forms[name]))})"
        if trained[name] and len({trained[peer] for peer in peers}) > 1:
            told += f", {trained[name]}"
        named[name] = told
    return named


def _settings(train: Mapping[str, Any]) -> str:
    return ", ".join(f"{key} {value}" for key, value in train.items())


def _arm(name: str, strategy: str, entry: Mapping[str, Any], curve: Sequence[JSONDict], metric: str) -> Arm:
    written, forms = tuple(entry.get("from") or ()), tuple(entry.get("forms") or ())
    kinds = set(forms or written)
    return Arm(
        name=name,
        strategy=strategy,
        variants=entry.get("variants"),
        rules=tuple(entry.get("rules") or ()),
        is_original=kinds == {"original"},
        is_paraphrase=bool(kinds) and (kinds <= PARAPHRASES or all("paraphrase" in kind for kind in written or "-")),
        curve=curve,
        metric=metric,
    )


def _size(arm: Arm) -> float:
    return math.inf if arm.variants is None else arm.variants


def _mains(arms: Sequence[Arm]) -> list[Arm]:
    """Return one arm per strategy: the one with the most variants."""
    largest: dict[str, Arm] = {}
    for arm in arms:
        if arm.strategy not in largest or _size(arm) > _size(largest[arm.strategy]):
            largest[arm.strategy] = arm
    return list(largest.values())


def _base(mains: Sequence[Arm]) -> Arm | None:
    """Return the arm that savings are counted against: paraphrase, or the first that is not the original."""
    rewritten = [arm for arm in mains if not arm.is_original and not arm.rules]
    return next((arm for arm in rewritten if arm.is_paraphrase), next(iter(rewritten), None))


# strategies


def _thresholds(evaluation: Mapping[str, Any], usual: float) -> list[float]:
    named = {float(key) for entry in evaluation["arms"].values() for key in entry.get("exposures_to") or ()}
    return sorted((named or set(THRESHOLDS)) | {usual})


Reaches = Mapping[tuple[str, float, str], Reach]


def _usable(mains: Sequence[Arm], thresholds: Sequence[float], usual: float, reaches: Reaches) -> float | None:
    """Return the threshold to compare at: the usual one, or the highest that any strategy reaches."""
    reached = [x for x in thresholds if any(reaches[arm.name, x, "exposures"].at is not None for arm in mains)]
    return usual if usual in reached else max(reached, default=None)


def _ranked(mains: Sequence[Arm], threshold: float | None, reaches: Reaches) -> list[JSONDict]:
    """Return the strategies, those first that reach the threshold soonest, then by accuracy at the end."""

    def needed(arm: Arm) -> float:
        at = reaches[arm.name, threshold, "exposures"].at if threshold is not None else None
        return math.inf if at is None else at

    return [
        {
            "strategy": arm.strategy,
            "arm": arm.name,
            "variants": arm.variants,
            "original": arm.is_original,
            "end": {key: arm.end[key] for key in ("mean", "low", "high")},
            "exposures": reaches[arm.name, threshold, "exposures"].at if threshold is not None else None,
            "tokens": reaches[arm.name, threshold, "tokens"].at if threshold is not None else None,
            "training_tokens": arm.curve[-1]["tokens"],
        }
        for arm in sorted(mains, key=lambda arm: (needed(arm), -arm.end["mean"]))
    ]


def _choice(
    strategies: Sequence[JSONDict], mains: Sequence[Arm], ends: Ends, threshold: float | None, reaches: Reaches
) -> JSONDict:
    """Return the strategy to take.

    Of those that end no worse than the highest, the one that is there soonest and those whose exposures are level with
    its (curves.py) are held against each other, and the one that ends highest is taken. `sooner_than` and
    `higher_than` name the strategies that it beats beyond the intervals, `later_than` those there before it, each
    interval widened for the number of pairs; `fewest_tokens` is the arm that reaches the threshold with the fewest
    tokens.
    """
    pairs, arm = max(math.comb(len(mains), 2), 1), {arm.name: arm for arm in mains}
    highest = max(strategies, key=lambda entry: entry["end"]["mean"])

    def before(a: JSONDict, b: JSONDict, by: str = "exposures") -> bool:
        if threshold is None:
            return False
        mine, theirs = (reach(arm[x["arm"]].curve, threshold, by, arm[x["arm"]].metric, pairs) for x in (a, b))
        return sooner(mine, theirs)

    able = [entry for entry in strategies if not ends.above(arm[highest["arm"]], arm[entry["arm"]], pairs)]

    def needed(entry: JSONDict) -> Reach:
        return reaches[entry["arm"], threshold, "exposures"] if threshold is not None else Reach(None, None, None)

    tied = [entry for entry in able if level(needed(able[0]), needed(entry))]
    chosen = max(tied, key=lambda entry: entry["end"]["mean"])
    others = [entry for entry in strategies if entry is not chosen]
    by_tokens = [entry for entry in strategies if entry["tokens"] is not None]

    return {
        "arm": chosen["arm"],
        "strategy": chosen["strategy"],
        "highest": highest["arm"],
        "fewest_tokens": min(by_tokens, key=lambda entry: entry["tokens"])["arm"] if by_tokens else None,
        "sooner_than": [o["arm"] for o in others if before(chosen, o)],
        "later_than": [o["arm"] for o in others if before(o, chosen)],
        "cheaper_than": [o["arm"] for o in others if before(chosen, o, "tokens")],
        "dearer_than": [o["arm"] for o in others if before(o, chosen, "tokens")],
        "higher_than": [o["arm"] for o in others if ends.above(arm[chosen["arm"]], arm[o["arm"]], pairs)],
    }


def _reach_table(arms: Sequence[Arm], thresholds: Sequence[float], base: Arm | None, reaches: Reaches) -> JSONDict:
    """Return threshold -> arm -> exposures and tokens needed, the ends of both, and the savings against the base."""
    table: JSONDict = {}
    for limit in thresholds:
        rows: JSONDict = {}
        for arm in arms:
            row: JSONDict = {}
            for by in ("exposures", "tokens"):
                found = reaches[arm.name, limit, by]
                against = reaches[base.name, limit, by].at if base else None
                row |= {by: found.at, f"{by}_low": found.early, f"{by}_high": found.late}
                row[f"{by}_saving"] = saving(found.at, against) if base and arm.name != base.name else None
            rows[arm.name] = row
        table[f"{limit:g}"] = rows
    return table


# falls, variants, selection, forgetting, categories


def _falls(mains: Sequence[Arm]) -> list[JSONDict]:
    """Return the strategies that end below their own best checkpoint beyond the intervals."""
    found = []
    for arm in mains:
        peak = max(arm.curve, key=lambda point: point["metrics"][arm.metric]["mean"])
        best = peak["metrics"][arm.metric]
        if above(best, arm.end, len(arm.curve)):
            said = {"arm": arm.name, "exposures": peak["exposures"], "peak": best["mean"], "end": arm.end["mean"]}
            found.append(said)
    return found


def _knee(plain: Sequence[Arm], strategy: str, ends: Ends) -> JSONDict | None:
    """Return the smallest number of variants from which on accuracy is no worse than with the largest number."""
    arms = sorted((arm for arm in plain if arm.strategy == strategy), key=_size)
    sizes = {_size(arm) for arm in arms}
    if len(sizes) < 2:
        return None
    largest, enough = arms[-1], arms[-1]
    for arm in reversed(arms[:-1]):
        if ends.above(largest, arm):
            break
        enough = arm
    gap, low, high = ends.difference(largest, enough)
    return {
        "strategy": strategy,
        "tried": [arm.variants for arm in arms],
        "arms": [arm.name for arm in arms],
        "enough": enough.variants,
        "arm": enough.name,
        "accuracy": enough.end["mean"],
        "largest": largest.variants,
        "largest_accuracy": largest.end["mean"],
        "difference": {"mean": gap, "low": low, "high": high},
    }


def _selection(
    results: Mapping[str, Any], evaluation: str, arms: Sequence[Arm], threshold: float | None, reaches: Reaches
) -> list[JSONDict]:
    """Return what selecting came to, per selecting arm: its verdicts, and its saving against its reference."""
    found = []
    entries = results["evaluations"][evaluation]["arms"]
    for arm in arms:
        if not arm.rules:
            continue
        reference = results["arms"].get(arm.name, {}).get("reference")
        savings: dict[str, float | None] = dict.fromkeys(("exposures", "tokens"))
        surely = False
        if threshold is not None and any(other.name == reference for other in arms):
            mine, theirs = ({by: reaches[name, threshold, by] for by in savings} for name in (arm.name, reference))
            savings = {by: saving(mine[by].at, theirs[by].at) for by in savings}
            surely = sooner(mine["exposures"], theirs["exposures"])
        found.append(
            {
                "arm": arm.name,
                "strategy": arm.strategy,
                "variants": arm.variants,
                "rules": list(arm.rules),
                "reference": reference,
                "control": besides.verdict(entries[arm.name].get("versus_control")),
                "all": besides.verdict(entries[arm.name].get("versus_reference")),
                "exposures_saving": savings["exposures"],
                "tokens_saving": savings["tokens"],
                "sooner": surely,
                "tokens_more": _more_tokens(entries, arm.name, results["arms"].get(arm.name, {}).get("control")),
            }
        )
    return found


def _more_tokens(entries: Mapping[str, Any], arm: str, control: str | None) -> float | None:
    """Return by how large a share an arm trains on more tokens than its random control; below zero: on fewer."""
    curve = entries.get(control or "", {}).get("curve")
    return entries[arm]["curve"][-1]["tokens"] / curve[-1]["tokens"] - 1 if curve else None
