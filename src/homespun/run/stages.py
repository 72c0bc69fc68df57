"""One function per stage of a run: what it needs, what it writes, and when it need not run again.

Each stage has a fingerprint of everything that goes into its result (settings, rows, models, task) and a
done marker that carries it; a stage whose marker matches is read back instead of run. The stages do the
work, the store keeps it, this module is the seam between the two. loop.py calls these in order.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Mapping, Sequence
from contextlib import closing
from dataclasses import dataclass, replace
from itertools import chain
from typing import TYPE_CHECKING

from homespun.data.records import JSONDict, Row, Scores, Verdict, content_hash
from homespun.data.store import Store
from homespun.data.tables import (
    attempt_schema,
    attempts_from,
    attempts_table,
    scores_from,
    scores_table,
    verdict_schema,
    verdicts_from,
    verdicts_table,
)
from homespun.engine.ahead import ahead
from homespun.engine.local import SHARD_ROWS, each_shard
from homespun.errors import DegenerateError
from homespun.evaluate.base import Item
from homespun.generate.base import Funnel, Piece, Pieces
from homespun.models.load import model_identity
from homespun.registry import Strategy
from homespun.run.armplan import ArmPlan, Choice
from homespun.run.heldout import Guard
from homespun.run.job import RUNNING, Job
from homespun.run.replicates import Replicate
from homespun.score.base import Scorer
from homespun.select.arms import cut, first_of_each
from homespun.select.base import Columns
from homespun.select.engine import apply

if TYPE_CHECKING:
    import pyarrow as pa

    from homespun.near.overlap import Reference


Items = Mapping[str, Sequence[Item]]  #: evaluation -> its items


PAGE = "report/index.html"
SUMMARY = "summary"  #: the last stage: results.json, manifest.json and the page
FEW_SHOT = "_few-shot"  #: the untrained student with some rows in its prompt
BASELINE = "_baseline"  #: no arm can have this name: names begin with a letter or digit


def settings(strategy: Strategy) -> JSONDict:
    """Return a strategy's fields for a fingerprint; of those added later only what is not at its default."""
    told = strategy.model_dump(mode="json")
    fields = type(strategy).model_fields
    return {key: value for key, value in told.items() if key not in strategy.added or value != fields[key].default}


# Generate


def evaluation_items(job: Job) -> dict[str, list[Item]]:
    """Load every evaluation's items: first of all, so that a bad file costs nothing."""
    found: dict[str, list[Item]] = {}
    for name, evaluation in job.recipe.evaluate.items():
        found[name] = evaluation.load_items(job.recipe.task, job.recipe.language)
    return found


def look_at_sources(job: Job, items: Items) -> None:
    """Read the files and sources that are to be read first, and say what was left out and what no evaluation asks.

    Raises:
        DataError: they cannot be read, or answer no question of an evaluation.
    """
    taken = {}
    for generator in job.recipe.generate.values():
        generator.look(job.context)
        if (name := generator.source_of(job.recipe.sources)) and job.recipe.sources[name].read_first:
            taken[name] = generator
    for name, generator in taken.items():
        source = job.recipe.sources[name]
        stage = f"{source.kind}/{name}"
        fingerprint = content_hash([{of: _told(some) for of, some in items.items()}, job.source_of(generator)])
        if not job.finished(stage, fingerprint):
            warnings = source.look()
            for of, evaluation in job.recipe.evaluate.items():
                warnings += evaluation.look_at(items[of], source())
            job.finish(stage, fingerprint, [], warnings=warnings)
        for warning in job.store.told(stage)["warnings"]:
            job.progress.say(f"{name}: {warning}")


def _told(items: Sequence[Item]) -> list[object]:
    return [[item.id, dict(item.fields), item.gold, list(item.accepted), dict(item.groups)] for item in items]


@dataclass(frozen=True)
class Pool:
    """Everything a generator asked for, as it stands in the run directory."""

    store: Store
    name: str
    mark: str  #: of its replicate
    counts: JSONDict  #: see Funnel.counts; with `wanted`

    def accepted(self) -> list[Row]:
        """Read the rows that passed the generator's own checks, in plan order."""
        rows, checks = pool_files(self.name, self.mark)
        attempts = attempts_from(self.store.read_table(rows))
        return Piece(attempts, verdicts_from(self.store.read_table(checks))).accepted


