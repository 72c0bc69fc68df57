"""ROUGE-L deduplication: what a row costs, beside rouge-score and RapidFuzz, and how the cost grows.

The rows are made: word frequencies fall as in English text (Zipf-Mandelbrot, 50,000 words), lengths as those of
instructions (log-normal, mean about 16 words), three rows in ten begin with one of forty common openings, and
15 % are copies of an earlier row with every eighth word changed. Every size is run in a process of its own
that takes raw texts, so that time includes cutting them into words and memory is that of the whole process.
On the smallest size the rows kept are compared with those that RapidFuzz, comparing all with all, would keep,
and, on a sample, with rouge-score's own figures. One core throughout. Printed as Markdown for docs/rouge.md.

    python benchmarks/rouge.py [--rows 20000] [--sizes 10000,20000,52000,100000,200000,1000000]
"""

from __future__ import annotations

import argparse
import json
import math
import os
import platform
import random
import subprocess
import sys
import time
from pathlib import Path

import numpy as np

SOURCE = Path(__file__).resolve().parents[1] / "src"
THRESHOLD = 0.7
WORDS, OPENINGS, COPIES = 50_000, 40, 0.15


def corpus(count: int, seed: int = 0) -> list[str]:
    """Make `count` texts."""
    rng = np.random.default_rng(seed)
    weights = 1 / (np.arange(WORDS) + 2.7) ** 1.0
    lengths = np.clip(rng.lognormal(2.65, 0.5, count).astype(int), 4, 120)
    drawn = rng.choice(WORDS, size=int(lengths.sum()), p=weights / weights.sum())
    starts = np.concatenate(([0], np.cumsum(lengths)))
    texts = [drawn[a:b].tolist() for a, b in zip(starts[:-1].tolist(), starts[1:].tolist(), strict=True)]
    openings = [rng.integers(0, 300, size=int(rng.integers(2, 6))).tolist() for _ in range(OPENINGS)]
    for place in range(count):
        if place > 10 and rng.random() < COPIES:
            copy = list(texts[int(rng.integers(0, place))])
            for _ in range(max(1, len(copy) // 8)):
                copy[int(rng.integers(0, len(copy)))] = int(rng.integers(0, WORDS))
            texts[place] = copy
        elif rng.random() < 0.3:
            texts[place] = openings[int(rng.integers(0, OPENINGS))] + texts[place]
    return [" ".join(f"w{word}" for word in text) for text in texts]


def peak() -> float:
    """Return the most memory this process has held, in MB (getrusage would tell that of the one that started it)."""
    (line,) = (line for line in Path("/proc/self/status").read_text().splitlines() if line.startswith("VmHWM"))
    return int(line.split()[1]) / 1024


def one(count: int) -> dict[str, float]:
    """Deduplicate one corpus in this process and say what it took."""
    sys.path.insert(0, str(SOURCE))
    texts = corpus(count)
    before = peak()
    from homespun.near.rouge import greedy
    from homespun.text.words import words

    greedy([["a"]] * 2000, THRESHOLD)  # loads the compiled code
    began = time.process_time(), time.monotonic()
    repeats = greedy((words(text, "en") for text in texts), THRESHOLD)
    return {
        "rows": count,
        "seconds": time.monotonic() - began[1],
        "processor": time.process_time() - began[0],
        "kept": int(repeats.kept.sum()),
        "words": sum(text.count(" ") + 1 for text in texts) / count,
        "memory": peak(),
        "texts": before,
    }


def brute(texts: list[str]) -> tuple[list[int], float]:
    """Return the rows kept by comparing all with all through RapidFuzz with a cutoff, and seconds."""
    from rapidfuzz import process
    from rapidfuzz.distance import Indel

    began = time.monotonic()
    numbers: dict[str, int] = {}
    strings = ["".join(chr(numbers.setdefault(word, len(numbers)) + 0x20000) for word in t.split()) for t in texts]
    near: list[list[int]] = [[] for _ in texts]
    for start in range(0, len(texts), 1000):  # only earlier rows, 1,000 rows of the matrix at once
        found = process.cdist(
            strings[start : start + 1000],
            strings[: start + 1000],
            scorer=Indel.normalized_similarity,
            score_cutoff=THRESHOLD,
            dtype=np.float64,
            workers=1,
        )
        for i, j in zip(*np.nonzero(found > THRESHOLD), strict=True):
            if j < start + i:
                near[start + i].append(int(j))
    kept: set[int] = set()
    for place, earlier in enumerate(near):
        if not any(j in kept for j in earlier):
            kept.add(place)
    return sorted(kept), time.monotonic() - began


def published(texts: list[str], pairs: int) -> tuple[float, float]:
    """Return seconds per pair of rouge-score, tokens given beforehand and not, over pairs drawn at random."""
    from rouge_score import rouge_scorer, tokenizers

    scorer, rng = rouge_scorer.RougeScorer(["rougeL"]), np.random.default_rng(1)
    drawn = rng.integers(0, len(texts), size=(pairs, 2)).tolist()
    cut = tokenizers.DefaultTokenizer(False)
    tokens = {place: cut.tokenize(texts[place]) for pair in drawn for place in pair}
    began = time.monotonic()
    for a, b in drawn:
        rouge_scorer._score_lcs(tokens[a], tokens[b])
    table = time.monotonic() - began
    began = time.monotonic()
    for a, b in drawn[: pairs // 4]:
        scorer.score(texts[a], texts[b])
    return table / pairs, (time.monotonic() - began) / (pairs // 4)


def side_by_side(count: int) -> None:
    """Print the cost per pair of rows on one corpus and check that the rows kept are the same."""
    sys.path.insert(0, str(SOURCE))
    from homespun.near import rouge
    from homespun.text.words import words

    texts = corpus(count)
    pairs = count * (count - 1) / 2
    rouge.greedy([["a"]] * 2000, THRESHOLD)
    found, seconds = {}, {}
    for name, least in (("homespun, compiled", 0), ("homespun, plain Python", 10**9)):
        rouge.COMPILED_FROM = least
        began = time.monotonic()
        repeats = rouge.greedy((words(text, "en") for text in texts), THRESHOLD)
        found[name], seconds[name] = np.flatnonzero(repeats.kept).tolist(), time.monotonic() - began
    kept, seconds["RapidFuzz, all with all, cutoff 0.7"] = brute(texts)
    same = all(kept == each for each in found.values())
    table, whole = published(texts, 20_000)
    per_pair = {name: took / pairs for name, took in seconds.items()}
    per_pair["rouge-score 0.1.2, tokens given"], per_pair["rouge-score 0.1.2, from texts"] = table, whole
    ours = per_pair["homespun, compiled"]
    print(f"\n### {count:,} rows ({pairs:,.0f} pairs), threshold {THRESHOLD}\n")
    print(f"{len(kept):,} rows kept; the same rows by RapidFuzz and both of ours: {'yes' if same else 'NO'}.\n")
    print("| | seconds | ns per pair | times ours |\n|---|---|---|---|")
    for name, each in per_pair.items():
        shown = f"{seconds[name]:.1f}" if name in seconds else f"({each * pairs / 3600:,.1f} hours)"
        print(f"| {name} | {shown} | {each * 1e9:,.1f} | {each / ours:,.1f} |", flush=True)
    assert same


def templates(count: int, kinds: int, slots: int, fillers: int, seed: int = 0) -> list[list[str]]:
    """Make rows of `kinds` templates of eight words with `slots` words of `fillers` each put in."""
    rng = random.Random(seed)
    frames = [[f"t{kind}_{place}" for place in range(8)] for kind in range(kinds)]
    made = []
    for _ in range(count):
        frame = rng.choice(frames)
        filled = [f"s{rng.randrange(fillers)}" for _ in range(slots)]
        made.append([*frame[:4], *filled[: slots // 2], *frame[4:], *filled[slots // 2 :]])
    return made


def hard() -> None:
    """Print what rows cost that share their rare words by the thousand: filled templates."""
    sys.path.insert(0, str(SOURCE))
    from homespun.near.rouge import greedy

    print("\n### The hard case: templates of eight words, filled\n")
    print("| rows | templates | slots | words per slot | kept | seconds |\n|---|---|---|---|---|---|")
    for count, kinds, slots, fillers in ((50_000, 20, 6, 200), (50_000, 20, 8, 200), (50_000, 1, 10, 100)):
        texts = templates(count, kinds, slots, fillers)
        began = time.monotonic()
        kept = int(greedy(texts, THRESHOLD).kept.sum())
        print(f"| {count:,} | {kinds} | {slots} | {fillers} | {kept:,} | {time.monotonic() - began:.1f} |", flush=True)


def growth(sizes: list[int]) -> None:
    """Print time and memory by size, and the exponent between 10,000 and 200,000 rows."""
    print("\n### By size, compiled, one process each\n")
    print(
        "| rows | mean words | kept | seconds | ns per pair | MB at most | MB before |\n|---|---|---|---|---|---|---|"
    )
    took = {}
    for size in sizes:
        out = subprocess.run(
            [sys.executable, __file__, "--one", str(size)],
            check=True,
            capture_output=True,
            text=True,
            env={**os.environ, "OMP_NUM_THREADS": "1"},
        ).stdout
        row = json.loads(out)
        took[size] = row["seconds"]
        per_pair = row["seconds"] / (size * (size - 1) / 2) * 1e9
        cells = f"{row['words']:.1f} | {row['kept']:,} | {row['seconds']:.1f} | {per_pair:.2f}"
        print(f"| {size:,} | {cells} | {row['memory']:,.0f} | {row['texts']:,.0f} |", flush=True)
    small, large = min(took), max(size for size in took if size <= 200_000)
    if large > small:
        exponent = math.log(took[large] / took[small]) / math.log(large / small)
        print(f"\nFrom {small:,} to {large:,} rows time grows as n to the power of {exponent:.2f}.")


def main() -> None:
    """Run everything."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--rows", type=int, default=20_000, help="size of the comparison side by side")
    parser.add_argument("--sizes", default="10000,20000,52000,100000,200000,1000000", help="with commas between")
    parser.add_argument("--one", type=int, help="only this size, in this process")
    given = parser.parse_args()
    if given.one:
        print(json.dumps(one(given.one)))
        return
    print(f"Python {platform.python_version()}, {os.cpu_count()} cores, load average {os.getloadavg()[0]:.1f}.")
    side_by_side(given.rows)
    growth([int(size) for size in given.sizes.split(",")])
    hard()


if __name__ == "__main__":
    main()
