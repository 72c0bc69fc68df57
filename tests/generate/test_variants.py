"""The shared part of all variants: documents in, groups and keys out, and the documents themselves as rows."""

from __future__ import annotations

import pytest

from homespun.data.records import Document, Fact, Record, Variant
from homespun.data.store import Store
from homespun.engine.context import Context, Models
from homespun.errors import DataError, UsageError
from homespun.generate.original import Original
from homespun.generate.variants import PIECE, key_of

FACT = Fact("Junarix", "weight", "340 g", "Junarix weighs 340 g.")


def context(values, language="en"):
    records = [Record(str(n), value) for n, value in enumerate(values, start=1)]
    return Context(None, language, 0, Models({}, lambda _: None), sources={"documents": lambda: iter(records)})


def run(tmp_path, spec, ctx):
    with Store.open(tmp_path / "run") as store:
        return list(spec("pool", ctx, store.work("pool/pool", "f")))


def test_documents_are_handed_on_as_they_are(tmp_path):
    documents = [
        Document("a", "A", "Junarix weighs 340 g and is red.", "product", (FACT,)),
        Document("b", "B", "Nothing to say."),
    ]
    (piece,) = run(tmp_path, Original(), context(documents))
    first, second = piece.accepted
    assert first.payload == Variant("Junarix weighs 340 g and is red.")
    assert first.groups == {"document": "a", "form": "original", "category": "product", "number": "0", "facts": "0"}
    assert second.groups == {"document": "b", "form": "original", "number": "0", "facts": ""}
    assert [row.lineage.key for row in piece.accepted] == ["a|original|0", "b|original|0"]
    assert all(verdict.keep and verdict.reason == "the document as it is" for verdict in piece.verdicts)


def test_pieces_are_bounded_and_rows_are_told(tmp_path):
    documents = [Document(str(n), "", f"Text number {n}.") for n in range(PIECE + 3)]
    told = []
    ctx = context(documents)
    ctx = Context(**{**vars(ctx), "accepted": told.append})
    found = run(tmp_path, Original(), ctx)
    assert [len(piece.attempts) for piece in found] == [PIECE, 3] == [len(rows) for rows in told]
    assert Original().wanted(ctx) == PIECE + 3


@pytest.mark.parametrize(
    ("values", "message"),
    [
        (["a text"], r'source "documents", record 1: variants are written of documents, and this is .a text'),
        ([], 'source "documents" holds no document'),
        ([Document("a", "", "x"), Document("a", "", "y")], 'two documents have the id "a"'),
        ([Document("a", "", " \n")], 'document "a" has no text'),
    ],
)
def test_sources_that_hold_something_else(tmp_path, values, message):
    with pytest.raises(DataError, match=message):
        run(tmp_path, Original(), context(values))


def test_the_source_is_named_where_there_are_several():
    assert Original().source_of({"only": 0}) == "only"
    with pytest.raises(UsageError, match="the recipe has: a, b"):
        Original().source_of({"a": 0, "b": 0})
    with pytest.raises(UsageError, match=r'no source "document"\. Did you mean "documents"'):
        Original(documents="document").source_of({"documents": 0})


def test_keys_are_unique_within_a_document():
    document = Document("d", "", "x")
    assert key_of(document, "easy", 3) == "d|easy|3"
    assert key_of(document, "easy", 3, attempt=1) == "d|easy|3.1"
    assert key_of(document, "graph-pair", 3, attempt=1, part=2) == "d|graph-pair|3.1/2"
