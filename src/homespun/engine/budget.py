"""What a run may cost, and what it has cost so far: tokens, money, minutes.

Tokens and money count over all starts of a run, from the ledger; minutes count from the present start. When
something is spent, nothing more is admitted, what is in flight is committed, and the run ends with exit code
2; a larger budget and the same command go on. Answers whose tokens a server does not tell cost nothing here.
"""

from __future__ import annotations

import time
from dataclasses import dataclass, field

from pydantic import BaseModel, ConfigDict, Field

from homespun.errors import BudgetError
from homespun.task import Price


class Budget(BaseModel):
    """Limits of a run; what is not given is not limited."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    tokens: int | None = Field(None, ge=1, description="prompt and answer tokens of all models together")
    money: float | None = Field(None, gt=0, description="in the currency of the models' prices")
    minutes: float | None = Field(None, gt=0, description="since this start of the run")


def cost(price: Price | None, prompt_tokens: int, completion_tokens: int) -> float:
    """Return what tokens cost; 0 without a price."""
    if price is None:
        return 0.0
    return (price.input * prompt_tokens + price.output * completion_tokens) / 1e6


@dataclass
class Spending:
    """Adds up and compares; shared by all models of a run."""

    budget: Budget = field(default_factory=Budget)
    tokens: int = 0
    money: float = 0.0
    started: float = field(default_factory=time.monotonic)

    def charge(self, price: Price | None, prompt_tokens: int, completion_tokens: int) -> None:
        """Count an answer."""
        self.tokens += prompt_tokens + completion_tokens
        self.money += cost(price, prompt_tokens, completion_tokens)

    def over(self) -> str:
        """Return what is spent, in words; empty while there is something left."""
        budget = self.budget
        if budget.tokens is not None and self.tokens >= budget.tokens:
            return f"tokens: {self.tokens:,} of {budget.tokens:,}"
        if budget.money is not None and self.money >= budget.money:
            return f"money: {self.money:.2f} of {budget.money:.2f}"
        if budget.minutes is not None and time.monotonic() - self.started >= 60 * budget.minutes:
            return f"minutes: {(time.monotonic() - self.started) / 60:.1f} of {budget.minutes:g}"
        return ""

    def check(self) -> None:
        """Raise a BudgetError when something is spent."""
        if spent := self.over():
            raise BudgetError(
                f"the budget is spent ({spent}); everything answered so far is kept. Raise `budget` and run the same"
                " command to go on"
            )
