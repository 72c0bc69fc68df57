"""What a run came to: changes announced before it, results.json, the manifest, the summary after it.

Pure bookkeeping over what the stages returned; nothing here asks a model or decides about a row.
docs/results-json.md describes results.json.
"""

from __future__ import annotations

import os
import platform
import time
from collections import Counter
from collections.abc import Mapping, Sequence
from contextlib import suppress
from importlib.metadata import PackageNotFoundError, version
from typing import TYPE_CHECKING, Any

from homespun.data import yamlfile
from homespun.data.records import JSONDict
from homespun.errors import RecipeError, StoreError
from homespun.generate.base import summed
from homespun.recipe.recipe import Recipe
from homespun.run import heldout
from homespun.run.armplan import Choice
from homespun.run.job import Job
from homespun.run.readback import open_run
from homespun.run.replicates import draws_of, is_cut, pool_marks, seeds_of
from homespun.run.stages import BASELINE, FEW_SHOT, Pool
from homespun.run.training import Answers, Trained
from homespun.stats import inference
from homespun.task import ROLES

if TYPE_CHECKING:
    from homespun.stats.descriptive import Floats

PACKAGES = (
    "homespun",
    "torch",
    "transformers",
    "peft",
    "tokenizers",
    "numpy",
    "scipy",
    "pyarrow",
    "pydantic",
)

#: first key of a changed recipe -> what it touches, in words
TOUCHES = {
    "budget": "nothing: it only says where a run stops",
    "task": "everything",
    "language": "everything",
    "seed": "everything",
    "draws": "the rows that replicates get, their scores, the arms, training and evaluation",
    "worth": "the verdicts",
    "controls": "the random controls, their training and evaluation",
    "models": "the stages that use the changed model, and all after them",
    "sources": "the rows of the generators that take them, all scores, and the arms",
    "generate": "the rows of that generator, all scores, and the arms",
    "score": "that score, and the arms that use it",
    "arms": "selection, training and evaluation of that arm",
    "train": "training and evaluation",
    "evaluate": "that evaluation, and generation where rows are checked against it",
}
ENOUGH = 10  #: replicates that are advised at most at a time
HOW_ASKED = ("concurrency", "key_env", "price", "input", "output")  #: settings of a model that change no answer


def announce_changes(job: Job) -> None:
    """Say what differs from the recipe that this directory was begun with, and keep the new one.

    Raises:
        StoreError: the directory belongs to another recipe.
    """
    text = yamlfile.dump(job.recipe.dump())
    if job.store.has("recipe.yaml"):
        old, _ = yamlfile.read(job.store.path("recipe.yaml"))
        if old.get("name") != job.recipe.name:
            raise StoreError(
                f'{job.store.root} holds the run "{old.get("name")}", not "{job.recipe.name}"; choose another --out'
            )
        with suppress(RecipeError):  # with the defaults of settings that it had not
            old = open_run(job.store.root)[1].dump()
        changed = _changes(old, job.recipe.dump())
        if changed:
            job.progress.say("the recipe changed since the last run:")
            for path, before, after in changed:
                job.progress.say(f"  {path}: {before!r} -> {after!r}")
            touched = dict.fromkeys(_touched(path.split(".")) for path, *_ in changed)
            job.progress.say("redone where it matters; what is not touched is kept:")
            for line in touched:
                job.progress.say(f"  {line}")
    if not job.store.has("recipe.yaml") or job.store.path("recipe.yaml").read_text(encoding="utf-8") != text:
        job.store.write_text("recipe.yaml", text)
    if not job.store.has("started.json"):
        job.store.write_json("started.json", {"started": time.strftime("%Y-%m-%dT%H:%M:%S%z")})


def _touched(path: Sequence[str]) -> str:
    if path[0] == "models" and path[-1] in HOW_ASKED:
        return f"{'.'.join(path)}: nothing: it only says how the model is asked"
    return f"{path[0]}: {TOUCHES[path[0]]}"


def _changes(old: Any, new: Any, path: str = "") -> list[tuple[str, Any, Any]]:
    if isinstance(old, Mapping) and isinstance(new, Mapping):
        found = []
        for key in dict.fromkeys([*old, *new]):
            found += _changes(old.get(key), new.get(key), f"{path}.{key}" if path else str(key))
        return found
    return [] if old == new else [(path, old, new)]


# results.json


