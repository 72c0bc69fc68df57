import json

import pytest
from hypothesis import given
from hypothesis import strategies as st

from homespun.text.parse import parse_keywords, parse_label, parse_rating, parse_row, rank_keywords

PIECES = (
    *('"', "{", "}", "[", "]", ":", "\n", "```", "json", "label", "LABEL: ", "positive", "negative", "not ", "*"),
    *("「", "」", "評価", "1.", ", ", "review", "\\", "5", "[[", "]]", "\ud800", "\0"),
)
ANY = st.one_of(st.text(max_size=200), st.lists(st.sampled_from(PIECES), max_size=30).map("".join))
SENTIMENT = ["positive", "negative"]


@given(ANY, st.sampled_from(["plain", "json"]), st.sampled_from(["en", "ja"]))
def test_any_text_is_read_without_an_error(answer, format, language):
    row = parse_row(answer, format, "review", language)
    assert (row.value is None) == bool(row.problem)
    if row.value is not None:
        assert row.value.strip()
        row.value.encode("utf-8")
    assert parse_label(answer, SENTIMENT) in (*SENTIMENT, None)
    assert parse_rating(answer) in (None, 1, 2, 3, 4, 5)
    topics = parse_keywords(answer, language)
    assert all(topic.strip() for topic in topics) and len(topics) == len(set(topics))


@pytest.mark.parametrize("opening", ["[", "{", '{"a":', '{"review":['])
def test_deep_nesting_is_no_error(opening):
    answer = opening * 20_000
    assert parse_row(answer, "json", "review", "en").value is None
    parse_keywords(answer, "en")


@pytest.mark.parametrize(
    ("answer", "rating"),
    [
        ("…例えば[[5]]…\n評価：［［２］］", 2),
        ("[[7]]", None),
        ("[[0]]", None),
        ("[[5]] at first, but in the end Rating: [[ 3 ]]", 3),
        ("[[4]] then [[9]]", None),
        ("4", None),
        ("", None),
        ("[[" + "1" * 5000 + "]]", None),
    ],
)
def test_rating(answer, rating):
    assert parse_rating(answer) == rating


@pytest.mark.parametrize(
    ("answer", "label"),
    [
        ("positive", "positive"),
        (" Positive.", "positive"),
        ("**Negative**", "negative"),
        ("It praises the cast.\nLABEL: positive", "positive"),
        ("LABEL: positive\nNo, wait.\nLABEL: negative", "negative"),
        ("**Label:** <negative>", "negative"),
        ("ＬＡＢＥＬ：ｐｏｓｉｔｉｖｅ", "positive"),
        ("Positive words, but LABEL: UNSURE", None),
        ("Positive or negative?\n</think>\nNegative", "negative"),  # the template has opened the thinking
        ("<think>It is positive, so", None),
        ("UNSURE", None),
        ("The review is negative.", "negative"),
        ("The review is not positive.", None),
        ("This is a non-positive review.", None),
        ("It isn't really positive", None),
        ("positive or negative", None),
        ("Positive/Negative", None),
        ("It is positive, not negative", None),
        ("positively awful", None),
        ("", None),
    ],
)
def test_label(answer, label):
    assert parse_label(answer, SENTIMENT) == label


def test_label_inside_another_label():
    labels = ["entailment", "not_entailment"]
    assert parse_label("Not entailment.", labels) == "not_entailment"
    assert parse_label("entailment", labels) == "entailment"
    assert parse_label("LABEL: not-entailment", labels) == "not_entailment"


@pytest.mark.parametrize(
    ("answer", "label"),
    [
        ("肯定", "肯定"),
        ("「否定」です。", "否定"),
        ("このレビューは否定です", "否定"),
        ("肯定ではありません", None),
        ("これは非肯定的です", None),
        ("俳優を褒めている。\nラベル：肯定", "肯定"),
        ("肯定または否定", None),
    ],
)
def test_japanese_label(answer, label):
    assert parse_label(answer, ["肯定", "否定"]) == label


@pytest.mark.parametrize(
    "answer",
    [
        "A fine film.",
        '"A fine film."',
        'A fine film."',
        '"A fine film.',
        "Review: A fine film.",
        'REVIEW: "A fine film."',
        "**Review:** A fine film.",
        "Review:\nA fine film.",
        "“A fine film.”",
        "```\nA fine film.\n```",
        "```A fine film.```",  # no language stands before it
        "<think>Which? A bad one.\n</think>\n\nA fine film.",
        "A fine film.\n\nNote: this is positive.",
        "  A fine\n film.  ",
    ],
)
def test_plain_row_is_unwrapped(answer):
    assert parse_row(answer, "plain", "review", "en").value == "A fine film."


