"""Folders as other tools leave them: which files hold the records, in which order, and what is no dataset."""

from __future__ import annotations

import json
from pathlib import Path

import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from homespun.data.find import parts
from homespun.data.read import count, entries
from homespun.errors import DataError

datasets = pytest.importorskip("datasets")
ROWS = [{"instruction": f"say {i}", "generation": f"answer {i}", "n": i} for i in range(5)]


def texts(path: Path, field: str = "instruction") -> list[str]:
    return [entry.record[field] for part in parts(path) for entry in entries(part) if entry.record is not None]


def said(*numbers: int) -> list[str]:
    return [f"say {number}" for number in numbers]


def test_save_to_disk_in_shards(tmp_path):
    datasets.Dataset.from_list(ROWS).save_to_disk(tmp_path / "set", num_shards=3)
    assert [part.kind for part in parts(tmp_path / "set")] == ["arrow"] * 3
    assert texts(tmp_path / "set") == said(0, 1, 2, 3, 4)
    assert sum(map(count, parts(tmp_path / "set"))) == 5


def test_a_chosen_order_survives_save_to_disk(tmp_path):
    datasets.Dataset.from_list(ROWS).select([3, 1]).save_to_disk(tmp_path / "set")
    assert texts(tmp_path / "set") == said(3, 1)


def test_dataset_dict_reads_its_splits_in_order_and_one_by_name(tmp_path):
    splits = {"train": datasets.Dataset.from_list(ROWS[:3]), "test": datasets.Dataset.from_list(ROWS[3:])}
    datasets.DatasetDict(splits).save_to_disk(tmp_path / "set")
    assert texts(tmp_path / "set") == said(0, 1, 2, 3, 4)
    assert texts(tmp_path / "set" / "test") == said(3, 4)


def test_folder_as_on_the_hub(tmp_path):
    for number, rows in ((10, ROWS[3:]), (9, ROWS[:3])):
        path = tmp_path / "set" / "data" / f"train-{number}.parquet"
        path.parent.mkdir(parents=True, exist_ok=True)
        pq.write_table(pa.Table.from_pylist(rows), path)
    (tmp_path / "set" / "README.md").write_text("---\nconfigs: []\n---\n")
    assert texts(tmp_path / "set") == said(0, 1, 2, 3, 4)  # 9 before 10


def test_distilabel_saved_to_disk(tmp_path):
    """A Distiset: a folder for each leaf step beside distiset_configs/ and artifacts/ (distilabel 1.5.3)."""
    root = tmp_path / "distiset"
    rows = [{**row, "distilabel_metadata": {"raw_output_text_generation_0": "x"}, "model_name": "m"} for row in ROWS]
    datasets.DatasetDict({"train": datasets.Dataset.from_list(rows)}).save_to_disk(root / "default")
    (root / "distiset_configs").mkdir()
    (root / "distiset_configs" / "pipeline.yaml").write_text("distilabel: {}\n")
    (root / "artifacts" / "step").mkdir(parents=True)
    (root / "artifacts" / "step" / "vectors.parquet").write_bytes(b"none of ours")
    assert texts(root) == said(0, 1, 2, 3, 4)
    datasets.Dataset.from_list(rows[:1]).save_to_disk(root / "other_step")
    with pytest.raises(DataError, match=r"holds several datasets; name the ones you mean: .*default, .*other_step"):
        parts(root)
    assert texts(root / "other_step") == said(0)


def test_data_designer_artifacts(tmp_path):
    """parquet-files/batch_*.parquet beside partial results, dropped columns and processors (data-designer 0.9.7)."""
    root = tmp_path / "artifacts" / "dataset"
    folders = ["parquet-files", "dropped-columns-parquet-files", "tmp-partial-parquet-files", "processors-files/chat"]
    for folder in folders:
        (root / folder).mkdir(parents=True)
        for number, rows in enumerate((ROWS[:2], ROWS[2:])):
            pq.write_table(pa.Table.from_pylist(rows), root / folder / f"batch_{number:05d}.parquet")
    (root / "metadata.json").write_text("{}")
    (root / "builder_config.json").write_text("{}")
    assert texts(root) == said(0, 1, 2, 3, 4)
    assert texts(tmp_path / "artifacts") == said(0, 1, 2, 3, 4)


def curator_line(row: dict, answer: object = None, parsed: object = None, errors: object = None) -> str:
    request = {"model": "m", "messages": [], "original_row": row, "original_row_idx": row["n"], "generation_params": {}}
    response = {
        "response_message": answer,
        "parsed_response_message": parsed,
        "response_errors": errors,
        "raw_response": {},
        "generic_request": request,
        "created_at": "2026-01-01T00:00:00",
        "finished_at": "2026-01-01T00:00:01",
    }
    return json.dumps(response) + "\n"


