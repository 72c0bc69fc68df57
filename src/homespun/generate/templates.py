"""Variants of documents written by rule, without a model: what a form is worth, at small scale.

Needs documents whose facts are given, such as those of `homespun corpus`; text/compose.py does the writing. Every
variant is checked against its document like a model's, but for those that are junk on purpose: these are there to see
whether a selection finds them, so they pass, and their group `form` says what they are.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import replace
from typing import TYPE_CHECKING, Annotated, Any, Literal

from pydantic import BeforeValidator, Field, model_validator

from homespun.data.records import Document, Lineage, derive_seed
from homespun.data.store import Work
from homespun.engine.context import Context
from homespun.generate.base import Made, Pieces, pieces
from homespun.generate.variants import PIECE, CountedVariants, key_of, made
from homespun.text.compose import STYLES, Composed, compose, is_junk
from homespun.text.fidelity import Faithful, Fidelity

if TYPE_CHECKING:
    from homespun.near.overlap import Reference

Form = Literal["original", "paraphrase", "easy", "medium", "hard", "qa", "facts", "graph", "junk"]


def _listed(value: Any) -> Any:
    return [value] if isinstance(value, str) else value


class Templates(CountedVariants):
    """Writes variants by rule."""

    kind: Literal["template"] = "template"
    form: Annotated[tuple[Form, ...], BeforeValidator(_listed)] = Field(
        ("paraphrase",),
        min_length=1,
        description="one form or several, taken in turn; paraphrase: easy, medium, hard, qa",
    )
    junk: float = Field(0, ge=0, lt=1, description="share of the variants that are junk, to try a selection on")

    @model_validator(mode="after")
    def _original_once(self) -> Templates:
        if set(self.form) == {"original"} and self.variants > 1:
            raise ValueError(
                f"variants: {self.variants}: a document has one original; give variants: 1, or other forms beside it"
            )
        return self

    def __call__(self, name: str, ctx: Context, work: Work, against: Sequence[Reference] = ()) -> Pieces:
        """Write the variants of all documents (see Generator); asks no model.

        Raises:
            DataError: a document has no facts, or the run's language is not one of compose.
        """
        seed = derive_seed(ctx.seed, name)
        documents = [(document, Faithful(document, ctx.language)) for document in self.read(ctx)]

        def written() -> Iterator[Made]:
            with ctx.progress.bar(f"write {name}", len(documents) * self.variants, "rows") as bar:
                for number in range(self.variants):
                    for document, faithful in documents:
                        yield self._made(name, ctx, seed, document, faithful, number)
                        bar.advance(1)

        return pieces(ctx, written(), PIECE)

    def forms(self) -> tuple[str, ...]:
        """Return the forms in turn, paraphrase as its four styles."""
        return tuple(one for form in self.form for one in (STYLES if form == "paraphrase" else (form,)))

    def _made(self, name: str, ctx: Context, seed: int, document: Document, faithful: Faithful, number: int) -> Made:
        turns, place = divmod(number, len(self.forms()))
        form, own = self.forms()[place], turns
        if self.junk and is_junk(document.id, number, seed, self.junk):
            form, own = "junk", number
        text = compose(document, form, own, seed, ctx.language)
        key = key_of(document, text.form, number)
        lineage = Lineage(generator=name, key=key, prompt=f"template {form}", seed=seed)
        found = self._checked(text, faithful)
        return made(document, text.form, number, text.text, found, ctx, lineage, recall=1)

    @staticmethod
    def _checked(text: Composed, faithful: Faithful) -> Fidelity:
        if text.form == "junk":
            return Fidelity("", "junk on purpose, not checked", 0)
        if text.form == "original":
            return replace(faithful.check(text.text), problem="", reason="the document as it is")
        return faithful.check(text.text, text.facts, recall=1)
