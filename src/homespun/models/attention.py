"""Attention over a prefix that all rows share and over what each row has of its own.

Registered with transformers' attention interface, so every architecture that goes through that interface
can use it; without a `memory` argument it is plain scaled dot-product attention. With one, there are two
kinds of pass. *Extend*: new tokens of several rows, behind the shared prefix. *Step*: one new token for
every active slot; the prefix is then multiplied once for all rows instead of being read again by each
(the split of Hydragen, Juravsky et al., 2024), and keys and values are written in place.

Columns of the slots' buffer are points in time shared by all rows: a new token goes to the same column in
every row, and a row that starts later has its prompt moved up against that column. So a step writes one
column, and a row is moved or dropped without touching the others. Sliding windows, soft caps and sinks
are not handled: `Unsupported` makes the caller fall back to the model's own cache.
"""

from __future__ import annotations

from typing import Any

import torch
from torch import Tensor
from torch.nn.functional import scaled_dot_product_attention
from transformers import AttentionInterface, AttentionMaskInterface
from transformers.cache_utils import Cache
from transformers.integrations.sdpa_attention import sdpa_attention_forward
from transformers.masking_utils import sdpa_mask

NAME = "homespun"
SPECIAL = ("sliding_window", "softcap", "s_aux", "position_bias")  #: arguments that change the arithmetic


class Unsupported(Exception):
    """This architecture's attention is not the plain one."""


class Memory(Cache):  # type: ignore[misc]  # transformers is untyped here
    """Keys and values of the shared prefix and of the slots, for all layers."""

    def __init__(self) -> None:
        super().__init__(layers=[])
        self.prefix: list[tuple[Tensor, Tensor]] = []  #: per layer keys, values: (kv heads, length, size)
        self.prefix_length = 0
        self.buffer: Tensor | None = None  #: (2, layers, slots, kv heads, columns, size)
        self.rows = slice(0, 0)  #: slots that the running pass belongs to
        self.left = 0  #: first column in use
        self.right = 0  #: column of the next token
        self.mask: Tensor | None = None  #: see `attend`
        self.store = False  #: whether an extend pass is kept in the slots
        self.capture: list[tuple[Tensor, Tensor]] | None = None  #: keys and values of a pass for the prefix

    def get_seq_length(self, layer_idx: int = 0) -> int:
        """Return 0: positions are always given explicitly."""
        return 0

    def update(self, keys: Tensor, values: Tensor, layer_idx: int, *_: Any, **__: Any) -> tuple[Tensor, Tensor]:
        """Keep the new keys and values, shape (rows, kv heads, tokens, size), and return them."""
        if self.capture is not None:
            self.capture.append((keys[0], values[0]))
        elif keys.shape[2] == 1 and not self.store:
            assert self.buffer is not None
            self.buffer[0, layer_idx, self.rows, :, self.right] = keys[:, :, 0]
            self.buffer[1, layer_idx, self.rows, :, self.right] = values[:, :, 0]
        elif self.store and self.buffer is not None:
            columns = slice(self.right - keys.shape[2], self.right)
            self.buffer[0, layer_idx, self.rows, :, columns] = keys
            self.buffer[1, layer_idx, self.rows, :, columns] = values
        return keys, values


def attend(
    module: torch.nn.Module,
    query: Tensor,
    key: Tensor,
    value: Tensor,
    attention_mask: Tensor | None,
    dropout: float = 0.0,
    scaling: float | None = None,
    memory: Memory | None = None,
    **kwargs: Any,
) -> tuple[Tensor, None]:
    """Return the attention output, shape (rows, tokens, heads, size).

    With a `memory`, its mask says what may be seen: in an extend pass a boolean (rows or 1, 1, tokens,
    prefix + tokens), or None for plain causal; in a step an additive (rows, 1, 1, columns).
    """
    if memory is None:
        return sdpa_attention_forward(  # type: ignore[no-any-return]
            module, query, key, value, attention_mask, dropout=dropout, scaling=scaling, **kwargs
        )
    if any(kwargs.get(name) is not None for name in SPECIAL):
        raise Unsupported(", ".join(name for name in SPECIAL if kwargs.get(name) is not None))
    scale = query.shape[-1] ** -0.5 if scaling is None else scaling
    if query.shape[2] == 1 and not memory.store and memory.capture is None:
        return _step(query, scale, memory, module.layer_idx), None
    if memory.prefix_length:
        rows = key.shape[0]
        keys, values = memory.prefix[module.layer_idx]
        key = torch.cat([keys.expand(rows, -1, -1, -1), key], 2)
        value = torch.cat([values.expand(rows, -1, -1, -1), value], 2)
    mask = memory.mask
    groups = query.shape[1] // key.shape[1]
    grouped = groups > 1 and query.device.type == "cpu"  # elsewhere grouped heads with a mask are slow
    if groups > 1 and not grouped:
        key = key.repeat_interleave(groups, 1)
        value = value.repeat_interleave(groups, 1)
    output = scaled_dot_product_attention(
        query, key, value, attn_mask=mask, scale=scale, is_causal=mask is None, enable_gqa=grouped
    )
    return output.transpose(1, 2), None


def _step(query: Tensor, scale: float, memory: Memory, layer: int) -> Tensor:
    """Attend with one token per row: prefix in one product, own columns in a batched one, one softmax."""
    assert memory.buffer is not None and memory.mask is not None
    window = slice(memory.left, memory.right + 1)
    keys = memory.buffer[0, layer, memory.rows, :, window]  # (rows, kv heads, columns, size)
    values = memory.buffer[1, layer, memory.rows, :, window]
    rows, heads, _, size = query.shape
    kv_heads = keys.shape[1]
    groups = heads // kv_heads
    query = (query * scale).view(rows, kv_heads, groups, size)
    weights = torch.matmul(query, keys.transpose(2, 3)) + memory.mask
    if not memory.prefix_length:
        weights = weights.softmax(-1, dtype=torch.float32).to(query.dtype)
        return torch.matmul(weights, values).view(rows, 1, heads, size)
    prefix_keys, prefix_values = memory.prefix[layer]
    length = memory.prefix_length
    flat = query.transpose(0, 1).reshape(kv_heads, rows * groups, size)
    shared = torch.matmul(flat, prefix_keys.transpose(1, 2)).view(kv_heads, rows, groups, length).transpose(0, 1)
    weights = torch.cat([shared, weights], -1).softmax(-1, dtype=torch.float32).to(query.dtype)
    own = torch.matmul(weights[..., length:], values)
    flat_weights = weights[..., :length].transpose(0, 1).reshape(kv_heads, rows * groups, length)
    from_prefix = torch.matmul(flat_weights, prefix_values).view(kv_heads, rows, groups, size).transpose(0, 1)
    return (own + from_prefix).view(rows, 1, heads, size)


AttentionInterface.register(NAME, attend)
AttentionMaskInterface.register(NAME, sdpa_mask)  # outside a `memory` pass masks are made as for sdpa
