"""The plug-ins of examples/plugin, installed as a user's are and used by recipes: no room of the package knows them."""

from __future__ import annotations

import json
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

from homespun.data.tables import attempts_from, read_table
from homespun.errors import UsageError
from homespun.recipe.recipefile import loads
from homespun.registry import find_any, lookup
from homespun.run import loop
from homespun.run.export import export_rows
from homespun.select.base import Rule

PLUGIN = Path(__file__).parents[1] / "examples/plugin"


@pytest.fixture(scope="module")
def site(tmp_path_factory):
    site = tmp_path_factory.mktemp("site")
    words = [sys.executable, "-m", "pip", "install", "--quiet", "--no-deps", "--target", str(site), str(PLUGIN)]
    subprocess.run(words, check=True)
    return site


@pytest.fixture(autouse=True)
def installed(site, monkeypatch):
    monkeypatch.syspath_prepend(str(site))


ASKED = """\
name: asked
models: {{writer: "scripted:{script}"}}
sources: {{prompts: {{kind: file, path: prompts.jsonl, field: prompt}}}}
generate: {{answers: {{kind: responses}}}}
arms: {{quiet: {{select: [{{kind: capitals, threshold: 0.3}}]}}}}
"""


def test_a_scorer_of_six_lines_is_one_that_rules_read(recipe_text, tmp_path):
    text = recipe_text.replace("{kind: probability}", "{kind: length, unit: words}")
    found = loop.run(loads(text[: text.index("train:")], tmp_path), tmp_path / "run")
    assert found.results["arms"]["probability"]["kept"] == 12


def test_a_rule_reads_what_a_model_wrote(tmp_path):
    (tmp_path / "prompts.jsonl").write_text('{"prompt": "TELL ME."}\n{"prompt": "Tell me all."}\n')
    rules = [{"match": "TELL", "reply": "A quiet Word"}, {"match": "all", "reply": "OUT LOUD, 映画"}]
    (tmp_path / "writer.json").write_text(json.dumps({"rules": rules}))
    text = ASKED.format(script=tmp_path / "writer.json")
    loop.run(loads(text, tmp_path), tmp_path / "run")
    verdicts = read_table(tmp_path / "run/arms/quiet/verdicts.parquet").to_pylist()
    assert [(verdict["keep"], verdict["reason"]) for verdict in verdicts] == [
        (True, "20% of 10 letters are capitals"),
        (False, "100% of 7 letters are capitals"),
    ]


def test_a_plugin_that_lacks_something_is_told_what(monkeypatch):
    monkeypatch.setattr("homespun_capitals.Capitals", type("Half", (Rule,), {"__str__": lambda self: "half"}))
    find_any.cache_clear()
    with pytest.raises(UsageError, match=r'rule "capitals" \(homespun_capitals:Capitals\) lacks __call__'):
        lookup(Rule, "capitals")
    find_any.cache_clear()


def test_a_section_stands_on_the_page_after_the_others(recipe_text, tmp_path):
    loop.run(loads(recipe_text[: recipe_text.index("score:")], tmp_path), tmp_path / "run")
    page = (tmp_path / "run/report/index.html").read_text()
    assert page.index('<section id="use"') < page.index('<section id="openings"') < page.index(">First words</h2>")
    assert "The most frequent first words of the accepted rows" in page


PAIRS = """\
name: pairs
models: {{writer: "scripted:{script}", student: {student}}}
sources: {{prompts: {{kind: file, path: prompts.jsonl, field: prompt}}}}
generate: {{pairs: {{kind: pairs}}}}
arms:
  all: {{}}
  half: {{select: [{{kind: random, share: 0.5}}]}}
train: {{kind: preference, batch_size: 2, learning_rate: 0.01, seeds: [0]}}
evaluate: {{rivals: {{kind: rivals, data: questions.jsonl, max_tokens: 4}}}}
draws: fixed
"""


