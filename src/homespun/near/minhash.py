"""Near duplicates of long texts: MinHash finds candidates, the Jaccard similarity of their shingles decides.

A text is the set of its runs of `shingle` words (Broder 1997); a shorter text is one shingle, all of its
words. Shingles are 64-bit hashes, equal on every machine (two different ones are equal with a chance of
2^-64). The smallest hash under each of many permutations makes a signature, cut into bands; texts that agree
in a whole band are candidates (Leskovec, Rajaraman, Ullman, ch. 3), and a candidate is a pair only if the true
Jaccard similarity is above the floor. So no pair is wrong; one may be missed, with the chance that `recall`
states. Texts with equal shingles are always found. Memory: 8 bytes per shingle and per text and band.
"""

from __future__ import annotations

from array import array
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from hashlib import blake2b

import numpy as np
from numpy.typing import NDArray

from homespun.errors import UsageError
from homespun.near.pairs import Pairs
from homespun.records import derive_seed

Hashes = NDArray[np.uint64]
Places = NDArray[np.int64]
Found = tuple[Places, Places, NDArray[np.float64]]  #: earlier, later, score

PERMUTATIONS = 128
RECALL = 0.99  #: least chance of finding a pair whose Jaccard similarity is the threshold
_BLOCK = 1 << 20  #: words that are hashed together
_SLICE = 1 << 15  #: shingles that are permuted together: they stay in the processor's cache
_MIX, _MIX_2 = np.uint64(0x9E3779B97F4A7C15), np.uint64(0xBF58476D1CE4E5B9)  # odd constants of splitmix64
_HALF = np.uint64(32)


@dataclass(frozen=True, slots=True)
class Banding:
    """How signatures are cut: `bands` bands of `rows` values each."""

    bands: int
    rows: int

    def recall(self, jaccard: float) -> float:
        """Return the chance that a pair of this similarity agrees in a band: 1 - (1 - s^rows)^bands."""
        return float(1 - (1 - jaccard**self.rows) ** self.bands)


