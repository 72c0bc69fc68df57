"""The rule `contamination`: evaluation files of several shapes, verdicts that name the item, bad files."""

import json

import pytest
from selection_pool import NO_SCORES, make_row

from homespun.data.records import Lineage, Response, Row
from homespun.errors import DataError, UsageError
from homespun.recipe.recipefile import loads
from homespun.select.rules.combine import AllOf
from homespun.select.rules.contamination import Contamination, references

QUESTION = "Which of the twins told the longer joke while they were washing up in the kitchen?"


def write(path, *records):
    path.write_text("".join(json.dumps(record) + "\n" for record in records))
    return str(path)


def test_rows_that_repeat_an_item_name_it(tmp_path):
    held = write(tmp_path / "eval.jsonl", {"text": "something else entirely, of no use"}, {"text": QUESTION})
    rows = [make_row(0, text="a review of a quiet film about grief"), make_row(1, text=QUESTION.lower())]
    rule = Contamination(against=(held,))
    clean, copied = rule(rows, NO_SCORES, 0)
    assert clean.keep and clean.reason == "repeats no evaluation text"
    assert not copied.keep and copied.reason == "copy: copies evaluation text eval.jsonl:2"
    assert copied.rule == str(rule) == "contamination against eval.jsonl"
    assert (copied.score, copied.threshold) == (1, 0)


def test_texts_are_found_at_any_depth(tmp_path):
    path = tmp_path / "eval.jsonl"
    chat = [{"role": "user", "content": "asked"}, {"role": "assistant", "content": "said"}]
    write(path, {"id": 7, "questions": [{"question": "q", "answers": ["a", "b"]}], "messages": chat, "label": "good"})
    found = [(one.text, one.answer) for one in references(path)]
    assert found == [("q", False), ("a", True), ("b", True), ("asked", False), ("said", True), ("good", True)]
    assert [one.text for one in references(path, ["question", "messages"])] == ["q", "asked", "said"]
    with pytest.raises(DataError, match=r'no record has a text "answer".*Did you mean "answers"'):
        references(path, ["answer", "question"])


def test_fields_of_the_rows_can_be_chosen(tmp_path):
    held = write(tmp_path / "eval.jsonl", {"text": QUESTION})
    payload = Response((("user", "Say something."),), QUESTION)
    row = Row.make(payload, language="en", groups={}, lineage=Lineage("t", "1"))
    assert [v.keep for v in Contamination(against=(held,))([row], NO_SCORES, 0)] == [False]
    assert [v.keep for v in Contamination(against=(held,), fields=("prompt",))([row], NO_SCORES, 0)] == [True]
    assert [v.keep for v in Contamination(against=(held,), fields=("output",))([row], NO_SCORES, 0)] == [False]
    with pytest.raises(UsageError, match='no field "answer"'):
        Contamination(against=(held,), fields=("answer",))([row], NO_SCORES, 0)


def test_rows_of_several_languages_are_each_compared_in_theirs(tmp_path):
    text = "双子が台所で言った冗談には毎回笑ってしまった。"
    held = write(tmp_path / "eval.jsonl", {"text": text}, {"text": QUESTION})
    rows = [
        Row.make(Response((("user", said),), ""), language=language, groups={}, lineage=Lineage("t", said))
        for said, language in ((text, "ja"), (QUESTION, "en"), ("A clean one, that nobody has asked.", "en"))
    ]
    assert [v.keep for v in Contamination(against=(held,))(rows, NO_SCORES, 0)] == [False, False, True]


def test_bad_files_are_found_before_anything_runs(tmp_path):
    with pytest.raises(DataError, match="no such file"):
        Contamination(against=(str(tmp_path / "none.jsonl"),)).check_files()
    short = write(tmp_path / "short.jsonl", {"label": "good"}, {"label": "bad"})
    with pytest.raises(DataError, match="none of the 2 texts can be compared with rows: 2 are too short"):
        AllOf(rules=(Contamination(against=(short,)),)).check_files()
    broken = tmp_path / "broken.jsonl"
    broken.write_text("{")
    with pytest.raises(DataError, match=r"broken\.jsonl:1: not a JSON object"):
        Contamination(against=(str(broken),)).check_files()


def test_paths_are_relative_to_the_recipe(recipe_text, tmp_path):
    write(tmp_path / "held.jsonl", {"text": QUESTION})
    text = recipe_text.replace("{kind: top,", "{kind: contamination, against: [held.jsonl]}, {kind: top,")
    rule = loads(text, tmp_path, "r.yaml").arms["probability"].select[0]
    assert rule.against == (str(tmp_path / "held.jsonl"),)
