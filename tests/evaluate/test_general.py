"""The forgetting probe: the shipped sets, how a choice is made, bits per byte, and tasks of lm-eval."""

import json
import math
import sys

import pytest
from pydantic import ValidationError

from homespun.errors import MissingExtraError, UsageError
from homespun.evaluate.general import General, shipped_items
from homespun.models.scripted import ScriptedModel
from homespun.registry import find_any
from homespun.text.normalise import comparable, script_share


def means(evaluation, results):
    return {name: round(value, 4) for name, value in evaluation.summary(results, None).items()}


def ask(evaluation, logprob):
    items = evaluation.load_items()
    return evaluation.predict(ScriptedModel(logprob=logprob), None, items, "en", "constrained")


# The shipped sets


@pytest.mark.parametrize("language", ["en", "ja"])
def test_the_shipped_set_is_sound(language):
    items = shipped_items(language)
    kinds = [item.groups["category"] for item in items]
    assert {kind: kinds.count(kind) for kind in set(kinds)} == {"fact": 40, "completion": 42, "text": 30}
    assert len({item.id for item in items}) == len({comparable(item.fields["text"]) for item in items}) == len(items)
    for item in items:
        choices = [value for name, value in item.fields.items() if name != "text"]
        assert len(set(choices)) == len(choices) == (0 if item.groups["category"] == "text" else 4)
        assert script_share(item.fields["text"], language) > 0.9
        assert all(value == value.strip() and value for value in item.fields.values())
        assert item.gold not in item.fields["text"] or item.groups["category"] == "text"
    texts = [item.fields["text"] for item in items if item.groups["category"] == "text"]
    assert all(80 <= len(text) <= 450 for text in texts)


def test_rows_may_hold_a_choice_but_not_a_question():
    item = shipped_items("en")[0]
    assert General().texts(item) == [("What is frozen water called?", False)]


def test_both_languages_have_their_own_ids():
    items = General(languages=("en", "ja", "en")).load_items()
    assert len({item.id for item in items}) == len(items) == 224
    assert len(General(paragraphs=False).load_items()) == 82


# How a choice is made


def test_a_question_is_scored_in_plain_text_and_a_sentence_as_it_is():
    queries = {}
    ask(General(languages=("en", "ja")), lambda query, text: queries.setdefault(query, len(queries)) * -1.0)
    fact = next(query for query in queries if "frozen water" in query.prefill)
    assert fact.prefill == "Question: What is frozen water called?\nAnswer:"
    assert fact.continuations == (" ice", " steam", " sand", " glass") and fact.messages == ()
    sentence = next(query for query in queries if query.prefill.startswith("He opened his umbrella"))
    assert sentence.prefill.endswith("it had started to") and sentence.continuations[0] == " rain"
    japanese = next(query for query in queries if query.prefill == "質問：水が凍ると何になりますか。\n回答：")
    assert japanese.continuations[0] == "氷"
    assert sum(not query.prefill for query in queries) == 60


def test_choices_are_held_against_each_other_per_byte():
    results = ask(General(), lambda query, text: -1.0 * len(text.strip().encode()))  # the same for each byte
    result = next(result for result in results if result.predicted)
    assert set(result.posterior.values()) == {0.25}
    found = ask(
        General(), lambda query, text: -0.5 * len(text.strip().encode()) if text == query.continuations[0] else -9e3
    )
    assert means(General(), found)["accuracy"] == 1
    assert means(General(), found)["probability"] == 1


def test_always_the_last_choice_is_always_wrong():
    found = ask(General(), lambda query, text: 0.0 if text == query.continuations[-1] else -500.0)
    values = means(General(), found)
    assert (values["accuracy"], values["category:fact"], values["category:completion"]) == (0, 0, 0)
    assert values["probability"] < 0.01


def test_bits_per_byte_of_a_uniform_model_over_bytes_is_eight():
    evaluation = General(languages=("en", "ja"))
    values = means(evaluation, ask(evaluation, lambda query, text: -math.log(256) * len(text.encode())))
    assert values["bits_per_byte"] == values["bits_per_byte:en"] == values["bits_per_byte:ja"] == 8
    assert "accuracy:ja" in values
    one = means(General(languages=("ja",)), ask(General(languages=("ja",)), lambda query, text: -1.0))
    assert not any(name.endswith(":ja") for name in one)


