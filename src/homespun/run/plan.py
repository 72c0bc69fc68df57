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
from collections import defaultdict
from collections.abc import Callable, Iterable, Iterator, Sequence
from contextlib import closing
from dataclasses import dataclass, field, replace
from functools import cached_property, partial
from itertools import islice
from math import inf, sqrt
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import TypeVar

from homespun.data.ledger import LOCAL, Entry
from homespun.data.records import Record
from homespun.data.store import Store
from homespun.engine.budget import cost
from homespun.engine.progress import Progress, Silent
from homespun.errors import DegenerateError
from homespun.evaluate.base import Evaluation
from homespun.recipe.recipe import Arm, Recipe
from homespun.run import loop, stages, training
from homespun.run.armplan import ArmPlan, check_rules, plan_arms
from homespun.run.job import Job
from homespun.run.replicates import draws_of, is_cut, pool_marks, replicates_of, seeds_of
from homespun.stats import descriptive, inference
from homespun.stats.inference import Part

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
        recipe: from homespun.recipe.recipefile.load.
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
        "evaluate": {},  # afterwards: what is asked on the way of a training is asked there, too
    }
    return recipe.model_copy(update=few)


def _first(source: Callable[[], Iterator[Record]]) -> Callable[[], Iterator[Record]]:
    return lambda: islice(source(), ASKED)