def test_curator_cache_of_answers(tmp_path):
    """responses_*.jsonl with parsed rows, plain answers and failures (curator 0.1.31)."""
    root = tmp_path / "abc123"
    root.mkdir()
    for number in (0, 10, 2):
        (root / f"requests_{number}.jsonl").write_text("{}\n")
        (root / f"metadata_{number}.json").write_text("{}")
    (root / "failed_requests.jsonl").write_text("{}\n")
    (root / "responses_0.jsonl").write_text(curator_line(ROWS[0], parsed=[ROWS[0], ROWS[1]]))
    (root / "responses_2.jsonl").write_text(curator_line(ROWS[2], answer="the answer"))
    (root / "responses_10.jsonl").write_text(curator_line(ROWS[3], errors=["429"]) + curator_line(ROWS[4], parsed=[]))
    found = [entry for part in parts(root) for entry in entries(part)]
    assert [entry.record and entry.record["instruction"] for entry in found] == [*said(0, 1, 2), None]
    assert found[2].record == {**ROWS[2], "response": "the answer"}
    assert "429" in found[3].problem
    assert texts(root / "responses_2.jsonl") == said(2)


def test_notes_of_datasets_beside_the_rows_are_no_rows(tmp_path):
    """`datasets` leaves cache-*.arrow where a dataset was sorted or filtered; curator's `.dataset` is."""
    for name, rows in (("1fb2bfc14bd2cbc3.arrow", ROWS), ("cache-f18766928e5145f1.arrow", [{"indices": 0}])):
        table = pa.Table.from_pylist(rows)
        with pa.ipc.new_stream(tmp_path / name, table.schema) as stream:
            stream.write_table(table)
    (tmp_path / "responses_0.jsonl").write_text(curator_line(ROWS[0], answer="x"))
    assert [part.path.name for part in parts(tmp_path)] == ["1fb2bfc14bd2cbc3.arrow"]


def test_curator_cache_with_parsed_rows_reads_those(tmp_path):
    from datasets.arrow_writer import ArrowWriter

    root = tmp_path / "abc123"
    root.mkdir()
    (root / "responses_0.jsonl").write_text(curator_line(ROWS[0], answer="x"))
    with ArrowWriter(path=str(root / "0f0f.arrow")) as writer:
        for row in ROWS:
            writer.write({**row, "__original_row_idx": row["n"]})
        writer.finalize()
    assert texts(root) == said(0, 1, 2, 3, 4)
    (root / "1f1f.arrow").write_bytes((root / "0f0f.arrow").read_bytes())
    with pytest.raises(DataError, match="parsed these answers 2 times"):
        parts(root)


def test_arrow_file_format(tmp_path):
    table = pa.Table.from_pylist(ROWS)
    with pa.OSFile(str(tmp_path / "rows.arrow"), "wb") as sink, pa.ipc.new_file(sink, table.schema) as writer:
        writer.write_table(table)
    assert texts(tmp_path / "rows.arrow") == said(0, 1, 2, 3, 4)


def test_only_the_fields_asked_for_are_read(tmp_path):
    pq.write_table(pa.Table.from_pylist(ROWS), tmp_path / "rows.parquet")
    (part,) = parts(tmp_path / "rows.parquet")
    assert next(entries(part, {"n", "none"})).record == {"n": 0}


@pytest.mark.parametrize(
    ("files", "says"),
    [
        ({"notes.md": "x"}, "no dataset in this folder. Looked for state.json"),
        ({}, "no dataset in this folder"),
        ({"a.jsonl": "{}", "b.csv": "x"}, r"holds \.csv and \.jsonl files"),
        ({"one/a.jsonl": "{}", "two/b.jsonl": "{}"}, "holds several datasets"),
        ({"state.json": "{}"}, "damaged"),
        ({"state.json": '{"_data_files": [{"filename": "data-00000.arrow"}]}'}, "copy the whole folder"),
        ({"dataset_dict.json": '{"splits": []}'}, "lists nothing"),
        ({"dataset_dict.json": '{"splits": ["train"]}'}, "no such file or folder"),
    ],
)
def test_what_is_no_dataset(tmp_path, files, says):
    for name, text in files.items():
        (tmp_path / name).parent.mkdir(parents=True, exist_ok=True)
        (tmp_path / name).write_text(text)
    with pytest.raises(DataError, match=says):
        parts(tmp_path)


def test_arrow_that_is_cut_off(tmp_path):
    datasets.Dataset.from_list(ROWS * 1000).save_to_disk(tmp_path / "set")
    (path,) = (tmp_path / "set").glob("*.arrow")
    path.write_bytes(path.read_bytes()[:2000])
    with pytest.raises(DataError, match="not a sound Arrow file"):
        texts(tmp_path / "set")
