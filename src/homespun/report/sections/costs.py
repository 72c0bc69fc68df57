"""What every stage took: time, work, tokens."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from homespun.report.format import MISSING, duration, plain
from homespun.report.page import Section
from homespun.run.readback import RunData
from homespun.run.stages import BASELINE, FEW_SHOT

#: kind of a stage -> how it is said, in the order of a run
STAGES = {"pool": "write", "scores": "score", "models": "train", "ungraded": "ask", "results": "evaluate"}
#: part of a stage's name -> how it is said, one after the other
MARKS = {
    "@": ", replicate ",
    f"{FEW_SHOT}/": "untrained, few-shot/",
    "/seed-": ", seed ",
    f"{BASELINE}/": "untrained, ",
}


def view(run: RunData) -> Mapping[str, Any] | str:
    """Return the stages, the time of all and the tokens of all."""
    entries = run.results.get("usage", {}).get("stages", {})
    if not entries:
        return "No stage has finished."
    resumed = set(run.manifest.get("resumed", ()))
    order = list(STAGES)
    names = sorted(entries, key=lambda name: order.index(name.partition("/")[0]))
    whole = sum(entry["seconds"] for entry in entries.values())
    tokens = sum(entry.get("tokens", 0) for entry in entries.values())
    return {
        "stages": [_stage(name, entries[name], whole, name in resumed) for name in names],
        "time": duration(whole),
        "tokens": f"{tokens:,}" if tokens else MISSING,
        "resumed": bool(resumed & entries.keys()),
    }


def _stage(name: str, entry: Mapping[str, Any], whole: float, resumed: bool) -> Mapping[str, Any]:
    kind, _, rest = name.partition("/")
    for mark, said in MARKS.items():
        rest = rest.replace(mark, said)
    seconds, tokens = entry["seconds"], entry.get("tokens", 0)
    units, unit = entry.get("units", 0), entry.get("unit", "rows")
    return {
        "name": f"{STAGES[kind]} {rest}",
        "width": round(100 * seconds / whole, 2) if whole else 0.0,  # percent of the whole time
        "time": duration(seconds),
        "work": f"{units:,} {unit}" if units else MISSING,
        "rate": f"{plain(float(f'{units / seconds:.3g}'))} {unit}/s" if units and seconds else MISSING,
        "tokens": f"{tokens:,}" if tokens else MISSING,
        "speed": plain(round(tokens / seconds)) if tokens and seconds else MISSING,
        "resumed": resumed,
    }


COSTS = Section("Time and tokens", "costs.html", view)
