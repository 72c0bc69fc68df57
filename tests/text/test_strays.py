"""What a rewrite says beside its document: run-away ends, denials turned round, names brought in."""

from __future__ import annotations

import time

import pytest
from hypothesis import given
from hypothesis import strategies as st

from homespun.data.records import Document
from homespun.text.fidelity import Faithful
from homespun.text.normalise import comparable_lines
from homespun.text.sentences import sentences
from homespun.text.strays import new_names, runaway, turned_round

LAMP = "The lamp must not be used outdoors. It does not contain mercury. It burns in Norway."
JAPANESE = "このランプは屋外では使えません。水銀は含まれていません。"


def away(text, document=LAMP, language="en"):
    lines = comparable_lines(text)
    return runaway(lines, comparable_lines(document), sentences(lines, language))


@pytest.mark.parametrize(
    "end",
    [
        "\nUser: Tell me a story.\nAssistant: Once upon a time.",
        "\nLet's read the following passage and answer.",
        "\nYou are an AI assistant.",
        "\nExercise 3: Why?",
        "<|im_end|>",
        " It burns in Norway." * 3,
        "\nユーザー：続けてください。",
        "\n次の文章を読んで答えてください。",
    ],
)
def test_run_away_ends_are_found(end):
    assert away("Use the lamp indoors. It burns in Norway." + end)


@pytest.mark.parametrize(
    "text",
    [
        "Q: Where does it burn?\nA: In Norway.\nQ: May it be used outdoors?\nA: No.",
        "Question: Where?\nAnswer: In Norway.",
        "1. It is a lamp.\n2. It is for rooms.\n3. It holds no mercury.",
        "Users read the following signs on it.",
        "Question 1\nWhere?\nAnswer\nIn Norway.",
        "Spec sheet\nInput: 12 V\nSystem: lamp\nDocument: TD-1\nDefinition: a lamp\nProblem: rain\nSolution: a roof",
    ],
)
def test_forms_of_a_rewrite_are_no_run_away_ends(text):
    assert away(text) == ""


def test_an_end_about_something_else_is_found_by_its_words():
    own = (
        "The lamp is for rooms. It burns in Norway, holds no mercury, and nobody may take it outdoors or use it there."
    )
    other = " ".join(f"{word}{number}ish" for number in range(9) for word in ("coral", "whale", "tide", "sand", "gull"))
    letters = other.translate(str.maketrans("012345678", "abcdefghi"))
    own += " The owner of the lamp shall keep the lamp inside the house, because rain would damage the burning parts."
    assert "something else" in away(f"{own} {letters.replace(' ', ' near ')}.")
    assert away(f"{own} {own.replace('lamp', 'light')}") == ""


@pytest.mark.parametrize(
    ("text", "document", "language", "turned"),
    [
        ("It can be used outdoors.", LAMP, "en", True),
        ("It contains mercury.", LAMP, "en", True),
        ("The lamp does not burn in Norway.", LAMP, "en", True),
        ("Outdoor use is forbidden, and mercury is not in it.", LAMP, "en", False),
        ("Can it be used outdoors? No.", LAMP, "en", False),
        ("屋外でも使えます。", JAPANESE, "ja", True),
        ("水銀が含まれています。", JAPANESE, "ja", True),
        ("屋外での使用は禁止です。水銀は不使用です。", JAPANESE, "ja", False),
        ("必ず報告しなければならない。", "必ず報告します。", "ja", False),
    ],
)
def test_denials_that_are_turned_round(text, document, language, turned):
    assert bool(turned_round(text, document, language)) == turned


def test_names_that_are_brought_in():
    assert new_names("The lamp of Orbit Labs burns in Norway.", LAMP, "en") == ["Orbit", "Labs"]
    assert new_names("Norwegian lamps burn. However, As is known, it burns.\nThe Lamp And Its Use", LAMP, "en") == []
    pytest.importorskip("sudachipy")
    assert new_names("佐伯勝次郎のランプは東京で使えます。", JAPANESE, "ja") == ["佐伯", "勝次郎", "東京"]
    assert new_names("昭和三十年のランプです。", JAPANESE, "ja") == []


@given(st.text(st.sampled_from("ab no. not? 屋外は使えない。\n"), max_size=80))
def test_a_document_turns_nothing_of_itself_round(text):
    assert turned_round(text, text, "en") == turned_round(text, text, "ja") == ""


@pytest.mark.parametrize(
    "piece", ["\n", ".", "a", "A ", "no ", "no a, ", "か", "一", "ない", "次の", "write ", "1", "[", "「"]
)
def test_long_texts_of_one_piece_take_no_time(piece):
    text = piece * (20_000 // len(piece))
    for language in ("en", "ja"):
        source = Faithful(Document("d", "Lamp", LAMP), language)
        start = time.perf_counter()
        source.check(text)
        source._beside(text)
        assert time.perf_counter() - start < 3
