"""Log-probabilities over HTTP: the right tokens, the right numbers, and never a number that the server did not give."""

from __future__ import annotations

import json
import math

import pytest

from faultserver import Plan, serve
from homespun.data.ledger import Ledger
from homespun.errors import ModelError
from homespun.models.base import LogprobQuery
from homespun.models.server import connect
from homespun.task import ModelSpec

DIALECTS = ["vllm", "llama.cpp"]
QUERIES = [
    LogprobQuery((("user", "Good or bad?"),), ("good", "bad", "")),
    LogprobQuery((("system", "Be brief."), ("user", "良いですか")), (" 良い", " 悪い"), prefill="Label:"),
    LogprobQuery((), ("plain",), prefill="A "),
    LogprobQuery((("user", "Good or bad?"),), ("good", "bad", "")),
]
BEFORE = ["<user>Good or bad?<assistant>", "<system>Be brief.<user>良いですか<assistant>Label:", "A "]


@pytest.fixture
def ledger(tmp_path):
    with Ledger(tmp_path / "ledger.db") as opened:
        yield opened


def model(server, ledger, dialect, said=None, **settings):
    spec = ModelSpec(id=f"http://127.0.0.1:{server.port}/v1#fault-1", logprobs=dialect, concurrency=8, **settings)
    return connect(spec, ledger, say=(said if said is not None else []).append)


def expected(server, before, text):
    ids, start = list(f"{before}{text}".encode()), len(before.encode())
    return [server.logprob(ids[: place + 1]) for place in range(start, len(ids))]


@pytest.mark.parametrize("dialect", DIALECTS)
def test_every_token_gets_its_own_number(ledger, dialect):
    with serve(Plan()) as server:
        told: list[int] = []
        found = model(server, ledger, dialect).logprobs(QUERIES, told.append)
        assert sum(told) == 4 and found[3] == found[0]
        for query, before, row in zip(QUERIES, BEFORE, found, strict=False):
            for text, one in zip(query.continuations, row, strict=True):
                assert one.logprobs == pytest.approx(expected(server, before, text), abs=1e-9)
        sent = server.seen.requests
        assert model(server, ledger, dialect).logprobs(QUERIES) == found
        assert server.seen.requests == sent  # all of it is in the ledger


@pytest.mark.parametrize("dialect", DIALECTS)
def test_faults_that_pass_change_no_number(ledger, dialect):
    queries = [LogprobQuery((("user", f"Number {n}?"),), ("good", "bad")) for n in range(40)]
    plan = Plan(limited=0.03, retry_after="0.02", broken=0.02, malformed=0.01, cut=0.01)
    with serve(plan) as server:
        found = model(server, ledger, dialect).logprobs(queries)
        for query, row in zip(queries, found, strict=True):
            before = f"<user>{query.messages[0][1]}<assistant>"
            for text, one in zip(query.continuations, row, strict=True):
                assert one.logprobs == pytest.approx(expected(server, before, text), abs=1e-9)


def told(dialect, value):
    """Return the body of an answer that has `value` where the log-probability of the "o" of "no" belongs."""
    if dialect == "llama.cpp":
        return json.dumps({"completion_probabilities": [{"id": ord("o"), "logprob": value}]})
    entries = [None] * len("<user>Q<assistant>") + [{str(ord(c)): {"logprob": v}} for c, v in (("n", -1), ("o", value))]
    return json.dumps({"choices": [{"index": 0, "text": "", "prompt_logprobs": entries}]})


@pytest.mark.parametrize("dialect", DIALECTS)
@pytest.mark.parametrize("value", [None, -9999.0, -3.4e38, 0.5, "-1", True, float("nan"), float("-inf")])
def test_what_is_no_log_probability_is_never_a_number(ledger, dialect, value):
    query = LogprobQuery((("user", "Q"),), ("no", "yes"))
    key = str([*b"<user>Q<assistant>n"]).removesuffix("]")
    part = key + (
        ', 111], "max_tokens"' if dialect == "vllm" else '], "n_predict": 1, "n_probs": 1, "logit_bias": [[111'
    )
    with serve(Plan(answers={part: told(dialect, value)})) as server:
        said: list[str] = []
        asked = model(server, ledger, dialect, said)
        asked.endpoint.retries = 1
        ((no, yes),) = asked.logprobs([query])
        assert math.isnan(no.total) and math.isnan(no.mean)
        assert yes.logprobs == pytest.approx(expected(server, "<user>Q<assistant>", "yes"))
        assert "no log-probability for 1 answers" in said[0]
        kinds = [
            kind for (kind,) in ledger._reader.execute("SELECT DISTINCT outcome FROM answer WHERE outcome != 'ok'")
        ]
        no_json = isinstance(value, float) and not math.isfinite(value)
        assert kinds == ["malformed" if no_json else "no log-probability"]


