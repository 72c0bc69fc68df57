"""What every replicate draws anew: its own pool, its part of one, or nothing."""

from collections import Counter
from contextlib import closing
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from homespun.data.records import Labelled, Lineage, Row, Variant
from homespun.data.store import Store
from homespun.data.tables import verdicts_from
from homespun.engine.progress import Silent
from homespun.errors import UsageError
from homespun.recipe.recipefile import loads
from homespun.run import loop, outcome
from homespun.run.export import rows_of
from homespun.run.job import Job
from homespun.run.readback import RunData, open_run
from homespun.run.replicates import Replicate, check_draws, draws_of, pool_marks, replicates_of
from homespun.select.arms import axis_of


def row(number, label):
    payload, lineage = Labelled({"text": f"text {number}"}, label), Lineage(generator="g", key=str(number))
    return Row.make(payload, language="en", groups={"label": label}, lineage=lineage)


@given(st.lists(st.sampled_from("ab"), max_size=40), st.integers(1, 5), st.integers(0, 9))
def test_parts_are_disjoint_whole_and_have_as_much_of_every_cell(labels, parts, seed):
    rows = [row(number, label) for number, label in enumerate(labels)]
    found = [Replicate((part,), seed, "", part, parts).of(rows) for part in range(parts)]
    assert sorted(one.id for some in found for one in some) == sorted(one.id for one in rows)
    for counts in ([[axis_of(one) for one in some].count(label) for some in found] for label in "ab"):
        assert max(counts) - min(counts) <= 1
    assert max(map(len, found)) - min(map(len, found)) <= 1


def variant(document, number):
    groups, lineage = {"document": document, "form": "abc"[number % 3]}, Lineage(generator="g", key=f"{number}")
    return Row.make(Variant(f"{document} {number}"), language="en", groups=groups, lineage=lineage)


def test_parts_have_as_many_variants_of_every_form():
    rows = [variant(document, number) for document in "xyz" for number in range(6)]
    for part in range(2):
        forms = Counter((axis_of(one), one.groups["form"]) for one in Replicate((part,), 0, "", part, 2).of(rows))
        assert len(forms) == 9 and set(forms.values()) == {1}


def run(text, folder, **options):
    return loop.run(loads(text, folder, "r.yaml"), folder / "run", **options)


def trained_on(folder: Path, recipe, arm):
    return [frozenset(one.id for one in rows_of(Store(folder / "run"), recipe, arm, seed)) for seed in (0, 1)]


@pytest.mark.parametrize("draws", ["pool", "split", "fixed"])
def test_what_replicates_train_on(recipe_text, tmp_path, draws):
    text = f"draws: {draws}\n{recipe_text}  general: {{kind: general, paragraphs: false}}\n"
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
    first, second = found["looks"]
    assert first == {"draws": "pool", "seed": 0, "seeds": [0, 1], "level": 0.025}
    assert second == {"draws": "pool", "seed": 0, "seeds": [0, 1, 2], "level": pytest.approx(0.025 * 3 / 4)}
    level = found["evaluations"]["accuracy"]["arms"]["probability"]["versus_control"]["level"]
    assert level == second["level"]
    again = run(recipe_text.replace("seeds: [0, 1]", "seeds: [0, 1, 2]"), tmp_path)
    assert again.results["looks"] == [first, second] and not again.fresh
    # the first two again are the look that they were; two others are another one
    assert run(recipe_text, tmp_path).results["looks"] == [first, second]
    third = run(recipe_text.replace("seeds: [0, 1]", "seeds: [1, 2]"), tmp_path).results["looks"][2]
    assert third == {"draws": "pool", "seed": 0, "seeds": [1, 2], "level": pytest.approx((0.025 - 0.01875) / 2)}


def test_defaults(recipe_text, tmp_path):
    assert draws_of(loads(recipe_text, tmp_path, "r.yaml")) == "pool"
    assert draws_of(loads(recipe_text.replace("[0, 1]", "[7]"), tmp_path, "r.yaml")) == "pool"
    served = recipe_text.replace("writer: ", "judge: http://127.0.0.1:1/v1#m, writer: ")
    assert draws_of(loads(served, tmp_path, "r.yaml")) == "pool"
    (tmp_path / "real.jsonl").write_text('{"review": "x", "label": "positive"}\n')
    real = recipe_text.replace("unfiltered: {}", "unfiltered: {from: real.jsonl}")
    assert draws_of(loads(real, tmp_path, "r.yaml")) == "split"
    marks = [one.mark for one in replicates_of(loads(recipe_text.replace("[0, 1]", "[3, 5]"), tmp_path, "r.yaml"))]
    assert marks == ["@3", "@5"]  # a seed's files have one name, whichever others a run has


def test_what_cannot_be_drawn_is_refused_before_anything_is_spent(recipe_text, tmp_path):
    (tmp_path / "real.jsonl").write_text('{"review": "x", "label": "positive"}\n')
    real = recipe_text.replace("unfiltered: {}", "unfiltered: {from: real.jsonl}")
    with pytest.raises(UsageError, match=r"real\.jsonl are there already; take draws: split"):
        run("draws: pool\n" + real, tmp_path)
    with pytest.raises(UsageError, match=r"cuts the rows of generate.labelled into 2 parts.*at least 4"):
        run("draws: split\n" + recipe_text.replace("rows: 24", "rows: 3"), tmp_path)
    assert not (tmp_path / "run/pool").exists()


