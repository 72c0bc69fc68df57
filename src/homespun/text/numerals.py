"""Numbers in words, as digits: "three hundred and four", "half a million", 三百四, 二〇一七, 平成29年.

Only what can hardly be anything else is rewritten. "one" alone stays a word ("one of them"), kanji numerals count
only before a counter, at the end of a phrase or in positional notation (the 一 of a name and the 十 of 十分な stay),
and era years become years of the common calendar. `with_digits` wants text that is NFKC and case folded.
"""

from __future__ import annotations

import re

from homespun.text.normalise import KANJI
from homespun.text.units import COUNTERS, UNIT_OF

_ONES = "one two three four five six seven eight nine".split()
_TEENS = "ten eleven twelve thirteen fourteen fifteen sixteen seventeen eighteen nineteen".split()
_TENS = "twenty thirty forty fifty sixty seventy eighty ninety".split()
_WORTH = {
    **{word: number for number, word in enumerate([*_ONES, *_TEENS], start=1)},
    **{word: 10 * number for number, word in enumerate(_TENS, start=2)},
}
SCALES = {"hundred": 10**2, "thousand": 10**3, "million": 10**6, "billion": 10**9, "trillion": 10**12}
_ONE = rf"(?:{'|'.join(_ONES)})"
_UNDER_100 = rf"(?:(?:{'|'.join(_TENS)})(?:[- ]{_ONE})?|{'|'.join(_TEENS)}|{_ONE})"
_UNDER_1000 = rf"(?:{_UNDER_100} hundred(?: (?:and )?{_UNDER_100})?|{_UNDER_100})"
_LARGE = r"(?:thousand|million|billion|trillion)"
_IN_WORDS = re.compile(
    rf"\b(?:(?P<half>half an? (?={_LARGE}|dozen)|(?P<whole>{_UNDER_100}) and a half)|an? (?=dozen\b)"
    rf"|(?P<words>(?:{_UNDER_1000} {_LARGE},? (?:and )?)*{_UNDER_1000}(?: {_LARGE})?"
    rf"|a (?:hundred|{_LARGE})(?: and {_UNDER_100})?))(?: ?(?P<dozen>dozen))?\b"
)
#: what numbers in words are made of; looked for first, because most texts hold none
_PARTS = ("half", "dozen", "hundred", "thousand", "illion", "one ", "one-", "teen", *_ONES[1:], *_TEENS[1:3], *_TENS)
_TEN = re.compile(r"\bten\b")

KANJI_DIGITS = {digit: value for value, digit in enumerate("〇一二三四五六七八九")} | {"零": 0}
KANJI_TENS = {"十": 10, "百": 100, "千": 1000}
KANJI_SCALES = {"万": 10**4, "億": 10**8, "兆": 10**12}
_DIGIT = "".join(KANJI_DIGITS)
_COUNTS = (
    *(one for one in (*UNIT_OF, *COUNTERS) if not one.isascii()),
    *"年 月 時 週 米ドル 割 番 号 条 項 点 つ か ヶ ヵ カ月 箇 キロ 平 °".split(),
)
#: what a numeral in kanji counts; without one of these behind it, it may be part of a name or a word
_COUNTED = re.compile(rf"{'|'.join(_COUNTS)}|%|[a-z]{{1,3}}(?![a-z])")
#: kanji before a numeral that do not join it to a name
_MAY_PRECEDE = "約計全第総月年日時分前後西暦毎各他和成正治在価格量長径は割億万"
_NUMERAL = re.compile(f"[{_DIGIT}十百千万億兆]{{1,20}}")
_LARGE_KANJI = re.compile("[十百千万億]")
_IN_KANJI = re.compile(f"[{KANJI}]")
_JOINS = re.compile(rf"[{KANJI}\d]")
_JOINS_NUMBER = re.compile(r"[数何幾\d]")  #: 数百万円 is no one million
_WITH_ZERO = re.compile("[一二三四五六七八九]+[〇零].*")
_MAY_FOLLOW = ("", *"あでとの、。\n")
#: 十分 is "enough" and 一分 "a part" more often than minutes; 一番 is "the most", 千円 and the like are numbers
_NO_NUMBER = re.compile(r"(?:十分|一番|一人一人|一日中|一時的|一部|万一|百科|千年|一つ|一度|一時(?!間))")

_ERAS = {"明治": 1867, "大正": 1911, "昭和": 1925, "平成": 1988, "令和": 2018}
_ERA_YEAR = re.compile(rf"({'|'.join(_ERAS)})\s*(元|\d{{1,2}})\s*年")


def with_digits(text: str) -> str:
    """Return the text with its numbers in words as digits."""
    if any(part in text for part in _PARTS) or _TEN.search(text):
        text = _IN_WORDS.sub(_from_words, text)
    if text.isascii():
        return text
    text = _NUMERAL.sub(_from_kanji, text)
    return _ERA_YEAR.sub(_from_era, text) if "年" in text else text


def _from_words(match: re.Match[str]) -> str:
    times = 12 if match["dozen"] else 1
    if match["whole"]:
        return f"{_in_digits(match['whole'])}.5"
    if match["half"]:
        return "6" if match["dozen"] else "0.5 "
    if not match["words"]:
        return "12"
    if match["words"] == "one" and times == 1:
        return match[0]
    return str(times * _in_digits(match["words"]))


def _in_digits(words: str) -> int:
    total = part = 0
    for word in re.split(r"[-, ]+", words):
        if word == "hundred":
            part *= 100
        elif word in SCALES:
            total, part = total + part * SCALES[word], 0
        elif word != "and":
            part += 1 if word == "a" else _WORTH[word]
    return total + part


def _from_kanji(match: re.Match[str]) -> str:
    numeral, text, end = match[0], match.string, match.end()
    before = text[match.start() - 1 : match.start()]
    alone = not _JOINS.match(before)
    large = len(numeral) > 1 and bool(_LARGE_KANJI.search(numeral))
    if counted := _COUNTED.match(text, end):
        sure = large or not _IN_KANJI.match(counted[0])  # 一人二リットル
        read = alone or before in _MAY_PRECEDE or (sure and not _JOINS_NUMBER.match(before))
    elif large:
        read = alone and text[end : end + 1] in _MAY_FOLLOW
    else:
        read = alone and bool(_WITH_ZERO.fullmatch(numeral)) and not _JOINS.match(text, end)
    value = kanji_value(numeral) if read and not _NO_NUMBER.match(text, match.start()) else None
    return numeral if value is None else str(value)


def kanji_value(numeral: str) -> int | None:
    """Return the value of a numeral in kanji, positional (二〇一七) or named (三百四十万); None where it is neither."""
    if all(character in KANJI_DIGITS for character in numeral):
        return int("".join(str(KANJI_DIGITS[character]) for character in numeral)) if numeral else None
    total = block = 0
    digit: int | None = None
    for character in numeral:
        if character in KANJI_DIGITS:
            if digit is not None:
                return None  # 三十四五: an estimate, not a number
            digit = KANJI_DIGITS[character]
        elif character in KANJI_TENS:
            block, digit = block + (1 if digit is None else digit) * KANJI_TENS[character], None
        else:
            block += digit or 0
            if block == 0:
                return None  # 万 alone
            total, block, digit = total + block * KANJI_SCALES[character], 0, None
    return total + block + (digit or 0)


def _from_era(match: re.Match[str]) -> str:
    year = 1 if match[2] == "元" else int(match[2])
    return f"{_ERAS[match[1]] + year}年"
