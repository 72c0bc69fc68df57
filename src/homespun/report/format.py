"""Numbers and foreign text as a person reads them.

Every value that reaches the page passes `visible`: characters that cannot be seen (bidi overrides,
zero-width characters, controls, lone surrogates) are written out as their code point, so that a text shown
is the text that is there. Escaping for HTML is Jinja's autoescape, never done here.
"""

from __future__ import annotations

import math
import re
import unicodedata
from collections.abc import Mapping
from typing import Any

from markupsafe import Markup

MISSING = "–"
MINUS = "\u2212"
TIE = "\u00a0"  #: a space that no line breaks at, between a number and its unit
_INVISIBLE_CATEGORIES = {"Cc", "Cf", "Cs", "Zl", "Zp"}
_INVISIBLE_LETTERS = {"\u115f", "\u1160", "\u3164", "\uffa0", "\u034f", "\u2800"}  # look like nothing
#: Metrics that are shares of one, shown in percent; differences of them are percentage points.
_SHARE = re.compile(
    r"(accuracy(_\w+)?|precision|recall|rate|share|f1|unparsed|contained|judged|unclear|elsewhere|probability)$"
    r"|^(?!bits_per_byte)(?!.*perplexity)[^:]+:"  # accuracy of a group: category:product
)


def is_invisible(character: str) -> bool:
    """Whether a character would change or hide text without being seen; line feed and tab are fine."""
    if character in "\n\t":
        return False
    return unicodedata.category(character) in _INVISIBLE_CATEGORIES or character in _INVISIBLE_LETTERS


def visible(value: object) -> object:
    """Return text with each invisible character written as `⟨U+202E⟩`; markup and numbers unchanged."""
    if not isinstance(value, str) or isinstance(value, Markup) or (value.isascii() and value.isprintable()):
        return value
    text = value.replace("\r\n", "\n")
    return "".join(f"⟨U+{ord(c):04X}⟩" if is_invisible(c) else c for c in text)


def tied(sentence: str) -> str:
    """Return a sentence whose numbers stay with their units at a line's end, with real minus signs."""
    text = re.sub(r"(?<=\d) %", f"{TIE}%", sentence)
    text = re.sub(r"\bp ([=<]) (?=\d)", rf"p{TIE}\1{TIE}", text)
    return re.sub(r"(?<![\w.])-(?=\d)", MINUS, text)


def shortened(text: str, limit: int = 1200) -> str:
    """Return the text, or its beginning and how long it is."""
    return text if len(text) <= limit else f"{text[:limit]} … ({len(text):,} characters in all)"


def is_share(metric: str) -> bool:
    """Whether a metric is a share of one (accuracy, F1) and reads best in percent."""
    return bool(_SHARE.search(metric.lower()))


def metric_name(metric: str) -> str:
    """Return a metric's name in words: `macro_f1` is macro F1."""
    return metric.removeprefix("category:").replace("_", " ").replace("f1", "F1").replace(":", ": ")


def value_of(metric: str, value: float | None) -> str:
    """Return a metric's value: `87.3 %` for shares, three decimals for anything else."""
    if value is None or not math.isfinite(value):
        return MISSING
    return f"{value * 100:.1f}{TIE}%" if is_share(metric) else f"{value:.3f}".replace("-", MINUS)


def interval_of(metric: str, low: float | None, high: float | None) -> str:
    """Return an interval with its unit once: `81.3 to 87.3 %`; nothing where there is none."""
    if low is None or high is None:
        return ""
    ends = [value_of(metric, end) for end in (low, high)]
    return " to ".join(ends).replace(f"{TIE}% to", " to")


def change_of(metric: str, value: float | None) -> str:
    """Return a difference with its sign: `+4.2` (percentage points) for shares, else `+0.042`; zero has none."""
    if value is None or not math.isfinite(value):
        return MISSING
    text = f"{value * 100:+.1f}" if is_share(metric) else f"{value:+.3f}"
    return (text if float(text) else text[1:]).replace("-", MINUS)


def change_interval(metric: str, versus: Mapping[str, Any] | None) -> str:
    """Return the interval of a difference: `-1.2 to +4.0`; nothing where one replicate gives none."""
    if not versus or versus["low"] is None:
        return ""
    return f"{change_of(metric, versus['low'])} to {change_of(metric, versus['high'])}"


def p_value(p: float | None) -> str:
    """Return a p value with three decimals, or `< 0.001`."""
    if p is None or not math.isfinite(p):
        return MISSING
    return "< 0.001" if p < 0.001 else f"{p:.3f}"


def plain(value: float | None) -> str:
    """Return a number of no known kind in three significant digits, whole numbers with separators."""
    if value is None or not math.isfinite(value):
        return MISSING
    text = f"{value:,.0f}" if value == int(value) or abs(value) >= 100 else f"{value:.3g}"
    return text.replace("-", MINUS)


def amount(value: float | None) -> str:
    """Return a number of exposures or tokens: `213`, `2,400`, `48.2 k`, `1.24 M`."""
    if value is None or not math.isfinite(value):
        return MISSING
    for size, unit in ((1e9, "G"), (1e6, "M"), (1e4, "k")):
        if value >= size:
            return f"{value / (1e3 if unit == 'k' else size):.3g}{TIE}{unit}"
    return f"{value:,.0f}" if value >= 10 else f"{value:.1f}".removesuffix(".0")


def percent(part: float, whole: float) -> str:
    """Return a share of a whole in percent, a dash of nothing."""
    if not whole:
        return MISSING
    share = 100 * part / whole
    near_an_end = 0 < share < 1 or 99 < share < 100
    return f"{share:.{1 if near_an_end else 0}f}{TIE}%"


def duration(seconds: float) -> str:
    """Return a time span: `0.4 s`, `48 s`, `9 min 12 s`, `2 h 5 min`."""
    if seconds < 10:
        return f"{seconds:.1f}{TIE}s"
    whole = round(seconds)
    if whole < 60:
        return f"{whole}{TIE}s"
    if whole < 3600:
        return f"{whole // 60}{TIE}min {whole % 60}{TIE}s"
    return f"{whole // 3600}{TIE}h {whole % 3600 // 60}{TIE}min"


def day_and_time(iso: str) -> str:
    """Return an ISO time cut to minutes, `2026-03-01 14:05 +00:00`, or the text as it is."""
    match = re.fullmatch(r"(\d{4}-\d\d-\d\d)T(\d\d:\d\d)(?::\d\d(?:\.\d+)?)?(Z|[+-]\d\d:?\d\d)?", iso)
    if not match:
        return iso
    day, time, zone = match.groups()
    universal = {"Z": "UTC", "+00:00": "UTC", "+0000": "UTC"}
    return " ".join(part for part in (day, time, universal.get(zone or "", zone)) if part)


def said(value: Any) -> str:
    """Return a setting as text: `none`, `yes`, plain numbers, `a, b` for lists."""
    if value is None or value in ({}, [], ()):
        return "none"
    if isinstance(value, bool):
        return "yes" if value else "no"
    if isinstance(value, float):
        return f"{value:g}"
    if isinstance(value, Mapping):
        return ", ".join(f"{key} {said(item)}" for key, item in value.items())
    if isinstance(value, list | tuple):
        return ", ".join(said(item) for item in value)
    return str(value)
