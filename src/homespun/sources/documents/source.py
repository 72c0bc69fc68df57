"""`kind: documents`: the documents of a folder, a file of text, or a data file.

Files of text are cut into pieces of some 300 tokens unless told otherwise; records of a data file stay whole, because
questions refer to them by id. A piece knows its file, its page and its place in the text of the file.
"""

from __future__ import annotations

import hashlib
from collections import deque
from collections.abc import Iterator
from functools import lru_cache
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path
from typing import Annotated, ClassVar, Literal

from pydantic import Discriminator, Field, Tag, model_validator

from homespun.data.records import Record
from homespun.data.store import file_hash
from homespun.errors import UsageError
from homespun.registry import did_you_mean
from homespun.sources.base import Source
from homespun.sources.documents.find import Found, is_records, records_in, texts
from homespun.sources.documents.pieces import Chunk
from homespun.sources.documents.reading import Reading
from homespun.sources.documents.records import ROLES

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
