"""Values found in answers: numbers, units, dates, names, hedging, in English and Japanese (methods.md C8)."""

import time

import pytest
from hypothesis import given
from hypothesis import strategies as st

from homespun.text.answers import Values, find_answer
from homespun.text.numerals import kanji_value, with_digits
from homespun.text.values import atoms


def found(answer, *accepted, others=(), question=""):
    return find_answer(answer, Values(accepted), Values(others), question)


RIGHT = [
    # numbers and units
    ("It weighs 776 g.", "776 g"),
    ("776g", "776 g"),
    ("776 grams", "776 g"),
    ("７７６ ｇ", "776 g"),
    ("The mass is 776.", "776 g"),  # the question named the unit
    ("$60.80 per month", "$60.80"),
    ("60.8 dollars", "$60.80"),
    ("USD 60.80", "$60.80"),
    ("44.1 million dollars", "$44.1 million"),
    ("$44.1m", "$44.1 million"),
    ("$44,100,000", "$44.1 million"),
    ("4673 people", "4,673"),
    ("1'200", "1,200"),
    ("twelve hours", "12 hours"),
    ("three hundred and four days", "304 days"),
    ("seven", "7"),
    ("337 degrees Celsius", "337 °C"),
    ("337 degrees", "337 °C"),
    ("-5 °C", "−5 °C"),
    ("55.1 per cent", "55.1%"),
    ("525s", "525 seconds"),
    # dates
    ("in November of 2017", "November 2017"),
    ("2017-11", "November 2017"),
    ("Nov. 2017", "November 2017"),
    ("3 November 2017", "November 2017"),
    ("December 16th, 2022", "16 December 2022"),
    ("2022/12/16", "16 December 2022"),
    ("It was in 1985.", "1985"),
    ("not until 1985", "1985"),
    ("the 1970s", "1970s"),
    # words
    ("nolan  ABIDANE.", "Nolan Abidane"),
    ("Nolan Abidane's", "Nolan Abidane"),
    ("Warm voices sharp plans", "Warm voices, sharp plans"),
    ("University of Orb", "the University of Orb"),
    ("Tiemuzhen", "Tiěmùzhēn"),
    ("a cold storage crate", "cold-storage crate"),
    ("DV 808", "DV-808"),
    ("10 billion barrels", "around 10 billion barrels."),
    ("July 2015", "In July 2015"),
    ("約30年", "30年"),
    ("30年", "約30年"),
    ("It carries NADP+ away", "NADP+"),
    ("No, it is Holomond.", "Holomond"),
    # Japanese
    ("重さは776グラムです。", "776g"),
    ("776です", "776g"),
    ("七百七十六グラム", "776g"),
    ("233度です", "233℃"),
    ("81億3000万円", "81.3億円"),
    ("8,130,000,000円", "81.3億円"),
    ("八百六十五万円", "865万円"),
    ("5千万円", "50,000,000円"),
    ("株式会社モルドダインです", "モルドダイン"),
    ("ジョンスミス", "ジョン・スミス"),
    ("二〇一七年十一月", "2017年11月"),
    ("平成29年11月です", "2017年11月"),
    ("令和元年", "2019年"),
    ("葛森 恒一さん", "葛森恒一"),
    ("351秒間", "351秒"),
    ("「ドバ束」です。", "ドバ束"),
    ("土を守り暮らしをひらく", "土を守り、暮らしをひらく"),
    ("🎉 indeed", "🎉"),
    # only what looks like doubt
    ("yes, I know", "yes"),
    ("under Napoleon", "Napoleon"),
    ("under 18", "under 18"),
    ("株式会社田中です", "田中"),
    ("Paris, France", "Paris"),
    ("62 or so", "62"),
]
ABSENT = [
    ("775", "75"),
    ("75.5", "75"),
    ("1776 g", "776 g"),
    ("1,776g", "776g"),
    ("776 kg", "776 g"),
    ("776 members", "776 g"),
    ("start", "art"),
    ("charge", "in charge"),
    ("Nolan Abidanes", "Nolan Abidane"),
    ("€60.80", "$60.80"),
    ("$44.1", "$44.1 million"),
    ("November 2018", "November 2017"),
    ("2017", "November 2017"),
    ("1970", "1970s"),
    ("5 °C", "-5 °C"),
    ("C++", "C"),
    ("NADP", "NADP+"),
    ("one of them", "1"),
    ("モルドダインズ", "モルドダイン"),
    ("十分な時間", "10分"),
    ("865円", "865万円"),
    ("", "776 g"),
    ("...", "776 g"),
]
UNCLEAR = [
    ("776 g or 885 g", "776 g"),
    ("Holomond or Harrumond", "Holomond"),
    ("Holomond / Harrumond", "Holomond"),
    ("700-776 g", "776 g"),
    ("776 g, perhaps 885 g", "776 g"),
    ("It is not 776 g", "776 g"),
    ("It doesn't weigh 776 g", "776 g"),
    ("776gか885gです", "776g"),
    ("776gまたは885g", "776g"),
    ("776gではありません", "776g"),
    ("DV-808-1", "DV-808"),
    ("no, yes would be wrong", "yes"),
    ("under 18", "18"),
    ("18歳未満", "18歳"),
    ("every colour except blue", "blue"),
    ("赤以外", "赤"),
    ("赤紫", "赤"),
    ("株式会社田中山", "田中"),
    ("blue, red and green", "blue"),
    ("from Paris to Rome", "Paris"),
]