def pool_files(name: str, mark: str = "") -> tuple[str, str]:
    """Return where a generator's answers and its verdicts on them stand; `mark`: of a replicate."""
    return f"pool/{name}{mark}.parquet", f"pool/{name}{mark}.verdicts.parquet"


def generate(job: Job, replicate: Replicate, name: str, against: Sequence[Reference]) -> tuple[Pool, str]:
    """Write a generator's rows, unless they are there. Returns the pool and its fingerprint.

    Args:
        job: the run.
        replicate: whose rows they are.
        name: of the generator.
        against: texts of the evaluations; rows that repeat one are dropped.
    """
    generator = job.recipe.generate[name]
    fingerprint = content_hash(
        {
            **job.base(),
            "settings": settings(generator),
            "seed": replicate.seed,
            "name": name,
            "writer": job.identity("writer"),
            "against": content_hash([list(text) for text in against]),
            **job.source_of(generator),
        }
    )
    stage, files = f"pool/{name}{replicate.mark}", pool_files(name, replicate.mark)
    if job.finished(stage, fingerprint) and not job.again(stage):
        return Pool(job.store, name, replicate.mark, job.store.told(stage)["counts"]), fingerprint
    job.begin(stage)
    # What a server has answered is in the ledger: its shards are made again without asking for it twice.
    work = job.store.work(stage, fingerprint, afresh=job.retry_failed and job.recipe.model_for("writer").is_server)
    started = time.monotonic()
    guard = Guard(against, job.recipe.language)
    with ahead(_scored_ahead(job, replicate)) as accepted:
        ctx = replace(job.context_of(replicate), accepted=accepted)
        pieces = generator(name, ctx, work, against)
        funnel = _written(job.store, files, pieces, guard, again=not generator.checks_against)
    counts = funnel.counts()
    counts["wanted"] = counts["kept"] if generator.fixed else generator.wanted(ctx)
    job.finish(
        stage,
        fingerprint,
        list(files),
        counts=counts,
        seconds=work.seconds or time.monotonic() - started,
        units=counts["asked"],
        unit="answers",
        prompt_tokens=funnel.prompt_tokens,
        tokens=funnel.completion_tokens,
        **guard.facts(),
    )
    return Pool(job.store, name, replicate.mark, counts), fingerprint


def _written(store: Store, files: tuple[str, str], pieces: Pieces, guard: Guard, *, again: bool) -> Funnel:
    """Write pieces as they come, and count them; `again`: nobody has checked them against the evaluations."""
    rows, checks = files
    funnel = Funnel()
    with closing(pieces):
        first = next(pieces, None)  # before pyarrow is loaded: the first requests are on their way meanwhile
        with (
            store.table_writer(rows, attempt_schema()) as write_rows,
            store.table_writer(checks, verdict_schema()) as write_checks,
        ):
            for piece in () if first is None else chain((first,), pieces):
                if guard.index is not None:
                    piece = guard.screen(piece, again=again)
                write_rows(attempts_table(piece.attempts))
                write_checks(verdicts_table(piece.verdicts))
                funnel.add(piece)
    return funnel


def _scored_ahead(job: Job, replicate: Replicate) -> list[Callable[[Sequence[Row]], object]]:
    """Return the scorers that may ask about a row while the next is written: by a server that does not write."""
    steps: list[Callable[[Sequence[Row]], object]] = []
    for name, scorer in job.recipe.score.items():
        spec = job.recipe.model_for(scorer.role)
        elsewhere = spec.is_server and spec != job.recipe.model_for("writer") and scorer.own_model is None
        if elsewhere and not scorer.whole_pool:

            def step(rows: Sequence[Row], name: str = name, scorer: Scorer = scorer) -> None:
                RUNNING.set(f"scores/{name}{replicate.mark}")
                scorer(rows, job.context_of(replicate).silent(), name=name)

            steps.append(step)
    return steps


# Score


