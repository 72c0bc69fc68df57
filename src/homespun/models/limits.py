"""How many requests an endpoint gets at once, and how long a refused one waits.

Additive increase, multiplicative decrease (AIMD, Chiu and Jain, 1989), with one difference: it tells
overload from sporadic refusals. A server that refuses one request in twenty whatever the load gets no
better if it is asked less, so the limit falls only when a large share of the last requests was refused, and
then by that share. A refused row waits for what the server asked (`Retry-After` in each of its forms), else
by exponential backoff with full jitter; the other rows go on. All waiting is on the monotonic clock; time
in the queue is nobody's deadline.
"""

from __future__ import annotations

import asyncio
import random
from collections import deque
from collections.abc import Mapping
from datetime import UTC, datetime
from email.utils import parsedate_to_datetime

WINDOW = 64  #: answers that the share of refusals is taken over
OVERLOAD = 0.2  #: of 64 answers at 5 % sporadic refusals, 13 or more are refused once in 100,000 windows
LEAST = 8  #: refusals in a row that are overload before a window is full
BACKOFF = 0.5  #: seconds before the first retry where the server does not say; doubles each time
LONGEST = 60.0  #: seconds, also of a Retry-After: a server that asks for an hour is not waited for in a run


class Limit:
    """The number of requests that one endpoint may have in flight."""

    def __init__(self, most: int) -> None:
        """Begin at `most`: a server that can take less says so."""
        self.most = most
        self.now = float(most)
        self.in_flight = 0
        self._recent: deque[bool] = deque(maxlen=WINDOW)  #: True: refused
        self._waiting: deque[asyncio.Future[None]] = deque()
        self._epoch = 0  #: goes up at each decrease; what was sent before does not count against the new limit

    async def enter(self) -> int:
        """Wait for room and take it; returns a number to be given back to `leave`."""
        while self.in_flight >= max(int(self.now), 1):
            turn: asyncio.Future[None] = asyncio.get_running_loop().create_future()
            self._waiting.append(turn)
            try:
                await turn
            except asyncio.CancelledError:
                if turn.done() and not turn.cancelled():
                    self._wake()  # the turn was given to a task that will not take it
                raise
        self.in_flight += 1
        return self._epoch

    def leave(self, epoch: int, *, refused: bool) -> None:
        """Give the room back and learn from what happened."""
        self.in_flight -= 1
        if epoch == self._epoch:
            self._learn(refused)
        self._wake()

    def _learn(self, refused: bool) -> None:
        self._recent.append(refused)
        share = sum(self._recent) / len(self._recent)
        if refused:
            enough = len(self._recent) == WINDOW or (len(self._recent) >= LEAST and share > 0.5)
            if enough and share > OVERLOAD:
                self.now = max(1.0, self.now * max(1 - share, 0.5))
                self._recent.clear()
                self._epoch += 1
        elif share <= OVERLOAD / 2:
            self.now = min(float(self.most), self.now + 1 / self.now)

    def _wake(self) -> None:
        room = max(int(self.now), 1) - self.in_flight
        while room > 0 and self._waiting:
            turn = self._waiting.popleft()
            if not turn.done():
                turn.set_result(None)
                room -= 1


class RetryBudget:
    """Retries that an endpoint may still have: a tenth of what it answered, and a few to begin with.

    Without it a server that is down gets every request several times over (a retry storm). Refusals for load
    do not draw on it: there the server itself says when to come back.
    """

    def __init__(self, share: float = 0.1, reserve: int = 20) -> None:
        self.share, self.left = share, float(reserve)

    def answered(self) -> None:
        """Count an answer."""
        self.left += self.share

    def take(self) -> bool:
        """Take one retry if there is one left."""
        if self.left < 1:
            return False
        self.left -= 1
        return True


def wait_before(attempt: int, headers: Mapping[str, str], rng: random.Random) -> float:
    """Return the seconds to wait before attempt number `attempt` + 1 (attempt: 1 for the first).

    `headers` are those of the refusal, with lower-case names; `retry-after-ms` and `retry-after` in seconds
    (fractions too) or as a date, count from now; nonsense counts as absent.
    """
    asked = _asked_for(headers)
    if asked is not None:
        return min(asked, LONGEST) + rng.uniform(0, 0.05)  # not all at the same instant
    return rng.uniform(0, min(LONGEST, BACKOFF * 2 ** (attempt - 1)))


def _asked_for(headers: Mapping[str, str]) -> float | None:
    for name, scale in (("retry-after-ms", 1000.0), ("retry-after", 1.0)):
        value = headers.get(name, "").strip()
        try:
            seconds = float(value) / scale
        except ValueError:
            continue
        if 0 <= seconds < float("inf"):
            return seconds
    try:
        moment = parsedate_to_datetime(headers.get("retry-after", ""))
    except (TypeError, ValueError):
        return None
    if moment.tzinfo is None:
        moment = moment.replace(tzinfo=UTC)
    return max((moment - datetime.now(UTC)).total_seconds(), 0.0)
