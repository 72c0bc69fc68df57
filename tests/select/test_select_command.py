"""`homespun select`: files in, kept records out as they were; bad input reported; exit codes; verdicts."""

from __future__ import annotations

import csv
import json
import math
import os
import subprocess
import sys
import time
from pathlib import Path

import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from homespun import cli
from homespun.data import find, write
from homespun.errors import DataError

TEXTS = ["The cat sat on the mat.", "the  CAT sat on the mat.", "A dog ran in the park.", "Rain fell all night long."]
LINES = [b'{"id": "r%d",  "text": "%s", "q": %d}\n' % (i, text.encode(), i) for i, text in enumerate(TEXTS)]


@pytest.fixture
def run(monkeypatch, capsys, tmp_path):
    """Run the command line in this process and return (code, out, err)."""
    monkeypatch.chdir(tmp_path)

    def command(*words: object) -> tuple[int, str, str]:
        monkeypatch.setattr(sys, "argv", ["homespun", "select", *map(str, words)])
        with pytest.raises(SystemExit) as left:
            cli.main()
        out, err = capsys.readouterr()
        assert "Traceback" not in err
        return int(left.value.code or 0), out, err

    return command


@pytest.fixture
def rows(tmp_path) -> Path:
    path = tmp_path / "rows.jsonl"
    path.write_bytes(b"".join(LINES))
    return path


def verdicts(path: Path) -> list[dict]:
    return [json.loads(line) for line in path.read_text().splitlines()]


# What is written


def test_kept_lines_are_the_same_bytes_in_the_same_order(run, rows, tmp_path):
    code, out, _ = run("rows.jsonl", "--exact", "--out", "kept.jsonl")
    assert code == 0
    assert (tmp_path / "kept.jsonl").read_bytes() == LINES[0] + LINES[2] + LINES[3]
    assert ["read", "4"] in [line.split() for line in out.splitlines()]
    assert any(line.split()[:2] == ["kept", "3"] for line in out.splitlines())


def test_without_out_nothing_is_written_and_the_summary_says_so(run, rows, tmp_path):
    code, out, _ = run("rows.jsonl", "--exact")
    assert (code, sorted(path.name for path in tmp_path.iterdir())) == (0, ["rows.jsonl"])
    assert "not written" in out


def test_a_rule_that_drops_nothing_writes_the_same_file(run, tmp_path):
    data = "\ufeff".encode() + LINES[0] + LINES[2].replace(b"\n", b"\r\n") + LINES[3].rstrip(b"\n")
    (tmp_path / "odd.jsonl").write_bytes(data)
    assert run("odd.jsonl", "--exact", "--out", "kept.jsonl")[0] == 0
    assert (tmp_path / "kept.jsonl").read_bytes() == data.removeprefix("\ufeff".encode())


def test_several_files_are_one_set_and_a_missing_line_end_is_mended(run, tmp_path):
    (tmp_path / "a.jsonl").write_bytes(LINES[0].rstrip(b"\n"))
    (tmp_path / "b.jsonl").write_bytes(LINES[1] + LINES[2])
    run("a.jsonl", "b.jsonl", "--exact", "--out", "kept.jsonl", "--verdicts", "v.jsonl")
    assert (tmp_path / "kept.jsonl").read_bytes() == LINES[0] + LINES[2]
    (drop,) = verdicts(tmp_path / "v.jsonl")
    assert (drop["file"], drop["record"], drop["duplicate_of"]) == ("b.jsonl", 1, "a.jsonl:1")


def test_csv_keeps_quotes_breaks_and_header(run, tmp_path):
    head, first, copy, other = b"id,text\r\n", b'1,"one, ""two""\nthree"\r\n', b'2,"ONE, ""two"" three"\n', b"3,four\n"
    (tmp_path / "rows.csv").write_bytes(head + first + copy + other)
    assert run("rows.csv", "--exact", "--out", "kept.csv", "--verdicts", "v.jsonl")[0] == 0
    assert (tmp_path / "kept.csv").read_bytes() == head + first + other
    assert verdicts(tmp_path / "v.jsonl")[0]["record"] == 4  # the line the record begins at


