"""What the recommendation claims in runs made up for it, and above all what it does not claim."""

from __future__ import annotations

import json
from typing import Any

import numpy as np
import pytest

from homespun.evaluate.advice import amount, listed, share
from homespun.evaluate.besides import is_general
from homespun.evaluate.curves import curve, reached
from homespun.evaluate.recommend import recommend

POINTS = (0, 100, 200, 300, 400, 500, 600, 700, 800, 900, 1000)


def _rising(top: float, speed: float) -> list[float]:
    return [top * min(1.0, exposures / speed) for exposures in POINTS]


def _arm(
    means: list[float],
    tokens: int = 10,
    half: float = 0.02,
    seeds: int = 3,
    categories: dict[str, float] | None = None,
    **about: Any,
) -> dict[str, Any]:
    """Return one arm: its part of `arms`, and its curve with intervals of one width."""

    def value(mean: float) -> dict[str, Any]:
        return {"mean": mean, "low": max(mean - half, 0), "high": min(mean + half, 1), "seeds": [mean] * seeds}

    line = [
        {"exposures": at, "tokens": at * tokens, "loss": 1.0,
         "metrics": {"accuracy": value(mean)} | {f"category:{n}": value(v) for n, v in (categories or {}).items()}}
        for at, mean in zip(POINTS, means, strict=True)
    ]  # fmt: skip
    return {"curve": line, "about": {"variants": None, "rules": [], "control": None, "reference": None} | about}


def _results(arms: dict[str, dict[str, Any]], versus: dict[str, dict[str, Any]] | None = None) -> dict[str, Any]:
    entries = {
        name: {"curve": arm["curve"], "metrics": arm["curve"][-1]["metrics"], **reached(arm["curve"])}
        | (versus or {}).get(name, {})
        for name, arm in arms.items()
    }
    about = {name: {"from": [name], "forms": [name]} | arm["about"] for name, arm in arms.items()}
    evaluation = {"items": 100, "metric": "accuracy", "mode": "free", "baseline": {"free": {"accuracy": 0.0}}}
    return {
        "primary": ["closed_book", "accuracy"],
        "arms": about,
        "evaluations": {"closed_book": {**evaluation, "arms": entries}},
    }


def _advice(arms: dict[str, dict[str, Any]], **more: Any) -> dict[str, Any]:
    found = recommend(_results(arms, **more))
    assert found is not None
    json.dumps(found, allow_nan=False)
    return found


def _said(found: dict[str, Any], start: str) -> str:
    return next(sentence for sentence in found["sentences"] if sentence.startswith(start))


THREE = {
    "original": lambda **k: _arm(_rising(0.6, 500), 5, **k),
    "paraphrase": lambda **k: _arm(_rising(0.92, 700), 8, **k),
    "facts": lambda **k: _arm(_rising(0.94, 220), 12, **k),
}


def test_a_run_without_curves_advises_nothing() -> None:
    assert recommend({"primary": None, "arms": {}, "evaluations": {}}) is None
    results = _results({"a": _arm(_rising(0.9, 300))})
    del results["evaluations"]["closed_book"]["arms"]["a"]["curve"]
    assert recommend(results) is None


def test_a_clear_winner() -> None:
    found = _advice({name: make() for name, make in THREE.items()})
    assert found["choice"]["arm"] == "facts" and found["base"] == "paraphrase" and found["threshold"] == 0.85
    assert found["choice"]["sooner_than"] == ["paraphrase", "original"]
    assert found["choice"]["higher_than"] == ["original"]
    reach = found["reach"]["0.85"]
    assert reach["original"]["exposures"] is None and reach["paraphrase"]["exposures_saving"] is None
    expected = 1 - reach["facts"]["exposures"] / reach["paraphrase"]["exposures"]
    assert reach["facts"]["exposures_saving"] == pytest.approx(expected)
    assert 0 < reach["facts"]["tokens_saving"] < expected
    assert found["headline"] == (
        f"facts reaches 85 % after {amount(reach['facts']['exposures'])} exposures,"
        f" paraphrase after {amount(reach['paraphrase']['exposures'])}."
    )
    first = found["sentences"][0]
    assert first.startswith("Take facts: it reaches 85 % after ") and "first of 3 strategies" in first
    assert first.endswith("That is sooner than paraphrase and original beyond the intervals.")
    assert "fewer exposures than paraphrase" in _said(found, "To 85 %")
    assert "the difference is not" not in _said(found, "To 85 %")


