"""Every strategy once on the embedded model: prompts fit its chat template, and answers are read."""

from __future__ import annotations

import pytest
from variant_runs import context, run

from homespun.data.records import Document
from homespun.generate.facts import Facts
from homespun.generate.graph import Graph
from homespun.generate.paraphrase import Paraphrase
from homespun.generate.spa import Spa
from homespun.models.load import load_model
from homespun.task import ModelSpec

TEXT = "Junarix weighs 340 g and came onto the market in November 2017. It was designed by Gerda Ravigrew of Holomond."


@pytest.fixture(scope="module")
def writer(embedded):
    return load_model(ModelSpec(id=str(embedded)))


@pytest.mark.slow
@pytest.mark.parametrize(
    ("spec", "forms"),
    [
        (Paraphrase(max_tokens=32, max_asked=4, retries=0), {"easy", "medium", "hard", "qa"}),
        (Facts(variants=2, max_tokens=32, max_asked=2, retries=0), {"facts"}),
        (Graph(variants=2, retries=0, max_tokens=32, max_asked=2), {"graph-pair"}),
        (Spa(variants=2, retries=0, max_tokens=32, max_asked=2), {"mind-map", "key-concepts"}),
    ],
)
def test_every_strategy_runs_on_the_embedded_model(tmp_path, writer, spec, forms):
    document = Document("d", "Junarix: product information", TEXT)
    (piece,) = run(tmp_path, spec, context([document], None, writer))
    assert {attempt.groups["form"] for attempt in piece.attempts} <= forms
    assert spec.max_asked <= len(piece.attempts) <= spec.max_asked + spec.retries
    assert all(attempt.completion_tokens for attempt in piece.attempts)
    assert {attempt.problem for attempt in piece.attempts} <= {"", "cut off before the end of its first sentence"}
    assert len(piece.verdicts) == len(piece.parsed)
    assert all(0 <= verdict.score <= 1 and verdict.reason for verdict in piece.verdicts)
