"""Words that name what an arm is held against."""

import pytest

from homespun.evaluate.sentences import WAYS, sentence


@pytest.mark.parametrize("alike", ["rows", "tokens"])
def test_a_control_has_as_many_of_what_the_recipe_says(alike):
    told = sentence("short", {"same_answers": True, "relation": "control", "alike": alike})
    assert f"as a random choice of as many {alike}:" in told


def test_a_bias_is_said_to_be_fitted_on_the_texts_without_labels():
    assert "fitted on these texts, without their labels" in WAYS["calibrated"]
