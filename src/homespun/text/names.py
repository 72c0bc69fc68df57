"""Names in a text, found by how they are written: what a rewrite must not lose.

English: capitalised words that do not merely open a sentence. Japanese: words that no dictionary knows and proper
nouns, by SudachiPy where it is installed; else runs of katakana, which takes common loan words for names, too.
No model of named entities: a name that is written like a common word is not found, and a common word that is
written like a name is kept in a rewrite for nothing.
"""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Sequence
from functools import cache
from typing import TYPE_CHECKING

from homespun.text.normalise import KANJI
from homespun.text.sentences import ends

if TYPE_CHECKING:
    from sudachipy import Tokenizer

_KATAKANA = re.compile(r"[\u30a1-\u30fa\u30fc\u31f0-\u31ff][\u30a1-\u30fc\u31f0-\u31ff]+(?:・[\u30a1-\u30fc]{2,})*")
_LATIN = re.compile(r"(?<![A-Za-z])[A-Z][A-Za-z]*(?:-[A-Za-z]+)*[A-Za-z]")
_WORD = re.compile(r"[^\W\d_]+(?:['’\-][^\W\d_]+)*")
_GOES_ON = re.compile(r" [A-Z][a-z]")
_POSSESSIVE = re.compile(r"['’]s?$")
NO_NAMES = frozenset(
    "a an and any are as at be but by can dear each every for from had has have he her here hers him his how i if in is"
    " it its let may most my no nor not of on once one only or other our shall she should since so some such than that"
    " the their them then there these they this those to under until up upon was we were what when where which while"
    " who whose why will with within without would yes yet you your both all also after before during over per q"
    " however above below therefore further furthermore thus although though because instead".split()
)
#: words with a capital that bring in nobody: time, titles, what letters and lists are headed with
NOBODY = NO_NAMES | frozenset(
    "jan feb mar apr jun jul aug sep sept oct nov dec january february march april june july august september october"
    " november december monday tuesday wednesday thursday friday saturday sunday spring summer autumn winter mr mrs ms"
    " dr sir prof professor president chairman director founder ceo captain king queen manager mayor minister team note"
    " subject date notes summary re ps sincerely regards hello hi welcome thanks thank please fact facts".split()
)
_NOT_ALONE = frozenset("ltd inc co corp llc plc gmbh c f w v gb mb tb kb pa hz".split())  #: legal forms, and units
_NO_NAME = re.compile(r"[〇一二三四五六七八九十百千万億兆]+|明治|大正|昭和|平成|令和|[A-Za-z0-9]+")
_IN_KANJI = re.compile(f"[{KANJI}]+")
_ENDS_NAME = frozenset("館城寺駅港橋湖川山島市区町村県府州省庁局社店校院園所場線号会党団隊賞杯祭座塔門湾立")
_SAID_OF = frozenset(
    "社長 会長 知事 市長 首相 大臣 館長 所長 本社 支社 支店 本店 地方 周辺 全域 沿岸 方面 地域 一帯 各地 時代 代表"
    " 現地 市内 都内 県内 国内 市民 国民 住民 全土 北部 南部 東部 西部 中部 中心 以外 以降 以前 同士".split()
)
_OF_PERSONS = frozenset("空港 大学 高校 病院 神社 公園 工業 銀行 電機 商店 商会 書店 鉄道 建設 製薬 財団".split())
SHORTEST = 2  #: characters of a Japanese name


def names(text: str, language: str) -> list[str]:
    """Return the distinct names of a text, in order; for other languages than Japanese by capitals.

    Args:
        text: after NFKC.
        language: en, ja, or another.
    """
    return _japanese(text) if language == "ja" else _capitalised(text, language)


def _capitalised(text: str, language: str) -> list[str]:
    """Return words written with a capital inside a sentence, or at the start of several and never without."""
    starts = {0, *ends(text, language), *(match.end() for match in re.finditer(r"[:\n\"“]", text))}
    inside: dict[str, None] = {}
    opening: Counter[str] = Counter()
    small: set[str] = set()
    for match in _WORD.finditer(text):
        word = _POSSESSIVE.sub("", match.group())
        if not word[:1].isupper():
            small.add(word)
            continue
        if word.lower() in NO_NAMES:
            continue
        before = text[: match.start()].rstrip(" \t([*_#>-•")
        if len(before) in starts or not before or before[-1] in '.!?:\n"“':
            opening[word] += 2 if _GOES_ON.match(text, match.end()) else 1  # a given name before a family name
        else:
            inside[word] = None
    repeated = {word: None for word, count in opening.items() if count > 1 and word.lower() not in small}
    return _in_order(text, [*inside, *repeated])


def _japanese(text: str) -> list[str]:
    latin = [match.group() for match in _LATIN.finditer(text)]
    katakana = [match.group() for match in _KATAKANA.finditer(text)]
    tagger = _sudachi()
    if tagger is None:
        return _in_order(text, [*katakana, *latin])
    proper: list[str] = []
    strange = set()
    joined = ""
    person = False
    for morpheme in tagger.tokenize(text.encode("utf-8", "replace").decode()[:16_000]):
        surface, part = morpheme.surface(), morpheme.part_of_speech()
        proper_noun = part[1] == "固有名詞" and not _NO_NAME.fullmatch(surface)
        if proper_noun or (morpheme.is_oov() and part[1] != "数詞"):
            strange.add(surface)
        if _IN_KANJI.fullmatch(surface) and (proper_noun or (joined and _goes_on(surface, part, person))):
            joined, person = joined + surface, part[2] == "人名" if proper_noun else person
            continue
        proper.append(joined)
        joined = ""
    proper.append(joined)
    katakana = [run for run in katakana if any(surface in run for surface in strange)]
    return _in_order(text, [*proper, *katakana, *latin])


def _goes_on(surface: str, part: Sequence[str], person: bool) -> bool:
    """Tell whether a noun behind a name is a part of it: 関西国際空港, 羽田空港, neither 大阪本社 nor 田中教授."""
    if part[0] == "接尾辞":
        return surface in _ENDS_NAME
    if person:
        return surface in _OF_PERSONS
    return part[0] == "名詞" and part[1] == "普通名詞" and part[2] != "サ変可能" and surface not in _SAID_OF


def proper_nouns(text: str) -> list[str]:
    """Return the proper nouns of a Japanese text, and words in katakana that no dictionary knows; none without one."""
    tagger = _sudachi()
    found = tagger.tokenize(text.encode("utf-8", "replace").decode()[:16_000]) if tagger else ()
    named = [
        one.surface()
        for one in found
        if (one.part_of_speech()[1] == "固有名詞" or (one.is_oov() and _KATAKANA.fullmatch(one.surface())))
    ]
    return [name for name in dict.fromkeys(named) if len(name) >= SHORTEST and not _NO_NAME.fullmatch(name)]


def unknown(name: str) -> bool:
    """Tell whether no dictionary knows a Japanese name; False without SudachiPy."""
    tagger = _sudachi()
    return tagger is not None and any(one.is_oov() for one in tagger.tokenize(name))


def _in_order(text: str, found: list[str]) -> list[str]:
    kept = {name: None for name in found if len(name) >= SHORTEST and name.lower() not in _NOT_ALONE}
    return sorted(kept, key=text.find)


@cache
def _sudachi() -> Tokenizer | None:
    try:
        from sudachipy import Dictionary, SplitMode

        return Dictionary(dict="small").tokenizer(mode=SplitMode.C)
    except (ImportError, ModuleNotFoundError, OSError):
        return None
