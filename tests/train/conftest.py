from dataclasses import replace
from pathlib import Path

import pytest
from tiny_student import make_model, make_tokenizer, row, variant

from homespun.engine.context import Context, Models
from homespun.task import ModelSpec, Task


@pytest.fixture
def task():
    return Task(
        description="Decide whether a movie review is positive or negative.",
        fields=("review",),
        labels={"positive": "liked it", "negative": "disliked it"},
    )


@pytest.fixture
def ctx(task):
    return Context(task, "en", 0, Models({}, load=lambda spec: None))


@pytest.fixture(scope="session")
def tokenizer():
    return make_tokenizer()


@pytest.fixture(scope="session")
def tiny(tmp_path_factory, tokenizer) -> ModelSpec:
    folder: Path = tmp_path_factory.mktemp("tiny") / "bytes-llama"
    make_model().save_pretrained(folder)
    tokenizer.save_pretrained(folder)
    return ModelSpec(id=str(folder))


@pytest.fixture
def rows():
    """A dozen rows of different lengths, six of each label."""
    return [
        row(f"film {i} " + "was fine " * (i % 5), "positive" if i % 2 else "negative", f"row-{i}") for i in range(12)
    ]


@pytest.fixture
def texts():
    """Five documents of three variants."""
    return [
        variant(f"d{d}", n, f"The colour of d{d} is {7 * d}. " + "So it is. " * n) for d in range(5) for n in range(3)
    ]


@pytest.fixture
def blank(ctx):
    """A context without a task."""
    return replace(ctx, task=None)
