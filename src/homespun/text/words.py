"""Words of a text, for ROUGE-L, n-grams and lengths.

English words are those of rouge-score (`[a-z0-9]+` of the lower-cased text; `stem` as its use_stemmer), so that
ROUGE-L agrees with published figures. That rule makes Japanese text empty, and two equal Japanese texts then
score 0; so a text that holds another script is never cut by it. Japanese words are made by a tokenizer
(japanese.py), SudachiPy where it is installed; other languages are cut by Unicode's letters. The choices give
different ROUGE-L, so `signature` names the one in use.
"""

from __future__ import annotations

import re
import unicodedata
from functools import cache, lru_cache
from typing import TYPE_CHECKING

from homespun.errors import MissingExtraError
from homespun.text.japanese import Tokenizer, in_use, split, version_of
from homespun.text.normalise import KANA, KANJI, LATIN

if TYPE_CHECKING:
    from collections.abc import Callable

SHORTEST_STEMMED = 4  #: characters; rouge-score leaves shorter words alone
_ENGLISH = re.compile(r"[a-z0-9]+")
_UNIVERSAL = re.compile(rf"[{KANA}{KANJI}]|[^\W_{KANA}{KANJI}]+")
_SPOKEN = re.compile(rf"[{KANA}{KANJI}]|[^\W{KANA}{KANJI}]+(?:['’\-][^\W{KANA}{KANJI}]+)*")
_OTHER_SCRIPT = re.compile(rf"[^\W\d_{LATIN}]")


def words(text: str, language: str, *, tokenizer: Tokenizer | None = None, stem: bool = False) -> list[str]:
    """Return the words of a text in order; never empty for a text with a letter or digit.

    Args:
        text: any text.
        language: en, ja, or another.
        tokenizer: how Japanese is cut; `sudachi` unless given, or `characters` where SudachiPy is missing.
        stem: English words by their Porter stem, as rouge-score's use_stemmer.

    Raises:
        MissingExtraError: the tokenizer or the stemmer is not installed.
    """
    if language == "ja":
        return split(unicodedata.normalize("NFKC", text).casefold(), tokenizer) or _universal(text)
    if language == "en" and (text.isascii() or not _OTHER_SCRIPT.search(text)):
        found = _ENGLISH.findall(text.lower())
        if stem:
            stemmed = _stemmer()
            found = [stemmed(word) if len(word) >= SHORTEST_STEMMED else word for word in found]
        return found or _universal(text)
    return _universal(text)


def compared(text: str, language: str, *, tokenizer: Tokenizer | None = None, stem: bool = False) -> list[str]:
    """Return what rules compare of a text: its words, or the signs between spaces where it has none ("?!", "🎉").

    Arguments and errors as of `words`.
    """
    return words(text, language, tokenizer=tokenizer, stem=stem) or text.split()


def length(text: str, language: str) -> int:
    """Return the length as a person counts it: characters without white space for ja, else words.

    "don't" and "well-made" are one word here, though two for ROUGE-L.
    """
    if language == "ja":
        return len("".join(text.split()))
    return len(_SPOKEN.findall(text))


def unit(language: str) -> str:
    """Return what `length` counts: `words` or `characters`."""
    return "characters" if language == "ja" else "words"


def signature(language: str, *, tokenizer: Tokenizer | None = None, stem: bool = False) -> str:
    """Return the name of the word rule in use, with versions where they matter.

    Raises:
        MissingExtraError: the tokenizer is not installed.
    """
    if language == "ja":
        return version_of(in_use(tokenizer))
    if language == "en":
        return "rouge-score, Porter stems" if stem else "rouge-score"
    return "unicode"


def _universal(text: str) -> list[str]:
    return _UNIVERSAL.findall(unicodedata.normalize("NFKC", text).casefold())


@cache
def _stemmer() -> Callable[[str], str]:
    try:
        from nltk.stem.porter import PorterStemmer
    except ImportError as error:
        raise MissingExtraError(
            "stems of English words need NLTK; install the extra `stem`: pip install -e '.[stem]' in the clone"
        ) from error
    stem: Callable[[str], str] = lru_cache(maxsize=1 << 18)(PorterStemmer().stem)
    return stem
