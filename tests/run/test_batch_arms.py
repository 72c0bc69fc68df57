"""A recipe without a task: prompts to responses, scored, selected by arms, exported."""

import json
import re

import numpy as np
import pytest

from homespun.data.store import Store
from homespun.data.tables import attempts_from, scores_from, verdicts_from
from homespun.errors import RecipeError
from homespun.recipe.recipefile import load
from homespun.report import page
from homespun.run.export import export_rows
from homespun.run.loop import run
from homespun.run.readback import open_run

TOPICS = ["tea", "rain", "chess", "bread", "ferns", "stars", "salt", "trams"]
REPLIES = [
    "Much can be said about {topic}, and most of it twice.",
    "People who know {topic} well seldom agree on it.",
    "{topic} は とても よい。",
]
RECIPE = """\
name: batch
models: {{writer: "scripted:writer.json", student: "scripted:writer.json"}}
sources:
  prompts: {{kind: file, path: prompts.jsonl, field: prompt, id: name}}
generate:
  answers: {{kind: responses, n: 3}}
score:
  fluency: {{kind: perplexity, fields: [output]}}
  vectors: {{kind: embedding, fields: [output]}}
arms:
  all: {{}}
  middle:
    select:
      - {{kind: at_least, by: fluency.script, value: 0.9}}
      - {{kind: exact_duplicates, fields: [prompt], conflicts: keep_first}}
      - {{kind: middle, by: fluency, share: 0.5}}
  spread:
    select:
      - {{kind: quota, within: prompt, count: 1, by: fluency.tokens}}
{more}"""


@pytest.fixture
def folder(tmp_path):
    lines = [{"name": topic, "prompt": f"Say something about {topic}."} for topic in TOPICS]
    (tmp_path / "prompts.jsonl").write_text("".join(json.dumps(line) + "\n" for line in lines), "utf-8")
    script = {"rules": [{"match": r"about (?P<topic>\w+)\.", "reply": REPLIES}]}
    (tmp_path / "writer.json").write_text(json.dumps(script), "utf-8")
    return tmp_path


def recipe(folder, more="", **changes):
    text = RECIPE.format(more=more)
    for old, new in changes.items():
        text = text.replace(old, new)
    (folder / "batch.yaml").write_text(text, "utf-8")
    return load(folder / "batch.yaml")


def test_prompts_to_responses_to_scores_to_arms_to_files(folder):
    outcome = run(recipe(folder), folder / "run")
    assert outcome.missing == []
    with Store.open(folder / "run") as store:
        fluency = scores_from(store.read_table("scores/fluency.parquet"))
        vectors = scores_from(store.read_table("scores/vectors.parquet"))
        verdicts = verdicts_from(store.read_table("arms/middle/verdicts.parquet"))
    assert len(fluency.ids) == 24 and fluency.ids == vectors.ids
    assert fluency.columns["perplexity"] == pytest.approx([1000.0] * 24)  # as the script has it
    assert vectors.columns["vector"].shape == (24, 256) and np.isfinite(vectors.columns["vector"]).all()
    assert {verdict.rule for verdict in verdicts} == {
        "at_least fluency.script 0.9",
        "exact_duplicates of prompt",
        "middle fluency 0.5",
    }
    for arm, expected in (("middle", 0), ("spread", 8), ("all", 24)):
        out = folder / f"{arm}.jsonl"
        export_rows(folder / "run", arm, "messages", out, None)
        rows = [json.loads(line) for line in out.read_text("utf-8").splitlines()]
        assert len(rows) == (expected or sum(verdict.keep for verdict in verdicts))
        if arm == "middle":
            assert not any(re.search("[ぁ-ん]", row["messages"][-1]["content"]) for row in rows)
        if arm == "spread":
            assert len({row["messages"][0]["content"] for row in rows}) == 8
    out = folder / "random.jsonl"
    export_rows(folder / "run", "middle/random", "messages", out, None)
    assert len(out.read_text("utf-8").splitlines()) == sum(verdict.keep for verdict in verdicts)


