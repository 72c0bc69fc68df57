"""Reading model answers: keywords, a row, a label, a rating. Tolerant, total, and never raising.

Every function accepts any text whatever and answers with a value or with why there is none; what a small
model adds around the value (quotes, labels, bullets, code fences, talk) is taken off. A value is never
guessed: a repaired answer is the same words, unwrapped. Ratings and labels follow methods.md A4.
"""

from __future__ import annotations

import json
import re
import unicodedata
from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Literal

from homespun.text.normalise import clean, comparable
from homespun.text.phrases import refusal
from homespun.text.words import length

Format = Literal["plain", "json"]


@dataclass(frozen=True, slots=True)
class Parsed:
    """A value, or None and why not. Exactly one of the two says something."""

    value: str | None
    problem: str = ""


_RATING = re.compile(r"\[\[\s*(\d{1,9})\s*\]\]")
_LABEL_LINE = re.compile(r"(?:label|ラベル)[\W_]*?[:=][ \t]*([^\n]*)")
_SEPARATORS = re.compile(r"[\s_\-]+")
_WRAPPING = " \t\r\n*_`#>\"'“”‘’«»「」『』()[]{}<.。,、:;!-"
_NEGATED_BEFORE = re.compile(r"(?:\bnot|n['’]t|\bneither|\bnor|\bnever|\bno)(?: \w+)?\s*$|\bnon\s*$|[非不未無]$")
_NEGATED_AFTER = re.compile(r"^\W{0,2}(?:的)?(?:では|じゃ|で)(?:な|あり)")


def parse_rating(answer: str) -> int | None:
    """Return the last `[[n]]` after NFKC if 1 <= n <= 5, else None."""
    found = _RATING.findall(unicodedata.normalize("NFKC", answer))
    if not found or not 1 <= int(found[-1]) <= 5:
        return None
    return int(found[-1])


def parse_label(answer: str, labels: Sequence[str]) -> str | None:
    """Return the label that an answer names, or None if none, several, or `UNSURE`.

    In this order: the last `LABEL: x` decides alone; else a label at the start of the answer; else the only
    label that occurs in it, unless negated ("not positive"). Case, width, `_` and `-` do not matter.
    """
    names = {_flat(label): label for label in labels}
    lines = "\n".join(comparable(line) for line in answer.splitlines())
    stated = _LABEL_LINE.findall(lines)
    if stated:
        return _leading(stated[-1], names)
    flat = _flat(answer)
    return _leading(flat, names) or _only(flat, names)


def _flat(text: str) -> str:
    return _SEPARATORS.sub(" ", comparable(text)).strip()


def _find(flat: str, names: dict[str, str]) -> list[tuple[int, int, str]]:
    """Return (start, end, label) of every label in a flat text; a longer label hides one inside it."""
    found: list[tuple[int, int, str]] = []
    for name in sorted((name for name in names if name), key=len, reverse=True):
        before = r"(?<![a-z0-9])" if name[0].isascii() else ""
        after = r"(?![a-z0-9])" if name[-1].isascii() else ""
        for match in re.finditer(before + re.escape(name) + after, flat):
            if all(match.end() <= start or match.start() >= end for start, end, _ in found):
                found.append((match.start(), match.end(), names[name]))
    return sorted(found)


def _leading(text: str, names: dict[str, str]) -> str | None:
    flat = _flat(text).lstrip(_WRAPPING)
    found = _find(flat, names)
    if not found or found[0][0] != 0:
        return None
    if len(found) > 1 and found[1][2] != found[0][2]:
        between = flat[found[0][1] : found[1][0]].strip(_WRAPPING + "<>")
        if between in ("", "/", "|", "or", "and", "または", "か", "と"):
            return None  # "positive or negative" names both
    if _NEGATED_AFTER.match(flat[found[0][1] :]):
        return None
    return found[0][2]


def _only(flat: str, names: dict[str, str]) -> str | None:
    found = _find(flat, names)
    if len({label for _, _, label in found}) != 1:
        return None
    for start, end, _ in found:
        if _NEGATED_BEFORE.search(flat[:start]) or _NEGATED_AFTER.match(flat[end:]):
            return None
    return found[0][2]


_FENCE = re.compile(r"```[\w-]*[ \t]*\n?(.*?)(?:```|\Z)", re.DOTALL)
_QUOTES = {'"': '"', "“": "”", "'": "'", "‘": "’", "「": "」", "『": "』", "«": "»", "*": "*", "`": "`"}


def parse_row(answer: str, format: Format, field: str, language: str) -> Parsed:
    """Return the text of one row.

    `plain`: what remains without fences, a leading `Field:` and quotes around the whole; its first
    paragraph. `json`: the field of the first JSON object, whatever stands around it.
    """
    text = clean(answer).text
    if not text:
        return Parsed(None, "empty answer")
    fenced = _FENCE.search(text)
    if fenced and fenced.group(1).strip():
        text = fenced.group(1).strip()
    if format == "json":
        found = _json_field(text, field)
    else:
        found = Parsed(_unwrapped(text, field) or None, "nothing left without quotes and labels")
    if found.value is None:
        refused = refusal(comparable(text))
        return Parsed(None, f'refusal: "{refused}"' if refused else found.problem)
    return Parsed(clean(found.value).text)


