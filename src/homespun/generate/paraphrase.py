"""Paraphrases in the four styles of WRAP (Maini and others, 2024; methods.md C2): easy, medium, hard, qa.

Every variant tells the whole document, so all its protected values are due. Forms are taken in turn: the first four
variants of a document are one of each.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import Literal

from pydantic import Field, field_validator

from homespun.engine.context import Context
from homespun.generate.writing import Plan, Slot, WrittenVariants
from homespun.models.base import Model
from homespun.text.fidelity import Faithful
from homespun.text.rewrite_prompts import instruction, rewrite_prompt

FACTOR = {"qa": 3.0}  #: tokens of an answer against the document's; other forms: 2


class Paraphrase(WrittenVariants):
    """Rewrites whole documents."""

    kind: Literal["paraphrase"] = "paraphrase"
    variants: int = Field(4, ge=1, description="variants wanted of every document, over all forms")
    forms: tuple[Literal["easy", "medium", "hard", "qa"], ...] = Field(
        ("easy", "medium", "hard", "qa"), min_length=1, description="styles, taken in turn"
    )

    @field_validator("forms")
    @classmethod
    def _distinct(cls, forms: tuple[str, ...]) -> tuple[str, ...]:
        if len(set(forms)) != len(forms):
            raise ValueError(f"{', '.join(forms)}: name every form once")
        return forms

    def plan(self, name: str, ctx: Context, writer: Model, sources: Sequence[Faithful]) -> Plan:
        """Return one slot per variant."""
        return _Forms(self, ctx.language, sources, [self.forms[n % len(self.forms)] for n in range(self.variants)])


class _Forms(Plan):
    """Every document in every form of a list, variant by variant."""

    def __init__(self, spec: WrittenVariants, language: str, sources: Sequence[Faithful], forms: Sequence[str]) -> None:
        self.spec, self.language, self.sources, self.forms = spec, language, sources, forms

    def slots(self) -> Iterator[Slot]:
        for number, form in enumerate(self.forms):
            k = sum(one == form for one in self.forms[:number])
            for source in self.sources:
                yield self.slot(source, form, k, number)

    def slot(self, source: Faithful, form: str, k: int, number: int) -> Slot:
        document = source.document
        return Slot(
            source,
            form,
            k,
            number,
            rewrite_prompt(document, form, self.language),
            self.spec.room(document.text, self.language, FACTOR.get(form, 2.0)),
            recall=self.spec.recall,
            told=(instruction(form, self.language),),
        )
