"""What a person asks of a selection: which rows were nearly decided otherwise, and what each rule costs.

These read verdicts or apply rules again; they decide nothing and ask no model.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from homespun.records import Row, Verdict
from homespun.select.base import Columns, Rule


@dataclass(frozen=True, slots=True)
class Borderline:
    """Verdicts of one rule nearest to its threshold, the nearest first."""

    rule: str
    kept: tuple[Verdict, ...]
    dropped: tuple[Verdict, ...]


def nearest_to_threshold(verdicts: Sequence[Verdict], count: int) -> list[Borderline]:
    """Return up to `count` kept and dropped rows nearest to each rule's threshold.

    Rules without a threshold and rows without a score do not appear. In an arm with several rules only
    the last one has kept rows: a kept row carries the last rule's verdict.
    """
    by_rule: dict[str, list[tuple[float, int, Verdict]]] = {}
    for position, verdict in enumerate(verdicts):
        if verdict.score is not None and verdict.threshold is not None:
            distance = abs(verdict.score - verdict.threshold)
            by_rule.setdefault(verdict.rule, []).append((distance, position, verdict))
    found = []
    for rule, entries in by_rule.items():
        ordered = [verdict for *_, verdict in sorted(entries, key=lambda entry: entry[:2])]
        kept = tuple(verdict for verdict in ordered if verdict.keep)[:count]
        dropped = tuple(verdict for verdict in ordered if not verdict.keep)[:count]
        found.append(Borderline(rule, kept, dropped))
    return found


def alone(rules: Sequence[Rule], rows: Sequence[Row], columns: Columns, seed: int) -> dict[str, int]:
    """Return how many of all rows each rule would drop if it were the only one."""
    return {str(rule): sum(not verdict.keep for verdict in rule(rows, columns, seed)) for rule in rules}
