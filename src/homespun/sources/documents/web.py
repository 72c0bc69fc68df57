"""HTML: what a reader of the page reads, by lxml: the main part, without navigation, scripts and hidden text.

The main part is `<main>`, or the only `<article>`, or else the body without what stands around it. Pages that mark
none of these keep their menus; a tool that guesses them from the words (trafilatura, say) can write text files first.
Readings over kanji (ruby) are left out. Nothing is fetched.
"""

from __future__ import annotations

import re
from typing import Any

from homespun.errors import MissingExtraError
from homespun.sources.documents.decode import decode
from homespun.sources.documents.extract import WIDE_LINE_END, Builder, Extract, Unreadable

_NEVER = (
    "script style noscript template svg math canvas object embed iframe audio video map rt rp button select input"
    " textarea option datalist dialog"
).split()
_AROUND = "nav aside footer header menu".split()
_ROLES = "navigation banner contentinfo search complementary menu dialog".split()
_BLOCKS = frozenset(
    "address article aside blockquote body caption center dd details div dl dt fieldset figcaption figure footer form"
    " h1 h2 h3 h4 h5 h6 header hr html legend li main menu nav ol p pre section summary table tbody tfoot thead tr ul"
    .split()
)  # fmt: skip
_HEADING = re.compile(r"h([1-6])$")
_CHARSET = re.compile(rb"<meta[^>]{0,200}charset\s*=\s*[\"']?\s*([\w-]+)|<\?xml[^>]{0,100}encoding=[\"']([\w-]+)", re.I)
_SPACE, _BREAK = re.compile(r"[ \t\n\f\r\u00a0\u200b]+"), "\v"


def read_html(data: bytes, encoding: str | None = None) -> Extract:
    """Return the text of an HTML file.

    Raises:
        Unreadable: it is in an unknown encoding, or holds no text.
        MissingExtraError: lxml is not installed.
    """
    try:
        import lxml.etree
        import lxml.html
    except ImportError as error:
        raise MissingExtraError(
            "HTML files need lxml; install the extra `documents`: pip install -e '.[documents]' in the clone"
        ) from error
    text, used = _decoded(data, encoding)
    notes = [] if used.startswith(("utf-8", "utf-16", "utf-32")) or used == encoding else [f"read as {used}"]
    parser = lxml.html.HTMLParser(
        encoding="utf-8", remove_comments=True, remove_pis=True, no_network=True, huge_tree=True
    )
    try:
        root = lxml.html.document_fromstring(text.encode("utf-8", "replace"), parser=parser)
    except (lxml.etree.ParserError, lxml.etree.XMLSyntaxError, AssertionError):
        raise Unreadable("holds no text") from None
    title = root.findtext(".//title") or ""
    _drop(root, [f"//{name}" for name in _NEVER])
    _drop(root, ["//*[@hidden]", "//*[contains(translate(@style, ' ', ''), 'display:none')]"])
    for main in (_main(root), root.find("body")):
        if main is not None:
            builder = Builder()
            _Walk(builder).all(main)
            extract = builder.extract(title, notes)
            if extract.text:
                return extract
    raise Unreadable("holds no text; a page that is drawn by scripts has to be saved from a browser, as it is shown")


def plain(fragment: str) -> str:
    """Return the text of a piece of HTML inside another format, tags and comments taken out."""
    return re.sub(r"<!--.*?-->|<(script|style)\b.*?</\1\s*>|<[^>]*>", "", fragment, flags=re.S | re.I)


def _decoded(data: bytes, encoding: str | None) -> tuple[str, str]:
    """Decode by what the page says of itself, unless that is wrong."""
    found = _CHARSET.search(data[:4096])
    name = "" if found is None else (found.group(1) or found.group(2)).decode("ascii").lower()
    if name and not name.startswith("utf") and not data.startswith((b"\xef\xbb\xbf", b"\xff\xfe", b"\xfe\xff")):
        name = {"shift_jis": "cp932", "x-sjis": "cp932", "iso-8859-1": "cp1252"}.get(name, name)
        try:
            return data.decode(name), f"utf-8 ({name})"
        except (UnicodeDecodeError, LookupError):
            pass
    return decode(data, encoding)


def _drop(root: Any, paths: list[str]) -> None:
    for path in paths:
        for element in root.xpath(path):
            if element.getparent() is not None:
                element.drop_tree()


def _main(root: Any) -> Any:
    mains = root.xpath("//main") or root.xpath("//*[@role='main']")
    if not mains:
        mains = root.xpath("//article")
    if len(mains) == 1:
        chosen = mains[0]
        _drop(chosen, [f".//{name}" for name in ("nav", "aside", "menu")])
        return chosen
    inside = "not(ancestor::article)"
    _drop(root, [f"//{name}[{inside}]" for name in _AROUND])
    _drop(root, [f"//*[@role='{role}' and {inside}]" for role in _ROLES])
    return root.find("body")


class _Walk:
    """Reads a tree into blocks, without recursion: pages may be nested deep (lxml reads 2,048 levels)."""

    def __init__(self, builder: Builder) -> None:
        self.builder = builder
        self.buffer: list[str] = []
        self.heading: int | None = None
        self.mark = ""  #: what the next block begins with: the sign or number of a list item
        self.tight = False
        self.verbatim = 0  #: depth of <pre>

    def all(self, root: Any) -> None:
        import lxml.etree

        for event, element in lxml.etree.iterwalk(root, events=("start", "end")):
            if not isinstance(element.tag, str):
                continue
            if event == "start":
                self._start(element)
            else:
                self._end(element)
                if element is not root:
                    self._text(element.tail)
        self._flush()

    def _start(self, element: Any) -> None:
        tag = element.tag
        if tag in _BLOCKS:
            self._flush()
        if found := _HEADING.match(tag):
            self.heading = int(found.group(1))
        elif tag == "br":
            self.buffer.append(_BREAK)
        elif tag == "pre":
            self.verbatim += 1
        elif tag == "li":
            self.mark = _mark(element)
        elif tag in ("td", "th") and "".join(self.buffer).strip():
            self.buffer.append(" | ")
        self.tight = self.tight or tag == "li" or (tag == "tr" and element.getprevious() is not None)
        self._text(element.text)

    def _end(self, element: Any) -> None:
        if element.tag in _BLOCKS:
            self._flush()
        if element.tag == "pre":
            self.verbatim -= 1
        if element.tag in ("li", "tr"):
            self.mark, self.tight = "", False

    def _text(self, text: str | None) -> None:
        if not text:
            return
        if self.verbatim:
            self.buffer.append(text.replace("\n", _BREAK))
        else:
            self.buffer.append(text)

    def _flush(self) -> None:
        joined = "".join(self.buffer)
        self.buffer.clear()
        if not self.verbatim:
            joined = _SPACE.sub(" ", WIDE_LINE_END.sub("", joined))
        text = re.sub(f" *{_BREAK} *" if not self.verbatim else _BREAK, "\n", joined).strip()
        text = text.strip("\n") if self.verbatim else text.removesuffix(" |")
        if not text:
            return
        self.builder.block(self.mark + text, heading=self.heading, tight=self.tight)
        self.mark, self.tight, self.heading = "", False, None


def _mark(item: Any) -> str:
    parent = item.getparent()
    if parent is None or parent.tag != "ol":
        return "- "
    first = parent.get("start", "1")
    before = sum(1 for _ in item.itersiblings("li", preceding=True))
    return f"{before + (int(first) if first.isdigit() else 1)}. "