def results(
    job: Job,
    pools: Sequence[Pool],
    choices: Sequence[Mapping[str, Choice]],
    trained: Mapping[str, Sequence[Trained]],
    answers: Answers,
    looks: Sequence[JSONDict] = (),
) -> JSONDict:
    """Return the content of results.json; `looks`: what was looked at before."""
    from homespun.evaluate import compare, versus

    funnels = _funnels(pools)
    first_choices = choices[0]
    seeds = list(seeds_of(job.recipe))
    look: JSONDict = {"draws": draws_of(job.recipe), "seed": job.recipe.seed, "seeds": seeds}
    known = [{key: one[key] for key in look} for one in looks]
    before = looks[: known.index(look)] if look in known else looks  # the same rows again are the same look
    spent = sum(one["level"] for one in before)
    design = versus.Design(draws_of(job.recipe), job.recipe.worth / 100, spent, job.recipe.controls)
    evaluations = {
        name: compare.compare(
            job.recipe.evaluate[name],
            job.recipe.task,
            {
                way: {seed: found[name].results for seed, found in answers[of].items() if name in found}
                for way, of in (("untrained", BASELINE), ("few_shot", FEW_SHOT))
                if any(name in found for found in answers.get(of, {}).values())
            },
            {
                arm: {seed: found[name].results for seed, found in seeds.items()}
                for arm, seeds in answers.items()
                if arm not in (BASELINE, FEW_SHOT)
            },
            {arm: versus.Against(choice.plan.control, choice.plan.reference) for arm, choice in first_choices.items()},
            design,
        )
        for name in (job.recipe.evaluate if answers else ())
    }
    ends: dict[str, dict[str, Floats]] = {}  #: evaluation -> arm -> the primary metric at the end, item by item
    added: set[str] = set()  #: what a curve adds to an arm
    for name, evaluation in evaluations.items():
        if not job.recipe.evaluate[name].along:
            evaluation["general"] = True
            continue
        asked = {arm: [one[name].curve for _, one in sorted(answers[arm].items())] for arm in trained}
        asked = {arm: curves for arm, curves in asked.items() if all(curves)}
        if not asked:
            continue
        from homespun.evaluate.curves import curves_of

        cards = {arm: [one.card.along for one in trained[arm]] for arm in asked}
        found_along = curves_of(job.recipe.evaluate[name], job.recipe.task, asked, cards)
        for arm, (entry, _) in found_along.items():
            evaluation["arms"][arm] |= entry
            added |= entry.keys()
        ends[name] = {
            arm: values
            for arm, (_, values) in found_along.items()
            if first_choices[arm].plan.control_of is None and sorted(answers[arm]) == seeds  # replicates are paired
        }
    first = next(iter(job.recipe.evaluate), None)
    primary = evaluations[first]["arms"] if first in evaluations else {}
    found: JSONDict = {
        "version": 2,
        "draws": design.draws,
        "replicates": seeds,
        "worth": design.worth,
        "controls": design.controls,
        "looks": [*looks, look | {"level": inference.level_at(len(seeds), spent)}]
        if answers and look not in known
        else list(looks),
        "name": job.recipe.name,
        "primary": [first, job.recipe.evaluate[first].primary] if first else None,
        "funnel": _total(funnels),
        "heldout": heldout.summary(job.store, pool_marks(job.recipe), [*job.recipe.generate, *_files(job.recipe)]),
        "usage": _usage(job),
        "arms": {
            name: _arm(choice, [found[name] for found in choices], job.recipe)
            | {key: value for key, value in primary.get(name, {}).items() if key in added}
            for name, choice in first_choices.items()
        },
        "evaluations": evaluations,
    }
    if any("curve" in entry for entry in primary.values()):
        from homespun.evaluate.recommend import recommend

        found["recommendation"] = recommend(found, answers=ends[first or ""])
    return found


def _files(recipe: Recipe) -> list[str]:
    """Return the files of real rows that arms name."""
    sources = [source for arm in recipe.arms.values() for source in arm.sources or ()]
    return [source for source in dict.fromkeys(sources) if source not in recipe.generate]


def _total(funnels: Mapping[str, JSONDict]) -> JSONDict:
    total: Counter[str] = Counter()
    by: Counter[str] = Counter()
    failed: Counter[str] = Counter()
    for counts in funnels.values():
        total.update({key: value for key, value in counts.items() if isinstance(value, int)})
        by.update(counts["dropped_by"])
        failed.update(counts["failed_by"])
    keys = ("asked", "answered", "failed", "parsed", "unparsed", "kept", "dropped", "wanted")
    return {
        **{key: total[key] for key in keys},
        "dropped_by": dict(by.most_common()),
        "failed_by": dict(failed.most_common()),
        "generators": dict(funnels),
    }


def _funnels(pools: Sequence[Pool]) -> dict[str, JSONDict]:
    """Return the counts of every generator, over the pools of all replicates."""
    names = dict.fromkeys(pool.name for pool in pools)
    return {name: summed([pool.counts for pool in pools if pool.name == name]) for name in names}


def _arm(choice: Choice, everywhere: Sequence[Choice], recipe: Recipe) -> JSONDict:
    plan = choice.plan
    usual, own = (trainer.model_dump(mode="json") if trainer else {} for trainer in (recipe.train, plan.trainer))
    return {
        "from": list(plan.sources),
        "forms": dict(Counter(row.groups["form"] for row in choice.candidates if "form" in row.groups).most_common()),
        "variants": plan.each,
        "rules": [str(rule) for rule in plan.select],
        "train": {key: value for key, value in own.items() if usual.get(key) != value},
        "candidates": len(choice.candidates),
        "kept": len(choice.chosen),
        "replicates": [{"candidates": len(one.candidates), "kept": len(one.chosen)} for one in everywhere],
        "dropped_by": dict(choice.outcome.dropped_by) if choice.outcome else {},
        "control": plan.control,
        "reference": plan.reference,
    }


