"""From rows to the data of the page, for rows that are variants of documents."""

from __future__ import annotations

from types import SimpleNamespace
from typing import Any, cast

from homespun import reporting
from homespun.generate.base import Piece
from homespun.readback import RunData
from homespun.records import Attempt, Labelled, Lineage, Row, Scores, Variant, Verdict

ORIGINALS = {"d1": "Kelm weighs 3 kg.", "d2": "Aruden was founded in 1987."}


def _attempt(generator: str, document: str, form: str, number: int, text: str | None) -> Attempt:
    groups = {"document": document, "form": form, "number": str(number)}
    key = f"{document}|{form}|{number}"
    row = text and Row.make(Variant(text), language="en", groups=groups, lineage=Lineage(generator, key))
    return Attempt(
        key, "parsed" if row else "unparsed", text or "I cannot.", "" if row else "no text", groups, row or None
    )


def _run() -> RunData:
    attempts = {
        "original": [_attempt("original", name, "original", 0, text) for name, text in ORIGINALS.items()],
        "rewrites": [
            _attempt("rewrites", "d1", "easy", 0, "3 kg is what Kelm weighs."),
            _attempt("rewrites", "d2", "easy", 0, "Aruden was founded long ago."),
            _attempt("rewrites", "d1", "qa", 1, "How heavy is Kelm? 3 kg."),
            _attempt("rewrites", "d2", "qa", 1, None),
        ],
    }
    checks = {}
    for name, found in attempts.items():
        rows = [attempt.row for attempt in found if attempt.row]
        checks[name] = [
            Verdict(row.id, "long ago" not in row.text, "fidelity", reason='"1987" is missing') for row in rows
        ]
    counts = {
        "asked": 4, "answered": 4, "failed": 0, "parsed": 3, "unparsed": 1, "kept": 2, "dropped_by": {"fidelity": 1}
    }  # fmt: skip
    run = SimpleNamespace(
        recipe=SimpleNamespace(described=None, language="en", generate={"rewrites": SimpleNamespace(gives=Variant)}),
        attempts=attempts,
        checks=checks,
        counts=dict.fromkeys(attempts, counts),
        scores=[],
        results=None,
        arms={},
        verdicts={},
        selecting=[],
    )
    run.piece = lambda name: Piece(attempts[name], checks[name])
    run.accepted = lambda: [row for name in attempts for row in run.piece(name).accepted]
    return cast(RunData, cast(Any, run))


def test_variants_are_counted_by_form_and_document() -> None:
    run = _run()
    assert reporting._axes(run) == ("form", "document")
    funnel = reporting._funnel(run, "rewrites")
    assert {form: (c.asked, c.parsed, c.kept) for form, c in funnel.labels.items()} == {
        "easy": (2, 2, 1), "qa": (2, 1, 1)
    }  # fmt: skip
    cells = {(cell.label, cell.keyword): (cell.asked, cell.accepted) for cell in reporting._coverage(run)}
    assert cells == {
        ("original", "d1"): (1, 1), ("original", "d2"): (1, 1), ("easy", "d1"): (1, 1),
        ("easy", "d2"): (1, 0), ("qa", "d1"): (1, 1), ("qa", "d2"): (1, 0),
    }  # fmt: skip


def test_a_variant_is_shown_beside_its_document() -> None:
    rows, totals = reporting._rows_to_read(_run())
    assert totals == {"kept": 4, "dropped by hygiene": 1, "unparsed answer": 1}
    shown = {row.fields.get("text", ""): row for row in rows}
    dropped = shown["Aruden was founded long ago."]
    assert dropped.fields["document"] == ORIGINALS["d2"]
    assert (dropped.label, dropped.keyword) == ("easy", "d2")
    assert dropped.reason == 'fidelity: "1987" is missing'
    assert "document" not in shown[ORIGINALS["d1"]].fields  # the document itself stands alone


def test_variants_that_begin_alike_are_no_template() -> None:
    """Every variant of a document may begin with its subject; that is no phrase to warn of."""
    run = _run()
    rows = [
        Row.make(Variant(f"Kelm weighs 3 kg {n}."), language="en", groups={}, lineage=Lineage("g", str(n)))
        for n in range(20)
    ]
    cast(Any, run).accepted = lambda: rows
    assert reporting._warnings(run, []) == []


def test_what_a_judge_disagrees_with_is_told_raw_and_calibrated() -> None:
    rows = [
        Row.make(Labelled({"review": str(n)}, label), language="en", groups={}, lineage=Lineage("g", str(n)))
        for n, label in enumerate(["good", "good", "good", "good", "bad", "bad", "bad", "bad"])
    ]

    def told(label: list[str]) -> str:
        raw = ["good"] * 4 + ["good", "good", "good", ""]  # the last could not be judged
        columns = {"label": label, "raw_label": raw}
        return reporting._disagreement(Scores("judge", "label", [r.id for r in rows], columns), rows, ["good", "bad"])

    said = "judge disagrees with the label of 0% of good, 100% of bad rows"
    assert told(["good"] * 7 + [""]) == said
    calibrated = told(["good", "good", "good", "bad", "good", "bad", "bad", ""])
    assert calibrated.startswith(f"{said}; calibrated, of 25% of good, 33% of bad")
