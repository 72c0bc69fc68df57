"""Rows, task and context for the tests of scorers."""

from collections.abc import Callable

from homespun.data.records import Labelled, Lineage, Row, Scores
from homespun.engine.context import Context, Models
from homespun.models.scripted import ScriptedModel
from homespun.task import ModelSpec, Task

TASK = Task(description="Say whether they liked it.", fields=("review",), labels={"good": "liked", "bad": "disliked"})
PAIR = Task(description="Does it follow?", fields=("premise", "hypothesis"), labels={"yes": "it does", "no": "not"})


def make_row(number: int, output: str = "good", **fields: str) -> Row:
    """Return a row; its text is `text NUMBER` unless fields are given."""
    return Row.make(
        Labelled(fields or {"review": f"text {number}"}, output),
        language="en",
        groups={"label": output},
        lineage=Lineage("labelled", f"{number:04d}"),
    )


def make_context(model: ScriptedModel, task: Task = TASK, seed: int = 0, language: str = "en") -> Context:
    """Return a context in which one model plays every part."""
    spec = ModelSpec(id="scripted:test", device="auto", dtype="auto", key_env=None)
    return Context(task, language, seed, Models(dict.fromkeys(("writer", "judge", "scorer"), spec), lambda _: model))


def by_text(table: dict[str, dict[str, float]]) -> Callable:
    """Return a `logprob` function: table[part of the prompt][continuation]."""

    def logprob(query, continuation):
        said = query.messages[-1][1] if query.messages else ""
        return next(values[continuation] for part, values in table.items() if part in said)

    return logprob


def joined(parts: list[Scores]) -> Scores:
    """Join the scores of the shards of one pool."""
    first = parts[0]
    return Scores(
        first.name,
        first.primary,
        tuple(row_id for part in parts for row_id in part.ids),
        {column: [value for part in parts for value in part.columns[column]] for column in first.columns},
        {row_id: reason for part in parts for row_id, reason in part.reasons.items()},
    )
