"""From asked to kept: what was lost at each step of generation and why, and what every arm kept."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from homespun.generate.base import Funnel, Piece
from homespun.report.format import percent
from homespun.report.page import Section
from homespun.report.parts import Bar, bar
from homespun.run.readback import RunData


def view(run: RunData) -> Mapping[str, Any] | str:
    """Return the bars of every generator and of every arm; a control is as large as its arm and named beside it."""
    if not run.attempts and not run.arms:
        return "No rows have been asked for."
    controls = {entry["control"] for entry in run.arms.values()}
    return {
        "funnels": [_funnel(run, name, counts) for name, counts in run.counts.items()],
        "axis": run.axes[0],
        "care": (),
        "arms": [_arm(run, arm, entry) for arm, entry in run.arms.items() if arm not in controls],
    }


def _funnel(run: RunData, name: str, counts: Mapping[str, Any]) -> Mapping[str, Any]:
    asked, dropped, axis = counts["asked"], sum(counts["dropped_by"].values()), run.axes[0]
    steps = [
        ("asked", "asked", 0, ""),
        ("answered", "answered", counts["failed"], "failed"),
        ("parsed", "parsed", counts["unparsed"], "unparsed"),
        ("accepted", "kept", dropped, "dropped by the checks"),
    ]
    reasons = sorted(counts["dropped_by"].items(), key=lambda item: -item[1])
    labels = run.recipe.task.labels if run.recipe.task else {}
    groups = []
    for group in labels or dict.fromkeys(a.groups[axis] for a in run.attempts[name] if axis in a.groups):
        attempts = [attempt for attempt in run.attempts[name] if attempt.groups.get(axis) == group]
        ids = {attempt.row.id for attempt in attempts if attempt.row is not None}
        found = Funnel.of([Piece(attempts, [v for v in run.checks[name] if v.row_id in ids])]).counts()
        cells = [f"{found[key]:,}" for _, key, _, _ in steps]
        groups.append((group, [*cells, percent(found["kept"], found["asked"])]))
    return {
        "name": name,
        "steps": [
            bar(said, counts[key], asked, [f"− {lost:,} {why}"] if lost else []) for said, key, lost, why in steps
        ],
        "reasons": [bar(reason, count, dropped, tone="grey") for reason, count in reasons],
        "groups": groups,
    }


def _arm(run: RunData, name: str, entry: Mapping[str, Any]) -> Bar:
    dropped = sorted(entry["dropped_by"].items(), key=lambda item: -item[1])
    dropped += [(rule, 0) for rule in entry.get("rules", ()) if rule not in entry["dropped_by"]]
    lost = [f"− {count:,} by {rule}" for rule, count in dropped]
    if lost and entry["control"]:
        lost.append(f"control: {entry['control']}, as many {run.results.get('controls', 'rows')} at random")
    return bar(name, entry["kept"], max(entry["candidates"], entry["kept"]), lost, "accent")


FUNNEL = Section("From asked to kept", "funnel.html", view)
