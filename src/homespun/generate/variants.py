"""What all generators of variants share: documents in, rows with their groups out, judged against their document.

A variant is one text that says what a document says. Its groups are `document`, `form` (the kind of rewrite),
`category` where the document has one, `number` (of the variant within document and generator, from 0) and `facts`
(numbers of the document's facts, or of its protected values, that it states). Rows come variant by variant, every
document in turn, so the first V of each document are a balanced part of any larger number. Who writes the texts is
not said here: writing.py asks a model, templates.py needs none, given.py reads what others wrote.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from typing import TYPE_CHECKING, ClassVar

from pydantic import Field

from homespun.data.records import Document, Lineage, Payload, Row, Variant, Verdict
from homespun.engine.context import Context
from homespun.errors import DataError
from homespun.generate.base import Generator, Made, attempt_of, find_source
from homespun.models.base import Completion
from homespun.text.fidelity import RECALL, Fidelity

if TYPE_CHECKING:
    from homespun.data.records import Record

PIECE = 512  #: attempts that are handed on together


class VariantGenerator(Generator):
    """Base of the strategies whose rows are variants of documents."""

    needs_task: ClassVar[bool] = False
    gives: ClassVar[type[Payload]] = Variant

    documents: str | None = Field(None, description="name of the source; default: the only one")

    def source_of(self, sources: Mapping[str, object]) -> str:
        """Return the name of the source to take.

        Raises:
            UsageError: it is not there, or there are several and none is named.
        """
        return find_source("documents", self.documents, sources)

    def mend(self, name: str) -> str:
        """Return what gives more texts."""
        return f"raise generate.{name}.retries, lower its recall, or take a larger writer"

    def read(self, ctx: Context) -> list[Document]:
        """Return the documents of the source, in its order.

        Raises:
            DataError: a record is no document, two have one id, one has no text, or there is none.
        """
        source = self.source_of(ctx.sources)
        return list(documents(ctx.sources[source](), source))


class CountedVariants(VariantGenerator):
    """Base of the strategies that write as many variants of every document as they are told."""

    variants: int = Field(1, ge=1, description="variants wanted of every document")

    def cells(self, ctx: Context) -> int:
        """Return the number of documents; reads the source."""
        return len(self.read(ctx))

    def wanted(self, ctx: Context) -> int:
        """Return the number of documents times `variants`; reads the source."""
        return len(self.read(ctx)) * self.variants


def documents(records: Iterable[Record], source: str) -> Iterator[Document]:
    """Return the documents that records hold.

    Raises:
        DataError: a record is no document, two have one id, one has no text, or there is none.
    """
    known: set[str] = set()
    for record in records:
        found = record.value
        if not isinstance(found, Document):
            raise DataError(
                f'source "{source}", record {record.id}: variants are written of documents, and this is'
                f" {str(found)[:60]!r}; take a source of kind documents"
            )
        if found.id in known:
            raise DataError(f'source "{source}": two documents have the id "{found.id}"; give each its own')
        if not found.text.strip():
            raise DataError(f'source "{source}": document "{found.id}" has no text; leave it out')
        known.add(found.id)
        yield found
    if not known:
        raise DataError(f'source "{source}" holds no document; variants need at least one')


def key_of(document: Document, form: str, k: int, attempt: int = 0, part: int = 0) -> str:
    """Return the key of a variant: `document|form|k`, with `.attempt` and `/part` where they are not the first."""
    return f"{document.id}|{form}|{k}" + (f".{attempt}" if attempt else "") + (f"/{part}" if part else "")


def groups_of(document: Document, form: str, number: int, facts: Sequence[int] = ()) -> dict[str, str]:
    """Return the groups of a variant."""
    category = {"category": document.category} if document.category else {}
    stated = " ".join(map(str, facts))
    return {"document": document.id, "form": form, **category, "number": str(number), "facts": stated}


def made(
    document: Document,
    form: str,
    number: int,
    text: str,
    found: Fidelity,
    ctx: Context,
    lineage: Lineage,
    answer: Completion | None = None,
    recall: float = RECALL,
) -> Made:
    """Return the row of a variant as an attempt, with the verdict of its check (`found`).

    `answer`: that the text was taken from; None where no model was asked. `recall`: the threshold checked against.
    """
    groups = groups_of(document, form, number, found.facts)
    row = Row.make(Variant(text), language=ctx.language, groups=groups, lineage=lineage)
    rule = f"fidelity: {found.problem}" if found.problem else "fidelity"
    verdict = Verdict(row.id, found.passes, rule, score=found.recall, threshold=recall, reason=found.reason)
    return Made(attempt_of(answer or Completion(lineage.key, text, ""), groups, lineage.key, row=row), verdict)
