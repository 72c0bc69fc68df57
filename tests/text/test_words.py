import pytest
from hypothesis import given
from hypothesis import strategies as st

from homespun.text.words import length, signature, unit, words


def test_english_words_are_those_of_rouge_score():
    # rouge_score.tokenize.tokenize of the same texts, without a stemmer
    assert words("Don't stop: it's 2 a.m.!", "en") == ["don", "t", "stop", "it", "s", "2", "a", "m"]
    assert words("The café_noir", "en") == ["the", "caf", "noir"]


def test_japanese_is_not_empty_under_either_language():
    text = "この映画は最高だった。"
    assert words(text, "ja") and words(text, "en")
    assert "".join(words(text, "en")) == "この映画は最高だった"


@pytest.mark.skipif(signature("ja") != "characters", reason="SudachiPy is installed")
def test_japanese_characters_and_latin_runs():
    assert words("ＤＶＤで3回観た！", "ja") == ["dvd", "で", "3", "回", "観", "た"]


@pytest.mark.skipif(signature("ja") == "characters", reason="SudachiPy is not installed")
def test_japanese_words_by_sudachi():
    assert words("映画を観た。", "ja") == ["映画", "を", "観", "た"]


@given(st.text(max_size=60), st.sampled_from(["en", "ja", "de"]))
def test_text_with_a_letter_or_digit_has_words(text, language):
    if any(character.isalpha() or character.isdecimal() for character in text):
        assert words(text, language)


def test_length_counts_as_a_person_does():
    assert length("I don't like well-made films - sorry.", "en") == 6
    assert length("映画 は よい。", "ja") == 6
    assert (unit("en"), unit("ja")) == ("words", "characters")


def test_long_japanese_text_is_split_without_loss():
    assert len("".join(words("映画を観た" * 10_000, "ja"))) == 50_000
