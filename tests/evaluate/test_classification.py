"""Items in with clear errors; labels out by likelihood and by reading an answer, in two languages."""

import json
import math
import sys
import types

import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from pydantic import ValidationError

from homespun.errors import DataError, MissingExtraError, UsageError
from homespun.evaluate.base import Item
from homespun.evaluate.classification import Classification, predict_constrained, predict_free
from homespun.evaluate.results import results_from, results_table
from homespun.models.scripted import Rule, Script, ScriptedModel
from homespun.task import Task
from homespun.text.prompts import task_messages

TASK = Task(
    description="Decide whether a movie review is positive or negative.",
    fields=("review",),
    labels={"positive": "liked it", "negative": "disliked it"},
)
TASK_JA = Task(
    description="映画の感想が肯定か否定かを判定してください。",
    fields=("感想",),
    labels={"肯定": "気に入った", "否定": "気に入らなかった"},
)
EVEN = ScriptedModel(logprob=lambda query, text: -1.0)
ITEMS = [Item("1", {"review": "Lovely."}, "positive"), Item("2", {"review": "Dull."}, "negative")]


@pytest.fixture
def write(tmp_path):
    def write(*records, name="items.jsonl"):
        path = tmp_path / name
        path.write_text("\n".join(json.dumps(record, ensure_ascii=False) for record in records), encoding="utf-8")
        return str(path)

    return write


def record(number, label="positive", **more):
    return {"id": f"r{number}", "review": f"text {number}", "label": label, **more}


# Reading items


def test_items_of_jsonl_csv_and_parquet_are_the_same(write, tmp_path):
    records = [record(1), record(2, "negative")]
    csv = tmp_path / "items.csv"
    csv.write_text("id,review,label\nr1,text 1,positive\nr2,text 2,negative\n")
    parquet = tmp_path / "items.parquet"
    pq.write_table(pa.Table.from_pylist(records), parquet)
    expected = [Item("r1", {"review": "text 1"}, "positive"), Item("r2", {"review": "text 2"}, "negative")]
    for path in (write(*records), str(csv), str(parquet)):
        assert Classification(data=path).load_items(TASK) == expected


def test_columns_are_renamed_and_ids_counted(write):
    path = write({"text": "a", "sentiment": "positive"}, {"text": "b", "sentiment": "negative"})
    found = Classification(data=path, columns={"review": "text", "label": "sentiment"}).load_items(TASK)
    assert [(item.id, item.fields["review"]) for item in found] == [("1", "a"), ("2", "b")]


@pytest.mark.parametrize(
    ("records", "settings", "words"),
    [
        ([{"text": "a", "label": "positive"}], {}, ['no column "review"', "text, label", "columns: {review: COLUMN}"]),
        ([record(1), {"review": "b"}], {}, [":2", 'no column "label"']),
        ([record(1), record(2, None)], {}, [":2", "label", "empty"]),
        ([record(1), record(2, "positiv")], {}, [":2", '"positiv"', 'Did you mean "positive"', "positive, negative"]),
        ([record(1), record(2), record(1)], {}, [":3", 'id "r1"', "record 1"]),
        ([record(1, review="  ")], {}, [":1", "review", "empty"]),
        ([record(1)], {"columns": {"id": "number"}}, ['no column "number"']),
    ],
)
def test_bad_items_name_the_place_and_the_fix(write, records, settings, words):
    with pytest.raises(DataError) as error:
        Classification(data=write(*records), **settings).load_items(TASK)
    for word in words:
        assert word in str(error.value)


def test_the_line_counts_blank_lines(tmp_path):
    path = tmp_path / "items.jsonl"
    path.write_text(json.dumps(record(1)) + "\n\n\n" + json.dumps(record(2, "other")))
    with pytest.raises(DataError, match=r"items\.jsonl:4: unknown label"):
        Classification(data=str(path)).load_items(TASK)


def test_empty_missing_and_non_utf8_files(tmp_path):
    empty, latin = tmp_path / "empty.jsonl", tmp_path / "latin.jsonl"
    empty.write_text("\n")
    latin.write_bytes(json.dumps(record(1)).encode() + b'\n{"review": "caf\xe9"}')
    with pytest.raises(DataError, match="empty"):
        Classification(data=str(empty)).load_items(TASK)
    with pytest.raises(DataError, match=r"latin\.jsonl:2: not UTF-8 \(byte"):
        Classification(data=str(latin)).load_items(TASK)
    with pytest.raises(DataError, match="no such file"):
        Classification(data="nowhere.jsonl").load_items(TASK)


def test_limit_draws_by_content_and_keeps_order(write):
    records = [record(i, "positive" if i < 50 else "negative") for i in range(100)]
    found = Classification(data=write(*records), limit=30).load_items(TASK)
    again = Classification(data=write(*reversed(records), name="b.jsonl"), limit=30).load_items(TASK)
    assert len(found) == 30
    assert {item.gold for item in found} == {"positive", "negative"}
    assert [item.id for item in found] == sorted((item.id for item in found), key=lambda name: int(name[1:]))
    assert {item.id for item in found} == {item.id for item in again}


def test_unknown_column_key_and_labels_that_begin_each_other():
    with pytest.raises(UsageError, match='Did you mean "review"'):
        Classification(data="x.jsonl", columns={"reviews": "text"}).check(TASK)
    stars = Task(description="Stars.", labels={"1": "bad", "10": "good"})
    with pytest.raises(UsageError, match='label "10" begins with label "1"'):
        Classification(data="x.jsonl").check(stars)
    with pytest.raises(ValidationError):
        Classification(data="x.jsonl", metric="bleu")


