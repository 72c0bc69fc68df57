"""What the functions of api.py share: inputs turned into rows, rules built and moved, and the Selection they return."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any, cast

from pydantic import ValidationError

from homespun.dataset.text import TextOf, lookup
from homespun.errors import UsageError
from homespun.near.pairs import Pairs, Repeats, TooManyPairsError, greedy
from homespun.records import Labelled, Lineage, Row, Scores, Verdict
from homespun.registry import find_any
from homespun.registry import lookup as find_kind
from homespun.select.base import Columns, Rule
from homespun.select.repeats import TextRepeatRule
from homespun.text.normalise import language_of

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
        return Selection(self.inputs, self.rows, verdicts, moved(self.rule, threshold), self.columns, self.decide)

    def report(self) -> SetReport:
        """Return diversity before and after, and the rows nearest to the threshold (see audit.set_report)."""
        from homespun.select.audit import set_report

        usable = {row.id for row in self.rows}
        verdicts = [verdict for verdict in self.verdicts if verdict.row_id in usable]
        kept = [verdict.row_id for verdict in verdicts if verdict.keep]
        return set_report(self.rows, kept, self.columns, verdicts, rules=(self.rule,))


def rule_of(kind: str, **settings: Any) -> Rule:
    """Return a rule; settings that are None are left to its defaults."""
    try:
        given = {name: value for name, value in settings.items() if value is not None}
        return find_kind(Rule, kind).model_validate(given)
    except ValidationError as error:
        first = error.errors()[0]
        place = ".".join(map(str, first["loc"])) or kind
        got = f" (got {first['input']!r})" if isinstance(first["input"], str | int | float) else ""
        raise UsageError(f"{place}: {first['msg'].removeprefix('Value error, ')}{got}") from None


def moved(rule: Rule, value: float) -> Rule:
    """Return a rule with another threshold, share or value."""
    name = next(name for name in ("threshold", "share", "value") if getattr(rule, name, None) is not None)
    settings = {**{key: getattr(rule, key) for key in type(rule).model_fields}, name: value}
    if "dedup_share" in settings:  # of D4: what its first step leaves must be enough for the share
        usual = cast(float, type(rule).model_fields["dedup_share"].default)
        own = settings["dedup_share"]
        settings["dedup_share"] = max(value, usual if own == max(usual, getattr(rule, name)) else own)
    return rule_of(**settings)


Rows = tuple[list[Any], list[Row], dict[int, str]]


def rows_of(given: Iterable[Any], field: str | None, within: str | Sequence[str] | None, language: str | None) -> Rows:
    """Return the inputs, the rows of those with a text, and what is wrong with the others by position."""
    if isinstance(given, str | Mapping):
        raise UsageError("rows are a list of texts, dicts or rows; got one")
    inputs, text = list(given), TextOf(field or "text")
    keys = [within] if isinstance(within, str) else list(within or ())
    texts: list[tuple[int, str, dict[str, str]]] = []
    rows: dict[int, Row] = {}
    unusable: dict[int, str] = {}
    for place, each in enumerate(inputs):
        if isinstance(each, Row):
            rows[place] = each
            continue
        value, problem = _text(each, text)
        groups = {}
        for name in keys:
            found = lookup(each, name) if isinstance(each, Mapping) else None
            if isinstance(found, str | int | float):
                groups[name] = str(found)
            else:
                problem = problem or f'has no field "{name}"'
        if problem:
            unusable[place] = problem
        else:
            texts.append((place, value, groups))
    for place, value, groups in texts:
        lineage = Lineage("list", str(place))
        rows[place] = Row(str(place), Labelled({text.key: value}, ""), language or language_of(value), groups, lineage)
    return inputs, [rows[place] for place in sorted(rows)], unusable


def _text(each: Any, text: TextOf) -> tuple[str, str]:
    if isinstance(each, Mapping):
        return text(each)
    if isinstance(each, str):
        return (each, "") if each.strip() else ("", "is empty")
    return "", f"is no text, dict or row but {type(each).__name__}"


def merged(inputs: Sequence[Any], decided: Sequence[Verdict], unusable: Mapping[int, str]) -> list[Verdict]:
    """Return a verdict per input: those on rows, in order, and on inputs without a text."""
    waiting = iter(decided)
    return [
        Verdict(str(place), False, UNUSABLE, reason=unusable[place]) if place in unusable else next(waiting)
        for place in range(len(inputs))
    ]


Find = Callable[[float, int | None], Pairs]  #: (floor, pairs to hold at most)
Once = Callable[[float], Repeats]


PAIRS_PER_ROW, PAIRS_AT_LEAST = 20, 100_000  #: as many pairs are held for other thresholds without being asked for


class Searched:
    """What a threshold keeps, and the pairs that decide every higher one.

    Many rows that are alike make more pairs than memory holds, and one threshold does not need them: beyond
    PAIRS_PER_ROW a row is compared with kept rows alone, and pairs are found if another threshold is asked for.
    """

    def __init__(self, find: Find, once: Once, threshold: float, floor: float | None, count: int) -> None:
        if floor is not None and not 0 <= floor <= threshold:
            raise UsageError(f"floor is {floor}; it must lie between 0 and the threshold, {threshold}")
        self.find, self.once, self.threshold = find, once, threshold
        self.pairs: Pairs | None = None
        try:
            most = max(PAIRS_PER_ROW * count, PAIRS_AT_LEAST) if floor is None else None
            self.pairs = find(threshold if floor is None else floor, most)
        except TooManyPairsError:
            pass

    def above(self, threshold: float) -> Repeats:
        """Return what a threshold keeps; searches pairs where those at hand do not reach down to it."""
        if self.pairs is None and threshold == self.threshold:
            return self.once(threshold)
        if self.pairs is None or threshold < self.pairs.floor:
            self.pairs = self.find(min(threshold, self.threshold), None)
        return greedy(self.pairs, threshold)


def paired(
    given: Iterable[Any], rule: TextRepeatRule, field: str | None, language: str | None, floor: float | None
) -> Selection:
    """Return a selection by a rule on pairs of texts; for the arguments see api.rouge_l."""
    inputs, usable, unusable = rows_of(given, field, rule.within, language)
    groups, measure, several = rule.groups(usable), rule.measure(), rule.several(usable)
    searched = Searched(
        lambda low, most: measure.above(rule.texts(usable), low, groups, most, several=several),
        lambda at: measure.kept(rule.texts(usable), at, groups, several=several),
        rule.threshold,
        floor,
        len(usable),
    )

    def decide(at: float) -> list[Verdict]:
        return cast(TextRepeatRule, moved(rule, at)).verdicts(usable, searched.above(at), at, rule.named)

    return Selection(inputs, usable, merged(inputs, decide(rule.threshold), unusable), rule, decide=decide)


def ruled(
    given: Iterable[Any],
    rule: Rule,
    field: str | None,
    within: str | None,
    language: str | None,
    *,
    vectors: ArrayLike | None = None,
    model: str = "",
    seed: int = 0,
    moves: str | None = None,
) -> Selection:
    """Return a selection by one rule that reads no score, or vectors; `moves` names what `at` sets."""
    inputs, usable, unusable = rows_of(given, field, within, language)
    columns = vectors_of(inputs, usable, vectors, model) if model else Columns({})
    return decided(inputs, usable, unusable, rule, columns, seed, moves)


def ranked(
    kind: str,
    amount: str,
    given: Iterable[Any],
    value: float,
    by: str | Sequence[float],
    field: str | None,
    within: str | None,
    language: str | None,
) -> Selection:
    """Return a selection by numbers: a field of the inputs, or one each."""
    name = by if isinstance(by, str) else "score"
    inputs, usable, unusable = rows_of(given, field, within, language)
    columns = Columns({name: numbers_of(name, by, inputs, usable)})
    rule = rule_of(kind, by=name, within=within, **{amount: value})
    return decided(inputs, usable, unusable, rule, columns, 0, amount)


def decided(
    inputs: list[Any],
    usable: list[Row],
    unusable: dict[int, str],
    rule: Rule,
    columns: Columns,
    seed: int,
    moves: str | None,
) -> Selection:
    """Return the selection of a rule on rows and columns."""

    def decide(at: float) -> list[Verdict]:
        return moved(rule, at)(usable, columns, seed) if usable else []

    verdicts = rule(usable, columns, seed) if usable else []
    return Selection(inputs, usable, merged(inputs, verdicts, unusable), rule, columns, decide if moves else None)


def numbers_of(name: str, by: str | Sequence[float], inputs: Sequence[Any], usable: Sequence[Row]) -> Scores:
    """Return a column of numbers: a field of dicts, a group of rows, or one number per input."""
    if not isinstance(by, str) and len(by) != len(inputs):
        raise UsageError(f"by has {len(by)} numbers for {len(inputs)} inputs; give one each")
    ids = {row.id for row in usable}
    found, reasons = {}, {}
    for place, each in enumerate(inputs):
        row_id = each.id if isinstance(each, Row) else str(place)
        if row_id not in ids:
            continue
        if not isinstance(by, str):
            value: Any = by[place]
        else:
            value = each.groups.get(by) if isinstance(each, Row) else lookup(each, by)
        try:
            found[row_id] = float(value)
        except (TypeError, ValueError, OverflowError):
            found[row_id] = float("nan")
        if found[row_id] != found[row_id]:
            reasons[row_id] = f'"{name}" is no number'
    return Scores(name, name, list(found), {name: list(found.values())}, reasons)


def vectors_of(inputs: Sequence[Any], usable: list[Row], vectors: ArrayLike | None, model: str) -> Columns:
    """Return the column of embeddings, as given for each input or made by a model."""
    import numpy as np

    if vectors is None:
        return Columns.of([scored("embedding", usable, model)] if usable else [])
    try:
        found = np.asarray(vectors, dtype=np.float32)
    except ValueError:
        raise UsageError("vectors are of uneven width; give an array of shape (inputs, dimensions)") from None
    if found.ndim != 2 or len(found) != len(inputs):
        raise UsageError(f"vectors have shape {found.shape}; give one per input: ({len(inputs)}, dimensions)")
    ids = {row.id for row in usable}
    names = [each.id if isinstance(each, Row) else str(place) for place, each in enumerate(inputs)]
    places = [place for place, name in enumerate(names) if name in ids]
    return Columns.of([Scores("embedding", "vector", [names[p] for p in places], {"vector": found[places]})])


def scored(kind: str, usable: Sequence[Row], model: str) -> Scores:
    """Ask a model in this process."""
    from homespun.engine.context import Context, Models, Role
    from homespun.models.load import load_model
    from homespun.task import ModelSpec

    spec = ModelSpec(id=model)
    if spec.is_server:
        raise UsageError(f"{model}: servers are asked by `homespun select`, which keeps their answers; or give vectors")
    roles: tuple[Role, ...] = ("writer", "student", "judge", "scorer")
    models = Models(dict.fromkeys(roles, spec), load_model)
    scorer: Any = find_any("scorer", kind)(kind=kind)
    scores: Scores = scorer(usable, Context(None, usable[0].language, 0, models), name=kind)
    return scores
