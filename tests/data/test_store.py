"""The run directory survives kills, full disks, second processes and changed recipes."""

import os
import signal
import subprocess
import sys
import textwrap

import pyarrow as pa
import pytest

from homespun.data.store import Store
from homespun.errors import LockedError, StoreError


def table(*values: int) -> pa.Table:
    return pa.table({"x": list(values)})


def test_a_stage_is_finished_only_with_its_fingerprint_and_untouched_outputs(tmp_path):
    with Store.open(tmp_path / "run") as store:
        store.write_table("pool/a.parquet", table(1, 2))
        assert not store.finished("pool/a", "f1")
        store.finish("pool/a", "f1", ["pool/a.parquet"], seconds=1.0)
        assert store.finished("pool/a", "f1")
        assert not store.finished("pool/a", "f2")
        store.path("pool/a.parquet").write_bytes(b"torn")
        assert not store.finished("pool/a", "f1")


def test_work_of_another_fingerprint_is_never_mixed_in(tmp_path):
    with Store.open(tmp_path / "run") as store:
        store.work("score/a", "f1").table("00000", lambda: table(1))
        again, known = store.work("score/a", "f1").table("00000", lambda: table(9))
        assert known and again.column("x").to_pylist() == [1]
        other, known = store.work("score/a", "f2").table("00000", lambda: table(9))
        assert not known and other.column("x").to_pylist() == [9]


def test_beginning_a_stage_anew_takes_its_done_marker_back(tmp_path):
    with Store.open(tmp_path / "run") as store:
        store.write_table("pool/a.parquet", table(1))
        store.finish("pool/a", "f1", ["pool/a.parquet"])
        store.work("pool/a", "f2")
        assert store.marker("pool/a") is None


def test_a_second_process_is_refused_and_a_dead_one_leaves_no_lock(tmp_path):
    root = tmp_path / "run"
    holder = subprocess.Popen(
        [
            sys.executable,
            "-c",
            f"import time; from pathlib import Path; from homespun.data.store import Store\n"
            f"with Store.open(Path({str(root)!r})): print('held', flush=True); time.sleep(60)",
        ],
        stdout=subprocess.PIPE,
        text=True,
    )
    assert holder.stdout.readline().strip() == "held"
    with pytest.raises(LockedError, match=f"pid {holder.pid}"), Store.open(root):
        pass
    holder.send_signal(signal.SIGKILL)
    holder.wait()
    holder.stdout.close()
    with Store.open(root) as store:
        assert store.exists


def test_a_folder_that_is_no_run_is_left_alone(tmp_path):
    (tmp_path / "thesis.tex").write_text("years of work")
    with pytest.raises(StoreError, match="no run"), Store.open(tmp_path):
        pass
    assert os.listdir(tmp_path) == ["thesis.tex"]


def test_reading_what_is_not_there_or_damaged(tmp_path):
    with Store.open(tmp_path / "run") as store:
        with pytest.raises(StoreError, match="did the run get that far"):
            store.read_json("results.json")
        store.path("results.json").write_text("{")
        with pytest.raises(StoreError, match="damaged"):
            store.read_json("results.json")


def test_every_crash_point_leaves_the_old_state_or_the_new_one(tmp_path):
    """Kill at the 1st, 2nd, ... write until a run survives (as SQLite tests its own)."""
    script = textwrap.dedent(
        """
        import sys
        from pathlib import Path
        import pyarrow as pa
        from homespun.data.store import Store
        with Store.open(Path(sys.argv[1])) as store:
            if not store.finished("pool/a", "f"):
                work = store.work("pool/a", "f")
                parts = [work.table(f"{i:05d}", lambda i=i: pa.table({"x": [i]}))[0] for i in range(4)]
                parts = [part.replace_schema_metadata(None) for part in parts]
                store.write_table("pool/a.parquet", pa.concat_tables(parts))
                store.finish("pool/a", "f", ["pool/a.parquet"])
        """
    )
    clean = tmp_path / "clean"
    subprocess.run([sys.executable, "-c", script, str(clean)], check=True)
    wanted = (clean / "pool/a.parquet").read_bytes()
    for point in range(1, 40):
        root = tmp_path / f"crash-{point}"
        env = {**os.environ, "HOMESPUN_CRASH_AT": str(point)}
        died = subprocess.run([sys.executable, "-c", script, str(root)], env=env, check=False).returncode != 0
        subprocess.run([sys.executable, "-c", script, str(root)], check=True)
        assert (root / "pool/a.parquet").read_bytes() == wanted
        assert not list(root.rglob("*.tmp"))
        assert not (root / "work/pool/a").exists()
        if not died:
            break
    assert 10 < point < 39


def test_a_full_disk_is_named_and_loses_nothing(tmp_path):
    """RLIMIT_FSIZE makes the kernel refuse the write, as a full disk would."""
    script = textwrap.dedent(
        """
        import resource, signal, sys
        from pathlib import Path
        from homespun.errors import StoreError
        from homespun.data.store import Store
        with Store.open(Path(sys.argv[1])) as store:
            store.write_text("pool/first.txt", "kept")
            signal.signal(signal.SIGXFSZ, signal.SIG_IGN)
            resource.setrlimit(resource.RLIMIT_FSIZE, (4096, 4096))
            try:
                store.write_bytes("pool/second.bin", b"x" * 10000)
            except StoreError as error:
                print(error)
        """
    )
    root = tmp_path / "run"
    done = subprocess.run([sys.executable, "-c", script, str(root)], capture_output=True, text=True, check=True)
    assert "cannot write" in done.stdout and "second.bin" in done.stdout
    assert (root / "pool/first.txt").read_text() == "kept"
    assert not (root / "pool/second.bin").exists()


def test_no_space_left_says_so(tmp_path, monkeypatch):
    import errno

    def full(_descriptor: int) -> None:
        raise OSError(errno.ENOSPC, "No space left on device")

    with Store.open(tmp_path / "run") as store:
        monkeypatch.setattr(os, "fsync", full)
        with pytest.raises(StoreError, match=r"no space left to write .*MB free.*run the same command again"):
            store.write_text("a.txt", "x")
        monkeypatch.undo()
        assert not store.has("a.txt")
