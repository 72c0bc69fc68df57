"""The controls of a run are drawn as the recipe says."""

from homespun.data.records import Labelled, Lineage, Row
from homespun.recipe.recipefile import loads
from homespun.run.armplan import Choice, plan_arms


def test_a_recipe_says_what_controls_have_as_much_of(recipe_text, tmp_path):
    rows = tuple(
        Row(
            str(n), Labelled({"review": "word " * n}, "positive"), "en", {"label": "positive"}, Lineage("labelled", "1")
        )
        for n in range(1, 61)
    )
    drawn = {}
    for alike in ("rows", "tokens"):
        recipe = loads(recipe_text + f"controls: {alike}\n", tmp_path, "r.yaml")
        plan = next(plan for plan in plan_arms(recipe) if plan.control_of)
        drawn[alike] = Choice(plan, rows, None, rows[-10:]).rows(0, 0)
    words = {alike: sum(len(row.text.split()) + 1 for row in some) for alike, some in drawn.items()}
    assert len(drawn["rows"]) == 10 and words["rows"] < 450
    assert abs(words["tokens"] - sum(range(51, 61)) - 10) <= 30  # half of the longest row
