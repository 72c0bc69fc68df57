"""What a rewrite says beside its document: run-away text, statements turned round, names that it brings in.

By rule, and so only in part. Run-away: turns of a chat, instructions and exercises on lines of their own, the same
sentences over and over, a long end that shares no words with the document. Turned round: a clause of the document that
denies something comes back, in the same words, without any word that denies, or the other way round. Names: English
words with a capital inside a sentence, Japanese proper nouns (SudachiPy); both only as they are written.
"""

from __future__ import annotations

import re
import zlib
from collections import Counter
from collections.abc import Sequence
from functools import lru_cache

from homespun.text.names import NOBODY, proper_nouns
from homespun.text.normalise import KANJI, comparable, comparable_lines
from homespun.text.values import folded

LOOPS = 3  #: times that a whole sentence stands in a text before it is a loop
_TURN = re.compile(
    r"(?m)^[^\w\n]*(?:(?:user|human|assistant|ユーザー?|アシスタント|人間)\s*[:：]"
    r"|(?:(?:exercise|task|use case) \d+|exercise|your task|sources?|references|continuation|passage|指示|課題"
    r"|練習問題(?:\d+)?)\s*[:：]|definition: in this|##+ (?:instruction|exercise|response)"
    r"|(?:let[' ]?s|let us|please|now,?)? ?(?:read|consider|write|create|produce|generate|rewrite|summari[sz]e|imagine"
    r"|translate|complete|come up with)\b[^\n]{0,40}"
    r"\b(?:following|a (?:\w+ ){0,4}(?:passage|paragraph|essay|story|poem|puzzle|dialogue|article|scenario))\b"
    r"|is there anything else i\b|(?:now,? )?please (?:show me|write in|list all|rewrite|summari[sz]e|correct me)\b"
    r"|(?:can|could) you (?:also |please )?(?:provide|give|rewrite|summari[sz]e|elaborate)\b"
    r"|(?:次|以下|上)の(?:文章|文|問題|質問|指示)[^\n]{0,40}(?:ください|なさい|しましょう)"
    r"|[^\n]{0,60}(?:書いて|作って|要約して|作成して|翻訳して|答えて)(?:ください|下さい)。?$)"
    r"|<\|[a-z_]+\|>|<\/?(?:s|user|assistant|system)>|\[/?inst\]|you are an? (?:ai|helpful)\b|you will be given an? "
)
_STEM = re.compile(f"[a-z]{{4,}}|[{KANJI}]{{1,2}}|[\u30a1-\u30fa\u30fc]{{2,}}")
_COMMON = frozenset(
    w[:5]
    for w in "about also another because been before being between both could during each from have however into"
    " like made make many might more most much only other others over should some such than that their them then there"
    " these they this those through under used very were what when where which while will with within without would"
    " your important implications implies suggests indicates significant various different including".split()
)
_PIECE = re.compile(r"\n+|(?<=[.!?])\s+|(?<=[。！？])")
LONG, LOOPED = 600, 0.2  #: characters from which a text is packed, and the share of its size that tells a loop
HEAD, TAIL = 20, 40  #: content words before and behind the place where a text may turn to something else
AWAY = 0.2  #: share of those behind it that the document or the text before holds, at least, in a text that stays

_NO_DENIAL = re.compile(
    r"not only|no (?:later|earlier|more|fewer|less|longer|doubt)\b|not (?:until|less|more|fewer)\b|whether or not"
    r"|\bno\. ?\d"
    r"|(?:なければ|なくては|ないと)(?:な[らり]|いけ)(?:ない|ません)?|ざるを得(?:ない|ません)|だけでなく|のみならず"
    r"|(?:かもしれ|に違い|間違い|少なく)(?:ない|ません|なく)|少なくとも|ではない(?:か|でしょうか)"
)
_DENIES = re.compile(
    r"\b(?:not|never|no|cannot|without|neither|nor)\b|n't\b|ない(?!し)|ません|なかっ|[かさたなまらばせけえれべめ]ず(?=[、に])"
)
#: what else may say the same; wide, because here it excuses
_MAY_DENY = re.compile(
    _DENIES.pattern
    + r"|\b(?:none|nothing|nobody|free|forb\w+|prohibit\w*|banned|bans?|unable|avoid\w*|prevent\w*|only|except\w*|"
    r"lack\w*|fail\w*|refus\w*|exclu\w+|impossible|instead|rather|absent|absence|unlike|hardly|rarely|illegal|stop\w*|"
    r"un\w{4,}|in\w+ble|non\w*|dis\w{4,})\b|なく|なけれ|せず|ぬ|不|無|非|禁|未|以外|専用|のみ|だけ|しか|避け|防|除|まで"
)
_SENTENCE = re.compile(r"[^.!?。！？\n]+[.!?。！？\n]*")
_ASKS = ("?", "？", "か。")
_CLAUSE = re.compile(r"[,;:.!?()\n、。；：（）—–]+|\b(?:and|but|while|whereas|although)\b|が、")
_SCOPE = {"ja": 2}  #: words nearest to a denial that are denied, before it; other languages: 3 behind it
ENDING = 8  #: characters behind a denial in Japanese that still ends its clause; else it belongs to what follows
_CONTENT = re.compile(f"[a-z]{{3,}}|[{KANJI}]+|[\u30a1-\u30fa\u30fc]{{2,}}")
_LIGHT = frozenset(
    "the and for was were are has had have been its this that with can may must will does did any".split()
)
_CAPITAL = re.compile(r"(?<=[a-z0-9,;] )[A-Z][\w'’-]*[a-z](?:['’]s)?(?![\w])")
_WORD = re.compile(r"[^\W_]+")
_HEADING = re.compile(r"(?m)^[^\n]{0,80}?[:：](?=\s|$)|^[^\n.!?]{0,80}$")


