"""LoRA fine-tuning on a CPU: TRL's SFTTrainer, two bare loops and ours, on the same token ids.

One epoch over the same synthetic reviews (about a hundred tokens with the prompt), rank 8 on all linear
layers, batches of 16, for each contestant in turn, all rounds in one process; the best round counts. Real
tokens are those of the rows, without padding, however a contestant computes them. Before that, all must
agree on the loss of the same 16 rows. Printed as Markdown; docs/training.md holds the output.

    python benchmarks/train.py                             # 160 rows, two rounds, all cores
    python benchmarks/train.py --threads 1 --clock cpu     # on a busy machine: processor time, one thread
"""

from __future__ import annotations

import argparse
import random
import tempfile
import time
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import torch
from peft import LoraConfig, get_peft_model

from homespun.data.records import Labelled, Lineage, Row
from homespun.models.encoding import shared_prefix
from homespun.models.libraries import quiet
from homespun.models.load import load_for_training
from homespun.task import ModelSpec, Task
from homespun.train.batches import Example, encode, plan_batches
from homespun.train.learner import Learner

BATCH = 16
RATE = 2e-4
TASK = Task(
    description="Decide whether a movie review is positive or negative.",
    fields=("review",),
    labels={"positive": "the reviewer liked the film", "negative": "the reviewer disliked it"},
)
PARTS = {
    "positive": ["The cast is a joy to watch", "I laughed through most of it", "The score lifts every scene"],
    "negative": ["The plot forgets itself halfway", "I checked my watch twice", "Nobody seems to want to be there"],
}
ASIDES = [
    "and my neighbours said much the same on the way out",
    "although the print we saw was a little dark",
    "which I had not expected from the trailer or from the director's last two films",
    "as anybody who has read the book will tell you",
]


def synthetic(count: int) -> list[Row]:
    """Return reviews of very different lengths, alternately positive and negative."""
    rng, rows = random.Random(0), []
    for i in range(count):
        label = ("positive", "negative")[i % 2]
        sentences = [f"{rng.choice(PARTS[label])}, {rng.choice(ASIDES)}." for _ in range(rng.randint(1, 4))]
        payload = Labelled({"review": " ".join(sentences)}, label)
        rows.append(Row.make(payload, language="en", groups={}, lineage=Lineage("benchmark", str(i))))
    return rows


@dataclass
class Contestant:
    """A way to train: `epoch` trains once over all rows, `loss` is that of some rows."""

    name: str
    epoch: Callable[[], object]
    loss: Callable[[list[Example]], float]


def fresh(student: ModelSpec) -> Any:
    """Return the student with a new adapter; the same one every time."""
    hf_model, _ = load_for_training(student, seed=0)
    adapter = LoraConfig(r=8, lora_alpha=16, target_modules="all-linear", task_type="CAUSAL_LM")
    return get_peft_model(hf_model, adapter).train()


def padded(rows: list[Example]) -> dict[str, torch.Tensor]:
    """Return a batch as transformers takes it: mask, and labels -100 outside the completions."""
    pads = [max(map(len, rows)) - len(row) for row in rows]
    pairs = list(zip(rows, pads, strict=True))
    return {
        "input_ids": torch.tensor([row.prompt + row.completion + [0] * pad for row, pad in pairs]),
        "attention_mask": torch.tensor([[1] * len(row) + [0] * pad for row, pad in pairs]),
        "labels": torch.tensor([[-100] * len(row.prompt) + row.completion + [-100] * pad for row, pad in pairs]),
    }


def bare(name: str, student: ModelSpec, examples: list[Example], loss_of: Callable[[Any, Any], Any]) -> Contestant:
    """Return a loop of a dozen lines over batches sorted by length."""
    model = fresh(student)
    weights = [weight for weight in model.parameters() if weight.requires_grad]
    optimizer = torch.optim.AdamW(weights, lr=RATE)
    ordered = sorted(examples, key=len)
    batches = [ordered[i : i + BATCH] for i in range(0, len(ordered), BATCH)]

    def epoch() -> None:
        for batch in random.Random(0).sample(batches, len(batches)):
            loss_of(model, batch).backward()
            torch.nn.utils.clip_grad_norm_(weights, 1.0)
            optimizer.step()
            optimizer.zero_grad()

    return Contestant(name, epoch, lambda rows: loss_of(model, rows).item())


