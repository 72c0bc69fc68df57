"""Items in with clear errors; labels out by likelihood and by reading an answer, in two languages."""

import json
import math
import sys
import types
from dataclasses import replace

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from pydantic import ValidationError

from homespun.data.records import Labelled, Lineage, Row
from homespun.errors import DataError, MissingExtraError, UsageError
from homespun.evaluate.base import Item, ItemResult
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


# The bias taken off


def constrained(posteriors, golds):
    return [
        ItemResult(
            str(i), gold, "positive" if p > 0.5 else "negative", "constrained", {"positive": p, "negative": 1 - p}
        )
        for i, (p, gold) in enumerate(zip(posteriors, golds, strict=True))
    ]


def biased(positive, negative, taste, seed=0):
    """Honest posteriors of items of either label, all moved by `taste` towards positive."""
    rng = np.random.default_rng(seed)
    margins = np.concatenate([rng.normal(2, 2, positive), rng.normal(-2, 2, negative)]) + taste
    return constrained(1 / (1 + np.exp(-margins)), ["positive"] * positive + ["negative"] * negative)


def accuracy(evaluation, results):
    return evaluation.summary(results, TASK)["accuracy"]


def test_two_items_by_hand():
    """Log odds of 3 and 1: a bias of -2 makes them 1 and -1, whose posteriors have mean .5."""
    even = Classification(data="x.jsonl")
    asked = constrained([1 / (1 + math.exp(-3)), 1 / (1 + math.exp(-1))], ["positive", "negative"])
    (mode,) = found = even.derived({"constrained": asked})
    assert mode == "calibrated"
    assert [one.predicted for one in found[mode]] == ["positive", "negative"]
    assert [one.posterior["positive"] for one in found[mode]] == pytest.approx([0.7311, 0.2689], abs=1e-4)
    assert {one.mode for one in found[mode]} == {"calibrated"}
    assert accuracy(even, asked) == 0.5 and accuracy(even, found[mode]) == 1


def test_labels_are_not_read():
    asked = biased(30, 30, 3)
    turned = [ItemResult(r.item_id, "positive", r.predicted, r.mode, r.posterior) for r in asked]
    found = [Classification(data="x").derived({"constrained": some})["calibrated"] for some in (asked, turned)]
    assert [one.predicted for one in found[0]] == [one.predicted for one in found[1]]


@pytest.mark.parametrize("taste", [-3, 0, 4])
def test_shares_of_an_uneven_set_must_be_stated(taste):
    """Of 80 positive items in 100 stated shares find the best threshold; equal ones force half of the answers over."""
    stated, equal = Classification(data="x", shares={"positive": 0.8, "negative": 0.2}), Classification(data="x")
    asked = biased(800, 200, taste)
    right, wrong = (one.derived({"constrained": asked})["calibrated"] for one in (stated, equal))
    assert accuracy(stated, right) > accuracy(stated, asked) + 0.05
    assert accuracy(stated, right) == pytest.approx(accuracy(stated, biased(800, 200, math.log(4))), abs=0.01)
    assert accuracy(stated, wrong) < accuracy(stated, right) - 0.15
    assert (accuracy(stated, wrong) < accuracy(stated, asked)) == (taste >= 0)  # worse than nothing, but for a taste


def test_what_has_no_posterior_is_not_calibrated():
    even = Classification(data="x")
    unknown = predict_constrained(ScriptedModel(logprob=lambda query, text: -math.inf), TASK, ITEMS, "en")
    free = predict_free(ScriptedModel(reply=lambda r: "positive"), TASK, ITEMS, "en")
    assert even.derived({"constrained": unknown, "free": free}) == {}
    found = even.derived({"constrained": [*biased(2, 2, 1), replace(unknown[0], item_id="4")]})["calibrated"]
    assert [bool(one.predicted) for one in found] == [True] * 4 + [False]


@pytest.mark.parametrize(
    ("shares", "words"),
    [
        ({"positiv": 0.5, "negative": 0.5}, ['"positiv"', 'Did you mean "positive"']),
        ({"positive": 0.5}, ["no share for negative"]),
        ({"positive": 0.5, "negative": 0.4}, ["sum to 0.9"]),
    ],
)
def test_bad_shares(shares, words):
    with pytest.raises(UsageError) as error:
        Classification(data="x", shares=shares).check(TASK)
    for word in words:
        assert word in str(error.value)
    with pytest.raises(ValidationError):
        Classification(data="x", shares={"positive": 1.2, "negative": -0.2})


# Rows shown


def test_rows_shown_stand_before_the_item():
    lineage = Lineage("labelled", "1", 0, "scripted", "row/en/plain/1")
    rows = [
        Row(text, Labelled({"review": text}, label), "en", {"label": label}, lineage)
        for text, label in (("Fine.", "positive"), ("Bad.", "negative"))
    ]
    asked = []
    model = ScriptedModel(logprob=lambda query, text: asked.append(query) or -1.0)
    found = Classification(data="x").predict_shown(model, TASK, ITEMS, "en", rows)
    plain = task_messages(TASK, ITEMS[0].fields, "en")
    assert asked[0].messages == (
        *plain[:-1],
        ("user", "Review: Fine."),
        ("assistant", "positive"),
        ("user", "Review: Bad."),
        ("assistant", "negative"),
        plain[-1],
    )
    assert {one.mode for one in found} == {"few_shot"} and found[0].posterior["positive"] == 0.5


def test_items_that_belong_together(write):
    path = write(*(record(number, author=f"a{number % 2}") for number in range(4)))
    evaluation = Classification(data=path, groups=["author"])
    assert [item.groups for item in evaluation.load_items(TASK)] == [{"author": "a0"}, {"author": "a1"}] * 2
    assert evaluation.grouped == ("author",)
    with pytest.raises(DataError, match='no column "writer" for groups'):
        Classification(data=path, groups=["writer"]).load_items(TASK)
