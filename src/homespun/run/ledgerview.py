"""What `homespun ledger DIR` shows: answers, failures by kind, tokens, and one row's answers in full.

Reads the file without changing it, also while a run is writing to it.
"""

from __future__ import annotations

import json
import sqlite3
from collections.abc import Iterator, Mapping
from contextlib import closing, contextmanager
from pathlib import Path

from homespun.data.ledger import FAILURES, LOCAL, OK, Total
from homespun.engine.budget import cost
from homespun.errors import StoreError, UsageError
from homespun.task import Price
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


def summary(path: Path, prices: Mapping[str, Price | None]) -> list[str]:
    """Return a table with a line per stage and model, and below it the failures by kind.

    Args:
        path: of the ledger.
        prices: model, as in a recipe -> its price; tokens and money are those of all attempts.
    """
    with _opened(path) as database:
        stages = database.execute(
            f"SELECT stage, endpoint, model, count(*) AS requests, sum(outcome IN ('{OK}', 'truncated')) AS answered,"
            " sum(NOT final) AS unfinished"
            f" FROM ({LAST}) GROUP BY stage, endpoint, model ORDER BY stage"
        ).fetchall()
        tried = database.execute(
            "SELECT stage, endpoint, model, count(*), sum(prompt_tokens), sum(completion_tokens)"
            " FROM answer GROUP BY 1, 2, 3"
        ).fetchall()
        kinds = database.execute(
            f"SELECT outcome, count(*) AS rows, min(row) AS example, min(problem) AS problem FROM ({LAST})"
            f" WHERE outcome NOT IN ('{OK}') GROUP BY outcome ORDER BY rows DESC"
        ).fetchall()
    totals = {total[:3]: total for total in (Total(*one) for one in tried)}
    head = ("stage", "model", "requests", "answered", "failed", "attempts", "tokens in", "tokens out", "money")
    lines = [head]
    for each in stages:
        total = totals[each["stage"], each["endpoint"], each["model"]]
        count, prompt, written = total[3:]
        here = total.endpoint == LOCAL
        model = total.model if here else total.named
        price = prices.get(total.named)
        money = f"{cost(price, prompt, written):.4f}" if price else "-" if here else "unknown"
        failed = each["requests"] - each["answered"] - each["unfinished"]
        numbers = (each["requests"], each["answered"], failed, count, prompt, written)
        lines.append((each["stage"], model, *(f"{number:,}" for number in numbers), money))
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