def test_parquet_keeps_schema_and_values(run, tmp_path):
    schema = pa.schema([("text", pa.string()), ("n", pa.int8()), ("tags", pa.list_(pa.large_string()))])
    table = pa.Table.from_pylist(
        [{"text": text, "n": i, "tags": ["x"] * i} for i, text in enumerate(TEXTS)], schema=schema
    )
    pq.write_table(table, tmp_path / "rows.parquet", row_group_size=3)
    run("rows.parquet", "--exact", "--out", "kept.parquet")
    kept = pq.read_table(tmp_path / "kept.parquet")
    assert kept.schema == schema
    assert kept.to_pylist() == [table.to_pylist()[i] for i in (0, 2, 3)]


@pytest.mark.parametrize("suffix", ["jsonl", "parquet"])
def test_formats_turn_into_others(run, rows, tmp_path, suffix):
    (tmp_path / "rows.csv").write_text("text,q\nalpha,1\nbeta,2\n")
    run("rows.csv", "--exact", "--out", f"kept.{suffix}")
    path = tmp_path / f"kept.{suffix}"
    records = verdicts(path) if suffix == "jsonl" else pq.read_table(path).to_pylist()
    assert records == [{"text": "alpha", "q": "1"}, {"text": "beta", "q": "2"}]


def test_lines_with_other_fields_become_one_table(run, tmp_path):
    some = [{"text": f"row {i}", "a": i} for i in range(1100)] + [{"text": "last", "b": {"c": [1.5]}}]
    (tmp_path / "rows.jsonl").write_text("".join(json.dumps(record) + "\n" for record in some))
    run("rows.jsonl", "--exact", "--out", "kept.parquet")
    kept = pq.read_table(tmp_path / "kept.parquet").to_pylist()
    assert len(kept) == 1101
    assert (kept[5]["a"], kept[5]["b"], kept[-1]["a"], kept[-1]["b"]) == (5, None, None, {"c": [1.5]})


def test_a_field_of_two_types_is_no_parquet(run, tmp_path):
    (tmp_path / "rows.jsonl").write_text('{"text": "a", "x": 1}\n{"text": "b", "x": {"y": 2}}\n')
    code, _, err = run("rows.jsonl", "--exact", "--out", "kept.parquet")
    assert code == 1
    assert "write .jsonl" in err
    assert not (tmp_path / "kept.parquet").exists()


@pytest.mark.parametrize("suffix", ["jsonl", "csv", "parquet"])
def test_verdicts_of_every_dropped_row(run, rows, tmp_path, suffix):
    run("rows.jsonl", "--exact", "--at-least", "q:3", "--verdicts", f"v.{suffix}")
    path = tmp_path / f"v.{suffix}"
    if suffix == "jsonl":
        found = verdicts(path)
    elif suffix == "csv":
        with path.open(newline="") as stream:
            found = list(csv.DictReader(stream))
    else:
        found = pq.read_table(path).to_pylist()
    assert [(v["file"], int(v["record"]), v["id"], v["rule"]) for v in found] == [
        ("rows.jsonl", 1, "r0", "at_least q 3"),
        ("rows.jsonl", 2, "r1", "exact_duplicates"),
        ("rows.jsonl", 3, "r2", "at_least q 3"),
    ]
    assert found[1]["duplicate_of"] == "rows.jsonl:1"
    assert (float(found[0]["score"]), float(found[0]["threshold"])) == (0.0, 3.0)


def test_an_unfinished_file_is_not_there(rows, tmp_path, monkeypatch):
    (part,) = find.parts(rows)
    out = tmp_path / "kept.jsonl"
    out.write_text("older")

    def fail(_count: int) -> None:
        raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        write.write(out, [(part, [1, 2])], fail)
    assert out.read_text() == "older"
    assert sorted(path.name for path in tmp_path.iterdir()) == ["kept.jsonl", "rows.jsonl"]


def test_a_pipe_is_written_to_and_not_replaced(tmp_path):
    os.mkfifo(tmp_path / "pipe")
    with subprocess.Popen(["cat", tmp_path / "pipe"], stdout=subprocess.PIPE) as reader:
        with write.whole(tmp_path / "pipe") as stream:
            assert write.lines_to(stream, [{"a": math.nan}]) == 1
        assert reader.stdout.read() == b'{"a": null}\n'
    assert (tmp_path / "pipe").is_fifo()


