"""The scorers on the embedded model: a check of the plumbing, not of how well it judges."""

import math

import pytest
from score_cases import joined, make_context

from homespun.data.records import Labelled, Lineage, Row
from homespun.models.load import load_model
from homespun.score.judge import Judge
from homespun.score.probability import Probability
from homespun.task import ModelSpec, Task

TASK = Task(
    description="Decide whether a movie review is positive or negative.",
    fields=("review",),
    labels={"positive": "the reviewer liked the film", "negative": "the reviewer disliked the film"},
)
TEXTS = [
    ("A wonderful film. I loved every minute and will see it again.", "positive"),
    ("Boring, badly acted and far too long. A waste of an evening.", "negative"),
    ("退屈で、二度と見たくない。", "negative"),
    ("great 🎬", "mixed"),
]


@pytest.fixture(scope="module")
def model(embedded):
    return load_model(ModelSpec(id=str(embedded)))


@pytest.fixture
def rows():
    return [
        Row.make(Labelled({"review": text}, label), language="en", groups={}, lineage=Lineage("file", str(n)))
        for n, (text, label) in enumerate(TEXTS)
    ]


@pytest.mark.parametrize(
    "scorer",
    [Probability(input_logprob=True), Judge(mode="both", calibrate="content_free")],
    ids=["probability", "judge"],
)
def test_values_are_sane_and_do_not_depend_on_the_shard(scorer, model, rows):
    ctx = make_context(model, TASK)
    whole = scorer(rows, ctx)
    parts = joined([scorer(rows[:2], ctx), scorer(rows[2:], ctx)])
    assert list(whole.reasons) == [rows[3].id]  # "mixed" is no label of the task
    assert (whole.ids, whole.reasons) == (parts.ids, parts.reasons)
    for column, values in whole.columns.items():
        if column in ("label", "raw_label"):
            assert set(values[:3]) <= set(TASK.labels)
        elif column == "input_logprob":
            assert all(value < 0 for value in values)
        else:
            assert all(map(math.isfinite, values[:3]))
            assert math.isnan(values[3])
        if column not in ("label", "raw_label"):
            assert values == pytest.approx(parts.columns[column], abs=1e-3, nan_ok=True)
    assert all(0 <= value <= 1 for value in whole.columns[scorer.primary][:3])
    assert all(1 <= value <= 5 for value in whole.columns.get("rating", [])[:3])
