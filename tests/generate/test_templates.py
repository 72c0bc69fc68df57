"""The generator that writes variants by rule: plan order, groups, checks, junk."""

from __future__ import annotations

import re
from collections import Counter
from functools import cache

import pytest
from pydantic import ValidationError

from homespun.data.records import Document, Fact, Record
from homespun.data.store import Store
from homespun.engine.context import Context, Models
from homespun.errors import DataError
from homespun.generate.templates import Templates
from homespun.registry import find_any
from homespun.sources.corpus.builder import build


@cache
def corpus(language="en"):
    return [
        Document(
            row["id"],
            row["title"],
            row["text"],
            row["category"],
            tuple(Fact(**{**fact, "wordings": tuple(fact["wordings"])}) for fact in row["facts"]),
        )
        for row in build(language, 5).documents
    ]


def run(tmp_path, spec, documents, language="en", seed=0):
    records = [Record(document.id, document) for document in documents]
    ctx = Context(None, language, seed, Models({}, lambda _: None), sources={"documents": lambda: iter(records)})
    with Store.open(tmp_path / "run") as store:
        pieces = list(spec("pool", ctx, store.work("pool/pool", "f")))
    rows = [row for piece in pieces for row in piece.parsed]
    verdicts = [verdict for piece in pieces for verdict in piece.verdicts]
    assert [row.id for row in rows] == [verdict.row_id for verdict in verdicts]
    assert spec.wanted(ctx) == len(rows)
    return rows, verdicts


def test_variants_come_number_by_number_with_their_groups(tmp_path):
    rows, verdicts = run(tmp_path, Templates(form="paraphrase", variants=6), corpus())
    assert find_any("generator", "template") is Templates
    forms = ["easy", "medium", "hard", "qa", "easy", "medium"]
    ids = [document.id for document in corpus()]
    assert [row.lineage.key for row in rows] == [f"{name}|{form}|{k}" for k, form in enumerate(forms) for name in ids]
    assert rows[7].groups == {
        "document": ids[2],
        "form": "medium",
        "category": ids[2].partition("-")[0],
        "number": "1",
        "facts": "0 1 2 3 4 5 6 7",
    }
    assert len({row.id for row in rows}) == len({row.text for row in rows}) == 30
    assert all(verdict.keep and verdict.rule == "fidelity" for verdict in verdicts)


@pytest.mark.parametrize("language", ["en", "ja"])
@pytest.mark.parametrize("form", ["paraphrase", "facts", "graph"])
def test_every_variant_passes_the_check_of_models(tmp_path, language, form):
    rows, verdicts = run(tmp_path, Templates(form=form, variants=24), corpus(language), language)
    assert all(verdict.keep for verdict in verdicts), [verdict for verdict in verdicts if not verdict.keep][:3]
    documents = {document.id: document for document in corpus(language)}
    for row in rows:
        facts = documents[row.groups["document"]].facts
        stated = [str(index) for index, fact in enumerate(facts) if fact.value in row.text]
        assert row.groups["facts"] == " ".join(stated)


def test_facts_are_stated_equally_often(tmp_path):
    rows, _ = run(tmp_path, Templates(form="facts", variants=37), corpus())
    counts: dict[str, Counter[str]] = {}
    for row in rows:
        counts.setdefault(row.groups["document"], Counter()).update(row.groups["facts"].split())
    assert len(counts) == 5
    for facts in counts.values():
        assert len(facts) == 8 and max(facts.values()) - min(facts.values()) <= 1


def test_forms_take_turns_and_the_first_variants_are_those_of_fewer(tmp_path):
    many, _ = run(tmp_path, Templates(form=["original", "facts", "graph", "qa"], variants=9), corpus())
    few, _ = run(tmp_path, Templates(form=["original", "facts", "graph", "qa"], variants=5), corpus())
    assert many[: len(few)] == few
    assert [row.groups["form"] for row in many[::5]] == [
        "original", "facts", "graph-pair", "qa", "original", "facts", "graph-pair", "qa", "original",
    ]  # fmt: skip
    assert [row.text for row in few[:5]] == [document.text for document in corpus()]


def test_seed_and_name_give_other_texts_and_a_rerun_the_same(tmp_path):
    spec = Templates(form="easy", variants=3)
    first, again, other = (run(tmp_path, spec, corpus(), seed=seed)[0] for seed in (0, 0, 1))
    assert first == again
    assert not {row.text for row in first} & {row.text for row in other}


def test_junk_is_marked_passes_and_takes_the_place_of_variants(tmp_path):
    rows, verdicts = run(tmp_path, Templates(form="facts", variants=100, junk=0.05), corpus())
    plain, _ = run(tmp_path, Templates(form="facts", variants=100), corpus())
    junk = [place for place, row in enumerate(rows) if row.groups["form"] == "junk"]
    per_document = Counter(rows[place].groups["document"] for place in junk)
    assert len(per_document) == 5 and all(4 <= count <= 6 for count in per_document.values())
    for place, (row, verdict) in enumerate(zip(rows, verdicts, strict=True)):
        assert verdict.keep
        if place in junk:
            assert verdict.reason == "junk on purpose, not checked" and row.groups["facts"] == ""
            assert re.fullmatch(r"[\w-]+\|junk\|\d+", row.lineage.key)
        else:
            assert row.text == plain[place].text
    only, _ = run(tmp_path, Templates(form="junk", variants=2), corpus())
    assert {row.groups["form"] for row in only} == {"junk"}


def test_a_fact_whose_sentence_does_not_state_it_is_dropped_with_a_reason(tmp_path):
    fact = Fact("Junarix", "weight", "776 g", "Junarix is a light product for its size.", ("Junarix is rather light.",))
    document = Document("d", "Junarix", "Junarix weighs 776 g and is made in a small workshop.", facts=(fact,))
    rows, verdicts = run(tmp_path, Templates(form="easy", variants=2), [document])
    assert len(rows) == 2
    assert all(not verdict.keep and verdict.rule == "fidelity: missing values" for verdict in verdicts)
    assert "without 776 g" in verdicts[0].reason


def test_what_is_refused(tmp_path):
    with pytest.raises(DataError, match="document d has no facts to write from"):
        run(tmp_path, Templates(form="graph"), [Document("d", "", "Some text about nothing in particular.")])
    with pytest.raises(DataError, match="by rule in en and ja"):
        run(tmp_path, Templates(), corpus(), language="de")
    with pytest.raises(ValidationError, match="a document has one original; give variants: 1"):
        Templates(form="original", variants=2)
    with pytest.raises(ValidationError, match="'paraphrase'"):
        Templates(form="poem")
    with pytest.raises(ValidationError):
        Templates(form=[])
    with pytest.raises(ValidationError):
        Templates(junk=1)
