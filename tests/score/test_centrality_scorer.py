"""The centrality scorer: B2's figures through a scripted model, copies, groups, ties, what has no score."""

import math

import numpy as np
import pytest
from score_cases import make_context

from homespun.data.records import Labelled, Lineage, Response, Row
from homespun.errors import UsageError
from homespun.models.scripted import ScriptedModel
from homespun.registry import find_any
from homespun.score.centrality import Centrality


class Angles(ScriptedModel):
    """Embeds a text that begins with a number as that angle in degrees; counts the texts it is given."""

    asked = 0

    def embed(self, texts, advance=lambda count: None):
        self.asked += len(texts)
        turned = [math.radians(float(text.split()[0])) for text in texts]
        return np.array([[math.cos(angle), math.sin(angle)] for angle in turned], dtype=np.float32)


def answers(*texts, prompts=""):
    groups = prompts or "p" * len(texts)
    return [
        Row.make(
            Response((("user", "Say a number."),), text),
            language="en",
            groups={"prompt": group},
            lineage=Lineage("responses", f"{number}"),
        )
        for number, (text, group) in enumerate(zip(texts, groups, strict=True))
    ]


def score(rows, model=None, **settings):
    found = Centrality(**{"centre": False, **settings})(rows, make_context(model or Angles()))
    assert found.primary == "centrality"
    return found


def test_three_answers():
    found = score(answers("0", "30", "90"))
    assert found.columns["centrality"] == pytest.approx([0.4330, 0.6830, 0.2500], abs=5e-5)
    assert found.columns["rank"] == [2, 1, 3]
    assert found.reasons == {}


def test_copies_are_embedded_once_and_share_their_score():
    model = Angles()
    found = score(answers("0", "60", "0", " 0 "), model)
    assert found.columns["centrality"] == pytest.approx([0.8333, 0.5, 0.8333, 0.8333], abs=5e-5)
    assert found.columns["rank"] == [1, 2, 1, 1]
    assert model.asked == 2


def test_answers_are_compared_within_their_prompt():
    rows = answers("0", "0 again", "30", "30 again", "90", "90 again", prompts="pqpqpq")
    found = score(rows)
    assert found.columns["centrality"][::2] == found.columns["centrality"][1::2]
    alone = score(rows, within=None)
    assert alone.columns["centrality"] != found.columns["centrality"]
    assert sorted(alone.columns["rank"]) == [1, 2, 3, 4, 5, 6]


def test_a_single_answer_has_rank_one_and_no_score_and_an_empty_one_neither():
    rows = answers("7", " ", "0", "90", prompts="abcc")
    found = score(rows)
    assert [math.isnan(value) for value in found.columns["centrality"]] == [True, True, False, False]
    assert found.columns["rank"][0] == 1 and math.isnan(found.columns["rank"][1])
    assert found.reasons == {rows[0].id: "the only answer of its group", rows[1].id: "its text is empty"}


def test_of_equals_the_shorter_ranks_first():
    found = score(answers("0 and so on", "90"))
    assert found.columns["centrality"] == [0, 0]
    assert found.columns["rank"] == [2, 1]


def test_centring_leaves_the_mean_without_direction():
    rows = answers("0", "180", "90", "270", "0 0", "180 0")
    found = score(rows, centre=True)
    assert found.columns["centrality"][0] == found.columns["centrality"][1]
    gone = score(answers("5", "5 x", "5 y"), centre=True)
    assert set(gone.reasons.values()) == {"its embedding has no direction"}


def test_rouge_l_asks_no_model():
    model = Angles()
    found = score(answers("a b c", "a b d", "x", "A b c"), model, measure="rouge_l")
    assert found.columns["centrality"] == pytest.approx([5 / 9, 4 / 9, 0, 5 / 9])
    assert found.columns["rank"] == [1, 3, 4, 2]
    assert model.asked == 0


def test_inputs_can_be_compared_too():
    rows = [
        Row.make(
            Labelled({"review": text}, "good"), language="en", groups={"label": "good"}, lineage=Lineage("g", text)
        )
        for text in ("0", "30", "90")
    ]
    found = score(rows, of="input", within="label")
    assert found.columns["rank"] == [2, 1, 3]


def test_a_missing_group_is_refused_and_no_rows_are_fine():
    with pytest.raises(UsageError, match=r'rows have no group "promt" .* Did you mean "prompt"'):
        score(answers("0"), within="promt")
    assert score([]).columns == {"centrality": [], "rank": []}
    assert Centrality().whole_pool and Centrality().columns() == ("centrality", "rank")
    assert find_any("scorer", "centrality") is Centrality