def _unwrapped(text: str, field: str) -> str:
    heading = re.compile(rf"^[*_#\s]*{re.escape(field)}[*_\s]*[:：][*_\s]*", re.IGNORECASE)
    text = heading.sub("", text)
    text = re.split(r"\n\s*\n", text.strip(), maxsplit=1)[0]
    previous = None
    while text != previous:
        previous = text
        text = heading.sub("", text).strip()
        closing = _QUOTES.get(text[:1])
        if closing and len(text) > 1 and text.endswith(closing) and text.count(closing) <= 2:
            text = text[1:-1].strip()
        elif closing and text[:1] not in "'‘*`" and text.count(text[0]) == 1 and closing not in text[1:]:
            text = text[1:].strip()  # the closing quote was the stop string
        elif text and text[-1] in '"”」' and text.count(text[-1]) == 1 and not set('"“「') & set(text[:-1]):
            text = text[:-1].strip()  # the opening quote was in the prefill
    return " ".join(text.split())


def _json_value(text: str, opening: str) -> object | None:
    """Return the first JSON value that begins with `opening`, or None."""
    decoder = json.JSONDecoder(strict=False)
    start = text.find(opening)
    while start != -1:
        try:
            value: object = decoder.raw_decode(text, start)[0]
            return value
        except (ValueError, RecursionError):
            start = text.find(opening, start + 1) if text.count(opening) < 50 else -1
    return None


def _json_field(text: str, field: str) -> Parsed:
    value = _json_value(text, "{")
    if not isinstance(value, dict):
        return Parsed(None, "no JSON object" if "{" not in text else "JSON does not parse")
    wanted = comparable(field)
    matching = [item for name, item in value.items() if comparable(str(name)) == wanted]
    if not matching and len(value) == 1:
        matching = list(value.values())  # one value under another name is the same words, unwrapped
    if not matching:
        return Parsed(None, f'JSON has no "{field}"')
    if not isinstance(matching[0], str) or not matching[0].strip():
        return Parsed(None, f'JSON "{field}" is no text')
    return Parsed(matching[0])


_BULLET = re.compile(r"^\s*(?:[-*•・–—]|\(?\d{1,3}[.．):）：、]|\d{1,3}\s)\s*")
_MAX_LENGTH = {"ja": 20}  #: characters; other languages: 4 words


def parse_keywords(answer: str, language: str, avoid: Sequence[str] = ()) -> list[str]:
    """Return the short phrases of an answer in order, without repeats; empty if there are none.

    A JSON array, else one phrase a line (bullets and numbers taken off), else one line cut at commas.
    Left out: longer phrases (over four words; ja: twenty characters), lines that end with a colon, and
    phrases with a word that begins like one of `avoid` (labels and field names of three letters or more:
    "positive vibes" and "movie reviews" are no topics).
    """
    stems = [_flat(word) for word in avoid if len(_flat(word)) > (2 if word.isascii() else 1)]
    starts = "|".join((r"(?<![a-z0-9])" if stem.isascii() else "") + re.escape(stem) for stem in stems)
    avoided = re.compile(starts) if stems else None
    text = clean(answer).text
    fenced = _FENCE.search(text)
    if fenced and fenced.group(1).strip():
        text = fenced.group(1)
    value = _json_value(text, "[")
    if isinstance(value, list) and any(isinstance(item, str) for item in value):
        lines = [item for item in value if isinstance(item, str)]
    else:
        lines = text.splitlines()
        if len([line for line in lines if line.strip()]) == 1:
            lines = re.split(r"[,、，;；]", lines[0]) if lines else []
    found: dict[str, str] = {}
    for line in lines:
        phrase = _phrase(line)
        plain = _flat(phrase)
        if phrase and _short(phrase, language) and not refusal(plain) and not (avoided and avoided.search(plain)):
            found.setdefault(comparable(phrase), phrase)
    return list(found.values())


def rank_keywords(answers: Sequence[Sequence[str]]) -> list[str]:
    """Return the distinct phrases of several answers: most often proposed first, then by place in its answer.

    One answer drifts along its own last lines ("great plot", "unique plot", ...); what several answers name
    is common ground, and the first lines of an answer are its best.
    """
    votes: Counter[str] = Counter()
    places: dict[str, tuple[int, int]] = {}
    shown: dict[str, str] = {}
    for number, answer in enumerate(answers):
        for place, phrase in enumerate(answer):
            key = comparable(phrase)
            votes[key] += 1
            places[key] = min(places.get(key, (place, number)), (place, number))
            shown.setdefault(key, phrase)
    return [shown[key] for key in sorted(votes, key=lambda key: (-votes[key], places[key]))]


def _phrase(line: str) -> str:
    line = _BULLET.sub("", line).strip()
    if line.endswith((":", "：")):
        return ""
    head = re.split(r"[:：|]\s|\s[-–—|]\s|\s\(", line, maxsplit=1)[0]  # "topic: why", "topic - why"
    return " ".join(head.strip(_WRAPPING + "?？").split())


def _short(phrase: str, language: str) -> bool:
    limit = _MAX_LENGTH.get(language, 4)
    return 1 <= length(phrase, language) <= limit and any(character.isalpha() for character in phrase)
