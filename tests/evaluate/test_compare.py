"""From item results to verdicts and sentences: the contract of results.json."""

import json

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy.stats import ttest_1samp

from homespun.evaluate.base import Evaluation, ItemResult
from homespun.evaluate.classification import Classification
from homespun.evaluate.compare import compare, summary_lines
from homespun.evaluate.sentences import sentence
from homespun.evaluate.versus import Against, Design
from homespun.stats import inference
from homespun.stats.inference import Part
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


def untrained(answers):
    return {"untrained": {0: answers}}


def arms_of(**rights):
    """Arms by name (`__` for the slash), each with the flags of its replicates."""
    return {
        name.replace("__", "/"): {seed: results(right) for seed, right in enumerate(per_seed)}
        for name, per_seed in rights.items()
    }


def run(judge, random, reference, metric="accuracy", design=None, baseline=None):
    arms = arms_of(unfiltered=reference, judge=judge, judge__random=random)
    asked = baseline or untrained(results(flags(len(judge[0]), 0, len(judge[0]) // 2)))
    return compare(Classification(data="items.jsonl", metric=metric), TASK, asked, arms, AGAINST, design)


def values(per_seed):
    return np.asarray(per_seed, dtype=float)


def shaken(items, *wrong):
    """One row of flags per replicate, each with its number of wrong items at a place of its own."""
    return [flags(items, 3 * place, count) for place, count in enumerate(wrong)]


# entries


def test_the_documented_shape():
    found = run([flags(100, 0, 10)] * 2, [flags(100, 0, 30)] * 2, [flags(100, 0, 12), flags(100, 0, 14)])
    assert found["items"] == 100
    assert found["groups"] == []
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
    assert found["arms"]["unfiltered"]["versus_control"] is None
    assert found["arms"]["judge/random"]["versus_reference"] is None
    assert found["arms"]["judge/random"]["sentence"] == ""
    assert json.loads(json.dumps(found, allow_nan=False)) == found


def test_mcnemar_per_replicate():
    judge, random = flags(60, 0, 4), flags(60, 2, 12)
    mcnemar = run([judge, judge], [random, judge], [random] * 2)["arms"]["judge"]["versus_control"]["mcnemar"]
    assert mcnemar[0] == {"seed": 0, "b": 10, "c": 2, "p": inference.mcnemar_exact(10, 2)}
    assert mcnemar[1] == {"seed": 1, "b": 0, "c": 0, "p": 1.0}


def test_only_common_replicates_are_paired():
    arms = arms_of(judge=shaken(50, 5, 25, 5), judge__random=shaken(50, 10, 25))
    found = compare(ACCURACY, TASK, untrained(results(flags(50, 0, 25))), arms, AGAINST)["arms"]["judge"]
    assert found["versus_control"]["replicates"] == 2
    assert found["versus_control"]["difference"] == pytest.approx(0.05)
    assert found["versus_baseline"]["replicates"] == 3
    assert found["versus_reference"] is None


def test_results_of_other_items_cannot_be_paired():
    with pytest.raises(ValueError, match="other items"):
        run([flags(10, 0, 1)], [flags(10, 0, 1)], [flags(12, 0, 1)])


def test_modes_both_and_free():
    asked = untrained(results(flags(40, 0, 20)) + results(flags(40, 0, 30), "free"))
    both = {0: results(flags(40, 0, 4)) + results(flags(40, 0, 8), "free")}
    found = compare(ACCURACY, TASK, asked, {"unfiltered": both}, {})
    assert found["mode"] == "constrained"
    assert {"constrained", "free"} <= set(found["baseline"])
    metrics = found["arms"]["unfiltered"]["metrics"]
    assert metrics["accuracy"]["mean"] == pytest.approx(0.9)
    assert metrics["free_accuracy"] == {"mean": pytest.approx(0.8), "low": None, "high": None, "seeds": [0.8]}
    assert metrics["free_unparsed"]["mean"] == 0
    free = compare(ACCURACY, TASK, asked, {"unfiltered": {0: results(flags(40, 0, 8), "free")}}, {})
    assert free["mode"] == "free"
    assert free["arms"]["unfiltered"]["versus_baseline"]["difference"] == pytest.approx(0.55)
    assert set(free["arms"]["unfiltered"]["metrics"]) == {"accuracy", "macro_f1", "unparsed"}


def test_without_arms_only_the_baseline():
    found = compare(ACCURACY, TASK, untrained(results(flags(10, 0, 5))), {}, {})
    assert found["arms"] == {}
    assert found["baseline"]["constrained"]["accuracy"] == 0.5
    assert summary_lines({"evaluations": {"reviews": found}})[-1].endswith("50.0 %")


def test_summary_lines():
    asked = results(flags(100, 0, 30)) + [
        ItemResult(result.item_id, result.gold, "", "free") for result in results(flags(100, 0, 0))
    ]
    found = run([flags(100, 0, 10)] * 2, [flags(100, 0, 30)] * 2, [flags(100, 0, 12)] * 2, baseline=untrained(asked))
    text = "\n".join(summary_lines({"evaluations": {"reviews": found}}))
    assert "reviews: accuracy on 100 items" in text
    assert "untrained, constrained  70.0 %" in text
    assert "(100 % of the answers could not be read)" in text
    assert "judge                   90.0 %" in text
    assert "judge helped: +20.0 points of accuracy over a random choice of as many rows" in text
    assert "unfiltered helped: +18.0 points of accuracy over the untrained model" in text
    assert "judge/random helped" not in text


def test_verdicts_follow_the_chosen_metric():
    found = run([flags(100, 0, 10)] * 2, [flags(100, 0, 30)] * 2, [flags(100, 0, 10)] * 2, metric="macro_f1")
    versus = found["arms"]["judge"]["versus_control"]
    assert versus["metric"] == "macro_f1"
    assert "points of macro-F1" in versus["sentence"]


# what varies by chance


JUDGE, RANDOM, ALL = shaken(200, 10, 14, 12), shaken(200, 30, 22, 41), shaken(200, 20, 26, 20)


def part(comparison, name):
    return Part(**comparison["parts"][name])


@pytest.mark.parametrize("draws", ["pool", "split"])
def test_independent_replicates_vary_by_the_differences_within_them(draws):
    found = run(JUDGE, RANDOM, ALL, design=Design(draws))["arms"]["judge"]
    for kind, other in (("control", RANDOM), ("reference", ALL)):
        versus, gaps = found[f"versus_{kind}"], values(JUDGE) - values(other)
        expected = inference.paired(values(JUDGE), values(other))
        assert set(versus["parts"]) == {"items", "replicates"}
        assert part(versus, "replicates") == (pytest.approx(gaps.mean(axis=1).var(ddof=1) / 3), 2)
        assert (versus["low"], versus["high"], versus["p"]) == (expected.low, expected.high, expected.p)


def test_against_the_control_of_one_choice_the_luck_of_a_draw_stays():
    versus = run(JUDGE, RANDOM, ALL, design=Design("fixed"))["arms"]["judge"]["versus_control"]
    controls = np.array([30, 22, 41]) / 200
    assert set(versus["parts"]) == {"items", "draws"}
    assert part(versus, "draws") == (pytest.approx((1 + 1 / 3) * controls.var(ddof=1)), 2)
    assert versus["sentence"].endswith("This is about this choice among these rows, not about the rule.")


def test_a_control_that_never_changes_is_measured_by_the_training_of_the_arm():
    """An arm that keeps every row has one control, itself in another order."""
    versus = run(JUDGE, [RANDOM[0]] * 3, ALL, design=Design("fixed"))["arms"]["judge"]["versus_control"]
    assert part(versus, "draws").variance == 0
    assert versus["p"] is not None


def test_in_a_fixed_run_every_comparison_varies_by_its_own_arms_only():
    calm = {f"calm{number}": [flags(200, 0, 30 + number)] * 3 for number in range(4)}
    arms = arms_of(unfiltered=ALL, judge=JUDGE, judge__random=RANDOM, **calm)
    asked = untrained(results(flags(200, 0, 100)))
    found = compare(ACCURACY, TASK, asked, arms, AGAINST, Design("fixed"))["arms"]
    within = (values(JUDGE) - values(ALL)).mean(axis=1).var(ddof=1)
    reference = found["judge"]["versus_reference"]
    assert set(reference["parts"]) == {"items", "draws", "replicates"}
    assert part(reference, "draws") == (pytest.approx(values(RANDOM).mean(axis=1).var(ddof=1)), 2)
    assert part(reference, "replicates") == (pytest.approx(within / 3), 2)
    for name, right in (("judge", JUDGE), ("judge/random", RANDOM)):
        versus = found[name]["versus_baseline"]
        assert set(versus["parts"]) == {"items", "replicates"}
        assert part(versus, "replicates") == (pytest.approx(values(right).mean(axis=1).var(ddof=1) / 3), 2)


def spread_over(shares, items=600):
    """Flags of replicates that are right on such shares of items, all in an order of their own."""
    places = [np.random.default_rng(number).permutation(items) for number in range(len(shares))]
    return [list(place < share * items) for place, share in zip(places, shares, strict=True)]


def test_a_noisy_arm_beside_calm_ones_has_no_verdict():
    """Only .03 between trainings of one arm: its mean of +.02 is nothing, whatever the spread of the others."""
    base = spread_over([0.75])[0]
    arms = arms_of(noisy=[moved(base, share) for share in (0.74, 0.77, 0.80)])
    arms |= arms_of(**{f"calm{i}": [moved(base, 0.85 + 0.002 * j) for j in range(3)] for i in range(4)})
    found = compare(ACCURACY, TASK, untrained(results(base)), arms, {}, Design("fixed"))["arms"]
    assert found["noisy"]["versus_baseline"]["verdict"] == "no evidence"
    assert found["calm0"]["versus_baseline"]["verdict"] == "helped"


def moved(right, share):
    """Flags with as many more or fewer right as a share takes, the first ones changed."""
    right, wanted = list(right), round(share * len(right))
    for place in range(len(right)):
        if sum(right) != wanted:
            right[place] = sum(right) < wanted
    return right


@pytest.mark.parametrize("draws", ["pool", "fixed"])
def test_a_way_of_asking_that_varies_widely_is_not_beaten(draws):
    arms = arms_of(unfiltered=spread_over([0.80, 0.801, 0.799]))
    asked = untrained(results(spread_over([0.5])[0]))
    asked["few_shot"] = {seed: results(right, "few_shot") for seed, right in enumerate(spread_over([0.66, 0.75, 0.84]))}
    found = compare(ACCURACY, TASK, asked, arms, {}, Design(draws))["arms"]["unfiltered"]["versus_baseline"]
    assert found["p"] < found["level"] < found["rivals"]["few_shot"]["p"] == found["p_all"]
    assert found["verdict"] == "no evidence"
    assert "with some of the rows in its prompt" in found["sentence"]
    assert "not against all of them" in found["sentence"]


class Marked(Evaluation):
    """An evaluation whose answers come with their marks."""

    kind: str = "marked"
    within: tuple[str, ...] = ()

    @property
    def primary(self):
        return "accuracy"

    @property
    def grouped(self):
        return self.within


def marked(right, **groups):
    """Answers with their marks; for every group's name the keys of all items."""
    return [
        ItemResult(
            str(i), "gold", "", "free", marks={"accuracy": float(flag)}, groups={k: v[i] for k, v in groups.items()}
        )
        for i, flag in enumerate(right)
    ]


def grouped(judge, random, **groups):
    arms = {
        name: {seed: marked(right, **groups) for seed, right in enumerate(per_seed)}
        for name, per_seed in (("judge", judge), ("judge/random", random))
    }
    asked = untrained(marked([0] * len(judge[0]), **groups))
    return compare(Marked(within=tuple(groups)), None, asked, arms, AGAINST)


def test_items_of_one_group_count_as_one():
    documents = [f"d{i // 10}" for i in range(200)]
    found = grouped(JUDGE, RANDOM, document=documents)
    versus = found["arms"]["judge"]["versus_control"]
    judge, random = (values(right).reshape(3, 20, 10).mean(axis=2) for right in (JUDGE, RANDOM))
    expected = inference.paired(judge, random)
    assert found["groups"] == [20]
    assert (versus["items"], versus["units"]) == (200, 20)
    assert part(versus, "items").df == 19
    assert (versus["low"], versus["high"], versus["p"]) == (expected.low, expected.high, expected.p)
    assert "mcnemar" not in versus
    assert versus["sign_flips"][0] == {"seed": 0, "p": inference.sign_flips(judge[0] - random[0])}


def test_items_that_belong_together_in_two_ways():
    premise, hypothesis = [f"p{i // 10}" for i in range(200)], [f"h{i % 25}" for i in range(200)]
    versus = grouped(JUDGE, RANDOM, premise=premise, hypothesis=hypothesis)["arms"]["judge"]["versus_control"]
    assert part(versus, "items") == inference.crossed_part(values(JUDGE) - values(RANDOM), [premise, hypothesis])
    assert versus["items"] == 200


@pytest.mark.parametrize("count", [1, 2])
@pytest.mark.parametrize("names", [["document"], ["premise", "hypothesis"]])
def test_one_or_two_groups_allow_no_verdict(names, count):
    keys = {names[0]: [str(i % count) for i in range(200)]}
    keys |= {name: [str(i) for i in range(200)] for name in names[1:]}
    versus = grouped(JUDGE, RANDOM, **keys)["arms"]["judge"]["versus_control"]
    assert versus["verdict"] == "no verdict"
    assert versus["p"] is versus["low"] is versus["smallest_visible"] is None
    assert versus["sentence"].startswith("No verdict about judge (too few items to measure chance among them): ")


def test_errors_that_no_item_repeats_are_measured_by_the_replicates_alone():
    """Where arms differ by the noise of their trainings only, the part of the items is 0 in half of all runs."""
    judge, random = (spread_over(shares) for shares in ((0.80, 0.82, 0.78), (0.81, 0.79, 0.80)))
    versus = run(judge, random, random)["arms"]["judge"]["versus_control"]
    assert part(versus, "items").variance == 0
    assert versus["verdict"] == "no evidence"
    expected = ttest_1samp((values(judge) - values(random)).mean(axis=1), 0).pvalue
    assert versus["p"] == pytest.approx(expected, rel=1e-6)
    # and where replicates do not vary either (each is right on one item more, never the same), nothing is measured
    once = [[place == number for place in range(300)] for number in range(3)]
    versus = run(once, [[False] * 300] * 3, once)["arms"]["judge"]["versus_control"]
    assert (versus["p"], versus["verdict"]) == (None, "no verdict")


@pytest.mark.parametrize("items", [1, 2, 3, 40])
def test_items_that_all_differ_alike_are_tosses_of_a_coin(items):
    found = run([[True] * items] * 3, [[False] * items] * 3, [[True] * items] * 3)
    versus = found["arms"]["judge"]["versus_control"]
    assert (versus["difference"], versus["low"]) == (1, None)
    if items < 3:
        assert (versus["p"], versus["verdict"]) == (None, "no verdict")
        assert "at least three items" in versus["sentence"]
    else:
        assert versus["p"] == pytest.approx(inference.mcnemar_exact(items, 0))
        assert versus["verdict"] == ("helped" if items == 40 else "no evidence")


# verdicts


def test_helped_and_hurt():
    found = run(shaken(200, 60, 62, 61), shaken(200, 10, 11, 12), shaken(200, 60, 62, 61))["arms"]["judge"]
    assert found["versus_control"]["verdict"] == "hurt"
    assert found["versus_control"]["sentence"].startswith(
        "judge hurt: -25.0 points of accuracy against a random choice of as many rows (95 % interval -3"
    )
    assert found["versus_reference"]["same_answers"]
    assert found["versus_reference"]["verdict"] == "no difference that matters"
    assert "scores the same on every item as all rows (unfiltered)" in found["sentence"]


def test_no_difference_that_matters():
    judge, random = shaken(2000, 100, 104, 97), shaken(2000, 102, 99, 100)
    versus = run(judge, random, random)["arms"]["judge"]["versus_control"]
    assert versus["verdict"] == "no difference that matters"
    assert versus["p_equivalent"] < versus["level"] < versus["p_holm"]
    assert versus["worth"] == 0.03
    assert "It is smaller than 3 points (two one-sided tests, p" in versus["sentence"]
    strict = run(judge, random, random, design=Design(worth=0.001))["arms"]["judge"]["versus_control"]
    assert strict["verdict"] == "no evidence"


def test_no_evidence_says_what_it_takes():
    versus = run(shaken(300, 30, 25, 36), shaken(300, 20, 30, 28), ALL_300)["arms"]["judge"]["versus_control"]
    assert versus["verdict"] == "no evidence"
    assert versus["replicates_needed"] > 3
    visible = versus["smallest_visible"]
    assert versus["sentence"].endswith(
        f"3 replicates on 300 items show {100 * visible:.1f} points or more;"
        f" 3 points would take about {versus['replicates_needed']} replicates."
    )
    level = versus["level"] / versus["family"]
    found = inference.power(visible, [part(versus, name) for name in versus["parts"]], level)
    assert found == pytest.approx(inference.POWER, abs=1e-3)


ALL_300 = shaken(300, 30, 31, 32)


def test_one_replicate_gives_no_verdict_but_an_exact_test():
    versus = run([flags(100, 0, 5)], [flags(100, 0, 40)], [flags(100, 0, 20)])["arms"]["judge"]["versus_control"]
    assert versus["verdict"] == "no verdict"
    assert versus["p"] is versus["p_holm"] is versus["low"] is None
    assert versus["sentence"] == (
        "No verdict about judge (one replicate): +35.0 points of accuracy over a random choice of as many rows. On"
        " these items alone the exact McNemar's test gives p < 0.001; how far chance in drawing and training moves it"
        " takes at least two replicates to tell, better three."
    )
    alike = run([flags(100, 0, 5)], [flags(100, 0, 5)], [flags(100, 0, 20)])["arms"]["judge"]["versus_control"]
    assert alike["verdict"] == "no verdict"


def test_earlier_looks_lower_the_level():
    judge, random = shaken(300, 20, 24, 19), shaken(300, 34, 38, 29)
    first = run(judge, random, random)["arms"]["judge"]["versus_control"]
    assert first["level"] == inference.level_at(3) > first["p"]
    assert first["verdict"] == "helped"
    level_of_two_looks = inference.level_at(2) + inference.level_at(4, inference.level_at(2))
    second = run(judge, random, random, design=Design(spent=level_of_two_looks))["arms"]["judge"]["versus_control"]
    assert second["level"] == inference.level_at(3, level_of_two_looks) < second["p"] == first["p"]
    assert second["verdict"] != "helped"
    assert "this look is held to 0.00234" in second["sentence"]
    assert "held to" not in first["sentence"]


def test_replicates_that_are_advised_are_judged_at_the_level_of_their_look():
    judge, random = shaken(300, 30, 25, 36), shaken(300, 20, 30, 28)
    versus = run(judge, random, ALL_300)["arms"]["judge"]["versus_control"]
    unit, one = part(versus, "items"), 3 * part(versus, "replicates").variance

    def found(count):
        level = inference.level_at(count, versus["level"]) / versus["family"]
        return inference.power(0.03, [unit, Part(one / count, count - 1)], level)

    needed = versus["replicates_needed"]
    assert versus["smallest_visible"] > versus["worth"] and needed > 3
    assert found(needed) >= inference.POWER > found(needed - 1)


def test_a_run_that_shows_what_matters_needs_no_more_replicates():
    """Its own level counts then, not the little that it left for others: no later look is needed."""
    judge, random = shaken(2000, *[100, 104, 97, 101, 99] * 2), shaken(2000, *[102, 99, 100, 98, 103] * 2)
    visible = run(judge, random, random)["arms"]["judge"]["versus_control"]["smallest_visible"]
    versus = run(judge, random, random, design=Design(worth=1.05 * visible))["arms"]["judge"]["versus_control"]
    assert versus["replicates_needed"] <= 10


def test_holm_runs_over_the_arms_of_a_question():
    rng = np.random.default_rng(0)
    random, arms, against = rng.random((3, 300)) < 0.8, {}, {}
    arms["unfiltered"] = {seed: results(right) for seed, right in enumerate(random)}
    for number in range(4):
        better = random.copy()
        for right in better:
            right[np.flatnonzero(~right)[: 6 + number]] = True
            right[np.flatnonzero(right)[: number % 2]] = False
        arms[f"arm{number}"] = {seed: results(right) for seed, right in enumerate(better)}
        arms[f"arm{number}/random"] = arms["unfiltered"]
        against[f"arm{number}"] = Against(f"arm{number}/random", "unfiltered")
    found = compare(ACCURACY, TASK, untrained(results(random[0])), arms, against)["arms"]
    family = [found[name]["versus_control"] for name in against]
    assert [versus["family"] for versus in family] == [4] * 4
    assert [versus["p_holm"] for versus in family] == inference.holm([versus["p"] for versus in family])
    assert found["arm0"]["versus_baseline"]["family"] == 9
    assert "after Holm's correction over 4 arms" in family[0]["sentence"]


def against_untrained(constrained, free, few_shot, arm=(12, 14, 13), design=None):
    """One arm against an untrained student that errs so often when asked in three ways; the arm in the first."""
    asked = untrained(results(flags(300, 0, constrained)) + results(flags(300, 0, free), "free"))
    asked["few_shot"] = {seed: results(flags(300, 0, few_shot), "few_shot") for seed in range(len(arm))}
    found = compare(ACCURACY, TASK, asked, arms_of(unfiltered=shaken(300, *arm)), {}, design)
    return found["arms"]["unfiltered"]["versus_baseline"]


def test_tuning_helped_only_above_every_way_of_asking():
    versus = against_untrained(100, 150, 60)
    assert versus["verdict"] == "helped"
    assert versus["against"] == "constrained"
    assert {"free", "few_shot"} <= set(versus["rivals"])
    assert versus["p_all"] == max(versus["p"], *(one["p"] for one in versus["rivals"].values()))
    assert versus["p_all"] == versus["rivals"]["few_shot"]["p"] > versus["p"]
    for free, few_shot in ((150, 12), (5, 60)):
        beaten = against_untrained(100, free, few_shot)
        assert beaten["p"] < beaten["level"]
        assert beaten["verdict"] == "no evidence"
        assert "not against all of them" in beaten["sentence"]


def test_tuning_hurt_when_below_the_way_that_was_asked_alike():
    versus = against_untrained(10, 2, 290, arm=(60, 62, 61))
    assert versus["verdict"] == "hurt"
    assert versus["p_all"] == versus["p"]
    above = against_untrained(100, 2, 2, arm=(60, 62, 61))
    assert above["difference"] > 0
    assert above["verdict"] == "no evidence"


def test_a_way_of_asking_that_is_far_above_is_no_difference_that_does_not_matter():
    base = flags(2000, 0, 600)
    arm = [moved(base, share) for share in (0.701, 0.702, 0.703)]
    arms, asked = arms_of(unfiltered=arm), untrained(results(base))
    alone = compare(ACCURACY, TASK, asked, arms, {})["arms"]["unfiltered"]["versus_baseline"]
    assert alone["verdict"] == "no difference that matters"
    for above, p in ((0.9, 1.0), (0.71, alone["p_equivalent"])):
        asked["few_shot"] = {seed: results(moved(base, above), "few_shot") for seed in range(3)}
        versus = compare(ACCURACY, TASK, asked, arms, {})["arms"]["unfiltered"]["versus_baseline"]
        assert versus["p_all"] == 1.0  # a rival is above
        assert versus["p_equivalent"] == p
    assert versus["verdict"] == "no difference that matters"  # .71 is less than `worth` above


flag_rows = st.lists(st.booleans(), min_size=8, max_size=8)


@settings(max_examples=30, deadline=None)
@given(*[st.lists(flag_rows, min_size=2, max_size=2)] * 2, st.sampled_from(["pool", "split", "fixed"]))
def test_verdicts_agree_with_their_numbers(judge, random, draws):
    found = run(judge, random, random, design=Design(draws))["arms"]["judge"]
    for kind in ("control", "reference", "baseline"):
        versus = found[f"versus_{kind}"]
        if versus["low"] is None:
            assert versus["verdict"] == "no verdict" or versus["p"] == pytest.approx(2.0**-7)  # eight tosses of a coin
            continue
        assert versus["low"] <= versus["difference"] <= versus["high"]
        assert versus["p"] <= versus["p_holm"] <= 1
        if versus["verdict"] == "helped":
            assert versus["low"] > 0
        elif versus["verdict"] == "hurt":
            assert versus["high"] < 0
        said = "scores the same" if versus["same_answers"] else versus["verdict"]
        assert said in versus["sentence"].casefold()
        assert versus["sentence"] == sentence("judge", versus)


def test_a_metric_counts_only_the_items_it_applies_to():
    def answers(forward, reverse):
        marks = [{"accuracy": float(flag)} for flag in forward] + [
            {"accuracy_reverse": float(flag)} for flag in reverse
        ]
        return [ItemResult(str(i), "gold", "", "free", marks=mark) for i, mark in enumerate(marks)]

    arms = {"facts": {0: answers([1] * 29 + [0], [1, 0, 0, 0]), 1: answers([1] * 29 + [0], [0, 0, 0, 0])}}
    found = compare(Marked(), None, untrained(answers([0] * 30, [0] * 4)), arms, {})
    assert found["baseline"] == {"free": {"accuracy": 0.0, "accuracy_reverse": 0.0}}
    metrics = found["arms"]["facts"]["metrics"]
    assert metrics["accuracy"]["mean"] == pytest.approx(29 / 30)
    assert metrics["accuracy_reverse"]["seeds"] == [0.25, 0.0]
    assert found["arms"]["facts"]["versus_baseline"]["verdict"] == "helped"
    assert found["arms"]["facts"]["versus_baseline"]["mcnemar"][0]["b"] == 29