def test_a_file_that_changes_meanwhile_is_not_mixed(rows, tmp_path):
    (part,) = find.parts(rows)
    before = write.stamp(part)
    rows.write_bytes(b"".join(LINES[1:]))
    with pytest.raises(DataError, match="changed while it was read"):
        write.write(tmp_path / "kept.jsonl", [(part, [1, 2])], lambda count: None, [before])
    assert not (tmp_path / "kept.jsonl").exists()


# Bad input


def test_bad_records_are_reported_and_the_rest_is_processed(run, tmp_path):
    bad = [
        b"not json\n",
        b'{"q": 1}\n',
        b'{"text": ""}\n',
        b'{"text": "  "}\n',
        b'{"text": 7}\n',
        b'{"text": null}\n',
        b'{"text": ["a"]}\n',
        b'{"text": "\xff"}\n',
        b"[1]\n",
        b'{"text": NaN}\n',
    ]
    (tmp_path / "rows.jsonl").write_bytes(LINES[0] + b"".join(bad) + b"\n" + LINES[2])
    code, out, err = run("rows.jsonl", "--exact", "--out", "kept.jsonl", "--verdicts", "v.jsonl")
    assert code == 2
    assert (tmp_path / "kept.jsonl").read_bytes() == LINES[0] + LINES[2]
    found = verdicts(tmp_path / "v.jsonl")
    assert [v["record"] for v in found] == list(range(2, 12))
    assert {v["rule"] for v in found} == {"unreadable"}
    for number, words in {2: "not a JSON object", 3: 'no field "text"', 4: "empty", 6: "a number", 7: "null",
                          8: "a list", 9: "not UTF-8", 10: "expected a JSON object"}.items():  # fmt: skip
        assert words in found[number - 2]["reason"]
        assert f"rows.jsonl:{number}: " in err
    assert any(line.split()[:2] == ["unreadable", "-10"] for line in out.splitlines())


def test_a_file_may_begin_badly(run, tmp_path):
    (tmp_path / "rows.jsonl").write_bytes(b'{"text": ""}\n{"other": 1}\n' * 300 + LINES[0])
    code, out, _ = run("rows.jsonl", "--exact")
    assert (code, "-600" in out) == (2, True)


def test_only_the_first_problems_are_on_the_screen(run, tmp_path):
    (tmp_path / "rows.jsonl").write_bytes(LINES[0] + b"bad\n" * 50)
    _, _, err = run("rows.jsonl", "--exact", "--verdicts", "v.jsonl")
    assert err.count("not a JSON object") == 20
    assert "30 more" in err
    assert len(verdicts(tmp_path / "v.jsonl")) == 50


def test_csv_with_a_wrong_number_of_columns(run, tmp_path):
    (tmp_path / "rows.csv").write_text('text,n\nalpha,1\nbeta\ngamma,2,3\n"del"ta,4\nepsilon,5\n')
    code, _, err = run("rows.csv", "--exact", "--out", "kept.csv")
    assert code == 2
    assert (tmp_path / "kept.csv").read_text() == "text,n\nalpha,1\nepsilon,5\n"
    for number in (3, 4, 5):
        assert f"rows.csv:{number}: " in err


def test_null_and_empty_texts_of_parquet(run, tmp_path):
    pq.write_table(pa.table({"text": ["one", None, "", "two"]}), tmp_path / "rows.parquet")
    code, _, err = run("rows.parquet", "--exact", "--out", "kept.parquet")
    assert (code, pq.read_table(tmp_path / "kept.parquet")["text"].to_pylist()) == (2, ["one", "two"])
    assert "rows.parquet:2:" in err
    assert "rows.parquet:3:" in err


def test_one_giant_row(run, tmp_path):
    giant = json.dumps({"text": "word " * 2_000_000})
    (tmp_path / "rows.jsonl").write_bytes(LINES[0] + giant.encode() + b"\n" + LINES[2])
    assert run("rows.jsonl", "--exact", "--out", "kept.jsonl")[0] == 0
    assert (tmp_path / "kept.jsonl").stat().st_size == len(LINES[0]) + len(giant) + 1 + len(LINES[2])


def test_a_giant_row_does_not_hold_up_the_report(run, tmp_path):
    texts = [*TEXTS, "several words again " * 60_000, "and " + "several words again " * 60_000]
    (tmp_path / "giant.jsonl").write_text("".join(json.dumps({"text": text}) + "\n" for text in texts))
    start = time.process_time()
    assert run("giant.jsonl", "--exact", "--report", "page.html")[0] == 0
    assert time.process_time() - start < 5
    assert (tmp_path / "page.html").stat().st_size < 100_000


