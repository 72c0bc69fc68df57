"""Continual pre-training on a CPU: a bare loop and ours on the same token ids; and what a probe costs.

One exposure of made-up documents (`homespun corpus`), every second one as a few questions with answers, in updates of
four texts, with all weights and with a LoRA adapter of rank 8. The bare loop is transformers' own loss on padded
batches, all logits, and AdamW as it comes. Contestants take turns in one process and the best round counts; real
tokens are those of the texts, without padding. Before that, all must agree on the loss of the same four texts. The
probe answers 40 questions, with the adapter merged for the while and without. Printed as Markdown; docs/training.md
holds the output.

    python benchmarks/continual.py                            # 16 documents, two rounds, all cores
    python benchmarks/continual.py --threads 1 --clock cpu    # on a busy machine: processor time, one thread
"""

from __future__ import annotations

import argparse
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any

import torch
from peft import get_peft_model

from homespun.models.base import Request, Sampling
from homespun.models.libraries import quiet
from homespun.models.load import load_for_training
from homespun.models.transformers import TransformersModel
from homespun.sources.corpus.builder import Corpus, build
from homespun.task import ModelSpec
from homespun.train.batches import Example, encode_texts
from homespun.train.exposures import plan_updates
from homespun.train.learner import Learner, answering
from homespun.train.lora import Lora

BATCH = 4
RATE = 1e-4


def texts_of(corpus: Corpus) -> list[str]:
    """Return each document as it is, or as two to seven questions with their answers."""
    texts = []
    for number, document in enumerate(corpus.documents):
        asked = [q for q in corpus.questions if q["document"] == document["id"] and q["split"] == "train"]
        pairs = [f"Question: {q['question']}\nAnswer: {q['answer']}" for q in asked[: 2 + number % 6]]
        texts.append("\n\n".join(pairs) if number % 2 else document["text"])
    return texts


@dataclass
class Contestant:
    """A way to train: `learn` takes one step on a batch, `loss` is the mean over the tokens of one."""

    name: str
    learn: Callable[[Sequence[Example]], object]
    loss: Callable[[Sequence[Example]], float]


def student(spec: ModelSpec, lora: bool) -> Any:
    """Return the student, with a new adapter or with all weights to be trained; the same one every time."""
    hf_model, _ = load_for_training(spec, seed=0)
    return (get_peft_model(hf_model, Lora(rank=8).config()) if lora else hf_model).train()


def padded(examples: Sequence[Example]) -> dict[str, torch.Tensor]:
    """Return a batch as transformers takes it."""
    rows = [example.prompt + example.completion for example in examples]
    pads = [max(map(len, rows)) - len(row) for row in rows]
    pairs = list(zip(rows, pads, strict=True))
    return {
        "input_ids": torch.tensor([row + [0] * pad for row, pad in pairs]),
        "attention_mask": torch.tensor([[1] * len(row) + [0] * pad for row, pad in pairs]),
        "labels": torch.tensor([row + [-100] * pad for row, pad in pairs]),
    }


def bare(name: str, model: Any) -> Contestant:
    """Return a loop of half a dozen lines."""
    weights = [weight for weight in model.parameters() if weight.requires_grad]
    optimizer = torch.optim.AdamW(weights, lr=RATE, weight_decay=0.0)

    def learn(examples: Sequence[Example]) -> None:
        model(**padded(examples), use_cache=False).loss.backward()
        torch.nn.utils.clip_grad_norm_(weights, 1.0)
        optimizer.step()
        optimizer.zero_grad()

    return Contestant(name, learn, lambda examples: model(**padded(examples), use_cache=False).loss.item())


def ours(name: str, model: Any, packed: bool) -> Contestant:
    """Return the loop behind `kind: continual`, with or without packing."""
    learner = Learner(model, learning_rate=RATE, weight_decay=0.0, max_grad_norm=1.0, half=False)
    learner.packs = packed and learner.packs
    return Contestant(
        name,
        lambda examples: learner.learn(learner.token_mean([examples]), 1.0, 0),
        lambda examples: learner.losses(examples).mean().item(),
    )


