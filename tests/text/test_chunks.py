"""Cutting: pieces no longer than asked, at ends of sentences, nothing lost between them, overlap of whole sentences."""

import time
from itertools import pairwise

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from homespun.text.chunks import cut
from homespun.text.normalise import language_of
from homespun.text.tokens import count_tokens, token_starts

ENGLISH = " ".join(f"This is sentence number {n} of the text." for n in range(40))  # 9 tokens each
JAPANESE = "".join(f"これは第{n}の文です。" for n in range(40))


def test_a_text_that_fits_is_one_piece_without_the_space_around_it():
    assert cut("  One two. \n", 3) == [(2, 10)]
    assert cut("", 5) == cut(" \n", 5) == []


def test_english_is_cut_behind_sentences_into_even_pieces():
    pieces = [ENGLISH[start:end] for start, end in cut(ENGLISH, 100)]
    assert [count_tokens(piece, "en") for piece in pieces] == [90, 90, 90, 90]  # not 99, 99, 99, 63
    assert all(piece.startswith("This is") and piece.endswith("text.") for piece in pieces)
    assert " ".join(pieces) == ENGLISH


def test_overlap_is_whole_sentences_and_no_more_than_asked():
    spans = cut(ENGLISH, 100, 20)
    for (_, end), (start, _) in pairwise(spans):
        assert ENGLISH[start:end].startswith("This is sentence")
        assert count_tokens(ENGLISH[start:end], "en") == 18
    assert all(count_tokens(ENGLISH[start:end], "en") <= 100 for start, end in spans)


def test_japanese_needs_no_spaces():
    spans = cut(JAPANESE, 60, 15)
    assert language_of(JAPANESE) == "ja"
    for start, end in spans:
        assert JAPANESE[start:end].startswith("これは")
        assert JAPANESE[start:end].endswith("文です。")
        assert count_tokens(JAPANESE[start:end], "ja") <= 60
    assert all(start < end for (_, end), (start, _) in pairwise(spans))


def test_paragraphs_are_kept_together_where_they_can():
    text = "One two three. Four five six.\n\nSeven eight nine. Ten eleven twelve.\n\nThirteen fourteen. Fifteen."
    assert [text[start:end] for start, end in cut(text, 12)] == text.split("\n\n")


def test_no_piece_ends_with_a_heading():
    text = "First part is here. It goes on.\n\nSecond\n\nThe second part is here. It goes on and on and on."
    heading = (text.index("Second"), text.index("Second") + 6)
    pieces = [text[start:end] for start, end in cut(text, 16, 4, headings=[heading])]
    assert pieces == ["First part is here. It goes on.", text[heading[0] :]]  # and a new section repeats nothing


def test_a_sentence_longer_than_a_piece_is_cut_between_words_with_overlap():
    text = " ".join(f"word{n}" for n in range(100))
    spans = cut(text, 30, 5)
    assert all(count_tokens(text[start:end], "en") <= 30 for start, end in spans)
    assert all(text[start:end].startswith("word") for start, end in spans)
    assert all(count_tokens(text[start:end], "en") == 5 for (_, end), (start, _) in pairwise(spans))
    solid = "x" * 1000
    assert cut(solid, 300, 0, "characters") == [(0, 250), (250, 500), (500, 750), (750, 1000)]


@settings(max_examples=300, deadline=None)
@given(
    st.text(st.sampled_from("ab .。!\n、東京はx\t"), max_size=400),
    st.integers(20, 60),
    st.integers(0, 10),
    st.sampled_from(["tokens", "characters"]),
)
def test_pieces_cover_the_text_in_order_and_are_never_too_long(text, size, overlap, unit):
    spans = cut(text, size, overlap, unit)
    starts = token_starts(text, language_of(text))
    for start, end in spans:
        length = end - start if unit == "characters" else sum(start <= place < end for place in starts)
        assert 0 < length <= size
        assert text[start:end] == text[start:end].strip()
    covered = {place for start, end in spans for place in range(start, end)}
    assert all(place in covered for place, letter in enumerate(text) if not letter.isspace())
    assert all(a < b and c < d for (a, c), (b, d) in pairwise(spans))


@pytest.mark.parametrize("text", [ENGLISH * 500, JAPANESE * 1000, "word " * 200_000], ids=["en", "ja", "one sentence"])
def test_long_texts_take_time_in_proportion(text):
    begun = time.perf_counter()
    assert len(cut(text, 300, 30)) > 100
    assert time.perf_counter() - begun < 5
