"""Pairs of a model: read in the forms that models write, and kept only where they can be asked without the document."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from homespun.data.records import Document
from homespun.text.asking import PROBLEMS, Asked, Fitting, Pair, ask_pairs, confirms, parse_pairs

TEXT = (
    "Opened in 1911, Dalmery Bridge is 412 m long and carries 2 railway tracks. It was designed by Ines\nCorvo, who"
    " used the “open frame” of her teacher."
)


@pytest.mark.parametrize(
    "answer",
    [
        "Q: Who designed it?\nA: Ines Corvo\nQ: When?\nA: 1911",
        " Who designed it?\nA: Ines Corvo\n\nQ: When?\nA: 1911",  # begun behind the Q:
        "1. **Question:** Who designed it?\n   **Answer:** Ines Corvo\n2. **Question:** When?\n   **Answer:** 1911\n",
        "Q1: Who designed it?\nA1: Ines Corvo\nQ2: When?\nA2: 1911\nQ3: And",
        "質問：Who designed it?\n答え：Ines Corvo\n質問：When?\n答え：1911",
    ],
)
def test_pairs_are_read_in_every_usual_form(answer):
    assert parse_pairs(answer) == [Pair("Who designed it?", "Ines Corvo"), Pair("When?", "1911")]


@given(st.text(st.sampled_from("QA:：?質問答え \n*1.a"), max_size=80))
def test_any_answer_is_read(answer):
    assert all(pair.question and pair.answer for pair in parse_pairs(answer))


def test_every_reason_is_given_where_it_holds():
    judge = Asked(TEXT, "Dalmery Bridge", "en")
    cases = [
        ("Who designed Dalmery Bridge?", "Ines Corvo.", ""),
        ("Dalmery Bridge is long", "412 m", "it is no question"),
        ("How long is the bridge in the text?", "412 m", "the question speaks of the text"),
        ("In which year was it opened?", "1911", "the question does not say what it is about"),
        ("How long is the building?", "412 m", "the question does not say what it is about"),
        ("What is said about Dalmery Bridge?", TEXT, "the answer is too long"),
        ("How long is Dalmery Bridge?", "412 km", "the answer does not stand in the document"),
        ("How long is Dalmery Bridge?", "12 m", "the answer does not stand in the document"),
        ("What is Dalmery Bridge called?", "dalmery bridge", "the question gives the answer away"),
        ("Who  designed Dalmery bridge?", "1911", "the document's question is asked already"),
        ("Which engineer drew Dalmery Bridge?", "ines corvo", "the answer is asked for already"),
        ("How long is it, Dalmery Bridge?", "412 m", ""),
    ]
    assert [judge.judge(Pair(question, answer)).problem for question, answer, _ in cases] == [
        told for *_, told in cases
    ]
    other = Pair("How many tracks has Dalmery Bridge?", "2")
    assert judge.judge(other, elsewhere=True).problem == "the same question was asked of another document"
    assert judge.judge(other).problem == ""
    assert {told for *_, told in cases} < {"", *PROBLEMS}
    judge.forget(Pair(other.question, other.answer))
    assert judge.judge(other).problem == ""


@pytest.mark.parametrize(
    ("said", "kept"), [("INES CORVO", "Ines Corvo"), ('"open frame"', "open frame"), ("1911.", "1911"), ("2", "2")]
)
def test_an_answer_is_kept_as_the_document_spells_it(said, kept):
    assert Asked(TEXT, "", "en").judge(Pair("What is it about Dalmery Bridge?", said)).answer == kept


def test_japanese():
    judge = Asked("1911年に開通したダルメリ橋は全長412mで、設計者は古河イネです。", "ダルメリ橋", "ja")
    cases = [
        ("ダルメリ橋を設計したのは誰ですか。", "古河イネ", ""),
        ("ダルメリ橋の全長は？", "412m", ""),
        ("その全長はどれだけですか。", "412m", "the question does not say what it is about"),
        ("製品の全長はどれだけですか。", "412m", "the question does not say what it is about"),
        ("本文によると、いつ開通しましたか。", "1911年", "the question speaks of the text"),
        ("ダルメリ橋の全長は何kmですか。", "4km", "the answer does not stand in the document"),
    ]
    assert [judge.judge(Pair(question, answer)).problem for question, answer, _ in cases] == [
        told for *_, told in cases
    ]


@pytest.mark.parametrize(
    ("reply", "answer", "same"),
    [
        (" Ines Corvo", "Ines Corvo", True),
        ("A: It was ines  corvo.", "Ines Corvo", True),
        ("答え：412ｍ", "412m", True),
        ("1911", "in 1911", True),
        ("Piet Namor", "Ines Corvo", False),
        ("", "Ines Corvo", False),
        (TEXT, "2", False),  # the whole document holds every answer
    ],
)
def test_a_second_answer_confirms_the_first_if_one_holds_the_other(reply, answer, same):
    assert confirms(reply, answer) is same


@pytest.mark.parametrize("language", ["en", "ja"])
def test_the_pairs_that_the_prompt_shows_would_be_kept(language):
    prompt = ask_pairs("A title", "Some text.", 4, language)
    shown = prompt.messages[1][1].partition(": ")[2]
    title, _, text = shown.partition("\n")
    judge = Asked(text, title, language)
    pairs = parse_pairs(prompt.messages[2][1])
    assert len(pairs) == 4
    assert [judge.judge(pair).problem for pair in pairs] == [""] * 4
    assert prompt.messages[-1][1].endswith("A title\nSome text.")


def test_a_question_that_fits_another_document_is_told():
    documents = [
        Document("a", "Havvamira: terms", "The subscription costs $60 a month. Data is kept for 30 days."),
        Document("b", "Oltavere: terms", "The subscription costs $75 a month. Data is kept for 30 days."),
        Document("c", "Junarix", "A pump of copper."),
    ]
    fitting = Fitting(documents, "en")
    cost, kept = Pair("What is the cost of the subscription?", "$60"), Pair("How long is data kept?", "30 days")
    named = Pair("How much does the subscription to Havvamira cost?", "$60")
    assert fitting.fits_another(cost, "a")
    assert not fitting.fits_another(kept, "a"), "the other document gives the same answer"
    assert not fitting.fits_another(named, "a")
    assert fitting.fits_another(Pair("なぜですか。", "$60"), "a"), "no word in common fits any document"
    assert not Fitting(documents[:1], "en").fits_another(cost, "a")
    judge = Asked(documents[0].text, documents[0].title, "en")
    told = judge.judge(cost, fits_another=lambda pair: fitting.fits_another(pair, "a"))
    assert told.problem == "the question fits another document as well"
    assert judge.judge(named, fits_another=lambda pair: fitting.fits_another(pair, "a")).problem == ""


def test_japanese_questions_are_compared_by_their_words():
    documents = [
        Document("a", "ハヴァミラ", "ハヴァミラの利用料は月額60円です。"),
        Document("b", "オルタベレ", "オルタベレの利用料は月額75円です。"),
    ]
    fitting = Fitting(documents, "ja")
    assert fitting.fits_another(Pair("利用料は月額いくらですか。", "60円"), "a")
    assert not fitting.fits_another(Pair("ハヴァミラの利用料は月額いくらですか。", "60円"), "a")
