"""A run whose writer is a server that misbehaves, from the command line: complete, resumable, paid for once."""

from __future__ import annotations

import json
import signal
import sqlite3
import subprocess
import sys
import time
from pathlib import Path

import pytest

from faultserver import FaultServer, Plan, serve
from homespun.data.store import file_hash
from homespun.data.tables import read_table

RECIPE = """
name: served
models:
  writer: {{id: "http://127.0.0.1:{port}/v1#fault-1", structured: false, concurrency: 8}}
  judge: {{id: "http://127.0.0.1:{port}/v1#fault-1", structured: false, concurrency: 8}}
task:
  kind: classification
  description: Decide whether a movie review is positive or negative.
  fields: [review]
  labels: {{good: the reviewer liked it, bad: the reviewer disliked it}}
generate:
  labelled:
    kind: labelled
    keywords: [acting, plot, music, ending]
    rows: {rows}
    shard: 16
    hygiene: {{near_duplicate: null}}
score:
  judge: {{kind: judge, answer: text, retries: 0}}
"""


BATCH = """
name: batch
models:
  writer: {{id: "http://127.0.0.1:{port}/v1#fault-1", concurrency: 8}}
sources:
  prompts: {{kind: file, path: prompts.jsonl, field: prompt, id: name}}
generate:
  answers: {{kind: responses, n: 2, max_tokens: 40}}
"""


def command(recipe: Path, out: Path, *more: str) -> list[str]:
    return [sys.executable, "-m", "homespun.cli", "run", str(recipe), "--out", str(out), *more]


def homespun(*words: object) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [sys.executable, "-m", "homespun.cli", *map(str, words)], capture_output=True, text=True, check=False
    )


def written(folder: Path, server: FaultServer, rows: int = 48) -> Path:
    path = folder / "served.yaml"
    path.write_text(RECIPE.format(port=server.port, rows=rows))
    return path


def pool(root: Path) -> dict[str, str]:
    found = [path for name in ("pool", "scores") for path in (root / name).glob("*.parquet")]
    return {path.name: file_hash(path) for path in sorted(found)}


def test_a_run_against_a_bad_server_is_complete_and_asks_nothing_twice(tmp_path):
    plan = Plan(length=16, limited=0.05, retry_after="0.05", broken=0.03, cut=0.02)
    with serve(plan) as server:
        recipe = written(tmp_path, server)
        done = subprocess.run(command(recipe, tmp_path / "run"), capture_output=True, text=True, check=False)
        assert done.returncode == 0, done.stderr
        funnel = json.loads((tmp_path / "run/results.json").read_text())["funnel"]
        assert funnel["kept"] == 48 and funnel["asked"] == funnel["answered"] + funnel["failed"]
        requests = server.seen.requests
        again = subprocess.run(command(recipe, tmp_path / "run"), capture_output=True, text=True, check=False)
        assert "nothing to do" in again.stdout and server.seen.requests == requests
        shown = homespun("ledger", tmp_path / "run").stdout
        assert "pool/labelled" in shown and "scores/judge" in shown
        with sqlite3.connect(tmp_path / "run/ledger.db") as database:
            (row,) = database.execute("SELECT row FROM answer WHERE stage = 'pool/labelled' LIMIT 1").fetchone()
        told = [json.loads(line) for line in homespun("ledger", tmp_path / "run", "--row", row).stdout.splitlines()]
        assert told and told[0]["row"] == row and "messages" in told[0]["request"]
        wrong = homespun("ledger", tmp_path / "run", "--row", "nobody")
        assert wrong.returncode == 1 and 'no row "nobody"' in wrong.stderr


def test_a_poisoned_row_fails_alone_and_can_be_asked_for_again(tmp_path):
    plan = Plan(length=16, always={"about: acting": 500, "acting": 500})
    with serve(plan) as server:
        recipe = written(tmp_path, server, rows=24)
        done = subprocess.run(
            command(recipe, tmp_path / "run", "--set", "generate.labelled.max_asked=24"),
            capture_output=True, text=True, check=False,
        )  # fmt: skip
        assert done.returncode == 2, done.stderr
        results = json.loads((tmp_path / "run/results.json").read_text())
        assert results["funnel"]["failed"] == 6 and results["funnel"]["kept"] == 18
        assert "server error" in homespun("ledger", tmp_path / "run").stdout
        plan.always.clear()
        healed = subprocess.run(
            command(recipe, tmp_path / "run", "--set", "generate.labelled.max_asked=24", "--retry-failed"),
            capture_output=True, text=True, check=False,
        )  # fmt: skip
        assert healed.returncode == 0, healed.stderr
        results = json.loads((tmp_path / "run/results.json").read_text())
        assert results["funnel"]["failed"] == 0 and results["funnel"]["kept"] == 24
        scored = read_table(tmp_path / "run/scores/judge.parquet").column("id").to_pylist()
        assert len(set(scored)) == 24
        again = subprocess.run(
            command(recipe, tmp_path / "run", "--set", "generate.labelled.max_asked=24", "--retry-failed"),
            capture_output=True, text=True, check=False,
        )  # fmt: skip
        assert "nothing to do" in again.stdout


