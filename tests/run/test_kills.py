"""kill -9 at random moments, and at every instrumented write: what comes out is what an undisturbed run gives."""

from __future__ import annotations

import json
import os
import random
import shutil
import subprocess
import sys
import time
from dataclasses import replace
from pathlib import Path

import pytest

from homespun.data.store import crash_point, file_hash
from homespun.recipe.recipefile import loads
from homespun.report.page import render, rewrite
from homespun.run import loop
from homespun.run.readback import RunData, open_run
from homespun.run.stages import PAGE
from homespun.sources.corpus.files import make

HOMESPUN = str(Path(sys.executable).parent / "homespun")


def outcome(root: Path) -> dict[str, object]:
    """Everything that must be equal: rows, scores, verdicts, results per item, numbers."""
    tables = {
        path.relative_to(root).as_posix(): file_hash(path)
        for path in sorted(root.rglob("*.parquet"))
        if "work" not in path.parts
    }
    results = json.loads((root / "results.json").read_text())
    del results["usage"]
    weights = {
        path.relative_to(root).as_posix(): file_hash(path) for path in sorted(root.glob("models/**/*.safetensors"))
    }
    assert weights
    return {"tables": tables, "weights": weights, "results": results}


def finish(command: list[str]) -> None:
    subprocess.run(command, check=True, capture_output=True)


DOCUMENTS = """\
name: knowledge
language: en
models: {student: STUDENT}
sources:
  documents: {kind: documents, path: corpus/documents.jsonl}
generate:
  original: {kind: original}
  facts: {kind: template, form: facts, variants: 4}
score:
  perplexity: {kind: perplexity}
arms:
  grid: {from: [original, facts]}
  low: {from: facts, select: [{kind: bottom, by: perplexity, share: 0.5, within: document}]}
train: {kind: continual, exposures: 3, at: [1], seeds: [0]}
evaluate:
  closed_book: {kind: closed_book, data: corpus/questions.jsonl, max_tokens: 4, limit: 8}
"""


@pytest.fixture
def tiny_recipe(request, tmp_path, recipe_text, tiny_student):
    path = tmp_path / "tiny.yaml"
    if request.param == "labelled":
        path.write_text(recipe_text.replace("seeds: [0, 1]", "seeds: [0]"))
    else:
        make(tmp_path / "corpus", "en", 4, 3)
        path.write_text(DOCUMENTS.replace("STUDENT", str(tiny_student)))
    return path


@pytest.mark.slow
@pytest.mark.timeout(1800)
@pytest.mark.parametrize("tiny_recipe", ["labelled", "documents"], indirect=True)
def test_a_kill_at_every_write_changes_nothing(tiny_recipe, tmp_path):
    recipe = tiny_recipe
    finish([HOMESPUN, "run", str(recipe), "--out", str(tmp_path / "clean")])
    wanted = outcome(tmp_path / "clean")
    point = 1
    while True:
        root = tmp_path / "killed"
        env = {**os.environ, "HOMESPUN_CRASH_AT": str(point)}
        done = subprocess.run([HOMESPUN, "run", str(recipe), "--out", str(root)], env=env, capture_output=True)
        if done.returncode == 0:
            break
        assert done.returncode == -9
        point = min(point + 3, 60) if root.exists() else point + 1
    assert outcome(root) == wanted
    assert not list(root.rglob("*.tmp"))


@pytest.mark.slow
@pytest.mark.timeout(3600)
def test_ten_kills_of_a_real_run_change_nothing(embedded, tmp_path):
    """The embedded model writes, scores, judges nothing twice, is tuned and evaluated; ten kills at random moments."""
    recipe = Path(__file__).parents[2] / "recipes/sentiment.yaml"
    small = ["generate.labelled.rows=24", "generate.labelled.keywords=10", "generate.labelled.shard=16"]
    small += ["train.seeds=[0]", "train.epochs=1", "evaluate.accuracy.limit=24"]
    command = [HOMESPUN, "run", str(recipe), *[word for change in small for word in ("--set", change)]]
    killed(command, tmp_path)


@pytest.mark.slow
@pytest.mark.timeout(3600)
def test_ten_kills_of_a_real_run_on_documents_change_nothing(embedded, tmp_path):
    """The embedded model rewrites documents, scores the texts, reads on in them and is asked about them."""
    recipe = Path(__file__).parents[2] / "recipes/knowledge-documents.yaml"
    small = ["sources.documents.limit=2", "generate.facts.variants=1", "generate.facts.retries=9"]
    small += ["train.exposures=2", "train.at=[1]", "evaluate.closed_book.limit=12"]
    killed([HOMESPUN, "run", str(recipe), *[word for change in small for word in ("--set", change)]], tmp_path)


