"""Everything the report page needs, as plain frozen records.

The loop fills these from a run directory; html.py turns them into a page. Nothing here reads a file, so a
page can be built in a test or from another program. Whatever a run has not produced yet keeps its default:
the page then says in one line what is missing. Mappings keep their order on the page, so equal data in
equal order gives equal bytes.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, Literal

#: Why a row is worth reading, in the order of the page.
Group = Literal[
    "kept",
    "nearest to threshold",
    "dropped by selection",
    "repeats the evaluation",
    "dropped by hygiene",
    "unparsed answer",
]
GROUPS: tuple[Group, ...] = (
    "kept",
    "nearest to threshold",
    "dropped by selection",
    "repeats the evaluation",
    "dropped by hygiene",
    "unparsed answer",
)


@dataclass(frozen=True, slots=True)
class Counts:
    """How many rows passed each step of generation (rows, not calls).

    asked = answered + failed, answered = parsed + unparsed, parsed = kept + sum of dropped.
    """

    asked: int
    answered: int
    failed: int
    parsed: int
    unparsed: int
    kept: int  #: accepted into the pool of candidates
    dropped: Mapping[str, int] = field(default_factory=dict)  #: reason of the hygiene checks -> rows


@dataclass(frozen=True, slots=True)
class Funnel:
    """The counts of one generator, and the same per label (per form, where rows are variants of documents)."""

    total: Counts
    labels: Mapping[str, Counts] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class ScoreColumn:
    """One score over the accepted rows, with what each arm did to those rows."""

    name: str  #: as rules name it: `probability.pmi`
    values: Sequence[float]  #: one per row; nan where a row could not be scored
    kept: Mapping[str, Sequence[bool]]  #: arm -> one flag per row, in the order of `values`
    used_by: Sequence[str] = ()  #: arms whose rules read this column; the page shows these first
    thresholds: Mapping[str, Sequence[float]] = field(default_factory=dict)  #: arm -> cuts (one per label)


@dataclass(frozen=True, slots=True)
class ReadRow:
    """One row for a person to read; every text may come from a model and is never trusted."""

    id: str
    fields: Mapping[str, str]  #: name -> text; for an unparsed answer the raw answer under any name
    group: Group
    label: str = ""
    keyword: str = ""
    kept_by: Sequence[str] = ()  #: arms that keep the row
    reason: str = ""  #: rule and reason of the drop, in words
    scores: Mapping[str, float] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class Cell:
    """One cell of the label x keyword (form x document) grid: rows asked for and rows accepted."""

    label: str
    keyword: str
    asked: int
    accepted: int


@dataclass(frozen=True, slots=True)
class StageCost:
    """What one stage took. `units` are what the stage counts (rows, steps, items)."""

    name: str
    seconds: float
    units: int = 0
    unit: str = "rows"
    tokens: int = 0  #: 0 where a stage has none
    tokens_per_second: float | None = None  #: as measured by the stage; None where not measured
    resumed: bool = False  #: part of the work was there from an earlier start


@dataclass(frozen=True, slots=True)
class ArmInfo:
    """One arm or control: its rows and its training."""

    name: str
    chosen: int  #: rows that are trained on
    candidates: int = 0
    rules: Sequence[str] = ()  #: each rule in words
    dropped_by: Mapping[str, int] = field(default_factory=dict)  #: rule -> rows
    control: str | None = None  #: name of the random arm of equal size and label balance
    reference: str | None = None  #: name of the arm with the same rows before selection
    settings: Mapping[str, Any] = field(default_factory=dict)  #: of the training, flat: `epochs: 2`
    losses: Mapping[int, Sequence[float]] = field(default_factory=dict)  #: seed -> loss per logged step
    artifacts: Mapping[str, str] = field(default_factory=dict)  #: what -> path relative to the run folder


@dataclass(frozen=True, slots=True)
class UseCommand:
    """One command that uses the result, with what it does."""

    title: str
    command: str


@dataclass(frozen=True, slots=True)
class ReportData:
    """A whole run, as far as it got."""

    name: str
    language: str
    created: str  #: ISO 8601 time of the run's start
    task: str  #: task description
    labels: Mapping[str, str]  #: label -> meaning
    axes: tuple[str, str] = ("label", "keyword")  #: what `label` and `keyword` of rows, funnels and cells are called
    recipe_yaml: str = ""  #: the resolved recipe
    command: str = ""  #: runs the same again
    manifest: Mapping[str, Any] = field(default_factory=dict)  #: nested: versions, machine, models, ...
    results: Mapping[str, Any] | None = None  #: results.json
    verdicts: Sequence[str] = ()  #: a sentence per selecting arm
    funnels: Mapping[str, Funnel] = field(default_factory=dict)  #: generator -> counts
    scores: Sequence[ScoreColumn] = ()
    correlations: Mapping[str, Mapping[str, float]] = field(default_factory=dict)  #: Spearman, name x name
    rows: Sequence[ReadRow] = ()
    row_totals: Mapping[str, int] = field(default_factory=dict)  #: group -> rows of that kind in the run
    coverage: Sequence[Cell] = ()
    diversity: Mapping[str, float] = field(default_factory=dict)  #: e.g. distinct-2
    warnings: Sequence[str] = ()
    stages: Sequence[StageCost] = ()
    arms: Sequence[ArmInfo] = ()
    usage: Sequence[UseCommand] = ()
