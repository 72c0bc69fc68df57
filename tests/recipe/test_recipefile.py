"""A recipe's errors name file, line, value and what is allowed; a good one survives being written and read."""

from pathlib import Path

import pytest

from homespun.data.yamlfile import dump
from homespun.errors import RecipeError, UsageError
from homespun.recipe.recipefile import load, loads
from homespun.recipe.schema import json_schema
from homespun.recipe.shipped import FOLDER
from homespun.registry import find_any

GOOD = """\
name: tiny
task:
  description: Decide whether a review is positive or negative.
  fields: [review]
  labels: {positive: liked it, negative: disliked it}
generate:
  labelled: {kind: labelled, rows: 8, keywords: [plot, acting]}
score:
  probability: {kind: probability}
arms:
  unfiltered: {}
  best:
    select:
      - {kind: top, by: probability, share: 0.5, within: label}
train: {kind: sft, epochs: 1, seeds: [0, 1]}
"""


def fails(text: str, *, folder: Path = Path(".")) -> str:
    with pytest.raises(RecipeError) as caught:
        loads(text, folder, "r.yaml")
    return str(caught.value)


def test_a_good_recipe():
    recipe = loads(GOOD, Path("."))
    assert recipe.generate["labelled"].rows == 8
    assert recipe.train.seeds == (0, 1)
    assert recipe.model_for("judge").id == "embedded"
    assert str(recipe.arms["best"].select[0]) == "top probability 0.5 within label"


def test_the_resolved_recipe_reads_back_as_itself():
    for name in ("sentiment", "sentiment-full"):
        recipe = load(FOLDER / f"{name}.yaml")
        again = loads(dump(recipe.dump()), FOLDER)
        assert again == recipe
    off = loads(GOOD.replace("rows: 8,", "rows: 8, hygiene: {near_duplicate: null},"), Path("."))
    assert off.generate["labelled"].hygiene.near_duplicate is None  # written out, since its default is another
    assert loads(dump(off.dump()), Path(".")) == off


@pytest.mark.parametrize(
    ("change", "line", "words"),
    [
        (("kind: labelled", "kind: labeled"), 7, 'unknown generator kind "labeled". Did you mean "labelled"?'),
        (("rows: 8", "rowz: 8"), 7, 'unknown key "rowz". Did you mean "rows"?'),
        (("rows: 8", "rows: many"), 7, "(got 'many')"),
        (("rows: 8", "rows: 0"), 7, "greater than or equal to 1"),
        (("by: probability,", "by: probabilty,"), 14, 'Did you mean "probability"?'),
        (("kind: top", "kind: tpo"), 14, 'Did you mean "top"?'),
        (("share: 0.5", "share: 1.5"), 14, "(got 1.5)"),
        (("train: {kind: sft,", "train: {"), 15, "`kind` is missing; known kinds: continual, sft"),
        (("labels: {positive: liked it, negative: disliked it}", "labels: {positive: liked it}"), 5, "at least 2"),
        (("name: tiny", "name: ../tiny"), 1, "cannot be a name"),
        (("name: tiny", "nam: tiny"), 1, 'unknown key "nam". Did you mean "name"?'),
        (("name: tiny", "name: tiny\nlanguage: fr"), 2, "there are: en, ja"),
        (("name: tiny", "name: tiny\nmodels: {wrter: embedded}"), 2, 'unknown role "wrter". Did you mean "writer"?'),
        (("fields: [review]", "fields: [premise, hypothesis]"), 7, "premise, hypothesis"),
        (("score:\n  probability: {kind: probability}", "score:\n  probability: {kind: similarity}"), 9, "review"),
    ],
)
def test_errors_name_line_value_and_fix(change, line, words):
    assert change[0] in GOOD
    message = fails(GOOD.replace(*change))
    assert f"r.yaml:{line}:" in message
    assert words in message


def test_all_errors_are_told_at_once():
    message = fails(GOOD.replace("kind: labelled", "kind: labeled").replace("kind: top", "kind: tpo"))
    assert len(message.splitlines()) == 2


def test_combined_rules_in_the_short_form():
    short = "{any: [{kind: at_least, by: probability, value: 0.9}, {kind: random, share: 0.1}]}"
    recipe = loads(GOOD.replace("{kind: top, by: probability, share: 0.5, within: label}", short), Path("."))
    rule = recipe.arms["best"].select[0]
    assert rule.kind == "any"
    assert rule.needs() == {"probability"}
    wrong = short.replace("kind: random", "kind: randm")
    assert "r.yaml:14: arms.best.select[0].any[1].kind" in fails(
        GOOD.replace("{kind: top, by: probability, share: 0.5, within: label}", wrong)
    )


