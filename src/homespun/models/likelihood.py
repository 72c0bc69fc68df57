"""Log-probabilities of given answers, from the servers that can tell them: vLLM, llama.cpp, and those that echo.

The OpenAI protocol has no call for it today, so each kind of server is asked in its own way (ModelSpec.logprobs).
vLLM and llama.cpp apply their chat template and make the token ids, those of prompt and continuation apart as in
encoding.py, and are asked by ids: what counts as the answer's first token is never guessed. `echo`, the old way of
/completions, takes and gives texts: it knows no chat template, so it is for base models, and it cuts prompt and
continuation into tokens together; where a token lies across the border, there is no number.
"""

from __future__ import annotations

import math
from collections.abc import Awaitable, Callable
from dataclasses import dataclass, replace
from typing import Any, Protocol

from homespun.data.ledger import NO_LOGPROB, OK
from homespun.data.records import JSONDict
from homespun.models import wire
from homespun.models.base import Continuation, LogprobQuery

LOWEST = -1000.0  #: servers write -9999 (vLLM) or the lowest float (llama.cpp) where they have minus infinity
HIGHEST = 1e-3  #: rounding may lift a certain token a little above 0
FORCED = 1e6  #: a bias that leaves the server no other token
BIAS, LEAD = 100.0, 40.0  #: small enough that a float32 logit keeps five digits after the point

Pick = Callable[[JSONDict], Any]  #: takes what was asked for out of a body
Ask = Callable[[str, JSONDict, Pick], Awaitable[Any]]  #: (path, payload, pick) -> what was picked
Part = Any  #: a prompt or a continuation as a dialect puts it: token ids, or a text for `echo`


class MissingError(Exception):
    """A server gave no log-probability, and why."""


class Dialect(Protocol):
    """How one kind of server is asked. Every method raises MissingError."""

    def __init__(self, model: str) -> None:
        """Take the model's name on the server."""

    async def prompt(self, ask: Ask, query: LogprobQuery) -> Part:
        """Return what stands before the continuations."""
        ...

    async def tokens(self, ask: Ask, text: str) -> Part:
        """Return a continuation, without special tokens around it; empty for an empty one."""
        ...

    async def score(self, ask: Ask, prompt: Part, tokens: Part) -> list[float]:
        """Return the natural log-probability of each token after the prompt."""
        ...


@dataclass(frozen=True)
class Vllm:
    """vLLM: one completion per continuation; `prompt_logprobs` tells about the tokens of a prompt."""

    model: str

    async def prompt(self, ask: Ask, query: LogprobQuery) -> list[int]:
        """Return the prompt's ids; the prefill's are made apart from the template's, and shared by all rows."""
        if not query.messages:
            return await self._tokens(ask, prompt=query.prefill, add_special_tokens=True)
        turns = await self._tokens(ask, messages=wire.turns(query.messages), add_generation_prompt=True)
        return turns + (await self.tokens(ask, query.prefill) if query.prefill else [])

    async def tokens(self, ask: Ask, text: str) -> list[int]:
        """Return the ids of a text."""
        return await self._tokens(ask, prompt=text, add_special_tokens=False)

    async def _tokens(self, ask: Ask, **what: Any) -> list[int]:
        found: list[int] = await ask("../tokenize", {"model": self.model, **what}, _ids)
        return found

    async def score(self, ask: Ask, prompt: list[int], tokens: list[int]) -> list[float]:
        """Return the log-probability of each token."""
        whole = [*prompt, *tokens]
        payload = {"model": self.model, "prompt": whole, "max_tokens": 1, "temperature": 0, "prompt_logprobs": 1}

        def pick(body: JSONDict) -> list[float]:
            told = body["choices"][0].get("prompt_logprobs")
            if not isinstance(told, list) or len(told) != len(whole):
                raise MissingError("the answer has no prompt_logprobs for these tokens")
            entries = zip(told[len(prompt) :], tokens, strict=True)
            return [_number(((entry or {}).get(str(token)) or {}).get("logprob")) for entry, token in entries]

        found: list[float] = await ask("completions", payload, pick)
        return found


