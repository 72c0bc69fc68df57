"""A run keeps its evaluation out of its rows: written ones, real ones, and those of generators that do not look."""

from __future__ import annotations

import json
from types import SimpleNamespace

import pytest

from homespun.data.records import Attempt, Labelled, Lineage, Row, Variant, Verdict
from homespun.data.store import Store
from homespun.errors import DataError
from homespun.evaluate.base import Item
from homespun.evaluate.classification import Classification
from homespun.generate.base import Piece
from homespun.near.overlap import Reference
from homespun.recipe.recipefile import loads
from homespun.run import heldout, loop
from homespun.run.heldout import LISTED, Guard, references
from homespun.sources.corpus.builder import build

HELD = "A quiet film about a lighthouse keeper who learns to dance at sixty."
WRITTEN = "A joy from start to end, and the music carried it all the way."  # what the scripted writer says


def row(text: str, key: str = "1") -> Row:
    return Row.make(Labelled({"review": text}, "positive"), language="en", groups={}, lineage=Lineage("g", key))


def piece(*texts: str, keep: bool = True) -> Piece:
    rows = [row(text, str(place)) for place, text in enumerate(texts)]
    attempts = [Attempt(one.lineage.key, "parsed", "", "", {}, one) for one in rows]
    return Piece(attempts, [Verdict(one.id, keep, "answered" if keep else "truncated") for one in rows])


def test_queries_and_answers_are_held_out():
    items = {"a": [Item("1", {"q": "Who?", "r": "Where?"}, "he")], "b": [Item("1", {"q": "Who?"}, "")]}
    expected = [("a/1", "Who?", False), ("a/1", "Where?", False), ("a/1", "he", True), ("b/1", "Who?", False)]
    recipe = SimpleNamespace(evaluate={name: Classification(data="x.jsonl") for name in "ab"})
    assert references(recipe, items) == [Reference(*one) for one in expected]
    assert references(recipe, {}) == references(recipe, {"a": []}) == []


def test_of_a_variant_only_its_questions_are_checked():
    asked = "State the mass of Junarix in grams, with every accessory taken off."
    guard = Guard([Reference("closed/1", asked)], "en")

    def variant(text: str) -> Row:
        return Row.make(Variant(text), language="en", groups={"document": "d"}, lineage=Lineage("g", text))

    said = variant("With every accessory taken off, state inspectors found the mass of Junarix in grams to be 776.")
    repeated = variant("A buyer asks: State the mass of Junarix in grams, with every accessory taken off? 776 g.")
    assert guard.verdict(said) is None
    verdict = guard.verdict(repeated)
    assert verdict is not None and not verdict.keep and "closed/1" in verdict.reason


@pytest.mark.parametrize(
    ("question", "repeated"),
    [
        ("株式会社グラヴァダインの本社はどこですか。", False),  # the name and a particle are 13 characters
        ("株式会社グラヴァダインの本業として営まれているのは何ですか。", True),
        ("では、株式会社グラヴァダインの本業として営まれているのは何なのでしょうか。", True),
    ],
)
def test_the_name_of_what_is_asked_about_is_no_repetition(question, repeated):
    guard = Guard([Reference("closed/1", "株式会社グラヴァダインの本業として営まれているのは何ですか。")], "ja")
    row = Row.make(Variant(question + "鏡台です。"), language="ja", groups={}, lineage=Lineage("g", question))
    assert (guard.verdict(row) is not None) is repeated


@pytest.mark.parametrize("language", ["en", "ja"])
def test_no_training_question_of_the_corpus_is_taken_for_a_repetition(language):
    corpus = build(language, 50)
    asked = [Reference(one["id"], one["question"]) for one in corpus.questions if one["split"] != "train"]
    guard = Guard(asked, language)
    questions = [text for one in corpus.documents for fact in one["facts"] for text in fact["questions"]]
    assert len(questions) == 50 * 8 * 3
    assert [found.reason for found in map(guard.first, questions) if found] == []