def test_a_giant_cell_of_csv(run, tmp_path):
    (tmp_path / "rows.csv").write_text("text\n" + "x" * 300_000 + "\nshort\n")
    assert run("rows.csv", "--exact")[0] == 0


def test_embeddings_of_uneven_width(run, tmp_path):
    vectors = [[1.0, 0.0], [0.0, 1.0, 0.5], [0.6, 0.8], "no", None, [], [0.0, 1.0]]
    lines = [json.dumps({"text": f"row {i}", "v": v}) + "\n" for i, v in enumerate(vectors)]
    (tmp_path / "rows.jsonl").write_text("".join(lines))
    code, _, err = run("rows.jsonl", "--semantic", "0.99", "--embeddings", "v", "--out", "kept.jsonl",
                       "--verdicts", "v.jsonl")  # fmt: skip
    assert code == 2
    assert (tmp_path / "kept.jsonl").read_text() == lines[0] + lines[2] + lines[6]
    assert [v["record"] for v in verdicts(tmp_path / "v.jsonl")] == [2, 4, 5, 6]
    assert '"v" has 3 numbers, and most rows have 2' in err


@pytest.mark.parametrize("value", ["1e999", "-1e999", '"inf"', '"NaN"', "null", '"good"', "1" + "0" * 400])
def test_what_is_no_finite_number_ranks_nowhere(run, tmp_path, value):
    lines = f'{{"text": "one", "n": 1}}\n{{"text": "two", "n": {value}}}\n{{"text": "three", "n": 3}}\n'
    (tmp_path / "in.jsonl").write_text(lines)
    code, out, _ = run("in.jsonl", "--at-least", "n:-5", "--top", "n:2", "--out", "kept.jsonl")
    assert code == 0 and "1 could not be scored" in out
    assert (tmp_path / "kept.jsonl").read_text() == "".join(lines.splitlines(keepends=True)[::2])


def test_rows_without_a_number_are_excluded_and_counted(run, tmp_path):
    (tmp_path / "rows.jsonl").write_text('{"text": "a", "q": 1}\n{"text": "b"}\n{"text": "c", "q": "3"}\n')
    code, out, _ = run("rows.jsonl", "--at-most", "q:5", "--verdicts", "v.jsonl")
    assert code == 0
    assert "1 could not be scored" in out
    assert verdicts(tmp_path / "v.jsonl")[0]["reason"].startswith("could not be scored")


