"""The page about a selection: what it says, that it escapes, and that a browser shows it whole."""

from __future__ import annotations

import math
import shutil
from dataclasses import replace
from pathlib import Path

import pytest

from homespun.errors import StoreError
from homespun.report.select_view import Column, Group, RuleDone, SelectData, Shown, build, render

CHROMIUM = shutil.which("chromium")
ROW = Shown(
    "rows.jsonl:2", "a row\u202e <i>text</i> " + "long " * 400, False, "ROUGE-L 0.8 is above", "rows.jsonl:1", "a"
)
DATA = SelectData(
    title="rows.jsonl",
    files=["rows.jsonl"],
    language="en",
    created="2026-03-01T14:05:00+00:00",
    command="homespun select rows.jsonl --rouge-l 0.7",
    read=10,
    unreadable=1,
    kept=6,
    rules=[RuleDone("rouge_l 0.7", 2, 0, 2), RuleDone("top q 0.8", 1, 1, None)],
    nearest=[Group("rouge_l 0.7", [ROW])],
    pairs=[Group("rouge_l 0.7", [ROW], 2)],
    diversity=[("distinct-2", 0.5, math.nan)],
    diversity_note="Over 6 rows.",
    columns=[Column("q", [0.1, 0.9, math.nan], [False, True, False], [0.5])],
    correlations=(["q", "r"], [[1.0, -0.8], [-0.8, 1.0]]),
    problems=["rows.jsonl:7: not a JSON object"],
    warnings=["q and r: these two filters do the same thing"],
)


def test_it_says_what_happened():
    page = render(DATA)
    assert "6 of 10 records are kept" in page
    for text in (
        "2 by rouge_l 0.7",
        "1 could not be used",
        "rows.jsonl:7: not a JSON object",
        "\u22120.80",
        "do the same",
    ):
        assert text in page
    assert "<i>text" not in page
    assert "⟨U+202E⟩" in page
    assert "characters in all" in page
    assert page == render(DATA)


def test_what_is_not_there_is_said():
    page = render(replace(DATA, nearest=[], pairs=[], columns=[], correlations=([], []), problems=[], unreadable=0))
    for text in ("No rule here has a threshold", "No rule here reads a score", "Every record could be used"):
        assert text in page


def test_it_is_written_whole_or_not_at_all(tmp_path: Path):
    (tmp_path / "file").write_text("x")
    with pytest.raises(StoreError, match="cannot write"):
        build(DATA, tmp_path / "file" / "page.html")
    build(DATA, tmp_path / "new" / "page.html")
    assert [path.name for path in (tmp_path / "new").iterdir()] == ["page.html"]


@pytest.mark.skipif(CHROMIUM is None, reason="needs Debian's chromium")
def test_a_browser_shows_it_whole(tmp_path: Path):
    playwright = pytest.importorskip("playwright.sync_api")
    build(DATA, tmp_path / "page.html")
    with playwright.sync_playwright() as driver:
        browser = driver.chromium.launch(executable_path=CHROMIUM, args=["--no-sandbox"])
        for width in (360, 1280):
            page = browser.new_page(viewport={"width": width, "height": 800})
            asked: list[str] = []
            page.on("request", lambda request, asked=asked: asked.append(request.url))
            page.goto((tmp_path / "page.html").as_uri())
            assert page.evaluate("document.documentElement.scrollWidth") <= width
            assert len(asked) == 1
            assert page.evaluate("document.scripts.length") == 0
        browser.close()
