"""A model behind a server that misbehaves: every row is answered or says why not, and nothing is bought twice."""

from __future__ import annotations

import copy
import json
import time
from collections import Counter
from itertools import pairwise

import pytest

from faultserver import Plan, serve
from homespun.data.ledger import FAILED_BODY, Ledger
from homespun.engine.budget import Budget, Spending
from homespun.errors import BudgetError, ModelError, UsageError
from homespun.models.base import Request, Sampling
from homespun.models.endpoint import Deadlines, Endpoint, Secret, read_key
from homespun.models.load import model_identity
from homespun.models.server import ServerModel, connect
from homespun.task import ModelSpec, Price


@pytest.fixture
def ledger(tmp_path):
    with Ledger(tmp_path / "ledger.db") as opened:
        yield opened


def model(server, ledger, key="", **settings) -> ServerModel:
    address = f"http://127.0.0.1:{server.port}/v1"
    return ServerModel(Endpoint(address, "fault-1", Secret(key), ledger, concurrency=16, **settings))


def requests(count: int, **more) -> list[Request]:
    return [
        Request(f"row-{n}", (("user", f"Say {n}."),), Sampling(max_tokens=40), seed=n, **more) for n in range(count)
    ]


def test_answers_come_in_order_and_a_second_run_sends_nothing(ledger):
    with serve(Plan(latency=0.01, tail=0.2)) as server:
        told: list[int] = []
        first = model(server, ledger).complete(requests(100), told.append)
        assert [answer.key for answer in first] == [f"row-{n}" for n in range(100)]
        assert sum(told) == 100 and server.seen.requests == 100
        assert server.seen.most <= 16
        assert len({answer.text for answer in first}) == 100
        assert all(answer.completion_tokens == 12 for answer in first)
        assert model(server, ledger).complete(requests(100)) == first
        assert server.seen.requests == 100
        changed = [*requests(99), Request("row-99", (("user", "Say it."),), Sampling(max_tokens=40), seed=99)]
        model(server, ledger).complete(changed)
        assert server.seen.requests == 101


def test_mixed_faults_lose_no_row(ledger):
    plan = Plan(limited=0.05, retry_after="0.05", broken=0.02, malformed=0.01, cut=0.02, dropped=0.01)
    with serve(plan) as server:
        answers = model(server, ledger).complete(requests(400))
        assert all(answer.finish_reason == "stop" for answer in answers)
        retried = sum(count for status, count in server.seen.statuses.items() if status != 200)
        assert retried > 10
        assert sum(server.seen.billed.values()) - 400 < 40  # answers that were cut, dropped or no JSON
    with serve(Plan()) as calm, Ledger(ledger.path.with_name("calm.db")) as other:
        assert [a.text for a in answers] == [
            a.text.replace(str(calm.port), str(server.port)) for a in model(calm, other).complete(requests(400))
        ]


def test_a_refused_row_waits_as_long_as_it_is_told(ledger):
    with serve(Plan(limited=0.2, retry_after="0.3")) as server:
        model(server, ledger).complete(requests(40))
        seen: dict[str, list[float]] = {}
        for moment, mark, _, _ in server.seen.log:
            seen.setdefault(mark, []).append(moment)
        again = [times for times in seen.values() if len(times) > 1]
        assert again and all(later - earlier >= 0.3 for times in again for earlier, later in pairwise(times))


def test_overload_is_noticed_and_all_rows_arrive(ledger):
    with serve(Plan(latency=0.02, slots=4, retry_after="0.05")) as server:
        asked = model(server, ledger)
        answers = asked.complete(requests(150))
        assert all(answer.finish_reason == "stop" for answer in answers)
        assert asked.endpoint.limit.now < 12


