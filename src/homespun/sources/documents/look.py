"""`homespun documents`: what a run would get of a folder or file, before anything is asked or trained."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from pathlib import Path

from pydantic import ValidationError

from homespun.data.records import Document, JSONDict
from homespun.errors import UsageError
from homespun.sources.documents.records import ROLES
from homespun.sources.documents.source import DocumentSource
from homespun.text.normalise import language_of
from homespun.text.tokens import count_tokens


def from_options(
    path: Path,
    columns: Sequence[str] = (),
    chunk: int | None = None,
    skip: bool = False,
    limit: int | None = None,
    encoding: str | None = None,
) -> DocumentSource:
    """Return the source that options of the command line describe.

    Args:
        path: a folder or file.
        columns: `ROLE=FIELD` texts.
        chunk: tokens of a piece; 0 keeps documents whole, None is the default of the source.
        skip: go on without what cannot be read.
        limit: only so many documents.
        encoding: of text files that are not UTF-8.

    Raises:
        UsageError: one of them makes no sense.
    """
    pairs = [column.partition("=") for column in columns]
    for name, equals, field in pairs:
        if not (name in ROLES and equals and field):
            raise UsageError(f'--column "{name}{equals}{field}": write ROLE=FIELD; roles: {", ".join(ROLES)}')
    settings: JSONDict = {
        "path": str(path),
        "columns": {name: field for name, _, field in pairs},
        "unreadable": "skip" if skip else "refuse",
        "limit": limit,
        "encoding": encoding,
    }
    if chunk is not None:
        settings["chunk"] = {"size": chunk} if chunk else None
    try:
        return DocumentSource.model_validate(settings)
    except ValidationError as error:
        found = error.errors()[0]
        if "encoding" in found["loc"]:
            raise UsageError(f"--encoding {encoding}: {found['msg'].removeprefix('Value error, ')}") from None
        raise UsageError(f"--chunk {chunk}: {found['msg']}; 0 keeps documents whole") from None


def look(source: DocumentSource, show: int) -> Iterator[str]:
    """Yield the first documents with their places, then what was read, how long it is and what was left out.

    Raises:
        DataError: the documents cannot be read.
    """
    reading = source.reading()
    total, shortest, longest = 0, 0, 0
    for record in reading:
        assert isinstance(record.value, Document)
        tokens = count_tokens(record.value.text, language_of(record.value.text))
        if reading.documents <= show:
            yield f"{_place(record.value)}, {tokens} tokens\n{record.value.text}\n"
        total, longest = total + tokens, max(longest, tokens)
        shortest = min(shortest or tokens, tokens)
    yield from reading.told()
    mean = total / reading.documents
    yield f"{total:,} tokens, {mean:,.0f} a document ({shortest:,} to {longest:,})"


def _place(document: Document) -> str:
    page = f", page {document.page}" if document.page else ""
    title = f", {document.title}" if document.title else ""
    return f"{document.id}{page}, characters {document.start} to {document.end}{title}"
