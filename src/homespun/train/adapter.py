"""The folder that a training leaves: an adapter or a whole model, and a README that says what it is.

`adapter_config.json` is rewritten with sorted keys and lists, since PEFT writes a set in an order that
changes from process to process, and with a base model that means something on another machine.
"""

from __future__ import annotations

import json
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from homespun.errors import StoreError
from homespun.task import ModelSpec
from homespun.train.base import Card

EMBEDDED_ORIGIN = "HuggingFaceTB/SmolLM2-135M-Instruct"  #: whose 4-bit weights `embedded` is made from

README = """---
base_model: {base}
library_name: {library}
license: {licence}
pipeline_tag: text-generation
tags: [{tags}]
---

# {title}

{summary}

| | |
|---|---|
{table}
{notes}
## Load it

```python
{load}
```

{use}
"""

SFT_USE = """The model answers with a label only under the prompt it was trained with: `homespun predict` uses that
prompt, `homespun export --format messages` shows it."""

CONTINUAL_USE = """The model has read on as in its pre-training, plain text without a prompt. How it answers
in a chat was not trained."""

LOAD_ADAPTER = """from peft import PeftModel
from transformers import AutoModelForCausalLM, AutoTokenizer

base = "{base}"  # or a local folder
model = PeftModel.from_pretrained(AutoModelForCausalLM.from_pretrained(base), "THIS_FOLDER")
tokenizer = AutoTokenizer.from_pretrained(base)"""

LOAD_WHOLE = """from transformers import AutoModelForCausalLM, AutoTokenizer

model = AutoModelForCausalLM.from_pretrained("THIS_FOLDER")
tokenizer = AutoTokenizer.from_pretrained("THIS_FOLDER")"""


@contextmanager
def writing(folder: Path) -> Iterator[None]:
    """Turn what can go wrong while files are written into one error.

    Raises:
        StoreError: no space, no permission; safetensors has an error of its own for these.
    """
    from safetensors import SafetensorError

    try:
        yield
    except (OSError, SafetensorError) as error:
        reason = getattr(error, "strerror", None) or str(error)
        raise StoreError(f'"{folder}" cannot be written: {reason}') from error


def base_name(student: ModelSpec) -> str:
    """Return a name of the base model that others can look up."""
    return EMBEDDED_ORIGIN if student.id == "embedded" else student.id


def save(model: Any, tokenizer: Any, student: ModelSpec, card: Card, out: Path) -> None:
    """Write a PEFT model's adapter, or all weights and the tokenizer of another model, to the folder `out`.

    Weights are in safetensors. Their model card follows and, last, `card.json`: a folder with a card is whole.
    """
    with writing(out):
        out.mkdir(parents=True, exist_ok=True)
        model.save_pretrained(out)
        if whole := not hasattr(model, "peft_config"):
            tokenizer.save_pretrained(out)
        else:
            name_base(out, base_name(student))
        (out / "README.md").write_text(model_card(student, card, whole), "utf-8")
        card.write(out)


def name_base(folder: Path, base: str) -> None:
    """Rewrite `adapter_config.json` in one order, with the name of the base model."""
    path = folder / "adapter_config.json"
    config = json.loads(path.read_text("utf-8")) | {"base_model_name_or_path": base}
    if isinstance(config["target_modules"], list):
        config["target_modules"].sort()
    path.write_text(json.dumps(config, indent=2, sort_keys=True) + "\n", "utf-8")


def model_card(student: ModelSpec, card: Card, whole: bool = False) -> str:
    """Return the README of an adapter, or (`whole`) of a model with all its weights, from the training's card."""
    base, reads = base_name(student), bool(card.documents)
    if reads:
        rows = f"{card.rows} texts about {card.documents} documents"
        summary = f"{base} pre-trained further with Homespun {card.versions['homespun']} on {rows}"
        summary += f", every document shown {card.epochs} times, seed {card.seed}."
    else:
        rows = f"{card.rows}: " + ", ".join(f"{count} {label}" for label, count in card.labels.items())
        summary = f"{base} tuned with Homespun {card.versions['homespun']} on {card.rows} rows "
        summary += f"({', '.join(card.labels)}), seed {card.seed}."
    times = "exposures" if reads else "epochs"
    facts = {
        **card.about,
        "base model": f"{card.student} ({student.id})",
        "rows": rows,
        times: f"{card.epochs} ({card.steps} steps, {card.tokens} tokens)",
        **({"replay": f"{card.replay_tokens} tokens of general text"} if card.replay_tokens else {}),
        "loss": f"{card.first_loss:.3f} at the first step, {card.last_loss:.3f} mean of the last {times[:-1]}",
        **{name: json.dumps(value) for name, value in card.settings.items() if name not in (times, "replay")},
        "versions": ", ".join(f"{name} {number}" for name, number in card.versions.items()),
    }
    notes = [*card.warnings]
    if student.id == "embedded":
        notes.append(
            "its base are that model's weights after 4-bit quantisation; on the original weights an adapter "
            "gives slightly different answers"
        )
    method = "continual-pretraining" if reads else "sft"
    return README.format(
        base=base,
        library="transformers" if whole else "peft",
        tags=", ".join([*([] if whole else ["lora"]), method, "homespun"]),
        load=(LOAD_WHOLE if whole else LOAD_ADAPTER).format(base=base),
        licence="apache-2.0" if student.id == "embedded" else "other",
        title=" ".join(["Tuned model" if whole else "LoRA adapter", *filter(None, [card.about.get("arm")])]),
        summary=summary,
        use=CONTINUAL_USE if reads else SFT_USE,
        table="\n".join(f"| {name} | {value} |" for name, value in facts.items()),
        notes="".join(f"\n{note[0].upper()}{note[1:]}.\n" for note in (text.rstrip(".") for text in notes)),
    )
