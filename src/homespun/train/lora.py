"""The shape of a LoRA adapter (Hu et al., 2021), as every trainer's recipe states it."""

from __future__ import annotations

from typing import Any, Literal

from pydantic import BaseModel, ConfigDict, Field


class Lora(BaseModel):
    """Shape of the adapter."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    rank: int = Field(8, ge=1)
    alpha: float = Field(16, gt=0, description="the update is scaled by alpha / rank")
    dropout: float = Field(0.0, ge=0, lt=1, description="of the adapter's input; 0 trains faster")
    targets: Literal["all-linear"] | tuple[str, ...] = Field(
        "all-linear", description="all-linear, or names of modules such as q_proj"
    )

    def config(self) -> Any:
        """Return it as PEFT's `LoraConfig`."""
        from peft import LoraConfig

        return LoraConfig(
            r=self.rank,
            lora_alpha=self.alpha,
            lora_dropout=self.dropout,
            target_modules=self.targets if self.targets == "all-linear" else list(self.targets),
            task_type="CAUSAL_LM",
        )
