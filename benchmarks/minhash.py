"""MinHash beside datasketch, rensa and text-dedup: time, memory, precision and recall on planted near copies.

The texts are made: words by Zipf's law with the exponent of English, lengths log-normal, and every fifth a copy
of an earlier one with up to an eighth of its words replaced, in stretches. The truth is the Jaccard similarity
of 5-word shingles within each family of copies (texts of two families share next to nothing). A row should be
dropped when an earlier one is above the threshold; which row of a family stays does not count. Printed as
Markdown; docs/minhash.md holds the output.

    python benchmarks/minhash.py --peers DIR      # DIR: a virtual environment with the peers; 15 minutes
    python benchmarks/minhash.py --sizes 2000x100 # a quick look, without peers
    python benchmarks/minhash.py --sizes 1000000x15
"""

from __future__ import annotations

import argparse
import json
import random
import resource
import subprocess
import sys
import tempfile
import time
from collections import Counter
from itertools import accumulate
from pathlib import Path

THRESHOLD = 0.8
SHINGLE = 5
VOCABULARY = 50_000


def corpus(count: int, length: int) -> tuple[list[str], list[int]]:
    """Return texts and the number of the family that each belongs to."""
    rng = random.Random(0)
    words = [f"w{number}" for number in range(VOCABULARY)]
    weights = list(accumulate(1 / (rank + 2.7) ** 1.07 for rank in range(VOCABULARY)))
    texts: list[list[str]] = []
    families: list[int] = []
    for place in range(count):
        if place and rng.random() < 0.2:
            source = rng.randrange(place)
            text, family = list(texts[source]), families[source]
            changes = rng.randint(0, len(text) // 8)
            while changes > 0:
                stretch = min(rng.randint(1, 4), changes)
                start = rng.randrange(len(text))
                end = min(start + stretch, len(text))
                text[start:end] = rng.choices(words, cum_weights=weights, k=end - start)
                changes -= stretch
        else:
            size = max(5, round(rng.lognormvariate(0, 0.5) * length))
            text, family = rng.choices(words, cum_weights=weights, k=size), place
        texts.append(text)
        families.append(family)
    return [" ".join(text) for text in texts], families


def truth(texts: list[str], families: list[int]) -> set[int]:
    """Return the rows that have an earlier row above the threshold in their family."""
    members: dict[int, list[int]] = {}
    for place, family in enumerate(families):
        members.setdefault(family, []).append(place)
    found = set()
    for places in members.values():
        if len(places) < 2:
            continue
        sets = []
        for place in places:
            words = texts[place].split()
            sets.append({tuple(words[i : i + SHINGLE]) for i in range(max(len(words) - SHINGLE + 1, 1))})
        for later in range(1, len(places)):
            if any(_jaccard(sets[earlier], sets[later]) > THRESHOLD for earlier in range(later)):
                found.add(places[later])
    return found


def _jaccard(one: set, other: set) -> float:
    shared = len(one & other)
    return shared / (len(one) + len(other) - shared)


def ours(path: Path) -> dict:
    """Run near/minhash.py in this process, from texts in memory."""
    from homespun.near.minhash import pairs
    from homespun.text.words import words

    texts = [json.loads(line)["text"] for line in path.read_text("utf-8").splitlines()]
    started = time.perf_counter()
    found = pairs((words(text, "en") for text in texts), THRESHOLD, shingle=SHINGLE)
    dropped = sorted(set(found.later.tolist()))
    seconds = time.perf_counter() - started
    memory = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024
    return {"dropped": dropped, "seconds": seconds, "megabytes": memory}


def main() -> None:
    """Make the corpora, run everybody on each, print a table."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--peers", type=Path, help="virtual environment with datasketch, rensa and text-dedup")
    parser.add_argument("--sizes", nargs="*", default=["20000x300", "100000x15"], help="texts x median words")
    parser.add_argument("--ours", type=Path, help=argparse.SUPPRESS)  # one run in a process of its own
    arguments = parser.parse_args()
    if arguments.ours:
        print(json.dumps(ours(arguments.ours)))
        return
    from homespun.near.minhash import banding, recall

    bands = banding(THRESHOLD)
    print(
        f"threshold {THRESHOLD}, {bands}: a pair at the threshold is found with a chance of {recall(THRESHOLD):.4f}\n"
    )
    peers = [(f"{tool}, {how}", tool, each) for tool in ("datasketch", "rensa", "text-dedup") for how, each in
             (("our bands", (bands.bands, bands.rows)), ("its own bands", (0, 0)))]  # fmt: skip
    for size in arguments.sizes:
        count, length = map(int, size.split("x"))
        texts, families = corpus(count, length)
        wanted = Counter(families[place] for place in truth(texts, families))
        print(f"{count:,} texts of {length} words in the median; {wanted.total():,} repeat an earlier one\n")
        print("| tool | seconds | MB | precision | recall |\n|---|---|---|---|---|")
        with tempfile.TemporaryDirectory() as folder:
            path = Path(folder) / "texts.jsonl"
            path.write_text("".join(json.dumps({"id": i, "text": t}) + "\n" for i, t in enumerate(texts)), "utf-8")
            del texts
            runs = [("homespun", [sys.executable, __file__, "--ours", str(path)])]
            script = Path(__file__).parent / "peers" / "minhash_peers.py"
            for name, tool, (some, rows) in peers if arguments.peers else ():
                numbers = [str(THRESHOLD), str(some), str(rows)]
                runs.append((name, [str(arguments.peers / "bin/python"), str(script), tool, str(path), *numbers]))
            for name, command in runs:
                answer = subprocess.run(command, check=True, capture_output=True, text=True).stdout
                found = json.loads(answer.splitlines()[-1])
                dropped = Counter(families[place] for place in found["dropped"])
                right = sum(min(dropped[family], count) for family, count in wanted.items())
                print(
                    f"| {name} | {found['seconds']:.1f} | {found['megabytes']:.0f}"
                    f" | {right / max(dropped.total(), 1):.4f} | {right / wanted.total():.4f} |",
                    flush=True,
                )
        print()


if __name__ == "__main__":
    main()
