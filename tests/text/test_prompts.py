import pytest

from homespun.errors import UsageError
from homespun.task import Task
from homespun.text import prompts
from homespun.text.parse import parse_row
from homespun.text.prompts import (
    LANGUAGES,
    STYLES,
    judge_blind_prompt,
    judge_rating_prompt,
    keywords_prompt,
    pick,
    row_prompt,
    task_messages,
)

TASK = Task(
    description="Decide whether a movie review is {positive} or negative.",
    fields=("review",),
    labels={"positive": "the reviewer liked the film", "negative": "the reviewer disliked the film"},
)


def every_prompt(language, value="{0} {label} %s $x {"):
    fields = {"review": value}
    yield keywords_prompt(TASK, language, 20, [value], "plain")
    yield keywords_prompt(TASK, language, 20, [value], "json")
    for format in ("plain", "json"):
        yield row_prompt(TASK, language, "negative", value, STYLES[language][0], 8, 40, format)
    for form in ("short", "full"):
        yield judge_blind_prompt(TASK, fields, language, form)
        yield judge_rating_prompt(TASK, fields, value, language, form)


@pytest.mark.parametrize("language", LANGUAGES)
def test_values_are_never_templates(language):
    for prompt in every_prompt(language):
        said = "\n".join(content for _, content in prompt.messages)
        if not prompt.id.startswith(f"keywords/{language}/plain"):
            assert "{0} {label} %s $x {" in said


@pytest.mark.parametrize("language", LANGUAGES)
def test_ids_name_prompt_language_and_form(language):
    ids = [prompt.id for prompt in every_prompt(language)]
    assert len(set(ids)) == len(ids)
    for each in ids:
        name, spoken, form, version = each.split("/")
        assert name in ("keywords", "labelled-row", "judge-blind", "judge-rating")
        assert spoken == language and form in ("plain", "json", "short", "full") and version.isdigit()


@pytest.mark.parametrize("language", LANGUAGES)
def test_every_table_has_every_language(language):
    for table in (prompts.KEYWORDS, prompts.LABELLED_ROW, prompts.JUDGE_BLIND, prompts.JUDGE_RATING):
        for wordings in table.values():
            assert pick(wordings, language)
    assert len(set(STYLES[language])) == len(STYLES[language])


def test_unknown_language():
    with pytest.raises(UsageError, match='no prompts for language "fr"; there are: en, ja'):
        task_messages(TASK, {"review": "x"}, "fr")


@pytest.mark.parametrize("language", LANGUAGES)
def test_blind_judge_never_sees_a_proposed_label_and_ends_with_the_item(language):
    """Two items give prompts that differ in the item alone: nothing of the row's label can be in them."""
    one, two = (judge_blind_prompt(TASK, {"review": text}, language) for text in ("AAA", "BBB"))
    assert [(role, text.replace("AAA", "BBB")) for role, text in one.messages] == list(two.messages)


def test_a_plain_row_is_read_back_from_its_prefill_and_stop():
    prompt = row_prompt(TASK, "en", "positive", "acting", "blunt", 8, 40, "plain")
    answer = "The cast is a joy."
    assert not any(stop in answer for stop in prompt.stop)
    assert parse_row(answer, "plain", "review", "en").value == answer
    assert prompt.prefill.endswith(prompt.stop[0]) and prompt.prefill.count(prompt.stop[0]) == 1


def test_the_task_is_said_in_the_order_description_meanings_item():
    turns = task_messages(TASK, {"review": "Fine {x}."}, "en")
    assert turns == (
        ("system", TASK.description),
        ("user", "Review: The reviewer disliked the film."),
        ("assistant", "negative"),
        ("user", "Review: The reviewer liked the film."),
        ("assistant", "positive"),
        ("user", "Review: Fine {x}."),
    )


def test_meanings_of_a_task_with_two_texts_stand_alone():
    pair = Task(description="d", fields=("a", "b"), labels={"ja": "意味が同じ", "nein": "違う。"})
    turns = task_messages(pair, {"a": "x", "b": "y"}, "ja")
    assert [text for role, text in turns if role == "user"] == ["違う。", "意味が同じ。", "A: x\nB: y"]


def test_a_json_row_asks_for_the_field_and_nothing_else():
    prompt = row_prompt(TASK, "en", "positive", "acting", "blunt", 8, 40, "json")
    assert prompt.schema is not None
    assert prompt.schema["required"] == ["review"] and prompt.schema["additionalProperties"] is False
    assert '{"review": "..."}' in prompt.messages[-1][1]


def test_used_keywords_are_shown_where_the_model_can_use_them():
    assert "acting, plot" in keywords_prompt(TASK, "en", 20, ["acting", "plot"], "json").messages[-1][1]
    assert "Already used" not in keywords_prompt(TASK, "en", 20, [], "json").messages[-1][1]
    plain = keywords_prompt(TASK, "en", 20, ["acting", "plot"], "plain")
    assert plain == keywords_prompt(TASK, "en", 20, [], "plain")
