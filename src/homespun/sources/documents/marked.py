"""Markdown: the text without its marks, by markdown-it-py (CommonMark and tables).

Headings, lists, tables and code stay as lines; links keep their words and pictures their description. Front matter
gives the title and is left out.
"""

from __future__ import annotations

import re
from collections.abc import Sequence
from typing import TYPE_CHECKING

from homespun.errors import MissingExtraError
from homespun.sources.documents.extract import WIDE_LINE_END, Builder, Extract
from homespun.sources.documents.web import plain

if TYPE_CHECKING:
    from markdown_it.token import Token

_FRONT = re.compile(r"\A---[ \t]*\n(.*?)^(?:---|\.\.\.)[ \t]*(?:\n|\Z)", re.S | re.M)
_TITLE = re.compile(r"^title:[ \t]*(.+?)[ \t]*$", re.M | re.I)


def read_markdown(text: str) -> Extract:
    """Return the text of a Markdown file.

    Raises:
        MissingExtraError: markdown-it-py is not installed.
    """
    try:
        from markdown_it import MarkdownIt
    except ImportError as error:
        raise MissingExtraError(
            "Markdown files need markdown-it-py; install the extra `documents`: pip install -e '.[documents]' in the"
            " clone"
        ) from error
    title = ""
    if front := _FRONT.match(text):
        named = _TITLE.search(front.group(1))
        title = named.group(1).strip("\"'") if named else ""
        text = text[front.end() :]
    builder = Builder()
    _Walk(builder).all(MarkdownIt("commonmark").enable("table").parse(text))
    return builder.extract(title)


class _Walk:
    """Reads tokens into blocks."""

    def __init__(self, builder: Builder) -> None:
        self.builder = builder
        self.depth = 0  #: of lists
        self.mark = ""
        self.heading: int | None = None
        self.row: list[str] | None = None
        self.rows = 0

    def all(self, tokens: Sequence[Token]) -> None:
        for token in tokens:
            match token.type:
                case "heading_open":
                    self.heading = int(token.tag[1:])
                case "heading_close":
                    self.heading = None
                case "bullet_list_open" | "ordered_list_open":
                    self.depth += 1
                case "bullet_list_close" | "ordered_list_close":
                    self.depth -= 1
                case "list_item_open":
                    self.mark = f"{token.info}. " if token.info else "- "
                case "table_open":
                    self.rows = 0
                case "tr_open":
                    self.row = []
                case "tr_close":
                    self.builder.block(" | ".join(self.row or []), tight=self.rows > 0)
                    self.row, self.rows = None, self.rows + 1
                case "inline":
                    self._add(_inline(token.children or []).strip())
                case "fence" | "code_block":
                    self._add(token.content.rstrip())
                case "html_block":
                    self._add(plain(token.content).strip())

    def _add(self, text: str) -> None:
        if self.row is not None:
            self.row.append(text)
            return
        indent = "  " * (self.depth - 1) if self.depth and self.mark else ""
        self.builder.block(indent + self.mark + text, heading=self.heading, tight=bool(self.mark))
        self.mark = ""


def _inline(tokens: Sequence[Token]) -> str:
    pieces = []
    for token in tokens:
        match token.type:
            case "text" | "code_inline":
                pieces.append(token.content)
            case "softbreak":
                pieces.append("\v")
            case "hardbreak":
                pieces.append("\n")
            case "image":
                pieces.append(_inline(token.children or []))
            case "html_inline" if token.content.lower().startswith("<br"):
                pieces.append("\n")
    joined = "".join(pieces).replace("\n", "\f").replace("\v", "\n")
    return WIDE_LINE_END.sub("", joined).replace("\n", " ").replace("\f", "\n")
