"""Drop rows whose text is a near copy of an earlier one, by the Jaccard similarity of their word shingles.

For texts of several sentences: templated pages, answers with another name in them, documents copied with
small changes. For one-sentence texts ROUGE-L sees more. Candidates come from MinHash, so a near copy can be
missed with a small chance, which near/minhash.py's `recall` states; no row is dropped that is not one.
"""

from __future__ import annotations

from functools import partial
from typing import ClassVar, Literal

from pydantic import Field

from homespun.near.parts import Measure
from homespun.select.base import show
from homespun.select.repeats import TextRepeatRule
from homespun.text.words import compared


class MinHash(TextRepeatRule):
    """Keep a row unless its shingles are more than `threshold` those of an earlier row that is kept."""

    kind: Literal["minhash"] = "minhash"
    named: ClassVar[str] = "Jaccard similarity"
    threshold: float = Field(0.8, gt=0, lt=1, description="Jaccard similarity above which a row is a near copy")
    shingle: int = Field(5, ge=1, description="words of a shingle; a shorter text is one shingle")
    permutations: int = Field(128, ge=16, le=4096, description="length of a signature: more miss less and cost more")

    def cut(self, text: str, language: str) -> list[str]:
        """Return the words of a text."""
        return compared(text, language)

    def measure(self) -> Measure:
        """Return how texts are compared."""
        from homespun.near.minhash import greedy, jaccard, pairs, shingled

        return Measure(
            partial(greedy, shingle=self.shingle, permutations=self.permutations),
            partial(pairs, shingle=self.shingle, permutations=self.permutations),
            partial(shingled, size=self.shingle),
            partial(pairs, shingle=1, permutations=self.permutations),
            jaccard,
        )

    def __str__(self) -> str:
        return f"minhash {show(self.threshold)}{self.of()}{self.place()}"
