import math

import pytest
from score_cases import make_context, make_row

from homespun.data.records import Lineage, Response, Row
from homespun.engine.context import Context, Models
from homespun.errors import UsageError
from homespun.models.base import Continuation
from homespun.models.scripted import ScriptedModel
from homespun.score.perplexity import Perplexity, perplexity
from homespun.task import ModelSpec

NAN = math.nan


class Told(ScriptedModel):
    """Gives each text the log-probabilities that the test names, and remembers what it was asked."""

    def __init__(self, table):
        super().__init__()
        self.table, self.asked = table, []

    def logprobs(self, queries, advance=lambda count: None):
        self.asked += queries
        advance(len(queries))
        return [tuple(Continuation(tuple(self.table[text])) for text in query.continuations) for query in queries]


def test_three_tokens_of_known_probability():
    """methods.md C5: .5, .25, .125 gives 4."""
    model = Told({"a b c": [math.log(p) for p in (0.5, 0.25, 0.125)]})
    row = make_row(0, review="a b c")
    found = Perplexity()([row], make_context(model))
    assert found.primary == "perplexity"
    assert found.columns["perplexity"] == pytest.approx([4.0])
    assert found.columns["logprob"] == pytest.approx([-2 * math.log(2)])
    assert found.columns["tokens"] == [3]
    assert found.columns["bits_per_byte"] == pytest.approx([6 / 5])  # 1 + 2 + 3 bits, five bytes
    assert found.reasons == {}
    assert [query.messages for query in model.asked] == [()]  # plain text, no chat template


def test_a_text_cut_into_bytes_is_not_probable_by_the_byte():
    """Nine easy tokens of three characters: a lower perplexity than two words, and more bits."""
    model = Told({"日本語": [-2.0] * 9, "good film": [-3.0, -3.0]})
    found = Perplexity()([make_row(n, review=text) for n, text in enumerate(model.table)], make_context(model))
    foreign, plain = found.columns["perplexity"]
    assert foreign < plain
    foreign, plain = found.columns["bits_per_byte"]
    assert foreign == pytest.approx(2 / math.log(2)) and plain == pytest.approx(6 / 9 / math.log(2))


def test_what_cannot_be_scored_has_a_reason_and_is_not_asked():
    model = Told({"good": [-1.0], "odd": [-1.0, NAN], "none": []})
    rows = [make_row(n, review=text) for n, text in enumerate(["", " \n", "odd", "good", "none"])]
    counted = []
    found = Perplexity()(rows, make_context(model), advance=counted.append)
    assert [math.isnan(value) for value in found.columns["perplexity"]] == [True, True, True, False, True]
    assert [found.reasons.get(row.id, "")[:9] for row in rows] == [
        "its text ",
        "its text ",
        "the model",
        "",
        "the model",
    ]
    assert [query.continuations for query in model.asked] == [("odd",), ("good",), ("none",)]
    assert sum(counted) == len(rows)


def test_script_is_the_share_of_letters_in_the_rows_language():
    texts = ["映画は良かった", "good film", "映画 abc"]
    model = Told({text: [-1.0] for text in texts})
    rows = [Row.make(make_row(n, review=t).payload, language="ja", groups={}, lineage=Lineage("f", str(n)))
            for n, t in enumerate(texts)]  # fmt: skip
    assert Perplexity()(rows, make_context(model)).columns["script"] == pytest.approx([1.0, 0.0, 0.4])


def test_fields_name_what_is_scored_and_rows_of_responses_work_without_a_task():
    row = Row.make(
        Response((("user", "Why?"),), "Because."), language="en", groups={}, lineage=Lineage("answers", "1|0")
    )
    model = Told({"Because.": [-0.5], "Why?": [-1.0], "Why?\nBecause.": [-2.0]})
    spec = ModelSpec(id="scripted:test")
    ctx = Context(None, "en", 0, Models({"scorer": spec}, lambda _: model))
    for fields, mean in ((("output",), -0.5), (None, -1.0), (("prompt", "output"), -2.0)):
        assert Perplexity(fields=fields)([row], ctx).columns["logprob"] == [mean]
    with pytest.raises(UsageError, match=r'no field "promt".*Did you mean "prompt"'):
        Perplexity(fields=("promt",))([row], ctx)


def test_a_hopeless_text_is_infinite_and_not_an_error():
    assert perplexity(-1000.0) == math.inf
    assert perplexity(0.0) == 1.0


def test_no_rows():
    assert Perplexity()([], make_context(Told({}))).columns["perplexity"] == []
