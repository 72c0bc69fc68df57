"""Build the report page (skeleton)."""

from __future__ import annotations

from pathlib import Path

from homespun.report.data import ReportData


def build_report(data: ReportData, out: Path) -> None:
    """Write the page."""
    out.parent.mkdir(parents=True, exist_ok=True)
    out.write_text(f"<!doctype html><title>{data.name.replace('<', '&lt;')}</title>", encoding="utf-8")