@pytest.mark.parametrize("dialect", DIALECTS)
def test_a_server_that_breaks_over_log_probabilities_fails_the_rows_and_is_not_asked_for_ever(ledger, dialect):
    queries = [LogprobQuery((("user", f"Number {n}?"),), ("a", "b")) for n in range(20)]
    with serve(Plan(always={'"prompt_logprobs"': 500, '"n_probs"': 500})) as server:
        said: list[str] = []
        asked = model(server, ledger, dialect, said)
        asked.endpoint.retries = 2
        found = asked.logprobs(queries)
        assert all(math.isnan(one.total) for row in found for one in row)
        assert "server error: 500" in said[0]
        assert server.seen.statuses[500] < 2 * 20 * 3


@pytest.mark.parametrize("dialect", DIALECTS)
def test_a_row_that_the_server_does_not_take_fails_alone(ledger, dialect):
    queries = [LogprobQuery((("user", f"Number {n}?"),), ("a", "b")) for n in range(4)]
    with serve(Plan(always={"Number 2?": 400})) as server:
        found = model(server, ledger, dialect).logprobs(queries)
        assert [math.isnan(row[0].total) for row in found] == [n == 2 for n in range(4)]


@pytest.mark.parametrize("dialect", DIALECTS)
def test_text_that_follows_nothing_has_no_number(ledger, dialect):
    with serve(Plan()) as server:
        said: list[str] = []
        ((found,),) = model(server, ledger, dialect, said).logprobs([LogprobQuery((), ("plain",))])
        assert math.isnan(found.total) and "no token that a text begins with" in said[0]


def test_another_kind_of_server_is_noticed(ledger):
    with serve(Plan(always={"add_generation": 404})) as server, pytest.raises(ModelError, match=r'no call "../token'):
        model(server, ledger, "vllm").logprobs(QUERIES)
    with serve(Plan(answers={'"prompt_logprobs"': '{"choices": [{"text": "w"}]}'})) as server:
        (row, *_) = model(server, ledger, "vllm").logprobs(QUERIES[:1])
        assert math.isnan(row[0].total)


def test_without_a_word_in_the_recipe_a_server_is_not_asked(ledger):
    with serve(Plan()) as server:
        with pytest.raises(ModelError, match=r"logprobs: vllm.*answer: text"):
            model(server, ledger, None).logprobs(QUERIES)
        assert server.seen.requests == 0


def echoing(server, ledger, said=None):
    return model(server, ledger, "echo", said, api="completions")


def test_echo_gives_the_numbers_of_the_answer_alone(ledger):
    queries = [
        LogprobQuery((("system", "Be brief."), ("user", "良いですか")), (" 良い", "no", ""), prefill="Label:"),
        LogprobQuery((), ("plain",)),
    ]
    with serve(Plan()) as server:
        found = echoing(server, ledger).logprobs(queries)
        before = "Be brief.\n\n良いですか\n\nLabel:"
        for text, one in zip(queries[0].continuations, found[0], strict=True):
            ends = [f"{before}{text[: place + 1]}" for place in range(len(text))]
            assert one.logprobs == pytest.approx([server.logprob(list(end.encode())) for end in ends], abs=1e-9)
        # the first token of a text follows nothing
        assert found[1][0].logprobs == pytest.approx([server.logprob(list(b"plain"[:n])) for n in range(2, 6)])
        sent = server.seen.requests
        assert sent == 3 and echoing(server, ledger).logprobs(queries) == found and server.seen.requests == sent


def test_a_token_across_the_border_has_no_number(ledger):
    with serve(Plan(merged=":no")) as server:
        said: list[str] = []
        ((no, other),) = echoing(server, ledger, said).logprobs([LogprobQuery((), ("no", "n"), prefill="Label:")])
        assert math.isnan(no.total) and math.isnan(other.total) and "do not spell the answer" in said[0]


@pytest.mark.parametrize("told", ["", ', "logprobs": {"tokens": ["n", "o"]}'])
def test_an_endpoint_that_does_not_echo_gives_no_number(ledger, told):
    with serve(Plan(answers={'"echo"': f'{{"choices": [{{"text": "w"{told}}}]}}'})) as server:
        ((found,),) = echoing(server, ledger).logprobs([LogprobQuery((), ("no",), prefill="Label:")])
        assert math.isnan(found.total)


def test_echo_needs_plain_text():
    with pytest.raises(ValueError, match="needs api: completions"):
        ModelSpec(id="http://127.0.0.1:1/v1#m", logprobs="echo")
