"""Documents into a model: the whole loop with a tiny student, its curves, and what a change redoes."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from homespun.data.store import Store, file_hash
from homespun.data.tables import attempts_from, read_table, verdicts_from
from homespun.engine.progress import Silent
from homespun.errors import DataError, UsageError
from homespun.recipe.recipefile import loads
from homespun.run import loop
from homespun.run.export import export_rows
from homespun.run.use import predict
from homespun.sources.corpus.files import make

RECIPE = """\
name: knowledge
language: {language}
models: {{writer: {student}, student: {student}}}
sources:
  documents: {{kind: documents, path: corpus/documents.jsonl}}
generate:
  original: {{kind: original}}
  facts: {{kind: template, form: facts, variants: 6}}
  graph: {{kind: template, form: graph, variants: 4, junk: 0.2}}
score:
  perplexity: {{kind: perplexity}}
arms:
  original: {{from: original}}
  grid:
    from: [facts, graph]
    variants: [4]
    select:
      all: []
      low: [{{kind: bottom, by: perplexity, share: 0.5, within: document}}]
train: {{kind: continual, exposures: 3, at: [1], lora: {{rank: 4}}, seeds: [0, 1]}}
evaluate:
  closed_book: {{kind: closed_book, data: corpus/questions.jsonl, max_tokens: 4, limit: 24}}
