"""Checks on the review sentences that the `sentiment` recipe is measured on.

The set is small, so each property that could flatter a model is pinned: balance, overlap between the splits,
near duplicates, repeated openings, and labels that leak through style or length. Words may give the label away,
as they do in ordinary reviews.
"""

from __future__ import annotations

import json
import re
from collections import Counter
from itertools import combinations
from pathlib import Path
from statistics import mean
from typing import NamedTuple

import pytest

DATA = Path(__file__).resolve().parents[2] / "src" / "homespun" / "recipes" / "data"
LABELS = ("negative", "positive")
# style -> rows for each label in (dev, test)
STYLES = {
    "plain": (35, 87),
    "negation": (7, 18),
    "mixed": (7, 18),
    "irony": (4, 9),
    "understated": (2, 6),
    "informal": (3, 6),
    "comparative": (1, 3),
    "detail": (1, 3),
}
# percent of each split and label; "other" is comparative and detail together
SHARES = {"plain": 58, "negation": 12, "mixed": 12, "irony": 6, "understated": 4, "informal": 4, "other": 4}
SIZES = {"dev": 120, "test": 300}
MAX_ROUGE_L = 0.6


class Review(NamedTuple):
    id: str
    text: str
    label: str
    style: str
    words: tuple[str, ...]


def words_of(text: str) -> tuple[str, ...]:
    return tuple(re.findall(r"\w+(?:['\-]\w+)*", text.lower()))


def read_split(split: str) -> list[Review]:
    rows = []
    for line in (DATA / f"reviews_{split}.jsonl").read_text(encoding="utf-8").splitlines():
        row = json.loads(line)
        assert list(row) == ["id", "review", "label", "style"]
        rows.append(Review(row["id"], row["review"], row["label"], row["style"], words_of(row["review"])))
    return rows


DEV, TEST = read_split("dev"), read_split("test")
SPLITS = {"dev": DEV, "test": TEST}
ALL = DEV + TEST


def lcs_length(a: tuple[str, ...], b: tuple[str, ...]) -> int:
    """Length of the longest common subsequence of two word lists."""
    row = [0] * (len(b) + 1)
    for x in a:
        diagonal = 0
        for j, y in enumerate(b, start=1):
            above = row[j]
            row[j] = diagonal + 1 if x == y else max(above, row[j - 1])
            diagonal = above
    return row[-1]


def rouge_l(a: tuple[str, ...], b: tuple[str, ...], floor: float = 0.0) -> float:
    """ROUGE-L F1; 0.0 where the words in common already show that it is below `floor`."""
    total = len(a) + len(b)
    if 2 * (Counter(a) & Counter(b)).total() < floor * total:
        return 0.0
    return 2 * lcs_length(a, b) / total


@pytest.mark.parametrize("split", SPLITS)
def test_counts_and_ids(split: str) -> None:
    rows = SPLITS[split]
    assert [r.id for r in rows] == [f"{split}-{i:03d}" for i in range(1, SIZES[split] + 1)]
    assert Counter(r.label for r in rows) == dict.fromkeys(LABELS, SIZES[split] // 2)


@pytest.mark.parametrize("label", LABELS)
@pytest.mark.parametrize("split", SPLITS)
def test_styles_are_the_same_for_both_labels(split: str, label: str) -> None:
    styles = Counter(r.style for r in SPLITS[split] if r.label == label)
    assert styles == {style: counts[list(SPLITS).index(split)] for style, counts in STYLES.items()}


@pytest.mark.parametrize("label", LABELS)
@pytest.mark.parametrize("split", SPLITS)
def test_style_shares(split: str, label: str) -> None:
    rows = [r for r in SPLITS[split] if r.label == label]
    styles = Counter("other" if r.style in ("comparative", "detail") else r.style for r in rows)
    assert styles.keys() == SHARES.keys()
    # whole rows: each count is the nearest one above or below its share
    assert all(abs(styles[style] - share * len(rows) / 100) < 1 for style, share in SHARES.items())


@pytest.mark.parametrize("split", SPLITS)
def test_labels_are_shuffled(split: str) -> None:
    labels = [r.label for r in SPLITS[split]]
    blocks = re.findall(r"n+|p+", "".join(label[0] for label in labels))
    assert max(map(len, blocks)) <= 8


def test_files_are_plain_utf8_lines() -> None:
    for split in SPLITS:
        raw = (DATA / f"reviews_{split}.jsonl").read_bytes()
        assert raw.endswith(b"\n") and b"\r" not in raw and b"\\u" not in raw


def test_texts_are_clean_and_unique() -> None:
    assert len({r.id for r in ALL}) == len(ALL)
    assert all(r.text == " ".join(r.text.split()) for r in ALL)
    assert not [r.id for r in ALL if re.search("[\u2018\u2019\u201c\u201d]", r.text)]
    repeated = [text for text, n in Counter(" ".join(r.words) for r in ALL).items() if n > 1]
    assert not repeated


def test_dev_and_test_do_not_overlap() -> None:
    assert not {" ".join(r.words) for r in DEV} & {" ".join(r.words) for r in TEST}


def test_rouge_l_on_known_pairs() -> None:
    assert lcs_length(tuple("abcbdab"), tuple("bdcaba")) == 4
    assert rouge_l(("a", "b"), ("a", "b")) == 1.0
    assert rouge_l(("a", "b"), ("b", "a")) == 0.5
    assert rouge_l(("a", "b"), ("c", "d"), floor=0.1) == 0.0


def test_no_near_duplicates() -> None:
    pairs = combinations(ALL, 2)
    assert not [(a.id, b.id) for a, b in pairs if rouge_l(a.words, b.words, MAX_ROUGE_L) >= MAX_ROUGE_L]


def test_openings_repeat_at_most_twice() -> None:
    openings = Counter(r.words[:4] for r in ALL)
    assert not [" ".join(opening) for opening, n in openings.items() if n > 2]


@pytest.mark.parametrize("split", SPLITS)
def test_length_says_nothing_about_the_label(split: str) -> None:
    lengths = {label: sorted(len(r.words) for r in SPLITS[split] if r.label == label) for label in LABELS}
    for values in lengths.values():
        assert values[0] >= 4 and values[-1] <= 35
        assert 15 <= mean(values) <= 17
    assert abs(mean(lengths["positive"]) - mean(lengths["negative"])) < 0.75
    # the sorted lengths, paired off, differ by little: the whole distribution matches, not only its mean
    assert mean(abs(p - n) for p, n in zip(lengths["positive"], lengths["negative"], strict=True)) < 1.5
