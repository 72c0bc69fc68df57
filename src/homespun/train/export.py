"""A tuned model as a folder that others load: merged into its base, or as a bare adapter.

`merged` is a whole model (weights, tokenizer, chat template, generation settings) in the number format the
student was trained in: float32 on a CPU, so that it answers exactly as it did in evaluation. transformers
and vLLM load it as they would its base; vLLM takes `--dtype bfloat16` where half the memory is wanted.
`adapter` is the PEFT folder, for whoever has the base model. Nothing is uploaded or quantised.
"""

from __future__ import annotations

import shutil
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Literal, cast

from homespun.errors import UsageError
from homespun.models.load import is_whole, load_model
from homespun.task import ModelSpec
from homespun.train.adapter import base_name, model_card, name_base, writing
from homespun.train.base import Card


def export_model(
    student: ModelSpec, adapter_dir: Path, out: Path, mode: Literal["merged", "adapter"] = "merged"
) -> None:
    """Write a tuned model to `out`, which must not exist or be empty; it appears whole or not at all.

    Raises:
        UsageError: `out` holds something, or is a file; an adapter is asked for where all weights were trained.
        ModelError: the student or the adapter cannot be loaded, or they do not fit.
        StoreError: the folder cannot be written (no space, no permission).
    """
    if out.exists() and (not out.is_dir() or any(out.iterdir())):
        raise UsageError(f'"{out}" is not empty; nothing was written. Name a new folder, or empty this one.')
    if mode == "adapter" and is_whole(adapter_dir):
        raise UsageError("there is no adapter: all weights were trained. Export the whole model with --model merged.")
    with writing(out):
        out.parent.mkdir(parents=True, exist_ok=True)
        with TemporaryDirectory(dir=out.parent, prefix=f".{out.name}-") as scratch:
            part = Path(scratch) / "model"
            if mode == "merged":
                _write_merged(student, adapter_dir, part)
            else:
                shutil.copytree(adapter_dir, part)
                name_base(part, base_name(student))
            part.replace(out)


def _write_merged(student: ModelSpec, adapter_dir: Path, folder: Path) -> None:
    from homespun.models.transformers import TransformersModel

    model = cast(TransformersModel, load_model(student, adapter_dir))  # no other kind takes an adapter
    model.hf_model.save_pretrained(folder)
    model.tokenizer.save_pretrained(folder)
    if (adapter_dir / "card.json").is_file():
        card = Card.read(adapter_dir)
        (folder / "README.md").write_text(model_card(student, card, whole=True), "utf-8")
