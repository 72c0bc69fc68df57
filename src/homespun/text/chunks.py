"""Where a long text is cut: at ends of paragraphs or sentences, into pieces of about equal length, with overlap.

The pieces are made as even as the ends allow, so that none is a leftover of one line. Overlap is whole sentences, at
most as many as fit into it; a new section begins with its heading and repeats nothing. A sentence longer than a piece
is cut between tokens, and only there does the overlap begin inside a sentence. Spans are returned, texts never
changed: the piece is text[start:end].
"""

from __future__ import annotations

import math
import re
from bisect import bisect_left, bisect_right
from collections.abc import Callable, Sequence
from typing import Literal, NamedTuple

from homespun.text.normalise import language_of
from homespun.text.sentences import ends
from homespun.text.tokens import token_starts

Unit = Literal["tokens", "characters"]
Span = tuple[int, int]  #: first character, and the one behind the last

#: What a cut at each place costs, as a share of the size: so much further from the even length is as bad.
_SECTION, _PARAGRAPH, _SENTENCE, _LINE = -0.15, 0.0, 0.12, 0.25
_SPACE = re.compile(r"\s*")
_GAP = re.compile(r"[ \t]*\n(?:[ \t]*\n)*\s*")


class _Break(NamedTuple):
    end: int  #: a piece can end here
    next: int  #: and the next begin here
    cost: float


def cut(text: str, size: int, overlap: int = 0, unit: Unit = "tokens", headings: Sequence[Span] = ()) -> list[Span]:
    """Return the spans of the pieces of a text, in order; one where it fits into `size`, none where it is empty.

    Args:
        text: any text; paragraphs are separated by a line without text.
        size: the most tokens (TOKEN_RULE) or characters of a piece.
        overlap: the most that a piece repeats of the one before; less than `size`.
        unit: what both are counted in.
        headings: spans of the headings in it: no piece ends with one.
    """
    first, last = len(text) - len(text.lstrip()), len(text.rstrip())
    if first >= last:
        return []
    language = language_of(text)
    tokens = token_starts(text, language)
    measure: Callable[[int], int] = (
        (lambda place: bisect_left(tokens, place)) if unit == "tokens" else lambda place: place
    )
    if measure(last) - measure(first) <= size:
        return [(first, last)]
    breaks = _breaks(text, language, headings)
    places = [found.end for found in breaks]
    spans: list[Span] = []
    start = first
    while True:
        begun, rest = measure(start), measure(last) - measure(start)
        if rest <= size:
            spans.append((start, last))
            return spans
        pieces = math.ceil((rest - overlap) / (size - overlap))
        goal = (rest + overlap * (pieces - 1)) / pieces
        low = bisect_right(places, start)
        near = []
        for index in range(low, len(breaks)):
            length = measure(breaks[index].end) - begun
            if length > size:
                break
            if length > overlap and length >= goal / 2:
                near.append((abs(length - goal) / size + breaks[index].cost, -index))
        if near:
            chosen = breaks[-min(near)[1]]
            spans.append((start, chosen.end))
            start = _again(breaks, places, start, chosen, measure, overlap)
        else:
            end = _place(begun + min(size, math.ceil(goal)), start, tokens, unit)
            spans.append((start, start + len(text[start:end].rstrip())))
            start = max(start + 1, _place(measure(end) - overlap, start, tokens, unit)) if overlap else end


def _breaks(text: str, language: str, headings: Sequence[Span]) -> list[_Break]:
    """Return every place where a piece may end, in order."""
    found: list[_Break] = []
    begins, closes = {start for start, _ in headings}, {end for _, end in headings}
    start = 0
    for gap in [*_GAP.finditer(text), None]:
        end = gap.start() if gap else len(text)
        for place in ends(text[start:end], language):
            behind = start + place
            following = _SPACE.match(text, behind, end).end()  # type: ignore[union-attr]  # matches nothing, too
            if following < end:
                found.append(_Break(behind, following, _SENTENCE))
        if gap and gap.end() < len(text):
            if end not in closes:
                paragraph = gap.group().count("\n") > 1
                cost = _SECTION if gap.end() in begins else _PARAGRAPH if paragraph else _LINE
                found.append(_Break(end, gap.end(), cost))
            start = gap.end()
    return [one for one in found if one.end > 0]


def _again(
    breaks: Sequence[_Break],
    places: Sequence[int],
    start: int,
    chosen: _Break,
    measure: Callable[[int], int],
    overlap: int,
) -> int:
    """Return where the next piece begins: some sentences before the cut, as many as fit into the overlap."""
    if chosen.cost == _SECTION or not overlap:
        return chosen.next
    begin = chosen.next
    for index in range(bisect_left(places, chosen.end) - 1, -1, -1):
        earlier = breaks[index].next
        if earlier <= start or measure(chosen.end) - measure(earlier) > overlap:
            break
        begin = earlier
        if breaks[index].cost == _SECTION:
            break
    return begin


def _place(units: int, start: int, tokens: Sequence[int], unit: Unit) -> int:
    """Return the position so many units into the text, at the beginning of a token where one lies behind `start`."""
    if unit == "tokens":
        return tokens[units]
    before = tokens[max(0, bisect_right(tokens, units) - 1)]
    return before if before > start else units
