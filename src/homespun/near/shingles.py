"""Texts as sets of shingles: runs of so many words, as 64-bit hashes (Broder 1997).

A text shorter than that is one shingle, all of its words. Hashes are equal on every machine; two different
shingles have equal ones with a chance of 2^-64. Comparing sets is near/minhash.py's.
"""

from __future__ import annotations

from array import array
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from hashlib import blake2b

import numpy as np
from numpy.typing import NDArray

from homespun.errors import UsageError

Hashes = NDArray[np.uint64]
Places = NDArray[np.int64]

BLOCK = 1 << 20  #: words that are hashed together
MIX, _MIX_2 = np.uint64(0x9E3779B97F4A7C15), np.uint64(0xBF58476D1CE4E5B9)  # odd constants of splitmix64
HALF = np.uint64(32)


@dataclass(frozen=True, slots=True)
class Shingles:
    """The shingle sets of texts in one array: text i has values[starts[i]:starts[i + 1]], ascending."""

    values: Hashes
    starts: Places

    @property
    def sizes(self) -> Places:
        """Number of shingles of each text; 0 for a text without words."""
        return np.diff(self.starts)


def shingles(tokens: Iterable[Sequence[str]], size: int = 5) -> Shingles:
    """Return the sets of hashed runs of `size` tokens.

    Raises:
        UsageError: the size is below 1.
    """
    if size < 1:
        raise UsageError(f"shingle is {size}; it must be at least 1 word")
    values, sizes = [], []
    for block, lengths in _blocks(tokens):
        block_values, block_sizes = _of_block(block, lengths, size)
        values.append(block_values)
        sizes.append(block_sizes)
    starts = np.zeros(sum(map(len, sizes)) + 1, dtype=np.int64)
    if sizes:
        np.cumsum(np.concatenate(sizes), out=starts[1:])
    return Shingles(np.concatenate(values) if values else np.empty(0, dtype=np.uint64), starts)


def _blocks(tokens: Iterable[Sequence[str]]) -> Iterator[tuple[Hashes, Places]]:
    """Return hashed words of some texts on end, and the number of words of each."""
    known = _WordHashes()
    block, lengths = array("Q"), array("q")
    for text in tokens:
        block.extend(map(known.__getitem__, text))
        lengths.append(len(text))
        if len(block) >= BLOCK:
            yield np.array(block, dtype=np.uint64), np.array(lengths, dtype=np.int64)
            block, lengths = array("Q"), array("q")
    if lengths:
        yield np.array(block, dtype=np.uint64), np.array(lengths, dtype=np.int64)


class _WordHashes(dict[str, int]):
    """Word -> 64-bit hash, computed once; Python's own hash() differs from process to process."""

    def __missing__(self, word: str) -> int:
        digest = blake2b(word.encode("utf-8", "surrogatepass"), digest_size=8).digest()
        self[word] = value = int.from_bytes(digest, "little")
        return value


def mixed(values: Hashes) -> Hashes:
    """Return numbers that are spread over all 64 bits, a different one for each."""
    half = (values ^ (values >> HALF)) * _MIX_2
    found: Hashes = half ^ (half >> HALF)
    return found


def _of_block(words: Hashes, lengths: Places, size: int) -> tuple[Hashes, Places]:
    """Return the shingles of each text of a block, unique and ascending, and their numbers."""
    ends = np.cumsum(lengths)
    starts = ends - lengths
    text_of = np.repeat(np.arange(len(lengths)), lengths)
    runs = np.zeros(len(words), dtype=np.uint64)
    short = np.zeros(len(lengths), dtype=np.uint64)
    for step in range(size):  # the hash of the run of `step + 1` words that begins here
        here = runs[: max(len(words) - step, 0)]
        here ^= words[step:]
        here *= MIX
        here ^= here >> HALF
        ended = lengths == step + 1
        short[ended] = runs[starts[ended]]
    whole = np.arange(len(words)) + size <= ends[text_of]
    brief = (lengths > 0) & (lengths < size)  # one shingle: all of its words
    runs[starts[brief]] = short[brief]
    whole[starts[brief]] = True
    runs, text_of = runs[whole], text_of[whole]
    order = _order(runs, text_of, len(lengths))
    runs, text_of = runs[order], text_of[order]
    new = np.ones(len(runs), dtype=np.bool_)
    new[1:] = (runs[1:] != runs[:-1]) | (text_of[1:] != text_of[:-1])
    return runs[new], np.bincount(text_of[new], minlength=len(lengths)).astype(np.int64)


def _order(runs: Hashes, text_of: Places, texts: int) -> Places:
    """Return the order by text, then by hash: by one number of both, which is many times as fast as by two."""
    bits = np.uint64(max(texts.bit_length(), 1))
    found = np.argsort((text_of.astype(np.uint64) << (np.uint64(64) - bits)) | (runs >> bits))
    ordered, text = runs[found], text_of[found]
    if ((ordered[1:] < ordered[:-1]) & (text[1:] == text[:-1])).any():  # two hashes that differ in their last bits
        found = np.lexsort((runs, text_of))
    return found
