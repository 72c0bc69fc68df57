"""Variants from a file: order, checks, whose they are, and what a bad file is told."""

from __future__ import annotations

import json
from pathlib import Path

import pytest
from variant_runs import TEXTS, context, documents, run

from homespun.data.records import Document
from homespun.errors import DataError
from homespun.generate.given import Given
from homespun.registry import find_any

DATA = Path(__file__).parents[3] / "shared/data/knowledge_en"
GOOD = "A thing of copper, Junarix by name, comes to 340 g"
PUMP = "75 litres an hour is what the Preligan pump lifts"


def written(tmp_path, *records, name="variants.jsonl"):
    path = tmp_path / name
    path.write_text("".join(json.dumps(record, ensure_ascii=False) + "\n" for record in records))
    return str(path)


def record(document, text, **more):
    return {"document": document, "text": text, **more}


def handed(tmp_path, spec, *names):
    ctx = context(documents(*names or ("a", "b")), None)
    found = run(tmp_path, spec, ctx)
    attempts = [attempt for piece in found for attempt in piece.attempts]
    verdicts = {verdict.row_id: verdict for piece in found for verdict in piece.verdicts}
    assert spec.wanted(ctx) == len(attempts)
    return attempts, verdicts, ctx.progress.said


def test_the_first_of_every_document_come_first(tmp_path):
    path = written(
        tmp_path,
        record("b", f"{PUMP}."),
        record("a", f"{GOOD}.", form="memo"),
        record("a", f"{GOOD}, and no less."),
        record("a", f"{GOOD}, and no more."),
        record("b", f"{PUMP}, day and night."),
    )
    attempts, verdicts, _ = handed(tmp_path, Given(path=path))
    assert find_any("generator", "given") is Given
    assert [attempt.key for attempt in attempts] == ["a|memo|0", "b|given|0", "a|given|1", "b|given|1", "a|given|2"]
    assert all(verdict.keep for verdict in verdicts.values())
    row = attempts[3].row
    assert row.groups == {"document": "b", "form": "given", "category": "product", "number": "1", "facts": "0 1"}
    assert (row.lineage.generator, row.lineage.prompt, row.lineage.model) == ("pool", "variants.jsonl:5", "")


def test_a_text_is_checked_for_what_it_adds_not_for_what_it_leaves_out(tmp_path):
    texts = {
        "leaves out": "Whoever likes copper will like this one.",
        "adds": f"{GOOD}, or 12 kg with the cover.",
        "copies": TEXTS["a"],
        "again": "Whoever  likes copper will like THIS one.",
        "refuses": "I'm sorry, but I can't help with that request.",
    }
    path = written(tmp_path, *(record("a", text) for text in texts.values()), record("a", "  "))
    attempts, verdicts, said = handed(tmp_path, Given(path=path))
    rules = [verdicts[attempt.row.id].rule for attempt in attempts if attempt.row]
    assert rules == ["fidelity", "fidelity: new numbers", "fidelity: unchanged", "duplicate", "fidelity: refusal"]
    assert (attempts[-1].status, attempts[-1].problem, attempts[-1].row) == ("unparsed", "empty", None)
    assert said[0] == "pool: 1 of 2 documents have no variant: b"
    assert said[1].startswith("pool: variants.jsonl, 17% accepted\n  given: 1 of 6 accepted")
    _, strict, _ = handed(tmp_path / "strict", Given(path=path, recall=1))
    assert "fidelity: missing values" in {verdict.rule for verdict in strict.values()}
    _, unchecked, _ = handed(tmp_path / "unchecked", Given(path=path, checked=False))
    assert [verdict.rule for verdict in unchecked.values() if not verdict.keep] == ["duplicate"]


def test_columns_have_any_names_and_ids_may_be_numbers(tmp_path):
    path = written(tmp_path, {"passage": {"id": 7}, "body": "Copper, and a lot of it.", "style": "short"})
    spec = Given(path=path, columns={"document": "passage.id", "text": "body", "form": "style"})
    ctx = context([Document("7", "", TEXTS["a"])], None)
    attempts = [attempt for piece in run(tmp_path, spec, ctx) for attempt in piece.attempts]
    assert [attempt.key for attempt in attempts] == ["7|short|0"]


def test_variants_of_other_documents_are_counted(tmp_path):
    path = written(tmp_path, record("c", "One."), record("a", f"{GOOD}."), record("d", "Two."))
    attempts, _, said = handed(tmp_path, Given(path=path), "a")
    assert len(attempts) == 1
    assert said[0] == "pool: 2 of 3 variants are of documents that the source does not hold"


@pytest.mark.parametrize(
    ("records", "columns", "told"),
    [
        ([record("A", "x")], {}, 'no variant is of a document of the source; the first names "A"'),
        ([{"doc": "a", "text": "x"}], {}, 'record 1 has no "document".* It has: doc, text; say which .*document: NAME'),
        ([record("a", "x"), record("a", ["x"])], {}, 'record 2: "text" is no text, but "\\[\'x\'\\]"'),
        ([record("a", "x")], {"form": "kind"}, 'record 1 has no "kind"'),
        ([record(None, "x")], {}, 'record 1: "document" is empty'),
        ([record(True, "x")], {}, 'record 1: "document" is no text'),
    ],
)
def test_a_bad_file_is_told(tmp_path, records, columns, told):
    spec = Given(path=written(tmp_path, *records), columns=columns)
    with pytest.raises(DataError, match=told):
        handed(tmp_path, spec, "a")


def test_its_digest_is_that_of_the_file(tmp_path):
    path = written(tmp_path, record("a", "x"))
    before = Given(path=path).digest()
    written(tmp_path, record("a", "y"))
    assert Given(path=path).digest() != before
    with pytest.raises(DataError, match="no such file"):
        Given(path=str(tmp_path / "none.jsonl")).digest()


@pytest.mark.skipif(not DATA.is_dir(), reason="test data is not here")
def test_lists_of_implications_that_a_model_wrote(tmp_path):
    passages = [json.loads(line) for line in (DATA / "squad_200.jsonl").read_text().splitlines()]
    ctx = context([Document(one["id"], one["title"], one["passage"]) for one in passages], None)
    spec = Given(path=str(DATA / "model_written_variants.jsonl"), columns={"document": "passage_id"})
    found = run(tmp_path, spec, ctx)
    verdicts = [verdict for piece in found for verdict in piece.verdicts]
    rows = [row for piece in found for row in piece.parsed]
    assert len(rows) == len(verdicts) == 1000
    assert [row.groups["number"] for row in rows[::200]] == list("01234")
    dropped = [verdict.rule for verdict in verdicts if not verdict.keep]
    assert (dropped.count("fidelity: new numbers"), dropped.count("fidelity: run-away")) == (63, 88)
    assert len(dropped) < 160
