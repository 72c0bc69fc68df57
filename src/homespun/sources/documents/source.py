"""`kind: documents`: the documents of a folder, a file of text, or a data file.

Files of text are cut into pieces of some 300 tokens unless told otherwise; records of a data file stay whole, because
questions refer to them by id. A piece knows its file, its page and its place in the text of the file.

A pass over a source takes files in order; each is read, cut, and checked against those before. A file or record without
text is refused or skipped as the source says. When the first is met and they are refused, all others are looked for
before the error is raised, so that one error names them all. Of two documents with the same text the first is kept.
What was left out is counted, with examples.
"""

from __future__ import annotations

import hashlib
from collections import deque
from collections.abc import Iterable, Iterator
from dataclasses import replace
from functools import lru_cache
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path
from typing import Annotated, ClassVar, Literal

from pydantic import Discriminator, Field, Tag, model_validator

from homespun.data.records import Document, Record
from homespun.data.store import file_hash
from homespun.errors import DataError, UsageError
from homespun.registry import did_you_mean
from homespun.sources.base import Source
from homespun.sources.documents.decode import decode
from homespun.sources.documents.extract import Extract, Unreadable
from homespun.sources.documents.find import Found, is_records, records_in, texts
from homespun.sources.documents.pieces import Chunk, pieces
from homespun.sources.documents.records import ROLES, documents_of
from homespun.text.normalise import clean

_EXTRACTION = "1"  #: raised when the same file gives another text
_LIBRARIES = {".pdf": "pypdf", ".docx": "python-docx", ".html": "lxml", ".htm": "lxml", ".xhtml": "lxml",
              ".md": "markdown-it-py", ".markdown": "markdown-it-py"}  # fmt: skip


_Cut = Annotated[
    Annotated[Chunk, Tag("size")] | Annotated[Literal["files"], Tag("files")],
    Discriminator(lambda value: "files" if isinstance(value, str) else "size"),
]


class DocumentSource(Source):
    """Documents in the order of their files; pieces in the order of the text."""

    kind: Literal["documents"] = "documents"
    read_first: ClassVar[bool] = True
    path: str = Field(
        description="a folder or file, relative to the recipe: txt, md, html, pdf, docx; jsonl, csv, parquet"
    )
    columns: dict[str, str] = Field(
        default_factory=dict, description="of a data file: the fields that hold text, id, title, category, facts"
    )
    chunk: _Cut | None = Field(
        "files", description="how long documents are cut; files: text files by the defaults, records not; null: nothing"
    )
    unreadable: Literal["refuse", "skip"] = Field(
        "refuse", description="what to do about files without text: scanned, empty, damaged"
    )
    encoding: str | None = Field(None, description="of text files that are not UTF-8; Japanese ones are told apart")
    limit: int | None = Field(None, ge=1, description="take only so many documents, from the first on")

    @model_validator(mode="after")
    def _sound(self) -> DocumentSource:
        for name in self.columns:
            if name not in ROLES:
                raise ValueError(f'columns: "{name}" is none of {", ".join(ROLES)}.{did_you_mean(name, list(ROLES))}')
        if self.encoding is not None:
            try:
                "".encode(self.encoding)
            except LookupError:
                raise ValueError(
                    f'encoding: "{self.encoding}" is not known; common ones: cp1252, cp932, utf-16-le'
                ) from None
        return self

    def __call__(self) -> Iterator[Record]:
        """Return the documents (see Source and Reading)."""
        return iter(self.reading())

    def look(self) -> list[str]:
        """Read all documents; return what was left out (see Source)."""
        reading = self.reading()
        deque(reading, maxlen=0)
        return reading.told()[1:]

    def reading(self) -> Reading:
        """Return one pass over the documents, which can be asked afterwards what it left out."""
        if self.columns and not is_records(Path(self.path)):
            raise UsageError(f"columns are fields of records, and {self.path} holds files of text; leave columns out")
        return Reading(self)

    def digest(self) -> str:
        """Return a hash over the names and contents of all files and the versions of the libraries that read them.

        While no file changes its size or time, a process computes it once.

        Raises:
            DataError: there is nothing to read.
        """
        path, stamps = Path(self.path), hashlib.sha256()
        for found in _files(path):
            known = found.path.stat()
            stamps.update(f"{found.name}\0{known.st_size}\0{known.st_mtime_ns}\0".encode())
        return _digest(str(path.resolve()), stamps.hexdigest())


def _files(path: Path) -> Iterator[Found]:
    if not is_records(path):
        return texts(path) if path.is_dir() else iter([Found(path, path.name)])
    files = records_in(path) if path.is_dir() else [path]
    return iter([Found(file, file.name) for file in files])


@lru_cache(maxsize=64)
def _digest(path: str, _stamps: str) -> str:
    whole, libraries = hashlib.sha256(_EXTRACTION.encode()), set()
    for found in _files(Path(path)):
        try:
            content = file_hash(found.path)
        except OSError:  # told when it is read
            content = "unreadable"
        whole.update(f"{found.name}\0{content}\0".encode())
        if library := _LIBRARIES.get(found.path.suffix.lower()):
            libraries.add(library)
    for library in sorted(libraries):
        try:
            whole.update(f"{library} {version(library)}\0".encode())
        except PackageNotFoundError:
            whole.update(f"{library} missing\0".encode())
    return whole.hexdigest()


TOLD = 10  #: files that an error or a note names
_KEPT = 256  #: extracted PDF files that are kept for the next pass; a run makes several