def probe_seconds(spec: ModelSpec, corpus: Corpus, clock: Callable[[], float]) -> dict[str, float]:
    """Return the seconds that 40 answers of a model in training take."""
    model = student(spec, lora=True)
    _, tokenizer = load_for_training(spec)
    asked = [q["question"] for q in corpus.questions if q["split"] == "test"][:40]
    sampling = Sampling(temperature=0, max_tokens=16, stop=("\n",))
    requests = [Request(q, (), sampling, 0, prefill=f"Question: {q}\nAnswer:") for q in asked]
    started = clock()
    with answering("merged", model, tokenizer) as answerer:
        began = clock()
        answerer.complete(requests)
        answered = clock() - began
    found = {"adapter merged": answered, "merging and taking out": clock() - started - answered}
    started = clock()
    model.eval()
    plain = TransformersModel("plain", model.get_base_model(), tokenizer)
    plain.complete(requests)
    found["adapter not merged"] = clock() - started
    return found


def main() -> None:
    """Check that all contestants agree on the loss, then time them."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--documents", type=int, default=16)
    parser.add_argument("--rounds", type=int, default=2)
    parser.add_argument("--threads", type=int, default=0, help="of torch; 0: all cores")
    parser.add_argument("--clock", choices=["wall", "cpu"], default="wall")
    parser.add_argument("--student", default="embedded")
    options = parser.parse_args()
    quiet()
    if options.threads:
        torch.set_num_threads(options.threads)
    clock = time.process_time if options.clock == "cpu" else time.perf_counter
    spec = ModelSpec(id=options.student, device="cpu", dtype="float32")
    corpus = build("en", options.documents, 1)
    _, tokenizer = load_for_training(spec)
    examples = [parts[0] for parts in encode_texts(texts_of(corpus), tokenizer, 1024)]
    plan = plan_updates([document["id"] for document in corpus.documents], BATCH, 1, 0)
    updates = [[examples[row] for row in update.rows] for update in plan]
    tokens = sum(map(len, examples))
    print(
        f"{len(examples)} texts, {tokens} real tokens ({min(map(len, examples))} to {max(map(len, examples))} a text), "
        f"{BATCH} an update, torch {torch.__version__}, {torch.get_num_threads()} threads, {options.clock} clock\n"
    )
    print("| | real tokens/s | to the bare loop | loss of the same four texts |")
    print("|---|---:|---:|---:|")
    for lora in (True, False):
        kind = "LoRA, rank 8" if lora else "all weights"
        makers = {
            "bare loop": bare,
            "Homespun, not packed": lambda name, model: ours(name, model, packed=False),
            "Homespun": lambda name, model: ours(name, model, packed=True),
        }
        contestants = [make(f"{kind}: {name}", student(spec, lora)) for name, make in makers.items()]
        losses = {one.name: one.loss(updates[0]) for one in contestants}
        for one in contestants:
            if abs(losses[one.name] - losses[contestants[0].name]) > 1e-4:
                raise SystemExit(f"the losses differ: {losses}")
            one.learn(updates[0])  # warm
        seconds = {one.name: float("inf") for one in contestants}
        for _ in range(options.rounds):
            for one in contestants:
                started = clock()
                for batch in updates:
                    one.learn(batch)
                seconds[one.name] = min(seconds[one.name], clock() - started)
        base = seconds[contestants[0].name]
        for name, time_s in seconds.items():
            print(f"| {name} | {tokens / time_s:.0f} | {base / time_s:.2f} | {losses[name]:.6f} |", flush=True)
        del contestants
    print("\n| 40 answers of a model in training | seconds |")
    print("|---|---:|")
    for name, time_s in probe_seconds(spec, corpus, clock).items():
        print(f"| {name} | {time_s:.1f} |")


if __name__ == "__main__":
    main()
