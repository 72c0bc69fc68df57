r"""A model that says what it is told to: for tests and dry runs, without torch and without waiting.

`scripted:FILE` reads rules from a JSON or YAML file; in Python, functions can be given instead. A rule's
`match` is a regular expression searched for in the last user message (in the prefill where there is no
message); the first rule that matches and has what is asked for (a reply, log-probabilities) answers:

    rules:
      - match: 'about (?P<topic>\w+) .*positive'
        reply: ["I loved this film about {topic}.", "What a joy, {topic} and all."]   # one by the seed
      - match: 'Answer with exactly one of'
        logprobs: {positive: -0.2, negative: -1.8}
      - {match: 'broken', error: "the server is on fire"}
    reply: "What is said where no rule matches."

Words stand in for tokens: `max_tokens` cuts after that many words, and a continuation that no rule knows
has one log-probability of -ln 1000 per word. Embeddings count character 3-grams in 256 hashed columns.
"""

from __future__ import annotations

import json
import math
import re
import zlib
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path

import numpy as np
import yaml
from numpy.typing import NDArray
from pydantic import BaseModel, ConfigDict, ValidationError, field_validator

from homespun.data.records import Message, content_hash
from homespun.errors import ModelError, UsageError
from homespun.models.base import Advance, Completion, Continuation, LogprobQuery, Request, ignore_progress
from homespun.models.rows import cut_at_stop

DIMENSIONS = 256
UNKNOWN_WORD = -math.log(1000)


class Rule(BaseModel):
    """One line of a script."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    match: str
    reply: str | tuple[str, ...] | None = None
    finish_reason: str = "stop"
    error: str | None = None
    logprobs: Mapping[str, float] | None = None

    @field_validator("match")
    @classmethod
    def _compiles(cls, match: str) -> str:
        try:
            re.compile(match)
        except re.error as error:
            raise ValueError(f"{match!r} is no regular expression: {error}") from error
        return match


class Script(BaseModel):
    """A whole file."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    rules: tuple[Rule, ...] = ()
    reply: str = ""


class ScriptedModel:
    """Answers from a script or from functions; implements `homespun.models.base.Model`."""

    structured = False

    def __init__(
        self,
        script: Script | None = None,
        *,
        reply: Callable[[Request], str] | None = None,
        logprob: Callable[[LogprobQuery, str], float] | None = None,
        name: str = "python",
    ) -> None:
        """Take a script, or functions that win over it.

        Args:
            script: rules and the default reply.
            reply: from a request to the text of the answer.
            logprob: from a query and one of its continuations to the total log-probability.
            name: tells this model from others in fingerprints; functions cannot be hashed.
        """
        self.script = script or Script()
        self.reply, self.logprob = reply, logprob
        self.id = f"scripted:{name}@{content_hash(self.script.model_dump(mode='json'))}"

    @classmethod
    def from_file(cls, path: str | Path) -> ScriptedModel:
        """Read a script.

        Raises:
            ModelError: there is no such file.
            UsageError: it is no script.
        """
        path = Path(path).expanduser()
        try:
            text = path.read_text("utf-8")
        except OSError as error:
            raise ModelError(
                f'the script "{path}" cannot be read: {error.strerror}. Write the model as scripted:FILE.'
            ) from error
        except UnicodeDecodeError as error:
            raise UsageError(f'the script "{path}" is not UTF-8 text') from error
        try:
            found = json.loads(text) if path.suffix == ".json" else yaml.safe_load(text)
            return cls(Script.model_validate(found or {}), name=path.stem)
        except (json.JSONDecodeError, yaml.YAMLError) as error:
            raise UsageError(f'the script "{path}" is no {path.suffix.lstrip(".")} file: {error}') from error
        except ValidationError as error:
            first = error.errors()[0]
            where = ".".join(map(str, first["loc"])) or "the file"
            raise UsageError(
                f'the script "{path}": {where}: {first["msg"]}. A script has `rules` (each with match, and '
                "reply, error or logprobs) and `reply`."
            ) from error

    def complete(self, requests: Sequence[Request], advance: Advance = ignore_progress) -> list[Completion]:
        """Answer every request, in the order asked."""
        answers = [self._answer(request) for request in requests]
        advance(len(requests))
        return answers

    def _answer(self, request: Request) -> Completion:
        reason = "stop"
        if self.reply is not None:
            text = self.reply(request)
        else:
            text = self.script.reply
            for rule, groups in self._matches(request.messages, request.prefill):
                if rule.error is not None:
                    return Completion(request.key, "", "error", error=rule.error)
                if rule.reply is not None:
                    texts = (rule.reply,) if isinstance(rule.reply, str) else rule.reply
                    text, reason = texts[request.seed % len(texts)], rule.finish_reason
                    for name, value in groups.items():
                        text = text.replace(f"{{{name}}}", value or "")
                    break
        text, stopped = cut_at_stop(text, request.sampling.stop)
        ends = [word.end() for word in re.finditer(r"\S+", text)]
        if len(ends) > request.sampling.max_tokens:
            text, reason = text[: ends[request.sampling.max_tokens - 1]], "length"
        elif stopped:
            reason = "stop"
        read = sum(len(content.split()) for _, content in request.messages)
        return Completion(request.key, text, reason, read, min(len(ends), request.sampling.max_tokens))

    def _matches(self, messages: Sequence[Message], prefill: str) -> list[tuple[Rule, Mapping[str, str | None]]]:
        said = next((content for role, content in reversed(messages) if role == "user"), prefill)
        found = ((rule, re.search(rule.match, said, re.MULTILINE | re.DOTALL)) for rule in self.script.rules)
        return [(rule, match.groupdict()) for rule, match in found if match]

    def logprobs(
        self, queries: Sequence[LogprobQuery], advance: Advance = ignore_progress
    ) -> list[tuple[Continuation, ...]]:
        """Score every continuation of every query, in the order asked."""
        found = [tuple(self._score(query, text) for text in query.continuations) for query in queries]
        advance(len(queries))
        return found

    def _score(self, query: LogprobQuery, continuation: str) -> Continuation:
        if self.logprob is not None:
            return Continuation((self.logprob(query, continuation),))
        for rule, _ in self._matches(query.messages, query.prefill):
            if rule.logprobs is not None and continuation in rule.logprobs:
                return Continuation((rule.logprobs[continuation],))
        return Continuation((UNKNOWN_WORD,) * len(continuation.split()))

    def embed(
        self, texts: Sequence[str], advance: Advance = ignore_progress, *, layer: int | None = None
    ) -> NDArray[np.float32]:
        """Return counts of hashed character 3-grams, shape (len(texts), 256).

        Raises:
            UsageError: a layer is asked for; a script has none.
        """
        if layer is not None:
            raise UsageError(f"layer: {layer} is asked of a scripted model, which has no layers; take it out")
        result = np.zeros((len(texts), DIMENSIONS), dtype=np.float32)
        for row, text in enumerate(texts):
            grams = [text[i : i + 3] for i in range(max(len(text) - 2, 1))] if text else []
            for gram in grams:
                result[row, zlib.crc32(gram.encode("utf-8", "surrogatepass")) % DIMENSIONS] += 1
        advance(len(texts))
        return result
