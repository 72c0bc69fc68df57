"""Phrases by which a model's answer gives itself away: refusals, and talk about examples or assistants.

Patterns are matched against `comparable` text. They are narrow on purpose: "I'm sorry I paid for this" is
a review, "I'm sorry, but I cannot write" is not.
"""

from __future__ import annotations

import re

_REFUSALS = {
    "en": (
        r"\bas an? (?:ai|artificial intelligence|language model)\b",
        r"\bi(?:['’]m| am) (?:just |only )?an? (?:ai|artificial intelligence|language model)\b",
        r"\bi(?:['’]m| am) (?:sorry|afraid),? but (?:i|as an)\b",
        r"\bi (?:cannot|can['’]?t|can not|won['’]?t|am unable to|am not able to|['’]m unable to)"
        r" (?:assist|help you|fulfil|fulfill|comply|generate|create|provide|write|complete|answer|do that)\b",
        r"\bi don['’]t have (?:any )?(?:personal )?(?:opinions|feelings|preferences)\b",
    ),
    "ja": (
        r"(?:ai|人工知能|言語モデル|アシスタント)(?:として|ですので|なので|であるため)",
        r"(?:申し訳(?:ありません|ございません|ない)|すみません|恐れ入ります)が.{0,40}(?:でき(?:ません|ない|かね)|いたしかね)",
        r"(?:お手伝い|お答え|お応え|作成|生成|提供)(?:は|する(?:こと)?は|することが)?(?:でき(?:ません|かねます)|いたしかねます)",
    ),
}
_SELF_TALK = {
    "en": (
        r"\b(?:here(?:['’]s| is| are)) (?:an?|one|another|the|some|my) (?:\w+ ){0,4}"
        r"(?:example|sample|review|text|sentence|response|topic|rewrite)s?\b",
        r"\b(?:example|sample) (?:review|text|sentence|answer|response)\b",
        r"\b(?:correct|right|given|assigned) label\b",
        r"\b(?:training|synthetic) (?:data|example|item)s?\b",
        r"\blanguage model\b",
        r"\bword count\b",
        r"\b(?:in|of|within|under|about) \d+(?: ?(?:-|–|to) ?\d+)? words\b",
        r"^(?:sure|certainly|of course|absolutely)[,!.]",
        r"\b(?:would you like me|let me know if|feel free to (?:ask|modify|adjust)|i hope this helps)\b",
    ),
    "ja": (
        r"(?:以下|次)(?:は|に|が|の(?:文|文章|レビュー)は).{0,20}(?:例|サンプル|示し|紹介し)",
        r"(?:例文|サンプル|学習データ|言語モデル|aiアシスタント)",
        r"(?:正しい|この)ラベル",
        r"^(?:もちろんです|承知(?:しました|いたしました)|かしこまりました|はい、)",
        r"(?:お役に立て|ご不明な点|必要であれば.{0,10}(?:調整|修正))",
    ),
}

_COMPILED = {
    name: {language: re.compile("|".join(patterns)) for language, patterns in table.items()}
    for name, table in (("refusal", _REFUSALS), ("self talk", _SELF_TALK))
}


def refusal(comparable_text: str) -> str | None:
    """Return the words of a refusal in either language, or None."""
    return _first("refusal", comparable_text)


def self_talk(comparable_text: str) -> str | None:
    """Return the words with which a text speaks of itself as an answer or example, or None."""
    return _first("self talk", comparable_text)


def _first(name: str, comparable_text: str) -> str | None:
    # Both languages always: a model asked in Japanese may well refuse in English.
    for pattern in _COMPILED[name].values():
        found = pattern.search(comparable_text)
        if found:
            return found.group(0)
    return None
