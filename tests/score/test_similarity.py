import math

import numpy as np
import pytest
from score_cases import PAIR, TASK, make_context, make_row

from homespun.errors import UsageError
from homespun.models.scripted import ScriptedModel
from homespun.score.similarity import Similarity


class Vectors(ScriptedModel):
    """Embeds a text `x,y` as the vector (x, y)."""

    def embed(self, texts, advance=lambda count: None):
        return np.array([[float(number) for number in text.split(",")] for text in texts], dtype=np.float32)


def cosines(*pairs):
    rows = [make_row(n, "yes", premise=one, hypothesis=two) for n, (one, two) in enumerate(pairs)]
    return rows, Similarity()(rows, make_context(Vectors(), PAIR))


def test_cosine_of_the_two_texts():
    """methods.md A2: (1, 0) against (1, 0), (.6, .8), (0, 1) gives 1, .6, 0."""
    _, found = cosines(("1,0", "1,0"), ("1,0", "0.6,0.8"), ("1,0", "0,1"), ("2,0", "-3,0"))
    assert found.columns["cosine"] == pytest.approx([1, 0.6, 0, -1], abs=1e-6)
    assert found.primary == "cosine"
    assert found.reasons == {}


def test_empty_texts_and_zero_vectors_have_no_score():
    rows, found = cosines(("1,0", " "), ("0,0", "1,0"), ("1,0", "1,0"))
    assert [math.isnan(value) for value in found.columns["cosine"]] == [True, True, False]
    assert found.reasons == {
        rows[0].id: "one of its two texts is empty",
        rows[1].id: "its embedding has no direction",
    }


def test_a_pool_of_empty_texts_asks_nothing():
    _, found = cosines(("", ""))
    assert math.isnan(found.columns["cosine"][0])


def test_a_task_with_one_text_is_refused():
    with pytest.raises(UsageError, match="similarity compares two texts of a row; this task has one: review"):
        Similarity().check(TASK)
    Similarity().check(PAIR)


@pytest.mark.parametrize(
    ("fields", "words"),
    [
        (("premise", "hypotesis"), 'no field "hypotesis". Did you mean "hypothesis"'),
        (("premise", "premise"), 'both fields are "premise"'),
    ],
)
def test_wrong_fields_are_refused(fields, words):
    with pytest.raises(UsageError, match=words):
        Similarity(fields=fields).check(PAIR)


def test_the_first_two_fields_unless_named():
    assert Similarity().pair(PAIR) == ("premise", "hypothesis")
    assert Similarity(fields=("hypothesis", "premise")).pair(PAIR) == ("hypothesis", "premise")
