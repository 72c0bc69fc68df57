"""The templates of a language, read from `data/LANGUAGE/*.yaml`: one file per category, names and lists beside them.

A category has two texts with eight holes, one hole per fact, and for every fact one statement, eight other wordings of
it from plain to formal (two or more with the value before the subject), three wordings of its question for training,
two others for testing and one question in reverse. The product category has the holes that the
paper names in its appendix A; the other four are our own, of the same kind.
"""

from __future__ import annotations

from dataclasses import dataclass
from functools import cache
from pathlib import Path
from typing import Any

from homespun.data import yamlfile
from homespun.sources.corpus.pools import expand, holes, names, split_list

LANGUAGES = ("en", "ja")
CATEGORIES = ("terms", "product", "procedure", "glossary", "company")
_DATA = Path(__file__).parent / "data"
_WORDS = frozenset({"value", "fact", "wordings", "train", "test", "reverse"})


@dataclass(frozen=True)
class Slot:
    """One fact of a document: its values and the ways to state it and to ask for it."""

    attribute: str
    pool: tuple[str, ...]
    is_name: bool  #: the value holds a made-up name, which stands nowhere else in the corpus
    fact: str
    wordings: tuple[str, ...]  #: other statements of the fact, from plain to formal
    train: tuple[str, ...]
    test: tuple[str, ...]
    reverse: str


@dataclass(frozen=True)
class Category:
    """The templates of one kind of document."""

    name: str
    subjects: tuple[str, ...]
    title: str
    texts: tuple[str, ...]
    slots: tuple[Slot, ...]


@cache
def load(language: str) -> tuple[Category, ...]:
    """Return the categories of a language in the order of CATEGORIES."""
    folder = _DATA / language
    blocked = [
        word
        for line in (_DATA / "blocked.txt").read_text(encoding="utf-8").splitlines()
        if not line.startswith("#")
        for word in line.split()
    ]
    kinds = {kind: names(columns, blocked) for kind, columns in _read(folder / "names.yaml").items()}
    lists = {name: split_list(text) for name, text in _read(folder / "lists.yaml").items()}
    return tuple(_category(name, _read(folder / f"{name}.yaml"), kinds, lists, language) for name in CATEGORIES)


def _category(
    name: str, raw: dict[str, Any], kinds: dict[str, list[str]], lists: dict[str, list[str]], language: str
) -> Category:
    slots = []
    for attribute, slot in raw["slots"].items():
        own = {key: split_list(text) for key, text in slot.items() if key not in _WORDS}
        slots.append(
            Slot(
                attribute,
                tuple(expand(slot["value"], {**kinds, **lists, **own})),
                any(hole in kinds for hole in holes(slot["value"])),
                slot["fact"],
                tuple(slot["wordings"]),
                tuple(slot["train"]),
                tuple(slot["test"]),
                slot["reverse"],
            )
        )
    texts = raw["texts"]
    if language == "ja":  # YAML joins lines with a space, which Japanese does not have
        texts = [text.replace(" ", "") for text in texts]
    return Category(name, tuple(expand(raw["subject"], kinds)), raw["title"], tuple(texts), tuple(slots))


def _read(path: Path) -> dict[str, Any]:
    return dict(yamlfile.read(path)[0])
