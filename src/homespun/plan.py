"""What a run will cost, from a handful of rows asked of every stage: calls, tokens, time, money.

The probe runs the real steps on little: the first answers of every generator, all scorers on what came of
them, one training on those rows, one evaluation on the first items. Answers of servers go into the run's own
ledger, so the run does not ask for them again; everything else is made in a scratch folder and thrown away.
Ranges come from the accept rate (Wilson), from the spread of tokens per call, and from what is known of each
kind of model: a server may serve all requests in flight as fast as the few of the probe, or no faster in all.
"""

from __future__ import annotations

import statistics
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import closing
from dataclasses import dataclass, field, replace
from itertools import islice
from math import sqrt
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import TYPE_CHECKING

from homespun import heldout, inference, stages, stats
from homespun.armplan import ArmPlan, check_rules, plan_arms
from homespun.budget import cost
from homespun.engine.progress import Progress, Silent
from homespun.errors import DegenerateError
from homespun.generate.base import Funnel, Piece
from homespun.inference import Part
from homespun.job import RUNNING, Job
from homespun.ledger import LOCAL, Entry
from homespun.models.load import load_model
from homespun.recipe import Recipe
from homespun.records import Record, Row, Scores
from homespun.replicates import check_draws, draws_of, is_cut, replicates_of, seeds_of
from homespun.select.arms import apply
from homespun.select.base import Columns
from homespun.store import Store
from homespun.task import ModelSpec

if TYPE_CHECKING:
    from homespun.near.overlap import Reference

ASKED = 12  #: answers asked of each generator
ITEMS = 12  #: items of each evaluation
#: Standard deviations of an arm's accuracy between draws of its rows and between trainings, and the variance of an
#: item's mean difference: what the demo showed, for a run that has not begun (benchmarks/placebo.py)
DRAW_SD, TRAINING_SD, DISAGREE = 0.014, 0.021, 0.08


@dataclass(frozen=True)
class Span:
    """A number that is not known yet: the likely value between a low and a high one."""

    low: float
    likely: float
    high: float

    def __add__(self, other: Span) -> Span:
        return Span(self.low + other.low, self.likely + other.likely, self.high + other.high)

    def __mul__(self, other: Span) -> Span:
        return Span(self.low * other.low, self.likely * other.likely, self.high * other.high)

    @classmethod
    def of(cls, value: float) -> Span:
        """Return a number that is known."""
        return cls(value, value, value)

    @classmethod
    def mean(cls, values: Sequence[float]) -> Span:
        """Return the mean of what was seen with two standard errors on each side."""
        if not values:
            return NOTHING
        middle = statistics.fmean(values)
        error = 2 * statistics.stdev(values) / sqrt(len(values)) if len(values) > 1 else middle / 2
        return cls(max(middle - error, 0.0), middle, middle + error)


NOTHING = Span(0.0, 0.0, 0.0)
#: Time per unit in this process, against that of the probe: long lists fill batches better. From the demo, where
#: writing and evaluating took 0.4 of what the probe's rows take, and training 0.8 (docs/servers.md).
ASKING = Span(0.35, 0.5, 1.2)
TRAINING = Span(0.6, 0.85, 1.3)


@dataclass(frozen=True)
class StagePlan:
    """What one stage will take."""

    name: str
    calls: Span
    prompt_tokens: Span
    completion_tokens: Span
    seconds: Span | None  #: None: could not be tried
    money: Span | None  #: None: the price of the model is not in the recipe


@dataclass
class Plan:
    """What a run will take, and what the probe saw."""

    stages: list[StagePlan] = field(default_factory=list)
    accepted: dict[str, tuple[int, int]] = field(default_factory=dict)  #: generator -> accepted of asked
    notes: list[str] = field(default_factory=list)
    asked: int = 0  #: requests that the probe sent to servers
    seconds: float = 0.0  #: that the probe took