def test_the_most_central_answer_of_each_prompt_is_kept(folder):
    script = {"rules": [{"match": "about", "reply": ["a b c", "a b d", "x y z"]}]}
    (folder / "writer.json").write_text(json.dumps(script), "utf-8")
    centrality = "  agreed: {kind: centrality, measure: rouge_l}\narms:\n"
    central = "  central: {select: [{kind: at_most, by: agreed.rank, value: 1}]}\n"
    run(recipe(folder, central, **{"arms:\n": centrality, "n: 3": "n: 5"}), folder / "run")
    with Store.open(folder / "run") as store:
        agreed = scores_from(store.read_table("scores/agreed.parquet"))
        verdicts = verdicts_from(store.read_table("arms/central/verdicts.parquet"))
        rows = [attempt.row for attempt in attempts_from(store.read_table("pool/answers.parquet"))]
    alike = {frozenset(("a b c", "a b d")): 2 / 3}  # F of two words in common out of three
    for row, score, verdict in zip(rows, agreed.columns["centrality"], verdicts, strict=True):
        others = [o for o in rows if o.groups["prompt"] == row.groups["prompt"] and o is not row]
        says, told = row.payload.output, [o.payload.output for o in others]
        assert score == pytest.approx(sum(1 if says == o else alike.get(frozenset((says, o)), 0) for o in told) / 4)
        best = max(agreed.columns["centrality"][rows.index(o)] for o in (row, *others))
        assert score == best if verdict.keep else score <= best
    assert {row.groups["prompt"] for row, v in zip(rows, verdicts, strict=True) if v.keep} == set(TOPICS)


def test_the_same_command_again_asks_nothing_and_the_page_can_be_written(folder):
    run(recipe(folder), folder / "run")
    assert not run(recipe(folder), folder / "run").fresh
    store, stored = open_run(folder / "run")
    page.write(store, stored)
    assert store.has("report/index.html")


def test_another_student_makes_the_vectors_anew_and_not_the_perplexity(folder):
    run(recipe(folder), folder / "run")
    script = {"rules": [], "reply": "other"}
    (folder / "student.json").write_text(json.dumps(script), "utf-8")
    changed = recipe(folder, **{'student: "scripted:writer.json"': 'student: "scripted:student.json"'})
    with Store.open(folder / "run") as store:
        before = {name: store.marker(f"scores/{name}") for name in ("fluency", "vectors")}
    run(changed, folder / "run")
    with Store.open(folder / "run") as store:
        after = {name: store.marker(f"scores/{name}") for name in ("fluency", "vectors")}
    assert before["fluency"] == after["fluency"]
    assert before["vectors"]["fingerprint"] != after["vectors"]["fingerprint"]


@pytest.mark.parametrize(
    ("old", "new", "words"),
    [
        ("kind: perplexity, ", "kind: probability} #", "`probability` needs a `task`"),
        ("all: {}", "all: {from: prompts.jsonl}", r'reading the rows of ".*prompts.jsonl" needs a `task`'),
        ("fields: [output]}\narms", "layer: 3}\narms", "embeddings endpoint takes no layer"),
    ],
)
def test_what_a_recipe_without_a_task_cannot_do_is_said_at_once(folder, old, new, words):
    changes = {old: new}
    if "layer" in new:
        changes['student: "scripted:writer.json"'] = 'student: "http://127.0.0.1:1/v1#m"'
    with pytest.raises(RecipeError, match=words):
        recipe(folder, **changes)


def test_a_sentence_model_is_found_beside_the_recipe(folder):
    (folder / "encoder").mkdir()
    found = recipe(
        folder,
        **{
            'student: "scripted:writer.json"': 'student: "sentence:encoder"',
            "kind: embedding, fields": "kind: embedding, sentence_transformers: encoder, fields",
        },
    )
    assert found.models["student"].id == f"sentence:{folder / 'encoder'}"
    assert found.score["vectors"].own_model.id == f"sentence:{folder / 'encoder'}"
