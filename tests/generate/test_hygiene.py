from dataclasses import replace

import pytest
from hypothesis import given
from hypothesis import strategies as st

from homespun.data.records import Labelled, Lineage, Row
from homespun.generate.hygiene import Checker, Hygiene, opening_share
from homespun.near.overlap import Reference
from homespun.task import Task

TASK = Task(
    description="Decide whether a movie review is positive or negative.",
    fields=("review",),
    labels={"positive": "the reviewer liked the film", "negative": "the reviewer disliked the film"},
)
JAPANESE = Task(
    description="映画の感想が肯定か否定かを判定する。",
    fields=("感想",),
    labels={"肯定": "書き手は映画を気に入った", "否定": "書き手は映画を気に入らなかった"},
)
FINE = "The cast carries a thin plot with real charm."


def row(text, output="positive", key="1", language="en", finish_reason="stop"):
    lineage = Lineage(generator="labelled", key=key, finish_reason=finish_reason)
    return Row.make(Labelled({"review": text}, output), language=language, groups={}, lineage=lineage)


def check(rows, task, language, options=None, against=()):
    checker = Checker(task, language, options, against)
    for one in rows:
        checker.add(one)
    return checker.verdicts


def rules(texts, task=TASK, language="en", **more):
    rows = [row(text, key=str(place), language=language) for place, text in enumerate(texts)]
    return [verdict.rule.removeprefix("hygiene: ") for verdict in check(rows, task, language, **more)]


@pytest.mark.parametrize(
    ("text", "rule"),
    [
        (FINE, "hygiene"),
        ("", "empty"),
        ("?!", "empty"),
        ("I'm sorry, but I cannot write a review of this kind.", "refusal"),
        ("As an AI language model I have no taste in films.", "refusal"),
        ("I'm sorry I paid for this dull and endless film.", "hygiene"),
        ("Here is a short review: the cast was good and kind.", "about itself"),
        ("In this one the reviewer liked the film a great deal.", "echoes the prompt"),
        ("I watched [Movie Title] twice and slept through both.", "placeholder"),
        ("It cost ____ to make and it shows in every scene.", "placeholder"),
        ("この映画はとてもよかったので、もう一度観たい。", "wrong script"),
        ("The following things are wrong with this film:", "unfinished"),
        ("Dull film.", "too short"),
        ("word " * 81 + "end.", "too long"),
        ("A positive surprise with a cast that glows.", "names a label"),
        ("Positively glowing work from a cast of newcomers.", "hygiene"),
        ("It was so good. It was so good. I left happy.", "repeats itself"),
        ("so very bad and so very bad and so very bad and so very sad", "repeats itself"),
    ],
)
def test_one_row(text, rule):
    assert rules([text]) == [rule]


@pytest.mark.parametrize(
    ("text", "rule"),
    [
        ("俳優の演技が素晴らしく、最後まで飽きなかった。", "hygiene"),
        ("申し訳ありませんが、その感想を書くことはできません。", "refusal"),
        ("以下は映画の感想の例です。とても面白かった。", "about itself"),
        ("The cast was a delight from start to end.", "wrong script"),
        ("这部电影非常好看我很喜欢演员的表演", "wrong script"),
        ("つまらない。", "too short"),
        ("全体として肯定できる出来で、音楽も良い。", "names a label"),
        ("気になった点は次の三つです：", "unfinished"),
    ],
)
def test_one_japanese_row(text, rule):
    assert rules([text], JAPANESE, "ja") == [rule]


def test_a_verdict_says_why_with_its_numbers():
    (short,) = check([row("Dull film.")], TASK, "en")
    assert (short.keep, short.rule, short.score, short.threshold) == (False, "hygiene: too short", 2, 4)
    assert short.reason == "2 words"
    (kept,) = check([row(FINE)], TASK, "en")
    assert kept.keep and kept.rule == "hygiene"


def test_a_cut_answer_is_kept_only_if_its_sentence_ends():
    cut = row("The cast carries a thin plot with real", finish_reason="length")
    ended = row("The cast carries a thin plot. It works.", finish_reason="length", key="2")
    assert [verdict.keep for verdict in check([cut, ended], TASK, "en")] == [False, True]


def test_duplicates_name_the_row_they_repeat():
    first, again = row(FINE), row(FINE.upper(), key="2")
    near = row(FINE.replace("charm", "warmth"), key="3")
    verdicts = check([first, again, near], TASK, "en")
    assert [verdict.rule for verdict in verdicts] == ["hygiene", "hygiene: duplicate", "hygiene: near duplicate"]
    assert verdicts[1].duplicate_of == verdicts[2].duplicate_of == first.id
    assert verdicts[2].score == pytest.approx(8 / 9) and verdicts[2].threshold == 0.7


