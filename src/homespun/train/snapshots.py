"""What a training needs to go on after a kill: tensors in safetensors, the rest in JSON, never pickle.

A snapshot is two files, `update-N.safetensors` and `update-N.json`. Both are written under another name, synced and
renamed, the JSON last and with the checksum of both, so a snapshot is whole or is not seen; one that is damaged
later is not believed, and the one before is used. The last two are kept.
"""

from __future__ import annotations

import json
import os
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from homespun.data.records import JSONDict, content_hash
from homespun.data.store import crash_point, file_hash, sync_folder
from homespun.train.adapter import writing

KEPT = 2


@dataclass(frozen=True)
class Snapshots:
    """The snapshots of one training in a folder of their own."""

    folder: Path
    fingerprint: str  #: of all that decides the training; snapshots of another are deleted

    def write(self, done: int, tensors: Mapping[str, Any], facts: JSONDict) -> None:
        """Keep the tensors and facts as they are after `done` updates.

        Raises:
            StoreError: no space, no permission.
        """
        from safetensors.torch import save_file

        name = f"update-{done:09d}"
        weights, told = self.folder / f"{name}.safetensors", self.folder / f"{name}.json"
        with writing(self.folder):
            self.folder.mkdir(parents=True, exist_ok=True)
            ready = {key: value.detach().cpu().contiguous() for key, value in tensors.items()}
            _commit(weights, lambda path: save_file(ready, path))
            state = {"fingerprint": self.fingerprint, "done": done, "tensors": file_hash(weights), **facts}
            text = json.dumps({"checksum": content_hash(state), "state": state})
            _commit(told, lambda path: path.write_text(text, "utf-8"))
            for old in sorted(self.folder.glob("update-*.json"))[:-KEPT]:
                old.unlink()
            self._sweep()

    def latest(self) -> tuple[dict[str, Any], JSONDict] | None:
        """Return the tensors and facts of the newest whole snapshot of this training; None if there is none."""
        from safetensors.torch import load_file

        for state in self._states():
            return load_file(self.folder / f"update-{state['done']:09d}.safetensors"), state
        return None

    def _states(self) -> Iterator[JSONDict]:
        for told in sorted(self.folder.glob("update-*.json"), reverse=True):
            try:
                found = json.loads(told.read_text("utf-8"))
                state: JSONDict = found["state"]
                whole = found["checksum"] == content_hash(state) and state["fingerprint"] == self.fingerprint
                if whole and state["tensors"] == file_hash(told.with_suffix(".safetensors")):
                    yield state
                    continue
            except (OSError, ValueError, KeyError, TypeError):
                pass
            told.unlink(missing_ok=True)
        self._sweep()

    def _sweep(self) -> None:
        """Delete what belongs to no snapshot."""
        for path in self.folder.glob("update-*"):
            if path.suffix != ".json" and not path.with_suffix(".json").exists():
                path.unlink()


def _commit(path: Path, write: Callable[[Path], object]) -> None:
    unfinished = path.with_name(f"{path.name}.tmp")
    crash_point()
    write(unfinished)
    with unfinished.open("rb+") as stream:
        os.fsync(stream.fileno())
    crash_point()
    os.replace(unfinished, path)
    sync_folder(path.parent)
