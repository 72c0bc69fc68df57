"""A model server that misbehaves on purpose, on loopback, with a bill of its own.

What it does to a request is a pure function of (seed, request body, how often that body was seen), so a run
against it can be repeated. It keeps a bill: how many answers it finished writing, whether or not the client
ever saw them. With `by_prompt` the request body counts by the user's text alone, so that clients which word
their requests differently meet the same fate. `python faultserver.py PORT [plan as JSON]` runs it by itself.
"""

from __future__ import annotations

import asyncio
import contextlib
import hashlib
import json
import math
import re
import sys
import threading
import time
from collections import Counter
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import asdict, dataclass, field
from http import HTTPStatus
from statistics import NormalDist
from typing import Any


@dataclass
class Plan:
    """What goes wrong and how often: shares of requests, drawn per request body and attempt."""

    seed: int = 0
    latency: float = 0.0  #: seconds before every answer
    tail: float = 0.0  #: share of answers that take ten times as long
    spread: float = 0.0  #: sigma of a log-normal latency with `latency` as its median
    slots: int | None = None  #: requests at once; more get a 429
    retry_after: str | None = "1"  #: header of a 429
    limited: float = 0.0  #: share of 429 whatever the load
    broken: float = 0.0  #: share of 500 with an HTML body
    cut: float = 0.0  #: share of answers cut in the middle of the JSON, with the connection closed
    malformed: float = 0.0  #: share of answers that are no JSON
    hang: float = 0.0  #: share that is never answered
    dropped: float = 0.0  #: share of connections closed after the answer was written (billed) but before it was sent
    empty: float = 0.0  #: share of answers without text
    always: dict[str, int] = field(default_factory=dict)  #: substring of the body -> status, every time
    answers: dict[str, str] = field(default_factory=dict)  #: substring of the body -> raw body of a 200
    swap_model_after: int | None = None  #: from the n-th answer on, another model answers
    echo_headers: bool = False  #: error bodies hold the request's headers
    length: int = 12  #: words of an answer
    by_prompt: bool = False  #: a request counts by the text of its last message, whatever else its body holds
    headers: dict[str, str] = field(default_factory=dict)  #: of every response
    json_errors: bool = False  #: errors come as JSON, as from a model server, not as HTML, as from a proxy
    merged: str | None = None  #: echo: tokens end only before and after this, in place of after each character
    reply: Callable[[dict[str, Any], str], str] | None = None  #: writes the answer to a request with this mark
    ceiling: int | None = None  #: an answer never has more tokens than this, whatever was asked: finish_reason length


@dataclass
class Seen:
    """What the server saw."""

    requests: int = 0
    billed: Counter[str] = field(default_factory=Counter)  #: hash of the body -> answers written
    statuses: Counter[int] = field(default_factory=Counter)
    in_flight: int = 0
    most: int = 0
    first: float = 0.0  #: when the first request came, on the monotonic clock, which all processes share
    last: float = 0.0  #: when the last answer was sent
    log: list[tuple[float, str, int, str]] = field(default_factory=list)  #: time, hash, attempt, what happened
    authorization: set[str] = field(default_factory=set)


def mark_of(path: str, content: bytes) -> str:
    """Return what a request is known by."""
    return hashlib.blake2b(path.encode() + content, digest_size=12).hexdigest()


