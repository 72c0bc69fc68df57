"""The page about a finished selection, of the same parts as that of a run; it reads what was decided, decides nothing.

Examples are the rows nearest to each rule's threshold and the first that each rule dropped for repeating
another, so equal input gives an equal page. Texts are cut to what a person reads, and every cut says so.
"""

from __future__ import annotations

import math
import shlex
import sys
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from homespun import __version__
from homespun.data.records import Verdict
from homespun.report.format import plain, shortened
from homespun.report.page import Section, compose, write_page
from homespun.report.parts import Card, Group, bar, correlations, panel
from homespun.select.audit import SetReport, numeric, set_report
from homespun.select.files.outcome import Outcome, Request

EXAMPLES = 6
NEAREST = 3  #: on each side of a threshold
PROBLEMS = 50
FILES = 40
PANELS = 12
TEXT = 600  #: characters of a text


@dataclass(frozen=True, slots=True)
class Selected:
    """A finished selection with its audit."""

    outcome: Outcome
    request: Request
    verdicts: Sequence[Verdict]  #: one per row
    audit: SetReport
    created: str


def write(out: Path, outcome: Outcome, request: Request) -> None:
    """Write the page about a selection, whole or not at all.

    Raises:
        StoreError: the file cannot be written; an older page is then still there.
    """
    rows = outcome.intake.rows
    kept = [row.id for row in rows if row.id not in outcome.dropped]
    verdicts = [outcome.last.get(row.id) or Verdict(row.id, True, "no rule") for row in rows]
    rules = [step.rule for step in outcome.steps]
    audit = set_report(rows, kept, outcome.columns, verdicts, rules=rules, seed=request.seed, examples=0)
    created = datetime.now(UTC).isoformat(timespec="seconds")
    write_page(render(Selected(outcome, request, verdicts, audit, created)), out)


def render(found: Selected) -> str:
    """Return the page's HTML."""
    files = found.request.files
    name = ", ".join(path.name or str(path) for path in files[:3]) + (" ..." if files[3:] else "")
    language = found.outcome.language
    return compose(found, SECTIONS, name=name, created=found.created, language=language, about="selection", source="")


def _funnel(found: Selected) -> Mapping[str, Any]:
    """Return the bars: read, then what is left after each loss."""
    outcome, unreadable = found.outcome, len(found.outcome.intake.unreadable)
    read = left = found.audit.rows + unreadable
    losses = [("read", 0, "")] + ([("usable", unreadable, "could not be used")] if unreadable else [])
    losses += [(f"after {step.rule}", step.dropped, f"by {step.rule}") for step in outcome.steps]
    bars = []
    for place, (name, lost, why) in enumerate(losses, 1):
        left -= lost
        said = [f"− {lost:,} {why}"] if why else []
        bars.append(bar(name, left, read, said, "accent" if place == len(losses) else ""))
    return {
        "headline": f"{found.audit.kept:,} of {read:,} records are kept",
        "care": found.audit.warnings,
        "funnels": [{"name": "", "steps": bars, "reasons": (), "groups": ()}],
        "arms": None,
    }


def _rules(found: Selected) -> Mapping[str, Any]:
    alone = {count.rule: count.alone for count in found.audit.rules}
    rows = [
        (rule, [f"{step.dropped:,}", f"{step.unscored:,}", plain(alone.get(rule))])
        for step in found.outcome.steps
        for rule in [str(step.rule)]
    ]
    said = "In order; each rule sees what the earlier ones kept. “By itself” is what it drops of all usable rows."
    return {"heads": ["rule", "dropped", "without a score", "by itself"], "rows": rows, "caption": said}


def _group(found: Selected, rule: str, verdicts: Iterable[Verdict], total: int = 0) -> Group:
    named = list(verdicts)
    ids = {name for verdict in named for name in (verdict.row_id, verdict.duplicate_of)}
    texts = {row.id: shortened(row.text, TEXT) for row in found.outcome.intake.rows if row.id in ids}
    cards = []
    for verdict in named:
        fields = [(f"{verdict.row_id} · {'kept' if verdict.keep else 'dropped'}", texts[verdict.row_id])]
        if other := verdict.duplicate_of:
            fields.append((f"{other} · what it repeats", texts.get(other, "")))
        cards.append(Card("", fields, verdict.reason, turned_away=not verdict.keep))
    return Group(rule, "", cards, total)


def _near(found: Selected) -> Mapping[str, Any] | str:
    edges = [edge for step in found.outcome.steps for edge in step.nearest]
    shown = [(edge.rule, [*edge.kept[:NEAREST], *edge.dropped[:NEAREST]]) for edge in edges]
    groups = [_group(found, rule, verdicts) for rule, verdicts in shown]
    return {"groups": groups, "folded": False} if groups else "No rule here has a threshold."


