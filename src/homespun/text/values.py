"""A text as atoms: words, numbers, units, dates and times in one spelling each, so that values can be found in it.

The one reader of values, for answers (answers.py) and for rewrites (fidelity.py). "1,200", "１２００", 千二百 and
"1.2 thousand" are one number; "776 g", "776 grams" and 七百七十六グラム are one quantity; "November 2017", "2017-11",
2017年11月 and 平成29年11月 are one date, year first, so that a date is found in a more exact one; "3 pm", 15:00 and
午後3時 are one time; "at least 5", "5 or more" and 5以上 are the same comparator before the same number. Latin letters
lose case and accents, katakana and okurigana their variants (サーバ, サーバー; 申込, 申し込み); Japanese is cut into
characters, because a dictionary would cut invented names anywhere. Nothing is converted (0.776 kg is another quantity
than 776 g), and a date whose order cannot be told (03/11/2017) is left as numbers. For comparing only (methods.md C8).
"""

from __future__ import annotations

import re
import unicodedata
from collections.abc import Iterable
from decimal import Decimal
from functools import lru_cache
from math import prod
from typing import NamedTuple

from homespun.text.normalise import KANA, KANJI, LATIN
from homespun.text.numerals import SCALES, with_digits
from homespun.text.units import COUNTERS, UNIT_OF

OR = "|"  #: the atom for "or", "/", または, and for the dash of a range: what stands beside it is one of two values
#: Before the number that they bound, wherever the text has them; "<~" is "up to", まで.
COMPARATORS = ("<", ">", "<=", ">=", "<~")
GAP = "\0"
LONGEST_NUMBER = 20  #: characters; Decimal would round what has more than 28 digits
REMEMBERED = 400  #: answers and values, up to so many characters, are cut once; documents are not kept


class Atom(NamedTuple):
    """One piece of a text."""

    text: str  #: units begin with "~", counters with "~#"
    start: int  #: its first character in the folded text
    end: int  #: the character after its last
    kind: str = "word"  #: word | character | run | number | unit | date | time | code | part (of one) | or | comparator
    glued: bool = False  #: belongs to the atom before: a match cannot begin here, nor end before it
    broken: bool = False  #: punctuation or a line end stands before it


_UNIT_OF = {spelling: f"~{unit}" for spelling, unit in UNIT_OF.items()} | {one: f"~#{one}" for one in COUNTERS}
_CURRENCY = r"us\$|[$€£¥]|(?:usd|eur|gbp|jpy) "
MONTHS = "january february march april may june july august september october november december".split()
_MONTH_OF = {name[:length]: name for name in MONTHS for length in (3, len(name))} | {"sept": "september"}
_MONTH = rf"(?:{'|'.join(sorted(_MONTH_OF, key=len, reverse=True))})(?![a-z])\.?"
_NTH = r"(?:st|nd|rd|th)?"
_YEAR = r"[12]\d{3}(?!\d|,\d{3})"
_DAY = r"3[01]|[12]\d|0?[1-9]"
_HIRAGANA = "\u3041-\u309f"
_KATAKANA = "\u30a1-\u30fa\u30fc-\u30ff\u31f0-\u31ff"
_JAPANESE = f"{KANA}{KANJI}"


def _either(spellings: list[str]) -> str:
    """Return a pattern for any of the spellings, the longest first, none of which ends inside a word."""
    ordered = [re.escape(one) for one in sorted(spellings, key=len, reverse=True)]
    latin = "|".join(one for one in ordered if re.match("[a-z0-9]", one[-1]))
    katakana = "|".join(one for one in ordered if re.match(f"[{_KATAKANA}]", one[-1]))
    rest = "|".join(one for one in ordered if not re.match(f"[a-z0-9{_KATAKANA}]", one[-1]))
    return rf"(?:(?:{latin})(?![a-z0-9])|(?:{katakana})(?![{_KATAKANA}])|{rest})"


