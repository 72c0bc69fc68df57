"""Golden files: what three small runs give a user, to be seen the same after any change of the house.

Of each run: exported rows to the byte, results.json (floats to a relative 1e-3, for machines differ; no times,
no folders, no ports), the files of the run directory; and a run directory of before, without weights and page, that
a report is written of and rows are exported from. To record again what is meant to change, and only that:

    RECORD_GOLDEN=1 python -m pytest tests/golden

A run directory of before is written only where data/NAME.tar.xz is gone: delete it when old ones need not be read.
"""

from __future__ import annotations

import json
import os
import re
import tarfile
from html import unescape
from pathlib import Path

import pytest

import test_batch_arms
import test_knowledge
from faultserver import Plan, serve
from homespun.cli import app
from test_batch_arms import folder as prompts  # noqa: F401  a fixture

DATA = Path(__file__).with_name("data")
RECORD = bool(os.environ.get("RECORD_GOLDEN"))
LEFT_OUT = (".safetensors", ".html", "ledger.db", "run/answers")  #: of a stored run: nothing reads it back
EXPORTS = {  #: run -> (arm, format, seed) of each export
    "labelled": [
        ("probability", "messages", 0),
        ("probability", "alpaca", 1),
        ("probability/random", "sharegpt", 1),
        ("unfiltered", "prompt-completion", 0),
    ],
    "knowledge": [(arm, "text", 0) for arm in ("original", "facts-v4", "facts-v4-low", "facts-v4-low/random")],
    "served": [("middle", "messages", 0), ("middle/random", "messages", 0), ("spread", "prompt-completion", 0)],
}


def homespun(*words: object) -> None:
    assert app([str(word) for word in words], standalone_mode=False) == 0


def export(root: Path, out: Path, name: str) -> dict[str, bytes]:
    files = {}
    for arm, form, seed in EXPORTS[name]:
        path = out / f"{arm.replace('/', '-')}.{form}.{seed}.jsonl"
        homespun("export", root, "--arm", arm, "--format", form, "--seed", seed, "--out", path)
        files[path.name] = path.read_bytes()
    return files


def same_anywhere(value: object) -> object:
    """Return results.json without times."""
    if isinstance(value, dict):
        return {key: same_anywhere(each) for key, each in value.items() if key != "seconds"}
    return [same_anywhere(each) for each in value] if isinstance(value, list) else value


def assert_like(found: object, wanted: object, at: str = "results") -> None:
    if isinstance(wanted, dict) and isinstance(found, dict):
        assert list(found) == list(wanted), at
        for key, value in wanted.items():
            assert_like(found[key], value, f"{at}.{key}")
    elif isinstance(wanted, list) and isinstance(found, list):
        assert len(found) == len(wanted), at
        for place, value in enumerate(wanted):
            assert_like(found[place], value, f"{at}.{place}")
    elif isinstance(wanted, float):
        assert found == pytest.approx(wanted, rel=1e-3, abs=1e-6), at
    else:
        assert found == wanted, at


def check(name: str, recipe: str, tmp_path: Path, *volatile: str) -> None:
    """Run a recipe and compare it with its golden files; `volatile`: texts that another run has otherwise."""
    (tmp_path / "golden.yaml").write_text(recipe, "utf-8")
    root, golden = tmp_path / "run", DATA / f"{name}.json"
    homespun("run", tmp_path / "golden.yaml", "--out", root)
    text = (root / "results.json").read_text("utf-8")
    for each in (str(tmp_path), *volatile):
        text = text.replace(each, "VOLATILE")
    files = sorted(path.relative_to(root).as_posix() for path in root.rglob("*") if path.is_file())
    (tmp_path / "exports").mkdir()
    rows = export(root, tmp_path / "exports", name)
    if RECORD:
        (DATA / name).mkdir(exist_ok=True)
        for file, data in rows.items():
            (DATA / name / file).write_bytes(data)
        told = {"files": files, "results": same_anywhere(json.loads(text))}
        golden.write_text(json.dumps(told, ensure_ascii=False, indent=1) + "\n", "utf-8")
        if not (DATA / f"{name}.tar.xz").exists():
            with tarfile.open(DATA / f"{name}.tar.xz", "w:xz") as tar:
                tar.add(root, "run", filter=lambda one: None if one.name.endswith(LEFT_OUT) else one)
                tar.add(tmp_path / "exports", "exports")
    told = json.loads(golden.read_text("utf-8"))
    assert rows == {path.name: path.read_bytes() for path in (DATA / name).iterdir()}
    assert files == told["files"]
    assert_like(same_anywhere(json.loads(text)), told["results"])


def test_a_labelled_run_is_as_it_was(recipe_text, scripted_writer, tiny_student, tmp_path):
    check("labelled", recipe_text, tmp_path, str(scripted_writer), str(tiny_student))


def test_a_run_of_documents_is_as_it_was(tiny_student, tmp_path):
    text = test_knowledge.RECIPE.format(language="en", student=tiny_student)
    for old, new in {
        "  graph: {kind: template, form: graph, variants: 4, junk: 0.2}\n": "",
        "[facts, graph]": "[facts]",
        "exposures: 3": "exposures: 2",
        "lora:": "learning_rate: 0.03, lora:",  # enough for answers to differ
        "limit: 24": "limit: 12, judge: likelihood",
    }.items():
        assert old in text
        text = text.replace(old, new)
    homespun("corpus", "--out", tmp_path / "corpus", "--documents", 4, "--seed", 3)
    check("knowledge", text, tmp_path, str(tiny_student))


def test_a_run_with_a_server_is_as_it_was(request, tmp_path):
    request.getfixturevalue("prompts")
    with serve(Plan(limited=0.1, retry_after="0.05", broken=0.1)) as server:
        model = f"http://127.0.0.1:{server.port}/v1#fault-1"
        text = test_batch_arms.RECIPE.format(more="").replace("scripted:writer.json", model, 1)
        text = text.replace("student:", 'scorer: "scripted:writer.json", student:', 1)
        check("served", text, tmp_path, str(server.port))


@pytest.mark.parametrize("name", EXPORTS)
def test_a_run_directory_of_before_is_read_back(name, tmp_path):
    with tarfile.open(DATA / f"{name}.tar.xz") as tar:
        tar.extractall(tmp_path, filter="data")
    (tmp_path / "again").mkdir()
    before = {path.name: path.read_bytes() for path in (tmp_path / "exports").iterdir()}
    assert export(tmp_path / "run", tmp_path / "again", name) == before
    homespun("report", tmp_path / "run")
    page = (tmp_path / "run/report/index.html").read_text("utf-8")
    results = json.loads((tmp_path / "run/results.json").read_text("utf-8"))
    shown = unescape(re.sub(r"<[^>]*>", "", page)).replace("\u2212", "-")
    compared = [arm["versus_control"] for of in results["evaluations"].values() for arm in of["arms"].values()]
    told = [one["sentence"] for one in compared if one]
    assert len(told) == {"labelled": 1, "knowledge": 1, "served": 0}[name]
    for text in [*told, *results["arms"]]:
        assert text in shown
