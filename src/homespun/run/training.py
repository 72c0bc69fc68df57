"""The second half of the stages: train an arm with a seed, evaluate what came of it.

A trainer that is probed as it goes has the evaluations' questions asked at the points it names; those answers are
part of what the training leaves behind and are graded afterwards, so that no judge has to sit in memory beside the
student and another judge needs no training. Fingerprints and markers are as in stages.py.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from homespun.data.records import JSONDict, Row, content_hash, derive_seed
from homespun.data.store import Store, Work
from homespun.evaluate.base import Evaluation, Item, ItemResult, Mode
from homespun.evaluate.results import curve_from, curve_table, results_from, results_table
from homespun.models.base import Advance, ignore_progress
from homespun.models.load import load_model
from homespun.run.armplan import ArmPlan
from homespun.run.job import Job
from homespun.run.stages import BASELINE, FEW_SHOT, Items, settings
from homespun.select.arms import cut
from homespun.select.rules.share import draw
from homespun.train.base import Card

if TYPE_CHECKING:
    from homespun.models.base import Model

UNGRADED = "ungraded"  #: answers that are graded when all arms have answered
Curve = dict[int, list[ItemResult]]  #: point of a training -> item results


@dataclass(frozen=True)
class Answered:
    """What one model made of one evaluation."""

    results: list[ItemResult]
    curve: Curve  #: at several points of one training, the last of which gave `results`; empty otherwise


Answers = dict[str, dict[int, dict[str, Answered]]]  #: arm -> seed -> evaluation -> item results


@dataclass(frozen=True)
class Trained:
    """One trained arm and seed. Arms with the same rows, student, settings and seed share an adapter."""

    arm: str
    seed: int
    adapter: str  #: folder relative to the run directory
    fingerprint: str
    card: Card
    asked: Mapping[str, str]  #: evaluation -> answers given while it was trained, not graded; none for most trainers


# Train


def train(job: Job, plan: ArmPlan, seed: int, rows: Sequence[Row], items: Items) -> Trained:
    """Train one arm with one seed, unless it, or an arm with the same rows and settings, is trained.

    A trainer that wants to be probed has the evaluations' questions asked as it goes; the answers become a part of
    what the training leaves, and other questions another training.
    """
    trainer = plan.trainer
    assert trainer is not None
    at = trainer.points()
    content: JSONDict = {
        **job.base(),
        "rows": [row.id for row in rows],
        "student": job.identity("student"),
        "settings": {k: v for k, v in settings(trainer.learned()).items() if k != "seeds"},
        "seed": seed,
    }
    if (files := trainer.look()) is not None:
        content["files"] = files
    along = [name for name, one in job.recipe.evaluate.items() if at and one.along and not one.compares]
    if along:
        content["asked"] = {name: _asking(job, name, items[name]) for name in along}
    fingerprint = content_hash(content)
    stage = folder = f"models/{plan.name}/seed-{seed}"
    if job.finished(stage, fingerprint):
        return _trained(job.store, plan.name, seed, stage)
    for other, marker in job.store.stages().items():
        if other.startswith("models/") and job.store.finished(other, fingerprint):
            facts = {key: marker[key] for key in ("adapter", "asked") if key in marker}
            job.finish(stage, fingerprint, list(marker["outputs"]), **facts, same_as=other)
            return _trained(job.store, plan.name, seed, stage)
    job.begin(stage)
    job.context.models.release()
    work = job.store.work(stage, fingerprint)
    out, state = work.fresh_folder(), work.folder / "state"
    started = time.monotonic()
    about = {"recipe": job.recipe.name, "arm": plan.name}
    student = job.recipe.model_for("student")
    probe = _Probe(job, along, items, work)
    card = trainer(
        rows, job.context, student, seed, out, probe=probe if along else None, at=at, about=about, state=state
    )
    asked = {}
    for name in along:
        asked[name] = f"answers/{plan.name}/seed-{seed}/{name}.parquet"
        job.store.write_table(asked[name], curve_table({point: probe.answers(name, point) for point in at}))
    job.store.move_in(work, folder)
    outputs = [path.relative_to(job.store.root).as_posix() for path in sorted(job.store.path(folder).rglob("*"))]
    outputs = [path for path in outputs if job.store.path(path).is_file()]
    job.finish(
        stage,
        fingerprint,
        [*outputs, *asked.values()],
        adapter=folder,
        **({"asked": asked} if asked else {}),
        seconds=time.monotonic() - started,
        units=card.steps,
        unit="steps",
        tokens=card.tokens,
    )
    return _trained(job.store, plan.name, seed, stage)


def _trained(store: Store, arm: str, seed: int, stage: str) -> Trained:
    marker = store.told(stage)
    card = _card(store, marker["adapter"])
    return Trained(arm, seed, marker["adapter"], marker["fingerprint"], card, marker.get("asked", {}))


class _Probe:
    """Asks a model in training the questions of every evaluation, and keeps the answers from then on."""

    def __init__(self, job: Job, names: Sequence[str], items: Items, work: Work) -> None:
        self.job, self.names, self.items, self.work = job, names, items, work

    def __call__(self, model: Model, point: int) -> None:
        for name in self.names:
            self.work.table(
                _probed(name, point),
                lambda name=name: results_table(_ask(self.job, name, self.items[name], model, trained=True)),  # type: ignore[misc]
            )

    def answers(self, name: str, point: int) -> list[ItemResult]:
        """Return the answers that were given at a point."""
        return results_from(self.job.store.read_table(f"{self.work.relative}/{_probed(name, point)}.parquet"))


def _probed(name: str, point: int) -> str:
    return f"probe-{point:07d}-{name}"


def _card(store: Store, adapter: str) -> Card:
    return Card.model_validate(store.read_json(f"{adapter}/card.json"))


# Evaluate


def evaluate(job: Job, items: Items, trained: Trained | None) -> dict[str, Answered]:
    """Evaluate one trained arm, or the untrained student, on every evaluation."""
    where = f"{trained.arm}/seed-{trained.seed}" if trained else BASELINE
    student = _student(job, trained, [])
    return {name: _evaluate_one(job, name, items[name], where, trained, student) for name in job.recipe.evaluate}


def few_shot(job: Job, items: Items, candidates: Mapping[int, Sequence[Row]]) -> dict[int, dict[str, Answered]]:
    """Ask the untrained student with some of each replicate's rows in its prompt, where an evaluation can be asked so.

    Rows are drawn by the replicate, as evenly over the labels as they allow, and shown in an order of their own.

    Args:
        job: the run.
        items: of every evaluation.
        candidates: seed -> rows before selection.
    """
    model: list[Any] = []
    found: dict[int, dict[str, Answered]] = {}
    for seed, rows in candidates.items():
        drawn_by = derive_seed(job.recipe.seed, FEW_SHOT, seed)
        for name, evaluation in job.recipe.evaluate.items():
            fit = [row for row in rows if evaluation.shows(row)] if evaluation.few_shots else []
            if not fit:
                continue
            drawn = cut(fit, evaluation.few_shots, drawn_by)
            shown = sorted(drawn, key=lambda row: draw(drawn_by, "order", row))
            where = f"{FEW_SHOT}/seed-{seed}"
            answered = _evaluate_one(job, name, items[name], where, None, _student(job, None, model), shown)
            found.setdefault(seed, {})[name] = answered
    return found


def _student(job: Job, trained: Trained | None, model: list[Any]) -> Callable[[], Any]:
    """Return what loads the student when it is first asked for, and keeps it in `model`."""

    def student() -> Any:
        if not model:
            adapter = job.store.path(trained.adapter) if trained else None
            model.append(load_model(job.recipe.model_for("student"), adapter))
        return model[0]

    return student


def _evaluation(job: Job, name: str) -> Evaluation:
    return job.recipe.evaluate[name]


def _asking(job: Job, name: str, items: Sequence[Item]) -> JSONDict:
    """Return all that a model's answers to an evaluation depend on, beside the model."""
    evaluation = _evaluation(job, name)
    leave = {"data", *evaluation.graded_by, *evaluation.not_asked}
    return {
        "settings": {key: value for key, value in settings(evaluation).items() if key not in leave},
        "items": [
            [item.id, dict(item.fields), item.gold, *([list(item.accepted)] * bool(item.accepted))] for item in items
        ],
    }


