"""What bodies of servers mean."""

from __future__ import annotations

import json

import pytest
from hypothesis import given
from hypothesis import strategies as st

from homespun.models import wire
from homespun.models.base import Request, Sampling


def chat(content="Fine.", reason="stop", **more):
    message = {"role": "assistant", "content": content}
    return {"model": "m", "choices": [{"index": 0, "message": message, "finish_reason": reason}], **more}


USAGE = {"prompt_tokens": 7, "completion_tokens": 3}


def test_a_good_answer():
    read = wire.read_chat(200, json.dumps(chat(usage=USAGE)).encode())
    assert (read.outcome, read.text, read.model) == ("ok", "Fine.", "m")
    assert (read.prompt_tokens, read.completion_tokens, read.finish_reason) == (7, 3, "stop")


@pytest.mark.parametrize(
    ("body", "outcome"),
    [
        (chat("a", "length"), "truncated"),
        (chat("", "length"), "empty"),
        (chat(" \n"), "empty"),
        (chat(None), "empty"),
        (chat([{"type": "text", "text": "in "}, {"type": "text", "text": "parts"}]), "ok"),
        (chat([]), "empty"),
        (chat({"text": "an object"}), "malformed"),
        (chat("half", "content_filter"), "refused"),
        ({"choices": [{"message": {"content": None, "refusal": "I cannot"}, "finish_reason": "stop"}]}, "refused"),
        ({"choices": []}, "malformed"),
        ({"choices": None}, "malformed"),
        ({"choices": ["text"]}, "malformed"),
        ({"choices": [{}, {}]}, "malformed"),
        ({"choices": [{}]}, "empty"),
        ({"error": {"code": 429, "message": "slow down"}}, "rate limited"),
        ({"error": {"code": 502, "message": "upstream"}}, "server error"),
        ({"error": "no"}, "malformed"),
        ({}, "malformed"),
        ([chat()], "malformed"),
        ("text", "malformed"),
        (chat(usage={"prompt_tokens": -1, "completion_tokens": True}), "ok"),
        (chat(usage="many"), "ok"),
    ],
)
def test_every_200_has_one_meaning(body, outcome):
    read = wire.read_chat(200, json.dumps(body).encode())
    assert read.outcome == outcome
    assert read.prompt_tokens == read.completion_tokens == 0 or "usage" not in body
    assert bool(read.problem) == (outcome != "ok")


@pytest.mark.parametrize(
    "body",
    [
        b"",
        b"<html>",
        b'{"choices": [',
        b"\xff\xfe",
        b'{"a": NaN}',
        b'{"choices": [{"message": {"content": "x"}, "logprob": -Infinity}]}',
        b'{"a": ' + b"9" * 5000 + b"}",
        b"[" * 100_000,
    ],
)
def test_what_is_no_json_is_malformed(body):
    assert wire.read_chat(200, body).outcome == "malformed"


@pytest.mark.parametrize(
    ("status", "outcome"),
    [(400, "rejected"), (408, "server error"), (413, "rejected"), (422, "rejected"), (429, "rate limited"),
     (301, "rejected"), (500, "server error"), (502, "server error"), (503, "server error"), (529, "server error")],
)  # fmt: skip
def test_every_status_has_one_meaning(status, outcome):
    read = wire.read_chat(status, b'{"error": {"message": "because of\\n this"}}')
    assert (read.outcome, read.problem) == (outcome, f"{status} because of this")
    assert wire.read_chat(status, b"<h1>no</h1>").problem == f"{status} <h1>no</h1>"


NAMES = ["choices", "message", "content", "error", "usage", "finish_reason", "model", "index"]
OBJECTS = st.recursive(
    st.none() | st.text(), lambda inner: st.lists(inner) | st.dictionaries(st.sampled_from(NAMES), inner)
)


@given(
    st.binary(max_size=200) | OBJECTS.map(lambda value: json.dumps(value).encode()), st.sampled_from([200, 400, 429])
)
def test_any_body_is_read_without_an_error(body, status):
    read = wire.read_chat(status, body)
    assert read.outcome
    read.text.encode("utf-8")


def test_lone_surrogates_neither_stop_a_request_nor_leave_an_answer():
    assert "�" in wire.read_chat(200, b'{"choices":[{"message":{"content":"a\\ud800b"}}]}').text or (
        wire.read_chat(200, b'{"choices":[{"message":{"content":"a\\ud800b"}}]}').text == "a?b"
    )
    assert b"a?b" in wire.encode({"messages": "a\ud800b"})


def test_payload_says_what_was_asked_and_no_more():
    request = Request("k", (("user", "hi"),), Sampling(0.8, 1.0, 50), seed=2**40 + 5, schema={"type": "object"})
    plain = wire.chat_payload("m", request, structured=False, extra={})
    assert plain == {
        "model": "m", "messages": [{"role": "user", "content": "hi"}], "temperature": 0.8, "max_tokens": 50, "seed": 5
    }  # fmt: skip
    whole = wire.chat_payload("m", request, structured=True, extra={"min_p": 0.1})
    assert whole["response_format"]["json_schema"]["schema"] == {"type": "object"}
    assert whole["min_p"] == 0.1
    cut = Request("k", (), Sampling(0.8, 0.9, 50, ("\n",)), 1)
    assert {"top_p": 0.9, "stop": ["\n"]}.items() <= wire.chat_payload("m", cut, structured=True, extra={}).items()


def test_lists_come_back_in_the_order_asked():
    body = json.dumps({"data": [{"index": 1, "embedding": [2]}, {"index": 0, "embedding": [1]}]}).encode()
    read = wire.read_list(200, body, "data", 2)
    assert [entry["embedding"] for entry in read.content["data"]] == [[1], [2]]
    assert wire.read_list(200, body, "data", 3).outcome == "malformed"