def _usage(job: Job) -> JSONDict:
    stages = {
        name: {key: marker[key] for key in ("seconds", "units", "unit", "tokens") if key in marker}
        for name, marker in job.markers().items()
        if "seconds" in marker
    }
    return {
        "seconds": round(sum(stage["seconds"] for stage in stages.values()), 1),
        "completion_tokens": sum(s.get("tokens", 0) for name, s in stages.items() if name.startswith("pool/")),
        "training_tokens": sum(s.get("tokens", 0) for name, s in stages.items() if name.startswith("models/")),
        "stages": stages,
        "asked": job.asked(),
        "damaged": job.ledger.corrupt if "ledger" in job.__dict__ else 0,
    }


def missing(recipe: Recipe, pools: Sequence[Pool]) -> list[str]:
    """Say what was asked for and is not there, and why; empty when the run is complete."""
    found = []
    for name, counts in _funnels(pools).items():
        if counts["kept"] >= counts["wanted"]:
            continue
        why = {**counts["failed_by"], **counts["dropped_by"]}
        if counts["unparsed"]:
            why["unparsed"] = counts["unparsed"]
        told = ", ".join(f"{count} {kind}" for kind, count in why.items())
        mend = "`--retry-failed` asks again for what failed" if counts["failed"] else ""
        if counts["asked"] > counts["wanted"]:
            mend = recipe.generate[name].mend(name) + (f"; {mend}" if mend else "")
        found.append(f"{name}: {counts['kept']} of {counts['wanted']} rows ({told}){'; ' if mend else ''}{mend}")
    return found


def summary(found: Mapping[str, Any], lacking: Sequence[str]) -> list[str]:
    """Return the result in a few lines for the terminal."""
    from homespun.evaluate import compare

    counts = found["funnel"]
    lines = []
    if counts["asked"]:
        lines.append(
            f"rows: {counts['asked']} asked, {counts['answered']} answered, {counts['parsed']} parsed,"
            f" {counts['kept']} accepted"
        )
    if found["heldout"] and found["heldout"]["dropped"]:
        lines.append(f"{found['heldout']['dropped']} rows repeated an evaluation text and were dropped")
    for arm, entry in found["arms"].items():
        if entry["control"]:
            of = [f"{one['kept']} of {one['candidates']}" for one in entry["replicates"]]
            where = f" in {len(of)} replicates" if len(of) > 1 else ""
            lines.append(f"{arm}: keeps {', '.join(dict.fromkeys(of))} rows{where}")
    lines += compare.summary_lines(found)
    if advice := found.get("recommendation"):
        lines += advice["sentences"]
    return lines + [f"missing: {text}" for text in lacking]


def more(recipe: Recipe, found: Mapping[str, Any]) -> str:
    """Return the options that give a run enough replicates, where a verdict on a choice is still open; else empty."""
    compared = [
        entry["versus_control"]
        for evaluation in found["evaluations"].values()
        if not evaluation.get("general")
        for entry in evaluation["arms"].values()
        if entry["versus_control"]
    ]
    undecided = [one for one in compared if one["verdict"] in ("no evidence", "no verdict")]
    # one replicate knows no spread, and two may not know it well enough for a plan
    little = {(1, "no verdict"): 3, (2, "no evidence"): 5}
    needed = [one["replicates_needed"] or little.get((one["replicates"], one["verdict"])) for one in undecided]
    seeds = seeds_of(recipe)
    count = min(max((number for number in needed if number), default=0), max(ENOUGH, len(seeds) + 2))
    if count <= len(seeds) or recipe.train is None:
        return ""
    unused = [seed for seed in range(count + len(seeds)) if seed not in seeds]
    wanted = [*seeds, *unused[: count - len(seeds)]]
    parts = [
        f"--set generate.{name}.rows={rows * count // len(seeds)}"
        for name, generator in recipe.generate.items()
        if is_cut(recipe, name) and isinstance(rows := generator.model_dump().get("rows"), int)
    ]
    return " ".join([*parts, f"--set 'train.seeds=[{','.join(map(str, wanted))}]'"])


# manifest.json


def write_manifest(job: Job) -> None:
    """Write what the run was made with: versions, machine, models, times, tokens."""
    versions = {"python": platform.python_version()}
    for package in PACKAGES:
        try:
            versions[package] = version(package)
        except PackageNotFoundError:
            continue
    models = {}
    for role in ROLES:
        if not job.in_use(role):  # it need not even be on this machine
            continue
        spec = job.recipe.model_for(role)
        models[role] = {**spec.model_dump(exclude_none=True), "identity": job.identity(role)}
    started = job.store.read_json("started.json")["started"]
    job.store.write_json(
        "manifest.json",
        {
            "name": job.recipe.name,
            "started": started,
            "finished": time.strftime("%Y-%m-%dT%H:%M:%S%z"),
            "versions": versions,
            "machine": {
                "platform": platform.platform(),
                "processor": platform.processor() or platform.machine(),
                "cores": os.cpu_count(),
            },
            "models": models,
            "usage": _usage(job),
            "stages": sorted(job.stages),
            "resumed": sorted(job.resumed),
        },
    )
