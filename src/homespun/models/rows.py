"""The state of one completion while it is being written, and when it ends.

A row ends at an end-of-text token, at a stop string, or when its tokens are spent. Stop strings are
looked for in the decoded tail of the row only: long enough to hold the longest stop string wherever it
starts, so the cost of a check does not grow with the text.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any

import numpy as np

from homespun.models.base import Completion, Request


def uniforms(seed: int, count: int) -> list[float]:
    """Return the random numbers in [0, 1) of one request, one per token it may draw (Philox, 4x64)."""
    numbers: list[float] = np.random.Generator(np.random.Philox(key=seed)).random(count).tolist()
    return numbers


def cut_at_stop(text: str, stop: tuple[str, ...]) -> tuple[str, bool]:
    """Return the text before the first stop string, and whether there was one."""
    places = [place for string in stop if string and (place := text.find(string)) >= 0]
    return (text[: min(places)], True) if places else (text, False)


@dataclass(slots=True)
class Row:
    """One request being answered."""

    place: int  #: in the caller's list
    request: Request
    prompt: list[int]  #: token ids
    tokens: list[int] = field(default_factory=list)  #: drawn so far, without end-of-text
    spent: int = 0  #: drawn so far, with end-of-text
    uniforms: list[float] = field(default_factory=list)
    tail: int = 0  #: tokens that can hold a stop string, 0 without stop strings

    def __post_init__(self) -> None:
        sampling = self.request.sampling
        if sampling.temperature > 0:
            self.uniforms = uniforms(self.request.seed, sampling.max_tokens)
        if sampling.stop:  # a token is at least a byte; the slack covers characters cut at the tail's start
            self.tail = max(len(string.encode()) for string in sampling.stop) + 4

    @property
    def uniform(self) -> float:
        """The random number for the next token."""
        return self.uniforms[self.spent] if self.uniforms else 0.0

    def push(self, token: int, ends: frozenset[int], tokenizer: Any) -> Completion | None:
        """Take one more token; return the answer if it ends the row."""
        self.spent += 1
        if token in ends:
            return self.finish("stop", tokenizer)
        self.tokens.append(token)
        if self.tail:
            recent = tokenizer.decode(self.tokens[-self.tail :], skip_special_tokens=True)
            if any(string in recent for string in self.request.sampling.stop):
                return self.finish("stop", tokenizer)
        if self.spent >= self.request.sampling.max_tokens:
            return self.finish("length", tokenizer)
        return None

    def finish(self, reason: str, tokenizer: Any) -> Completion:
        """Return the answer so far, cut before the first stop string."""
        text = tokenizer.decode(self.tokens, skip_special_tokens=True, clean_up_tokenization_spaces=False)
        text, stopped = cut_at_stop(text, self.request.sampling.stop)
        return Completion(
            key=self.request.key,
            text=text,
            finish_reason="stop" if stopped else reason,
            prompt_tokens=len(self.prompt),
            completion_tokens=self.spent,
        )
