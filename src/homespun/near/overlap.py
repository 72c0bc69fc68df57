"""Does a text repeat a text of an evaluation set? An index of those texts, with one check per kind of copy.

`copy`: equal but for case, width, white space and punctuation. `same words`: the same words in another order.
`n-gram`: a run of 8 words, or 13 characters of Japanese or Chinese, in common (methods.md 2E-5; Brown and others 2020).
`contained`: an evaluation query too short for that, from 5 words or 10 characters, stands in the text as a
whole. `rouge-l`: ROUGE-L above a threshold. Not found: paraphrases and translations; `neighbours` lists the
nearest by embedding for a person to judge. Labels, numbers and other short texts (below 3 words or 6 characters;
answers below 5 or 10) match nothing, and what more than `common` items share, a template or a fixed hypothesis,
belongs to none of them.
"""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from homespun.data.records import Row
from homespun.near.rouge import RougeIndex
from homespun.text.normalise import comparable
from homespun.text.words import words

GRAM = {"ja": 13, "zh": 13}  #: characters; other languages: 8 words
LEAST = {"ja": 10, "zh": 10}  #: characters of a text that is looked for inside others; other languages: 5 words
FEWEST = {"ja": 6, "zh": 6}  #: characters of a query that is compared at all; other languages: 3 words
COMMON = 20  #: evaluation items that may share a text or an n-gram before it counts as a template
ROUGE_L = {"ja": 0.8, "zh": 0.8}  #: other languages: 0.7; short common units make these texts more alike
_SIGNS = re.compile(r"[\W_]+")


class Reference(NamedTuple):
    """One text of an evaluation item."""

    item: str  #: the item as a person finds it: `accuracy/12`, `eval.jsonl:12`
    text: str
    answer: bool = False  #: part of the answer, else of the query


@dataclass(frozen=True, slots=True)
class Overlap:
    """One check that found an evaluation text in a text."""

    check: str
    item: str
    score: float  #: ROUGE-L; for `n-gram` the share of the shorter text's n-grams that both have; else 1
    threshold: float  #: scores above it match
    shown: str = ""  #: words that both have, to read

    @property
    def reason(self) -> str:
        """The finding in words, beginning with the check."""
        told = {
            "copy": f"copies evaluation text {self.item}",
            "same words": f"has the words of evaluation text {self.item} in another order",
            "n-gram": f'shares "{self.shown}" with evaluation text {self.item} ({self.score:.0%} of its n-grams)',
            "contained": f'contains evaluation text {self.item}, "{self.shown}"',
            "rouge-l": f"ROUGE-L {self.score:.2f} with evaluation text {self.item}",
        }
        return f"{self.check}: {told[self.check]}"


