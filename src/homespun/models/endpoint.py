"""One server: sends a request within its limits, tries again where that can help, and loses no answer.

The only module that opens a connection. Between the last byte of a body and its first reader stands the
ledger: `ask` returns an entry that is committed. This is the one layer that retries. The key is read from
the environment, sent to its own host only (redirects are not followed) and taken out of every text that
leaves this module.

aiohttp and not httpx2: on one core, 64 requests in flight, it needs a third of the time per request
(docs/servers.md has the figures).
"""

from __future__ import annotations

import asyncio
import base64
import os
import random
import time
from collections.abc import Callable, Mapping
from contextlib import asynccontextmanager
from dataclasses import dataclass, field, replace
from typing import TYPE_CHECKING, Any
from urllib.parse import quote, urljoin, urlsplit

from homespun.data.ledger import FAILED_BODY, OK, Entry, Ledger, request_key
from homespun.engine.budget import Spending
from homespun.errors import ModelError, UsageError
from homespun.models import wire
from homespun.models.limits import Limit, RetryBudget, wait_before
from homespun.task import Price

if TYPE_CHECKING:
    from collections.abc import AsyncIterator

    import aiohttp
    from yarl import URL

LOCAL_HOSTS = {"localhost", "127.0.0.1", "::1"}
LARGEST = 256 << 20  #: bytes of a body; more is not an answer
HIDDEN = "***"
SHORTEST = 8  #: characters of a key that is one; "EMPTY" and the like only fill a field, and are ordinary words
WAITING = ("retry-after-ms", "retry-after")  #: headers that say when to come back


@dataclass(frozen=True)
class Deadlines:
    """Seconds on the monotonic clock; waiting for a turn counts for none of them."""

    connect: float = 10.0
    first_byte: float = 300.0  #: of a long answer that is not streamed, all of the writing
    idle: float = 30.0  #: between two parts of a body
    total: float = 600.0


class Secret:
    """The key of a server: never shown, stored, hashed or pickled."""

    __slots__ = ("_value",)

    def __init__(self, value: str) -> None:
        self._value = value

    def __repr__(self) -> str:
        return HIDDEN

    def __reduce__(self) -> Any:
        raise TypeError("a key is not pickled")

    def header(self) -> dict[str, str]:
        """Return the header that carries the key."""
        return {"Authorization": f"Bearer {self._value}"} if self._value else {}

    def out_of(self, data: bytes) -> bytes:
        """Return the data without the key, however it is written in there."""
        if len(self._value) < SHORTEST:
            return data
        raw = self._value.encode()
        escaped = raw.replace(b"/", b"\\/")  # as some servers write JSON
        for form in (raw, escaped, quote(self._value, safe="").encode(), base64.b64encode(raw).rstrip(b"=")):
            data = data.replace(form, HIDDEN.encode())
        return data


def read_key(variable: str | None) -> Secret:
    """Return the key that an environment variable holds; no variable, no key.

    Raises:
        UsageError: the variable is named and not set.
    """
    if variable is None:
        return Secret("")
    value = os.environ.get(variable, "").strip()
    if not value:
        raise UsageError(f'key_env: the environment variable "{variable}" is not set; export {variable}=...')
    if any(character.isspace() or not character.isprintable() for character in value):
        raise UsageError(f'key_env: the variable "{variable}" holds white space or control characters')
    return Secret(value)


@dataclass
class Call:
    """One request as `ask` takes it."""

    path: str  #: relative to the base URL; `../` leads out of /v1
    payload: Mapping[str, Any]
    read: Callable[[int, bytes], wire.Reading]
    row: str = ""
    sample: int = 0


@dataclass(frozen=True, slots=True)
class _Got:
    """What one attempt came to."""

    status: int
    body: bytes
    headers: Mapping[str, str]  #: those of WAITING that were there
    reading: wire.Reading
    seconds: float