DOCUMENTS = """\
name: documents
language: en
draws: {draws}
sources: {{documents: {{kind: documents, path: texts}}}}
models: {{writer: "scripted:none.json", student: none}}
generate:
  original: {{kind: original}}
  facts: {{kind: paraphrase, variants: 6}}
arms:
  some: {{from: {source}, {key}: {value}}}
train: {{kind: continual, exposures: 1, seeds: [0, 1, 2]}}
"""


def drawable(folder, draws, source, key, value):
    (folder / "texts").mkdir(exist_ok=True)
    for name in ("a", "b"):
        (folder / f"texts/{name}.txt").write_text(f"{name.upper()}narix weighs 776 g and was built in 1921.")
    recipe = loads(DOCUMENTS.format(draws=draws, source=source, key=key, value=value), folder, "r.yaml")
    job = Job(recipe, Store(folder / "run"), Silent())
    with closing(job):
        check_draws(recipe, job.context)


RANDOM_HALF = "[{kind: random, share: 0.5}]"


@pytest.mark.parametrize("draws", ["pool", "split"])
def test_a_choice_among_rows_that_no_replicate_changes_is_refused(tmp_path, draws):
    with pytest.raises(UsageError, match=r"arms.some selects among original.*take draws: fixed"):
        drawable(tmp_path, draws, "original", "select", RANDOM_HALF)
    drawable(tmp_path, draws, "[original, facts]", "select", RANDOM_HALF)
    drawable(tmp_path, "fixed", "original", "select", RANDOM_HALF)


def test_an_arm_cannot_take_more_than_its_part_has(tmp_path):
    """Of 2 x 6 variants each of three replicates has four rows, two of every document."""
    for key, most in (("variants", 2), ("size", 4)):
        drawable(tmp_path, "split", "facts", key, most)
        for draws in ("pool", "fixed"):
            drawable(tmp_path, draws, "facts", key, 2 * most)
        with pytest.raises(UsageError, match=rf"arms.some.{key} is {2 * most} where each has {most}: write 3 times"):
            drawable(tmp_path, "split", "facts", key, 2 * most)


def test_a_run_is_read_back_without_its_first_pool(recipe_text, tmp_path):
    run(recipe_text, tmp_path)
    store, recipe = open_run(tmp_path / "run")
    both = RunData.read(store, recipe)
    (tmp_path / "run/done/pool/labelled.json").unlink()
    one = RunData.read(store, recipe)
    assert both.counts["labelled"]["kept"] == 48
    assert one.counts["labelled"]["kept"] == 24
    assert {piece.row.id for piece in one.attempts["labelled"] if piece.row} < {
        piece.row.id for piece in both.attempts["labelled"] if piece.row
    }


def test_a_run_that_is_cut_now_shows_no_rows_of_the_pools_before(recipe_text, tmp_path):
    run("draws: pool\n" + recipe_text, tmp_path)
    found = run("draws: split\n" + recipe_text, tmp_path).results
    data = RunData.read(*open_run(tmp_path / "run"))
    assert (tmp_path / "run/done/pool/labelled@1.json").is_file()
    assert data.counts["labelled"]["kept"] == found["funnel"]["kept"] == 24
    assert [look["draws"] for look in found["looks"]] == ["pool", "split"]
    assert found["looks"][1]["level"] == pytest.approx(0.0125)
    marks = {draw: len(pool_marks(loads(f"draws: {draw}\n{recipe_text}", tmp_path, "r.yaml"))) for draw in DRAWS}
    assert marks == {"pool": 2, "split": 1, "fixed": 1}


DRAWS = ("pool", "split", "fixed")


def compared(verdict, replicates, needed):
    one = {"verdict": verdict, "replicates": replicates, "replicates_needed": needed}
    return {"evaluations": {"accuracy": {"arms": {"judge": {"versus_control": one}, "all": {"versus_control": None}}}}}


@pytest.mark.parametrize(
    ("seeds", "verdict", "needed", "advised"),
    [
        ("[0]", "no verdict", None, "0,1,2"),  # three measure chance
        ("[0, 1]", "no evidence", 4, "0,1,2,3"),
        ("[1, 3]", "no evidence", 4, "1,3,0,2"),
        ("[0, 1]", "no evidence", None, "0,1,2,3,4"),  # two may not know their spread
        ("[0, 1, 2]", "no evidence", None, None),  # no number of replicates is enough
        ("[0, 1]", "no verdict", None, None),  # too few items: more replicates do not help
        ("[0, 1]", "helped", 4, None),
        ("[0, 1]", "no evidence", 2, None),
    ],
)
def test_replicates_are_advised_where_they_help(recipe_text, tmp_path, seeds, verdict, needed, advised):
    recipe = loads("draws: pool\n" + recipe_text.replace("[0, 1]", seeds), tmp_path, "r.yaml")
    told = outcome.more(recipe, compared(verdict, seeds.count(",") + 1, needed))
    assert told == (f"--set 'train.seeds=[{advised}]'" if advised else "")


def test_a_pool_that_is_cut_grows_with_the_replicates_that_are_advised(recipe_text, tmp_path):
    recipe = loads("draws: split\n" + recipe_text, tmp_path, "r.yaml")
    told = outcome.more(recipe, compared("no evidence", 2, 4))
    assert told == "--set generate.labelled.rows=48 --set 'train.seeds=[0,1,2,3]'"


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
    assert versus["same_answers"] and versus["verdict"] == "no evidence"  # on 40 items