def test_a_pool_without_rows_is_named_when_it_is_to_be_scored(tmp_path):
    with serve(Plan(length=16, always={"messages": 500})) as server:
        done = ran(written(tmp_path, server, rows=8), tmp_path / "run", "--set", "generate.labelled.max_asked=8")
        assert done.returncode == 1 and "Traceback" not in done.stderr
        assert "no row to score or select: labelled: 0 of 8 rows (8 server error); `--retry-failed`" in done.stderr


@pytest.mark.parametrize("how", [signal.SIGKILL, signal.SIGINT])
def test_stopping_a_run_changes_nothing_and_costs_only_what_was_in_flight(tmp_path, how):
    with serve(Plan(length=16, latency=0.05)) as server:
        recipe = written(tmp_path, server)
        subprocess.run(command(recipe, tmp_path / "clean"), check=True, capture_output=True)
        wanted, bill = pool(tmp_path / "clean"), sum(server.seen.billed.values())
        kills = 0
        server.seen.billed.clear()
        for more in (3, 9, 14, 20):  # requests of this attempt to wait for: the machine's speed must not matter
            before = server.seen.requests
            running = subprocess.Popen(
                command(recipe, tmp_path / "run"), stdout=subprocess.DEVNULL, stderr=subprocess.PIPE,
                preexec_fn=lambda: signal.signal(signal.SIGINT, signal.SIG_DFL),
            )  # fmt: skip
            while running.poll() is None and server.seen.requests < before + more:
                time.sleep(0.01)
            if running.poll() is None:
                running.send_signal(how)
                kills += 1
            _, told = running.communicate(timeout=60)
            if how == signal.SIGINT and running.returncode:
                assert running.returncode == 130 and b"run the same command again" in told
        subprocess.run(command(recipe, tmp_path / "run"), check=True, capture_output=True)
        assert kills and pool(tmp_path / "run") == wanted
        extra = sum(server.seen.billed.values()) - bill
        assert extra <= (kills * 2 * 8 if how == signal.SIGKILL else 0)  # 8 in flight, 8 more being committed


def test_rows_are_judged_while_others_are_written(tmp_path):
    with serve(Plan(length=16, latency=0.1)) as writer, serve(Plan(length=16, latency=0.02, broken=0.05)) as judge:
        recipe = written(tmp_path, writer)
        text = recipe.read_text().replace(
            f'judge: {{id: "http://127.0.0.1:{writer.port}', f'judge: {{id: "http://127.0.0.1:{judge.port}'
        )
        recipe.write_text(text)
        done = subprocess.run(command(recipe, tmp_path / "run"), capture_output=True, text=True, check=False)
        assert done.returncode == 0, done.stderr
        judged = [moment for moment, *_ in judge.seen.log]
        assert min(judged) < max(moment for moment, *_ in writer.seen.log) - 0.2
        assert max(judge.seen.billed.values()) == 1
        lines = homespun("ledger", tmp_path / "run").stdout.splitlines()
        (line,) = [line for line in lines if line.startswith("scores/judge")]
        assert f"http://127.0.0.1:{judge.port}/v1#fault-1" in line


def test_a_budget_ends_a_run_in_good_order(tmp_path):
    with serve(Plan(length=16)) as server:
        recipe = written(tmp_path, server)
        done = subprocess.run(
            command(recipe, tmp_path / "run", "--set", "budget.tokens=600"), capture_output=True, text=True, check=False
        )
        assert done.returncode == 2 and "the budget is spent (tokens:" in done.stderr
        sent = server.seen.requests
        again = subprocess.run(
            command(recipe, tmp_path / "run", "--set", "budget.tokens=600"), capture_output=True, text=True, check=False
        )
        assert again.returncode == 2 and server.seen.requests == sent
        more = subprocess.run(command(recipe, tmp_path / "run"), capture_output=True, text=True, check=False)
        assert more.returncode == 0, more.stderr
        assert "budget: nothing" in more.stderr
        assert sum(server.seen.billed.values()) == server.seen.requests


