"""The libraries that models in this process need: where they keep things, kept quiet, and what is said without them."""

from __future__ import annotations

import os
import warnings
from pathlib import Path

from homespun.errors import MissingExtraError


def cache_dir() -> Path:
    """Return the folder for what Homespun keeps between runs (HOMESPUN_CACHE overrides)."""
    if chosen := os.environ.get("HOMESPUN_CACHE"):
        return Path(chosen).expanduser()
    base = os.environ.get("XDG_CACHE_HOME")
    return (Path(base) if base else Path.home() / ".cache") / "homespun"


def quiet() -> None:
    """Keep transformers from printing bars and warnings into the command line, and from telemetry."""
    os.environ.setdefault("HF_HUB_DISABLE_TELEMETRY", "1")
    os.environ.setdefault("TOKENIZERS_PARALLELISM", "false")
    from transformers.utils import logging

    logging.set_verbosity_error()
    logging.disable_progress_bar()
    warnings.filterwarnings("ignore", module=r"(transformers|peft)\..*")


def missing_extra(extra: str = "local") -> MissingExtraError:
    """Return the error for a machine without torch, transformers or PEFT."""
    return MissingExtraError(
        f"models in this process need torch and transformers{' and PEFT' if extra == 'train' else ''}; "
        f"install the extra `{extra}`: pip install -e '.[{extra}]' in the clone"
    )
