"""A report about a set of rows before and after selection: what was lost, gained, or done twice.

Gathers what a person asks of a filter: diversity before and after, shortcuts to the label, which scores are
one filter, what each rule removed and what it alone would remove, and the rows nearest to each threshold.
Plain records that become JSON with `as_json`; no page is made here and no model is asked. Diversity and
shortcuts look at samples drawn by the rows' ids, of one size before and after, since a smaller set repeats
itself less by its size alone.
"""

from __future__ import annotations

import math
from collections import Counter
from collections.abc import Collection, Mapping, Sequence
from dataclasses import asdict, dataclass
from typing import Any

from homespun.data.records import JSONDict, Row, Verdict
from homespun.select.base import Columns, Rule, are_numbers
from homespun.select.engine import alone, is_unscored, nearest_to_threshold
from homespun.select.shortcuts import cues
from homespun.stats import descriptive
from homespun.text.diversity import compression_ratio, distinct_n, sample, self_bleu
from homespun.text.words import length, words

SAMPLE = 10_000  #: rows that diversity looks at
LOOKED_AT = 20_000  #: characters of each row that diversity looks at
CUE_SAMPLE = 4_000  #: rows that the shortcut audit looks at
SAME = 0.9  #: Spearman, either sign, above which two scores are one filter


@dataclass(frozen=True, slots=True)
class Diversity:
    """How varied a sample of rows is; all but `mean_length` depend on its size (text/diversity.py)."""

    rows: int  #: size of the sample
    mean_length: float  #: words, or characters for Japanese
    distinct_1: float
    distinct_2: float
    self_bleu_4: float  #: over at most 1000 texts
    compression: float  #: bytes / gzip bytes

    @property
    def named(self) -> dict[str, float]:
        """The measures by the names that pages give them."""
        return {
            "mean length": self.mean_length,
            "distinct-1": self.distinct_1,
            "distinct-2": self.distinct_2,
            "self-BLEU-4": self.self_bleu_4,
            "compression ratio": self.compression,
        }


@dataclass(frozen=True, slots=True)
class Shortcut:
    """One cue to one label, in all rows and in the kept ones; nan where too few rows have the label."""

    cue: str
    label: str
    before: float  #: AUC of the better direction, .5 to 1
    after: float
    warns: bool  #: the kept rows show it: above `WARN`, and more than so many rows show by chance
    sentence: str


@dataclass(frozen=True, slots=True)
class Twins:
    """Two scores that rank the rows alike."""

    one: str
    other: str
    spearman: float
    sentence: str


@dataclass(frozen=True, slots=True)
class RuleCount:
    """What one rule did."""

    rule: str
    dropped: int  #: in its place in the list: rows that earlier rules had dropped do not count
    unscored: int  #: of these, rows that could not be scored
    alone: int | None  #: rows it would drop by itself; None where the rules were not given


@dataclass(frozen=True, slots=True)
class Example:
    """One row near a threshold, with the row that it repeats where there is one."""

    row_id: str
    text: str
    output: str
    keep: bool
    score: float
    threshold: float
    reason: str
    repeats_id: str = ""
    repeats_text: str = ""


@dataclass(frozen=True, slots=True)
class Nearest:
    """Rows of one rule nearest to its threshold, the nearest first."""

    rule: str
    kept: tuple[Example, ...]
    dropped: tuple[Example, ...]


@dataclass(frozen=True, slots=True)
class SetReport:
    """Everything that is said about a selection."""

    rows: int
    kept: int
    labels_before: Mapping[str, int]  #: label -> rows; empty where rows have none
    labels_after: Mapping[str, int]
    before: Diversity
    after: Diversity
    shortcuts: tuple[Shortcut, ...]
    columns: tuple[str, ...]  #: names of the score columns, the order of `spearman`
    missing: Mapping[str, int]  #: column -> rows without a value
    spearman: tuple[tuple[float, ...], ...]  #: square; nan where it is not defined
    twins: tuple[Twins, ...]
    rules: tuple[RuleCount, ...]
    nearest: tuple[Nearest, ...]

    @property
    def warnings(self) -> list[str]:
        """What a person should look at, in sentences."""
        return [cue.sentence for cue in self.shortcuts if cue.warns] + [pair.sentence for pair in self.twins]

    def as_json(self) -> JSONDict:
        """Return it as JSON values; nan becomes null."""
        found: JSONDict = _plain({**asdict(self), "warnings": self.warnings})
        return found


