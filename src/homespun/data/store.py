"""The run directory: the only module that knows its paths.

Everything is written to a temporary file, flushed to disk and renamed, so a reader or a killed process
sees the old state or the new one, never half of it. A stage is finished when its marker under `done/`
says so; the marker carries the fingerprint of everything that went in (settings, rows, models), so a
changed recipe redoes exactly what the change touches and nothing is ever mixed. Unfinished work stands in
`work/STAGE/` as committed shards. One process at a time: `run.lock` is held with flock and dies with its
process. No pickle, anywhere.
"""

from __future__ import annotations

import contextlib
import errno
import fcntl
import hashlib
import json
import os
import shutil
import socket
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Any

from homespun.data.records import JSONDict
from homespun.data.tables import parquet_bytes, read_table
from homespun.errors import DataError, LockedError, StoreError

if TYPE_CHECKING:
    import pyarrow as pa


def crash_point() -> None:
    """Die here if a test asked for it: HOMESPUN_CRASH_AT=k kills the process at its k-th write."""
    limit = os.environ.get("HOMESPUN_CRASH_AT")
    if limit is not None:
        crash_point.count += 1  # type: ignore[attr-defined]
        if crash_point.count >= int(limit):  # type: ignore[attr-defined]
            os.kill(os.getpid(), 9)


crash_point.count = 0  # type: ignore[attr-defined]


def file_hash(path: Path) -> str:
    """Return the SHA-256 of a file's bytes."""
    digest = hashlib.sha256()
    with path.open("rb") as stream:
        while block := stream.read(1 << 20):
            digest.update(block)
    return digest.hexdigest()


def digest_of(path: Path) -> str:
    """Return the SHA-256 of a file of records.

    Raises:
        DataError: there is no such file.
    """
    if not path.is_file():
        raise DataError(f"{path}: no such file")
    return file_hash(path)


@contextmanager
def disk_errors(path: Path) -> Iterator[None]:
    """Turn an OSError of writing into a StoreError that says what to do."""
    try:
        yield
    except OSError as error:
        if isinstance(error, StoreError):
            raise
        if error.errno in (errno.ENOSPC, errno.EDQUOT):
            free = shutil.disk_usage(path.parent if path.parent.exists() else Path("/")).free
            raise StoreError(
                f"no space left to write {path} ({free / 1e6:.0f} MB free); free some space and run the same"
                " command again: finished work is kept"
            ) from error
        raise StoreError(f"cannot write {path}: {error.strerror or error}") from error


def sync_folder(folder: Path) -> None:
    """Make renames in a folder last through a power cut."""
    descriptor = os.open(folder, os.O_RDONLY)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)


