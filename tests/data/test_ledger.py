"""The ledger: what was saved is there after any end of the process, and damage is noticed."""

from __future__ import annotations

import asyncio
import os
import sqlite3
import subprocess
import sys
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from homespun.data.ledger import Entry, Ledger, request_key
from homespun.errors import StoreError
from homespun.models.wire import encode


def entry(number: int, *, attempt: int = 1, body: bytes = b"{}", outcome: str = "ok") -> Entry:
    key = request_key("http://here/v1", "chat/completions", b'{"model": "m", "n": %d}' % number)
    return Entry(
        key, attempt, "pool/a", f"row-{number}", "http://here/v1", "m", b"{}", outcome, "", 200, body, 3, 5, 0.25
    )


def test_what_was_saved_is_found_in_a_new_process(tmp_path):
    async def many(ledger):
        await asyncio.gather(*(ledger.save(entry(n, body=b"x" * n)) for n in range(1000)))

    with Ledger(tmp_path / "ledger.db") as ledger:
        asyncio.run(many(ledger))
        ledger.save_now([entry(1000), entry(1001)])
    with Ledger(tmp_path / "ledger.db") as again:
        assert all(again.find(entry(n).key) == entry(n, body=b"x" * n) for n in range(1000))
        assert again.find(entry(1001).key) == entry(1001)
        assert again.find(entry(5000).key) is None


def test_the_last_attempt_counts(tmp_path):
    with Ledger(tmp_path / "ledger.db") as ledger:
        ledger.save_now([entry(1, outcome="timed out")])
        ledger.save_now([entry(1, attempt=2, body=b"late")])
        found = ledger.find(entry(1).key)
    assert found is not None and (found.attempt, found.outcome, found.body) == (2, "ok", b"late")


def test_totals_count_every_attempt(tmp_path):
    with Ledger(tmp_path / "ledger.db") as ledger:
        assert ledger.totals() == []
        ledger.save_now([entry(1, outcome="malformed"), entry(1, attempt=2), entry(2)])
        assert ledger.totals() == [("pool/a", "http://here/v1", "m", 3, 9, 15)]


@given(st.binary(max_size=300), st.text(max_size=50))
def test_any_bytes_come_back_as_they_were(tmp_path_factory, body, row):
    row = row.encode("utf-8", "replace").decode()
    made = Entry("k", 1, "s", row, "e", "m", body, "ok", "", 200, body)
    with Ledger(tmp_path_factory.mktemp("ledger") / "l.db") as ledger:
        ledger.save_now([made])
        assert ledger.find("k") == made


PAYLOAD = {"model": "m", "messages": [{"role": "user", "content": "a"}], "temperature": 0.8}


@pytest.mark.parametrize(
    ("endpoint", "path", "payload", "sample"),
    [
        ("http://other/v1", "chat/completions", PAYLOAD, 0),
        ("http://here/v1", "completions", PAYLOAD, 0),
        ("http://here/v1", "chat/completions", {**PAYLOAD, "model": "n"}, 0),
        ("http://here/v1", "chat/completions", {**PAYLOAD, "temperature": 0.9}, 0),
        ("http://here/v1", "chat/completions", {**PAYLOAD, "tools": []}, 0),
        ("http://here/v1", "chat/completions", PAYLOAD, 1),
    ],
)
def test_whatever_decides_an_answer_changes_its_key(endpoint, path, payload, sample):
    same = request_key("http://here/v1", "chat/completions", encode(PAYLOAD))
    assert request_key("http://here/v1", "chat/completions", encode(dict(PAYLOAD))) == same
    assert request_key(endpoint, path, encode(payload), sample) != same


@pytest.mark.parametrize("column", ["body", "request", "outcome", "completion_tokens", "row"])
def test_a_changed_row_is_set_aside_and_never_used(tmp_path, column):
    path = tmp_path / "ledger.db"
    with Ledger(path) as ledger:
        ledger.save_now([entry(1, body=b"answer"), entry(2)])
    with sqlite3.connect(path) as database:
        database.execute(f"UPDATE answer SET {column} = '9' WHERE row = 'row-1'")
    with Ledger(path) as ledger:
        assert ledger.find(entry(1).key) is None
        assert ledger.corrupt == 1
        assert ledger.find(entry(2).key) == entry(2)
        ledger.save_now([entry(1, body=b"asked once more")])
        assert ledger.find(entry(1).key).body == b"asked once more"
    with sqlite3.connect(path) as database:
        assert database.execute("SELECT count(*) FROM damaged").fetchone() == (1,)


def test_a_file_that_is_no_ledger_is_refused(tmp_path):
    (tmp_path / "ledger.db").write_bytes(b"not a database " * 100)
    with pytest.raises(StoreError, match=r"ledger.db is damaged .*move it away"):
        Ledger(tmp_path / "ledger.db")