@pytest.mark.parametrize(
    ("plan", "told"),
    [
        (Plan(always={"Say 3.": 500}), "server error: 500"),
        (Plan(always={"Say 3.": 422}), "rejected: 422"),
        (Plan(answers={"Say 3.": '{"choices": []}'}), "malformed"),
        (Plan(answers={"Say 3.": '{"choices": [{"message": {"content": ""}}]}'}), "empty"),
        (Plan(answers={"Say 3.": '{"choices": [{"message": {}, "finish_reason": "content_filter"}]}'}), "refused"),
        (Plan(answers={"Say 3.": '{"model": "other", "choices": [{"message": {"content": "x"}}]}'}), "wrong model"),
    ],
)  # fmt: skip
def test_a_row_that_fails_says_why_and_holds_up_no_other(ledger, plan, told):
    with serve(plan) as server:
        asked = model(server, ledger, retries=2)
        asked.complete(requests(1))  # the first answer says which model answers
        answers = asked.complete(requests(6))
        assert [answer.finish_reason == "error" for answer in answers] == [n == 3 for n in range(6)]
        assert answers[3].error.startswith(told)
        before = server.seen.requests
        assert asked.complete(requests(6)) == answers
        assert server.seen.requests == before  # a failure is an answer too
        asked.endpoint.retry_failed = True
        asked.complete(requests(6))
        permanent = told.startswith(("rejected", "empty", "refused", "wrong"))
        assert (server.seen.requests == before) == permanent


def test_hanging_and_creeping_answers_end_at_their_deadline(ledger):
    with serve(Plan(hang=0.1, seed=5)) as server:
        started = time.monotonic()
        asked = model(server, ledger, deadlines=Deadlines(first_byte=0.4), retries=3)
        answers = asked.complete(requests(60))
        assert all(answer.finish_reason == "stop" for answer in answers)
        assert any(what == "hang" for *_, what in server.seen.log)
        assert time.monotonic() - started < 10


def test_a_truncated_answer_is_asked_for_once_more_with_more_room(ledger):
    with serve(Plan(length=100)) as server:
        assert {a.finish_reason for a in model(server, ledger).complete(requests(3))} == {"length"}
        assert server.seen.requests == 3
        whole = model(server, ledger).complete(requests(3, whole=True))
        assert {a.finish_reason for a in whole} == {"stop"} and server.seen.requests == 6
    with serve(Plan(length=500, ceiling=20)) as server:
        model(server, ledger).complete(requests(3, whole=True))
        assert server.seen.requests == 6


SENTINEL = "sk-very+secret/5551212="


@pytest.mark.parametrize("plan", [
    Plan(), Plan(broken=0.5, echo_headers=True), Plan(limited=0.5, retry_after="0", echo_headers=True),
    Plan(always={"Say 1.": 422}, echo_headers=True), Plan(always={"Say": 401}, echo_headers=True),
    Plan(cut=0.5), Plan(hang=0.3), Plan(malformed=0.5),
])  # fmt: skip
def test_a_key_is_in_no_file_and_no_text(ledger, plan, tmp_path, capsys):
    texts = []
    with serve(plan) as server:
        asked = model(server, ledger, SENTINEL, retries=1, deadlines=Deadlines(first_byte=0.3), say=texts.append)
        try:
            texts += [repr(answer) for answer in asked.complete(requests(12))]
        except ModelError as error:
            texts.append(str(error))
        assert server.seen.authorization == {f"Bearer {SENTINEL}"}
        texts += [repr(asked.endpoint), repr(asked.__dict__)]
    ledger.close()
    on_disk = b"".join(path.read_bytes() for path in tmp_path.iterdir())
    whole = on_disk + "".join([*texts, *capsys.readouterr()]).encode()
    for form in (SENTINEL, "sk-very%2Bsecret%2F5551212%3D", "c2stdmVyeStzZWNyZXQvNTU1MTIxMj0"):
        assert form.encode() not in whole
    ledger.__init__(ledger.path)  # for the fixture to close


def test_a_key_is_neither_shown_nor_copied_out():
    assert "hidden-value" not in f"{Secret('hidden-value')!r} {Secret('hidden-value')}"
    with pytest.raises(TypeError):
        copy.copy(Secret("x"))  # the way that pickling takes too


