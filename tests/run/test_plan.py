"""The estimate of a run: its calls and tokens hold the real ones, and what it asked is not asked again."""

from __future__ import annotations

import json
import re
import subprocess
import sys
from pathlib import Path

import pytest

from faultserver import Plan as Faults
from faultserver import serve
from homespun.data.ledger import Ledger
from homespun.engine.budget import Budget
from homespun.recipe.recipefile import load, loads
from homespun.run import loop, planview
from homespun.run.plan import NOTHING, Plan, Span, StagePlan, plan
from homespun.sources.corpus.files import make
from test_knowledge import RECIPE as KNOWLEDGE
from test_servers import batch, written


def within(span: Span, value: float) -> bool:
    return 0.98 * span.low <= value <= 1.02 * span.high


def test_the_estimate_holds_what_the_run_then_takes(tmp_path):
    with serve(Faults(length=16)) as server:
        recipe = load(written(tmp_path, server))
        found = plan(recipe, tmp_path / "run")
        asked = server.seen.requests
        assert asked == found.asked and 0 < asked <= 12 + 13
        assert {path.name.partition("-")[0] for path in (tmp_path / "run").iterdir()} == {"run.lock", "ledger.db"}
        loop.run(recipe, tmp_path / "run")
        sent = server.seen.requests
        writing, judging = found.stages
        assert [writing.name, judging.name] == ["pool/labelled", "scores/judge"]
        assert within(writing.calls + judging.calls, sent)  # what the estimate asked is a part of it
        with Ledger(tmp_path / "run/ledger.db") as ledger:
            totals = ledger.totals()
        prompt = sum(total.prompt_tokens for total in totals)
        assert within(writing.prompt_tokens + judging.prompt_tokens, prompt)
        completion = sum(total.completion_tokens for total in totals)
        assert within(writing.completion_tokens + judging.completion_tokens, completion)
        assert all(stage.money is None for stage in found.stages)


def test_a_low_accept_rate_widens_the_range(tmp_path):
    text = """
name: scripted
models: {writer: "scripted:replies.yaml"}
task:
  description: Decide whether a movie review is positive or negative.
  fields: [review]
  labels: {good: the reviewer liked it, bad: the reviewer disliked it}
generate:
  labelled: {kind: labelled, keywords: [plot, music, acting], rows: 40, hygiene: {near_duplicate: null}}
"""
    replies = "rules: [{match: '.', reply: ['A film that I would see again with joy any day.', 'No.']}]"
    (tmp_path / "replies.yaml").write_text(replies)
    found = plan(loads(text, tmp_path), tmp_path / "run")
    kept, asked = found.accepted["labelled"]
    assert asked == 12 and kept < 12
    (stage,) = found.stages
    assert stage.calls.low < stage.calls.likely <= stage.calls.high <= 8 * 40
    assert stage.money == NOTHING


def test_a_batch_is_priced(tmp_path):
    with serve(Faults(length=16)) as server:
        path = batch(tmp_path, server, prompts=30)
        text = path.read_text().replace("concurrency: 8", "concurrency: 8, price: {input: 100, output: 1000}")
        found = plan(loads(text, tmp_path), tmp_path / "run")
        (stage,) = found.stages
        assert stage.calls == Span.of(60) and server.seen.requests == 24
        assert stage.money is not None
        assert stage.money.likely == pytest.approx(
            (100 * stage.prompt_tokens.likely + 1000 * stage.completion_tokens.likely) / 1e6, rel=1e-3
        )


def test_the_command_prints_a_table_and_leaves_the_answers(tmp_path):
    with serve(Faults(length=16)) as server:
        path = batch(tmp_path, server)
        words = [sys.executable, "-m", "homespun.cli"]
        told = subprocess.run(
            [*words, "plan", str(path), "--out", str(tmp_path / "run"), "--set", "budget.tokens=100"],
            capture_output=True, text=True, check=False,
        )  # fmt: skip
        assert told.returncode in (0, 2), told.stderr
        done = subprocess.run(
            [*words, "plan", str(path), "--out", str(tmp_path / "run")], capture_output=True, text=True, check=True
        )
        assert re.search(r"pool/answers +80 ", done.stdout) and "unknown" in done.stdout
        assert "24 answers of servers are kept" in done.stdout
        sent = server.seen.requests
        subprocess.run([*words, "run", str(path), "--out", str(tmp_path / "run")], capture_output=True, check=True)
        assert server.seen.requests == 80 and sent <= 24