def plan(recipe: Recipe, out: Path, progress: Progress | None = None) -> Plan:
    """Ask a handful of rows of every stage and say what the whole run will take.

    Args:
        recipe: from homespun.recipefile.load.
        out: the directory that the run will have; only its ledger is written.
        progress: where to report to; silent by default.

    Raises:
        HomespunError: whatever would stop the run itself, as early as here.
    """
    arms = plan_arms(recipe)
    check_rules(recipe)
    started = time.monotonic()
    with Store.open(out) as store, TemporaryDirectory() as scratch, Store.open(Path(scratch) / "probe") as probe:
        job = Job(recipe, probe, progress or Silent(), answers=store.path("ledger.db"))
        with closing(job):
            found = _Probe(job, arms).run()
    found.seconds = time.monotonic() - started
    return found


class _Probe:
    """One pass over the stages, on little."""

    def __init__(self, job: Job, arms: Sequence[ArmPlan]) -> None:
        self.job, self.arms, self.recipe = job, arms, job.recipe
        self.plan = Plan()
        self.seen: list[Entry] = []
        self.rows: dict[str, list[Row]] = {}
        self.expected: dict[str, Span] = {}  #: generator or file -> rows that a replicate will have
        self.pools = 1  #: that are written and scored
        job.ledger.watch = self.seen.append

    def run(self) -> Plan:
        items = stages.evaluation_items(self.job)
        check_draws(self.recipe, self.job.context)
        self.pools = len(replicates_of(self.recipe)) if draws_of(self.recipe) == "pool" else 1
        against = heldout.references(self.recipe, items)
        for name in self.recipe.generate:
            self._generate(name, against)
        for name, (rows, _) in heldout.file_rows(self.job).items():
            self.rows[name], self.expected[name] = rows[:ASKED], Span.of(len(rows))
        scores = [self._score(name) for name in self.recipe.score]
        trained = self._train(self._shares([one for one in scores if one is not None]))
        self._evaluate(items, trained)
        self._verdicts(items)
        self.plan.asked = sum(entry.endpoint != LOCAL for entry in self.seen)
        return self.plan

    def _verdicts(self, items: stages.Items) -> None:
        """Say which difference a verdict on a choice can show, and how many replicates show one that matters."""
        seeds, worth = len(seeds_of(self.recipe)), self.recipe.worth / 100
        first = next(iter(self.recipe.evaluate), None)
        if first is None or not any(arm.control_of for arm in self.arms):
            return
        evaluation, arms = self.recipe.evaluate[first], sum(bool(arm.control_of) for arm in self.arms)
        grouped = [len({item.groups.get(name, item.id) for item in items[first]}) for name in evaluation.grouped]
        count, fixed = len(items[first]), draws_of(self.recipe) == "fixed"
        if min([count, *grouped]) < 3:
            self.plan.notes.append("verdicts: none, the items (or their groups) are too few to measure chance")
            return
        unit, one = Part(DISAGREE / count, min([count, *grouped]) - 1), 2 * (DRAW_SD**2 + TRAINING_SD**2)
        stays = 0.5 if fixed else 0.0  # the luck of one choice

        def level(replicates: int) -> float:
            return inference.level_at(replicates) / arms

        needed = inference.replicates_needed(worth, unit, one, level, stays)
        shown = "one replicate gives no verdict"
        if seeds > 1:
            of_draws = Part(one * (stays + (1 - stays) / seeds), seeds - 1)
            visible = inference.smallest_visible([unit, of_draws], level(seeds))
            shown = f"{seeds} replicates on {count:,} items show about {100 * visible:.0f} points or more"
        more = (
            f"about {needed} replicates"
            if needed
            else "more than 100 replicates, or draws: pool"
            if fixed
            else (f"more items than {count:,}")
        )
        self.plan.notes.append(
            f"verdicts: {shown}; {self.recipe.worth:g} points (`worth`) take {more}. Assumed: draws of rows vary by"
            f" {100 * DRAW_SD:g} points and trainings by {100 * TRAINING_SD:g}, as in the demo (docs/comparison.md)"
        )

    # Stages that ask models

    def _generate(self, name: str, against: Sequence[Reference]) -> None:
        generator = self.recipe.generate[name]
        RUNNING.set(f"pool/{name}")
        first = len(self.seen)
        ctx = replace(self.job.context, sources={n: _first(s) for n, s in self.job.context.sources.items()})
        work = self.job.store.work(f"pool/{name}", "probe")
        with closing(generator.sample(ASKED)(name, ctx, work, against)) as pieces:
            written: list[Piece] = list(pieces)
        counts = Funnel.of(written).counts()
        self.plan.accepted[name] = counts["kept"], counts["asked"]
        low, high = stats.wilson(counts["kept"], counts["asked"])
        rates = (high, max(counts["kept"], 0.5) / max(counts["asked"], 1), low)
        calls = Span(*(generator.answers(self.job.context, max(rate, 1e-9)) for rate in rates))
        self.rows[name] = [row for piece in written for row in piece.accepted]
        wanted = generator.wanted(self.job.context)
        kept = (rates[0] * calls.low, rates[1] * calls.likely, rates[2] * calls.high)
        self.expected[name] = Span(*sorted(min(wanted, rows) for rows in kept))
        keys = {attempt.key for piece in written for attempt in piece.attempts}
        if is_cut(self.recipe, name):
            self.expected[name] *= Span.of(1 / len(seeds_of(self.recipe)))
        own = [entry for entry in self.seen[first:] if entry.row in keys]
        once = [entry for entry in self.seen[first:] if entry.row not in keys]  # keywords: asked for in full already
        self._asked(f"pool/{name}", "writer", own, calls * Span.of(self.pools), len(keys), once * self.pools)

    def _score(self, name: str) -> Scores | None:
        scorer = self.recipe.score[name]
        rows = [row for some in self.rows.values() for row in some]
        stage = f"scores/{name}"
        if not rows:
            self.plan.notes.append(f"{stage}: not tried, since no row was accepted")
            return None
        RUNNING.set(stage)
        first, started = len(self.seen), time.monotonic()
        scores = scorer(rows, self.job.context, name=name)
        whole = sum(self.expected.values(), NOTHING) * Span.of(len(replicates_of(self.recipe)))
        took = time.monotonic() - started
        self._asked(stage, scorer.role, self.seen[first:], whole, len(rows), took=took)
        return scores

    def _asked(
        self,
        stage: str,
        role: str,
        entries: Sequence[Entry],
        units: Span,
        tried: int,
        once: Sequence[Entry] = (),
        took: float = 0.0,
    ) -> None:
        """Scale what a stage asked for `tried` units up to `units` of them; `once` is asked once in any case."""
        spec = self.recipe.model_for(role)
        scaled = units * Span.of(len(entries) / max(tried, 1))
        calls = scaled + Span.of(len(once))
        prompt = scaled * Span.mean([e.prompt_tokens for e in entries])
        written = scaled * Span.mean([e.completion_tokens for e in entries])
        prompt += Span.of(sum(e.prompt_tokens for e in once))
        written += Span.of(sum(e.completion_tokens for e in once))
        spent = Span.of(sum(e.seconds for e in (*entries, *once)) / max(len(entries) + len(once), 1))
        if spec.is_server:
            lanes = max(min(spec.concurrency, len(entries)), 1)
            pace = Span(1 / spec.concurrency, 1 / sqrt(spec.concurrency * lanes), 1 / lanes)
            seconds = calls * spent * pace
        else:
            each = max(took, sum(e.seconds for e in entries)) / max(tried, 1)
            seconds = units * Span.of(each) * ASKING + Span.of(sum(e.seconds for e in once))
        self.plan.stages.append(StagePlan(stage, calls, prompt, written, seconds, _money(spec, prompt, written)))

    # Stages that compute

    def _shares(self, scores: Sequence[Scores]) -> dict[str, Span]:
        """Return how many rows each arm will train on."""
        columns = Columns.of(scores)
        found: dict[str, Span] = {}
        for arm in self.arms:
            rows = [row for source in arm.sources for row in self.rows[source]]
            whole = sum((self.expected[source] for source in arm.sources), NOTHING)
            if arm.size is not None:
                whole = Span(*(min(arm.size, value) for value in (whole.low, whole.likely, whole.high)))
            if arm.control_of is not None:
                found[arm.name] = found[arm.control_of]
            elif not arm.select or not rows or len(scores) < len(self.recipe.score):
                found[arm.name] = whole
            else:
                kept = len(apply(arm.select, rows, columns, self.recipe.seed).kept)
                low, high = stats.wilson(kept, len(rows))
                found[arm.name] = whole * Span(low, kept / len(rows), high)
        return found

    def _train(self, rows: Mapping[str, Span]) -> int:
        """Estimate all trainings; return how many there are."""
        trainings = [(arm, seed) for arm in self.arms if arm.trainer for seed in arm.trainer.seeds]
        if not trainings:
            return 0
        sample = [row for some in self.rows.values() for row in some]
        trainer = trainings[0][0].trainer
        assert trainer is not None
        once, documents = trainer.once(), self._documents()
        self.job.context.models.release()
        name = f"train ({len(trainings)})"
        try:
            once.check_rows(sample, self.recipe.described)
        except DegenerateError as error:
            self.plan.notes.append(f"training: not tried, since the rows of the probe cannot be trained on: {error}")
            self.plan.stages.append(StagePlan(name, NOTHING, NOTHING, NOTHING, None, NOTHING))
            return len(trainings)
        started = time.monotonic()
        out = self.job.store.work("models/probe", "probe").fresh_folder()
        card = once(sample, self.job.context, self.recipe.model_for("student"), 0, out, about={"arm": "probe"})
        fixed = Span.of(time.monotonic() - started - card.seconds)
        each = Span.of(card.seconds / once.presented(card.rows, len({row.groups.get("document") for row in sample})))
        seconds = NOTHING
        for arm, _ in trainings:
            assert arm.trainer is not None
            count = rows[arm.name]
            shown = Span(*(arm.trainer.presented(some, documents) for some in (count.low, count.likely, count.high)))
            seconds += fixed + shown * each * TRAINING
        self.plan.stages.append(StagePlan(name, NOTHING, NOTHING, NOTHING, seconds, NOTHING))
        return len(trainings)

    def _documents(self) -> int:
        """Return how many documents the rows are of; 0 where the recipe rewrites none."""
        taken = {one.source_of(self.recipe.sources) for one in self.recipe.generate.values()} - {None}
        read = [source for name, source in self.recipe.sources.items() if name in taken and source.read_first]
        return sum(1 for source in read for _ in source())

    def _evaluate(self, items: stages.Items, trained: int) -> None:
        if not items:
            return
        student = load_model(self.recipe.model_for("student"))
        trainings = [arm.trainer for arm in self.arms if arm.trainer for _ in arm.trainer.seeds] if trained else []
        for name, judge in self.recipe.evaluate.items():
            probes = sum(max(len(trainer.points()) * judge.along, 1) for trainer in trainings)
            some, seconds = items[name][:ITEMS], NOTHING
            for mode in dict.fromkeys((*judge.modes(trained=False), *judge.modes(trained=True))):
                started = time.monotonic()
                judge.predict(student, self.recipe.described, some, self.recipe.language, mode)
                each = (time.monotonic() - started) / max(len(some), 1)
                models = (mode in judge.modes(trained=False)) + probes * (mode in judge.modes(trained=True))
                if judge.few_shots and mode == "constrained":  # the rows shown are read once, see models/scoring.py
                    models += len(seeds_of(self.recipe))
                seconds += Span.of(each * len(items[name]) * models) * ASKING
            title = f"evaluate {name} ({probes + 1})"
            self.plan.stages.append(StagePlan(title, NOTHING, NOTHING, NOTHING, seconds, NOTHING))


def _first(source: Callable[[], Iterator[Record]]) -> Callable[[], Iterator[Record]]:
    return lambda: islice(source(), ASKED)


def _money(spec: ModelSpec, prompt: Span, written: Span) -> Span | None:
    if spec.price is None:
        return None if spec.is_server else NOTHING
    price = spec.price
    pairs = ((prompt.low, written.low), (prompt.likely, written.likely), (prompt.high, written.high))
    return Span(*(cost(price, int(one), int(other)) for one, other in pairs))
