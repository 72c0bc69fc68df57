"""The rules as functions on lists: texts, dicts or rows in, a Selection out, whose threshold can be moved.

    kept = rouge_l(texts, threshold=0.7).kept
    found = rouge_l(records, 0.7, field="question", floor=0.5)
    found.at(0.6).kept       # decided anew from the pairs found, no text is compared again

What `at` reuses: rules on pairs keep every pair above `floor` (the threshold unless given), rules on
scores keep the scores, D4 and SemDeDup keep the vectors (clusters are made again). Nothing is written and no
input is changed.
"""

from __future__ import annotations

import os
from collections.abc import Iterable, Mapping, Sequence
from typing import TYPE_CHECKING, Any, Literal, cast

from homespun.errors import UsageError
from homespun.records import Verdict
from homespun.select.arms import apply
from homespun.select.base import Columns, group_values
from homespun.select.combine import groups_of
from homespun.select.prototypes import DEDUP_SHARE
from homespun.select.repeats import RepeatRule, TextRepeatRule
from homespun.select.selection import (
    Searched,
    Selection,
    decided,
    merged,
    moved,
    numbers_of,
    paired,
    ranked,
    rows_of,
    rule_of,
    ruled,
    scored,
    vectors_of,
)

if TYPE_CHECKING:
    from numpy.typing import ArrayLike

    from homespun.near.calibrate import Calibration
    from homespun.text.japanese import Tokenizer

Files = str | os.PathLike[str]


def exact(
    rows: Iterable[Any],
    *,
    field: str | None = None,
    language: str | None = None,
) -> Selection:
    """Keep the first of equal texts; case, width and spacing do not count."""
    return ruled(rows, rule_of("exact_duplicates", conflicts="keep_first"), field, None, language)


def rouge_l(
    rows: Iterable[Any],
    threshold: float = 0.7,
    *,
    field: str | None = None,
    within: str | None = None,
    language: str | None = None,
    floor: float | None = None,
    tokenizer: Tokenizer | None = None,
    stem: bool = False,
) -> Selection:
    """Keep texts whose ROUGE-L F with every text kept before them is at most the threshold; exact.

    Args:
        rows: texts, dicts (with `field`) or rows.
        threshold: 0 to 1.
        field: the field, or a template over fields, that holds the text of a dict; `text` unless given.
        within: compare only dicts with the same value of this field, or rows of the same group.
        language: en or ja; of each text by its script unless given.
        floor: how low `at` can go without comparing again, the threshold unless given; a lower one costs more.
            Where rows are alike by the thousand, pairs are held only if a floor is given: else the first `at`
            compares once more.
        tokenizer: how Japanese is cut into words; sudachi unless given.
        stem: compare English words by their Porter stems.

    Raises:
        UsageError: threshold or floor out of range.
    """
    settings = {"threshold": threshold, "within": within, "tokenizer": tokenizer, "stem": stem}
    return paired(rows, cast(TextRepeatRule, rule_of("rouge_l", **settings)), field, language, floor)


