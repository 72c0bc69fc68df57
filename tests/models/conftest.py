"""Tiny models with random weights and a tokenizer trained here: correctness needs no real model."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

TEXTS = [
    "The film was slow, but the music was lovely.",
    "I would not see it again; the plot made no sense at all.",
    "Write one short review about the ending of a war film.",
    "Decide whether a movie review is positive or negative.",
    "素晴らしい映画でした。音楽も良かった。",
]
TEMPLATE = (
    "{% for m in messages %}{{ '<|' + m['role'] + '|>' + m['content'] + '<|end|>' }}{% endfor %}"
    "{% if add_generation_prompt %}{{ '<|assistant|>' }}{% endif %}"
)
SPECIAL = ["<|end|>", "<|start|>", "<|user|>", "<|assistant|>", "<|system|>"]


@pytest.fixture(scope="session")
def tokenizer() -> Any:
    """Byte-level BPE with 300 tokens and a small chat template."""
    from tokenizers import Tokenizer, decoders, models, pre_tokenizers, trainers
    from transformers import PreTrainedTokenizerFast

    raw = Tokenizer(models.BPE())
    raw.pre_tokenizer = pre_tokenizers.ByteLevel(add_prefix_space=False)
    raw.decoder = decoders.ByteLevel()
    alphabet = pre_tokenizers.ByteLevel.alphabet()
    raw.train_from_iterator(
        TEXTS, trainers.BpeTrainer(vocab_size=300, special_tokens=SPECIAL, initial_alphabet=alphabet)
    )
    made = PreTrainedTokenizerFast(
        tokenizer_object=raw, bos_token="<|start|>", eos_token="<|end|>", pad_token="<|end|>"
    )
    made.chat_template = TEMPLATE
    return made


@pytest.fixture(scope="session")
def build(tokenizer: Any) -> Callable[..., Any]:
    """Build a `TransformersModel` of an architecture with random weights."""
    import torch
    import transformers

    from homespun.models.transformers import TransformersModel

    def make(architecture: str = "Llama", **settings: Any) -> TransformersModel:
        sizes = {
            "vocab_size": len(tokenizer),
            "hidden_size": 48,
            "intermediate_size": 96,
            "num_hidden_layers": 3,
            "num_attention_heads": 4,
            "num_key_value_heads": 2,
            "head_dim": 12,
            "max_position_embeddings": 256,
            "initializer_range": 0.35,  # large, so that the random model has firm opinions
            "bos_token_id": tokenizer.bos_token_id,
            "eos_token_id": tokenizer.eos_token_id,
            "pad_token_id": tokenizer.pad_token_id,
        }
        config = getattr(transformers, f"{architecture}Config")(**(sizes | settings))
        torch.manual_seed(0)
        hf_model = transformers.AutoModelForCausalLM.from_config(config).eval()
        hf_model.generation_config.eos_token_id = tokenizer.eos_token_id
        return TransformersModel(architecture, hf_model, tokenizer)

    return make


@pytest.fixture(scope="session")
def tiny(build: Callable[..., Any]) -> Any:
    """A small Llama with grouped heads."""
    return build()


@pytest.fixture(scope="session")
def tiny_folder(tiny: Any, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The small Llama as a model folder."""
    folder = tmp_path_factory.mktemp("models") / "tiny"
    tiny.hf_model.save_pretrained(folder)
    tiny.tokenizer.save_pretrained(folder)
    return folder