@dataclass(frozen=True)
class LlamaCpp:
    """llama.cpp: one request per token, which is forced by a bias and told with its probability before the bias.

    The prompt stays in the server's cache, so all but the first request of a query cost a token or two.
    """

    model: str

    async def prompt(self, ask: Ask, query: LogprobQuery) -> list[int]:
        """Return the prompt's ids, as the server's own chat call makes them."""
        text = ""
        if query.messages:
            text = await ask("../apply-template", {"messages": wire.turns(query.messages)}, _text)
        return await self._tokens(ask, f"{text}{query.prefill}", special=True)

    async def tokens(self, ask: Ask, text: str) -> list[int]:
        """Return the ids of a text."""
        return await self._tokens(ask, text, special=False)

    async def _tokens(self, ask: Ask, text: str, special: bool) -> list[int]:
        payload = {"content": text, "add_special": special, "parse_special": True}
        found: list[int] = await ask("../tokenize", payload, _ids)
        return found

    async def score(self, ask: Ask, prompt: list[int], tokens: list[int]) -> list[float]:
        """Return the log-probability of each token."""
        return [await self._token(ask, [*prompt, *tokens[:at]], token) for at, token in enumerate(tokens)]

    async def _token(self, ask: Ask, prompt: list[int], token: int) -> float:
        found = await self._forced(ask, prompt, token)
        if found is not None:
            return found
        # A token that begins a character and does not end it is not told of. Let it stand second to one that is: the
        # same bias shifts both, so the ratio of their probabilities is that of the model, but for the lead given.
        *_, other = await self.tokens(ask, ".")
        known = await self._forced(ask, prompt, other)
        biases = [[other, BIAS + LEAD], [token, BIAS]]
        payload = self._payload(prompt, biases, 2, temperature=1, samplers=["temperature"], post_sampling_probs=True)

        def pick(body: JSONDict) -> float:
            (entry,) = body.get("completion_probabilities") or [{}]
            shares = {one["id"]: one["prob"] for one in entry.get("top_probs", [])}
            if known is None or not (shares.get(token) and shares.get(other)):
                raise MissingError(f"token {token} ends inside a character, and the server tells nothing of it")
            return _number(known + math.log(shares[token]) - math.log(shares[other]) + LEAD)

        value: float = await ask("../completion", payload, pick)
        return value

    async def _forced(self, ask: Ask, prompt: list[int], token: int) -> float | None:
        """Return a token's log-probability, or None where the server leaves it out."""

        def pick(body: JSONDict) -> float | None:
            told = body.get("completion_probabilities")
            if not told:
                return None
            if told[0]["id"] != token:
                raise MissingError(f"token {told[0]['id']} was told in place of {token}")
            return _number(told[0].get("logprob"))

        found: float | None = await ask("../completion", self._payload(prompt, [[token, FORCED]], 1), pick)
        return found

    def _payload(self, prompt: list[int], biases: list[list[float]], told: int, **more: Any) -> JSONDict:
        wanted = ["model", "completion_probabilities", "tokens_evaluated", "tokens_predicted"]
        asked = {"model": self.model, "prompt": prompt, "n_predict": 1, "n_probs": told, "logit_bias": biases}
        return {**asked, "temperature": 0, "cache_prompt": True, "response_fields": wanted, **more}


@dataclass(frozen=True)
class Echo:
    """An endpoint whose /completions repeats the prompt with its log-probabilities and adds nothing."""

    model: str

    async def prompt(self, ask: Ask, query: LogprobQuery) -> str:
        """Return the prompt as text."""
        return wire.plain(query.messages, query.prefill)

    async def tokens(self, ask: Ask, text: str) -> str:
        """Return the text: the endpoint makes the tokens."""
        return text

    async def score(self, ask: Ask, prompt: str, tokens: str) -> list[float]:
        """Return the log-probability of each token; a text's very first has none and is left out."""
        payload = {"model": self.model, "prompt": prompt + tokens, "max_tokens": 0, "echo": True, "logprobs": 1}

        def pick(body: JSONDict) -> list[float]:
            told = body["choices"][0].get("logprobs") or {}
            pieces, values = told.get("tokens") or [], told.get("token_logprobs") or []
            begin, left = len(pieces), len(tokens)
            while begin and left > 0:
                begin -= 1
                left -= len(pieces[begin])
            if len(values) != len(pieces) or "".join(pieces[begin:]) != tokens:
                raise MissingError("its tokens do not spell the answer (no echo, or a token across its beginning)")
            return [_number(value) for value in values[begin + (begin == 0 and values[0] is None) :]]

        found: list[float] = await ask("completions", {**payload, "temperature": 0}, pick)
        return found


#: by ModelSpec.logprobs
DIALECTS: dict[str, type[Dialect]] = {"vllm": Vllm, "llama.cpp": LlamaCpp, "echo": Echo}


async def score(
    dialect: Dialect, ask: Ask, query: LogprobQuery, told: Callable[[str], None]
) -> tuple[Continuation, ...]:
    """Return a query's continuations; one without log-probabilities is nan, and `told` hears why."""
    found = [Continuation((math.nan,))] * len(query.continuations)
    prompt: Part = None
    for place, text in enumerate(query.continuations):
        try:
            if prompt is None:
                prompt = await dialect.prompt(ask, query)
            if prompt == []:
                raise MissingError("the model has no token that a text begins with")
            tokens = await dialect.tokens(ask, text)
            found[place] = Continuation(tuple(await dialect.score(ask, prompt, tokens) if tokens else ()))
        except MissingError as error:
            told(str(error))
    return tuple(found)


def reader(pick: Pick) -> Callable[[int, bytes], wire.Reading]:
    """Return how a body is read from which `pick` takes something."""

    def read(status: int, body: bytes) -> wire.Reading:
        found = wire.read_body(status, body)
        if found.outcome != OK or found.content is None:
            return found
        try:
            pick(found.content)
        except MissingError as error:
            return replace(found, outcome=NO_LOGPROB, problem=str(error))
        except (LookupError, TypeError, ValueError, AttributeError) as error:
            return replace(found, outcome="malformed", problem=f"not what was asked for: {error}"[:200])
        return found

    return read


def _text(body: JSONDict) -> str:
    return "".join([body["prompt"]])  # a TypeError if it is none


def _ids(body: JSONDict) -> list[int]:
    ids = body["tokens"]
    if not isinstance(ids, list) or not all(type(one) is int for one in ids):
        raise ValueError("tokens are no list of ids")
    return ids


def _number(value: Any) -> float:
    """Return a log-probability, or say that this is none (null, a clamped minus infinity)."""
    if type(value) not in (int, float) or not LOWEST < value <= HIGHEST:
        raise MissingError(f"{value!r} in place of a log-probability")
    return float(value)
