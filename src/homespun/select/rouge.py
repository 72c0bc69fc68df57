"""Drop rows whose text is like an earlier one by ROUGE-L (Self-Instruct's rule; methods.md D4).

Exact and greedy in the rows' order: a row stays unless its F with a row kept before it is above the
threshold. Words are those of text/words.py for each row's language, so Japanese texts are compared by
morphemes and no text is empty for being in another script than the tokeniser's.
"""

from __future__ import annotations

from functools import partial
from typing import ClassVar, Literal

from pydantic import Field

from homespun.near.parts import Measure
from homespun.near.rouge import Ties, greedy, pairs, rouge_l
from homespun.select.base import show
from homespun.select.repeats import TextRepeatRule
from homespun.text.japanese import Tokenizer
from homespun.text.words import compared


class RougeL(TextRepeatRule):
    """Keep rows whose ROUGE-L F with every row kept before them is at most the threshold."""

    kind: Literal["rouge_l"] = "rouge_l"
    named: ClassVar[str] = "ROUGE-L"
    threshold: float = Field(0.7, ge=0, le=1, description="largest F with an earlier row that is kept")
    tokenizer: Tokenizer | None = Field(None, description="how Japanese is cut into words; sudachi unless given")
    stem: bool = Field(False, description="compare English words by their Porter stems, as rouge-score's use_stemmer")
    ties: Ties = Field("exact", description="an F of exactly the threshold: exact arithmetic, or as rouge-score rounds")

    def cut(self, text: str, language: str) -> list[str]:
        """Return the words of a text."""
        return compared(text, language, tokenizer=self.tokenizer, stem=self.stem)

    def measure(self) -> Measure:
        """Return how texts are compared."""
        search = partial(pairs, ties=self.ties)
        return Measure(partial(greedy, ties=self.ties), search, list, search, partial(rouge_l, ties=self.ties))

    def __str__(self) -> str:
        how = f" by {self.tokenizer}" if self.tokenizer else ""
        return f"rouge_l {show(self.threshold)}{self.of()}{self.place()}{how}{' by stems' if self.stem else ''}"