class OverlapIndex:
    """Evaluation texts, and what of them stands in a text.

    Args:
        references: the evaluation texts.
        language: en, ja, ...: says what a word is.
        rouge_l: threshold of the ROUGE-L check; default: that of the language; 1: no such check.
        share: least share of n-grams in common, of those of the shorter text; 0: one n-gram is enough.
        common: items that may share a text or n-gram before it counts as a template.
        short_queries: a query of any length that equals a row's query is a copy; right where it is known what
            a query is, wrong where a category or a number may be taken for one.

    Attributes:
        compared: number of different texts in the index.
        too_short: number left out because they are too short to tell anything.
        templates: number left out because more than `common` items share them.
    """

    def __init__(
        self,
        references: Iterable[Reference],
        language: str,
        *,
        rouge_l: float | None = None,
        share: float = 0.0,
        common: int = COMMON,
        short_queries: bool = False,
    ) -> None:
        self.language, self.share, self.common, self.short_queries = language, share, common, short_queries
        self.gram, self.least, self.fewest = GRAM.get(language, 8), LEAST.get(language, 5), FEWEST.get(language, 3)
        self.compared = self.too_short = self.templates = 0
        self._items: list[str] = []
        self._gram_counts: list[int] = []
        self._copies: dict[str, int] = {}
        self._short: dict[str, int] = {}  #: queries that only another query can copy
        self._bags: dict[str, int] = {}  #: words, or characters of Japanese, in the order of the alphabet
        self._grams: dict[str, list[int]] = {}
        self._whole: dict[str, int] = {}
        self._sizes: set[int] = set()  #: lengths of the texts in `_whole`
        self._rouge_l = ROUGE_L.get(language, 0.7) if rouge_l is None else rouge_l
        self._rouge = RougeIndex(self._rouge_l)
        self._build(references)

    def _build(self, references: Iterable[Reference]) -> None:
        texts: dict[tuple[str, bool], Reference] = {}
        items: dict[tuple[str, bool], set[str]] = {}
        for reference in references:
            key = (_plain(reference.text), reference.answer)
            texts.setdefault(key, reference)
            items.setdefault(key, set()).add(reference.item)
        for (plain, answer), reference in texts.items():
            tokens = self._tokens(reference.text)
            size = _weight(tokens)
            if not plain or size < (self.least if answer else self._fewest(answer)):
                self.too_short += 1
            elif len(items[plain, answer]) > self.common:
                self.templates += 1
            else:
                self.compared += 1
                self._add(reference, plain, tokens, size)
        for gram in [gram for gram, holders in self._grams.items() if len(holders) > self.common]:
            del self._grams[gram]

    def _add(self, reference: Reference, plain: str, tokens: list[str], size: int) -> None:
        number = len(self._items)
        self._items.append(reference.item)
        grams = set(_runs(tokens, self.gram))
        self._gram_counts.append(len(grams))
        if size < self.least:
            self._short.setdefault(plain, number)
            return
        self._copies.setdefault(plain, number)
        for gram in grams:
            self._grams.setdefault(gram, []).append(number)
        if len(tokens) < self.gram and not reference.answer:
            self._whole.setdefault(" ".join(tokens), number)
            self._sizes.add(len(tokens))
        self._bags.setdefault(" ".join(sorted(tokens)), number)
        if self._rouge_l < 1:
            self._rouge.add(str(number), words(reference.text, self.language))

    def first(self, text: str, *, answer: bool = False) -> Overlap | None:
        """Return what the first check finds that finds something, in the order of the module's text."""
        return next(self.matches(text, answer=answer), None)

    def matches(self, text: str, *, answer: bool = False) -> Iterator[Overlap]:
        """Return what each check finds, at most one match each, the best; made as they are asked for.

        Args:
            text: one text of a row.
            answer: it is the row's answer: a short query that it equals is no match.
        """
        tokens, plain = self._tokens(text), _plain(text)
        size = _weight(tokens)
        if size < self._fewest(answer):
            return
        number = self._copies.get(plain)
        if number is None and not answer:
            number = self._short.get(plain)
        if number is not None:
            yield Overlap("copy", self._items[number], 1.0, 0.0)
        if size < self.least:
            return
        number = self._bags.get(" ".join(sorted(tokens)))
        if number is not None:
            yield Overlap("same words", self._items[number], 1.0, 0.0)
        yield from self._shared(tokens)
        yield from self._inside(tokens)
        near = self._rouge.nearest(words(text, self.language) if self.language in GRAM else tokens)
        if near is not None:
            yield Overlap("rouge-l", self._items[int(near[0])], near[1], self._rouge_l)

    def of_row(self, row: Row) -> Overlap | None:
        """Return what is found first in a row's fields, then in its output."""
        queries = (self.first(text) for text in row.payload.fields.values())
        return next(filter(None, queries), None) or self.first(row.payload.output, answer=True)

    def _fewest(self, answer: bool) -> int:
        """Return the least size of a text that is compared at all."""
        return 0 if self.short_queries and not answer else self.fewest

    def _shared(self, tokens: list[str]) -> Iterator[Overlap]:
        grams = dict.fromkeys(_runs(tokens, self.gram))
        hits: Counter[int] = Counter()
        shown: dict[int, str] = {}
        for gram in grams:
            for number in self._grams.get(gram, ()):
                hits[number] += 1
                shown.setdefault(number, gram)
        shares = {number: count / min(len(grams), self._gram_counts[number]) for number, count in hits.items()}
        if not shares:
            return
        number = max(shares, key=lambda number: (shares[number], -number))
        if shares[number] > self.share:
            yield Overlap("n-gram", self._items[number], shares[number], self.share, self._spaced(shown[number]))

    def _inside(self, tokens: list[str]) -> Iterator[Overlap]:
        for size in sorted(self._sizes, reverse=True):
            for run in _runs(tokens, size):
                if run in self._whole:
                    yield Overlap("contained", self._items[self._whole[run]], 1.0, 0.0, self._spaced(run))
                    return

    def _tokens(self, text: str) -> list[str]:
        """Return what n-grams are made of: words, or the characters of Japanese or Chinese without signs."""
        return list(_plain(text)) if self.language in GRAM else words(text, self.language)

    def _spaced(self, run: str) -> str:
        return run.replace(" ", "") if self.language in GRAM else run


class Neighbour(NamedTuple):
    """A row and the evaluation text nearest to it."""

    row: int
    reference: int
    cosine: float


def neighbours(rows: NDArray[np.float32], references: NDArray[np.float32], count: int = 20) -> list[Neighbour]:
    """Return the `count` rows whose nearest evaluation text is nearest, the most alike first, for reading.

    A cosine is no proof of a copy, so this never drops anything. Vectors of nan, or of length 0, are left out.

    Args:
        rows: embeddings, rows x dimensions.
        references: embeddings of the evaluation texts, by the same model.
        count: length of the list.
    """
    ours, theirs = _normalised(rows), _normalised(references)
    if not len(ours) or not len(theirs):
        return []
    best = np.concatenate([_nearest(ours[at : at + 1024], theirs) for at in range(0, len(ours), 1024)])
    order = sorted(range(len(best)), key=lambda row: (-best[row, 0], row))
    chosen = [row for row in order if best[row, 0] > -np.inf][:count]
    return [Neighbour(row, int(best[row, 1]), float(best[row, 0])) for row in chosen]


def _normalised(vectors: NDArray[np.float32]) -> NDArray[np.float32]:
    lengths = np.linalg.norm(vectors, axis=1, keepdims=True)
    found: NDArray[np.float32] = np.divide(vectors, lengths, out=np.full_like(vectors, np.nan), where=lengths > 0)
    return found


def _nearest(block: NDArray[np.float32], theirs: NDArray[np.float32]) -> NDArray[np.float64]:
    """Return, per row of a block, its highest cosine (-inf for none) and with which vector."""
    cosines = block @ theirs.T
    cosines[np.isnan(cosines)] = -np.inf
    place = cosines.argmax(axis=1)
    return np.column_stack([cosines[np.arange(len(block)), place], place]).astype(np.float64)


def _plain(text: str) -> str:
    """Return a text without case, width, white space and punctuation; the text as it is if nothing is left."""
    kept = comparable(text)
    return _SIGNS.sub("", kept) or kept


def _weight(tokens: Iterable[str]) -> int:
    """Return how many tokens are no number."""
    return sum(not token.isnumeric() for token in tokens)


def _runs(tokens: Sequence[str], size: int) -> list[str]:
    return [" ".join(tokens[start : start + size]) for start in range(len(tokens) - size + 1)]
