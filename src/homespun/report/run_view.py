"""How the run was made, as the page shows it: training loss, time and tokens, versions and models."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from homespun.report.charts import axis_over, finite, polyline
from homespun.report.data import ArmInfo, ReportData
from homespun.report.format import MISSING, duration, plain


@dataclass(frozen=True, slots=True)
class LossPanel:
    """The loss of one arm, a line per seed, with its control's lines behind."""

    arm: str
    control: str | None
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


def view_losses(data: ReportData) -> tuple[LossPanel, ...]:
    """Return one panel per trained arm on a common scale."""
    by_name = {arm.name: arm for arm in data.arms}
    controls = {arm.control for arm in data.arms}
    curves = [list(curve) for arm in data.arms for curve in arm.losses.values() if finite(curve)]
    if not curves:
        return ()
    top = max(value for curve in curves for value in finite(curve))
    axis = axis_over([0.0, top], target=3, pad=0.03)
    steps = max(len(curve) for curve in curves)
    ticks = tuple((100 - axis.at(tick), plain(tick)) for tick in axis.ticks)

    def lines(arm: ArmInfo | None) -> tuple[str, ...]:
        return tuple(polyline(curve, steps, axis) for curve in arm.losses.values()) if arm else ()

    panels = []
    for arm in data.arms:
        if arm.name in controls or not arm.losses:
            continue
        own = list(arm.losses.values())
        panels.append(
            LossPanel(
                arm=arm.name,
                control=arm.control if arm.control in by_name else None,
                lines=lines(arm),
                control_lines=lines(by_name.get(arm.control or "")),
                first=_mean(own, end=False),
                last=_mean(own, end=True),
                seeds=len(own),
                steps=max(len(curve) for curve in own),
                ticks=ticks,
            )
        )
    return tuple(panels)


def view_settings(data: ReportData) -> tuple[tuple[tuple[str, str], ...], tuple[tuple[str, str], ...]]:
    """Return the training settings that every arm shares, and per arm those that differ."""
    trained = [arm for arm in data.arms if arm.settings]
    if not trained:
        return (), ()
    shared = {
        key: value
        for key, value in trained[0].settings.items()
        if all(arm.settings.get(key) == value for arm in trained)
    }
    own = tuple(
        (arm.name, ", ".join(f"{key} {_said(value)}" for key, value in arm.settings.items() if key not in shared))
        for arm in trained
    )
    return tuple((key, _said(value)) for key, value in shared.items()), tuple(o for o in own if o[1])


@dataclass(frozen=True, slots=True)
class StageView:
    """One line of the table of costs."""

    name: str
    width: float  #: share of the whole time in percent
    time: str
    work: str
    rate: str
    tokens: str
    speed: str
    resumed: bool


def view_stages(data: ReportData) -> tuple[tuple[StageView, ...], str, str]:
    """Return the stages, the time of all and the tokens of all."""
    whole = sum(stage.seconds for stage in data.stages)
    views = tuple(
        StageView(
            name=stage.name,
            width=round(100 * stage.seconds / whole, 2) if whole else 0.0,
            time=duration(stage.seconds),
            work=f"{stage.units:,} {stage.unit}" if stage.units else MISSING,
            rate=f"{plain(float(f'{stage.units / stage.seconds:.3g}'))} {stage.unit}/s"
            if stage.units and stage.seconds
            else MISSING,
            tokens=f"{stage.tokens:,}" if stage.tokens else MISSING,
            speed=plain(round(stage.tokens_per_second)) if stage.tokens_per_second else MISSING,
            resumed=stage.resumed,
        )
        for stage in data.stages
    )
    tokens = sum(stage.tokens for stage in data.stages)
    return views, duration(whole), f"{tokens:,}" if tokens else MISSING


def _said(value: Any) -> str:
    """Return a setting as text: `none`, `yes`, plain numbers, `a, b` for lists."""
    if value is None or value in ({}, [], ()):
        return "none"
    if isinstance(value, bool):
        return "yes" if value else "no"
    if isinstance(value, float):
        return f"{value:g}"
    if isinstance(value, Mapping):
        return ", ".join(f"{key} {_said(item)}" for key, item in value.items())
    if isinstance(value, list | tuple):
        return ", ".join(_said(item) for item in value)
    return str(value)


def view_manifest(data: ReportData) -> tuple[tuple[str, tuple[tuple[str, str], ...]], ...]:
    """Return the manifest as small tables: loose values first, then one table per nested part."""
    loose = [(key, _said(value)) for key, value in data.manifest.items() if not isinstance(value, Mapping)]
    tables = [("run", tuple(loose))] if loose else []
    for part, values in data.manifest.items():
        if isinstance(values, Mapping):
            tables.append((part, tuple(_flat(values))))
    return tuple(tables)


def _flat(values: Mapping[str, Any], prefix: str = "") -> list[tuple[str, str]]:
    lines: list[tuple[str, str]] = []
    for key, value in values.items():
        if isinstance(value, Mapping):
            lines += _flat(value, f"{prefix}{key} ")
        else:
            lines.append((f"{prefix}{key}", _said(value)))
    return lines