def test_a_model_without_numbers_is_wrong_and_said_so():
    results = ask(General(), lambda query, text: float("nan"))
    assert all(result.problem and not result.predicted for result in results)
    assert means(General(), results) == {"accuracy": 0, "probability": 0, "category:fact": 0, "category:completion": 0}


def test_it_is_registered_and_refuses_other_languages():
    assert find_any("evaluation", "general") is General and not General.needs_task
    with pytest.raises(ValidationError, match="languages"):
        General(languages=("fr",))
    assert General().modes(trained=True) == ("constrained",)


# Tasks of lm-eval


def test_without_lm_eval_it_is_said_what_to_install(monkeypatch):
    monkeypatch.setitem(sys.modules, "lm_eval.tasks", None)
    monkeypatch.setitem(sys.modules, "lm_eval", None)
    with pytest.raises(MissingExtraError, match=r"nowhere_task.*pip install lm-eval"):
        General(tasks=("nowhere_task",)).load_items()


@pytest.fixture
def task_file(tmp_path):
    pytest.importorskip("lm_eval")
    records = [
        {"question": "Which is cold?", "choices": ["ice", "fire"], "answer": 0},
        {"question": "Which is hot?", "choices": ["ice", "fire"], "answer": 1},
        {"question": "Which is wet?", "choices": ["sand", "rain"], "answer": 1},
    ]
    data = tmp_path / "data.jsonl"
    data.write_text("".join(json.dumps(record) + "\n" for record in records))

    def write(name, **more):
        settings = {
            "task": name,
            "dataset_path": "json",
            "dataset_kwargs": {"data_files": {"test": str(data)}},
            "test_split": "test",
            "output_type": "multiple_choice",
            "doc_to_text": "{{question}} ",
            "doc_to_target": "{{answer}}",
            "doc_to_choice": "{{choices}}",
            "metric_list": [{"metric": "acc"}],
            **more,
        }
        path = tmp_path / f"{name}.yaml"
        path.write_text(json.dumps(settings))  # JSON is YAML
        return str(path)

    return write


def test_a_local_task_is_asked_item_by_item(task_file):
    evaluation = General(tasks=(task_file("cold_and_hot"),), limit=2)
    items = [item for item in evaluation.load_items() if item.groups["category"] == "task"]
    assert [item.id for item in items] == ["cold_and_hot/0", "cold_and_hot/1"]
    queries = []

    def logprob(query, text):
        queries.append((query.prefill, text))
        return -1.0 if text.strip() == "ice" else -2.0

    results = evaluation.predict(ScriptedModel(logprob=logprob), None, items, "en", "constrained")
    assert [result.marks for result in results] == [{"cold_and_hot:acc": 1.0}, {"cold_and_hot:acc": 0.0}]
    assert ("Which is cold?", "  ice") in queries  # the prompt's last space goes to the choice
    assert means(evaluation, results) == {"cold_and_hot:acc": 0.5}


def test_a_task_that_writes(task_file):
    path = task_file(
        "say_it", output_type="generate_until", doc_to_target="{{choices[answer]}}", doc_to_choice=None,
        generation_kwargs={"until": ["\n"], "max_gen_toks": 5},
        metric_list=[{"metric": "exact_match"}],
    )  # fmt: skip
    evaluation = General(tasks=(path,))
    items = evaluation.load_items()
    model = ScriptedModel(reply=lambda request: "ice\nand more", logprob=lambda query, text: -1.0)
    results = evaluation.predict(model, None, items, "en", "constrained")
    assert [result.item_id for result in results] == [item.id for item in items]
    assert means(evaluation, results)["say_it:exact_match"] == round(1 / 3, 4)


def test_tasks_that_cannot_be_asked_are_refused(task_file):
    with pytest.raises(UsageError, match="loglikelihood"):
        General(tasks=(task_file("greedy", output_type="loglikelihood", doc_to_choice=None),)).load_items()
    with pytest.raises(UsageError, match='no task "hellaswagg"'):
        General(tasks=("hellaswagg",)).load_items()
