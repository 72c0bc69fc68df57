import math

import numpy as np
import pytest

from homespun.errors import ModelError, UsageError
from homespun.models.base import LogprobQuery, Request, Sampling
from homespun.models.load import load_model, model_identity
from homespun.models.scripted import ScriptedModel
from homespun.task import ModelSpec

SCRIPT = r"""
rules:
  - match: 'about (?P<topic>\w+).*positive'
    reply: ["I loved {topic}.", "What a joy, {topic} and all."]
  - {match: broken, error: on fire}
  - {match: long, reply: one two three four, finish_reason: length}
  - {match: 'exactly one of', logprobs: {positive: -0.2, negative: -1.8}}
reply: Nothing to say.
"""


@pytest.fixture
def path(tmp_path):
    file = tmp_path / "writer.yaml"
    file.write_text(SCRIPT, "utf-8")
    return file


def ask(model, text, seed=0, **sampling):
    [answer] = model.complete([Request("k", (("user", text),), Sampling(**sampling), seed)])
    return answer


def test_rules_answer_in_order_by_seed_with_their_groups(path):
    model = load_model(ModelSpec(id=f"scripted:{path}"))
    assert ask(model, "Write about trains, positive").text == "I loved trains."
    assert ask(model, "Write about trains,\nlabel positive", seed=1).text == "What a joy, trains and all."
    assert ask(model, "Hm").text == "Nothing to say."
    failed = ask(model, "broken")
    assert (failed.finish_reason, failed.error, failed.text) == ("error", "on fire", "")


def test_stops_and_limits_are_honoured(path):
    model = ScriptedModel.from_file(path)
    assert ask(model, "long").finish_reason == "length"
    assert ask(model, "Hm", stop=(" to",)).text == "Nothing"
    cut = ask(model, "Hm", max_tokens=2)
    assert (cut.text, cut.finish_reason, cut.completion_tokens) == ("Nothing to", "length", 2)


def test_log_probabilities_come_from_the_rule_or_count_words(path):
    model = ScriptedModel.from_file(path)
    query = LogprobQuery((("user", "Answer with exactly one of"),), ("positive", "negative", "not sure"))
    [scores] = model.logprobs([query])
    assert [score.total for score in scores] == pytest.approx([-0.2, -1.8, -2 * math.log(1000)])


def test_functions_win_over_the_script():
    model = ScriptedModel(reply=lambda request: request.key.upper(), logprob=lambda _query, text: -float(len(text)))
    assert ask(model, "anything").text == "K"
    [scores] = model.logprobs([LogprobQuery((), ("abc", ""))])
    assert [score.total for score in scores] == [-3.0, 0.0]


def test_embeddings_count_three_grams():
    vectors = ScriptedModel().embed(["abcabc", "abc", "", "ab"])
    assert vectors.shape == (4, 256)
    assert vectors.sum(1).tolist() == [4, 1, 0, 1]
    assert np.all(vectors[0] >= vectors[1])


def test_the_identity_follows_the_content(path):
    spec = ModelSpec(id=f"scripted:{path}")
    before = model_identity(spec)
    assert before == load_model(spec).id
    path.write_text(SCRIPT.replace("loved", "liked"), "utf-8")
    assert model_identity(spec) != before


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("rules: [{match: '(', reply: x}]", "no regular expression"),
        ("rules: [{mtch: a}]", "rules.0"),
        ("rules: {", "is no yaml file"),
        ("- a", "valid dictionary"),
    ],
)
def test_a_bad_script_is_a_clear_error(path, text, message):
    path.write_text(text, "utf-8")
    with pytest.raises(UsageError, match=message):
        ScriptedModel.from_file(path)


def test_a_missing_script_names_the_file():
    with pytest.raises(ModelError, match=r"nowhere\.yaml.*scripted:FILE"):
        load_model(ModelSpec(id="scripted:nowhere.yaml"))


def test_a_scripted_model_imports_no_torch(path):
    import subprocess
    import sys

    code = (
        "import sys; from homespun.task import ModelSpec; from homespun.models.load import load_model\n"
        f"load_model(ModelSpec(id='scripted:{path}')); assert 'torch' not in sys.modules"
    )
    subprocess.run([sys.executable, "-c", code], check=True)
