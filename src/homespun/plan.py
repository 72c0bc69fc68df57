"""What a run will cost, from the same run on a sample: calls, tokens, time, money.

The sampled recipe asks for the first answers of every generator, trains once on the rows that come of them, and
evaluates a few items. loop.py takes it in a scratch folder, which is thrown away; only the answers go into the run's
own ledger, so that the run does not ask servers for them again. What the stages' markers and the ledger then hold is
scaled up. Ranges come from the accept rate (Wilson), from the spread of tokens per call, and from what is known of each
kind of model: a server may serve all requests in flight as fast as the few of the sample, or no faster in all.
"""

from __future__ import annotations

import statistics
import time
from collections.abc import Callable, Iterable, Iterator, Sequence
from contextlib import closing
from dataclasses import dataclass, field, replace
from functools import cached_property, partial
from itertools import islice
from math import sqrt
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import TypeVar

from homespun import inference, loop, stages, stats
from homespun.armplan import ArmPlan, check_rules, plan_arms
from homespun.budget import cost
from homespun.engine.progress import Progress, Silent
from homespun.errors import DegenerateError
from homespun.evaluate.base import Evaluation
from homespun.inference import Part
from homespun.job import Job
from homespun.ledger import LOCAL, Entry
from homespun.recipe import Arm, Recipe
from homespun.records import Record
from homespun.replicates import draws_of, is_cut, pool_marks, replicates_of, seeds_of
from homespun.store import Store

T = TypeVar("T")

ASKED = 12  #: answers asked of each generator
ITEMS = 12  #: items of each evaluation
SAMPLE = "sample"  #: the arm that is trained
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

    def __mul__(self, other: Span | float) -> Span:
        by = other if isinstance(other, Span) else Span.of(other)
        return Span(self.low * by.low, self.likely * by.likely, self.high * by.high)

    def map(self, change: Callable[[float], float]) -> Span:
        """Return a number that grows with this one."""
        return Span(change(self.low), change(self.likely), change(self.high))

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
#: Time per unit in this process, against that of the sample: long lists fill batches better. From the demo, where
#: writing and evaluating took 0.4 of what the sample's rows take, and training 0.8 (docs/servers.md).
ASKING = Span(0.35, 0.5, 1.2)
TRAINING = Span(0.6, 0.85, 1.3)


@dataclass(frozen=True)
class StagePlan:
    """What one stage will take."""

    name: str
    calls: Span = NOTHING
    prompt_tokens: Span = NOTHING
    completion_tokens: Span = NOTHING
    seconds: Span | None = None  #: None: could not be tried
    money: Span | None = NOTHING  #: None: the price of the model is not in the recipe


@dataclass
class Plan:
    """What a run will take, and what the sample saw."""

    stages: list[StagePlan] = field(default_factory=list)
    accepted: dict[str, tuple[int, int]] = field(default_factory=dict)  #: generator -> accepted of asked
    notes: list[str] = field(default_factory=list)
    asked: int = 0  #: requests that the sample sent to servers
    seconds: float = 0.0  #: that the sample took


