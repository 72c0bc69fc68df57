"""What each arm kept and dropped of every score, and how alike the scores rank the rows."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from homespun.report.page import Section
from homespun.report.parts import correlations, panel
from homespun.run.readback import RunData
from homespun.select.audit import square

PANELS = 6  #: histograms on the page; the rest stands folded
PANELS_FOLDED = 18
#: what a page with one selection alone has no use for
NOTE = " ✓ marks a score that the arm selects by; under the others one sees what that choice brings along."


def used_by(run: RunData) -> dict[str, list[str]]:
    """Return score -> arms that select by it, of the scores that are numbers."""
    primary = {scores.name: scores.primary for scores in run.scores}
    needs = {arm: {by for rule in run.recipe.arms[arm].select for by in rule.needs()} for arm in run.selecting}
    names = [(name, *name.split(".", 1)) for name in run.numbers]
    return {
        name: [arm for arm, by in needs.items() if name in by or (scorer in by and column == primary[scorer])]
        for name, scorer, column in names
    }


def view(run: RunData) -> Mapping[str, Any] | str:
    """Return the histograms to show, those to fold away, and how many were left out.

    Scores that an arm selects by come first. Arms that keep every row have nothing to compare and get none.
    """
    used = used_by(run)
    kept = {arm: {key for key, verdict in run.verdicts[arm].items() if verdict.keep} for arm in run.selecting}
    flags = {arm: [key in ids for key in run.scored] for arm, ids in kept.items()}
    pairs = [(column, arm) for column in run.numbers for arm, keeps in flags.items() if not all(keeps)]
    pairs.sort(key=lambda pair: pair[1] not in used[pair[0]])
    panels = []
    for column, arm in pairs[: PANELS + PANELS_FOLDED]:
        by = arm in used[column]
        cuts = {v.threshold for v in run.verdicts[arm].values() if v.threshold is not None} if by else ()
        panels.append(panel(column, run.numbers[column], flags[arm], sorted(cuts), arm, by))
    found = [one for one in panels if one is not None]
    if not found:
        return "No distributions: no selecting arm has scores yet."
    left_out = max(0, len(pairs) - PANELS - PANELS_FOLDED)
    return {"note": NOTE, "panels": found[:PANELS], "more": found[PANELS:], "left_out": left_out}


def view_correlation(run: RunData) -> Mapping[str, Any] | str:
    """Return the rank correlations of all scores."""
    over = "the accepted rows: near 1, two scores choose the same rows; near 0, they see different things"
    return correlations(list(run.numbers), square(list(run.numbers.values())), over)


SCORES = Section("Scores, kept and dropped", "scores.html", view)
CORRELATION = Section("Agreement between scores", "correlation.html", view_correlation)
