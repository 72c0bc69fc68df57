"""The fault server keeps its own promises: what it shows, counts and takes for the same request."""

import json
from http.client import HTTPConnection

from faultserver import Plan, mark_of, serve, words_of

PATH = "/v1/chat/completions"


def ask(port, messages, **more):
    """Return status, headers and body."""
    connection = HTTPConnection("127.0.0.1", port)
    connection.request("POST", PATH, json.dumps({"model": "m", "messages": messages, **more}))
    answer = connection.getresponse()
    return answer.status, answer.headers, json.loads(answer.read())


def said(text):
    return [{"role": "user", "content": text}]


def test_by_prompt_two_ways_to_ask_are_one_request():
    with serve(Plan(by_prompt=True)) as server:
        ways = [said("one"), [{"role": "system", "content": "s"}, *said([{"type": "text", "text": "one"}])]]
        got = [ask(server.port, way, top_p=n)[2]["choices"][0]["message"]["content"] for n, way in enumerate(ways)]
        assert got == [" ".join(words_of(mark_of(PATH, b"one"), 12))] * 2
        assert list(server.seen.billed.values()) == [2]


def test_a_question_about_nothing_shows_the_headers_and_is_not_counted():
    with serve(Plan(by_prompt=True, limited=1.0, headers={"x-limit": "7"})) as server:
        status, headers, _ = ask(server.port, [])
        assert (status, headers["x-limit"], server.seen.requests) == (200, "7", 0)


def test_errors_come_as_json_when_asked_for():
    with serve(Plan(limited=1.0, json_errors=True)) as server:
        status, headers, body = ask(server.port, said("one"))
        assert (status, headers["Retry-After"]) == (429, "1")
        assert body["error"]["message"] == "Rate limit reached"
