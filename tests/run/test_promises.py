"""What a run against a server promises when the world around it misbehaves: clocks, disks, signals, odd text, keys.

Each test fails without the promise that it names; docs/servers.md states them.
"""

from __future__ import annotations

import json
import shutil
import signal
import sqlite3
import subprocess
import sys
import time
from pathlib import Path
from typing import Any

import pytest

from faultserver import FaultServer, Plan, serve
from homespun.data.tables import read_table
from homespun.recipe.recipefile import load
from homespun.report.page import rewrite
from homespun.run import ledgerview, loop
from homespun.run.export import export_rows
from test_servers import batch, command, pool, ran, written

SENTINEL = "sk-very+secret/5551212="


def run_here(recipe: Path, out: Path, *changes: str, **options: Any) -> dict[str, Any]:
    """Run in this process, which spares the start of another, and return the counts of all rows."""
    return loop.run(load(recipe, list(changes)), out, **options).results["funnel"]


def ran_with(before: str, recipe: Path, out: Path) -> subprocess.CompletedProcess[str]:
    """Run in a process that first does something to itself."""
    code = f"import sys\nsys.argv = sys.argv[1:]\n{before}\nfrom homespun.cli import main\nmain()"
    words = [sys.executable, "-c", code, "homespun", "run", str(recipe), "--out", str(out)]
    return subprocess.run(words, capture_output=True, text=True, check=False)


def answered(root: Path) -> int:
    with sqlite3.connect(root / "ledger.db") as database:
        assert database.execute("PRAGMA integrity_check").fetchone() == ("ok",)
        return database.execute("SELECT count(*) FROM answer WHERE final AND outcome = 'ok'").fetchone()[0]


# Clocks

JUMPS = """
import itertools, time
real, hours = time.time, itertools.cycle((3600, -3600, 0))
time.time = lambda: real() + next(hours)
"""


def test_a_clock_that_jumps_by_hours_changes_no_wait_and_no_answer(tmp_path):
    plan = Plan(limited=0.2, retry_after="0.3", broken=0.05, latency=0.01)
    with serve(plan) as server:
        run_here(batch(tmp_path, server), tmp_path / "still")
    with serve(plan) as server:
        recipe = batch(tmp_path, server)
        begun = time.monotonic()
        done = ran_with(JUMPS, recipe, tmp_path / "jumping")
        assert done.returncode == 0, done.stderr
        assert time.monotonic() - begun < 30  # an hour was waited for by nobody
        came = {(mark, attempt): moment for moment, mark, attempt, _ in server.seen.log}
        refused = [(moment, mark, attempt) for moment, mark, attempt, what in server.seen.log if what == "429"]
        assert refused
        assert all(came[mark, attempt + 1] - moment >= 0.29 for moment, mark, attempt in refused)
    still, jumping = (
        read_table(tmp_path / name / "pool/answers.parquet").column("output").to_pylist()
        for name in ("still", "jumping")
    )
    assert len(still) == 80 and jumping == still


# Changed recipes


@pytest.fixture(scope="module")
def finished_batch(tmp_path_factory):
    folder = tmp_path_factory.mktemp("batch")
    with serve(Plan()) as server:
        recipe = batch(folder, server, prompts=12)
        run_here(recipe, folder / "run")
        assert server.seen.requests == 24
        yield recipe, folder / "run", server


@pytest.mark.parametrize(
    ("change", "asked"),
    [
        ("models.writer.concurrency=3", 0),
        ("models.writer.price={input: 1, output: 2}", 0),
        ("models.writer.key_env=HOMESPUN_TEST_KEY", 0),
        ("budget.tokens=1000000", 0),
        ("budget.minutes=60", 0),
        ("generate.answers.n=1", 0),
        ("generate.answers.n=3", 12),
        ("generate.answers.shard=5", 0),
        ("generate.answers.truncated=keep", 0),
        ("sources.prompts.limit=5", 0),
        ("sources.prompts.id=null", 24),
        ("generate.answers.temperature=0.5", 24),
        ("generate.answers.top_p=0.5", 24),
        ("generate.answers.max_tokens=41", 24),
        ("generate.answers.stop=[x]", 24),
        ("generate.answers.system=Be brief.", 24),
        ("seed=1", 24),
    ],
)
def test_a_changed_batch_asks_only_what_the_change_decides(tmp_path, monkeypatch, finished_batch, change, asked):
    recipe, finished, server = finished_batch
    monkeypatch.setenv("HOMESPUN_TEST_KEY", "k")
    shutil.copytree(finished, tmp_path / "run")
    before = server.seen.requests
    run_here(recipe, tmp_path / "run", change)
    assert server.seen.requests - before == asked


