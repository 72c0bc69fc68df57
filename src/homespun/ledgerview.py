"""What `homespun ledger DIR` shows: answers, failures by kind, tokens, and one row's answers in full.

Reads the file without changing it, also while a run is writing to it.
"""

from __future__ import annotations

import json
import sqlite3
from collections.abc import Iterator
from contextlib import closing, contextmanager
from pathlib import Path

from homespun.errors import StoreError, UsageError
from homespun.ledger import FAILURES, OK
from homespun.text.table import aligned

LAST = "SELECT *, max(attempt) FROM answer GROUP BY key"  #: SQLite takes the other columns from that same row


@contextmanager
def _opened(path: Path) -> Iterator[sqlite3.Connection]:
    if not path.is_file():
        raise StoreError(f"{path} does not exist: this run has asked no model yet, or is older than the ledger")
    try:
        with closing(sqlite3.connect(f"file:{path}?mode=ro", uri=True)) as database:
            database.row_factory = sqlite3.Row
            yield database
    except sqlite3.Error as error:
        raise StoreError(f"cannot read {path}: {error}") from error


def summary(path: Path) -> list[str]:
    """Return a table with a line per stage and model, and below it the failures by kind."""
    with _opened(path) as database:
        stages = database.execute(
            f"SELECT stage, endpoint, model, count(*) AS requests, sum(outcome IN ('{OK}', 'truncated')) AS answered,"
            " sum(NOT final) AS unfinished, sum(prompt_tokens) AS prompt, sum(completion_tokens) AS written"
            f" FROM ({LAST}) GROUP BY stage, endpoint, model ORDER BY stage"
        ).fetchall()
        attempts = dict(
            database.execute("SELECT stage || endpoint || model, count(*) FROM answer GROUP BY 1").fetchall()
        )
        kinds = database.execute(
            f"SELECT outcome, count(*) AS rows, min(row) AS example, min(problem) AS problem FROM ({LAST})"
            f" WHERE outcome NOT IN ('{OK}') GROUP BY outcome ORDER BY rows DESC"
        ).fetchall()
    head = ("stage", "model", "requests", "answered", "failed", "attempts", "tokens in", "tokens out")
    lines = [head] + [
        (
            each["stage"],
            f"{each['endpoint']}#{each['model']}",
            f"{each['requests']:,}",
            f"{each['answered']:,}",
            f"{each['requests'] - each['answered'] - each['unfinished']:,}",
            f"{attempts[each['stage'] + each['endpoint'] + each['model']]:,}",
            f"{each['prompt']:,}",
            f"{each['written']:,}",
        )
        for each in stages
    ]
    shown = aligned(lines, left=2)
    for kind in kinds:
        meaning = FAILURES.get(kind["outcome"], "")
        shown.append(f"{kind['rows']:,} x {kind['outcome']}: {meaning}, e.g. {kind['example']} ({kind['problem']})")
    return shown


def answers(path: Path, row: str) -> list[str]:
    """Return every attempt for one row, with request and body, as JSON lines.

    Raises:
        UsageError: the ledger has no such row.
    """
    with _opened(path) as database:
        found = database.execute("SELECT * FROM answer WHERE row = ? ORDER BY stage, key, attempt", (row,)).fetchall()
        if not found:
            some = [each["row"] for each in database.execute("SELECT DISTINCT row FROM answer LIMIT 3")]
            raise UsageError(f'the ledger has no row "{row}"; rows are called, for example: {", ".join(some)}')
    lines = []
    for each in found:
        columns = dict(each)
        told = {name: columns[name] for name in columns if name not in ("request", "body", "checksum", "final")}
        told |= {name: columns[name].decode("utf-8", "replace") for name in ("request", "body")}
        lines.append(json.dumps(told, ensure_ascii=False))
    return lines
