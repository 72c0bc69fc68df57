"""A model that answers as a function says."""

from collections.abc import Callable

import numpy as np

from homespun.models.base import Completion, Continuation, LogprobQuery, Request


class Fake:
    """`reply` gives the written answer, `logprob` the log-probability of a continuation's two halves."""

    id = "fake"
    structured = False

    def __init__(
        self,
        reply: Callable[[Request], str] = lambda request: "",
        logprob: Callable[[LogprobQuery, str], float] = lambda query, continuation: -1.0,
    ) -> None:
        self.reply, self.logprob = reply, logprob
        self.requests: list[Request] = []
        self.queries: list[LogprobQuery] = []

    def complete(self, requests, advance=lambda finished: None):
        self.requests += requests
        advance(len(requests))
        return [Completion(request.key, self.reply(request), "stop") for request in requests]

    def logprobs(self, queries, advance=lambda finished: None):
        self.queries += queries
        advance(len(queries))
        halves = [[self.logprob(query, text) / 2 for text in query.continuations] for query in queries]
        return [tuple(Continuation((half, half)) for half in found) for found in halves]

    def embed(self, texts, advance=lambda finished: None):
        return np.zeros((len(texts), 1), np.float32)
