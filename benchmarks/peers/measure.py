"""One run of one contestant against one plan of the fault server: what it cost, and what the server saw.

The server is the witness: requests are what it counted, and a row is delivered when its text is the one the
server gave for that prompt. The harness stays small on purpose (no aiohttp, no pyarrow): the peak memory that
Linux reports for a child is never below that of the process that started it.
"""

from __future__ import annotations

import contextlib
import http.client
import json
import os
import resource
import signal
import subprocess
import sys
import tempfile
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import asdict, dataclass
from pathlib import Path

from .contestants import ROOT, Contestant

sys.path.insert(0, str(ROOT / "tests"))
from faultserver import Plan, mark_of, words_of

PATH = "/v1/chat/completions"
#: The limits that curator reads from the headers, far above anything here.
LIMITS = {"x-ratelimit-limit-requests": str(10**7), "x-ratelimit-limit-tokens": str(10**10)}


@dataclass(frozen=True)
class Case:
    """What is asked of everybody."""

    title: str
    rows: int
    plan: Plan


@dataclass(frozen=True)
class Run:
    """What one run cost and gave."""

    wall: float  #: seconds from start to end of the process
    start: float  #: of these, until the server had its first request
    asking: float  #: and from there until it had sent its last answer
    cpu: float  #: seconds of processor time, with all the processes it waited for
    memory: float  #: megabytes, of the largest of its processes
    delivered: int  #: rows on disk with the text that the server gave for their prompt
    requests: int
    refused: int  #: of these, 429
    most: int  #: requests in flight
    code: int  #: exit code; -9: stopped by the harness


@contextmanager
def server(plan: Plan, core: str) -> Iterator[int]:
    """Run the fault server on a core of its own; give its port."""
    plan = Plan(**{**asdict(plan), "by_prompt": True, "json_errors": True, "headers": LIMITS})
    command = [sys.executable, str(ROOT / "tests/faultserver.py"), "0", json.dumps(asdict(plan))]
    running = subprocess.Popen(["taskset", "-c", core, *command], stdout=subprocess.PIPE, text=True)
    assert running.stdout is not None
    try:
        yield json.loads(running.stdout.readline())["port"]
    finally:
        running.kill()
        running.wait()


def bill(port: int) -> dict:
    """Ask the server what it saw."""
    connection = http.client.HTTPConnection("127.0.0.1", port)
    connection.request("GET", "/v1/_bill")
    return json.loads(connection.getresponse().read())


def watched(
    command: list[str], folder: Path, environment: dict[str, str], limit: float
) -> tuple[float, float, int, resource.struct_rusage]:
    """Run a command to its end; return when it began, wall seconds, exit code and what the system counted."""
    with (folder / "log.txt").open("wb") as log:
        start = time.monotonic()
        process = subprocess.Popen(
            command,
            cwd=folder,
            env=environment,
            stdin=subprocess.DEVNULL,
            stdout=log,
            stderr=log,
            start_new_session=True,
        )
        alarm = threading.Timer(limit, os.killpg, (process.pid, signal.SIGKILL))
        alarm.start()
        _, status, used = os.wait4(process.pid, 0)
        wall = time.monotonic() - start
    alarm.cancel()
    process.returncode = os.waitstatus_to_exitcode(status)
    with contextlib.suppress(ProcessLookupError):  # nothing it left behind disturbs the next one
        os.killpg(process.pid, signal.SIGKILL)
    return start, wall, process.returncode, used


def texts(answers: Path, python: Path) -> dict[int, str | None]:
    """Return the text per row id of what a contestant wrote."""
    pool = answers / "pool" / "answers.parquet"
    if answers.is_file():
        rows = [json.loads(line) for line in answers.read_text().splitlines()]
        return {row["id"]: row["text"] for row in rows}
    if pool.is_file():
        read = "import json, sys, pyarrow.parquet as p; print(json.dumps(p.read_table(sys.argv[1]).to_pylist()))"
        out = subprocess.run([str(python), "-c", read, str(pool)], check=True, capture_output=True, text=True).stdout
        return {int(json.loads(row["groups"])["prompt"]): row["output"] for row in json.loads(out)}
    return {}


@dataclass(frozen=True)
class Track:
    """Where and how all runs take place."""

    client: str = "0"  #: cores of the contestant, as for taskset
    server: str = "1"  #: and of the server
    concurrency: int = 64
    limit: float = 600  #: seconds after which a run is stopped

    def run(self, contestant: Contestant, python: Path, case: Case, settings: dict[str, str]) -> Run:
        """Run one contestant on one case, in a folder that is thrown away."""
        with tempfile.TemporaryDirectory(prefix="peers-") as name, server(case.plan, self.server) as port:
            folder = Path(name)
            prompts, answers = folder / "prompts.jsonl", folder / "answers"
            asked = [f"Instruction {number}." for number in range(case.rows)]
            prompts.write_text("".join(json.dumps({"id": n, "prompt": text}) + "\n" for n, text in enumerate(asked)))
            kept = {name: os.environ[name] for name in ("PATH", "LANG", "TZ") if name in os.environ}
            own = {"HOME": str(folder), "TMPDIR": str(folder), **settings, **contestant.environment}
            command = contestant.command(python, prompts, f"http://127.0.0.1:{port}/v1", answers, self.concurrency)
            began, wall, code, used = watched(
                ["taskset", "-c", self.client, *command], folder, {**kept, **own}, self.limit
            )
            if code:
                last = (folder / "log.txt").read_text(errors="replace").splitlines()[-1:]
                print(f"{contestant.name}, {case.title}: exit {code}: {''.join(last)}", file=sys.stderr, flush=True)
            seen, got = bill(port), texts(answers, python)
            right = [" ".join(words_of(mark_of(PATH, text.encode()), case.plan.length)) for text in asked]
            return Run(
                wall=wall,
                start=seen["first"] - began,
                asking=seen["last"] - seen["first"],
                cpu=used.ru_utime + used.ru_stime,
                memory=used.ru_maxrss / 1024,
                delivered=sum(got.get(n) == text for n, text in enumerate(right)),
                requests=seen["requests"],
                refused=seen["statuses"].get("429", 0),
                most=seen["most"],
                code=code,
            )
