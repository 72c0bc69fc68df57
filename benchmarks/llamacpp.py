"""The embedded model in process (transformers, float32) and behind a llama.cpp server (4 bits), side by side.

`python benchmarks/llamacpp.py [--rows 64] [--parallel 4 8 16] [--threads 2] [--exact]` runs, in one process and one
after the other: the generation job of models.py, and scoring of two labels for what was written, in process and
through HTTP, with the ledger, at each number of parallel slots. It prints Markdown, and how far the
log-probabilities are apart; `--exact` compares them with a server on the same weights in float32, too.
Sampling is the same on both sides: the server's own defaults (top-k 40, min-p 0.05) are switched off.
"""

from __future__ import annotations

import argparse
import tempfile
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import numpy as np
import torch
import xllamacpp

from homespun.data.ledger import Ledger
from homespun.models.base import Continuation
from homespun.models.embedded import fetch_gguf
from homespun.models.load import load_model
from homespun.models.server import ServerModel, connect
from homespun.task import ModelSpec
from models import job, queries


@contextmanager
def served(file: Path, slots: int, threads: int, exact: bool = False) -> Iterator[ServerModel]:
    """Run a server on a free port of loopback; yield it as a model with an empty ledger."""
    params = xllamacpp.CommonParams()
    params.model.path, params.verbosity = str(file), 0
    params.n_parallel, params.n_ctx = slots, slots * 1024
    params.cpuparams.n_threads = params.cpuparams_batch.n_threads = threads
    params.sampling.top_k, params.sampling.top_p, params.sampling.min_p = 0, 1.0, 0.0
    if exact:
        params.cache_type_k = params.cache_type_v = xllamacpp.ggml_type.GGML_TYPE_F32
    server = xllamacpp.Server(params)
    spec = ModelSpec(id=f"{server.listening_address}/v1#smollm2", logprobs="llama.cpp", concurrency=slots)
    with tempfile.TemporaryDirectory() as folder, Ledger(Path(folder) / "ledger.db") as ledger:
        yield connect(spec, ledger)
    del server


def in_float32(file: Path) -> Path:
    """Write the GGUF file again with its weights de-quantised, and return it."""
    from gguf import GGUFReader, GGUFValueType, GGUFWriter, dequantize

    source, made = GGUFReader(file), file.with_suffix(".f32.gguf")
    writer = GGUFWriter(made, source.fields["general.architecture"].contents())
    for field in source.fields.values():
        if not field.name.startswith("GGUF.") and field.name != "general.architecture":
            value = 0 if field.name == "general.file_type" else field.contents()
            inner = field.types[-1] if field.types[0] == GGUFValueType.ARRAY else None
            writer.add_key_value(field.name, value, field.types[0], sub_type=inner)
    for tensor in source.tensors:
        values = dequantize(tensor.data, tensor.tensor_type).astype(np.float32)
        writer.add_tensor(tensor.name, values.reshape([int(size) for size in reversed(tensor.shape)]))
    writer.write_header_to_file()
    writer.write_kv_data_to_file()
    writer.write_tensors_to_file()
    writer.close()
    return made


def measure(model, rows: int, texts: list[str] | None = None) -> tuple[str, list[str], list[tuple[Continuation, ...]]]:
    """Let a model write the job and score labels; return the cells of its line, the texts and the scores."""
    model.complete(job(2))  # warm up
    started = time.perf_counter()
    answers = model.complete(job(rows))
    writing = time.perf_counter() - started
    texts = texts or [answer.text for answer in answers]
    started = time.perf_counter()
    scores = model.logprobs(queries(texts))
    scoring = time.perf_counter() - started
    tokens = sum(answer.completion_tokens for answer in answers)
    return f"{rows / writing:.2f} | {tokens / writing:.0f} | {len(texts) / scoring:.2f}", texts, scores


def apart(scores: list[tuple[Continuation, ...]], others: list[tuple[Continuation, ...]]) -> str:
    """Return how far the log-probabilities of two models are apart, and how often the better label is another."""
    pairs = [
        (one, other) for row, line in zip(scores, others, strict=True) for one, other in zip(row, line, strict=True)
    ]
    found = [abs(x - y) for one, other in pairs for x, y in zip(one.logprobs, other.logprobs, strict=True)]
    best = [[max(range(len(row)), key=lambda n: row[n].total) for row in side] for side in (scores, others)]
    turned = sum(x != y for x, y in zip(*best, strict=True))
    return f"{np.median(found):.4f} | {max(found):.4f} | {turned} of {len(scores)}"


def main() -> None:
    """Print both tables."""
    parser = argparse.ArgumentParser()
    parser.add_argument("--rows", type=int, default=64)
    parser.add_argument("--parallel", type=int, nargs="+", default=[4, 8, 16], help="slots of the server")
    parser.add_argument("--threads", type=int, default=2)
    parser.add_argument("--exact", action="store_true", help="compare with the same weights in float32, too")
    options = parser.parse_args()
    torch.set_num_threads(options.threads)
    local = load_model(ModelSpec(id="embedded", dtype="float32", device="cpu"))
    lines = ["| | rows/s | tokens/s | rows scored/s |", "|---|---|---|---|"]
    agreement = ["| log-probabilities, in process and | median apart | most apart | other label |", "|---|---|---|---|"]
    cells, texts, here = measure(local, options.rows)
    lines.append(f"| in process, float32 | {cells} |")
    with tempfile.TemporaryDirectory() as folder:
        file = fetch_gguf(Path(folder))
        for slots in options.parallel:
            with served(file, slots, options.threads) as model:
                cells, _, there = measure(model, options.rows, texts)
            lines.append(f"| llama.cpp, 4 bits, {slots} slots | {cells} |")
        agreement.append(f"| llama.cpp, 4 bits | {apart(here, there)} |")
        if options.exact:
            with served(in_float32(file), 2, options.threads, exact=True) as model:
                agreement.append(f"| llama.cpp, float32 | {apart(here, model.logprobs(queries(texts)))} |")
    print(
        f"{options.rows} rows, {options.threads} threads, torch {torch.__version__},"
        f" xllamacpp {xllamacpp.__version__}\n"
    )
    print("\n".join([*lines, "", *agreement]))


if __name__ == "__main__":
    main()