#: what begins with a digit, a sign or the name of a month
_VALUE = re.compile(
    rf"""
      (?P<jy>{_YEAR})\s*年\s*(?P<jm>1[0-2]|0?[1-9])\s*月(?:\s*(?P<jd>[0-3]?\d)\s*日(?!間))?
    | (?P<jm2>1[0-2]|0?[1-9])\s*月(?:\s*(?P<jd2>[0-3]?\d)\s*日(?!間))?
    | (?<![\d.,])(?P<iy>{_YEAR})(?P<sep>[-/.])(?P<im>1[0-2]|0?[1-9])
      (?:(?P=sep)(?P<id>{_DAY}))?(?![\d\-/]|\.\d)
    | (?<![\d.,])(?P<dd>{_DAY}){_NTH}\s+(?:of\s+)?(?P<dm>{_MONTH})(?:,?\s+(?P<dy>{_YEAR}))?
    | (?P<mm>{_MONTH})\s+(?P<md>{_DAY}){_NTH}(?![\d:%]|[.,]\d)(?:,?\s+(?P<my>{_YEAR}))?
    | (?P<ym>{_MONTH}),?\s+(?:of\s+)?(?P<yy>{_YEAR})
    | (?:(?P<noon>午前|午後|朝|夕方|夜)の?\s*)?(?P<jh>2[0-4]|[01]?\d)\s*時(?!間|代)
      (?:(?P<half>半)|\s*(?P<jmin>[0-5]?\d)\s*分(?![間の]))?
    | (?:(?P<noon2>午前|午後)\s*)?(?<![\d:])(?P<h>2[0-4]|[01]?\d):(?P<min>[0-5]\d)(?::[0-5]\d)?(?![\d:])
      (?:\s*(?P<m>[ap]m)\b|\s+(?:in\s+the|at)\s+(?P<part>morning|afternoon|evening|night)\b)?
    | (?<![\d.,:])(?P<h2>1[0-2]|0?[1-9])(?:\.(?P<min2>[0-5]\d))?\s*(?P<m2>[ap]m)\b
    | (?P<jyear>(?<![\d.,]){_YEAR})\s*年(?!間|代|度|[前後](?!半))
    | (?P<decade>\d{{3}}0)['’]?s(?![a-z])
    | (?P<ordinal>\d+(?:st|nd|rd|th))(?![a-z])
    | (?P<parts>\d+)分の(?P<of>\d+)
    | (?P<tenths>\d+(?:\.\d+)?)割(?:(?P<hundredths>\d)分)?
    | (?:(?P<sign>{_CURRENCY})\s*)?(?P<speed>時速|秒速)?
      (?P<number>(?:(?:(?<![\w)])-)?\d+(?:,\d{{3}})*(?![\d])(?:\.\d+)?[千百]?[万億兆])*
                 (?:(?<![\w)])-)?(?:\d{{1,3}}(?:,\d{{3}})+(?!\d)|\d+)(?:\.\d+)?[千百]?[万億兆]?)
      (?:\s?(?P<scale>{"|".join(SCALES)}|(?<=\d)(?:k|m|mn|bn|b)|(?<=\d\s)(?:mn|bn))(?![a-z0-9]))?
      (?:[\s-]?(?P<unit>{_either(list(_UNIT_OF))}))?
    """,
    re.VERBOSE,
)
_TOKEN = re.compile(
    rf"(?P<word>[{LATIN}]+(?:'[{LATIN}]+)*)|(?P<run>[{_JAPANESE}]+)|(?P<digit>\d)"
    rf"|(?P<sign>[$€£¥](?=\s?\d)|(?<![\w)])-(?=\d))|(?P<slash>/)|(?P<mark>[+#](?=\w)|(?<=\w)[+#]+)"
    rf"|(?P<letters>[^\W\d_{LATIN}{_JAPANESE}]+)"
)
#: A letter or several, then digits: K-2231, B2B. Not a number, but something that is kept as it is.
_CODE = re.compile(
    r"(?!(?:mid|pre|post|early|late|top|minus)-|us\$)[a-z]+(?:[-/][a-z]+)*[-/]?\d[a-z0-9]*(?:[-/][a-z0-9]+)*"
)
_CODE_PIECE = re.compile(r"[a-z]+|\d+|(?<=\d)[-/](?=\d)")
_SCRIPT = re.compile(rf"(?P<katakana>[{_KATAKANA}]+)|[^・{_KATAKANA}]+")
_RANGE = re.compile(r"\s*[-–—~〜]\s*(?=\d)|\s*から\s*(?=\d)|\s+to\s+(?=[-$€£]?\d|[a-z]{3,9} \d)")
_OR_SO = re.compile(r"or (?:so|thereabouts)\b")
_FROM = re.compile(rf"(?:from|between)\s+(?=[-$€£]?\d|{_MONTH})")
_AND = re.compile(rf"\s+and\s+(?=[-$€£]?\d|{_MONTH})")
_JAPANESE_OR = re.compile(
    rf"または|又は|もしくは|あるいは|或いは|(?<=[^\s{_HIRAGANA}確静豊遥微僅幾何誰])か(?=[\d{KANJI}{_KATAKANA}a-z]|$)"
)
_NUMBER_AHEAD = (
    r"(?:\s+(?:the\s+)?(?:age|weight|length|height|sum|total|year)\s+of|\s+age)?(?=\s+(?:us\$|[$€£¥])?\s?-?\d)"
)
_BOUND_BEFORE = re.compile(
    rf"""(?:(?P<a>under|below|(?:less|fewer|younger|lower|shorter|smaller|lighter)\ than)
    | (?P<b>(?<!control\ )(?<!power\ )(?<!held\ )(?<!spread\ )over|above|exceed(?:s|ing)?
        |(?:more|older|greater|higher|longer|larger|heavier|taller)\ than)
    | (?P<c>(?<!since\ )at\ least|(?:no|not)\ (?:fewer|less|younger|shorter)\ than
        |(?:a\ )?minimum(?:\ [a-z]+){{0,8}}\ (?:of|is))
    | (?P<d>at\ most|(?:no|not)\ (?:more|older|longer|later)\ than|not\ exceeding)
    | (?P<g>up\ to|within|limited\ to|(?:a\ )?maximum\ of)
    ){_NUMBER_AHEAD}
    | (?:(?P<e>before|prior\ to|earlier\ than)|(?P<f>after|later\ than))(?=\s+(?:{_YEAR}(?!\s?%)|{_MONTH}\s+\d))
    """,
    re.VERBOSE,
)
_BOUND_AFTER = re.compile(
    r" ?(?:(?P<a>未満|に満た(?:ない|ず)|を下回|より(?:も)?(?:少|小|低|短|軽|若|前))"
    r"|(?P<g>を超え(?:ず|ない|てはな|てはいけ))|(?P<b>超|を超|を上回|より(?:も)?(?:多|大|高|長|重|後))"
    r"|(?P<c>以上|以降|以後|\+(?!\w)|\b(?:or|and) (?:more|over|above|older|greater|longer|up(?:wards)?|later)\b)"
    r"|(?P<d>以下|以前|\b(?:or|and) (?:less|fewer|under|below|younger|shorter|earlier)\b)"
    r"|(?P<f>まで|以内))"
)
_BOUND = {"a": "<", "b": ">", "c": ">=", "d": "<=", "e": "<", "f": ">", "g": "<~"}
_TURNED = {">": "<~", "<": ">="}  #: nobody may bring more than two
_NOT_BEFORE = re.compile(r"(?:\b(?:no|not|nobody|none|never|cannot)|n't)\b[^.;:,\n]*$")
_LEAD = re.compile(r"(?:(?P<c>少なくとも|最低(?:でも)?|最小)|(?P<g>最大(?:で)?)|(?P<d>多くとも|せいぜい))\s*$")
_TIME_LEAD = re.compile(r"(?:(?:午前|午後|朝|夕方|夜)の?|時速|秒速)\s*$")
_LEFT_OUT = frozenset({"the", "and"})
_CODE_GOES_ON = frozenset("0123456789-/")
_BOUNDS = (
    "limited within under below less fewer younger lower shorter smaller lighter over above exceed exceeds exceeding"
    " more older greater higher longer larger heavier taller at no not a minimum up maximum before prior earlier after"
    " later"
)
_SPECIAL = frozenset((*_MONTH_OF, *_LEFT_OUT, *"or from between usd eur gbp jpy us".split(), *_BOUNDS.split()))
_SHORT_SCALES = {"k": 10**3, "m": 10**6, "mn": 10**6, "b": 10**9, "bn": 10**9}
_AMBIGUOUS_SCALES = frozenset("kmb")  #: 5m is metres, $5m is millions
_KANJI_SCALE = {"百": 10**2, "千": 10**3, "万": 10**4, "億": 10**8, "兆": 10**12}
_NO_BREAK = ("", " ")
_BREAK = re.compile(r"[.!?。!?;:,、\n()「」\"]")
_MODAL = re.compile(r"(?<=\d )may(?= (?!of |in |at |to |and |or |until |from |the )[a-z])")  # those over 14 may leave
_NOON = re.compile(r"\b(?:12 )?noon\b|正午")
_GROUPED = re.compile(r"(?<=\d)[\u00a0\u2009\u202f'’](?=\d{3}(?!\d))")
_INITIAL = re.compile(r"\.[a-z]\.")  # looked for first, because it is found fast
_INITIALS = re.compile(r"(?<![a-z.])(?:[a-z]\.){2,}")
_SAME = str.maketrans({
    **{chr(code): unicodedata.normalize("NFD", chr(code))[0] for code in range(0xC0, 0x250)},
    **dict.fromkeys("‐‑−", "-"), "’": "'", "‘": "'", "“": '"', "”": '"',
})  # fmt: skip
_VARIES = re.compile("[\u00c0-\u024f‐‑−’‘“”]")
_VU = {"ヴァ": "バ", "ヴィ": "ビ", "ヴェ": "ベ", "ヴォ": "ボ", "ヴ": "ブ"}
_KATAKANA_VARIANT = re.compile(rf"ヴ[ァィェォ]?|(?<=[{_KATAKANA}]{{3}})ー(?![{_KATAKANA}])")
#: verbs that stand in compound nouns with and without their endings
_ENDINGS = (
    "申し 渡し 戻し 貸し 出し 落とし 押し 消し 差し 話し 返し 込み 組み 読み 積み 積もり 積り 済み 付け 受け 届け"
    " 掛け 明け 取り 切り 売り 振り 借り 割り 乗り 守り 扱い 払い 問い 買い 引き 続き 書き 置き 抜き 上げ 下げ 立て"
    " 立ち 建て 打ち 持ち 替え 換え 入れ 呼び 締め 合わせ 合い"
).split()
_VERBS = "".join(sorted({one[0] for one in _ENDINGS}))
_COMPOUND = re.compile(rf"[{_VERBS}手見](?:[しみりけきげてちえれびめいせとらわも]{{1,2}})?[{_VERBS}書物]")
_ENDING = re.compile(rf"(?:{'|'.join(_ENDINGS)})(?=[{_VERBS}書物])|(?<=[{_VERBS}手見])(?:{'|'.join(_ENDINGS)})")


