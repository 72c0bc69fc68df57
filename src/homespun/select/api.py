"""The rules as functions on lists: texts, dicts or rows in, a Selection out, whose threshold can be moved.

    kept = rouge_l(texts, threshold=0.7).kept
    found = rouge_l(records, 0.7, field="question", floor=0.5)
    found.at(0.6).kept       # decided anew from the pairs found, no text is compared again

What `at` reuses: rules on pairs keep every pair above `floor`, rules on scores keep the scores, D4 and SemDeDup
keep the vectors (clusters are made again). Nothing is written and no input is changed.
"""

from __future__ import annotations

import os
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any, Literal, cast

from pydantic import ValidationError

from homespun.dataset.text import TextOf, lookup
from homespun.errors import UsageError
from homespun.near.pairs import Pairs, Repeats, greedy
from homespun.records import Labelled, Lineage, Row, Scores, Verdict
from homespun.registry import lookup as find_kind
from homespun.select.arms import apply
from homespun.select.base import Columns, Rule
from homespun.select.repeats import RepeatRule
from homespun.text.normalise import script_share

if TYPE_CHECKING:
    from numpy.typing import ArrayLike

    from homespun.select.audit import SetReport

UNUSABLE = "unusable"  #: rule named by the verdict on an input without a text
Decide = Callable[[float], list[Verdict]]
Files = str | os.PathLike[str]


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
        return Selection(self.inputs, self.rows, verdicts, _moved(self.rule, threshold), self.columns, self.decide)

    def report(self) -> SetReport:
        """Return diversity before and after, and the rows nearest to the threshold (see audit.set_report)."""
        from homespun.select.audit import set_report

        usable = {row.id for row in self.rows}
        verdicts = [verdict for verdict in self.verdicts if verdict.row_id in usable]
        kept = [verdict.row_id for verdict in verdicts if verdict.keep]
        return set_report(self.rows, kept, self.columns, verdicts, rules=(self.rule,))


def exact(
    rows: Iterable[Any],
    *,
    field: str | None = None,
    language: str | None = None,
) -> Selection:
    """Keep the first of equal texts; case, width and spacing do not count."""
    return _ruled(rows, _rule("exact_duplicates", conflicts="keep_first"), field, None, language)


def rouge_l(
    rows: Iterable[Any],
    threshold: float = 0.7,
    *,
    field: str | None = None,
    within: str | None = None,
    language: str | None = None,
    floor: float | None = None,
) -> Selection:
    """Keep texts whose ROUGE-L F with every text kept before them is at most the threshold; exact.

    Args:
        rows: texts, dicts (with `field`) or rows.
        threshold: 0 to 1.
        field: the field, or a template over fields, that holds the text of a dict; `text` unless given.
        within: compare only dicts with the same value of this field, or rows of the same group.
        language: en or ja; by the script of the texts unless given.
        floor: how low `at` can go without a new search; a lower one costs more. The threshold unless given.

    Raises:
        UsageError: threshold or floor out of range.
    """
    from homespun.near.rouge import pairs
    from homespun.text.words import words

    def find(found: Sequence[Row], rule: RepeatRule, low: float) -> Pairs:
        return pairs([words(row.text, row.language) for row in found], low, rule.groups(found))

    rule = cast(RepeatRule, _rule("rouge_l", threshold=threshold, within=within))
    return _paired(rows, rule, "ROUGE-L", find, field, language, floor)


def minhash(
    rows: Iterable[Any],
    threshold: float = 0.8,
    *,
    field: str | None = None,
    within: str | None = None,
    language: str | None = None,
    floor: float | None = None,
) -> Selection:
    """Keep texts whose word shingles are not more than `threshold` those of a text kept before (Jaccard).

    Arguments as of rouge_l. Near copies can be missed with a small chance (near/minhash.py says which).
    """
    from homespun.near.minhash import pairs
    from homespun.text.words import words

    def find(found: Sequence[Row], rule: RepeatRule, low: float) -> Pairs:
        tokens = (words(row.text, row.language) or row.text.split() for row in found)
        return pairs(tokens, low, rule.groups(found))

    rule = cast(RepeatRule, _rule("minhash", threshold=threshold, within=within))
    return _paired(rows, rule, "Jaccard similarity", find, field, language, floor)


