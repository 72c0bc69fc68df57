"""One forward pass of a model: logits only where they are read, and the passes that share a prefix.

The output head of a small model with a large vocabulary is a fifth of its work, so hidden states are cut
down to the positions that are read before they reach it (a hook on `get_output_embeddings()`; whatever a
model does to its logits afterwards still happens). Whether an architecture can use `attention.Memory` is
tried once on a few tokens against the model's own forward pass; one that cannot, or that answers
differently, is served through its own cache instead, correctly but slower.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import torch
from torch import Tensor

from homespun.models.attention import NAME, Memory, Unsupported

TOLERANCE = 1e-2  #: largest difference between logits of the two paths, in units of their spread


class _Reached(Exception):
    """No error: the way out of a forward pass, with the hidden states of the layer at which it may stop."""

    def __init__(self, states: Tensor) -> None:
        self.states = states


class Forward:
    """A loaded model, ready to be asked for logits."""

    def __init__(self, hf_model: Any) -> None:
        self.hf_model = hf_model
        self.device: torch.device = hf_model.device
        self.read_at: tuple[Tensor, Tensor] | None = None
        self.head = hf_model.get_output_embeddings()
        self.hook = None if self.head is None else self.head.register_forward_pre_hook(self._gather)
        self.attention = hf_model.config._attn_implementation
        self.kv_shape = (0, 0, 0)  #: layers, heads of keys and values, size; known once `shares` is
        self._shares: bool | None = None

    def close(self) -> None:
        """Leave the model as it was found, for a model that is trained on."""
        if self.hook is not None:
            self.hook.remove()
        self.hf_model.set_attn_implementation(self.attention)

    def _gather(self, _module: Any, inputs: tuple[Tensor, ...]) -> tuple[Tensor, ...] | None:
        return None if self.read_at is None else (inputs[0][self.read_at],)

    def logits(self, tokens: Tensor, rows: Tensor, columns: Tensor, **settings: Any) -> tuple[Tensor, Any]:
        """Return next-token logits at (rows[i], columns[i]), shape (reads, vocabulary), and the cache."""
        self.read_at = (rows, columns)
        try:
            output = self.hf_model(tokens, **settings)
        finally:
            self.read_at = None
        found = output.logits
        return (found[rows, columns] if self.head is None else found), output.past_key_values

    def with_memory(self, memory: Memory, tokens: Tensor, positions: Tensor, rows: Tensor, columns: Tensor) -> Tensor:
        """Run a pass through `memory` and return the logits at (rows[i], columns[i])."""
        # A mask of four dimensions is passed on as it is; ours lives in the memory.
        unused = torch.empty(1, 1, 1, 1, device=self.device)
        settings = {"attention_mask": unused, "position_ids": positions, "memory": memory}
        return self.logits(tokens, rows, columns, past_key_values=memory, use_cache=True, **settings)[0]

    def load_prefix(self, memory: Memory, tokens: Sequence[int]) -> None:
        """Run the shared prefix once and keep its keys and values in the memory."""
        if not tokens:
            return
        memory.capture, memory.mask = [], None
        zero = torch.zeros(1, dtype=torch.long, device=self.device)
        ids = torch.tensor([tokens], device=self.device)
        self.with_memory(memory, ids, torch.arange(len(tokens), device=self.device)[None], zero, zero)
        memory.prefix, memory.capture = memory.capture, None
        memory.prefix_length = len(tokens)

    def make_room(self, memory: Memory, slots: int, columns: int) -> None:
        """Give a memory the buffer for its slots."""
        layers, heads, size = self.kv_shape
        shape = (2, layers, slots, heads, columns, size)
        memory.buffer = torch.zeros(shape, dtype=self.hf_model.dtype, device=self.device)

    def states_after(self, layer: int, tokens: Tensor, mask: Tensor) -> Tensor:
        """Return the hidden states after `layer` layers, shape (rows, tokens, size); later layers do not run.

        Where a decoder does not keep its layers in `layers`, the whole model runs.
        """
        settings = {"attention_mask": mask.long(), "use_cache": False}
        decoder = self.hf_model.get_decoder()
        if not hasattr(decoder, "layers"):
            states: Tensor = self.hf_model(tokens, output_hidden_states=True, **settings).hidden_states[layer]
            return states

        def stop(_module: Any, _inputs: Any, output: Any) -> None:
            raise _Reached(output[0] if isinstance(output, tuple) else output)

        hook = decoder.layers[layer - 1].register_forward_hook(stop)
        try:
            decoder(tokens, **settings)
        except _Reached as reached:
            return reached.states
        finally:
            hook.remove()
        raise RuntimeError(f"layer {layer} of {type(decoder).__name__} did not run")

    @property
    def row_bytes(self) -> int:
        """Bytes of keys and values per token of a row."""
        layers, heads, size = self.kv_shape
        return 2 * layers * heads * size * int(self.hf_model.dtype.itemsize)

    @property
    def shares(self) -> bool:
        """Whether this architecture may use `Memory`; tried on first use."""
        if self._shares is None:
            with torch.inference_mode():
                self._shares = self._try()
        return self._shares

    def _try(self) -> bool:
        """Compare logits through a memory (prefix, extend, step) with those of the model's own pass."""
        original = self.hf_model.config._attn_implementation
        self.hf_model.set_attn_implementation(NAME)
        if original != "sdpa" or self.hf_model.config._attn_implementation != NAME:
            self.hf_model.set_attn_implementation(original)
            return False
        vocabulary = self.hf_model.get_input_embeddings().num_embeddings
        ids = [(7 * i + 3) % vocabulary for i in range(9)]
        tokens = torch.tensor([ids], device=self.device)
        expected = self.hf_model(tokens, use_cache=False).logits[0, -2:].float()
        zero = torch.zeros(1, dtype=torch.long, device=self.device)
        memory = Memory()
        try:
            self.load_prefix(memory, ids[:4])
            shapes = {keys_or_values.shape for pair in memory.prefix for keys_or_values in pair}
            if len(shapes) > 1:
                raise Unsupported("layers of different shapes")
            heads, _, size = shapes.pop()
            self.kv_shape = (len(memory.prefix), heads, size)
            self.make_room(memory, slots=1, columns=8)
            memory.right, memory.rows, memory.store = 4, slice(0, 1), True
            memory.mask = torch.ones(4, 8, dtype=torch.bool, device=self.device).tril(4)[None, None]
            positions = torch.arange(9, device=self.device)[None]
            first = self.with_memory(memory, tokens[:, 4:8], positions[:, 4:8], zero, zero + 3)
            memory.store, memory.mask = False, torch.zeros(1, 1, 1, 5, device=self.device, dtype=first.dtype)
            second = self.with_memory(memory, tokens[:, 8:], positions[:, 8:], zero, zero)
        except (Unsupported, TypeError, AttributeError, RuntimeError, IndexError):  # another kind of attention
            self.hf_model.set_attn_implementation(original)
            return False
        found = torch.cat([first, second]).float()
        same = bool((found - expected).abs().max() <= TOLERANCE * expected.std())
        if not same:
            self.hf_model.set_attn_implementation(original)
        return same
