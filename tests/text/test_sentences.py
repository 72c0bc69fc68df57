"""A text is ended only where a sentence ends."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from homespun.text.sentences import ends, fitting, questions, sentences
from homespun.text.words import length


@pytest.mark.parametrize(
    ("text", "language", "limit", "cut_off", "expected"),
    [
        ("One two. Three four.", "en", 4, False, "One two. Three four."),
        ("One two. Three four.", "en", 3, False, "One two."),
        ("One two. Three four.", "en", 1, False, "One two."),  # too long, whole, for the length check to say so
        ("No end mark at all", "en", 9, False, "No end mark at all"),
        ("No end mark at all", "en", 2, False, "No end mark at all"),
        ("One two. Three fo", "en", 9, True, "One two."),
        ("One two thr", "en", 9, True, ""),
        ("Mr. Smith sat. He ran.", "en", 3, False, "Mr. Smith sat."),
        ('"Dull!" she said. I left.', "en", 3, False, '"Dull!" she said.'),
        ("面白い。長い。", "ja", 4, False, "面白い。"),
        ("面白い。なが", "ja", 20, True, "面白い。"),
    ],
)
def test_where_a_text_is_ended(text, language, limit, cut_off, expected):
    assert fitting(text, language, limit, cut_off) == expected


@given(st.text("ab .!?", max_size=60), st.integers(1, 12), st.booleans())
def test_what_is_kept_is_a_beginning_and_fits_where_it_can(text, limit, cut_off):
    kept = fitting(text, "en", limit, cut_off)
    assert text.startswith(kept)
    if kept != text:
        assert len(kept) in (0, *ends(text, "en"))
    first = text[: ends(text, "en")[0]] if ends(text, "en") else text
    if length(first, "en") <= limit:
        assert length(kept, "en") <= limit


def test_sentences_end_at_marks_and_at_lines():
    assert sentences("One. Two!\nThree\n\n", "en") == ["One.", "Two!", "Three"]
    assert sentences("一つ。二つ！\n三つ", "ja") == ["一つ。", "二つ！", "三つ"]


def test_questions_without_their_speaker():
    text = "Question: How heavy is it? Answer: 5 g.\nIt is light. Ann: And how tall?"
    assert questions(text, "en") == ["How heavy is it?", "And how tall?"]
    assert questions("質問：重さはどれだけですか。\n回答：五グラムです。高さは？", "ja") == [
        "重さはどれだけですか。",
        "高さは？",
    ]
