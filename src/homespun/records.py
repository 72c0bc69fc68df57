"""The records that flow through a run: rows, their lineage, scores and verdicts.

Rows are frozen and never changed or deleted; scores and verdicts refer to them by id. An id is a hash of
the row's content and of its place in the plan, so it is equal in every run that makes the same row, and
two rows with the same text from different cells still have two ids (the second is then a duplicate that
a rule can name). No I/O here: tables.py reads and writes them.
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray

JSONDict = dict[str, Any]
Message = tuple[str, str]  #: (role, content); roles: system, user, assistant


_CANONICAL = json.JSONEncoder(sort_keys=True, ensure_ascii=False, separators=(",", ":"))  # json.dumps makes one a call


def canonical_json(value: object) -> str:
    """Return the one JSON text of a value: sorted keys, no spaces, non-ASCII kept."""
    return _CANONICAL.encode(value)


def content_hash(value: object, length: int = 16) -> str:
    """Return the first `length` hex digits of the SHA-256 of a JSON value."""
    text = canonical_json(value).encode("utf-8", "surrogatepass")
    return hashlib.sha256(text).hexdigest()[:length]


def derive_seed(*parts: object) -> int:
    """Return a 63-bit seed from run seed, stage, row key, ... (methods.md 0, determinism).

    No generator is ever shared between rows, so results do not depend on scheduling.
    """
    digest = hashlib.sha256("|".join(str(part) for part in parts).encode()).digest()
    return int.from_bytes(digest[:8], "big") >> 1


@dataclass(frozen=True, slots=True)
class Lineage:
    """Where a row comes from: enough to ask for it again."""

    generator: str  #: name of the generate step in the recipe, or of the file it was read from
    key: str  #: the row's place in the plan, unique within the generator
    model: str = ""  #: id of the writer
    prompt: str = ""  #: id of the prompt template
    prompt_hash: str = ""  #: hash of the rendered prompt
    seed: int = 0
    finish_reason: str = ""
    tokens: int = 0  #: completion tokens paid for


@dataclass(frozen=True, slots=True)
class Labelled:
    """Payload of a labelled task: the input fields and the output that is right for them."""

    fields: Mapping[str, str]
    output: str


@dataclass(frozen=True, slots=True)
class Response:
    """Payload of a response: what was asked, as a conversation, and what a model answered."""

    messages: tuple[Message, ...]
    output: str

    @property
    def fields(self) -> dict[str, str]:
        """The prompt as one text, turns of a longer conversation with their roles."""
        if len(self.messages) == 1:
            return {"prompt": self.messages[0][1]}
        return {"prompt": "\n\n".join(f"{role}: {content}" for role, content in self.messages)}


@dataclass(frozen=True, slots=True)
class Variant:
    """Payload of a variant: one rewrite of a document, or the document as it is."""

    text: str

    @property
    def fields(self) -> dict[str, str]:
        """The text."""
        return {"text": self.text}

    @property
    def output(self) -> str:
        """Empty: a variant is learned as a whole, it answers nothing."""
        return ""


Payload = Labelled | Response | Variant


@dataclass(frozen=True, slots=True)
class Fact:
    """One thing that a document says, in a form that needs no context."""

    subject: str
    attribute: str
    value: str  #: stands in the document letter for letter
    sentence: str
    wordings: tuple[str, ...] = ()  #: other sentences that state it
    questions: tuple[str, ...] = ()  #: questions that it answers, to write training text from; never those of a test


@dataclass(frozen=True, slots=True)
class Document:
    """A document, or the part of one that is worked on together."""

    id: str
    title: str
    text: str
    category: str = ""
    facts: tuple[Fact, ...] = ()  #: where they are known beforehand
    file: str = ""  #: where it comes from
    page: int | None = None  #: its first page, from 1, where the file has pages
    start: int = 0  #: its first character in the text of the file
    end: int = 0  #: the character after its last


@dataclass(frozen=True, slots=True)
class Record:
    """One record of a source: its name there, and the value of the field that is used or a Document."""

    id: str
    value: object


@dataclass(frozen=True, slots=True)
class Row:
    """One training example with its lineage."""

    id: str
    payload: Payload
    language: str
    groups: Mapping[str, str]  #: group keys that rules and controls can work `within`: label, keyword, prompt, document
    lineage: Lineage

    @staticmethod
    def make(payload: Payload, *, language: str, groups: Mapping[str, str], lineage: Lineage) -> Row:
        """Build a row with its content-hash id."""
        identity = [payload.fields, payload.output, language, lineage.generator, lineage.key]
        return Row(content_hash(identity), payload, language, groups, lineage)

    @property
    def text(self) -> str:
        """The input as one text: the only field's value, or `name: value` lines."""
        values = self.payload.fields
        if len(values) == 1:
            return next(iter(values.values()))
        return "\n".join(f"{name}: {value}" for name, value in values.items())


@dataclass(frozen=True, slots=True)
class Attempt:
    """One answer that a generator asked for: a row, or the reason why there is none.

    asked = answered + failed and answered = parsed + unparsed, so the funnel is a count over attempts.
    """

    key: str
    status: str  #: failed | unparsed | parsed
    raw: str  #: the answer as it came
    problem: str  #: why it failed or could not be parsed; empty for a parsed one
    groups: Mapping[str, str]  #: what was asked for: label, keyword, style
    row: Row | None
    finish_reason: str = ""
    prompt_tokens: int = 0
    completion_tokens: int = 0


@dataclass(frozen=True, slots=True)
class Scores:
    """What one scorer says about a pool: named columns, one value per row, in the rows' order.

    A float column uses nan where a row could not be scored, a text column the empty string, a column of
    vectors (an array rows x dimensions) a row of nan; `reasons` then says why. `primary` is the column meant
    by the scorer's bare name.
    """

    name: str
    primary: str
    ids: Sequence[str]
    columns: Mapping[str, Sequence[float] | Sequence[str] | NDArray[np.float32]]
    reasons: Mapping[str, str] = field(default_factory=dict)  #: row id -> why it has no score


@dataclass(frozen=True, slots=True)
class Verdict:
    """Keep or drop, and why, in words that a person can check."""

    row_id: str
    keep: bool
    rule: str  #: the rule as the recipe names it, e.g. `top probability 0.6 within label`
    score: float | None = None
    threshold: float | None = None
    reason: str = ""
    duplicate_of: str | None = None  #: id of the row that this one repeats
