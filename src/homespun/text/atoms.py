"""A text as atoms: words, numbers, units and dates in one spelling each, so that values can be found in it.

"1,200", "１２００" and "1.2 thousand" are one number; "776 g", "776 grams" and 七百七十六グラム are one quantity;
"November 2017", "2017-11" and 2017年11月 are one date, year first, so that a date is found in a more exact one. Latin
letters lose case and accents; Japanese is cut into characters, because a dictionary would cut invented names anywhere.
Nothing is converted (0.776 kg is another quantity than 776 g), and a date whose order cannot be told (03/11/2017) is
left as numbers. For comparing only (methods.md C8).
"""

from __future__ import annotations

import re
import unicodedata
from dataclasses import dataclass
from decimal import Decimal
from functools import lru_cache

from homespun.text.normalise import KANA, KANJI, LATIN
from homespun.text.numerals import SCALES, with_digits
from homespun.text.units import UNIT_OF

OR = "|"  #: the atom for "or", "/", または, and for the dash of a range: what stands beside it is one of two values
LONGEST_NUMBER = 20  #: characters; Decimal would round what has more than 28 digits
REMEMBERED = 400  #: answers and values, up to so many characters, are cut once; documents are not kept


@dataclass(frozen=True, slots=True)
class Atom:
    """One piece of a text."""

    text: str  #: units begin with "~"
    glued: bool = False  #: belongs to the atom before: a match cannot begin here, nor end before it
    broken: bool = False  #: punctuation or a line end stands before it


_UNIT_OF = {spelling: f"~{unit}" for spelling, unit in UNIT_OF.items()}
_CURRENCY = r"us\$|[$€£¥]|usd |eur |gbp |jpy "
_MONTHS = "january february march april may june july august september october november december".split()
_MONTH_OF = {name[:length]: name for name in _MONTHS for length in (3, len(name))} | {"sept": "september"}
_MONTH = rf"(?:{'|'.join(sorted(_MONTH_OF, key=len, reverse=True))})(?![a-z])\.?"
_NTH = r"(?:st|nd|rd|th)?"
_YEAR = r"[12]\d{3}(?!\d|,\d{3})"
_HIRAGANA = "\u3041-\u309f"
_KATAKANA = "\u30a1-\u30fa\u30fc-\u30ff\u31f0-\u31ff"


def _either(spellings: list[str]) -> str:
    """Return a pattern for any of the spellings, the longest first, none of which ends inside a word."""
    ordered = sorted(spellings, key=len, reverse=True)
    latin = "|".join(re.escape(one) for one in ordered if one[-1].isascii() and one[-1].isalpha())
    katakana = "|".join(re.escape(one) for one in ordered if re.match(f"[{_KATAKANA}]", one[-1]))
    rest = "|".join(re.escape(one) for one in ordered if not re.match(f"[a-z{_KATAKANA}]", one[-1]))
    return rf"(?:(?:{latin})(?![a-z])|(?:{katakana})(?![{_KATAKANA}])|{rest})"


_SCAN = re.compile(
    rf"""
      (?P<jy>{_YEAR})\s*年\s*(?P<jm>1[0-2]|0?[1-9])\s*月(?:\s*(?P<jd>[0-3]?\d)\s*日(?!間))?
    | (?P<jm2>(?<!\d)(?:1[0-2]|0?[1-9]))\s*月(?:\s*(?P<jd2>[0-3]?\d)\s*日(?!間))?
    | (?<![\d.,])(?P<iy>{_YEAR})(?P<sep>[-/.])(?P<im>1[0-2]|0?[1-9])
      (?:(?P=sep)(?P<id>3[01]|[12]\d|0?[1-9]))?(?![\d\-/]|\.\d)
    | (?<![\d.,])(?P<dd>3[01]|[12]\d|0?[1-9]){_NTH}\s+(?:of\s+)?(?P<dm>{_MONTH})(?:,?\s+(?P<dy>{_YEAR}))?
    | (?P<mm>\b{_MONTH})\s+(?P<md>3[01]|[12]\d|0?[1-9]){_NTH}(?![\d:%]|[.,]\d)(?:,?\s+(?P<my>{_YEAR}))?
    | (?P<ym>\b{_MONTH}),?\s+(?:of\s+)?(?P<yy>{_YEAR})
    | (?P<jyear>(?<![\d.,]){_YEAR})\s*年(?!間|代|[前後](?!半))
    | (?P<decade>\d{{3}}0)['’]?s(?![a-z])
    | (?P<ordinal>\d+(?:st|nd|rd|th))(?![a-z])
    | (?P<range>(?<=\d)\s*[-–—~〜]\s*(?=\d))
    | (?:(?P<sign>{_CURRENCY})\s*)?
      (?P<number>(?:(?:(?<![\w)])-)?\d+(?:,\d{{3}})*(?![\d])(?:\.\d+)?[千百]?[万億兆])*
                 (?:(?<![\w)])-)?(?:\d{{1,3}}(?:,\d{{3}})+(?!\d)|\d+)(?:\.\d+)?[千百]?[万億兆]?)
      (?:\s?(?P<scale>{"|".join(SCALES)}|(?<=\d)(?:k|m|mn|bn|b)|(?<=\d\s)(?:mn|bn))(?![a-z]))?
      (?:[\s-]?(?P<unit>{_either(list(_UNIT_OF))}))?
    | (?P<or>\bor\b|/|または|又は|もしくは|あるいは|或いは
        |(?<=[^\s{_HIRAGANA}確静豊遥微僅幾何誰])か(?=[\d{KANJI}{_KATAKANA}a-z]))
    | (?P<word>[{LATIN}]+(?:['’][{LATIN}]+)*)
    | (?P<character>(?!・)[{KANA}{KANJI}])
    | (?P<mark>[+\#](?=\w)|(?<=\w)[+\#]+)
    | (?P<letters>[^\W\d_{LATIN}{KANA}{KANJI}]+)
    """,
    re.VERBOSE,
)
_SHORT_SCALES = {"k": 10**3, "m": 10**6, "mn": 10**6, "b": 10**9, "bn": 10**9}
_KANJI_SCALE = {"百": 10**2, "千": 10**3, "万": 10**4, "億": 10**8, "兆": 10**12}
_BREAK = re.compile(r"[.!?。!?;:,、\n()「」\"]")
_GROUPED = re.compile(r"(?<=\d)[\u00a0\u2009\u202f'’](?=\d{3}(?!\d))")
_ARTICLES = frozenset({"the"})


