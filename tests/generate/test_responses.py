"""Responses to given prompts: every prompt n times, each answer with its fate, and nothing asked twice."""

from __future__ import annotations

import pytest

from homespun.data.records import Record, Response
from homespun.data.store import Store
from homespun.engine.context import Context, Models
from homespun.errors import DataError, UsageError
from homespun.generate.base import Funnel
from homespun.generate.responses import PIECE, Responses, conversation
from homespun.models.base import Completion
from homespun.models.scripted import ScriptedModel
from homespun.task import ModelSpec


def context(prompts, reply=lambda request: f"to {request.messages[-1][1]} ({request.seed % 1000})", model=None):
    spec = ModelSpec(id="scripted:test")
    models = Models({"writer": spec}, lambda _: model or ScriptedModel(reply=reply))
    records = [Record(str(n), prompt) for n, prompt in enumerate(prompts, start=1)]
    return Context(None, "en", 0, models, sources={"prompts": lambda: iter(records)})


def pieces(tmp_path, ctx, **settings):
    with Store.open(tmp_path / "run") as store:
        return list(Responses(**settings)("answers", ctx, store.work("pool/answers", "f")))


def test_every_prompt_is_asked_n_times_in_order(tmp_path):
    (piece,) = pieces(tmp_path, context(["one", "two"]), n=3)
    assert [a.key for a in piece.attempts] == ["1|0", "1|1", "1|2", "2|0", "2|1", "2|2"]
    assert [row.groups for row in piece.accepted][4] == {"prompt": "2", "sample": "1"}
    payloads = {row.payload for row in piece.accepted}
    assert len(payloads) == 6  # another seed, another answer
    assert all(isinstance(payload, Response) for payload in payloads)
    assert len({row.id for row in piece.accepted}) == 6
    assert piece.accepted[0].text == "one"


def test_what_a_shard_is_changes_no_answer_and_pieces_are_bounded(tmp_path):
    prompts = [f"p{n}" for n in range(PIECE + 10)]
    found = [pieces(tmp_path / str(shard), context(prompts), shard=shard) for shard in (7, 64)]
    assert found[0] == found[1]
    assert [len(piece.attempts) for piece in found[0]] == [PIECE, 10]


def test_every_kind_of_answer_is_counted(tmp_path):
    class Odd(ScriptedModel):
        def complete(self, requests, advance=lambda _: None):
            return [
                Completion("1|0", "fine", "stop", 5, 1),
                Completion("2|0", "half an ans", "length", 5, 3),
                Completion("3|0", " \n", "stop", 5, 1),
                Completion("4|0", "", "error", error="timed out: no whole answer"),
            ]

    ctx = context(["a", "b", "c", "d"], model=Odd(reply=lambda _: ""))
    counts = Funnel.of(pieces(tmp_path / "drop", ctx)).counts()
    assert counts == {
        "asked": 4, "answered": 3, "failed": 1, "parsed": 2, "unparsed": 1, "kept": 1, "dropped": 1,
        "dropped_by": {"truncated": 1}, "failed_by": {"timed out": 1},
    }  # fmt: skip
    assert Funnel.of(pieces(tmp_path / "keep", ctx, truncated="keep")).counts()["kept"] == 2


def test_a_prompt_is_a_text_or_a_conversation():
    turns = [
        {"role": "user", "content": "Hi"},
        {"role": "assistant", "content": "Hello"},
        {"role": "user", "content": "?"},
    ]
    assert conversation(Record("1", "Hi")) == (("user", "Hi"),)
    assert conversation(Record("1", turns), "Be brief.")[0] == ("system", "Be brief.")
    told = [{"role": "system", "content": "s"}, {"role": "user", "content": "u"}]
    assert conversation(Record("1", told), "Be brief.") == (("system", "s"), ("user", "u"))
    for wrong in (3, [], [{"role": "user"}], [{"role": "bot", "content": "x"}], turns[:2], {"role": "user"}):
        with pytest.raises(DataError, match="record 7"):
            conversation(Record("7", wrong))


def test_the_source_is_named_where_there_are_several():
    spec = Responses()
    assert spec.source_of({"only": 0}) == "only"
    with pytest.raises(UsageError, match="the recipe has: a, b"):
        spec.source_of({"a": 0, "b": 0})
    with pytest.raises(UsageError, match=r'no source "prompt"\. Did you mean "prompts"'):
        Responses(prompts="prompt").source_of({"prompts": 0})
    with pytest.raises(UsageError, match="none"):
        spec.source_of({})
