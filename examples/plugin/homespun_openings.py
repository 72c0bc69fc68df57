"""A section of one's own on the page of a run: the words that most accepted rows begin with.

After `pip install ./examples/plugin` the page of every run has it, after the other sections.
"""

from collections import Counter
from collections.abc import Mapping

from homespun.report.page import Section
from homespun.run.readback import RunData

TEMPLATE = '{{ draw.table(["word", "rows"], rows, "The most frequent first words of the accepted rows") }}'


def view(run: RunData) -> Mapping[str, object] | None:
    """Return what the template needs; None: the page has no such section."""
    words = Counter(row.text.split()[0].lower() for row in run.accepted() if row.text.split())
    return {"rows": [(word, [f"{count:,}"]) for word, count in words.most_common(10)]} if words else None


OPENINGS = Section("First words", TEMPLATE, view)