def atoms(text: str) -> tuple[Atom, ...]:
    """Return the atoms of a text in order; empty for one without letters and digits."""
    return _remembered(text) if len(text) <= REMEMBERED else _cut(text)


@lru_cache(maxsize=1 << 15)
def _remembered(text: str) -> tuple[Atom, ...]:
    return _cut(text)


def _cut(text: str) -> tuple[Atom, ...]:
    plain = with_digits(_plain(text))
    found: list[Atom] = []
    end = 0
    for match in _SCAN.finditer(plain):
        gap = plain[end : match.start()]
        end = match.end()
        pieces = _pieces(match)
        if match.lastgroup == "word" and pieces[0] in _ARTICLES:
            continue
        glued = bool(found) and not gap and _glued(match)
        for place, piece in enumerate(pieces):
            found.append(Atom(piece, glued and place == 0, place == 0 and bool(_BREAK.search(gap))))
    return tuple(found)


def _plain(text: str) -> str:
    """Return NFKC, case folded, Latin letters without accents, one kind of apostrophe and of minus."""
    text = unicodedata.normalize("NFKC", _GROUPED.sub("", text)).casefold()
    text = text.replace("’", "'").replace("\u2212", "-")
    if text.isascii():
        return text
    return "".join(unicodedata.normalize("NFD", one)[0] if "\u00c0" <= one <= "\u024f" else one for one in text)


def _glued(match: re.Match[str]) -> bool:
    """Say whether a piece with nothing before it belongs to what stands there: katakana to katakana, C to ++."""
    before, text = match.string[match.start() - 1], match[0]
    if match["character"]:
        return bool(re.match(f"[{_KATAKANA}]", text) and re.match(f"[{_KATAKANA}]", before))
    return bool(match["mark"]) or before in "+#"


def _pieces(match: re.Match[str]) -> list[str]:
    """Return the atoms' texts of one match."""
    group = match.groupdict()
    for year, month, day in (("jy", "jm", "jd"), ("iy", "im", "id"), ("", "jm2", "jd2")):
        if group[month]:
            return _date(group.get(year), _MONTHS[int(group[month]) - 1], group[day])
    for year, month, day in (("dy", "dm", "dd"), ("my", "mm", "md"), ("yy", "ym", "")):
        if group[month]:
            return _date(group[year], _MONTH_OF[group[month].rstrip(".")], group.get(day))
    if group["jyear"]:
        return [group["jyear"]]
    if group["decade"]:
        return [f"{group['decade']}s"]
    if group["range"] or group["or"]:
        return [OR]
    if group["number"]:
        return _quantity(group)
    if group["word"]:
        return [match[0].removesuffix("'s").replace("'", "")]
    return [match[0]]


def _date(year: str | None, month: str, day: str | None) -> list[str]:
    return [*([year] if year else []), month, *([f"day {int(day)}"] if day else [])]


def _quantity(group: dict[str, str | None]) -> list[str]:
    sign, scale, unit = (group["sign"] or "").strip(), group["scale"], group["unit"]
    number = group["number"] or ""
    if scale in _SHORT_SCALES and not sign:  # 5m is metres, $5m is millions
        return [_value(number, 1), _UNIT_OF.get(scale, scale), *([_UNIT_OF[unit]] if unit else [])]
    value = _value(number, {**SCALES, **_SHORT_SCALES}.get(scale or "", 1))
    money = [_UNIT_OF[sign]] if sign else []
    said = [_UNIT_OF[unit]] if unit and [_UNIT_OF[unit]] != money else []
    return [value, *money, *said]


def _value(number: str, scale: int) -> str:
    """Return a number in its one spelling; a code (leading zeros, too many digits) stays as it is."""
    plain = number.replace(",", "")
    if len(plain) > LONGEST_NUMBER or (scale == 1 and re.fullmatch(r"0\d+", plain)):
        return plain
    total = Decimal(0)
    for digits, large in re.findall(r"(-?\d+(?:\.\d+)?)([百千万億兆]*)", plain):
        part = Decimal(digits)
        for kanji in large:
            part *= _KANJI_SCALE[kanji]
        total += part
    return format((total * scale).normalize(), "f")