@pytest.mark.parametrize(("answer", "value"), RIGHT)
def test_a_value_in_another_spelling_is_found(answer, value):
    assert found(answer, value) == "right"


@pytest.mark.parametrize(("answer", "value"), ABSENT)
def test_a_piece_of_another_value_is_not(answer, value):
    assert found(answer, value) == "absent"


@pytest.mark.parametrize(("answer", "value"), UNCLEAR)
def test_hedging_and_denying_are_left_to_a_judge(answer, value):
    assert found(answer, value) == "unclear"


def test_another_known_value_beside_the_right_one_is_hedging():
    others = ["Holomond", "Harrumond", "Borenley Ltd"]
    assert found("Holomond and Harrumond", "Holomond", others=others) == "unclear"
    assert found("Holomond", "Holomond", others=others) == "right"
    assert found("It was Holomond, not Borenley.", "Holomond", others=others) == "right"  # Borenley alone is unknown


def test_a_value_that_the_question_names_is_no_hedging():
    others, question = ["Torobora", "Quelavus"], "Which product came before Torobora?"
    assert found("Before Torobora came Quelavus", "Quelavus", others=others, question=question) == "right"
    assert found("Before Torobora came Quelavus", "Quelavus", others=others) == "unclear"
    assert found("776 g, for 500 g more", "776 g", question="Weight, against 500 g before?") == "right"


def test_any_accepted_answer_will_do_and_two_are_no_hedging():
    assert found("Rome, that is Roma", "Rome", "Roma") == "right"
    assert found("Roma", "Rome", "Roma") == "right"
    assert found("Milan", "Rome", "Roma") == "absent"


def test_a_longer_known_value_hides_the_one_inside_it():
    named = [place.value for place in Values(["Fenner", "Fenner Hill", "Hill"]).within("Fenner Hill lies by Hill Top")]
    assert named == ["Fenner Hill", "Hill"]
    assert found("Fenner Hill", "Fenner Hill", others=["Fenner", "Fenner Hill"]) == "right"
    assert found("Fenner", "Fenner Hill", others=["Fenner", "Fenner Hill"]) == "absent"


def test_an_empty_value_is_never_found():
    assert found("anything at all", "") == "absent"
    assert found("", "") == "absent"


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("twenty-one", "21"),
        ("two thousand and five", "2005"),
        ("three hundred", "300"),
        ("one", "one"),
        ("one hundred and one", "101"),
        ("two or three", "2 or 3"),
        ("third", "third"),
        ("葛森恒一が三人", "葛森恒一が3人"),
        ("約三割", "約3割"),
        ("一番", "一番"),
        ("令和五年", "2023年"),
    ],
)
def test_numbers_in_words(text, expected):
    assert with_digits(text) == expected


@pytest.mark.parametrize(
    ("numeral", "value"),
    [("三百四十", 340), ("二〇一七", 2017), ("千二百", 1200), ("一億二千万", 120_000_000), ("十", 10), ("万", None)],
)
def test_kanji_numerals(numeral, value):
    assert kanji_value(numeral) == value


def test_a_number_reads_the_same_however_it_is_grouped():
    spellings = ["1200000", "1,200,000", "1.2 million", "120万", "１２０万", "百二十万円", "1\u202f200\u202f000"]
    assert {atoms(one)[0].text for one in spellings} == {"1200000"}


WORDS = st.text(st.sampled_from("abcXYZ東京のモルドé "), min_size=1, max_size=12)


@given(WORDS, WORDS, WORDS)
def test_a_value_is_found_in_itself_and_between_other_sentences(before, value, after):
    wanted = "right" if value.strip() else "absent"
    assert found(value, value) == wanted
    assert found(f"{before}. {value}. {after}", value) == wanted


@given(st.integers(0, 10**12), st.integers(0, 10**12))
def test_a_number_is_found_in_no_other_number(one, other):
    expected = "right" if one == other else "absent"
    assert found(f"It is {other:,} in all.", str(one)) == expected
    assert found(f"全部で{other}個です", f"{one:,}") == expected


@given(st.text(max_size=60), st.text(max_size=20), st.text(max_size=20))
def test_any_text_is_taken(answer, value, other):
    assert found(answer, value, others=[other], question=other) in ("right", "unclear", "absent")
    assert found(answer, value) == found(answer.upper().lower(), value) or not answer.isascii()


@pytest.mark.parametrize(
    "piece",
    [
        "1",
        "9,",
        ",000",
        "1 ",
        "-",
        "1-",
        "a",
        "twenty ",
        "one hundred and ",
        "三",
        "三十万",
        "年月日",
        "いか",
        "ア",
        "$",
        "12月",
        "2019.",
    ],
)
def test_long_texts_of_one_piece_take_no_time(piece):
    text = piece * (20_000 // len(piece))
    start = time.perf_counter()
    atoms(text)
    assert time.perf_counter() - start < 2


def test_numbers_with_more_digits_than_a_decimal_holds_stay_apart():
    one, other = "1" * 40, "1" * 39 + "2"
    assert (found(one, one), found(other, one)) == ("right", "absent")
