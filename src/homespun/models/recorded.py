"""A model of this process whose answers go through the ledger, like those of a server.

A list of requests is answered from the ledger when all its answers are there, and asked whole otherwise: what
shares a batch decides the last bits of a floating-point result, so the list is a part of every key and is
committed as one transaction. Embeddings pass through; they are columns of the scores.
"""

from __future__ import annotations

import json
import time
from collections.abc import Callable, Sequence
from dataclasses import asdict
from typing import TYPE_CHECKING, Any

from homespun.data.ledger import LOCAL, OK, Entry, Ledger, request_key
from homespun.data.records import JSONDict, content_hash
from homespun.engine.budget import Spending
from homespun.models.base import (
    Advance,
    Completion,
    Continuation,
    LogprobQuery,
    Model,
    Request,
    ignore_progress,
)
from homespun.task import Price

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray


class Recorded:
    """Wraps a model; same answers, each of them asked for once."""

    def __init__(
        self,
        inner: Model,
        ledger: Ledger,
        stage: Callable[[], str] = lambda: "",
        spending: Spending | None = None,
        price: Price | None = None,
    ) -> None:
        """Wrap a model; `stage` tells which step is asking, `spending` counts for all models of a run."""
        self.inner, self.ledger, self.stage = inner, ledger, stage
        self.spending, self.price = spending or Spending(), price

    @property
    def id(self) -> str:
        """Id of the model inside."""
        return self.inner.id

    @property
    def structured(self) -> bool:
        """Whether the model inside honours schemas."""
        return self.inner.structured

    def complete(self, requests: Sequence[Request], advance: Advance = ignore_progress) -> list[Completion]:
        """Answer every request, in the order asked."""
        payloads = [{**asdict(request), "key": ""} for request in requests]

        def entry(index: int, answer: Completion) -> tuple[str, str, str, JSONDict, int, int]:
            failed = answer.finish_reason == "error"
            outcome = "malformed" if failed else "truncated" if answer.finish_reason == "length" else OK
            body = {"text": answer.text, "finish_reason": answer.finish_reason, "error": answer.error}
            return requests[index].key, outcome, answer.error, body, answer.prompt_tokens, answer.completion_tokens

        def answer(index: int, found: Entry, body: JSONDict) -> Completion:
            return Completion(requests[index].key, **body, prompt_tokens=found.prompt_tokens,
                              completion_tokens=found.completion_tokens)  # fmt: skip

        return self._through(
            "complete", payloads, lambda: self.inner.complete(requests, advance), entry, answer, advance
        )

    def logprobs(
        self, queries: Sequence[LogprobQuery], advance: Advance = ignore_progress
    ) -> list[tuple[Continuation, ...]]:
        """Score every continuation of every query, in the order asked."""
        payloads = [asdict(query) for query in queries]

        def entry(index: int, found: tuple[Continuation, ...]) -> tuple[str, str, str, JSONDict, int, int]:
            body = {"logprobs": [list(one.logprobs) for one in found]}
            return str(index), OK, "", body, 0, 0

        def answer(_index: int, _entry: Entry, body: JSONDict) -> tuple[Continuation, ...]:
            return tuple(Continuation(tuple(one)) for one in body["logprobs"])

        return self._through(
            "logprobs", payloads, lambda: self.inner.logprobs(queries, advance), entry, answer, advance
        )

    def embed(
        self, texts: Sequence[str], advance: Advance = ignore_progress, *, layer: int | None = None
    ) -> NDArray[np.float32]:
        """Return one vector per text, as the model inside gives it."""
        return self.inner.embed(texts, advance, layer=layer)

    def _through(
        self,
        path: str,
        payloads: Sequence[JSONDict],
        ask: Callable[[], list[Any]],
        to_entry: Callable[[int, Any], tuple[str, str, str, JSONDict, int, int]],
        to_answer: Callable[[int, Entry, JSONDict], Any],
        advance: Advance,
    ) -> list[Any]:
        together = content_hash(payloads)
        keyed = [{"model": self.inner.id, "list": together, "at": at, **one} for at, one in enumerate(payloads)]
        keys = [request_key(LOCAL, path, json.dumps(payload).encode()) for payload in keyed]
        known = [self.ledger.find(key) for key in keys]
        if all(known):
            advance(len(keys))
            return [to_answer(at, one, json.loads(one.body)) for at, one in enumerate(known) if one is not None]
        self.spending.check()
        started = time.monotonic()
        answers = ask()
        each = (time.monotonic() - started) / max(len(answers), 1)
        entries = []
        for at, answer in enumerate(answers):
            row, outcome, problem, body, prompt, written = to_entry(at, answer)
            self.spending.charge(self.price, prompt, written)
            entries.append(
                Entry(
                    key=keys[at],
                    attempt=1,
                    stage=self.stage(),
                    row=row,
                    endpoint=LOCAL,
                    model=self.inner.id,
                    request=json.dumps(payloads[at], ensure_ascii=True).encode("ascii"),
                    outcome=outcome,
                    problem=problem,
                    status=0,
                    body=json.dumps(body, ensure_ascii=True).encode("ascii"),
                    prompt_tokens=prompt,
                    completion_tokens=written,
                    seconds=round(each, 4),
                )
            )
        self.ledger.save_now(entries)
        return answers
