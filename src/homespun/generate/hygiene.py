"""Checks that every written row passes before any score is bought (methods.md A5, E5).

Fixed rules in a fixed order; the first that a row breaks is its verdict, in words. Rows are judged one by
one against the rows before them, so a verdict does not change when more rows arrive, with one exception:
when a text turns up under a second label, all its copies are dropped. For that reason lengths are bounded
by the options alone, not by the mean of a batch that still grows. Near duplicates are compared with rows
that were kept. Nothing here asks a model, and nothing is deleted: a dropped row stays in the pool.
"""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import replace

from pydantic import BaseModel, ConfigDict, Field

from homespun.records import Labelled, Row, Verdict
from homespun.task import Task
from homespun.text.normalise import comparable, script_share
from homespun.text.phrases import refusal, self_talk
from homespun.text.rouge import RougeIndex
from homespun.text.words import length, unit, words

_SENTENCE_END = re.compile(r"[.!?…。！？.)\]」』\"”’'♪]\s*$")
_PLACEHOLDER = re.compile(r"\[[^\[\]\n]{1,40}\]|<[A-Za-z_][\w \-]{0,30}>|\{[^{}\n]{1,40}\}|_{4,}|X{3,}\b|〇〇|○○")
_SENTENCES = re.compile(r"[^.!?。！？\n]+")
_REPEATED_SHARE = 0.3  #: of word trigrams seen earlier in the same text; human text stays far below
_GRAM = {"ja": 13}  #: characters; other languages: 8 words (methods.md E5)


class Hygiene(BaseModel):
    """Bounds of the checks. Lengths are in words, for Japanese in characters without white space."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    min_length: int = Field(4, ge=1)
    max_length: int = Field(80, ge=1, description="words; for Japanese characters, so set 200 or more there")
    near_duplicate: float | None = Field(
        0.7, gt=0, lt=1, description="drop a text whose ROUGE-L F with a kept one is higher; null: never"
    )
    label_words: bool = Field(True, description="drop a text that names a label of the task")


class _Problem(Exception):
    """A rule that a row breaks; never leaves this module."""
