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
from typing import TYPE_CHECKING, Any, ClassVar

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


class Payload:
    """What a row holds. Each kind says here what general code asks of it, so that nothing else asks for the kind."""

    __slots__ = ()
    kind: ClassVar[str]  #: as tables name it
    axis: ClassVar[str]  #: the group of which controls, cuts and parts of a pool have equally much
    axes: ClassVar[tuple[str, str]]  #: the groups that a page counts rows by
    columns: ClassVar[Mapping[str, str]]  #: further columns of an exported table -> group
    answer: ClassVar[str] = ""  #: what an exported table calls the output; empty: a text that answers nothing
    retells: ClassVar[bool] = False  #: its words are those of another text: only what it asks may repeat no evaluation

    if TYPE_CHECKING:

        @property
        def fields(self) -> Mapping[str, str]:
            """The input, by name."""

        @property
        def output(self) -> str:
            """What is right for the input."""

    @property
    def conversation(self) -> tuple[Message, ...]:
        """What is answered; empty: that follows from task and fields."""
        return ()

    @property
    def written(self) -> str:
        """What a model wrote of it."""
        return as_text(self.fields)

    @property
    def shown(self) -> Mapping[str, str]:
        """What a person reads of it."""
        return self.fields

    def stored(self) -> JSONDict:
        """Return all but the output as JSON."""
        return dict(self.fields)

    @classmethod
    def restored(cls, stored: Mapping[str, Any], output: str) -> Payload:
        """Return what `stored` told."""
        raise NotImplementedError


def as_text(fields: Mapping[str, str]) -> str:
    """Return an input as one text: the only field's value, or `name: value` lines."""
    if len(fields) == 1:
        return next(iter(fields.values()))
    return "\n".join(f"{name}: {value}" for name, value in fields.items())


@dataclass(frozen=True, slots=True)
class Labelled(Payload):
    """Payload of a labelled task: the input fields and the output that is right for them."""

    kind: ClassVar[str] = "labelled"
    axis: ClassVar[str] = "label"
    axes: ClassVar[tuple[str, str]] = ("label", "keyword")
    columns: ClassVar[Mapping[str, str]] = {"keyword": "keyword"}
    answer: ClassVar[str] = "label"

    fields: Mapping[str, str]
    output: str

    @classmethod
    def restored(cls, stored: Mapping[str, Any], output: str) -> Labelled:
        """Return the payload that was stored."""
        return cls(stored, output)


NOTHING = Labelled({}, "")  #: what a table of no rows is one of


@dataclass(frozen=True, slots=True)
class Response(Payload):
    """Payload of a response: what was asked, as a conversation, and what a model answered."""

    kind: ClassVar[str] = "response"
    axis: ClassVar[str] = "prompt"
    axes: ClassVar[tuple[str, str]] = ("label", "keyword")
    columns: ClassVar[Mapping[str, str]] = {"prompt_id": "prompt", "sample": "sample"}
    answer: ClassVar[str] = "response"

    messages: tuple[Message, ...]
    output: str

    @property
    def fields(self) -> dict[str, str]:
        """The prompt as one text, turns of a longer conversation with their roles."""
        if len(self.messages) == 1:
            return {"prompt": self.messages[0][1]}
        return {"prompt": "\n\n".join(f"{role}: {content}" for role, content in self.messages)}

    @property
    def conversation(self) -> tuple[Message, ...]:
        """The messages."""
        return self.messages

    @property
    def written(self) -> str:
        """The answer."""
        return self.output

    @property
    def shown(self) -> Mapping[str, str]:
        """Prompt and answer."""
        return {**self.fields, "response": self.output}

    def stored(self) -> JSONDict:
        """Return the conversation."""
        return {"messages": [list(message) for message in self.messages]}

    @classmethod
    def restored(cls, stored: Mapping[str, Any], output: str) -> Response:
        """Return the payload that was stored."""
        return cls(tuple((role, content) for role, content in stored["messages"]), output)


@dataclass(frozen=True, slots=True)
class Variant(Payload):
    """Payload of a variant: one rewrite of a document, or the document as it is."""

    kind: ClassVar[str] = "variant"
    axis: ClassVar[str] = "document"
    axes: ClassVar[tuple[str, str]] = ("form", "document")
    columns: ClassVar[Mapping[str, str]] = {name: name for name in ("document", "form", "number", "category")}
    retells: ClassVar[bool] = True

    text: str

    @property
    def fields(self) -> dict[str, str]:
        """The text."""
        return {"text": self.text}

    @property
    def output(self) -> str:
        """Empty: a variant is learned as a whole, it answers nothing."""
        return ""

    @classmethod
    def restored(cls, stored: Mapping[str, Any], output: str) -> Variant:
        """Return the payload that was stored."""
        return cls(stored["text"])


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
        return as_text(self.payload.fields)


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
