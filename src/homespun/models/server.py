"""A model behind an OpenAI-compatible server, as `homespun.models.base.Model`.

Many requests at once from a bounded set of workers, answers in the order asked. Each answer is in the ledger
before it is read, so a second run of the same list sends nothing. What one request needs (deadlines, retries,
limits) is endpoint.py's business; what a body means is wire.py's.
"""

from __future__ import annotations

from collections.abc import Callable, Coroutine, Generator, Iterable, Sequence
from dataclasses import replace
from functools import partial
from typing import TYPE_CHECKING, Any, TypeVar

from homespun.data.ledger import OK, Entry, Ledger
from homespun.data.records import JSONDict
from homespun.engine.budget import Spending
from homespun.errors import ModelError, UsageError
from homespun.models import likelihood, wire
from homespun.models.base import (
    Advance,
    Completion,
    Continuation,
    LogprobQuery,
    Request,
    at_most,
    ignore_progress,
)
from homespun.models.endpoint import Call, Endpoint, read_key
from homespun.models.inorder import InOrder
from homespun.task import ModelSpec

if TYPE_CHECKING:
    import aiohttp
    import numpy as np
    from numpy.typing import NDArray

MORE_ROOM = 4  #: times as many tokens for the one retry of a truncated answer
EMBEDDED_AT_ONCE = 64  #: texts in one call
Item = TypeVar("Item")
Found = TypeVar("Found")


def connect(
    spec: ModelSpec,
    ledger: Ledger,
    *,
    stage: Callable[[], str] = lambda: "",
    say: Callable[[str], None] = lambda _: None,
    spending: Spending | None = None,
    retry_failed: bool = False,
) -> ServerModel:
    """Return the model that a recipe writes as http://HOST:PORT/v1#MODEL; nothing is sent yet.

    Args:
        spec: address, name of the variable with the key, requests in flight.
        ledger: where every answer goes first.
        stage: tells which step is asking, for the ledger.
        say: takes warnings.
        spending: counts tokens and money for all models of a run.
        retry_failed: ask again for what an earlier run recorded as failed.

    Raises:
        UsageError: the address or the key's variable is no good.
    """
    address, _, name = spec.id.partition("#")
    endpoint = Endpoint(
        address,
        name,
        read_key(spec.key_env),
        ledger,
        concurrency=spec.concurrency,
        stage=stage,
        say=say,
        spending=spending or Spending(),
        price=spec.price,
        retry_failed=retry_failed,
    )
    dialect = likelihood.DIALECTS[spec.logprobs](name) if spec.logprobs else None
    chat = spec.api == "chat"
    return ServerModel(endpoint, structured=spec.structured and chat, extra=spec.extra, dialect=dialect, chat=chat)


