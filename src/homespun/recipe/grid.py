"""A grid of arms: axes in the recipe, one arm for every combination of their values.

`arms: {grid: {from: [facts, graph], variants: [10, 40], select: {all: [], low: [...]}}}` stands for the arms
`facts-v10`, `facts-v10-low`, ... An axis is a list, or names with values below them; what is no axis holds for all
arms. Only names and plain data are made here; recipefile.py checks the arms like any other.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from itertools import product
from typing import Any

from homespun.data.records import JSONDict
from homespun.errors import UsageError

GRID = "grid"  #: the name under `arms` that is no arm
AXES = ("from", "variants", "select", "train")


def expand(raw: object) -> dict[str, JSONDict]:
    """Return the arms of a grid, or of a list of grids, by name, in the order of the axes.

    Raises:
        UsageError: it is no grid, an axis is empty, or two arms get one name.
    """
    grids = raw if isinstance(raw, Sequence) and not isinstance(raw, str) else [raw]
    found: dict[str, JSONDict] = {}
    for grid in grids:
        if not isinstance(grid, Mapping) or not any(axis in grid for axis in AXES):
            raise UsageError(f"a grid has axes to combine ({', '.join(AXES)}); got {grid!r}")
        common = {key: value for key, value in grid.items() if key not in AXES}
        axes = [[(axis, *choice) for choice in _choices(axis, grid[axis])] for axis in AXES if axis in grid]
        for combination in product(*axes):
            name = "-".join(part for _, part, _ in combination if part)
            if not name:
                raise UsageError("a grid of `select` alone needs a name for the empty list; add the axis `from`")
            if name in found:
                raise UsageError(f'the grid makes two arms "{name}"; give the choices other names')
            found[name] = {**common, **{axis: value for axis, _, value in combination}}
    return found


def _choices(axis: str, raw: object) -> list[tuple[str, Any]]:
    """Return an axis as (part of the name, value); selecting nothing adds nothing to a name."""
    named = raw if isinstance(raw, Mapping) else None
    if named is None and axis in ("select", "train"):
        raise UsageError(f"{axis}: in a grid, give every choice a name: {axis}: {{NAME: ..., NAME: ...}}; got {raw!r}")
    if named is not None:
        choices = [("" if axis == "select" and not value else str(key), value) for key, value in named.items()]
    else:
        values = raw if isinstance(raw, Sequence) and not isinstance(raw, str) else [raw]
        choices = [(_part(axis, value), value) for value in values]
    if not choices:
        raise UsageError(f"{axis}: the axis of a grid needs at least one value")
    return choices


def _part(axis: str, value: object) -> str:
    if axis == "variants":
        return "" if value is None else f"v{value}"
    return "-".join(map(str, value)) if isinstance(value, Sequence) and not isinstance(value, str) else str(value)
