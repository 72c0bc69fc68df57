"""Drop rows whose text is a near copy of an earlier one, by the Jaccard similarity of their word shingles.

For texts of several sentences: templated pages, answers with another name in them, documents copied with
small changes. For one-sentence texts ROUGE-L sees more. Candidates come from MinHash, so a near copy can be
missed with a small chance, which near/minhash.py's `recall` states; no row is dropped that is not one.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Literal

from pydantic import Field

from homespun.records import Row, Verdict
from homespun.select.base import Columns, show
from homespun.select.repeats import TextRepeatRule
from homespun.text.words import compared


class MinHash(TextRepeatRule):
    """Keep a row unless its shingles are more than `threshold` those of an earlier row that is kept."""

    kind: Literal["minhash"] = "minhash"
    threshold: float = Field(0.8, gt=0, lt=1, description="Jaccard similarity above which a row is a near copy")
    shingle: int = Field(5, ge=1, description="words of a shingle; a shorter text is one shingle")
    permutations: int = Field(128, ge=16, le=4096, description="length of a signature: more miss less and cost more")

    def __call__(self, rows: Sequence[Row], columns: Columns, seed: int) -> list[Verdict]:
        """Return one verdict per row, in the rows' order.

        Raises:
            UsageError: a row lacks a field or the group, or so many permutations cannot find the threshold.
        """
        from homespun.near.minhash import greedy

        tokens = (compared(text, row.language) for row, text in zip(rows, self.texts(rows), strict=True))
        repeats = greedy(
            tokens, self.threshold, self.groups(rows), shingle=self.shingle, permutations=self.permutations, seed=1
        )
        return self.verdicts(rows, repeats, self.threshold, "Jaccard similarity")

    def __str__(self) -> str:
        return f"minhash {show(self.threshold)}{self.of()}{self.place()}"
