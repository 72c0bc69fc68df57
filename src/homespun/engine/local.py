"""The local engine: runs a step over shards of rows in this process, committing each shard whole.

A shard is a slice of the plan, not of what is left, so a model sees the same batches in every run and an
interrupted run ends byte-identical to an uninterrupted one. A step is a function of rows; it does not
know that it is sharded.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import TYPE_CHECKING, TypeVar

from homespun.data.store import Work
from homespun.engine.progress import Bar

if TYPE_CHECKING:
    import pyarrow as pa

SHARD_ROWS = 128
Item = TypeVar("Item")


def each_shard(
    items: Sequence[Item],
    step: Callable[[Sequence[Item]], pa.Table],
    work: Work,
    bar: Bar,
    size: int = SHARD_ROWS,
) -> list[pa.Table]:
    """Run `step` over slices of `items` and return the tables in order; committed ones are not run again.

    No items are one empty shard, whose table has the columns.
    """
    tables = []
    for index, start in enumerate(range(0, max(len(items), 1), max(size, 1))):
        shard = items[start : start + size]
        table, committed = work.table(f"{index:05d}", lambda shard=shard: step(shard))  # type: ignore[misc]
        tables.append(table)
        if committed:  # a step that runs says itself how far it is
            bar.advance(len(shard))
    return tables
