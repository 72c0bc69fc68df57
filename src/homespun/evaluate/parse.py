"""Read the label from a freely written answer, in English or Japanese.

Tolerant of case, width (NFKC), quotes, markup and a lead-in such as `Label:` or `答え：`; strict about
meaning: an answer that names several labels without putting one first, negates the label, or names none
is unparsed. A parser that guesses would be measured as a difference between models.
"""

from __future__ import annotations

import re
import unicodedata
from collections.abc import Sequence

_CJK = "\u3040-\u30ff\u3400-\u4dbf\u4e00-\u9fff\uf900-\ufaff"
_WORD = rf"[^\W{_CJK}]"  # a letter or digit of a script that puts spaces between words
_OR = re.compile(r"""[\s"'”’」』*]*(?:/|,|、|・|\||or\b|and\b|または|又は|もしくは|か|と)[\s"'“‘「『*]*""")
_NOT_AFTER = re.compile(r"[\s」』\"'*]*(?:(?:的)?(?:では|じゃ|でも|とは)(?:ない|なく|ありません|いえ|言え))")
_NOT_BEFORE = re.compile(
    r"(?:\b(?:not|never|neither|isn't|wasn't|non)(?:\s+(?:a|an|the|at all|very|really|entirely))?[\s\"'*-]*"
    r"|[非不未無][\"'「『]?)$"
)
_LEAD_IN = re.compile(
    r"^(?:[^:\n]{0,40}:\s*"
    r"|(?:(?:the|this|my|it)\b[^.\n]{0,40}?\b(?:is|was|as)\s+)"
    r"|[^。\n]{0,12}?は\s*)"
)
_OPENING = " \t\r\n\"'`*_#>-([{“‘「『【（"


def normalise(text: str) -> str:
    """Return text in the one form that labels and answers are compared in (NFKC, casefolded)."""
    return unicodedata.normalize("NFKC", text).casefold().replace("’", "'")


def _pattern(labels: Sequence[str]) -> re.Pattern[str]:
    # Longest first, so that a label which holds another one wins.
    names = sorted((normalise(label).strip() for label in labels), key=len, reverse=True)
    bounded = []
    for name in names:
        before = rf"(?<!{_WORD})" if re.match(_WORD, name) else ""
        after = rf"(?!{_WORD})" if re.search(rf"{_WORD}$", name) else ""
        bounded.append(f"{before}{re.escape(name)}{after}")
    return re.compile("|".join(bounded))


def parse_label(answer: str, labels: Sequence[str]) -> str:
    """Return the label that an answer gives, or the empty string.

    The label that stands first (after an optional lead-in) is taken, unless it is listed beside another
    one (`positive or negative`). Otherwise the whole answer must name exactly one label. A negated label
    (`not positive`, `肯定ではない`) is never taken.
    """
    by_name = {normalise(label).strip(): label for label in labels}
    pattern = _pattern(labels)
    text = normalise(answer).strip()
    found = [match for match in pattern.finditer(text) if not _negated(text, match)]
    if not found:
        return ""
    first = found[0]
    if _stands_first(text, first) and not _listed(text, pattern, first):
        return by_name[first.group()]
    named = {match.group() for match in pattern.finditer(text)}
    return by_name[first.group()] if len(named) == 1 else ""


def _negated(text: str, match: re.Match[str]) -> bool:
    return bool(_NOT_BEFORE.search(text[: match.start()]) or _NOT_AFTER.match(text, match.end()))


def _stands_first(text: str, match: re.Match[str]) -> bool:
    before = text[: match.start()].lstrip(_OPENING)
    return not _LEAD_IN.sub("", before, count=1).strip(_OPENING)


def _listed(text: str, pattern: re.Pattern[str], match: re.Match[str]) -> bool:
    joint = _OR.match(text, match.end())
    other = pattern.match(text, joint.end()) if joint else None
    return other is not None and other.group() != match.group()