"""
ARMS = ["facts-v4", "facts-v4-low", "graph-v4", "graph-v4-low"]


class Heard:
    bar = Silent.bar

    def __init__(self):
        self.lines = []

    def say(self, text):
        self.lines.append(text)


def run(text: str, folder: Path, out: str = "run", **options):
    heard = Heard()
    return loop.run(loads(text, folder, "r.yaml"), folder / out, progress=heard, **options), heard


@pytest.fixture(scope="module")
def text(tiny_student):
    return RECIPE.format(language="en", student=tiny_student)


@pytest.fixture(scope="module")
def folder(text, tmp_path_factory):
    folder = tmp_path_factory.mktemp("knowledge")
    make(folder / "corpus", "en", 4, 3)
    run(text, folder)
    return folder


@pytest.fixture(scope="module")
def results(folder):
    return json.loads((folder / "run/results.json").read_text())


def test_every_combination_of_the_grid_has_a_curve(results):
    controls = [f"{arm}/random" for arm in ARMS if arm.endswith("low")]
    assert set(results["arms"]) == {"original", *ARMS, *controls}
    for arm in results["arms"].values():
        assert [point["exposures"] for point in arm["curve"]] == [1, 3]
        first, last = arm["curve"]
        assert last["tokens"] > 2 * first["tokens"] > 0
        assert first["loss"] > 0 and len(last["metrics"]["accuracy"]["seeds"]) == 2
        assert arm["exposures_to"]["0.85"] is None
    entry = results["evaluations"]["closed_book"]
    assert 0 < entry["items"] < 24  # the others are reversed
    assert entry["arms"]["facts-v4"]["curve"] == results["arms"]["facts-v4"]["curve"]
    assert set(entry["arms"]["original"]["curve"][-1]["metrics"]) >= {"accuracy", "accuracy_reverse", "elsewhere"}
    assert results["recommendation"]["sentences"]


def test_variants_are_cut_before_selection_and_controls_keep_the_balance(results, folder):
    assert results["arms"]["facts-v4"]["candidates"] == 16
    low = results["arms"]["facts-v4-low"]
    assert (low["candidates"], low["kept"], low["variants"], low["from"]) == (16, 8, 4, ["facts"])
    assert low["reference"] == "facts-v4"
    store = Store(folder / "run")
    attempts = {a.row.id: a.row for a in attempts_from(store.read_table("pool/facts.parquet")) if a.row}
    for name in ("facts-v4-low", "facts-v4-low/random/seed-0"):
        kept = [attempts[v.row_id] for v in verdicts_from(store.read_table(f"arms/{name}/verdicts.parquet")) if v.keep]
        assert sorted(row.groups["document"] for row in kept) == sorted(2 * list({r.groups["document"] for r in kept}))
    numbers = [row.groups["number"] for row in attempts.values()]
    assert sorted(set(numbers)) == list("012345")


def test_counts_add_up_and_the_page_has_the_figures(results, folder):
    funnel = results["funnel"]
    assert funnel["asked"] == funnel["answered"] == funnel["parsed"] == 2 * 4 * (1 + 6 + 4)  # two replicates
    assert funnel["kept"] + funnel["dropped"] == funnel["parsed"]
    page = (folder / "run/report/index.html").read_text()
    assert "exposures" in page and results["recommendation"]["sentences"][0][:20] in page
    assert not list((folder / "run").rglob("*.bin")) and not list((folder / "run").rglob("*.pt"))
    assert not list((folder / "run/work").rglob("*.safetensors"))


def test_the_same_command_again_does_nothing(text, folder, results):
    again, _ = run(text, folder)
    assert not again.fresh and again.results == results


def test_another_judge_grades_the_answers_that_are_there(text, folder, results, monkeypatch):
    from homespun.train.continual import Continual

    def never(*_args, **_kwargs):
        raise AssertionError("trained again")

    monkeypatch.setattr(Continual, "__call__", never)
    answers = {path: file_hash(path) for path in (folder / "run/answers").rglob("*.parquet")}
    assert len(answers) == 2 * len(results["arms"])
    judged, heard = run(text.replace("limit: 24", "limit: 24, judge: likelihood"), folder)
    assert judged.fresh and any("judge" in line for line in heard.lines)
    assert {path: file_hash(path) for path in answers} == answers
    assert json.dumps(judged.results["arms"]) != ""
    run(text, folder)


def test_other_questions_train_again_because_they_are_asked_on_the_way(text, folder, monkeypatch):
    from homespun.train.continual import Continual

    trained = []
    call = Continual.__call__

    def counted(self, *args, **kwargs):
        trained.append(1)
        return call(self, *args, **kwargs)

    monkeypatch.setattr(Continual, "__call__", counted)
    run(text, folder, "other", arms=["original"])
    assert len(trained) == 2
    run(text.replace("limit: 24", "limit: 8"), folder, "other", arms=["original"])
    assert len(trained) == 4


def test_a_training_stopped_in_the_middle_ends_with_the_same_answers(text, folder, tmp_path, monkeypatch):
    from homespun.run import training

    make(tmp_path / "corpus", "en", 4, 3)
    probe, stopped = training._Probe.__call__, []

    def stop_once(self, model, exposures):
        probe(self, model, exposures)
        if not stopped:
            stopped.append(exposures)
            raise KeyboardInterrupt

    monkeypatch.setattr(training._Probe, "__call__", stop_once)
    with pytest.raises(KeyboardInterrupt):
        run(text, tmp_path, arms=["facts-v4"])
    run(text, tmp_path, arms=["facts-v4"])
    for seed in (0, 1):
        for name in ("answers/facts-v4/seed-{}/closed_book.parquet", "results/facts-v4/seed-{}/closed_book.parquet"):
            mine, theirs = (root / "run" / name.format(seed) for root in (tmp_path, folder))
            assert read_table(mine).equals(read_table(theirs))
        assert file_hash(tmp_path / f"run/models/facts-v4/seed-{seed}/adapter_model.safetensors") == file_hash(
            folder / f"run/models/facts-v4/seed-{seed}/adapter_model.safetensors"
        )


def test_variants_are_exported_as_text(folder, tmp_path):
    said = export_rows(folder / "run", "facts-v4-low", "text", tmp_path / "rows.jsonl", None)
    assert said.startswith("8 rows")
    first = json.loads((tmp_path / "rows.jsonl").read_text().splitlines()[0])
    assert set(first) == {"text", "document", "form"}
    with pytest.raises(UsageError, match="answer nothing, for which there are text and parquet"):
        export_rows(folder / "run", "facts-v4", "messages", tmp_path / "x.jsonl", None)
    export_rows(folder / "run", "facts-v4", "parquet", tmp_path / "rows.parquet", None)
    assert read_table(tmp_path / "rows.parquet").column_names[:3] == ["id", "text", "document"]


def test_a_trained_model_answers_questions_of_a_file(folder, tmp_path):
    asked = tmp_path / "asked.jsonl"
    asked.write_text('{"question": "What does it weigh?", "who": "me"}\n')
    (line,) = predict(folder / "run", "facts-v4", asked, None, Silent())
    assert set(json.loads(line)) == {"question", "who", "predicted"}
    asked.write_text('{"query": "What does it weigh?"}\n')
    with pytest.raises(DataError, match=r'record 1 has no "question".* It has: query'):
        predict(folder / "run", "facts-v4", asked, None, Silent())


def test_questions_that_no_document_answers_are_told_of_or_refused(text, folder, tmp_path):
    make(tmp_path / "corpus", "en", 4, 3)
    path = tmp_path / "corpus/questions.jsonl"
    lines = [json.loads(line) for line in path.read_text().splitlines()]
    asked = [line for line in lines if line["split"] == "test"]
    wrong = [{**line, "answer": "zzyzx qwert"} for line in asked]

    def put(questions):
        path.write_text("".join(json.dumps(question) + "\n" for question in questions))

    small = text[: text.index("arms:")] + "arms: {original: {from: original}}\n" + text[text.index("train:") :]
    small = small.replace(", limit: 24", "").replace("seeds: [0, 1]", "seeds: [0]")
    put([*asked[1:], wrong[0]])
    _, heard = run(small, tmp_path)
    assert any("1 of 32 questions have no answer in the documents" in line for line in heard.lines)
    put(wrong)
    with pytest.raises(DataError, match="Are these the documents"):
        run(small, tmp_path, "again")


def test_what_is_left_out_of_a_folder_is_said(text, tmp_path):
    (tmp_path / "folder").mkdir()
    (tmp_path / "folder/a.txt").write_text("Junarix weighs 776 g and was launched in November 2017.")
    (tmp_path / "folder/b.txt").write_text("Junarix weighs 776 g and was launched in November 2017.")
    (tmp_path / "folder/empty.txt").write_text("")
    text = (
        f"{text[: text.index('sources:')]}sources:\n  documents: {{kind: documents, path: folder, unreadable: skip}}\n"
    )
    _, heard = run(f"{text}generate:\n  original: {{kind: original}}\n", tmp_path)
    said = "\n".join(heard.lines)
    assert "1 left out, their text came before" in said and "b.txt" in said
    assert "1 left out, they cannot be read" in said and "empty.txt" in said


def test_variants_of_others_are_compared_and_none_is_missing(text, folder, tmp_path):
    make(tmp_path / "corpus", "en", 4, 3)
    documents = [json.loads(line) for line in (tmp_path / "corpus/documents.jsonl").read_text().splitlines()]
    said = [
        {"document": one["id"], "text": " ".join(fact["wordings"][0] for fact in one["facts"])} for one in documents
    ]
    said.append({"document": said[0]["document"], "text": "It lifts 99 tonnes in 13 colours, they say."})
    (tmp_path / "mine.jsonl").write_text("".join(json.dumps(record) + "\n" for record in said))
    head, tail = text[: text.index("generate:")], text[text.index("train:") :].replace("seeds: [0, 1]", "seeds: [0]")
    middle = "generate:\n  mine: {kind: given, path: mine.jsonl}\narms: {mine: {from: mine}}\n"
    done, heard = run(head + middle + tail, tmp_path)
    assert not done.missing and done.results["funnel"]["dropped_by"] == {"fidelity: new numbers": 1}
    assert any("mine: mine.jsonl, 80% accepted" in line for line in heard.lines)
    (tmp_path / "mine.jsonl").write_text("".join(json.dumps(record) + "\n" for record in said[:-1]))
    again, _ = run(head + middle + tail, tmp_path)
    assert again.fresh and again.results["funnel"]["dropped"] == 0


def test_files_that_cannot_be_read_cost_nothing(text, tmp_path):
    make(tmp_path / "corpus", "en", 4, 3)
    with pytest.raises(DataError, match=r"general.txt: No such file"):
        run(text.replace("kind: continual,", "kind: continual, replay: {path: general.txt},"), tmp_path, "a")
    given = text.replace("original: {kind: original}", "original: {kind: given, path: mine.jsonl}")
    with pytest.raises(DataError, match=r"mine.jsonl: no such file"):
        run(given, tmp_path, "b")
    for out in ("a", "b"):
        assert not list((tmp_path / out).rglob("*.parquet"))


def test_the_replay_file_stands_beside_the_recipe_and_is_a_part_of_the_training(text, tmp_path):
    make(tmp_path / "corpus", "en", 4, 3)
    (tmp_path / "general.txt").write_text("Bread is baked in the morning.\n\nRain fell on the quiet harbour.\n")
    small = text.replace("kind: continual,", "kind: continual, replay: {path: general.txt, share: 0.2},")
    small = small.replace("seeds: [0, 1]", "seeds: [0]")
    assert run(small, tmp_path, arms=["original"])[0].fresh
    assert not run(small, tmp_path, arms=["original"])[0].fresh
    (tmp_path / "general.txt").write_text("Another text altogether stands here now.\n")
    assert run(small, tmp_path, arms=["original"])[0].fresh
