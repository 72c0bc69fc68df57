"""Options of `homespun select` that stand for one rule each, in the order in which they are applied.

Cheap rules come first, so that a costly one sees fewer rows; what repeats is dropped before a share is taken,
so that shares are counted without copies. A new shortcut is one line in SHORTCUTS and one option in cli.py.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

from homespun.data.records import JSONDict
from homespun.errors import UsageError
from homespun.registry import lookup
from homespun.select.base import Rule, rule_of
from homespun.select.rules.prototypes import DEDUP_SHARE
from homespun.select.rules.share import PARTS

Parsed = tuple[str, JSONDict]  #: kind of the rule, its fields


@dataclass(frozen=True)
class Shortcut:
    """One option: how its value becomes a rule."""

    option: str
    parse: Callable[[str, str], Parsed]  #: from the option's name and its value
    each: bool = False  #: given several times, several rules; their values are lines


def _flag(kind: str, **fields: object) -> Callable[[str, str], Parsed]:
    return lambda option, value: (kind, dict(fields))


def _threshold(kind: str, example: str, name: str = "threshold", **fields: object) -> Callable[[str, str], Parsed]:
    def parse(option: str, value: str) -> Parsed:
        number = _number(option, value, example)
        if not 0 <= number <= 1:
            raise UsageError(f"{option} is {value}; it must lie between 0 and 1, e.g. {option} {example}")
        return kind, {name: number, **fields}

    return parse


def _by(kind: str) -> Callable[[str, str], Parsed]:
    def parse(option: str, value: str) -> Parsed:
        column, colon, number = value.rpartition(":")
        bound = kind in ("at_least", "at_most")
        if not colon or not column:
            takes = "VALUE" if bound else "SHARE or FIELD:ROWS"
            also = "" if bound else f" or {option} quality:1000"
            raise UsageError(f'{option} takes FIELD:{takes}, e.g. {option} quality:0.5{also}; got "{value}"')
        amount = {"value": _number(option, number, "quality:0.5")} if bound else _amount(option, number)
        return kind, {"by": column, **amount}

    return parse


def _perplexity(option: str, value: str) -> Parsed:
    part, _, amount = value.partition(":")
    if part not in PARTS or not amount:
        raise UsageError(f'{option} takes low:SHARE, middle:SHARE or high:SHARE, e.g. {option} low:0.5; got "{value}"')
    return PARTS[part], {"by": "perplexity", **_amount(option, amount)}


def _d4(option: str, value: str) -> Parsed:
    kind, fields = _threshold("d4", "0.5", name="share")(option, value)
    return kind, {**fields, "dedup_share": max(DEDUP_SHARE, fields["share"])}


def _amount(option: str, text: str) -> JSONDict:
    """Read a share, written with a point, or a number of rows."""
    number = _number(option, text, "0.5")
    if "." not in text and "e" not in text.lower() and number >= 1:
        return {"count": int(number)}
    if not 0 < number <= 1:
        raise UsageError(f"{option}: {text} is no share above 0 and up to 1 (0.5), and no number of rows (1000)")
    return {"share": number}


def _against(option: str, value: str) -> Parsed:
    files = value.split("\n")
    for name in files:
        if not Path(name).is_file():
            wrong = "is a folder; name its files" if Path(name).is_dir() else "no such file"
            raise UsageError(f"{option} {name}: {wrong}")
    return "contamination", {"against": tuple(files)}


def _number(option: str, text: str, example: str) -> float:
    try:
        number = float(text)
    except ValueError:
        number = float("nan")
    if number != number or number in (float("inf"), float("-inf")):
        raise UsageError(f'{option}: "{text}" is no number; e.g. {option} {example}')
    return number


SHORTCUTS: Sequence[Shortcut] = (
    Shortcut("--exact", _flag("exact_duplicates", conflicts="keep_first")),
    Shortcut("--against", _against),
    Shortcut("--at-least", _by("at_least"), each=True),
    Shortcut("--at-most", _by("at_most"), each=True),
    Shortcut("--minhash", _threshold("minhash", "0.8")),
    Shortcut("--rouge-l", _threshold("rouge_l", "0.7")),
    Shortcut("--semantic", _threshold("semantic", "0.95")),
    Shortcut("--semdedup", _threshold("semdedup", "0.95")),
    Shortcut("--d4", _d4),
    Shortcut("--perplexity", _perplexity),
    Shortcut("--top", _by("top"), each=True),
    Shortcut("--bottom", _by("bottom"), each=True),
    Shortcut("--random", lambda option, value: ("random", _amount(option, value))),
)


def rules_of(given: Mapping[str, str], within: str | None) -> list[Rule]:
    """Return the rules that options stand for, in the fixed order.

    Args:
        given: option -> its value as written, e.g. `{"--rouge-l": "0.7"}`; of an option given several times, the
            values with line ends between.
        within: group key for every rule that can work within groups.

    Raises:
        UsageError: a value that the rule does not take, no rule of that kind, or `within` where no rule has groups.
    """
    known = {shortcut.option for shortcut in SHORTCUTS}
    unknown = [option for option in given if option not in known]
    if unknown:
        raise UsageError(f"no shortcut {unknown[0]}; there are: {', '.join(sorted(known))}")
    found = []
    for shortcut in SHORTCUTS:
        if shortcut.option in given:
            written = given[shortcut.option]
            for value in written.split("\n") if shortcut.each else [written]:
                kind, fields = shortcut.parse(shortcut.option, value)
                groups = {"within": within} if "within" in lookup(Rule, kind).model_fields else {}
                found.append(rule_of(kind, {**fields, **groups}, f"{shortcut.option} {value}"))
    if within is not None and not any("within" in type(rule).model_fields for rule in found):
        raise UsageError(f"--within {within}: none of {', '.join(given)} works within groups; leave it out")
    return found
