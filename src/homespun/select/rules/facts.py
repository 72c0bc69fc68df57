"""As many rows of each document as wanted, chosen so that its facts are stated about equally often.

After the fact-based scaling of Mecklenburg and others: a fact that is stated rarely is learned late. Which facts a row
states stands in its group `facts`, which the check against the document fills in. Rows are kept one after the other:
the first that leaves no fact stated more than once oftener than another, or, where there is none, the one whose facts
the rows kept so far state least, on average. Always the latter would be as even, but would seek short rows: from
passages of 3 to 8 facts it keeps those of 4.7 on average, this rule those of 5.5, as a draw by lot does. A larger share
of the same rows contains a smaller one.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Literal

import numpy as np
from pydantic import Field

from homespun.data.records import Row, Verdict
from homespun.errors import UsageError
from homespun.select.base import Columns, group_values, show
from homespun.select.rules.share import AmountRule

APART = 1  #: times that a fact may be ahead of another


class FactBalanced(AmountRule):
    """Keep rows that state the facts of a document evenly."""

    kind: Literal["fact_balanced"] = "fact_balanced"
    within: str | None = Field("document", description="group key: choose that much of each group")

    def __call__(self, rows: Sequence[Row], columns: Columns, seed: int) -> list[Verdict]:
        """Return one verdict per row, in the rows' order.

        Raises:
            UsageError: a row has no group `facts` or `within`, or `facts` is no list of numbers.
        """
        stated = [_numbers(row, text) for row, text in zip(rows, group_values(rows, "facts"), strict=True)]
        verdicts: dict[int, Verdict] = {}
        for group, members in self.members(rows).items():
            kept = self.quota(len(members))
            chosen, counts = balanced([stated[position] for position in members], kept)
            averages = dict(chosen)
            for place, position in enumerate(members):
                facts = stated[position]
                if place in averages:
                    before = (
                        f"{show(averages[place])} times each by the rows kept before it" if facts else "no others left"
                    )
                    reason = f"states {_named(facts)}, stated {before}" if facts else f"states no facts; {before}"
                else:
                    times = ", ".join(f"{fact}: {counts[fact]}" for fact in facts)
                    reason = f"states {_named(facts)}" + (f"; times stated by the rows kept: {times}" if facts else "")
                reason += f"; {kept} of {len(members)} kept{self.place(group)}"
                verdicts[position] = Verdict(rows[position].id, place in averages, str(self), reason=reason)
        return [verdicts[position] for position in range(len(rows))]

    def __str__(self) -> str:
        return f"fact_balanced {self.amount()}"


def balanced(stated: Sequence[tuple[int, ...]], wanted: int) -> tuple[list[tuple[int, float]], dict[int, int]]:
    """Choose so many rows that state their facts evenly, one after the other; facts are those that any row states.

    Args:
        stated: of each row the distinct facts that it states.
        wanted: how many rows, not more than there are.

    Returns:
        The places of the rows chosen, in the order of choice, each with the mean number of times that its facts were
        stated by those before it (infinite for a row without facts, which comes after all others); and of every fact
        how often the rows chosen state it.
    """
    facts = sorted({fact for row in stated for fact in row})
    waiting: dict[tuple[int, ...], list[int]] = {}  # rows that state the same, the earliest last
    for place in range(len(stated) - 1, -1, -1):
        waiting.setdefault(tuple(sorted(stated[place])), []).append(place)
    kinds = list(waiting)
    states = np.array([[fact in kind for fact in facts] for kind in kinds], dtype=np.int64).reshape(
        len(kinds), len(facts)
    )
    sizes = states.sum(axis=1)
    first = np.array([waiting[kind][-1] for kind in kinds], dtype=np.int64)
    counts = np.zeros(len(facts), dtype=np.int64)
    chosen = []
    for _ in range(wanted):
        after = states + counts
        apart = after.max(axis=1, initial=0) - after.min(axis=1, initial=counts.max(initial=0) + 1)
        # Means are compared as fractions would be: one correctly rounded division gives equal ones equal numbers.
        means = np.where(sizes > 0, states @ counts / np.maximum(sizes, 1), np.inf)
        means[first == len(stated)] = np.nan
        even = (apart <= APART) & np.isfinite(means)
        best = int(np.lexsort((first, np.where(even, 0, means), ~even))[0])
        chosen.append((int(first[best]), float(means[best])))
        counts += states[best]
        rest = waiting[kinds[best]]
        rest.pop()
        first[best] = rest[-1] if rest else len(stated)
    return chosen, dict(zip(facts, counts.tolist(), strict=True))


def _numbers(row: Row, text: str) -> tuple[int, ...]:
    try:
        return tuple(sorted({int(number) for number in text.split()}))
    except ValueError:
        raise UsageError(
            f'row {row.id}: the group facts is "{text[:40]}"; fact_balanced reads numbers of facts with spaces between'
        ) from None


def _named(facts: Sequence[int]) -> str:
    if not facts:
        return "no facts"
    return f"fact{'s' * (len(facts) > 1)} {' '.join(map(str, facts))}"
