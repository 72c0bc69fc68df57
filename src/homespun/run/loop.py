"""The loop: the table of contents of the product.

recipe -> generate -> score -> select -> train -> evaluate -> compare -> report. Each step is one call into
stages.py, which reads a finished stage back instead of running it, so the same command resumes and a
finished run does nothing. A recipe may end after generation, selection or training.
"""

from __future__ import annotations

from collections.abc import Sequence
from contextlib import closing
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, NamedTuple

from homespun.data.records import JSONDict, Row, Scores, content_hash
from homespun.data.store import Store
from homespun.engine.progress import Progress, Silent
from homespun.errors import DegenerateError
from homespun.recipe.recipe import Recipe
from homespun.run import armplan, heldout, outcome, stages, training
from homespun.run.armplan import ArmPlan, Choice
from homespun.run.job import Job
from homespun.run.replicates import Replicate, check_draws, is_cut, replicates_of
from homespun.run.stages import Pool
from homespun.run.training import Trained

if TYPE_CHECKING:
    from homespun.near.overlap import Reference


Written = tuple[dict[str, Sequence[Row]], str]  #: rows by generator or file, and what they depend on


@dataclass(frozen=True)
class Outcome:
    """What a run came to."""

    root: Path
    results: JSONDict  #: the content of results.json
    summary: list[str]  #: the same in a few lines
    missing: list[str] = field(default_factory=list)  #: what was asked for and is not there; empty when complete
    fresh: bool = True  #: False when there was nothing left to do


def run(
    recipe: Recipe,
    out: Path,
    *,
    arms: Sequence[str] | None = None,
    progress: Progress | None = None,
    retry_failed: bool = False,
) -> Outcome:
    """Run a recipe into a directory, or go on where an earlier run of it stopped.

    Args:
        recipe: from homespun.recipe.recipefile.load.
        out: the run directory; made if it is not there.
        arms: run only these arms of the recipe, with the controls and references they need.
        progress: where to report to; silent by default.
        retry_failed: ask servers again for the rows that failed in an earlier run.

    Raises:
        HomespunError: with what is wrong and how to mend it; everything finished so far stays.
    """
    progress = progress or Silent()
    plans = armplan.plan_arms(recipe, arms)
    armplan.check_rules(recipe)
    with Store.open(out) as store:
        job = Job(recipe, store, progress, retry_failed=retry_failed)
        with closing(job):
            return _run(job, plans)


@dataclass(frozen=True)
class Inputs:
    """What a run reads before it asks for anything."""

    items: stages.Items
    against: Sequence[Reference]  #: texts of the evaluations that no row may repeat
    files: heldout.Files  #: of real rows


class Steps(NamedTuple):
    """What a run came to before it evaluates; the lists hold one of each replicate."""

    pools: list[Pool]
    written: list[Written]
    scores: list[list[Scores]]
    choices: list[dict[str, Choice]]
    trained: dict[str, list[Trained]]


def read(job: Job, plans: Sequence[ArmPlan]) -> Inputs:
    """Read all that a run is given, so that what is bad costs nothing."""
    if job.recipe.paged:
        from homespun.report import page

        page.run_sections()  # a plug-in that does not load is told now, not after all trainings
    items = stages.evaluation_items(job)
    stages.look_at_sources(job, items)
    for plan in plans:
        if plan.trainer is not None:
            plan.trainer.look()
    check_draws(job.recipe, job.context)
    return Inputs(items, heldout.references(job.recipe, items), heldout.file_rows(job.recipe))


def take(job: Job, plans: Sequence[ArmPlan], inputs: Inputs) -> Steps:
    """Take every step from the first row to the last training."""
    replicates = replicates_of(job.recipe)
    pools, written = _pools(job, replicates, inputs, used=bool(job.recipe.score or plans))
    scores = [
        [stages.score(job, one, name, _scorable(rows), fingerprint) for name in job.recipe.score]
        for one, (rows, fingerprint) in zip(replicates, written, strict=True)
    ]
    choices = [
        stages.select(job, one, plans, rows, found)
        for one, (rows, _), found in zip(replicates, written, scores, strict=True)
    ]
    return Steps(pools, written, scores, choices, _train(job, plans, replicates, choices, inputs.items))