def test_a_difference_within_the_intervals_is_called_so() -> None:
    arms = {"paraphrase": _arm(_rising(0.92, 320), half=0.06), "facts": _arm(_rising(0.93, 300), half=0.06)}
    found = _advice(arms)
    assert found["choice"]["arm"] == "facts"
    assert found["choice"]["sooner_than"] == found["choice"]["higher_than"] == []
    assert found["headline"].endswith(": within the intervals.")
    assert "does not tell it from paraphrase" in found["sentences"][0]
    assert "is not told apart from paraphrase (92 %)" in found["sentences"][1]
    assert _said(found, "To 85 %").endswith("the difference is not beyond the intervals.")


def test_level_in_exposures_the_one_that_ends_higher_is_taken() -> None:
    def arms(half: float) -> dict[str, Any]:
        return {"graph": _arm(_rising(0.9, 300), half=half), "facts": _arm(_rising(0.94, 330), half=half)}

    wide = _advice(arms(0.03))
    assert wide["strategies"][0]["arm"] == "graph" and wide["choice"]["arm"] == "facts"
    assert wide["choice"]["later_than"] == wide["choice"]["sooner_than"] == wide["choice"]["higher_than"] == []
    assert "highest of those not told from the first, graph, in exposures." in wide["sentences"][0]
    assert "first of" not in wide["sentences"][0] and "does not tell it from graph" in wide["sentences"][0]
    assert wide["headline"].endswith(": within the intervals.")
    apart = _advice({"graph": _arm(_rising(0.93, 200)), "facts": _arm(_rising(0.94, 700))})
    assert apart["choice"]["arm"] == "graph" and apart["choice"]["highest"] == "facts"


def test_the_more_strategies_the_wider_the_gap_that_makes_one_sooner() -> None:
    def sooner_than(others: int) -> list[str]:
        """The gap is 55 exposures; the ends, added in squares, allow 43 in one comparison and 67 in 21."""
        rest = {f"s{number}": _arm(_rising(1.0, 765), half=0.04) for number in range(others)}
        choice = _advice({"fast": _arm(_rising(1.0, 700), half=0.04), **rest})["choice"]
        assert choice["arm"] == "fast"
        return list(choice["sooner_than"])

    assert sooner_than(1) == ["s0"]
    assert sooner_than(6) == []


def test_tokens_may_contradict_exposures() -> None:
    arms = {"paraphrase": _arm(_rising(0.92, 700), 8), "graph": _arm(_rising(0.92, 300), 40)}
    found = _advice(arms)
    assert found["choice"]["arm"] == "graph" and found["choice"]["fewest_tokens"] == "paraphrase"
    assert found["choice"]["dearer_than"] == ["paraphrase"] and found["choice"]["cheaper_than"] == []
    said = _said(found, "To 85 %")
    assert "fewer exposures than paraphrase" in said and "% more training tokens" in said
    assert "the saving in exposures is none in tokens" in said
    assert "paraphrase is there first" in _said(found, "Counted in training tokens")
    assert _said(found, "Counted in training tokens").endswith("a difference beyond the intervals.")


def test_one_that_is_soonest_but_ends_lower_is_not_taken() -> None:
    falling = [0.0, 0.5, 0.9, 0.9, 0.86, 0.8, 0.75, 0.7, 0.65, 0.6, 0.5]
    found = _advice({"original": _arm(falling), "paraphrase": _arm(_rising(0.92, 700))})
    assert found["strategies"][0]["arm"] == "original"
    assert found["choice"]["arm"] == "paraphrase"
    assert "original reaches 85 % sooner (after " in found["sentences"][0]
    assert [fall["arm"] for fall in found["falls"]] == ["original"]
    assert _said(found, "original is highest after 200 exposures (90 %) and falls to 50 % by the end")


def test_no_threshold_reached() -> None:
    found = _advice({"paraphrase": _arm(_rising(0.3, 700)), "facts": _arm(_rising(0.4, 700))})
    assert found["threshold"] is None and found["choice"]["arm"] == "facts"
    assert found["headline"] == "No strategy reaches 50 %; the highest is facts with 40 %."
    assert "Train longer or at a higher rate" in found["sentences"][0]
    assert not [said for said in found["sentences"] if said.startswith("To ")]


def test_where_nothing_was_learned_nothing_is_advised_about_variants() -> None:
    arms = {f"facts-v{n}": _arm([0.0] * 11, **{"from": ["facts"], "variants": n}) for n in (3, 20)}
    found = _advice(arms)
    assert not [said for said in found["sentences"] if said.startswith(("Variants of", "Select", "No evidence"))]
    assert found["sentences"][0].startswith("No strategy reaches 50 %")


