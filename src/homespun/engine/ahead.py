"""Work ahead: while the main thread makes more rows, another one already asks about those that are there.

For stages that use different models (reliability.md 2, performance.md B4: judge row 1 while row 2 is
written). What a step returns is thrown away: its answers are in the ledger, and the stage itself finds them
there when its turn comes. So nothing depends on what got done ahead, not even the order of a file; an error
is left for the stage to meet again.
"""

from __future__ import annotations

import queue
import threading
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager, suppress

from homespun.data.records import Row
from homespun.errors import HomespunError

Take = Callable[[Sequence[Row]], None]
AT_MOST = 64  #: lists of rows that wait; more means that the step is slower than the main thread, which then waits


@contextmanager
def ahead(steps: Sequence[Callable[[Sequence[Row]], object]]) -> Iterator[Take]:
    """Give a function that hands rows to all steps, in a thread of their own, and returns at once.

    Leaving waits for the rows handed in, or, after an error, for the step that runs.
    """
    if not steps:
        yield lambda rows: None
        return
    waiting: queue.Queue[Sequence[Row] | None] = queue.Queue(AT_MOST)
    stopped = threading.Event()

    def work() -> None:
        while (rows := waiting.get()) is not None:
            for step in steps:
                if not stopped.is_set():
                    with suppress(HomespunError):
                        step(rows)

    thread = threading.Thread(target=work, name="ahead", daemon=True)
    thread.start()
    try:
        yield waiting.put
    except BaseException:
        stopped.set()
        raise
    finally:
        waiting.put(None)
        thread.join()
