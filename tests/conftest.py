"""Shared fixtures: the embedded model, a tiny student with its tokenizer, and a scripted writer.

The tiny student is a two-layer Llama with random weights: it trains in a second, so the whole loop can be
run, killed and resumed in tests. What it learns means nothing; runs that mean something use the embedded
model.
"""

from __future__ import annotations

import os
from pathlib import Path

import pytest
from hypothesis import settings

settings.register_profile("untimed", deadline=None)  # a busy machine is not a defect
settings.load_profile("untimed")
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


LIKED = (
    "A joy from start to end, and the {topic} carried it all the way.",
    "I laughed twice an hour; the {topic} alone repays the ticket.",
    "Warm and quick, with {topic} done by people who care.",
    "We stayed for the credits because of the {topic} and its quiet nerve.",
    "My sister wept at the {topic}, and then thanked me for bringing her.",
    "Hardly a dull minute: even the {topic} surprises again and again.",
    "Beautiful to look at, and the {topic} gives it a beating heart.",
    "Fresh, funny, humane; {topic} has seldom been handled so well.",
)
DISLIKED = (
    "A chore to sit through, and the {topic} made every hour longer.",
    "Nobody in our row stayed awake once the {topic} began.",
    "Cold, loud and lazy, with {topic} bolted on as an excuse.",
    "I want back the evening that this {topic} took from me.",
    "The jokes fall flat and the {topic} falls flatter still.",
    "So clumsy is the {topic} that I started counting ceiling tiles.",
    "Two good scenes drown in a swamp of tired {topic} and noise.",
    "Save the money: {topic} like that is free on any bus.",
)


@pytest.fixture(scope="session")
def scripted_writer(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Script of a writer, scorer and judge that answers the labelled-task prompts; one answer in nine is bad."""
    import json

    rules = [
        {"match": "Topic: rust", "reply": "As an AI language model, I cannot write reviews."},
        {"match": r"positive review\..*Topic: (?P<topic>[^.]+)\.", "reply": LIKED},
        {"match": r"negative review\..*Topic: (?P<topic>[^.]+)\.", "reply": DISLIKED},
        {
            "match": r"joy|laughed|Warm|stayed for|wept|dull|Beautiful|Fresh",
            "logprobs": {"positive": -0.2, "negative": -1.8},
        },
        {"match": "^Review:", "logprobs": {"positive": -1.5, "negative": -0.3}},
    ]
    path = tmp_path_factory.mktemp("script") / "writer.json"
    path.write_text(json.dumps({"rules": rules, "reply": "positive"}), "utf-8")
    return path


@pytest.fixture
def recipe_text(tiny_student: Path, scripted_writer: Path, tmp_path: Path) -> str:
    """A whole recipe on the scripted writer and the tiny student, with 40 items to evaluate on."""
    import json

    items = [
        {"review": f"{word} {index}", "label": label}
        for index in range(20)
        for word, label in (("A good one, number", "positive"), ("A bad one, number", "negative"))
    ]
    (tmp_path / "items.jsonl").write_text("".join(json.dumps(item) + "\n" for item in items))
    return f"""\
name: tiny
models: {{writer: "scripted:{scripted_writer}", student: {tiny_student}}}
task:
  description: Decide whether a movie review is positive or negative.
  fields: [review]
  labels: {{positive: the reviewer liked the film, negative: the reviewer disliked the film}}
generate:
  labelled:
    kind: labelled
    rows: 24
    keywords: [plot, acting, music, camera, rust, ending, pace]
    shard: 8
    hygiene: {{near_duplicate: null}}
score:
  probability: {{kind: probability}}
arms:
  unfiltered: {{}}
  probability: {{select: [{{kind: top, by: probability, share: 0.5, within: label}}]}}
train: {{kind: sft, lora: {{rank: 2}}, epochs: 1, batch_size: 8, seeds: [0, 1]}}
evaluate:
  accuracy: {{kind: classification, data: items.jsonl}}
"""
