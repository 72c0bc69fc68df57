"""What the user wants the model to do: the task of a recipe, and which models play which part.

These are the parts of a recipe that every stage reads, kept apart from recipe.py so that a stage does not
need the recipe's parser. No defaults that depend on a model live here.
"""

from __future__ import annotations

from typing import Any, Literal, get_args

from pydantic import BaseModel, ConfigDict, Field, field_validator, model_validator

Draws = Literal["pool", "split", "fixed"]  #: what every replicate draws anew: docs/comparison.md
Role = Literal["writer", "student", "judge", "scorer"]  #: the part that a model plays
ROLES: tuple[Role, ...] = get_args(Role)
Controls = Literal["rows", "tokens"]  #: what a control has as much of as its arm


class Price(BaseModel):
    """What a million tokens of a model cost, in any currency."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    input: float = Field(ge=0, description="per million prompt tokens")
    output: float = Field(ge=0, description="per million answer tokens")


class ModelSpec(BaseModel):
    """A model of the recipe: `embedded`, a local path, a hub id, a server, `scripted`, or written out in full."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    id: str = Field(
        min_length=1,
        description="embedded, a path, a hub id, http://HOST:PORT/v1#MODEL, scripted:FILE, or sentence:PATH_OR_ID",
    )
    device: str = Field("auto", description="auto, cpu, cuda, cuda:0, mps")
    dtype: Literal["auto", "float32", "bfloat16", "float16"] = Field(
        "auto", description="auto: float32 on a CPU, bfloat16 on a GPU"
    )
    key_env: str | None = Field(None, description="server: the environment variable that holds its key")
    concurrency: int = Field(32, ge=1, le=4096, description="server: requests in flight at most; fewer if it refuses")
    price: Price | None = Field(None, description="what its tokens cost: {input:, output:} per million")
    structured: bool = Field(True, description="server: whether it honours JSON schemas (response_format)")
    api: Literal["chat", "completions"] = Field(
        "chat", description="server: completions for a base model, which goes on from the prompt as plain text"
    )
    extra: dict[str, Any] = Field({}, description="server: more fields of every request, such as top_k; they win")
    logprobs: Literal["vllm", "llama.cpp", "echo"] | None = Field(
        None, description="server: how it is asked for probabilities of given answers; echo: with api: completions"
    )

    @model_validator(mode="after")
    def _echo_is_text(self) -> ModelSpec:
        if self.logprobs == "echo" and self.api != "completions":
            raise ValueError(f"logprobs: echo knows no chat template; it needs api: completions, got api: {self.api}")
        return self

    @property
    def is_server(self) -> bool:
        """Whether the id is the address of a server."""
        return self.id.startswith(("http://", "https://"))


class Task(BaseModel):
    """A labelled task: what goes in, which labels come out, and what they mean."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    kind: Literal["classification"] = "classification"
    description: str = Field(min_length=1, description="one or two sentences, as you would tell a person")
    fields: tuple[str, ...] = Field(("text",), min_length=1, description="names of the input texts")
    labels: dict[str, str] = Field(description="label -> what it means, in a clause")

    @field_validator("labels")
    @classmethod
    def _two_labels(cls, labels: dict[str, str]) -> dict[str, str]:
        if len(labels) < 2:
            raise ValueError(f"a classification needs at least 2 labels, got {len(labels)}: {list(labels)}")
        blank = [label for label in labels if not label.strip()]
        if blank:
            raise ValueError("a label is empty; give every label a name")
        return labels

    @model_validator(mode="after")
    def _distinct_names(self) -> Task:
        if len(set(self.fields)) != len(self.fields):
            raise ValueError(f"field names repeat: {', '.join(self.fields)}")
        return self
