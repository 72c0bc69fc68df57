"""The text of a file, with its headings and pages: what every reader returns, and how it is put together.

A reader of one format hands over blocks (paragraphs, headings, list items) in order; a Builder joins them. Positions
are those of the finished text, so that a piece of a document can be found again.
"""

from __future__ import annotations

import re
from bisect import bisect_right
from collections.abc import Sequence
from dataclasses import dataclass

from homespun.text.normalise import KANA, KANJI, clean

#: Between two of these a line end is no space: kana, kanji, East Asian punctuation, full-width forms.
_WIDE = f"{KANA}{KANJI}\u3000-\u303f\uff01-\uff60"
_WIDE_END, _WIDE_START = re.compile(f"[{_WIDE}]$"), re.compile(f"^[{_WIDE}]")
WIDE_LINE_END = re.compile(rf"(?<=[{_WIDE}])[ \t]*\n[ \t]*(?=[{_WIDE}])")


class Unreadable(Exception):
    """No text can be had from a file; the message says why and what to do, not which file."""


@dataclass(frozen=True, slots=True)
class Heading:
    """A heading in a text."""

    start: int
    end: int
    level: int  #: 1 and deeper; 0 is the title of the whole


@dataclass(frozen=True, slots=True)
class Extract:
    """The text of a file."""

    text: str
    title: str = ""  #: of the whole file, where it names one
    headings: tuple[Heading, ...] = ()
    pages: tuple[int, ...] = ()  #: where each page begins, in formats that have pages
    notes: tuple[str, ...] = ()  #: what a person should know, such as pages without text

    def page_at(self, place: int) -> int | None:
        """Return the number of the page, from 1, that a character stands on."""
        return bisect_right(self.pages, place) if self.pages else None

    def title_at(self, place: int) -> str:
        """Return the headings that a character stands under, from the outermost on, or else the file's title."""
        open_now: list[Heading] = []
        for heading in self.headings:
            if heading.start > place:
                break
            open_now = [*(outer for outer in open_now if outer.level < heading.level), heading]
        names = [" ".join(self.text[heading.start : heading.end].split()) for heading in open_now]
        if self.title and not any(heading.level <= 1 for heading in self.headings):
            names = [self.title, *names]
        return " > ".join(names) or self.title


class Builder:
    """Joins blocks to a text and notes where headings and pages begin."""

    def __init__(self) -> None:
        self._pieces: list[str] = []
        self._length = 0
        self._pages: list[int] = []
        self._headings: list[Heading] = []

    def page(self) -> None:
        """Begin a page with the next block."""
        self._pages.append(self._length + 2 * bool(self._length))

    def block(self, text: str, *, heading: int | None = None, tight: bool = False) -> None:
        """Add a paragraph, a heading of a level, or, if `tight`, a line that belongs to the paragraph before."""
        text = clean(f"|{text}").text[1:].lstrip("\n")  # the bar keeps an indent
        if not text.strip():
            return
        between = "" if not self._length else "\n" if tight else "\n\n"
        start = self._length + len(between)
        self._pieces += [between, text]
        self._length = start + len(text)
        if heading is not None:
            self._headings.append(Heading(start, self._length, heading))

    def extract(self, title: str = "", notes: Sequence[str] = ()) -> Extract:
        """Return what was put together."""
        text = "".join(self._pieces)
        return Extract(text, " ".join(title.split()), tuple(self._headings), tuple(self._pages), tuple(notes))


def join_lines(first: str, second: str) -> str:
    """Return two lines of one paragraph as one: with a space, but not between East Asian characters."""
    if _WIDE_END.search(first) and _WIDE_START.search(second):
        return first + second
    return f"{first} {second}"
