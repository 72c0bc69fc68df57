"""From bytes to text: UTF-8, UTF-16 by its mark, and the Japanese encodings; anything else has to be named.

Files in Shift_JIS (CP932), EUC-JP and ISO-2022-JP are told from others by what they decode to: Japanese text holds
kana, and more of it full-width than half-width. Western 8-bit encodings all decode every file, so a guess between
them would be silent damage.
"""

from __future__ import annotations

import codecs
import re

from homespun.sources.documents.extract import Unreadable

_MARKS = ((codecs.BOM_UTF8, "utf-8-sig"), (codecs.BOM_UTF32_LE, "utf-32"), (codecs.BOM_UTF32_BE, "utf-32"),
          (codecs.BOM_UTF16_LE, "utf-16"), (codecs.BOM_UTF16_BE, "utf-16"))  # fmt: skip
_WIDE = (codecs.BOM_UTF16_LE, codecs.BOM_UTF16_BE, codecs.BOM_UTF32_BE)  #: marks of encodings with NUL bytes in them
_LOOKED_AT = 4096  #: bytes
_JAPANESE = ("cp932", "euc_jp")
_FULL, _HALF = re.compile("[\u3041-\u30ff\u4e00-\u9fff。、]"), re.compile("[\uff61-\uff9f]")
_KANA = re.compile("[\u3041-\u30ff]")


def decode(data: bytes, encoding: str | None = None) -> tuple[str, str]:
    """Return the text of a file, line ends made newlines, and the encoding it was read in.

    Args:
        data: the whole file.
        encoding: what it is in, where it is neither UTF-8 nor begins with a byte order mark.

    Raises:
        Unreadable: it is binary, or in another encoding.
    """
    if encoding is None and data.count(0, 0, _LOOKED_AT) > len(data[:_LOOKED_AT]) / 100 and not data.startswith(_WIDE):
        raise Unreadable("is no text (it holds NUL bytes); UTF-16 without a byte order mark needs encoding: utf-16-le")
    marked = next((name for mark, name in _MARKS if data.startswith(mark)), None)
    for name in [marked] if marked else ["utf-8", *([encoding] if encoding else [])]:
        try:
            if name == "utf-8" and b"\x1b$" in data:
                break  # ISO-2022-JP is ASCII with escapes, so UTF-8 would take it
            return _lines(data.decode(name)), name
        except UnicodeDecodeError as error:
            problem = f"is not {name} (byte {error.start})"
    if marked or encoding:
        raise Unreadable(f"{problem}; save it as UTF-8")
    if b"\x1b$" in data:
        try:
            return _lines(data.decode("iso2022_jp_ext")), "iso2022_jp"
        except UnicodeDecodeError:
            pass
    if best := _japanese(data):
        return best
    raise Unreadable(
        "is neither UTF-8 nor Japanese text in Shift_JIS or EUC-JP; save it as UTF-8, or name its encoding, such as"
        " encoding: cp1252 for Western European text from Windows"
    )


def _japanese(data: bytes) -> tuple[str, str] | None:
    found: list[tuple[int, str, str]] = []
    for name in _JAPANESE:
        try:
            text = data.decode(name)
        except UnicodeDecodeError:
            continue
        full, half = len(_FULL.findall(text)), len(_HALF.findall(text))
        if full > half and _KANA.search(text):
            found.append((full - half, _lines(text), name))
    if not found:
        return None
    _, text, name = max(found, key=lambda one: one[0])
    return text, name


def _lines(text: str) -> str:
    return text.replace("\r\n", "\n").replace("\r", "\n")
