import math

import pytest
from hypothesis import given
from hypothesis import strategies as st

from homespun.models.judge import Question, ask_likelihood, ask_text, log_softmax
from homespun.models.scripted import ScriptedModel
from homespun.text.prompts import Prompt


@given(st.lists(st.floats(-1e4, 1e4), min_size=1, max_size=6), st.floats(-1e4, 1e4))
def test_log_softmax_is_a_distribution_and_ignores_a_common_shift(values, shift):
    found = log_softmax(values)
    assert sum(map(math.exp, found)) == pytest.approx(1)
    assert log_softmax([value + shift for value in values]) == pytest.approx(found, abs=1e-6)


@pytest.mark.parametrize("bad", [math.nan, -math.inf])
def test_log_softmax_of_a_missing_value_is_missing(bad):
    assert all(map(math.isnan, log_softmax([bad, 0.0])))


def test_likelihoods_are_normalised_over_the_answers():
    prompt = Prompt("p", (("user", "Which?"),), "Answer: ")
    asked = []

    def logprob(query, continuation):
        asked.append((query.prefill, continuation))
        return math.log({"a": 0.3, "b": 0.1}[continuation])

    (found,) = ask_likelihood(ScriptedModel(logprob=logprob), [prompt], ["a", "b"])
    assert found == pytest.approx((math.log(0.75), math.log(0.25)))
    assert asked == [("Answer: ", "a"), ("Answer: ", "b")]


def test_an_error_of_the_model_is_an_unread_answer():
    script = {"rules": [{"match": "fire", "error": "the server is on fire"}], "reply": "7"}
    model = ScriptedModel(type(ScriptedModel().script).model_validate(script))
    prompts = [Prompt("p", (("user", text),)) for text in ("fire", "water")]
    bad, good = ask_text(model, prompts, ["one", "two"], 0, Question(lambda text: int(text), samples=2))
    assert (bad.verdicts, bad.last) == ((), "the server is on fire")
    assert good.verdicts == (7, 7)


def test_only_unread_answers_are_asked_for_again():
    asked = []

    def reply(request):
        asked.append(request.key)
        return "x" if request.key in ("two/0/0", "two/0/1") else "7"

    prompts = [Prompt("p", (("user", "?"),))] * 2
    question = Question(lambda text: int(text) if text.isdigit() else None)
    found = ask_text(ScriptedModel(reply=reply), prompts, ["one", "two"], 0, question)
    assert asked == ["one/0/0", "two/0/0", "two/0/1", "two/0/2"]
    assert [each.verdicts for each in found] == [(7,), (7,)]
