"""Classification on held-out items, by label likelihood and by free generation (methods.md 0 and A6).

Constrained: the label whose log-probability, summed over its tokens, is highest under the task prompt.
Free: greedy generation, read by text/parse.py. An untrained model can lose free accuracy to its format alone,
so its baseline is measured in both modes; arms are compared in the constrained mode unless the recipe says
otherwise, where format cannot be what was gained.
Calibrated: constrained, plus one bias per label for which the mean posterior over the items equals the shares of the
labels (batch calibration, Zhou et al. 2024); it reads the texts and no label, and costs no pass.
Few-shot: constrained, after some rows with their labels as turns. What a threshold or a prompt gives is no gain of
tuning.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import replace
from itertools import islice
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any, ClassVar, Literal

from pydantic import Field

from homespun.data.find import SUFFIXES, parts
from homespun.data.read import entries, read_records
from homespun.data.records import Labelled, Row, content_hash, derive_seed
from homespun.errors import DataError, MissingExtraError, UsageError
from homespun.evaluate.base import Evaluation, Item, ItemResult, Mode
from homespun.models.base import Advance, LogprobQuery, Model, Request, Sampling, ignore_progress
from homespun.registry import did_you_mean
from homespun.task import Task
from homespun.text.normalise import comparable
from homespun.text.parse import parse_label
from homespun.text.prompts import task_messages

if TYPE_CHECKING:
    from homespun.stats.descriptive import Floats

#: mode whose bias is taken off -> what it is then
CALIBRATED: dict[Mode, Mode] = {"constrained": "calibrated", "few_shot": "few_shot_calibrated"}
SHARES_TOLERANCE = 1e-3  #: thirds are written as .333
TINY = 1e-300  #: a probability that was rounded to 0, for its logarithm
SPARE_TOKENS = 12  #: room for a lead-in (`The answer is`) before the label


class Classification(Evaluation):
    """Accuracy and macro-F1 on a file of labelled items."""

    kind: Literal["classification"] = "classification"
    data: str = Field(description="JSONL, CSV or Parquet file, or the id of a hub data set")
    columns: dict[str, str] = Field({}, description="task field, `label` or `id` -> column; default: the same name")
    split: str | None = Field(None, description="split of a hub data set; default test")
    limit: int | None = Field(None, ge=1, description="use only this many items, drawn by the hash of their content")
    mode: Literal["constrained", "free", "both"] = Field(
        "constrained", description="how arms are asked; both: verdicts are about constrained"
    )
    metric: Literal["accuracy", "macro_f1"] = Field("accuracy", description="what verdicts are about")
    shares: dict[str, Annotated[float, Field(gt=0, lt=1)]] = Field(
        {}, description="label -> its share of the items, to take a model's bias off; default: all equal"
    )
    shots: int = Field(8, ge=0, description="rows in the prompt of the untrained student, asked so as well; 0: never")
    groups: tuple[str, ...] = Field(
        (), max_length=2, description="columns that say which items belong together (an author, a premise)"
    )
    not_asked: ClassVar[frozenset[str]] = frozenset({"shares", "shots"})

    @property
    def grouped(self) -> tuple[str, ...]:
        """The columns of the recipe: items with the same value are no independent sample."""
        return self.groups

    def shows(self, row: Row) -> bool:
        """Whether a row has a label."""
        return isinstance(row.payload, Labelled)

    @property
    def few_shots(self) -> int:
        """Number of rows that the untrained student is shown."""
        return self.shots

    @property
    def primary(self) -> str:
        """The metric that verdicts are about."""
        return self.metric

    def modes(self, trained: bool) -> tuple[Mode, ...]:
        """Return the modes a model is asked in, the primary one first."""
        if self.mode == "free":
            return ("free",) if trained else ("free", "constrained")
        return ("constrained",) if trained and self.mode == "constrained" else ("constrained", "free")

    def check(self, task: Task) -> None:
        """Raise a UsageError when columns name what is not there, or labels cannot be told apart."""
        known = [*task.fields, "label", "id"]
        for name in self.columns:
            if name not in known:
                raise UsageError(
                    f'columns: "{name}" is no field of the task.{did_you_mean(name, known)} Fields: {", ".join(known)}.'
                )
        for name in self.shares:
            if name not in task.labels:
                raise UsageError(
                    f'shares: "{name}" is no label of the task.{did_you_mean(name, list(task.labels))}'
                    f" Labels: {', '.join(task.labels)}."
                )
        if self.shares and (left := [label for label in task.labels if label not in self.shares]):
            raise UsageError(f"shares: no share for {', '.join(left)}; give every label one, or take `shares` out")
        if self.shares and abs((total := sum(self.shares.values())) - 1) > SHARES_TOLERANCE:
            raise UsageError(f"shares: they sum to {total:g}; shares of all items sum to 1")
        names = [(label, comparable(label)) for label in task.labels]
        for label, name in names:
            for other, longer in names:
                if label != other and longer.startswith(name):
                    raise UsageError(
                        f'label "{other}" begins with label "{label}", so its likelihood can never be the'
                        f" higher one; rename one of them"
                    )

    def load_items(self, task: Task | None = None, language: str = "en") -> list[Item]:
        """Read the items; `limit` draws them by hash, so a sorted file still gives every label.

        Raises:
            DataError: the data cannot be read, lacks a column or a label, has a label that the task does
                not know, or repeats an id.
            MissingExtraError: a hub data set, and `datasets` is not installed.
        """
        task = _known(task)
        self.check(task)
        items = read_items(self._records(), task, self.columns, where=self._where, groups=self.groups)
        if self.limit is not None and self.limit < len(items):
            drawn = sorted(items, key=lambda item: content_hash([item.id, dict(item.fields)]))[: self.limit]
            chosen = {item.id for item in drawn}
            items = [item for item in items if item.id in chosen]
        return items

    def predict(
        self,
        model: Model,
        task: Task | None,
        items: Sequence[Item],
        language: str,
        mode: Mode,
        advance: Advance = ignore_progress,
    ) -> list[ItemResult]:
        """Return one result per item, in the items' order."""
        ask = predict_constrained if mode == "constrained" else predict_free
        results = ask(model, _known(task), items, language, advance)
        return [replace(result, groups=item.groups) for result, item in zip(results, items, strict=True)]

    def predict_shown(
        self,
        model: Model,
        task: Task | None,
        items: Sequence[Item],
        language: str,
        shown: Sequence[Row],
        advance: Advance = ignore_progress,
    ) -> list[ItemResult]:
        """Return one result per item from a model that has rows with their labels before it."""
        answered = [(row.payload.fields, row.payload.output) for row in shown]
        results = predict_constrained(model, _known(task), items, language, advance, answered)
        found = zip(results, items, strict=True)
        return [replace(result, mode="few_shot", groups=item.groups) for result, item in found]

    def derived(self, results: Mapping[Mode, Sequence[ItemResult]]) -> dict[Mode, list[ItemResult]]:
        """Return the answers by likelihood with the model's bias taken off; nothing where no posterior is known."""
        asked = {told: results[mode] for mode, told in CALIBRATED.items() if mode in results}
        return {told: found for told, some in asked.items() if (found := _calibrated(told, some, self.shares))}

    def values(self, answers: Sequence[Sequence[ItemResult]], task: Task | None) -> dict[str, Floats]:
        """Return the values of accuracy and macro-F1 (see Evaluation)."""
        from homespun.stats import descriptive

        predicted = [[result.predicted for result in seed] for seed in answers]
        gold = [result.gold for result in answers[0]]
        return {
            name: descriptive.item_values(predicted, gold, list(_known(task).labels), name)
            for name in descriptive.METRICS
        }

    def summary(self, results: Sequence[ItemResult], task: Task | None) -> dict[str, float]:
        """Return accuracy and macro-F1, and for free answers the share that could not be parsed."""
        found = super().summary(results, task)
        if results and results[0].mode == "free":
            found["unparsed"] = sum(not result.predicted for result in results) / len(results)
        return found

    @property
    def _is_file(self) -> bool:
        path = Path(self.data)
        return path.exists() or path.suffix.lower() in SUFFIXES or path.is_absolute()

    def _records(self) -> list[dict[str, Any]]:
        return read_records(Path(self.data)) if self._is_file else _hub_records(self.data, self.split or "test")

    def _where(self, index: int) -> str:
        """Return the place of a record as a person finds it: the line in JSONL, else its number."""
        path = Path(self.data)
        if path.suffix.lower() == ".jsonl":
            return f"{self.data}:{next(islice(entries(parts(path)[0]), index, None)).number}"
        return f"{self.data}: record {index + 1}"


