"""Training loss, a line per seed beside that of the arm's control, and the settings."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from homespun.report.charts import axis_over, finite, polyline
from homespun.report.format import MISSING, plain, said
from homespun.report.page import Section
from homespun.run.readback import RunData


@dataclass(frozen=True, slots=True)
class LossPanel:
    """The loss of one arm, a line per seed, with its control's lines behind."""

    arm: str
    lines: tuple[str, ...]
    control_lines: tuple[str, ...]
    first: str
    last: str
    seeds: int
    steps: int
    ticks: tuple[tuple[float, str], ...]


def _mean(curves: Sequence[Sequence[float]], end: bool) -> str:
    """Return the mean over the first or last tenth of the steps of every curve: one step is too noisy."""
    values = []
    for curve in curves:
        tenth = max(1, len(curve) // 10)
        values += finite(curve[-tenth:] if end else curve[:tenth])
    return plain(sum(values) / len(values)) if values else MISSING


def _panels(losses: Mapping[str, Sequence[Sequence[float]]], controls: Mapping[str, str]) -> list[LossPanel]:
    """Return one panel per trained arm on a common scale."""
    curves = [curve for seeds in losses.values() for curve in seeds if finite(curve)]
    if not curves:
        return []
    axis = axis_over([0.0, max(value for curve in curves for value in finite(curve))], target=3, pad=0.03)
    steps = max(map(len, curves))

    def lines(arm: str) -> tuple[str, ...]:
        return tuple(polyline(curve, steps, axis) for curve in losses.get(arm, ()))

    return [
        LossPanel(
            arm=arm,
            lines=lines(arm),
            control_lines=lines(controls.get(arm, "")),
            first=_mean(own, end=False),
            last=_mean(own, end=True),
            seeds=len(own),
            steps=max(map(len, own)),
            ticks=tuple((100 - axis.at(tick), plain(tick)) for tick in axis.ticks),
        )
        for arm, own in losses.items()
        if arm not in controls.values()
    ]


def _settings(found: Mapping[str, Mapping[str, Any]]) -> list[tuple[str, str]]:
    """Return the settings that every arm shares, then per arm those that differ."""
    first, *others = found.values()
    shared = {key: value for key, value in first.items() if all(other.get(key) == value for other in others)}
    own = [
        (arm, ", ".join(f"{key} {said(value)}" for key, value in settings.items() if key not in shared))
        for arm, settings in found.items()
    ]
    return [(key, said(value)) for key, value in shared.items()] + [pair for pair in own if pair[1]]


def view(run: RunData) -> Mapping[str, Any] | str:
    """Return the panels and the settings."""
    last = {arm: [*cards.values()][-1] for arm, cards in run.cards.items()}
    if not last:
        return "No loss curves: nothing has been trained."
    whole = any(card.get("exposure_losses") for card in last.values())
    losses = {arm: [card["losses"] for card in cards.values()] for arm, cards in run.cards.items()}
    controls = {arm: entry["control"] for arm, entry in run.arms.items() if entry["control"]}
    return {
        "loss_on": "all tokens, per step" if whole else "the completion",
        "panels": _panels(losses, controls),
        "settings": _settings({arm: card["settings"] for arm, card in last.items()}),
    }


TRAINING = Section("Training loss", "training.html", view)