def semantic(
    rows: Iterable[Any],
    threshold: float = 0.95,
    *,
    vectors: ArrayLike | None = None,
    model: str = "embedded",
    field: str | None = None,
    within: str | None = None,
    language: str | None = None,
    floor: float | None = None,
) -> Selection:
    """Keep rows whose cosine with every row kept before them is at most the threshold; exact.

    Args:
        rows: texts, dicts (with `field`) or rows.
        threshold: 0 to 1.
        vectors: one per input, shape (inputs, dimensions); made by `model` unless given.
        model: embedded, a path, a hub id, sentence:PATH_OR_ID, or scripted:FILE.
        field: see rouge_l.
        within: see rouge_l.
        language: see rouge_l.
        floor: see rouge_l.
    """
    from homespun.near import cosine

    rule = _rule("semantic", threshold=threshold, within=within)
    inputs, usable, unusable = _rows(rows, field, within, language)
    columns = _vectors(inputs, usable, vectors, model)
    unit = rule.unit_vectors(usable, columns)  # type: ignore[attr-defined]
    groups = cast(RepeatRule, rule).groups(usable)
    searched = _Searched(lambda low: cosine.pairs(unit, low, groups), threshold, floor)
    missing = [place for place, value in enumerate(unit[:, 0].tolist()) if value != value] if len(unit) else []

    def decide(at: float) -> list[Verdict]:
        moved = _moved(rule, at)
        verdicts = cast(RepeatRule, moved).verdicts(usable, searched.above(at), at, "cosine")
        for place in missing:
            verdicts[place] = moved.no_vector(usable[place], columns)  # type: ignore[attr-defined]
        return verdicts

    return Selection(inputs, usable, _merged(inputs, decide(threshold), unusable), rule, columns, decide)


def semdedup(
    rows: Iterable[Any],
    threshold: float = 0.95,
    *,
    vectors: ArrayLike | None = None,
    model: str = "embedded",
    field: str | None = None,
    within: str | None = None,
    language: str | None = None,
    seed: int = 0,
) -> Selection:
    """Drop what means the same within clusters (SemDeDup); for more rows than `semantic` can compare."""
    rule = _rule("semdedup", threshold=threshold, within=within)
    return _ruled(rows, rule, field, within, language, vectors=vectors, model=model, seed=seed, moves="threshold")


def d4(
    rows: Iterable[Any],
    share: float = 0.5,
    *,
    vectors: ArrayLike | None = None,
    model: str = "embedded",
    field: str | None = None,
    within: str | None = None,
    language: str | None = None,
    seed: int = 0,
) -> Selection:
    """Keep a share of the rows that are unlike each other and not typical (D4); `at` takes another share."""
    rule = _rule("d4", share=share, within=within)
    return _ruled(rows, rule, field, within, language, vectors=vectors, model=model, seed=seed, moves="share")


def perplexity(
    rows: Iterable[Any],
    share: float = 0.5,
    *,
    part: Literal["low", "middle", "high"] = "low",
    model: str = "embedded",
    field: str | None = None,
    within: str | None = None,
    language: str | None = None,
) -> Selection:
    """Keep the share of texts that are least, middling or most surprising to a model; `at` takes another share."""
    kinds = {"low": "bottom", "middle": "middle", "high": "top"}
    if part not in kinds:
        raise UsageError(f'part is "{part}"; it is one of {", ".join(kinds)}')
    rule = _rule(kinds[part], by="perplexity", share=share, within=within)
    inputs, usable, unusable = _rows(rows, field, within, language)
    columns = Columns.of([_scored("perplexity", usable, model)] if usable else [])
    return _decided(inputs, usable, unusable, rule, columns, 0, "share")


def top(
    rows: Iterable[Any],
    share: float,
    *,
    by: str | Sequence[float],
    field: str | None = None,
    within: str | None = None,
    language: str | None = None,
) -> Selection:
    """Keep the share with the highest numbers; `by` is a field of the dicts, or one number per input."""
    return _ranked("top", "share", rows, share, by, field, within, language)


def bottom(
    rows: Iterable[Any],
    share: float,
    *,
    by: str | Sequence[float],
    field: str | None = None,
    within: str | None = None,
    language: str | None = None,
) -> Selection:
    """Keep the share with the lowest numbers; see top."""
    return _ranked("bottom", "share", rows, share, by, field, within, language)


def middle(
    rows: Iterable[Any],
    share: float,
    *,
    by: str | Sequence[float],
    field: str | None = None,
    within: str | None = None,
    language: str | None = None,
) -> Selection:
    """Keep the share nearest to the median; see top."""
    return _ranked("middle", "share", rows, share, by, field, within, language)


def at_least(
    rows: Iterable[Any],
    value: float,
    *,
    by: str | Sequence[float],
    field: str | None = None,
    language: str | None = None,
) -> Selection:
    """Keep rows whose number is at least the value; see top."""
    return _ranked("at_least", "value", rows, value, by, field, None, language)