def _ask(
    job: Job,
    name: str,
    items: Sequence[Item],
    model: Model,
    *,
    trained: bool,
    shown: Sequence[Row] = (),
    advance: Advance = ignore_progress,
) -> list[ItemResult]:
    evaluation = _evaluation(job, name)
    if shown:
        return evaluation.predict_shown(model, job.recipe.task, items, job.recipe.language, shown, advance)
    results: list[ItemResult] = []
    for mode in evaluation.modes(trained):
        results += evaluation.predict(model, job.recipe.task, items, job.recipe.language, mode, advance)
    return results


def _grading(job: Job, evaluation: Evaluation, items: Sequence[Item]) -> JSONDict:
    """Return all that grades depend on, beside the answers."""
    if not (evaluation.graded_by or evaluation.judges()):
        return {}
    return {
        "grading": {key: value for key, value in settings(evaluation).items() if key in evaluation.graded_by},
        "groups": [dict(item.groups) for item in items],
        "judges": {role: job.identity(role) for role in evaluation.judges()},
    }


def _graded(job: Job, name: str, items: Sequence[Item], results: Sequence[ItemResult]) -> list[ItemResult]:
    evaluation = _evaluation(job, name)
    if evaluation.compares:
        return list(results)
    some = _by_mode(results).values()
    return [result for of_mode in some for result in evaluation.grade(of_mode, items, job.context.silent())]


