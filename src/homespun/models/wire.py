"""The OpenAI-compatible protocol as pure functions: what is sent, and what came back in one word.

Nothing here opens a connection. A body is read strictly (no NaN, no Infinity, an object at the top) and its
meaning is one of the ledger's outcomes: a 200 that holds an error, no choice or no text is a failure like any
other (reliability.md 2, rows 10 to 13). Servers differ in extra fields; what is not known is ignored.
"""

from __future__ import annotations

import json
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, NoReturn

from homespun.data.ledger import OK
from homespun.data.records import JSONDict, Message
from homespun.models.base import Request

CHAT, TEXT, EMBEDDINGS, MODELS = "chat/completions", "completions", "embeddings", "models"
RETRIED = {"rate limited", "server error", "timed out", "unreachable", "malformed"}  #: outcomes that may pass
SEED_BITS = 31  #: several servers take no larger seed


@dataclass(frozen=True, slots=True)
class Reading:
    """What a body says."""

    outcome: str  #: `ok` or a kind of failure
    problem: str = ""  #: in words, for a failure
    text: str = ""
    finish_reason: str = "stop"
    model: str = ""  #: that answered, as the server names it
    prompt_tokens: int = 0
    completion_tokens: int = 0
    content: JSONDict | None = None  #: the whole body, where it is an object


def turns(messages: Sequence[Message]) -> list[JSONDict]:
    """Return messages as every chat protocol writes them."""
    return [{"role": role, "content": content} for role, content in messages]


def chat_payload(model: str, request: Request, *, structured: bool, extra: Mapping[str, Any]) -> JSONDict:
    """Return the body of a chat completion.

    Args:
        model: as the server knows it.
        request: messages, sampling, seed; its prefill is left out, since only some servers go on from one.
        structured: whether the server takes `response_format`.
        extra: fields of the recipe that only this server knows; they win.
    """
    sampling = request.sampling
    payload: JSONDict = {
        "model": model,
        "messages": turns(request.messages),
        "temperature": sampling.temperature,
        "max_tokens": sampling.max_tokens,
        "seed": request.seed % (1 << SEED_BITS),
    }
    if sampling.top_p < 1:
        payload["top_p"] = sampling.top_p
    if sampling.stop:
        payload["stop"] = list(sampling.stop)
    if structured and request.schema is not None:
        schema = {"name": "answer", "strict": True, "schema": request.schema}
        payload["response_format"] = {"type": "json_schema", "json_schema": schema}
    return {**payload, **extra}


def text_payload(model: str, request: Request, *, extra: Mapping[str, Any]) -> JSONDict:
    """Return the body of a completion of plain text: the messages without their roles, then the prefill.

    One prompt in each request, though the protocol takes lists: a row is the unit of retries and of the ledger.
    """
    chat = chat_payload(model, request, structured=False, extra=extra)
    del chat["messages"]
    return {**chat, "prompt": plain(request.messages, request.prefill)}


def plain(messages: Sequence[Message], prefill: str) -> str:
    """Return a conversation as the plain text that a base model goes on from: without roles."""
    return "\n\n".join([content for _, content in messages] + [prefill] * bool(prefill))


def encode(payload: Mapping[str, Any]) -> bytes:
    """Return a payload as bytes; a lone surrogate, which no server takes, is written as "?"."""
    text = _ENCODER.encode(payload)
    try:
        return text.encode("utf-8")
    except UnicodeEncodeError:
        return text.encode("utf-8", "replace")


def _refuse(constant: str) -> NoReturn:
    raise ValueError(f"{constant} is not JSON")


_ENCODER = json.JSONEncoder(ensure_ascii=False, allow_nan=False)  # made once: json.dumps makes one for each call
_DECODER = json.JSONDecoder(parse_constant=_refuse)


def read_object(body: bytes) -> JSONDict | None:
    """Return the object that a body is, or None."""
    try:
        found = _DECODER.decode(body.decode("utf-8-sig"))
    except (ValueError, RecursionError):
        return None
    return found if isinstance(found, dict) else None


def read_status(status: int, body: bytes) -> Reading | None:
    """Return what a status other than 200 means, or None for 200."""
    if status == 200:
        return None
    said = _said(body)
    if status == 429:
        return Reading("rate limited", f"429 {said}")
    if status in (408, 425) or status >= 500:
        return Reading("server error", f"{status} {said}")
    return Reading("rejected", f"{status} {said}")


def read_chat(status: int, body: bytes) -> Reading:
    """Return what the answer to a chat completion says."""
    return _read(status, body, _chat_text)