def killed(command: list[str], tmp_path: Path) -> None:
    """Run a command undisturbed, and again with ten kills at random moments; compare."""
    started = time.monotonic()
    finish([*command, "--out", str(tmp_path / "clean")])
    whole = time.monotonic() - started
    wanted = outcome(tmp_path / "clean")

    moments = random.Random(20260101)
    root, kills, runs = tmp_path / "killed-1", 0, 1
    committed: dict[Path, int] = {}
    while kills < 10:
        process = subprocess.Popen([*command, "--out", str(root)], stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
        try:
            assert process.wait(timeout=moments.uniform(0.05, 0.3) * whole) == 0
        except subprocess.TimeoutExpired:
            process.kill()
            process.wait()
            kills += 1
        else:  # finished between two kills: compare, and let the rest fall on another run
            assert outcome(root) == wanted
            runs += 1
            root = tmp_path / f"killed-{runs}"
        for shard in (root / "work").rglob("*.parquet") if (root / "work").exists() else ():
            stamp = committed.setdefault(shard, shard.stat().st_mtime_ns)
            assert shard.stat().st_mtime_ns == stamp, f"{shard} was made twice"
    finish([*command, "--out", str(root)])
    assert outcome(root) == wanted


# A finished run whose recipe is changed


# its control draws fewer rows than that of the other arm: with as many, one adapter would serve both
LOW = "arms:\n  low: {select: [{kind: bottom, by: probability, share: 0.25, within: label}]}"


def told(root: Path) -> dict[str, object]:
    """All that results.json and the page say, but for times and places; the page must be that of these results."""
    results = json.loads((root / "results.json").read_text())
    for stage in (results["usage"], *results["usage"]["stages"].values()):
        del stage["seconds"]
    data = RunData.read(*open_run(root))
    assert (root / PAGE).read_text() == render(data)
    stages = {name: {**stage, "seconds": 0} for name, stage in data.results["usage"]["stages"].items()}
    page = replace(data, started="", manifest={}, results={**data.results, "usage": {"stages": stages}})
    return {
        "results": results,
        "stages": json.loads((root / "manifest.json").read_text())["stages"],
        "page": render(page).replace(str(root), "DIR"),
    }


def change_and_kill(text: str, folder: Path, monkeypatch, early: int | None) -> None:
    """Drop an arm of a finished run and change a threshold; kill that at its writes and run the same command again.

    Args:
        text: the changed recipe.
        folder: where to work.
        early: how many writes before those of the summary to kill at; None: all.
    """
    recipe, old = loads(text, folder, "r.yaml"), text.replace("share: 0.5", "share: 0.75").replace("arms:", LOW)
    (folder / "r.yaml").write_text(text)
    loop.run(loads(old, folder, "r.yaml"), folder / "before")
    loop.run(recipe, folder / "fresh")
    wanted = told(folder / "fresh")
    shutil.copytree(folder / "before", folder / "clean")
    monkeypatch.setenv("HOMESPUN_CRASH_AT", "1000000")
    crash_point.count = 0
    loop.run(recipe, folder / "clean")
    monkeypatch.delenv("HOMESPUN_CRASH_AT")
    assert told(folder / "clean") == wanted
    last = crash_point.count
    summary = range(last - 7, last + 1)  # results.json, manifest.json, page, marker: before and after each is written
    for point in (*range(1, last - 7, (last - 8) // early if early else 1), *summary):
        root = folder / f"killed-{point}"
        shutil.copytree(folder / "before", root)
        env = {**os.environ, "HOMESPUN_CRASH_AT": str(point)}
        command = [HOMESPUN, "run", str(folder / "r.yaml"), "--out", str(root)]
        assert subprocess.run(command, env=env, capture_output=True, check=False).returncode == -9
        assert rewrite(root).is_file()  # a page of what is there, whatever that is
        assert loop.run(recipe, root).fresh
        assert told(root) == wanted
        assert not loop.run(recipe, root).fresh
        assert not list(root.rglob("*.tmp"))


def test_kills_of_a_changed_selection_change_nothing(recipe_text, tmp_path, monkeypatch):
    change_and_kill(recipe_text[: recipe_text.index("train:")], tmp_path, monkeypatch, early=3)


@pytest.mark.slow
@pytest.mark.timeout(3600)
def test_a_kill_at_every_write_of_a_changed_run_changes_nothing(recipe_text, tmp_path, monkeypatch):
    change_and_kill(recipe_text.replace("seeds: [0, 1]", "seeds: [0]"), tmp_path, monkeypatch, early=None)
