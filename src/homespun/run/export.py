"""The rows of a run for other trainers: messages, prompt and completion, Alpaca, ShareGPT, plain text, Parquet.

Rows are those of an arm, or, where a run has no arms (plain batch inference), all that passed the
generators' checks. They are read and written one after the other, so a file may be of any size.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from itertools import chain, islice
from pathlib import Path
from typing import BinaryIO

from homespun.data.read import BATCH
from homespun.data.records import NOTHING, JSONDict, Row
from homespun.data.store import Store
from homespun.data.tables import attempts_from, rows_from_file, verdicts_from
from homespun.data.write import lines_to, table_to, whole
from homespun.errors import UsageError
from homespun.recipe.recipe import Recipe
from homespun.registry import did_you_mean
from homespun.run.readback import open_run
from homespun.run.replicates import Replicate, pool_marks, replicates_of
from homespun.run.stages import pool_files
from homespun.text.prompts import task_messages


def _messages(row: Row, prompt: list[JSONDict]) -> JSONDict:
    return {"messages": [*prompt, {"role": "assistant", "content": row.payload.output}]}


def _prompt_completion(row: Row, prompt: list[JSONDict]) -> JSONDict:
    return {"prompt": prompt, "completion": [{"role": "assistant", "content": row.payload.output}]}


def _alpaca(row: Row, prompt: list[JSONDict]) -> JSONDict:
    text = "\n\n".join(message["content"] for message in prompt)
    return {"instruction": text, "input": "", "output": row.payload.output}


def _sharegpt(row: Row, prompt: list[JSONDict]) -> JSONDict:
    names = {"system": "system", "user": "human", "assistant": "gpt"}
    turns = [{"from": names[message["role"]], "value": message["content"]} for message in prompt]
    return {"conversations": [*turns, {"from": "gpt", "value": row.payload.output}]}


FORMATS: Mapping[str, Callable[[Row, list[JSONDict]], JSONDict]] = {
    "messages": _messages,
    "prompt-completion": _prompt_completion,
    "alpaca": _alpaca,
    "sharegpt": _sharegpt,
}
TEXT = "text"  #: the format of rows that answer nothing


def export_rows(folder: Path, arm: str | None, form: str, out: Path, seed: int | None) -> str:
    """Write the rows of an arm, or of a run without arms, and say how many.

    Raises:
        UsageError: an unknown format or arm, or none where the run has some.
    """
    known = [*FORMATS, TEXT, "parquet"]
    if form not in known:
        raise UsageError(f'no format "{form}".{did_you_mean(form, known)} Formats: {", ".join(known)}.')
    store, recipe = open_run(folder)
    rows = rows_of(store, recipe, arm, seed)
    with whole(out) as stream:
        if form == "parquet":
            count = _write_parquet(stream, rows)
        else:
            count = lines_to(stream, (_formatted(row, form, recipe) for row in rows))
    return f"{count} rows in {out}"


def _formatted(row: Row, form: str, recipe: Recipe) -> JSONDict:
    payload = row.payload
    if bool(payload.answer) == (form == TEXT):
        they = f"answer nothing, for which there are {TEXT} and parquet" if form != TEXT else "answer something"
        raise UsageError(f"--format {form} does not fit the rows of {recipe.name}: they {they}")
    if form == TEXT:
        groups = dict.fromkeys((payload.axis, *payload.axes))
        return {**payload.fields, **{group: row.groups.get(group, "") for group in groups}}
    return FORMATS[form](row, _prompt(row, recipe))


def rows_of(store: Store, recipe: Recipe, arm: str | None, seed: int | None = None) -> Iterator[Row]:
    """Return the rows that an arm is trained on with a seed, by default those of the first replicate, in plan order.

    Raises:
        UsageError: no such arm or seed, or no arm where the run has some.
    """
    arms = [name.removeprefix("arms/") for name in store.stages() if name.startswith("arms/")]
    names = sorted({name.partition("/seed-")[0].partition("@")[0] for name in arms})
    if arm is None and arms:
        raise UsageError(f"--arm is missing; {store.root} has the arms {', '.join(names)}")
    if arm is not None and arm not in names:
        raise UsageError(f'{store.root} has no arm "{arm}".{did_you_mean(arm, names)} Arms: {", ".join(names)}.')
    replicates = replicates_of(recipe)
    seeds = [known for one in replicates for known in one.seeds]
    if seed is not None and seed not in seeds:
        raise UsageError(f"there is no seed {seed}; seeds of {recipe.name}: {', '.join(map(str, seeds))}")
    replicate = next(one for one in replicates if seed is None or seed in one.seeds)
    chosen = replicate.seeds[0] if seed is None else seed
    keep = None if arm is None else _kept_by(store, arms, f"{arm}{replicate.mark}", chosen)
    candidates = _candidates(store, recipe, replicate, checked=arm is None)
    return (row for row in candidates if keep is None or row.id in keep)


def _kept_by(store: Store, arms: list[str], arm: str, seed: int) -> set[str]:
    wanted = arm if arm in arms else f"{arm}/seed-{seed}"
    return {v.row_id for v in verdicts_from(store.read_table(f"arms/{wanted}/verdicts.parquet")) if v.keep}


def _candidates(store: Store, recipe: Recipe, replicate: Replicate, *, checked: bool) -> Iterator[Row]:
    """Return rows of all generators and files; `checked`: only those that passed the generator's checks."""
    for name in recipe.generate:
        rows, checks = pool_files(name, replicate.mark if replicate.part == 0 else pool_marks(recipe)[0])
        verdicts = (verdict for some in store.read_batches(checks) for verdict in verdicts_from(some))
        for some in store.read_batches(rows):
            for attempt in attempts_from(some):
                if attempt.row is not None and (next(verdicts).keep or not checked):
                    yield attempt.row
    for source in dict.fromkeys(source for entry in recipe.arms.values() for source in entry.sources or ()):
        if source not in recipe.generate:
            yield from rows_from_file(
                Path(source), recipe.the_task.fields, list(recipe.the_task.labels), recipe.language
            )


def _prompt(row: Row, recipe: Recipe) -> list[JSONDict]:
    messages = row.payload.conversation or task_messages(recipe.the_task, row.payload.fields, recipe.language)
    return [{"role": role, "content": content} for role, content in messages]


def _write_parquet(stream: BinaryIO, rows: Iterator[Row]) -> int:
    """Write rows as text columns: the fields of the input, the output under its usual name, where it comes from."""
    first = list(islice(rows, 1))
    payload = first[0].payload if first else NOTHING
    fields, output = list(payload.fields), [payload.answer] if payload.answer else []
    records = (
        {
            "id": row.id,
            **{name: row.payload.fields[name] for name in fields},
            **dict.fromkeys(output, row.payload.output),
            **{name: row.groups.get(group, "") for name, group in payload.columns.items()},
            "generator": row.lineage.generator,
            "model": row.lineage.model,
        }
        for row in chain(first, rows)
    )
    names = ["id", *fields, *output, *payload.columns, "generator", "model"]
    return table_to(stream, dict.fromkeys(names, str), records, BATCH)
