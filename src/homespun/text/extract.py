"""Reading what a writer found in a document: facts, entities, sections. Tolerant, total, and never raising.

JSON where the writer can, else plain lines; either is read whatever was asked for. Nothing is taken on trust: the
value of a fact must stand in the document, and an entity, too (methods.md C3, C4).
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping, Sequence
from itertools import pairwise
from typing import Any

from homespun.data.records import Fact
from homespun.text.fidelity import Faithful
from homespun.text.parse import json_values, listed, unfenced_whole, unwrapped
from homespun.text.reading import Value, holds
from homespun.text.sentences import ends
from homespun.text.values import folded
from homespun.text.words import length

_HEAD = re.compile(r"(?m)^[ \t]*(?:#{1,6}[ \t]+[^\n]*|\*\*[^*\n]{1,120}\*\*[ \t:：]*)$")
_NUMBERED = re.compile(r"(?m)^[ \t]*(?:\((\d)\)|(\d)[.．)）、])[ \t]*")
_LEGAL = re.compile(
    r"^(?:株式会社|有限会社|合同会社)|(?:株式会社|有限会社|合同会社|社)$"
    r"|[ ,]+(?:ltd|inc|corp|co|llc|plc|gmbh|limited|incorporated|corporation|company)\.?$"
)
_ARTICLE = re.compile(r"^(?:the|a|an) ")
_BEFORE_UNIT = re.compile(r"(?<=\d)\s+(?=[a-z°%])")
_REMARK = re.compile(r"\s+[-–—(（]\s*|[:：]\s|（")
_AROUND = " \t\"'“”「」*.。,、;"
LONGEST = {"ja": 30}  #: characters of an entity; other languages: 8 words
WHOLE = {"ja": 8}  #: characters of a sentence that can be a fact; other languages: 3 words


def parse_facts(answer: str, source: Faithful) -> list[Fact]:
    """Return the facts that an answer lists and the document bears out.

    JSON: items with subject, attribute, value and sentence; one whose value is not in the document is left out.
    Lines: each is a sentence, and its value the first protected value in it, which the next line with the same
    one does not use again; a line without such a value, or with a number that is not in the document, is left out.
    """
    objects = [value for value in json_values(answer) if isinstance(value, dict)]
    if objects:
        found = [fact for item in objects if (fact := _fact(item, source))]
    else:
        found = _facts_of_lines(listed(answer), source)
    return [fact for fact in found if not source.check(fact.sentence, due=()).novel]


def _fact(item: Mapping[str, Any], source: Faithful) -> Fact | None:
    subject, attribute, value, sentence = (
        str(item.get(name) or "").strip() for name in ("subject", "attribute", "value", "sentence")
    )
    if not value or not source.says(value):
        return None
    if not sentence or not holds(sentence, value):
        sentence = " ".join(part for part in (subject, attribute, value) if part)
    return Fact(subject, attribute, value, sentence)


def _facts_of_lines(lines: Iterable[str], source: Faithful) -> list[Fact]:
    found: list[Fact] = []
    used: set[str] = set()
    subject = source.subject[0].shown if source.subject else ""
    for line in lines:
        if length(line, source.language) < WHOLE.get(source.language, 3):
            continue
        inside = [value for value in source.values if holds(line, value.shown) and value.shown != subject]
        fresh = [value for value in inside if value.key not in used] or inside
        if not fresh:
            continue
        best = min(fresh, key=lambda value: _ORDER[value.kind])
        used.add(best.key)
        found.append(Fact(subject, "", best.shown, line))
    return found


_ORDER = {
    "fact": 0,
    "number": 1,
    "code": 1,
    "date": 4,
    "quoted": 2,
    "name": 3,
}  #: a name is in most sentences, a number in one


def merged(facts: Iterable[Fact]) -> list[Fact]:
    """Return facts without repeats: the same value, and the same attribute or none."""
    found: dict[tuple[str, str], Fact] = {}
    values: set[str] = set()
    for fact in facts:
        attribute, value = folded(fact.attribute), folded(fact.value)
        if not attribute and value in values:
            continue
        values.add(value)
        found.setdefault((attribute, value), fact)
    return list(found.values())


def uncovered(facts: Sequence[Fact], source: Faithful) -> list[Value]:
    """Return the protected values that no fact states."""
    said = "\n".join(f"{fact.subject} {fact.value} {fact.sentence}" for fact in facts)
    return [value for value in source.values if not holds(said, value.shown)]


def sentence_facts(source: Faithful) -> list[Fact]:
    """Return the sentences of a document that hold a protected value, as facts: without any model."""
    text = " ".join(source.document.text.split()) if source.language != "ja" else source.document.text
    cuts = [0, *ends(text, source.language), len(text)]
    lines = [text[start:end].strip() for start, end in pairwise(cuts)]
    return merged(_facts_of_lines([line for line in lines if line], source))


def parse_entities(answer: str, source: Faithful) -> tuple[str, list[str]]:
    """Return the summary (empty where there is none) and the entities that stand in the document, each once.

    Spellings of one thing ("Holomond", "Holomond Ltd", "the Holomond") count once, under the first.
    """
    values = json_values(answer)
    if not values:
        return "", distinct(listed(answer, inline=True), source)
    named = values[0] if isinstance(values[0], dict) else {"": values[0]}
    inside = (one for name, one in named.items() if name != "summary" and isinstance(one, list | dict))
    return str(named.get("summary") or "").strip(), distinct(_texts(next(inside, values)), source)


def distinct(entities: Iterable[str], source: Faithful) -> list[str]:
    """Return the entities that stand in the document, one spelling of each."""
    found: dict[str, str] = {}
    for entity in entities:
        shown = _REMARK.split(entity.strip(_AROUND), maxsplit=1)[0].strip(_AROUND)
        if not source.says(shown):
            shown = re.sub(r"^(?:the|a|an) ", "", shown, flags=re.IGNORECASE)
        key = alias_key(shown)
        if key and length(shown, source.language) <= LONGEST.get(source.language, 8) and source.says(shown):
            found.setdefault(key, shown)
    return list(found.values())


def alias_key(entity: str) -> str:
    """Return what two spellings of one entity share: no article, no legal form, no case, no width."""
    key = _BEFORE_UNIT.sub("", _ARTICLE.sub("", folded(entity).strip(" .,'\"")))
    return _LEGAL.sub("", key).strip(" ,") or key


def split_sections(answer: str, parts: int) -> list[str]:
    """Return the sections of an answer without their heads; one text where it has none.

    Heads are lines with `#` or in bold; without two of them, `(1)` or `1.` at the start of a line; what stands
    before the first is left out. More sections than `parts` (heads within a section) are joined to the last.
    """
    text = unfenced_whole(answer)
    for heads in (_HEAD, _NUMBERED):
        marks = list(heads.finditer(text))
        if len(marks) >= 2:
            ends_at = [*(mark.start() for mark in marks[1:]), len(text)]
            bodies = [text[mark.end() : end].strip() for mark, end in zip(marks, ends_at, strict=True)]
            bodies = [unwrapped(body) for body in bodies if body]
            return [*bodies[: parts - 1], "\n\n".join(bodies[parts - 1 :])] if len(bodies) > parts else bodies
    alone = _HEAD.sub("", text, count=1) if len(_HEAD.findall(text)) == 1 else text
    body = unwrapped(alone)
    return [body] if body else []


def _texts(value: object) -> list[str]:
    if isinstance(value, dict):
        value = [one for some in value.values() for one in (some if isinstance(some, list) else [some])]
    if not isinstance(value, list):
        return []
    found = []
    for item in value:
        if isinstance(item, dict):
            item = next((one for one in item.values() if isinstance(one, str)), None)
        if isinstance(item, str | int | float):
            found.append(str(item))
    return found
