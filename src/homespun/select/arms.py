"""The rows of an arm: cuts, variants, and the random arm to hold against one that selects (what rules do: engine.py).

A control takes from the same candidates at random as many rows of each label (of variants: document, of responses:
prompt) as the arm keeps; without one, "filtering helped" may only mean that fewer or better balanced rows helped
(methods.md 0). Every draw follows from a seed and the rows' ids; all results keep the order of the rows given.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Collection, Mapping, Sequence
from itertools import accumulate

from homespun.data.records import Row
from homespun.errors import UsageError
from homespun.registry import did_you_mean
from homespun.select.base import Rule, split_by
from homespun.select.rules.share import draw
from homespun.task import Controls
from homespun.text.words import length


def control(kept: Sequence[Row], candidates: Sequence[Row], seed: int, alike: Controls = "rows") -> tuple[Row, ...]:
    """Draw the random arm: per label as many candidates as the arm keeps, another draw for each seed.

    With `alike: tokens` it draws, per label, until its rows are as long together as those of the arm, to within half
    a row, at least one. Lengths are words, for Japanese characters: no tokenizer is needed, and within one language
    they go with tokens.

    Rows that the arm keeps may be drawn as well: the control answers "what would this many rows without the rule
    have given".

    Raises:
        UsageError: the arm keeps more rows of a label than there are candidates.
    """
    quotas = Counter(map(axis_of, kept))
    if alike == "tokens":
        wanted: Counter[str] = Counter()
        for row in kept:
            wanted[axis_of(row)] += _length(row)
        for label, total in wanted.items():
            lengths = [_length(row) for row in _in_turn(candidates, label, seed, "control")]
            so_far = list(accumulate(lengths))
            quotas[label] = 1 + min(range(len(so_far)), key=lambda last: abs(so_far[last] - total), default=-1)
    return _draw_by_label(candidates, quotas, seed, "control")


def _length(row: Row) -> int:
    return length(f"{row.text} {row.payload.output}", row.language)


def cut(rows: Sequence[Row], size: int, seed: int) -> tuple[Row, ...]:
    """Draw `size` rows, as evenly over the labels as the rows allow; all rows when there are no more.

    Labels with too few rows give what they have and the others make up for it. An odd row goes to the
    label that comes first by name.
    """
    left = Counter(map(axis_of, rows))
    quotas: Counter[str] = Counter()
    for _ in range(min(size, len(rows))):
        label = min((label for label in left if left[label]), key=lambda label: (quotas[label], label))
        quotas[label] += 1
        left[label] -= 1
    return _draw_by_label(rows, quotas, seed, "cut")


def first_of_each(rows: Sequence[Row], count: int) -> tuple[Row, ...]:
    """Keep the first `count` variants of every document, those of several generators in turn.

    Generators write a document's forms in turn, so a smaller cut is balanced and a part of every larger one.

    Raises:
        UsageError: a row belongs to no document.
    """
    turns: Counter[tuple[str, str]] = Counter()
    order: dict[str, list[tuple[int, int]]] = {}
    for place, row in enumerate(rows):
        if "document" not in row.groups:
            raise UsageError(
                f"variants: {count} counts the variants of each document, and row {row.id} has no document"
            )
        turn = (row.groups["document"], row.lineage.generator)
        order.setdefault(row.groups["document"], []).append((turns[turn], place))
        turns[turn] += 1
    chosen = {place for places in order.values() for _, place in sorted(places)[:count]}
    return tuple(row for place, row in enumerate(rows) if place in chosen)


def axis_of(row: Row) -> str:
    """Return what a row is balanced by, as its payload says: label, document, prompt; empty where it has none."""
    return row.groups.get(row.payload.axis, "")


def check_columns(rules: Sequence[Rule], columns: Mapping[str, Collection[str]]) -> None:
    """Refuse rules that read a score or column that will not exist, before anything is generated.

    Args:
        rules: the rules of an arm.
        columns: the columns of each scorer, by the scorer's name in the recipe.

    Raises:
        UsageError: with the known names.
    """
    for rule in rules:
        for by in sorted(rule.needs()):
            scorer, column = split_by(by)
            if scorer not in columns:
                known, missing = list(columns), f'the score "{scorer}"'
            elif column and column not in columns[scorer]:
                known, missing = list(columns[scorer]), f'column "{column}" of score "{scorer}"'
            else:
                continue
            raise UsageError(
                f"rule `{rule}` needs {missing}, which the recipe does not make."
                f"{did_you_mean(column or scorer, known)} Known: {', '.join(known) or 'none'}."
            )


def _in_turn(rows: Sequence[Row], label: str, seed: int, purpose: str) -> list[Row]:
    """Return the rows of a label in the order in which they are drawn."""
    return sorted((row for row in rows if axis_of(row) == label), key=lambda row: draw(seed, purpose, row))


def _draw_by_label(rows: Sequence[Row], quotas: Mapping[str, int], seed: int, purpose: str) -> tuple[Row, ...]:
    drawn: set[str] = set()
    for label, quota in quotas.items():
        pool = _in_turn(rows, label, seed, purpose)
        if len(pool) < quota:
            raise UsageError(f'cannot draw {quota} rows of label "{label}" from {len(pool)} candidates')
        drawn.update(row.id for row in pool[:quota])
    return tuple(row for row in rows if row.id in drawn)