def test_a_lower_threshold_where_the_usual_one_is_not_reached() -> None:
    found = _advice({"paraphrase": _arm(_rising(0.6, 700)), "facts": _arm(_rising(0.75, 400))})
    assert found["threshold"] == 0.7
    assert found["headline"] == "facts reaches 70 % after 420 exposures; paraphrase does not within 1,000."
    assert "paraphrase does not reach 70 % within 1,000 exposures." in found["sentences"]
    assert "fewer exposures than paraphrase" in _said(found, "To 50 %")


def test_one_strategy_alone() -> None:
    found = _advice({"facts": _arm(_rising(0.94, 220))})
    assert found["sentences"][0].startswith("One strategy was tried: facts. It reaches 85 % after ")
    assert found["reach"]["0.85"]["facts"]["exposures_saving"] is None
    assert len(found["sentences"]) == 1


def test_few_variants_are_not_advised_where_they_may_lose_much() -> None:
    arms = {
        f"facts {size}": _arm(_rising(end, 200), half=0.1, variants=size, **{"from": ["facts"], "forms": ["facts"]})
        for size, end in {3: 0.8, 16: 0.9}.items()
    }
    found = _advice(arms)
    assert found["variants"][0]["enough"] == 3  # not worse beyond the intervals
    said = _said(found, "Variants of facts: this run cannot tell how few are enough. 3 per document")
    assert said.endswith("Take 16 until more questions or seeds tell.")


def test_one_seed_says_what_was_not_measured() -> None:
    for seeds, expected in ((1, True), (3, False)):
        found = _advice({name: make(seeds=seeds) for name, make in THREE.items()})
        assert found["seeds"] == seeds
        assert any("One training seed" in said for said in found["sentences"]) is expected
        assert found["headline"].endswith("(one training seed).") is expected


@pytest.mark.parametrize(
    ("ends", "enough", "said"),
    [
        ({10: 0.6, 50: 0.91, 200: 0.92}, 50, "50 per document is the smallest number tried that is not worse than 200"),
        ({10: 0.6, 50: 0.8, 200: 0.92}, 200, "take the most tried (200, 92 %)"),
        ({10: 0.91, 50: 0.91, 200: 0.92}, 10, "No fewer were tried."),
        ({10: 0.91, 50: 0.8, 200: 0.92}, 200, "take the most tried"),  # 50 is worse, so 10 was luck
        (
            {10: 0.5, 50: 0.91, None: 0.92},
            50,
            "not worse than all beyond the interval (91 % against 92 %); the loss may",
        ),
    ],
)
def test_the_knee_in_variants(ends: dict[int | None, float], enough: int | None, said: str) -> None:
    arms = {
        f"facts {size}": _arm(_rising(end, 200), variants=size, **{"from": ["facts"]}) for size, end in ends.items()
    }
    for arm in arms.values():
        arm["about"]["forms"] = ["facts"]
    found = _advice(arms)
    (knee,) = found["variants"]
    assert (knee["strategy"], knee["enough"], knee["tried"]) == ("facts", enough, list(ends))
    assert said in _said(found, "Variants of facts")
    assert [entry["arm"] for entry in found["strategies"]] == [f"facts {list(ends)[-1]}"]


def _versus(verdict: str, difference: float) -> dict[str, Any]:
    return {"verdict": verdict, "difference": difference, "low": difference - 0.03, "high": difference + 0.03}


@pytest.mark.parametrize(
    ("control", "everything", "said"),
    [
        ("helped", "no evidence", "no evidence of a difference"),
        ("helped", "helped", "Against all variants chosen helped"),
        ("helped", "hurt", "Yet all variants together do better than chosen: use all of them."),
        ("no evidence", "hurt", "No evidence that chosen beats a random choice of as many variants."),
        ("hurt", "no evidence", "chosen (-4.0 points, 95 % interval -7.0 to -1.0) hurt"),
    ],
)
def test_whether_selecting_paid(control: str, everything: str, said: str) -> None:
    signs = {"helped": 0.04, "hurt": -0.04, "no evidence": 0.01}
    about = {"from": ["facts"], "forms": ["facts"]}
    arms = {
        "facts": _arm(_rising(0.92, 300), **about),
        "chosen": _arm(_rising(0.93, 290), rules=["low perplexity 0.5"], control="chosen/random",
                       reference="facts", **about),
        "chosen/random": _arm(_rising(0.91, 300), **about),
    }  # fmt: skip
    versus = {
        "chosen": {
            "versus_control": _versus(control, signs[control]),
            "versus_reference": _versus(everything, signs[everything]),
        }
    }
    found = _advice(arms, versus=versus)
    (entry,) = found["selection"]
    assert (entry["control"]["verdict"], entry["all"]["verdict"]) == (control, everything)
    assert entry["exposures_saving"] == pytest.approx(
        1 - found["reach"]["0.85"]["chosen"]["exposures"] / found["reach"]["0.85"]["facts"]["exposures"]
    )
    (told,) = [sentence for sentence in found["sentences"] if "random choice of as many" in sentence]
    assert said in told
    assert ("Nothing here shows that selecting pays: use all variants." in told) is (control != "helped")
    assert "chosen/random" not in found["arms"] and [s["arm"] for s in found["strategies"]] == ["facts"]