def set_report(
    rows: Sequence[Row],
    kept_ids: Collection[str],
    columns: Columns,
    verdicts: Sequence[Verdict],
    *,
    rules: Sequence[Rule] = (),
    seed: int = 0,
    examples: int = 5,
) -> SetReport:
    """Return the report on a selection.

    Args:
        rows: all candidates, in order.
        kept_ids: ids of the rows that are kept.
        columns: scores of all candidates; may be empty.
        verdicts: one per candidate.
        rules: applied again, each to all rows, to say what it alone would remove; left out unless given.
        seed: of the selection, for rules that draw by lot; also draws the samples.
        examples: rows shown on each side of a threshold.
    """
    kept_set = frozenset(kept_ids)
    kept = [row for row in rows if row.id in kept_set]
    size = min(SAMPLE, len(kept)) or min(SAMPLE, len(rows))
    names = [name for name, *_ in numeric(columns)]
    values = [columns.numbers(name, rows) for name in names]
    matrix = square(values)
    return SetReport(
        rows=len(rows),
        kept=len(kept),
        labels_before=_labels(rows),
        labels_after=_labels(kept),
        before=diversity(drawn(rows, size, seed), seed),
        after=diversity(drawn(kept, size, seed), seed),
        shortcuts=_shortcuts(drawn(rows, CUE_SAMPLE, seed), drawn(kept, CUE_SAMPLE, seed), columns),
        columns=tuple(names),
        missing={name: sum(map(math.isnan, column)) for name, column in zip(names, values, strict=True)},
        spearman=matrix,
        twins=_twins(names, matrix),
        rules=_rules(rows, columns, verdicts, rules, seed),
        nearest=_nearest(rows, verdicts, examples),
    )


def diversity(rows: Sequence[Row], seed: int = 0) -> Diversity:
    """Return how varied rows are: what a model wrote of them (the output of a response, else the input)."""
    texts = [row.payload.written for row in rows]
    beginnings = [text[:LOOKED_AT] for text in texts]  # one giant row would take minutes, and decide every figure
    tokens = [words(text, row.language) for row, text in zip(rows, beginnings, strict=True)]
    lengths = [length(text, row.language) for row, text in zip(rows, texts, strict=True)]
    return Diversity(
        rows=len(rows),
        mean_length=sum(lengths) / len(lengths) if lengths else math.nan,
        distinct_1=distinct_n(tokens, 1),
        distinct_2=distinct_n(tokens, 2),
        self_bleu_4=self_bleu(tokens, 4, seed),
        compression=compression_ratio(beginnings),
    )


def warnings_of(
    rows: Sequence[Row], columns: Columns, values: Mapping[str, Sequence[float]], seed: int = 0
) -> list[str]:
    """Return what a person should look at in a set: shortcuts to a label (shortcuts.py), scores that are one filter.

    Args:
        rows: the set.
        columns: scores of all its rows, for shortcuts; may be empty.
        values: the scores that are compared, by name, each of the same rows.
        seed: draws the sample.
    """
    found = [cue.sentence for cue in cues(drawn(rows, CUE_SAMPLE, seed), columns) if cue.warns]
    return found + [pair.sentence for pair in _twins(list(values), square(list(values.values())))]


def drawn(rows: Sequence[Row], size: int = SAMPLE, seed: int = 0) -> list[Row]:
    """Return rows drawn by their ids, in order."""
    return [rows[place] for place in sample([row.id for row in rows], size, seed)]