def runaway(text: str, document: str, sentences: Sequence[str]) -> str:
    """Return in words where a text runs away from its document, empty where it does not.

    Args:
        text: after `comparable_lines`, and so the document.
        document: its title and text.
        sentences: letters and digits of the text's sentences.
    """
    for turn in _TURN.finditer(text):
        if turn.start() and turn[0] not in document:
            return f'goes on with "{turn[0].strip()[:40]}"'
    said = Counter(bare for line in sentences if len(bare := line.lstrip("0123456789")) > 5)
    repeated, times = max(said.items(), key=lambda one: one[1], default=("", 0))
    if times > LOOPS or (times == LOOPS and said.total() / 2 < 3 * LOOPS):
        return f'says "{repeated[:40]}" {times} times'
    if len(text) > LONG and len(zlib.compress(text.encode(), 1)) < LOOPED * len(text.encode()):
        return "says the same over and over"
    return _drift(text, document)


def _drift(text: str, document: str) -> str:
    """Return where the rest of a text is about something else than its document and the text before, or empty."""
    if len(text) < 4 * (HEAD + TAIL):
        return ""  # too short to hold so many words
    source, before, head, whole = _stems_of(document), set[str](), 0, _stems(text)
    left, strange = len(whole), sum(stem not in source for stem in whole)
    if strange <= (1 - AWAY) * TAIL:
        return ""
    pieces = [(piece, _stems(piece)) for piece in _PIECE.split(text)]
    for place, (piece, stems) in enumerate(pieces):
        if left < TAIL:
            break
        if head >= HEAD and strange > (1 - AWAY) * left:
            rest = [stem for _, more in pieces[place:] for stem in more]
            if sum(stem in source or stem in before for stem in rest) < AWAY * left:
                return f'goes on about something else: "{piece.strip()[:40]}"'
        left, head = left - len(stems), head + len(stems)
        strange -= sum(stem not in source for stem in stems)
        before.update(stems)
    return ""


def _stems(text: str) -> list[str]:
    return [stem[:5] for stem in _STEM.findall(text) if stem[:5] not in _COMMON]


@lru_cache(maxsize=1 << 10)
def _stems_of(document: str) -> frozenset[str]:
    return frozenset(_stems(document))


def turned_round(text: str, document: str, language: str) -> str:
    """Return the clause of a text that says without a denial what its document denies, or denies what that says."""
    mine, theirs = _clauses(text), _clauses(document)
    for denying, others in ((theirs, mine), (mine, theirs)):
        for clause in denying:
            scope = _denied(clause, language)
            if len(scope) < 2:
                continue
            alike = [other for other in others if scope <= set(_content(other))]
            own = [other for other in denying if scope <= set(_content(other))]
            if alike and not any(map(_MAY_DENY.search, alike)) and all(map(_MAY_DENY.search, own)):
                return (alike[0] if denying is theirs else clause).strip()
    return ""


def _clauses(text: str) -> list[str]:
    told = (one for one in _SENTENCE.findall(comparable_lines(text)) if not one.strip().endswith(_ASKS))
    return [clause for one in told for clause in _CLAUSE.split(_NO_DENIAL.sub(" ", one)) if clause.strip()]


def _denied(clause: str, language: str) -> set[str]:
    """Return the words of a clause that are denied in it."""
    denial = _DENIES.search(clause)
    if not denial or (language == "ja" and len(clause) - denial.end() > ENDING):
        return set()
    words = _content(clause[: denial.start()] if language == "ja" else clause[denial.end() :])
    scope = set(words[-_SCOPE["ja"] :] if language == "ja" else words[:3])
    return scope if len(scope) > 1 else set(_content(clause)[-3:])


def _content(clause: str) -> list[str]:
    return [_stemmed(word) for word in _CONTENT.findall(clause) if word not in _LIGHT and not _DENIES.match(word)]


def _stemmed(word: str) -> str:
    return word[:5] if len(word) > 5 else word.rstrip("sde")


def new_names(text: str, document: str, language: str) -> list[str]:
    """Return the names of a text that its document does not hold, as far as the way of writing tells."""
    source = comparable(document)
    if language == "ja":
        source = folded(document)
        return [name for name in proper_nouns(text) if folded(name) not in source]
    held = {word[:4] for word in _WORD.findall(source)}
    plain = _HEADING.sub(lambda heading: heading[0].lower(), text)
    found = (match[0].removesuffix("'s").removesuffix("’s") for match in _CAPITAL.finditer(plain))
    return [
        name
        for name in dict.fromkeys(found)
        if name.lower() not in NOBODY and not any(part[:4] in held for part in _WORD.findall(name.lower()))
    ]