def at_most(
    rows: Iterable[Any],
    value: float,
    *,
    by: str | Sequence[float],
    field: str | None = None,
    language: str | None = None,
) -> Selection:
    """Keep rows whose number is at most the value; see top."""
    return _ranked("at_most", "value", rows, value, by, field, None, language)


def random(
    rows: Iterable[Any],
    share: float,
    *,
    field: str | None = None,
    within: str | None = None,
    seed: int = 0,
) -> Selection:
    """Keep a share by lot; `at` takes another share, and a larger draw contains a smaller one."""
    return _ruled(rows, _rule("random", share=share, within=within), field, within, None, seed=seed, moves="share")


def against(
    rows: Iterable[Any],
    files: Files | Sequence[Files],
    *,
    field: str | None = None,
    language: str | None = None,
) -> Selection:
    """Drop what stands in evaluation sets (contamination)."""
    named = [files] if isinstance(files, str | os.PathLike) else list(files)
    rule = _rule("contamination", against=tuple(os.fspath(name) for name in named))
    return _ruled(rows, rule, field, None, language)


def rules(
    rows: Iterable[Any],
    kinds: Sequence[Mapping[str, Any]],
    *,
    field: str | None = None,
    within: str | None = None,
    language: str | None = None,
    seed: int = 0,
) -> Selection:
    """Apply rules as a recipe writes them, such as {"kind": "rouge_l", "threshold": 0.7}, one after the other."""
    built = [_rule(**{"kind": "", **each}) for each in kinds]
    if not built:
        raise UsageError("no rules are given")
    inputs, usable, unusable = _rows(rows, field, within, language)
    names = {by for rule in built for by in rule.needs()}
    columns = Columns({name: _numbers(name, name, inputs, usable) for name in sorted(names)})
    verdicts = list(apply(built, usable, columns, seed).verdicts)
    return Selection(inputs, usable, _merged(inputs, verdicts, unusable), built[-1], columns)


# Between the functions and the rules


def _rule(kind: str, **settings: Any) -> Rule:
    """Return a rule; settings that are None are left to its defaults."""
    try:
        given = {name: value for name, value in settings.items() if value is not None}
        return cast(Rule, find_kind("rule", kind).model_validate(given))
    except ValidationError as error:
        first = error.errors()[0]
        place = ".".join(map(str, first["loc"])) or kind
        got = f" (got {first['input']!r})" if isinstance(first["input"], str | int | float) else ""
        raise UsageError(f"{place}: {first['msg'].removeprefix('Value error, ')}{got}") from None


def _moved(rule: Rule, value: float) -> Rule:
    """Return a rule with another threshold, share or value."""
    name = next(name for name in ("threshold", "share", "value") if getattr(rule, name, None) is not None)
    return _rule(**{**{key: getattr(rule, key) for key in type(rule).model_fields}, name: value})


Rows = tuple[list[Any], list[Row], dict[int, str]]


def _rows(given: Iterable[Any], field: str | None, within: str | None, language: str | None) -> Rows:
    """Return the inputs, the rows of those with a text, and what is wrong with the others by position."""
    if isinstance(given, str | Mapping):
        raise UsageError("rows are a list of texts, dicts or rows; got one")
    inputs, text = list(given), TextOf(field or "text")
    texts: list[tuple[int, str, dict[str, str]]] = []
    rows: dict[int, Row] = {}
    unusable: dict[int, str] = {}
    for place, each in enumerate(inputs):
        if isinstance(each, Row):
            rows[place] = each
            continue
        value, problem = _text(each, text)
        groups = {}
        if within is not None and not problem:
            found = lookup(each, within) if isinstance(each, Mapping) else None
            if isinstance(found, str | int | float):
                groups[within] = str(found)
            else:
                problem = f'has no field "{within}"'
        if problem:
            unusable[place] = problem
        else:
            texts.append((place, value, groups))
    if language is None and texts:
        first = [script_share(value, "ja") for _, value, _ in texts[:200]]
        language = "ja" if sum(first) / len(first) > 0.5 else "en"
    for place, value, groups in texts:
        lineage = Lineage("list", str(place))
        rows[place] = Row(str(place), Labelled({text.key: value}, ""), language or "en", groups, lineage)
    return inputs, [rows[place] for place in sorted(rows)], unusable


