"""Small pools of rows and scores, written out, for the tests of rules and arms."""

from collections.abc import Mapping, Sequence

from homespun.records import Labelled, Lineage, Row, Scores
from homespun.select.base import Columns


def make_row(number: int, label: str = "positive", text: str | None = None, keyword: str = "plot") -> Row:
    """Return a row whose key is its number; rows with equal text are still two rows."""
    return Row.make(
        Labelled({"review": text if text is not None else f"text {number}"}, label),
        language="en",
        groups={"label": label, "keyword": keyword},
        lineage=Lineage("labelled", f"{number:04d}"),
    )


def make_rows(labels: str) -> list[Row]:
    """Return a row per letter: p positive, n negative."""
    return [make_row(i, {"p": "positive", "n": "negative"}[letter]) for i, letter in enumerate(labels)]


def numbers(
    rows: Sequence[Row], values: Sequence[float], name: str = "score", reasons: Mapping[int, str] | None = None
) -> Scores:
    """Return one column of numbers under the name `value`, which is also the primary one."""
    why = {rows[position].id: reason for position, reason in (reasons or {}).items()}
    return Scores(name, "value", [row.id for row in rows], {"value": list(values)}, why)


def one_column(rows: Sequence[Row], values: Sequence[float]) -> Columns:
    """Return a pool with the one score `score`."""
    return Columns.of([numbers(rows, values)])


NO_SCORES = Columns({})
