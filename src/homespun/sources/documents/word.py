"""DOCX: paragraphs, lists and tables of the body in order, opened by python-docx.

The text is read off the XML, because python-docx leaves out what stands in tracked insertions, content controls and
ruby (kanji with their readings). Taken is what Word shows with all changes accepted: no deleted text, no comments, no
readings over kanji. Headers, footers, footnotes, text boxes and the table of contents are left out.
"""

from __future__ import annotations

import io
import re
from collections.abc import Iterator
from typing import Any

from homespun.errors import MissingExtraError
from homespun.sources.documents.extract import Builder, Extract, Unreadable

_W = "{http://schemas.openxmlformats.org/wordprocessingml/2006/main}"
_MC = "{http://schemas.openxmlformats.org/markup-compatibility/2006}"
_LEFT_OUT = {f"{_W}{name}" for name in ("del", "moveFrom", "rt", "pict", "drawing", "pPr", "rPr", "sdtPr")} | {
    f"{_MC}AlternateContent"
}
_HEADING = re.compile(r"heading (\d)", re.IGNORECASE)
_OLE = b"\xd0\xcf\x11\xe0"  #: how .doc files and encrypted .docx files begin


def read_docx(data: bytes) -> Extract:
    """Return the text of a DOCX file.

    Raises:
        Unreadable: it is encrypted, damaged, another format, or holds no text.
        MissingExtraError: python-docx is not installed.
    """
    try:
        import docx
    except ImportError as error:
        raise MissingExtraError(
            "DOCX files need python-docx; install the extra `documents`: pip install -e '.[documents]' in the clone"
        ) from error
    if data.startswith(_OLE):
        raise Unreadable("is encrypted, or an old .doc; save it without password as .docx")
    try:
        document = docx.Document(io.BytesIO(data))
        levels = _Levels(document.styles.element)
        builder = Builder()
        for block in _blocks(document.element.body):
            if block.tag == f"{_W}tbl":
                for index, row in enumerate(_rows(block)):
                    builder.block(row, tight=index > 0)
            else:
                _paragraph(block, levels, builder)
    except Exception as error:  # python-docx lets errors of zipfile, lxml and its own lookups through
        told = str(error).strip().splitlines()[0][:100] if str(error).strip() else ""
        raise Unreadable(
            f"is damaged or no DOCX ({type(error).__name__}: {told}); open it in a word processor and save it again"
        ) from None
    extract = builder.extract()
    if not extract.text:
        raise Unreadable("holds no text; pictures and text boxes are not read")
    return extract


def _blocks(parent: Any) -> Iterator[Any]:
    """Return paragraphs and tables in order, those in content controls and insertions too."""
    for child in parent:
        if child.tag in (f"{_W}p", f"{_W}tbl"):
            yield child
        elif child.tag in (f"{_W}sdt", f"{_W}sdtContent", f"{_W}ins", f"{_W}moveTo", f"{_W}customXml"):
            yield from _blocks(child)


class _Levels:
    """Tells headings and lists by the styles of a document."""

    def __init__(self, styles: Any) -> None:
        self.styles = {style.get(f"{_W}styleId"): style for style in styles.iter(f"{_W}style")}

    def chain(self, style_id: str | None) -> Iterator[Any]:
        """Return a style and those it is based on."""
        seen = set()
        while style_id in self.styles and style_id not in seen:
            seen.add(style_id)
            yield self.styles[style_id]
            style_id = _value(self.styles[style_id], "basedOn")

    def name(self, style_id: str | None) -> str:
        return next((_value(style, "name") or "" for style in self.chain(style_id)), "").lower()

    def level(self, paragraph: Any, style_id: str | None) -> int | None:
        """Return the level of a heading, 0 for a title, None for other paragraphs."""
        for style in self.chain(style_id):
            name = (_value(style, "name") or "").lower()
            if found := _HEADING.fullmatch(name):
                return int(found.group(1))
            if name == "title":
                return 0
        for holder in [paragraph, *self.chain(style_id)]:
            outline = holder.find(f"{_W}pPr/{_W}outlineLvl")
            if outline is not None and 0 <= int(outline.get(f"{_W}val", 9)) < 9:
                return int(outline.get(f"{_W}val")) + 1
        return None


def _value(element: Any, name: str) -> str | None:
    found = element.find(f"{_W}{name}")
    return None if found is None else found.get(f"{_W}val")


def _paragraph(paragraph: Any, levels: _Levels, builder: Builder) -> None:
    settings = paragraph.find(f"{_W}pPr")
    style_id = None if settings is None else _value(settings, "pStyle")
    name = levels.name(style_id)
    if name.startswith("toc "):
        return
    text = "".join(_text(paragraph)).strip()
    listed = name.startswith("list") or (settings is not None and settings.find(f"{_W}numPr") is not None)
    level = levels.level(paragraph, style_id)
    if level is None and listed and text:
        builder.block(f"- {text}", tight=True)
    else:
        builder.block(text, heading=level)


def _text(element: Any) -> Iterator[str]:
    for child in element:
        if child.tag in _LEFT_OUT:
            continue
        if child.tag == f"{_W}t":
            yield child.text or ""
        elif child.tag == f"{_W}tab":
            yield "\t"
        elif child.tag in (f"{_W}br", f"{_W}cr"):
            yield "\n"
        elif child.tag == f"{_W}noBreakHyphen":
            yield "-"
        else:
            yield from _text(child)


def _rows(table: Any) -> Iterator[str]:
    """Return the rows of a table, cells with | between them; a table in a cell as its text."""
    for row in table.iter(f"{_W}tr"):
        if next(row.iterancestors(f"{_W}tbl")) is not table:
            continue
        cells = (
            " ".join(" ".join("".join(_text(paragraph)).split()) for paragraph in cell.iter(f"{_W}p"))
            for cell in row.iterchildren(f"{_W}tc")
        )
        yield " | ".join(cell.strip() for cell in cells).strip(" |")
