"""Find the folder of a model and say what is in it, without loading weights.

A model is a folder with `config.json`, tokenizer files and `*.safetensors`. Pickled weights (.bin, .pt,
.pkl) are never read: unpickling runs code from the file. A hub id becomes such a folder through the hub's
own local cache; a cached copy is used as it is, so a run does not change when the hub does. The content
hash covers every file that can change an answer and is remembered per path, size and time of change,
because hashing gigabytes on each command would be felt.
"""

from __future__ import annotations

import hashlib
import json
import os
import re
import tempfile
from pathlib import Path

from homespun.errors import ModelError, UsageError
from homespun.models.libraries import cache_dir, missing_extra
from homespun.registry import did_you_mean

HUB_ID = re.compile(r"[A-Za-z0-9][\w.-]*/[A-Za-z0-9][\w.-]*")
PICKLED = (".bin", ".pt", ".pth", ".pkl", ".ckpt")
MUST_HOLD = "It must hold config.json, the tokenizer's files and *.safetensors."
CONTENT = (
    *("config.json", "generation_config.json", "adapter_config.json", "*.safetensors"),
    *("tokenizer*", "special_tokens_map.json", "added_tokens.json", "vocab*", "merges.txt", "chat_template*"),
)  #: what can change an answer

_offline_here = False  #: whether `go_offline`, not the user, set HF_HUB_OFFLINE


def go_offline() -> None:
    """Keep the hub library off the network: for models that are already on this disk.

    Must run before that library is first imported, as it reads the variable once. A value that the user
    set stands.
    """
    global _offline_here
    if "HF_HUB_OFFLINE" not in os.environ:
        os.environ["HF_HUB_OFFLINE"] = "1"
        _offline_here = True


def check_folder(folder: Path) -> Path:
    """Return the folder if it holds a model that can be loaded safely.

    Raises:
        ModelError: it is no folder, lacks a part, or holds pickled weights only.
    """
    if not folder.is_dir():
        raise ModelError(f'"{folder}" is a file, no model folder. Name a folder. {MUST_HOLD}')
    if not (folder / "config.json").is_file():
        hint = " It is an adapter: name its base model." if (folder / "adapter_config.json").is_file() else ""
        raise ModelError(f'"{folder}" is no model folder: config.json is missing. {MUST_HOLD}{hint}')
    if not list(folder.glob("*.safetensors")):
        pickled = sorted(path.name for path in folder.iterdir() if path.suffix in PICKLED)
        if pickled:
            raise ModelError(
                f'"{folder}" holds its weights as {", ".join(pickled)}; only *.safetensors are loaded, as '
                "unpickling runs code from the file. Convert it where you trust it: "
                "AutoModelForCausalLM.from_pretrained(FOLDER).save_pretrained(NEW_FOLDER)."
            )
        raise ModelError(f'"{folder}" is no model folder: no *.safetensors in it. {MUST_HOLD}')
    if not any(folder.glob("tokenizer*")) and not any(folder.glob("vocab*")):
        raise ModelError(f'"{folder}" is no model folder: the tokenizer is missing. {MUST_HOLD}')
    return folder


def fetch(hub_id: str) -> Path:
    """Return the folder of a hub model: the local cache's, or a fresh download.

    Raises:
        ModelError: it is neither cached nor can it be fetched.
        MissingExtraError: the hub library is not installed.
    """
    global _offline_here
    os.environ.setdefault("HF_HUB_DISABLE_TELEMETRY", "1")
    try:
        import huggingface_hub
        from huggingface_hub.errors import HfHubHTTPError, LocalEntryNotFoundError
    except ImportError as error:
        raise missing_extra() from error
    wanted = ["*.json", "*.safetensors", "*.jinja", "*.txt", "tokenizer.model", "*.tiktoken"]
    try:
        return check_folder(
            Path(huggingface_hub.snapshot_download(hub_id, allow_patterns=wanted, local_files_only=True))
        )
    except (LocalEntryNotFoundError, ModelError):
        pass  # not cached, or cached in part
    if _offline_here:
        del os.environ["HF_HUB_OFFLINE"]
        huggingface_hub.constants.HF_HUB_OFFLINE = False
        _offline_here = False
    try:
        folder = Path(huggingface_hub.snapshot_download(hub_id, allow_patterns=wanted))
    except (HfHubHTTPError, OSError) as error:  # every network failure of the client is an OSError
        reason = next(iter(str(error).strip().splitlines()), type(error).__name__)
        raise ModelError(
            f'the model "{hub_id}" is no folder here, is not in the local hub cache and cannot be fetched '
            f"({reason}). Check the name and the network, or fetch it elsewhere and name the local folder."
        ) from error
    return check_folder(folder)


def find_folder(model_id: str) -> Path:
    """Return the folder behind `embedded`, a local path or a hub id; fetches a hub model if need be.

    Raises:
        ModelError: there is no such model.
        UsageError: the id is a server's address.
    """
    if model_id.startswith(("http://", "https://")):
        raise UsageError(
            f'"{model_id}" is a server: it can write and judge, but has no weights here. '
            "Use `embedded`, a local model folder or a hub id (org/name)."
        )
    if model_id == "embedded":
        from homespun.models.embedded import cached_path

        folder = cached_path()
        if folder is None:
            raise ModelError("the embedded model is not on this machine yet; run: homespun models pull smollm2")
        return check_folder(folder)
    path = Path(model_id).expanduser()
    if path.exists():
        return check_folder(path)
    if HUB_ID.fullmatch(model_id):
        return fetch(model_id)
    if "/" in model_id or model_id.startswith((".", "~")):
        raise ModelError(f'there is no model folder "{model_id}". {MUST_HOLD}')
    raise ModelError(
        f'unknown model "{model_id}".{did_you_mean(model_id, ["embedded"])} '
        "Known: embedded, scripted:FILE, the path of a model folder, or a hub id (org/name)."
    )


def content_files(folder: Path) -> list[Path]:
    """Return the files of a model or adapter folder that can change an answer, sorted by name."""
    return sorted({path for pattern in CONTENT for path in folder.glob(pattern) if path.is_file()})


def folder_hash(folder: Path, length: int = 16) -> str:
    """Return a SHA-256 over names and contents of a folder's `content_files`."""
    known_path = cache_dir() / "hashes.json"
    try:
        known: dict[str, str] = json.loads(known_path.read_text("utf-8"))
    except (OSError, ValueError):
        known = {}
    total = hashlib.sha256()
    fresh: dict[str, str] = {}
    for path in content_files(folder):
        status = path.stat()
        key = f"{path.resolve()}|{status.st_size}|{status.st_mtime_ns}"
        if key not in known:
            with path.open("rb") as stream:
                fresh[key] = known[key] = hashlib.file_digest(stream, "sha256").hexdigest()
        total.update(f"{path.name}\0{known[key]}\n".encode())
    if fresh:
        _remember(known_path, known)
    return total.hexdigest()[:length]


def _remember(path: Path, hashes: dict[str, str]) -> None:
    """Replace the file of known hashes; a cache that cannot be written only costs time."""
    standing = {key: value for key, value in hashes.items() if Path(key.rsplit("|", 2)[0]).exists()}
    scratch: Path | None = None
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        with tempfile.NamedTemporaryFile("w", dir=path.parent, delete=False, encoding="utf-8") as stream:
            scratch = Path(stream.name)
            json.dump(standing, stream, indent=0)
        os.replace(scratch, path)
    except OSError:
        if scratch is not None:
            scratch.unlink(missing_ok=True)
