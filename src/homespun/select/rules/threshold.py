"""Rules with a fixed threshold: at_least, at_most, band. Bounds are inclusive.

A fixed threshold means the same in every run of the same scorer and model, and nothing across models:
for a share of the pool whatever the scale, see share.py.
"""

from __future__ import annotations

from typing import Literal

from pydantic import Field, model_validator

from homespun.select.base import RowRule, show


class AtLeast(RowRule):
    """Keep rows with score >= value."""

    kind: Literal["at_least"] = "at_least"
    by: str = Field(min_length=1, description="score, or score.column")
    value: float = Field(allow_inf_nan=False, description="smallest score that is kept")

    def decide(self, score: float) -> tuple[bool, float, str]:
        """Compare with the bound."""
        keep = score >= self.value
        side = "at or above" if keep else "below"
        return keep, self.value, f"{self.by} {show(score)} is {side} {show(self.value)}"

    def __str__(self) -> str:
        return f"at_least {self.by} {show(self.value)}"


class AtMost(RowRule):
    """Keep rows with score <= value."""

    kind: Literal["at_most"] = "at_most"
    by: str = Field(min_length=1, description="score, or score.column")
    value: float = Field(allow_inf_nan=False, description="largest score that is kept")

    def decide(self, score: float) -> tuple[bool, float, str]:
        """Compare with the bound."""
        keep = score <= self.value
        side = "at or below" if keep else "above"
        return keep, self.value, f"{self.by} {show(score)} is {side} {show(self.value)}"

    def __str__(self) -> str:
        return f"at_most {self.by} {show(self.value)}"


class Band(RowRule):
    """Keep rows with low <= score <= high (methods.md A2: similar, but no copy)."""

    kind: Literal["band"] = "band"
    by: str = Field(min_length=1, description="score, or score.column")
    low: float = Field(allow_inf_nan=False, description="smallest score that is kept")
    high: float = Field(allow_inf_nan=False, description="largest score that is kept")

    @model_validator(mode="after")
    def _in_order(self) -> Band:
        if self.low > self.high:
            raise ValueError(f"low {self.low} is above high {self.high}; no row could be kept")
        return self

    def decide(self, score: float) -> tuple[bool, float, str]:
        """Compare with both bounds; the nearer one counts as the threshold."""
        nearer = self.low if abs(score - self.low) <= abs(score - self.high) else self.high
        keep = self.low <= score <= self.high
        side = "inside" if keep else "outside"
        return keep, nearer, f"{self.by} {show(score)} is {side} {show(self.low)} to {show(self.high)}"

    def __str__(self) -> str:
        return f"band {self.by} {show(self.low)} to {show(self.high)}"