def read_text(status: int, body: bytes) -> Reading:
    """Return what the answer to a completion of plain text says."""
    return _read(status, body, lambda choice: choice.get("text"))


def read_body(status: int, body: bytes) -> Reading:
    """Return a reading whose `content` is the whole body, an object that tells of no error."""
    failed, found = _object(status, body)
    return failed or Reading(OK, "", "", "stop", _name(found), *_usage(found), found)


def read_list(status: int, body: bytes, field: str, count: int) -> Reading:
    """Return a reading whose `content` holds `count` entries under `field`, in the order asked."""
    failed, found, entries = _entries(status, body, field, count)
    return failed or Reading(OK, "", "", "stop", _name(found), *_usage(found), {**found, field: entries})


def _object(status: int, body: bytes) -> tuple[Reading | None, JSONDict]:
    """Return the failure that an answer tells of, or the object that it is."""
    if failed := read_status(status, body):
        return failed, {}
    found = read_object(body)
    if found is None:
        return Reading("malformed", "no JSON object"), {}
    return _error_in(found), found


def _entries(status: int, body: bytes, field: str, count: int) -> tuple[Reading | None, JSONDict, list[JSONDict]]:
    """Return a failure, or the object and its `count` entries under `field` in the order asked."""
    failed, found = _object(status, body)
    if failed:
        return failed, {}, []
    entries = found.get(field)
    if not isinstance(entries, list) or len(entries) != count or not all(isinstance(one, dict) for one in entries):
        return Reading("malformed", f'"{field}" does not hold {count} entries'), {}, []
    return None, found, sorted(entries, key=lambda entry: entry.get("index", 0))


def _read(status: int, body: bytes, text_of: Callable[[JSONDict], Any]) -> Reading:
    failed, found, entries = _entries(status, body, "choices", 1)
    if failed:
        return failed
    (choice,) = entries
    text, reason = text_of(choice), choice.get("finish_reason") or "stop"
    prompt, completion = _usage(found)

    def reading(outcome: str, problem: str = "", text: str = "") -> Reading:
        ended = "length" if reason == "length" else "stop"
        return Reading(outcome, problem, text, ended, _name(found), prompt, completion)

    message = choice.get("message")
    declined = message.get("refusal") if isinstance(message, dict) else None
    if reason == "content_filter" or (declined and not text):
        return reading("refused", str(declined or "content filter")[:200])
    if text is not None and not isinstance(text, str):
        return reading("malformed", "the answer is no text")
    if not text or not text.strip():
        return reading("empty", "all tokens were spent before the answer began" if reason == "length" else "no text")
    valid = text.encode("utf-8", "replace").decode("utf-8")
    if reason == "length":
        return reading("truncated", f"cut off after {completion} tokens", valid)
    return reading(OK, "", valid)


def _chat_text(choice: Mapping[str, Any]) -> Any:
    message = choice.get("message")
    content = message.get("content") if isinstance(message, dict) else None
    if isinstance(content, list):  # a list of parts
        parts: Sequence[Any] = [part.get("text", "") for part in content if isinstance(part, dict)]
        return "".join(part for part in parts if isinstance(part, str))
    return content


def _error_in(found: Mapping[str, Any]) -> Reading | None:
    """Return the failure that a 200 holds in its body: aggregators pass errors on like that."""
    error = found.get("error")
    if not error:
        return None
    code = error.get("code") if isinstance(error, dict) else None
    text = str(error.get("message", error) if isinstance(error, dict) else error)[:200]
    if code == 429:
        return Reading("rate limited", text)
    if isinstance(code, int) and code >= 500:
        return Reading("server error", text)
    return Reading("malformed", f"an error in a 200: {text}")


def _usage(found: Mapping[str, Any]) -> tuple[int, int]:
    usage = found.get("usage")
    names = ("prompt_tokens", "completion_tokens")
    if not isinstance(usage, dict):
        usage, names = found, ("tokens_evaluated", "tokens_predicted")  # llama.cpp's own calls
    counts = [usage.get(name) for name in names]
    prompt, completion = (count if type(count) is int and 0 <= count < 2**53 else 0 for count in counts)
    return prompt, completion


def _name(found: Mapping[str, Any]) -> str:
    name = found.get("model")
    return name if isinstance(name, str) else ""


def _said(body: bytes) -> str:
    """Return what an error body says, on one line."""
    found = read_object(body)
    error = found.get("error", found.get("message", found.get("detail"))) if found else None
    if isinstance(error, dict):
        error = error.get("message", error)
    text = str(error) if error else body[:300].decode("utf-8", "replace")
    return " ".join(text.split())[:200]