def words_of(mark: str, length: int) -> list[str]:
    """Return the words of the answer to a request, a function of nothing else."""
    words = [f"w{int(mark[i : i + 2], 16)}" for i in range(0, 2 * min(length, 12), 2)]
    return (words * (length // len(words) + 1))[:length] if words else []


class FaultServer:
    """The server; `serve` runs it in a thread."""

    def __init__(self, plan: Plan) -> None:
        self.plan, self.seen = plan, Seen()
        self.attempts: Counter[str] = Counter()
        self.port = 0

    def draw(self, what: str, body_hash: str, attempt: int) -> float:
        """Return a number in [0, 1) that depends on nothing but its arguments and the seed."""
        text = f"{self.plan.seed}|{what}|{body_hash}|{attempt}".encode()
        return int.from_bytes(hashlib.blake2b(text, digest_size=6).digest(), "big") / 2**48

    async def handle(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        """Serve one connection until it closes."""
        with contextlib.suppress(ConnectionError, asyncio.IncompleteReadError):
            while True:
                head = await reader.readuntil(b"\r\n\r\n")
                line, *rest = head.decode("latin-1").split("\r\n")
                method, path, _ = line.split(" ", 2)
                headers = {k.strip().lower(): v.strip() for k, _, v in (one.partition(":") for one in rest if one)}
                body = await reader.readexactly(int(headers.get("content-length", "0")))
                if not await self.respond(method, path, headers, body, writer):
                    break
        writer.close()

    async def respond(
        self, method: str, path: str, headers: dict[str, str], body: bytes, writer: asyncio.StreamWriter
    ) -> bool:
        """Answer one request; False closes the connection."""
        if path.endswith("/_bill"):
            return await self.send(writer, 200, json.dumps(self.bill()).encode())
        if path.endswith("/models"):
            return await self.send(writer, 200, b'{"object":"list","data":[{"id":"fault-1","object":"model"}]}')
        seen, content = self.seen, body
        if self.plan.by_prompt:
            messages = json.loads(body)["messages"]
            if not messages:  # curator asks for nothing to read the limits in the headers: no request for an answer
                return await self.send(writer, 200, self.answer(path, {}, ""))
            said = messages[-1]["content"]  # a text or a list of parts
            content = (said if isinstance(said, str) else "".join(part["text"] for part in said)).encode()
        mark = mark_of(path, content)
        self.attempts[mark] += 1
        attempt = self.attempts[mark]
        seen.requests += 1
        seen.first = seen.first or time.monotonic()
        seen.in_flight += 1
        seen.most = max(seen.most, seen.in_flight)
        if "authorization" in headers:
            seen.authorization.add(headers["authorization"])
        try:
            return await self.fate(path, headers, body, writer, mark, attempt)
        finally:
            seen.in_flight -= 1
            seen.last = time.monotonic()

    async def fate(
        self, path: str, headers: dict[str, str], body: bytes, writer: asyncio.StreamWriter, mark: str, attempt: int
    ) -> bool:
        plan, seen = self.plan, self.seen
        loop = asyncio.get_running_loop()

        def log(what: str) -> None:
            seen.log.append((loop.time(), mark, attempt, what))

        text = body.decode("utf-8", "replace")
        for part, status in plan.always.items():
            if part in text:
                log(str(status))
                return await self.error(writer, status, headers)
        if (plan.slots is not None and seen.in_flight > plan.slots) or self.draw(
            "limited", mark, attempt
        ) < plan.limited:
            log("429")
            return await self.error(writer, 429, headers, plan.retry_after)
        if self.draw("hang", mark, attempt) < plan.hang:
            log("hang")
            await asyncio.sleep(3600)
        wait = plan.latency * (10 if self.draw("tail", mark, 0) < plan.tail else 1)
        if plan.spread:
            wait *= math.exp(plan.spread * NormalDist().inv_cdf(max(self.draw("spread", mark, 0), 1e-9)))
        if wait:
            await asyncio.sleep(wait)
        if self.draw("broken", mark, attempt) < plan.broken:
            log("500")
            return await self.error(writer, 500, headers)
        seen.billed[mark] += 1
        if self.draw("dropped", mark, attempt) < plan.dropped:
            log("dropped")
            return False
        answer = self.answer(path, json.loads(text), mark)
        for part, raw in plan.answers.items():
            if part in text:
                answer = raw.encode("utf-8", "surrogatepass")
        if self.draw("malformed", mark, attempt) < plan.malformed:
            answer = answer[: len(answer) // 2]
        if self.draw("cut", mark, attempt) < plan.cut:
            log("cut")
            return await self.send(writer, 200, answer, cut=True)
        log("200")
        return await self.send(writer, 200, answer)

    def answer(self, path: str, request: dict[str, Any], mark: str) -> bytes:
        """Write the body of a good answer."""
        plan = self.plan
        swapped = plan.swap_model_after is not None and sum(self.seen.billed.values()) > plan.swap_model_after
        model = "another-model" if swapped else request.get("model", "fault-1")
        words = words_of(mark, plan.length) if mark else []
        room = min(request.get("max_tokens") or 10**9, plan.ceiling or 10**9)
        reason = "length" if len(words) > room else "stop"
        text = " ".join(words[:room])
        if plan.reply is not None:
            text, reason = plan.reply(request, mark), "stop"
        if self.draw("empty", mark, 0) < plan.empty:
            text = ""
        usage = {
            "prompt_tokens": 7,
            "completion_tokens": min(len(words), room),
            "total_tokens": 7 + min(len(words), room),
        }
        if path.endswith("/chat/completions"):
            choice = {"index": 0, "message": {"role": "assistant", "content": text}, "finish_reason": reason}
            whole: dict[str, Any] = {"object": "chat.completion", "choices": [choice]}
        elif path.endswith("/embeddings"):
            texts = request["input"] if isinstance(request["input"], list) else [request["input"]]
            vectors = [[self.draw(f"e{d}", t, 0) for d in range(8)] for t in texts]
            whole = {"object": "list", "data": [{"index": i, "embedding": v} for i, v in enumerate(vectors)]}
        else:
            whole = self.likelihood(path, request)
        return json.dumps({"id": f"a-{mark}", "model": model, **whole, "usage": usage}).encode()

    def logprob(self, ids: list[int]) -> float:
        """Return the log-probability of the last of these tokens after the others: any number, always the same."""
        return -9 * self.draw("token", repr(ids), 0)

    def likelihood(self, path: str, request: dict[str, Any]) -> dict[str, Any]:
        """Answer a call about tokens, as vLLM or as llama.cpp; a token is a byte of UTF-8."""
        if path.endswith("/apply-template") or "messages" in request:
            text = "".join(f"<{turn['role']}>{turn['content']}" for turn in request["messages"]) + "<assistant>"
            return {"tokens": list(text.encode())} if path.endswith("/tokenize") else {"prompt": text}
        if path.endswith("/tokenize"):
            return {"tokens": list((request["content"] if "content" in request else request["prompt"]).encode())}
        ids = request["prompt"]
        if request.get("echo"):  # a token is a character here, and the first follows nothing
            pieces = list(ids) if self.plan.merged is None else re.split(f"({self.plan.merged})", ids)
            begun = ["".join(pieces[: n + 1]).encode() for n in range(len(pieces))]
            told = [None] + [self.logprob(list(text)) for text in begun[1:]]
            found = {"tokens": pieces, "token_logprobs": told}
            return {"object": "text_completion", "choices": [{"index": 0, "text": ids, "logprobs": found}]}
        if path.endswith("/completions"):
            told = [None] + [{str(ids[n]): {"logprob": self.logprob(ids[: n + 1])}} for n in range(1, len(ids))]
            return {"object": "text_completion", "choices": [{"index": 0, "text": "w", "prompt_logprobs": told}]}
        biased = [(token, self.logprob([*ids, token]), bias) for token, bias in request["logit_bias"]]
        if request.get("post_sampling_probs"):
            total = sum(math.exp(value + bias) for _, value, bias in biased)
            shares = [{"id": token, "prob": math.exp(value + bias) / total} for token, value, bias in biased]
            return {"completion_probabilities": [{"id": biased[0][0], "top_probs": shares}]}
        token, value, _ = biased[0]
        ends_inside = token >= 0xC0  # llama.cpp tells nothing of a token that begins a character and does not end it
        return {} if ends_inside else {"completion_probabilities": [{"id": token, "logprob": value}]}

    async def error(
        self, writer: asyncio.StreamWriter, status: int, headers: dict[str, str], retry_after: str | None = None
    ) -> bool:
        """Answer with an error; its body may give the request's headers away, as real proxies have done."""
        shown = f"<!-- {headers} -->" if self.plan.echo_headers else ""
        kind, body = "text/html", f"<html><body><h1>{status}</h1>{shown}</body></html>".encode()
        if self.plan.json_errors:
            message = "Rate limit reached" if status == 429 else HTTPStatus(status).phrase
            kind, body = "application/json", json.dumps({"error": {"message": message, "code": status}}).encode()
        extra = f"Retry-After: {retry_after}\r\n" if retry_after else ""
        return await self.send(writer, status, body, kind=kind, extra=extra)

    async def send(
        self,
        writer: asyncio.StreamWriter,
        status: int,
        body: bytes,
        kind: str = "application/json",
        extra: str = "",
        cut: bool = False,
    ) -> bool:
        """Send a response; `cut` stops in the middle and closes."""
        self.seen.statuses[status] += 1
        extra += "".join(f"{name}: {value}\r\n" for name, value in self.plan.headers.items())
        head = f"HTTP/1.1 {status} X\r\nContent-Type: {kind}\r\nContent-Length: {len(body)}\r\n{extra}\r\n"
        writer.write(head.encode("latin-1") + (body[: len(body) // 2] if cut else body))
        await writer.drain()
        return not cut

    def bill(self) -> dict[str, Any]:
        """Return what would be on the invoice."""
        seen, billed = self.seen, self.seen.billed
        whole: dict[str, Any] = {"answers": sum(billed.values()), "requests": seen.requests, "most": seen.most}
        whole |= {"first": seen.first, "last": seen.last}
        return {**whole, "statuses": dict(seen.statuses), "by_request": dict(billed)}


@contextmanager
def serve(plan: Plan) -> Iterator[FaultServer]:
    """Run a server on a free port of 127.0.0.1 in a thread of its own."""
    server = FaultServer(plan)
    loop = asyncio.new_event_loop()
    ready = threading.Event()

    async def start() -> None:
        listening = await asyncio.start_server(server.handle, "127.0.0.1", 0, limit=1 << 26, backlog=1024)
        server.port = listening.sockets[0].getsockname()[1]
        ready.set()

    def work() -> None:
        asyncio.set_event_loop(loop)
        starting = loop.create_task(start())
        loop.run_forever()
        del starting

    thread = threading.Thread(target=work, daemon=True)
    thread.start()
    ready.wait()
    try:
        yield server
    finally:

        def stop() -> None:
            for task in asyncio.all_tasks(loop):
                task.cancel()
            loop.call_soon(loop.stop)

        loop.call_soon_threadsafe(stop)
        thread.join()
        loop.close()


async def main(port: int, plan: Plan) -> None:
    """Run in the foreground, for benchmarks and for runs that are killed."""
    server = FaultServer(plan)
    listening = await asyncio.start_server(server.handle, "127.0.0.1", port, limit=1 << 26, backlog=1024)
    sys.stdout.write(json.dumps({"port": listening.sockets[0].getsockname()[1], "plan": asdict(plan)}) + "\n")
    sys.stdout.flush()
    await listening.serve_forever()


if __name__ == "__main__":
    asyncio.run(main(int(sys.argv[1]), Plan(**json.loads(sys.argv[2]) if len(sys.argv) > 2 else {})))