@pytest.mark.parametrize(
    ("words", "says"),
    [
        (["none.jsonl", "--exact"], "no such file"),
        (["rows.txt", "--exact"], "Readable: .jsonl"),
        (["rows.json", "--exact"], "jq"),
        (["-", "--exact"], "pipe"),
        (["empty", "--exact"], "no dataset in this folder. Looked for state.json"),
        (["void.jsonl", "--exact"], "there is no record"),
        (["rows.jsonl", "--exact", "--field", "txt"], 'rows.jsonl:1: has no field "txt". Did you mean "text"?'),
        (["rows.jsonl", "--exact", "--field", "{text"], "braces"),
        (["rows.jsonl", "--exact", "--within", "topic", "--rouge-l", "0.7"], 'no field "topic"'),
        (["rows.jsonl"], "nothing to select by"),
        (["rows.jsonl", "--rouge-l", "7"], "--rouge-l is 7; it must lie between 0 and 1"),
        (["rows.jsonl", "--rouge-l", "high"], '"high" is no number'),
        (["rows.jsonl", "--minhash", "1"], "--minhash"),
        (["rows.jsonl", "--top", "q"], "FIELD:SHARE"),
        (["rows.jsonl", "--top", "q:1.5"], "no share"),
        (["rows.jsonl", "--top", "p:0.5"], 'no record has a number in "p". Fields: id, text, q'),
        (["rows.jsonl", "--perplexity", "lowest:0.5"], "low:SHARE"),
        (["rows.jsonl", "--semantic", "0.9"], "--embeddings"),
        (["rows.jsonl", "--against", "eval.jsonl"], "no such file"),
        (["rows.jsonl", "--exact", "--language", "de"], "en, ja"),
        (["rows.jsonl", "--exact", "--out", "rows.jsonl"], "is, or lies in, what is read"),
        (["rows.jsonl", "--exact", "--out", "kept.txt"], ".parquet"),
        (["rows.jsonl", "--exact", "--out", "kept.csv"], "CSV is written from CSV only"),
        (["rows.jsonl", "--exact", "--out", "x.jsonl", "--verdicts", "x.jsonl"], "same file"),
        (["rows.jsonl", "rows.jsonl", "--exact"], "named twice"),
        (["rows.jsonl", "--at-least", "q:9", "--out", "kept.jsonl"], "none of 4 rows is kept"),
        (["rows.jsonl", "--exact", "--rules", "rules.yaml"], "not both"),
        (["rows.jsonl", "--within", "q", "--rules", "rules.yaml"], "--within goes with rules given as options"),
        (["rows.jsonl", "--rules", "none.yaml"], "no such recipe file"),
        (["rows.jsonl", "--exact", "--within", "topic"], "--within topic: none of --exact works within groups"),
        (["rows.jsonl", "--calibrate", "--rouge-l", "1", "--out", "x.jsonl"], "leave out --rouge-l, --out"),
        # no model is asked where no row is left
        (
            ["rows.jsonl", "--at-least", "q:99", "--perplexity", "low:0.5"],
            "none of 4 rows is kept (at_least q 99: 4, bottom perplexity 0.5: 0)",
        ),
        (["rows.jsonl", "--exact", "--out", "rows.txt/kept.jsonl"], "cannot write into"),
        (["damaged.parquet", "--exact"], "not a sound Parquet file"),
        (["wide.csv", "--exact"], "wide.csv:1: not UTF-8, but perhaps UTF-16 or Latin-1; save it as UTF-8"),
    ],
)
def test_user_errors(run, rows, tmp_path, words, says):
    (tmp_path / "rows.txt").write_text("x")
    (tmp_path / "rows.json").write_text("[]")
    (tmp_path / "void.jsonl").write_text("\n\n")
    (tmp_path / "damaged.parquet").write_bytes(b"PAR1 no PAR1")
    (tmp_path / "wide.csv").write_bytes("text\nRain fell all night.\n".encode("utf-16"))
    (tmp_path / "empty").mkdir()
    (tmp_path / "empty" / "notes.md").write_text("x")
    before = sorted(path.name for path in tmp_path.iterdir())
    code, _, err = run(*words)
    assert code == 1
    assert says in err
    assert rows.read_bytes() == b"".join(LINES)
    assert sorted(path.name for path in tmp_path.iterdir()) == before


# Rules


def test_rules_file(run, rows, tmp_path):
    (tmp_path / "rules.yaml").write_text("select:\n  - {kind: exact_duplicates}\n  - {kind: top, by: q, count: 1}\n")
    code, out, _ = run("rows.jsonl", "--rules", "rules.yaml", "--out", "kept.jsonl")
    assert (code, (tmp_path / "kept.jsonl").read_bytes()) == (0, LINES[3])
    assert "top q 1 row" in out


@pytest.mark.parametrize(
    ("text", "says"),
    [
        ("select:\n  - {kind: exact_duplicate}\n", 'rules.yaml:2: select[0].kind: unknown rule kind "exact_duplicate". '
         'Did you mean "exact_duplicates"?'),
        ("select:\n  - kind: top\n    by: q\n    shar: 0.5\n", 'rules.yaml:4: select[0].shar: unknown key "shar".'),
        ("selct: []\n", "a list of rules under `select`"),
        ("select:\n  - {kind: top, by: q, share: 2}\n", "rules.yaml:2: select[0].share"),
        ("scores: {}\nselect: [{kind: exact_duplicates}]\n", 'unknown key "scores". Did you mean "score"?'),
        ("score: {p: {kind: probability}}\nselect: [{kind: exact_duplicates}]\n", "needs a `task`"),
        ("models: {scorr: embedded}\nselect: [{kind: exact_duplicates}]\n", 'Did you mean "scorer"'),
        ("select:\n  - {kind: rouge_l, threshold: 1.7}\n", "rules.yaml:2: select[0].threshold"),
    ],
)  # fmt: skip
def test_rules_file_errors_name_file_and_line(run, rows, tmp_path, text, says):
    (tmp_path / "rules.yaml").write_text(text)
    code, _, err = run("rows.jsonl", "--rules", "rules.yaml")
    assert code == 1
    assert says in err


