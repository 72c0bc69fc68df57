"""Small pools of rows and scores, written out, for the tests of rules and arms."""

import math
from collections.abc import Mapping, Sequence

from hypothesis import strategies as st

from homespun.data.records import Labelled, Lineage, Row, Scores, Verdict
from homespun.select.base import Columns, Rule
from homespun.select.rules.combine import AllOf
from homespun.select.rules.share import Bottom, Random, Top
from homespun.select.rules.threshold import AtLeast, AtMost, Band


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


def decide(rule: Rule, rows: Sequence[Row], columns: Columns = NO_SCORES, seed: int = 0) -> list[Verdict]:
    """Return the verdicts of a rule, which are one per row, in order, and give the rule's name and a reason."""
    verdicts = rule(rows, columns, seed)
    assert [verdict.row_id for verdict in verdicts] == [row.id for row in rows]
    assert all(verdict.rule == str(rule) and verdict.reason for verdict in verdicts)
    return verdicts


def kept(rule: Rule, rows: Sequence[Row], columns: Columns = NO_SCORES, seed: int = 0) -> list[int]:
    """Return the places of the rows that a rule keeps."""
    return [place for place, verdict in enumerate(decide(rule, rows, columns, seed)) if verdict.keep]


SCORES = st.one_of(st.floats(0, 1), st.just(math.nan), st.sampled_from([0.0, 0.5, 1.0]))
POOL = st.lists(st.tuples(st.sampled_from("pn"), SCORES), max_size=30)
WITHIN = st.sampled_from([None, "label", "keyword"])
SHARES = st.floats(0.05, 1)
SIMPLE_RULES = st.one_of(
    st.builds(lambda value: AtLeast(by="score", value=value), st.floats(0, 1)),
    st.builds(lambda value: AtMost(by="score", value=value), st.floats(0, 1)),
    st.builds(lambda low: Band(by="score", low=low, high=low + 0.3), st.floats(0, 1)),
    st.builds(lambda share, within: Top(by="score", share=share, within=within), SHARES, WITHIN),
    st.builds(lambda count, within: Bottom(by="score", count=count, within=within), st.integers(1, 9), WITHIN),
    st.builds(lambda share, within: Random(share=share, within=within), SHARES, WITHIN),
)
RULES = st.lists(st.one_of(SIMPLE_RULES, st.builds(lambda a, b: AllOf(rules=(a, b)), SIMPLE_RULES, SIMPLE_RULES)))


def pool_of(entries: Sequence[tuple[str, float]]) -> tuple[list[Row], Columns]:
    """Return a pool of a row per letter and score."""
    rows = make_rows("".join(letter for letter, _ in entries))
    return rows, one_column(rows, [score for _, score in entries])
