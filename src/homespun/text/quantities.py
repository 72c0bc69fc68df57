"""Numbers of a text with their units, so that "1,200 g", "１２００グラム" and "1200g" are one quantity.

A number is read after NFKC, without thousands separators and trailing zeros, with 万, 億, thousand and million
multiplied in. A unit that is not in the table is no unit: two of those never contradict each other. Words count
up to twelve ("three", 三); larger numbers in words are not read.
"""

from __future__ import annotations

import re
import unicodedata
from decimal import Decimal
from typing import NamedTuple

from homespun.text.units import UNIT_OF

_SCALES = {"万": 4, "億": 8, "兆": 12, "thousand": 3, "million": 6, "billion": 9}
#: a difference in temperature and in angle is written alike, and so is a document's "20°" for its "20 °C"
_UNIT_OF = {spelling: "°" if unit == "c" else unit for spelling, unit in UNIT_OF.items()}
_JAPANESE = "|".join(sorted((name for name in _UNIT_OF if not name.isascii()), key=len, reverse=True))
_NUMBER = re.compile(
    r"(?P<currency>[$¥€£]?) ?(?<![\d.])(?P<digits>\d{1,3}(?:,\d{3})+(?!\d)|\d+)(?P<fraction>\.\d+)?"
    r"(?:\s?(?P<scale>万|億|兆|(?:thousand|million|billion)(?![a-z])))?"
    rf"(?:[\s\-]?(?P<unit>%|°[cf]?|{_JAPANESE}|[a-z]+(?![a-z])))?"
)
#: A letter or several, then digits: K-2231, B2B. Not a number, but something that is kept as it is.
_CODE = re.compile(
    r"(?<![a-z0-9])(?!(?:mid|pre|post|early|late|top)-)[a-z]+(?:[-/][a-z]+)*[-/]?\d[a-z0-9]*(?:[-/][a-z0-9]+)*"
)
#: What counts the parts of a text: "1.", "(2)", "Q3:", "Step 4", 問5
_COUNTERS = re.compile(
    r"(?m)^[ \t#>\-•]*(?:(?:step|part|section|question|answer|fact|item|第|問|質問|回答|手順)[ .#]*\d{1,2}(?![\d.,]*\d)"
    r"|(?:[qa] ?)?[(\[]?\d{1,2}[.)\]:、]+(?=\D|$))"
)
_HEADS = re.compile(r"^(?:q|a|no|step|part|section|question|answer|fact|item)[-/]?\d{1,2}$")
_WORDS = {
    **dict(zip("one two three four five six seven eight nine ten eleven twelve".split(), range(1, 13), strict=True)),
    **{sign: number for number, sign in enumerate("一二三四五六七八九十", start=1)},
}
_WORD = re.compile(r"[a-z]+|[一二三四五六七八九十](?![一二三四五六七八九十百千])")
_DASHES = str.maketrans({**dict.fromkeys("‐‑‒–—−―", "-"), **dict.fromkeys("‘’", "'"), "“": '"', "”": '"', "￥": "¥"})
_EMPHASIS = re.compile(r"[*`]+")
_BETWEEN = re.compile(r"(?<=[^\x00-\x7f])\s+(?=\S)|\s+(?=[^\x00-\x7f])")


class Quantity(NamedTuple):
    """A number, and its unit by the name of the table; empty where it has none that is known."""

    number: str
    unit: str
    shown: str


def folded(text: str) -> str:
    """Return a text to look for values in: NFKC, lower case, plain dashes and quotes, no emphasis; lines are kept."""
    plain = _EMPHASIS.sub("", unicodedata.normalize("NFKC", text).translate(_DASHES).casefold())
    return "\n".join(_BETWEEN.sub("", " ".join(line.split())) for line in plain.splitlines())


def quantities(plain: str) -> list[Quantity]:
    """Return the numbers of a folded text, without those in codes and those that only count its parts."""
    plain = _CODE.sub(lambda code: " " * len(code.group()), _COUNTERS.sub(_blank, plain))
    found = []
    for match in _NUMBER.finditer(plain):
        value = Decimal(match["digits"].replace(",", "") + (match["fraction"] or ""))
        value = value.scaleb(_SCALES.get(match["scale"] or "", 0))
        unit = _UNIT_OF.get(match["currency"]) or _UNIT_OF.get(match["unit"] or "", "")
        if match.group().endswith("0s"):  # the 1970s are no seconds
            unit = ""
        shown = match.group() if unit and match["unit"] in _UNIT_OF else match.group().removesuffix(match["unit"] or "")
        number = f"{value:f}"
        number = number.rstrip("0").rstrip(".") if "." in number else number
        found.append(Quantity(number, unit, shown.strip(" -")))
    return found


def codes(plain: str) -> list[str]:
    """Return what is made of letters and digits in a folded text: form numbers, model names."""
    return [code for code in _CODE.findall(_COUNTERS.sub(_blank, plain)) if not _HEADS.match(code)]


def in_words(plain: str) -> set[str]:
    """Return the numbers up to twelve that a folded text says in words."""
    return {str(_WORDS[word]) for word in _WORD.findall(plain) if word in _WORDS}


def _blank(match: re.Match[str]) -> str:
    return " " * len(match.group())
