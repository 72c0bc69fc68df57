"""The seven fixed prompts of SPA (Tang and others; methods.md C9): one document, seven ways to work through it.

Key concepts, mind map, implications, critical questions, case study, discussion, teacher. The shares of the mix are
settings; the default is that of the authors' example. Forms that walk through the document must state `recall` of
its protected values; implications and critical questions must only name its subject and invent no number.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Literal

from pydantic import Field, field_validator

from homespun.engine.context import Context
from homespun.generate.paraphrase import Forms
from homespun.generate.writing import Slots, WrittenVariants
from homespun.text.fidelity import Due, Faithful

SpaForm = Literal["key-concepts", "mind-map", "implications", "critical-qa", "case-study", "discussion", "teacher"]
SHARES: Mapping[SpaForm, int] = {
    "mind-map": 110,
    "key-concepts": 100,
    "critical-qa": 90,
    "case-study": 80,
    "discussion": 70,
    "teacher": 60,
    "implications": 50,
}
_OPEN = ("implications", "critical-qa")  #: forms that go beyond the document's statements


class Spa(WrittenVariants):
    """Writes study texts on documents."""

    kind: Literal["spa"] = "spa"
    variants: int = Field(7, ge=1, description="variants wanted of every document, over all forms")
    temperature: float = Field(1.0, ge=0)
    shares: dict[SpaForm, int] = Field(dict(SHARES), min_length=1, description="form: its share of the variants")
    recall: float = Field(0.5, ge=0, le=1, description="share of protected values that a text states")

    @field_validator("shares")
    @classmethod
    def _positive(cls, shares: dict[str, int]) -> dict[str, int]:
        if wrong := [name for name, share in shares.items() if share < 1]:
            raise ValueError(f"{wrong[0]}: {shares[wrong[0]]} is no share; leave the form out, or give 1 or more")
        return shares

    def plan(self, name: str, ctx: Context, sources: Sequence[Faithful]) -> Slots:
        """Return one slot per variant."""
        due: dict[str, tuple[float, Due]] = {
            form: (1.0, "subject") if form in _OPEN else (self.recall, "all") for form in self.shares
        }
        return Forms(self, name, ctx, sources, in_proportion(self.shares, self.variants), due)


def in_proportion(shares: Mapping[SpaForm, int], count: int) -> list[str]:
    """Return `count` forms so that every beginning of the list holds them as nearly as can be in their shares."""
    total = sum(shares.values())
    used = dict.fromkeys(shares, 0)
    turns: list[str] = []
    for place in range(1, count + 1):
        form = max(shares, key=lambda one: shares[one] * place / total - used[one])
        used[form] += 1
        turns.append(form)
    return turns
