"""The loop on a scripted writer and a tiny student: it runs, resumes, redoes what changed, and adds up."""

from __future__ import annotations

import json
import shutil
from pathlib import Path

import pytest

from homespun.data.store import Store, file_hash
from homespun.data.tables import attempts_from, scores_from, verdicts_from
from homespun.errors import DegenerateError, RecipeError, StoreError, UsageError
from homespun.recipe.recipefile import loads
from homespun.report.page import rewrite
from homespun.run import loop, stages
from homespun.run.readback import RunData, open_run


class Heard:
    """Progress that remembers what was said."""

    def __init__(self):
        self.lines = []

    from homespun.engine.progress import Silent

    bar = Silent.bar

    def say(self, text):
        self.lines.append(text)


def run(text: str, folder: Path, **options):
    heard = Heard()
    return loop.run(loads(text, folder, "r.yaml"), folder / "run", progress=heard, **options), heard


def hashes(root: Path) -> dict[str, str]:
    """What must not depend on when a run was stopped."""
    kept = ("pool/", "scores/", "arms/", "results/")
    found = {path.relative_to(root).as_posix(): path for path in root.rglob("*.parquet")}
    return {name: file_hash(path) for name, path in sorted(found.items()) if name.startswith(kept)}


VERDICTS = ("helped", "hurt", "no difference that matters", "no evidence")


@pytest.fixture
def finished(recipe_text, tmp_path):
    outcome, _ = run(recipe_text, tmp_path)
    return outcome


def test_a_whole_run(finished, recipe_text, tmp_path):
    results = json.loads((tmp_path / "run/results.json").read_text())
    assert results["version"] == 2
    assert (results["draws"], results["replicates"]) == ("pool", [0, 1])
    assert results["looks"] == [{"draws": "pool", "seed": 0, "seeds": [0, 1], "level": 0.025}]
    assert results["primary"] == ["accuracy", "accuracy"]
    funnel = results["funnel"]
    assert funnel["asked"] == funnel["answered"] + funnel["failed"]
    assert funnel["answered"] == funnel["parsed"] + funnel["unparsed"]
    assert funnel["parsed"] == funnel["kept"] + funnel["dropped"]
    assert funnel["kept"] == 48 and funnel["dropped"] > 0  # 24 for each replicate
    assert set(results["arms"]) == {"unfiltered", "probability", "probability/random"}
    assert results["arms"]["probability"] == {
        "from": ["labelled"],
        "forms": {},
        "variants": None,
        "rules": ["top probability 0.5 within label"],
        "train": {},
        "candidates": 24,
        "kept": 12,
        "replicates": [{"candidates": 24, "kept": 12}] * 2,
        "dropped_by": {"top probability 0.5 within label": 12},
        "control": "probability/random",
        "reference": "unfiltered",
    }
    entry = results["evaluations"]["accuracy"]
    assert entry["items"] == 40
    ways = {"constrained", "free", "calibrated", "few_shot", "few_shot_calibrated"}
    assert set(entry["baseline"]) == ways
    compared = entry["arms"]["unfiltered"]["versus_baseline"]
    assert set(compared["rivals"]) == ways - {"constrained"} and compared["replicates"] == 2
    shown = [f"results/_few-shot/seed-{seed}/accuracy" for seed in (0, 1)]
    assert {name for name in results["usage"]["stages"] if "few-shot" in name} == set(shown)
    tables = [(tmp_path / f"run/{name}.parquet").read_bytes() for name in shown]
    assert tables[0] != tables[1]  # other rows with each replicate
    assert "calibrated_accuracy" in entry["arms"]["unfiltered"]["metrics"]
    assert len(entry["arms"]["probability"]["metrics"]["accuracy"]["seeds"]) == 2
    assert entry["arms"]["probability"]["versus_control"]["verdict"] in VERDICTS
    assert entry["arms"]["unfiltered"]["versus_control"] is None
    page = (tmp_path / "run/report/index.html").read_text()
    assert "no evidence" in page and "A joy from start" in page
    assert not list((tmp_path / "run").rglob("*.bin")) and not list((tmp_path / "run").rglob("*.pt"))
    assert not list((tmp_path / "run/work").rglob("*.parquet"))