def trl(name: str, student: ModelSpec, examples: list[Example], scratch: str, **changes: Any) -> Contestant:
    """Return TRL's SFTTrainer on the same token ids."""
    from datasets import Dataset, disable_progress_bars
    from trl import SFTConfig, SFTTrainer

    data = [
        {
            "input_ids": row.prompt + row.completion,
            "completion_mask": [0] * len(row.prompt) + [1] * len(row.completion),
        }
        for row in examples
    ]
    disable_progress_bars()
    _, tokenizer = load_for_training(student)
    trainer = SFTTrainer(
        model=fresh(student),
        processing_class=tokenizer,
        train_dataset=Dataset.from_list(data),
        args=SFTConfig(
            output_dir=scratch,
            per_device_train_batch_size=BATCH,
            num_train_epochs=1,
            learning_rate=RATE,
            completion_only_loss=True,  # its default for prompt and completion in text; here they are token ids
            report_to="none",
            save_strategy="no",
            use_cpu=not torch.cuda.is_available(),
            disable_tqdm=True,
            dataloader_pin_memory=False,
            **changes,
        ),
    )

    def loss(rows: list[Example]) -> float:
        batch = trainer.data_collator([trainer.train_dataset[examples.index(row)] for row in rows])
        return float(trainer.compute_loss(trainer.model, batch).item())

    return Contestant(name, trainer.train, loss)


def ours(name: str, student: ModelSpec, examples: list[Example], packed: bool) -> Contestant:
    """Return the loop behind `kind: sft`, with or without packing rows behind their common start."""
    shared = shared_prefix([example.prompt for example in examples])
    learner = Learner(
        fresh(student), learning_rate=RATE, weight_decay=0.0, max_grad_norm=1.0, half=False, shared=shared
    )
    learner.packs = packed and learner.packs
    plan = plan_batches([len(example) for example in examples], BATCH, 1, seed=0)

    def epoch() -> None:
        for update in plan:
            learner.learn(learner.token_mean([[examples[row] for row in update.rows]]), 1.0, 0)

    return Contestant(name, epoch, lambda rows: learner.losses(rows).mean().item())


def completion_logits(model: Any, rows: list[Example]) -> torch.Tensor:
    """Return the loss with logits at completion positions only: the body, a gather, the head."""
    batch = padded(rows)
    inner = model.get_base_model()
    hidden = inner.model(batch["input_ids"], attention_mask=batch["attention_mask"], use_cache=False)[0]
    wanted = batch["labels"][:, 1:] != -100
    return torch.nn.functional.cross_entropy(inner.lm_head(hidden[:, :-1][wanted]), batch["labels"][:, 1:][wanted])


def main() -> None:
    """Check that all contestants agree on the loss, then time them."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--rows", type=int, default=160)
    parser.add_argument("--rounds", type=int, default=2)
    parser.add_argument("--threads", type=int, default=0, help="of torch; 0: all cores")
    parser.add_argument("--clock", choices=["wall", "cpu"], default="wall")
    parser.add_argument("--student", default="embedded")
    parser.add_argument("--bfloat16", action="store_true", help="TRL as it comes too: many times slower on most CPUs")
    options = parser.parse_args()
    quiet()
    if options.threads:
        torch.set_num_threads(options.threads)
    clock = time.process_time if options.clock == "cpu" else time.perf_counter
    student = ModelSpec(id=options.student, device="cpu", dtype="float32")
    _, tokenizer = load_for_training(student)
    examples = encode(synthetic(options.rows), TASK, "en", tokenizer)
    tokens = sum(map(len, examples))
    shared = shared_prefix([example.prompt for example in examples])

    with tempfile.TemporaryDirectory() as scratch:
        contestants = [
            bare("bare loop, all logits", student, examples, lambda m, rows: m(**padded(rows), use_cache=False).loss),
            bare("bare loop, completion logits", student, examples, completion_logits),
            ours("Homespun, not packed", student, examples, packed=False),
            ours("Homespun", student, examples, packed=True),
        ]
        plain = {"bf16": False, "gradient_checkpointing": False}
        contestants.insert(0, trl("TRL SFTTrainer, float32, no checkpointing", student, examples, scratch, **plain))
        if options.bfloat16:
            contestants.insert(
                0, trl("TRL SFTTrainer as it comes (bfloat16, checkpointing)", student, examples, scratch)
            )
        losses = {one.name: one.loss(examples[:BATCH]) for one in contestants}
        reference = losses["bare loop, all logits"]
        for name, loss in losses.items():
            if "bfloat16" not in name and abs(loss - reference) > 1e-4:
                raise SystemExit(f"{name} computes loss {loss:.6f}, transformers {reference:.6f}")

        seconds = {one.name: float("inf") for one in contestants}
        for _ in range(options.rounds):
            for one in contestants:
                started = clock()
                one.epoch()
                seconds[one.name] = min(seconds[one.name], clock() - started)

    print(
        f"{options.rows} rows, {tokens} real tokens ({tokens / options.rows:.0f} a row, of which {shared} shared by "
        f"all), batch {BATCH}, torch {torch.__version__}, {torch.get_num_threads()} threads, {options.clock} clock\n"
    )
    base = seconds["bare loop, completion logits"]
    print("| | real tokens/s | to the bare loop with completion logits | loss of the same 16 rows |")
    print("|---|---:|---:|---:|")
    for name, time_s in seconds.items():
        print(f"| {name} | {tokens / time_s:.0f} | {base / time_s:.2f} | {losses[name]:.6f} |")


if __name__ == "__main__":
    main()
