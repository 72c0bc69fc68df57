"""PDF: the text of each page, by pypdf, with lines joined to paragraphs again.

A PDF holds places of letters, no paragraphs. A line that fills the width is joined with the next; lines that most
pages begin or end with (running titles, page numbers) are left out. Columns come in the order of the file; tables
lose their form, footnotes stand in the text, pictures are not read: a scanned file has no text and says so.
"""

from __future__ import annotations

import io
import logging
import re
import unicodedata
from collections import Counter

from homespun.errors import MissingExtraError
from homespun.sources.documents.extract import Builder, Extract, Unreadable, join_lines

_FULL_LINE = 0.75  #: share of the usual width from which a line goes on in the next
_BEGINS_ANEW = re.compile(r"^(?:[•‣◦・●○■□*–-]\s?|\(?\d{1,3}[.)）]\s)")
_LEADER = re.compile(r"(?:\. ?){5,}\s*\w{0,5}$|[…‥・]{3,}\s*\d{1,4}$")  #: dots that lead to the number of a page
_DIGITS = re.compile(r"\d+")
_LIGATURES = str.maketrans({"ﬀ": "ff", "ﬁ": "fi", "ﬂ": "fl", "ﬃ": "ffi", "ﬄ": "ffl", "ﬅ": "st", "ﬆ": "st"})


def read_pdf(data: bytes) -> Extract:
    """Return the text of a PDF file.

    Raises:
        Unreadable: it is encrypted, damaged, or holds no text.
        MissingExtraError: pypdf is not installed.
    """
    try:
        import pypdf
        from pypdf.errors import DependencyError
    except ImportError as error:
        raise MissingExtraError(
            "PDF files need pypdf; install the extra `documents`: pip install -e '.[documents]' in the clone"
        ) from error
    logging.getLogger("pypdf").setLevel(logging.CRITICAL)  # its warnings name no file
    pages: list[list[str]] = []
    try:
        reader = pypdf.PdfReader(io.BytesIO(data))
        if reader.is_encrypted and not reader.decrypt(""):
            raise Unreadable("is encrypted; write a copy without password: qpdf --password=PASSWORD --decrypt IN OUT")
        for page in reader.pages:
            pages.append(_lines_of(page.extract_text()))  # the count tells where it broke
    except Unreadable:
        raise
    except DependencyError:
        raise Unreadable(
            "is encrypted with AES; pip install cryptography, or write a copy without: qpdf --decrypt IN OUT"
        ) from None
    except Exception as error:  # pypdf: "broken PDF files might cause other exceptions"
        where = f" at page {len(pages) + 1}" if pages else ""
        raise Unreadable(
            f"is damaged or no PDF{where} ({type(error).__name__}: {error}); open it in a viewer and save it again"
        ) from None
    return _joined(pages)


def _joined(pages: list[list[str]]) -> Extract:
    bare = sum(1 for lines in pages if not lines)
    if bare == len(pages):
        raise Unreadable(
            f"holds no text on its {len(pages)} page{'s' * (len(pages) != 1)}: it is scanned, or empty. Give it a text"
            " layer first (OCR), for example: ocrmypdf IN OUT"
        )
    builder = Builder()
    pages = _without_running(pages)
    widths = sorted(_width(line) for lines in pages for line in lines)
    usual = widths[int(0.9 * (len(widths) - 1))] if widths else 0
    for lines in pages:
        builder.page()
        for paragraph in _paragraphs(lines, usual):
            builder.block(paragraph)
    notes = [f"{bare} of {len(pages)} pages hold no text; they may be scanned"] if bare else []
    return builder.extract(notes=notes)


def _lines_of(text: str) -> list[str]:
    """Return the lines of a page that are not blank, stripped; those of a table of contents are left out."""
    lines = (" ".join(line.translate(_LIGATURES).split(" ")).strip() for line in text.splitlines())
    return [line for line in lines if line and not _LEADER.search(line)]


def _without_running(pages: list[list[str]]) -> list[list[str]]:
    """Leave out first and last lines that half of the pages or more have, numbers aside; of three pages or more."""
    for place in (0, -1):
        seen = Counter(_DIGITS.sub("#", lines[place]) for lines in pages if lines)
        running = {line for line, count in seen.items() if count >= 3 and count >= len(pages) / 2}
        pages = [
            (lines[1:] if place == 0 else lines[:-1]) if lines and _DIGITS.sub("#", lines[place]) in running else lines
            for lines in pages
        ]
    return pages


def _width(line: str) -> int:
    """Return the room that a line takes: East Asian characters are twice as wide."""
    return sum(2 if unicodedata.east_asian_width(character) in "WF" else 1 for character in line)


def _paragraphs(lines: list[str], usual: int) -> list[str]:
    """Join lines that fill the width with the next one; a hyphen between small letters goes."""
    found: list[str] = []
    goes_on = False
    for line in lines:
        if goes_on and not _BEGINS_ANEW.match(line):
            found[-1] = _continued(found[-1], line)
        else:
            found.append(line)
        goes_on = _width(line) >= _FULL_LINE * usual or line.endswith(("-", "\u00ad"))
    return found


def _continued(text: str, line: str) -> str:
    if text.endswith("\u00ad"):
        return text[:-1] + line
    if re.search(r"[a-z]-$", text) and line[:1].islower():
        return text[:-1] + line
    return join_lines(text, line)
