"""Verdicts from scores: rules/, the engine that applies them, `homespun select` (files/) and Python functions on lists.

`homespun.select.rouge_l(rows, threshold=0.7)`: these are the functions of api.py, fetched when first used, so that
importing a rule imports nothing else. As an attribute of this package `rules` is the function; `from
homespun.select.rules.minhash import MinHash` finds the folder.
"""

from __future__ import annotations

import sys
from types import ModuleType
from typing import Any

API = (
    "Selection", "against", "at_least", "at_most", "bottom", "calibrate", "d4", "exact", "middle", "minhash",
    "perplexity", "random", "rouge_l", "rules", "semantic", "semdedup", "top",
)  # fmt: skip
__all__ = list(API)


class _Package(ModuleType):
    """Keeps the function `rules` from being replaced by the folder when a rule is imported."""

    def __setattr__(self, name: str, value: object) -> None:
        if not (name in API and isinstance(value, ModuleType)):
            super().__setattr__(name, value)


sys.modules[__name__].__class__ = _Package


def __getattr__(name: str) -> Any:
    if name not in API:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    from homespun.select import api

    return getattr(api, name)


def __dir__() -> list[str]:
    return sorted({*globals(), *API})
