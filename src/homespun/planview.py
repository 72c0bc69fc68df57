"""The estimate of a run as a table for the terminal."""

from __future__ import annotations

from pathlib import Path

from homespun import stats
from homespun.budget import Budget
from homespun.plan import NOTHING, Plan, Span
from homespun.text.table import aligned

HEAD = ("stage", "calls", "tokens in", "tokens out", "time", "money")


def lines(plan: Plan, out: Path, budget: Budget) -> list[str]:
    """Return the table, the accept rates to expect, and what the probe leaves behind."""
    table = [HEAD]
    for stage in plan.stages:
        table.append(
            (
                stage.name,
                _span(stage.calls, _count),
                _span(stage.prompt_tokens, _count),
                _span(stage.completion_tokens, _count),
                "unknown" if stage.seconds is None else _span(stage.seconds, _duration),
                "unknown" if stage.money is None else _span(stage.money, _amount),
            )
        )
    known = plan.stages
    seconds = sum((stage.seconds or NOTHING for stage in known), NOTHING)
    money = sum((stage.money or NOTHING for stage in known), NOTHING)
    tokens = [sum((s.prompt_tokens for s in known), NOTHING), sum((s.completion_tokens for s in known), NOTHING)]
    open_time, open_money = (any(getattr(s, what) is None for s in known) for what in ("seconds", "money"))
    table.append(
        (
            "all",
            _span(sum((stage.calls for stage in known), NOTHING), _count),
            _span(tokens[0], _count),
            _span(tokens[1], _count),
            _span(seconds, _duration) + (" and more" if open_time else ""),
            "unknown" if open_money else _span(money, _amount),
        )
    )
    told = aligned(table)
    for name, (kept, asked) in plan.accepted.items():
        low, high = stats.wilson(kept, asked)
        told.append(f"{name}: {kept} of {asked} answers accepted; expect {low:.0%} to {high:.0%}")
    told += plan.notes
    told += _over(budget, tokens[0] + tokens[1], money, seconds)
    told.append(f"tried in {_duration(plan.seconds)}; ranges of time allow for what machine and server may vary")
    if plan.asked:
        told.append(f"{plan.asked} answers of servers are kept in {out / 'ledger.db'}: the run does not ask them again")
    return told


def _over(budget: Budget, tokens: Span, money: Span, seconds: Span) -> list[str]:
    limits = (
        ("tokens", budget.tokens, tokens),
        ("money", budget.money, money),
        ("minutes", budget.minutes, Span(seconds.low / 60, seconds.likely / 60, seconds.high / 60)),
    )
    found = []
    for name, limit, span in limits:
        if limit is not None and span.high > limit:
            sure = "will" if span.low > limit else "is likely to" if span.likely > limit else "may"
            found.append(f"the budget of {limit:g} {name} {sure} stop the run before its end")
    return found


def _span(span: Span, show: object) -> str:
    assert callable(show)
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