def _known(task: Task | None) -> Task:
    if task is None:
        raise UsageError("`classification` needs a `task`, and the recipe has none")
    return task


def _hub_records(name: str, split: str) -> list[dict[str, Any]]:
    try:
        import datasets
    except ImportError as error:
        raise MissingExtraError(
            f'"{name}" is no file ({", ".join(SUFFIXES)}); to read it as a hub data set, install the extra `train`:'
            " pip install -e '.[train]' in the clone"
        ) from error
    try:
        table = datasets.load_dataset(name, split=split)
    except (OSError, ValueError) as error:  # not found, no network, no such split
        raise DataError(
            f'"{name}" is no file, and as a hub data set (split "{split}") it does not load: {error}'
        ) from error
    named = {column: kind for column, kind in table.features.items() if hasattr(kind, "int2str")}

    def readable(record: Mapping[str, Any]) -> dict[str, Any]:
        # A class is stored as a number; -1 is a label that the data set hides.
        shown = {column: kind.int2str(record[column]) for column, kind in named.items() if record[column] >= 0}
        return {**record, **dict.fromkeys(named), **shown}

    return [readable(record) for record in table]


def read_items(
    records: Iterable[Mapping[str, Any]],
    task: Task,
    columns: Mapping[str, str],
    where: Callable[[int], str],
    labelled: bool = True,
    groups: Sequence[str] = (),
) -> list[Item]:
    """Return records as items.

    Args:
        records: one mapping per item.
        task: gives the fields to read and the labels that are allowed.
        columns: field, `label` or `id` -> column name; default the same name.
        where: record index -> its place in words, for messages.
        labelled: False reads no label (`gold` is empty).
        groups: columns that say which items belong together.

    Raises:
        DataError: nothing there, a column or a label is missing or unknown, an id repeats.
    """
    wanted = {name: columns.get(name, name) for name in (*task.fields, *(["label"] if labelled else []))}
    id_column = columns.get("id", "id")
    items: list[Item] = []
    seen: dict[str, int] = {}
    for index, record in enumerate(records):
        for name in groups:
            if record.get(name) is None:
                raise DataError(f'{where(index)}: no column "{name}" for groups; there are: {", ".join(record)}')
        for name, column in wanted.items():
            if column not in record:
                raise DataError(
                    f'{where(index)}: no column "{column}" for {name}; there are: {", ".join(record)}.'
                    f" Say which it is: columns: {{{name}: COLUMN}}"
                )
            if record[column] is None or not str(record[column]).strip():
                raise DataError(f'{where(index)}: {name} (column "{column}") is empty')
        gold = str(record[wanted["label"]]).strip() if labelled else ""
        if labelled and gold not in task.labels:
            raise DataError(
                f'{where(index)}: unknown label "{gold}".{did_you_mean(gold, list(task.labels))}'
                f" The task's labels: {', '.join(task.labels)}."
            )
        if "id" in columns and id_column not in record:
            raise DataError(f'{where(index)}: no column "{id_column}" for id; there are: {", ".join(record)}')
        item_id = str(record[id_column]) if record.get(id_column) is not None else str(index + 1)
        if item_id in seen:
            raise DataError(f'{where(index)}: id "{item_id}" is that of record {seen[item_id] + 1} too')
        seen[item_id] = index
        fields = {name: str(record[wanted[name]]) for name in task.fields}
        items.append(Item(item_id, fields, gold, {name: str(record[name]) for name in groups}))
    if not items:
        raise DataError("there is no item to evaluate on")
    return items


