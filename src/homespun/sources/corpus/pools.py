"""Every value that a hole of a template can take: made-up names, numbers in a range, products of lists.

A pool is listed whole, so that its size is exact (chance accuracy is 1 / size) and so that a choice can be made by
hash alone: no random number generator, whose sequence might change with a Python version. A pattern such as
`{way} {stuff} {part}`, `${1050..9850/10:,}` or `{11.1..98.9/0.2}` names lists and ranges: `LOW..HIGH`, `/STEP`
(default: one of the last decimal place), `:,` for thousands separators.
"""

from __future__ import annotations

import hashlib
import itertools
import re
from collections.abc import Iterable, Mapping
from decimal import Decimal

_HOLE = re.compile(r"\{([^{}]+)\}")
_RANGE = re.compile(r"([\d.]+?)\.\.([\d.]+?)(?:/([\d.]+))?(:,)?")


def holes(pattern: str) -> list[str]:
    """Return what stands in the braces of a pattern or template, in order."""
    return _HOLE.findall(pattern)


def split_list(text: str) -> list[str]:
    """Return the entries of a list written with commas between."""
    return [entry.strip() for entry in text.split(",")]


def names(columns: Iterable[str], blocked: Iterable[str]) -> list[str]:
    """Return every name that one piece of each column gives, without those that contain a blocked word."""
    forbidden = re.compile("|".join(map(re.escape, blocked)), re.IGNORECASE)
    made = ("".join(pieces) for pieces in itertools.product(*(column.split() for column in columns)))
    return [name for name in dict.fromkeys(made) if not forbidden.search(name)]


def expand(pattern: str, lists: Mapping[str, list[str]]) -> list[str]:
    """Return every value of a pattern.

    Raises:
        KeyError: a hole is neither a range nor one of the lists.
    """
    pieces = _HOLE.split(pattern)  # text, hole, text, hole, ..., text
    choices = [[piece] if index % 2 == 0 else _values(piece, lists) for index, piece in enumerate(pieces)]
    return list(dict.fromkeys("".join(chosen) for chosen in itertools.product(*choices)))


def shuffled(pool: Iterable[str], key: str) -> list[str]:
    """Return a pool in an order that depends on the key and the values alone."""
    return sorted(pool, key=lambda value: digest(f"{key}|{value}"))


def choose(choices: list[str], key: str) -> str:
    """Return the one of a few choices that the key points to."""
    return choices[int.from_bytes(digest(key)[:8], "big") % len(choices)]


def digest(text: str) -> bytes:
    """Return the SHA-256 of a text."""
    return hashlib.sha256(text.encode()).digest()


def _values(hole: str, lists: Mapping[str, list[str]]) -> list[str]:
    numeric = _RANGE.fullmatch(hole)
    if numeric is None:
        return lists[hole]
    low, high, step, comma = numeric.groups()
    places = len(low.partition(".")[2])
    width = Decimal(step) if step else Decimal(1).scaleb(-places)
    count = int((Decimal(high) - Decimal(low)) / width) + 1
    layout = f"{',' if comma else ''}.{places}f"
    return [format(Decimal(low) + index * width, layout) for index in range(count)]
