"""Using what a run made: predictions with a tuned model, its weights, and the rows of an arm.

Reads a run directory and writes elsewhere; never changes the run.
"""

from __future__ import annotations

import json
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import Literal, cast

from homespun.engine.progress import Progress
from homespun.errors import StoreError, UsageError
from homespun.evaluate.classification import predict_constrained, read_items
from homespun.models.load import load_model
from homespun.recipe import Recipe
from homespun.records import JSONDict, Row
from homespun.registry import did_you_mean
from homespun.reporting import open_run
from homespun.store import Store, disk_errors
from homespun.tables import attempts_from, parquet_bytes, read_records, rows_from_file, verdicts_from
from homespun.text.prompts import task_messages


def _adapter(store: Store, recipe: Recipe, arm: str, seed: int | None) -> Path:
    """Return the adapter folder of a trained arm."""
    trained = {name: marker for name, marker in store.stages().items() if name.startswith("models/")}
    arms = list(dict.fromkeys(name.removeprefix("models/").rpartition("/")[0] for name in trained))
    if arm not in arms:
        raise UsageError(
            f'{store.root} has no trained arm "{arm}".{did_you_mean(arm, arms)} Trained: {", ".join(arms) or "none"}.'
        )
    seeds = sorted(int(name.rpartition("seed-")[2]) for name in trained if name.rpartition("/")[0] == f"models/{arm}")
    chosen = seeds[0] if seed is None else seed
    if chosen not in seeds:
        raise UsageError(f"arm {arm} has no seed {chosen}; its seeds: {', '.join(map(str, seeds))}")
    folder = store.path(trained[f"models/{arm}/seed-{chosen}"]["adapter"])
    if not folder.is_dir():
        raise StoreError(f"{folder} is gone; run the recipe again")
    return folder


def predict(folder: Path, arm: str, file: Path, seed: int | None, progress: Progress) -> list[str]:
    """Return one JSON line per record of the file: the record, the label, and each label's probability.

    Raises:
        UsageError: no such arm or seed.
        DataError: the file cannot be read or lacks a field.
    """
    store, recipe = open_run(folder)
    adapter = _adapter(store, recipe, arm, seed)
    records = read_records(file)
    items = read_items(records, recipe.task, {}, where=lambda index: f"{file}: record {index + 1}", labelled=False)
    model = load_model(recipe.model_for("student"), adapter)
    with progress.bar("predict", len(items), "items") as bar:
        results = predict_constrained(model, recipe.task, items, recipe.language, bar.advance)
    return [
        json.dumps(
            {
                **record,
                "predicted": result.predicted,
                "probabilities": {label: round(p, 6) for label, p in result.posterior.items()},
            },
            ensure_ascii=False,
            default=str,
        )
        for record, result in zip(records, results, strict=True)
    ]


def export_model(folder: Path, arm: str, mode: str, out: Path, seed: int | None) -> str:
    """Write a tuned model and return what to do with it.

    Raises:
        UsageError: an unknown mode, arm or seed.
    """
    from homespun.train.export import export_model as write

    if mode not in ("merged", "adapter"):
        raise UsageError(f'--model takes merged or adapter, got "{mode}"')
    store, recipe = open_run(folder)
    adapter = _adapter(store, recipe, arm, seed)
    write(recipe.model_for("student"), adapter, out, cast(Literal["merged", "adapter"], mode))
    if mode == "merged":
        return f"{out}: load it with AutoModelForCausalLM.from_pretrained({str(out)!r}), or: vllm serve {out}"
    return f"{out}: load it with peft.PeftModel.from_pretrained(base_model, {str(out)!r})"


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


def export_rows(folder: Path, arm: str, form: str, out: Path, seed: int | None) -> str:
    """Write the rows of an arm and say how many.

    Raises:
        UsageError: an unknown format or arm.
    """
    if form not in (*FORMATS, "parquet"):
        known = [*FORMATS, "parquet"]
        raise UsageError(f'no format "{form}".{did_you_mean(form, known)} Formats: {", ".join(known)}.')
    store, recipe = open_run(folder)
    rows = rows_of_arm(store, recipe, arm, seed)
    with disk_errors(out):
        out.parent.mkdir(parents=True, exist_ok=True)
        if form == "parquet":
            out.write_bytes(parquet_bytes(_table(rows)))
        else:
            out.write_text("".join(_lines(rows, recipe, FORMATS[form])), encoding="utf-8")
    return f"{len(rows)} rows in {out}"


def rows_of_arm(store: Store, recipe: Recipe, arm: str, seed: int | None = None) -> list[Row]:
    """Return the rows that an arm is trained on, in plan order; a control has another draw per seed.

    Raises:
        UsageError: no such arm or seed.
    """
    found = [name.removeprefix("arms/") for name in store.stages() if name.startswith("arms/")]
    wanted = arm if arm in found else f"{arm}/seed-{seed if seed is not None else 0}"
    if wanted not in found:
        arms = sorted({name.partition("/seed-")[0] for name in found})
        raise UsageError(f'{store.root} has no arm "{arm}".{did_you_mean(arm, arms)} Arms: {", ".join(arms)}.')
    keep = {v.row_id for v in verdicts_from(store.read_table(f"arms/{wanted}/verdicts.parquet")) if v.keep}
    rows = [
        attempt.row
        for name in recipe.generate
        for attempt in attempts_from(store.read_table(f"pool/{name}.parquet"))
        if attempt.row is not None
    ]
    for source in dict.fromkeys(source for entry in recipe.arms.values() for source in entry.sources or ()):
        if source not in recipe.generate:
            rows += rows_from_file(Path(source), recipe.task.fields, list(recipe.task.labels), recipe.language)
    return [row for row in rows if row.id in keep]


def _lines(rows: Sequence[Row], recipe: Recipe, shape: Callable[[Row, list[JSONDict]], JSONDict]) -> list[str]:
    lines = []
    for row in rows:
        messages = task_messages(recipe.task, row.payload.fields, recipe.language)
        prompt = [{"role": role, "content": content} for role, content in messages]
        lines.append(json.dumps(shape(row, prompt), ensure_ascii=False) + "\n")
    return lines


def _table(rows: Sequence[Row]) -> object:
    import pyarrow as pa

    fields = list(rows[0].payload.fields)
    records = [
        {
            "id": row.id,
            **{name: row.payload.fields[name] for name in fields},
            "label": row.payload.output,
            "keyword": row.groups.get("keyword", ""),
            "generator": row.lineage.generator,
            "model": row.lineage.model,
        }
        for row in rows
    ]
    names = ["id", *fields, "label", "keyword", "generator", "model"]
    return pa.Table.from_pylist(records, schema=pa.schema([(name, pa.string()) for name in names]))
