"""A sentence-transformers model: it embeds, and nothing else.

`sentence:PATH` or `sentence:HUB/ID`. Only safetensors are read and no code from the folder is run. Vectors are
those of the model as it comes, with its own pooling and, where it has one, its own normalising layer; a text
longer than its window is cut by it.
"""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING, NoReturn

from homespun.errors import MissingExtraError, ModelError, UsageError
from homespun.models.base import Advance, Completion, Continuation, LogprobQuery, Request, ignore_progress

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray

BATCH = 32  #: texts of one pass, sorted by length by the library


class SentenceModel:
    """Embeds texts; implements `homespun.models.base.Model` as far as that goes."""

    structured = False

    def __init__(self, identity: str, folder: Path, device: str | None = None) -> None:
        """Load a folder.

        Raises:
            MissingExtraError: sentence-transformers is not installed.
            ModelError: the folder holds no model that it can load.
        """
        try:
            from sentence_transformers import SentenceTransformer
        except ImportError as error:
            raise MissingExtraError(
                "a sentence-transformers model needs the extra `sentence`: pip install -e '.[sentence]' in the clone"
            ) from error
        self.id = identity
        settings = {"device": device, "local_files_only": True, "trust_remote_code": False}
        try:
            self.encoder = SentenceTransformer(str(folder), model_kwargs={"use_safetensors": True}, **settings)
        except (OSError, ValueError, KeyError, RuntimeError) as error:
            reason = next(iter(str(error).strip().splitlines()), type(error).__name__)
            raise ModelError(f'sentence-transformers cannot load "{folder}": {reason}') from error

    def embed(
        self, texts: Sequence[str], advance: Advance = ignore_progress, *, layer: int | None = None
    ) -> NDArray[np.float32]:
        """Return one vector per text, shape (len(texts), dimensions).

        Raises:
            UsageError: a layer is asked for; these models are used as they come.
        """
        if layer is not None:
            raise UsageError(f"layer: {layer} is asked of {self.id}, a sentence-transformers model; take it out")
        found: NDArray[np.float32] = self.encoder.encode(
            list(texts), batch_size=BATCH, convert_to_numpy=True, show_progress_bar=False
        )
        advance(len(texts))
        return found.astype("float32", copy=False)

    def complete(self, requests: Sequence[Request], advance: Advance = ignore_progress) -> list[Completion]:
        """Refuse.

        Raises:
            ModelError: always.
        """
        self._refuse("write")

    def logprobs(
        self, queries: Sequence[LogprobQuery], advance: Advance = ignore_progress
    ) -> list[tuple[Continuation, ...]]:
        """Refuse.

        Raises:
            ModelError: always.
        """
        self._refuse("tell probabilities")

    def _refuse(self, what: str) -> NoReturn:
        raise ModelError(f"{self.id} is a sentence-transformers model: it embeds texts and cannot {what}")
