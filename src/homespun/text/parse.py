"""Reading model answers: JSON, a list, prose, keywords, a row, a label, a rating. Tolerant, total, and never raising.

Every function accepts any text whatever and answers with a value or with why there is none; what a model adds around
the value (thinking aloud, quotes, labels, bullets, code fences, talk) is taken off. A value is never guessed: a
repaired answer is the same words, unwrapped. Ratings and labels follow methods.md A4. What an answer says of a
document is extract.py's, pairs of questions and answers are asking.py's.
"""

from __future__ import annotations

import json
import re
import unicodedata
from collections import Counter
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import Any, Literal

from homespun.text.normalise import clean, comparable
from homespun.text.phrases import refusal
from homespun.text.words import length

Format = Literal["plain", "json"]


@dataclass(frozen=True, slots=True)
class Parsed:
    """A value, or None and why not. Exactly one of the two says something."""

    value: str | None
    problem: str = ""


_THOUGHT = re.compile(r"\A(?:.*</think>|\s*<think>.*)", re.DOTALL)
_FENCE = re.compile(r"```(?:[\w+-]*[ \t]*\n)?(.*?)(?:```|\Z)", re.DOTALL)
_OPENING = re.compile(r"[\[{]")
_BROKEN = 50  #: brackets that open no JSON after which no more are tried
_BULLET = re.compile(r"^\s*(?:[-*•・–—]|\(?\d{1,3}[.．):）：、])\s*")


def answered(raw: str) -> str:
    """Return an answer as a text that can be stored, without what a reasoning model thinks before it."""
    return clean(_THOUGHT.sub("", raw)).text


def unfenced(text: str) -> str:
    """Return what stands in the first code fence, closed or cut off; the text itself where there is nothing in one."""
    fence = _FENCE.search(text)
    return (fence and fence[1].strip()) or text


def json_values(answer: str) -> list[Any]:
    """Return the JSON objects and arrays of an answer in order, each before those inside it.

    Those in a code fence, or else in the whole answer. Of an array or object that is cut off, what is whole in it.
    """
    text = answered(answer)
    return _json_in(unfenced(text)) or _json_in(text)


def _json_in(text: str) -> list[Any]:
    decoder = json.JSONDecoder(strict=False)
    found: list[Any] = []
    at = broken = 0
    while broken < _BROKEN and (opening := _OPENING.search(text, at)):
        try:
            value, at = decoder.raw_decode(text, opening.start())
        except (ValueError, RecursionError):
            broken, at = broken + 1, opening.end()
            continue
        waiting = [value]
        while waiting:
            value = waiting.pop()
            if isinstance(value, dict | list):
                found.append(value)
                waiting += reversed(value.values() if isinstance(value, dict) else value)
    return found


def listed(answer: str, *, inline: bool = False) -> list[str]:
    """Return the items of a list without bullets and numbers; what ends with a colon is none.

    The texts of a JSON array, or else lines; with `inline`, a line that stands alone is cut at its commas.
    """
    arrays = (value for value in json_values(answer) if isinstance(value, list))
    texts = next(filter(None, ([one for one in array if isinstance(one, str)] for array in arrays)), None)
    found = _items(texts or unwrapped(unfenced(answered(answer))).splitlines())
    return _items(re.split(r"[,、，;；]", found[0])) if inline and not texts and len(found) == 1 else found


def _items(lines: Iterable[str]) -> list[str]:
    bare = (_BULLET.sub("", line).strip() for line in lines)
    return [line for line in bare if line and line[-1] not in ":："]


def unwrapped(text: str) -> str:
    """Return a rewrite without what writers put around it: fences, lead-ins, closing offers, emphasis."""
    text = unfenced_whole(text)
    previous = None
    while text != previous:
        previous = text
        text = _LEAD_IN.sub("", text, count=1).strip()
        text = _CLOSING.sub("", text).strip()
    if text[:1] == '"' and text[-1:] == '"' and text.count('"') == 2:
        text = text[1:-1].strip()
    return _LABELS.sub("", _BOLD.sub(r"\2", text)).strip()


def unfenced_whole(answer: str) -> str:
    """Return an answer without a code fence around the whole; others stay, and so does emphasis."""
    text = answered(answer)
    alone = text.startswith("```") and (text.count("```") == 1 or text.endswith("```"))
    return fence[1].strip() if alone and (fence := _FENCE.fullmatch(text)) else text


