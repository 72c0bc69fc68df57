"""From messages to token ids: the chat template, the prefill, and where a scored continuation starts.

The prompt's text (template applied, prefill appended) and a continuation are tokenised apart and their ids
joined, so the prompt of a query has the same ids whatever is scored after it, and the same as when the
model writes. A continuation stands at the very start of the assistant's turn, with no space before it,
unless it brings one.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from jinja2 import TemplateError

from homespun.data.records import Message


class Encoder:
    """A tokenizer with its chat template."""

    def __init__(self, tokenizer: Any) -> None:
        self.tokenizer = tokenizer
        start = tokenizer.bos_token_id if tokenizer.bos_token_id is not None else tokenizer.eos_token_id
        self.start: list[int] = [] if start is None else [int(start)]  #: what plain text is scored after

    def prompt_text(self, messages: Sequence[Message], prefill: str = "") -> str:
        """Return the prompt as the model reads it; without a chat template the contents, a line each."""
        if not self.tokenizer.chat_template:
            return "".join(f"{content}\n" for _, content in messages) + prefill
        return self._template(messages) + prefill

    def _template(self, messages: Sequence[Message]) -> str:
        turns = [{"role": role, "content": content} for role, content in messages]
        try:
            text = self.tokenizer.apply_chat_template(turns, tokenize=False, add_generation_prompt=True)
        except TemplateError:
            if len(turns) < 2 or turns[0]["role"] != "system":
                raise
            # Some templates know no system turn: say it at the head of the first user turn.
            system, first, *rest = messages
            merged = (first[0], f"{system[1]}\n\n{first[1]}")
            text = self._template((merged, *rest))
        return str(text)

    def plain(self, texts: Sequence[str]) -> list[list[int]]:
        """Return the ids of each text, without special tokens."""
        if not texts:
            return []
        found = self.tokenizer(list(texts), add_special_tokens=False, return_attention_mask=False)
        return [list(ids) for ids in found["input_ids"]]

    def prompts(self, items: Sequence[tuple[Sequence[Message], str]]) -> list[list[int]]:
        """Return the ids of each (messages, prefill); never empty."""
        templated = bool(self.tokenizer.chat_template)
        encoded = self.plain([self.prompt_text(m, prefill) if m else prefill for m, prefill in items])
        bare = [not templated or not messages for messages, _ in items]  # a template brings its own start
        return [(self.start if alone else []) + ids for alone, ids in zip(bare, encoded, strict=True)]


def shared_prefix(sequences: Sequence[list[int]]) -> int:
    """Return how many leading tokens all sequences share, leaving at least one token to each."""
    if not sequences:
        return 0
    first, last = min(sequences), max(sequences)  # in sorted order the outermost two differ the earliest
    limit = min(len(sequence) for sequence in sequences) - 1
    length = 0
    while length < limit and first[length] == last[length]:
        length += 1
    return max(length, 0)
