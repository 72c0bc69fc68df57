"""Whole sentences: where a text can be ended without ending a sentence early.

Small models go on and on; the first sentences are the ones that follow the request. Splitting is by
punctuation, with the commonest abbreviations known; no language model, no dictionary.
"""

from __future__ import annotations

import re

from homespun.text.words import length

_END = {
    "ja": re.compile(r"[。！？!?…]+[」』）)\"”]*"),
    "en": re.compile(r"[.!?…]+[\"'”’)\]]*(?=\s|$)"),
}
_ASKS = re.compile(r"(?:[?？]|か。)[」』）)\"”]*$")
_SPEAKER = re.compile(r"^[^\s:：]{1,12}\s?[:：]\s*")
_LOOK_BACK = 20  #: characters before a stop that are looked at; no abbreviation is longer
_ABBREVIATIONS = frozenset({"mr", "mrs", "ms", "dr", "st", "jr", "sr", "vs", "no", "e.g", "i.e", "etc", "vol"})


def ends(text: str, language: str) -> list[int]:
    """Return the positions just behind every sentence of a text."""
    found = []
    for match in _END.get(language, _END["en"]).finditer(text):
        before = text[max(0, match.start() - _LOOK_BACK) : match.start()].rsplit(None, 1)
        word = before[-1].lower().lstrip("\"'“‘(") if before else ""
        abbreviated = match.group().startswith(".") and (word in _ABBREVIATIONS or len(word) == 1)
        if not abbreviated or match.end() == len(text):
            found.append(match.end())
    return found


def fitting(text: str, language: str, max_length: int, cut_off: bool) -> str:
    """Return the first sentences of a text, as many as fit into `max_length` words (ja: characters).

    A text that fits is returned as it is, also without an end mark; a first sentence that does not fit is
    returned whole, so that whoever checks the length can say so. With `cut_off` the text broke off
    somewhere: what stands behind its last whole sentence is left out, and the empty string says that
    there is none.
    """
    if not cut_off and length(text, language) <= max_length:
        return text
    whole = [text[:end] for end in ends(text, language)]
    if not whole:
        return "" if cut_off else text
    fits = [prefix for prefix in whole if length(prefix, language) <= max_length]
    return fits[-1] if fits else whole[0]


def sentences(text: str, language: str) -> list[str]:
    """Return the sentences of a text; a line break ends one, too."""
    found = []
    for line in text.splitlines():
        start = 0
        for end in (*ends(line, language), len(line)):
            if sentence := line[start:end].strip():
                found.append(sentence)
            start = end
    return found


def questions(text: str, language: str) -> list[str]:
    """Return the sentences of a text that ask something, without a speaker's name before them (`Q: ...`)."""
    asked = [sentence for sentence in sentences(text, language) if _ASKS.search(sentence)]
    return [_SPEAKER.sub("", sentence) for sentence in asked]
