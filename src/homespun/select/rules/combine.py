"""`all` and `any`: rules combined side by side, nested as deep as wanted.

Every rule inside sees the same rows. That differs from a list of rules in an arm, where each sees what
the earlier ones left: `top` 50 % twice in a list keeps a quarter, inside `all` it keeps half. Score and
threshold of the combined verdict are those of the rule that decided.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import replace
from typing import Annotated, Any, Literal

from pydantic import BeforeValidator, Field, SerializeAsAny

from homespun.data.records import Row, Verdict
from homespun.registry import lookup
from homespun.select.base import Columns, Rule
from homespun.task import Task


def parse_rule(value: Any) -> Any:
    """Turn a mapping with a `kind` into the rule it names; leave a rule as it is."""
    if isinstance(value, Rule):
        return value
    if not isinstance(value, dict) or not isinstance(value.get("kind"), str):
        raise ValueError(f"a rule is a mapping with a kind, such as {{kind: at_least, ...}}; got {value!r}")
    return lookup(Rule, value["kind"]).model_validate(value)


AnyRule = Annotated[SerializeAsAny[Rule], BeforeValidator(parse_rule)]


class CombinedRule(Rule):
    """Base of all and any."""

    rules: tuple[AnyRule, ...] = Field(min_length=1, description="rules, each with its kind")

    def inner(self) -> tuple[Rule, ...]:
        """Return the rules."""
        return self.rules

    def needs(self) -> frozenset[str]:
        """Return the columns that any of the rules reads."""
        return frozenset().union(*(rule.needs() for rule in self.rules))

    def check(self, task: Task) -> None:
        """Check every rule inside."""
        for rule in self.rules:
            rule.check(task)

    def check_files(self) -> None:
        """Check the files of every rule inside."""
        for rule in self.rules:
            rule.check_files()

    def combine(self, rows: Sequence[Row], columns: Columns, seed: int, decisive: bool) -> list[Verdict]:
        """Give each row the verdict of the first rule that says `decisive`, else that of the last one.

        The reason names the rule inside that decided, or all of them where it took all.
        """
        named, combined = str(self), []
        for verdicts in zip(*(rule(rows, columns, seed) for rule in self.rules), strict=True):
            deciding = [verdict for verdict in verdicts if verdict.keep is decisive][:1] or verdicts
            reason = "; ".join(verdict.reason for verdict in deciding)
            combined.append(replace(deciding[-1], rule=named, reason=reason))
        return combined

    def __str__(self) -> str:
        return f"{self.kind}({', '.join(map(str, self.rules))})"


class AllOf(CombinedRule):
    """Keep rows that every rule keeps."""

    kind: Literal["all"] = "all"

    def __call__(self, rows: Sequence[Row], columns: Columns, seed: int) -> list[Verdict]:
        """Return one verdict per row, in the rows' order."""
        return self.combine(rows, columns, seed, decisive=False)


class AnyOf(CombinedRule):
    """Keep rows that at least one rule keeps."""

    kind: Literal["any"] = "any"

    def __call__(self, rows: Sequence[Row], columns: Columns, seed: int) -> list[Verdict]:
        """Return one verdict per row, in the rows' order."""
        return self.combine(rows, columns, seed, decisive=True)


def flat(rules: Iterable[Rule]) -> Iterator[Rule]:
    """Return rules and those inside all and any."""
    for rule in rules:
        yield rule
        yield from flat(rule.inner())


def groups_of(rules: Iterable[Rule]) -> list[str]:
    """Return the group keys that rules, also those inside all and any, work within."""
    found: dict[str, None] = {}
    for rule in flat(rules):
        keys = dict(rule).get("within") or ()
        found.update(dict.fromkeys([keys] if isinstance(keys, str) else keys))
    return list(found)
