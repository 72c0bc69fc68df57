import math

import pytest
from score_cases import TASK, by_text, joined, make_context, make_row

from homespun.models.base import Continuation, LogprobQuery
from homespun.models.scripted import ScriptedModel
from homespun.score.probability import Probability
from homespun.text.prompts import task_messages

EVEN = {"good": -1.0, "bad": -1.0}


def score(rows, table, **settings):
    model = ScriptedModel(logprob=by_text(table))
    return Probability(**settings)(rows, make_context(model), name="probability")


def test_posterior_of_two_labels():
    """methods.md A3: label scores -0.2 and -1.8 give a posterior of .8320."""
    found = score([make_row(1)], {"text 1": {"good": -0.2, "bad": -1.8}, "N/A": EVEN})
    assert found.primary == "posterior"
    assert found.columns["posterior"] == [pytest.approx(0.8320, abs=5e-5)]
    assert found.columns["logprob"] == [-0.2]
    assert found.columns["margin"] == [pytest.approx(1.6)]
    assert (found.columns["agrees"], found.columns["label"]) == ([1.0], ["good"])


def test_a_row_that_the_model_labels_otherwise():
    found = score([make_row(1, "bad")], {"text 1": {"good": -0.2, "bad": -1.8}, "N/A": EVEN})
    assert found.columns["posterior"] == [pytest.approx(1 - 0.8320, abs=5e-5)]
    assert found.columns["margin"] == [pytest.approx(-1.6)]
    assert (found.columns["agrees"], found.columns["label"]) == ([0.0], ["good"])


@pytest.mark.parametrize("own", ["good", "bad"])
def test_pmi_is_zero_where_the_input_tells_nothing(own):
    """methods.md A3: prior (.8, .2) and posterior (.8, .2) give 0, 0; whatever mass lies elsewhere."""
    prior = {"good": math.log(0.8), "bad": math.log(0.2)}
    posterior = {"good": math.log(0.08), "bad": math.log(0.02)}
    found = score([make_row(1, own)], {"text 1": posterior, "N/A": prior})
    assert found.columns["pmi"] == [pytest.approx(0, abs=1e-12)]


def test_pmi_is_the_log_of_the_lift():
    prior = {"good": math.log(0.8), "bad": math.log(0.2)}
    posterior = {"good": math.log(0.4), "bad": math.log(0.6)}
    found = score([make_row(1, "bad")], {"text 1": posterior, "N/A": prior})
    assert found.columns["pmi"] == [pytest.approx(math.log(3))]


class Tokens(ScriptedModel):
    """Gives `good` three tokens of probability .5, .25, .125 and `bad` one of .1."""

    def logprobs(self, queries, advance=lambda count: None):
        good = Continuation(tuple(math.log(p) for p in (0.5, 0.25, 0.125)))
        return [(good, Continuation((math.log(0.1),))) for _ in queries]


def test_log_probability_is_the_mean_over_tokens():
    """methods.md A3: token probabilities .5, .25, .125 give -2 ln 2, a perplexity of 4."""
    found = Probability()([make_row(1)], make_context(Tokens())).columns
    assert found["logprob"] == [pytest.approx(-2 * math.log(2))]
    assert math.exp(-found["logprob"][0]) == pytest.approx(4.0)
    # Sums: 1/64 against 1/10, so the other label wins; means: 1/4 against 1/10.
    assert found["posterior"] == [pytest.approx((1 / 64) / (1 / 64 + 1 / 10))]
    by_mean = Probability(normalise="mean")([make_row(1)], make_context(Tokens())).columns
    assert by_mean["posterior"] == [pytest.approx(0.25 / 0.35)]
    assert (found["label"], by_mean["label"]) == (["bad"], ["good"])


def test_a_hopeless_label_has_a_finite_pmi():
    found = score([make_row(1, "bad")], {"text 1": {"good": 0.0, "bad": -2000.0}, "N/A": EVEN})
    assert found.columns["posterior"] == [0.0]
    assert found.columns["pmi"] == [pytest.approx(-2000 + math.log(2))]


def test_a_tie_goes_to_the_label_named_first():
    found = score([make_row(1, "good"), make_row(2, "bad")], {"text": EVEN, "N/A": EVEN})
    assert found.columns["label"] == ["good", "good"]
    assert found.columns["agrees"] == [1.0, 0.0]