def _run(job: Job, plans: Sequence[ArmPlan]) -> Outcome:
    store, recipe = job.store, job.recipe
    outcome.announce_changes(job)
    inputs = read(job, plans)
    steps = take(job, plans, inputs)
    answers = _evaluate(job, inputs.items, steps)
    looks = (store.marker(stages.SUMMARY) or {}).get("looks", ())
    results = outcome.results(job, steps.pools, steps.choices, steps.trained, answers, looks)
    fingerprint = content_hash([recipe.dump(), job.markers()])  # whole markers: they hold what results.json tells
    if not job.finished(stages.SUMMARY, fingerprint):
        store.write_json("results.json", results)
        outcome.write_manifest(job)
        outputs = ["results.json", "manifest.json"]
        if recipe.paged:
            from homespun.report import page

            page.write(store, recipe)
            outputs.append(stages.PAGE)
        job.finish(stages.SUMMARY, fingerprint, outputs, looks=results["looks"])
    missing = outcome.missing(recipe, steps.pools)
    return Outcome(store.root, results, outcome.summary(results, missing), missing, bool(job.fresh))


def _pools(job: Job, replicates: Sequence[Replicate], inputs: Inputs, used: bool) -> tuple[list[Pool], list[Written]]:
    """Write every generator's rows and read the files of real rows that arms name; `used`: somebody needs rows.

    Returns the pools, and of each replicate its rows: of a pool of its own, or its part of the one that is cut.
    """
    against = inputs.against
    real = heldout.real_rows(job, inputs.files, against)  # first of all, so that a bad file costs nothing
    pools: list[Pool] = []
    found: list[Written] = []
    whole: dict[str, Sequence[Row]] = {}
    prints: list[str] = []
    for replicate in replicates:
        if replicate.part == 0:
            made = {name: stages.generate(job, replicate, name, against) for name in job.recipe.generate}
            pools += [pool for pool, _ in made.values()]
            # a pool of any size stays on disk where nobody needs its rows
            whole = {name: pool.accepted() if used else () for name, (pool, _) in made.items()}
            whole |= {name: some for name, (some, _) in real.items()}
            prints = [fingerprint for _, fingerprint in (*made.values(), *real.values())]
        if used and not any(whole.values()):
            why = "; ".join(outcome.missing(job.recipe, pools)) or f"{', '.join(whole)} kept none"
            raise DegenerateError(f"there is no row to score or select: {why}")
        rows = {name: replicate.of(some) if is_cut(job.recipe, name) else some for name, some in whole.items()}
        found.append((rows, content_hash(prints)))
    return pools, found


def _scorable(rows: dict[str, Sequence[Row]]) -> list[Row]:
    return [row for group in rows.values() for row in group]


def _train(
    job: Job,
    plans: Sequence[ArmPlan],
    replicates: Sequence[Replicate],
    choices: Sequence[dict[str, Choice]],
    items: stages.Items,
) -> dict[str, list[Trained]]:
    """Train every arm with every seed; look at all the data first, so that a bad arm costs no training."""
    trained: dict[str, list[Trained]] = {}
    units = []
    rows_of = {seed: chosen for one, chosen in zip(replicates, choices, strict=True) for seed in one.seeds}
    for plan in plans:
        if plan.trainer is None:
            continue
        for seed in plan.trainer.seeds:
            rows = rows_of[seed][plan.name].rows(job.recipe.seed, seed)
            try:
                plan.trainer.check_rows(rows, job.recipe.task)
            except DegenerateError as error:
                raise DegenerateError(f'arm "{plan.name}" cannot be trained: {error}') from None
            units.append((plan, seed, rows))
    for plan, seed, rows in units:
        trained.setdefault(plan.name, []).append(training.train(job, plan, seed, rows, items))
    return trained


def _unselected(recipe: Recipe, choices: Sequence[dict[str, Choice]]) -> dict[int, Sequence[Row]]:
    """Return the rows of every seed before selection: those of the first reference, or of the first arm."""
    found: dict[int, Sequence[Row]] = {}
    for one, chosen in zip(replicates_of(recipe), choices, strict=True):
        reference = next((chosen[c.plan.reference] for c in chosen.values() if c.plan.reference), None)
        first = reference or next(iter(chosen.values()), None)
        found |= dict.fromkeys(one.seeds, first.candidates if first else ())
    return found


def _evaluate(job: Job, items: stages.Items, steps: Steps) -> training.Answers:
    """Evaluate the untrained student, alone and with some rows in its prompt, then every arm with every seed."""
    if not job.recipe.evaluate:
        return {}
    job.context.models.release()
    answers = {stages.BASELINE: {0: training.evaluate(job, items, None)}}
    if shown := training.few_shot(job, items, _unselected(job.recipe, steps.choices)):
        answers[stages.FEW_SHOT] = shown
    for name, models in steps.trained.items():
        answers[name] = {model.seed: training.evaluate(job, items, model) for model in models}
    return training.grade_beside(job, items, answers)
