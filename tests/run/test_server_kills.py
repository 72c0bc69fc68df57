"""Kills of a run against a server, by the hundred and at every instrumented write: nothing lost, little paid twice."""

from __future__ import annotations

import os
import random
import signal
import sqlite3
import subprocess
import time
from pathlib import Path

import pytest

from faultserver import FaultServer, Plan, serve
from test_servers import batch, command, pool, ran

CONCURRENCY = 8  #: of the recipe BATCH
KILLS_PER_RUN = 10


def billed(server: FaultServer) -> int:
    return sum(server.seen.billed.values())


def assert_clean(root: Path) -> None:
    """No half-written file, and a ledger that SQLite finds nothing wrong with."""
    assert not list(root.rglob("*.tmp"))
    with sqlite3.connect(root / "ledger.db") as database:
        assert database.execute("PRAGMA integrity_check").fetchone() == ("ok",)


def kill_at_random(tmp_path: Path, kills: int, rows: int) -> None:
    moments = random.Random(20260102)
    with serve(Plan(latency=0.05)) as server:
        recipe = batch(tmp_path, server, prompts=rows // 2)
        assert ran(recipe, tmp_path / "clean").returncode == 0
        wanted = pool(tmp_path / "clean")
        done = runs = 0
        while done < kills:
            runs += 1
            root, here = tmp_path / f"killed-{runs}", 0
            server.seen.billed.clear()
            while here < min(KILLS_PER_RUN, kills - done):
                # A moment is a number of requests and some milliseconds after the last of them, so that kills fall on
                # all of the run whatever the machine's speed; 0 requests: while the program starts.
                more, late = moments.randint(0, rows // 6), moments.uniform(0, 0.06)
                before = server.seen.requests
                late *= 1 if more else 10
                quiet = {"stdout": subprocess.DEVNULL, "stderr": subprocess.DEVNULL}
                process = subprocess.Popen(command(recipe, root), **quiet)
                while process.poll() is None and server.seen.requests < before + more:
                    time.sleep(0.002)
                time.sleep(late)
                process.kill()
                if process.wait() == 0:
                    break  # it ended before: the rest of the kills fall on another directory
                assert process.returncode == -signal.SIGKILL
                here += 1
            done += here
            last = ran(recipe, root)
            assert last.returncode == 0, last.stderr
            assert pool(root) == wanted
            assert rows <= billed(server) <= rows + here * 2 * CONCURRENCY
            assert_clean(root)


def test_a_few_kills_at_random_moments_change_nothing(tmp_path):
    kill_at_random(tmp_path, 5, rows=96)


@pytest.mark.slow
@pytest.mark.timeout(3600)
def test_many_kills_at_random_moments_change_nothing(tmp_path):
    kill_at_random(tmp_path, int(os.environ.get("HOMESPUN_KILLS", "200")), rows=160)


@pytest.mark.slow
@pytest.mark.timeout(3600)
def test_a_kill_at_every_write_of_a_batch_changes_nothing(tmp_path):
    """Every start dies at its k-th write, k = 1, 2, 3, ..., until one gets through."""
    with serve(Plan()) as server:
        recipe = batch(tmp_path, server)
        assert ran(recipe, tmp_path / "clean").returncode == 0
        bill, root, point = billed(server), tmp_path / "killed", 0
        server.seen.billed.clear()
        while True:
            point += 1
            env = {**os.environ, "HOMESPUN_CRASH_AT": str(point)}
            done = subprocess.run(command(recipe, root), env=env, capture_output=True, check=False)
            if done.returncode == 0:
                break
            assert done.returncode == -signal.SIGKILL, done.stderr
            assert billed(server) <= bill + point * 2 * CONCURRENCY
        assert point > 10 and pool(root) == pool(tmp_path / "clean")
        assert_clean(root)