def test_shares_and_shots_change_no_answer_that_was_given(finished, recipe_text, tmp_path, monkeypatch):
    def never(*_args, **_kwargs):
        raise AssertionError("a model was asked again")

    from homespun.evaluate.classification import Classification

    monkeypatch.setattr(Classification, "predict", never)
    monkeypatch.setattr(Classification, "predict_shown", never)
    settings = "items.jsonl, shots: 0, shares: {positive: 0.9, negative: 0.1}}"
    outcome, _ = run(recipe_text.replace("items.jsonl}", settings), tmp_path)
    before, after = (one.results["evaluations"]["accuracy"]["baseline"] for one in (finished, outcome))
    assert set(after) == {"constrained", "free", "calibrated"}
    assert after["constrained"] == before["constrained"] and after["calibrated"] != before["calibrated"]


def test_labels_are_balanced_and_controls_match_their_arm(finished, tmp_path):
    store = Store(tmp_path / "run")
    pools = []
    for seed, mark in ((0, ""), (1, "@1")):
        attempts = attempts_from(store.read_table(f"pool/labelled{mark}.parquet"))
        checks = verdicts_from(store.read_table(f"pool/labelled{mark}.verdicts.parquet"))
        rows = {a.row.id: a.row for a in attempts if a.row is not None}
        accepted = [rows[v.row_id].payload.output for v in checks if v.keep]
        assert accepted.count("positive") == accepted.count("negative") == 12
        kept = verdicts_from(store.read_table(f"arms/probability/random{mark}/seed-{seed}/verdicts.parquet"))
        chosen = [rows[v.row_id].payload.output for v in kept if v.keep]
        assert chosen.count("positive") == chosen.count("negative") == 6
        pools.append(set(rows))
    assert pools[0] != pools[1]


def test_the_same_command_again_does_nothing(finished, recipe_text, tmp_path):
    before = {path: path.stat().st_mtime_ns for path in (tmp_path / "run").rglob("*") if path.is_file()}
    outcome, _ = run(recipe_text, tmp_path)
    assert not outcome.fresh
    after = {path: path.stat().st_mtime_ns for path in (tmp_path / "run").rglob("*") if path.is_file()}
    assert {p for p in after if after[p] != before.get(p)} <= {tmp_path / "run/run.lock"}
    assert outcome.results == finished.results


def test_what_changes_nothing_of_a_training_trains_nothing(finished, recipe_text, tmp_path, monkeypatch):
    """Neither how often a training is kept on disk, nor a setting that the recipe of an older run had not."""
    from homespun.train.sft import Sft

    monkeypatch.setattr(Sft, "__call__", lambda *_args, **_kwargs: pytest.fail("trained again"))
    outcome, heard = run(recipe_text.replace("train: {", "train: {checkpoint_minutes: 5, "), tmp_path)
    assert "train.checkpoint_minutes: 10.0 -> 5" in "".join(heard.lines)
    assert outcome.results["evaluations"] == finished.results["evaluations"]
    old = tmp_path / "run/recipe.yaml"
    kept = [line for line in old.read_text().splitlines() if not line.strip().startswith(("products:", "checkpoint_m"))]
    old.write_text("\n".join(kept) + "\n")
    _, heard = run(recipe_text, tmp_path)
    assert not [line for line in heard.lines if "changed" in line or "->" in line]
    assert stages.settings(Sft()).keys() == stages.settings(Sft(products="bfloat16")).keys() - {"products"}


def test_another_threshold_asks_no_model_and_trains_only_what_changed(finished, recipe_text, tmp_path, monkeypatch):
    def never(*_args, **_kwargs):
        raise AssertionError("a model was asked again")

    from homespun.generate.labelled import LabelledGenerator
    from homespun.score.probability import Probability

    before = hashes(tmp_path / "run")
    monkeypatch.setattr(LabelledGenerator, "__call__", never)
    monkeypatch.setattr(Probability, "__call__", never)
    outcome, heard = run(recipe_text.replace("share: 0.5", "share: 0.75"), tmp_path)
    assert any("arms.probability.select" in line for line in heard.lines)
    assert outcome.results["arms"]["probability"]["kept"] == 18
    after = hashes(tmp_path / "run")
    same = {name for name in after if before.get(name) == after[name]}
    assert {"pool/labelled.parquet", "scores/probability.parquet"} <= same
    assert {f"results/unfiltered/seed-{seed}/accuracy.parquet" for seed in (0, 1)} <= same