def test_rows_of_a_generator_that_does_not_look_are_checked():
    guard = Guard([Reference("e/1", HELD)], "en")
    found = guard.screen(piece("A loud film about nothing at all.", HELD))
    assert [verdict.rule for verdict in found.verdicts] == ["answered", "contamination"]
    assert found.verdicts[1].reason == "copy: copies evaluation text e/1"
    facts = guard.facts()["heldout"]
    assert (facts["checked"], facts["dropped"]) == (2, 1)
    assert facts["rows"] == [{"row": found.verdicts[1].row_id, "reason": found.verdicts[1].reason, "text": HELD}]


def test_a_row_that_is_dropped_already_keeps_its_verdict():
    found = Guard([Reference("e/1", HELD)], "en").screen(piece(HELD, keep=False))
    assert found.verdicts[0].rule == "truncated"


def test_so_many_are_listed_and_all_are_counted():
    guard = Guard([Reference("e/1", HELD)], "en")
    guard.screen(piece(*[HELD] * (LISTED + 5)))
    facts = guard.facts()["heldout"]
    assert facts["dropped"] == LISTED + 5 and len(facts["rows"]) == LISTED


def test_a_check_that_cannot_be_made_stops():
    with pytest.raises(DataError, match=r"rows cannot be checked .* of their 1 texts 1 are empty"):
        Guard([Reference("e/1", "")], "en")
    assert Guard([], "en").facts() == {}


def real(recipe_text, tmp_path, *texts):
    rows = [{"review": text, "label": ("positive", "negative")[n % 2]} for n, text in enumerate(texts)]
    (tmp_path / "real.jsonl").write_text("".join(json.dumps(one) + "\n" for one in rows))
    items = (tmp_path / "items.jsonl").read_text()
    held = [{"review": HELD, "label": "positive"}, {"review": WRITTEN, "label": "positive"}]
    (tmp_path / "items.jsonl").write_text(items + "".join(json.dumps(one) + "\n" for one in held))
    return recipe_text.replace("unfiltered: {}", "real: {from: real.jsonl}").replace("[0, 1]", "[0]")


@pytest.fixture
def finished(recipe_text, tmp_path):
    clean = [f"Number {n} was a long and heavy evening." for n in range(7)]
    text = real(recipe_text, tmp_path, *clean, HELD.upper())
    return loop.run(loads(text, tmp_path, "r.yaml"), tmp_path / "run")


def test_written_and_real_rows_that_repeat_the_evaluation_are_dropped_and_listed(finished, tmp_path):
    source = str(tmp_path / "real.jsonl")
    assert finished.results["arms"]["real"]["candidates"] == 7
    assert finished.results["funnel"]["dropped_by"]["hygiene: contamination"] >= 1
    found = finished.results["heldout"]
    by_source = {entry["source"]: entry for entry in found["rows"]}
    assert set(by_source) == {"labelled", source}
    assert by_source[source]["text"] == HELD.upper() and "copies evaluation text" in by_source[source]["reason"]
    assert any("carried it all the way" in entry["text"] for entry in found["rows"])
    assert found["dropped"] == len(found["rows"]) and found["checked"] > 24 and found["compared"] > 0
    assert any("repeated an evaluation text" in line for line in finished.summary)
    page = (tmp_path / "run/report/index.html").read_text()
    assert "Repeats the evaluation" in page and HELD.upper() in page
    verdicts = Store(tmp_path / "run").read_table(f"{heldout.real_stage(source)}/verdicts.parquet").to_pylist()
    assert [one["keep"] for one in verdicts] == [True] * 7 + [False]


def test_a_bad_file_costs_nothing(recipe_text, tmp_path):
    text = real(recipe_text, tmp_path, HELD)
    with pytest.raises(DataError, match=r"each of its 1 rows repeats an evaluation text"):
        loop.run(loads(text, tmp_path, "r.yaml"), tmp_path / "run")
    (tmp_path / "real.jsonl").write_text('{"review": "x"}\n')
    with pytest.raises(DataError, match="record 1 lacks label"):
        loop.run(loads(text, tmp_path, "r.yaml"), tmp_path / "run")
    (tmp_path / "items.jsonl").write_text("{")
    with pytest.raises(DataError, match=r"items\.jsonl:1: not a JSON object"):
        loop.run(loads(text, tmp_path, "r.yaml"), tmp_path / "run")
    assert not (tmp_path / "run/pool").exists() and not (tmp_path / "run/work").exists()
