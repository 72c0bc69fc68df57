"""Text made comparable, text made storable, and how much of a text is in a language's script.

`comparable` is for comparing, deduplicating and parsing only (methods.md 0): NFKC, case folded, white
space collapsed; stored text is never changed beyond `clean`. NFKC also turns full-width ［［５］］ into
[[5]], which every Japanese judge reply needs. No language identification: scripts are counted, so French
passes for English.
"""

from __future__ import annotations

import re
import unicodedata
from typing import NamedTuple

KANA = "\u3041-\u309f\u30a1-\u30ff\u31f0-\u31ff\uff66-\uff9f"
KANJI = "\u3005\u3007\u3400-\u4dbf\u4e00-\u9fff\uf900-\ufaff\U00020000-\U0003134f"
LATIN = "A-Za-z\u00aa\u00ba\u00c0-\u00d6\u00d8-\u00f6\u00f8-\u024f\u1e00-\u1eff\uff21-\uff3a\uff41-\uff5a"

_SCRIPTS = {"en": re.compile(f"[{LATIN}]"), "ja": re.compile(f"[{KANA}{KANJI}]")}
_KANA = re.compile(f"[{KANA}]")
_LOOKED_AT = 20_000  #: characters of a text that tell its language
_SURROGATE = re.compile("[\ud800-\udfff]")


class Cleaned(NamedTuple):
    """A text that can be stored as UTF-8, and whether something broken was repaired on the way."""

    text: str
    repaired: bool  #: a lone surrogate became U+FFFD, or a NUL was removed


def comparable(text: str) -> str:
    """Return the form in which two texts are compared: NFKC, case folded, single spaces."""
    return " ".join(unicodedata.normalize("NFKC", text).casefold().split())


def comparable_lines(text: str) -> str:
    """Return a text in comparable form, its lines and spaces as they are."""
    return unicodedata.normalize("NFKC", text).casefold()


def clean(text: str) -> Cleaned:
    """Return the text to store: stripped, without NUL, valid as UTF-8."""
    sound = _SURROGATE.sub("\ufffd", text.replace("\0", ""))
    return Cleaned(sound.strip(), sound != text)


def script_share(text: str, language: str) -> float:
    """Return the share of letters that belong to the language's script, 0 to 1.

    Japanese without a single kana counts as 0 from eight letters on: that is Chinese, or a list of names.
    A text without letters, and a language whose script is not known here, give 1.
    """
    script = _SCRIPTS.get(language)
    letters = "".join(filter(str.isalpha, text))
    if script is None or not letters:
        return 1.0
    if language == "ja" and len(letters) >= 8 and not _KANA.search(text):
        return 0.0
    return len(script.findall(letters)) / len(letters)


def language_of(text: str) -> str:
    """Return the language whose words, sentences and prompts fit a text: ja where a tenth of it is kana or kanji."""
    seen = text[:_LOOKED_AT]
    found = 0 if seen.isascii() else len(_SCRIPTS["ja"].findall(seen))
    return "ja" if found and found * 10 >= sum(map(str.isalnum, seen)) else "en"