def predict_constrained(
    model: Model,
    task: Task,
    items: Sequence[Item],
    language: str,
    advance: Advance = ignore_progress,
    answered: Sequence[tuple[Mapping[str, str], str]] = (),
) -> list[ItemResult]:
    """Choose the label with the highest log-probability (sum over tokens; methods.md A3).

    The posterior is over the task's labels: exp(S_y) / sum of exp(S_y'). `answered`: inputs with their labels that
    stand in every prompt, before the item.
    """
    labels = tuple(task.labels)
    queries = [LogprobQuery(task_messages(task, item.fields, language, answered), labels) for item in items]
    answers = model.logprobs(queries, advance)
    return [
        _constrained_result(item, labels, [continuation.total for continuation in answer])
        for item, answer in zip(items, answers, strict=True)
    ]


def _constrained_result(item: Item, labels: Sequence[str], totals: Sequence[float]) -> ItemResult:
    highest = max(totals)
    if not all(math.isfinite(total) for total in totals):
        problem = "the model gave no finite log-probability for every label"
        return ItemResult(item.id, item.gold, "", "constrained", problem=problem)
    weights = [math.exp(total - highest) for total in totals]
    posterior = {label: weight / sum(weights) for label, weight in zip(labels, weights, strict=True)}
    return ItemResult(item.id, item.gold, labels[totals.index(highest)], "constrained", posterior)


