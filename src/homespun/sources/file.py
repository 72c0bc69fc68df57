"""Records of a JSONL, CSV or Parquet file on this machine: one field of each."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Literal

from pydantic import Field

from homespun.data.read import iter_records
from homespun.data.records import Record
from homespun.data.store import digest_of
from homespun.data.text import lacks
from homespun.errors import DataError
from homespun.sources.base import Source


class FileSource(Source):
    """One field of every record, in the order of the file."""

    kind: Literal["file"] = "file"
    path: str = Field(description="a JSONL, CSV or Parquet file, relative to the recipe")
    field: str = Field(description="the field that holds the prompt: a text, or a list of {role, content}")
    id: str | None = Field(None, description="a field that names a record; default: its number, from 1")
    limit: int | None = Field(None, ge=1, description="take only so many records, from the first on")

    def __call__(self) -> Iterator[Record]:
        """Return the records (see Source)."""
        known: set[str] = set()
        for number, record in enumerate(iter_records(Path(self.path)), start=1):
            if self.limit is not None and number > self.limit:
                return
            named = [name for name in (self.field, self.id) if name is not None]
            for name in named:
                if record.get(name) in (None, ""):
                    raise DataError(f"{self.path}: record {number} {lacks(record, name)}")
            name = str(number if self.id is None else record[self.id])
            if self.id is not None:
                if name in known:
                    raise DataError(f'{self.path}: record {number} repeats the {self.id} "{name}"; give each its own')
                known.add(name)
            yield Record(name, record[self.field])

    def digest(self) -> str:
        """Return the SHA-256 of the file.

        Raises:
            DataError: there is no such file.
        """
        return digest_of(Path(self.path))