def _some(values: Sequence[T], count: int) -> list[T]:
    """Return so many values from all over a sequence: files are often sorted."""
    return list(values[:: max(len(values) // count, 1)][:count])


def _seconds(entries: Iterable[Entry]) -> float:
    return sum(entry.seconds for entry in entries)


class _Estimate:
    """A run on little, and what it says of the whole."""

    def __init__(self, whole: Job, arms: Sequence[ArmPlan], inputs: loop.Inputs, job: Job) -> None:
        self.whole, self.arms, self.inputs, self.job, self.recipe = whole, arms, inputs, job, whole.recipe
        self.found = Plan()
        self.seen = defaultdict[str, list[Entry]](list)  #: by stage
        self.seeds = seeds_of(self.recipe)
        self.replicate = replicates_of(job.recipe)[0]
        self.expected: dict[str, Span] = {}  #: generator or file -> rows that a replicate will have
        self.trainers = [arm.trainer for arm in arms if arm.trainer for _ in arm.trainer.seeds]
        job.ledger.watch = lambda entry: self.seen[entry.stage].append(entry)

    def plan(self) -> Plan:
        """Run the sample, then scale what every stage took."""
        steps = self._take()
        self.marks = self.job.markers()
        for name in self.recipe.generate:
            self._pool(name)
        for name, (rows, _) in self.inputs.files.items():
            self.expected[name] = self._part(name, Span.of(len(rows)))
        for name in self.recipe.score:
            self._scores(name)
        if self.trainers:
            seconds = self._training(steps) if steps else None
            self.found.stages.append(StagePlan(f"train ({len(self.trainers)})", seconds=seconds))
        for name, evaluation in self.recipe.evaluate.items():
            self._answers(name, evaluation)
        self._verdicts()
        self.found.asked = sum(entry.endpoint != LOCAL for entries in self.seen.values() for entry in entries)
        return self.found

    def _take(self) -> loop.Steps | None:
        """Run the sample; None: some steps could not be taken."""
        job, steps = self.job, None
        items = {name: _some(some, ITEMS) for name, some in self.inputs.items.items()}
        files = {name: (_some(rows, ASKED), digest) for name, (rows, digest) in self.inputs.files.items()}
        few = replace(self.inputs, items=items, files=files)
        try:
            steps = loop.take(job, plan_arms(job.recipe), few)
        except DegenerateError as error:  # a whole run has more rows; where it is a generator's it comes again
            job.recipe = job.recipe.model_copy(update={"score": {}})
            loop.take(job, [], few)
            self.found.notes.append(f"what is unknown was not tried, since the sample is too small for it: {error}")
        evaluate = {name: one.sample() for name, one in self.recipe.evaluate.items()}
        job.recipe = job.recipe.model_copy(update={"evaluate": evaluate})
        job.context.models.release()
        training.evaluate(job, items, steps.trained[SAMPLE][0] if steps and self.trainers else None)
        return steps

    # What each stage takes

    def _pool(self, name: str) -> None:
        generator, stage = self.recipe.generate[name], f"pool/{name}{self.replicate.mark}"
        kept, asked = self.found.accepted[name] = tuple(self.marks[stage]["counts"][key] for key in ("kept", "asked"))
        low, high = descriptive.wilson(kept, asked)
        rates = Span(high, max(kept, 0.5) / max(asked, 1), low)
        calls = rates.map(lambda rate: generator.answers(self.whole.context, max(rate, 1e-9)))
        rows = (rates * calls).map(partial(min, generator.wanted(self.whole.context)))
        self.expected[name] = self._part(name, Span(*sorted((rows.low, rows.likely, rows.high))))
        table = self.job.store.read_table(stages.pool_files(name, self.replicate.mark)[0])
        entries, keys = self.seen[stage], set(table["key"].to_pylist())
        own = [entry for entry in entries if entry.row in keys]
        beside = [entry for entry in entries if entry.row not in keys]  # what it asks first
        pools, taken = len(pool_marks(self.recipe)), generator.source_of(self.recipe.sources)
        times = calls * (pools / max(asked, 1))
        again = Span.of(pools * (max(self.records[taken] / ASKED, 1) if taken else 1))
        took = _seconds(own) if entries else self.marks[stage]["seconds"]
        seconds = times * took * ASKING + again * _seconds(beside)
        self._add(f"pool/{name}", "writer", seconds, (times, own), (again, beside))

    def _scores(self, name: str) -> None:
        stage, role = f"scores/{name}{self.replicate.mark}", self.recipe.score[name].role
        if (marker := self.marks.get(stage)) is None:
            money = None if self.recipe.model_for(role).is_server else NOTHING
            self.found.stages.append(StagePlan(f"scores/{name}", money=money))
            return
        entries = self.seen[stage]
        rows = sum(self.expected.values(), NOTHING) * len(replicates_of(self.recipe))
        times = rows * (1 / max(marker["units"], 1))
        seconds = times * max(marker["seconds"], _seconds(entries)) * ASKING
        self._add(f"scores/{name}", role, seconds, (times, entries))

    def _training(self, steps: loop.Steps) -> Span:
        card, seed = steps.trained[SAMPLE][0].card, self.seeds[0]
        fixed = Span.of(self.marks[f"models/{SAMPLE}/seed-{seed}"]["seconds"] - card.seconds)
        each, rows, seconds = TRAINING * (card.seconds / card.presented), dict[str, Span](), NOTHING
        ((sample, _),), (scores,) = steps.written, steps.scores
        for arm in self.arms:
            if arm.control_of is not None:
                rows[arm.name] = rows[arm.control_of]
            else:
                try:
                    chosen = stages.select(self.job, self.replicate, [replace(arm, size=None)], sample, scores)
                    kept = len(chosen[arm.name].chosen)
                except DegenerateError:
                    kept = 0
                tried = sum(len(sample[source]) for source in arm.sources)
                share = kept / tried if tried else 1.0
                low, high = descriptive.wilson(kept, tried) if arm.select and tried else (share, share)
                whole = sum((self.expected[source] for source in arm.sources), NOTHING)
                rows[arm.name] = whole.map(partial(min, arm.size or inf)) * Span(low, share, high)
            if arm.trainer:
                generators = (self.recipe.generate[one] for one in arm.sources if one in self.recipe.generate)
                taken = {one.source_of(self.recipe.sources) for one in generators}
                records = sum(count for name, count in self.records.items() if name in taken)
                shown = rows[arm.name].map(partial(arm.trainer.presented, records=records))
                seconds += (fixed + shown * each) * len(arm.trainer.seeds)
        return seconds

    def _answers(self, name: str, evaluation: Evaluation) -> None:
        trained = sum(max(len(trainer.points()) * evaluation.along, 1) for trainer in self.trainers)
        passes = len(evaluation.modes(False)) + trained * len(evaluation.modes(True))
        passes += len(self.seeds) * bool(evaluation.few_shots)  # the rows shown are read once
        asked = (f"/{stages.BASELINE}/{name}", f"/{SAMPLE}/seed-{self.seeds[0]}/{name}")  # one of them
        stage = next(one for one in self.marks if one.endswith(asked))
        times = Span.of(passes * len(self.inputs.items[name]) / max(self.marks[stage]["units"], 1))
        seconds = times * self.marks[stage]["seconds"] * ASKING
        role = next(iter(evaluation.judges()), "student")
        self._add(f"evaluate {name} ({trained + 1})", role, seconds, (times, self.seen[stage]))

    def _add(self, name: str, role: str, seconds: Span, *parts: tuple[Span, Sequence[Entry]]) -> None:
        """Add a stage that asks the model of a role so many times as much as the entries of the sample.

        `seconds` is what it takes where that model is in this process.
        """
        spec, entries = self.recipe.model_for(role), [entry for _, some in parts for entry in some]
        calls = sum((times * len(some) for times, some in parts), NOTHING)

        def tokens(name: str) -> Span:
            counts = [(times, [getattr(entry, name) for entry in some]) for times, some in parts]
            once = Span.of(1)  # what is asked no more than here is known
            each = (t * (Span.of(sum(c)) if t == once else Span.mean(c) * len(c)) for t, c in counts)
            return sum(each, NOTHING)

        prompt, written = tokens("prompt_tokens"), tokens("completion_tokens")
        if spec.is_server and entries:
            lanes = max(min(spec.concurrency, len(parts[0][1])), 1)
            pace = Span(1 / spec.concurrency, 1 / sqrt(spec.concurrency * lanes), 1 / lanes)
            seconds = calls * (_seconds(entries) / len(entries)) * pace
        money = None if spec.is_server else NOTHING
        if spec.price:
            pairs = zip(*((span.low, span.likely, span.high) for span in (prompt, written)), strict=True)
            money = Span(*(cost(spec.price, int(one), int(other)) for one, other in pairs))
        self.found.stages.append(StagePlan(name, calls, prompt, written, seconds, money))

    @cached_property
    def records(self) -> dict[str, int]:
        """Records of every source that a generator takes."""
        taken = {one.source_of(self.recipe.sources) for one in self.recipe.generate.values()}
        return {name: sum(1 for _ in source()) for name, source in self.recipe.sources.items() if name in taken}

    def _part(self, name: str, rows: Span) -> Span:
        """Return a replicate's part of the rows of a generator or file."""
        return rows * (1 / len(self.seeds)) if is_cut(self.recipe, name) else rows

    def _verdicts(self) -> None:
        """Say which difference a verdict on a choice can show, and how many replicates show one that matters."""
        seeds, worth, fixed = len(self.seeds), self.recipe.worth / 100, draws_of(self.recipe) == "fixed"
        first, arms = next(iter(self.recipe.evaluate), None), sum(bool(arm.control_of) for arm in self.arms)
        if first is None or not arms:
            return
        items, names = self.inputs.items[first], self.recipe.evaluate[first].grouped
        count, units = len(items), [len({item.groups.get(name, item.id) for item in items}) for name in names]
        if (fewest := min([count, *units])) < 3:
            self.found.notes.append("verdicts: none, the items (or their groups) are too few to measure chance")
            return
        unit, one = Part(DISAGREE / count, fewest - 1), 2 * (DRAW_SD**2 + TRAINING_SD**2)
        stays = 0.5 if fixed else 0.0  # the luck of one choice

        def level(replicates: int) -> float:
            return inference.level_at(replicates) / arms

        shown = "one replicate gives no verdict"
        if seeds > 1:
            of_draws = Part(one * (stays + (1 - stays) / seeds), seeds - 1)
            visible = inference.smallest_visible([unit, of_draws], level(seeds))
            shown = f"{seeds} replicates on {count:,} items show about {100 * visible:.0f} points or more"
        more = "more than 100 replicates, or draws: pool" if fixed else f"more items than {count:,}"
        if needed := inference.replicates_needed(worth, unit, one, level, stays):
            more = f"about {needed} replicates"
        self.found.notes.append(
            f"verdicts: {shown}; {self.recipe.worth:g} points (`worth`) take {more}. Assumed: draws of rows vary by"
            f" {100 * DRAW_SD:g} points and trainings by {100 * TRAINING_SD:g}, as in the demo (docs/comparison.md)"
        )
