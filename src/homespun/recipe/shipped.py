"""The recipes that come with the package, with the data they use."""

from __future__ import annotations

import shutil
from pathlib import Path

from homespun.data import yamlfile
from homespun.data.store import disk_errors
from homespun.errors import StoreError, UsageError
from homespun.registry import did_you_mean

FOLDER = Path(__file__).parents[1] / "recipes"


def listing() -> list[tuple[str, str]]:
    """Return name and first comment line of every shipped recipe."""
    found = []
    for path in sorted(FOLDER.glob("*.yaml")):
        first = path.read_text(encoding="utf-8").split("\n", 1)[0]
        found.append((path.stem, first.lstrip("# ").strip()))
    return found


def copy(name: str, folder: Path) -> list[Path]:
    """Copy a recipe and the data files it names into a folder; never over a file that is there.

    Data that are there already with the same content stay: two recipes may name the same file.

    Raises:
        UsageError: no such recipe.
        StoreError: a file is there already, or the folder cannot be written.
    """
    known = [recipe for recipe, _ in listing()]
    if name not in known:
        raise UsageError(f'no recipe "{name}".{did_you_mean(name, known)} Recipes: {", ".join(known)}.')
    source = FOLDER / f"{name}.yaml"
    raw, _ = yamlfile.read(source)
    wanted = [source.name]
    parts = [part for section in ("sources", "evaluate") for part in (raw.get(section) or {}).values()]
    for named in (part.get(key) for part in parts for key in ("path", "data")):
        if named and (FOLDER / named).is_file():
            wanted.append(named)
    if len(wanted) > 1:
        wanted.append("data/README.md")
    data = [relative for relative in wanted[1:] if not _same(FOLDER / relative, folder / relative)]
    wanted = [source.name, *data]
    targets = [folder / relative for relative in wanted]
    for target in targets:
        if target.exists():
            raise StoreError(f"{target} is there already; choose another folder with --out")
    for relative, target in zip(wanted, targets, strict=True):
        with disk_errors(target):
            target.parent.mkdir(parents=True, exist_ok=True)
            shutil.copyfile(FOLDER / relative, target)
    return targets


def _same(shipped: Path, there: Path) -> bool:
    return there.is_file() and there.read_bytes() == shipped.read_bytes()
