"""What a model can be asked: complete, logprobs, embed.

Requests and answers are plain frozen records, so that they can be stored, hashed and sent to another
process. Batching, batching order and hardware are the backend's business; the answer to one request
depends only on the request and on the list it was sent with (backends form batches from that list, so a
caller that commits whole lists gets byte-identical answers on every rerun).
"""

from __future__ import annotations

from collections.abc import Callable, Generator, Iterable, Sequence
from dataclasses import dataclass
from itertools import islice
from typing import TYPE_CHECKING, Any, Protocol, runtime_checkable

from homespun.data.records import Message

if TYPE_CHECKING:  # asking a server takes no array
    import numpy as np
    from numpy.typing import NDArray

Advance = Callable[[int], None]  #: called with the number of requests finished since the last call


def ignore_progress(_finished: int) -> None:
    """Do nothing: the default for `advance`."""


def at_most(count: int, advance: Advance) -> Advance:
    """Return an `advance` that tells no more than `count` in all."""
    left = count

    def told(finished: int) -> None:
        nonlocal left
        advance(min(finished, left))
        left -= min(finished, left)

    return told


@dataclass(frozen=True, slots=True)
class Sampling:
    """How to draw tokens. temperature 0 is greedy; top_p 1 keeps the whole vocabulary."""

    temperature: float = 1.0
    top_p: float = 0.95
    max_tokens: int = 128
    stop: tuple[str, ...] = ()  #: the text ends before the first of these; they are not returned


@dataclass(frozen=True, slots=True)
class Request:
    """One completion to ask for."""

    key: str  #: the caller's name for it, unique within a list
    messages: tuple[Message, ...]
    sampling: Sampling
    seed: int
    prefill: str = ""  #: text the answer is made to begin with; not repeated in the answer
    schema: dict[str, Any] | None = None  #: JSON schema, honoured where `Model.structured`
    whole: bool = False  #: an answer cut off at max_tokens is of no use: a server is asked once more with more room


@dataclass(frozen=True, slots=True)
class Completion:
    """One answer. A failure is an answer too: finish_reason `error` and the error in words."""

    key: str
    text: str
    finish_reason: str  #: stop | length | error
    prompt_tokens: int = 0
    completion_tokens: int = 0
    error: str = ""


@dataclass(frozen=True, slots=True)
class LogprobQuery:
    """Continuations to score after one prompt.

    With messages the continuation stands at the start of the assistant's turn; without, it is scored as
    plain text after the beginning-of-text token.
    """

    messages: tuple[Message, ...]
    continuations: tuple[str, ...]
    prefill: str = ""  #: text of the assistant's turn before the continuation; not scored


@dataclass(frozen=True, slots=True)
class Continuation:
    """Log-probabilities (natural log) of one continuation's tokens; end-of-text is not included."""

    logprobs: tuple[float, ...]

    @property
    def total(self) -> float:
        """Sum over tokens: log p(continuation | prompt)."""
        return float(sum(self.logprobs))

    @property
    def mean(self) -> float:
        """Mean over tokens; nan for an empty continuation."""
        return self.total / len(self.logprobs) if self.logprobs else float("nan")


class Model(Protocol):
    """Anything that writes, scores and embeds text."""

    @property
    def id(self) -> str:
        """Name and content hash; part of every fingerprint, so two models never share a result."""
        ...

    @property
    def structured(self) -> bool:
        """Whether `Request.schema` is honoured."""
        ...

    def complete(self, requests: Sequence[Request], advance: Advance = ignore_progress) -> list[Completion]:
        """Answer every request, in the order asked."""
        ...

    def logprobs(
        self, queries: Sequence[LogprobQuery], advance: Advance = ignore_progress
    ) -> list[tuple[Continuation, ...]]:
        """Score every continuation of every query, in the order asked."""
        ...

    def embed(
        self, texts: Sequence[str], advance: Advance = ignore_progress, *, layer: int | None = None
    ) -> NDArray[np.float32]:
        """Return one vector per text, shape (len(texts), dimensions), not normalised.

        `layer` asks for the mean state after that layer, from 1 on; None leaves the choice to the model, and a
        model that shows no layers takes nothing else.
        """
        ...


@runtime_checkable
class Streaming(Protocol):
    """A model that takes requests one by one, because its answers depend on nothing else."""

    def stream(
        self, requests: Iterable[Request], advance: Advance = ignore_progress
    ) -> Generator[Completion, None, None]:
        """Answer every request, in the order asked, in constant memory."""
        ...


def stream(
    model: Model, requests: Iterable[Request], shard: int, advance: Advance = ignore_progress
) -> Generator[Completion, None, None]:
    """Answer every request, in the order asked, in constant memory.

    A model whose answers depend on what they are asked with (batches in this process) gets `shard` requests at
    once, always the same ones.
    """
    if isinstance(model, Streaming):
        return model.stream(requests, advance)
    waiting = iter(requests)
    slices = iter(lambda: list(islice(waiting, shard)), [])
    return (answer for some in slices for answer in model.complete(some, advance))
