"""Shards of a plan: all rows in order, and one empty shard where there are none."""

import pyarrow as pa
import pytest

from homespun.data.store import Store
from homespun.engine.local import each_shard
from homespun.engine.progress import Silent


@pytest.mark.parametrize(("count", "size", "sizes"), [(5, 2, [2, 2, 1]), (0, 2, [0]), (0, 0, [0]), (3, 3, [3])])
def test_shards_of_rows_and_of_none(tmp_path, count, size, sizes):
    with Store.open(tmp_path / "run") as store, Silent().bar("x", count, "rows") as bar:
        tables = each_shard(
            list(range(count)),
            lambda shard: pa.table({"n": pa.array(shard, pa.int64())}),
            store.work("s", "f"),
            bar,
            size,
        )
    assert [table.num_rows for table in tables] == sizes
    assert pa.concat_tables(tables).column("n").to_pylist() == list(range(count))