def atoms(text: str) -> tuple[Atom, ...]:
    """Return the atoms of a text in order; empty for one without letters and digits."""
    return _remembered(text) if len(text) <= REMEMBERED else cut(folded(text))


@lru_cache(maxsize=1 << 15)
def _remembered(text: str) -> tuple[Atom, ...]:
    return cut(folded(text))


def _first(match: re.Match[str]) -> str:
    return match[0][0]


def folded(text: str) -> str:
    """Return the text that is cut: NFKC, case folded, without accents and variants, numbers in digits, lines kept."""
    text = unicodedata.normalize("NFKC", _GROUPED.sub("", text))
    if " may " in text:
        text = _MODAL.sub("can", text)
    text = text.casefold()
    if "noon" in text or "正午" in text:
        text = _NOON.sub("12:00", text)
    text = text.translate(_SAME) if _VARIES.search(text) else text
    text = text.replace("minus ", "-")
    if _INITIAL.search(text):
        text = _INITIALS.sub(lambda match: match[0].replace(".", ""), text)
    if not text.isascii():
        text = _KATAKANA_VARIANT.sub(lambda match: _VU.get(match[0], ""), text)
        if _COMPOUND.search(text):
            text = _ENDING.sub(_first, _ENDING.sub(_first, text))  # 申し込み: the second after the first
    return with_digits(text)


