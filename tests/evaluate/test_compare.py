"""From item results to verdicts and sentences: the contract of results.json."""

import json

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from homespun.evaluate.base import Evaluation, ItemResult
from homespun.evaluate.classification import Classification
from homespun.evaluate.compare import Against, compare, summary_lines
from homespun.evaluate.sentences import sentence
from homespun.stats import mcnemar_exact
from homespun.task import Task

LABELS = ["positive", "negative"]
TASK = Task(description="Decide.", fields=("text",), labels=dict.fromkeys(LABELS, "as it is named"))
ACCURACY = Classification(data="items.jsonl")
AGAINST = {"judge": Against("judge/random", "unfiltered")}


def results(right, mode="constrained"):
    """One result per flag; gold labels alternate."""
    gold = [LABELS[i % 2] for i in range(len(right))]
    predicted = [g if flag else LABELS[(i + 1) % 2] for i, (g, flag) in enumerate(zip(gold, right, strict=True))]
    return [ItemResult(str(i), g, p, mode) for i, (g, p) in enumerate(zip(gold, predicted, strict=True))]


def flags(items, wrong_from, wrong):
    """All right except `wrong` items from one place on."""
    return [not wrong_from <= i < wrong_from + wrong for i in range(items)]


def run(judge, random, reference, baseline=None, metric="accuracy", against=AGAINST):
    arms = {
        name: {seed: results(right) for seed, right in enumerate(per_seed)}
        for name, per_seed in (("unfiltered", reference), ("judge", judge), ("judge/random", random))
    }
    untrained = baseline or results(flags(len(judge[0]), 0, len(judge[0]) // 2))
    return compare(Classification(data="items.jsonl", metric=metric), TASK, untrained, arms, against)


def test_the_documented_shape():
    found = run([flags(100, 0, 10)] * 2, [flags(100, 0, 30)] * 2, [flags(100, 0, 12), flags(100, 0, 14)])
    assert found["items"] == 100
    assert set(found["baseline"]) == {"constrained"}
    arm = found["arms"]["judge"]
    accuracy = arm["metrics"]["accuracy"]
    assert accuracy["mean"] == pytest.approx(0.9)
    assert accuracy["seeds"] == pytest.approx([0.9, 0.9])
    assert accuracy["low"] < 0.9 < accuracy["high"]
    assert set(arm["metrics"]) == {"accuracy", "macro_f1"}
    assert arm["versus_control"]["difference"] == pytest.approx(0.2)
    assert arm["versus_control"]["verdict"] == "helped"
    assert arm["versus_control"]["against"] == "judge/random"
    assert arm["versus_reference"]["difference"] == pytest.approx(0.03)
    for key in ("metric", "difference", "low", "high", "p", "verdict"):
        assert key in arm["versus_reference"]
    assert found["arms"]["unfiltered"]["versus_control"] is None
    assert found["arms"]["judge/random"]["versus_reference"] is None
    assert found["arms"]["judge/random"]["sentence"] == ""
    assert json.loads(json.dumps(found, allow_nan=False)) == found


def test_mcnemar_per_seed():
    judge, random = flags(60, 0, 4), flags(60, 2, 12)
    mcnemar = run([judge, judge], [random, judge], [random] * 2)["arms"]["judge"]["versus_control"]["mcnemar"]
    assert mcnemar[0] == {"seed": 0, "b": 10, "c": 2, "p": mcnemar_exact(10, 2)}
    assert mcnemar[1] == {"seed": 1, "b": 0, "c": 0, "p": 1.0}


def test_hurt_and_its_sentence():
    found = run([flags(200, 0, 60)] * 3, [flags(200, 0, 10)] * 3, [flags(200, 0, 60)] * 3)["arms"]["judge"]
    assert found["versus_control"]["verdict"] == "hurt"
    assert found["versus_control"]["sentence"].startswith(
        "judge hurt: -25.0 points of accuracy against a random choice of as many rows (95 % interval -3"
    )
    assert found["versus_reference"]["same_answers"]
    assert found["versus_reference"]["verdict"] == "no evidence"
    assert "the same answer to every item as all rows (unfiltered)" in found["sentence"]


def test_no_evidence_says_what_it_takes():
    control = run([flags(300, 0, 30)] * 2, [flags(300, 10, 32)] * 2, [flags(300, 0, 31)] * 2)
    found = control["arms"]["judge"]["versus_control"]
    assert found["verdict"] == "no evidence"
    assert found["items_needed"] > 300
    assert "No evidence about judge: +0.7 points" in found["sentence"]
    assert "it would take about" in found["sentence"]
    assert "there are 300" in found["sentence"]
    assert "One training seed" not in found["sentence"]


def test_one_seed_says_so():
    found = run([flags(100, 0, 5)], [flags(100, 0, 40)], [flags(100, 0, 20)])
    assert found["arms"]["judge"]["versus_control"]["sentence"].endswith(
        "One training seed: how far chance in training moves this was not measured."
    )
    assert found["seed_sd"] == {"accuracy": None, "macro_f1": None}


def test_seeds_that_disagree_are_named():
    judge = [flags(400, 0, 20), flags(400, 0, 120)]
    found = run(judge, [flags(400, 0, 100), flags(400, 0, 60)], [flags(400, 0, 60), flags(400, 0, 90)])
    versus = found["arms"]["judge"]["versus_control"]
    assert versus["verdict"] == "no evidence"
    assert versus["items_needed"] is None
    assert "comes from the training seeds" in versus["sentence"]


def test_holm_runs_over_the_arms_of_a_question():
    rng = np.random.default_rng(0)
    random = rng.random(300) < 0.8
    arms, against = {"unfiltered": {0: results(random)}}, {}
    for number in range(4):
        better = random.copy()
        better[np.flatnonzero(~random)[: 6 + number]] = True
        better[np.flatnonzero(random)[: number % 2]] = False
        arms |= {f"arm{number}": {0: results(better)}, f"arm{number}/random": {0: results(random)}}
        against[f"arm{number}"] = Against(f"arm{number}/random", "unfiltered")
    found = compare(ACCURACY, TASK, results(random), arms, against)["arms"]
    family = [found[name]["versus_control"] for name in against]
    assert [versus["family"] for versus in family] == [4] * 4
    smallest = min(versus["p"] for versus in family)
    assert min(versus["p_holm"] for versus in family) == pytest.approx(min(1, 4 * smallest))
    assert found["arm0"]["versus_baseline"]["family"] == 9
    assert "after Holm's correction over 4 arms" in family[0]["sentence"]


def test_only_common_seeds_are_paired():
    arms = {
        "judge": {0: results(flags(50, 0, 5)), 1: results(flags(50, 0, 25))},
        "judge/random": {0: results(flags(50, 0, 10))},
    }
    found = compare(ACCURACY, TASK, results(flags(50, 0, 25)), arms, AGAINST)["arms"]["judge"]
    assert found["versus_control"]["seeds"] == 1
    assert found["versus_control"]["difference"] == pytest.approx(0.1)
    assert found["versus_reference"] is None


def test_results_of_other_items_cannot_be_paired():
    with pytest.raises(ValueError, match="other items"):
        run([flags(10, 0, 1)], [flags(10, 0, 1)], [flags(12, 0, 1)])


def test_modes_both_and_free():
    untrained = results(flags(40, 0, 20)) + results(flags(40, 0, 30), "free")
    both = {0: results(flags(40, 0, 4)) + results(flags(40, 0, 8), "free")}
    found = compare(ACCURACY, TASK, untrained, {"unfiltered": both}, {})
    assert found["mode"] == "constrained"
    assert set(found["baseline"]) == {"constrained", "free"}
    metrics = found["arms"]["unfiltered"]["metrics"]
    assert metrics["accuracy"]["mean"] == pytest.approx(0.9)
    assert metrics["free_accuracy"] == {"mean": pytest.approx(0.8), "low": None, "high": None, "seeds": [0.8]}
    assert metrics["free_unparsed"]["mean"] == 0
    free = compare(ACCURACY, TASK, untrained, {"unfiltered": {0: results(flags(40, 0, 8), "free")}}, {})
    assert free["mode"] == "free"
    assert free["arms"]["unfiltered"]["versus_baseline"]["difference"] == pytest.approx(0.55)
    assert set(free["arms"]["unfiltered"]["metrics"]) == {"accuracy", "macro_f1", "unparsed"}


def test_without_arms_only_the_baseline():
    found = compare(ACCURACY, TASK, results(flags(10, 0, 5)), {}, {})
    assert found["arms"] == {}
    assert found["baseline"]["constrained"]["accuracy"] == 0.5
    assert summary_lines({"evaluations": {"reviews": found}})[-1].endswith("50.0 %")


def test_verdicts_follow_the_chosen_metric():
    found = run([flags(100, 0, 10)], [flags(100, 0, 30)], [flags(100, 0, 10)], metric="macro_f1")
    versus = found["arms"]["judge"]["versus_control"]
    assert versus["metric"] == "macro_f1"
    assert "points of macro-F1" in versus["sentence"]


def test_summary_lines():
    untrained = results(flags(100, 0, 30)) + [
        ItemResult(result.item_id, result.gold, "", "free") for result in results(flags(100, 0, 0))
    ]
    found = run([flags(100, 0, 10)] * 2, [flags(100, 0, 30)] * 2, [flags(100, 0, 12)] * 2, untrained)
    text = "\n".join(summary_lines({"evaluations": {"reviews": found}}))
    assert "reviews: accuracy on 100 items" in text
    assert "untrained, constrained  70.0 %" in text
    assert "(100 % of the answers could not be read)" in text
    assert "judge                   90.0 %" in text
    assert "judge helped: +20.0 points of accuracy over a random choice of as many rows" in text
    assert "unfiltered helped: +18.0 points of accuracy over the untrained model" in text
    assert "judge/random helped" not in text


flag_rows = st.lists(st.booleans(), min_size=8, max_size=8)


@settings(max_examples=60, deadline=None)
@given(st.lists(flag_rows, min_size=2, max_size=2), st.lists(flag_rows, min_size=2, max_size=2))
def test_verdicts_agree_with_their_numbers(judge, random):
    found = run(judge, random, random)["arms"]["judge"]
    for kind in ("control", "reference", "baseline"):
        versus = found[f"versus_{kind}"]
        assert versus["low"] <= versus["difference"] <= versus["high"]
        assert versus["p"] <= versus["p_holm"] <= 1
        if versus["verdict"] == "helped":
            assert versus["low"] > 0
        elif versus["verdict"] == "hurt":
            assert versus["high"] < 0
        assert versus["verdict"] in versus["sentence"].casefold()
        assert versus["sentence"] == sentence("judge", versus)


class Marked(Evaluation):
    """An evaluation whose answers come with their marks."""

    kind: str = "marked"

    @property
    def primary(self):
        return "accuracy"


def test_a_metric_counts_only_the_items_it_applies_to():
    def answers(forward, reverse):
        marks = [{"accuracy": float(flag)} for flag in forward] + [
            {"accuracy_reverse": float(flag)} for flag in reverse
        ]
        return [ItemResult(str(i), "gold", "", "free", marks=mark) for i, mark in enumerate(marks)]

    arms = {"facts": {0: answers([1] * 30, [1, 0, 0, 0]), 1: answers([1] * 30, [0, 0, 0, 0])}}
    found = compare(Marked(), None, answers([0] * 30, [0] * 4), arms, {})
    assert found["baseline"] == {"free": {"accuracy": 0.0, "accuracy_reverse": 0.0}}
    metrics = found["arms"]["facts"]["metrics"]
    assert metrics["accuracy"]["mean"] == 1.0
    assert metrics["accuracy_reverse"]["seeds"] == [0.25, 0.0]
    assert found["arms"]["facts"]["versus_baseline"]["verdict"] == "helped"
    assert found["arms"]["facts"]["versus_baseline"]["mcnemar"][0]["b"] == 30
