"""Speed of the in-process model, side by side with what it is built on.

`python benchmarks/models.py [--rows 128] [--repeats 2] [MODEL]` runs, in one process and one after the other
in every repeat:

1. completion of one job (short reviews, the labelled generator's prompts, temperature 1, top-p 0.95, at most
   80 tokens, ends at a line break) by `TransformersModel.complete`, and by plain `model.generate` on
   fixed left-padded batches of the same job, cut at the same stop, at batch sizes 16, 32 and 64;
2. scoring of labels for reviews by `TransformersModel.logprobs`, against a bare forward pass of the same
   tokens: those that have to be run (shared prefix once), and all of them (no sharing).

The best of the repeats counts, since other work on the machine can only make a run slower. On a busy
machine, `--clock cpu` with OMP_NUM_THREADS=1 counts the seconds this process computed.
"""

from __future__ import annotations

import argparse
import platform
import time
from collections.abc import Callable, Iterator

import numpy
import torch
import transformers

from homespun.models.base import LogprobQuery, Request, Sampling
from homespun.models.load import load_for_training, load_model
from homespun.task import ModelSpec, Task
from homespun.text.prompts import STYLES, row_prompt, task_messages

NOUNS = "ending|music|lead actor|villain|script|humour|camera work|costumes|pacing|dialogue|soundtrack|sequel"
NOUNS += "|director|love story|car chase|opening scene"
KINDS = "war film|comedy|heist film|cartoon|documentary|western|horror film|musical"
TASK = Task(
    description="Decide whether a movie review is positive or negative.",
    fields=("review",),
    labels={"positive": "the reviewer liked the film", "negative": "the reviewer disliked the film"},
)
SAMPLING = Sampling(temperature=1.0, top_p=0.95, max_tokens=80, stop=("\n",))


def job(rows: int) -> list[Request]:
    """Return the generation job in plan order: the prompts of the labelled generator, without prefill."""
    cells = [f"the {noun} of a {kind}" for kind in KINDS.split("|") for noun in NOUNS.split("|")]
    requests = []
    for row in range(rows):
        label, topic = tuple(TASK.labels)[row % 2], cells[(row * 37) % len(cells)]
        style = STYLES["en"][row % len(STYLES["en"])]
        prompt = row_prompt(TASK, "en", label, topic, style, 8, 40, "plain")
        requests.append(Request(str(row), prompt.messages, SAMPLING, seed=row))
    return requests


def plain_generate(hf_model, tokenizer, requests: list[Request], size: int) -> int:
    """Write the job with `model.generate` in fixed batches; return the tokens that were kept."""
    tokenizer.padding_side = "left"
    texts = [
        tokenizer.apply_chat_template(
            [{"role": role, "content": content} for role, content in request.messages],
            tokenize=False,
            add_generation_prompt=True,
        )
        for request in requests
    ]
    # Faster than `stop_strings`: every token with a line break ends a row, as it does in `complete`.
    pieces = tokenizer.batch_decode([[i] for i in range(len(tokenizer))])
    ends = [tokenizer.eos_token_id, *(i for i, piece in enumerate(pieces) if "\n" in piece)]
    torch.manual_seed(0)
    kept = 0
    for start in range(0, len(texts), size):
        batch = tokenizer(texts[start : start + size], return_tensors="pt", padding=True, add_special_tokens=False)
        with torch.inference_mode():
            written = hf_model.generate(
                **batch,
                do_sample=True,
                temperature=1.0,
                top_p=0.95,
                top_k=0,
                max_new_tokens=SAMPLING.max_tokens,
                eos_token_id=ends,
            )
        for row in written[:, batch["input_ids"].shape[1] :].tolist():
            text = tokenizer.decode([i for i in row if i != tokenizer.pad_token_id]).split("\n")[0]
            kept += len(tokenizer(text, add_special_tokens=False)["input_ids"]) + 1
    return kept


def queries(texts: list[str]) -> list[LogprobQuery]:
    """Return the scoring job."""
    return [LogprobQuery(task_messages(TASK, {"review": text}, "en"), tuple(TASK.labels)) for text in texts]