def _text(each: Any, text: TextOf) -> tuple[str, str]:
    if isinstance(each, Mapping):
        return text(each)
    if isinstance(each, str):
        return (each, "") if each.strip() else ("", "is empty")
    return "", f"is no text, dict or row but {type(each).__name__}"


def _merged(inputs: Sequence[Any], decided: Sequence[Verdict], unusable: Mapping[int, str]) -> list[Verdict]:
    waiting = iter(decided)
    return [
        Verdict(str(place), False, UNUSABLE, reason=unusable[place]) if place in unusable else next(waiting)
        for place in range(len(inputs))
    ]


class _Searched:
    """Pairs above a floor, searched again only when a lower threshold is asked for."""

    def __init__(self, find: Callable[[float], Pairs], threshold: float, floor: float | None) -> None:
        if floor is not None and not 0 <= floor <= threshold:
            raise UsageError(f"floor is {floor}; it must lie between 0 and the threshold, {threshold}")
        self.find, self.pairs = find, find(threshold if floor is None else floor)

    def above(self, threshold: float) -> Repeats:
        if threshold < self.pairs.floor:
            self.pairs = self.find(threshold)
        return greedy(self.pairs, threshold)


def _paired(
    given: Iterable[Any],
    rule: RepeatRule,
    measure: str,
    find: Callable[[Sequence[Row], RepeatRule, float], Pairs],
    field: str | None,
    language: str | None,
    floor: float | None,
) -> Selection:
    threshold: float = rule.threshold  # type: ignore[attr-defined]
    inputs, usable, unusable = _rows(given, field, rule.within, language)
    searched = _Searched(lambda low: find(usable, rule, low), threshold, floor)

    def decide(at: float) -> list[Verdict]:
        moved = cast(RepeatRule, _moved(rule, at))
        return moved.verdicts(usable, searched.above(at), at, measure)

    return Selection(inputs, usable, _merged(inputs, decide(threshold), unusable), rule, decide=decide)


def _ruled(
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
    inputs, usable, unusable = _rows(given, field, within, language)
    columns = _vectors(inputs, usable, vectors, model) if model else Columns({})
    return _decided(inputs, usable, unusable, rule, columns, seed, moves)


def _ranked(
    kind: str,
    amount: str,
    given: Iterable[Any],
    value: float,
    by: str | Sequence[float],
    field: str | None,
    within: str | None,
    language: str | None,
) -> Selection:
    name = by if isinstance(by, str) else "score"
    inputs, usable, unusable = _rows(given, field, within, language)
    columns = Columns({name: _numbers(name, by, inputs, usable)})
    rule = _rule(kind, by=name, within=within, **{amount: value})
    return _decided(inputs, usable, unusable, rule, columns, 0, amount)


def _decided(
    inputs: list[Any],
    usable: list[Row],
    unusable: dict[int, str],
    rule: Rule,
    columns: Columns,
    seed: int,
    moves: str | None,
) -> Selection:
    def decide(at: float) -> list[Verdict]:
        return _moved(rule, at)(usable, columns, seed) if usable else []

    verdicts = rule(usable, columns, seed) if usable else []
    return Selection(inputs, usable, _merged(inputs, verdicts, unusable), rule, columns, decide if moves else None)


def _numbers(name: str, by: str | Sequence[float], inputs: Sequence[Any], usable: Sequence[Row]) -> Scores:
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
        except (TypeError, ValueError):
            found[row_id] = float("nan")
        if found[row_id] != found[row_id]:
            reasons[row_id] = f'"{name}" is no number'
    return Scores(name, name, list(found), {name: list(found.values())}, reasons)


def _vectors(inputs: Sequence[Any], usable: list[Row], vectors: ArrayLike | None, model: str) -> Columns:
    """Return the column of embeddings, as given for each input or made by a model."""
    import numpy as np

    if vectors is None:
        return Columns.of([_scored("embedding", usable, model)] if usable else [])
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


def _scored(kind: str, usable: Sequence[Row], model: str) -> Scores:
    """Ask a model in this process."""
    from homespun.engine.context import Context, Models, Role
    from homespun.models.load import load_model
    from homespun.task import ModelSpec

    spec = ModelSpec(id=model)
    if spec.is_server:
        raise UsageError(f"{model}: servers are asked by `homespun select`, which keeps their answers; or give vectors")
    roles: tuple[Role, ...] = ("writer", "student", "judge", "scorer")
    models = Models(dict.fromkeys(roles, spec), load_model)
    scorer: Any = find_kind("scorer", kind)(kind=kind)
    scores: Scores = scorer(usable, Context(None, usable[0].language, 0, models), name=kind)
    return scores
