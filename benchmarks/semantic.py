"""What the work on embeddings costs, what clustering misses, and how it stands beside others.

Five tables, as Markdown; docs/semantic.md holds the output. The corpora are made up with planted near copies
(planted.py). Rates are floating-point operations of the products that are needed (rows^2 * dimensions for all
pairs, half of the square) per second of processor time, which other load on the machine changes least, beside one
large float32 matrix product in the same run. A thread that waits for the other counts too. The part `d4`
runs in a process of its own, so that its memory is its own; it writes 3 GB to --scratch.

    python benchmarks/semantic.py                        # all but the peers: about ten minutes on two cores
    python benchmarks/semantic.py --parts pairs,clusters
    python benchmarks/semantic.py --parts peers,clusters --peers DIR

DIR holds an environment for each peer, made with `python -m venv DIR/NAME` and `pip install -r
benchmarks/peers/requirements-NAME.txt`, for semhash, faiss and text_dedup.
"""

from __future__ import annotations

import argparse
import json
import os
import platform
import shutil
import statistics
import subprocess
import sys
import tempfile
import threading
import time
from collections import Counter
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

import numpy as np
import planted

from homespun.near import cosine, coverage, semdedup
from homespun.near.d4 import d4
from homespun.near.kmeans import default_k, kmeans

HERE = Path(__file__).resolve().parent
DIMENSIONS = 384
OFFLINE = {"HF_HUB_OFFLINE": "1", "HF_HUB_DISABLE_TELEMETRY": "1", "PYTHONWARNINGS": "ignore"}


class Cost(float):
    """Seconds from start to end, with the seconds of processor time of all threads."""

    processor: float


def timed(work: Callable[[], Any]) -> tuple[Cost, Any]:
    """Return cost and result."""
    start, before = time.perf_counter(), time.process_time()
    found = work()
    cost = Cost(time.perf_counter() - start)
    cost.processor = time.process_time() - before
    return cost, found


def table(*heads: str) -> None:
    """Print the head of a table."""
    print(f"\n| {' | '.join(heads)} |\n|{'---|' * len(heads)}", flush=True)


def line(*cells: object) -> None:
    """Print a line of a table."""
    print(f"| {' | '.join(map(str, cells))} |", flush=True)


def in_memory(rows: int) -> np.ndarray:
    """Return planted vectors, of unit length and centred."""
    found = np.concatenate([block for block, _ in planted.vectors(rows, DIMENSIONS)])
    return cosine.unit(found, centre=True, out=found)


def product_rate(side: int = 8192, times: int = 4) -> float:
    """Return the rate of one large float32 matrix product, in GFLOP per second of processor time."""
    rng = np.random.default_rng(0)
    left, right = rng.standard_normal((2, side, DIMENSIONS), dtype=np.float32)
    out = np.empty((side, side), dtype=np.float32)
    np.matmul(left, right.T, out=out)
    seconds, _ = timed(lambda: [np.matmul(left, right.T, out=out) for _ in range(times)])
    return 2 * side * side * DIMENSIONS * times / seconds.processor / 1e9


def all_pairs(rows: int) -> None:
    """All pairs above 0.95, greedily and by rows, beside the matrix product alone, measured before each."""
    vectors = in_memory(rows)
    print(f"\n{rows:,} x {DIMENSIONS}, threshold 0.95; useful work {rows**2 * DIMENSIONS / 1e12:.2f} TFLOP")
    table("search", "seconds", "processor s", "GFLOP per processor s", "of the product alone", "share", "found")
    works: dict[str, Callable[[], object]] = {
        "all pairs": lambda: f"{len(cosine.pairs(vectors, 0.95)):,} pairs",
        "greedy": lambda: f"{(~cosine.greedy(vectors, 0.95).kept).sum():,} repeats",
        "nearest before": lambda: f"{(cosine.nearest(vectors).score > 0.95).sum():,} above",
    }
    for name, work in works.items():
        before = product_rate()
        seconds, found = timed(work)
        product = statistics.mean([before, product_rate()])
        rate = rows**2 * DIMENSIONS / seconds.processor / 1e9
        share = f"{rate / product:.2f}"
        line(name, f"{seconds:.1f}", f"{seconds.processor:.1f}", f"{rate:.1f}", f"{product:.1f}", share, found)


def clusters(rows: int, peers: Path | None) -> None:
    """k-means beside faiss, and k-center."""
    vectors = in_memory(rows)
    k = default_k(rows)
    print(f"\n{rows:,} x {DIMENSIONS}, {k} clusters, 10 iterations, 256 rows per centroid to train on")
    table("k-means", "seconds", "mean cosine to the centroid")
    for _ in range(2):
        seconds, found = timed(lambda: kmeans(vectors, k, 0, iterations=10))
        line("homespun", f"{seconds:.1f}", f"{found.cosine.mean():.4f}")
    python = environment(peers, "faiss")
    if python:
        with tempfile.TemporaryDirectory() as folder:
            file = Path(folder) / "vectors.npy"
            np.save(file, vectors)
            for _ in range(2):
                command = [str(python), str(HERE / "peers" / "cluster_faiss.py"), str(file), str(k), "10"]
                done = subprocess.run(command, check=True, capture_output=True, text=True)
                said = done.stdout.split()
                line("faiss", f"{float(said[0]):.1f}", f"{float(said[1]):.4f}")
    seconds, chosen = timed(lambda: coverage.k_center(vectors, 1000))
    print(f"\nk-center, 1,000 of {rows:,} rows: {seconds:.1f} s, radius {chosen.radius:.3f}")


