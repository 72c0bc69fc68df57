"""Variants that somebody has written already: by hand, with another tool, or in another run.

Read from a file, one a record, each naming its document; then checked, chosen and compared as those of any generator.
What is due is little, since nobody knows here what the writer was asked for: no number that the document does not hold,
no refusal, no copy of the document, the right script. `recall` asks for more, `checked: false` for nothing.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import replace
from itertools import chain, zip_longest
from pathlib import Path
from typing import TYPE_CHECKING, ClassVar, Literal, NamedTuple

from pydantic import Field

from homespun.data.read import iter_records
from homespun.data.records import Document, JSONDict, Lineage
from homespun.data.store import Work, digest_of
from homespun.data.text import MISSING, lacks, lookup
from homespun.engine.context import Context
from homespun.errors import DataError
from homespun.generate.base import Made, Pieces, attempt_of, pieces
from homespun.generate.cells import Distinct
from homespun.generate.tally import Tally
from homespun.generate.variants import PIECE, VariantGenerator, groups_of, key_of, made
from homespun.models.base import Completion
from homespun.registry import did_you_mean
from homespun.text.fidelity import Faithful

if TYPE_CHECKING:
    from homespun.near.overlap import Reference

Role = Literal["text", "document", "form"]


class Told(NamedTuple):
    """A record of the file."""

    place: int  #: in the file, from 1
    number: int  #: of the variant within its document, from 0
    text: str
    form: str


class Given(VariantGenerator):
    """Hands on the variants of a file."""

    kind: Literal["given"] = "given"
    fixed: ClassVar[bool] = True
    path: str = Field(description="a JSONL, CSV or Parquet file of variants, relative to the recipe")
    columns: dict[Role, str] = Field(
        {}, description="fields that hold the text, the id of its document, and its form, where named otherwise"
    )
    recall: float = Field(0, ge=0, le=1, description="share of the document's protected values that a text states")
    checked: bool = Field(True, description="false: whatever the file holds is accepted")

    def digest(self) -> str:
        """Return the SHA-256 of the file.

        Raises:
            DataError: there is no such file.
        """
        return digest_of(Path(self.path))

    def look(self, ctx: Context) -> None:
        """Read the file and the documents (see Generator)."""
        self.wanted(ctx)

    def wanted(self, ctx: Context) -> int:
        """Return the number of records about documents of the source; reads both."""
        return sum(map(len, self._by_document(self.read(ctx))[0].values()))

    def __call__(self, name: str, ctx: Context, work: Work, against: Sequence[Reference] = ()) -> Pieces:
        """Hand on the variants (see Generator), the first of every document first; asks no model.

        Raises:
            DataError: the file cannot be read, a record names no document or lacks a field, or none is about a
                document of the source.
        """
        documents = {document.id: document for document in self.read(ctx)}
        by_document, others = self._by_document(list(documents.values()))
        if others:
            total = others + sum(map(len, by_document.values()))
            ctx.progress.say(f"{name}: {others} of {total} variants are of documents that the source does not hold")
        without = [one for one in documents if one not in by_document]
        if without:
            ctx.progress.say(
                f"{name}: {len(without)} of {len(documents)} documents have no variant: {', '.join(without[:3])}"
                f"{', ...' if len(without) > 3 else ''}"
            )
        faithful = {one: Faithful(documents[one], ctx.language) for one in documents if one in by_document}

        def read() -> Iterator[Made]:
            distinct, tally = Distinct(), Tally()
            turns = zip_longest(*([(one, told) for told in by_document[one]] for one in faithful))
            for found in chain.from_iterable(turns):
                if found is not None:
                    made = distinct(self._made(name, ctx, faithful[found[0]], found[1]), found[0])
                    tally.add(made)
                    yield made
            ctx.progress.say(tally.impression(f"{name}: {Path(self.path).name}"))

        return pieces(ctx, read(), PIECE)

    def _made(self, name: str, ctx: Context, faithful: Faithful, told: Told) -> Made:
        document, key = faithful.document, key_of(faithful.document, told.form, told.number)
        if not told.text:
            groups = groups_of(document, told.form, told.number)
            return Made(attempt_of(Completion(key, "", ""), groups, problem="empty"))
        found = faithful.check(told.text, recall=self.recall)
        if not self.checked:
            found = replace(found, problem="", reason="not checked")
        lineage = Lineage(generator=name, key=key, prompt=f"{Path(self.path).name}:{told.place}")
        return made(document, told.form, told.number, told.text, found, ctx, lineage, recall=self.recall)

    def _by_document(self, documents: Sequence[Document]) -> tuple[dict[str, list[Told]], int]:
        """Return the variants of every document in the order of the file, and how many are of others."""
        known = {document.id for document in documents}
        found: dict[str, list[Told]] = {}
        unknown: list[str] = []
        for place, record in enumerate(iter_records(Path(self.path)), start=1):
            about = self._value(record, place, "document").strip()
            if not about:
                field = self.columns.get("document", "document")
                raise DataError(f'{self.path}: record {place}: "{field}" is empty; name the document it is of')
            if about not in known:
                unknown.append(about)
                continue
            texts = found.setdefault(about, [])
            form = self._value(record, place, "form") or "given"
            texts.append(Told(place, len(texts), self._value(record, place, "text").strip(), form))
        if not found:
            raise DataError(
                f'{self.path}: no variant is of a document of the source; the first names "{unknown[0]}".'
                f"{did_you_mean(unknown[0], sorted(known))} Documents: {', '.join(sorted(known)[:5])}, ..."
            )
        return found, len(unknown)

    def _value(self, record: JSONDict, place: int, role: Role) -> str:
        field = self.columns.get(role, role)
        value = lookup(record, field)
        if value is MISSING and role == "form" and role not in self.columns:
            return ""
        if value is MISSING:
            raise DataError(
                f"{self.path}: record {place} {lacks(record, field)}; say which holds the {role}: columns:"
                f" {{{role}: NAME}}"
            )
        if role != "text" and isinstance(value, int) and not isinstance(value, bool):
            return str(value)
        if value is not None and not isinstance(value, str):
            raise DataError(f'{self.path}: record {place}: "{field}" is no text, but {str(value)[:60]!r}')
        return value or ""