def test_an_arm_that_keeps_every_row_is_not_trained_again(recipe_text, tmp_path):
    text = recipe_text.replace("share: 0.5, within: label", "share: 1.0").replace("seeds: [0, 1]", "seeds: [0]")
    outcome, _ = run(text, tmp_path)
    assert not (tmp_path / "run/models/probability/seed-0").exists()
    entry = outcome.results["evaluations"]["accuracy"]["arms"]["probability"]
    assert entry["versus_reference"]["difference"] == 0
    assert "scores the same on every item" in entry["versus_reference"]["sentence"]


def test_another_recipe_in_the_same_folder_is_refused(finished, recipe_text, tmp_path):
    with pytest.raises(StoreError, match='holds the run "tiny", not "other"'):
        run(recipe_text.replace("name: tiny", "name: other"), tmp_path)


def test_only_some_arms(recipe_text, tmp_path):
    outcome, _ = run(recipe_text, tmp_path, arms=["unfiltered"])
    assert list(outcome.results["arms"]) == ["unfiltered"]
    with pytest.raises(UsageError, match="probabilty"):
        run(recipe_text, tmp_path, arms=["probabilty"])


@pytest.mark.parametrize("cut", ["score:", "arms:", "train:", "evaluate:"])
def test_a_recipe_may_end_early(recipe_text, tmp_path, cut):
    text = recipe_text[: recipe_text.index(cut)]
    outcome, _ = run(text, tmp_path)
    assert outcome.results["funnel"]["kept"] == (48 if cut == "evaluate:" else 24)  # replicates are trainings
    assert outcome.results["evaluations"] == {}
    assert (tmp_path / "run/report/index.html").is_file()


def test_a_spent_budget_is_partial_and_says_what_is_missing(recipe_text, tmp_path):
    outcome, _ = run(recipe_text.replace("rows: 24", "rows: 24\n    max_asked: 16"), tmp_path)
    assert len(outcome.missing) == 1 and "of 48 rows" in outcome.missing[0]
    assert any("missing" in line for line in outcome.summary)


def test_bad_evaluation_data_costs_nothing(recipe_text, tmp_path):
    (tmp_path / "items.jsonl").write_text('{"review": "x", "label": "good"}\n')
    with pytest.raises(Exception, match='unknown label "good"'):
        run(recipe_text, tmp_path)
    assert not (tmp_path / "run/pool").exists() and not (tmp_path / "run/work").exists()


def test_a_student_that_is_no_model(recipe_text, tmp_path):
    (tmp_path / "nothing").mkdir()
    text = recipe_text[: recipe_text.index("models:")] + "models: {student: nothing}\n"
    text += recipe_text[recipe_text.index("task:") :]
    with pytest.raises(Exception, match=r"config\.json"):
        run(text, tmp_path)


def test_an_arm_that_keeps_nothing_is_named_before_any_training(recipe_text, tmp_path):
    text = recipe_text.replace(
        "{kind: top, by: probability, share: 0.5, within: label}", "{kind: at_least, by: probability, value: 2}"
    )
    with pytest.raises(DegenerateError, match='arm "probability" keeps none of 24 rows'):
        run(text, tmp_path)
    assert not (tmp_path / "run/models").exists()


def test_a_replicate_without_rows_is_scored_and_its_arm_named(recipe_text, tmp_path):
    text = recipe_text.replace("rows: 24", "rows: 24\n    max_asked: 1").replace("task:", "draws: split\ntask:", 1)
    with pytest.raises(
        DegenerateError, match=r'arm "unfiltered" has no row to choose from, out of labelled, .* seed 1'
    ):
        run(text, tmp_path)
    store = Store(tmp_path / "run")
    full, empty = (scores_from(store.read_table(f"scores/probability{mark}.parquet")) for mark in ("", "@1"))
    assert len(full.ids) == 1 and empty.ids == [] and list(empty.columns) == list(full.columns)
    for order in (("", "@1"), ("@1", "")):
        both = stages.concat([store.read_table(f"scores/probability{mark}.parquet") for mark in order])
        assert scores_from(both) == full