@pytest.fixture(scope="module")
def run(site, tiny_student, tmp_path_factory):
    folder = tmp_path_factory.mktemp("pairs")
    rules = [
        {"match": "five.*three words", "reply": "A long answer to five"},
        {"match": r"(?P<prompt>\w+)\. Answer badly", "reply": "no {prompt}"},
        {"match": r"(?P<prompt>\w+)\.$", "reply": "A long answer to {prompt}"},
    ]
    (folder / "writer.json").write_text(json.dumps({"rules": rules}))
    names = ("one", "two", "three", "four", "five")
    (folder / "prompts.jsonl").write_text("".join(json.dumps({"prompt": f"Say {name}."}) + "\n" for name in names))
    asked = [{"id": str(n), "question": f"What is {n}?", "answer": str(n)} for n in range(6)]
    (folder / "questions.jsonl").write_text("".join(json.dumps(one) + "\n" for one in asked))
    text = PAIRS.format(script=folder / "writer.json", student=tiny_student)
    with pytest.MonkeyPatch.context() as patch:
        patch.syspath_prepend(str(site))
        return folder, loop.run(loads(text, folder), folder / "run"), text


def test_pairs_are_asked_for_stored_and_exported(run):
    folder, found, _ = run
    pool = read_table(folder / "run/pool/pairs.parquet")
    assert set(pool["payload"].to_pylist()) == {"pair"}
    rows = [attempt.row for attempt in attempts_from(pool)]
    sides = {row.payload.output: row.payload.rejected for row in rows}
    assert sides["A long answer to two"] == "no two"
    assert found.results["funnel"]["dropped_by"] == {"alike": 3}
    export_rows(folder / "run", "all", "messages", folder / "rows.jsonl", None)
    assert len((folder / "rows.jsonl").read_text().splitlines()) == 4


def test_a_trainer_learns_from_pairs_and_its_control_is_drawn_by_prompt(run):
    folder, found, _ = run
    card = json.loads((folder / "run/models/all/seed-0/card.json").read_text())
    assert (card["kind"], card["rows"], card["steps"]) == ("preference", 4, 2)
    assert found.results["arms"]["half"]["control"] == "half/random"


def test_an_evaluation_holds_each_arm_beside_the_untrained_student(run):
    folder, found, text = run
    told = found.results["evaluations"]["rivals"]
    (worth,) = {mode[told["metric"]] for mode in told["baseline"].values()}
    assert worth == 0.5
    assert all(0 <= entry["metrics"][told["metric"]]["mean"] <= 1 for entry in told["arms"].values())
    assert (folder / "run/ungraded/all/seed-0/rivals.parquet").exists()
    assert not loop.run(loads(text, folder), folder / "run").fresh


def test_grades_beside_other_arms_are_of_the_arms_as_they_are(run, tmp_path):
    """An arm of another name is another arm, though its model is the same."""
    folder, _, text = run
    shutil.copytree(folder / "run", tmp_path / "run")
    loop.run(loads(text.replace("all: {}", "everything: {}"), folder), tmp_path / "run")
    marker = "done/results/half/seed-0/rivals.json"
    before, after = (json.loads((where / "run" / marker).read_text()) for where in (folder, tmp_path))
    assert before["fingerprint"] != after["fingerprint"]


@pytest.mark.parametrize(
    ("code", "said"),
    [
        ("", r'the plug-in for section "odd" \(odd_module:ODD\) does not load: AttributeError'),
        ("raise ValueError('boom')", "does not load: ValueError: boom. Mend it, or uninstall it"),
        ("ODD = 3", r'the plug-in for section "odd" \(odd_module:ODD\) is no Section'),
    ],
)
def test_a_broken_section_is_told_before_anything_is_spent(code, said, recipe_text, tmp_path, monkeypatch):
    (tmp_path / "odd-1.dist-info").mkdir()
    (tmp_path / "odd-1.dist-info/METADATA").write_text("Metadata-Version: 2.1\nName: odd\nVersion: 1\n")
    (tmp_path / "odd-1.dist-info/entry_points.txt").write_text("[homespun.section]\nodd = odd_module:ODD\n")
    (tmp_path / "odd_module.py").write_text(code)
    monkeypatch.syspath_prepend(str(tmp_path))
    monkeypatch.delitem(sys.modules, "odd_module", raising=False)
    find_any.cache_clear()
    with pytest.raises(UsageError, match=said):
        loop.run(loads(recipe_text, tmp_path), tmp_path / "run")
    assert not (tmp_path / "run/ledger.db").exists()
    find_any.cache_clear()
