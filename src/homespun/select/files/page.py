"""From a finished selection to the data of its page: reads what was decided, decides nothing.

Examples are the rows nearest to each rule's threshold and the first that each rule dropped for repeating
another, so equal input gives an equal page.
"""

from __future__ import annotations

import math
import shlex
import sys
from collections.abc import Iterable, Sequence
from datetime import UTC, datetime
from pathlib import Path

from homespun import __version__
from homespun.records import Row, Verdict
from homespun.report.select_view import Column, Group, RuleDone, SelectData, Shown, build
from homespun.select.audit import SetReport, set_report
from homespun.select.files.outcome import Outcome, Request

EXAMPLES = 6
PROBLEMS = 50
FILES = 40


def write_page(out: Path, outcome: Outcome, request: Request) -> None:
    """Write the page about a selection."""
    build(gather(outcome, request), out)


def gather(outcome: Outcome, request: Request) -> SelectData:
    """Return everything the page shows."""
    rows, last = outcome.intake.rows, outcome.last
    kept = [row.id for row in rows if row.id not in outcome.dropped]
    verdicts = [last.get(row.id) or Verdict(row.id, True, "no rule") for row in rows]
    rules = [step.rule for step in outcome.steps]
    report = set_report(rows, kept, outcome.columns, verdicts, rules=rules, seed=request.seed, examples=0)
    alone = {count.rule: count.alone for count in report.rules}
    problems = outcome.intake.unreadable
    return SelectData(
        title=", ".join(path.name or str(path) for path in request.files[:3]) + (" ..." if request.files[3:] else ""),
        files=[part.name for part in outcome.intake.parts[:FILES]],
        language=outcome.language,
        created=datetime.now(UTC).isoformat(timespec="seconds"),
        command=shlex.join(["homespun", *sys.argv[1:]]),
        read=len(rows) + len(problems),
        unreadable=len(problems),
        kept=len(kept),
        rules=[RuleDone(str(s.rule), s.dropped, s.unscored, alone.get(str(s.rule))) for s in outcome.steps],
        nearest=_nearest(outcome),
        pairs=_pairs(outcome),
        diversity=_diversity(report),
        diversity_note=(
            f"Over {report.before.rows:,} rows drawn from all and {report.after.rows:,} from what is kept, so that size"
            " does not decide. Higher distinct-n, lower self-BLEU and lower compression mean more varied."
        ),
        columns=_columns(outcome, set(kept), verdicts),
        correlations=(report.columns, report.spearman),
        problems=[str(problem) for problem in problems[:PROBLEMS]],
        settings={
            "text": ", ".join(request.fields),
            "language": outcome.language,
            "seed": str(request.seed),
            "version": __version__,
        },
        warnings=report.warnings,
    )


def _shown(verdicts: Iterable[Verdict], texts: dict[str, str]) -> list[Shown]:
    return [
        Shown(
            verdict.row_id,
            texts[verdict.row_id],
            verdict.keep,
            verdict.reason,
            verdict.duplicate_of or "",
            texts.get(verdict.duplicate_of or "", ""),
        )
        for verdict in verdicts
    ]


def _texts(rows: Sequence[Row], verdicts: Iterable[Verdict]) -> dict[str, str]:
    """Return the texts of the rows that verdicts name, and no others."""
    named = {name for verdict in verdicts for name in (verdict.row_id, verdict.duplicate_of)}
    return {row.id: row.text for row in rows if row.id in named}


def _nearest(outcome: Outcome) -> list[Group]:
    edges = [edge for step in outcome.steps for edge in step.nearest]
    texts = _texts(outcome.intake.rows, [v for edge in edges for v in (*edge.kept, *edge.dropped)])
    return [Group(edge.rule, _shown((*edge.kept[:3], *edge.dropped[:3]), texts)) for edge in edges]


def _pairs(outcome: Outcome) -> list[Group]:
    found: dict[str, list[Verdict]] = {}
    totals: dict[str, int] = {}
    for verdict in outcome.dropped.values():
        if verdict.duplicate_of is not None:
            totals[verdict.rule] = totals.get(verdict.rule, 0) + 1
            some = found.setdefault(verdict.rule, [])
            if len(some) < EXAMPLES:
                some.append(verdict)
    texts = _texts(outcome.intake.rows, [verdict for some in found.values() for verdict in some])
    return [Group(rule, _shown(some, texts), totals[rule]) for rule, some in found.items()]


def _diversity(report: SetReport) -> list[tuple[str, float, float]]:
    names = {
        "mean length": "mean_length",
        "distinct-1": "distinct_1",
        "distinct-2": "distinct_2",
        "self-BLEU-4": "self_bleu_4",
        "compression ratio": "compression",
    }
    return [(name, getattr(report.before, of), getattr(report.after, of)) for name, of in names.items()]


def _columns(outcome: Outcome, kept: set[str], verdicts: Sequence[Verdict]) -> list[Column]:
    """Return each column of numbers, and the score of each rule that makes its own (ROUGE-L, cosine)."""
    rows, columns = outcome.intake.rows, outcome.columns
    flags = [row.id in kept for row in rows]
    cuts: dict[str, set[float]] = {}
    for step in outcome.steps:
        for by in step.rule.needs():
            near = (verdict for edge in step.nearest for verdict in (*edge.kept, *edge.dropped))
            cuts.setdefault(by, set()).update(v.threshold for v in near if v.threshold is not None)
    found = []
    for name, scores in columns.scores.items():
        for column, values in scores.columns.items():
            if getattr(values, "ndim", 1) != 1 or any(isinstance(value, str) for value in values):
                continue
            by = name if len(scores.columns) == 1 else f"{name}.{column}"
            at = cuts.get(by) or (cuts.get(name, set()) if column == scores.primary else set())
            found.append(Column(by, columns.numbers(by, rows), flags, sorted(at)))
    own = {verdict.rule for verdict in verdicts if verdict.duplicate_of is not None and verdict.score is not None}
    for rule in sorted(own):
        numbers = [math.nan if v.rule != rule or v.score is None else v.score for v in verdicts]
        at = {v.threshold for v in verdicts if v.rule == rule and v.threshold is not None}
        found.append(Column(rule, numbers, flags, sorted(at)))
    return found
