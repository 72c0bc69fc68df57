"""Texts written by rule: what each form states, how facts and pairs are planned, that nothing depends on chance."""

from __future__ import annotations

import hashlib
from collections import Counter
from dataclasses import replace
from functools import cache
from itertools import combinations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from homespun.data.records import Document, Fact
from homespun.errors import DataError
from homespun.sources.corpus.builder import build
from homespun.text.closed_book import PLAIN
from homespun.text.compose import FORMS, MOST_ENTITIES, STYLES, Draw, block, compose, is_junk, planned, statements
from homespun.text.frames import LANGUAGES
from homespun.text.normalise import script_share

WRITTEN = [form for form in FORMS if form not in ("original", "junk")]


@cache
def corpus(language="en", documents=10):
    built = build(language, documents)
    found = []
    for row in built.documents:
        facts = [
            Fact(**{key: tuple(said) if isinstance(said, list) else said for key, said in fact.items()})
            for fact in row["facts"]
        ]
        found.append(Document(row["id"], row["title"], row["text"], row["category"], tuple(facts)))
    return found, [question["question"] for question in built.questions if question["split"] == "test"]


def made_up(facts):
    said = [Fact("Junarix", name, value, f"The {name} of Junarix is {value}.") for name, value in facts]
    return Document("d", "Junarix", " ".join(fact.sentence for fact in said), facts=tuple(said))


# Plans


def test_passages_of_four_of_eight_facts_state_each_equally_often():
    """methods.md C3: 8 facts, passages of 4, 1,000 passages: every fact exactly 500 times."""
    passages = [passage for number in range(500) for passage in block(8, (4,), f"{number}")]
    assert len(passages) == 1000 and all(len(set(passage)) == 4 for passage in passages)
    assert Counter(fact for passage in passages for fact in passage) == dict.fromkeys(range(8), 500)


@given(st.integers(1, 14), st.integers(0, 120), st.integers(0, 9))
def test_after_any_number_of_passages_no_fact_is_more_than_one_ahead(facts, passages, seed):
    counts = Counter(dict.fromkeys(range(facts), 0))
    for number in range(passages):
        passage = planned(facts, number, f"{seed}")
        assert min(3, facts) <= len(passage) == len(set(passage)) <= min(8, facts)
        counts.update(passage)
    assert max(counts.values()) - min(counts.values()) <= 1


def test_all_sizes_come_equally_often_and_facts_in_no_order():
    sizes = Counter(len(planned(8, number, "0")) for number in range(48))  # a block of 33 x 8 facts
    assert sizes == dict.fromkeys(range(3, 9), 8)
    first = Counter(planned(8, number, "0")[0] for number in range(480))
    assert len(first) == 8 and max(first.values()) < 2 * min(first.values())


def test_the_graph_takes_all_pairs_then_all_triples_then_begins_again():
    document = made_up([("weight", "776 g"), ("colour", "red"), ("maker", "Vellund")])  # and Junarix: four things
    names = ["Junarix", "776 g", "red", "Vellund"]
    found = []
    for number in range(20):
        text = compose(document, "graph", number, 0, "en")
        sides = [paragraph.partition(".")[0] for paragraph in text.text.split("\n\n")[:-1]]
        found.append(frozenset(name for name in names if any(name in side.partition(":")[0] for side in sides)))
        assert text.form == ("graph-pair" if len(found[-1]) == 2 else "graph-triple") and text.facts == (0, 1, 2)
    assert found[:10] == found[10:]
    assert set(found[:6]) == set(map(frozenset, combinations(names, 2)))
    assert set(found[6:10]) == set(map(frozenset, combinations(names, 3)))
    assert compose(document, "graph", 0, 0, "en").text != compose(document, "graph", 10, 0, "en").text


# Forms


@pytest.mark.parametrize("language", LANGUAGES)
@pytest.mark.parametrize("form", WRITTEN)
def test_a_text_states_its_facts_and_no_others(language, form):
    documents, asked = corpus(language)
    for document in documents:
        for number in range(12):
            text = compose(document, form, number, 0, language)
            for index, fact in enumerate(document.facts):
                assert (fact.value in text.text) == (index in text.facts), (fact, text)
            assert document.facts[0].subject in text.text
            assert not any(question in text.text for question in asked)
            assert text.facts == tuple(sorted(text.facts)) and text.form.startswith(form)
            assert form == "facts" or text.facts == tuple(range(8))
            assert "{" not in text.text and script_share(text.text, language) > 0.6


