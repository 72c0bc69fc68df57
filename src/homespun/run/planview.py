"""The estimate of a run as a table for the terminal."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

from homespun.engine.budget import Budget
from homespun.run.plan import NOTHING, Plan, Span
from homespun.stats import descriptive
from homespun.text.table import aligned


def lines(plan: Plan, out: Path, budget: Budget) -> list[str]:
    """Return the table, the accept rates to expect, and what the sample leaves behind."""
    columns: dict[str, tuple[str, Callable[[float], str]]] = {
        "calls": ("calls", _count),
        "tokens in": ("prompt_tokens", _count),
        "tokens out": ("completion_tokens", _count),
        "time": ("seconds", _duration),
        "money": ("money", _amount),
    }
    table = [["stage", *columns], *([stage.name] for stage in plan.stages), ["all"]]
    total = {}
    for name, show in columns.values():
        spans: list[Span | None] = [getattr(stage, name) for stage in plan.stages]
        total[name] = sum((span or NOTHING for span in spans), NOTHING)
        whole = _span(total[name], show)
        if None in spans:
            whole = f"{whole} and more" if name == "seconds" else _span(None, show)
        for line, cell in zip(table[1:], (*(_span(span, show) for span in spans), whole), strict=True):
            line.append(cell)
    told = aligned(table)
    for name, (kept, asked) in plan.accepted.items():
        low, high = descriptive.wilson(kept, asked)
        told.append(f"{name}: {kept} of {asked} answers accepted; expect {low:.0%} to {high:.0%}")
    told += plan.notes
    told += _over(budget, total["prompt_tokens"] + total["completion_tokens"], total["money"], total["seconds"])
    told.append(f"tried in {_duration(plan.seconds)}; ranges of time allow for what machine and server may vary")
    if plan.asked:
        told.append(f"{plan.asked} answers of servers are kept in {out / 'ledger.db'}: the run does not ask them again")
    return told


def _over(budget: Budget, tokens: Span, money: Span, seconds: Span) -> list[str]:
    limits = (
        ("tokens", budget.tokens, tokens),
        ("money", budget.money, money),
        ("minutes", budget.minutes, seconds * (1 / 60)),
    )
    found = []
    for name, limit, span in limits:
        if limit is not None and span.high > limit:
            sure = "will" if span.low > limit else "is likely to" if span.likely > limit else "may"
            found.append(f"the budget of {limit:g} {name} {sure} stop the run before its end")
    return found


def _span(span: Span | None, show: Callable[[float], str]) -> str:
    if span is None:
        return "unknown"
    if span.high <= 0:
        return "-"
    low, likely, high = show(span.low), show(span.likely), show(span.high)
    return likely if low == high else f"{likely} ({low} to {high})"


def _count(value: float) -> str:
    """Return a count with three digits that mean something."""
    if value >= 999_500:
        return f"{value / 1e6:.3g} M"
    if value >= 9_995:
        return f"{value / 1e3:.3g} k"
    return f"{value:,.0f}"


def _duration(seconds: float) -> str:
    if seconds < 99.5:
        return f"{seconds:.0f} s"
    if seconds < 99.5 * 60:
        return f"{seconds / 60:.0f} min"
    return f"{seconds / 3600:.1f} h"


def _amount(value: float) -> str:
    return f"{value:.2f}" if value >= 0.005 else f"{value:.4f}"
