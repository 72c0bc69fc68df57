"""Asks many things at once and hands the answers on in the order asked.

An event loop in a thread of its own does the asking, with a bounded number of workers; whoever iterates gets
the answers one after the other and may do slow work in between without holding up what is in flight. At most
AHEAD answers wait to be taken, so a list of any length needs the same memory. What one question needs
(limits, deadlines, retries) is endpoint.py's business.
"""

from __future__ import annotations

import asyncio
import contextvars
import queue
import threading
from collections.abc import Callable, Coroutine, Generator, Iterable
from contextlib import AbstractAsyncContextManager, suppress
from typing import Any, Generic, TypeVar

Session = TypeVar("Session")
Item = TypeVar("Item")
Answer = TypeVar("Answer")

AHEAD = 4096  #: answers that may wait to be taken; a slow first one holds up no more than these
PAUSE = 0.05  #: seconds that answers wait to be handed on together
DRAIN = 30.0  #: seconds that questions in flight get to end after an interruption


class InOrder(Generic[Session, Item, Answer]):
    """One pass over a list of items; `answers` is called once.

    Leaving early (an error, an interruption) admits nothing more and waits for what is in flight, and paid for,
    at most DRAIN seconds; a second interruption does not wait.
    """

    def __init__(
        self,
        items: Iterable[Item],
        one: Callable[[Session, Item], Coroutine[Any, Any, Answer]],
        session: Callable[[], AbstractAsyncContextManager[Session]],
        workers: int,
        advance: Callable[[int], None],
    ) -> None:
        """Take the items, what answers one of them, and what all of that needs while it runs."""
        self._items = enumerate(items)
        self._one, self._session, self._workers, self._advance = one, session, workers, advance
        self._given: queue.SimpleQueue[list[Answer] | BaseException | None] = queue.SimpleQueue()
        self._held: dict[int, Answer] = {}  # answers that came before an earlier one
        self._ready: list[Answer] = []  # answers whose turn it is
        self._next = self._taken = 0
        self._room = asyncio.Event()
        self._tasks: list[asyncio.Task[None]] = []
        self._stopping = False

    def answers(self) -> Generator[Answer, None, None]:
        """Return the answers in the items' order, or raise what answering one of them raised."""
        loop = asyncio.new_event_loop()
        context = contextvars.copy_context()  # the stage that asks is told by a context variable
        thread = threading.Thread(target=context.run, args=(self._run, loop), name="asking", daemon=True)
        thread.start()
        taken = 0
        try:
            while (given := self._given.get()) is not None:
                if isinstance(given, BaseException):
                    raise given
                yield from given
                taken += len(given)
                if taken >= AHEAD // 8:
                    _tell(loop, self._make_room, taken)
                    taken = 0
        finally:
            _tell(loop, self._stop)
            thread.join()

    def _run(self, loop: asyncio.AbstractEventLoop) -> None:
        end: BaseException | None = None
        with asyncio.Runner(loop_factory=lambda: loop) as runner:
            try:
                runner.run(self._ask_all())
            except BaseException as error:  # whatever it is belongs to whoever iterates
                end = error
        self._hand_on()
        self._given.put(end)

    async def _ask_all(self) -> None:
        async with self._session() as session:
            self._tasks = [asyncio.create_task(self._work(session)) for _ in range(self._workers)]
            ended, _ = await asyncio.wait(self._tasks, return_when=asyncio.FIRST_EXCEPTION)
            self._stop()  # after a failure: what is in flight may end
            await asyncio.gather(*self._tasks, return_exceptions=True)
        for task in ended:
            task.result()

    async def _work(self, session: Session) -> None:
        for index, item in self._items:
            while index >= self._taken + AHEAD and not self._stopping:
                self._room.clear()
                await self._room.wait()
            if self._stopping:
                return
            self._give(index, await self._one(session, item))
            self._advance(1)

    def _give(self, index: int, answer: Answer) -> None:
        self._held[index] = answer
        if self._next == index and not self._ready:  # a thread that is woken for every answer costs more than it does
            asyncio.get_running_loop().call_later(PAUSE, self._hand_on)
        while self._next in self._held:
            self._ready.append(self._held.pop(self._next))
            self._next += 1

    def _hand_on(self) -> None:
        if self._ready:
            self._given.put(self._ready)
            self._ready = []

    def _make_room(self, count: int) -> None:
        self._taken += count
        self._room.set()

    def _stop(self) -> None:
        self._stopping = True
        self._room.set()
        for task in self._tasks:
            task.get_loop().call_later(DRAIN, task.cancel)


def _tell(loop: asyncio.AbstractEventLoop, what: Callable[..., None], *values: int) -> None:
    with suppress(RuntimeError):  # the loop has ended: nobody is left to tell
        loop.call_soon_threadsafe(what, *values)
