"""What is asked of a selection of files, and what came out of it: plain records between selecting.py and its page."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING

from homespun.records import Verdict
from homespun.select.base import Columns, Rule
from homespun.select.explain import Borderline
from homespun.selecting.intake import Intake

if TYPE_CHECKING:
    from homespun.near.calibrate import Calibration

SHOWN = 20  #: problems on the screen; all are in the verdicts
UNREADABLE = "unreadable"  #: rule that the verdict on a record without a row names


@dataclass(frozen=True)
class Request:
    """What the command line asks for."""

    files: Sequence[Path]
    out: Path | None = None
    fields: Sequence[str] = ("text",)
    output: str | None = None  #: field with the output of a row, such as its label
    own_id: str = "id"
    within: str | None = None
    language: str | None = None  #: of all records; None: of each by its script
    shortcuts: Mapping[str, str] = field(default_factory=dict)  #: option -> value as written
    rules: Path | None = None
    embeddings: str | None = None
    model: str | None = None
    verdicts: Path | None = None
    report: Path | None = None
    seed: int = 0


@dataclass(frozen=True, slots=True)
class Look:
    """How near the rows of files are to one another."""

    intake: Intake
    calibration: Calibration

    @property
    def partial(self) -> bool:
        """Whether some records could not be used."""
        return any(self.intake.problems)

    def lines(self) -> list[str]:
        """Return the distribution and the threshold proposed."""
        looked = len(self.calibration.nearest)
        return [f"{looked:,} of {len(self.intake.rows):,} rows looked at", *self.calibration.lines()]


@dataclass(frozen=True, slots=True)
class Step:
    """What one rule did."""

    rule: Rule
    dropped: int
    unscored: int  #: of these, rows that could not be scored
    nearest: Sequence[Borderline] = ()


@dataclass
class Outcome:
    """A finished selection."""

    intake: Intake
    language: str
    steps: list[Step]
    dropped: dict[str, Verdict]  #: by row id
    last: dict[str, Verdict]  #: of kept rows, only where there is a report
    kept: int
    columns: Columns
    out: Path | None
    told: list[str] = field(default_factory=list)  #: further lines for the screen

    @property
    def partial(self) -> bool:
        """Whether some records could not be used."""
        return any(self.intake.problems)

    def lines(self) -> list[str]:
        """Return the summary: read, lost on the way, kept."""
        rows, bad = len(self.intake.rows), len(self.intake.unreadable)
        table = [("read", f"{rows + bad:,}", "")]
        if bad:
            table.append((UNREADABLE, f"-{bad:,}", "see the lines above" if bad <= SHOWN else ""))
        for step in self.steps:
            note = f"{step.unscored:,} could not be scored" if step.unscored else ""
            table.append((str(step.rule), f"-{step.dropped:,}", note))
        share = f"{100 * self.kept / (rows + bad):.1f} %"
        table.append(
            ("kept", f"{self.kept:,}", share + (f", in {self.out}" if self.out else "; no --out, not written"))
        )
        left, right = max(len(name) for name, _, _ in table), max(len(count) for _, count, _ in table)
        return [f"{name:<{left}}  {count:>{right}}  {note}".rstrip() for name, count, note in table] + self.told
