"""A rule of one's own: rows whose text is in capitals are dropped.

select: [{kind: capitals, threshold: 0.3}]
"""

from typing import Literal

from homespun.data.records import Verdict
from homespun.select.base import Rule


class Capitals(Rule):
    """Keeps rows of whose letters at most a share are capitals; a letter counts where it has two forms."""

    kind: Literal["capitals"] = "capitals"
    threshold: float = 0.3

    def __call__(self, rows, columns, seed):
        return [self.verdict(row) for row in rows]

    def verdict(self, row):
        letters = [letter for letter in row.payload.written if letter.isupper() or letter.islower()]
        share = sum(map(str.isupper, letters)) / max(len(letters), 1)
        reason = f"{share:.0%} of {len(letters)} letters are capitals"
        return Verdict(row.id, share <= self.threshold, str(self), share, self.threshold, reason)

    def __str__(self):
        return f"capitals {self.threshold:g}"
