"""The grid of labels and keywords: balanced, refilled, resumable, and plain about what it rejects."""

from __future__ import annotations

from collections import Counter
from dataclasses import replace

import pytest

from homespun.data.store import Store
from homespun.engine.context import Context, Models
from homespun.errors import DegenerateError, UsageError
from homespun.generate.hygiene import Hygiene
from homespun.generate.labelled import LabelledGenerator
from homespun.models.scripted import ScriptedModel
from homespun.near.overlap import Reference
from homespun.task import ModelSpec, Task

TASK = Task(
    description="Decide whether a movie review is positive or negative.",
    fields=("review",),
    labels={"positive": "the reviewer liked the film", "negative": "the reviewer disliked the film"},
)
WORDS = (
    "amber birch cedar delta ember fjord grove heath inlet jetty kelp larch marsh nook oasis pond quay reef"
).split()


def text_of(request) -> str:
    """A text that differs from every other: its words follow from the seed."""
    digits = [request.seed >> (4 * place) & 15 for place in range(8)]
    return " ".join(WORDS[digit] for digit in digits).capitalize() + "."


def context(reply=text_of, language: str = "en") -> Context:
    spec = ModelSpec(id="scripted:test")
    models = Models(dict.fromkeys(("writer", "student", "judge", "scorer"), spec), lambda _: ScriptedModel(reply=reply))
    return Context(TASK, language, 0, models)


def generator(**changes) -> LabelledGenerator:
    settings = {"keywords": ("plot", "acting", "music"), "rows": 12, "hygiene": Hygiene(near_duplicate=None)}
    return LabelledGenerator(**{**settings, **changes})


def written(spec, tmp_path, ctx=None, against=(), name="run"):
    with Store.open(tmp_path / name) as store:
        (piece,) = spec("labelled", ctx or context(), store.work("pool/labelled", "f"), against)
    return piece


def test_every_cell_of_the_grid_gets_its_share(tmp_path):
    pool = written(generator(), tmp_path)
    cells = Counter((row.groups["label"], row.groups["keyword"]) for row in pool.accepted)
    assert cells == {(label, word): 2 for label in TASK.labels for word in ("plot", "acting", "music")}
    assert len(pool.attempts) == 12


def test_stopping_early_leaves_the_labels_balanced(tmp_path):
    pool = written(generator(max_asked=6), tmp_path)
    assert Counter(row.payload.output for row in pool.accepted) == {"positive": 3, "negative": 3}
    assert generator(max_asked=6).wanted(context()) == 12


def test_rejected_rows_are_asked_for_again_until_the_quota_is_full(tmp_path):
    def half_bad(request):
        return "I cannot help with that." if request.seed % 2 else text_of(request)

    pool = written(generator(rows=20, shard=8), tmp_path, context(half_bad))
    assert Counter(row.payload.output for row in pool.accepted) == {"positive": 10, "negative": 10}
    assert len(pool.attempts) > 20
    dropped = [verdict for verdict in pool.verdicts if not verdict.keep]
    assert all(verdict.reason for verdict in dropped)


def test_shards_of_one_give_the_same_plan_again_after_a_stop(tmp_path):
    """Rows depend on the plan alone, so stopping after any shard changes nothing."""
    spec = generator(shard=4)
    whole = written(spec, tmp_path, name="whole")
    asked = []

    def stops_after_five(request):
        if len(asked) == 5:
            raise KeyboardInterrupt
        asked.append(request.key)
        return text_of(request)

    with pytest.raises(KeyboardInterrupt):
        written(spec, tmp_path, context(stops_after_five), name="cut")
    again = []

    def remembers(request):
        again.append(request.key)
        return text_of(request)

    resumed = written(spec, tmp_path, context(remembers), name="cut")
    assert resumed == whole
    assert not set(asked[:4]) & set(again)  # the committed shard was not asked for a second time


def test_a_failed_answer_and_a_cut_one_are_counted_and_typed(tmp_path):
    ctx = context()
    model = ctx.models["writer"]
    real = model.complete

    def complete(requests, advance=lambda _: None):
        answers = real(requests)
        answers[0] = replace(answers[0], finish_reason="error", error="out of memory", text="")
        answers[1] = replace(answers[1], finish_reason="length", text="It goes on and on and")
        return answers

    model.complete = complete
    pool = written(generator(rows=4, max_asked=4), tmp_path, ctx)
    assert [attempt.status for attempt in pool.attempts] == ["failed", "unparsed", "parsed", "parsed"]
    assert pool.attempts[0].problem == "out of memory"
    assert "cut off" in pool.attempts[1].problem


def test_texts_of_the_evaluation_set_are_dropped(tmp_path):
    leak = "Nobody told me that this quiet little film about lighthouses would break my heart twice."
    pool = written(generator(max_asked=12), tmp_path, context(lambda _: leak), against=[Reference("1", leak)])
    assert not pool.accepted
    assert {verdict.rule for verdict in pool.verdicts} == {"hygiene: contamination"}


def test_keywords_are_asked_for_until_there_are_enough_or_no_new_ones(tmp_path):
    def reply(request):
        if request.key.startswith("keywords"):
            start = request.seed % 40
            return "\n".join(f"{n}. topic {WORDS[(start + n) % 18]}" for n in range(1, 6))
        return text_of(request)

    pool = written(generator(keywords=10, rows=8), tmp_path, context(reply))
    assert {row.groups["keyword"].split()[0] for row in pool.accepted} == {"topic"}
    with pytest.raises(DegenerateError, match="keywords:"):
        written(generator(keywords=5), tmp_path, context(lambda _: "..."), name="none")


def test_a_task_with_two_texts_is_refused():
    task = TASK.model_copy(update={"fields": ("premise", "hypothesis")})
    with pytest.raises(UsageError, match="premise, hypothesis"):
        generator().check(task)


def test_japanese_prompts_are_japanese(tmp_path):
    seen = []

    def reply(request):
        seen.append(request.messages[-1][1])
        return "".join("あいうえおかきくけこさしすせそた"[request.seed >> (4 * n) & 15] for n in range(12)) + "。"

    spec = generator(min_length=5, max_length=60, rows=4)
    pool = written(spec, tmp_path, context(reply, "ja"))
    assert len(pool.accepted) == 4
    assert "書いてください" in seen[0]