def test_errors_that_no_retry_mends_stop_the_run(ledger):
    with serve(Plan(always={"Say": 401})) as server, pytest.raises(ModelError, match=r"refuses the key .*key_env"):
        model(server, ledger).complete(requests(3))
    with (
        serve(Plan(always={"Say": 404})) as server,
        pytest.raises(ModelError, match=r'knows no model "fault-1".* it has: fault-1'),
    ):
        model(server, ledger).complete(requests(3))


def test_a_server_that_is_not_there_fails_its_rows_within_the_budget(ledger):
    with serve(Plan()) as server:
        pass
    started = time.monotonic()
    answers = model(server, ledger, retries=2).complete(requests(50))
    assert Counter(answer.error for answer in answers) == {"unreachable: ClientConnectorError": 50}
    assert time.monotonic() - started < 10


def test_failed_bodies_are_kept_short_and_good_ones_whole(ledger, tmp_path):
    long = json.dumps({"choices": [{"message": {"content": "x" * 10_000_000}}]})
    with serve(Plan(answers={"Say 1.": long, "Say 2.": "y" * 50_000})) as server:
        answers = model(server, ledger, retries=0).complete(requests(3))
    assert len(answers[1].text) == 10_000_000 and answers[2].error.startswith("malformed")
    import sqlite3

    with sqlite3.connect(ledger.path) as database:
        sizes = dict(database.execute("SELECT row, length(body) FROM answer"))
    assert sizes["row-2"] == FAILED_BODY and sizes["row-1"] == len(long)


@pytest.mark.parametrize("budget", [Budget(tokens=400), Budget(money=0.0004)])
def test_a_spent_budget_stops_sending_and_keeps_what_came(ledger, budget):
    with serve(Plan(latency=0.02)) as server:
        spending = Spending(budget)
        asked = model(server, ledger, spending=spending, price=Price(input=1, output=1))
        with pytest.raises(BudgetError, match="is spent"):
            asked.complete(requests(200))
        sent = server.seen.requests
        assert 400 / 19 <= sent <= 400 / 19 + 17  # 19 tokens each; at most what was in flight is over
        more = model(server, ledger)
        assert all(answer.text for answer in more.complete(requests(200))) and server.seen.requests == 200


def test_embeddings_in_the_order_asked(ledger):
    with serve(Plan()) as server:
        texts = [f"text {n}" for n in range(150)]
        done = []
        found = model(server, ledger).embed(texts, done.append)
        assert found.shape == (150, 8) and sum(done) == 150
        assert (model(server, ledger).embed(texts[100:]) == found[100:]).all()


@pytest.mark.parametrize("vectors", ["[[1], [1, 2]]", '[["a"], ["b"]]', "[null, null]", "[1, 2]"])
def test_embeddings_that_are_none(ledger, vectors):
    first, second = json.loads(vectors)
    body = json.dumps({"data": [{"index": 0, "embedding": first}, {"index": 1, "embedding": second}]})
    with (
        serve(Plan(answers={"text": body})) as server,
        pytest.raises(ModelError, match="no embeddings: not one list of numbers per text"),
    ):
        model(server, ledger).embed(["text 1", "text 2"])


def test_an_endpoint_takes_no_layer(ledger):
    with serve(Plan()) as server, pytest.raises(UsageError, match=r"layer: 2 is asked of http.* take no layer"):
        model(server, ledger).embed(["text"], layer=2)


def test_an_error_in_odd_text_is_a_failed_row(ledger):
    odd = '{"error": {"message": "no \\ud800 such \\u0000 thing"}}'
    with serve(Plan(answers={"Say 1.": odd})) as server:
        asked = [Request(f"row \ud800 {n}", (("user", f"Say {n}."),), Sampling(), n) for n in range(3)]
        answers = model(server, ledger, retries=0).complete(asked)
        assert [answer.finish_reason for answer in answers] == ["stop", "error", "stop"]


def test_a_model_with_an_odd_name_is_a_failed_row(ledger):
    odd = '{"model": "m \\ud800", "choices": [{"message": {"content": "a"}}]}'
    with serve(Plan(answers={"Say 1.": odd}, latency=0.05)) as server:
        asked = model(server, ledger)
        asked.complete(requests(1))
        assert [a.error[:11] if a.error else None for a in asked.complete(requests(3))] == [None, "wrong model", None]