def bare_pass(hf_model, rows: list[list[int]], prefix: int) -> Callable[[], None]:
    """Return a forward pass, without head, over the rows' tokens after `prefix`, in batches by length."""
    ordered = sorted((row[prefix:] for row in rows), key=len, reverse=True)

    def batches() -> Iterator[list[list[int]]]:
        start = 0
        while start < len(ordered):
            count = max(1, 2048 // len(ordered[start]))
            yield ordered[start : start + count]
            start += count

    def run() -> None:
        with torch.inference_mode():
            for batch in batches():
                width = len(batch[0])
                ids = torch.tensor([row + [0] * (width - len(row)) for row in batch])
                hf_model.base_model(ids, use_cache=False)

    return run


def best_of(
    repeats: int, clock: Callable[[], float], jobs: dict[str, Callable[[], object]]
) -> dict[str, tuple[float, object]]:
    """Run every job in turn, `repeats` times; return each one's best seconds and last result."""
    best: dict[str, tuple[float, object]] = {}
    for _ in range(repeats):
        for name, work in jobs.items():
            started = clock()
            result = work()
            seconds = clock() - started
            best[name] = (min(seconds, best.get(name, (seconds, None))[0]), result)
    return best


def main() -> None:
    """Print both tables."""
    parser = argparse.ArgumentParser()
    parser.add_argument("model", nargs="?", default="embedded")
    parser.add_argument("--rows", type=int, default=128)
    parser.add_argument("--repeats", type=int, default=2)
    parser.add_argument("--sizes", type=int, nargs="+", default=[16, 32, 64], help="batch sizes of generate")
    parser.add_argument("--clock", choices=("wall", "cpu"), default="wall")
    options = parser.parse_args()
    clock = time.process_time if options.clock == "cpu" else time.perf_counter
    spec = ModelSpec(id=options.model, dtype="float32", device="cpu")
    model = load_model(spec)
    hf_model, tokenizer = load_for_training(spec)
    print(f"{platform.machine()}, {torch.get_num_threads()} threads, Python {platform.python_version()}, ", end="")
    print(f"torch {torch.__version__}, transformers {transformers.__version__}, numpy {numpy.__version__}")
    print(f"model {model.id}\n")

    requests = job(options.rows)
    model.complete(requests[:2])  # warm up
    work: dict[str, Callable[[], object]] = {"complete": lambda: model.complete(requests)}
    for size in options.sizes:
        work[f"generate, batch {size}"] = lambda size=size: plain_generate(hf_model, tokenizer, requests, size)
    best = best_of(options.repeats, clock, work)
    answers = best["complete"][1]
    reference = min(seconds for name, (seconds, _) in best.items() if name != "complete")
    print(f"completion: {options.rows} rows, prompts of {answers[0].prompt_tokens} tokens")
    print(f"{'':24}{'rows/s':>9}{'tokens/s':>10}{'x best generate':>17}")
    for name, (seconds, result) in best.items():
        tokens = result if isinstance(result, int) else sum(answer.completion_tokens for answer in result)
        print(f"{name:24}{options.rows / seconds:9.2f}{tokens / seconds:10.0f}{reference / seconds:17.2f}")

    asked = queries([answer.text for answer in answers])
    prompts = model.encoder.prompts([(query.messages, query.prefill) for query in asked])
    prefix = 0
    while len({tuple(prompt[: prefix + 1]) for prompt in prompts}) == 1:
        prefix += 1
    total = sum(map(len, prompts))
    needed = total - prefix * (len(prompts) - 1)
    best = best_of(
        options.repeats,
        clock,
        {
            "logprobs": lambda: model.logprobs(asked),
            "bare forward, shared prefix once": bare_pass(
                hf_model, [prompts[0][:prefix], *[p[prefix:] for p in prompts]], 0
            ),
            "bare forward, every token": bare_pass(hf_model, prompts, 0),
        },
    )
    mine = best["logprobs"][0]
    print(f"\nscoring: {len(asked)} prompts, 2 labels; {total} tokens, of which {needed} are needed")
    print(f"{'':34}{'s':>7}{'needed tokens/s':>17}{'its time / logprobs':>21}")
    for name, (seconds, _) in best.items():
        print(f"{name:34}{seconds:7.2f}{needed / seconds:17.0f}{seconds / mine:20.0%}")


if __name__ == "__main__":
    main()
