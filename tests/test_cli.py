"""The command line: exit codes, clear errors without tracebacks, and a quick --help."""

from __future__ import annotations

import json
import os
import shlex
import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest

HOMESPUN = str(Path(sys.executable).parent / "homespun")


def homespun(*words: object, cwd: Path | None = None, **env: str) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [HOMESPUN, *map(str, words)], capture_output=True, text=True, cwd=cwd, env={**os.environ, **env}, check=False
    )


@pytest.fixture
def recipe(recipe_text, tmp_path) -> Path:
    path = tmp_path / "tiny.yaml"
    path.write_text(recipe_text)
    return path


def test_help_imports_nothing_heavy():
    script = (
        "import sys\n"
        "from homespun import cli\n"
        "try: cli.app(['--help'], standalone_mode=False)\n"
        "finally: print([m for m in ('torch', 'pydantic', 'numpy', 'pyarrow', 'yaml') if m in sys.modules])"
    )
    done = subprocess.run([sys.executable, "-c", script], capture_output=True, text=True, check=True)
    assert done.stdout.strip().endswith("[]")
    assert "predict" in done.stdout


@pytest.mark.parametrize(
    ("words", "says"),
    [
        (("run",), "recipe"),
        (("rnu",), "rnu"),
        (("run", "none.yaml"), "no such recipe file"),
        (("report", "nowhere"), "no run directory"),
        (("predict", "nowhere", "x.jsonl", "--arm", "a"), "no run directory"),
        (("init", "sentimnet"), 'Did you mean "sentiment"'),
        (("models", "pull", "gpt"), 'no embedded model "gpt"'),
        (("export", "nowhere", "--arm", "a", "--out", "x"), "--format"),
    ],
)
def test_user_errors_exit_1_without_a_traceback(words, says, tmp_path):
    done = homespun(*words, cwd=tmp_path)
    assert done.returncode == 1
    assert says in done.stderr
    assert "Traceback" not in done.stderr + done.stdout
    assert not (tmp_path / "nowhere").exists()


def test_init_recipes_schema_and_version(tmp_path):
    assert "sentiment-full" in homespun("recipes").stdout
    done = homespun("init", "sentiment", cwd=tmp_path)
    assert done.returncode == 0
    assert (tmp_path / "sentiment.yaml").is_file() and (tmp_path / "data/reviews_test.jsonl").is_file()
    again = homespun("init", "sentiment", cwd=tmp_path)
    assert again.returncode == 1 and "is there already" in again.stderr
    assert homespun("init", "sentiment-full", cwd=tmp_path).returncode == 0  # beside it, with the same data
    assert (tmp_path / "sentiment-full.yaml").is_file()
    (tmp_path / "sentiment.yaml").unlink()
    (tmp_path / "data/reviews_test.jsonl").write_text("mine")
    other = homespun("init", "sentiment", cwd=tmp_path)
    assert other.returncode == 1 and "reviews_test.jsonl is there already" in other.stderr
    assert (tmp_path / "data/reviews_test.jsonl").read_text() == "mine"
    assert json.loads(homespun("schema").stdout)["properties"]["task"]
    assert homespun("--version").stdout.strip() == "0.1.0"


def test_what_a_run_on_documents_says_next_can_be_done(tmp_path):
    (tmp_path / "a.txt").write_text("Junarix weighs 776 g.", "utf-8")
    (tmp_path / "r.yaml").write_text(
        "name: r\nlanguage: en\nsources: {documents: {kind: documents, path: a.txt}}\n"
        "generate: {original: {kind: original}}\narms: {plain: {from: original}, other: {}}\n",
        "utf-8",
    )
    done = homespun("run", "r.yaml", cwd=tmp_path)
    command = done.stdout.partition("next: homespun ")[2].partition(";")[0].split()
    assert command[:2] == ["export", "runs/r"], done.stdout + done.stderr
    assert homespun(*command, cwd=tmp_path).returncode == 0
    assert "Junarix weighs 776 g." in (tmp_path / "rows.jsonl").read_text("utf-8")


def test_more_seeds_go_beside_those_that_are_trained(tmp_path, tiny_student):
    """Where no rows have to be written, the command that a run without evidence ends with trains the new seeds only."""
    assert homespun("corpus", "--documents", "2", "--out", "corpus", cwd=tmp_path).returncode == 0
    (tmp_path / "r.yaml").write_text(
        f"name: r\nlanguage: en\nmodels: {{student: {tiny_student}}}\n"
        "sources: {documents: {kind: documents, path: corpus/documents.jsonl}}\n"
        "generate: {facts: {kind: template, form: facts, variants: 4}}\n"
        "arms: {some: {select: [{kind: random, share: 0.5, within: document}]}, other: {}}\n"
        "train: {kind: continual, exposures: 1, seeds: [0]}\n"
        "evaluate: {asked: {kind: closed_book, data: corpus/questions.jsonl, max_tokens: 4, limit: 4}}\n",
        "utf-8",
    )
    done = homespun("run", "r.yaml", "--arms", "some", cwd=tmp_path)
    assert done.returncode == 0, done.stderr
    command = shlex.split(done.stdout.partition("more replicates, beside these: homespun ")[2].splitlines()[0])
    assert command == ["run", "r.yaml", "--out", "runs/r", "--arms", "some", "--set", "train.seeds=[0,1,2]"]
    first = tmp_path / "runs/r/models/some/seed-0/model.safetensors"
    before = first.stat().st_mtime_ns
    assert homespun(*command, cwd=tmp_path).returncode == 0
    assert first.stat().st_mtime_ns == before
    assert sorted(path.name for path in first.parent.parent.glob("seed-*")) == ["seed-0", "seed-1", "seed-2"]


