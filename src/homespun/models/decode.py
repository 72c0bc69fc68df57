"""Write many completions at once, from a list of requests that are answered in any order.

The list's common token prefix is run once. Rows go through a fixed number of slots, longest prompt first;
as rows end, the last active row moves into the free slot, so a step computes active rows only, and new
rows are let in a few at a time, so that reading their prompts is a product worth its name. Which rows
share a batch depends on the list alone: the same list gives the same answers on the same machine.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Iterator, Sequence
from typing import Any

import torch

from homespun.models.attention import Memory
from homespun.models.base import Completion
from homespun.models.encoding import shared_prefix
from homespun.models.forward import Forward
from homespun.models.rows import Row
from homespun.models.sampling import draw

SLOTS = 64  #: rows written at once (docs/models.md has the measurement)
REFILL = 8  #: free slots that are filled together, fewer where there are few slots
PROMPT_TOKENS = 4096  #: of the prompts read in one pass
SLACK = 64  #: columns between two moves of the buffer's contents
SLOT_BYTES = 2 << 30  #: for keys and values; long rows get fewer slots


def decode(forward: Forward, tokenizer: Any, ends: frozenset[int], rows: list[Row]) -> Iterator[tuple[int, Completion]]:
    """Yield (place, answer) as rows end."""
    order = sorted(rows, key=lambda row: (-len(row.prompt), row.place))
    if not order:
        return
    if forward.shares:
        yield from Slots(forward, tokenizer, ends, order).run()
        return
    for start in range(0, len(order), SLOTS):
        yield from _plain_batch(forward, tokenizer, ends, order[start : start + SLOTS])


class Slots:
    """The slots and the loop that keeps them busy."""

    def __init__(self, forward: Forward, tokenizer: Any, ends: frozenset[int], rows: list[Row]) -> None:
        self.forward, self.tokenizer, self.ends = forward, tokenizer, ends
        self.waiting = deque(rows)
        self.active: list[Row] = []  #: the row in slot 0, 1, ...
        self.first: list[int] = []  #: per active row, its first column
        self.prefix = shared_prefix([row.prompt for row in rows]) if len(rows) > 1 else 0
        longest = len(rows[0].prompt) - self.prefix
        columns = max(len(row.prompt) + row.request.sampling.max_tokens for row in rows) - self.prefix + SLACK
        self.count = max(1, min(SLOTS, len(rows), SLOT_BYTES // (columns * forward.row_bytes)))
        self.memory = Memory()
        with torch.inference_mode():
            forward.load_prefix(self.memory, rows[0].prompt[: self.prefix])
        forward.make_room(self.memory, self.count, columns)
        self.memory.right = longest

    def run(self) -> Iterator[tuple[int, Completion]]:
        """Answer every row."""
        while self.waiting or self.active:
            free = self.count - len(self.active)
            wanted = min(REFILL, len(self.waiting), max(1, self.count // 8))
            fill = bool(self.waiting) and free >= wanted
            with torch.inference_mode():
                base, tokens = self._admit(free) if fill else (0, self._step())
                answers = self._settle(base, tokens)
            yield from answers

    def _admit(self, free: int) -> tuple[int, list[int]]:
        """Read the next prompts into free slots; return the first of these slots and a token for each."""
        width = len(self.waiting[0].prompt) - self.prefix  # the longest of them
        take = min(free, len(self.waiting), max(1, PROMPT_TOKENS // width))
        new = [self.waiting.popleft() for _ in range(take)]
        prompts = [row.prompt[self.prefix :] for row in new]
        device, memory, base = self.forward.device, self.memory, len(self.active)
        tokens = torch.tensor([[0] * (width - len(ids)) + ids for ids in prompts], device=device)
        padding = torch.tensor([width - len(ids) for ids in prompts], device=device)
        column = torch.arange(width, device=device)
        own = (column[None, None] <= column[None, :, None]) & (column[None, None] >= padding[:, None, None])
        own |= torch.eye(width, dtype=torch.bool, device=device)  # padding sees itself: no empty softmax
        memory.mask = torch.nn.functional.pad(own, (self.prefix, 0), value=True)[:, None]
        memory.rows, memory.store = slice(base, base + take), True
        positions = (column[None] - padding[:, None]).clamp(min=0) + self.prefix
        rows = torch.arange(take, device=device)
        last = torch.full_like(rows, width - 1)
        logits = self.forward.with_memory(memory, tokens, positions, rows, last)
        memory.store = False
        self.active += new
        self.first += [memory.right - len(ids) for ids in prompts]
        return base, draw_rows(logits, new)

    def _step(self) -> list[int]:
        """Return one more token for every active row."""
        memory, device = self.memory, self.forward.device
        memory.left = min(self.first)
        if memory.buffer is not None and memory.right == memory.buffer.shape[4]:
            self._shift()
        tokens = torch.tensor([[row.tokens[-1]] for row in self.active], device=device)
        first = torch.tensor(self.first, device=device)
        positions = memory.right - first[:, None] + self.prefix
        columns = torch.arange(memory.left, memory.right + 1, device=device)
        hidden = (columns[None] < first[:, None])[:, None, None]
        memory.mask = torch.zeros(hidden.shape, dtype=self.forward.hf_model.dtype, device=device)
        memory.mask.masked_fill_(hidden, float("-inf"))
        memory.rows = slice(0, len(self.active))
        rows = torch.arange(len(self.active), device=device)
        logits = self.forward.with_memory(memory, tokens, positions, rows, torch.zeros_like(rows))
        memory.right += 1
        return draw_rows(logits, self.active)

    def _shift(self) -> None:
        """Move the columns in use to the start of the buffer."""
        memory = self.memory
        assert memory.buffer is not None
        used = memory.right - memory.left
        active = memory.buffer[:, :, : len(self.active)]
        active[..., :used, :] = active[..., memory.left : memory.right, :].clone()
        self.first = [column - memory.left for column in self.first]
        memory.left, memory.right = 0, used

    def _settle(self, base: int, tokens: list[int]) -> list[tuple[int, Completion]]:
        """Give the tokens to their rows, starting at a slot; close up the slots and return the answers."""
        ended, answers = [], []
        for slot, token in enumerate(tokens, start=base):
            row = self.active[slot]
            answer = row.push(token, self.ends, self.tokenizer)
            if answer is not None:
                ended.append(slot)
                answers.append((row.place, answer))
        for slot in reversed(ended):  # from the back, so that the row moved in is never one that ended
            self._drop(slot)
        return answers

    def _drop(self, slot: int) -> None:
        """Free a slot by moving the last active row into it."""
        last = len(self.active) - 1
        if slot != last:
            memory = self.memory
            assert memory.buffer is not None
            columns = slice(self.first[last], memory.right)
            memory.buffer[:, :, slot, :, columns] = memory.buffer[:, :, last, :, columns]
            self.active[slot], self.first[slot] = self.active[last], self.first[last]
        self.active.pop()
        self.first.pop()


def draw_rows(logits: torch.Tensor, rows: Sequence[Row]) -> list[int]:
    """Return a token for each row, by its own settings and random numbers."""
    temperature = torch.tensor([row.request.sampling.temperature for row in rows])
    top_p = torch.tensor([row.request.sampling.top_p for row in rows], dtype=torch.float64)
    uniform = torch.tensor([row.uniform for row in rows], dtype=torch.float64)
    return draw(logits, temperature, top_p, uniform)


def _plain_batch(
    forward: Forward, tokenizer: Any, ends: frozenset[int], rows: list[Row]
) -> Iterator[tuple[int, Completion]]:
    """Answer one fixed batch through the model's own cache: for architectures with special attention."""
    device = forward.device
    width = max(len(row.prompt) for row in rows)
    tokens = torch.tensor([[0] * (width - len(row.prompt)) + row.prompt for row in rows], device=device)
    lengths = torch.tensor([len(row.prompt) for row in rows], device=device)
    mask = (torch.arange(width, device=device)[None] >= width - lengths[:, None]).long()
    positions = (mask.cumsum(-1) - 1).clamp(min=0)
    live = dict(enumerate(rows))
    cache = None
    while live:
        slots = torch.tensor(list(live), device=device)
        last = torch.full_like(slots, tokens.shape[1] - 1)
        settings = {"attention_mask": mask, "position_ids": positions, "past_key_values": cache}
        with torch.inference_mode():
            logits, cache = forward.logits(tokens, slots, last, use_cache=True, **settings)
            drawn = dict(zip(live, draw_rows(logits, list(live.values())), strict=True))
        for slot, token in drawn.items():
            if (answer := live[slot].push(token, ends, tokenizer)) is not None:
                yield live.pop(slot).place, answer
        tokens = torch.tensor([[drawn.get(slot, 0)] for slot in range(len(rows))], device=device)
        mask = torch.nn.functional.pad(mask, (0, 1), value=1)
        positions = positions[:, -1:] + 1
