import importlib.util
import json
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from homespun.errors import MissingExtraError
from homespun.text.words import _OTHER_SCRIPT as OTHER_SCRIPT
from homespun.text.words import length, signature, unit, words

DATA = Path(__file__).parents[3] / "shared/data"
INSTRUCTIONS = DATA / "instructions_en/seed_tasks.jsonl"
VARIANTS = DATA / "knowledge_en/model_written_variants.jsonl"


def test_english_words_are_those_of_rouge_score():
    # rouge_score.tokenize.tokenize of the same texts, without a stemmer
    assert words("Don't stop: it's 2 a.m.!", "en") == ["don", "t", "stop", "it", "s", "2", "a", "m"]
    assert words("The café_noir", "en") == ["the", "caf", "noir"]


STEMS = [  # rouge_score 0.1.2, DefaultTokenizer(use_stemmer=True)
    (
        "The critics' favourites weren't generously reviewed: 12 of 30 failed!",
        "the critic favourit weren t gener review 12 of 30 fail",
    ),
    (
        "Flies, dying mules and their denied agreements; owned, humbled, meeting, stating, siezing.",
        "fli die mule and their deni agreement own humbl meet state siez",
    ),
    (
        "Skies, dies, ties and lies — the news was goodly early, inning by inning.",
        "sky die tie and lie the news was goodli earli inning by inning",
    ),
    (
        "Relational, conditional, rationally vietnamization; digitizer conformably radically.",
        "relat condit ration vietnam digit conform radic",
    ),
    ("She has 3 cats, 2 dogs & an x-ray; it's a_b_c.", "she has 3 cat 2 dog an x ray it s a b c"),
    (
        "Probably the generalizations oscillated hopefully; controlling rolling adjustable effectively.",
        "probabl the gener oscil hope control roll adjust effect",
    ),
    (
        "Bowling and sing, hopping hoping, falling filing, failing; agreed disabled mating.",
        "bowl and sing hop hope fall file fail agre disabl mate",
    ),
    (
        "Write a Python function that reverses the given strings and returns sorted lists.",
        "write a python function that revers the given string and return sort list",
    ),
]


@pytest.mark.parametrize(("text", "expected"), STEMS)
def test_stems_are_those_of_rouge_score(text, expected):
    pytest.importorskip("nltk")
    assert words(text, "en", stem=True) == expected.split()


@pytest.mark.skipif(importlib.util.find_spec("nltk") is not None, reason="NLTK is installed")
def test_without_nltk_the_error_names_the_extra():
    with pytest.raises(MissingExtraError, match="extra `stem`"):
        words("films", "en", stem=True)


@pytest.mark.skipif(not INSTRUCTIONS.is_file(), reason="the shared data are not here")
@pytest.mark.parametrize("stem", [False, True])
def test_words_of_real_texts_are_those_of_rouge_score(stem):
    tokenizers = pytest.importorskip("rouge_score.tokenizers")
    reference = tokenizers.DefaultTokenizer(use_stemmer=stem)
    lines = INSTRUCTIONS.read_text("utf-8").splitlines() + VARIANTS.read_text("utf-8").splitlines()[:300]
    texts = [text for line in lines for text in json.loads(line).values() if isinstance(text, str)]
    english = [text for text in texts if not OTHER_SCRIPT.search(text)]
    assert len(english) > 1000
    for text in english:
        assert words(text, "en", stem=stem) == (reference.tokenize(text) or words(text, "en"))


def test_other_languages_take_no_stems():
    assert words("映画を観た", "en", stem=True) == words("映画を観た", "en")
    assert (signature("en"), signature("en", stem=True)) == ("rouge-score", "rouge-score, Porter stems")


def test_japanese_is_not_empty_under_either_language():
    text = "この映画は最高だった。"
    assert words(text, "ja") and words(text, "en")
    assert "".join(words(text, "en")) == "この映画は最高だった"


@pytest.mark.skipif(signature("ja").startswith("characters"), reason="SudachiPy is not installed")
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
