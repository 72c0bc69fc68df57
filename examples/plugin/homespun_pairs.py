"""Preference pairs: a payload, a generator that asks for both sides, and a trainer that learns from them.

The trainer is SimPO without its margin (Meng et al., 2024): the mean log-probability per token of the preferred answer
is to exceed that of the rejected one; no reference model is needed.

    sources: {prompts: {kind: file, path: prompts.jsonl, field: prompt}}
    generate: {pairs: {kind: pairs}}
    arms: {all: {}}
    train: {kind: preference, seeds: [0]}
"""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, ClassVar, Literal

from homespun.data.records import Payload, Response, Row, Verdict, derive_seed
from homespun.errors import DegenerateError
from homespun.generate.base import Generator, Made, attempt_of, find_source, lineage_of, pieces, request_of
from homespun.generate.cells import Cell, Loop, Place, Plan
from homespun.text.prompts import Prompt
from homespun.train.gradient import GradientTrainer
from homespun.train.gradient import Plan as Showing
from homespun.train.lora import Lora

SIDES = {"preferred": "", "rejected": " Answer badly, in three words."}


@dataclass(frozen=True, slots=True)
class Pair(Response):
    """A prompt, a better answer (`output`) and a worse one."""

    kind: ClassVar[str] = "pair"

    rejected: str = ""

    @property
    def written(self) -> str:
        return f"{self.output}\n{self.rejected}"

    @property
    def shown(self) -> Mapping[str, str]:
        return {**Response.shown.fget(self), "rejected": self.rejected}

    def stored(self) -> dict[str, Any]:
        return {**Response.stored(self), "rejected": self.rejected}

    @classmethod
    def restored(cls, stored: Mapping[str, Any], output: str) -> "Pair":
        return cls(tuple(map(tuple, stored["messages"])), output, stored["rejected"])


@dataclass(frozen=True)
class Side(Place):
    """What is asked for: one side; the cell is the prompt."""

    side: str


class Sides(Plan[Side]):
    """Asks every prompt for both sides; the second one that is there makes the row."""

    axis, nouns, ways = "side", ("prompt", "answers", "answers"), {"": "Take another writer."}

    def __init__(self, name, ctx, prompts):
        self.name, self.ctx, self.prompts, self.found = name, ctx, prompts, {}

    def places(self):
        return (Side(prompt, side) for prompt in self.prompts for side in SIDES)

    def request(self, turn):
        key = f"{turn.of.cell}|{turn.of.side}|{turn.tried}"
        prompt = Prompt("pairs", (("user", self.prompts[turn.of.cell] + SIDES[turn.of.side]),))
        return request_of(key, prompt, derive_seed(self.ctx.seed, self.name, key), 1.0, 1.0, 99)

    def read(self, turn, asked, answer):
        prompt, side = turn.of.cell, turn.of.side
        groups = {"prompt": prompt, "side": side}
        if answer.finish_reason == "error" or not answer.text.strip():
            return [Made(attempt_of(answer, groups, problem="empty"))]
        lineage = lineage_of(self.name, self.ctx.models["writer"].id, "pairs", asked, answer)
        first = self.found.setdefault(prompt, answer.text)  # places of a prompt stand beside each other
        messages = (("user", self.prompts[prompt]),)
        row = Row.make(Pair(messages, first, answer.text), language=self.ctx.language, groups=groups, lineage=lineage)
        keep = side == "preferred" or first != answer.text
        return [Made(attempt_of(answer, groups, row=row), Verdict(row.id, keep, "answered" if keep else "alike"))]


class Pairs(Generator):
    """Asks the writer every prompt of a source for a good and a bad answer."""

    kind: Literal["pairs"] = "pairs"
    needs_task: ClassVar[bool] = False
    gives: ClassVar[type[Payload]] = Pair
    tries: int = 3

    def source_of(self, sources):
        return find_source("pairs", None, sources)

    def wanted(self, ctx):
        return sum(1 for _ in ctx.sources[self.source_of(ctx.sources)]())

    def __call__(self, name, ctx, work, against=()):
        prompts = {record.id: str(record.value) for record in ctx.sources[self.source_of(ctx.sources)]()}
        loop = Loop(name, ctx, Sides(name, ctx, prompts), {one: Cell(one, 2) for one in prompts}, self.tries, shard=16)
        return pieces(ctx, (made for made in loop.all() if made.attempt.groups["side"] == "rejected"), 512)


class Preference(GradientTrainer):
    """Learns to find the preferred answer likelier, token by token, than the rejected one."""

    kind: Literal["preference"] = "preference"
    takes: ClassVar[type[Payload]] = Pair
    needs_task: ClassVar[bool] = False
    lora: Lora = Lora()
    epochs: int = 1
    beta: float = 2.0

    def check_rows(self, rows, task):
        if not rows:
            raise DegenerateError("there are no pairs to train on")
        return []

    def plan(self, rows, ctx, seed, hf_model, tokenizer, warnings):
        from homespun.models.encoding import Encoder
        from homespun.train.batches import Example, end_of_turn, plan_batches

        encoder, end = Encoder(tokenizer), end_of_turn(tokenizer)
        prompts = encoder.prompts([(row.payload.messages, "") for row in rows])
        sides = [encoder.plain([of(row.payload) for row in rows]) for of in (lambda p: p.output, lambda p: p.rejected)]
        pairs = [[Example(asked, [*ids, end]) for ids in both] for asked, *both in zip(prompts, *sides, strict=True)]
        lengths = [sum(map(len, pair)) for pair in pairs]
        return Showing(plan_batches(lengths, self.batch_size, self.epochs, seed), pairs, card={"labels": {}})

    def loss(self, learner, texts, replay):
        from torch.nn.functional import logsigmoid

        for pair in texts:
            better, worse = learner.losses(pair).split([len(side.completion) for side in pair])
            loss = -logsigmoid(self.beta * (worse.mean() - better.mean())) / len(texts)
            yield loss, loss
