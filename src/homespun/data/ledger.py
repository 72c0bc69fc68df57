"""The ledger: every request to a model and the raw bytes of every answer, on disk before anything reads them.

One SQLite file in the run directory: write-ahead log, `synchronous=FULL`, a checksum per row. One thread
writes; it commits whatever has come in since the last commit as one transaction, so that a hundred answers
share the cost of one flush. An answer counts as received only when `save` returns, which is after COMMIT;
parsing, checking and selecting are functions of the stored bytes (reliability.md 2).

The key of an answer covers everything that decides it: endpoint, model, messages or prompt, sampling,
schema and the number of the sample. What is not in the ledger is not here: retries, limits and parsing are
models/server's, paths and locks the store's.
"""

from __future__ import annotations

import asyncio
import hashlib
import json
import queue
import sqlite3
import threading
from collections.abc import Callable, Iterable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from types import TracebackType
from typing import NamedTuple

from homespun.data.store import crash_point
from homespun.errors import StoreError

OK = "ok"
LOCAL = "local"  #: stands where a server has its address
NO_LOGPROB = "no log-probability"
FAILURES = {
    "rate limited": "the server refused for its load until no retry was left",
    "refused": "the server took the request and declined to answer (content filter)",
    "rejected": "the server will never take this request (a 4xx)",
    "truncated": "the answer ended at max_tokens",
    "malformed": "what came back is no answer of this protocol",
    "empty": "an answer without text",
    "timed out": "no answer within a deadline",
    "unreachable": "no connection, or it broke",
    "server error": "a 5xx until no retry was left",
    NO_LOGPROB: "the server answered, but with no number for a token that was asked about",
    "wrong model": "another model answered than the one asked for",
}  #: outcome -> what it means; every other outcome is `ok`
FAILED_BODY = 4096  #: bytes kept of the body of a failure
BATCH = 512  #: answers committed together at most
# With a rowid: answers are appended in the order they come and only the small index is in the order of the keys.
# Without one, bodies lie in the index itself: four times slower and three times as large (measured).
_SCHEMA = """
CREATE TABLE IF NOT EXISTS answer (
  key TEXT NOT NULL, attempt INTEGER NOT NULL, stage TEXT NOT NULL, row TEXT NOT NULL,
  endpoint TEXT NOT NULL, model TEXT NOT NULL, request BLOB NOT NULL,
  outcome TEXT NOT NULL, problem TEXT NOT NULL, status INTEGER NOT NULL, body BLOB NOT NULL,
  prompt_tokens INTEGER NOT NULL, completion_tokens INTEGER NOT NULL, seconds REAL NOT NULL,
  final INTEGER NOT NULL, checksum BLOB NOT NULL, PRIMARY KEY (key, attempt)
)
"""
_NAMES = (
    *("key", "attempt", "stage", "row", "endpoint", "model", "request", "outcome", "problem", "status", "body"),
    *("prompt_tokens", "completion_tokens", "seconds", "final"),
)
_COLUMNS = ", ".join(_NAMES)


@dataclass(frozen=True, slots=True)
class Entry:
    """One attempt at one request, and what came of it."""

    key: str  #: from `request_key`
    attempt: int  #: 1 for the first; the highest one counts
    stage: str  #: which step asked
    row: str  #: which row it asked for
    endpoint: str  #: base URL without any key, or `local`
    model: str
    request: bytes  #: the body that was sent
    outcome: str  #: `ok` or one of FAILURES
    problem: str  #: the failure in words; empty for `ok`
    status: int  #: of HTTP; 0 where there was none
    body: bytes  #: as received; of a failure the first 4 KB
    prompt_tokens: int = 0
    completion_tokens: int = 0
    seconds: float = 0.0  #: from sending to the last byte, on the monotonic clock
    final: bool = True  #: False: it failed and is tried again

    def values(self) -> tuple[object, ...]:
        """Return the columns in the order of the table, without the checksum."""
        return (*(getattr(self, name) for name in _NAMES[:-1]), int(self.final))