def test_a_changed_file_of_prompts_asks_only_for_the_prompts_that_changed(tmp_path, finished_batch):
    recipe, finished, server = finished_batch
    lines = (recipe.parent / "prompts.jsonl").read_text().splitlines(keepends=True)
    edited = [*lines]
    edited[4] = edited[4].replace("Say 4.", "Say four.")
    first = json.dumps({"name": "first", "prompt": "Say it first."}) + "\n"
    last = json.dumps({"name": "last", "prompt": "Say it last."}) + "\n"
    for name, content, asked in (
        ("moved", lines, 0),  # the same records elsewhere
        ("edited", edited, 2),
        ("longer", [*lines, last], 2),
        ("shifted", [first, *lines], 2),  # a record's name decides its seeds, not its place
    ):
        file = tmp_path / f"{name}.jsonl"
        file.write_text("".join(content))
        shutil.copytree(finished, tmp_path / name)
        before = server.seen.requests
        counts = run_here(recipe, tmp_path / name, f"sources.prompts.path={file}")
        assert (server.seen.requests - before, counts["kept"]) == (asked, 2 * len(content)), name


def test_a_changed_labelled_recipe_asks_only_the_model_that_the_change_is_about(tmp_path):
    with serve(Plan(length=16)) as writer, serve(Plan(length=16)) as judge:
        recipe = written(tmp_path, writer, rows=16)
        text = recipe.read_text().replace(
            f'judge: {{id: "http://127.0.0.1:{writer.port}', f'judge: {{id: "http://127.0.0.1:{judge.port}'
        )
        recipe.write_text(text)
        run_here(recipe, tmp_path / "run")
        asked = writer.seen.requests, judge.seen.requests
        assert asked[0] >= 16 and asked[1] >= 16
        for number, (change, of_writer, of_judge) in enumerate(
            (
                ("models.writer.concurrency=2", False, False),
                ("models.judge.concurrency=2", False, False),
                ("models.writer.price={input: 1, output: 2}", False, False),
                ("budget.money=5", False, False),
                ("score.judge.max_tokens=100", False, True),
                ("generate.labelled.temperature=0.5", True, True),
            )
        ):
            shutil.copytree(tmp_path / "run", tmp_path / f"run-{number}")
            before = writer.seen.requests, judge.seen.requests
            run_here(recipe, tmp_path / f"run-{number}", change)
            more = writer.seen.requests > before[0], judge.seen.requests > before[1]
            assert more == (of_writer, of_judge), change


# Odd text


def body_of(text: str) -> str:
    choice = {"index": 0, "message": {"role": "assistant", "content": text}, "finish_reason": "stop"}
    return json.dumps({"model": "fault-1", "choices": [choice]})


def test_odd_text_goes_through_a_whole_run(tmp_path):
    odd = {
        "separators": "one\u2028two\u2029three\x85four",
        "nul": "before\0after",
        "lone": "high \ud800 low \udc00 end",
        "bidi": "\u202eback\u202c \u2066inside\u2069",
        "html": "</script><script>alert(1)</script>",
    }
    answers = {f"[{name}]": body_of(f"{name}: {text}") for name, text in odd.items()}
    answers["[long]"] = body_of("long: " + "x" * 10_000_000)
    with serve(Plan(answers=answers)) as server:
        recipe = batch(tmp_path, server, prompts=1)
        prompts = [f"[{name}] {text}" for name, text in odd.items()] + ["[long]", "[wide] " + "y" * 1_000_000]
        with (tmp_path / "prompts.jsonl").open("w") as file:
            for number, prompt in enumerate(prompts):
                file.write(json.dumps({"name": f"n{number} \u2028\ud800", "prompt": prompt}) + "\n")
        counts = run_here(recipe, tmp_path / "run", "generate.answers.n=1")
        assert counts["kept"] == len(prompts)
        sent = server.seen.requests
        run_here(recipe, tmp_path / "run", "generate.answers.n=1", retry_failed=True)
        (tmp_path / "run/done/pool/answers.json").unlink()  # made again from the ledger alone
        tables = pool(tmp_path / "run")
        run_here(recipe, tmp_path / "run", "generate.answers.n=1")
        assert server.seen.requests == sent and pool(tmp_path / "run") == tables
    outputs = read_table(tmp_path / "run/pool/answers.parquet").column("output").to_pylist()
    assert outputs[0] == f"separators: {odd['separators']}" and outputs[1] == "nul: beforeafter"
    assert outputs[2].startswith("lone: high ") and outputs[2].endswith(" end")
    assert outputs[3] == f"bidi: {odd['bidi']}" and len(outputs[5]) == 10_000_006
    for form in ("messages", "prompt-completion", "alpaca", "sharegpt"):
        export_rows(tmp_path / "run", None, form, tmp_path / form, None)
        lines = (tmp_path / form).read_bytes().split(b"\n")[:-1]
        assert len([json.loads(line.decode()) for line in lines]) == len(prompts)  # one row, one line, valid UTF-8
    rows = [json.loads(line)["messages"] for line in (tmp_path / "messages").read_bytes().split(b"\n")[:-1]]
    assert rows[1][0]["content"] == prompts[1] and rows[3][0]["content"] == prompts[3]
    export_rows(tmp_path / "run", None, "parquet", tmp_path / "rows.parquet", None)
    assert read_table(tmp_path / "rows.parquet").column("response").to_pylist() == outputs
    page = rewrite(tmp_path / "run").read_text(encoding="utf-8")
    assert "<script>alert" not in page and "\u202e" not in page and len(page) < 5_000_000


