"""What every trainer has: the call, the look at the rows beforehand, and the card it leaves.

A trainer turns rows and a student into a folder (an adapter, or a whole model) whose `card.json`, written
last, says what was trained on what, how, and how the loss went. Rows that cannot teach anything (none, one
label only) are refused before a model is loaded. No comparison between arms happens here.
"""

from __future__ import annotations

import json
import os
from collections import Counter
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import Any, ClassVar, Self

from pydantic import BaseModel, ConfigDict, Field, field_validator

from homespun.data.records import Labelled, Payload, Row
from homespun.engine.context import Context
from homespun.errors import DataError, DegenerateError, UsageError
from homespun.models.base import Model
from homespun.registry import Strategy
from homespun.task import ModelSpec, Task

Probe = Callable[[Model, int], None]  #: called with the model as trained so far and its point


class Card(BaseModel):
    """What a training was; `card.json` beside the adapter. Its presence says the folder is whole."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    kind: str
    student: str  #: name and content hash of the base model
    seed: int
    rows: int  #: rows trained on
    labels: dict[str, int]  #: label -> rows trained on
    warnings: list[str]  #: what a reader should know about the data, in words
    epochs: int
    steps: int  #: optimizer steps
    tokens: int  #: real tokens of the rows (prompt and completion, no padding) over all epochs
    seconds: float  #: of the training steps alone, without loading and saving
    tokens_per_second: float
    losses: list[float]  #: one per step: mean over the completion tokens of its batch, in nats
    settings: dict[str, Any]
    device: str
    dtype: str
    threads: int  #: of torch on a CPU; equal adapters need an equal number
    versions: dict[str, str]
    about: dict[str, str]  #: what the caller wants said: recipe, arm
    documents: int = 0  #: that the rows are variants of; continual only
    replay_tokens: int = 0  #: of general text shown beside the rows; continual only
    exposure_losses: list[float] = []  #: mean training loss of every exposure, in nats per token
    exposure_tokens: list[int] = []  #: real tokens of rows presented up to the end of every exposure

    @property
    def along(self) -> tuple[list[float], list[int]]:
        """The loss of every exposure, and the tokens presented up to its end."""
        return self.exposure_losses, self.exposure_tokens

    @property
    def first_loss(self) -> float:
        """Loss of the first step, before any update."""
        return self.losses[0]

    @property
    def last_loss(self) -> float:
        """Mean loss of the last epoch: one step's loss depends on its few rows too much."""
        last = self.losses[-max(self.steps // self.epochs, 1) :]
        return sum(last) / len(last)

    @property
    def presented(self) -> int:
        """Rows presented in all."""
        return (self.documents or self.rows) * self.epochs

    def write(self, out: Path) -> None:
        """Write `card.json` whole or not at all."""
        unfinished = out / "card.json.part"
        unfinished.write_text(json.dumps(self.model_dump(), indent=2, ensure_ascii=False) + "\n", "utf-8")
        os.replace(unfinished, out / "card.json")

    @classmethod
    def read(cls, out: Path) -> Card:
        """Read the card of an adapter folder."""
        return cls.model_validate_json((out / "card.json").read_text("utf-8"))


def check_rows(rows: Sequence[Row], task: Task) -> list[str]:
    """Return warnings about rows that can be trained on, but not well.

    Raises:
        DegenerateError: no rows, or all with one label: the student would learn to always say it.
        DataError: a row has no text, or a label that the task does not have.
    """
    labels = ", ".join(task.labels)
    if not rows:
        raise DegenerateError("there are no rows to train on. Loosen the selection rules, or generate more rows.")
    counts = Counter(row.payload.output for row in rows)
    unknown = {label: count for label, count in counts.items() if label not in task.labels}
    if unknown:
        raise DataError(f"rows have labels that the task does not have: {_counted(unknown)}. Labels: {labels}.")
    empty = [row.id for row in rows if not any(value.strip() for value in row.payload.fields.values())]
    if empty:
        raise DataError(f"{len(empty)} of {len(rows)} rows have no text (first: {empty[0]}). Drop them.")
    if len(counts) == 1:
        (label,) = counts
        raise DegenerateError(
            f'all {len(rows)} rows have the label "{label}" (labels of the task: {labels}); trained on them '
            "the student would always answer it. Loosen the selection rules, select within label, or "
            "generate rows of the other labels."
        )
    missing = [label for label in task.labels if label not in counts]
    if missing:
        return [f"no row has the label {' or '.join(missing)}; the student cannot learn it from these rows"]
    return []


def _counted(counts: Mapping[str, int]) -> str:
    return ", ".join(f'"{label}" ({count})' for label, count in counts.items())


class Trainer(Strategy):
    """Base of the trainers: trains a student on rows, once per seed, and leaves an adapter and a card."""

    group: ClassVar[str] = "trainer"
    takes: ClassVar[type[Payload]] = Labelled  #: which rows it can train on
    not_learned: ClassVar[frozenset[str]] = frozenset()  #: settings that change nothing of what comes of a training

    seeds: tuple[int, ...] = Field(
        (0, 1, 2), min_length=1, description="one replicate per seed: a training, and what `draws` says of its rows"
    )

    @field_validator("seeds")
    @classmethod
    def _differ(cls, seeds: tuple[int, ...]) -> tuple[int, ...]:
        if len(set(seeds)) < len(seeds):
            raise ValueError(f"seeds {list(seeds)} repeat one: the same training twice measures no chance")
        return seeds

    def points(self) -> tuple[int, ...]:
        """Return the points at which the model is to be evaluated while it is trained; the last one is the end.

        Empty for a trainer whose result is evaluated afterwards, and only once.
        """
        return ()

    def learned(self) -> Self:
        """Return the trainer with all that changes nothing of its result at its default."""
        return self.model_copy(update={name: type(self).model_fields[name].default for name in self.not_learned})

    def once(self) -> Trainer:
        """Return a trainer that presents everything once, for an estimate."""
        return self

    def presented(self, rows: float, records: int) -> float:
        """Return how many rows a training on so many rows, made of so many records of sources, presents in all."""
        return rows

    def look(self) -> object:
        """Read what is needed from files, before anything is spent; return what tells that they have changed.

        Raises:
            DataError: a file cannot be read.
        """
        return None

    def check_rows(self, rows: Sequence[Row], task: Task | None) -> list[str]:
        """See `check_rows`; a trainer for other payloads looks at other things."""
        if task is None:
            raise UsageError(f"`{self.kind}` needs a `task`, and the recipe has none")
        return check_rows(rows, task)

    def __call__(
        self,
        rows: Sequence[Row],
        ctx: Context,
        student: ModelSpec,
        seed: int,
        out: Path,
        probe: Probe | None = None,
        at: Sequence[int] = (),
        about: Mapping[str, str] | None = None,
        state: Path | None = None,
    ) -> Card:
        """Train the student on the rows and write the adapter to the folder `out`.

        `probe(model, point)` is called whenever every row (continual: every document) has been presented as often
        as `at` says. `about` is copied to the card and the model card. `state` is a folder where a trainer that can
        go on after an interruption keeps what it needs for that; a rerun gets it back as it was left.
        """
        raise NotImplementedError
