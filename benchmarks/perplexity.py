"""Speed of the perplexity scorer, side by side with a bare forward pass over the same real tokens.

`python benchmarks/perplexity.py FILE.jsonl FIELD [--rows 100] [--repeats 3] [--model M] [--clock cpu]` runs, in one
process and one after the other in every repeat:

1. `Perplexity` over the rows, from texts to columns, tokenisation included;
2. bare forward passes of the same model over the same tokens, sorted by length into batches of at most
   `--budgets` tokens with padding; nothing is done with the logits. The fastest budget is the reference.

The best of the repeats counts, since other work on the machine can only make a run slower; on a busy machine
`--clock cpu` with OMP_NUM_THREADS=1 counts the seconds that this process computed. Both are told in real tokens
per second: padding, and the token that only begins a text, count for neither. A third line tells what the bare
passes cost with the log-softmax that makes them a score.
"""

from __future__ import annotations

import argparse
import math
import platform
import time
from pathlib import Path

import numpy
import torch
import transformers

from homespun.data.read import read_records
from homespun.data.records import Labelled, Lineage, Row
from homespun.engine.context import Context, Models
from homespun.models.load import load_for_training, load_model
from homespun.score.perplexity import Perplexity
from homespun.task import ModelSpec


def bare(hf_model, texts: list[list[int]], budget: int, score: bool) -> float:
    """Run the model over texts (each begins with its start token) and return the sum of log-probabilities."""
    ordered = sorted(texts, key=len, reverse=True)
    total, at = 0.0, 0
    with torch.inference_mode():
        while at < len(ordered):
            width = len(ordered[at]) - 1
            batch = ordered[at : at + max(1, budget // width)]
            at += len(batch)
            ids = torch.tensor([row + [0] * (width + 1 - len(row)) for row in batch])
            logits = hf_model(ids[:, :-1], use_cache=False).logits
            if score:
                wanted = logits.log_softmax(-1).gather(-1, ids[:, 1:, None])[..., 0]
                real = torch.arange(width)[None] < torch.tensor([len(row) - 1 for row in batch])[:, None]
                total += float(wanted[real].double().sum())
    return total


def main() -> None:
    """Print the table."""
    parser = argparse.ArgumentParser()
    parser.add_argument("file", type=Path)
    parser.add_argument("field")
    parser.add_argument("--rows", type=int, default=100)
    parser.add_argument("--repeats", type=int, default=3)
    parser.add_argument("--budgets", type=int, nargs="+", default=[256, 512, 1024], help="tokens of a bare batch")
    parser.add_argument("--model", default="embedded")
    parser.add_argument("--clock", choices=("wall", "cpu"), default="wall")
    options = parser.parse_args()
    clock = time.process_time if options.clock == "cpu" else time.perf_counter
    spec = ModelSpec(id=options.model, dtype="float32", device="cpu")
    model = load_model(spec)
    hf_model, _ = load_for_training(spec)
    texts = [str(record[options.field]) for record in read_records(options.file)][: options.rows]
    rows = [
        Row.make(Labelled({"text": text}, ""), language="en", groups={}, lineage=Lineage("file", str(n)))
        for n, text in enumerate(texts)
    ]
    ids = [model.encoder.start + one for one in model.encoder.plain(texts)]
    tokens = sum(len(one) - 1 for one in ids)
    print(f"{platform.machine()}, {torch.get_num_threads()} threads, Python {platform.python_version()}, ", end="")
    print(f"torch {torch.__version__}, transformers {transformers.__version__}, numpy {numpy.__version__}")
    print(f"model {model.id}; {options.file.name}: {len(texts)} texts, {tokens} tokens\n")
    ctx = Context(None, "en", 0, Models({"scorer": spec}, lambda _: model))
    jobs = {"perplexity": lambda: Perplexity()(rows, ctx)}
    for budget in options.budgets:
        jobs[f"bare forward, {budget}"] = lambda budget=budget: bare(hf_model, ids, budget, False)
    jobs["bare forward + log-softmax, 512"] = lambda: bare(hf_model, ids, 512, True)
    Perplexity()(rows[:4], ctx)  # warm up
    bare(hf_model, ids[:4], 512, False)
    best: dict[str, float] = {}
    results = {}
    for _ in range(options.repeats):
        for name, work in jobs.items():
            started = clock()
            results[name] = work()
            best[name] = min(clock() - started, best.get(name, math.inf))
    columns = results["perplexity"].columns
    sums = zip(columns["logprob"], columns["tokens"], strict=True)
    ours, reference = sum(mean * count for mean, count in sums), results["bare forward + log-softmax, 512"]
    fastest = min(seconds for name, seconds in best.items() if name.startswith("bare forward,"))
    print(f"sum of log-probabilities {ours:.2f}, by the bare passes {reference:.2f}")
    print(f"{'':34}{'s':>7}{'tokens/s':>10}{'of the fastest bare pass':>26}")
    for name, seconds in best.items():
        print(f"{name:34}{seconds:7.2f}{tokens / seconds:10.0f}{fastest / seconds:25.0%}")


if __name__ == "__main__":
    main()