# Signals


def started(recipe: Path, out: Path, server: FaultServer, requests: int) -> subprocess.Popen[bytes]:
    """Begin a run and wait until so many requests have been sent."""
    before = server.seen.requests
    process = subprocess.Popen(
        command(recipe, out), stdout=subprocess.DEVNULL, stderr=subprocess.PIPE,
        preexec_fn=lambda: signal.signal(signal.SIGINT, signal.SIG_DFL),
    )  # fmt: skip
    deadline = time.monotonic() + 60
    while process.poll() is None and server.seen.requests < before + requests and time.monotonic() < deadline:
        time.sleep(0.01)
    return process


def test_sigterm_ends_a_run_in_good_order(tmp_path):
    with serve(Plan(latency=0.1)) as server:
        recipe = batch(tmp_path, server)
        running = started(recipe, tmp_path / "run", server, 20)
        running.terminate()
        _, told = running.communicate(timeout=60)
        assert running.returncode == 130 and b"run the same command again" in told and b"Traceback" not in told
        sent = server.seen.requests
        assert sent < 80 and answered(tmp_path / "run") == sent  # what was in flight was waited for
        assert run_here(recipe, tmp_path / "run")["kept"] == 80
        assert sum(server.seen.billed.values()) == server.seen.requests == 80


@pytest.mark.parametrize("how", [signal.SIGINT, signal.SIGTERM])
def test_a_second_interruption_does_not_wait(tmp_path, how):
    with serve(Plan(hang=1)) as server:
        recipe = batch(tmp_path, server)
        running = started(recipe, tmp_path / "run", server, 8)
        running.send_signal(how)
        time.sleep(0.5)
        assert running.poll() is None  # in flight: requests that are never answered
        running.send_signal(how)
        _, told = running.communicate(timeout=10)
        assert running.returncode == 130 and b"run the same command again" in told and b"Traceback" not in told
        server.plan.hang = 0
        assert run_here(recipe, tmp_path / "run")["kept"] == 80


# Disks


def test_a_disk_that_fills_stops_the_asking_and_keeps_every_answer(tmp_path):
    limit = "import resource, signal\nsignal.signal(signal.SIGXFSZ, signal.SIG_IGN)\n"
    limit += "resource.setrlimit(resource.RLIMIT_FSIZE, (300_000, 300_000))"
    with serve(Plan(latency=0.01)) as server:
        recipe = batch(tmp_path, server, prompts=400)
        done = ran_with(limit, recipe, tmp_path / "run")
        assert done.returncode == 1 and "Traceback" not in done.stderr
        assert "ledger.db" in done.stderr and "Free some space" in done.stderr
        sent, kept = server.seen.requests, answered(tmp_path / "run")
        assert 0 < kept <= sent <= kept + 2 * 8 < 800
        assert run_here(recipe, tmp_path / "run")["kept"] == 800
        assert server.seen.requests - sent == 800 - kept
        assert not list((tmp_path / "run").rglob("*.tmp"))


# Keys


