"""Corpora with planted near copies, so that what should be found is known. Made up, with fixed seeds.

Vectors: topics of uneven size (Zipf) around random centres, and rows that are earlier rows with noise added.
Texts: words drawn by Zipf's law, and rows that are earlier rows changed a little; their vectors are sums of
one random vector per word, weighted by inverse document frequency, as a static embedding model would give.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

BLOCK = 50_000
TOPIC_NOISE = 1.2  #: of a row around its topic's centre, as a multiple of the centre's length
BLURS = (0.0, 0.05, 0.1, 0.2)  #: of a copy around its row: cosines of about 1, .999, .995, .98
COPIES = 0.2  #: part of the rows that are copies
VOCABULARY = 20_000
KINDS = ("verbatim", "one word", "neighbours swapped", "a tenth of the words", "a fifth of the words")


def vectors(rows: int, dimensions: int, seed: int = 0) -> Iterator[tuple[NDArray[np.float32], NDArray[np.int64]]]:
    """Yield blocks of vectors and, for each row, the row that it copies (-1: none). Copies stay in their block."""
    rng = np.random.default_rng(seed)
    topics = max(10, rows // 1000)
    centres = rng.standard_normal((topics, dimensions), dtype=np.float32)
    chance = 1 / np.arange(1, topics + 1) ** 0.7
    for start in range(0, rows, BLOCK):
        size = min(BLOCK, rows - start)
        topic = rng.choice(topics, size, p=chance / chance.sum())
        found = centres[topic] + TOPIC_NOISE * rng.standard_normal((size, dimensions), dtype=np.float32)
        of = np.full(size, -1, dtype=np.int64)
        places = np.sort(rng.choice(np.arange(1, size), round(size * COPIES), replace=False))
        blurs = rng.choice(BLURS, len(places)).astype(np.float32)
        noise = rng.standard_normal((len(places), dimensions), dtype=np.float32)
        for place, blur, change in zip(places.tolist(), blurs, noise, strict=True):
            source = int(rng.integers(place))
            found[place] = found[source] + blur * np.linalg.norm(found[source]) / dimensions**0.5 * change
            of[place] = start + source
        yield found, of


@dataclass(frozen=True)
class Texts:
    """Texts and what was planted in them."""

    texts: list[str]
    vectors: NDArray[np.float32]
    kind: list[str]  #: of each copy; empty for an original
    of: list[int]  #: the row copied, -1 for an original


def texts(originals: int, copies: int, seed: int = 0, dimensions: int = 384) -> Texts:
    """Return texts of 12 to 40 words of which the last ones copy earlier ones."""
    rng = np.random.default_rng(seed)
    chance = 1 / np.arange(1, VOCABULARY + 1)
    chance /= chance.sum()
    rows = [rng.choice(VOCABULARY, rng.integers(12, 41), p=chance) for _ in range(originals)]
    kind, of = [""] * originals, [-1] * originals
    for number in range(copies):
        source = int(rng.integers(originals))
        name = KINDS[number % len(KINDS)]
        words = rows[source].copy()
        if name == "neighbours swapped":
            place = int(rng.integers(len(words) - 1))
            words[place : place + 2] = words[place : place + 2][::-1]
        elif name != "verbatim":
            share = {"one word": 0, "a tenth of the words": 0.1, "a fifth of the words": 0.2}[name]
            places = rng.choice(len(words), max(1, round(share * len(words))), replace=False)
            words[places] = rng.choice(VOCABULARY, len(places), p=chance)
        rows.append(words)
        kind.append(name)
        of.append(source)
    holding = np.zeros(VOCABULARY)
    for words in rows:
        holding[np.unique(words)] += 1
    meaning = rng.standard_normal((VOCABULARY, dimensions)) * np.log(len(rows) / (1 + holding))[:, None]
    sums = np.stack([meaning[words].sum(axis=0) for words in rows]).astype(np.float32)
    return Texts([" ".join(f"w{word}" for word in words) for words in rows], sums, kind, of)
