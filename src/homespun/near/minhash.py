"""Near duplicates of long texts: MinHash finds candidates, the Jaccard similarity of their shingles decides.

A text is the set of its runs of `shingle` words (Broder 1997); a shorter text is one shingle, all of its
words. Shingles are 64-bit hashes, equal on every machine (two different ones are equal with a chance of
2^-64). The smallest hash under each of many permutations makes a signature, cut into bands; texts that agree
in a whole band are candidates (Leskovec, Rajaraman, Ullman, ch. 3), and a candidate is a pair only if the true
Jaccard similarity is above the floor. So no pair is wrong; one may be missed, with the chance that `recall`
states. Texts with equal shingles are always found. Memory: 8 bytes per shingle and per text and band.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from homespun.data.records import derive_seed
from homespun.errors import UsageError
from homespun.near.pairs import KEPT, Pairs, Repeats, TooManyPairsError
from homespun.near.shingles import BLOCK, HALF, MIX, Hashes, Places, Shingles, mixed, shingles

Found = tuple[Places, Places, NDArray[np.float64]]  #: earlier, later, score

PERMUTATIONS = 128
RECALL = 0.99  #: least chance of finding a pair whose Jaccard similarity is the threshold
MANY = 30  #: candidates of one text above which all are compared at once, which is then faster
_SLICE = 1 << 15  #: shingles that are permuted together: they stay in the processor's cache


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


def pairs(
    tokens: Iterable[Sequence[str]],
    floor: float,
    groups: Sequence[str] | None = None,
    *,
    shingle: int = 5,
    permutations: int = PERMUTATIONS,
    seed: int = 1,
    most: int | None = None,
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
        most: pairs to hold at most; no bound unless given.

    Raises:
        UsageError: a floor or shingle that cannot be, or another number of groups than texts.
        TooManyPairsError: there are more than `most`.
    """
    found = _Search.of(tokens, floor, groups, shingle, permutations, seed)
    parts, held = [], 0
    for part in _above(found.sets, found.unique, found.keys, floor):
        parts.append(part)
        held += len(part[0])
        if most is not None and held > most:
            raise TooManyPairsError
    earlier, later, score = (
        np.concatenate([part[column] for part in parts]) if parts else np.empty(0, dtype)
        for column, dtype in enumerate((np.int64, np.int64, np.float64))
    )
    return _with_copies(found.count, floor, found.filled, found.set_of, (earlier, later, score))


def greedy(
    tokens: Iterable[Sequence[str]],
    threshold: float,
    groups: Sequence[str] | None = None,
    *,
    shingle: int = 5,
    permutations: int = PERMUTATIONS,
    seed: int = 1,
) -> Repeats:
    """Keep a text unless its Jaccard similarity with an earlier text that is kept is above the threshold.

    The answer of near.pairs.greedy on `pairs`, comparing with kept texts only: ten thousand pages of one template
    are compared with the first of them, where all their pairs are fifty million.

    Args:
        tokens: see pairs.
        threshold: scores above it are repeats.
        groups: see pairs.
        shingle: see pairs.
        permutations: see pairs.
        seed: see pairs.

    Raises:
        UsageError: see pairs.
    """
    found = _Search.of(tokens, threshold, groups, shingle, permutations, seed)
    repeats, sets = Repeats.none(found.count), found.sets
    buckets, start = _shared_buckets(found.keys)
    kept_in: dict[int, list[int]] = {}  # bucket -> texts kept, in their order
    fate: dict[int, int] = {}  # set -> its first text, or KEPT where that repeats another
    for place, number in zip(found.filled.tolist(), found.set_of.tolist(), strict=True):
        first = fate.get(number, place)
        if first not in (place, KEPT):
            repeats.of[place], repeats.score[place] = first, 1.0
            continue
        mine = buckets[start[number] : start[number + 1]].tolist()
        best = _best(sets, place, sorted({text for bucket in mine for text in kept_in.get(bucket, ())}), threshold)
        fate[number] = place if best is None else KEPT
        if best is None:
            for bucket in mine:
                kept_in.setdefault(bucket, []).append(place)
        else:
            repeats.of[place], repeats.score[place] = best
    return repeats


def shingled(words: Sequence[str], size: int) -> list[str]:
    """Return the shingles of a text, each as one text."""
    return [" ".join(words[start : start + size]) for start in range(max(len(words) - size + 1, min(len(words), 1)))]


