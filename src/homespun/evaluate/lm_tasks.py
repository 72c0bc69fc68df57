"""Tasks of lm-eval (EleutherAI's harness) asked of a model of this package, item by item.

The harness makes the prompts and the metrics of each item; the model is asked through the protocol of models/base.py,
so an endpoint or an adapter in training will do as well. lm-eval is not a dependency: `pip install lm-eval` (tried:
0.4.13). Its data sets come from the hub when a task is loaded. Refused are tasks that score one continuation and want
to know whether it is the greedy one, which the protocol does not tell, and those that run code or show pictures. A task
may also be the path of a task file (YAML).
"""

from __future__ import annotations

import logging
from collections import defaultdict
from collections.abc import Sequence
from functools import lru_cache
from pathlib import Path
from typing import Any

from homespun.data.records import derive_seed
from homespun.errors import DataError, MissingExtraError, UsageError
from homespun.evaluate.base import Item, ItemResult
from homespun.models.base import Advance, LogprobQuery, Model, Request, Sampling
from homespun.registry import did_you_mean

ASKED = ("multiple_choice", "loglikelihood_rolling", "generate_until")  #: kinds of tasks that can be asked here
MAX_TOKENS = 256  #: of an answer, where the task says nothing


def task_items(names: Sequence[str], limit: int | None) -> list[Item]:
    """Return an item for each example of the tasks; its text is the prompt.

    Raises:
        MissingExtraError: lm-eval is not installed.
        UsageError: there is no such task, or one of a kind that cannot be asked here.
        DataError: a task's data cannot be loaded.
    """
    items = []
    for name, task in _tasks(tuple(names)).items():
        for number, doc in task.doc_iterator(rank=0, limit=limit, world_size=1):
            fields = {"text": str(task.doc_to_text(doc))}
            items.append(
                Item(f"{name}/{number}", fields, "", {"category": "task", "task": name, "number": str(number)})
            )
    return items


def ask_tasks(model: Model, names: Sequence[str], items: Sequence[Item], advance: Advance) -> list[ItemResult]:
    """Return a result per item, with the metrics that the task gives for a single example as marks `TASK:METRIC`."""
    tasks = _tasks(tuple(names))  # first: it says what is missing
    from lm_eval.evaluator import evaluate

    asked: dict[str, list[int]] = defaultdict(list)
    for item in items:
        asked[item.groups["task"]].append(int(item.groups["number"]))
    chosen = {name: tasks[name] for name in asked}
    found = evaluate(_Asked(model), {"tasks": chosen}, samples=dict(asked), bootstrap_iters=0, log_samples=True)
    marks: dict[str, dict[str, float]] = defaultdict(dict)
    for name, samples in found["samples"].items():
        for sample in samples:
            suffix = "" if sample["filter"] == "none" else f",{sample['filter']}"
            for metric in sample["metrics"]:
                if isinstance(sample[metric], int | float):  # others are made of all items together
                    marks[f"{name}/{sample['doc_id']}"][f"{name}:{metric}{suffix}"] = float(sample[metric])
    advance(len(items))
    return [ItemResult(item.id, "", "", "constrained", groups=item.groups, marks=marks[item.id]) for item in items]


@lru_cache(maxsize=2)  # a probe asks the same tasks again and again
def _tasks(names: tuple[str, ...]) -> dict[str, Any]:
    """Return lm-eval's task objects by the names they have there, those of a group one by one."""
    try:
        from lm_eval.tasks import TaskManager
    except ImportError as error:
        raise MissingExtraError(
            f"tasks ({', '.join(names)}) are lm-eval's, which is not installed: pip install lm-eval"
        ) from error
    logging.getLogger("lm_eval").setLevel(logging.ERROR)
    by_name = [name for name in names if not Path(name).is_file()]
    manager = TaskManager(include_defaults=bool(by_name))  # reading every task file of the harness takes seconds
    for name in by_name:
        if name not in manager.all_tasks:
            raise UsageError(
                f'lm-eval has no task "{name}", and there is no such file.{did_you_mean(name, manager.all_tasks)}'
                " `lm-eval ls tasks` lists them."
            )
    try:
        tasks: dict[str, Any] = dict(manager.load(list(names))["tasks"])
    except (OSError, ValueError, KeyError) as error:  # no network, no such data set, a file that is no task
        raise DataError(f"lm-eval cannot load {', '.join(names)}: {error}") from error
    for name, task in tasks.items():
        if task.OUTPUT_TYPE not in ASKED or getattr(task, "UNSAFE_CODE", False) or getattr(task, "MULTIMODAL", False):
            raise UsageError(
                f'lm-eval\'s task "{name}" ({task.OUTPUT_TYPE}) cannot be asked here; those that can are of the kinds'
                f" {', '.join(ASKED)}, without pictures and without running code"
            )
    return tasks


class _Asked:
    """What lm-eval calls: a model of this package in the shape of its own."""

    rank, world_size = 0, 1

    def __init__(self, model: Model) -> None:
        self.model = model

    def loglikelihood(self, requests: Sequence[Any]) -> list[tuple[float, bool]]:
        queries = []
        for context, continuation in (request.args for request in requests):
            ended = context.rstrip()  # as in lm-eval: a space belongs to the word behind it
            queries.append(LogprobQuery((), (context[len(ended) :] + continuation,), prefill=ended))
        return [(found[0].total, False) for found in self.model.logprobs(queries)]

    def loglikelihood_rolling(self, requests: Sequence[Any]) -> list[float]:
        return [
            found[0].total for found in self.model.logprobs([LogprobQuery((), request.args) for request in requests])
        ]

    def generate_until(self, requests: Sequence[Any]) -> list[str]:
        asked = []
        for number, (context, settings) in enumerate(request.args for request in requests):
            until = settings.get("until") or ()
            sampling = Sampling(
                temperature=float(settings.get("temperature", 0)) if settings.get("do_sample") else 0.0,
                top_p=float(settings.get("top_p", 1)),
                max_tokens=int(settings.get("max_gen_toks", MAX_TOKENS)),
                stop=(until,) if isinstance(until, str) else tuple(until),
            )
            asked.append(Request(str(number), (), sampling, derive_seed("lm-eval", number, context), prefill=context))
        return [answer.text for answer in self.model.complete(asked)]