def test_an_arm_from_nowhere():
    message = fails(GOOD.replace("unfiltered: {}", "unfiltered: {from: labeled}"))
    assert '"labeled" is no generator and no file. Did you mean "labelled"?' in message


def test_arm_settings_override_the_trainer():
    recipe = loads(GOOD.replace("unfiltered: {}", "unfiltered: {train: {epochs: 5, lora: {rank: 2}}}"), Path("."))
    trainer = recipe.trainer_for(recipe.arms["unfiltered"])
    assert (trainer.epochs, trainer.lora.rank, trainer.seeds) == (5, 2, (0, 1))
    assert recipe.trainer_for(recipe.arms["best"]) is recipe.train
    assert "epochz" in fails(GOOD.replace("unfiltered: {}", "unfiltered: {train: {epochz: 5}}"))


def test_a_recipe_may_end_early_but_not_evaluate_untrained_arms():
    cut = GOOD[: GOOD.index("train:")]
    assert loads(cut, Path(".")).train is None
    assert "needs `train`" in fails(cut + "evaluate: {a: {kind: classification, data: x.jsonl}}\n")


def test_overrides(tmp_path):
    path = tmp_path / "r.yaml"
    path.write_text(GOOD)
    recipe = load(path, ["train.epochs=3", "train.seeds=[4, 5]", "arms.best.select.0.share=0.25", "seed=7"])
    assert (recipe.train.epochs, recipe.train.seeds, recipe.seed) == (3, (4, 5), 7)
    assert recipe.arms["best"].select[0].share == 0.25
    with pytest.raises(UsageError, match="KEY=VALUE"):
        load(path, ["train.epochs"])
    with pytest.raises(RecipeError, match="epochz"):
        load(path, ["train.epochz=3"])
    with pytest.raises(UsageError, match="not a place"):
        load(path, ["name.x.y=3"])


def test_paths_are_relative_to_the_recipe(tmp_path):
    (tmp_path / "items.jsonl").write_text('{"review": "x", "label": "positive"}\n')
    path = tmp_path / "r.yaml"
    path.write_text(GOOD + "evaluate: {a: {kind: classification, data: items.jsonl}}\n")
    assert load(path).evaluate["a"].data == str(tmp_path / "items.jsonl")


def test_the_schema_knows_every_kind_and_field():
    schema = json_schema()
    assert {"rows", "keywords"} <= set(schema["$defs"]["generator-labelled"]["properties"])
    refs = [option.get("$ref", "") for option in schema["$defs"]["Arm"]["properties"]["select"]["items"]["oneOf"]]
    assert "#/$defs/rule-top" in refs


def test_lookup_of_an_unknown_kind():
    with pytest.raises(UsageError, match="Known kinds: classification"):
        find_any("evaluation", "clasification")


GRID = """\
name: knowledge
generate:
  facts: {kind: labelled, rows: 8, keywords: [plot]}
  graph: {kind: labelled, rows: 8, keywords: [plot]}
score:
  probability: {kind: probability}
task: {description: Decide., fields: [review], labels: {positive: liked it, negative: disliked it}}
arms:
  plain: {from: facts}
  grid:
    from: [facts, [facts, graph]]
    variants: [10, 40]
    select:
      all: []
      low: [{kind: bottom, by: probability, share: 0.5}]
"""


def test_a_grid_of_arms_is_every_combination():
    arms = loads(GRID, Path("."), "r.yaml").arms
    assert list(arms) == [
        "plain", "facts-v10", "facts-v10-low", "facts-v40", "facts-v40-low",
        "facts-graph-v10", "facts-graph-v10-low", "facts-graph-v40", "facts-graph-v40-low",
    ]  # fmt: skip
    assert arms["facts-graph-v40-low"].sources == ("facts", "graph")
    assert arms["facts-graph-v40-low"].each == 40
    assert [str(rule) for rule in arms["facts-v10-low"].select] == ["bottom probability 0.5"]
    assert not arms["facts-v10"].select


@pytest.mark.parametrize(
    ("change", "words"),
    [
        (("variants: [10, 40]", "variants: []"), 'r.yaml:10: arms.grid: variants: the axis of a grid needs at least'),
        (("variants: [10, 40]", "variants: [10, 10]"), 'the grid makes two arms "facts-v10"'),
        (("  plain:", "  facts-v10:"), 'the grid makes an arm "facts-v10", and the recipe has one'),
        (("from: [facts, [facts, graph]]", "from: [fact]"), '"fact" is no generator and no file. Did you mean'),
        (("share: 0.5", "share: 5"), "arms.grid"),
        (("      all: []\n      low: [{", "      - [{"), "give every choice a name"),
    ],
)  # fmt: skip
def test_a_wrong_grid_says_what_is_wrong(change, words):
    assert change[0] in GRID
    assert words in fails(GRID.replace(*change))
