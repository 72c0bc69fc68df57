"""The selection engine: rows, rules and columns in; what is kept, why the rest is not, and what each rule did out.

A run's arms, `homespun select` and `homespun.select.rules` go through it; one rule whose threshold is moved is a
`Rule.decider`. Rules apply in order and each sees only what the earlier ones kept, so the counts of dropped rows add
up: kept + sum(dropped_by) = rows. It asks no model: columns are made before (scoring.py, the score stage), if need be
between two rules.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field

from homespun.data.records import Row, Verdict
from homespun.errors import UsageError
from homespun.select.base import UNSCORED, Columns, Rule

NO_RULE = "no rule"  #: what a verdict names where no rule was applied


@dataclass(frozen=True, slots=True)
class Borderline:
    """Verdicts of one rule nearest to its threshold, the nearest first."""

    rule: str
    kept: tuple[Verdict, ...]
    dropped: tuple[Verdict, ...]


@dataclass(frozen=True, slots=True)
class Step:
    """What one rule did."""

    rule: Rule
    dropped: int
    unscored: int  #: of these, rows that could not be scored
    nearest: Sequence[Borderline] = ()


@dataclass
class Selected:
    """Rows as rules leave them."""

    rows: Sequence[Row]
    whole: bool = True  #: hold the verdicts on kept rows, too; without, memory is that of what is dropped
    nearest: int = 0  #: how many rows on each side of a threshold to hold of each step
    kept: tuple[Row, ...] = ()  #: in the order of the rows
    steps: list[Step] = field(default_factory=list)
    dropped: dict[str, Verdict] = field(default_factory=dict)  #: by row id; that of the rule that dropped it
    last: dict[str, Verdict] = field(default_factory=dict)  #: by row id; that of the last rule that saw the row

    def __post_init__(self) -> None:
        self.kept = tuple(self.rows)

    def apply(self, rule: Rule, columns: Columns, seed: int) -> None:
        """Apply one more rule to what is kept.

        Raises:
            UsageError: the rule cannot work on these rows, or does not answer for each of them, in order.
        """
        verdicts = rule(self.kept, columns, seed) if self.kept else []
        if [verdict.row_id for verdict in verdicts] != [row.id for row in self.kept]:
            raise UsageError(
                f"{rule}: {len(verdicts)} verdicts on {len(self.kept)} rows, or in another order; a rule returns one"
                " verdict per row, in the rows' order"
            )
        lost = [verdict for verdict in verdicts if not verdict.keep]
        near = nearest_to_threshold(verdicts, self.nearest) if self.nearest else ()
        self.steps.append(Step(rule, len(lost), sum(map(is_unscored, lost)), near))
        self.dropped.update((verdict.row_id, verdict) for verdict in lost)
        if self.whole:
            self.last.update((verdict.row_id, verdict) for verdict in verdicts)
        self.kept = tuple(row for row, verdict in zip(self.kept, verdicts, strict=True) if verdict.keep)

    @property
    def verdicts(self) -> list[Verdict]:
        """One verdict per row, in their order; needs `whole`."""
        return [self.last.get(row.id) or Verdict(row.id, True, NO_RULE) for row in self.rows]

    @property
    def dropped_by(self) -> Mapping[str, int]:
        """Rule in words -> rows it dropped; 0 for a rule that dropped none."""
        found: Counter[str] = Counter()
        for step in self.steps:
            found[str(step.rule)] += step.dropped
        return dict(found)

    @property
    def unscored(self) -> int:
        """Number of rows dropped because they have no score."""
        return sum(step.unscored for step in self.steps)


def apply(rules: Sequence[Rule], rows: Sequence[Row], columns: Columns, seed: int) -> Selected:
    """Apply rules in order.

    Raises:
        UsageError: a row stands twice among the candidates, or a rule cannot work on these rows.
    """
    twice = [row_id for row_id, count in Counter(row.id for row in rows).items() if count > 1]
    if twice:
        raise UsageError(f"{len(twice)} rows stand more than once among the candidates, such as {twice[0]}")
    selected = Selected(rows)
    for rule in rules:
        selected.apply(rule, columns, seed)
    return selected


def is_unscored(verdict: Verdict) -> bool:
    """Say whether a row was dropped for want of a score."""
    return not verdict.keep and verdict.reason.startswith(UNSCORED)


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
