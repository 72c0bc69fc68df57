"""An arm: its rules turned into one verdict per row, the rows it keeps, and the random arm to hold against it.

A list of rules applies in order and each rule sees only what the earlier ones kept, so the counts of
dropped rows add up: kept + sum(dropped_by) = candidates. A control takes from the same candidates at
random as many rows of each label (of variants: document, of responses: prompt) as the arm keeps; without
one, "filtering helped" may only mean that fewer or better balanced rows helped (methods.md 0). Every draw
follows from a seed and the rows' ids; all results keep the order of the rows given.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass
from itertools import accumulate

from homespun.errors import UsageError
from homespun.records import Row, Verdict
from homespun.registry import did_you_mean
from homespun.select.base import UNSCORED, Columns, Rule, split_by
from homespun.select.share import draw
from homespun.task import Controls
from homespun.text.words import length

NO_RULE = "no rule"  #: what a verdict names when an arm selects nothing


@dataclass(frozen=True, slots=True)
class ArmVerdicts:
    """What an arm decides: one verdict per candidate, and the rows kept, both in the candidates' order.

    The verdict of a dropped row is that of the rule that dropped it, of a kept row that of the last rule.
    """

    verdicts: tuple[Verdict, ...]
    kept: tuple[Row, ...]
    dropped_by: Mapping[str, int]  #: rule in words -> rows it dropped; 0 for a rule that dropped none

    @property
    def unscored(self) -> int:
        """Number of rows dropped because they have no score."""
        return sum(is_unscored(verdict) for verdict in self.verdicts)


def is_unscored(verdict: Verdict) -> bool:
    """Say whether a row was dropped for want of a score."""
    return not verdict.keep and verdict.reason.startswith(UNSCORED)


def apply(rules: Sequence[Rule], rows: Sequence[Row], columns: Columns, seed: int) -> ArmVerdicts:
    """Apply the rules of an arm in order.

    Raises:
        UsageError: a row stands twice among the candidates, or a rule cannot work on these rows.
    """
    twice = [row_id for row_id, count in Counter(row.id for row in rows).items() if count > 1]
    if twice:
        raise UsageError(f"{len(twice)} rows stand more than once among the candidates, such as {twice[0]}")
    verdicts = {row.id: Verdict(row.id, True, NO_RULE) for row in rows}
    kept = list(rows)
    dropped_by = {str(rule): 0 for rule in rules}
    for rule in rules:
        for verdict in rule(kept, columns, seed):
            verdicts[verdict.row_id] = verdict
            dropped_by[str(rule)] += not verdict.keep
        kept = [row for row in kept if verdicts[row.id].keep]
    return ArmVerdicts(tuple(verdicts[row.id] for row in rows), tuple(kept), dropped_by)


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
    quotas = Counter(map(label_of, kept))
    if alike == "tokens":
        wanted: Counter[str] = Counter()
        for row in kept:
            wanted[label_of(row)] += _length(row)
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
    left = Counter(map(label_of, rows))
    quotas: Counter[str] = Counter()
    for _ in range(min(size, len(rows))):
        label = min((label for label in left if left[label]), key=lambda label: (quotas[label], label))
        quotas[label] += 1
        left[label] -= 1
    return _draw_by_label(rows, quotas, seed, "cut")


def first_variants(rows: Sequence[Row], count: int) -> tuple[Row, ...]:
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


def label_of(row: Row) -> str:
    """Return what a row is balanced by: its label, a variant's document, a response's prompt; empty without any."""
    return row.groups.get("label") or row.groups.get("document") or row.groups.get("prompt", "")


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
    return sorted((row for row in rows if label_of(row) == label), key=lambda row: draw(seed, purpose, row))


def _draw_by_label(rows: Sequence[Row], quotas: Mapping[str, int], seed: int, purpose: str) -> tuple[Row, ...]:
    drawn: set[str] = set()
    for label, quota in quotas.items():
        pool = _in_turn(rows, label, seed, purpose)
        if len(pool) < quota:
            raise UsageError(f'cannot draw {quota} rows of label "{label}" from {len(pool)} candidates')
        drawn.update(row.id for row in pool[:quota])
    return tuple(row for row in rows if row.id in drawn)
