"""Coverage: rows asked for and accepted per cell of the grid that they are counted by, and how varied they are."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Iterator, Mapping
from typing import Any

from homespun.report.format import MISSING, plain
from homespun.report.page import Section
from homespun.report.parts import Tint, bar
from homespun.run.readback import RunData
from homespun.select.audit import diversity, drawn

KEYWORDS = 96
KEYWORDS_PER_TABLE = 12


def view(run: RunData) -> Mapping[str, Any]:
    """Return accepted of asked per cell, of many keywords those with the fewest accepted rows; and the diversity."""
    label, keyword = run.axes
    rows = run.accepted()
    asked = Counter(_cells(run, (attempt.groups for attempts in run.attempts.values() for attempt in attempts)))
    accepted = Counter(_cells(run, (row.groups for row in rows)))
    labels = list(dict.fromkeys(one for one, _ in sorted(asked)))
    words = list(dict.fromkeys(word for _, word in sorted(asked)))
    keywords = words
    if len(words) > KEYWORDS:
        thinnest = set(sorted(words, key=lambda word: sum(accepted[one, word] for one in labels))[:KEYWORDS])
        keywords = [word for word in words if word in thinnest]
    most = max((accepted[cell] for cell in asked), default=0) or 1

    def tint(cell: tuple[str, str]) -> Tint:
        if cell not in asked:
            return Tint(MISSING, 0.0)
        return Tint(f"{accepted[cell]}/{asked[cell]}", round(accepted[cell] / most, 2))

    lines = [(word, [tint((one, word)) for one in labels]) for word in keywords]
    varied = diversity(drawn(rows, seed=run.recipe.seed), run.recipe.seed)
    totals = {one: sum(accepted[one, word] for word in words) for one in labels}
    return {
        "label": label,
        "keyword": keyword,
        "labels": labels,
        "tables": [lines[at : at + KEYWORDS_PER_TABLE] for at in range(0, len(lines), KEYWORDS_PER_TABLE)],
        "shown": len(keywords),
        "keywords": len(words),
        "per_label": [bar(one, count, sum(totals.values())) for one, count in totals.items()],
        "filled": sum(accepted[cell] > 0 for cell in asked),
        "cells": len(asked),
        "diversity": [(name, plain(value)) for name, value in varied.named.items()] if rows else [],
        "sampled": f"{varied.rows:,}",
    }


def _cells(run: RunData, found: Iterable[Mapping[str, str]]) -> Iterator[tuple[str, str]]:
    label, keyword = run.axes
    return ((groups[label], groups[keyword]) for groups in found if {label, keyword} <= groups.keys())


COVERAGE = Section("Coverage", "coverage.html", view)
