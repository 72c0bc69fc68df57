"""A corpus on disk: `documents.jsonl`, `questions.jsonl`, and `card.json` that says what they are.

The card is taken away first and written last, with the hash of both files: a folder with a card is whole.
"""

from __future__ import annotations

import hashlib
from collections import Counter
from pathlib import Path

from homespun.data.records import JSONDict
from homespun.data.store import Store, disk_errors
from homespun.data.write import json_line
from homespun.errors import StoreError
from homespun.sources.corpus.builder import SPLITS, Corpus, build, pool_sizes
from homespun.sources.corpus.check import FACTS, check
from homespun.text.tokens import TOKEN_RULE, count_tokens

CARD = "card.json"
FILES = ("documents.jsonl", "questions.jsonl")


def make(folder: Path, language: str = "en", documents: int = 50, seed: int = 0) -> list[str]:
    """Build a corpus, check it, write it to a folder and return what to tell the user.

    Raises:
        UsageError: see build.
        StoreError: the folder holds other files, or cannot be written.
        DegenerateError: see check.
    """
    _refuse_others(folder)
    corpus = build(language, documents, seed)
    check(corpus)
    contents = {
        name: b"".join(map(json_line, rows))
        for name, rows in zip(FILES, (corpus.documents, corpus.questions), strict=True)
    }
    card = describe(corpus)
    card["sha256"] = {name: hashlib.sha256(data).hexdigest() for name, data in contents.items()}
    store = Store(folder)
    with disk_errors(folder):
        (folder / CARD).unlink(missing_ok=True)
    for name, data in contents.items():
        store.write_bytes(name, data)
    store.write_json(CARD, card)
    return _summary(card, folder)


def describe(corpus: Corpus) -> JSONDict:
    """Return what the card says: seed, language, counts, tokens, and the chance of guessing each answer."""
    tokens = [count_tokens(document["text"], corpus.language) for document in corpus.documents]
    categories = Counter(document["category"] for document in corpus.documents)
    splits = Counter(question["split"] for question in corpus.questions)
    pools = {category: slots for category, slots in pool_sizes(corpus.language).items() if category in categories}
    return {
        "kind": "corpus",
        "language": corpus.language,
        "seed": corpus.seed,
        "documents": len(corpus.documents),
        "categories": dict(categories),
        "questions": {split: splits[split] for split in SPLITS},
        "tokens": {
            "counted": TOKEN_RULE[corpus.language],
            "mean": round(sum(tokens) / len(tokens), 1),
            "least": min(tokens),
            "most": max(tokens),
        },
        "chance": {
            category: {attribute: 1 / size for attribute, size in slots.items()} for category, slots in pools.items()
        },
        "chance_mean": _mean_chance(pools, categories),
        "chance_among_answers": {category: 1 / count for category, count in categories.items()},
    }


def _mean_chance(pools: dict[str, dict[str, int]], categories: Counter[str]) -> dict[str, float]:
    """Return the expected accuracy of guesses from the pools over all questions, forward and reversed."""
    total = sum(categories.values())
    forward = [
        count * sum(1 / size for attribute, size in pools[category].items() if attribute != "subject")
        for category, count in categories.items()
    ]
    reverse = [count / pools[category]["subject"] for category, count in categories.items()]
    return {"forward": sum(forward) / (FACTS * total), "reverse": sum(reverse) / total}


def _refuse_others(folder: Path) -> None:
    """Raise StoreError unless the folder is missing, empty, or holds a corpus and nothing else."""
    with disk_errors(folder):
        if not folder.exists():
            return
        if not folder.is_dir():
            raise StoreError(f"{folder} is a file; choose another --out")
        ours = {CARD, *FILES}
        others = sorted(path.name for path in folder.iterdir() if path.name.removesuffix(".tmp") not in ours)
    if others:
        raise StoreError(f"{folder} holds other files ({', '.join(others[:3])}); choose an empty folder with --out")


def _summary(card: JSONDict, folder: Path) -> list[str]:
    tokens, questions = card["tokens"], card["questions"]
    lines = [
        f"{card['documents']} documents in {folder}: {tokens['mean']} tokens on average"
        f" ({tokens['least']} to {tokens['most']}; {tokens['counted']})",
        f"{questions['test']} test questions, {questions['train']} training questions in other words,"
        f" {questions['reverse']} reversed",
        "chance of guessing an answer: 1 in so many (subject: reversed questions)",
    ]
    for category, slots in card["chance"].items():
        sizes = ", ".join(f"{attribute} {round(1 / share):,}" for attribute, share in slots.items())
        lines.append(f"  {category + ':':<10} {sizes}")
    mean = card["chance_mean"]
    lines.append(f"  over all questions: {mean['forward']:.2%}, reversed {mean['reverse']:.2%}")
    counts = " to ".join(str(count) for count in sorted(set(card["categories"].values())))
    lines.append(f"  with the answers of its category known already: 1 in {counts}")
    return lines