def test_near_duplicates_can_be_allowed():
    assert rules([FINE, FINE.replace("charm", "warmth")], options=Hygiene(near_duplicate=None)) == ["hygiene"] * 2


def test_japanese_copies_are_found():
    text = "俳優の演技が素晴らしく、最後まで飽きなかった。"
    assert rules([text, text, text.replace("最後", "終わり")], JAPANESE, "ja")[1:] == ["duplicate", "near duplicate"]


def test_a_dropped_row_makes_no_other_row_a_duplicate():
    text = "[Name] gave us a thin plot with real charm in it."
    assert rules([text, text.replace("[Name]", "He")]) == ["placeholder", "hygiene"]


def test_one_text_under_two_labels_drops_every_copy():
    rows = [row(FINE, "positive", "1"), row(FINE, "negative", "2"), row(FINE, "positive", "3")]
    verdicts = check(rows, TASK, "en")
    assert [verdict.rule for verdict in verdicts] == ["hygiene: contradiction"] * 3
    assert verdicts[0].duplicate_of == rows[1].id
    assert verdicts[1].duplicate_of == rows[0].id


def test_evaluation_texts_do_not_come_in():
    held_out = "I laughed at every one of the jokes that the twins told in the kitchen."
    copied = "Truly, every one of the jokes that the twins told fell flat."  # eight words in a row and more
    seven = "Truly, every one of the jokes that I heard fell flat."
    assert rules([held_out.upper(), copied, seven], against=[Reference("1", held_out)]) == [
        "contamination",
        "contamination",
        "hygiene",
    ]
    assert rules([FINE], against=[Reference("1", "Good.")]) == ["hygiene"]
    ja = "双子が台所で言った冗談には毎回笑ってしまった。"
    assert rules(
        [f"主役よりも、{ja[:13]}が好き。", f"主役よりも、{ja[:12]}が好き。"],
        JAPANESE,
        "ja",
        against=[Reference("1", ja)],
    ) == [
        "contamination",
        "hygiene",
    ]


def test_short_labels_and_switched_off_labels_are_not_looked_for():
    yes_no = Task(description="d", fields=("q",), labels={"no": "it is false", "yes_sir": "it is true"})
    assert rules(["There is no reason to go and see it."], yes_no) == ["hygiene"]
    assert rules(["Well, yes sir, I would go again."], yes_no) == ["names a label"]
    assert rules(["Well, yes sir, I would go again."], yes_no, options=Hygiene(label_words=False)) == ["hygiene"]


TEXTS = st.sampled_from([FINE, FINE.upper(), FINE.replace("real", "much"), "Dull from the first minute on.", "Bad", ""])


@given(st.lists(st.tuples(TEXTS, st.sampled_from(["positive", "negative"])), max_size=12), st.integers(0, 12))
def test_verdicts_of_a_beginning_change_only_by_contradiction(cells, cut):
    rows = [row(text, label, str(place)) for place, (text, label) in enumerate(cells)]
    early, late = check(rows[:cut], TASK, "en"), check(rows, TASK, "en")
    assert [verdict.row_id for verdict in late] == [each.id for each in rows]
    for before, after in zip(early, late, strict=False):
        assert before == after or (before.keep and after.rule == "hygiene: contradiction")
    checker = Checker(TASK, "en")
    for each in rows:
        checker.add(each)
    assert checker.verdicts == late


@given(st.text(max_size=80), st.sampled_from(["en", "ja"]))
def test_any_text_gets_a_verdict(text, language):
    (verdict,) = check([row(text, language=language)], TASK, language)
    assert verdict.keep or verdict.reason


def test_opening_share():
    texts = ["I loved this movie about cats", "I loved this movie", "A dull one", "I loved this movie!"]
    assert opening_share(texts, "en") == ("i loved this movie", 0.75)
    assert opening_share([], "en") == ("", 0.0)


def test_a_text_that_comes_back_thousands_of_times_is_looked_up_once_each():
    """Each further copy costs one comparison of its output, not one with all copies before it."""
    compared = 0

    class Counting(str):
        __slots__ = ()

        def __eq__(self, other: object) -> bool:
            nonlocal compared
            compared += 1
            return str.__eq__(self, other)

        __hash__ = str.__hash__

    checker = Checker(TASK, "en")
    first = row("The plot is thin but the music carries it.")
    for copy in range(500):
        checker.add(replace(first, id=str(copy), payload=replace(first.payload, output=Counting("positive"))))
    assert [verdict.keep for verdict in checker.verdicts] == [True] + [False] * 499
    assert compared < 5 * 500
