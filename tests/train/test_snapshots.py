import pytest
import torch

from homespun.errors import StoreError
from homespun.train.snapshots import Snapshots


def tensors(value):
    return {"weight/a": torch.full((3, 2), value), "step/a": torch.tensor(value)}


@pytest.fixture
def kept(tmp_path):
    snapshots = Snapshots(tmp_path / "state", "this")
    for done in (5, 10, 15):
        snapshots.write(done, tensors(float(done)), {"losses": [0.1 * done]})
    return snapshots


def test_the_newest_comes_back_as_written(kept):
    found, facts = kept.latest()
    assert facts["done"] == 15
    assert facts["losses"] == [0.1 * 15]
    assert {name: value.tolist() for name, value in found.items()} == {
        name: value.tolist() for name, value in tensors(15.0).items()
    }


def test_two_are_kept_and_nothing_else(kept):
    assert sorted(path.name for path in kept.folder.iterdir()) == [
        "update-000000010.json",
        "update-000000010.safetensors",
        "update-000000015.json",
        "update-000000015.safetensors",
    ]


@pytest.mark.parametrize("suffix", ["json", "safetensors"])
@pytest.mark.parametrize("damage", ["one byte", "half", "empty", "gone"])
def test_a_damaged_one_is_not_believed_and_the_one_before_is_used(kept, suffix, damage):
    path = kept.folder / f"update-000000015.{suffix}"
    data = path.read_bytes()
    if damage == "one byte":
        middle = data.index(b"15") if suffix == "json" else len(data) - 5
        path.write_bytes(data[:middle] + bytes([data[middle] ^ 4]) + data[middle + 1 :])
    elif damage == "gone":
        path.unlink()
    else:
        path.write_bytes(data[: len(data) // 2] if damage == "half" else b"")
    found, facts = kept.latest()
    assert facts["done"] == found["step/a"] == 10
    kept.write(15, tensors(15.0), {"losses": []})
    assert kept.latest()[1]["done"] == 15


def test_all_damaged_is_a_start_from_the_beginning(kept):
    for path in kept.folder.glob("*.safetensors"):
        path.write_bytes(b"nothing")
    assert kept.latest() is None
    assert not list(kept.folder.iterdir())


def test_those_of_another_training_are_not_used(kept):
    assert Snapshots(kept.folder, "other").latest() is None
    assert not list(kept.folder.iterdir())


def test_what_a_kill_left_half_written_is_swept(kept):
    (kept.folder / "update-000000020.safetensors.tmp").write_bytes(b"half")
    (kept.folder / "update-000000020.safetensors").write_bytes(b"no json yet")
    kept.write(25, tensors(1.0), {})
    assert sorted({path.name.partition(".")[0] for path in kept.folder.iterdir()}) == [
        "update-000000015",
        "update-000000025",
    ]


def test_an_empty_folder_has_none(tmp_path):
    assert Snapshots(tmp_path / "nothing", "this").latest() is None


def test_what_cannot_be_written_is_said(tmp_path):
    (tmp_path / "file").write_text("")
    with pytest.raises(StoreError, match="cannot be written"):
        Snapshots(tmp_path / "file", "this").write(1, tensors(1.0), {})
