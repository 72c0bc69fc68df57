"""Questions of the user's: flat, nested, renamed; whatever is none is told with file and line."""

import json
from pathlib import Path

import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from homespun.data.questions import Question, read_questions
from homespun.errors import DataError, UsageError

SQUAD = Path(__file__).parents[3] / "shared/data/knowledge_en/squad_200.jsonl"


@pytest.fixture
def lines(tmp_path):
    def write(*records, name="q.jsonl"):
        path = tmp_path / name
        path.write_text("".join(json.dumps(record, ensure_ascii=False) + "\n" for record in records), encoding="utf-8")
        return path

    return write


def test_flat_questions_with_their_own_names(lines):
    path = lines(
        {
            "id": "a",
            "document": "d1",
            "category": "product",
            "question": "How heavy?",
            "answer": "776 g",
            "split": "test",
        },
        {"question": "  重さは？ ", "answer": ["754g", "754グラム", "754g"]},
    )
    assert list(read_questions(path)) == [
        Question("a", "How heavy?", ("776 g",), "d1", "product", "test", {}),
        Question("2", "重さは？", ("754g", "754グラム")),
    ]


def test_nested_questions_belong_to_their_passage(lines):
    path = lines(
        {
            "id": "p1",
            "title": "T",
            "category": "law",
            "passage": "...",
            "questions": [{"question": "Who?", "answers": ["Ann", "Ann Lee"]}, {"question": "When?", "answer": 1999}],
        },
        {"passage": "...", "questions": []},
        {"passage": "...", "questions": [{"question": "Who?", "answer": "Bo", "document": "p9", "id": "own"}]},
    )
    assert list(read_questions(path)) == [
        Question("p1#1", "Who?", ("Ann", "Ann Lee"), "p1", "law"),
        Question("p1#2", "When?", ("1999",), "p1", "law"),
        Question("own", "Who?", ("Bo",), "p9"),
    ]


def test_columns_rename_reach_inside_and_make_groups(lines):
    columns = {"question": "q", "answer": "answers.text", "document": "context_id", "type": "meta.kind"}
    path = lines({"q": "Who?", "answers": {"text": ["Ann"], "start": [3]}, "context_id": 7, "meta": {"kind": "person"}})
    assert list(read_questions(path, columns)) == [Question("1", "Who?", ("Ann",), "7", groups={"type": "person"})]
    path = lines({"ref": "p1", "items": [{"q": "Who?", "a": "Ann"}]})
    columns = {"questions": "items", "question": "q", "answer": "a", "document": "ref"}
    assert list(read_questions(path, columns)) == [Question("p1#1", "Who?", ("Ann",), "p1")]


def test_csv_and_parquet(tmp_path):
    csv = tmp_path / "q.csv"
    csv.write_text('question,answer,document\nWho?,"[""Ann"", ""Ann Lee""]",d\nWhat?,[1],d\n"Two\nlines",x,\n')
    assert [q.answers for q in read_questions(csv)] == [("Ann", "Ann Lee"), ("[1]",), ("x",)]
    parquet = tmp_path / "q.parquet"
    pq.write_table(pa.table({"question": ["Who?"], "answer": [["Ann", "Ann Lee"]], "split": [None]}), parquet)
    assert list(read_questions(parquet)) == [Question("1", "Who?", ("Ann", "Ann Lee"))]


