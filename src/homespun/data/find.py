"""Which files hold the records of a path: a file, or a folder as another tool left it.

Known folders: Hugging Face `save_to_disk` (a dataset, or a DatasetDict with its splits), folders of data files
as on the Hub (in the folder itself, in `data/` or in the folder of one configuration), distilabel's Distiset,
data-designer's artifacts (`parquet-files/`) and curator's cache of a run (`*.arrow`, or `responses_*.jsonl`).
The layouts were read off the writers: datasets 5.2, distilabel 1.5.3, data-designer 0.9.7, curator 0.1.31.
Nothing is downloaded and nothing but file names and small JSON files is read here.
"""

from __future__ import annotations

import json
import re
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Literal

from homespun.errors import DataError

Kind = Literal["jsonl", "csv", "parquet", "arrow", "curator"]
SUFFIXES: dict[str, Kind] = {".jsonl": "jsonl", ".csv": "csv", ".parquet": "parquet", ".arrow": "arrow"}
LOOKED_FOR = (
    "state.json or dataset_dict.json (Hugging Face save_to_disk), distiset_configs/ (distilabel),"
    " parquet-files/ (data-designer), *.arrow or responses_*.jsonl (curator), or files that end in"
    f" {', '.join(SUFFIXES)}, here, in data/ or in one folder below"
)
#: Folders beside the data that never hold rows of their own: distilabel's, data-designer's.
NO_DATA = {"distiset_configs", "artifacts", "dropped-columns-parquet-files", "tmp-partial-parquet-files",
           "processors-files", "images", "media"}  # fmt: skip


@dataclass(frozen=True, slots=True)
class Part:
    """One file with records; a folder has one or more, in order."""

    path: Path
    kind: Kind

    @property
    def name(self) -> str:
        """The file as the user would name it."""
        return str(self.path)


def parts(path: Path) -> list[Part]:
    """Return the files that hold a path's records, in the order of the records.

    Raises:
        DataError: nothing there, a kind of file that cannot be read, or a folder that is no dataset, holds several
            datasets, or mixes kinds of files.
    """
    if str(path) == "-" or (path.exists() and not path.is_file() and not path.is_dir()):
        raise DataError(f"{path}: a pipe can be read only once, and selection reads twice; save it to a file first")
    if path.is_dir():
        return _folder(path)
    if not path.is_file():
        raise DataError(f"{path}: no such file or folder")
    return [_file(path)]


def _file(path: Path) -> Part:
    kind = SUFFIXES.get(path.suffix.lower())
    if kind is None:
        fix = {
            ".json": "; turn an array into lines with: jq -c '.[]' FILE.json > FILE.jsonl",
            ".gz": "; unpack it first: gunzip FILE",
            ".zst": "; unpack it first: unzstd FILE",
        }.get(path.suffix.lower(), "")
        raise DataError(
            f'{path}: cannot read "{path.suffix or "no suffix"}" files{fix}. Readable: {", ".join(SUFFIXES)}'
        )
    if kind == "jsonl" and re.fullmatch(r"responses_\d+\.jsonl", path.name) and _is_curator(path):
        return Part(path, "curator")
    return Part(path, kind)


def _folder(folder: Path) -> list[Part]:
    if (folder / "dataset_dict.json").is_file():
        splits = _listed(folder / "dataset_dict.json", "splits")
        return [part for split in splits for part in parts(folder / str(split))]
    if (folder / "state.json").is_file():
        files = _listed(folder / "state.json", "_data_files")
        names = [str(entry["filename"]) for entry in files if isinstance(entry, dict) and "filename" in entry]
        return [_existing(folder / name) for name in names]
    if (folder / "parquet-files").is_dir():
        return _folder(folder / "parquet-files")
    if direct := _data_files(folder):
        return direct
    inner = sorted(
        entry
        for entry in folder.iterdir()
        if entry.is_dir() and entry.name not in NO_DATA and not entry.name.startswith(".") and _holds_data(entry)
    )
    if not inner:
        raise DataError(f"{folder}: no dataset in this folder. Looked for {LOOKED_FOR}")
    if len(inner) > 1:
        raise DataError(
            f"{folder}: holds several datasets; name the ones you mean: {', '.join(str(entry) for entry in inner[:10])}"
        )
    return _folder(inner[0])


def _holds_data(folder: Path, depth: int = 3) -> bool:
    """Whether there is anything to read in a folder or not far below it."""
    inside = sorted(folder.iterdir(), key=Path.is_dir)  # files first
    return any(
        _holds_data(entry, depth - 1) if entry.is_dir() and depth else entry.suffix in SUFFIXES and not _beside(entry)
        for entry in inside
        if not entry.name.startswith(".")
    )


def _data_files(folder: Path) -> list[Part]:
    """Return the data files that lie in a folder itself, by number where their names have one."""
    files = [entry for entry in folder.iterdir() if entry.is_file() and entry.suffix.lower() in SUFFIXES]
    files = [entry for entry in files if not re.fullmatch(r"cache-\w+\.arrow", entry.name)]  # notes of `datasets`
    responses = [entry for entry in files if re.fullmatch(r"responses_\d+\.jsonl", entry.name)]
    if responses:  # a run of curator: the parsed rows if they are there, else the answers
        arrows = [entry for entry in files if entry.suffix == ".arrow"]
        if len(arrows) > 1:
            raise DataError(
                f"{folder}: curator parsed these answers {len(arrows)} times; name one file:"
                f" {', '.join(str(entry) for entry in sorted(arrows))}"
            )
        return [_file(entry) for entry in arrows or sorted(responses, key=_natural)]
    files = [entry for entry in files if not _beside(entry)]
    kinds = {entry.suffix.lower() for entry in files}
    if len(kinds) > 1:
        raise DataError(f"{folder}: holds {' and '.join(sorted(kinds))} files; name those you mean, e.g. {files[0]}")
    return [_file(entry) for entry in sorted(files, key=_natural)]


def _beside(path: Path) -> bool:
    """Whether a file is a log or a request that tools write beside their rows."""
    return re.fullmatch(r"(requests_\d+|failed_requests|batch_objects)\.jsonl", path.name) is not None


def _is_curator(path: Path) -> bool:
    with path.open("rb") as stream:
        return b'"generic_request"' in stream.readline()


def _existing(path: Path) -> Part:
    if not path.is_file():
        raise DataError(f"{path}: the dataset names this file, and it is not there; copy the whole folder")
    return _file(path)


def _listed(path: Path, key: str) -> Sequence[object]:
    try:
        found = json.loads(path.read_text(encoding="utf-8"))[key]
    except (ValueError, KeyError, TypeError) as error:
        raise DataError(f"{path}: damaged: {error}") from None
    if not isinstance(found, list) or not found:
        raise DataError(f'{path}: damaged: "{key}" lists nothing')
    return found


def _natural(path: Path) -> list[tuple[int, int | str]]:
    """Sort `responses_10` after `responses_9`."""
    return [(0, int(piece)) if piece.isdigit() else (1, piece) for piece in re.split(r"(\d+)", path.name)]
