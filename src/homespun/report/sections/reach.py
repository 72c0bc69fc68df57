"""What each arm needed to reach the thresholds of the recommendation, in exposures and in training tokens."""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from homespun.report.format import amount, percent
from homespun.report.page import Section
from homespun.report.sections.curves import curves_of
from homespun.run.readback import RunData


@dataclass(frozen=True, slots=True)
class Need:
    """What one arm needed to reach the threshold, in exposures or tokens."""

    text: str
    width: float
    low: float
    high: float
    saving: str


def view(run: RunData) -> Mapping[str, Any] | str | None:
    """Return what every arm needed to reach the threshold, and a table for all of them."""
    curves = curves_of(run)
    if curves is None:
        return None
    table, threshold = curves.advice.get("reach"), curves.advice.get("threshold")
    if not table:
        return "The run has no thresholds."
    arms = [arm for arm in curves.curves if arm in next(iter(table.values()))]
    most = {by: max(p[by] for arm in arms for p in curves.curves[arm]) for by in ("exposures", "tokens")}
    base = curves.advice.get("base")

    def saved(value: float | None) -> str:
        if value is None:
            return ""
        return f"{percent(abs(value), 1)} {'fewer' if value >= 0 else 'more'}"

    def need(row: Mapping[str, Any], by: str) -> Need:
        at, low, high = row[by], row[f"{by}_low"], row[f"{by}_high"]
        if at is None:
            return Need("not reached", 0, 0, 0, "")
        ends = [round(100 * min(1.0, end / most[by]), 2) for end in (at, at if low is None else low)]
        last = 100.0 if high is None else round(100 * min(1.0, high / most[by]), 2)
        return Need(amount(at), ends[0], ends[1], last, saved(row[f"{by}_saving"]))

    def cells(arm: str) -> list[tuple[str, str]]:
        needed = [(rows[arm], by) for rows in table.values() for by in ("exposures", "tokens")]
        return [(amount(row[by]), saved(row[f"{by}_saving"])) for row, by in needed]

    rows: Mapping[str, Any] = table.get(f"{threshold:g}", {}) if threshold is not None else {}
    return {
        "threshold": percent(threshold, 1) if threshold is not None else "",
        "base": base or "",
        "rows": [
            (arm, [need(rows[arm], by) for by in ("exposures", "tokens")])
            for arm in sorted(rows, key=lambda arm: rows[arm]["exposures"] or math.inf)
        ],
        "heads": [f"{by} to {percent(float(key), 1)}" for key in table for by in ("exposures", "tokens")],
        "table": [(arm, cells(arm)) for arm in arms],
    }


REACH = Section("Exposures and tokens needed", "reach.html", view, "curves.css")