def test_hub_data_set(monkeypatch):
    class Names:
        def int2str(self, index):
            return ("negative", "positive")[index]

    class Table(list):
        def __init__(self, records):
            super().__init__(records)
            self.features = {"review": object(), "label": Names()}

    def load_dataset(name, split):
        if name == "owner/hidden":
            return Table([{"review": "a", "label": -1}])
        if name != "owner/reviews":
            raise FileNotFoundError(f"{name} not on the hub")
        assert split == "test"
        return Table([{"review": "a", "label": 1}, {"review": "b", "label": 0}])

    monkeypatch.setitem(sys.modules, "datasets", types.SimpleNamespace(load_dataset=load_dataset))
    assert [item.gold for item in Classification(data="owner/reviews").load_items(TASK)] == ["positive", "negative"]
    with pytest.raises(DataError, match=r'"owner/other" is no file.*not on the hub'):
        Classification(data="owner/other").load_items(TASK)
    with pytest.raises(DataError, match=r"label .* is empty"):  # a hidden label is -1 there
        Classification(data="owner/hidden").load_items(TASK)
    monkeypatch.setitem(sys.modules, "datasets", None)
    with pytest.raises(MissingExtraError, match="pip install"):
        Classification(data="owner/reviews").load_items(TASK)


# Predicting


def test_modes():
    assert Classification(data="x").modes(trained=False) == ("constrained", "free")
    assert Classification(data="x").modes(trained=True) == ("constrained",)
    assert Classification(data="x", mode="both").modes(trained=True) == ("constrained", "free")
    assert Classification(data="x", mode="free").modes(trained=True) == ("free",)
    assert Classification(data="x", mode="free").modes(trained=False) == ("free", "constrained")


def test_constrained_takes_the_highest_sum_and_its_posterior():
    # methods.md A3: label scores -0.2 and -1.8 give a posterior of .8320
    asked = []

    def logprob(query, text):
        asked.append(query)
        return -0.2 if (text == "positive") == ("Lovely" in str(query)) else -1.8

    model = ScriptedModel(logprob=logprob)
    done = []
    found = predict_constrained(model, TASK, ITEMS, "en", done.append)
    assert [result.predicted for result in found] == ["positive", "negative"]
    assert found[0].posterior["positive"] == pytest.approx(0.8320, abs=5e-5)
    assert found[1].probability_gold == pytest.approx(0.8320, abs=5e-5)
    assert asked[0].messages == task_messages(TASK, ITEMS[0].fields, "en")
    assert sum(done) == 2


def test_constrained_without_a_finite_likelihood_says_why():
    found = predict_constrained(ScriptedModel(logprob=lambda query, text: -math.inf), TASK, ITEMS, "en")
    assert [result.predicted for result in found] == ["", ""]
    assert "log-probability" in found[0].problem


@pytest.mark.parametrize(
    ("answer", "label"),
    [
        ("肯定", "肯定"),
        ("答え：肯定です。", "肯定"),
        ("否定です。理由は退屈だからです。", "否定"),
        ("答えは「否定」です", "否定"),
        ("ﾗﾍﾞﾙ：否定", "否定"),
        ("肯定ではありません。", ""),
        ("肯定または否定", ""),
        ("わかりません。", ""),
        ("", ""),
    ],
)
def test_free_answers_in_japanese(answer, label):
    (found,) = predict_free(
        ScriptedModel(reply=lambda request: answer), TASK_JA, [Item("1", {"感想": "泣いた"}, "肯定")], "ja"
    )
    assert (found.predicted, found.raw) == (label, answer)
    assert bool(found.problem) == (not label)


@pytest.mark.parametrize(
    ("answer", "label"),
    [
        ("Positive.", "positive"),
        ("**Negative**", "negative"),
        ("The answer is positive.", "positive"),
        ("ＮＥＧＡＴＩＶＥ", "negative"),
        ('{"label": "negative"}', "negative"),
        ("positive or negative", ""),
        ("It is not positive.", ""),
        ("A good film.", ""),
    ],
)
def test_free_answers_in_english(answer, label):
    found = predict_free(ScriptedModel(reply=lambda request: answer), TASK, ITEMS[:1], "en")
    assert found[0].predicted == label


def test_free_asks_greedily_with_room_for_the_longest_label():
    asked = []
    model = ScriptedModel(reply=lambda request: asked.append(request) or "")
    predict_free(model, TASK_JA, [Item("1", {"感想": "泣いた"}, "肯定")], "ja")
    (request,) = asked
    assert request.sampling.temperature == 0
    assert request.sampling.max_tokens >= len("肯定".encode()) + 8
    assert request.messages == task_messages(TASK_JA, {"感想": "泣いた"}, "ja")


def test_a_failed_request_is_data():
    model = ScriptedModel(Script(rules=(Rule(match="Lovely|Dull", error="timeout"),)))
    found = predict_free(model, TASK, ITEMS, "en")
    assert [(result.predicted, result.problem) for result in found] == [("", "timeout")] * 2


def test_metrics_by_hand():
    free = predict_free(
        ScriptedModel(reply=lambda r: "positive" if "Lovely" in str(r.messages) else "hm"), TASK, ITEMS, "en"
    )
    assert Classification(data="items.jsonl").summary(free, TASK) == {"accuracy": 0.5, "macro_f1": 0.5, "unparsed": 0.5}
    constrained = predict_constrained(EVEN, TASK, ITEMS, "en")  # a tie: the first label
    assert Classification(data="items.jsonl").summary(constrained, TASK) == pytest.approx(
        {"accuracy": 0.5, "macro_f1": 1 / 3}
    )


def test_item_results_survive_the_table():
    found = predict_constrained(EVEN, TASK, ITEMS, "en") + predict_free(
        ScriptedModel(reply=lambda r: "陽性"), TASK, ITEMS, "en"
    )
    assert results_from(results_table(found)) == found
