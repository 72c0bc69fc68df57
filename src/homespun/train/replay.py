"""General text that is mixed into continual pre-training, so that less of what the model knew is lost.

Plain text files are split at blank lines, JSONL, CSV and Parquet files are read by column. The file is read in its
own order, only as far as the training needs, and from its start again when it is too short.
"""

from __future__ import annotations

from collections.abc import Iterator
from itertools import islice
from pathlib import Path
from typing import TYPE_CHECKING, Any

from pydantic import BaseModel, ConfigDict, Field

from homespun.data.find import SUFFIXES
from homespun.data.read import iter_records
from homespun.data.store import file_hash
from homespun.errors import DataError

if TYPE_CHECKING:
    from homespun.train.batches import Example

PIECE = 256  #: tokens at most; longer texts are shown in pieces
AT_ONCE = 256  #: texts tokenised together


class Replay(BaseModel):
    """General text shown beside the documents."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    path: Path = Field(description="a text file, or a JSONL, CSV or Parquet file with a column of texts")
    column: str = Field("text", description="of the texts, where the file has columns")
    share: float = Field(0.1, gt=0, lt=1, description="of all tokens shown")

    def look(self) -> str:
        """Return the SHA-256 of the file.

        Raises:
            DataError: as `texts`, or there is no text in it.
        """
        if next(self.texts(), None) is None:
            raise DataError(f"{self.path}: there is no text in it to replay")
        return file_hash(self.path)

    def texts(self) -> Iterator[str]:
        """Read the texts that are not empty, in the file's order.

        Raises:
            DataError: no such file, not UTF-8, malformed, or a record without the column.
        """
        if self.path.suffix.lower() in SUFFIXES:
            for index, record in enumerate(iter_records(self.path)):
                text = record.get(self.column)
                if not isinstance(text, str):
                    raise DataError(
                        f"{self.path}: record {index + 1} has no text in the column `{self.column}`; `replay.column` "
                        f"may be one of: {', '.join(map(str, record))}"
                    )
                if text.strip():
                    yield text
            return
        try:
            with self.path.open(encoding="utf-8-sig") as stream:
                yield from _paragraphs(stream)
        except UnicodeDecodeError as error:
            raise DataError(f"{self.path}: not UTF-8: {error}") from error
        except OSError as error:
            raise DataError(f"{self.path}: {error.strerror or error}") from error

    def pieces(self, tokens: float, tokenizer: Any, longest: int) -> list[Example]:
        """Return pieces of at most PIECE tokens that have `tokens` together, or all where the file has fewer.

        Raises:
            DataError: as `texts`, or there is no text at all.
        """
        from homespun.train.batches import encode_texts

        found: list[Example] = []
        total = 0
        texts = self.texts()
        while total < tokens and (some := list(islice(texts, AT_ONCE))):
            new = [piece for pieces in encode_texts(some, tokenizer, min(PIECE, longest)) for piece in pieces]
            found += new
            total += sum(map(len, new))
        if not found:
            raise DataError(f"{self.path}: there is no text in it to replay")
        return found


def _paragraphs(lines: Iterator[str]) -> Iterator[str]:
    paragraph: list[str] = []
    for line in lines:
        if line.strip():
            paragraph.append(line)
        elif paragraph:
            yield "".join(paragraph).strip()
            paragraph = []
    if paragraph:
        yield "".join(paragraph).strip()
