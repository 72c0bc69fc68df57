"""MinHash by other tools over a JSON Lines file of texts, for benchmarks/minhash.py; runs in the peers' environment.

    PEERS/bin/python benchmarks/peers/minhash_peers.py TOOL FILE THRESHOLD BANDS ROWS

Prints one JSON object: which rows it would drop (all but the first of what it calls alike), seconds from
texts in memory to that answer, peak memory. BANDS 0: the tool chooses its own for 128 permutations.
"""

from __future__ import annotations

import json
import resource
import subprocess
import sys
import tempfile
import time
from pathlib import Path

SHINGLE = 5


def shingles(text: str) -> list[str]:
    """Return the runs of five words, as a reader of the tool's examples would write it."""
    words = text.split()
    return [" ".join(words[i : i + SHINGLE]) for i in range(max(len(words) - SHINGLE + 1, 1))]


def datasketch(texts: list[str], threshold: float, bands: int, rows: int) -> list[int]:
    """Ask for each text before it is inserted."""
    from datasketch import MinHash, MinHashLSH

    count = bands * rows or 128
    lsh = MinHashLSH(num_perm=count, params=(bands, rows)) if bands else MinHashLSH(threshold, num_perm=count)
    dropped = []
    signatures = MinHash.generator([[s.encode() for s in shingles(text)] for text in texts], num_perm=count, seed=1)
    for place, signature in enumerate(signatures):
        if lsh.query(signature):
            dropped.append(place)
        lsh.insert(place, signature, check_duplication=False)
    return dropped


def rensa(texts: list[str], threshold: float, bands: int, rows: int) -> list[int]:
    """Ask for each text before it is inserted; it has no choice of bands of its own, so 0 is 16 x 8."""
    from rensa import RMinHash, RMinHashLSH

    count = bands * rows or 128
    lsh = RMinHashLSH(threshold=threshold, num_perm=count, num_bands=bands or 16)
    dropped = []
    for place, text in enumerate(texts):
        signature = RMinHash(num_perm=count, seed=1)
        signature.update(shingles(text))
        if lsh.query(signature):
            dropped.append(place)
        lsh.insert(place, signature)
    return dropped


def text_dedup(path: Path, count: int, threshold: float, bands: int, rows: int) -> list[int]:
    """Run its command and read which rows are left."""
    import datasets

    with tempfile.TemporaryDirectory() as folder:
        command = [sys.executable, "-m", "text_dedup.minhash", "--path", "json", "--data_files", str(path)]
        command += [
            "--split",
            "train",
            "--cache_dir",
            f"{folder}/cache",
            "--output",
            f"{folder}/out",
            "--num_proc",
            "1",
        ]
        command += ["--column", "text", "--batch_size", "10000", "--ngram", str(SHINGLE), "--min_length", "0"]
        command += ["--num_perm", str(bands * rows or 128), "--threshold", str(threshold), "--hash_func", "xxh3"]
        command += ["--b", str(bands), "--r", str(rows)] if bands else []
        subprocess.run(command, check=True, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
        left = set(datasets.load_from_disk(f"{folder}/out")["id"])
    return [place for place in range(count) if place not in left]


def main() -> None:
    """Run one tool."""
    tool, path, threshold, bands, rows = sys.argv[1], Path(sys.argv[2]), float(sys.argv[3]), *map(int, sys.argv[4:6])
    texts = [json.loads(line)["text"] for line in path.read_text("utf-8").splitlines()]
    started = time.perf_counter()
    if tool == "text-dedup":
        dropped = text_dedup(path, len(texts), threshold, bands, rows)
    else:
        dropped = {"datasketch": datasketch, "rensa": rensa}[tool](texts, threshold, bands, rows)
    seconds = time.perf_counter() - started
    memory = max(resource.getrusage(who).ru_maxrss for who in (resource.RUSAGE_SELF, resource.RUSAGE_CHILDREN))
    print(json.dumps({"dropped": dropped, "seconds": seconds, "megabytes": memory / 1024}))


if __name__ == "__main__":
    main()