def _calibrated(mode: Mode, results: Sequence[ItemResult], stated: Mapping[str, float]) -> list[ItemResult]:
    """Return the results with one bias per label, empty without any posterior; `stated`: shares, empty: equal."""
    from homespun.stats.descriptive import matching_biases

    logs = {
        result.item_id: {label: math.log(max(share, TINY)) for label, share in result.posterior.items()}
        for result in results
        if result.posterior
    }
    if not logs:
        return []
    labels = list(next(iter(logs.values())))
    shares = [stated.get(label, 1 / len(labels)) for label in labels]
    biases = matching_biases([[log[label] for label in labels] for log in logs.values()], shares)
    found = []
    for result in results:
        if log := logs.get(result.item_id):
            moved = {label: log[label] + bias for label, bias in zip(labels, biases, strict=True)}
            best = max(moved, key=lambda label: moved[label])
            weights = {label: math.exp(value - moved[best]) for label, value in moved.items()}
            posterior = {label: weight / sum(weights.values()) for label, weight in weights.items()}
            result = replace(result, predicted=best, posterior=posterior)
        found.append(replace(result, mode=mode))
    return found


def predict_free(
    model: Model,
    task: Task,
    items: Sequence[Item],
    language: str,
    advance: Advance = ignore_progress,
) -> list[ItemResult]:
    """Let the model answer greedily and read the label from what it wrote."""
    labels = tuple(task.labels)
    # A byte-level vocabulary never needs more tokens than bytes.
    longest = max(len(label.encode()) for label in labels)
    sampling = Sampling(temperature=0.0, top_p=1.0, max_tokens=longest + SPARE_TOKENS)
    requests = [
        Request(item.id, task_messages(task, item.fields, language), sampling, derive_seed("evaluate", item.id))
        for item in items
    ]
    results = []
    for item, completion in zip(items, model.complete(requests, advance), strict=True):
        predicted = parse_label(completion.text, labels) or ""
        problem = completion.error or ("" if predicted else "no single label in the answer")
        results.append(ItemResult(item.id, item.gold, predicted, "free", raw=completion.text, problem=problem))
    return results
