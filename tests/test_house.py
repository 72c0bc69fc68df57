"""The house keeps its promises: general rooms know no job, casts are few, the root is small."""

from __future__ import annotations

import ast
import re
from pathlib import Path

import pytest

import homespun

SRC = Path(homespun.__file__).parent
GENERAL = [
    *(path for room in ("data", "engine", "recipe", "run") for path in sorted((SRC / room).glob("*.py"))),
    SRC / "report/page.py",
]
JOBS = re.compile("variant|exposure|label|document|described", re.IGNORECASE)
#: What may name a job: where payloads and files of labelled rows are defined, commands for one job, a recipe's own key
#: (`variants` of an arm, as results.json has it), and a name of PyYAML's.
MAY = {
    "data/records.py": JOBS,
    "data/tables.py": re.compile("[lL]abel"),
    "data/questions.py": JOBS,
    "data/yamlfile.py": re.compile("construct_document"),
    "recipe/grid.py": re.compile("^variants$"),
    "recipe/recipe.py": re.compile("^variants$"),
    "run/export.py": re.compile("^labels$"),
    "run/heldout.py": re.compile("^labels$"),
    "run/outcome.py": re.compile("^variants$"),
    "run/questions.py": JOBS,
    "run/replicates.py": re.compile("^variants$"),
    "run/use.py": re.compile("label"),
}


def words(path: Path) -> list[str]:
    """Return names and one-word texts of a file's code; comments, docstrings and sentences decide nothing."""
    found = []
    for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
        match node:
            case ast.Name(id=word) | ast.Attribute(attr=word) | ast.arg(arg=word) | ast.alias(name=word):
                found.append(word)
            case ast.FunctionDef(name=word) | ast.ClassDef(name=word):
                found.append(word)
            case ast.keyword(arg=str(word)) | ast.Constant(value=str(word)):
                found.append(word)
    return [word for word in found if not re.search(r"\s", word)]


@pytest.mark.parametrize("path", GENERAL, ids=lambda path: path.relative_to(SRC).as_posix())
def test_a_general_room_knows_no_job_by_name(path):
    may = MAY.get(path.relative_to(SRC).as_posix())
    known = {word for word in words(path) if JOBS.search(word) and not (may and may.search(word))}
    assert not known, f"{path.name} asks for {known}: let payload, strategy or section say it (docs/design.md)"


def test_types_are_said_where_they_are_known():
    code = "\n".join(path.read_text(encoding="utf-8") for path in SRC.rglob("*.py"))
    assert len(re.findall(r"(?<![.\w])cast\(", code)) <= 10
    assert not re.findall(r"(?:getattr|hasattr)\((?:rule|scorer|generator|trainer|evaluation|source|strategy)\b", code)


def test_the_root_is_small():
    assert len(list(SRC.glob("*.py"))) <= 6


def test_a_file_can_be_read_in_one_sitting():
    lengths = {path.name: len(path.read_text(encoding="utf-8").splitlines()) for path in SRC.rglob("*.py")}
    assert not {name: length for name, length in lengths.items() if length > 400}
