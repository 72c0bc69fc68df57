import math

import pytest
from score_cases import TASK, by_text, make_context, make_row

from homespun.errors import UsageError
from homespun.models.scripted import ScriptedModel
from homespun.registry import BUILT_IN, find_any
from homespun.score.base import Scorer
from homespun.score.judge import Judge, expected_grade
from homespun.task import Task


def judge(rows, *, seed=0, logprob=None, reply=None, calibrate="none", **settings):
    model = ScriptedModel(logprob=logprob, reply=reply)
    return Judge(calibrate=calibrate, **settings)(rows, make_context(model, seed=seed), name="judge")


def test_blind_by_likelihood():
    rows = [make_row(1, "good"), make_row(2, "good")]
    table = {
        "N/A": {"good": math.log(0.9), "bad": math.log(0.1)},
        "text 1": {"good": math.log(0.6), "bad": math.log(0.2)},
        "text 2": {"good": math.log(0.1), "bad": math.log(0.3)},
    }
    found = judge(rows, logprob=by_text(table))
    assert found.columns["agreement"] == pytest.approx([0.75, 0.25])
    assert found.columns["label"] == ["good", "bad"]
    assert found.primary == "agreement"
    calibrated = judge(rows, logprob=by_text(table), calibrate="content_free")
    assert calibrated.columns["agreement"] == pytest.approx([(0.6 / 0.9) / (0.6 / 0.9 + 2), (1 / 9) / (1 / 9 + 3)])
    assert calibrated.columns["label"] == ["bad", "bad"]


@pytest.mark.parametrize("answer", ["likelihood", "text"])
def test_the_blind_judge_does_not_see_the_label(answer):
    def heard(output):
        said = []

        def hear(request):
            said.append((request.messages, request.prefill))
            return "LABEL: good"

        def weigh(query, continuation):
            said.append((query.messages, query.prefill, continuation))
            return -1.0

        judge([make_row(1, output)], reply=hear, logprob=weigh, answer=answer)
        return said

    assert heard("good") == heard("bad") != []


def test_a_judge_that_always_says_good_is_calibrated_over_the_pool():
    rows = [make_row(1, "good"), make_row(2, "bad"), make_row(3, "good"), make_row(4, "bad")]
    table = {f"text {n}": {"good": log, "bad": 0.0} for n, log in ((1, 5.0), (2, 2.0), (3, 4.0), (4, 1.0))}
    table["N/A"] = {"good": 0.0, "bad": 0.0}
    assert judge(rows, logprob=by_text(table)).columns["label"] == ["good"] * 4
    ctx = make_context(ScriptedModel(logprob=by_text(table)))
    found = Judge()(rows, ctx)
    assert found.columns["label"] == ["good", "bad", "good", "bad"]
    assert min(found.columns["agreement"]) > 0.5
    assert found.columns["raw_label"] == ["good"] * 4
    assert found.columns["raw_agreement"] == pytest.approx(
        [1 / (1 + math.exp(-5)), 1 / (1 + math.exp(2)), 1 / (1 + math.exp(-4)), 1 / (1 + math.exp(1))]
    )
    assert Judge().whole_pool
    assert not any(each.whole_pool for each in (Judge(answer="text"), Judge(mode="rating"), Judge(calibrate="none")))


def test_a_judge_that_leans_only_because_rows_are_wrong_is_not_calibrated():
    """Two of the five rows asked as bad are good; calibrated, the judge would take the weaker one back."""
    said = [3.0, 3.0, 3.0, 3.0, 3.0, -3.0, -3.0, -3.0, 2.5, 1.0]
    rows = [make_row(n, "good" if n < 5 else "bad") for n in range(10)]
    table = {f"text {n}": {"good": log, "bad": 0.0} for n, log in enumerate(said)}
    ctx = make_context(ScriptedModel(logprob=by_text({**table, "N/A": {"good": 0.0, "bad": 0.0}})))
    found = Judge()(rows, ctx).columns
    assert found["label"] == found["raw_label"] == ["good"] * 5 + ["bad"] * 3 + ["good"] * 2
    assert found["agreement"] == found["raw_agreement"]
    assert Judge(calibrate="pool")(rows, ctx).columns["label"][-1] == "bad"


def test_rating_by_likelihood_is_the_expected_grade():
    """methods.md A4: p(4) = .6, p(5) = .3, p(3) = .1 give 4.2; mass on other tokens does not count."""
    assert expected_grade([math.log(p) for p in (1e-300, 1e-300, 0.1, 0.6, 0.3)]) == pytest.approx(4.2)
    mass = dict(zip("12345", (1e-12, 1e-12, 0.05, 0.3, 0.15), strict=True))
    found = judge([make_row(1)], mode="rating", logprob=lambda query, digit: math.log(mass[digit]))
    assert found.columns == {"rating": [pytest.approx(4.2)]}
    assert found.primary == "rating"


