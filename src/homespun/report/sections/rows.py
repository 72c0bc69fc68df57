"""Rows to read, of every kind some: a sample drawn by the hash of the row, the same each time.

A row that retells a document stands beside it, where the run has that as a row.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from homespun.data.records import Row, content_hash
from homespun.report.format import plain, shortened
from homespun.report.page import Section
from homespun.report.parts import Card, Group
from homespun.run.heldout import repeats_evaluation
from homespun.run.readback import RunData
from homespun.select.base import are_numbers
from homespun.select.engine import nearest_to_threshold

SHOWN = 12  #: rows of each kind
ORIGINAL = "original"  #: form of a row that is a document as it is
MEANING = {
    "kept": "Accepted rows that no selecting arm turned away.",
    "nearest to threshold": "Rows on either side of a cut: if these look alike, the cut is arbitrary.",
    "dropped by selection": "Accepted rows that a selecting arm turned away, with its rule and reason.",
    "repeats the evaluation": "Rows turned away because a text of the evaluation stands in them, with the check.",
    "dropped by hygiene": "Answers turned away before any scoring, with the check that did it.",
    "unparsed answer": "Raw answers in which no row could be found.",
}


def view(run: RunData) -> Mapping[str, Any] | str:
    """Return the rows to read by kind."""
    found = _sorted(run)
    groups = [
        Group(
            name.capitalize(),
            meaning,
            sorted(cards, key=lambda card: content_hash([card.id, "shown"]))[:SHOWN],
            len(cards),
        )
        for name, meaning in MEANING.items()
        if (cards := found.get(name))
    ]
    return {"groups": groups, "folded": True} if groups else "No rows to read yet."


def _sorted(run: RunData) -> dict[str, list[Card]]:
    """Return every row that was asked for by the kind that it is of."""
    found: dict[str, list[Card]] = {}
    documents = _documents(run)
    values: dict[str, dict[str, str]] = {}
    for scores in run.scores:
        if are_numbers(column := scores.columns[scores.primary]):
            for key, value in zip(scores.ids, column, strict=True):
                values.setdefault(key, {})[scores.name] = plain(float(value))
    edges = [edge for arm in run.selecting for edge in nearest_to_threshold([*run.verdicts[arm].values()], SHOWN // 4)]
    near = {verdict.row_id: verdict for edge in edges for verdict in (*edge.kept, *edge.dropped)}

    def add(kind: str, key: str, texts: Mapping[str, str], groups: Mapping[str, str], **said: Any) -> None:
        fields = [(name if len(texts) > 1 else "", shortened(text)) for name, text in texts.items()]
        label, keyword = (groups.get(axis, "") for axis in run.axes)
        away = not said.get("kept_by") or kind == "dropped by selection"
        scores = list(values.get(key, {}).items())
        card = Card(key, fields, turned_away=away, label=label, keyword=keyword, scores=scores, **said)
        found.setdefault(kind, []).append(card)

    for name, attempts in run.attempts.items():
        for attempt in attempts:
            if attempt.row is None:
                add("unparsed answer", attempt.key, {"answer": attempt.raw}, attempt.groups, reason=attempt.problem)
        for row, check in zip(run.piece(name).parsed, run.checks[name], strict=True):
            texts = _shown(row, documents)
            if repeats_evaluation(check):
                add("repeats the evaluation", row.id, texts, row.groups, reason=check.reason)
                continue
            if not check.keep:
                add("dropped by hygiene", row.id, texts, row.groups, reason=f"{check.rule}: {check.reason}")
                continue
            # an arm that takes its rows from elsewhere, or fewer of them, has no verdict on this one
            said = {arm: run.verdicts[arm][row.id] for arm in run.selecting if row.id in run.verdicts[arm]}
            drops = [verdict for verdict in said.values() if not verdict.keep]
            kind = "nearest to threshold" if row.id in near else "dropped by selection" if drops else "kept"
            told = [near[row.id]] if row.id in near else drops
            reason = "; ".join(f"{verdict.rule}: {verdict.reason}" for verdict in told)
            kept_by = [arm for arm, verdict in said.items() if verdict.keep]
            add(kind, row.id, texts, row.groups, reason=reason, kept_by=kept_by)
    for entry in (run.results.get("heldout") or {}).get("rows", ()):
        if entry["source"] not in run.attempts:  # a file of real rows: those that repeat are in no pool
            text = {entry["source"]: entry["text"]}
            add("repeats the evaluation", entry["row"], text, {}, reason=entry["reason"])
    return found


def _documents(run: RunData) -> dict[str, str]:
    rows = [attempt.row for attempts in run.attempts.values() for attempt in attempts if attempt.row is not None]
    originals = (row for row in rows if row.groups.get("form") == ORIGINAL)
    return {row.groups["document"]: row.text for row in originals if "document" in row.groups}


def _shown(row: Row, documents: Mapping[str, str]) -> Mapping[str, str]:
    """Return the texts to read; a variant beside its document, where the run has that as a row."""
    payload = row.payload
    if payload.retells and row.groups.get("form") != ORIGINAL and row.groups.get(payload.axis) in documents:
        return {payload.axis: documents[row.groups[payload.axis]], **payload.shown}
    return payload.shown


ROWS = Section("Rows to read", "rows.html", view)