_new = tuple.__new__  # the characters of a Japanese text are many


class _Cutter:
    """Cuts one folded text from the left."""

    def __init__(self, plain: str, runs: bool) -> None:
        self.plain, self.runs = plain, runs
        self.found: list[Atom] = []
        self.end = 0  #: of what was cut so far
        self.between = False  #: after "between" or "from", before a value

    def add(self, text: str, start: int, end: int, kind: str = "word", glued: bool = False) -> None:
        gap = self.plain[self.end : start]
        broken = gap not in _NO_BREAK and bool(_BREAK.search(gap))
        self.found.append(_new(Atom, (text, start, end, kind, glued and not gap and bool(self.found), broken)))
        self.end = end

    def cut(self) -> tuple[Atom, ...]:
        plain, position = self.plain, 0
        cutters = {"word": self._word, "run": self._run, "digit": self._digit, "sign": self._digit}
        while token := _TOKEN.search(plain, position):
            position = cutters.get(token.lastgroup or "", self._other)(token)
        return tuple(self.found)

    def _word(self, token: re.Match[str]) -> int:
        plain, word, (start, end) = self.plain, token[0], token.span()
        if plain[end : end + 1] in _CODE_GOES_ON and (code := _CODE.match(plain, start)):
            return self._code(code)
        if word in _SPECIAL:
            if word == "or":
                if approximate := _OR_SO.match(plain, start):
                    return approximate.end()
                self.add(OR, start, end, "or")
                return end
            if (value := _VALUE.match(plain, start)) and value.end() > end:
                return self._quantity(value)
            if bound := _BOUND_BEFORE.match(plain, start):
                sign = _BOUND[bound.lastgroup or ""]
                if sign in _TURNED and _NOT_BEFORE.search(plain, max(0, start - 45), start):
                    sign = _TURNED[sign]
                self.add(sign, start, bound.end(), "comparator")
                return bound.end()
            if word in _LEFT_OUT:
                return end
            if _FROM.match(plain, start):
                self.between = True
                return end
        glued = bool(start) and plain[start - 1] in "+#"
        self.add(word.removesuffix("'s").replace("'", "") if "'" in word else word, start, end, glued=glued)
        return end

    def _code(self, code: re.Match[str]) -> int:
        for piece in _CODE_PIECE.finditer(code[0]):
            start, end = code.start() + piece.start(), code.start() + piece.end()
            if piece[0] in "-/":
                self.add(OR, start, end, "part")
            else:
                self.add(piece[0], start, end, "part" if piece.start() else "code", piece.start() > 0)
        return code.end()

    def _run(self, token: re.Match[str]) -> int:
        """Cut a run of Japanese into characters, but for what belongs to a number after it."""
        plain, (start, end) = self.plain, token.span()
        value = None
        number = plain[end : end + 2].lstrip()[:1].isdecimal()
        if number and (lead := _TIME_LEAD.search(plain, max(start, end - 4), end)):
            value, end = _VALUE.match(plain, lead.start()), lead.start()
        bound = _LEAD.search(plain, max(start, end - 6), end) if plain[end : end + 1].isdecimal() else None
        last = bound.start() if bound else end
        at = start
        for choice in _JAPANESE_OR.finditer(plain, start, last + (last == end)):
            self._characters(at, choice.start())
            self.add(OR, *choice.span(), "or")
            at = choice.end()
        self._characters(at, last)
        if bound:
            self.add(_BOUND[bound.lastgroup or ""], last, end, "comparator")
        return self._quantity(value) if value else end

    def _characters(self, start: int, end: int) -> None:
        if self.runs:
            if run := self.plain[start:end].replace("・", ""):
                self.add(run, start, end, "run")
            return
        for script in _SCRIPT.finditer(self.plain, start, end):
            first, last = script.span()
            self.add(self.plain[first], first, first + 1, "character")
            glued, rest = script.lastgroup == "katakana", enumerate(self.plain[first + 1 : last], first + 1)
            self.found += [_new(Atom, (one, at, at + 1, "character", glued, False)) for at, one in rest]
            self.end = last

    def _digit(self, token: re.Match[str]) -> int:
        value = _VALUE.match(self.plain, token.start())
        assert value
        return self._quantity(value)

    def _other(self, token: re.Match[str]) -> int:
        slash = token.lastgroup == "slash"
        self.add(OR if slash else token[0], *token.span(), "or" if slash else "word", token.lastgroup == "mark")
        return token.end()

    def _quantity(self, match: re.Match[str]) -> int:
        """Add a number, date or time, and what bounds or follows it."""
        plain, first, end = self.plain, len(self.found), match.end()
        glued = bool(match.start()) and plain[match.start() - 1] in "+#"
        for at, (text, kind) in enumerate(_pieces(match)):
            self.add(text, match.start() if not at else end, end, kind, glued and not at)
        if bound := _BOUND_AFTER.match(plain, end):
            ranged = first > 0 and self.found[first - 1].text == OR
            if bound.lastgroup != "f" or (self.found[-1].kind in ("number", "unit") and not ranged):
                sign = "<~" if bound.lastgroup == "f" else _BOUND[bound.lastgroup or ""]
                self.found.insert(first, Atom(sign, match.start(), match.start(), "comparator"))
                end = self.end = bound.end()
        between, self.between = self.between, False
        if joined := _RANGE.match(plain, end) or (between and _AND.match(plain, end)):
            self.add(OR, end, joined.end(), "or")
            return joined.end()
        return end