def score(job: Job, replicate: Replicate, name: str, rows: Sequence[Row], pool_fingerprint: str) -> Scores:
    """Score every row of a replicate once, or read the scores back."""
    scorer = job.recipe.score[name]
    roles = {role: job.identity(role) for role in dict.fromkeys(("scorer", "judge", "writer", scorer.role))}
    own = {"own": model_identity(scorer.own_model)} if scorer.own_model else {}
    fingerprint = content_hash(
        {
            **job.base(),
            "settings": settings(scorer),
            "columns": scorer.columns(),
            "seed": replicate.seed,
            "name": name,
            "pool": pool_fingerprint,
            "rows": [row.id for row in rows],  # a pool gets more of them when what failed is asked for again
            "models": roles | own,
        }
    )
    stage = f"scores/{name}{replicate.mark}"
    output = f"{stage}.parquet"
    if job.finished(stage, fingerprint):
        return scores_from(job.store.read_table(output))
    job.begin(stage)
    work = job.store.work(stage, fingerprint)
    with job.progress.bar(f"score {name}", len(rows), "rows") as bar:
        quiet = job.context_of(replicate).silent()
        tables = each_shard(
            rows,
            lambda shard: scores_table(scorer(shard, quiet, name=name, advance=bar.advance)),
            work,
            bar,
            size=len(rows) if scorer.whole_pool else SHARD_ROWS,
        )
    job.store.write_table(output, concat(tables))
    job.finish(stage, fingerprint, [output], seconds=work.seconds, units=len(rows), unit="rows")
    return scores_from(job.store.read_table(output))


def concat(tables: Sequence[pa.Table]) -> pa.Table:
    """Return tables of scores as one; a table without rows does not know the types of its columns."""
    import pyarrow as pa

    tables = [table for table in tables if table.num_rows] or tables[:1]
    metadata = {k: v for k, v in (tables[0].schema.metadata or {}).items() if k != b"seconds"}
    return pa.concat_tables([table.replace_schema_metadata(metadata) for table in tables])


# Select


def select(
    job: Job,
    replicate: Replicate,
    plans: Sequence[ArmPlan],
    rows: Mapping[str, Sequence[Row]],
    scores: Sequence[Scores],
) -> dict[str, Choice]:
    """Turn rules into verdicts and write them. Asks no model, so it is done anew each time.

    Raises:
        DegenerateError: an arm keeps nothing.
    """
    columns = Columns.of(scores)
    chosen: dict[str, Choice] = {}
    for plan in plans:
        candidates = [row for source in plan.sources for row in rows[source]]
        if plan.each is not None:
            candidates = list(first_of_each(candidates, plan.each))
        if plan.size is not None:
            candidates = list(cut(candidates, plan.size, replicate.seed))
        if plan.control_of is not None:
            owner = chosen[plan.control_of]
            chosen[plan.name] = Choice(plan, owner.candidates, None, owner.chosen)
            for seed in replicate.seeds:
                drawn = {row.id for row in chosen[plan.name].rows(job.recipe.seed, seed)}
                verdicts = [Verdict(row.id, row.id in drawn, "random draw") for row in candidates]
                _write_verdicts(job, f"arms/{plan.name}{replicate.mark}/seed-{seed}", verdicts)
            continue
        if not candidates:
            raise DegenerateError(
                f'arm "{plan.name}" has no row to choose from, out of {", ".join(plan.sources)}, for the trainings with'
                f" seed {', '.join(map(str, replicate.seeds))}: write more rows or take fewer train.seeds"
            )
        outcome = apply(plan.select, candidates, columns, replicate.seed)
        chosen[plan.name] = Choice(plan, tuple(candidates), outcome, outcome.kept)
        output = _write_verdicts(job, f"arms/{plan.name}{replicate.mark}", outcome.verdicts)
        if not outcome.kept:
            dropped = ", ".join(f"{rule}: {count}" for rule, count in outcome.dropped_by.items())
            raise DegenerateError(
                f'arm "{plan.name}" keeps none of {len(candidates)} rows ({dropped}); loosen its rules.'
                f" Every row's verdict is in {job.store.path(output)}"
            )
    return chosen


def _write_verdicts(job: Job, folder: str, verdicts: Sequence[Verdict]) -> str:
    output = f"{folder}/verdicts.parquet"
    fingerprint = content_hash([[v.row_id, v.keep, v.rule, v.reason, repr(v.score)] for v in verdicts])
    if not job.finished(folder, fingerprint):
        job.store.write_table(output, verdicts_table(verdicts))
        job.finish(folder, fingerprint, [output])
    return output
