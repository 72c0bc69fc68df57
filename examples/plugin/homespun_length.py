"""A scorer of one's own: how long a row's text is, so that a rule can drop the shortest.

After `pip install ./examples/plugin` a recipe says:

    score: {length: {kind: length, unit: words}}
    arms: {long: {select: [{kind: at_least, by: length, value: 10}]}}
"""

from typing import Literal

from homespun.score.base import Scorer


class Length(Scorer):
    """Counts words or characters."""

    kind: Literal["length"] = "length"
    unit: Literal["words", "characters"] = "words"

    def value(self, row, ctx):
        return float(len(row.text.split() if self.unit == "words" else row.text))
