"""Log-probabilities of given continuations, each prompt paid for once.

The list's common token prefix is run once; each query is then one row: the rest of its prompt followed by
its continuations side by side, each of which sees the prompt and itself but not the others (a tree of
depth one). The last token of a continuation is only predicted, never read, so single-token continuations
add nothing to the row. Logits are made at the positions that are read, and their log-softmax is float32.
Rows are sorted by length and batched under a budget of tokens.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator, Sequence
from dataclasses import dataclass

import torch

from homespun.models.attention import Memory
from homespun.models.base import Advance
from homespun.models.encoding import shared_prefix
from homespun.models.forward import Forward

BATCH_TOKENS = 2048  #: in one pass, padding included
BATCH_READS = 512  #: positions with logits in one pass

Found = list[list[list[float]]]  #: per query, continuation and token


@dataclass(frozen=True, slots=True)
class Job:
    """One row of a pass: a prompt's rest and the continuations behind it."""

    query: int
    prompt: list[int]
    branches: list[tuple[int, list[int]]]  #: (which continuation, its ids), none empty

    @property
    def length(self) -> int:
        """Tokens that are read in: every continuation without its last token."""
        return len(self.prompt) + sum(len(ids) - 1 for _, ids in self.branches)

    @property
    def reads(self) -> int:
        """Positions whose logits are needed."""
        return 1 + sum(len(ids) - 1 for _, ids in self.branches)

    @property
    def is_line(self) -> bool:
        """Whether plain causal attention is right for the row: at most one branch has tokens to read in."""
        return sum(len(ids) > 1 for _, ids in self.branches) <= 1


def score(
    forward: Forward,
    prompts: Sequence[list[int]],
    continuations: Sequence[Sequence[list[int]]],
    context: int,
    advance: Advance,
) -> Found:
    """Return per prompt, continuation and token the natural log-probability.

    A continuation that does not fit into `context` with its prompt, or that follows nothing, is nan.
    """
    found: Found = [[[float("nan")] * len(ids) for ids in row] for row in continuations]
    jobs = []
    for query, (prompt, row) in enumerate(zip(prompts, continuations, strict=True)):
        fitting = [(i, ids) for i, ids in enumerate(row) if ids and prompt and len(prompt) + len(ids) <= context]
        if fitting and forward.shares:
            jobs.append(Job(query, prompt, fitting))
        elif fitting:
            jobs.extend(Job(query, prompt, [branch]) for branch in fitting)
    prefix = 0
    memory = Memory()
    if forward.shares and len(jobs) > 1:
        prefix = shared_prefix([job.prompt for job in jobs])
        with torch.inference_mode():
            forward.load_prefix(memory, jobs[0].prompt[:prefix])
    jobs = [Job(job.query, job.prompt[prefix:], job.branches) for job in jobs]
    jobs.sort(key=lambda job: (-job.length, job.query))
    unfinished = Counter(job.query for job in jobs)
    advance(len(prompts) - len(unfinished))
    for batch in _batches(jobs):
        with torch.inference_mode():
            _score_batch(forward, memory, prefix, batch, found)
        before = len(unfinished)
        unfinished -= Counter(job.query for job in batch)  # drops what reaches zero
        advance(before - len(unfinished))
    return found


def _batches(jobs: Sequence[Job]) -> Iterator[list[Job]]:
    """Cut jobs, longest first, into passes within the budgets."""
    batch: list[Job] = []
    reads = 0
    for job in jobs:
        full = batch and (len(batch) + 1) * batch[0].length > BATCH_TOKENS
        if full or (batch and reads + job.reads > BATCH_READS):
            yield batch
            batch, reads = [], 0
        batch.append(job)
        reads += job.reads
    if batch:
        yield batch


def _score_batch(forward: Forward, memory: Memory, prefix: int, batch: list[Job], found: Found) -> None:
    """Run one pass and write its log-probabilities into `found`."""
    device = forward.device
    width = batch[0].length
    tokens = torch.zeros(len(batch), width, dtype=torch.long)
    positions = torch.zeros(len(batch), width, dtype=torch.long)
    seen = torch.ones(width, width, dtype=torch.bool).tril().repeat(len(batch), 1, 1)
    reads: dict[tuple[int, int], int] = {}  # (row, column) -> place among the logits
    picks: list[tuple[int, int, list[float], int]] = []  # (place, token, where to, index)
    for r, job in enumerate(batch):
        end = len(job.prompt)
        tokens[r, :end] = torch.tensor(job.prompt)
        positions[r, :end] = torch.arange(end)
        column = end
        for continuation, ids in job.branches:
            read_in = len(ids) - 1
            stop = column + read_in
            tokens[r, column:stop] = torch.tensor(ids[:-1], dtype=torch.long)
            positions[r, column:stop] = torch.arange(end, end + read_in)
            seen[r, column:stop, end:column] = False  # not the branches before this one
            places = [end - 1, *range(column, stop)]
            for index, (place, token) in enumerate(zip(places, ids, strict=True)):
                read = reads.setdefault((r, place), len(reads))
                picks.append((read, token, found[job.query][continuation], index))
            column = stop
    rows, columns = (torch.tensor(axis, device=device) for axis in zip(*reads, strict=True))
    if forward.shares:
        lines = all(job.is_line for job in batch)
        if lines:
            seen = seen[:1]
        memory.mask = None
        if prefix or not lines:
            memory.mask = torch.nn.functional.pad(seen, (prefix, 0), value=True)[:, None].to(device)
        memory.store, memory.capture = True, None
        logits = forward.with_memory(memory, tokens.to(device), (positions + prefix).to(device), rows, columns)
    else:
        logits, _ = forward.logits(tokens.to(device), rows, columns, use_cache=False)
    logits = logits.float()
    at = torch.tensor([read for read, *_ in picks], device=device)
    wanted = torch.tensor([token for _, token, *_ in picks], device=device)
    values = (logits[at, wanted] - logits.logsumexp(-1)[at]).tolist()
    for (_, _, target, index), value in zip(picks, values, strict=True):
        target[index] = value