def test_rouge_l_names_the_row_it_repeats(run, tmp_path):
    texts = ["write a poem about the sea", "write a poem about the lake", "list three fruits"]
    (tmp_path / "rows.jsonl").write_text("".join(json.dumps({"instruction": text}) + "\n" for text in texts))
    run("rows.jsonl", "--field", "instruction", "--rouge-l", "0.7", "--verdicts", "v.jsonl")
    (drop,) = verdicts(tmp_path / "v.jsonl")
    assert (drop["rule"], drop["score"], drop["threshold"]) == ("rouge_l 0.7", pytest.approx(10 / 12), 0.7)
    assert (drop["record"], drop["duplicate_of"]) == (2, "rows.jsonl:1")


def test_against_an_evaluation_set(run, tmp_path):
    question = "Which river flows through the old town of the capital, and where does it end?"
    lines = [json.dumps({"text": text}) + "\n" for text in (question.upper(), "Name three fruits that grow on trees.")]
    (tmp_path / "rows.jsonl").write_text("".join(lines))
    (tmp_path / "eval.jsonl").write_text(json.dumps({"question": question, "answer": "the Elbe"}) + "\n")
    code, _, _ = run("rows.jsonl", "--against", "eval.jsonl", "--out", "kept.jsonl", "--verdicts", "v.jsonl")
    assert (code, (tmp_path / "kept.jsonl").read_text()) == (0, lines[1])
    assert "eval.jsonl" in verdicts(tmp_path / "v.jsonl")[0]["reason"]
    assert run("rows.jsonl", "--against", "eval.jsonl", "--out", "eval.jsonl")[0] == 1


def test_a_model_that_is_not_there(run, rows, tmp_path):
    (tmp_path / "model").mkdir()
    code, _, err = run("rows.jsonl", "--perplexity", "low:0.5", "--model", "./model")
    assert (code, "model" in err) == (1, True)


def test_shortcuts_apply_in_their_fixed_order(run, rows):
    _, out, _ = run("rows.jsonl", "--random", "0.9", "--rouge-l", "0.9", "--top", "q:0.9", "--exact")
    names = [line.split()[0] for line in out.splitlines()]
    assert names == ["read", "exact_duplicates", "rouge_l", "top", "random", "kept"]


def test_options_on_a_field_may_repeat(run, rows, tmp_path):
    code, out, _ = run("rows.jsonl", "--at-least", "q:1", "--at-least", "id_number:0", "--out", "kept.jsonl")
    assert code == 1
    code, out, _ = run("rows.jsonl", "--at-least", "q:1", "--at-least", "q:2", "--top", "q:1", "--out", "kept.jsonl")
    assert (code, (tmp_path / "kept.jsonl").read_bytes()) == (0, LINES[3])
    assert [line.split()[:3] for line in out.splitlines()[1:3]] == [["at_least", "q", "1"], ["at_least", "q", "2"]]


def test_within_compares_only_inside_a_group(run, tmp_path):
    lines = [json.dumps({"text": "the same words here", "topic": topic}) + "\n" for topic in ("a", "b", "a")]
    (tmp_path / "rows.jsonl").write_text("".join(lines))
    run("rows.jsonl", "--rouge-l", "0.7", "--within", "topic", "--out", "kept.jsonl")
    assert (tmp_path / "kept.jsonl").read_text() == lines[0] + lines[1]


def test_template_nested_field_and_conversation(run, tmp_path):
    def kept(*fields: str) -> list[int]:
        words = [word for field in fields for word in ("--field", field)]
        run("rows.jsonl", *words, "--exact", "--out", "kept.jsonl")
        return [record["n"] for record in verdicts(tmp_path / "kept.jsonl")]

    records = [
        {"n": 0, "q": "a", "a": "b", "meta": {"t": "x"}, "turns": [{"role": "user", "content": "hi"}]},
        {"n": 1, "q": "a", "a": "c", "meta": {"t": "x"}, "turns": [{"from": "human", "value": "hi"}]},
        {"n": 2, "q": "d", "a": "c", "meta": {"t": "y"}, "turns": [{"role": "user", "content": "ho"}]},
    ]
    (tmp_path / "rows.jsonl").write_text("".join(json.dumps(record) + "\n" for record in records))
    assert kept("q") == [0, 2]
    assert kept("a") == [0, 1]
    assert kept("{q} {a}") == [0, 1, 2]
    assert kept("q", "a") == [0, 1, 2]
    assert kept("meta.t") == [0, 2]
    assert kept("turns") == [0, 2]
    assert kept("turns.0.content") == [0, 2]  # the second has none


