import pytest
from hypothesis import given
from hypothesis import strategies as st

from homespun.text.normalise import clean, comparable, language_of, script_share


def test_full_width_and_case_compare_equal():
    assert comparable("：［［５］］") == ":[[5]]"
    assert comparable("  Ａ  Great\n\tFILM ") == "a great film"


def test_half_width_kana_compares_equal_to_full_width():
    assert comparable("ﾌｨﾙﾑ") == comparable("フィルム")


def test_clean_repairs_what_cannot_be_stored_and_says_so():
    assert clean(" a\0b\ud800 ") == ("ab\ufffd", True)
    assert clean(" fine ") == ("fine", False)


@given(st.text(st.characters(), max_size=50))
def test_clean_text_is_utf8_and_clean_again_changes_nothing(text):
    once = clean(text)
    once.text.encode("utf-8")
    assert clean(once.text) == (once.text, False)


@given(st.text(max_size=50))
def test_script_share_is_a_share(text):
    for language in ("en", "ja", "de"):
        assert 0 <= script_share(text, language) <= 1


def test_script_share():
    assert script_share("A fine film.", "en") == 1
    assert script_share("映画はよかった", "en") == 0
    assert script_share("映画はよかった", "ja") == 1
    assert script_share("ab映画は", "ja") == 3 / 5
    assert script_share("这部电影非常好看我很喜欢", "ja") == 0  # no kana: Chinese
    assert script_share("12 !?", "en") == 1


@pytest.mark.parametrize(
    ("text", "language"),
    [
        ("", "en"), ("?!", "en"), ("A plain line.", "en"), ("Une pensée française", "en"), ("猫", "ja"),
        ("今日は晴れ。", "ja"), ("GPT-2をfine-tuningした", "ja"), ("abcdefghi猫", "ja"), ("abcdefghij猫", "en"),
        ("😀" * 30, "en"), ("a" * 20_000 + "猫" * 20_000, "en"),
    ],
)  # fmt: skip
def test_the_language_of_a_text_is_told_by_a_tenth_of_its_letters(text, language):
    assert language_of(text) == language
