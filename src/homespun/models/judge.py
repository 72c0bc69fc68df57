"""Asking a model for a verdict, which scoring, evaluation and review all need (methods.md A4).

Two ways. By likelihood: the model says how probable each of a few given answers is; one short pass, no
text, never unreadable, and the right way for a small model. By text: the model writes, a parser reads,
and an answer that cannot be read is asked for again with another seed. Prompts and parsers live in
`homespun.text`; what a verdict means is the caller's business.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Generic, TypeVar

from homespun.data.records import derive_seed
from homespun.models.base import Advance, LogprobQuery, Model, Request, Sampling, ignore_progress
from homespun.text.prompts import Prompt

Verdict = TypeVar("Verdict")

RETRY_TEMPERATURE = 0.7  #: of the second try on, where the first was greedy and would repeat itself


def log_softmax(values: Sequence[float]) -> list[float]:
    """Return natural logs of values normalised to sum to 1 as probabilities; nan if any is not finite."""
    if not all(map(math.isfinite, values)):
        return [math.nan] * len(values)
    highest = max(values)
    total = highest + math.log(sum(math.exp(value - highest) for value in values))
    return [value - total for value in values]


def ask_likelihood(
    model: Model, prompts: Sequence[Prompt], answers: Sequence[str], advance: Advance = ignore_progress
) -> list[tuple[float, ...]]:
    """Return for each prompt the probability of each answer, normalised over the answers.

    Shape (len(prompts), len(answers)). Scores are totals over an answer's tokens, after the prompt's
    prefill; an answer follows a prefill that ends in a word or a colon after one space. A row is nan where
    the model gave no probability.
    """
    queries = []
    for prompt in prompts:
        gap = " " if prompt.prefill and prompt.prefill[-1] not in " \n[「『" else ""
        queries.append(LogprobQuery(prompt.messages, tuple(gap + answer for answer in answers), prefill=prompt.prefill))
    found = model.logprobs(queries, advance)
    return [tuple(log_softmax([one.total for one in row])) for row in found]


@dataclass(frozen=True, slots=True)
class Question(Generic[Verdict]):
    """How to ask by text, the same for every prompt of a list."""

    parse: Callable[[str], Verdict | None]  #: the verdict in an answer; None: not readable
    temperature: float = 0.0
    samples: int = 1  #: verdicts wanted per prompt
    retries: int = 2  #: further tries per sample
    max_tokens: int = 256


@dataclass(frozen=True, slots=True)
class Replies(Generic[Verdict]):
    """What came of one prompt."""

    verdicts: tuple[Verdict, ...]  #: one per sample that could be read, in order
    last: str = ""  #: the last answer that could not be read, or the error of the model


def ask_text(
    model: Model,
    prompts: Sequence[Prompt],
    keys: Sequence[str],
    seed: int,
    question: Question[Verdict],
    advance: Advance = ignore_progress,
) -> list[Replies[Verdict]]:
    """Let the model write its verdicts.

    Seeds follow from `seed`, the prompt's key, sample and try, so an answer does not depend on what else
    is asked. All first tries go out as one list, then all second tries of what could not be read, ...
    """
    found: dict[tuple[int, int], Verdict] = {}
    last = [""] * len(prompts)
    open_slots = [(place, sample) for place in range(len(prompts)) for sample in range(question.samples)]
    for attempt in range(question.retries + 1):
        temperature = question.temperature if attempt == 0 else max(question.temperature, RETRY_TEMPERATURE)
        requests = [
            Request(
                f"{keys[place]}/{sample}/{attempt}",
                prompts[place].messages,
                Sampling(temperature, max_tokens=question.max_tokens, stop=prompts[place].stop),
                derive_seed(seed, keys[place], sample, attempt),
                prompts[place].prefill,
                prompts[place].schema,
                whole=True,
            )
            for place, sample in open_slots
        ]
        unread = []
        for slot, answer in zip(open_slots, model.complete(requests) if requests else [], strict=True):
            verdict = None if answer.finish_reason == "error" else question.parse(answer.text)
            if verdict is None:
                unread.append(slot)
                last[slot[0]] = answer.error or answer.text
            else:
                found[slot] = verdict
        open_slots = unread
    advance(len(prompts))
    return [
        Replies(
            tuple(found[place, sample] for sample in range(question.samples) if (place, sample) in found),
            last[place],
        )
        for place in range(len(prompts))
    ]
