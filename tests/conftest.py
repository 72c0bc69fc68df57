"""Shared fixtures: the embedded model, a tiny student with its tokenizer, and a scripted writer.

The tiny student is a two-layer Llama with random weights: it trains in a second, so the whole loop can be
run, killed and resumed in tests. What it learns means nothing; runs that mean something use the embedded
model.
"""

from __future__ import annotations

import os
from pathlib import Path

import pytest

os.environ.setdefault("HF_HUB_DISABLE_TELEMETRY", "1")
os.environ.setdefault("TOKENIZERS_PARALLELISM", "false")


@pytest.fixture(scope="session")
def embedded() -> Path:
    """Folder of the embedded model, pulled if it is not there."""
    from homespun.models.embedded import pull_smollm2

    return pull_smollm2()


@pytest.fixture(scope="session")
def tiny_student(embedded: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Folder of a two-layer model with the embedded model's tokenizer."""
    import torch
    from transformers import AutoTokenizer, LlamaConfig, LlamaForCausalLM

    folder = tmp_path_factory.mktemp("tiny-student")
    tokenizer = AutoTokenizer.from_pretrained(embedded)
    torch.manual_seed(0)
    config = LlamaConfig(
        vocab_size=len(tokenizer),
        hidden_size=32,
        intermediate_size=64,
        num_hidden_layers=2,
        num_attention_heads=2,
        num_key_value_heads=1,
        max_position_embeddings=1024,
        tie_word_embeddings=True,
        bos_token_id=1,
        eos_token_id=2,
    )
    LlamaForCausalLM(config).save_pretrained(folder)
    tokenizer.save_pretrained(folder)
    return folder