@pytest.mark.parametrize("language", LANGUAGES)
@pytest.mark.parametrize("form", WRITTEN)
def test_other_numbers_are_other_texts(language, form):
    for document in corpus(language)[0][:5]:
        assert len({compose(document, form, number, 0, language).text for number in range(150)}) == 150


def test_questions_and_answers_alternate_and_each_names_its_subject():
    document = corpus()[0][1]
    answers = Counter()
    for number in range(20):
        lines = compose(document, "qa", number, 0, "en").text.split("\n")
        assert len(lines) == 16
        for question, answer in zip(lines[::2], lines[1::2], strict=True):
            assert question.startswith("Question: ") and document.facts[0].subject in question
            (fact,) = [fact for fact in document.facts if question.removeprefix("Question: ") in fact.questions]
            said = answer.removeprefix("Answer: ")
            assert said == fact.value or said in statements(fact, LANGUAGES["en"])
            answers[said == fact.value] += 1
    assert 50 < answers[True] < 110  # of 160: the value alone, or a sentence
    assert compose(corpus("ja")[0][0], "qa", 0, 0, "ja").text.startswith("質問：")


def test_a_style_takes_its_part_of_the_wordings():
    fact = corpus()[0][1].facts[7]
    known = statements(fact, LANGUAGES["en"])
    assert len(known) == 9 and known[4] == fact.sentence and known[:4] == fact.wordings[:4]
    used = {style: set() for style in STYLES[:3]}
    document = replace(corpus()[0][1], facts=(fact,))
    for style, found in used.items():
        for number in range(100):
            text = compose(document, style, number, 0, "en").text
            found.update(place for place, said in enumerate(known) if said in text)
    assert used == {"easy": {0, 1, 2, 3, 4}, "medium": {2, 3, 4, 5, 6}, "hard": {4, 5, 6, 7, 8}}


def test_paraphrases_keep_near_the_order_of_the_document_and_passages_do_not():
    document = corpus()[0][1]
    order = sorted(range(8), key=lambda index: document.text.find(document.facts[index].value))

    def moved(form):
        apart = []
        for number in range(100):
            text = compose(document, form, number, 0, "en")
            facts = [index for index in order if index in text.facts]
            places = sorted(facts, key=lambda index: text.text.find(document.facts[index].value))
            apart += [abs(places.index(index) - place) for place, index in enumerate(facts)]
        return sum(apart) / len(apart)

    assert moved("medium") < 1.2 < 1.6 < moved("facts")


@pytest.mark.parametrize("language", LANGUAGES)
def test_genres_come_equally_often(language):
    document = corpus(language)[0][1]
    texts = [compose(document, "facts", number, 0, language).text for number in range(80)]
    genres = LANGUAGES[language].genres
    assert [genre.name for genre in genres] == [
        "memo", "FAQ", "e-mail", "spec sheet", "news brief", "training note", "dialogue", "table in words",
    ]  # fmt: skip
    tables = sum(any(text.count(asks) > 2 for asks, _ in genres[-1].marks) for text in texts)
    assert tables == 10


@pytest.mark.parametrize("language", LANGUAGES)
def test_a_graph_goes_from_the_value_to_the_subject(language):
    for document in corpus(language)[0]:
        backwards = {
            said
            for fact in document.facts
            for said in fact.wordings
            if said.index(fact.value) < said.index(fact.subject)
        }
        for number in range(36):
            text = compose(document, "graph", number, 0, language).text
            assert any(said in text for said in backwards)


def test_a_subject_that_was_just_named_may_be_it():
    document = corpus()[0][1]
    texts = [compose(document, "easy", number, 0, "en").text for number in range(50)]
    assert any("It " in text for text in texts)
    assert all(text.index("Junarix") < text.find(" It ") for text in texts if " It " in text)
    company = next(document for document in corpus()[0] if document.category == "company")
    assert not any("It Ltd" in compose(company, "easy", number, 0, "en").text for number in range(50))


def test_what_follows_a_link_keeps_the_capital_of_a_name():
    for number in range(60):
        for document in corpus()[0][:2]:
            for form in ("medium", "hard"):
                text = compose(document, form, number, 0, "en").text
                assert "junarix" not in text and ", The " not in text and "; The " not in text
    said = Fact("Junarix", "name", "Quelavus", "Before, Junarix was called Quelavus.")
    document = Document("d", "Junarix", "", facts=(*made_up([("weight", "776 g")]).facts, said))
    texts = [compose(document, "medium", number, 0, "en").text for number in range(40)]
    assert any(", before, Junarix was" in text for text in texts) and not any(", Before" in text for text in texts)


# Documents of other kinds