def everything_in(root: Path) -> bytes:
    """All that a run directory holds, tables and databases decoded."""
    found = []
    for path in sorted(root.rglob("*")):
        if path.is_file():
            found.append(path.read_bytes())
        if path.suffix == ".parquet":
            found.append(repr(read_table(path).to_pylist()).encode("utf-8", "replace"))
        if path.suffix == ".db":
            with sqlite3.connect(path) as database:
                for (table,) in database.execute("SELECT name FROM sqlite_master WHERE type = 'table'").fetchall():
                    rows = database.execute(f"SELECT * FROM {table}").fetchall()
                    found += [cell if isinstance(cell, bytes) else str(cell).encode() for row in rows for cell in row]
    return b"\n".join(found)


@pytest.mark.parametrize(
    "plan",
    [
        Plan(
            broken=0.3,
            limited=0.2,
            retry_after="0.01",
            cut=0.1,
            malformed=0.1,
            dropped=0.1,
            echo_headers=True,
            always={"Say 1.": 422},
        ),
        Plan(always={"Say": 401}, echo_headers=True),
        Plan(always={"Say": 404}, echo_headers=True),
        # An answer, what a filter says, and the name of the model may give it away as well.
        Plan(
            answers={
                "Say 1.": body_of(f"your key is {SENTINEL}"),
                "Say 3.": body_of(f"your key is {SENTINEL}").replace("/", "\\/"),
                "Say 2.": body_of("").replace('""', f'"", "refusal": "{SENTINEL}"'),
            }
        ),
        Plan(answers={"Say 1.": body_of("a").replace("fault-1", SENTINEL)}),
    ],
    ids=["mixed", "401", "404", "answers", "model"],
)
def test_a_key_is_nowhere_after_a_whole_command(tmp_path, monkeypatch, plan):
    monkeypatch.setenv("HOMESPUN_TEST_KEY", SENTINEL)
    with serve(plan) as server:
        recipe = batch(tmp_path, server, prompts=6)
        recipe.write_text(recipe.read_text().replace("concurrency: 8", "concurrency: 8, key_env: HOMESPUN_TEST_KEY"))
        done = ran(recipe, tmp_path / "run")
        assert server.seen.authorization == {f"Bearer {SENTINEL}"}
        assert "Traceback" not in done.stderr
    texts = "\n".join([done.stdout, done.stderr, *ledgerview.summary(tmp_path / "run/ledger.db", {})])
    if done.returncode != 1:  # the run was not refused as a whole
        export_rows(tmp_path / "run", None, "messages", tmp_path / "run/rows.jsonl", None)
    whole = everything_in(tmp_path / "run") + texts.encode()
    assert b"HOMESPUN_TEST_KEY" in whole
    for form in (SENTINEL, SENTINEL.replace("/", "\\/"), "sk-very%2Bsecret%2F5551212%3D", "c2stdmVyeStzZWNyZXQvNTU1MT"):
        assert form.encode() not in whole, form


def test_a_placeholder_for_a_key_spoils_no_answer(tmp_path, monkeypatch):
    monkeypatch.setenv("HOMESPUN_TEST_KEY", "message")  # a word of every answer's JSON
    with serve(Plan()) as server:
        recipe = batch(tmp_path, server, prompts=3)
        recipe.write_text(recipe.read_text().replace("concurrency: 8", "concurrency: 8, key_env: HOMESPUN_TEST_KEY"))
        assert run_here(recipe, tmp_path / "run")["kept"] == 6


# Counts


def test_counts_add_up_whatever_goes_wrong(tmp_path):
    plan = Plan(
        limited=0.15, retry_after="0.02", broken=0.15, cut=0.1, malformed=0.1, dropped=0.1, empty=0.1,
        always={"Say 3.": 400, "Say 4.": 500},
    )  # fmt: skip
    with serve(plan) as server:
        recipe = batch(tmp_path, server, prompts=60)
        counts = run_here(recipe, tmp_path / "run")
        assert counts["asked"] == 120 == counts["answered"] + counts["failed"]
        assert counts["answered"] == counts["parsed"] + counts["unparsed"]
        assert counts["parsed"] == counts["kept"] + counts["dropped"]
        assert (
            sum(counts["failed_by"].values()) == counts["failed"]
            and sum(counts["dropped_by"].values()) == (counts["dropped"])
        )
        table = read_table(tmp_path / "run/pool/answers.parquet")
        assert table.num_rows == 120 and len(set(table.column("key").to_pylist())) == 120
        assert answered(tmp_path / "run") == counts["answered"] > 60
        with sqlite3.connect(tmp_path / "run/ledger.db") as database:
            (attempts,) = database.execute("SELECT count(*) FROM answer").fetchone()
            (keys,) = database.execute("SELECT count(DISTINCT key) FROM answer").fetchone()
        assert attempts == server.seen.requests and keys == 120
