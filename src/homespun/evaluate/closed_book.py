"""Closed-book questions: what a model knows of documents that it does not see (methods.md C8).

The model is asked in plain text and greedily (`temperature: 0`: the same model gives the same answers, so a curve over
exposures shows learning and not draws; the paper's 0.1 is a setting). An answer that holds an accepted value is right,
by text/answers.py; a judge is asked only about the rest. Reversed questions (`split: reverse`) are a measure of their
own, because models do not learn to turn facts round. Which documents a question fits is checked by `unanswerable`.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable, Sequence
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING, ClassVar, Literal

from pydantic import Field

from homespun.data.find import parts
from homespun.data.questions import Question, read_questions
from homespun.data.read import entries
from homespun.data.records import Document, Record, content_hash, derive_seed
from homespun.errors import DataError
from homespun.evaluate.base import Evaluation, Item, ItemResult, Mode
from homespun.evaluate.known import Known, accepted, is_reversed, unanswerable
from homespun.models.base import Advance, Model, Request, Sampling, ignore_progress
from homespun.models.judge import Question as JudgeQuestion
from homespun.models.judge import ask_likelihood, ask_text
from homespun.registry import did_you_mean
from homespun.task import Role, Task
from homespun.text.answers import Found
from homespun.text.closed_book import VERDICTS, ask_chat, ask_plain, judge_answer_prompt, parse_yes_no
from homespun.text.normalise import clean
from homespun.text.prompts import Prompt, pick

if TYPE_CHECKING:
    from homespun.data.records import Document
    from homespun.engine.context import Context

TRAIN = "train"  #: the split whose wordings may stand in the rows; not asked unless the recipe says so
MOST_VALUES = 20  #: a group with more values than that is not told apart in the metrics
JUDGE_TOKENS = 16
NOT_SHOWN = ("document", "split")  #: groups that say where a question belongs, not of what type it is

JudgeMode = Literal["auto", "off", "text", "likelihood"]


class ClosedBook(Evaluation):
    """Share of questions that a model answers rightly without seeing the documents."""

    needs_task: ClassVar[bool] = False
    graded_by: ClassVar[frozenset[str]] = frozenset({"judge"})

    kind: Literal["closed_book"] = "closed_book"
    data: str = Field(description="file of questions and accepted answers: JSONL, CSV or Parquet, flat or by passage")
    columns: dict[str, str] = Field(
        {}, description="question, answer, document, category, split, id or a group of your own -> field of the file"
    )
    split: str | tuple[str, ...] | None = Field(None, description="splits to ask; default: all but `train`")
    limit: int | None = Field(
        None, ge=1, description="use only this many questions, drawn by the hash of their content"
    )
    ask: Literal["plain", "chat"] = Field(
        "plain", description="plain: `Question: ... Answer:`, ended at the line end; chat: the model's chat template"
    )
    examples: int = Field(
        3, ge=0, le=4, description="plain: answered questions of general knowledge before each, to show the form"
    )
    temperature: float = Field(0.0, ge=0, le=2, description="0 is greedy; the paper asks at 0.1")
    max_tokens: int = Field(32, ge=1, description="length of an answer at most")
    judge: JudgeMode = Field(
        "auto",
        description="who decides on answers without the value: a judge's text or likelihood, or nobody; "
        "auto: text, but nobody where the judge is the embedded model",
    )

    @property
    def grouped(self) -> tuple[str, ...]:
        """Questions on one document are no independent sample."""
        return ("document",)

    @property
    def primary(self) -> str:
        """The metric that verdicts are about."""
        return "accuracy"

    def modes(self, trained: bool) -> tuple[Mode, ...]:
        """Return the modes a model is asked in: it writes."""
        return ("free",)

    def judges(self) -> tuple[Role, ...]:
        """Return the models that `grade` asks."""
        return () if self.judge == "off" else ("judge",)

    def sample(self) -> ClosedBook:
        """Return an evaluation that asks no judge."""
        return self.model_copy(update={"judge": "off"})

    def texts(self, item: Item) -> list[tuple[str, bool]]:
        """Return the question: its answer is what the rows are to teach, its wording is not."""
        return [(item.fields["question"], False)]

    def load_items(self, task: Task | None = None, language: str = "en") -> list[Item]:
        """Read the questions; `limit` draws them by hash, so it takes from all documents.

        Raises:
            DataError: the file cannot be read, a record is no question, or none is left to ask.
            UsageError: `columns` names what is not there.
        """
        questions = list(read_questions(Path(self.data), self._columns()))
        chosen = self._chosen(questions)
        items = [
            Item(
                id=one.id,
                fields={"question": one.question},
                gold=one.answers[0],
                groups={"document": one.document, "category": one.category, "split": one.split, **one.groups},
                accepted=one.answers,
            )
            for one in chosen
        ]
        if self.limit is not None and self.limit < len(items):
            drawn = sorted(items, key=lambda item: content_hash([item.id, dict(item.fields)]))[: self.limit]
            kept = {item.id for item in drawn}
            items = [item for item in items if item.id in kept]
        return items

    def look_at(self, items: Sequence[Item], records: Iterable[Record]) -> list[str]:
        """Return a warning about questions whose answers stand in no document.

        Raises:
            DataError: that is so of all of them.
        """
        lacking = unanswerable(items, (record.value for record in records if isinstance(record.value, Document)))
        if not lacking:
            return []
        shown = "; ".join(f'{one.item.id} ("{one.item.fields["question"]}"): {one.reason}' for one in lacking[:3])
        said = f"{self.data}: {len(lacking)} of {len(items)} questions have no answer in the documents: {shown}"
        if len(lacking) == len(items):
            raise DataError(f"{said}. Are these the documents that the questions are about? See `columns`.")
        return [said]

    def _columns(self) -> dict[str, str]:
        """Return the columns, with `attribute` where the file has it: what tells values of one kind from others."""
        if "attribute" in self.columns:
            return self.columns
        first = next((entry.record for part in parts(Path(self.data)) for entry in entries(part)), None)
        return {**self.columns, "attribute": "attribute"} if first and "attribute" in first else self.columns

    def _chosen(self, questions: Sequence[Question]) -> list[Question]:
        there = list(dict.fromkeys(one.split for one in questions))
        if self.split is None:
            wanted = [split for split in there if split != TRAIN]
            if not wanted:
                raise DataError(
                    f"{self.data}: all {len(questions)} questions are of the split `train`, whose wordings may stand in"
                    " the rows; to ask them nevertheless, say split: train"
                )
        else:
            wanted = [self.split] if isinstance(self.split, str) else list(self.split)
            for split in wanted:
                if split not in there:
                    known = ", ".join(f'"{one}"' for one in there)
                    raise DataError(
                        f'{self.data}: no question is of the split "{split}".{did_you_mean(split, there)}'
                        f" Splits there: {known}."
                    )
        return [one for one in questions if one.split in wanted]

    def predict(
        self,
        model: Model,
        task: Task | None,
        items: Sequence[Item],
        language: str,
        mode: Mode,
        advance: Advance = ignore_progress,
    ) -> list[ItemResult]:
        """Return one answer per item, in the items' order; asks no other model."""
        first = model.complete(self._requests(items, language), advance)
        answers = dict(zip([item.id for item in items], first, strict=True))
        empty = {key for key, answer in answers.items() if answer.finish_reason == "stop" and not answer.text.strip()}
        late = [item for item in items if self.ask == "plain" and item.id in empty]
        if late:  # models tuned for chat often begin on the next line; what they write there is their answer
            again = model.complete(self._requests(late, language, "\n"))
            answers |= dict(zip([item.id for item in late], again, strict=True))
        results = []
        for item in items:
            answer = answers[item.id]
            text = clean(answer.text).text
            problem = answer.error or ("" if text else "the answer is empty")
            results.append(
                ItemResult(item.id, item.gold, text, "free", raw=answer.text, problem=problem, groups=item.groups)
            )
        return results

    def _requests(self, items: Sequence[Item], language: str, begun: str = "") -> list[Request]:
        """Return what the model is asked; a plain question may have an answer begun for the model."""
        stop = ("\n",) if self.ask == "plain" else ()
        sampling = Sampling(self.temperature, top_p=1.0, max_tokens=self.max_tokens, stop=stop)
        requests = []
        for item in items:
            seed, question = derive_seed("closed_book", item.id), item.fields["question"]
            if self.ask == "plain":
                requests.append(
                    Request(item.id, (), sampling, seed, prefill=ask_plain(question, language, self.examples) + begun)
                )
            else:
                requests.append(Request(item.id, ask_chat(question, language).messages, sampling, seed))
        return requests

    def grade(self, results: Sequence[ItemResult], items: Sequence[Item], ctx: Context) -> list[ItemResult]:
        """Return the results with their marks: what each answer is worth, 1 or 0 per metric that applies to it.

        accuracy, of which contained and judged; unclear: holds the value with another, or in doubt; elsewhere: wrong
        here, right for another document; unparsed: the judge gave no verdict; category:NAME and GROUP:NAME are
        accuracy by group. All over questions asked forward; accuracy_reverse over the reversed ones.
        """
        known = Known(items)
        found = [known.find(item, result.predicted) for item, result in zip(items, results, strict=True)]
        verdicts = self._judged(results, items, found, ctx)
        shown = _shown_groups(items)
        some_forward = any(not is_reversed(item.groups) for item in items)
        graded = []
        for item, result, state, verdict in zip(items, results, found, verdicts, strict=True):
            right = state == "right" or bool(verdict)
            marks = {"accuracy_reverse": float(right)}
            if not (some_forward and is_reversed(item.groups)):
                marks = {"accuracy": right, "contained": state == "right", "unclear": state == "unclear"}
                if self.judge_mode(ctx) != "off":
                    marks |= {"judged": bool(verdict), "unparsed": verdict is None}
                if known.has_kind(item):
                    marks["elsewhere"] = not right and state == "absent" and known.elsewhere(item, result.predicted)
                marks |= {f"{name}:{item.groups[name]}": right for name in shown if item.groups.get(name)}
            graded.append(replace(result, marks={name: float(mark) for name, mark in marks.items()}))
        return graded

    def judge_mode(self, ctx: Context) -> Literal["off", "text", "likelihood"]:
        """Return how the judge is asked in this run."""
        if self.judge != "auto":
            return self.judge
        judge = ctx.models.specs["judge"].id
        return "off" if judge == "embedded" or judge.startswith("scripted:") else "text"

    def _judged(
        self, results: Sequence[ItemResult], items: Sequence[Item], found: Sequence[Found], ctx: Context
    ) -> list[bool | None]:
        """Return the judge's verdict per item: False where it was not asked, None where it gave none."""
        verdicts: list[bool | None] = [False] * len(items)
        mode = self.judge_mode(ctx)
        open_ = [place for place, state in enumerate(found) if state != "right" and results[place].predicted]
        if mode == "off" or not open_:
            return verdicts
        prompts: dict[str, Prompt] = {}
        places: dict[str, list[int]] = defaultdict(list)
        for place in open_:
            item, answer = items[place], results[place].predicted
            key = content_hash([item.fields["question"], list(accepted(item)), answer])
            prompts[key] = judge_answer_prompt(item.fields["question"], accepted(item), answer, ctx.language)
            places[key].append(place)
        for key, verdict in zip(prompts, self._ask(list(prompts.values()), list(prompts), mode, ctx), strict=True):
            for place in places[key]:
                verdicts[place] = verdict
        return verdicts

    def _ask(self, prompts: list[Prompt], keys: list[str], mode: str, ctx: Context) -> list[bool | None]:
        judge = ctx.models["judge"]
        if mode == "likelihood":
            chances = ask_likelihood(judge, prompts, pick(VERDICTS, ctx.language))
            return [None if yes != yes else yes > no for yes, no in chances]
        asked = JudgeQuestion(parse_yes_no, retries=0, max_tokens=JUDGE_TOKENS)
        replies = ask_text(judge, prompts, keys, ctx.seed, asked)
        return [reply.verdicts[0] if reply.verdicts else None for reply in replies]


def _shown_groups(items: Sequence[Item]) -> list[str]:
    """Return the groups that accuracy is told for: those with few enough values to be read."""
    names = dict.fromkeys(name for item in items for name in item.groups if name not in NOT_SHOWN)
    counts = {name: len({item.groups.get(name, "") for item in items} - {""}) for name in names}
    return [name for name, count in counts.items() if 1 < count <= MOST_VALUES or (name == "category" and count == 1)]