def _by_mode(results: Sequence[ItemResult]) -> dict[Mode, list[ItemResult]]:
    found: dict[Mode, list[ItemResult]] = {}
    for result in results:
        found.setdefault(result.mode, []).append(result)
    return found


def _evaluate_one(
    job: Job,
    name: str,
    items: Sequence[Item],
    where: str,
    trained: Trained | None,
    student: Callable[[], Any],
    shown: Sequence[Row] = (),
) -> Answered:
    evaluation = _evaluation(job, name)
    content = {
        **job.base(),
        **_asking(job, name, items),
        "model": trained.fingerprint if trained else job.identity("student"),
    }
    if shown:
        content["shown"] = [row.id for row in shown]
    if not evaluation.compares:
        content |= _grading(job, evaluation, items)
    fingerprint = content_hash(content)
    folder = UNGRADED if evaluation.compares else "results"
    stage, output = f"{folder}/{where}/{name}", f"{folder}/{where}/{name}.parquet"
    asked = trained.asked.get(name) if trained else None
    outputs = [output, *([f"{folder}/{where}/{name}.curve.parquet"] if asked else [])]
    if job.finished(stage, fingerprint):
        return _answered(job.store, outputs)
    for other, marker in job.store.stages().items():  # an arm with the same adapter has the same results
        if other.startswith(f"{folder}/") and trained and job.store.finished(other, fingerprint):
            for same, mine in zip(marker["outputs"], outputs, strict=True):
                job.store.write_bytes(mine, job.store.path(same).read_bytes())
            job.finish(stage, fingerprint, outputs, same_as=other)
            return _answered(job.store, outputs)
    job.begin(stage)
    model: Any = None if asked else student()
    started = time.monotonic()  # what loading takes is no time of an item
    count = len(items) * (1 if shown else len(evaluation.modes(trained is not None)))
    with job.progress.bar(f"evaluate {where}", count, "items") as bar:
        if asked:
            points = curve_from(job.store.read_table(asked))
            curve = {point: _graded(job, name, items, results) for point, results in points.items()}
            results = curve[max(curve)]
            job.store.write_table(outputs[1], curve_table(curve))
            bar.advance(count)
        else:
            answers = _ask(job, name, items, model, trained=trained is not None, shown=shown, advance=bar.advance)
            results = _graded(job, name, items, answers)
    job.store.write_table(output, results_table(results))
    job.finish(stage, fingerprint, outputs, seconds=time.monotonic() - started, units=count, unit="items")
    return _answered(job.store, outputs)


def grade_beside(job: Job, items: Items, answers: Answers) -> Answers:
    """Return all answers, those to evaluations that compare arms graded now that every arm has answered."""
    found = {arm: {seed: dict(by_name) for seed, by_name in seeds.items()} for arm, seeds in answers.items()}
    for name in (name for name in job.recipe.evaluate if _evaluation(job, name).compares):
        evaluation = _evaluation(job, name)
        asked = {
            arm: {seed: by_name[name].results for seed, by_name in seeds.items() if name in by_name}
            for arm, seeds in answers.items()
        }
        places = [(arm, seed) for arm, seeds in asked.items() for seed in seeds]
        answered = [[*place, job.store.told(f"{UNGRADED}/{_where(*place)}/{name}")["fingerprint"]] for place in places]
        for arm, seed in places:
            stage = f"results/{_where(arm, seed)}/{name}"
            fingerprint = content_hash([_grading(job, evaluation, items[name]), arm, seed, answered])
            if not job.finished(stage, fingerprint):
                job.begin(stage)
                others = {
                    other: seeds.get(seed) or next(iter(seeds.values()))
                    for other, seeds in asked.items()
                    if other != arm and seeds
                }
                graded: list[ItemResult] = []
                for mode, own in _by_mode(asked[arm][seed]).items():
                    beside = {other: [one for one in some if one.mode == mode] for other, some in others.items()}
                    graded += evaluation.grade_beside(own, beside, items[name], job.context.silent())
                job.store.write_table(f"{stage}.parquet", results_table(graded))
                job.finish(stage, fingerprint, [f"{stage}.parquet"])
            found[arm][seed][name] = _answered(job.store, [f"{stage}.parquet"])
    return found


def _where(arm: str, seed: int) -> str:
    return BASELINE if arm == BASELINE else f"{arm}/seed-{seed}"


def _answered(store: Store, outputs: Sequence[str]) -> Answered:
    curve = curve_from(store.read_table(outputs[1])) if len(outputs) > 1 else {}
    return Answered(results_from(store.read_table(outputs[0])), curve)
