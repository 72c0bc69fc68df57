import pytest
from hypothesis import given
from hypothesis import strategies as st

from homespun.errors import MissingExtraError
from homespun.near.rouge import rouge_l
from homespun.text import japanese
from homespun.text.words import signature, words


def missing(name):
    try:
        words("あ", "ja", tokenizer=name)
    except MissingExtraError:
        return True
    return False


needs = {
    name: pytest.mark.skipif(missing(name), reason=f"{name} is not installed")
    for name in ("sudachi", "sudachi-content", "fugashi", "fugashi-content")
}
EVERY = [*(pytest.param(name, marks=mark) for name, mark in needs.items()), "characters"]


@pytest.mark.parametrize("name", [pytest.param(n, marks=needs[n]) for n in ("sudachi", "fugashi")])
def test_morphemes(name):
    assert words("ＤＶＤで映画を観た。", "ja", tokenizer=name) == ["dvd", "で", "映画", "を", "観", "た"]


@pytest.mark.parametrize("name", [pytest.param(n, marks=needs[n]) for n in ("sudachi-content", "fugashi-content")])
def test_content_words_keep_what_turns_the_meaning_round(name):
    assert words("映画を観ていました。", "ja", tokenizer=name) == ["映画", "観"]
    assert words("音楽は良くなかった。", "ja", tokenizer=name) == ["音楽", "良く", "なかっ"]
    assert words("映画を観ない。", "ja", tokenizer=name) == ["映画", "観", "ない"]


def test_characters_in_runs_without_particles():
    assert words("ＤＶＤで3回観た！", "ja", tokenizer="characters") == ["dvd", "3", "回", "観", "た"]
    assert words("データを集めてください", "ja", tokenizer="characters") == ["データ", "集", "めてください"]
    assert words("良かった", "ja", tokenizer="characters") != words("良くない", "ja", tokenizer="characters")
    assert words("これはなんですか、たぶん", "ja", tokenizer="characters") == ["これはなんですか", "たぶん"]
    assert words("これはいったいなんですか", "ja", tokenizer="characters") == list("これはいったいなんですか")


def test_the_fallback_is_used_where_sudachi_is_missing(monkeypatch):
    monkeypatch.setattr(japanese, "_version", lambda *_: None)
    assert signature("ja") == "characters, kana in runs"
    assert words("平均を計算する", "ja") == ["平", "均", "計", "算"]
    with pytest.raises(MissingExtraError, match="extra `ja`"):
        signature("ja", tokenizer="sudachi")
    with pytest.raises(MissingExtraError, match=r"extra `fugashi`.*`characters`"):
        signature("ja", tokenizer="fugashi")


@pytest.mark.parametrize(
    ("name", "expected"),
    [
        pytest.param("sudachi", (0.75, 0.923), marks=needs["sudachi"]),
        pytest.param("sudachi-content", (0.5, 0.857), marks=needs["sudachi-content"]),
        pytest.param("fugashi", (0.75, 0.923), marks=needs["fugashi"]),
        pytest.param("fugashi-content", (0.5, 0.857), marks=needs["fugashi-content"]),
        ("characters", (0.5, 0.778)),
    ],
)
def test_questions_about_two_things_in_the_same_words(name, expected):
    """methods.md D4: by single characters the first pair has F = .714 though its subjects differ."""
    pairs = [
        ("平均を計算する", "分散を計算する"),
        ("Rで2つの群の平均の差を検定する", "Rで2つの群の分散の差を検定する"),
    ]
    found = [rouge_l(*(words(text, "ja", tokenizer=name) for text in pair)) for pair in pairs]
    assert found == pytest.approx(expected, abs=5e-4)
    assert rouge_l(list(pairs[0][0]), list(pairs[0][1])) == pytest.approx(10 / 14)


@pytest.mark.parametrize("name", EVERY)
@given(st.text(alphabet=st.characters(codec="utf-8"), max_size=40))
def test_never_silently_empty(name, text):
    if any(character.isalpha() or character.isdecimal() for character in text):
        assert words(text, "ja", tokenizer=name)
    assert words(text, "ja", tokenizer=name) == words(text, "ja", tokenizer=name)


@pytest.mark.parametrize("name", EVERY)
def test_a_text_of_grammar_alone_and_one_of_no_word(name):
    assert words("をが", "ja", tokenizer=name)
    assert words("。、！", "ja", tokenizer=name) == []


@pytest.mark.parametrize("name", EVERY)
def test_the_signature_tells_them_apart(name):
    assert signature("ja", tokenizer=name) not in {
        signature("ja", tokenizer=other) for other in ("sudachi", "characters") if other != name and not missing(other)
    }


def test_half_a_surrogate_pair_is_no_word_and_no_error():
    pytest.importorskip("sudachipy")
    assert japanese.split("日本語\ud800のテスト", "sudachi") == japanese.split("日本語?のテスト", "sudachi")
