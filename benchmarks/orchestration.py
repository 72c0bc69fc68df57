"""What asking a server costs: Homespun with its ledger, beside a bare aiohttp client, on the same bad server.

The fault server of the tests runs in a process of its own on loopback. Both clients keep 64 requests in
flight and answer the same prompts. The bare client stores nothing and parses nothing but the answer's text;
it tries again what fails after `Retry-After`, or at once. Each case is run `--repeats` times in turn, the
median counts. Printed as Markdown; docs/servers.md holds the output.

    python benchmarks/orchestration.py [--repeats 3] [--only zero,tail]
"""

from __future__ import annotations

import argparse
import asyncio
import json
import platform
import resource
import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import asdict
from pathlib import Path

import aiohttp

ROOT = Path(__file__).resolve().parents[1]
sys.path.insert(0, str(ROOT / "tests"))
from faultserver import Plan  # noqa: E402
from homespun.ledger import Ledger  # noqa: E402
from homespun.models.base import Request, Sampling  # noqa: E402
from homespun.models.endpoint import Deadlines, Endpoint, Secret  # noqa: E402
from homespun.models.server import ServerModel  # noqa: E402

IN_FLIGHT = 64
CASES = {
    "zero": ("zero latency", 2000, Plan()),
    "steady": ("200 ms", 1000, Plan(latency=0.2)),
    "tail": ("200 ms, 1 % take 2 s", 1000, Plan(latency=0.2, tail=0.01)),
    "faults": (
        "200 ms, 5 % 429, 2 % 500, 1 % cut",
        1000,
        Plan(latency=0.2, limited=0.05, retry_after="0.5", broken=0.02, cut=0.01),
    ),
    "overload": ("200 ms, 429 above 32 in flight", 1000, Plan(latency=0.2, slots=32, retry_after="0.5")),
}


@contextmanager
def server(plan: Plan) -> Iterator[int]:
    """Run the fault server in another process; give its port."""
    command = [sys.executable, str(ROOT / "tests/faultserver.py"), "0", json.dumps(asdict(plan))]
    running = subprocess.Popen(command, stdout=subprocess.PIPE, text=True)
    assert running.stdout is not None
    try:
        yield json.loads(running.stdout.readline())["port"]
    finally:
        running.kill()
        running.wait()


def prompts(count: int) -> list[Request]:
    """Return the requests of a case."""
    return [Request(str(n), (("user", f"Write line {n}."),), Sampling(), n) for n in range(count)]


def bare(port: int, count: int) -> int:
    """Ask with a plain client; return how many rows were answered."""
    url = f"http://127.0.0.1:{port}/v1/chat/completions"
    answered = 0

    async def one(session: aiohttp.ClientSession, number: int) -> None:
        nonlocal answered
        payload = {"model": "fault-1", "messages": [{"role": "user", "content": f"Write line {number}."}]}
        body = json.dumps({**payload, "max_tokens": 128, "temperature": 1.0}).encode()
        while True:
            try:
                async with session.post(url, data=body) as response:
                    raw = await response.read()
                    if response.status == 200:
                        json.loads(raw)["choices"][0]["message"]["content"]
                        answered += 1
                        return
                    wait = float(response.headers.get("Retry-After", 0))
            except (aiohttp.ClientError, ValueError):
                wait = 0.0
            await asyncio.sleep(wait)

    async def run() -> None:
        connector = aiohttp.TCPConnector(limit=IN_FLIGHT)
        headers = {"Content-Type": "application/json"}
        async with aiohttp.ClientSession(connector=connector, headers=headers) as session:
            numbers = iter(range(count))

            async def work() -> None:
                for number in numbers:
                    await one(session, number)

            await asyncio.gather(*(work() for _ in range(IN_FLIGHT)))

    asyncio.run(run())
    return answered


def ours(port: int, count: int) -> int:
    """Ask with Homespun, ledger and all; return how many rows were answered."""
    with tempfile.TemporaryDirectory(dir=".") as folder, Ledger(Path(folder) / "ledger.db") as ledger:
        endpoint = Endpoint(
            f"http://127.0.0.1:{port}/v1",
            "fault-1",
            Secret(""),
            ledger,
            concurrency=IN_FLIGHT,
            deadlines=Deadlines(first_byte=30),
        )
        answers = ServerModel(endpoint).complete(prompts(count))
        return sum(answer.finish_reason == "stop" for answer in answers)


def timed(client: Callable[[int, int], int], plan: Plan, count: int) -> tuple[float, float, int]:
    """Return wall seconds, processor seconds of this process, and rows answered."""
    with server(plan) as port:
        wall, cpu = time.perf_counter(), time.process_time()
        answered = client(port, count)
        return time.perf_counter() - wall, time.process_time() - cpu, answered


def main() -> None:
    """Run every case for both clients in turn and print the table."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--repeats", type=int, default=3)
    parser.add_argument("--only", default=",".join(CASES), help="cases, with commas between")
    options = parser.parse_args()
    print(f"Python {platform.python_version()}, aiohttp {aiohttp.__version__}, {IN_FLIGHT} in flight\n")
    print("| case | rows | bare aiohttp | Homespun | ratio | rows answered | processor time per row |")
    print("|---|---|---|---|---|---|---|")
    for name in options.only.split(","):
        title, count, plan = CASES[name]
        found: dict[str, list[tuple[float, float, int]]] = {"bare": [], "ours": []}
        for _ in range(options.repeats):
            found["bare"].append(timed(bare, plan, count))
            found["ours"].append(timed(ours, plan, count))
        seconds = {who: statistics.median(each[0] for each in runs) for who, runs in found.items()}
        cost = {who: statistics.median(each[1] for each in runs) / count * 1e6 for who, runs in found.items()}
        answered = min(each[2] for each in found["ours"])
        print(
            f"| {title} | {count:,} | {seconds['bare']:.2f} s | {seconds['ours']:.2f} s"
            f" | {seconds['ours'] / seconds['bare']:.2f} | {answered:,}"
            f" | {cost['bare']:.0f} and {cost['ours']:.0f} µs |",
            flush=True,
        )
    print(f"\nlargest memory of the client: {resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024:.0f} MB")


if __name__ == "__main__":
    main()
