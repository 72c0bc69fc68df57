"""What every replicate draws anew: its own pool, its part of one, or nothing."""

from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from homespun import loop
from homespun.errors import UsageError
from homespun.exporting import rows_of
from homespun.recipefile import loads
from homespun.records import Labelled, Lineage, Row
from homespun.replicates import Replicate, draws_of, replicates_of
from homespun.select.arms import label_of
from homespun.store import Store
from homespun.tables import verdicts_from


def row(number, label):
    payload, lineage = Labelled({"text": f"text {number}"}, label), Lineage(generator="g", key=str(number))
    return Row.make(payload, language="en", groups={"label": label}, lineage=lineage)


@given(st.lists(st.sampled_from("ab"), max_size=40), st.integers(1, 5), st.integers(0, 9))
def test_parts_are_disjoint_whole_and_have_as_much_of_every_cell(labels, parts, seed):
    rows = [row(number, label) for number, label in enumerate(labels)]
    found = [Replicate((part,), seed, "", part, parts).of(rows) for part in range(parts)]
    assert sorted(one.id for some in found for one in some) == sorted(one.id for one in rows)
    for counts in ([[label_of(one) for one in some].count(label) for some in found] for label in "ab"):
        assert max(counts) - min(counts) <= 1
    assert max(map(len, found)) - min(map(len, found)) <= 1


def run(text, folder, **options):
    return loop.run(loads(text, folder, "r.yaml"), folder / "run", **options)


def trained_on(folder: Path, recipe, arm):
    return [frozenset(one.id for one in rows_of(Store(folder / "run"), recipe, arm, seed)) for seed in (0, 1)]


@pytest.mark.parametrize("draws", ["pool", "split", "fixed"])
def test_what_replicates_train_on(recipe_text, tmp_path, draws):
    text = f"draws: {draws}\n{recipe_text}"
    recipe = loads(text, tmp_path, "r.yaml")
    found = run(text, tmp_path).results
    assert found["draws"] == draws
    everything, chosen, control = (
        trained_on(tmp_path, recipe, arm) for arm in ("unfiltered", "probability", "probability/random")
    )
    for whole, kept, drawn in zip(everything, chosen, control, strict=True):
        assert kept < whole and drawn < whole and len(drawn) == len(kept)
    assert draws != "split" or not everything[0] & everything[1]
    assert (everything[0] == everything[1]) == (chosen[0] == chosen[1]) == (draws == "fixed")
    assert control[0] != control[1]
    assert found["funnel"]["kept"] == (48 if draws == "pool" else 24)
    assert draws == "pool" or len(everything[0] | everything[1]) == 24
    entry = found["evaluations"]["accuracy"]["arms"]["probability"]["versus_control"]
    assert set(entry["parts"]) <= {"items", "draws" if draws == "fixed" else "replicates"}
    assert entry["same_answers"] or ("not about the rule" in entry["sentence"]) == (draws == "fixed")


def test_another_replicate_keeps_those_that_are_there(recipe_text, tmp_path):
    run(recipe_text, tmp_path)
    before = {path: path.stat().st_mtime_ns for path in (tmp_path / "run").rglob("*") if path.is_file()}
    found = run(recipe_text.replace("seeds: [0, 1]", "seeds: [0, 1, 2]"), tmp_path).results
    for path, when in before.items():
        if any(part in path.parts for part in ("pool", "scores", "models")) and "done" not in path.parts:
            assert path.stat().st_mtime_ns == when, path
    assert (tmp_path / "run/pool/labelled@2.parquet").is_file()
    assert found["looks"] == [2, 3]
    level = found["evaluations"]["accuracy"]["arms"]["probability"]["versus_control"]["level"]
    assert level == pytest.approx(0.05 * (1 / 2 - 1 / 4))
    again = run(recipe_text.replace("seeds: [0, 1]", "seeds: [0, 1, 2]"), tmp_path)
    assert again.results["looks"] == [2, 3] and not again.fresh


def test_defaults(recipe_text, tmp_path):
    assert draws_of(loads(recipe_text, tmp_path, "r.yaml")) == "pool"
    assert draws_of(loads(recipe_text.replace("[0, 1]", "[7]"), tmp_path, "r.yaml")) == "fixed"
    served = recipe_text.replace("writer: ", "judge: http://127.0.0.1:1/v1#m, writer: ")
    assert draws_of(loads(served, tmp_path, "r.yaml")) == "pool"
    (tmp_path / "real.jsonl").write_text('{"review": "x", "label": "positive"}\n')
    real = recipe_text.replace("unfiltered: {}", "unfiltered: {from: real.jsonl}")
    assert draws_of(loads(real, tmp_path, "r.yaml")) == "split"
    marks = [one.mark for one in replicates_of(loads(recipe_text.replace("[0, 1]", "[3, 5]"), tmp_path, "r.yaml"))]
    assert marks == ["", "@5"]


def test_what_cannot_be_drawn_is_refused_before_anything_is_spent(recipe_text, tmp_path):
    (tmp_path / "real.jsonl").write_text('{"review": "x", "label": "positive"}\n')
    real = recipe_text.replace("unfiltered: {}", "unfiltered: {from: real.jsonl}")
    with pytest.raises(UsageError, match=r"real\.jsonl are there already; take draws: split"):
        run("draws: pool\n" + real, tmp_path)
    with pytest.raises(UsageError, match=r"cuts the rows of generate.labelled into 2 parts.*at least 4"):
        run("draws: split\n" + recipe_text.replace("rows: 24", "rows: 3"), tmp_path)
    assert not (tmp_path / "run/pool").exists()


def test_the_seeds_differ(recipe_text, tmp_path):
    with pytest.raises(Exception, match="repeat one"):
        loads(recipe_text.replace("[0, 1]", "[1, 1]"), tmp_path, "r.yaml")


def test_controls_of_different_arms_are_independent(recipe_text, tmp_path):
    text = recipe_text.replace(
        "train:", "  again: {select: [{kind: top, by: probability, share: 0.5, within: label}]}\ntrain:"
    )
    recipe = loads(text, tmp_path, "r.yaml")
    run(text, tmp_path)
    store = Store(tmp_path / "run")

    def drawn(arm):
        table = store.read_table(f"arms/{arm}/random/seed-0/verdicts.parquet")
        return {verdict.row_id for verdict in verdicts_from(table) if verdict.keep}

    again, once = ({one.id for one in rows_of(store, recipe, arm)} for arm in ("again", "probability"))
    assert again == once
    assert drawn("again") != drawn("probability")


def test_an_arm_that_keeps_all_rows_or_all_but_one(recipe_text, tmp_path):
    text = recipe_text.replace("share: 0.5, within: label", "share: 1.0")
    versus = run(text, tmp_path).results["evaluations"]["accuracy"]["arms"]["probability"]["versus_control"]
    assert versus["same_answers"] and versus["verdict"] == "no difference that matters"