def _pairs(found: Selected) -> Mapping[str, Any] | str:
    by_rule: dict[str, list[Verdict]] = {}
    for verdict in found.outcome.dropped.values():
        if verdict.duplicate_of is not None:
            by_rule.setdefault(verdict.rule, []).append(verdict)
    groups = [_group(found, rule, dropped[:EXAMPLES], len(dropped)) for rule, dropped in by_rule.items()]
    return {"groups": groups, "folded": False} if groups else "No rule here drops a row for another one."


def _diversity(found: Selected) -> Mapping[str, Any]:
    before, after = found.audit.before, found.audit.after
    said = (
        f"Over {before.rows:,} rows drawn from all and {after.rows:,} from what is kept, so that size does not decide."
        " Higher distinct-n, lower self-BLEU and lower compression mean more varied."
    )
    rows = [(name, [plain(value), plain(after.named[name])]) for name, value in before.named.items()]
    return {"heads": ["measure", "before", "after"], "rows": rows, "caption": said}


def _scores(found: Selected) -> Mapping[str, Any] | str:
    """Return a panel of each column of numbers, and of the score of each rule that makes its own (ROUGE-L, cosine)."""
    outcome, verdicts = found.outcome, found.verdicts
    flags = [verdict.row_id not in outcome.dropped for verdict in verdicts]
    cuts: dict[str, set[float]] = {}
    for step in outcome.steps:
        near = [verdict for edge in step.nearest for verdict in (*edge.kept, *edge.dropped)]
        for by in step.rule.needs():
            cuts.setdefault(by, set()).update(v.threshold for v in near if v.threshold is not None)
    panels = []
    for by, scorer, primary in numeric(outcome.columns):
        at = cuts.get(by) or (cuts.get(scorer, set()) if primary else set())
        panels.append(panel(by, outcome.columns.numbers(by, outcome.intake.rows), flags, sorted(at)))
    for rule in sorted({v.rule for v in verdicts if v.duplicate_of is not None and v.score is not None}):
        numbers = [math.nan if v.rule != rule or v.score is None else v.score for v in verdicts]
        panels.append(
            panel(
                rule,
                numbers,
                flags,
                sorted({v.threshold for v in verdicts if v.rule == rule and v.threshold is not None}),
            )
        )
    shown = [one for one in panels[:PANELS] if one is not None]
    return {"note": "", "panels": shown, "more": (), "left_out": 0} if shown else "No rule here reads a score."


def _correlation(found: Selected) -> Mapping[str, Any] | str:
    over = "all usable rows: near 1, two scores choose the same rows"
    return correlations(found.audit.columns, found.audit.spearman, over)


def _unreadable(found: Selected) -> Mapping[str, Any] | str:
    problems = found.outcome.intake.unreadable
    shown = [str(problem) for problem in problems[:PROBLEMS]]
    said = f"{len(shown)} of {len(problems):,}; all are in the verdicts."
    return {"said": said, "problems": shown} if problems else "Every record could be used."


def _made(found: Selected) -> Mapping[str, Any]:
    settings = {
        "text": ", ".join(found.request.fields),
        "language": found.outcome.language,
        "seed": str(found.request.seed),
        "version": __version__,
    }
    files = [("" if place else "read", [part.name]) for place, part in enumerate(found.outcome.intake.parts[:FILES])]
    tables = [("settings", [*((name, [value]) for name, value in settings.items()), *files])]
    command = shlex.join(["homespun", *sys.argv[1:]])
    return {"command": command, "recipe_yaml": "", "tables": tables, "tables_title": "Settings and files"}


TABLE = "{{ draw.table(heads, rows, caption) }}"
LISTED = """\
<p class="small muted">{{ said }}</p>
<ul class="said">{% for text in problems %}<li><code>{{ text }}</code></li>{% endfor %}</ul>
"""
SECTIONS = {
    "funnel": Section("From read to kept", "funnel.html", _funnel),
    "rules": Section("What each rule removed", TABLE, _rules),
    "near": Section("Nearest to each threshold", "rows.html", _near),
    "pairs": Section("Dropped rows beside what they repeat", "rows.html", _pairs),
    "diversity": Section("Diversity, before and after", TABLE, _diversity),
    "scores": Section("Scores, kept and dropped", "scores.html", _scores),
    "correlation": Section("Agreement between scores", "correlation.html", _correlation),
    "unreadable": Section("Records that could not be used", LISTED, _unreadable),
    "made": Section("How it was made", "made.html", _made),
}