@pytest.mark.parametrize(("tokens", "more", "said"), [(13, 0.3, "30 % more"), (8, -0.2, "20 % fewer"), (10, 0.0, "")])
def test_a_rule_that_chooses_by_length_is_told_so(tokens: int, more: float, said: str) -> None:
    about = {"from": ["facts"], "forms": ["facts"]}
    arms = {
        "facts": _arm(_rising(0.92, 300), **about),
        "low": _arm(_rising(0.95, 290), tokens, rules=["low perplexity 0.5"], control="low/random", **about),
        "low/random": _arm(_rising(0.91, 300), **about),
    }
    found = _advice(arms, versus={"low": {"versus_control": _versus("helped", 0.04), "versus_reference": None}})
    assert found["selection"][0]["tokens_more"] == pytest.approx(more)
    told = [sentence for sentence in found["sentences"] if sentence.startswith("Length comes along with the choice")]
    assert [f"low on {said} training tokens than" in sentence for sentence in told] == [True] * bool(said)


def test_forgetting_is_told_with_its_verdict() -> None:
    arms = {name: make() for name, make in THREE.items()}
    results = _results(arms)
    after = {"original": ("hurt", -0.1), "paraphrase": ("no evidence", -0.01), "facts": ("no evidence", 0.0)}
    results["evaluations"]["general"] = {
        "items": 60, "metric": "accuracy", "mode": "constrained",
        "baseline": {"free": {"accuracy": 0.1}, "constrained": {"accuracy": 0.62}},
        "arms": {
            name: {"metrics": {"accuracy": {"mean": 0.62 + d, "low": 0.5, "high": 0.7, "seeds": [0.62 + d]}},
                   "versus_baseline": _versus(verdict, d)}
            for name, (verdict, d) in after.items()
        },
    }  # fmt: skip
    found = recommend(results)
    assert [(e["arm"], e["before"], e["change"]["verdict"]) for e in found["forgetting"]] == [
        ("original", 0.62, "hurt"), ("paraphrase", 0.62, "no evidence"), ("facts", 0.62, "no evidence")
    ]  # fmt: skip
    said = _said(found, "General ability (general): 62 % before, 62 % after training on facts")
    assert "no evidence of forgetting or gain" in said and said.endswith("Beyond chance forgot: original.")
    assert is_general("general", results["evaluations"]["general"], "closed_book")
    assert not is_general("general", {**results["evaluations"]["general"], "general": False}, "closed_book")


def test_a_category_that_another_strategy_wins() -> None:
    arms = {
        "facts": _arm(_rising(0.94, 200), categories={"product": 0.7, "glossary": 0.9, "company": 0.9}),
        "graph": _arm(_rising(0.93, 300), categories={"product": 0.95, "glossary": 0.91, "company": 0.8}),
    }
    found = _advice(arms)
    assert [(e["category"], e["clear"]) for e in found["categories"]] == [("product", True), ("glossary", False)]
    assert _said(found, "In product, graph is higher than facts: 95 % against 70 %, beyond the intervals.")
    assert _said(found, "In glossary (graph) another strategy is highest, within the intervals.")


def test_questions_asked_in_reverse() -> None:
    results = _results({"facts": _arm(_rising(0.94, 200))})
    end = results["evaluations"]["closed_book"]["arms"]["facts"]["curve"][-1]["metrics"]
    for mean, below in ((0.3, True), (0.93, False)):
        end["accuracy_reverse"] = {"mean": mean, "low": mean - 0.05, "high": mean + 0.05, "seeds": [mean] * 3}
        found = recommend(results)
        assert found["reverse"]["below"] is below
        assert any(said.startswith("Asked in reverse, facts answers 30 %") for said in found["sentences"]) is below
    assert _advice({"facts": _arm(_rising(0.94, 200))})["reverse"] is None


