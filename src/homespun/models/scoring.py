"""Log-probabilities of given continuations, each prompt paid for once.

The list's common token prefix is run once; each query is then one row: the rest of its prompt followed by
its continuations side by side, each of which sees the prompt and itself but not the others (a tree of
depth one). The last token of a continuation is only predicted, never read, so single-token continuations
add nothing to the row. Logits are made at the positions that are read, and their log-softmax is float32.
Rows are sorted by length and batched under a budget of tokens. A text with more tokens to read than one pass
holds logits for is run in parts through the model's own cache, so that memory does not grow with its
length times the vocabulary.

A plain text longer than the context is scored by a sliding window that moves by half of it: the first window
scores all its tokens, each later one begins with the start token, reads again the half before its own
tokens, and scores its own. Every token is scored once and sees at least half a window (`windows`).
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
    def is_long(self) -> bool:
        """Whether its logits alone are too many for one pass."""
        return len(self.branches) == 1 and self.reads > BATCH_READS

    @property
    def is_line(self) -> bool:
        """Whether plain causal attention is right for the row: at most one branch has tokens to read in."""
        return sum(len(ids) > 1 for _, ids in self.branches) <= 1


def windows(start: list[int], ids: list[int], context: int) -> list[tuple[list[int], list[int]]]:
    """Cut a text that exceeds the context with its start into (what is read before, tokens scored).

    Without room for a token behind the start, the text comes back whole.
    """
    room = context - len(start)
    if room < 1 or len(ids) <= room:
        return [(start, ids)]
    step = max(room // 2, 1)
    later = range(room, len(ids), step)
    return [(start, ids[:room]), *((start + ids[at - room + step : at], ids[at : at + step]) for at in later)]


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
    long = [job for job in jobs if job.is_long]
    jobs = [job for job in jobs if not job.is_long]
    prefix = 0
    memory = Memory()
    if forward.shares and len(jobs) > 1:
        prefix = shared_prefix([job.prompt for job in jobs])
        with torch.inference_mode():
            forward.load_prefix(memory, jobs[0].prompt[:prefix])
    jobs = [Job(job.query, job.prompt[prefix:], job.branches) for job in jobs]
    jobs.sort(key=lambda job: (-job.length, job.query))
    unfinished = Counter(job.query for job in (*long, *jobs))
    advance(len(prompts) - len(unfinished))
    for batch in (*([job] for job in long), *_batches(jobs)):
        with torch.inference_mode():
            if batch[0].is_long:
                _score_long(forward, batch[0], found)
            else:
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
    at = torch.tensor([read for read, *_ in picks], device=device)
    wanted = torch.tensor([token for _, token, *_ in picks], device=device)
    for (_, _, target, index), value in zip(picks, _logprobs(logits, at, wanted), strict=True):
        target[index] = value


def _score_long(forward: Forward, job: Job, found: Found) -> None:
    """Run one row with one continuation in parts, each with the cache of those before it."""
    device = forward.device
    ((continuation, ids),) = job.branches
    row, first, cache = [*job.prompt, *ids[:-1]], len(job.prompt) - 1, None
    values: list[float] = []
    for start in range(0, len(row), BATCH_READS):
        part = row[start : start + BATCH_READS]
        columns = torch.arange(min(max(first - start, 0), len(part) - 1), len(part), device=device)
        tokens = torch.tensor([part], device=device)
        settings = {"past_key_values": cache, "use_cache": True}
        logits, cache = forward.logits(tokens, torch.zeros_like(columns), columns, **settings)
        if start + len(part) <= first:
            continue  # nothing but prompt
        wanted = ids[len(values) : len(values) + len(columns)]
        at = torch.arange(len(columns), device=device)
        values += _logprobs(logits, at, torch.tensor(wanted, device=device))
    found[job.query][continuation] = values


def _logprobs(logits: torch.Tensor, at: torch.Tensor, wanted: torch.Tensor) -> list[float]:
    """Return the natural log-probability of token wanted[i] at the read at[i]; in float32.

    A few reads at a time stay in the cache: a third of the time of all at once.
    """
    sums = torch.cat([some.float().logsumexp(-1) for some in logits.split(16)])
    values: list[float] = (logits[at, wanted].float() - sums[at]).tolist()
    return values