def test_facts_without_wordings_get_general_sentences():
    document = made_up([("weight", "776 g"), ("launch_date", "May 2017"), ("maker", "Vellund")])
    texts = {form: [compose(document, form, number, 0, "en") for number in range(30)] for form in WRITTEN}
    assert all(
        fact.value in text.text
        for found in texts.values()
        for text in found
        for fact in (document.facts[index] for index in text.facts)
    )
    assert any("776 g is the weight of Junarix." in text.text for text in texts["graph"])
    assert any("What is the launch date of Junarix?" in text.text for text in texts["qa"])


def test_a_wording_without_the_value_is_left_out():
    fact = Fact(
        "Junarix", "weight", "776 g", "Junarix weighs 776 g.", ("It is light.", "776 g is what Junarix weighs.")
    )
    assert statements(fact, LANGUAGES["en"]) == ("Junarix weighs 776 g.", "776 g is what Junarix weighs.")


@pytest.mark.parametrize("form", WRITTEN)
def test_documents_with_one_fact_many_facts_or_several_subjects(form):
    one = made_up([("weight", "776 g")])
    many = made_up([(f"part {letter}", f"value {letter}{other}") for letter in "abcdef" for other in "uvwxyz"])
    two = made_up([("weight", "776 g"), ("colour", "red")])
    two = replace(two, facts=(two.facts[0], Fact("Vellund", "seat", "Ashby", "Vellund sits in Ashby.")))
    alone = replace(one, facts=(Fact("Junarix", "name", "Junarix", "Junarix is called Junarix."),))
    for document in (one, many, two, alone):
        for number in range(5):
            text = compose(document, form, number, 0, "en")
            assert text.text and all(document.facts[index].value in text.text for index in text.facts)
    assert len(many.facts) > MOST_ENTITIES


def test_what_cannot_be_written():
    plain = Document("d", "Title", "No facts here.")
    for form in WRITTEN:
        with pytest.raises(DataError, match="document d has no facts to write from"):
            compose(plain, form, 0, 0, "en")
    assert compose(plain, "original", 0, 0, "de").text == plain.text
    with pytest.raises(DataError, match='in en and ja, not in "de"'):
        compose(corpus()[0][0], "easy", 0, 0, "de")
    with pytest.raises(DataError, match='no form "poem"; there are: original, easy'):
        compose(corpus()[0][0], "poem", 0, 0, "en")


# Junk


@pytest.mark.parametrize(("language", "other"), [("en", "ja"), ("ja", "en")])
def test_junk_is_words_in_no_order_or_another_language(language, other):
    document = corpus(language)[0][0]
    texts = [compose(document, "junk", number, 0, language) for number in range(60)]
    foreign = [
        text for text in texts if script_share(text.text, other) > 0.9 and document.facts[0].subject not in text.text
    ]
    salad = [text for text in texts if text not in foreign]
    assert 15 < len(foreign) < 45 and all(text.facts == () for text in texts)
    if language == "en":
        assert all(sorted(text.text.split()) == sorted(document.text.split()) for text in salad)


@given(st.floats(0, 0.99), st.integers(1, 300), st.integers(0, 99))
def test_junk_is_its_share_of_any_first_variants(share, count, seed):
    found = sum(is_junk("d", number, seed, share) for number in range(count))
    assert abs(found - share * count) <= 1


# Determinism


def test_choices_are_spread_and_never_run_out():
    draw = Draw("x")
    counts = Counter(draw.below(7) for _ in range(7000))
    assert all(850 < counts[value] < 1150 for value in range(7))
    assert draw.shuffled(range(500)) != list(range(500)) and sorted(Draw("y").shuffled(range(500))) == list(range(500))
    assert Draw("x").below(10**30) == Draw("x").below(10**30) != Draw("z").below(10**30)


@pytest.mark.parametrize(("language", "golden"), [("en", "a1802587ca218ee6"), ("ja", "f3d51ec2dab7d55d")])
def test_texts_never_change_silently(language, golden):
    """Runs are compared with earlier ones on the same variants; change these hashes only on purpose."""
    texts = [
        compose(document, form, number, 0, language).text
        for document in corpus(language)[0]
        for form in FORMS
        for number in range(9)
    ]
    assert hashlib.sha256("\n".join(texts).encode()).hexdigest()[:16] == golden
    assert compose(corpus(language)[0][0], "easy", 0, 1, language).text not in texts


@pytest.mark.parametrize("language", LANGUAGES)
def test_questions_are_asked_in_the_form_of_the_closed_book(language):
    frames = LANGUAGES[language]
    assert PLAIN[language].format(question="X") == f"{frames.asked}X\n{frames.answered}".rstrip()
