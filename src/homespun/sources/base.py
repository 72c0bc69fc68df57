"""What every source is: records in, one after the other, as often as they are asked for."""

from __future__ import annotations

from collections.abc import Iterator
from typing import ClassVar

from homespun.data.records import Record
from homespun.registry import Strategy


class Source(Strategy):
    """Base of the strategies under `sources:`."""

    group: ClassVar[str] = "source"
    needs_task: ClassVar[bool] = False
    read_first: ClassVar[bool] = False  #: a run reads it once before anything is spent, to tell what `look` says

    def __call__(self) -> Iterator[Record]:
        """Return the records from the first on, in constant memory.

        Raises:
            DataError: with the file and the record that cannot be read.
        """
        raise NotImplementedError

    def look(self) -> list[str]:
        """Read all records; return what a person should know of them, such as what was left out, one line each."""
        return []

    def digest(self) -> str:
        """Return a hash of the content; a part of every fingerprint that depends on it."""
        raise NotImplementedError