def test_budgets_and_unknowns_are_told():
    tokens = Span(100, 200, 300), Span(10, 20, 30)
    known = StagePlan("pool/a", Span(10, 20, 30), *tokens, Span(60, 120, 240), Span(1, 2, 3))
    open_ = StagePlan("train (3)", NOTHING, NOTHING, NOTHING, None, NOTHING)
    told = planview.lines(Plan([known, open_], {"a": (3, 12)}), Path("runs/x"), Budget(tokens=250))
    text = "\n".join(told)
    assert "the budget of 250 tokens may stop the run" in text  # likely 220, high 330
    assert (
        "and more" in text and "2 min (60 s to 4 min)" in text and "3 of 12 answers accepted; expect 9% to 53%" in text
    )


@pytest.mark.parametrize(
    ("count", "said"), [(1, "verdicts: none, the items"), (40, "verdicts: 2 replicates on 40 items")]
)
def test_what_verdicts_can_show_is_told_before(recipe_text, tmp_path, count, said):
    items = (tmp_path / "items.jsonl").read_text().splitlines(keepends=True)[:count]
    (tmp_path / "items.jsonl").write_text("".join(items))
    notes = [
        [
            note
            for note in plan(loads(f"draws: {draws}\n{recipe_text}", tmp_path), tmp_path / draws).notes
            if said in note
        ]
        for draws in ("pool", "fixed")
    ]
    assert len(notes[0]) == len(notes[1]) == 1
    assert (notes[0] == notes[1]) == (count == 1)  # the luck of one choice stays


def test_the_first_replicate_takes_what_the_sample_asked_for(tmp_path, tiny_student):
    with serve(Faults(length=16)) as server:
        text = written(tmp_path, server).read_text().replace("models:", f"models:\n  student: {tiny_student}")
        text += "draws: pool\narms: {all: {}}\ntrain: {kind: sft, lora: {rank: 2}, epochs: 1, seeds: [1, 2]}\n"
        recipe = loads(text, tmp_path)
        loop.run(recipe, tmp_path / "alone")
        alone = server.seen.requests
        found = plan(recipe, tmp_path / "run")
        loop.run(recipe, tmp_path / "run")
        assert server.seen.requests == 2 * alone
        assert within(sum((stage.calls for stage in found.stages), NOTHING), alone)


def test_a_sample_that_cannot_be_trained_on_leaves_the_rest_of_the_estimate(recipe_text, tmp_path):
    rows = [{"review": f"A film about number {n}.", "label": "negative" if n == 1 else "positive"} for n in range(40)]
    (tmp_path / "rows.jsonl").write_text("".join(json.dumps(row) + "\n" for row in rows))
    text = recipe_text.replace("unfiltered: {}", "unfiltered: {from: [rows.jsonl]}")
    text = text.replace("probability: {select", "p: {from: [rows.jsonl], select")
    found = plan(loads(f"draws: fixed\n{text}", tmp_path), tmp_path / "run")
    stages = {stage.name: stage for stage in found.stages}
    assert [name for name, stage in stages.items() if stage.seconds is None] == ["train (6)"]
    assert any('have the label "positive"' in note for note in found.notes)
    assert stages["scores/probability"].calls.likely == pytest.approx(40 + found.accepted["labelled"][0] * 2, rel=0.2)


def test_rows_of_documents_are_scaled_and_no_judge_is_asked(tiny_student, tmp_path):
    make(tmp_path / "corpus", "en", 16, 3)
    with serve(Faults()) as server:
        text = KNOWLEDGE.format(language="en", student=tiny_student)
        judge = f'judge: {{id: "http://127.0.0.1:{server.port}/v1#fault-1"}}'
        found = plan(loads(text.replace("models: {", f"models: {{{judge}, "), tmp_path), tmp_path / "run")
        assert server.seen.requests == found.asked == 0
    stages = {stage.name: stage for stage in found.stages}
    names = ["train (14)", "evaluate closed_book (29)"]  # two exposures each, and the untrained student
    assert list(stages)[3:] == ["scores/perplexity", *names]
    assert stages["scores/perplexity"].calls.likely == pytest.approx(2 * 16 * (1 + 6 + 4))