def banding(threshold: float, permutations: int = PERMUTATIONS) -> Banding:
    """Return the bands with the fewest candidates that find a pair at the threshold with a chance of RECALL.

    Raises:
        UsageError: the threshold is not between 0 and 1, or so low that so many permutations cannot find it.
    """
    if not 0 < threshold < 1:
        raise UsageError(f"MinHash threshold is {threshold}; it must lie between 0 and 1, both excluded, e.g. 0.8")
    for rows in range(permutations, 0, -1):
        found = Banding(permutations // rows, rows)
        if found.recall(threshold) >= RECALL:
            return found
    raise UsageError(
        f"{permutations} permutations find a pair at {threshold} with a chance of only"
        f" {Banding(permutations, 1).recall(threshold):.2f}; take more permutations or a higher threshold"
    )


def recall(threshold: float, jaccard: float | None = None, permutations: int = PERMUTATIONS) -> float:
    """Return the chance that a pair is found by a search at `threshold`; of a pair just at it unless given."""
    return banding(threshold, permutations).recall(threshold if jaccard is None else jaccard)


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


def pairs(
    tokens: Iterable[Sequence[str]],
    floor: float,
    groups: Sequence[str] | None = None,
    *,
    shingle: int = 5,
    permutations: int = PERMUTATIONS,
    seed: int = 1,
) -> Pairs:
    """Return the pairs of texts whose shingle sets have a Jaccard similarity above `floor`.

    Of texts with equal sets in one group only the first stands as the earlier of a pair: the others would
    add nothing to what `greedy` or `chained` decides, and a thousand copies do not make a million pairs.

    Args:
        tokens: the words of each text; may be an iterator. A text without words is in no pair.
        floor: lowest threshold that can then be decided.
        groups: only texts of one group are compared; None: all.
        shingle: words of a shingle.
        permutations: length of a signature; bands are chosen from it and the floor (see `banding`).
        seed: of the permutations.

    Raises:
        UsageError: a floor or shingle that cannot be, or another number of groups than texts.
    """
    bands = banding(floor, permutations)
    sets = shingles(tokens, shingle)
    count = len(sets.starts) - 1
    if groups is not None and len(groups) != count:
        raise UsageError(f"{len(groups)} groups for {count} texts; give one each")
    filled = np.flatnonzero(sets.sizes)
    if not len(filled):
        return Pairs.of(count, floor, [], [], [])
    numbers = {group: number for number, group in enumerate(dict.fromkeys(groups or ()))}
    group_of = np.array([numbers[group] for group in groups], np.uint64)[filled] if groups else np.zeros(1, np.uint64)
    sums = np.add.reduceat(_mixed(sets.values), sets.starts[:-1][filled])
    _, first, copy_of = np.unique(_mixed(sums ^ _mixed(group_of + _MIX)), return_index=True, return_inverse=True)
    order = np.argsort(first)
    unique = filled[first[order]]  # the first text of each set, ascending
    keys = _keys(sets, unique, bands, seed) ^ _mixed(group_of + _MIX)[first[order] if groups else np.zeros(1, np.int64)]
    found = list(_above(sets, unique, keys, floor))
    earlier, later, score = (
        np.concatenate([part[column] for part in found]) if found else np.empty(0, dtype)
        for column, dtype in enumerate((np.int64, np.int64, np.float64))
    )
    rank = np.empty(len(order), dtype=np.int64)
    rank[order] = np.arange(len(order))
    return _with_copies(count, floor, filled, rank[copy_of], (earlier, later, score))


def _blocks(tokens: Iterable[Sequence[str]]) -> Iterator[tuple[Hashes, Places]]:
    """Return hashed words of some texts on end, and the number of words of each."""
    known = _WordHashes()
    block, lengths = array("Q"), array("q")
    for text in tokens:
        block.extend(map(known.__getitem__, text))
        lengths.append(len(text))
        if len(block) >= _BLOCK:
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


def _mixed(values: Hashes) -> Hashes:
    mixed = (values ^ (values >> _HALF)) * _MIX_2
    found: Hashes = mixed ^ (mixed >> _HALF)
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
        here *= _MIX
        here ^= here >> _HALF
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


def _keys(sets: Shingles, texts: Places, bands: Banding, seed: int) -> Hashes:
    """Return an array bands x texts: equal keys are equal bands of the signatures."""
    factors = np.array(
        [derive_seed(seed, "minhash", place) * 2 + 1 for place in range(bands.bands * bands.rows)], dtype=np.uint64
    ).reshape(bands.bands, bands.rows)
    keys = np.zeros((bands.bands, len(texts)), dtype=np.uint64)
    sizes = sets.sizes[texts]
    totals = np.cumsum(sizes)
    begin = 0
    while begin < len(texts):
        done = totals[begin - 1] if begin else 0
        end = max(int(np.searchsorted(totals, done + _SLICE, side="right")), begin + 1)
        values = sets.values[_ranges(sets.starts[texts[begin:end]], sizes[begin:end])]
        offsets = totals[begin:end] - sizes[begin:end] - done
        permuted = np.empty_like(values)
        for band in range(bands.bands):
            key = keys[band, begin:end]
            for factor in factors[band]:
                # Multiplying by an odd number permutes the 64-bit numbers.
                np.multiply(values, factor, out=permuted)
                key ^= np.minimum.reduceat(permuted, offsets)
                key *= _MIX
                key ^= key >> _HALF
        begin = end
    return keys


def _above(sets: Shingles, texts: Places, keys: Hashes, floor: float) -> Iterator[Found]:
    """Return pairs of places in `texts` that agree in a band and are more alike than the floor, each once."""
    for band, key in enumerate(keys):
        order = np.argsort(key, kind="stable")
        ordered = key[order]
        here = np.arange(len(order))
        for step in range(1, len(order)):
            here = here[: np.searchsorted(here, len(order) - step)]
            here = here[ordered[here] == ordered[here + step]]  # a run of equals shortens by one each time
            if not len(here):
                break
            one, other = order[here], order[here + step]
            for before in keys[:band]:
                fresh = before[one] != before[other]
                one, other = one[fresh], other[fresh]
            score = _jaccard(sets, texts[one], texts[other], floor)
            over = score > floor
            yield one[over], other[over], score[over]


def _jaccard(sets: Shingles, one: Places, other: Places, floor: float) -> NDArray[np.float64]:
    """Return the Jaccard similarity of pairs of texts; 0 where their sizes alone keep them from the floor."""
    sizes = sets.sizes
    swap = sizes[one] > sizes[other]
    small, large = np.where(swap, other, one), np.where(swap, one, other)
    scores = np.zeros(len(one))
    able = np.flatnonzero(sizes[small] > floor * sizes[large] * (1 - 1e-9))
    totals = np.cumsum(sizes[small[able]])
    begin = 0
    while begin < len(able):
        end = max(int(np.searchsorted(totals, (totals[begin - 1] if begin else 0) + _BLOCK, side="right")), begin + 1)
        part = able[begin:end]
        shared = _shared(sets, small[part], large[part])
        scores[part] = shared / (sizes[small[part]] + sizes[large[part]] - shared)
        begin = end
    return scores


def _shared(sets: Shingles, small: Places, large: Places) -> Places:
    """Return how many shingles two texts share, by a binary search of all of one's in the other's at once."""
    counts = sets.sizes[small]
    wanted = sets.values[_ranges(sets.starts[small], counts)]
    low = np.repeat(sets.starts[large], counts)
    end = np.repeat(sets.starts[large + 1], counts)
    high = end.copy()
    for _ in range(int(sets.sizes[large].max()).bit_length()):
        middle = (low + high) >> 1
        below = sets.values[np.minimum(middle, end - 1)] < wanted
        below &= low < high
        low = np.where(below, middle + 1, low)
        high = np.where(below, high, middle)
    hit = (low < end) & (sets.values[np.minimum(low, end - 1)] == wanted)
    pair_of = np.repeat(np.arange(len(small)), counts)
    return np.bincount(pair_of[hit], minlength=len(small)).astype(np.int64, copy=False)


def _ranges(starts: Places, counts: Places) -> Places:
    """Return the places of several runs on end: starts[0], starts[0] + 1, ..."""
    ends = np.cumsum(counts)
    found: Places = np.arange(ends[-1] if len(ends) else 0) + np.repeat(starts - (ends - counts), counts)
    return found


def _with_copies(count: int, floor: float, filled: Places, copy_of: Places, found: Found) -> Pairs:
    """Return the pairs of all texts from those of the first text of each set.

    Args:
        count: number of texts.
        floor: of the search.
        filled: positions of the texts that have shingles.
        copy_of: for each of them the number of its set; sets are numbered by their first text.
        found: pairs of sets, the lower number first, with their similarity.
    """
    one, other, score = found
    members = filled[np.argsort(copy_of, kind="stable")]
    sizes = np.bincount(copy_of)
    starts = np.cumsum(sizes) - sizes
    first = members[starts]
    parts = [(first[copy_of], filled, np.ones(len(filled)))]
    for left, right in ((one, other), (other, one)):  # the first of one set with every text of the other
        spread = _ranges(starts[right], sizes[right])
        parts.append((np.repeat(first[left], sizes[right]), members[spread], np.repeat(score, sizes[right])))
    earlier, later, scores = (np.concatenate(columns) for columns in zip(*parts, strict=True))
    right_way = earlier < later  # leaves out a text with itself, and what the other direction has
    return Pairs.of(count, floor, earlier[right_way], later[right_way], scores[right_way])
