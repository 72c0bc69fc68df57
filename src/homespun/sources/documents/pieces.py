"""Pieces of a document: where each begins and ends, its page, its title and the facts that it holds."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace

from pydantic import BaseModel, ConfigDict, Field, model_validator

from homespun.data.records import Document
from homespun.sources.documents.extract import Extract
from homespun.text.chunks import Span, Unit, cut


class Chunk(BaseModel):
    """How long documents are cut; the overlap is whole sentences."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    size: int = Field(300, ge=20, description="the most of a piece")
    overlap: int | None = Field(
        None, ge=0, description="the most that a piece repeats of the one before; default: a tenth of size"
    )
    unit: Unit = "tokens"

    @model_validator(mode="before")
    @classmethod
    def _named(cls, value: object) -> object:
        if isinstance(value, int | float):
            raise ValueError(f"write {{size: {value}}}, or null to keep documents whole")
        return value

    @model_validator(mode="after")
    def _less(self) -> Chunk:
        if self.repeats > self.size / 2:
            raise ValueError(f"overlap {self.overlap} is more than half of size {self.size}; a tenth is usual")
        return self

    @property
    def repeats(self) -> int:
        """The overlap in use."""
        return self.size // 10 if self.overlap is None else self.overlap


def pieces(whole: Document, extract: Extract, chunk: Chunk | None) -> Iterator[Document]:
    """Return the pieces of a document in order, or the document as it is where it needs no cut."""
    text = extract.text
    spans: list[Span] = [(0, len(text))]
    if chunk is not None:
        headings = [(heading.start, heading.end) for heading in extract.headings]
        spans = cut(text, chunk.size, chunk.repeats, chunk.unit, headings)
    for number, (start, end) in enumerate(spans, start=1):
        piece = text[start:end]
        yield replace(
            whole,
            id=f"{whole.id}#{number}" if len(spans) > 1 else whole.id,
            title=extract.title_at(start) or whole.title,
            text=piece,
            facts=tuple(fact for fact in whole.facts if len(spans) == 1 or fact.value in piece),
            page=extract.page_at(start),
            start=start,
            end=end,
        )