def test_japanese_is_seen_and_compared_by_words(run, tmp_path):
    texts = ["今日はとても天気が良いので散歩に行きましょう。", "今日はとても天気が良いので買い物に行きましょう。", "猫"]
    (tmp_path / "rows.jsonl").write_text("".join(json.dumps({"text": text}) + "\n" for text in texts))
    _, _, err = run("rows.jsonl", "--rouge-l", "0.7", "--out", "kept.jsonl")
    assert "language: ja" in err
    assert [r["text"] for r in verdicts(tmp_path / "kept.jsonl")] == [texts[0], texts[2]]


def test_rows_of_a_mixed_file_are_each_in_their_language(run, tmp_path):
    """Cut by morphemes the two Japanese texts have an F of 0.917, by characters as in an English file 0.889."""
    pytest.importorskip("sudachipy")
    english = [
        f"Note {number}: {word} is the word of this day." for number, word in enumerate(["rain", "chess", "salt"])
    ]
    japanese = ["今日はとても天気が良いので散歩に行きましょう。", "今日はとても天気が良いので買い物に行きましょう。"]
    texts = [*english, *japanese]
    (tmp_path / "rows.jsonl").write_text("".join(json.dumps({"text": text}) + "\n" for text in texts))
    _, _, err = run("rows.jsonl", "--rouge-l", "0.9", "--out", "kept.jsonl")
    assert "language: en (3 rows) and ja (2 rows), by the script of each record" in err
    assert [r["text"] for r in verdicts(tmp_path / "kept.jsonl")] == texts[:4]
    _, _, err = run("rows.jsonl", "--rouge-l", "0.9", "--language", "en", "--out", "kept.jsonl")
    assert "by the script" not in err and len(verdicts(tmp_path / "kept.jsonl")) == 5


def test_missing_extras_that_matter_are_told(run, tmp_path, monkeypatch):
    lines = [json.dumps({"text": f"{i}番目の平均を計算する方法を教えてください"}) + "\n" for i in range(4)]
    (tmp_path / "ja.jsonl").write_text("".join(lines))
    monkeypatch.setattr("homespun.select.files.command.MANY", 4)
    monkeypatch.setattr("homespun.select.files.command.find_spec", lambda name: None)
    _, _, err = run("ja.jsonl", "--rouge-l", "0.95")
    assert ("install the extra `ja`" in err, "install the extra `fast`" in err) == (True, True)
    _, _, err = run("ja.jsonl", "--exact")
    assert "install the extra" not in err


def test_mixed_scripts_are_compared_all_the_same(run, tmp_path):
    texts = ["Hello there my friend", "Привет мой друг", "Привет мой друг!", "你好朋友 hello", "🙂 🙂"]
    (tmp_path / "rows.jsonl").write_text("".join(json.dumps({"text": text}) + "\n" for text in texts))
    code, _, _ = run("rows.jsonl", "--rouge-l", "0.7", "--out", "kept.jsonl")
    assert code == 0
    assert [r["text"] for r in verdicts(tmp_path / "kept.jsonl")] == [texts[0], texts[1], texts[3], texts[4]]


def test_random_follows_the_seed(run, rows, tmp_path):
    drawn = set()
    for seed in (1, 1, 2, 3, 4):
        run("rows.jsonl", "--random", "2", "--seed", seed, "--out", "kept.jsonl")
        drawn.add((seed, (tmp_path / "kept.jsonl").read_bytes()))
    assert len(drawn) == 4
    assert len({data for _, data in drawn}) > 1


# What fits these texts


def test_calibrate_prints_a_threshold_and_selects_nothing(run, rows, tmp_path):
    rows.write_bytes(b"".join(LINES) + b"{}\n")
    code, out, err = run("rows.jsonl", "--calibrate")
    assert code == 2 and "rows.jsonl:5" in out + err
    assert "4 of 4 rows looked at" in out
    assert "0.95       2" in out and "proposed threshold: 0.7" in out
    assert [path.name for path in tmp_path.iterdir()] == ["rows.jsonl"]