class Store:
    """A run directory. Open it with Store.open, which takes the lock; Store(path) only reads."""

    def __init__(self, root: Path) -> None:
        self.root = root
        self._lock: int | None = None

    @classmethod
    @contextmanager
    def open(cls, root: Path) -> Iterator[Store]:
        """Create or reopen a run directory for writing.

        Raises:
            LockedError: another process works in it.
            StoreError: it holds something that is no run, or cannot be written.
        """
        store = cls(root)
        with disk_errors(root):
            if root.exists() and not root.is_dir():
                raise StoreError(f"{root} is a file; choose another --out")
            if root.is_dir() and any(root.iterdir()) and not (root / "run.lock").exists():
                raise StoreError(f"{root} is not empty and is no run of this program; choose another --out")
            root.mkdir(parents=True, exist_ok=True)
            descriptor = os.open(root / "run.lock", os.O_RDWR | os.O_CREAT, 0o644)
        try:
            try:
                fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
            except BlockingIOError:
                holder = os.read(descriptor, 200).decode(errors="replace").strip() or "unknown"
                raise LockedError(
                    f"another process works in {root} ({holder}); wait for it, or choose another --out"
                ) from None
            os.ftruncate(descriptor, 0)
            os.pwrite(descriptor, f"pid {os.getpid()} on {socket.gethostname()}".encode(), 0)
            for leftover in root.rglob("*.tmp"):
                leftover.unlink(missing_ok=True)
            yield store
        finally:
            os.close(descriptor)

    @property
    def exists(self) -> bool:
        """Whether this is a run directory."""
        return (self.root / "run.lock").exists()

    def path(self, relative: str) -> Path:
        """Return a path inside the run directory."""
        return self.root / relative

    def write_bytes(self, relative: str, data: bytes) -> None:
        """Write a file so that it is either wholly there or not at all."""
        path = self.path(relative)
        temporary = path.with_name(path.name + ".tmp")
        with disk_errors(path):
            path.parent.mkdir(parents=True, exist_ok=True)
            crash_point()
            with temporary.open("wb") as stream:
                stream.write(data)
                stream.flush()
                os.fsync(stream.fileno())
            crash_point()
            os.replace(temporary, path)
            sync_folder(path.parent)

    def write_text(self, relative: str, text: str) -> None:
        """Write a UTF-8 text file."""
        self.write_bytes(relative, text.encode("utf-8"))

    def write_json(self, relative: str, value: object) -> None:
        """Write a JSON file; NaN is refused."""
        text = json.dumps(value, ensure_ascii=False, indent=1, allow_nan=False)
        self.write_text(relative, text + "\n")

    def write_table(self, relative: str, table: pa.Table) -> None:
        """Write a Parquet file."""
        self.write_bytes(relative, parquet_bytes(table))

    @contextmanager
    def table_writer(self, relative: str, schema: pa.Schema) -> Iterator[Callable[[pa.Table], None]]:
        """Write a Parquet file piece by piece; it is wholly there when this is left without an error, or not at all."""
        import pyarrow.parquet as pq

        path = self.path(relative)
        temporary = path.with_name(path.name + ".tmp")
        with disk_errors(path):
            path.parent.mkdir(parents=True, exist_ok=True)
            crash_point()
            try:
                with temporary.open("wb") as stream, pq.ParquetWriter(stream, schema, compression="zstd") as writer:
                    yield writer.write_table
                    writer.close()
                    stream.flush()
                    os.fsync(stream.fileno())
            except BaseException:
                temporary.unlink(missing_ok=True)
                raise
            crash_point()
            os.replace(temporary, path)
            sync_folder(path.parent)

    def read_json(self, relative: str) -> Any:
        """Read a JSON file.

        Raises:
            StoreError: it is not there or not JSON.
        """
        path = self.path(relative)
        try:
            return json.loads(path.read_text(encoding="utf-8"))
        except FileNotFoundError:
            raise StoreError(f"{path} does not exist; did the run get that far?") from None
        except ValueError as error:
            raise StoreError(f"{path} is damaged: {error}") from None

    def read_table(self, relative: str, at_most: int | None = None) -> pa.Table:
        """Read a Parquet file of the run, or its first `at_most` rows."""
        path = self.path(relative)
        if not path.is_file():
            raise StoreError(f"{path} does not exist; did the run get that far?")
        return read_table(path, at_most)

    def read_batches(self, relative: str) -> Iterator[pa.Table]:
        """Read a Parquet file of the run slice by slice."""
        import pyarrow as pa
        import pyarrow.parquet as pq

        with pq.ParquetFile(self.path(relative)) as file:
            for batch in file.iter_batches(batch_size=1024):
                yield pa.Table.from_batches([batch])

    def has(self, relative: str) -> bool:
        """Whether a file or folder is there."""
        return self.path(relative).exists()

    # Stages

    def marker(self, stage: str) -> JSONDict | None:
        """Return what a finished stage's marker says, or None."""
        return self.told(stage) if self.has(f"done/{stage}.json") else None

    def told(self, stage: str) -> JSONDict:
        """Return what the marker of a stage says that is known to be finished."""
        return dict(self.read_json(f"done/{stage}.json"))

    def finished(self, stage: str, fingerprint: str) -> bool:
        """Whether a stage is finished with this fingerprint and its outputs are as it left them."""
        marker = self.marker(stage)
        if marker is None or marker["fingerprint"] != fingerprint:
            return False
        return all(
            self.path(name).is_file() and file_hash(self.path(name)) == known
            for name, known in marker["outputs"].items()
        )

    def finish(self, stage: str, fingerprint: str, outputs: list[str], **facts: object) -> None:
        """Mark a stage as finished and drop its work files."""
        hashes = {name: file_hash(self.path(name)) for name in outputs}
        self.write_json(f"done/{stage}.json", {"fingerprint": fingerprint, "outputs": hashes, **facts})
        shutil.rmtree(self.path(f"work/{stage}"), ignore_errors=True)

    def work(self, stage: str, fingerprint: str, *, afresh: bool = False) -> Work:
        """Open a stage's unfinished work; work of another fingerprint (or all) is cleared away first."""
        folder = self.path(f"work/{stage}")
        named = folder / "fingerprint"
        if folder.exists() and not (not afresh and named.is_file() and named.read_text() == fingerprint):
            shutil.rmtree(folder)
        self.path(f"done/{stage}.json").unlink(missing_ok=True)
        self.write_text(f"work/{stage}/fingerprint", fingerprint)
        return Work(self, f"work/{stage}")

    def stages(self) -> dict[str, JSONDict]:
        """Return every finished stage's marker, in order of finishing."""
        folder = self.path("done")
        found = {}
        for path in sorted(folder.rglob("*.json"), key=lambda p: p.stat().st_mtime_ns):
            name = path.relative_to(folder).with_suffix("").as_posix()
            found[name] = dict(json.loads(path.read_text(encoding="utf-8")))
        return found

    def move_in(self, work: Work, relative: str) -> None:
        """Move the folder `work/STAGE/out` to its place, replacing what an older recipe left there."""
        source, target = work.folder / "out", self.path(relative)
        with disk_errors(target):
            crash_point()
            if target.exists():
                shutil.rmtree(target)
            target.parent.mkdir(parents=True, exist_ok=True)
            os.rename(source, target)
            sync_folder(target.parent)


class Work:
    """The committed shards of one unfinished stage."""

    def __init__(self, store: Store, relative: str) -> None:
        self.store, self.relative = store, relative
        self.seconds = 0.0  #: time spent on the shards, also by earlier processes

    @property
    def folder(self) -> Path:
        """Where the shards stand."""
        return self.store.path(self.relative)

    def table(self, name: str, make: Callable[[], pa.Table]) -> tuple[pa.Table, bool]:
        """Return a shard and whether an earlier process had committed it; make and commit it if not."""
        relative = f"{self.relative}/{name}.parquet"
        if self.store.has(relative):
            found = self.store.read_table(relative)
            self.seconds += float((found.schema.metadata or {}).get(b"seconds", b"0"))
            return found, True
        started = time.monotonic()
        made = make()
        spent = time.monotonic() - started
        self.seconds += spent
        metadata = {**(made.schema.metadata or {}), b"seconds": f"{spent:.3f}".encode()}
        self.store.write_table(relative, made.replace_schema_metadata(metadata))
        return made, False

    def fresh_folder(self) -> Path:
        """Return an empty folder `out` for a stage that writes its own files."""
        out = self.folder / "out"
        with contextlib.suppress(FileNotFoundError):
            shutil.rmtree(out)
        out.mkdir(parents=True)
        return out