class ServerModel:
    """Answers over HTTP."""

    def __init__(
        self,
        endpoint: Endpoint,
        *,
        structured: bool = True,
        extra: dict[str, Any] | None = None,
        dialect: likelihood.Dialect | None = None,
        chat: bool = True,
    ) -> None:
        """Take an endpoint.

        Args:
            endpoint: the server.
            structured: it honours JSON schemas.
            extra: fields of its requests for text that it alone knows.
            dialect: how it is asked for log-probabilities, if it gives any.
            chat: it answers conversations; a base model goes on from plain text.
        """
        self.endpoint, self.structured, self.extra, self.dialect = endpoint, structured, extra or {}, dialect
        self.chat = chat
        self.id = f"{endpoint.base_url}#{endpoint.model}"

    def complete(self, requests: Sequence[Request], advance: Advance = ignore_progress) -> list[Completion]:
        """Answer every request, in the order asked; a failure is a Completion with its kind in words.

        Raises:
            ModelError: the server takes no request of ours at all.
            BudgetError: the run has spent what it may.
        """
        return list(self.stream(requests, advance))

    def stream(
        self, requests: Iterable[Request], advance: Advance = ignore_progress
    ) -> Generator[Completion, None, None]:
        """Answer requests as `complete` does, in constant memory."""
        return self._ask(requests, self._complete, advance)

    def logprobs(
        self, queries: Sequence[LogprobQuery], advance: Advance = ignore_progress
    ) -> list[tuple[Continuation, ...]]:
        """Score every continuation of every query, in the order asked.

        A continuation is nan where the server gave no number; why is in the ledger, and told once.

        Raises:
            ModelError: the recipe does not say how this server is asked for log-probabilities.
        """
        if self.dialect is None:
            raise ModelError(
                f"how {self.endpoint.base_url} gives log-probabilities of given answers is not known; set `logprobs:"
                " vllm`, `logprobs: llama.cpp` or `logprobs: echo` (base models), score with a model in this process"
                " (scorer: embedded, a path or a hub id), or judge by text (answer: text)"
            )
        distinct = list(dict.fromkeys(queries))  # the same query twice at once would be sent twice
        advance(len(queries) - len(distinct))
        reasons: list[str] = []
        found = self._ask(distinct, partial(self._score, self.dialect, reasons.append), advance)
        known = dict(zip(distinct, found, strict=True))
        if reasons:
            self.endpoint.say(f"warning: no log-probability for {len(reasons)} answers, the first: {reasons[0]}")
        return [known[query] for query in queries]

    def embed(
        self, texts: Sequence[str], advance: Advance = ignore_progress, *, layer: int | None = None
    ) -> NDArray[np.float32]:
        """Return one vector per text, shape (len(texts), dimensions), not normalised.

        Raises:
            ModelError: a call failed; there is no vector to go on with.
            UsageError: a layer is asked for; an endpoint takes none.
        """
        import numpy as np

        if layer is not None:
            raise UsageError(f"layer: {layer} is asked of {self.endpoint.base_url}, whose embeddings take no layer")
        parts = [texts[at : at + EMBEDDED_AT_ONCE] for at in range(0, len(texts), EMBEDDED_AT_ONCE)]
        told = at_most(len(texts), advance)  # the last part is smaller
        found = self._ask(parts, self._embed, lambda count: told(count * EMBEDDED_AT_ONCE))
        vectors = list(found)
        if len({part.shape[1] for part in vectors}) > 1:
            raise ModelError(f"{self.endpoint.base_url} gives embeddings of different lengths; name another model")
        return np.concatenate(vectors) if vectors else np.zeros((0, 0), np.float32)

    async def _complete(self, session: aiohttp.ClientSession, request: Request) -> Completion:
        name = self.endpoint.model
        if self.chat:
            payload = wire.chat_payload(name, request, structured=self.structured, extra=self.extra)
            call = Call(wire.CHAT, payload, wire.read_chat, row=request.key)
        else:
            payload = wire.text_payload(name, request, extra=self.extra)
            call = Call(wire.TEXT, payload, wire.read_text, row=request.key)
        entry, reading = await self.endpoint.ask(session, call)
        if reading.outcome == "truncated" and request.whole:
            more = {**payload, "max_tokens": MORE_ROOM * request.sampling.max_tokens}
            entry, reading = await self.endpoint.ask(session, replace(call, payload=more))
        return _completion(request, entry, reading)

    async def _score(
        self,
        dialect: likelihood.Dialect,
        told: Callable[[str], None],
        session: aiohttp.ClientSession,
        query: LogprobQuery,
    ) -> tuple[Continuation, ...]:
        async def ask(path: str, payload: JSONDict, pick: likelihood.Pick) -> Any:
            _, reading = await self.endpoint.ask(session, Call(path, payload, likelihood.reader(pick)))
            if reading.outcome != OK or reading.content is None:
                raise likelihood.MissingError(f"{reading.outcome}: {reading.problem}")
            return pick(reading.content)

        return await likelihood.score(dialect, ask, query, told)

    async def _embed(self, session: aiohttp.ClientSession, texts: Sequence[str]) -> NDArray[np.float32]:
        import numpy as np

        payload = {"model": self.endpoint.model, "input": list(texts)}

        def read(status: int, body: bytes) -> wire.Reading:
            return wire.read_list(status, body, "data", len(texts))

        _, reading = await self.endpoint.ask(session, Call(wire.EMBEDDINGS, payload, read))
        if reading.content is None or reading.outcome != OK:
            raise ModelError(f"{self.endpoint.base_url} gives no embeddings: {reading.outcome} ({reading.problem})")
        try:
            vectors = np.array([entry["embedding"] for entry in reading.content["data"]], np.float32)
        except (LookupError, TypeError, ValueError):  # none there, none of numbers, or of different lengths
            vectors = np.zeros(0, np.float32)
        if vectors.ndim != 2:
            raise ModelError(f"{self.endpoint.base_url} gives no embeddings: not one list of numbers per text")
        return vectors

    def _ask(
        self,
        items: Iterable[Item],
        one: Callable[[aiohttp.ClientSession, Item], Coroutine[Any, Any, Found]],
        advance: Advance,
    ) -> Generator[Found, None, None]:
        # Twice as many workers as may be in flight: a row that waits after a refusal holds no one up.
        return InOrder(items, one, self.endpoint.session, 2 * self.endpoint.concurrency, advance).answers()


def _completion(request: Request, entry: Entry, reading: wire.Reading) -> Completion:
    if reading.outcome in (OK, "truncated"):
        return Completion(
            request.key, reading.text, reading.finish_reason, reading.prompt_tokens, reading.completion_tokens
        )
    told = f"{reading.outcome}: {reading.problem}" if reading.problem else reading.outcome
    return Completion(request.key, "", "error", entry.prompt_tokens, entry.completion_tokens, error=told)