def test_the_prompt_is_the_training_prompt():
    asked = []

    def logprob(query, continuation):
        asked.append((query, continuation))
        return -1.0

    rows = [make_row(1)]
    Probability()(rows, make_context(ScriptedModel(logprob=logprob), language="ja"))
    labels = ("good", "bad")
    empty = LogprobQuery(task_messages(TASK, {"review": "該当なし"}, "ja"), labels)
    full = LogprobQuery(task_messages(TASK, rows[0].payload.fields, "ja"), labels)
    assert asked == [(empty, "good"), (empty, "bad"), (full, "good"), (full, "bad")]


def test_fluency_of_the_input_on_request():
    def logprob(query, continuation):
        return -3.0 if not query.messages and continuation == "text 1" else -1.0

    model = ScriptedModel(logprob=logprob)
    found = Probability(input_logprob=True)([make_row(1)], make_context(model))
    assert found.columns["input_logprob"] == [-3.0]
    assert "input_logprob" not in Probability()([make_row(1)], make_context(model)).columns


def test_content_free_calibration_divides_by_the_prior():
    """A model that says good nine times of ten to nothing at all, and .8 to the row, speaks for bad."""
    prior = {"good": math.log(0.9), "bad": math.log(0.1)}
    table = {"text 1": {"good": math.log(0.8), "bad": math.log(0.2)}, "N/A": prior}
    plain, calibrated = score([make_row(1)], table), score([make_row(1)], table, calibrate="content_free")
    assert calibrated.columns["posterior"] == [pytest.approx((0.8 / 0.9) / (0.8 / 0.9 + 0.2 / 0.1))]
    assert (plain.columns["label"], calibrated.columns["label"]) == (["good"], ["bad"])
    assert (plain.columns["agrees"], calibrated.columns["agrees"]) == ([1.0], [0.0])
    assert plain.columns["pmi"] == calibrated.columns["pmi"]
    assert plain.columns["logprob"] == calibrated.columns["logprob"]


def test_pool_calibration_moves_the_middle_to_the_labels_shares():
    """Every posterior says good; those of the bad rows say it less."""
    odds = {f"text {n}.": log for n, log in enumerate((5.0, 4.0, 4.5, 1.0, 2.0, 1.5))}
    table = {text: {"good": log, "bad": 0.0} for text, log in odds.items()} | {"N/A": EVEN}
    rows = [make_row(n, "good" if n < 3 else "bad", review=f"text {n}.") for n in range(6)]
    plain, calibrated = score(rows, table), score(rows, table, calibrate="pool")
    assert plain.columns["agrees"] == [1, 1, 1, 0, 0, 0]
    assert calibrated.columns["agrees"] == [1] * 6
    good = [p if n < 3 else 1 - p for n, p in enumerate(calibrated.columns["posterior"])]
    assert sum(good) / 6 == pytest.approx(0.5)
    assert Probability(calibrate="pool").whole_pool
    assert not Probability(calibrate="content_free").whole_pool


def test_rows_that_cannot_be_scored_say_why():
    table = {"text 1": EVEN, "text 2": {"good": math.nan, "bad": -1.0}, "text 3": EVEN, "N/A": EVEN}
    rows = [make_row(1, "great"), make_row(2), make_row(3)]
    found = score(rows, table)
    assert [math.isnan(value) for value in found.columns["posterior"]] == [True, True, False]
    assert found.columns["label"] == ["", "", "good"]
    assert found.reasons == {
        rows[0].id: 'its output "great" is no label of the task: good, bad',
        rows[1].id: "the model gave no log-probability for one of the labels",
    }


def test_shards_join_to_the_whole():
    table = {f"text {n}": {"good": -0.1 * n, "bad": -1.0} for n in range(1, 6)} | {"N/A": EVEN}
    rows = [make_row(n, "good" if n % 2 else "bad") for n in range(1, 6)]
    parts = [score(rows[:2], table), score(rows[2:4], table), score(rows[4:], table)]
    assert joined(parts) == score(rows, table)


def test_progress_counts_rows():
    finished = []
    model = ScriptedModel(logprob=lambda query, continuation: -1.0)
    Probability()([make_row(n) for n in range(7)], make_context(model), advance=finished.append)
    assert sum(finished) == 7


def test_the_columns_are_the_ones_announced():
    for settings in ({}, {"input_logprob": True}):
        scorer = Probability(**settings)
        found = scorer([make_row(1)], make_context(ScriptedModel(logprob=lambda query, continuation: -1.0)))
        assert tuple(found.columns) == scorer.columns()
        assert scorer.primary in found.columns
        assert found.name == "probability"