def test_a_label_without_any_usable_row_stops_early_with_examples(recipe_text, tmp_path):
    text = recipe_text.replace("[plot, acting, music, camera, rust, ending, pace]", "[rust]").replace(
        "rows: 24", "rows: 600"
    )
    with pytest.raises(DegenerateError, match="As an AI language model") as caught:
        run(text, tmp_path)
    assert 'for the label "positive"' in str(caught.value)


def test_rows_from_a_file(recipe_text, tmp_path):
    (tmp_path / "real.jsonl").write_text(
        "".join(
            json.dumps({"review": f"Number {n}.", "label": ("positive", "negative")[n % 2]}) + "\n" for n in range(8)
        )
    )
    text = recipe_text.replace("unfiltered: {}", "unfiltered: {}\n  real: {from: real.jsonl}").replace("[0, 1]", "[0]")
    outcome, _ = run(text, tmp_path)
    assert outcome.results["arms"]["real"]["kept"] == 8


def test_a_column_that_no_scorer_makes(recipe_text, tmp_path):
    with pytest.raises((RecipeError, UsageError), match="posteriro"):
        run(recipe_text.replace("by: probability,", "by: probability.posteriro,"), tmp_path)
    assert not (tmp_path / "run").exists()


def test_interrupted_after_any_stage_the_result_is_the_same(finished, recipe_text, tmp_path):
    """Take the markers of the later stages away and run again: the bytes come back."""
    wanted = hashes(tmp_path / "run")
    for stage in ("done/models", "done/arms", "done/results", "done/scores"):
        shutil.rmtree(tmp_path / "run" / stage)
        run(recipe_text, tmp_path)
        assert hashes(tmp_path / "run") == wanted


@pytest.fixture
def selected(recipe_text, tmp_path):
    """The text of a recipe that ends with selection, and its run."""
    text = recipe_text[: recipe_text.index("train:")]
    return text, run(text, tmp_path)[0]


@pytest.mark.parametrize("name", ["results.json", "manifest.json", "report/index.html"])
@pytest.mark.parametrize("data", [b'{"version": 1', None])
def test_what_is_damaged_or_gone_is_written_again(selected, tmp_path, name, data):
    text, before = selected
    path = tmp_path / "run" / name
    path.write_bytes(data) if data else path.unlink()
    mended, _ = run(text, tmp_path)
    assert mended.fresh and mended.results == before.results
    assert json.loads((tmp_path / "run/results.json").read_text()) == before.results
    assert (tmp_path / "run/report/index.html").read_text().rstrip().endswith("</html>")
    assert not run(text, tmp_path)[0].fresh


def test_a_page_that_is_written_again_by_hand_leaves_the_run_complete(selected, tmp_path, monkeypatch):
    text, _ = selected
    before = file_hash(tmp_path / "run/report/index.html")
    monkeypatch.chdir(tmp_path)
    assert file_hash(rewrite(Path("run"))) != before  # it names the run as it was called
    assert not run(text, tmp_path)[0].fresh
    (tmp_path / "run/results.json").write_text("{}")
    rewrite(Path("run"))
    assert run(text, tmp_path)[0].fresh


def test_what_a_changed_recipe_no_longer_has_is_told_nowhere(finished, recipe_text, tmp_path):
    fewer = recipe_text.replace("  unfiltered: {}\n", "  unfiltered: {size: 10}\n").replace("[0, 1]", "[1]")
    fewer = fewer[: fewer.index("  probability: {select")] + fewer[fewer.index("train:") :]
    outcome, _ = run(fewer, tmp_path)
    assert set(outcome.results["arms"]) == {"unfiltered"}
    wanted = {"pool/labelled@1", "scores/probability@1", "models/unfiltered/seed-1"}
    wanted |= {f"results/{of}/accuracy" for of in ("_baseline", "_few-shot/seed-1", "unfiltered/seed-1")}
    assert set(outcome.results["usage"]["stages"]) == wanted
    assert json.loads((tmp_path / "run/results.json").read_text()) == outcome.results
    (cards,) = RunData.read(*open_run(tmp_path / "run")).cards.values()
    assert list(cards) == [1] and "probability/random" not in (tmp_path / "run/report/index.html").read_text()
    back, _ = run(recipe_text, tmp_path)
    assert set(back.results["arms"]) == {"unfiltered", "probability", "probability/random"}
    assert Store(tmp_path / "run").marker("models/probability/seed-0")