class Reading:
    """The documents of a source, once; `told` says afterwards what was left out."""

    def __init__(self, source: DocumentSource) -> None:
        self.source = source
        self.files = 0
        self.documents = 0
        self.unreadable: list[str] = []
        self.repeated: list[str] = []
        self.notes: list[str] = []
        self._seen: dict[bytes, str] = {}
        self._records = is_records(Path(source.path))
        self._unit = "record" if self._records else "file"

    def __iter__(self) -> Iterator[Record]:
        """Return the documents.

        Raises:
            DataError: no document, or some that cannot be read where the source refuses those.
            MissingExtraError: a library for one of the formats is not installed.
        """
        waiting = iter(self._all())
        for place, document in waiting:
            if isinstance(document, Unreadable):
                self._refused(place, document)
                if self.source.unreadable == "refuse":
                    self._raise(waiting)
                continue
            key = hashlib.blake2b(" ".join(document.text.split()).encode("utf-8", "replace"), digest_size=16).digest()
            if key in self._seen:
                self.repeated.append(f"{document.id} repeats {self._seen[key]}")
                continue
            self._seen[key] = document.id
            self.documents += 1
            yield Record(document.id, document)
            if self.documents == self.source.limit:
                return
        if not self.documents:
            raise DataError(f"{self.source.path}: no document could be read:\n{_listed(self.unreadable)}")

    def told(self) -> list[str]:
        """Return what a person should know of what was read so far, one line each."""
        lines = [f"{_counted(self.documents, 'document')} of {_counted(self.files, self._unit)}"]
        if self.repeated:
            lines.append(f"{len(self.repeated):,} left out, their text came before:\n{_listed(self.repeated)}")
        if self.unreadable:
            lines.append(f"{len(self.unreadable):,} left out, they cannot be read:\n{_listed(self.unreadable)}")
        if self.notes:
            lines.append(f"{len(self.notes):,} to look at:\n{_listed(self.notes)}")
        return lines

    def _refused(self, place: str, problem: Unreadable) -> None:
        goes_on = str(problem).startswith(("is ", "has ", "holds ", "cannot "))
        self.unreadable.append(f"{place} {problem}" if goes_on else f"{place}: {problem}")

    def _raise(self, waiting: Iterable[tuple[str, Document | Unreadable]]) -> None:
        for place, document in waiting:
            if isinstance(document, Unreadable):
                self._refused(place, document)
        count = len(self.unreadable)
        raise DataError(
            f"{self.source.path}: {count:,} of {self.files:,} cannot be read; mend or remove them, or go on without"
            f" them by unreadable: skip\n{_listed(self.unreadable)}"
        )

    def _all(self) -> Iterator[tuple[str, Document | Unreadable]]:
        path, source = Path(self.source.path), self.source
        if self._records:
            files = records_in(path) if path.is_dir() else [path]
            for place, document in documents_of(files, source.columns):
                self.files += 1
                if isinstance(document, Unreadable):
                    yield place, document
                else:
                    chunk = None if source.chunk == "files" else source.chunk
                    yield from ((place, piece) for piece in pieces(document, Extract(document.text), chunk))
            return
        chunk = Chunk() if source.chunk == "files" else source.chunk
        for found in texts(path) if path.is_dir() else [Found(path, path.name)]:
            self.files += 1
            try:
                extract = _extracted(found.path, source.encoding)
                if not any(map(str.isalnum, extract.text)):
                    raise Unreadable("holds no letter and no digit")
            except Unreadable as problem:
                yield found.name, problem
                continue
            self.notes += [f"{found.name}: {note}" for note in extract.notes]
            whole = Document(found.name, found.path.stem, extract.text, file=found.name)
            yield from ((found.name, piece) for piece in pieces(whole, extract, chunk))


def _extracted(path: Path, encoding: str | None) -> Extract:
    """Read a file of text.

    Raises:
        Unreadable: it cannot be read, or is empty.
    """
    kind = path.suffix.lower()
    try:
        if kind == ".pdf":
            stamp = path.stat()
            return _pdf(path, stamp.st_size, stamp.st_mtime_ns)
        data = path.read_bytes()
    except OSError as error:
        raise Unreadable(f"cannot be opened: {error.strerror}; make it readable") from None
    if not data.strip():
        raise Unreadable("is empty")
    if kind == ".docx":
        from homespun.sources.documents.word import read_docx

        extract = read_docx(data)
    elif kind in (".html", ".htm", ".xhtml"):
        from homespun.sources.documents.web import read_html

        extract = read_html(data, encoding)
    else:
        text, used = decode(data, encoding)
        if kind in (".md", ".markdown"):
            from homespun.sources.documents.marked import read_markdown

            extract = read_markdown(text)
        else:
            extract = plain_text(text)
        if not used.startswith("utf") and used != encoding:
            extract = replace(extract, notes=(*extract.notes, f"read as {used}"))
    if not extract.text.strip():
        raise Unreadable("is empty")
    return extract


def plain_text(text: str) -> Extract:
    """Return a text file as it is, but for NUL and half surrogate pairs."""
    return Extract(clean(text).text)


@lru_cache(maxsize=_KEPT)
def _pdf(path: Path, _size: int, _changed: int) -> Extract:
    """Read a PDF once as long as it stays the same: this is slow."""
    from homespun.sources.documents.pdf import read_pdf

    data = path.read_bytes()
    if not data:
        raise Unreadable("is empty")
    return read_pdf(data)


def _counted(number: int, unit: str) -> str:
    return f"{number:,} {unit}{'s' * (number != 1)}"


def _listed(lines: list[str]) -> str:
    rest = [f"  and {len(lines) - TOLD:,} more"] if len(lines) > TOLD else []
    return "\n".join([f"  {line}" for line in lines[:TOLD]] + rest)