def cut(plain: str, runs: bool = False) -> tuple[Atom, ...]:
    """Return the atoms of a text that is `folded`; Japanese in characters, or in whole runs, which takes less time."""
    return _Cutter(plain, runs).cut()


def flat(atoms: Iterable[Atom]) -> str:
    """Return atoms as one text to look into, a GAP between them but for Japanese, however it was cut."""
    pieces = [f"{GAP}{atom.text}{GAP}" if atom.kind not in ("character", "run") else atom.text for atom in atoms]
    return f"{GAP}{''.join(pieces)}{GAP}".replace(GAP + GAP, GAP)


def _pieces(match: re.Match[str]) -> list[tuple[str, str]]:
    """Return the atoms' texts and kinds of a value."""
    group = match.groupdict()
    for year, month, day in (("jy", "jm", "jd"), ("iy", "im", "id"), ("", "jm2", "jd2")):
        if group[month]:
            return _date(group.get(year), MONTHS[int(group[month]) - 1], group[day])
    for year, month, day in (("dy", "dm", "dd"), ("my", "mm", "md"), ("yy", "ym", "")):
        if group[month]:
            return _date(group[year], _MONTH_OF[group[month].rstrip(".")], group.get(day))
    if hour := group["jh"] or group["h"] or group["h2"]:
        minute = group["jmin"] or group["min"] or group["min2"] or ("30" if group["half"] else "0")
        part = group["noon"] or group["noon2"] or group["m"] or group["m2"] or group["part"] or ""
        return [(_time(int(hour), int(minute), part), "time")]
    if whole := group["jyear"] or group["ordinal"]:
        return [(whole, "number")]
    if group["decade"]:
        return [(f"{group['decade']}s", "date")]
    if group["parts"]:
        return [(f"{group['of']}/{group['parts']}", "number")]
    if group["tenths"]:
        share = Decimal(group["tenths"]) * 10 + int(group["hundredths"] or 0)
        return [(format(share.normalize(), "f"), "number"), ("~%", "unit")]
    return _measure(group)


