"""Documents as they are, one row each: repetition, the condition that every rewriting is compared with."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from typing import TYPE_CHECKING, ClassVar, Literal

from homespun.data.records import Document, Lineage
from homespun.data.store import Work
from homespun.engine.context import Context
from homespun.generate.base import Made, Pieces, pieces
from homespun.generate.variants import PIECE, CountedVariants, key_of, made
from homespun.text.fidelity import Faithful

if TYPE_CHECKING:
    from homespun.near.overlap import Reference


class Original(CountedVariants):
    """Hands on every document unchanged. A second copy would be the same row, so there is one."""

    kind: Literal["original"] = "original"
    anew: ClassVar[bool] = False
    variants: Literal[1] = 1

    def __call__(self, name: str, ctx: Context, work: Work, against: Sequence[Reference] = ()) -> Pieces:
        """Hand on the documents (see Generator); asks no model."""

        def row(document: Document) -> Made:
            lineage = Lineage(generator=name, key=key_of(document, "original", 0))
            found = Faithful(document, ctx.language).check(document.text)
            same = replace(found, problem="", reason="the document as it is")
            return made(document, "original", 0, document.text, same, ctx, lineage)

        return pieces(ctx, map(row, self.read(ctx)), PIECE)