def test_strategies_are_told_apart_by_their_forms_where_generators_are_the_same() -> None:
    arms = {
        "easy": _arm(_rising(0.9, 400), **{"from": ["rewrites"], "forms": ["easy"]}),
        "qa": _arm(_rising(0.9, 300), **{"from": ["rewrites"], "forms": ["qa"]}),
    }
    found = _advice(arms)
    assert [entry["strategy"] for entry in found["strategies"]] == ["rewrites (qa)", "rewrites (easy)"]
    assert found["sentences"][0].startswith("Take rewrites (qa) (arm qa): it reaches")


def test_forms_that_a_cut_leaves_out_or_reorders_make_no_strategy_of_their_own() -> None:
    """The first few variants of a graph are all pairs, and a writer drops some forms more often than others."""
    graph = {"from": ["graph"]}
    arms = {
        "few": _arm(_rising(0.9, 300), variants=3, **graph, forms=["graph-pair"]),
        "some": _arm(_rising(0.9, 300), variants=40, **graph, forms=["graph-pair", "graph-triple"]),
        "many": _arm(_rising(0.9, 300), variants=200, **graph, forms=["graph-triple", "graph-pair"]),
    }
    found = _advice(arms)
    assert [entry["strategy"] for entry in found["strategies"]] == ["graph"]
    assert [entry["tried"] for entry in found["variants"]] == [[3, 40, 200]]


def test_arms_that_are_trained_otherwise_are_another_strategy() -> None:
    facts = {"from": ["facts"], "forms": ["facts"]}
    arms = {
        f"{rate}-{variants}": _arm(_rising(end, 300), variants=variants, train=settings, **facts)
        for rate, end, settings in (("usual", 0.9, {}), ("slow", 0.5, {"learning_rate": 0.0001}))
        for variants in (20, 100)
    }
    found = _advice(arms)
    assert [entry["strategy"] for entry in found["strategies"]] == ["facts", "facts, learning_rate 0.0001"]
    assert [entry["arms"] for entry in found["variants"]] == [["usual-20", "usual-100"], ["slow-20", "slow-100"]]


def test_the_points_that_curve_makes_are_understood() -> None:
    rng = np.random.default_rng(1)
    draw = rng.uniform(size=(2, 60))
    answers = [(draw < p).astype(float) for p in (0.0, 0.5, 0.9, 0.95)]
    line = curve([0, 10, 20, 30], {"accuracy": answers}, [[1.0]] * 4, [[n] for n in (0, 5, 9, 14)])
    results = _results({"facts": _arm(_rising(0.9, 300))})
    results["evaluations"]["closed_book"]["arms"]["facts"] |= {"curve": line, **reached(line)}
    found = recommend(results)
    assert found["threshold"] == 0.85 and 10 < found["reach"]["0.85"]["facts"]["exposures"] < 30


def test_answers_item_by_item_see_what_intervals_do_not() -> None:
    """Paired over 200 shared items, five points in one direction are clear; two wide intervals hide them."""
    rng = np.random.default_rng(2)
    ability = rng.uniform(size=200) < 0.85
    arms = {
        "few": _arm(_rising(0.85, 300), half=0.05, variants=10, **{"from": ["facts"], "forms": ["facts"]}),
        "many": _arm(_rising(0.9, 300), half=0.05, variants=100, **{"from": ["facts"], "forms": ["facts"]}),
    }
    many = np.tile(ability, (3, 1)).astype(float)
    few = many.copy()
    few[:, np.flatnonzero(ability)[:12]] = 0.0
    results = _results(arms)
    assert recommend(results)["variants"][0]["enough"] == 10
    sharper = recommend(results, answers={"few": few, "many": many})
    assert sharper["variants"][0]["enough"] == 100
    assert sharper["variants"][0]["difference"]["mean"] == 0.0  # of the largest against itself
    gaps = np.full((3, 5), np.nan)  # reversed questions, say: the metric is not about them
    wider = {name: np.hstack([values, gaps]) for name, values in (("few", few), ("many", many))}
    assert recommend(results, answers=wider)["variants"] == sharper["variants"]
    odd = recommend(results, answers={"few": few[:1], "many": many})  # other seeds: they cannot be paired
    assert odd["variants"][0]["enough"] == 10


@pytest.mark.parametrize(
    ("value", "expected"),
    [(213.4, "213"), (1, "1"), (2.25, "2.2"), (2400, "2,400"), (48_213, "48.2 thousand"), (1_239_000, "1.24 million")],
)
def test_amounts(value: float, expected: str) -> None:
    assert amount(value) == expected


def test_words() -> None:
    assert (share(0.85), share(0.9312)) == ("85 %", "93.1 %")
    assert (listed(["a"]), listed(["a", "b"]), listed(["a", "b", "c"])) == ("a", "a and b", "a, b and c")
