"""What share of a writer's texts is accepted, form by form, and why the others are not, with examples to look at."""

from __future__ import annotations

from collections import Counter
from dataclasses import dataclass, field

from homespun.generate.variants import Made

SHOWN = 80  #: characters of an example
ANSWER = 160  #: characters of an answer that stops a run


@dataclass
class _Form:
    accepted: int = 0
    asked: int = 0
    recall: float = 0.0
    judged: int = 0
    reasons: Counter[str] = field(default_factory=Counter)
    examples: dict[str, str] = field(default_factory=dict)
    raw: list[str] = field(default_factory=list)
    tried: set[str] = field(default_factory=set)  #: documents, while nothing is accepted


class Tally:
    """Counts attempts as they are handed on."""

    def __init__(self, documents: int, forms: str = "") -> None:
        """Begin at nothing; so many documents are written about. `forms`: the setting that leaves a form out."""
        self.count, self.choosing = documents, forms
        self.forms: dict[str, _Form] = {}
        self.documents: dict[str, Counter[str]] = {}  #: of documents without an accepted text

    def add(self, found: Made) -> None:
        """Count one attempt."""
        attempt, verdict = found
        form = self.forms.setdefault(attempt.groups["form"], _Form())
        form.asked += 1
        if len(form.raw) < 3:
            form.raw.append(attempt.raw)
        if verdict is not None and verdict.score is not None:
            form.recall += verdict.score
            form.judged += 1
        if verdict is not None and verdict.keep:
            form.accepted += 1
            form.tried.clear()
            self.documents.pop(attempt.groups["document"], None)
            return
        why = verdict.rule if verdict is not None else attempt.problem
        reason = f"{verdict.reason}: " if verdict is not None else ""
        if not form.accepted:
            form.tried.add(attempt.groups["document"])
        form.reasons[why] += 1
        form.examples.setdefault(why, f"{reason}{' '.join(attempt.raw.split())[:SHOWN]!r}")
        self.documents.setdefault(attempt.groups["document"], Counter())[why] += 1

    def note(self) -> str:
        """Return the share accepted in a few words."""
        asked = sum(form.asked for form in self.forms.values())
        accepted = sum(form.accepted for form in self.forms.values())
        return f"{accepted / max(asked, 1):.0%} of {asked} texts accepted"

    def impression(self, title: str) -> str:
        """Return the accept rate and mean recall of every form, and what was rejected and why, with examples."""
        lines = [f"{title}, {self.note().partition(' of ')[0]} accepted"]
        for name, form in self.forms.items():
            recall = f", values kept {form.recall / form.judged:.0%}" if form.judged else ""
            lines.append(f"  {name}: {form.accepted} of {form.asked} accepted{recall}")
            for why, count in form.reasons.most_common(2):
                lines.append(f"    {count} x {why}, e.g. {form.examples[why]}")
        return "\n".join(lines)

    def commonest(self, document: str) -> str:
        """Return the commonest reason why nothing of a document was accepted."""
        (why, count), *_ = self.documents[document].most_common(1)
        return f"{why} ({count})"

    def hopeless(self, name: str, limit: int) -> bool:
        """Tell whether a form has nothing accepted of `limit` texts, on all documents or on as many as that.

        Neighbouring documents are alike: the first pages of a book may all be lists.
        """
        form = self.forms[name]
        return not form.accepted and form.asked >= limit and len(form.tried) >= min(self.count, limit)

    def why_hopeless(self, name: str | None) -> str:
        """Return the message for a form (None: the whole) of which nothing is accepted, with answers to look at."""
        forms = [self.forms[name]] if name is not None else list(self.forms.values())
        reasons = sum((form.reasons for form in forms), Counter[str]())
        asked = sum(form.asked for form in forms)
        examples = [raw for form in forms for raw in form.raw][:3]
        shown = "\n".join(f"  {' '.join(raw.split())[:ANSWER]!r}" for raw in examples)
        what = f'of the form "{name}" ' if name is not None else ""
        why = ", ".join(f"{reason} ({count})" for reason, count in reasons.most_common(3))
        return (
            f"none of {asked} texts {what}is usable: {why}. Answers look like:\n{shown}\n"
            f"{' '.join(self._ways(reasons))}"
        )

    def _ways(self, reasons: Counter[str]) -> list[str]:
        """Return what can be done about texts that are dropped for these reasons."""
        ways = ["Take a larger writer."]
        if self.choosing:
            ways.append(f"Leave the form out (`{self.choosing}`).")
        if any("missing values" in reason for reason in reasons):
            ways.append("A lower `recall` accepts texts that lose more values.")
        return ways
