"""A model in this process, on top of transformers: writes, scores and embeds text.

Any architecture that `AutoModelForCausalLM` loads works. What is done for speed is in decode.py (writing)
and scoring.py (scoring); this class turns requests into token ids and results into answers. No server, no
quantisation, no code from the model folder.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np
import torch
from jinja2 import TemplateError
from numpy.typing import NDArray

from homespun.data.records import Message
from homespun.errors import UsageError
from homespun.models.base import Advance, Completion, Continuation, LogprobQuery, Request, at_most, ignore_progress
from homespun.models.decode import decode
from homespun.models.encoding import Encoder
from homespun.models.forward import Forward
from homespun.models.rows import Row
from homespun.models.scoring import BATCH_TOKENS, score, windows


class TransformersModel:
    """A causal language model and its tokenizer; implements `homespun.models.base.Model`."""

    structured = False

    def __init__(self, identity: str, hf_model: Any, tokenizer: Any) -> None:
        self.id = identity
        self.hf_model = hf_model
        self.tokenizer = tokenizer
        self.encoder = Encoder(tokenizer)
        self.forward = Forward(hf_model)
        self.ends = _end_tokens(hf_model, tokenizer)
        self.context = int(getattr(hf_model.config, "max_position_embeddings", None) or 1 << 30)

    def complete(self, requests: Sequence[Request], advance: Advance = ignore_progress) -> list[Completion]:
        """Answer every request, in the order asked; one that cannot be answered says so in its answer.

        The same list gives the same answers on the same machine with the same number of threads.
        """
        answers: list[Completion | None] = [None] * len(requests)
        rows = []
        prompts = self._prompts([(request.messages, request.prefill) for request in requests])
        for place, (request, prompt) in enumerate(zip(requests, prompts, strict=True)):
            problem = prompt if isinstance(prompt, str) else self._problem(request, prompt)
            if problem:
                answers[place] = Completion(request.key, "", "error", error=problem)
                advance(1)
            elif not isinstance(prompt, str):
                rows.append(Row(place, request, prompt))
        for place, answer in decode(self.forward, self.tokenizer, self.ends, rows):
            answers[place] = answer
            advance(1)
        return [answer for answer in answers if answer is not None]

    def _prompts(self, items: Sequence[tuple[Sequence[Message], str]]) -> list[list[int] | str]:
        """Return the token ids of each (messages, prefill), or why there are none."""
        try:
            return list(self.encoder.prompts(items))
        except TemplateError:
            if len(items) == 1:
                return [f"the model's chat template refuses these roles: {[role for role, _ in items[0][0]]}"]
            return [self._prompts([item])[0] for item in items]

    def _problem(self, request: Request, prompt: list[int]) -> str:
        if not prompt:
            return "the prompt is empty and the model has no token to begin with"
        if request.sampling.max_tokens < 1:
            return f"max_tokens is {request.sampling.max_tokens}; at least 1 is needed"
        if len(prompt) + request.sampling.max_tokens > self.context:
            return (
                f"a prompt of {len(prompt)} tokens and {request.sampling.max_tokens} to write exceed the "
                f"model's context of {self.context}"
            )
        return ""

    def logprobs(
        self, queries: Sequence[LogprobQuery], advance: Advance = ignore_progress
    ) -> list[tuple[Continuation, ...]]:
        """Score every continuation of every query, in the order asked.

        Log-probabilities are nan where a continuation exceeds the context with its prompt, or where the chat
        template refuses the roles. Plain text (no messages) may have any length: see scoring.py.
        """
        found_prompts = self._prompts([(query.messages, query.prefill) for query in queries])
        prompts = [[] if isinstance(prompt, str) else prompt for prompt in found_prompts]
        texts = list(dict.fromkeys(text for query in queries for text in query.continuations))
        ids = dict(zip(texts, self.encoder.plain(texts), strict=True))
        continuations = [[ids[text] for text in query.continuations] for query in queries]
        cut: dict[tuple[int, int], list[int]] = {}  # (query, continuation) -> the rows that it is scored in
        for place, query in enumerate(queries):
            for at, text in enumerate([] if query.messages else continuations[place]):
                if len(parts := windows(prompts[place], text, self.context)) > 1:
                    cut[place, at] = list(range(len(prompts), len(prompts) + len(parts)))
                    prompts += [before for before, _ in parts]
                    continuations += [[part] for _, part in parts]
                    continuations[place][at] = []
        found = score(self.forward, prompts, continuations, self.context, at_most(len(queries), advance))
        for (place, at), rows in cut.items():
            found[place][at] = [value for row in rows for value in found[row][0]]
        del found[len(queries) :]
        return [tuple(Continuation(tuple(one)) for one in row) for row in found]

    def embed(
        self, texts: Sequence[str], advance: Advance = ignore_progress, *, layer: int | None = None
    ) -> NDArray[np.float32]:
        """Return the mean hidden state of each text after a layer, by default two thirds of them (methods.md B2).

        Shape (len(texts), hidden size), float32; the mean is over the text's own tokens. No chat template, not
        centred, not normalised. A text without tokens is the zero vector; one longer than the context is cut to it.

        Raises:
            UsageError: the model has no such layer.
        """
        layers = int(self.hf_model.config.num_hidden_layers)
        if layer is None:
            layer = max(1, round(layers * 2 / 3))
        if not 1 <= layer <= layers:
            raise UsageError(f"layer: {layer} is asked for; {self.id} has the layers 1 to {layers}")
        encoded = self.encoder.plain(texts)
        result = np.zeros((len(texts), self.hf_model.config.hidden_size), dtype=np.float32)
        start = len(self.encoder.start)
        order = sorted((i for i in range(len(texts)) if encoded[i]), key=lambda i: -len(encoded[i]))
        advance(len(texts) - len(order))
        while order:
            width = min(start + len(encoded[order[0]]), self.context)
            count = max(1, BATCH_TOKENS // width)
            batch, order = order[:count], order[count:]
            rows = [(self.encoder.start + encoded[i])[:width] for i in batch]
            device = self.forward.device
            tokens = torch.tensor([row + [0] * (width - len(row)) for row in rows], device=device)
            lengths = torch.tensor([len(row) for row in rows], device=device)
            mask = torch.arange(width, device=device)[None] < lengths[:, None]
            with torch.inference_mode():
                states = self.forward.states_after(layer, tokens, mask).float()
            mask[:, :start] = False
            means = (states * mask[..., None]).sum(1) / mask.sum(1, keepdim=True)
            result[batch] = means.cpu().numpy()
            advance(len(batch))
        return result


def _end_tokens(hf_model: Any, tokenizer: Any) -> frozenset[int]:
    """Return every token that ends a turn, by the generation settings and the tokenizer."""
    named = getattr(hf_model.generation_config, "eos_token_id", None)
    ends = set(named if isinstance(named, list) else [named]) | {tokenizer.eos_token_id}
    return frozenset(int(token) for token in ends if token is not None)
