"""Tokens counted without a model: near to Llama 3's own count, and the same on every machine.

For lengths that people set and compare, such as those of chunks and of the corpus. What a model makes of a text is
its tokenizer's business (docs/corpus.md has figures for both).
"""

from __future__ import annotations

import re
from array import array

from homespun.text.normalise import KANJI, LATIN

TOKEN_RULE = {
    "en": "words, numbers and punctuation marks",
    "ja": "runs of kanji, of katakana, of letters and of digits; every hiragana and mark by itself",
}
_TOKEN = {
    "en": re.compile(r"\w+|[^\w\s]"),
    "ja": re.compile(rf"[{KANJI}]+|[\u30a1-\u30ff]+|[{LATIN}]+|\d+|\S"),
}


def count_tokens(text: str, language: str) -> int:
    """Return the number of tokens by TOKEN_RULE (languages: en, ja)."""
    return len(_TOKEN[language].findall(text))


def token_starts(text: str, language: str) -> array[int]:
    """Return the position of every token's first character, ascending."""
    return array("q", (found.start() for found in _TOKEN[language].finditer(text)))
