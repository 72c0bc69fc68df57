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
from collections.abc import Callable, Iterable, Mapping, Sequence
from typing import TYPE_CHECKING, Any, Literal

from homespun.errors import UsageError
from homespun.select.base import Columns, group_values, rule_of
from homespun.select.engine import apply
from homespun.select.rules.combine import groups_of
from homespun.select.rules.prototypes import DEDUP_SHARE
from homespun.select.rules.share import PARTS
from homespun.select.scoring import scored
from homespun.select.selection import Inputs, Selection

if TYPE_CHECKING:
    from numpy.typing import ArrayLike

    from homespun.near.calibrate import Calibration
    from homespun.text.japanese import Tokenizer

Rows = Iterable[Any]  #: texts, dicts or rows
Name = str | None  #: of a field
By = str | Sequence[float]  #: a field that holds numbers, or one number per input
Files = str | os.PathLike[str]


def exact(rows: Rows, *, field: Name = None, language: str | None = None) -> Selection:
    """Keep the first of equal texts; case, width and spacing do not count."""
    return _select("exact_duplicates", {"conflicts": "keep_first"}, rows, field, None, language)


def rouge_l(
    rows: Rows,
    threshold: float = 0.7,
    *,
    field: Name = None,
    within: Name = None,
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
    settings = {"threshold": threshold, "tokenizer": tokenizer, "stem": stem}
    return _select("rouge_l", settings, rows, field, within, language, floor=floor)


def calibrate(
    rows: Rows,
    *,
    field: Name = None,
    within: Name = None,
    language: str | None = None,
    tokenizer: Tokenizer | None = None,
    stem: bool = False,
    sample: int = 1000,
    seed: int = 0,
) -> Calibration:
    """Return how near each row's nearest neighbour is by ROUGE-L, and the threshold that this suggests for rouge_l.

    `sample` rows, drawn by `seed`, are looked at, each beside all others. The other arguments are those of rouge_l;
    inputs without a text are left out.

    Raises:
        UsageError: rows have several texts.
    """
    from homespun.near.calibrate import calibrate as look
    from homespun.text.words import compared

    usable = Inputs.of(rows, field, within, language).rows
    if several := next((row for row in usable if len(row.payload.fields) > 1), None):
        raise UsageError(
            f"calibrate looks at one text of each row, and there are {', '.join(several.payload.fields)}; name one"
            ' (field, --field), or join them by a template: "{a} {b}"'
        )
    tokens = [compared(row.text, row.language, tokenizer=tokenizer, stem=stem) for row in usable]
    groups = None if within is None else group_values(usable, within)
    return look(tokens, groups, sample=sample, seed=seed)


def minhash(
    rows: Rows,
    threshold: float = 0.8,
    *,
    field: Name = None,
    within: Name = None,
    language: str | None = None,
    floor: float | None = None,
) -> Selection:
    """Keep texts whose word shingles are not more than `threshold` those of a text kept before (Jaccard).

    Arguments as of rouge_l. Near copies can be missed with a small chance (near/minhash.py says which).
    """
    return _select("minhash", {"threshold": threshold}, rows, field, within, language, floor=floor)


def semantic(
    rows: Rows,
    threshold: float = 0.95,
    *,
    vectors: ArrayLike | None = None,
    model: str = "embedded",
    field: Name = None,
    within: Name = None,
    language: str | None = None,
    floor: float | None = None,
) -> Selection:
    """Keep rows whose cosine with every row kept before them is at most the threshold; exact.

    `vectors` are one per input, shape (inputs, dimensions); unless given, `model` makes them: embedded, a path, a hub
    id, sentence:PATH_OR_ID, or scripted:FILE. The other arguments are those of rouge_l.
    """
    columns = _vectors(vectors, model)
    return _select("semantic", {"threshold": threshold}, rows, field, within, language, columns, floor=floor)


def semdedup(
    rows: Rows,
    threshold: float = 0.95,
    *,
    vectors: ArrayLike | None = None,
    model: str = "embedded",
    field: Name = None,
    within: Name = None,
    language: str | None = None,
    seed: int = 0,
) -> Selection:
    """Drop what means the same within clusters (SemDeDup); for more rows than `semantic` can compare."""
    columns = _vectors(vectors, model)
    return _select("semdedup", {"threshold": threshold}, rows, field, within, language, columns, seed)


def d4(
    rows: Rows,
    share: float = 0.5,
    *,
    vectors: ArrayLike | None = None,
    model: str = "embedded",
    field: Name = None,
    within: Name = None,
    language: str | None = None,
    seed: int = 0,
) -> Selection:
    """Keep a share of the rows that are unlike each other and not typical (D4); `at` takes another share.

    SemDeDup first leaves 75 % of the rows, or the share where that is more.
    """
    settings = {"share": share, "dedup_share": max(DEDUP_SHARE, share)}
    return _select("d4", settings, rows, field, within, language, _vectors(vectors, model), seed)


def perplexity(
    rows: Rows,
    share: float = 0.5,
    *,
    part: Literal["low", "middle", "high"] = "low",
    model: str = "embedded",
    field: Name = None,
    within: Name = None,
    language: str | None = None,
) -> Selection:
    """Keep the share of texts that are least, middling or most surprising to a model; `at` takes another share."""
    if part not in PARTS:
        raise UsageError(f'part is "{part}"; it is one of {", ".join(PARTS)}')
    settings = {"by": "perplexity", "share": share}
    return _select(
        PARTS[part], settings, rows, field, within, language, lambda inputs: scored("perplexity", inputs.rows, model)
    )


def top(
    rows: Rows, share: float, *, by: By, field: Name = None, within: Name = None, language: str | None = None
) -> Selection:
    """Keep the share with the highest numbers; `by` is a field of the dicts, or one number per input."""
    return _ranked("top", {"share": share}, rows, by, field, within, language)


def bottom(
    rows: Rows, share: float, *, by: By, field: Name = None, within: Name = None, language: str | None = None
) -> Selection:
    """Keep the share with the lowest numbers; see top."""
    return _ranked("bottom", {"share": share}, rows, by, field, within, language)


def middle(
    rows: Rows, share: float, *, by: By, field: Name = None, within: Name = None, language: str | None = None
) -> Selection:
    """Keep the share nearest to the median; see top."""
    return _ranked("middle", {"share": share}, rows, by, field, within, language)


def at_least(rows: Rows, value: float, *, by: By, field: Name = None, language: str | None = None) -> Selection:
    """Keep rows whose number is at least the value; see top."""
    return _ranked("at_least", {"value": value}, rows, by, field, None, language)


def at_most(rows: Rows, value: float, *, by: By, field: Name = None, language: str | None = None) -> Selection:
    """Keep rows whose number is at most the value; see top."""
    return _ranked("at_most", {"value": value}, rows, by, field, None, language)


def random(rows: Rows, share: float, *, field: Name = None, within: Name = None, seed: int = 0) -> Selection:
    """Keep a share by lot; `at` takes another share, and a larger draw contains a smaller one."""
    return _select("random", {"share": share}, rows, field, within, None, seed=seed)


def against(
    rows: Rows, files: Files | Sequence[Files], *, field: Name = None, language: str | None = None
) -> Selection:
    """Drop what stands in evaluation sets (contamination)."""
    named = [files] if isinstance(files, str | os.PathLike) else list(files)
    rule = rule_of("contamination", {"against": tuple(os.fspath(name) for name in named)})
    inputs, none = Inputs.of(rows, field, None, language), Columns({})
    return inputs.selection(rule(inputs.rows, none, 0) if inputs.rows else [], rule, none)


def rules(
    rows: Rows, kinds: Sequence[Mapping[str, Any]], *, field: Name = None, language: str | None = None, seed: int = 0
) -> Selection:
    """Apply rules as a recipe writes them, such as {"kind": "rouge_l", "threshold": 0.7}, one after the other."""
    built = [rule_of(each.get("kind", ""), each) for each in kinds]
    if not built:
        raise UsageError("no rules are given")
    inputs = Inputs.of(rows, field, groups_of(built), language)
    names = sorted({by for rule in built for by in rule.needs()})
    columns = Columns.of(inputs.numbers(name, name) for name in names)
    return inputs.selection(apply(built, inputs.rows, columns, seed).verdicts, built[-1], columns)


Make = Callable[[Inputs], Columns]  #: what a rule reads


def _vectors(vectors: ArrayLike | None, model: str) -> Make:
    return lambda inputs: inputs.vectors(vectors, model)


def _ranked(
    kind: str, amount: Mapping[str, float], rows: Rows, by: By, field: Name, within: Name, language: str | None
) -> Selection:
    name = by if isinstance(by, str) else "score"
    settings = {**amount, "by": name}
    return _select(kind, settings, rows, field, within, language, lambda inputs: Columns.of([inputs.numbers(name, by)]))


def _select(
    kind: str,
    settings: Mapping[str, Any],
    rows: Rows,
    field: Name,
    within: Name,
    language: str | None,
    columns: Make = lambda inputs: Columns({}),
    seed: int = 0,
    floor: float | None = None,
) -> Selection:
    rule, inputs = rule_of(kind, {**settings, "within": within}), Inputs.of(rows, field, within, language)
    return inputs.select(rule, columns(inputs), seed, floor)