def calibrate(
    rows: Iterable[Any],
    *,
    field: str | None = None,
    within: str | None = None,
    language: str | None = None,
    tokenizer: Tokenizer | None = None,
    stem: bool = False,
    sample: int = 1000,
    seed: int = 0,
) -> Calibration:
    """Return how near each row's nearest neighbour is by ROUGE-L, and the threshold that this suggests for rouge_l.

    Args:
        rows: see rouge_l; inputs without a text are left out.
        field: see rouge_l.
        within: see rouge_l.
        language: see rouge_l.
        tokenizer: see rouge_l.
        stem: see rouge_l.
        sample: how many rows are looked at, each beside all others.
        seed: fixes which.

    Raises:
        UsageError: rows have several texts.
    """
    from homespun.near.calibrate import calibrate as look
    from homespun.text.words import compared

    _, usable, _ = rows_of(rows, field, within, language)
    if several := next((row for row in usable if len(row.payload.fields) > 1), None):
        raise UsageError(
            f"calibrate looks at one text of each row, and there are {', '.join(several.payload.fields)}; name one"
            ' (field, --field), or join them by a template: "{a} {b}"'
        )
    tokens = [compared(row.text, row.language, tokenizer=tokenizer, stem=stem) for row in usable]
    groups = None if within is None else group_values(usable, within)
    return look(tokens, groups, sample=sample, seed=seed)


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
    rule = cast(TextRepeatRule, rule_of("minhash", threshold=threshold, within=within))
    return paired(rows, rule, field, language, floor)


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

    rule = rule_of("semantic", threshold=threshold, within=within)
    inputs, usable, unusable = rows_of(rows, field, within, language)
    columns = vectors_of(inputs, usable, vectors, model)
    unit = rule.unit_vectors(usable, columns)  # type: ignore[attr-defined]
    groups = cast(RepeatRule, rule).groups(usable)
    searched = Searched(
        lambda low, most: cosine.pairs(unit, low, groups, most=most),
        lambda at: cosine.greedy(unit, at, groups),
        threshold,
        floor,
        len(usable),
    )
    missing = [place for place, value in enumerate(unit[:, 0].tolist()) if value != value] if len(unit) else []

    def decide(at: float) -> list[Verdict]:
        other = moved(rule, at)
        verdicts = cast(RepeatRule, other).verdicts(usable, searched.above(at), at, "cosine")
        for place in missing:
            verdicts[place] = other.no_vector(usable[place], columns)  # type: ignore[attr-defined]
        return verdicts

    return Selection(inputs, usable, merged(inputs, decide(threshold), unusable), rule, columns, decide)


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
    rule = rule_of("semdedup", threshold=threshold, within=within)
    return ruled(rows, rule, field, within, language, vectors=vectors, model=model, seed=seed, moves="threshold")


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
    """Keep a share of the rows that are unlike each other and not typical (D4); `at` takes another share.

    SemDeDup first leaves 75 % of the rows, or the share where that is more.
    """
    rule = rule_of("d4", share=share, within=within, dedup_share=max(DEDUP_SHARE, share))
    return ruled(rows, rule, field, within, language, vectors=vectors, model=model, seed=seed, moves="share")


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
    rule = rule_of(kinds[part], by="perplexity", share=share, within=within)
    inputs, usable, unusable = rows_of(rows, field, within, language)
    columns = Columns.of([scored("perplexity", usable, model)] if usable else [])
    return decided(inputs, usable, unusable, rule, columns, 0, "share")


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
    return ranked("top", "share", rows, share, by, field, within, language)


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
    return ranked("bottom", "share", rows, share, by, field, within, language)


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
    return ranked("middle", "share", rows, share, by, field, within, language)


def at_least(
    rows: Iterable[Any],
    value: float,
    *,
    by: str | Sequence[float],
    field: str | None = None,
    language: str | None = None,
) -> Selection:
    """Keep rows whose number is at least the value; see top."""
    return ranked("at_least", "value", rows, value, by, field, None, language)


def at_most(
    rows: Iterable[Any],
    value: float,
    *,
    by: str | Sequence[float],
    field: str | None = None,
    language: str | None = None,
) -> Selection:
    """Keep rows whose number is at most the value; see top."""
    return ranked("at_most", "value", rows, value, by, field, None, language)


def random(
    rows: Iterable[Any],
    share: float,
    *,
    field: str | None = None,
    within: str | None = None,
    seed: int = 0,
) -> Selection:
    """Keep a share by lot; `at` takes another share, and a larger draw contains a smaller one."""
    return ruled(rows, rule_of("random", share=share, within=within), field, within, None, seed=seed, moves="share")


def against(
    rows: Iterable[Any],
    files: Files | Sequence[Files],
    *,
    field: str | None = None,
    language: str | None = None,
) -> Selection:
    """Drop what stands in evaluation sets (contamination)."""
    named = [files] if isinstance(files, str | os.PathLike) else list(files)
    rule = rule_of("contamination", against=tuple(os.fspath(name) for name in named))
    return ruled(rows, rule, field, None, language)


def rules(
    rows: Iterable[Any],
    kinds: Sequence[Mapping[str, Any]],
    *,
    field: str | None = None,
    language: str | None = None,
    seed: int = 0,
) -> Selection:
    """Apply rules as a recipe writes them, such as {"kind": "rouge_l", "threshold": 0.7}, one after the other."""
    built = [rule_of(**{"kind": "", **each}) for each in kinds]
    if not built:
        raise UsageError("no rules are given")
    inputs, usable, unusable = rows_of(rows, field, groups_of(built), language)
    names = {by for rule in built for by in rule.needs()}
    columns = Columns({name: numbers_of(name, name, inputs, usable) for name in sorted(names)})
    verdicts = list(apply(built, usable, columns, seed).verdicts)
    return Selection(inputs, usable, merged(inputs, verdicts, unusable), built[-1], columns)
