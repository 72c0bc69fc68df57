"""How varied a set of texts is: distinct-n, self-BLEU, compression (methods.md 2E-1 to 2E-3).

All three fall or rise with the number of texts alone (a larger set repeats more), so two sets are compared
on as many texts of each: `sample` draws them. No embeddings here, and no judgement: what is varied enough
depends on the task. Self-BLEU is that of Texygen (Zhu and others 2018): the mean over texts of the BLEU of
one against all others, with NLTK's smoothing method 1.
"""

from __future__ import annotations

import gzip
import math
from collections import Counter
from collections.abc import Iterable, Sequence

from homespun.data.records import derive_seed

Tokens = Sequence[str]
Gram = tuple[str, ...]

SELF_BLEU_TEXTS = 1000  #: texts that self-BLEU looks at; it grows with their number
_SMOOTHING = 0.1  #: matches that a precision without any counts as (NLTK's method 1)


def sample(keys: Sequence[str], size: int, seed: int = 0) -> list[int]:
    """Return the positions, ascending, of `size` keys drawn by a hash of seed and key.

    A larger draw contains a smaller one, and a key is drawn or not whatever stands beside it.
    """
    ranked = sorted(range(len(keys)), key=lambda place: (derive_seed(seed, "sample", keys[place]), place))
    return sorted(ranked[:size])


def distinct_n(texts: Sequence[Tokens], n: int) -> float:
    """Return unique n-grams / n-grams over tokenised texts, 0 to 1; nan without any."""
    seen: set[Gram] = set()
    total = 0
    for tokens in texts:
        grams = _grams(tokens, n)
        seen.update(grams)
        total += len(grams)
    return len(seen) / total if total else math.nan


def compression_ratio(texts: Iterable[str]) -> float:
    """Return bytes / gzip bytes of the texts, one a line: 2 to 3 for ordinary prose, more for repetition.

    gzip sees repetition within its window of 32 kB alone. Below 1 for some words; nan without any text.
    """
    joined = "\n".join(texts).encode("utf-8", "surrogatepass")
    return len(joined) / len(gzip.compress(joined, mtime=0)) if joined else math.nan


def self_bleu(texts: Sequence[Tokens], n: int = 4, seed: int = 0, at_most: int = SELF_BLEU_TEXTS) -> float:
    """Return the mean BLEU-n of each text against all others, 0 to 1; lower is more varied.

    Args:
        texts: tokenised texts; empty ones are left out.
        n: longest n-gram; 1 to n weigh alike.
        seed: fixes which texts are drawn when there are more than `at_most`.
        at_most: number of texts looked at.

    Returns:
        nan with fewer than two texts.
    """
    filled = [tokens for tokens in texts if tokens]
    drawn = [filled[place] for place in sample([str(place) for place in range(len(filled))], at_most, seed)]
    if len(drawn) < 2:
        return math.nan
    counted = [[Counter(_grams(tokens, size)) for tokens in drawn] for size in range(1, n + 1)]
    ceilings = [_two_highest(counts) for counts in counted]
    lengths = Counter(map(len, drawn))
    scores = []
    for place, tokens in enumerate(drawn):
        matches = [
            sum(min(count, _other_highest(highest[gram], place)) for gram, count in counts[place].items())
            for counts, highest in zip(counted, ceilings, strict=True)
        ]
        scores.append(_bleu(matches, [len(tokens) - size + 1 for size in range(1, n + 1)], len(tokens), lengths))
    return sum(scores) / len(scores)


def _grams(tokens: Tokens, n: int) -> list[Gram]:
    return [tuple(tokens[start : start + n]) for start in range(len(tokens) - n + 1)]


def _two_highest(counts: Sequence[Counter[Gram]]) -> dict[Gram, tuple[int, int, int]]:
    """Return for each n-gram its highest count in one text, the place of that text, the highest elsewhere.

    With these every text has its ceiling over all *other* texts at once, and the work is linear.
    """
    found: dict[Gram, tuple[int, int, int]] = {}
    for place, counter in enumerate(counts):
        for gram, count in counter.items():
            best, owner, second = found.get(gram, (0, -1, 0))
            found[gram] = (count, place, best) if count > best else (best, owner, max(second, count))
    return found


def _other_highest(highest: tuple[int, int, int], place: int) -> int:
    best, owner, second = highest
    return second if owner == place else best


def _bleu(matches: Sequence[int], totals: Sequence[int], length: int, lengths: Counter[int]) -> float:
    """Return the BLEU of one text; `lengths` counts the lengths of all texts, this one included."""
    if matches[0] == 0:
        return 0.0
    logs = [
        math.log((match or _SMOOTHING) / max(total, 1)) / len(matches)
        for match, total in zip(matches, totals, strict=True)
    ]
    others = (other for other, count in lengths.items() if count > (other == length))
    closest = min(others, key=lambda other: (abs(other - length), other))
    brevity = 1.0 if length > closest else math.exp(1 - closest / length)
    return brevity * math.exp(math.fsum(logs))
