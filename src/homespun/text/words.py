"""Words of a text, for ROUGE-L, n-grams and lengths.

English words are those of rouge-score (`[a-z0-9]+` of the lower-cased text), so that ROUGE-L agrees with
published figures. That rule makes Japanese text empty, and two equal Japanese texts then score 0; so a
text that holds another script is never cut by it. Japanese words are SudachiPy's shortest units (mode A)
where it is installed, else single kanji and kana with runs of Latin letters and digits kept whole; the two
give different ROUGE-L, so `signature` names the one in use.
"""

from __future__ import annotations

import re
import unicodedata
from functools import cache
from importlib.metadata import PackageNotFoundError, version
from typing import TYPE_CHECKING

from homespun.text.normalise import KANA, KANJI, LATIN

if TYPE_CHECKING:
    from collections.abc import Callable

_ENGLISH = re.compile(r"[a-z0-9]+")
_UNIVERSAL = re.compile(rf"[{KANA}{KANJI}]|[^\W_{KANA}{KANJI}]+")
_SPOKEN = re.compile(rf"[{KANA}{KANJI}]|[^\W{KANA}{KANJI}]+(?:['’\-][^\W{KANA}{KANJI}]+)*")
_OTHER_SCRIPT = re.compile(rf"[^\W\d_{LATIN}]")
_PIECE = re.compile(r"[^。！？!?\n]{1,2000}[。！？!?\n]*|[。！？!?\n]+")  # SudachiPy takes some 49 kB at once


def words(text: str, language: str) -> list[str]:
    """Return the words of a text in order; never empty for a text with a letter or digit."""
    if language == "ja":
        return _japanese()(unicodedata.normalize("NFKC", text).casefold()) or _universal(text)
    if language == "en" and (text.isascii() or not _OTHER_SCRIPT.search(text)):
        return _ENGLISH.findall(text.lower()) or _universal(text)
    return _universal(text)


def length(text: str, language: str) -> int:
    """Return the length as a person counts it: characters without white space for ja, else words.

    "don't" and "well-made" are one word here, though two for ROUGE-L.
    """
    if language == "ja":
        return sum(1 for character in text if not character.isspace())
    return len(_SPOKEN.findall(text))


def unit(language: str) -> str:
    """Return what `length` counts: `words` or `characters`."""
    return "characters" if language == "ja" else "words"


def signature(language: str) -> str:
    """Return the name of the word rule in use, with versions where they matter."""
    if language == "ja":
        return _sudachi_version() or "characters"
    return "rouge-score" if language == "en" else "unicode"


def _universal(text: str) -> list[str]:
    return _UNIVERSAL.findall(unicodedata.normalize("NFKC", text).casefold())


@cache
def _sudachi_version() -> str | None:
    """Return the name of SudachiPy and its dictionary, or None where one of them is missing."""
    try:
        return f"sudachipy {version('sudachipy')} A, sudachidict {version('sudachidict-small')}"
    except PackageNotFoundError:
        return None


@cache
def _japanese() -> Callable[[str], list[str]]:
    if _sudachi_version() is None:
        return _UNIVERSAL.findall
    from sudachipy import Dictionary, SplitMode

    tokenizer = Dictionary(dict="small").tokenizer(mode=SplitMode.A)

    def split(text: str) -> list[str]:
        found = (part.surface() for piece in _PIECE.findall(text) for part in tokenizer.tokenize(piece))
        return [word for word in found if _UNIVERSAL.search(word)]  # leaves out punctuation

    return split
