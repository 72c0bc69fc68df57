"""Words that name what an arm is held against."""

import pytest

from homespun.evaluate.sentences import WAYS, sentence


@pytest.mark.parametrize("alike", ["rows", "tokens"])
def test_a_control_has_as_many_of_what_the_recipe_says(alike):
    told = sentence("short", {"same_answers": True, "relation": "control", "alike": alike})
    assert f"as a random choice of as many {alike}:" in told


def test_a_bias_is_said_to_be_fitted_on_the_texts_without_labels():
    assert "fitted on these texts, without their labels" in WAYS["calibrated"]


def test_the_way_that_decides_is_named_with_its_own_interval():
    rivals = {
        "calibrated": {"difference": 0.08, "low": 0.06, "high": 0.10, "p": 0.001},
        "few_shot": {"difference": 0.12, "low": 0.01, "high": 0.23, "p": 0.04},
    }
    comparison = {
        "same_answers": False, "relation": "baseline", "against": "untrained", "draws": "pool", "metric": "accuracy",
        "difference": 0.2, "low": 0.18, "high": 0.22, "p": 1e-4, "p_all": 0.04, "p_holm": 0.04, "family": 1,
        "level": 0.0375, "verdict": "no evidence", "rivals": rivals, "worth": 0.03, "replicates": 3, "items": 600,
        "smallest_visible": 0.05, "replicates_needed": 5, "items_needed": None,
    }  # fmt: skip
    told = sentence("all", comparison)
    nearest = "+12.0 over it with some of the rows in its prompt (95 % interval +1.0 to +23.0, p = 0.040; this look is"
    assert nearest in told and "held to 0.0375" in told
    above = comparison | {"rivals": {**rivals, "free": {"difference": -0.1, "low": -0.2, "high": 0.0, "p": 0.05}}}
    assert "-10.0 over it by its own answers" in sentence("all", above)
