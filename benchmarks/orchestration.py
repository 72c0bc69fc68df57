"""What it costs to have a server answer a file of prompts: Homespun beside its peers and a bare client.

Whole commands are measured, from the start of the process to its end with the answers on disk: imports, checks,
requests, what is stored. Everybody does the same job (benchmarks/peers) against the fault server of the tests,
which runs on a core of its own and is the witness of what was sent. Each case is run `--repeats` times,
the contestants in turn and in another order each time; the median counts. Every contestant runs once
unmeasured before. Printed as Markdown; docs/orchestration.md explains it. Needs Linux, taskset and two cores.

    python benchmarks/orchestration.py [--repeats 3] [--cases one,zero] [--contestants bare,curator]
"""

from __future__ import annotations

import argparse
import json
import math
import os
import platform
import random
import statistics
from collections.abc import Callable, Sequence
from dataclasses import asdict
from pathlib import Path

from peers.contestants import CONTESTANTS, QUIET, ROOT, prepare, token_table, version
from peers.measure import Case, Plan, Run, Track

TEN_FOLD = math.log(10) / statistics.NormalDist().inv_cdf(0.99)  #: sigma with which p99 is ten times the median
CASES = {
    "one": Case("one row", 1, Plan()),
    "zero": Case("2,000 rows, zero latency", 2000, Plan()),
    "steady": Case("1,000 rows, 200 ms", 1000, Plan(latency=0.2)),
    "tail": Case("1,000 rows, log-normal, median 180 ms, p99 1.8 s", 1000, Plan(latency=0.18, spread=TEN_FOLD)),
    "faults": Case(
        "1,000 rows, 200 ms, 5 % 429, 2 % 500, 1 % cut JSON",
        1000,
        Plan(latency=0.2, limited=0.05, retry_after="1", broken=0.02, malformed=0.01),
    ),
    "overload": Case("1,000 rows, 200 ms, 429 above 32 in flight", 1000, Plan(latency=0.2, slots=32, retry_after="1")),
}


def spread(values: Sequence[float], shown: Callable[[float], str]) -> str:
    """Return a median and, where they differ, the ends."""
    low, middle, high = (shown(value) for value in (min(values), statistics.median(values), max(values)))
    return middle if low == high else f"{middle} ({low} to {high})"


def table(case: Case, runs: dict[str, list[Run]]) -> str:
    """Return all figures of one case as Markdown."""
    lines = [f"\n### {case.title}\n"]
    columns = ["wall s", "to the first request s", "asking s", "processor s", "MB"]
    columns += ["rows delivered", "requests per row", "most in flight", "exit"]
    lines.append(f"| | {' | '.join(columns)} |")
    lines.append("|---" * (len(columns) + 1) + "|")
    for name, each in runs.items():
        cells = [
            spread([run.wall for run in each], "{:.1f}".format),
            spread([run.start for run in each], "{:.2f}".format),
            spread([run.asking for run in each], "{:.2f}".format),
            spread([run.cpu for run in each], "{:.1f}".format),
            spread([run.memory for run in each], "{:.0f}".format),
            spread([run.delivered for run in each], "{:,.0f}".format),
            spread([run.requests / case.rows for run in each], "{:.2f}".format),
            spread([run.most for run in each], "{:.0f}".format),
            ", ".join(sorted({str(run.code) for run in each})),
        ]
        lines.append(f"| {name} | {' | '.join(cells)} |")
    return "\n".join(lines)


def summary(found: dict[str, dict[str, list[Run]]], names: Sequence[str]) -> str:
    """Return median wall seconds of all cases, and what went wrong."""
    lines = ["\n### Wall seconds\n", f"| | {' | '.join(names)} |", "|---" * (len(names) + 1) + "|"]
    for key, runs in found.items():
        cells = []
        for name in names:
            least = min(run.delivered for run in runs[name])
            wrong = [f"{least:,} rows"] if least < CASES[key].rows else []
            wrong += sorted({f"exit {run.code}" for run in runs[name] if run.code})
            noted = f" ({', '.join(wrong)})" if wrong else ""
            cells.append(f"{statistics.median(run.wall for run in runs[name]):.1f}{noted}")
        lines.append(f"| {CASES[key].title} | {' | '.join(cells)} |")
    return "\n".join(lines)


def options() -> argparse.Namespace:
    """Read the command line."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--repeats", type=int, default=3, help="rounds; an odd number")
    parser.add_argument("--cases", default=",".join(CASES), help="with commas between")
    parser.add_argument("--contestants", default=",".join(CONTESTANTS), help="with commas between")
    parser.add_argument("--environments", type=Path, default=ROOT / "build" / "peers", help="where they are made")
    parser.add_argument("--client", default="0", help="cores of the contestant, as for taskset")
    parser.add_argument("--server", default="1", help="core of the server")
    parser.add_argument("--limit", type=float, default=600, help="seconds after which a run is stopped")
    parser.add_argument("--json", type=Path, help="write every run to this file")
    parser.add_argument("--prepare", action="store_true", help="only make the environments")
    return parser.parse_args()


def main() -> None:
    """Make the environments, run everything in turn, print the tables."""
    given = options()
    folder = given.environments.resolve()
    who = [CONTESTANTS[name] for name in given.contestants.split(",")]
    pythons = {each.name: prepare(each, folder) for each in who}
    if given.prepare:
        return
    track = Track(given.client, given.server, limit=given.limit)
    settings = {**QUIET, **token_table(folder)}
    load = ", ".join(f"{value:.1f}" for value in os.getloadavg())
    print(f"Python {platform.python_version()}, {os.cpu_count()} cores, load average at the start {load}.")
    print(f"Contestants on core {track.client}, the server on core {track.server} (taskset).")
    print(f"{track.concurrency} in flight, {given.repeats} rounds, median (lowest to highest).\n")
    print("| | version | lines of user code |\n|---|---|---|")
    for each in who:
        print(f"| {each.name} | {version(each, pythons[each.name])} | {each.lines()} |", flush=True)
    for each in who:
        track.run(each, pythons[each.name], CASES["one"], settings)
    order, found = random.Random(0), {}
    for key in given.cases.split(","):
        runs: dict[str, list[Run]] = {each.name: [] for each in who}
        for _ in range(given.repeats):
            for each in order.sample(who, len(who)):
                runs[each.name].append(track.run(each, pythons[each.name], CASES[key], settings))
        found[key] = runs
        print(table(CASES[key], runs), flush=True)
        if given.json:
            raw = {
                case: {name: [asdict(run) for run in each] for name, each in runs.items()}
                for case, runs in found.items()
            }
            given.json.write_text(json.dumps(raw, indent=1))
    print(summary(found, list(pythons)))


if __name__ == "__main__":
    main()