def missed(rows: int) -> None:
    """SemDeDup within clusters beside the same on all rows."""
    vectors = in_memory(rows)
    print(f"\n{rows:,} x {DIMENSIONS}, {planted.COPIES:.0%} planted copies, threshold 0.95, reference variant")
    table("clusters", "k-means s", "search s", "dropped", "of those dropped exactly", "pairs found", "rows found")
    exact: set[int] = set()
    for k in (1, default_k(rows) // 4, default_k(rows), default_k(rows) * 4):
        seconds, found = timed(lambda k=k: kmeans(vectors, k, 0))
        search, near = timed(lambda found=found: semdedup.nearest(vectors, found, exact=0))
        dropped = set(np.flatnonzero(~near.above(0.95).kept).tolist())
        exact = exact or dropped
        recall = semdedup.recall(vectors, found, 0.95, sample=5000)
        same = f"{len(dropped) / len(exact):.4f}"
        parts = (f"{seconds:.1f}", f"{search:.1f}", f"{len(dropped):,}", same)
        line(f"{k:,}" if k > 1 else "1 (exact)", *parts, f"{recall.of_pairs:.4f}", f"{recall.of_rows:.4f}")


def large(rows: int, scratch: Path | None) -> None:
    """D4 of a file of vectors, in a process of its own."""
    with tempfile.TemporaryDirectory(dir=scratch) as folder:
        file = Path(folder) / "vectors.npy"
        mapped = np.lib.format.open_memmap(file, mode="w+", dtype=np.float32, shape=(rows, DIMENSIONS))
        start = 0
        for block, _ in planted.vectors(rows, DIMENSIONS):
            mapped[start : start + len(block)] = block
            start += len(block)
        del mapped
        command = [sys.executable, str(HERE / "semantic.py"), "--child", str(file)]
        done = subprocess.run(command, check=True, capture_output=True, text=True)
    said = json.loads(done.stdout)
    print(f"\nD4 of {rows:,} x {DIMENSIONS} ({rows * DIMENSIONS * 4 / 1e9:.2f} GB in a file): 75 %, then 50 % kept")
    table("step", "seconds", "processor s")
    for name, (seconds, processor) in said["seconds"].items():
        line(name, f"{seconds:.0f}", f"{processor:.0f}")
    print(f"\nMemory of its own at the peak {said['own'] / 1e9:.2f} GB (of the process, with the pages of the files")
    print(f"that the system kept for it, {said['peak'] / 1e9:.2f} GB). Kept {said['kept']:,}; SemDeDup's threshold")
    print(
        f"{said['threshold']:.4f}. Of all pairs above 0.95, clusters hold {said['recall']:.4f} (2,000 rows looked at)."
    )


def child(file: Path) -> None:
    """Centre and thin a file of vectors; say what it cost as JSON."""
    own, done = [0], threading.Event()

    def watch() -> None:
        while not done.wait(0.2):
            own[0] = max(own[0], status("RssAnon"))

    threading.Thread(target=watch, daemon=True).start()
    raw = np.load(file, mmap_mode="r")
    rows = len(raw)
    unit_file = file.with_name("unit.npy")
    out = np.lib.format.open_memmap(unit_file, mode="w+", dtype=np.float32, shape=raw.shape)
    first, _ = timed(lambda: cosine.unit(raw, centre=True, out=out))
    second, found = timed(lambda: d4(out, rows // 2, rows * 3 // 4, 0))
    peak, mine = status("VmHWM"), own[0]
    done.set()
    recall = semdedup.recall(out, found.clusters, 0.95, sample=2000)
    print(
        json.dumps(
            {
                "seconds": {
                    "centre, unit length": (first, first.processor),
                    "SemDeDup, new clusters, prototypes": (second, second.processor),
                },
                "peak": peak,
                "own": mine,
                "kept": int(found.kept.sum()),
                "threshold": found.threshold,
                "recall": recall.of_pairs,
            }
        )
    )


def status(name: str) -> int:
    """Return a size from Linux's account of this process, in bytes."""
    found = next(entry for entry in Path("/proc/self/status").read_text().splitlines() if entry.startswith(name))
    return int(found.split()[1]) * 1024


# Peers


def environment(peers: Path | None, name: str) -> Path | None:
    """Return the interpreter of a peer, or None where it is not made."""
    python = peers / name / "bin" / "python" if peers else None
    return python if python and python.exists() else None


def whole(command: Sequence[object]) -> float:
    """Run a command; return its seconds from start to end."""
    start = time.perf_counter()
    subprocess.run([str(part) for part in command], env={**os.environ, **OFFLINE}, check=True, capture_output=True)
    return time.perf_counter() - start


def beside(originals: int, copies: int, peers: Path | None) -> None:
    """Whole commands on the same texts and vectors: seconds, precision, recall by kind of copy.

    A copy is found if it and its original do not both stay: which of them goes is a matter of taste. A row is
    dropped rightly if another row of its family, an original and its copies, stays.
    """
    made = planted.texts(originals, copies)
    rows = len(made.texts)
    print(f"\n{rows:,} texts of 12 to 40 words, the last {copies:,} copies; whole commands, embedding not counted")
    table("", "setting", "seconds", "dropped", "precision", *planted.KINDS)
    with tempfile.TemporaryDirectory() as place:
        folder = Path(place)
        vectors, texts, out = folder / "vectors.npy", folder / "texts.jsonl", folder / "dropped.json"
        np.save(vectors, made.vectors)
        with texts.open("w") as file:
            file.writelines(f"{json.dumps({'id': n, 'text': text})}\n" for n, text in enumerate(made.texts))

        family = [place if of < 0 else of for place, of in enumerate(made.of)]

        def report(name: str, setting: str, seconds: float, dropped: Sequence[int]) -> None:
            gone = set(dropped)
            staying = Counter(family[place] for place in range(rows) if place not in gone)
            right = sum(staying[family[place]] > 0 for place in gone)
            recalls = []
            for kind in planted.KINDS:
                copies = [place for place, its in enumerate(made.kind) if its == kind]
                recalls.append(sum(place in gone or made.of[place] in gone for place in copies) / len(copies))
            precision = f"{right / len(gone):.4f}" if gone else "-"
            line(name, setting, f"{seconds:.1f}", f"{len(gone):,}", precision, *(f"{each:.3f}" for each in recalls))

        for threshold in (0.9, 0.8):
            cost = whole([sys.executable, HERE / "peers" / "dedup_homespun.py", vectors, threshold, out])
            report("homespun", f"cosine {threshold}", cost, json.loads(out.read_text()))
        python = environment(peers, "semhash")
        for threshold in (0.9, 0.8) if python else ():
            cost = whole([python, HERE / "peers" / "dedup_semhash.py", texts, vectors, threshold, out])
            report("semhash", f"cosine {threshold}", cost, json.loads(out.read_text()))
        python = environment(peers, "text_dedup")
        for ngram, threshold in ((5, 0.7), (2, 0.5)) if python else ():
            kept, cache = folder / "kept", folder / "cache"
            given = {"path": "json", "data_files": texts, "split": "train", "column": "text", "output": kept}
            given |= {"cache_dir": cache, "ngram": ngram, "threshold": threshold}
            options = [part for name, value in given.items() for part in (f"--{name}", value)]
            cost = whole([python, "-m", "text_dedup.minhash", *options])
            stay = kept_ids(kept)
            report("text-dedup", f"MinHash {threshold}, {ngram}-grams", cost, [n for n in range(rows) if n not in stay])
            shutil.rmtree(kept)


def kept_ids(folder: Path) -> set[int]:
    """Return the ids in a data set that text-dedup saved."""
    import pyarrow as pa

    return {place for file in folder.glob("*.arrow") for place in pa.ipc.open_stream(file).read_all()["id"].to_pylist()}


def options() -> argparse.Namespace:
    """Read the command line."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--parts", default="pairs,clusters,recall,d4,peers", help="with commas between")
    parser.add_argument("--rows", type=int, default=100_000, help="of pairs, clusters and recall")
    parser.add_argument("--large", type=int, default=1_000_000, help="rows of d4")
    parser.add_argument("--texts", type=int, default=50_000, help="rows of peers, a fifth of them copies")
    parser.add_argument("--peers", type=Path, help="folder of the peers' environments")
    parser.add_argument("--scratch", type=Path, help="where d4 may write 3 GB")
    parser.add_argument("--child", type=Path, help=argparse.SUPPRESS)
    return parser.parse_args()


def main() -> None:
    """Print the tables asked for."""
    given = options()
    if given.child:
        child(given.child)
        return
    load = ", ".join(f"{value:.1f}" for value in os.getloadavg())
    print(
        f"Python {platform.python_version()}, numpy {np.__version__}, {os.cpu_count()} cores, load {load}.", flush=True
    )
    parts: dict[str, Callable[[], None]] = {
        "pairs": lambda: all_pairs(given.rows),
        "clusters": lambda: clusters(given.rows, given.peers),
        "recall": lambda: missed(given.rows),
        "d4": lambda: large(given.large, given.scratch),
        "peers": lambda: beside(given.texts * 4 // 5, given.texts // 5, given.peers),
    }
    for name in given.parts.split(","):
        parts[name]()


if __name__ == "__main__":
    main()