def test_both_modes():
    def logprob(query, continuation):
        return {"good": -1.0, "bad": -1.0, "5": 0.0}.get(continuation, -1000.0)

    found = judge([make_row(1)], mode="both", logprob=logprob)
    blind = {"agreement": [0.5], "label": ["good"], "raw_agreement": [0.5], "raw_label": ["good"]}
    assert found.columns == {**blind, "rating": [5.0]}
    assert found.primary == "agreement"


def test_blind_by_text():
    replies = {"text 1": "It is warm.\nLABEL: good", "text 2": "LABEL: bad", "text 3": "Hm.\nLABEL: UNSURE"}
    found = judge(
        [make_row(n) for n in (1, 2, 3)],
        answer="text",
        reply=lambda request: next(text for part, text in replies.items() if part in request.messages[-1][1]),
    )
    assert found.columns["agreement"] == [1.0, 0.0, 0.0]
    assert found.columns["label"] == ["good", "bad", "UNSURE"]


def test_rating_by_text_is_the_mean_of_the_samples_that_can_be_read():
    tries = {"0/0": "[[5]]", "1/0": "no idea", "1/1": "例えば[[5]]…\n評価：［［２］］", "2/0": "Rating: [[2]]"}
    found = judge(
        [make_row(1)], mode="rating", answer="text", reply=lambda request: tries[request.key.split("/", 3)[-1]]
    )
    assert found.columns["rating"] == [3.0]
    assert found.reasons == {}


def test_an_answer_that_cannot_be_read_is_asked_for_again_and_then_given_up():
    asked = []

    def reply(request):
        asked.append((request.key, request.seed, request.sampling.temperature))
        return "I would rather talk about [[7]] cats."

    rows = [make_row(1)]
    found = judge(rows, mode="rating", answer="text", samples=1, retries=2, reply=reply)
    assert math.isnan(found.columns["rating"][0])
    assert found.reasons[rows[0].id] == (
        'the judge\'s answer could not be read after 3 tries: "I would rather talk about [[7]] cats."'
    )
    assert len({seed for _, seed, _ in asked}) == len({key for key, *_ in asked}) == 3


def test_a_second_try_is_never_greedy():
    temperatures = []

    def reply(request):
        temperatures.append(request.sampling.temperature)
        return "?"

    judge([make_row(1)], answer="text", retries=1, reply=reply)
    assert temperatures == [0.0, 0.7]


def test_an_unread_rating_leaves_the_blind_label():
    rows = [make_row(1)]
    found = judge(rows, mode="both", answer="text", reply=lambda request: "LABEL: good")
    assert found.columns["agreement"] == [1.0]
    assert math.isnan(found.columns["rating"][0])
    assert list(found.reasons) == [rows[0].id]


def test_answers_depend_on_the_run_seed_and_the_row_alone():
    def seeds(rows, seed):
        asked = {}

        def reply(request):
            asked[request.key] = request.seed
            return "LABEL: good"

        judge(rows, seed=seed, answer="text", reply=reply)
        return asked

    rows = [make_row(n) for n in (1, 2, 3)]
    together, turned = seeds(rows, 0), seeds(rows[::-1], 0)
    assert together == turned == {**seeds(rows[:1], 0), **seeds(rows[1:], 0)}
    assert not set(together.values()) & set(seeds(rows, 1).values())


def test_an_output_that_is_no_label_is_not_judged():
    rows = [make_row(1, "great"), make_row(2)]
    found = judge(rows, logprob=by_text({key: {"good": -1.0, "bad": -1.0} for key in ("text 2", "N/A")}))
    assert math.isnan(found.columns["agreement"][0])
    assert (found.columns["label"], list(found.reasons)) == (["", "good"], [rows[0].id])


def test_a_model_without_probabilities_leaves_a_reason():
    rows = [make_row(1)]
    found = judge(rows, mode="both", logprob=lambda query, continuation: math.nan)
    assert math.isnan(found.columns["agreement"][0])
    assert math.isnan(found.columns["rating"][0])
    assert "gave no probability" in found.reasons[rows[0].id]


def test_a_label_named_unsure_is_refused_where_the_judge_writes():
    task = Task(description="d", fields=("review",), labels={"sure": "a", "unsure": "b"})
    with pytest.raises(UsageError, match='rename label "unsure"'):
        Judge(answer="text").check(task)
    Judge().check(task)
    Judge(answer="text").check(TASK)


@pytest.mark.parametrize("mode", ["blind", "rating", "both"])
@pytest.mark.parametrize("answer", ["likelihood", "text"])
def test_columns_and_progress(mode, answer):
    finished = []
    scorer = Judge(mode=mode, answer=answer)
    model = ScriptedModel(logprob=lambda query, continuation: -1.0, reply=lambda request: "LABEL: good\n[[4]]")
    rows = [make_row(1), make_row(2, "great"), make_row(3)]
    found = scorer(rows, make_context(model), advance=finished.append)
    assert tuple(found.columns) == scorer.columns()
    assert scorer.primary in found.columns
    assert sum(finished) == len(rows)


def test_every_built_in_scorer_loads_under_its_kind():
    for kind in BUILT_IN["scorer"]:
        cls = find_any("scorer", kind)
        assert issubclass(cls, Scorer)
        assert cls.model_fields["kind"].default == kind
