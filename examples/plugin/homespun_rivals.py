"""An evaluation that compares the answers of two models: who is right where the untrained student is not?

evaluate: {rivals: {kind: rivals, data: questions.jsonl}}
"""

from dataclasses import replace
from typing import ClassVar, Literal

from homespun.evaluate.closed_book import ClosedBook


class Rivals(ClosedBook):
    """Closed-book questions; an answer is worth 1 where it alone is right, 0 where the student's was, else a half."""

    kind: Literal["rivals"] = "rivals"
    compares: ClassVar[bool] = True
    along: ClassVar[bool] = False

    def grade_beside(self, results, others, items, ctx):
        own, student = (self.grade(each, items, ctx) for each in (results, others.get("_baseline", results)))
        worth = [(1 + a.marks[self.primary] - b.marks[self.primary]) / 2 for a, b in zip(own, student, strict=True)]
        return [replace(one, marks={**one.marks, self.primary: value}) for one, value in zip(own, worth, strict=True)]
