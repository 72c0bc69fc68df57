"""The page about a selection, as the command writes it: what it says, that it escapes, what is not there."""

from __future__ import annotations

from pathlib import Path

import sample
import test_page

RULES = ("--exact", "--rouge-l", "0.7", "--top", "q:0.9", "--bottom", "r:0.9")


def test_it_says_what_happened_and_runs_nothing(tmp_path: Path) -> None:
    page = sample.selection(tmp_path, *RULES)
    assert [path.name for path in (tmp_path / "new").iterdir()] == ["page.html"]
    test_page.test_page_is_self_contained(page)
    test_page.test_graphics_and_tables_say_what_they_are(page)
    found = test_page.Page(page)
    assert found.within("h1")[0].endswith("of 21 records are kept")
    for said in ("− 1 could not be used", "Read with care", "q and r: these two filters do the same thing"):
        assert said in found.text
    assert "rows.jsonl:21: not a JSON object" in found.text and "characters in all)" in found.text
    assert sample.SCRIPT in found.text and f"⟨U+{ord(sample.BIDI[4]):04X}⟩" not in found.text
    assert "−1.00" in found.within("td") and "rows.jsonl:1 · what it repeats" in found.text
    sections = [attrs["id"] for tag, attrs in found.elements if tag == "section"]
    assert sections == ["funnel", "rules", "near", "pairs", "diversity", "scores", "correlation", "unreadable", "made"]


def test_what_is_not_there_is_said(tmp_path: Path) -> None:
    page = sample.selection(tmp_path, "--random", "0.5")
    for said in ("No rule here has a threshold.", "No rule here drops a row for another one."):
        assert said in page