def plan(recipe: Recipe, out: Path, progress: Progress | None = None) -> Plan:
    """Run a sample of a recipe and say what the whole run will take.

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
    with Store.open(out) as store, TemporaryDirectory() as scratch, Store.open(Path(scratch) / SAMPLE) as place:
        whole = Job(recipe, place, progress or Silent())
        inputs = loop.read(whole, arms)
        job = Job(_sampled(recipe, arms), place, whole.progress, answers=store.path("ledger.db"))
        job.context = replace(job.context, sources={name: _first(one) for name, one in recipe.sources.items()})
        with closing(job):
            found = _Estimate(whole, arms, inputs, job).plan()
    found.seconds = time.monotonic() - started
    return found


def _sampled(recipe: Recipe, arms: Sequence[ArmPlan]) -> Recipe:
    """Return a recipe of one replicate and one arm, which takes rows from wherever an arm does."""
    sources, seed = dict.fromkeys(source for arm in arms for source in arm.sources), seeds_of(recipe)[0]
    trainer = next((arm.trainer for arm in arms if arm.trainer), None)
    few = {
        "draws": draws_of(recipe),
        "generate": {name: one.sample(ASKED) for name, one in recipe.generate.items()},
        "arms": {SAMPLE: Arm(sources=tuple(sources))} if arms else {},
        "train": trainer and trainer.once().model_copy(update={"seeds": (seed,)}),
        "evaluate": {name: one.sample() for name, one in recipe.evaluate.items()},
    }
    return recipe.model_copy(update=few)


def _first(source: Callable[[], Iterator[Record]]) -> Callable[[], Iterator[Record]]:
    return lambda: islice(source(), ASKED)


def _some(values: Sequence[T], count: int) -> list[T]:
    """Return so many values from all over a sequence: files are often sorted."""
    return list(values[:: max(len(values) // count, 1)][:count])


class _Estimate:
    """A run on little, and what it says of the whole."""

    def __init__(self, whole: Job, arms: Sequence[ArmPlan], inputs: loop.Inputs, job: Job) -> None:
        self.whole, self.arms, self.inputs, self.job, self.recipe = whole, arms, inputs, job, whole.recipe
        self.found = Plan()
        self.seen: list[Entry] = []
        self.seeds = seeds_of(self.recipe)
        self.replicate = replicates_of(job.recipe)[0]
        self.expected: dict[str, Span] = {}  #: generator or file -> rows that a replicate will have
        self.trainers = [arm.trainer for arm in arms if arm.trainer for _ in arm.trainer.seeds]
        self.steps: loop.Steps | None = None  #: None: some could not be taken
        job.ledger.watch = self.seen.append

    def plan(self) -> Plan:
        """Run the sample, then scale what every stage took."""
        self._take()
        self.marks = self.job.markers()
        for name in self.recipe.generate:
            self._pool(name)
        for name, (rows, _) in self.inputs.files.items():
            self.expected[name] = self._part(name, Span.of(len(rows)))
        for name in self.recipe.score:
            self._scores(name)
        if self.trainers:
            self._training()
        for name, evaluation in self.recipe.evaluate.items():
            self._answers(name, evaluation)
        self._verdicts()
        self.found.asked = sum(entry.endpoint != LOCAL for entry in self.seen)
        return self.found

    def _take(self) -> None:
        inputs = self.inputs
        files = {name: (_some(rows, ASKED), digest) for name, (rows, digest) in inputs.files.items()}
        self.few = {name: _some(items, ITEMS) for name, items in inputs.items.items()}
        few = replace(inputs, items=self.few, files=files)
        try:
            self.steps = loop.take(self.job, plan_arms(self.job.recipe), few)
        except DegenerateError as error:  # a whole run has more rows; where it is a generator's it comes again
            self.job.recipe = self.job.recipe.model_copy(update={"score": {}})
            loop.take(self.job, [], few)
            self.found.notes.append(f"what is unknown was not tried, since the sample is too small for it: {error}")

    # What each stage takes

    def _pool(self, name: str) -> None:
        generator, stage = self.recipe.generate[name], f"pool/{name}{self.replicate.mark}"
        counts = self.marks[stage]["counts"]
        kept, asked = self.found.accepted[name] = counts["kept"], counts["asked"]
        low, high = stats.wilson(kept, asked)
        rates = Span(high, max(kept, 0.5) / max(asked, 1), low)
        calls = rates.map(lambda rate: generator.answers(self.whole.context, max(rate, 1e-9)))
        wanted = generator.wanted(self.whole.context)
        rows = rates * calls
        self.expected[name] = self._part(
            name, Span(*sorted(min(wanted, some) for some in (rows.low, rows.likely, rows.high)))
        )
        keys = set(self.job.store.read_table(stages.pool_files(name, self.replicate.mark)[0])["key"].to_pylist())
        entries = [entry for entry in self.seen if entry.stage == stage]
        own = [entry for entry in entries if entry.row in keys]
        once = [entry for entry in entries if entry.row not in keys]
        pools = len(pool_marks(self.recipe))
        times = calls * (pools / max(asked, 1))
        took = sum(entry.seconds for entry in own) if entries else self.marks[stage]["seconds"]
        taken = generator.source_of(self.recipe.sources)
        records = self.records[taken] / min(self.records[taken], ASKED) if taken else 1
        self._add(f"pool/{name}", "writer", times, times * took, own, once, pools * records)

    def _scores(self, name: str) -> None:
        marker = self.marks.get(stage := f"scores/{name}{self.replicate.mark}")
        if marker is None:
            self.found.stages.append(StagePlan(f"scores/{name}"))
            return
        entries = [entry for entry in self.seen if entry.stage == stage]
        rows = sum(self.expected.values(), NOTHING) * len(replicates_of(self.recipe))
        times = rows * (1 / max(marker["units"], 1))
        took = max(marker["seconds"], sum(entry.seconds for entry in entries))
        self._add(f"scores/{name}", self.recipe.score[name].role, times, times * took, entries)

    def _training(self) -> None:
        name = f"train ({len(self.trainers)})"
        if self.steps is None:
            self.found.stages.append(StagePlan(name))
            return
        (trained,) = self.steps.trained[SAMPLE]
        marker = self.marks[f"models/{SAMPLE}/seed-{trained.seed}"]
        fixed = marker["seconds"] - trained.card.seconds - sum(marker.get("asking", {}).values())
        each, rows, seconds = trained.card.seconds / trained.card.presented, self._rows(self.steps), NOTHING
        for arm in self.arms:
            generators = [self.recipe.generate[source] for source in arm.sources if source in self.recipe.generate]
            taken = {one.source_of(self.recipe.sources) for one in generators} - {None}
            records = sum(self.records[source] for source in taken if source)
            if arm.trainer:
                shown = rows[arm.name].map(partial(arm.trainer.presented, records=records))
                seconds += (Span.of(fixed) + shown * each * TRAINING) * len(arm.trainer.seeds)
        self.found.stages.append(StagePlan(name, seconds=seconds))

    def _rows(self, steps: loop.Steps) -> dict[str, Span]:
        """Return how many rows each arm will train on."""
        found: dict[str, Span] = {}
        ((sample, _),), (scores,) = steps.written, steps.scores
        for arm in self.arms:
            if arm.control_of is not None:
                found[arm.name] = found[arm.control_of]
                continue
            try:
                chosen = stages.select(self.job, self.replicate, [replace(arm, size=None)], sample, scores)
                kept = len(chosen[arm.name].chosen)
            except DegenerateError:
                kept = 0
            rows, whole = sum(len(sample[source]) for source in arm.sources), self._sum(arm.sources)
            if arm.size is not None:
                whole = whole.map(partial(min, arm.size))
            share = kept / rows if rows else 1.0
            low, high = stats.wilson(kept, rows) if arm.select and rows else (share, share)
            found[arm.name] = whole * Span(low, share, high)
        return found

    def _answers(self, name: str, evaluation: Evaluation) -> None:
        trained = sum(max(len(trainer.exposures_at()) * evaluation.along, 1) for trainer in self.trainers)
        baseline, seed = f"results/{stages.BASELINE}/{name}", self.seeds[0]
        own = f"results/{SAMPLE}/seed-{seed}/{name}"
        shown = f"results/{stages.FEW_SHOT}/seed-{seed}/{name}"
        asking = self.marks.get(f"models/{SAMPLE}/seed-{seed}", {}).get("asking", {}).get(name, 0.0)
        models = [(baseline, 1), (shown, len(self.seeds)), (own if own in self.marks else baseline, trained)]
        models = [(stage, count) for stage, count in models if stage in self.marks]
        seconds = asking * trained + sum(self.marks[stage]["seconds"] * count for stage, count in models)
        grown = len(self.inputs.items[name]) / max(len(self.few[name]), 1)
        entries = [entry for entry in self.seen if entry.stage in dict(models)]
        times = Span.of(grown * sum(count for _, count in models) / len(dict(models)))
        role = next(iter(evaluation.judges()), "student")
        self._add(f"evaluate {name} ({trained + 1})", role, times, Span.of(grown * seconds), entries)

    def _add(
        self,
        name: str,
        role: str,
        times: Span,
        seconds: Span,
        entries: Sequence[Entry],
        once: Sequence[Entry] = (),
        again: float = 1.0,
    ) -> None:
        """Add a stage: `times` as much as the sample's `entries`, and `again` as much as those asked beside its rows.

        `seconds` is what it takes in this process at the pace of the sample.
        """
        spec, asked = self.recipe.model_for(role), (*entries, *once)
        calls = times * len(entries) + Span.of(again * len(once))

        def tokens(of: Callable[[Entry], int]) -> Span:
            return times * len(entries) * Span.mean([of(e) for e in entries]) + Span.of(again * sum(map(of, once)))

        prompt, written = tokens(lambda entry: entry.prompt_tokens), tokens(lambda entry: entry.completion_tokens)
        if spec.is_server and asked:
            lanes = max(min(spec.concurrency, len(entries)), 1)
            pace = Span(1 / spec.concurrency, 1 / sqrt(spec.concurrency * lanes), 1 / lanes)
            seconds = calls * statistics.fmean(entry.seconds for entry in asked) * pace
        else:
            seconds = seconds * ASKING + Span.of(again * sum(entry.seconds for entry in once))
        money = None if spec.is_server else NOTHING
        if (price := spec.price) is not None:
            pairs = ((prompt.low, written.low), (prompt.likely, written.likely), (prompt.high, written.high))
            money = Span(*(cost(price, int(one), int(other)) for one, other in pairs))
        self.found.stages.append(StagePlan(name, calls, prompt, written, seconds, money))

    @cached_property
    def records(self) -> dict[str, int]:
        """Records of every source that a generator takes."""
        taken = {one.source_of(self.recipe.sources) for one in self.recipe.generate.values()}
        return {name: sum(1 for _ in source()) for name, source in self.recipe.sources.items() if name in taken}

    def _part(self, name: str, rows: Span) -> Span:
        """Return a replicate's part of the rows of a generator or file."""
        return rows * (1 / len(self.seeds)) if is_cut(self.recipe, name) else rows

    def _sum(self, sources: Iterable[str]) -> Span:
        return sum((self.expected[source] for source in sources), NOTHING)

    def _verdicts(self) -> None:
        """Say which difference a verdict on a choice can show, and how many replicates show one that matters."""
        seeds, worth = len(self.seeds), self.recipe.worth / 100
        first = next(iter(self.recipe.evaluate), None)
        if first is None or not any(arm.control_of for arm in self.arms):
            return
        evaluation, items = self.recipe.evaluate[first], self.inputs.items[first]
        arms = sum(bool(arm.control_of) for arm in self.arms)
        grouped = [len({item.groups.get(name, item.id) for item in items}) for name in evaluation.grouped]
        count, fixed = len(items), draws_of(self.recipe) == "fixed"
        if min([count, *grouped]) < 3:
            self.found.notes.append("verdicts: none, the items (or their groups) are too few to measure chance")
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
        self.found.notes.append(
            f"verdicts: {shown}; {self.recipe.worth:g} points (`worth`) take {more}. Assumed: draws of rows vary by"
            f" {100 * DRAW_SD:g} points and trainings by {100 * TRAINING_SD:g}, as in the demo (docs/comparison.md)"
        )
