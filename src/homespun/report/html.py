"""Write the run as one self-contained HTML file.

No script, no font, no request: a content security policy in the page forbids all three, so the file opens
offline and a text that a model wrote can do nothing in it. Every value passes `visible` and Jinja's
autoescape; the only text inserted as it is, is this package's own style sheet. Equal data gives equal bytes.
"""

from __future__ import annotations

import os
from functools import cache
from pathlib import Path

from jinja2 import Environment, FileSystemLoader, StrictUndefined
from markupsafe import Markup

from homespun.report import data_view, knowledge_view, results_view, run_view
from homespun.report.data import ReportData
from homespun.report.format import day_and_time, plain, tied, visible
from homespun.report.verdict_view import MARKS, headline, view_verdicts
from homespun.store import disk_errors

HERE = Path(__file__).parent
SECTIONS = {
    "verdicts": "Did it help?",
    "comparison": "Comparison",
    "numbers": "Numbers",
    "funnel": "From asked to kept",
    "scores": "Scores, kept and dropped",
    "correlation": "Agreement between scores",
    "training": "Training loss",
    "rows": "Rows to read",
    "coverage": "Coverage",
    "time": "Time and tokens",
    "made": "How it was made",
    "use": "Use the result",
}
#: Sections of a run on documents: they stand first, and only there.
EXPOSURE_SECTIONS = {
    "recommendation": "What to do",
    "exposure": "Knowledge by exposure",
    "reach": "Exposures and tokens needed",
    "variants": "How many variants",
    "loss": "Training loss by exposure",
    "kinds": "By category and kind of question",
    "forgetting": "Before and after",
}


def sections_of(curves: knowledge_view.KnowledgeView | None) -> dict[str, str]:
    """Return id -> title of the sections of a page, in order."""
    if curves is None:
        return SECTIONS
    there = {
        "recommendation": curves.recommendation,
        "variants": curves.variants,
        "loss": curves.losses,
        "kinds": curves.kinds,
        "forgetting": curves.forgetting,
    }
    found = {name: title for name, title in EXPOSURE_SECTIONS.items() if there.get(name, True)}
    return {**found, **SECTIONS, "verdicts": "Did selecting help?"}


@cache
def environment() -> Environment:
    """Return the templates' environment: escaped, strict, invisible characters written out."""
    found = Environment(
        loader=FileSystemLoader(HERE),
        autoescape=True,
        undefined=StrictUndefined,
        finalize=visible,
        trim_blocks=True,
        lstrip_blocks=True,
    )
    found.filters["when"] = day_and_time
    found.filters["plain"] = plain
    found.filters["tied"] = tied
    return found


def render(data: ReportData) -> str:
    """Return the page's HTML.

    Lone surrogates and other invisible characters arrive written out, so the text always encodes.
    """
    results = results_view.view_results(data)
    verdicts = view_verdicts(data)
    panels, more_panels, panels_left_out = data_view.view_scores(data)
    names, square = data_view.view_correlations(data)
    stages, time, tokens = run_view.view_stages(data)
    shared, own = run_view.view_settings(data)
    curves = knowledge_view.view_knowledge(data)
    sheets = ("page.css", "curves.css") if curves else ("page.css",)
    return (
        environment()
        .get_template("page.html")
        .render(
            data=data,
            css=Markup("".join((HERE / name).read_text(encoding="utf-8") for name in sheets)),
            sections=sections_of(curves),
            curves=curves,
            marks=MARKS,
            headline=headline(data, verdicts),
            verdicts=verdicts,
            results=results,
            funnels=data_view.view_funnels(data),
            arm_bars=data_view.view_arms(data),
            panels=panels,
            more_panels=more_panels,
            panels_left_out=panels_left_out,
            rho_names=names,
            rho=square,
            losses=run_view.view_losses(data),
            shared_settings=shared,
            own_settings=own,
            groups=data_view.view_rows(data),
            coverage=data_view.view_coverage(data),
            stages=stages,
            time=time,
            tokens=tokens,
            manifest=run_view.view_manifest(data),
        )
    )


def write_page(page: str, out: Path) -> None:
    """Write a page to `out`, whole or not at all, making its folder.

    Raises:
        StoreError: the file cannot be written; an older page is then still there.
    """
    with disk_errors(out):
        out.parent.mkdir(parents=True, exist_ok=True)
        part = out.with_name(out.name + ".part")
        part.write_bytes(page.encode("utf-8"))
        os.replace(part, out)