def test_a_run_and_the_use_of_its_results(recipe, tmp_path):
    out = tmp_path / "run"
    done = homespun("run", recipe, "--out", out, "--set", "train.seeds=[0]")
    assert done.returncode == 0, done.stderr
    assert "accepted" in done.stdout and "probability" in done.stdout
    assert f"report: {out / 'report/index.html'}" in done.stdout
    same = "probability scores the same on every item"
    assert "No verdict about probability (one replicate)" in done.stdout or same in done.stdout
    more = f"homespun run {recipe} --out {out} --set 'train.seeds=[0]' --set 'train.seeds=[0,1,2]'"
    assert f"more replicates, beside these: {more}" in done.stdout
    assert "first 8 answers" in done.stderr  # plain lines, as standard error is no terminal
    again = homespun("run", recipe, "--out", out, "--set", "train.seeds=[0]")
    assert again.returncode == 0 and "nothing to do" in again.stdout

    new = tmp_path / "new.csv"
    new.write_text("id,review\n1,What a film\n2,Dull\n")
    predicted = homespun("predict", out, new, "--arm", "probability")
    lines = [json.loads(line) for line in predicted.stdout.splitlines()]
    assert [line["id"] for line in lines] == ["1", "2"]
    assert all(line["predicted"] in ("positive", "negative") for line in lines)
    assert abs(sum(lines[0]["probabilities"].values()) - 1) < 1e-5
    wrong = homespun("predict", out, new, "--arm", "probabilty")
    assert wrong.returncode == 1 and 'Did you mean "probability"' in wrong.stderr

    for form, key in (
        ("messages", "messages"),
        ("prompt-completion", "completion"),
        ("alpaca", "output"),
        ("sharegpt", "conversations"),
    ):
        target = tmp_path / f"{form}.jsonl"
        done = homespun("export", out, "--arm", "probability", "--format", form, "--out", target)
        assert done.returncode == 0, done.stderr
        rows = [json.loads(line) for line in target.read_text().splitlines()]
        assert len(rows) == 12 and key in rows[0]
    random = homespun(
        "export", out, "--arm", "probability/random", "--format", "parquet", "--out", tmp_path / "r.parquet"
    )
    assert random.stdout.startswith("12 rows")
    assert homespun("export", out, "--arm", "probability", "--format", "csv", "--out", "x").returncode == 1

    merged = tmp_path / "merged"
    done = homespun("export", out, "--arm", "probability", "--model", "merged", "--out", merged)
    assert done.returncode == 0, done.stderr
    assert (merged / "model.safetensors").is_file() and (merged / "tokenizer.json").is_file()
    before = (out / "report/index.html").read_bytes()
    (out / "report/index.html").unlink()
    done = homespun("report", out)
    assert done.returncode == 0
    assert (out / "report/index.html").read_bytes() == before


def test_a_short_run_is_partial(recipe, tmp_path):
    text = recipe.read_text()
    recipe.write_text(text[: text.index("score:")])
    done = homespun("run", recipe, "--out", tmp_path / "run", "--set", "generate.labelled.max_asked=10")
    assert done.returncode == 2
    assert "missing: labelled" in done.stdout


def test_ctrl_c_stops_cleanly_and_says_how_to_go_on(recipe, tmp_path):
    process = subprocess.Popen(
        [HOMESPUN, "run", str(recipe), "--out", str(tmp_path / "run")],
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
        # A shell's background jobs ignore the signal, and so would their children.
        preexec_fn=lambda: signal.signal(signal.SIGINT, signal.SIG_DFL),
    )
    deadline = time.monotonic() + 120
    while not (tmp_path / "run/pool").exists() and process.poll() is None and time.monotonic() < deadline:
        time.sleep(0.05)
    process.send_signal(signal.SIGINT)
    _, stderr = process.communicate(timeout=120)
    assert process.returncode == 130
    assert "run the same command again" in stderr and f"homespun run {recipe}" in stderr
    assert "Traceback" not in stderr
    assert homespun("run", recipe, "--out", tmp_path / "run").returncode == 0


def test_a_second_process_on_one_run_is_refused(recipe, tmp_path):
    first = subprocess.Popen([HOMESPUN, "run", str(recipe), "--out", str(tmp_path / "run")], stderr=subprocess.DEVNULL)
    try:
        deadline = time.monotonic() + 120
        while not (tmp_path / "run/started.json").exists() and time.monotonic() < deadline:
            time.sleep(0.02)
        second = homespun("run", recipe, "--out", tmp_path / "run")
        assert second.returncode == 1
        assert f"pid {first.pid}" in second.stderr
    finally:
        first.kill()
        first.wait()


def test_a_full_disk_stops_the_run_and_the_next_one_goes_on(recipe, tmp_path):
    """A small tmpfs is a real full disk; without the right to mount one, the kernel's file-size limit stands in."""
    limit = "import resource, signal, sys; signal.signal(signal.SIGXFSZ, signal.SIG_IGN);"
    limit += "resource.setrlimit(resource.RLIMIT_FSIZE, (20000, 20000)); sys.argv = sys.argv[1:];"
    limit += "from homespun.cli import main; main()"
    words = [sys.executable, "-c", limit, "homespun", "run", str(recipe), "--out", str(tmp_path / "run")]
    done = subprocess.run(words, capture_output=True, text=True, check=False)
    assert done.returncode == 1
    assert "error:" in done.stderr and "Traceback" not in done.stderr
    assert homespun("run", recipe, "--out", tmp_path / "run").returncode == 0
