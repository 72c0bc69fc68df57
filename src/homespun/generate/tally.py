"""What share of a writer's answers is accepted, part by part, and why the others are not, with examples to look at."""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import NoReturn

from homespun.errors import DegenerateError
from homespun.generate.base import Made

SHOWN = 80  #: characters of an example
ANSWER = 160  #: characters of an answer that stops a run


@dataclass
class Reasons:
    """Why something is left out, how often, and an example of each."""

    counts: Counter[str] = field(default_factory=Counter)
    examples: dict[str, str] = field(default_factory=dict)

    def add(self, why: str, example: str) -> None:
        """Count one; the first of a reason is its example."""
        self.counts[why] += 1
        self.examples.setdefault(why, example)


@dataclass
class _Part:
    accepted: int = 0
    asked: int = 0
    recall: float = 0.0
    judged: int = 0
    reasons: Reasons = field(default_factory=Reasons)
    raw: list[str] = field(default_factory=list)
    tried: set[str] = field(default_factory=set)  #: cells, while nothing is accepted


@dataclass
class Tally:
    """Counts attempts as they are handed on."""

    axis: str = "form"  #: the group whose values are the parts
    unit: str = "texts"  #: what is counted
    cells: int = 0  #: how many are asked for
    ways: Mapping[str, str] = field(default_factory=dict)  #: what stands in a reason (in all: "") -> what can be done
    parts: dict[str, _Part] = field(default_factory=dict)
    without: dict[str, Counter[str]] = field(default_factory=dict)  #: cells without anything accepted -> reasons

    def add(self, found: Made, cell: str = "") -> None:
        """Count one attempt for a cell."""
        attempt, verdict = found
        part = self.parts.setdefault(attempt.groups[self.axis], _Part())
        part.asked += 1
        if len(part.raw) < 3:
            part.raw.append(attempt.raw)
        if verdict is not None and verdict.score is not None and verdict.rule.startswith("fidelity"):
            part.recall += verdict.score
            part.judged += 1
        if found.keep:
            part.accepted += 1
            part.tried.clear()
            self.without.pop(cell, None)
            return
        why = verdict.rule if verdict is not None else attempt.problem
        reason = f"{verdict.reason}: " if verdict is not None else ""
        if not part.accepted:
            part.tried.add(cell)
        part.reasons.add(why, f"{reason}{' '.join(attempt.raw.split())[:SHOWN]!r}")
        self.without.setdefault(cell, Counter())[why] += 1

    def note(self) -> str:
        """Return the share accepted in a few words."""
        asked = sum(part.asked for part in self.parts.values())
        accepted = sum(part.accepted for part in self.parts.values())
        return f"{accepted / max(asked, 1):.0%} of {asked} {self.unit} accepted"

    def impression(self, title: str) -> str:
        """Return the accept rate and mean recall of every part, and what was rejected and why, with examples."""
        lines = [f"{title}, {self.note().partition(' of ')[0]} accepted"]
        for name, part in self.parts.items():
            recall = f", values kept {part.recall / part.judged:.0%}" if part.judged else ""
            lines.append(f"  {name}: {part.accepted} of {part.asked} accepted{recall}")
            for why, count in part.reasons.counts.most_common(2):
                lines.append(f"    {count} x {why}, e.g. {part.reasons.examples[why]}")
        return "\n".join(lines)

    def commonest(self, cell: str) -> str:
        """Return the commonest reason why nothing of a cell was accepted."""
        (why, count), *_ = self.without[cell].most_common(1)
        return f"{why} ({count})"

    def stop_if_hopeless(self, limit: int) -> None:
        """Stop where nothing of a part is accepted in `limit` attempts, on all cells or on as many as that.

        Neighbouring documents are alike: the first pages of a book may all be lists.
        """
        for name, part in self.parts.items():
            if not part.accepted and part.asked >= limit and len(part.tried) >= min(self.cells, limit):
                self.stop(name)

    def stop(self, name: str | None = None) -> NoReturn:
        """Stop for want of anything usable of a part (None: the whole).

        Raises:
            DegenerateError: always; with the commonest reasons, three answers to look at, and what can be done.
        """
        parts = [self.parts[name]] if name is not None else list(self.parts.values())
        reasons = sum((part.reasons.counts for part in parts), Counter[str]())
        why = ", ".join(f"{reason} ({count})" for reason, count in reasons.most_common(3))
        examples = [f"  {' '.join(raw.split())[:ANSWER]!r}\n" for part in parts for raw in part.raw]
        ways = [way for about, way in self.ways.items() if any(about in reason for reason in reasons)]
        raise DegenerateError(
            f"none of {sum(part.asked for part in parts)} {self.unit} "
            + (f'for the {self.axis} "{name}" ' if name is not None else "")
            + f"is usable: {why}. Answers look like:\n{''.join(examples[:3])}{' '.join(ways)}"
        )