class Total(NamedTuple):
    """What one stage has asked of one model."""

    stage: str
    endpoint: str
    model: str
    attempts: int
    prompt_tokens: int
    completion_tokens: int

    @property
    def named(self) -> str:
        """The model as a recipe names it."""
        return self.model.partition("@")[0] if self.endpoint == LOCAL else f"{self.endpoint}#{self.model}"


def request_key(endpoint: str, path: str, body: bytes, sample: int = 0) -> str:
    """Return the key of a request: a SHA-256 over everything that decides its answer.

    Args:
        endpoint: base URL of the server; two servers never share an answer.
        path: which of its calls (`chat/completions`).
        body: of the request, as it is sent: model, messages or prompt, sampling, schema, tools.
        sample: number of the sample, where one request is asked for several times.
    """
    head = json.dumps([endpoint, path, sample]).encode()
    return hashlib.sha256(head + b"\n" + body).hexdigest()


def _checksum(values: Sequence[object]) -> bytes:
    digest = hashlib.blake2b(digest_size=8)
    for value in values:
        part = value if isinstance(value, bytes) else repr(value).encode("utf-8", "surrogatepass")
        digest.update(len(part).to_bytes(8, "big") + part)
    return digest.digest()


class Ledger:
    """An open ledger. Use it as a context manager; leaving it commits what was handed in.

    `find` may be called from any thread, `save` from any event loop, `save_now` from any thread.
    """

    def __init__(self, path: Path) -> None:
        """Open or create the file.

        Raises:
            StoreError: it is no ledger, is damaged, or cannot be written.
        """
        self.path = path
        self.watch: Callable[[Entry], None] | None = None  #: is shown every answer that is found or saved
        self.corrupt = 0  #: rows whose checksum did not hold; they were set aside and are asked again
        self._failure: StoreError | None = None
        self._waiting: queue.SimpleQueue[_Handed | None] = queue.SimpleQueue()
        self._reading = threading.Lock()
        with self._database_errors():
            path.parent.mkdir(parents=True, exist_ok=True)
            self._reader = sqlite3.connect(path, isolation_level=None, check_same_thread=False)
            self._reader.execute("PRAGMA journal_mode=WAL")
            self._reader.execute("PRAGMA synchronous=FULL")
            self._reader.execute(_SCHEMA)
        self._writer = threading.Thread(target=self._write, name="ledger", daemon=True)
        self._writer.start()

    def __enter__(self) -> Ledger:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()

    def close(self) -> None:
        """Commit what was handed in and close the file."""
        self._waiting.put(None)
        self._writer.join()
        self._reader.close()

    # Reading

    def find(self, key: str) -> Entry | None:
        """Return the last attempt at a request, or None; a row whose checksum fails is set aside first."""
        with self._reading, self._database_errors():
            found = self._reader.execute(
                f"SELECT {_COLUMNS}, checksum FROM answer WHERE key = ? ORDER BY attempt DESC LIMIT 1", (key,)
            ).fetchone()
        if found is None:
            return None
        *values, checksum = found
        if _checksum(values) != checksum:
            self._set_aside(key)
            return None
        named = dict(zip(_NAMES, values, strict=True))
        entry = Entry(**{**named, "final": bool(named["final"])})
        if self.watch and entry.final:
            self.watch(entry)
        return entry

    def __len__(self) -> int:
        """Return the number of attempts that are on disk."""
        with self._reading, self._database_errors():
            (count,) = self._reader.execute("SELECT count(*) FROM answer").fetchone()
        return int(count)

    def totals(self) -> list[Total]:
        """Return what each stage has asked of each model, failed attempts included."""
        with self._reading, self._database_errors():
            found = self._reader.execute(
                "SELECT stage, endpoint, model, count(*), sum(prompt_tokens), sum(completion_tokens) FROM answer"
                " GROUP BY 1, 2, 3 ORDER BY 1, 2, 3"
            ).fetchall()
        return [Total(*row) for row in found]

    def _set_aside(self, key: str) -> None:
        """Move a damaged answer out of the way, so that it is asked for once more and never used."""
        self.corrupt += 1
        with self._reading, self._database_errors():
            self._reader.execute("CREATE TABLE IF NOT EXISTS damaged AS SELECT * FROM answer WHERE 0")
            self._reader.execute("BEGIN IMMEDIATE")
            self._reader.execute("INSERT INTO damaged SELECT * FROM answer WHERE key = ?", (key,))
            self._reader.execute("DELETE FROM answer WHERE key = ?", (key,))
            self._reader.execute("COMMIT")

    # Writing

    async def save(self, entry: Entry) -> None:
        """Return when the entry is on disk.

        Raises:
            StoreError: it could not be written; nothing more is taken after that.
        """
        if self._failure:
            raise self._failure
        if self.watch:
            self.watch(entry)
        loop = asyncio.get_running_loop()
        done: asyncio.Future[None] = loop.create_future()
        self._waiting.put(_Handed([entry], loop, done))
        await done

    def save_now(self, entries: Sequence[Entry]) -> None:
        """Write entries as one transaction and return when they are on disk (see save)."""
        if self._failure:
            raise self._failure
        if self.watch:
            for entry in entries:
                self.watch(entry)
        handed = _Handed(entries)
        self._waiting.put(handed)
        handed.event.wait()
        if self._failure:
            raise self._failure

    def _write(self) -> None:
        try:
            connection = sqlite3.connect(self.path, isolation_level=None)
            connection.execute("PRAGMA synchronous=FULL")
        except sqlite3.Error as error:
            self._failure = self._said(error)
        more = True
        while more:
            batch = [self._waiting.get()]
            while len(batch) < BATCH and not self._waiting.empty():
                batch.append(self._waiting.get())
            more = None not in batch
            handed = [one for one in batch if one is not None]
            if handed and self._failure is None:
                try:
                    self._commit(connection, [entry for one in handed for entry in one.entries])
                except Exception as error:  # whatever it is: those who wait must be told
                    self._failure = self._said(error)
            _tell(handed, self._failure)
        if self._failure is None:
            connection.close()

    def _commit(self, connection: sqlite3.Connection, entries: Sequence[Entry]) -> None:
        rows = [(*(values := entry.values()), _checksum(values)) for entry in entries]
        crash_point()
        connection.execute("BEGIN IMMEDIATE")
        connection.executemany(f"INSERT OR REPLACE INTO answer VALUES ({', '.join('?' * (len(_NAMES) + 1))})", rows)
        crash_point()
        connection.execute("COMMIT")
        crash_point()

    @contextmanager
    def _database_errors(self) -> Iterator[None]:
        try:
            yield
        except sqlite3.Error as error:
            raise self._said(error) from error

    def _said(self, error: Exception) -> StoreError:
        text = str(error)
        if "full" in text or "I/O" in text:
            return StoreError(
                f"cannot write {self.path}: {text}. Free some space and run the same command again: every answer"
                " that was counted is kept"
            )
        if isinstance(error, sqlite3.DatabaseError) and ("malformed" in text or "not a database" in text):
            return StoreError(
                f"{self.path} is damaged ({text}). Finished stages do not need it: move it away, and answers of"
                " unfinished stages are asked for again"
            )
        return StoreError(f"cannot use {self.path}: {text}")


class _Handed:
    """Entries on their way to the disk, and who waits for them."""

    def __init__(
        self,
        entries: Sequence[Entry],
        loop: asyncio.AbstractEventLoop | None = None,
        done: asyncio.Future[None] | None = None,
    ) -> None:
        self.entries, self.loop, self.done = entries, loop, done
        self.event = threading.Event()


def _tell(handed: Iterable[_Handed], failure: StoreError | None) -> None:
    """Wake everyone whose entries were committed, or not: one call per event loop."""
    loops: dict[asyncio.AbstractEventLoop, list[asyncio.Future[None]]] = {}
    for one in handed:
        one.event.set()
        if one.loop is not None and one.done is not None:
            loops.setdefault(one.loop, []).append(one.done)
    for loop, futures in loops.items():
        if not loop.is_closed():
            loop.call_soon_threadsafe(_resolve, futures, failure)


def _resolve(futures: Iterable[asyncio.Future[None]], failure: StoreError | None) -> None:
    for future in futures:
        if future.done():
            continue
        if failure is None:
            future.set_result(None)
        else:
            future.set_exception(failure)
