import pytest

from homespun.models.base import Request, Sampling
from homespun.models.rows import Row, cut_at_stop


def test_the_earliest_stop_string_wins():
    assert cut_at_stop("one two three", ("three", " two")) == ("one", True)
    assert cut_at_stop("one two", ("x", "")) == ("one two", False)


@pytest.mark.parametrize("stop", ["。", "音楽も", "\n", "ab c", "映"])
@pytest.mark.parametrize("text", ["素晴らしい映画でした。音楽も良かった。", "ab\n\nab c。 映 d", "xab c"])
def test_a_stop_string_is_found_wherever_its_tokens_begin(tiny, text, stop):
    """Fed token by token, the row ends with the first token that completes the stop string."""
    [ids] = tiny.encoder.plain([text])
    row = Row(0, Request("k", (), Sampling(0.0, 1.0, 999, (stop,)), 0), [1])
    answer = None
    for count, token in enumerate(ids, start=1):
        answer = row.push(token, frozenset({0}), tiny.tokenizer)
        complete = stop in tiny.tokenizer.decode(ids[:count])
        assert (answer is not None) == complete
        if complete:
            break
    if answer is not None:
        assert answer.text == text[: text.index(stop)]
        assert answer.finish_reason == "stop"
