"""A scorer of one's own: how long a row's text is, so that a rule can drop the shortest.

After `pip install ./examples/plugin` a recipe says:

    score: {length: {kind: length, unit: words}}
    arms: {long: {select: [{kind: at_least, by: length, value: 10}]}}
"""

from collections.abc import Sequence
from typing import Literal

from homespun.engine.context import Context
from homespun.models.base import Advance, ignore_progress
from homespun.records import Row, Scores
from homespun.score.base import Scorer


class Length(Scorer):
    """Counts words or characters."""

    kind: Literal["length"] = "length"
    unit: Literal["words", "characters"] = "words"

    @property
    def primary(self) -> str:
        return "length"

    def columns(self) -> tuple[str, ...]:
        return ("length",)

    def __call__(
        self, rows: Sequence[Row], ctx: Context, *, name: str = "", advance: Advance = ignore_progress
    ) -> Scores:
        sizes = [float(len(row.text.split() if self.unit == "words" else row.text)) for row in rows]
        return self.table(rows, [{"length": size} for size in sizes], name)
