"""`homespun questions`: asked of a scripted model, kept where they hold, told with reasons, asked for once."""

import json

import pytest
import yaml

from homespun.data.questions import read_questions
from homespun.engine.progress import Silent
from homespun.errors import DataError, DegenerateError, UsageError
from homespun.run.questions import Wish, make
from homespun.sources.documents.look import from_options

DOCUMENTS = {
    "bridge": "Dalmery Bridge was opened in 1911 and is 412 m long. Ines Corvo designed it.",
    "tower": "Ostrel Tower was opened in 1934 and is 88 m high. Piet Namor designed it.",
}
REPLIES = [  # the first four answer with the document at hand
    {"match": "Q: Who designed Ostrel", "reply": "Piet Namor"},
    {"match": "Q: When was Ostrel", "reply": "A: 1934"},
    {"match": "Q: Who owns Ostrel", "reply": "88 m"},
    {"match": "Q: Who designed Dalmery", "reply": "It was Ines Corvo."},
    {
        "match": "Ostrel",
        "reply": "Who designed Ostrel Tower?\nA: Piet Namor\nQ: When was Ostrel Tower opened?\nA: in 1934\n"
        "Q: How high is Ostrel Tower?\nA: 99 m\nQ: Who owns Ostrel Tower?\nA: 1934",
    },
    {
        "match": "Dalmery Bridge was",
        "reply": "Who designed Dalmery Bridge?\nA: Ines Corvo\nQ: How long is it?\nA: 412 m",
    },
    {"match": "", "reply": "I cannot do that."},
]


@pytest.fixture
def folder(tmp_path):
    for name, text in DOCUMENTS.items():
        (tmp_path / "docs").mkdir(exist_ok=True)
        (tmp_path / "docs" / f"{name}.txt").write_text(text)
    (tmp_path / "model.yaml").write_text(yaml.safe_dump({"rules": REPLIES}))
    return tmp_path


def run(folder, **wish):
    wish = {"out": folder / "q.jsonl", "model": f"scripted:{folder / 'model.yaml'}", **wish}
    return make(from_options(folder / "docs"), Wish(**wish), Silent())


def test_pairs_that_hold_are_written_and_the_others_told(folder):
    told = "\n".join(run(folder))
    records = [json.loads(line) for line in (folder / "q.jsonl").read_text().splitlines()]
    assert [(r["id"], r["question"], r["answer"], r["split"], r["origin"]) for r in records] == [
        ("bridge.txt-q1", "Who designed Dalmery Bridge?", "Ines Corvo", "test", "generated"),
        ("tower.txt-q1", "Who designed Ostrel Tower?", "Piet Namor", "test", "generated"),
        ("tower.txt-q2", "When was Ostrel Tower opened?", "in 1934", "test", "generated"),
    ]
    assert "3 questions about 2 documents" in told
    assert "6 requests, 18 pairs read, 3 kept (17%); left out:" in told  # two more rounds, which found nothing new
    assert "the question does not say what it is about: How long is it? 412 m (bridge.txt)" in told
    assert "the answer does not stand in the document: How high is Ostrel Tower? 99 m (tower.txt)" in told
    otherwise = "asked again with the document, the model answers otherwise: Who owns Ostrel Tower? 1934; now: 88 m"
    assert otherwise in told
    assert [question.document for question in read_questions(folder / "q.jsonl", {})] == [
        "bridge.txt",
        *["tower.txt"] * 2,
    ]


def test_a_share_is_held_back_and_the_same_always(folder):
    run(folder, train=0.5)
    first = (folder / "q.jsonl").read_text()
    splits = [json.loads(line)["split"] for line in first.splitlines()]
    assert splits.count("train") == 1  # of one pair none, of two one
    run(folder, train=0.5)
    assert (folder / "q.jsonl").read_text() == first
    with pytest.raises(UsageError, match="from 0 to 1"):
        run(folder, train=2)


def test_the_same_command_asks_nothing_again(folder, monkeypatch):
    run(folder)
    first = (folder / "q.jsonl").read_bytes()
    monkeypatch.setattr("homespun.models.scripted.ScriptedModel.complete", lambda *_: pytest.fail("asked again"))
    run(folder)
    assert (folder / "q.jsonl").read_bytes() == first
    with pytest.raises(pytest.fail.Exception):
        run(folder, seed=1)


def test_as_many_as_are_wanted_and_no_more(folder):
    told = "\n".join(run(folder, per_document=1))
    assert "2 questions about 2 documents" in told
    assert "2 requests" in told


def test_nothing_kept_is_told_with_examples(folder):
    (folder / "model.yaml").write_text(yaml.safe_dump({"rules": REPLIES[-1:]}))
    with pytest.raises(DegenerateError, match=r"no question can be kept(.|\n)*no pair could be read: I cannot do that"):
        run(folder)
    assert not (folder / "q.jsonl").exists()


def test_options_that_cannot_be_used_are_refused_before_anything_is_asked(folder):
    for wish, told in (
        ({"out": folder / "q.txt"}, "end it in .jsonl, .csv or .parquet"),
        ({"per_document": 0}, "give 1 or more"),
        ({"language": "fr"}, "give one of: en, ja"),
        ({"model": "http://localhost:1/v1"}, "names no model"),
    ):
        with pytest.raises(UsageError, match=told):
            run(folder, **wish)
    with pytest.raises(UsageError, match='--column "passage": write ROLE=FIELD; roles: id, text'):
        from_options(folder / "docs", ["passage"])
    with pytest.raises(DataError, match="no such file or folder"):
        make(from_options(folder / "none"), Wish(folder / "q.jsonl"), Silent())
