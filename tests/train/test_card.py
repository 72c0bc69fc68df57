import pytest
from tiny_student import row

from homespun.errors import DataError, DegenerateError
from homespun.task import Task
from homespun.train.base import Card, check_rows


def test_good_rows_have_no_warnings(rows, task):
    assert check_rows(rows, task) == []


def test_no_rows_are_refused(task):
    with pytest.raises(DegenerateError, match=r"no rows to train on.*Loosen"):
        check_rows([], task)


def test_one_label_is_refused_with_count_label_and_fix(task):
    with pytest.raises(DegenerateError, match=r'all 3 rows .*"positive" \(.*positive, negative\).*within label'):
        check_rows([row(f"good {i}", "positive") for i in range(3)], task)


def test_a_label_of_the_task_without_rows_is_a_warning():
    task = Task(description="Sort.", fields=("review",), labels={"a": "", "b": "", "c": ""})
    (warning,) = check_rows([row("x", "a"), row("y", "b")], task)
    assert "no row has the label c" in warning


def test_unknown_labels_are_named_with_counts(task):
    with pytest.raises(DataError, match=r'"Positive" \(2\).*Labels: positive, negative'):
        check_rows([row("x", "Positive"), row("y", "Positive"), row("z", "negative")], task)


def test_rows_without_text_are_counted(task):
    with pytest.raises(DataError, match="2 of 3 rows have no text"):
        check_rows([row("", "positive", "1"), row(" \n", "negative", "2"), row("z", "negative")], task)


def make_card(**changes):
    values = {
        "kind": "sft", "student": "s@1", "seed": 0, "rows": 4, "labels": {"a": 2, "b": 2}, "warnings": [],
        "epochs": 2, "steps": 4, "tokens": 100, "seconds": 2.0, "tokens_per_second": 50.0,
        "losses": [2.0, 1.5, 1.0, 0.5], "settings": {}, "device": "cpu", "dtype": "float32", "threads": 2,
        "versions": {"homespun": "0.1.0"}, "about": {},
    }  # fmt: skip
    return Card(**values | changes)


def test_card_comes_back_as_written_and_leaves_no_part(tmp_path):
    card = make_card(about={"recipe": "感情"})
    card.write(tmp_path)
    assert Card.read(tmp_path) == card
    assert [path.name for path in tmp_path.iterdir()] == ["card.json"]


def test_first_and_last_loss():
    card = make_card()
    assert card.first_loss == 2.0
    assert card.last_loss == pytest.approx(0.75)  # mean of the last epoch's two steps