@pytest.mark.parametrize("text", ['He said "no" and left.', '"Up" is a film, and so is "Her"', "It's 5' tall"])
def test_quotes_that_belong_to_the_text_stay(text):
    assert parse_row(text, "plain", "review", "en").value == text


def test_japanese_plain_row():
    assert parse_row("レビュー：「よかった。」", "plain", "レビュー", "ja").value == "よかった。"
    assert parse_row("よかった。」", "plain", "レビュー", "ja").value == "よかった。"


@pytest.mark.parametrize(
    "answer",
    [
        '{"review": "A fine film."}',
        'Here it is:\n```json\n{"review": "A fine film."}\n```\nEnjoy!',
        '{"Review": " A fine film. "} and more {text}',
        '[{"review": "A fine film."}]',
        '[{"review": "A fine film."}, {"rev',
        '```\nnone\n```\n{"review": "A fine film."}',
        '{"text": "A fine film."}',
        '{broken} {"review": "A fine film.", "label": "positive"}',
    ],
)
def test_json_row(answer):
    assert parse_row(answer, "json", "review", "en").value == "A fine film."


@pytest.mark.parametrize(
    ("answer", "problem"),
    [
        ("", "empty answer"),
        ("A fine film.", "no JSON object"),
        ('{"review": "A fine', "JSON does not parse"),
        ('{"a": "x", "b": "y"}', 'JSON has no "review"'),
        ('{"review": 3}', 'JSON "review" is no text'),
        ("I'm sorry, but I can't write that.", 'refusal: "i\'m sorry, but i"'),
    ],
)
def test_json_problems(answer, problem):
    parsed = parse_row(answer, "json", "review", "en")
    assert parsed.value is None
    assert parsed.problem == problem


@given(st.text(st.characters(exclude_categories=["Cs", "Cc"]), min_size=1, max_size=40).map(str.strip).filter(bool))
def test_json_row_returns_what_was_written(text):
    assert parse_row(json.dumps({"review": text}), "json", "review", "en").value == text


def test_keywords():
    answer = "Here are topics:\n1. Acting\n2) **Plot twists** - how they work\n- acting\n10. Car chases: fast\n"
    assert parse_keywords(answer, "en") == ["Acting", "Plot twists", "Car chases"]
    assert parse_keywords("- a phrase of more than four words\n- short one", "en") == ["short one"]
    assert parse_keywords('Sure: ["sound design", "casting", 3]', "en") == ["sound design", "casting"]
    for answer in ("acting, plot, music", "Topics:\n1. acting, 2. plot, 3. music", "Here are ten: acting, plot, music"):
        assert parse_keywords(answer, "en") == ["acting", "plot", "music"]
    assert parse_keywords('{"topics": ["1. acting", "plot"]}', "en") == ["acting", "plot"]
    assert parse_keywords("1 acting\n2 plot", "en") == ["acting", "plot"]
    assert parse_keywords("1. War films | positive\n2. War films | negative", "en") == ["War films"]
    assert parse_keywords("", "en") == []


def test_keywords_that_name_a_label_or_a_field_are_no_topics():
    answer = "1. positive vibes\n2. Movie Reviews\n3. plot\n4. positively\n5. noise"
    assert parse_keywords(answer, "en", avoid=["positive", "review", "no"]) == ["plot", "noise"]
    assert parse_keywords("1. 肯定的な意見\n2. 音楽", "ja", avoid=["肯定", "否定"]) == ["音楽"]


def test_keywords_of_several_answers_are_ranked_by_votes_then_by_place():
    answers = [["great plot", "music"], ["Cast", "MUSIC", "plot"], ["plot"]]
    assert rank_keywords(answers) == ["plot", "music", "great plot", "Cast"]
    assert rank_keywords([]) == []


def test_japanese_keywords():
    assert parse_keywords("1. 演技\n２．脚本の出来\n・音楽\n", "ja") == ["演技", "脚本の出来", "音楽"]
    assert parse_keywords("演技、脚本、音楽", "ja") == ["演技", "脚本", "音楽"]
