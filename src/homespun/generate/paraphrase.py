"""Paraphrases in the four styles of WRAP (Maini and others, 2024; methods.md C2): easy, medium, hard, qa.

Every variant tells the whole document, so all its protected values are due. Forms are taken in turn: the first four
variants of a document are one of each.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from typing import Literal

from pydantic import Field, field_validator

from homespun.engine.context import Context
from homespun.generate.writing import Slot, Slots, WrittenVariants
from homespun.text.fidelity import Due, Faithful
from homespun.text.rewrite_prompts import instruction, rewrite_prompt

#: Tokens of an answer against the document's; other forms: 4
FACTOR = {"easy": 2.0, "medium": 2.0, "hard": 2.0, "qa": 3.0}


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

    def plan(self, name: str, ctx: Context, sources: Sequence[Faithful]) -> Slots:
        """Return one slot per variant."""
        turns = [self.forms[n % len(self.forms)] for n in range(self.variants)]
        return Forms(self, name, ctx, sources, turns, dict.fromkeys(self.forms, (self.recall, "all")))


class Forms(Slots):
    """Every document in every form of a list, variant by variant."""

    def __init__(
        self,
        spec: WrittenVariants,
        name: str,
        ctx: Context,
        sources: Sequence[Faithful],
        forms: Sequence[str],
        due: Mapping[str, tuple[float, Due]],
    ) -> None:
        """Take the form of every variant, and of every form what is due and what share of it."""
        super().__init__(spec, name, ctx)
        self.sources, self.forms, self.due = sources, forms, due

    def places(self) -> Iterator[Slot]:
        """Return every document's first variant, then every document's second, ..."""
        for number, form in enumerate(self.forms):
            k = sum(one == form for one in self.forms[:number])
            for source in self.sources:
                yield self._slot(source, form, k, number)

    def _slot(self, source: Faithful, form: str, k: int, number: int) -> Slot:
        document = source.document
        recall, due = self.due[form]
        return Slot(
            document.id,
            source,
            form,
            k,
            number,
            rewrite_prompt(document, form, self.language),
            self.spec.room(document.text, self.language, FACTOR.get(form, 4.0)),
            due=due,
            recall=recall,
            told=(instruction(form, self.language),),
        )
