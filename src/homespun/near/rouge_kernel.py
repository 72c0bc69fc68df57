"""The ROUGE-L join as compiled code (numba, the extra `fast`); near/rouge.py gives the same answers without it.

Per text: the postings of its prefix elements; of each text found there, in this order, whether its length
can pass, whether 64 bits of it say that too few elements are shared (bitmap filter, Sandes et al. 2019),
how many elements are shared, and at last the LCS (bit-parallel, Hyyro 2004, in columns of 64 tokens with
the carries kept in between, so that one giant text needs no giant table).
"""

from __future__ import annotations

from typing import Any

import numpy as np
from numba import njit

_MANY = np.uint64(0x9E3779B97F4A7C15)  # 2**64 / golden ratio: spreads neighbouring numbers
_TOP = np.uint64(58)
_ONE, _TWO, _FOUR = np.uint64(1), np.uint64(2), np.uint64(4)
_ODD, _PAIRS = np.uint64(0x5555555555555555), np.uint64(0x3333333333333333)
_NIBBLES, _BYTES, _LAST = np.uint64(0x0F0F0F0F0F0F0F0F), np.uint64(0x0101010101010101), np.uint64(56)


@njit(cache=True, inline="always")
def _ones(x: Any) -> Any:
    """Count the bits that are set."""
    x = x - ((x >> _ONE) & _ODD)
    x = (x & _PAIRS) + ((x >> _TWO) & _PAIRS)
    return (((x + (x >> _FOUR)) & _NIBBLES) * _BYTES) >> _LAST


@njit(cache=True)
def _signatures(start: Any, elements: Any) -> Any:
    """Return 64 bits per text: bit b says whether an odd number of its elements fall on b."""
    found = np.zeros(len(start) - 1, dtype=np.uint64)
    for text in range(len(found)):
        bits = np.uint64(0)
        for place in range(start[text], start[text + 1]):
            bits ^= _ONE << ((np.uint64(elements[place]) * _MANY) >> _TOP)
        found[text] = bits
    return found


@njit(cache=True)
def _enough_shared(elements: Any, a: Any, a_end: Any, b: Any, b_end: Any, need: Any) -> Any:
    """Say whether two ascending stretches share at least `need` elements."""
    while need > 0:
        if min(a_end - a, b_end - b) < need:
            return False
        left, right = elements[a], elements[b]
        if left == right:
            need -= 1
        a += left <= right
        b += right <= left
    return True


@njit(cache=True)
def _lcs(tokens: Any, a: Any, a_end: Any, b: Any, b_end: Any, masks: Any, carries: Any) -> Any:
    """Return the length of the longest common subsequence of two stretches of tokens.

    `masks` (one word per token of the vocabulary) is all zero before and after; `carries` (one byte per token
    of the longest text) may hold anything.
    """
    if a_end - a > b_end - b:
        a, a_end, b, b_end = b, b_end, a, a_end
    size = b_end - b
    carries[:size] = 0
    length = np.int64(0)
    for left in range(a, a_end, 64):
        width = min(64, a_end - left)
        for place in range(width):
            masks[tokens[left + place]] |= _ONE << np.uint64(place)
        row = ~np.uint64(0)
        for place in range(size):
            hit = row & masks[tokens[b + place]]
            carried = np.uint64(carries[place])
            total = row + hit
            over = total < row
            total += carried
            carries[place] = over | (total < carried)
            row = total | (row - hit)
        if width < 64:
            row |= ~np.uint64(0) << np.uint64(width)
        length += 64 - np.int64(_ones(row))
        for place in range(width):
            masks[tokens[left + place]] = 0
    return length


@njit(cache=True, nogil=True)
def join(
    start: Any,
    tokens: Any,
    elements: Any,
    prefix: Any,
    vocabulary: Any,
    kinds: Any,
    need: Any,
    threshold: Any,
    published: Any,
    every: Any,
    most: Any,
) -> Any:
    """Compare texts in their order and return (of, score, earlier, later, scores).

    Args:
        start: bounds of the texts in `tokens` and `elements`, one more than there are texts.
        tokens: the texts.
        elements: per text its elements, the rarest first.
        prefix: per text the number of elements by which it is looked up.
        vocabulary: number of tokens.
        kinds: number of elements.
        need: by m + n, the smallest LCS of two texts of m and n tokens that can pass.
        threshold: an F above it passes.
        published: compute F as rouge-score does.
        every: False: only texts that repeat none before them are looked up later (greedy); True: all are, and all
            pairs are returned.
        most: stop when there are more pairs than this.

    `of` is -1 or the earlier text with the highest F, `score` that F or nan; the last three are the pairs.
    """
    count = len(start) - 1
    size = np.zeros(kinds + 1, dtype=np.int64)
    for text in range(count):
        for place in range(start[text], start[text] + prefix[text]):
            size[elements[place] + 1] += 1
    first = np.cumsum(size)
    end = first[:-1].copy()
    posted_text = np.empty(first[-1], dtype=np.int32)
    posted_size = np.empty(first[-1], dtype=np.int32)
    posted_bits = np.empty(first[-1], dtype=np.uint64)
    bits = _signatures(start, elements)
    seen = np.full(count, -1, dtype=np.int32)
    masks = np.zeros(vocabulary, dtype=np.uint64)
    carries = np.zeros(np.diff(start).max() if count else 0, dtype=np.uint8)
    of = np.full(count, -1, dtype=np.int32)
    score = np.full(count, np.nan)
    room = 1024 if every else 1
    earlier, later, scores = np.empty(room, np.int32), np.empty(room, np.int32), np.empty(room)
    pairs = 0
    for text in range(count):
        begin, stop = start[text], start[text + 1]
        m = stop - begin
        for place in range(begin, begin + prefix[text]):
            element = elements[place]
            for spot in range(first[element], end[element]):
                n = posted_size[spot]
                least = need[m + n]
                if least > min(m, n) or m + n - np.int64(_ones(bits[text] ^ posted_bits[spot])) < 2 * least:
                    continue
                other = posted_text[spot]
                if seen[other] == text:
                    continue
                seen[other] = text
                if not _enough_shared(elements, begin, stop, start[other], start[other + 1], least):
                    continue
                common = _lcs(tokens, begin, stop, start[other], start[other + 1], masks, carries)
                if common < least:
                    continue
                f = 2 * common / (m + n)
                if published:
                    precision, recall = common / n, common / m
                    f = 2 * precision * recall / (precision + recall)
                if not f > threshold:
                    continue
                if every:
                    if pairs == len(earlier):
                        earlier = np.concatenate((earlier, np.empty_like(earlier)))
                        later = np.concatenate((later, np.empty_like(later)))
                        scores = np.concatenate((scores, np.empty_like(scores)))
                    earlier[pairs], later[pairs], scores[pairs] = other, text, f
                    pairs += 1
                    if pairs > most:
                        return of, score, earlier[:pairs], later[:pairs], scores[:pairs]
                if of[text] == -1 or f > score[text] or (f == score[text] and other < of[text]):
                    of[text], score[text] = other, f
        if every or of[text] == -1:
            for place in range(begin, begin + prefix[text]):
                element = elements[place]
                spot = end[element]
                posted_text[spot], posted_size[spot], posted_bits[spot] = text, m, bits[text]
                end[element] = spot + 1
    return of, score, earlier[:pairs], later[:pairs], scores[:pairs]
