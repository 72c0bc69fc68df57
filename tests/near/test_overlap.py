"""What counts as a copy of an evaluation text, and what does not."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from homespun.data.records import Labelled, Lineage, Response, Row
from homespun.near.overlap import OverlapIndex, Reference, neighbours

QUESTION = "Which of the twins told the longer joke while they were washing up in the kitchen?"
SHORT = "Who painted the old lighthouse keeper?"
INDEX = OverlapIndex(
    [
        Reference("e/1", QUESTION),
        Reference("e/1", "the younger", answer=True),
        Reference("e/2", SHORT),
        Reference("e/2", "positive", answer=True),
        Reference("e/3", "Name three rivers."),
        Reference("e/3", "Loire, Rhine, Po, Elbe and Oder, in that order from west to east.", answer=True),
    ],
    "en",
)


def checks(text, index=INDEX, **more):
    return [found.check for found in index.matches(text, **more)]


def test_a_copy_may_differ_in_case_width_space_and_signs():
    for text in (QUESTION, QUESTION.upper(), "  " + QUESTION.replace(" ", "\n"), QUESTION.replace("?", " ...!")):
        found = INDEX.first(text)
        assert (found.check, found.item, found.score) == ("copy", "e/1", 1.0)
    wide = QUESTION.replace("Which", "Ｗｈｉｃｈ")
    assert INDEX.first(wide).check == "copy"


def test_words_in_another_order():
    words = QUESTION.lower().rstrip("?").split()
    assert checks(" ".join(reversed(words))) == ["same words"]
    swapped = " ".join([*words[8:], *words[:8]])  # two halves, in each of which n-grams are left
    assert checks(swapped) == ["same words", "n-gram"]


def test_a_run_of_eight_words_in_a_longer_text():
    held = " ".join(QUESTION.split()[2:10])
    found = INDEX.first(f"My aunt swears that {held} on her last visit.")
    assert found.check == "n-gram" and found.shown == "the twins told the longer joke while they"
    assert found.reason == (
        'n-gram: shares "the twins told the longer joke while they" with evaluation text e/1 (11% of its n-grams)'
    )
    seven = " ".join(QUESTION.split()[2:9])
    assert checks(f"My aunt swears that {seven} on her last visit.") == []


def test_the_share_of_ngrams_can_be_asked_for():
    index = OverlapIndex([Reference("1", QUESTION)], "en", share=0.5, rouge_l=1)
    held = " ".join(QUESTION.split()[2:10])
    assert checks(f"My aunt swears that {held} on her last visit.", index) == []
    assert checks(f"Well now: {QUESTION} Please say.", index) == ["n-gram"]
    assert checks(held, index) == ["n-gram"]  # a cut-out: all n-grams of the shorter text


def test_a_short_question_as_a_whole():
    found = INDEX.first(f"Please tell me in two lines: {SHORT.lower()} And when was that?")
    assert (found.check, found.shown) == ("contained", "who painted the old lighthouse keeper")
    assert checks("Please tell me in two lines: who painted the old lighthouse? And when was that?") == []


def test_small_changes_are_rouge_l():
    text = QUESTION.replace("longer", "better").replace("washing", "cleaning").replace("told", "made")
    found = INDEX.first(text)
    assert found.check == "rouge-l" and 0.7 < found.score < 1 and found.threshold == 0.7
    assert INDEX.first("Which of my friends told the truth while I was away in the mountains?") is None


def test_the_rouge_l_check_can_be_moved_or_left_out():
    text = QUESTION.replace("longer", "better")
    for threshold, expected in ((0.7, ["n-gram", "rouge-l"]), (0.95, ["n-gram"]), (1, ["n-gram"])):
        assert checks(text, OverlapIndex([Reference("1", QUESTION)], "en", rouge_l=threshold)) == expected


def test_labels_numbers_and_short_answers_match_nothing():
    for text in ("positive", "Positive.", "the younger", "42", "1 2 3 4 5 6 7 8 9 10", "", "?!", "Yes"):
        assert checks(text) == checks(text, answer=True) == []
    numbers = OverlapIndex([Reference("1", "1 2 3 4 5 6 7 8 9 10 11 12")], "en")
    assert numbers.compared == 0 and numbers.too_short == 1


def test_an_answer_is_compared_when_it_is_long_enough():
    answer = "Loire, Rhine, Po, Elbe and Oder, in that order from west to east."
    assert checks(answer, answer=True)[0] == "copy"
    assert checks(f"I would say {answer}") == ["n-gram", "rouge-l"]


def test_a_short_query_is_copied_by_a_query_alone():
    assert checks("name three rivers") == ["copy"]
    assert checks("name three rivers", answer=True) == []
    tiny = [Reference("1", "Good!"), Reference("2", "7 + 5"), Reference("2", "12", answer=True), Reference("3", "")]
    assert OverlapIndex(tiny, "en").compared == 0
    index = OverlapIndex(tiny, "en", short_queries=True)
    assert (index.compared, index.too_short) == (2, 2)
    assert checks("good", index) == checks("7+5", index) == ["copy"]
    assert checks("good", index, answer=True) == checks("12", index) == []


def test_what_many_items_share_belongs_to_none():
    template = "Decide whether the second of the two sentences below follows from the first one of them."
    texts = [f"{template} Case {number}: the {word} was shut." for number, word in enumerate(map(str, range(30)))]
    index = OverlapIndex([Reference(str(n), text) for n, text in enumerate(texts)], "en", rouge_l=1)
    assert checks(f"{template} And so on.", index) == []
    assert checks(texts[3], index)[0] == "copy"
    same = OverlapIndex([Reference(str(n), template) for n in range(21)], "en")
    assert (same.compared, same.templates) == (0, 1)
    assert OverlapIndex([Reference(str(n), template) for n in range(20)], "en").compared == 1
    assert OverlapIndex([Reference("1", template)] * 21, "en").compared == 1  # one item


def test_japanese_is_compared_by_characters():
    text = "双子が台所で言った冗談には毎回笑ってしまった。"
    index = OverlapIndex(
        [Reference("1", text), Reference("2", "灯台を描いたのは誰です。"), Reference("3", "東京")], "ja"
    )
    assert index.too_short == 1
    assert checks(text.replace("。", "！"), index)[0] == "copy"
    assert checks(f"主役よりも、{text[:13]}が好き。", index) == ["n-gram"]
    assert checks(f"主役よりも、{text[:12]}が好き。", index) == []
    assert checks("双子が毎回笑ってしまった冗談には台所で言った", index) == ["same words"]
    assert checks("教えてください、灯台を描いたのは誰です。", index)[0] == "contained"
    assert checks("東京", index) == []


def test_chinese_is_compared_by_characters_too():
    text = "谁在厨房里讲了那个更长的笑话而没有人笑呢？"
    index = OverlapIndex([Reference("1", text)], "zh")
    assert checks(f"我想知道{text[:13]}，真的。", index) == ["n-gram"]
    assert checks(f"我想知道{text[:12]}，真的。", index) == []


def row(payload, language="en"):
    return Row.make(payload, language=language, groups={}, lineage=Lineage("t", "1"))


def test_a_row_is_found_by_its_query_or_its_answer():
    answer = "Loire, Rhine, Po, Elbe and Oder, in that order from west to east."
    assert INDEX.of_row(row(Labelled({"a": "nothing of it", "b": QUESTION}, "positive"))).item == "e/1"
    assert INDEX.of_row(row(Response((("user", "Rivers, please."),), answer))).item == "e/3"
    assert INDEX.of_row(row(Labelled({"a": "nothing of it"}, "Name three rivers."))) is None


@given(st.lists(st.sampled_from("one two three four five six seven".split()), min_size=5, max_size=14))
def test_every_text_copies_itself_however_it_is_dressed(words):
    index = OverlapIndex([Reference("1", " ".join(words))], "en")
    assert checks(", ".join(words).title(), index)[0] == "copy"


def test_no_evaluation_texts_match_nothing():
    index = OverlapIndex([], "en")
    assert index.compared == 0 and checks(QUESTION, index) == []


def test_neighbours_are_listed_nearest_first():
    rows = np.array([[1, 0], [0.6, 0.8], [0, 0], [np.nan, 1], [0, 2]], np.float32)
    held = np.array([[0, 1], [3, 0], [np.nan, 0]], np.float32)
    found = neighbours(rows, held, 10)
    assert [(n.row, n.reference) for n in found] == [(0, 1), (4, 0), (1, 0)]
    assert found[2].cosine == pytest.approx(0.8)
    assert neighbours(rows, held, 1) == found[:1]
    assert neighbours(rows, held[:0]) == neighbours(rows[:0], held) == []
