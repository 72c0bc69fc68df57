"""What a model could do before and may have forgotten: everyday questions and plain paragraphs in English or Japanese.

The package brings, for each language, 82 questions with four choices (40 on everyday knowledge, 42 sentences to go on
with) and 30 paragraphs, all written for it and none from a benchmark. A choice is scored by its log-probability per
byte of UTF-8, so that a long one has no disadvantage and tokenisers can be compared; paragraphs give bits per byte,
a finer measure. The set is small: it shows that something was lost, not what a model is worth.
Tasks of lm-eval can be added (lm_tasks.py).
"""

from __future__ import annotations

import json
import math
from collections.abc import Sequence
from importlib.resources import files
from typing import ClassVar, Literal

from pydantic import Field

from homespun.data.records import JSONDict
from homespun.evaluate.base import Evaluation, Item, ItemResult, Mode
from homespun.models.base import Advance, Continuation, LogprobQuery, Model, ignore_progress
from homespun.task import Task
from homespun.text.closed_book import ask_plain

Language = Literal["en", "ja"]
FACT, COMPLETION, TEXT, TASK = "fact", "completion", "text", "task"  #: categories of items
_GAP = {"en": " ", "ja": ""}  #: what stands between a text and what follows it


class General(Evaluation):
    """Everyday questions and paragraphs, before and after: how much general ability training took away."""

    needs_task: ClassVar[bool] = False

    kind: Literal["general"] = "general"
    along: ClassVar[bool] = False
    languages: tuple[Language, ...] | None = Field(
        None, min_length=1, description="of the shipped set: en, ja or both; default: that of the run"
    )
    paragraphs: bool = Field(True, description="read the plain paragraphs, too (bits per byte): half of the time")
    tasks: tuple[str, ...] = Field((), description="tasks of lm-eval to ask besides, by their names there")
    limit: int | None = Field(None, ge=1, description="of each lm-eval task, ask only this many items")

    @property
    def primary(self) -> str:
        """The metric that verdicts are about."""
        return "accuracy"

    def modes(self, trained: bool) -> tuple[Mode, ...]:
        """Return the modes a model is asked in: it scores given texts."""
        return ("constrained",)

    def texts(self, item: Item) -> list[tuple[str, bool]]:
        """Return the question or paragraph; choices are single words that any row may hold."""
        return [(item.fields["text"], False)]

    def load_items(self, task: Task | None = None, language: str = "en") -> list[Item]:
        """Return the shipped questions and paragraphs, then the items of the tasks.

        Raises:
            MissingExtraError: a task is wanted, and lm-eval is not installed.
            UsageError: lm-eval knows no such task, or it cannot be asked here.
        """
        items = [item for one in dict.fromkeys(self.languages or (language,)) for item in shipped_items(one)]
        items = [item for item in items if self.paragraphs or item.groups["category"] != TEXT]
        if self.tasks:
            from homespun.evaluate.lm_tasks import task_items

            items += task_items(self.tasks, self.limit)
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
        """Return one result per item with its marks, in the items' order; asks no other model.

        accuracy and probability (of the right choice among the four) over the questions, bits_per_byte over the
        paragraphs, accuracy:LANGUAGE and bits_per_byte:LANGUAGE where both are asked, category:NAME, and
        TASK:METRIC for tasks of lm-eval.
        """
        own = [item for item in items if item.groups["category"] != TASK]
        told = dict(
            zip([item.id for item in own], model.logprobs([_query(item) for item in own], advance), strict=True)
        )
        several = len({item.groups["language"] for item in own}) > 1
        results = {item.id: _result(item, told[item.id], several) for item in own}
        rest = [item for item in items if item.id not in results]
        if rest:
            from homespun.evaluate.lm_tasks import ask_tasks

            results |= {found.item_id: found for found in ask_tasks(model, self.tasks, rest, advance)}
        return [results[item.id] for item in items]


def shipped_items(language: str) -> list[Item]:
    """Return the questions and paragraphs of a language; the choices of a question stand in its fields, right first."""
    text = (files("homespun.evaluate") / "data" / f"general-{language}.jsonl").read_text("utf-8")
    return [_item(json.loads(line), language) for line in text.splitlines()]


def _item(record: JSONDict, language: str) -> Item:
    choices = {f"choice {number}": choice for number, choice in enumerate(record.get("choices", ()))}
    groups = {"category": record["category"], "language": language}
    return Item(f"{language}-{record['id']}", {"text": record["text"], **choices}, choices.get("choice 0", ""), groups)


def _choices(item: Item) -> tuple[str, ...]:
    return tuple(value for name, value in item.fields.items() if name.startswith("choice "))


def _query(item: Item) -> LogprobQuery:
    """Return what is scored: each choice after its question, or a paragraph by itself."""
    language, text = item.groups["language"], item.fields["text"]
    if item.groups["category"] == TEXT:
        return LogprobQuery((), (text,))
    before = ask_plain(text, language) if item.groups["category"] == FACT else text
    return LogprobQuery((), tuple(_GAP[language] + choice for choice in _choices(item)), prefill=before)


def _result(item: Item, told: Sequence[Continuation], several: bool) -> ItemResult:
    language, category = item.groups["language"], item.groups["category"]
    if category == TEXT:
        bits = -told[0].total / math.log(2) / len(item.fields["text"].encode())
        if not math.isfinite(bits):
            problem = "the model gave no finite log-probability"
            return ItemResult(item.id, "", "", "constrained", problem=problem, groups=item.groups)
        marks = {"bits_per_byte": bits, **({f"bits_per_byte:{language}": bits} if several else {})}
        return ItemResult(item.id, "", "", "constrained", groups=item.groups, marks=marks)
    choices = _choices(item)
    lengths = [len(choice.encode()) for choice in choices]
    scores = [one.total / length for one, length in zip(told, lengths, strict=True)]
    if not all(map(math.isfinite, scores)):
        problem, chosen, posterior = "the model gave no finite log-probability for every choice", "", {}
    else:
        problem, chosen = "", choices[scores.index(max(scores))]
        typical = sum(lengths) / len(lengths)  # back to the scale of a whole choice
        weights = [math.exp((score - max(scores)) * typical) for score in scores]
        posterior = {choice: weight / sum(weights) for choice, weight in zip(choices, weights, strict=True)}
    right = float(chosen == item.gold)
    marks = {"accuracy": right, "probability": posterior.get(item.gold, 0.0), f"category:{category}": right}
    if several:
        marks[f"accuracy:{language}"] = right
    return ItemResult(
        item.id, item.gold, chosen, "constrained", posterior, problem=problem, groups=item.groups, marks=marks
    )