def _labels(rows: Sequence[Row]) -> dict[str, int]:
    return dict(Counter(row.groups["label"] for row in rows if row.groups.get("label")).most_common())


def _shortcuts(rows: Sequence[Row], kept: Sequence[Row], columns: Columns) -> tuple[Shortcut, ...]:
    before = {(cue.name, cue.label): cue for cue in cues(rows, columns)}
    after = {(cue.name, cue.label): cue for cue in cues(kept, columns)}
    found = []
    for name, label in dict.fromkeys([*before, *after]):
        first, last = before.get((name, label)), after.get((name, label))
        ends = (first.strength if first else math.nan, last.strength if last else math.nan)
        warns = last is not None and last.warns
        found.append(Shortcut(name, label, *ends, warns=warns, sentence=last.sentence if last and warns else ""))
    return tuple(found)


def numeric(columns: Columns) -> list[tuple[str, str, bool]]:
    """Return of all columns of numbers: the name by which rules name it, its scorer, and whether it is the primary."""
    return [
        (scorer if len(scores.columns) == 1 else f"{scorer}.{column}", scorer, column == scores.primary)
        for scorer, scores in columns.scores.items()
        for column, values in scores.columns.items()
        if are_numbers(values)
    ]


def square(values: Sequence[Sequence[float]]) -> tuple[tuple[float, ...], ...]:
    """Return the rank correlation of each column with each; nan where it is not defined."""
    count = len(values)
    upper = {
        (one, other): descriptive.spearman(values[one], values[other]).value
        for one in range(count)
        for other in range(one, count)
    }
    return tuple(tuple(upper[min(one, other), max(one, other)] for other in range(count)) for one in range(count))


def _twins(names: Sequence[str], matrix: Sequence[Sequence[float]]) -> tuple[Twins, ...]:
    found = []
    for one in range(len(names)):
        for other in range(one + 1, len(names)):
            value = matrix[one][other]
            if abs(value) > SAME:
                sentence = (
                    f"{names[one]} and {names[other]}: these two filters do the same thing"
                    f" (Spearman {value:.2f}, beyond {SAME})"
                )
                found.append(Twins(names[one], names[other], value, sentence))
    return tuple(found)


def _rules(
    rows: Sequence[Row], columns: Columns, verdicts: Sequence[Verdict], rules: Sequence[Rule], seed: int
) -> tuple[RuleCount, ...]:
    dropped = Counter(verdict.rule for verdict in verdicts if not verdict.keep)
    unscored = Counter(verdict.rule for verdict in verdicts if is_unscored(verdict))
    by_itself = alone(rules, rows, columns, seed)
    names = dict.fromkeys([*by_itself, *dropped])
    return tuple(RuleCount(name, dropped[name], unscored[name], by_itself.get(name)) for name in names)


def _nearest(rows: Sequence[Row], verdicts: Sequence[Verdict], count: int) -> tuple[Nearest, ...]:
    by_id = {row.id: row for row in rows}

    def example(verdict: Verdict) -> Example:
        row = by_id[verdict.row_id]
        other = by_id.get(verdict.duplicate_of or "")
        score, threshold = verdict.score, verdict.threshold
        assert score is not None and threshold is not None  # nearest_to_threshold takes no others
        return Example(
            row.id,
            row.text,
            row.payload.output,
            verdict.keep,
            score,
            threshold,
            verdict.reason,
            verdict.duplicate_of or "",
            other.text if other else "",
        )

    return tuple(
        Nearest(edge.rule, tuple(map(example, edge.kept)), tuple(map(example, edge.dropped)))
        for edge in nearest_to_threshold(verdicts, count)
    )


def _plain(value: Any) -> Any:
    if isinstance(value, float):
        return value if math.isfinite(value) else None
    if isinstance(value, Mapping):
        return {key: _plain(part) for key, part in value.items()}
    if isinstance(value, list | tuple):
        return [_plain(part) for part in value]
    return value
