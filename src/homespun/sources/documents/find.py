"""Which files of a folder are documents, in one order everywhere, with no more than a folder's names in memory."""

from __future__ import annotations

import os
import unicodedata
from collections.abc import Iterator
from pathlib import Path
from typing import NamedTuple

from homespun.data.find import SUFFIXES as RECORDS
from homespun.errors import DataError

TEXTS = (".txt", ".md", ".markdown", ".html", ".htm", ".xhtml", ".pdf", ".docx")
_NOT_OURS = (".", "~$", "__MACOSX")  #: hidden files, locks of word processors, notes of unpackers
_CLOSE = {
    ".doc": "save it as .docx",
    ".rtf": "save it as .docx",
    ".odt": "save it as .docx",
    ".pptx": "save it as PDF",
    ".xlsx": "save it as CSV",
    ".json": "write one document a line, as JSONL: jq -c '.[]' FILE.json > FILE.jsonl",
    ".tex": "rename it to .txt, or convert it: pandoc -t plain",
    ".rst": "rename it to .txt, or convert it: pandoc -t plain",
    ".epub": "convert it: pandoc -t markdown",
    ".zip": "unpack it",
    ".gz": "unpack it",
}


class Found(NamedTuple):
    """A file, and its name below the folder that was asked for."""

    path: Path
    name: str


def texts(root: Path) -> Iterator[Found]:
    """Return the text files below a folder in the order of their names, those of a folder before its folders.

    Links to folders are not followed, so that no walk runs in circles; hidden files are left out.
    """
    waiting = [(root, "")]
    while waiting:
        folder, prefix = waiting.pop()
        try:
            with os.scandir(folder) as entries:
                names = sorted(
                    (entry.name, entry.is_dir(follow_symlinks=False))
                    for entry in entries
                    if not entry.name.startswith(_NOT_OURS) and (entry.is_file() or entry.is_dir(follow_symlinks=False))
                )
        except OSError as error:
            raise DataError(f"{folder}: cannot be listed: {error.strerror}; make it readable") from None
        for name, is_folder in names:
            if not is_folder and name.lower().endswith(TEXTS):
                yield Found(folder / name, _shown(prefix + name))
        waiting += [(folder / name, f"{prefix}{name}/") for name, is_folder in reversed(names) if is_folder]


def _shown(name: str) -> str:
    """Return a name as text that can be stored and typed: composed letters, no broken bytes."""
    return unicodedata.normalize("NFC", os.fsencode(name).decode("utf-8", "replace"))


def is_records(path: Path) -> bool:
    """Whether a path holds documents as records: a data file, or a folder of such without text files.

    Raises:
        DataError: no such path, or no file in it that can be read.
    """
    if path.is_file():
        kind = path.suffix.lower()
        if kind in RECORDS:
            return True
        if kind in TEXTS:
            return False
        raise DataError(
            f'{path}: cannot read "{kind or "no suffix"}" files; {_CLOSE.get(kind, "convert it")}. Readable:'
            f" {', '.join((*TEXTS, *RECORDS))}"
        )
    if not path.is_dir():
        raise DataError(f"{path}: no such file or folder")
    if next(texts(path), None):
        return False
    if records_in(path):
        return True
    readable = ", ".join((*TEXTS, *RECORDS))
    raise DataError(f"{path}: no document in this folder or below. Readable: {readable}.{_other_suffixes(path)}")


def records_in(folder: Path) -> list[Path]:
    """Return the data files in a folder itself: `documents.jsonl` alone where it is there, else all of one kind."""
    if (folder / "documents.jsonl").is_file():
        return [folder / "documents.jsonl"]
    files = sorted(entry for entry in folder.iterdir() if entry.suffix.lower() in RECORDS and entry.is_file())
    if len({entry.suffix.lower() for entry in files}) > 1:
        raise DataError(f"{folder}: holds data files of several kinds; name one: {', '.join(map(str, files[:10]))}")
    return files


def _other_suffixes(folder: Path) -> str:
    seen: dict[str, str] = {}
    for _, _, names in os.walk(folder):
        for name in names:
            if not name.startswith(_NOT_OURS):
                seen.setdefault(Path(name).suffix.lower() or "no suffix", name)
        if len(seen) >= 10:
            break
    if not seen:
        return " It is empty."
    hints = "; ".join(f"{kind}: {_CLOSE[kind]}" for kind in seen if kind in _CLOSE)
    return f" It holds: {', '.join(sorted(seen))}{f' ({hints})' if hints else ''}."
