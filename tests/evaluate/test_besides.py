"""What training did to general ability, in words."""

import pytest

from homespun.evaluate.besides import general_sentences
from homespun.evaluate.compare import summary_lines


def entry(mean, verdict):
    change = {"verdict": verdict, "difference": mean - 0.75, "low": -0.1, "high": 0.1}
    return {
        "metrics": {"accuracy": {"mean": mean, "low": mean - 0.1, "high": mean + 0.1, "seeds": [mean]}},
        "versus_baseline": change,
        "versus_control": None,
        "versus_reference": None,
        "sentence": "",
    }


@pytest.fixture
def results():
    arms = {"unfiltered": entry(0.74, "no evidence"), "best": entry(0.61, "hurt"), "best/random": entry(0.7, "hurt")}
    general = {"items": 82, "metric": "accuracy", "mode": "constrained", "general": True, "arms": arms}
    return {
        "primary": ["accuracy", "accuracy"],
        "arms": {"unfiltered": {"control": None}, "best": {"control": "best/random"}, "best/random": {"control": None}},
        "evaluations": {"general": general | {"baseline": {"constrained": {"accuracy": 0.75}}}},
    }


def test_general_ability_is_told_before_and_after_and_nowhere_else(results):
    told = (
        "General ability (general): 75.0 % before training,"
        " 74.0 % after unfiltered (no evidence), 61.0 % after best (hurt)."
    )
    assert general_sentences(results) == summary_lines(results) == [told]


def test_a_recommendation_says_it_itself(results):
    assert general_sentences({**results, "recommendation": {}}) == []
