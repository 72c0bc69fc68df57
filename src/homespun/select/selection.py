"""What the functions of api.py share: inputs turned into rows and columns, and the Selection that they return."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

from homespun.data.records import Row, Scores, Verdict
from homespun.data.text import TextOf, lookup
from homespun.errors import UsageError
from homespun.select.base import Columns, Rule
from homespun.select.rows import Wanted
from homespun.select.scoring import scored

if TYPE_CHECKING:
    from numpy.typing import ArrayLike

    from homespun.select.audit import SetReport

UNUSABLE = "unusable"  #: rule named by the verdict on an input without a text
Decide = Callable[[float], list[Verdict]]


@dataclass(frozen=True)
class Selection:
    """What a rule decided on each input, in their order."""

    inputs: Sequence[Any]  #: as they were given
    rows: Sequence[Row]  #: those that have a text; the id of an input that was no row is its position, from 0
    verdicts: Sequence[Verdict]  #: one per input
    rule: Rule
    columns: Columns = field(default_factory=lambda: Columns({}), repr=False)
    decide: Decide | None = field(default=None, repr=False)  #: verdicts on `rows` at another threshold

    @property
    def kept(self) -> list[Any]:
        """The inputs that stay."""
        return [each for each, verdict in zip(self.inputs, self.verdicts, strict=True) if verdict.keep]

    @property
    def dropped(self) -> list[Any]:
        """The inputs that do not."""
        return [each for each, verdict in zip(self.inputs, self.verdicts, strict=True) if not verdict.keep]

    @property
    def duplicates(self) -> list[tuple[Any, Any, float | None]]:
        """Each dropped input with the one it repeats and their score."""
        by_id = {verdict.row_id: each for each, verdict in zip(self.inputs, self.verdicts, strict=True)}
        return [
            (each, by_id[verdict.duplicate_of], verdict.score)
            for each, verdict in zip(self.inputs, self.verdicts, strict=True)
            if verdict.duplicate_of is not None
        ]

    def at(self, threshold: float) -> Selection:
        """Return the same decided at another threshold (of rules that keep a share: another share).

        Only a threshold below the `floor` of a search makes texts be compared again.

        Raises:
            UsageError: the rule has none, or the value is out of range.
        """
        if self.decide is None:
            raise UsageError(f"{self.rule} has no threshold to move")
        decided = {verdict.row_id: verdict for verdict in self.decide(threshold)}
        verdicts = [decided.get(verdict.row_id, verdict) for verdict in self.verdicts]
        return Selection(self.inputs, self.rows, verdicts, self.rule.moved(threshold), self.columns, self.decide)

    def report(self) -> SetReport:
        """Return diversity before and after, and the rows nearest to the threshold (see audit.set_report)."""
        from homespun.select.audit import set_report

        usable = {row.id for row in self.rows}
        verdicts = [verdict for verdict in self.verdicts if verdict.row_id in usable]
        kept = [verdict.row_id for verdict in verdicts if verdict.keep]
        return set_report(self.rows, kept, self.columns, verdicts, rules=(self.rule,))


@dataclass(frozen=True)
class Inputs:
    """What was given, and the rows of those that have a text."""

    given: list[Any]
    rows: list[Row]
    unusable: Mapping[int, str]  #: what is wrong with the others, by position

    @staticmethod
    def of(given: Iterable[Any], field: str | None, within: str | Sequence[str] | None, language: str | None) -> Inputs:
        """Return the rows of texts, dicts or rows.

        Raises:
            UsageError: one text or dict in place of a list, or a template that is none.
        """
        if isinstance(given, str | Mapping):
            raise UsageError("rows are a list of texts, dicts or rows; got one")
        keys = (within,) if isinstance(within, str) else tuple(within or ())
        wanted = Wanted((TextOf(field or "text"),), groups=keys, language=language)
        inputs, rows, unusable = list(given), [], {}
        for place, each in enumerate(inputs):
            row, problem = (each, "") if isinstance(each, Row) else (None, "")
            if isinstance(each, str | Mapping):
                row, problem = wanted.row(each, str(place), "list", place)
            if row is not None:
                rows.append(row)
            else:
                unusable[place] = problem or f"is no text, dict or row but {type(each).__name__}"
        return Inputs(inputs, rows, unusable)

    def select(self, rule: Rule, columns: Columns, seed: int, floor: float | None) -> Selection:
        """Return the selection of a rule, whose threshold can be moved where it has one."""
        if rule.movable is None:
            return self.selection(rule(self.rows, columns, seed) if self.rows else [], rule, columns)
        decide: Decide = rule.decider(self.rows, columns, seed, floor) if self.rows else lambda at: []
        return self.selection(decide(dict(rule)[rule.movable]), rule, columns, decide)

    def selection(
        self, decided: Sequence[Verdict], rule: Rule, columns: Columns, decide: Decide | None = None
    ) -> Selection:
        """Return a selection from the verdicts on rows: one per input, also on those without a text."""
        verdicts = {place: Verdict(str(place), False, UNUSABLE, reason=why) for place, why in self.unusable.items()}
        verdicts.update(zip(self.places(), decided, strict=True))
        ordered = [verdicts[place] for place in range(len(self.given))]
        return Selection(self.given, self.rows, ordered, rule, columns, decide)

    def places(self) -> list[int]:
        """Return where each row stands among the inputs."""
        return [place for place in range(len(self.given)) if place not in self.unusable]

    def numbers(self, name: str, by: str | Sequence[float]) -> Scores:
        """Return a column of numbers: a field of dicts, a group of rows, or one number per input.

        Raises:
            UsageError: not as many numbers as inputs.
        """
        if not isinstance(by, str) and len(by) != len(self.given):
            raise UsageError(f"by has {len(by)} numbers for {len(self.given)} inputs; give one each")
        found, reasons = [], {}
        for place, row in zip(self.places(), self.rows, strict=True):
            each = self.given[place]
            record = each.groups if isinstance(each, Row) else each if isinstance(each, Mapping) else {}
            value: Any = lookup(record, by) if isinstance(by, str) else by[place]
            try:
                found.append(float(value))
            except (TypeError, ValueError, OverflowError):
                found.append(float("nan"))
            if found[-1] != found[-1]:
                reasons[row.id] = f'"{name}" is no number'
        return Scores(name, name, [row.id for row in self.rows], {name: found}, reasons)

    def vectors(self, vectors: ArrayLike | None, model: str) -> Columns:
        """Return the column of embeddings, as given for each input or made by a model.

        Raises:
            UsageError: another shape, or a server.
        """
        import numpy as np

        if vectors is None:
            return scored("embedding", self.rows, model)
        try:
            found = np.asarray(vectors, dtype=np.float32)
        except ValueError:
            raise UsageError("vectors are of uneven width; give an array of shape (inputs, dimensions)") from None
        count = len(self.given)
        if found.ndim != 2 or len(found) != count:
            raise UsageError(f"vectors have shape {found.shape}; give one per input: ({count}, dimensions)")
        ids = [row.id for row in self.rows]
        return Columns.of([Scores("embedding", "vector", ids, {"vector": found[self.places()]})])
