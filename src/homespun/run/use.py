"""Using what a run made: predictions with a tuned model, and its weights; exporting.py writes rows.

Reads a run directory and writes elsewhere; never changes the run.
"""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Literal, cast

from homespun.data.read import read_records
from homespun.data.records import JSONDict
from homespun.data.store import Store
from homespun.data.text import lacks
from homespun.data.write import json_text
from homespun.engine.progress import Progress
from homespun.errors import DataError, StoreError, UsageError
from homespun.evaluate.base import Item
from homespun.evaluate.classification import predict_constrained, read_items
from homespun.evaluate.closed_book import ClosedBook
from homespun.models.load import load_model
from homespun.recipe.recipe import Recipe
from homespun.registry import did_you_mean
from homespun.run.readback import open_run


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

    In a run on documents each record is a question, and the line has the model's answer to it.

    Raises:
        UsageError: no such arm or seed, or the run has neither a task nor questions.
        DataError: the file cannot be read or lacks a field.
    """
    store, recipe = open_run(folder)
    adapter = _adapter(store, recipe, arm, seed)
    records = read_records(file)
    if recipe.task is None:
        return _answers(recipe, adapter, records, file, progress)
    items = read_items(records, recipe.the_task, {}, where=lambda index: f"{file}: record {index + 1}", labelled=False)
    model = load_model(recipe.model_for("student"), adapter)
    with progress.bar("predict", len(items), "items") as bar:
        results = predict_constrained(model, recipe.the_task, items, recipe.language, bar.advance)
    return [
        json_text(
            {
                **record,
                "predicted": result.predicted,
                "probabilities": {label: round(p, 6) for label, p in result.posterior.items()},
            }
        )
        for record, result in zip(records, results, strict=True)
    ]


def _answers(recipe: Recipe, adapter: Path, records: Sequence[JSONDict], file: Path, progress: Progress) -> list[str]:
    evaluation = next((one for one in recipe.evaluate.values() if isinstance(one, ClosedBook)), None)
    if evaluation is None:
        raise UsageError(
            f"{recipe.name} has neither a `task` nor a `closed_book` evaluation, so it is not said how its models are"
            " asked; load the model itself: homespun export --model merged"
        )
    column = evaluation.columns.get("question", "question")
    for number, record in enumerate(records, start=1):
        if not str(record.get(column) or "").strip():
            raise DataError(f"{file}: record {number} {lacks(record, column)}")
    items = [Item(str(number), {"question": str(record[column])}, "") for number, record in enumerate(records)]
    model = load_model(recipe.model_for("student"), adapter)
    with progress.bar("predict", len(items), "questions") as bar:
        results = evaluation.predict(model, None, items, recipe.language, "free", bar.advance)
    return [
        json_text({**record, "predicted": result.predicted}) for record, result in zip(records, results, strict=True)
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
