"""General ability before and after training on documents, as the recommendation tells it."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from homespun.report.charts import Axis, axis_of_shares
from homespun.report.format import change_interval, change_of, metric_name, percent, value_of
from homespun.report.page import Section
from homespun.run.readback import RunData


def view(run: RunData) -> Mapping[str, Any] | None:
    """Return every arm on every general evaluation; None where the recommendation tells of none."""
    groups: dict[tuple[str, str], list[Mapping[str, Any]]] = {}
    for entry in run.results.get("recommendation", {}).get("forgetting", ()):
        groups.setdefault((entry["evaluation"], entry["metric"]), []).append(entry)
    found = []
    for (name, metric), entries in groups.items():
        values = [v for e in entries for v in (e["before"], *(e["after"][key] or e["before"] for key in e["after"]))]
        axis = axis_of_shares(values)
        found.append(
            {
                "evaluation": name,
                "metric": metric_name(metric),
                "before": value_of(metric, entries[0]["before"]),
                "ticks": [(axis.at(tick), percent(tick, 1)) for tick in axis.ticks],
                "arms": [_before_after(entry, metric, axis) for entry in entries],
            }
        )
    return {"evaluations": found} if found else None


def _before_after(entry: Mapping[str, Any], metric: str, axis: Axis) -> Mapping[str, Any]:
    after, change = entry["after"], entry["change"] or {}
    ends = [after["mean"] if after[key] is None else after[key] for key in ("low", "high")]
    return {
        "arm": entry["arm"],
        "before": axis.at(entry["before"]),
        "low": axis.at(ends[0]),
        "middle": axis.at(after["mean"]),
        "high": axis.at(ends[1]),
        "after": value_of(metric, after["mean"]),
        "change": change_of(metric, change.get("difference", after["mean"] - entry["before"])),
        "interval": change_interval(metric, change),
        "verdict": change.get("verdict", ""),
        "bits": f"{bits['before']:.2f} → {bits['after']:.2f}" if (bits := entry.get("bits")) else "",
    }


FORGETTING = Section("Before and after", "forgetting.html", view, "curves.css")
