"""Prompts that rewrite documents: whole in both languages, and a document is never a template."""

from __future__ import annotations

import pytest

from homespun.data.records import Document
from homespun.errors import UsageError
from homespun.text.rewrite_prompts import (
    FAITHFUL,
    FORMS,
    GENRES,
    entities_prompt,
    facts_prompt,
    instruction,
    passage_prompt,
    passage_request,
    relation_prompt,
    rewrite_prompt,
    shown,
)

ODD = Document("d", "{title} of {0}", "Braces {text} and 100 % of {listed} stay as they are.")


def said(prompt):
    return prompt.messages[-1][1]


@pytest.mark.parametrize("language", ["en", "ja"])
@pytest.mark.parametrize("form", FORMS)
def test_every_form_asks_for_faithfulness_and_shows_the_document(form, language):
    prompt = rewrite_prompt(ODD, form, language)
    assert FAITHFUL[language] in said(prompt)
    assert ODD.text in said(prompt)
    assert ODD.title in said(prompt)
    assert instruction(form, language) in said(prompt)
    assert prompt.id == f"rewrite-{form}/{language}/plain/1"


@pytest.mark.parametrize("language", ["en", "ja"])
def test_what_a_program_reads_is_asked_for_in_two_ways(language):
    for build in (facts_prompt, entities_prompt):
        plain, asked = build(ODD, language, "plain"), build(ODD, language, "json")
        assert (plain.schema, plain.prefill, len(plain.messages)) == (None, "- ", 3)
        assert asked.schema and not asked.prefill and len(asked.messages) == 1
        assert all(ODD.text in said(prompt) for prompt in (plain, asked))
        assert plain.id != asked.id
    again = facts_prompt(ODD, language, "json", ["340 g", "{x}"])
    assert "340 g, {x}" in said(again)


@pytest.mark.parametrize("language", ["en", "ja"])
def test_sections_are_asked_for_by_number(language):
    for entities in (["A", "B"], ["A", "B", "C"]):
        prompt = said(relation_prompt(ODD, entities, language, "json"))
        assert f"({len(entities) + 1})" in prompt
        assert f"({len(entities) + 2})" not in prompt
        assert "###" in prompt
        assert ODD.title in prompt
        assert "###" not in said(relation_prompt(ODD, entities, language, "plain"))
    assert "A" in said(relation_prompt(Document("d", "", "x"), ["A", "B"], language, "json"))


@pytest.mark.parametrize("language", ["en", "ja"])
def test_a_passage_is_asked_for_by_sentences_and_genre(language):
    prompt = said(passage_prompt(["One {a}.", "Two."], GENRES[language][0], language))
    assert "- One {a}.\n- Two." in prompt
    assert GENRES[language][0] in prompt
    assert passage_request(language) in prompt
    assert len(GENRES[language]) == 8 == len(set(GENRES[language]))


def test_a_title_that_the_text_begins_with_is_shown_once():
    assert shown(Document("d", "Junarix", "Junarix is light."), "en") == "Text: Junarix is light."
    assert shown(Document("d", "About it", "Junarix is light."), "en") == "Title: About it\nText: Junarix is light."


def test_another_language_has_no_prompts():
    with pytest.raises(UsageError, match='no prompts for language "fr"'):
        rewrite_prompt(ODD, "easy", "fr")
