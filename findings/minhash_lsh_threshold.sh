#!/usr/bin/env bash
# Package:  datasketch 2.0.0 with numpy 2.4.6
# Expected: MinHashLSH(threshold=0.9) finds nearly all pairs whose Jaccard similarity is above 0.9, and perhaps some
#           below that a second look has to drop.
# Happens:  of pairs with a similarity of exactly 0.92 it finds half, and of those at the threshold itself a third. The
#           5 bands of 25 values that the default weights choose let a pair at s through with 1 - (1 - s^25)^5. The
#           estimate of the same signatures puts four fifths of the 0.92 pairs at 0.9 or more.
# Matters:  a pool that is "free of near copies above 0.9", or a training set checked against evaluation texts, keeps
#           half of the copies just above the line. A lower threshold for the index and a check of the candidates helps.
# Output (2026-11-30):
#   5 bands of 25
#   similarity 0.90: 73 of 200 found by the index (31% by its formula), 102 by the same signatures' estimate
#   similarity 0.92: 100 of 200 found by the index (49% by its formula), 165 by the same signatures' estimate
#   similarity 0.95: 164 of 200 found by the index (80% by its formula), 199 by the same signatures' estimate
set -euo pipefail
tmp=$(mktemp -d)
trap 'rm -rf "$tmp"' EXIT
python3 -m venv "$tmp/venv"
"$tmp/venv/bin/pip" install --quiet --disable-pip-version-check datasketch==2.0.0 numpy==2.4.6
"$tmp/venv/bin/python" - <<'PY'
import sys

from datasketch import MinHash, MinHashLSH

PAIRS, WORDS = 200, 200  # words of both texts together
bands, width = MinHashLSH(threshold=0.9).b, MinHashLSH(threshold=0.9).r
print(f"{bands} bands of {width}")


def signature(words):
    minhash = MinHash()
    minhash.update_batch([word.encode() for word in words])
    return minhash


found = {}
for shared in (180, 184, 190):
    by_index = by_estimate = 0
    for pair in range(PAIRS):
        words = [f"{pair} {word}" for word in range(WORDS)]
        own = words[shared:]
        first, second = (signature(words[:shared] + own[side::2]) for side in (0, 1))
        index = MinHashLSH(threshold=0.9)
        index.insert("first", first)
        by_index += bool(index.query(second))
        by_estimate += first.jaccard(second) >= 0.9
    s = shared / WORDS
    found[s] = by_index / PAIRS
    print(f"similarity {s:.2f}: {by_index} of {PAIRS} found by the index ({1 - (1 - s**width) ** bands:.0%} by "
          f"its formula), {by_estimate} by the same signatures' estimate")
if not 0.3 < found[0.92] < 0.7:
    sys.exit("changed: about half of the pairs at 0.92 were expected to be found")
PY