def jaccard(one: Sequence[str], other: Sequence[str]) -> float:
    """Return the Jaccard similarity of two sets of shingles, of which one is not empty."""
    first, second = set(one), set(other)
    return len(first & second) / len(first | second)


@dataclass(frozen=True, slots=True)
class _Search:
    """Texts made ready: their sets, equal ones counted once, and the bands of these."""

    count: int  #: number of texts
    sets: Shingles
    filled: Places  #: texts that have shingles, ascending
    set_of: Places  #: for each of them the number of its set; sets are numbered by their first text
    unique: Places  #: the first text of each set, ascending
    keys: Hashes  #: bands x sets

    @staticmethod
    def of(
        tokens: Iterable[Sequence[str]],
        floor: float,
        groups: Sequence[str] | None,
        shingle: int,
        permutations: int,
        seed: int,
    ) -> _Search:
        bands = banding(floor, permutations)
        sets = shingles(tokens, shingle)
        count = len(sets.starts) - 1
        if groups is not None and len(groups) != count:
            raise UsageError(f"{len(groups)} groups for {count} texts; give one each")
        filled = np.flatnonzero(sets.sizes)
        if not len(filled):
            return _Search(count, sets, filled, filled, filled, np.empty((bands.bands, 0), dtype=np.uint64))
        numbers = {group: number for number, group in enumerate(dict.fromkeys(groups or ()))}
        group_of = (
            np.array([numbers[group] for group in groups], np.uint64)[filled] if groups else np.zeros(1, np.uint64)
        )
        sums = np.add.reduceat(mixed(sets.values), sets.starts[:-1][filled])
        _, first, copy_of = np.unique(mixed(sums ^ mixed(group_of + MIX)), return_index=True, return_inverse=True)
        order = np.argsort(first)
        unique = filled[first[order]]
        own = mixed(group_of + MIX)[first[order] if groups else np.zeros(1, np.int64)]
        rank = np.empty(len(order), dtype=np.int64)
        rank[order] = np.arange(len(order))
        return _Search(count, sets, filled, rank[copy_of], unique, _keys(sets, unique, bands, seed) ^ own)


def _shared_buckets(keys: Hashes) -> tuple[Places, Places]:
    """Return the numbers of the buckets that a set shares with others, all sets on end, and where each set's begin."""
    owners, names, known = [np.empty(0, np.int64)], [np.empty(0, np.int64)], 0
    for key in keys:
        order = np.argsort(key, kind="stable")
        ordered = key[order]
        fresh = np.ones(len(order), dtype=np.bool_)
        fresh[1:] = ordered[1:] != ordered[:-1]
        bucket = np.cumsum(fresh) - 1
        several = np.bincount(bucket, minlength=1)[bucket] > 1
        owners.append(order[several])
        names.append(bucket[several] + known)
        known += len(order)
    owner, name = np.concatenate(owners), np.concatenate(names)
    start = np.zeros(keys.shape[1] + 1, dtype=np.int64)
    np.cumsum(np.bincount(owner, minlength=keys.shape[1]), out=start[1:])
    return name[np.argsort(owner, kind="stable")], start


def _best(sets: Shingles, place: int, others: Sequence[int], threshold: float) -> tuple[int, float] | None:
    """Return the text most like the one at `place`, the first of equals, if it is above the threshold."""
    if len(others) > MANY:
        scores = _jaccard(sets, np.array(others), np.full(len(others), place), threshold)
        best = int(scores.argmax())
        return (others[best], float(scores[best])) if scores[best] > threshold else None
    found, most = None, threshold
    mine = sets.values[sets.starts[place] : sets.starts[place + 1]]
    for other in others:
        values = sets.values[sets.starts[other] : sets.starts[other + 1]]
        small, large = (mine, values) if len(mine) <= len(values) else (values, mine)
        if len(small) <= most * len(large) * (1 - 1e-9):
            continue
        at = np.minimum(np.searchsorted(large, small), len(large) - 1)
        shared = int(np.count_nonzero(large[at] == small))
        score = shared / (len(mine) + len(values) - shared)
        if score > most:
            found, most = (other, score), score
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
                key *= MIX
                key ^= key >> HALF
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
        end = max(int(np.searchsorted(totals, (totals[begin - 1] if begin else 0) + BLOCK, side="right")), begin + 1)
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