def test_odd_text_reaches_the_server_and_comes_back(ledger):
    odd = ["nul \0", "line\u2028separator", "lone \ud800", "日本語", "\u202e back"]
    with serve(Plan()) as server:
        asked = [Request(str(n), (("user", text),), Sampling(), n) for n, text in enumerate(odd)]
        assert all(a.finish_reason == "stop" for a in model(server, ledger).complete(asked))


def test_an_interruption_commits_what_is_in_flight(ledger):
    with serve(Plan(latency=0.1)) as server:
        answers = model(server, ledger).stream(requests(200))
        first = [next(answers) for _ in range(20)]
        answers.close()
        sent = server.seen.requests
        assert len(first) <= sent < 100
        assert sum(server.seen.billed.values()) == sent == len(ledger)
        assert model(server, ledger).complete(requests(200)) and server.seen.requests == 200


@pytest.mark.parametrize(
    ("address", "told"),
    [("ftp://here/v1", "no address"), ("http:///v1", "no address"), ("http://me:pw@here/v1", "key_env"),
     ("http://here/v1?key=1", "key_env")],
)  # fmt: skip
def test_addresses_that_are_refused(ledger, address, told):
    with pytest.raises(UsageError, match=told):
        Endpoint(address, "m", Secret(""), ledger)


def test_a_key_over_plain_http_to_another_host_is_warned_about(ledger):
    said = []
    Endpoint("http://models.example/v1", "m", Secret("k"), ledger, say=said.append)
    assert "plain http" in said[0]
    for address, key in (("https://models.example/v1", "k"), ("http://localhost/v1", "k"), ("http://a.example/v1", "")):
        Endpoint(address, "m", Secret(key), ledger, say=said.append)
    assert len(said) == 1


def test_the_key_comes_from_the_variable_that_is_named(ledger, monkeypatch):
    monkeypatch.setenv("MY_KEY", " abc ")
    assert read_key("MY_KEY").header() == {"Authorization": "Bearer abc"}
    assert read_key(None).header() == {}
    monkeypatch.delenv("MY_KEY")
    with pytest.raises(UsageError, match="export MY_KEY="):
        connect(ModelSpec(id="http://here/v1#m", key_env="MY_KEY"), ledger)
    monkeypatch.setenv("MY_KEY", "a b")
    with pytest.raises(UsageError, match="white space"):
        read_key("MY_KEY")


def test_a_base_model_goes_on_from_plain_text(ledger):
    answer = '{"choices": [{"text": " and so on", "finish_reason": "stop"}], "usage": {"prompt_tokens": 3}}'
    with serve(Plan(answers={"Say 0.": answer})) as server:
        spec = ModelSpec(
            id=f"http://127.0.0.1:{server.port}/v1#fault-1", api="completions", extra={"top_k": 5, "temperature": 0}
        )
        (found,) = connect(spec, ledger).complete(requests(1, prefill="Well,"))
        assert (found.text, found.prompt_tokens) == (" and so on", 3)
        (entry,) = [Ledger.find(ledger, key) for key in keys(ledger)]
        sent = json.loads(entry.request)
        assert sent["prompt"] == "Say 0.\n\nWell," and "messages" not in sent
        assert (sent["top_k"], sent["temperature"]) == (5, 0)  # what the recipe says wins
        assert not connect(spec, ledger).structured


def test_another_setting_of_a_server_is_another_model():
    spec = ModelSpec(id="http://here/v1#m")
    decisive = ({}, {"structured": False}, {"api": "completions"}, {"extra": {"top_k": 5}}, {"extra": {"top_k": 6}})
    assert len({model_identity(spec.model_copy(update=change)) for change in decisive}) == 5
    other = ({}, {"concurrency": 3}, {"key_env": "KEY"}, {"price": Price(input=1, output=1)})
    assert len({model_identity(spec.model_copy(update=change)) for change in other}) == 1


def keys(ledger) -> list[str]:
    return [key for (key,) in ledger._reader.execute("SELECT DISTINCT key FROM answer")]
