"""The page of a run: sections in order, written as one self-contained HTML file.

A section says in its own file whether it is there and what it shows; nothing here knows one by name. No script,
no font, no request: a content security policy in the page forbids all three, so the file opens offline and a text
that a model wrote can do nothing in it. Every value passes `visible` and Jinja's autoescape; the only text inserted
as it is, are style sheets. Equal data gives equal bytes.
"""

from __future__ import annotations

import os
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from typing import Any, Generic, TypeVar

from jinja2 import Environment, FileSystemLoader, StrictUndefined
from markupsafe import Markup

from homespun.data.store import Store, disk_errors, file_hash
from homespun.errors import UsageError
from homespun.recipe.recipe import Recipe
from homespun.registry import find_any, kinds
from homespun.report.format import day_and_time, plain, tied, visible
from homespun.run.readback import RunData, open_run
from homespun.run.stages import PAGE, SUMMARY

HERE = Path(__file__).parent
MARKS = {"helped": "▲", "hurt": "▼", "no difference that matters": "=", "no evidence": "○", "no verdict": "·"}
T = TypeVar("T")


@dataclass(frozen=True)
class Section(Generic[T]):
    """One section of a page about a T (a run: RunData).

    `view` returns what the template needs, a sentence where there is nothing to show yet, or None where the page has
    no such section. Its keys `headline`, `lede` and `terms` go to the head of the page, from the first section that
    has them; `title` replaces the section's.
    """

    title: str
    template: str  #: of Jinja, with the macros of macros.html as `draw`; or a file of report/sections
    view: Callable[[T], Mapping[str, Any] | str | None]
    css: str = ""  #: a style sheet; or a file of report/sections


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
    found.filters |= {"when": day_and_time, "plain": plain, "tied": tied}
    found.globals["marks"] = MARKS
    found.globals["draw"] = found.get_template("macros.html").module
    return found


def compose(
    subject: T, sections: Mapping[str, Section[T]], *, name: str, created: str, language: str, about: str, source: str
) -> str:
    """Return a page's HTML; lone surrogates and other invisible characters arrive written out, so it always encodes.

    Args:
        subject: what the page is about.
        sections: by id, in order.
        name: of the subject.
        created: ISO 8601 time.
        language: of its texts.
        about: what kind of page it is, for the window's title.
        source: what the page was made from, for its foot.
    """
    head: dict[str, Any] = {"headline": name, "lede": None, "terms": {}}
    drawn, sheets, views = [], {"page.css": None}, []
    for key, section in sections.items():
        view = section.view(subject)
        if view is None:
            continue
        if isinstance(view, str):
            view, text = {"said": view}, "{{ draw.missing(said) }}"
        else:
            text = _text(section.template, ".html")
        body = environment().from_string(text).render({**view, "language": language})
        drawn.append((key, view.get("title", section.title), Markup(body)))
        sheets[section.css] = None
        views.append(view)
    for view in reversed(views):
        head |= {key: view[key] for key in head if key in view}
    css = Markup("".join(_text(sheet, ".css") for sheet in sheets))
    page = {"name": name, "created": created, "language": language, "about": about, "source": source}
    return environment().get_template("page.html").render(page, **head, css=css, sections=drawn)


def _text(named: str, suffix: str) -> str:
    if not named.endswith(suffix):
        return named
    folder = HERE if named == "page.css" else HERE / "sections"
    return (folder / named).read_text(encoding="utf-8")


def run_sections() -> dict[str, Section[RunData]]:
    """Return the sections of the page of a run in order, those of plug-ins last.

    Raises:
        UsageError: a plug-in does not load or is no section.
    """
    found = {key: find_any("section", key) for key in kinds("section")}
    for key, section in found.items():
        if not isinstance(section, Section):
            raise UsageError(f'the plug-in for section "{key}" ({kinds("section")[key]}) is no Section')
    return found


def render(run: RunData) -> str:
    """Return the HTML of the page of a run."""
    recipe = run.recipe
    return compose(
        run,
        run_sections(),
        name=recipe.name,
        created=run.started,
        language=recipe.language,
        about="report",
        source=" from the run’s own files",
    )


def write(store: Store, recipe: Recipe) -> Path:
    """Write report/index.html and return its path."""
    store.write_text(PAGE, render(RunData.read(store, recipe)))
    return store.path(PAGE)


def rewrite(folder: Path) -> Path:
    """Write the report of a run again and return its path."""
    store, recipe = open_run(folder)
    path = write(store, recipe)
    marker = store.marker(SUMMARY) or {"outputs": {}}
    if PAGE in marker["outputs"]:  # a page from another place or version differs and is no less whole
        store.write_json(f"done/{SUMMARY}.json", {**marker, "outputs": {**marker["outputs"], PAGE: file_hash(path)}})
    return path


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