def _date(year: str | None, month: str, day: str | None) -> list[tuple[str, str]]:
    dated = [(year, "number")] if year else []
    return [*dated, (month, "date"), *([(f"day {int(day)}", "date")] if day else [])]


def _time(hour: int, minute: int, part: str) -> str:
    if part in ("pm", "午後", "夕方", "夜", "afternoon", "evening", "night") and hour < 12:
        hour += 12
    elif part in ("am", "午前", "朝", "morning") and hour == 12:
        hour = 0
    return f"{hour}:{minute:02}"


def _measure(group: dict[str, str | None]) -> list[tuple[str, str]]:
    sign, scale, unit = (group["sign"] or "").strip(), group["scale"], group["unit"]
    number, money = group["number"] or "", [_UNIT_OF[sign]] if sign else []
    units = [_UNIT_OF[unit]] if unit and [_UNIT_OF[unit]] != money else []
    if scale in _AMBIGUOUS_SCALES and not sign:
        units = [_UNIT_OF.get(scale, scale), *units]
        scale = None
    if group["speed"] and units:
        units = [f"{units[0]}/{'h' if group['speed'] == '時速' else 's'}"]
    value = _value(number, {**SCALES, **_SHORT_SCALES}.get(scale or "", 1))
    return [(value, "number"), *((one, "unit") for one in (*money, *units))]


def _value(number: str, scale: int) -> str:
    """Return a number in its one spelling; a code (leading zeros, too many digits) stays as it is."""
    plain = number.replace(",", "")
    if len(plain) > LONGEST_NUMBER or (scale == 1 and re.fullmatch(r"0\d+", plain)):
        return plain
    numbers = re.findall(r"(-?\d+(?:\.\d+)?)([百千万億兆]*)", plain)
    total = sum(prod((_KANJI_SCALE[kanji] for kanji in large), start=Decimal(digits)) for digits, large in numbers)
    return format(Decimal(total * scale).normalize(), "f")
