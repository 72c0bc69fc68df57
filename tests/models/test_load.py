import json
import os
import shutil

import pytest

from homespun.errors import MissingExtraError, ModelError, UsageError
from homespun.models import checkpoint
from homespun.models.base import LogprobQuery
from homespun.models.load import load_for_training, load_model, model_identity
from homespun.task import ModelSpec


@pytest.fixture(autouse=True)
def own_cache(tmp_path, monkeypatch):
    monkeypatch.setenv("HOMESPUN_CACHE", str(tmp_path / "cache"))


@pytest.fixture
def folder(tiny_folder, tmp_path):
    return shutil.copytree(tiny_folder, tmp_path / "tiny")


def spec(path, **settings):
    return ModelSpec(id=str(path), device="cpu", **settings)


def test_a_local_folder_loads_and_is_named_by_its_content(folder, tiny):
    model = load_model(spec(folder))
    assert model.id == model_identity(spec(folder))
    assert model.id.startswith("tiny@")
    query = LogprobQuery((("user", "Hi."),), ("good",))
    [[mine]], [[original]] = model.logprobs([query]), tiny.logprobs([query])
    assert mine.logprobs == pytest.approx(original.logprobs, abs=1e-6)


def test_the_identity_changes_with_content_and_format_and_not_with_the_place(folder, tmp_path):
    first = model_identity(spec(folder))
    (tmp_path / "elsewhere").mkdir()
    assert model_identity(spec(shutil.copytree(folder, tmp_path / "elsewhere" / "tiny"))) == first
    assert model_identity(spec(folder, dtype="bfloat16")) == f"{first}:bfloat16"
    (folder / "README.md").write_text("not part of the model")
    assert model_identity(spec(folder)) == first
    config = json.loads((folder / "config.json").read_text())
    (folder / "config.json").write_text(json.dumps(config | {"rms_norm_eps": 1e-3}))
    assert model_identity(spec(folder)) != first


def test_a_hash_is_computed_once_per_file_state(folder, monkeypatch):
    first = model_identity(spec(folder))

    def never(*_):
        raise AssertionError("hashed again")

    monkeypatch.setattr(checkpoint.hashlib, "file_digest", never)
    assert model_identity(spec(folder)) == first
    os.utime(folder / "config.json", (1, 1))
    with pytest.raises(AssertionError, match="hashed again"):
        model_identity(spec(folder))


def test_training_gets_a_fresh_float32_model_each_time(folder):
    first, tokenizer = load_for_training(spec(folder))
    second, _ = load_for_training(spec(folder))
    assert first is not second
    assert {str(p.dtype) for p in first.parameters()} == {"torch.float32"}
    assert tokenizer.chat_template


def test_a_merged_adapter_answers_like_the_adapter(folder, tmp_path):
    import peft
    import torch

    base, tokenizer = load_for_training(spec(folder), seed=0)
    config = peft.LoraConfig(r=4, target_modules="all-linear", init_lora_weights=False, task_type="CAUSAL_LM")
    tuned = peft.get_peft_model(base, config).eval()
    tuned.save_pretrained(tmp_path / "adapter")
    model = load_model(spec(folder), adapter=tmp_path / "adapter")
    assert model.id == model_identity(spec(folder), tmp_path / "adapter")
    assert model.id.startswith(model_identity(spec(folder)) + "+")
    ids = torch.tensor([tokenizer("The film was slow.")["input_ids"]])
    with torch.inference_mode():
        torch.testing.assert_close(model.hf_model(ids).logits, tuned(ids).logits, rtol=1e-3, atol=1e-3)
        assert not torch.allclose(load_model(spec(folder)).hf_model(ids).logits, tuned(ids).logits, atol=0.1)


def test_an_adapter_that_is_none(folder, tmp_path):
    with pytest.raises(ModelError, match=r"no LoRA adapter: adapter_config\.json and adapter_model\.safetensors"):
        load_model(spec(folder), adapter=tmp_path)


def test_pickled_weights_are_refused(folder):
    (folder / "model.safetensors").rename(folder / "pytorch_model.bin")
    with pytest.raises(ModelError, match=r"pytorch_model\.bin; only \*\.safetensors"):
        load_model(spec(folder))


@pytest.mark.parametrize("missing", ["config.json", "model.safetensors", "tokenizer.json"])
def test_an_incomplete_folder_says_what_a_model_folder_holds(folder, missing):
    for file in folder.glob(missing.replace(".json", "*.json") if "tokenizer" in missing else missing):
        file.unlink()
    for file in folder.glob("tokenizer*" if "tokenizer" in missing else "none"):
        file.unlink()
    with pytest.raises(ModelError, match=r"no model folder: .* missing|no model folder: no \*\.safetensors"):
        load_model(spec(folder))


def test_damaged_weights_are_a_model_error(folder):
    weights = folder / "model.safetensors"
    weights.write_bytes(weights.read_bytes()[:1000])
    with pytest.raises(ModelError, match="cannot be loaded"):
        load_model(spec(folder))


@pytest.mark.parametrize(
    ("name", "error", "message"),
    [
        ("embeded", ModelError, 'Did you mean "embedded"'),
        ("embedded", ModelError, "homespun models pull smollm2"),
        ("./no/such/folder", ModelError, "no model folder"),
        ("pyproject.toml", ModelError, "is a file"),
    ],
)
def test_an_id_that_is_no_model(name, error, message, monkeypatch, tmp_path):
    (tmp_path / "pyproject.toml").touch()
    monkeypatch.chdir(tmp_path)
    with pytest.raises(error, match=message):
        model_identity(ModelSpec(id=name))


def test_a_server_has_an_id_and_no_weights():
    server = ModelSpec(id="http://localhost:8000/v1#m")
    assert model_identity(server) == "http://localhost:8000/v1#m"
    with pytest.raises(UsageError, match="has no weights here"):
        load_model(server)


def test_a_hub_model_that_cannot_be_fetched(monkeypatch):
    import huggingface_hub
    from huggingface_hub.errors import LocalEntryNotFoundError

    def offline(*_, local_files_only=False, **__):
        if local_files_only:
            raise LocalEntryNotFoundError("not cached")
        raise ConnectionError("name resolution failed")

    monkeypatch.setattr(huggingface_hub, "snapshot_download", offline)
    with pytest.raises(ModelError, match=r"org/name.*cannot be fetched \(name resolution failed\).*local folder"):
        model_identity(ModelSpec(id="org/name"))


def test_a_cached_hub_model_is_used_as_it_is(folder, monkeypatch):
    import huggingface_hub

    def cached(hub_id, *, local_files_only=False, **_):
        assert (hub_id, local_files_only) == ("org/name", True)
        return str(folder)

    monkeypatch.setattr(huggingface_hub, "snapshot_download", cached)
    assert load_model(ModelSpec(id="org/name", device="cpu")).id.startswith("org/name@")


def test_an_unusable_device_says_what_there_is(folder):
    with pytest.raises(ModelError, match=r'"cuda:7".*Use auto, cpu'):
        load_model(ModelSpec(id=str(folder), device="cuda:7"))


def test_missing_libraries_name_the_extra(folder, monkeypatch):
    import sys

    monkeypatch.setitem(sys.modules, "transformers", None)
    with pytest.raises(MissingExtraError, match=r"pip install -e '\.\[local\]'"):
        load_model(spec(folder))


def test_a_script_cannot_be_trained():
    with pytest.raises(ModelError, match="has no weights"):
        load_for_training(ModelSpec(id="scripted:any.yaml"))
