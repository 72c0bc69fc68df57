"""Facts, entities and sections out of answers: JSON, lines, and what small writers make of either."""

from __future__ import annotations

import json

import pytest
from hypothesis import given
from hypothesis import strategies as st

from homespun.data.records import Document, Fact
from homespun.text.extract import (
    alias_key,
    distinct,
    merged,
    parse_entities,
    parse_facts,
    sentence_facts,
    split_sections,
    uncovered,
)
from homespun.text.fidelity import Faithful

TEXT = "Junarix weighs 340 g and came in November 2017. It was made by Gerda Ravigrew of Holomond Ltd in Nethensall."
SOURCE = Faithful(Document("d", "Junarix: product", TEXT), "en")
JAPANESE = Faithful(
    Document("d", "製品情報：ルモロント", "「ルモロント」は2017年11月に発売され、重さは340gです。"), "ja"
)
WEIGHT = {"subject": "Junarix", "attribute": "weight", "value": "340 g", "sentence": "Junarix weighs 340 g."}


@pytest.mark.parametrize(
    "answer",
    [
        json.dumps([WEIGHT]),
        f"Here are the facts:\n```json\n{json.dumps([WEIGHT], indent=1)}\n```\nI hope this helps.",
        json.dumps({"facts": [WEIGHT]}),
        json.dumps([WEIGHT])[:-1] + ', {"subject": "Junarix", "attri',  # cut off
        json.dumps({"facts": [WEIGHT]})[:-2] + ', {"subject": "Junarix", "attri',
        json.dumps(["Junarix weighs 340 g.", "It is nice."]),
        json.dumps([{**WEIGHT, "value": "340g"}, {**WEIGHT, "value": "350 g"}, {"value": None}, 3]),
        "- Junarix weighs 340 g.",
        "<think>[It weighs 350 g.]</think>\n- Junarix weighs 340 g.",
        "1. Junarix weighs 340 g.\n2. It is nice.\n3. Junarix weighs 999 g.",
        "Facts:\n\n* Junarix weighs 340 g.",
    ],
)
def test_facts_in_any_dress(answer):
    (fact,) = parse_facts(answer, SOURCE)
    assert (fact.value.replace(" ", ""), fact.sentence) == ("340g", "Junarix weighs 340 g.")


def test_a_year_in_brackets_is_no_json_that_hides_the_lines():
    (fact,) = parse_facts("- Junarix came in November [2017].", SOURCE)
    assert fact.sentence == "Junarix came in November [2017]."


@pytest.mark.parametrize("answer", ["", "no", "[]", "{}", "[1, 2]", "[", "Junarix is a fine thing to have.", "340 g"])
def test_answers_without_a_fact(answer):
    assert parse_facts(answer, SOURCE) == []


def test_a_sentence_without_its_value_is_made_of_the_parts():
    (fact,) = parse_facts(json.dumps([{**WEIGHT, "sentence": "It weighs a bit."}]), SOURCE)
    assert fact.sentence == "Junarix weight 340 g"


def test_lines_of_japanese():
    facts = parse_facts("・「ルモロント」の重さは340gです。\n・発売は2017年11月です。\n・色は赤です。", JAPANESE)
    assert [fact.value for fact in facts] == ["340g", "2017年"]


def test_repeats_are_merged_and_what_is_left_out_is_known():
    facts = merged(
        [Fact("J", "weight", "340 g", "a 340 g"), Fact("J", "Weight", "３４０ G", "b"), Fact("J", "", "340 g", "c")]
    )
    assert [fact.sentence for fact in facts] == ["a 340 g"]
    assert [value.shown for value in uncovered(facts, SOURCE)] == [
        "2017", "November", "Gerda", "Ravigrew", "Holomond", "Nethensall",
    ]  # fmt: skip


def test_sentences_of_the_document_are_facts_where_they_hold_a_value():
    assert [(fact.value, fact.sentence[:15]) for fact in sentence_facts(SOURCE)] == [
        ("340 g", "Junarix weighs "),
        ("Gerda", "It was made by "),
    ]
    assert len(sentence_facts(JAPANESE)) == 1
    assert sentence_facts(Faithful(Document("d", "", "Nothing at all. Not a thing."), "en")) == []


@pytest.mark.parametrize(
    "answer",
    [
        '{"summary": "A thing.", "entities": ["Junarix", "the Holomond", "Atlantis", "Nethensall"]}',
        '```json\n{"entities": {"firms": ["Junarix", "Holomond Ltd"], "places": "Nethensall"}}\n```',
        '{"title": "x", "entities": ["Junarix", "Holomond", "Nethensall"]}',
        '[{"name": "Junarix"}, {"name": "Holomond"}, {"name": "Nethensall"}, {"na',
        '["Junarix", {"name": "Holomond"}, "Nethensall", "nethensall"]',
        "Entities:\n1. Junarix\n2. Holomond (a firm)\n3. Nethensall: a town\n4. Atlantis",
        "Junarix, Holomond, Nethensall, Atlantis",
        '**Junarix**\n- "Holomond"\n- Nethensall - the place of it all',
    ],
)
def test_entities_in_any_dress(answer):
    summary, entities = parse_entities(answer, SOURCE)
    assert [alias_key(entity) for entity in entities] == ["junarix", "holomond", "nethensall"]
    assert summary == ("A thing." if "summary" in answer else "")


@pytest.mark.parametrize("answer", ["", "{", "[]", '{"summary": "x"}', '{"entities": null}', "I cannot do that."])
def test_no_entities(answer):
    assert parse_entities(answer, SOURCE)[1] == []


def test_spellings_of_one_entity():
    assert alias_key("株式会社モルドダイン") == alias_key("モルドダイン社") == alias_key("モルドダイン")
    assert alias_key("The Holomond, Inc.") == alias_key("ＨＯＬＯＭＯＮＤ") == "holomond"
    assert alias_key("Co") == "co"
    long = "weighs 340 g and came in November 2017. It was"
    assert distinct([long, "", "??", "340 g", "340g"], SOURCE) == ["340 g"]


@pytest.mark.parametrize(
    ("answer", "parts", "expected"),
    [
        ("### A\none\n### B\ntwo\n### C\nthree", 3, ["one", "two", "three"]),
        ("Here you are:\n\n# A\none\n\n## B\ntwo", 3, ["one", "two"]),
        ("**A: side**\none\n**B**\ntwo **bold** word", 3, ["one", "two bold word"]),
        ("(1) one\n(2) two\n(3) three", 3, ["one", "two", "three"]),
        ("1. one\n\n2. two", 3, ["one", "two"]),
        ("### A\none\n### B\ntwo\n### B2\nmore\n### C\nthree", 3, ["one", "two", "more\n\nthree"]),
        ("### A\n### B\ntwo\n### C\nthree", 3, ["two", "three"]),
        ("### A\nall of it", 3, ["all of it"]),
        ("Sure! Here is the text: all of it", 3, ["all of it"]),
        ("```markdown\n### A\none\n### B\ntwo\n```", 3, ["one", "two"]),
        ("### 見出し\n一つ目。\n### 見出し2\n二つ目。", 3, ["一つ目。", "二つ目。"]),
        ("", 3, []),
        ("### A", 3, []),
        ("### A\n### B", 3, []),
    ],
)
def test_sections(answer, parts, expected):
    assert split_sections(answer, parts) == expected


@given(st.text(max_size=200))
def test_any_answer_is_read(answer):
    parse_facts(answer, SOURCE)
    parse_entities(answer, JAPANESE)
    assert len(split_sections(answer, 3)) <= 3