def test_every_problem_is_told_with_its_line_and_the_sound_ones_come_first(lines):
    path = lines(
        {"question": "Who?", "answer": "Ann", "document": "d"},
        {"qestion": "Who?", "answer": "Ann"},
        {"question": "Where?", "answer": []},
        {"question": "Where?", "answer": {"text": "x"}},
        {"question": ["Where?"], "answer": "x"},
        {"question": "Is it?", "answer": True},
        {"question": " ", "answer": "x"},
        {"question": "ｗｈｏ？", "answer": "Bo", "document": "d"},
        {"id": "p", "questions": ["Who?", {"question": "Who?"}]},
        {"id": "p", "questions": "Who?"},
    )
    with path.open("a") as stream:
        stream.write("not json\n")
    found = []
    with pytest.raises(DataError) as caught:
        found.extend(read_questions(path))
    assert [q.answers for q in found] == [("Ann",)]
    told = str(caught.value)
    for expected in (
        "11 records cannot be asked",
        'q.jsonl:2: has no "question". Did you mean "qestion"? It has: qestion, answer',
        'q.jsonl:3: "answer" is empty; a question needs at least one accepted answer',
        'q.jsonl:4: "answer" is an object; name the field inside it, as in columns: {answer: answer.text}',
        'q.jsonl:5: "question" is no text but a list',
        'q.jsonl:6: "answer" is no text but true or false',
        'q.jsonl:7: "question" is empty',
        f'q.jsonl:8: asks "ｗｈｏ？" of "d" again, as line 1 of {path} does; keep one',
        "q.jsonl:9: question 1: expected an object with question and answer, got 'Who?'",
        'q.jsonl:9: question 2: has no "answer"',
        'q.jsonl:10: "questions" is no list of questions',
        "and 1 more",
    ):
        assert expected in told


def test_ids_are_unique_and_the_same_question_of_another_document_or_split_is_another(lines):
    path = lines(
        {"id": "a", "question": "Who?", "answer": "Ann", "document": "d"},
        {"id": "b", "question": "Who?", "answer": "Ann", "document": "e"},
        {"id": "c", "question": "Who?", "answer": "Ann", "document": "d", "split": "train"},
    )
    assert len(list(read_questions(path))) == 3
    path = lines({"id": "a", "question": "Who?", "answer": "Ann"}, {"id": "a", "question": "What?", "answer": "Ann"})
    with pytest.raises(DataError, match=r'q.jsonl:2: has the id "a" of line 1 of .*; give each its own'):
        list(read_questions(path))


def test_a_folder_of_files_gives_every_question_an_id(lines, tmp_path):
    lines({"question": "Who?", "answer": "Ann"}, name="a.jsonl")
    lines({"question": "What?", "answer": "It"}, name="b.jsonl")
    assert [q.id for q in read_questions(tmp_path)] == ["1", "b.jsonl:1:1"]


def test_what_is_asked_for_must_be_there(lines, tmp_path):
    path = lines({"question": "Who?", "answer": "Ann"})
    for columns, told in (
        ({"document": "doc"}, 'has no "doc". It has: question, answer'),
        ({"answer": "response"}, 'has no "response"'),
        ({"type": "kind"}, 'has no "kind"'),
        ({"questions": "items"}, 'has no "items". It has: question, answer'),
    ):
        with pytest.raises(DataError) as caught:
            list(read_questions(path, columns))
        assert f"{path}:1: {told}" in str(caught.value)
    with pytest.raises(UsageError, match=r'"anwser" is none of .* Did you mean "answer"'):
        list(read_questions(path, {"anwser": "a"}))
    assert next(read_questions(lines({"question": "Who?", "answer": "A", "s": "x"}), {"section": "s"})).groups == {
        "section": "x"
    }
    with pytest.raises(DataError, match="no such file"):
        list(read_questions(tmp_path / "none.jsonl"))
    empty = tmp_path / "empty.jsonl"
    empty.write_text("")
    with pytest.raises(DataError, match="holds no question"):
        list(read_questions(empty))
    with pytest.raises(DataError, match=r"holds no question"):
        list(read_questions(lines({"id": "p", "questions": []})))


@pytest.mark.skipif(not SQUAD.is_file(), reason="shared data is not here")
def test_a_real_file_of_passages():
    questions = list(read_questions(SQUAD, {}))
    assert len(questions) == 970
    assert len({q.id for q in questions}) == 970
    assert len({q.document for q in questions}) == 200
    passages = {record["id"]: record["passage"] for record in map(json.loads, SQUAD.open(encoding="utf-8"))}
    assert all(q.answers[0] in passages[q.document] for q in questions)