@dataclass
class Endpoint:
    """A server and what is known about it during a run."""

    base_url: str
    model: str
    key: Secret
    ledger: Ledger
    concurrency: int = 64
    deadlines: Deadlines = field(default_factory=Deadlines)
    retries: int = 5  #: of one request, refusals for load not counted
    patience: float = 900.0  #: seconds that one request may be refused for load
    spending: Spending = field(default_factory=Spending)  #: of all models of the run
    price: Price | None = None
    retry_failed: bool = False  #: ask again for what an earlier run recorded as failed
    stage: Callable[[], str] = lambda: ""  #: which step is asking
    answering: dict[str, str] = field(default_factory=dict)  #: call -> name of the model that answered it first
    say: Callable[[str], None] = lambda _: None

    def __post_init__(self) -> None:
        self.base_url = self.base_url.rstrip("/")
        parts = urlsplit(self.base_url)
        if parts.scheme not in ("http", "https") or not parts.hostname:
            raise UsageError(f'"{self.base_url}" is no address of a server; write http://HOST:PORT/v1#MODEL')
        if parts.username or parts.password or parts.query:
            raise UsageError(
                f'the address of "{parts.hostname}" holds a user, a password or a query; keys belong into an'
                " environment variable: key_env"
            )
        if self.key.header() and parts.scheme == "http" and parts.hostname not in LOCAL_HOSTS:
            self.say(f"warning: the key for {parts.hostname} travels over plain http; use https")
        self.limit = Limit(self.concurrency)
        self.budget = RetryBudget()
        self.rng = random.Random(0)  # of waiting times only
        self._urls: dict[str, URL] = {}

    @asynccontextmanager
    async def session(self) -> AsyncIterator[aiohttp.ClientSession]:
        """Open the connections of one event loop."""
        import aiohttp

        connector = aiohttp.TCPConnector(limit=self.concurrency, keepalive_timeout=30, ttl_dns_cache=300)
        timeout = aiohttp.ClientTimeout(total=None, sock_connect=self.deadlines.connect)
        headers = {"Content-Type": "application/json", **self.key.header()}
        async with aiohttp.ClientSession(
            connector=connector,
            timeout=timeout,
            headers=headers,
            cookie_jar=aiohttp.DummyCookieJar(),
            read_bufsize=1 << 22,
        ) as session:
            yield session

    async def ask(self, session: aiohttp.ClientSession, call: Call) -> tuple[Entry, wire.Reading]:
        """Return the committed answer to a request, from the ledger where it is there.

        Raises:
            BudgetError: the run has spent what it may; nothing was sent.
            ModelError: the server takes no request of ours at all (no such key, no such model).
            StoreError: an answer could not be written.
        """
        body = wire.encode(call.payload)
        key = request_key(self.base_url, call.path, body, call.sample)
        known = self.ledger.find(key)
        if known is not None and (known.outcome not in wire.RETRIED or not self.retry_failed) and known.final:
            read = known.outcome in (OK, "truncated")
            return known, call.read(known.status, known.body) if read else wire.Reading(known.outcome, known.problem)
        attempt, tries, refusals = known.attempt if known else 0, 0, 0
        refused_since = 0.0
        while True:
            attempt += 1
            got = await self._once(session, call, body)
            if got.reading.outcome == "rate limited":
                refusals += 1
                refused_since = refused_since or time.monotonic()
                wait: float | None = wait_before(refusals, got.headers, self.rng)
                if time.monotonic() + (wait or 0) - refused_since > self.patience:
                    wait = None
            else:
                tries += 1
                wait = self._wait(got, tries)
            entry = self._entry(call, key, attempt, body, got, final=wait is None)
            await self.ledger.save(entry)
            if wait is None:
                return entry, got.reading
            await asyncio.sleep(wait)

    def _wait(self, got: _Got, tries: int) -> float | None:
        """Return the seconds before another try of what failed, or None where there is none."""
        if got.reading.outcome == OK:
            self.budget.answered()
        if got.reading.outcome not in wire.RETRIED or tries > self.retries or not self.budget.take():
            return None
        return wait_before(tries, got.headers, self.rng)

    async def _once(self, session: aiohttp.ClientSession, call: Call, body: bytes) -> _Got:
        epoch = await self.limit.enter()
        refused = False
        started = time.monotonic()
        try:
            self.spending.check()
            status, answer, headers, problem = await self._send(session, call.path, body)
            answer = self.key.out_of(answer)  # before anything reads it: an answer may hold the key, too
            reading = wire.Reading(*problem) if problem else call.read(status, answer)
            refused = reading.outcome == "rate limited"
        finally:
            self.limit.leave(epoch, refused=refused)
        self.spending.charge(self.price, reading.prompt_tokens, reading.completion_tokens)
        if status == 404:
            known = await self._models(session)
            told = f"; it has: {known}" if known else ""
            raise ModelError(f'{self.base_url} knows no model "{self.model}" or no call "{call.path}"{told}')
        return _Got(status, answer, headers, self._checked(reading, status, call.path), time.monotonic() - started)

    def _entry(self, call: Call, key: str, attempt: int, body: bytes, got: _Got, *, final: bool) -> Entry:
        reading = got.reading
        return Entry(
            key=key,
            attempt=attempt,
            stage=self.stage(),
            row=_storable(call.row),
            endpoint=self.base_url,
            model=self.model,
            request=body,
            outcome=reading.outcome,
            problem=reading.problem,
            status=got.status,
            body=got.body if reading.outcome in (OK, "truncated") else got.body[:FAILED_BODY],
            prompt_tokens=reading.prompt_tokens,
            completion_tokens=reading.completion_tokens,
            seconds=round(got.seconds, 4),
            final=final,
        )

    def _checked(self, reading: wire.Reading, status: int, path: str) -> wire.Reading:
        """Stop where no request can succeed; tell an answer by another model than the first."""
        if reading.outcome == OK:
            if not reading.model:
                return reading
            first = self.answering.setdefault(path, reading.model)  # llama.cpp has another name in each call
            if reading.model == first:
                return reading
            told = _storable(f'"{reading.model}" answered, before it was "{first}"')
            return replace(reading, outcome="wrong model", problem=told, text="")
        problem = self.key.out_of(_storable(reading.problem).encode()).decode("utf-8", "replace")
        if status in (401, 403):
            raise ModelError(f"{self.base_url} refuses the key ({problem}); set the variable named by key_env")
        return replace(reading, problem=problem)

    async def _send(
        self, session: aiohttp.ClientSession, path: str, body: bytes
    ) -> tuple[int, bytes, Mapping[str, str], tuple[str, str] | None]:
        """Return status, body, what it says about waiting, and (outcome, words) where there is no whole answer."""
        import aiohttp

        got = bytearray()
        status, headers = 0, {}
        limits, clock = self.deadlines, asyncio.get_running_loop().time
        end = clock() + limits.total
        try:
            async with asyncio.timeout_at(min(clock() + limits.first_byte, end)) as deadline:
                async with session.post(self._url(path), data=body, allow_redirects=False) as response:
                    status = response.status
                    headers = {name: response.headers[name] for name in WAITING if name in response.headers}
                    while True:
                        if not response.content.is_eof():  # what has come already needs no deadline
                            deadline.reschedule(min(clock() + limits.idle, end))
                        part = await response.content.readany()
                        if not part:
                            break
                        got += part
                        if len(got) > LARGEST:
                            return status, bytes(got), headers, ("malformed", f"more than {LARGEST >> 20} MB")
        except TimeoutError:
            return status, bytes(got), headers, ("timed out", f"no whole answer in time, {len(got)} bytes came")
        except (aiohttp.ClientError, OSError, ValueError) as error:
            # The name only: the text of some of these errors holds the request's headers.
            return status, bytes(got), headers, ("unreachable", type(error).__name__)
        return status, bytes(got), headers, None

    async def _models(self, session: aiohttp.ClientSession) -> str:
        """Return the names of the models that the server says it has; empty where it does not say."""
        import aiohttp

        try:
            async with asyncio.timeout(self.deadlines.connect):
                async with session.get(self._url(wire.MODELS), allow_redirects=False) as response:
                    found = wire.read_body(response.status, await response.read()).content or {}
        except (TimeoutError, aiohttp.ClientError, OSError):
            return ""
        entries = found.get("data")
        names = (
            [str(one["id"]) for one in entries if isinstance(one, dict) and "id" in one]
            if isinstance(entries, list)
            else []
        )
        return self.key.out_of(", ".join(names[:20]).encode("utf-8", "replace")).decode("utf-8", "replace")

    def _url(self, path: str) -> URL:
        if path not in self._urls:
            from yarl import URL

            self._urls[path] = URL(urljoin(f"{self.base_url}/", path))
        return self._urls[path]


def _storable(text: str) -> str:
    """Return a text without lone surrogates, which no database takes."""
    return text.encode("utf-8", "replace").decode("utf-8")