def test_what_a_server_cannot_do_is_said_before_it_is_asked(tmp_path):
    with serve(Plan()) as server:
        recipe = written(tmp_path, server)
        text = recipe.read_text()
        for change, told in (
            (text.replace("answer: text, retries: 0", "mode: blind"), "reads probabilities of given answers"),
            (text.replace("#fault-1", ""), "names no model"),
            (
                text.replace("  judge: {id", "  student: {id") + "arms: {all: {}}\ntrain: {kind: sft}\n",
                "cannot be tuned here",
            ),
        ):
            recipe.write_text(change)
            done = subprocess.run(command(recipe, tmp_path / "run"), capture_output=True, text=True, check=False)
            assert done.returncode == 1
            assert told in done.stderr
        assert server.seen.requests == 0


def batch(folder: Path, server: FaultServer, prompts: int = 40) -> Path:
    with (folder / "prompts.jsonl").open("w") as file:
        for number in range(prompts):
            file.write(json.dumps({"name": f"p{number}", "prompt": f"Say {number}."}) + "\n")
    path = folder / "batch.yaml"
    path.write_text(BATCH.format(port=server.port))
    return path


def ran(recipe: Path, out: Path, *more: str) -> subprocess.CompletedProcess[str]:
    return subprocess.run(command(recipe, out, *more), capture_output=True, text=True, check=False)


def test_plain_batch_inference_answers_a_file_and_exports_it(tmp_path, monkeypatch):
    monkeypatch.setenv("HOMESPUN_CACHE", str(tmp_path / "empty"))  # the embedded model is not there, nor needed
    with serve(Plan(limited=0.05, retry_after="0.05", broken=0.03)) as server:
        recipe = batch(tmp_path, server)
        done = ran(recipe, tmp_path / "run")
        assert done.returncode == 0, done.stderr
        assert "80 asked, 80 answered, 80 parsed, 80 accepted" in done.stdout
        asked = server.seen.requests
        assert "nothing to do" in ran(recipe, tmp_path / "run").stdout and server.seen.requests == asked
        out = homespun("export", tmp_path / "run", "--format", "messages", "--out", tmp_path / "rows.jsonl")
        assert out.stdout == f"80 rows in {tmp_path / 'rows.jsonl'}\n"
        rows = [json.loads(line)["messages"] for line in (tmp_path / "rows.jsonl").read_text().splitlines()]
        assert [row[0]["content"] for row in rows] == [f"Say {n}." for n in range(40) for _ in range(2)]
        assert len({row[1]["content"] for row in rows}) == 80
        table = homespun("export", tmp_path / "run", "--format", "parquet", "--out", tmp_path / "rows.parquet")
        assert table.returncode == 0
        columns = read_table(tmp_path / "rows.parquet").to_pydict()
        assert columns["prompt_id"][:3] == ["p0", "p0", "p1"] and columns["sample"][:3] == ["0", "1", "0"]
        page = homespun("report", tmp_path / "run").stdout.strip()
        assert "Say " in Path(page).read_text()
        more = ran(recipe, tmp_path / "run", "--set", "generate.answers.n=3")
        assert more.returncode == 0 and sum(server.seen.billed.values()) == 120  # 40 more


def test_what_is_missing_is_told_and_asked_for_again(tmp_path):
    with serve(Plan(always={"Say 3.": 500, "Say 4.": 400})) as server:
        recipe = batch(tmp_path, server, prompts=6)
        done = ran(recipe, tmp_path / "run")
        assert done.returncode == 2
        assert "missing: answers: 8 of 12 rows (2 server error, 2 rejected); `--retry-failed`" in done.stdout
        asked = server.seen.requests
        del server.plan.always["Say 3."]
        assert "10 of 12 rows (2 rejected)" in ran(recipe, tmp_path / "run", "--retry-failed").stdout
        assert server.seen.requests == asked + 2


def test_prompts_that_cannot_be_asked_are_named(tmp_path):
    with serve(Plan()) as server:
        recipe = batch(tmp_path, server, prompts=3)
        with (tmp_path / "prompts.jsonl").open("a") as file:
            file.write('{"name": "p3", "text": "no prompt here"}\n')
        done = ran(recipe, tmp_path / "run")
        assert done.returncode == 1 and 'record 4 has no "prompt"' in done.stderr and "Traceback" not in done.stderr
        assert server.seen.requests == 0
