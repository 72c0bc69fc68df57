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

from homespun import armplan, heldout, outcome, stages, tuning
from homespun.armplan import ArmPlan, Choice
from homespun.engine.progress import Progress, Silent
from homespun.errors import DegenerateError
from homespun.job import Job
from homespun.recipe import Recipe
from homespun.records import JSONDict, Row, content_hash
from homespun.stages import Pool
from homespun.store import Store
from homespun.tuning import Trained


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
        recipe: from homespun.recipefile.load.
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


def _run(job: Job, plans: Sequence[ArmPlan]) -> Outcome:
    store, recipe = job.store, job.recipe
    outcome.announce_changes(job)
    items = stages.evaluation_items(job)
    stages.look_at_documents(job, items)
    for plan in plans:
        if plan.trainer is not None:
            plan.trainer.look()

    rows, pools, fingerprint = _pool(job, items, used=bool(recipe.score or plans))
    scores = [stages.score(job, name, _scorable(rows), fingerprint)[0] for name in recipe.score]
    choices = stages.select(job, plans, rows, scores)
    trained = _train(job, plans, choices, items)
    answers = _evaluate(job, items, trained)

    results = outcome.results(job, pools, choices, trained, answers)
    fingerprint = content_hash([recipe.dump(), job.markers()])  # whole markers: they hold what results.json tells
    if not job.finished(stages.SUMMARY, fingerprint):
        store.write_json("results.json", results)
        outcome.write_manifest(job)
        outputs = ["results.json", "manifest.json"]
        if (
            recipe.described or recipe.evaluate
        ):  # of plain batch inference `homespun report` writes a page when somebody wants one
            from homespun import reporting

            reporting.write(store, recipe)
            outputs.append(stages.PAGE)
        job.finish(stages.SUMMARY, fingerprint, outputs)
    missing = outcome.missing(recipe, pools)
    return Outcome(store.root, results, outcome.summary(results, missing), missing, bool(job.fresh))


def _pool(job: Job, items: stages.Items, used: bool) -> tuple[dict[str, Sequence[Row]], dict[str, Pool], str]:
    """Write every generator's rows and read the files of real rows that arms name; `used`: somebody needs rows."""
    rows: dict[str, Sequence[Row]] = {}
    pools: dict[str, Pool] = {}
    prints = []
    against = heldout.references(job.recipe, items)
    real = heldout.real_rows(job, against)  # first of all, so that a bad file costs nothing
    for name in job.recipe.generate:
        pools[name], fingerprint = stages.generate(job, name, against)
        rows[name] = pools[name].accepted() if used else ()  # a pool of any size stays on disk
        prints.append(fingerprint)
    for name, (some, digest) in real.items():
        rows[name] = some
        prints.append(digest)
    if used and not any(rows.values()):
        why = "; ".join(outcome.missing(job.recipe, pools)) or f"{', '.join(rows)} kept none"
        raise DegenerateError(f"there is no row to score or select: {why}")
    return rows, pools, content_hash(prints)


def _scorable(rows: dict[str, Sequence[Row]]) -> list[Row]:
    return [row for group in rows.values() for row in group]


def _train(
    job: Job, plans: Sequence[ArmPlan], choices: dict[str, Choice], items: stages.Items
) -> dict[str, list[Trained]]:
    """Train every arm with every seed; look at all the data first, so that a bad arm costs no training."""
    trained: dict[str, list[Trained]] = {}
    units = []
    for plan in plans:
        if plan.trainer is None:
            continue
        for seed in plan.trainer.seeds:
            rows = choices[plan.name].rows(armplan.control_seed(job.recipe.seed, seed), choices)
            try:
                plan.trainer.check_rows(rows, job.recipe.described)
            except DegenerateError as error:
                raise DegenerateError(f'arm "{plan.name}" cannot be trained: {error}') from None
            units.append((plan, seed, rows))
    for plan, seed, rows in units:
        trained.setdefault(plan.name, []).append(tuning.train(job, plan, seed, rows, items))
    return trained


def _evaluate(job: Job, items: stages.Items, trained: dict[str, list[Trained]]) -> tuning.Answers:
    """Evaluate the untrained student, then every arm with every seed."""
    if not job.recipe.evaluate:
        return {}
    job.context.models.release()
    answers = {stages.BASELINE: {0: tuning.evaluate(job, items, None)}}
    for name, models in trained.items():
        answers[name] = {model.seed: tuning.evaluate(job, items, model) for model in models}
    return answers