_LEAD_IN = re.compile(
    r"\A(?:(?:sure|certainly|of course|absolutely|okay|ok)\b[^\n:]{0,60}[!.:,]\s*"
    r"|(?:here(?:['’]s| is| are)|below (?:is|are)|the following (?:is|are))\b[^\n]{0,120}?:(?=\s)\s*"
    r"|(?:rewritten|revised|paraphrased|simplified)(?: \w+){0,3}:\s*"
    r"|(?:承知(?:しました|いたしました)|かしこまりました|はい|もちろんです)[。、！!]\s*"
    r"|(?:以下|次)(?:は|に|が|の)[^\n。:：]{0,60}(?:です|ます|した|示します)(?:[。:：]\s*)"
    r"|(?:書き換え|言い換え|書き直し)(?:後|た文章?|文)?[:：]\s*)",
    re.IGNORECASE,
)
_CLOSING = re.compile(
    r"\n+(?:let me know|i hope|feel free|please let me know|would you like|ご不明な点|必要であれば|他にご)[^\n]*\Z",
    re.IGNORECASE,
)
_LABELS = re.compile(r"(?m)^(?:Text|Title|本文|題名)[:：][ \t]*")  # as the prompt shows a document
_BOLD = re.compile(r"(\*\*|__)(?=\S)([^\n]*?\S)\1")


_RATING = re.compile(r"\[\[\s*(\d{1,9})\s*\]\]")
_LABEL_LINE = re.compile(r"(?:label|ラベル)[\W_]*?[:=][ \t]*([^\n]*)")
_SEPARATORS = re.compile(r"[\s_\-]+")
_WRAPPING = " \t\r\n*_`#>\"'“”‘’«»「」『』()[]{}<.。,、:;!-"
_NEGATED_BEFORE = re.compile(r"(?:\bnot|n['’]t|\bneither|\bnor|\bnever|\bno)(?: \w+)?\s*$|\bnon\s*$|[非不未無]$")
_NEGATED_AFTER = re.compile(r"^\W{0,2}(?:的)?(?:では|じゃ|で)(?:な|あり)")


def parse_rating(answer: str) -> int | None:
    """Return the last `[[n]]` after NFKC if 1 <= n <= 5, else None."""
    found = _RATING.findall(unicodedata.normalize("NFKC", answered(answer)))
    if not found or not 1 <= int(found[-1]) <= 5:
        return None
    return int(found[-1])


def parse_label(answer: str, labels: Sequence[str]) -> str | None:
    """Return the label that an answer names, or None if none, several, or `UNSURE`.

    In this order: the last `LABEL: x` decides alone; else a label at the start of the answer; else the only
    label that occurs in it, unless negated ("not positive"). Case, width, `_` and `-` do not matter.
    """
    answer = answered(answer)
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


_QUOTES = {'"': '"', "“": "”", "'": "'", "‘": "’", "「": "」", "『": "』", "«": "»", "*": "*", "`": "`"}


def parse_row(answer: str, format: Format, field: str, language: str) -> Parsed:
    """Return the text of one row.

    `plain`: what remains without fences, a leading `Field:` and quotes around the whole; its first
    paragraph. `json`: the field of the first JSON object, whatever stands around it.
    """
    text = unfenced(answered(answer))
    if not text:
        return Parsed(None, "empty answer")
    if format == "json":
        found = _json_field(answer, field)
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


def _json_field(answer: str, field: str) -> Parsed:
    value = next((value for value in json_values(answer) if isinstance(value, dict)), None)
    if value is None:
        return Parsed(None, "no JSON object" if "{" not in answer else "JSON does not parse")
    wanted = comparable(field)
    matching = [item for name, item in value.items() if comparable(str(name)) == wanted]
    if not matching and len(value) == 1:
        matching = list(value.values())  # one value under another name is the same words, unwrapped
    if not matching:
        return Parsed(None, f'JSON has no "{field}"')
    if not isinstance(matching[0], str) or not matching[0].strip():
        return Parsed(None, f'JSON "{field}" is no text')
    return Parsed(matching[0])


_MAX_LENGTH = {"ja": 20}  #: characters; other languages: 4 words


def parse_keywords(answer: str, language: str, avoid: Sequence[str] = ()) -> list[str]:
    """Return the short phrases of an answer in order, without repeats; empty if there are none.

    The items of a list (see `listed`) without those that are longer (over four words; ja: twenty characters), and
    those with a word that begins like one of `avoid` (labels and field names of three letters or more: "positive
    vibes" and "movie reviews" are no topics).
    """
    stems = [_flat(word) for word in avoid if len(_flat(word)) > (2 if word.isascii() else 1)]
    starts = "|".join((r"(?<![a-z0-9])" if stem.isascii() else "") + re.escape(stem) for stem in stems)
    avoided = re.compile(starts) if stems else None
    found: dict[str, str] = {}
    for item in listed(answer, inline=True):
        phrase = _phrase(item)
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


def _phrase(item: str) -> str:
    item = re.sub(r"^\d{1,3}\s+", "", item)  # a number without a point; a fact may well begin with one
    head = re.split(r"[:：|]\s|\s[-–—|]\s|\s\(", item, maxsplit=1)[0]  # "topic: why", "topic - why"
    return " ".join(head.strip(_WRAPPING + "?？").split())


def _short(phrase: str, language: str) -> bool:
    limit = _MAX_LENGTH.get(language, 4)
    return 1 <= length(phrase, language) <= limit and any(character.isalpha() for character in phrase)
