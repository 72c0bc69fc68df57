"""Is a rewrite faithful? The analytic cases, both languages, and what only looks like a lost or new value."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from homespun.data.records import Document, Fact
from homespun.text.fidelity import Faithful
from homespun.text.parse import unwrapped
from homespun.text.reading import protected

TEXT = (
    "Junarix was launched in November 2017 by Holomond Ltd. At 1,200 g it is light, and form TD-569 lists it. "
    'People call it "the wonder box". It replaced Quelavus.'
)
REWRITE = (
    'The "wonder box" is what people call a thing from Holomond Ltd, by the name of Junarix: "the wonder box". It came'
    " after Quelavus in November 2017. Look at form TD-569, it says 1200 grams."
)


def document(text=TEXT, title="Junarix: product information", facts=()):
    return Document("d", title, text, facts=tuple(facts))


def shown(text, language="en"):
    return {value.shown.lower() for value in protected(text, language)}


# methods.md C2


def test_a_lost_number_halves_the_recall_and_another_number_is_an_invention():
    source = Faithful(document("重量は340g、2021年発売", ""), "ja")
    assert source.check("重量は軽いとしか言わないが、2021年に発売された。").recall == 0.5
    lost = source.check("とても軽い製品で、2021年に発売されました。")
    assert (lost.recall, lost.problem, lost.missing) == (0.5, "missing values", ("340g",))
    changed = source.check("重量は350gで、2021年に発売されました。")
    assert (changed.problem, changed.novel) == ("new numbers", ("350g",))
    assert source.check("2021年に発売され、重さは３４０グラムです。").passes


def test_protected_values_of_english():
    assert shown(TEXT) == {"2017", "1,200 g", "td-569", "the wonder box", "november", "holomond", "quelavus"}


def test_a_word_that_opens_a_sentence_is_no_name_unless_it_comes_back():
    assert shown("Members pay. Others do not. Trees grow.") == set()
    assert shown("Lumix pays. Trees grow. Lumix grows.") == {"lumix"}
    assert shown("Users pay. The users grow. Users go.") == set()
    assert shown("Gerda Ravigrew came.") == {"gerda", "ravigrew"}


def test_protected_values_of_japanese():
    text = "株式会社モルドダインは「ウェルタクリップ」を月額4,700円で提供し、アカウントのデータは202日間残ります。"
    pytest.importorskip("sudachipy")
    assert shown(text, "ja") == {"モルドダイン", "ウェルタクリップ", "4,700円", "202日間"}


@pytest.mark.parametrize(
    ("text", "names"),
    [
        ("関西国際空港と羽田空港から東京大学へ。", {"関西国際空港", "羽田空港", "東京大学"}),
        ("大阪市立美術館で田中教授と大阪本社の山田花子に会った。", {"大阪市立美術館", "田中", "大阪", "山田花子"}),
        ("昭和の東京都知事。", {"東京都"}),
    ],
)
def test_japanese_names_are_kept_whole(text, names):
    pytest.importorskip("sudachipy")
    assert {value.shown for value in protected(text, "ja") if value.kind == "name"} == names


def test_a_name_that_no_dictionary_knows_is_kept_letter_for_letter():
    pytest.importorskip("sudachipy")
    made_up = Faithful(document("ヴェルモラはヴェネツィアのランプで、とても軽いものです。", ""), "ja")
    assert made_up.check("ベネツィアのヴェルモラというランプは、たいへん軽いそうです。").passes
    assert made_up.check("ヴェネツィアのベルモラというランプは、たいへん軽いそうです。").missing == ("ヴェルモラ",)


def test_bounds_are_kept_and_none_is_brought_in():
    source = Faithful(document("Boats over 7 metres pay 3 pounds. Up to 5 rods are free for those under 16.", ""), "en")
    told = "If you are younger than 16, at most five rods are free. Boats longer than 7 metres are charged 3 pounds."
    assert source.check(told).passes
    assert source.check(told.replace("younger", "older")).novel == ("> 16",)
    assert source.check(told.replace("longer than ", "of ")).missing == ("7 metres",)
    assert source.check(told.replace("charged 3", "charged more than 3")).novel == ("> 3 pounds",)


def test_dates_of_the_document_are_not_mixed():
    source = Faithful(document("The mill opened in March 2021. Its founder was born on 14 May 1958.", ""), "en")
    assert source.check("Its founder (born May 14, 1958) opened the mill in 2021, in March.").passes
    assert source.check("Its founder (born in March 1958, on the 14) opened the mill in May 2021.").novel


def test_japanese_without_a_dictionary_takes_every_run_of_katakana(monkeypatch):
    monkeypatch.setattr("homespun.text.names._sudachi", lambda: None)
    assert shown("モルドダインのデータ。", "ja") == {"モルドダイン", "データ"}


def test_a_faithful_rewrite_passes_and_says_so():
    found = Faithful(document(), "en").check(REWRITE)
    assert (found.problem, found.recall, found.missing, found.novel) == ("", 1.0, (), ())
    assert found.facts == tuple(range(7))  # without facts: numbers of the protected values


@pytest.mark.parametrize(
    ("text", "problem"),
    [
        ("", "empty"),
        ("...", "empty"),
        ("I'm sorry, but I cannot rewrite this text for you today.", "refusal"),
        ("Keep every name, number, date and condition exactly. " + REWRITE, "echo"),
        ("これは日本語の文章です。英語ではありません。", "wrong script"),
        (TEXT, "unchanged"),
        (unwrapped("Title: Junarix\nText: " + TEXT.replace("It replaced", "It came for")), "unchanged"),
        (TEXT.upper() + " That is all there is.", "unchanged"),
        ("It replaced Quelavus. Junarix was launched in November 2017 by Holomond Ltd.", "unchanged"),
        ("A wonder of Holomond.", "too short"),
        (REWRITE + " It costs 99 dollars.", "new numbers"),
        (REWRITE.replace("grams", "kilograms"), "new numbers"),
        (REWRITE.replace("569", "570"), "new numbers"),
        (REWRITE.replace("Quelavus", "an older model"), "missing values"),
    ],
)
def test_what_is_dropped(text, problem):
    told = ["Rewrite it. Keep every name, number, date and condition exactly."]
    assert Faithful(document(), "en").check(text, echoes=told).problem == problem


def test_english_in_a_japanese_run_is_the_wrong_script():
    source = Faithful(document("重量は340g、2021年発売", ""), "ja")
    assert source.check("It weighs 340 g and was launched in 2021.").problem == "wrong script"


def test_the_threshold_is_the_callers():
    source = Faithful(document(), "en")
    short = REWRITE.replace("Quelavus", "an older model")
    assert source.check(short).problem == "missing values"
    assert source.check(short, recall=0.8).passes
    assert source.check(short).recall == pytest.approx(6 / 7)


FACTS = (
    Fact("Junarix", "launched", "November 2017", "Junarix was launched in November 2017."),
    Fact("Junarix", "weight", "1,200 g", "Junarix weighs 1,200 g."),
    Fact("Junarix", "form", "TD-569", "Junarix is listed on form TD-569."),
)


def test_values_of_facts_are_protected_and_counted_once():
    source = Faithful(document(facts=FACTS), "en")
    assert [value.shown for value in source.facts] == ["November 2017", "1,200 g", "TD-569"]
    rest = [value.shown for value in source.values if value.kind != "fact"]
    assert rest == ["the wonder box", "Holomond", "Quelavus"]
    assert source.check("Since 2017, November to be exact, form TD-569 knows of it.", due=(0, 2)).passes


def test_only_the_chosen_facts_are_due_and_the_stated_ones_are_told():
    source = Faithful(document(facts=FACTS), "en")
    found = source.check("A memo on Junarix: it weighs 1200 grams, says form TD-569.", due=(1,))
    assert (found.passes, found.facts) == (True, (1, 2))
    assert source.check("A memo on Junarix: form TD-569 says it all.", due=(1, 2)).missing == ("1,200 g",)


def test_of_a_section_only_the_subject_is_due():
    for source in (Faithful(document(facts=FACTS), "en"), Faithful(document(), "en")):
        assert [value.shown for value in source.subject] in (["Junarix"], [])
        assert source.check("Junarix is a product, and that is that.", due="subject").passes
    assert Faithful(document(facts=FACTS), "en").check("It is a product, and that is that.", due="subject").missing


def test_what_counts_the_parts_of_a_text_is_no_new_number():
    told = f"1. {REWRITE}\n2) Two things.\nQ3: What?\nA3: That.\nStep 4: go on\n## Section 5\n**6.** Bold."
    assert Faithful(document(), "en").check(told).passes
    assert Faithful(document(), "en").check(REWRITE + "\n7 of them").novel == ("7",)


def test_small_numbers_may_be_words_and_numbers_of_facts_are_known():
    source = Faithful(document("It has 3 arms and twelve legs.", ""), "en")
    assert source.check("There are 12 legs and three arms on it.").passes
    source = Faithful(document("腕は三本、足は12本あるものです。", ""), "ja")
    assert source.check("足が12本、腕が3本というのがその姿です。").passes


def test_codes_are_kept_whole():
    values = protected("Form K-2231 of COVID-19, Q1: yes, question-2", "en")
    assert [value.shown for value in values if value.kind == "code"] == ["k-2231", "covid-19"]


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("Here is the rewritten text:\n\nJunarix is light.", "Junarix is light."),
        ("Sure! Here's a simpler version: Junarix is light.", "Junarix is light."),
        ("```\nJunarix is light.\n```", "Junarix is light."),
        ("```text\nJunarix\nis light.\n```", "Junarix\nis light."),
        ("```text\nJunarix\nis light.", "Junarix\nis light."),  # cut off
        ("```\nx\n```\nis light.", "```\nx\n```\nis light."),
        ('"Junarix is light."', "Junarix is light."),
        ("**Junarix** is light.\n\nLet me know if you need more.", "Junarix is light."),
        ("承知しました。以下に書き換えた文章を示します。\nとても軽い。", "とても軽い。"),
        ("Here is a thing: no.", "no."),
        ("Title: Junarix\nText: Junarix is light.", "Junarix\nJunarix is light."),
        ("Hereby it is light: yes.", "Hereby it is light: yes."),
        ("Q: Is it light?\nA: Yes.", "Q: Is it light?\nA: Yes."),
    ],
)
def test_what_stands_around_a_rewrite_is_taken_off(text, expected):
    assert unwrapped(text) == expected


@given(st.text(max_size=200), st.sampled_from(["en", "ja", "fr"]))
def test_any_text_is_judged(text, language):
    found = Faithful(document(), language).check(unwrapped(text))
    assert found.problem
    Faithful(document(text or "x", text), language).check(REWRITE)


@given(st.lists(st.sampled_from(["340 g", "K-12", "Junarix", "2,000 yen", "and", "with", "12 May"]), min_size=1))
def test_a_text_states_all_its_own_values(words):
    text = "This is what " + " ".join(words) + " says"
    found = Faithful(document(text, ""), "en").check(f"It is so: {text}")
    assert (found.missing, found.novel, found.recall) == ((), (), 1.0)
