"""Rules: verdicts from scores; one file each. For lists in Python: `homespun.select.rouge_l(rows, threshold=0.7)`.

The functions are those of api.py, fetched when first used, so that importing a rule imports nothing else. Some
have the name of the module of their rule (`minhash`, `semantic`): as an attribute of this package such a name is
the function, and `from homespun.select.minhash import MinHash` finds the module all the same.
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
    """Keeps the functions from being replaced by the modules of the same name when those are imported."""

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