def test_what_cannot_be_stored_is_told_and_does_not_hang(tmp_path):
    with Ledger(tmp_path / "ledger.db") as ledger, pytest.raises(StoreError, match="cannot use"):
        ledger.save_now([Entry("k", 1, "s", "lone \ud800", "e", "m", b"", "ok", "", 200, b"")])


WRITER = """
import sys, asyncio
from pathlib import Path
from homespun.errors import StoreError
from homespun.data.ledger import Entry, Ledger

async def main():
    with Ledger(Path(sys.argv[1])) as ledger:
        for n in range(int(sys.argv[2])):
            entry = Entry(f"k{n}", 1, "s", str(n), "e", "m", b"{}", "ok", "", 200, b"x" * 2000)
            try:
                await ledger.save(entry)
            except StoreError as error:
                print("FAILED", error, flush=True)
                try:
                    await ledger.save(entry)
                except StoreError:
                    print("still", flush=True)
                return
            print(n, flush=True)

asyncio.run(main())
"""


def write(path: Path, count: int, env: dict[str, str] | None = None, before: str = "") -> tuple[int, list[str]]:
    done = subprocess.run(
        [sys.executable, "-c", before + WRITER, str(path), str(count)],
        capture_output=True, text=True, check=False, env={**os.environ, **(env or {})},
    )  # fmt: skip
    return done.returncode, done.stdout.split("\n")[:-1]


def saved(path: Path) -> set[str]:
    with sqlite3.connect(path) as database:
        assert database.execute("PRAGMA integrity_check").fetchone() == ("ok",)
        return {row for (row,) in database.execute("SELECT row FROM answer")}


@pytest.mark.parametrize("point", range(1, 8))
def test_a_kill_at_any_write_loses_nothing_that_was_acknowledged(tmp_path, point):
    code, told = write(tmp_path / "l.db", 5, {"HOMESPUN_CRASH_AT": str(point)})
    assert code == -9
    assert set(told) <= saved(tmp_path / "l.db")
    code, told = write(tmp_path / "l.db", 5)
    assert code == 0 and saved(tmp_path / "l.db") == set(map(str, range(5)))


def test_a_full_disk_is_said_and_takes_nothing_more(tmp_path):
    limited = "import resource; resource.setrlimit(resource.RLIMIT_FSIZE, (200_000, 200_000))\n"
    limited += "import signal; signal.signal(signal.SIGXFSZ, signal.SIG_IGN)\n"
    code, told = write(tmp_path / "l.db", 500, before=limited)
    assert code == 0
    assert told[-1] == "still" and told[-2].startswith("FAILED cannot write") and "Free some space" in told[-2]
    acknowledged = set(told[:-2])
    assert acknowledged and acknowledged <= saved(tmp_path / "l.db")
    assert write(tmp_path / "l.db", 500)[0] == 0


def test_a_torn_write_ahead_log_gives_a_beginning_of_what_was_committed(tmp_path):
    """A power cut may leave any part of the log on disk: what opens is a prefix of the commits, never another row."""
    code, told = write(tmp_path / "l.db", 20, {"HOMESPUN_CRASH_AT": str(3 * 12)})  # dies after the 12th commit
    assert code == -9 and len(told) >= 11
    base, log = (tmp_path / "l.db").read_bytes(), (tmp_path / "l.db-wal").read_bytes()
    frame = 24 + 4096  # header and page
    assert (len(log) - 32) % frame == 0
    borders = range(32, len(log) + 1, frame)
    cuts = {0, 1, 31, *borders, *(border + part for border in borders for part in (1, 24, 700, 4119))}
    seen = []
    for number, cut in enumerate(sorted(cut for cut in cuts if cut <= len(log))):
        for torn in (False, True):  # also: the last bytes before the cut never reached the disk
            path = tmp_path / f"{number}{torn}" / "l.db"
            path.parent.mkdir()
            path.write_bytes(base)
            kept = log[:cut]
            path.with_name("l.db-wal").write_bytes(kept[:-100] + b"\0" * len(kept[-100:]) if torn else kept)
            with Ledger(path) as ledger:
                there = [ledger.find(f"k{n}") for n in range(20)]
                assert ledger.corrupt == 0
            rows = [one for one in there if one is not None]
            assert there[: len(rows)] == rows, "a later commit without an earlier one"
            assert all(one.body == b"x" * 2000 and one.row == str(n) for n, one in enumerate(rows))
            assert saved(path) == {one.row for one in rows}
            if not torn:
                seen.append(len(rows))
    assert seen == sorted(seen) and seen[0] == 0 and seen[-1] == 12
