"""What is known around a set of questions: values of the same kind, and the documents that should hold the answers.

Two values are of one kind where their questions have the same category and attribute, and are asked the same way round;
without category and attribute nothing tells a kind, and no answer counts as right elsewhere.
"""

from __future__ import annotations

import re
from collections import defaultdict
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

from homespun.data.records import Document
from homespun.evaluate.base import Item
from homespun.text.answers import Found, Values, find_answer
from homespun.text.normalise import comparable

_PIECE = re.compile(r"#\d+$")  #: what the id of a part of a document ends with
REVERSE = "reverse"  #: the split of questions that ask from the value to its subject

Kind = tuple[str, str, bool]


def is_reversed(groups: Mapping[str, str]) -> bool:
    """Say whether an item asks the other way round."""
    return groups.get("split") == REVERSE


class Known:
    """The values of all questions, by kind."""

    def __init__(self, items: Sequence[Item]) -> None:
        self._owners: dict[Kind, dict[str, set[str]]] = defaultdict(lambda: defaultdict(set))
        for item in items:
            for kind in filter(None, [_kind(item)]):
                for value in accepted(item):
                    self._owners[kind][value].add(_owner(item))
        self._values = {kind: Values(owners) for kind, owners in self._owners.items()}

    def has_kind(self, item: Item) -> bool:
        """Say whether an item's answer can be told from those of others of its kind."""
        return _kind(item) is not None

    def find(self, item: Item, answer: str) -> Found:
        """Say whether an answer states the item's value, and no other of its kind."""
        kind = _kind(item)
        others = self._values[kind] if kind else None
        return find_answer(answer, Values(accepted(item)), others, item.fields["question"])

    def elsewhere(self, item: Item, answer: str) -> bool:
        """Say whether an answer that is wrong here holds what is right for another document's question of the kind."""
        kind = _kind(item)
        if kind is None:
            return False
        asked = {place.value for place in self._values[kind].within(item.fields["question"])}
        named = {place.value for place in self._values[kind].within(answer)} - asked - set(accepted(item))
        return any(self._owners[kind][value] - {_owner(item)} for value in named)


def accepted(item: Item) -> tuple[str, ...]:
    """Return every right answer of an item."""
    return item.accepted or (item.gold,)


def _kind(item: Item) -> Kind | None:
    category, attribute = item.groups.get("category", ""), item.groups.get("attribute", "")
    turned = is_reversed(item.groups)
    if not category and not attribute:
        return None
    return category, "" if turned else attribute, turned  # the values of reversed questions are the subjects


def _owner(item: Item) -> str:
    return item.groups.get("document", "") or item.id


@dataclass(frozen=True, slots=True)
class Unanswerable:
    """A question that no document answers in so many words."""

    item: Item
    reason: str


def unanswerable(items: Sequence[Item], documents: Iterable[Document]) -> list[Unanswerable]:
    """Return the questions whose accepted answers stand in no document, in the items' order.

    A question that names a document is looked for in that one: by its id, or, for a document that was cut into parts,
    by the id of the whole or by the name of its file, with or without the suffix. Others are looked for in all.
    Documents are read once.
    """
    named: dict[str, list[Item]] = defaultdict(list)
    for item in items:
        named[item.groups.get("document", "")].append(item)
    anywhere = named.pop("", [])
    values = {name: Values(value for item in group for value in accepted(item)) for name, group in named.items()}
    everywhere = Values(value for item in anywhere for value in accepted(item))
    found: dict[str, set[str]] = defaultdict(set)
    met, count = set(), 0
    for document in documents:
        count += 1
        file = Path(document.file)
        text = f"{document.title}\n{document.text}"
        for name in {document.id, _PIECE.sub("", document.id), document.file, file.name, file.stem} & set(named):
            met.add(name)
            found[name] |= _standing(values[name], named[name], text)
        if anywhere:
            found[""] |= _standing(everywhere, anywhere, text)
    return [
        Unanswerable(item, reason)
        for item in items
        if (reason := _missing(item, item.groups.get("document", ""), met, found, count))
    ]


def _standing(values: Values, items: Sequence[Item], text: str) -> set[str]:
    """Return the accepted values that stand in a text: by themselves, inside a longer one, or as a piece of a word.

    A piece of a word counts because answers are cut out of their documents so ("success" of "successful").
    """
    found = {place.value for place in values.within(text)}
    left = {value for item in items for value in accepted(item)} - found
    flat = comparable(text) if left else ""
    return found | {
        value for value in left if any(Values([value]).within(text)) or (len(value) > 3 and comparable(value) in flat)
    }


def _missing(item: Item, document: str, met: set[str], found: Mapping[str, set[str]], count: int) -> str:
    if document and document not in met:
        return f'names the document "{document}", which is none of the {count:,}'
    if set(accepted(item)) & found.get(document, set()):
        return ""
    answers = " or ".join(f'"{value}"' for value in accepted(item))
    return f"{answers} {f'does not stand in {document}' if document else 'stands in no document'}"
