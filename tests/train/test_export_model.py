import json

import pytest
import torch

from homespun.errors import ModelError, StoreError, UsageError
from homespun.models.load import load_for_training
from homespun.task import ModelSpec
from homespun.train.adapter import base_name
from homespun.train.export import export_model
from homespun.train.sft import Sft


@pytest.fixture
def trained(rows, ctx, tiny, tmp_path):
    folder = tmp_path / "models/judge/seed-0"
    Sft(epochs=2, batch_size=4, learning_rate=1e-2)(rows, ctx, tiny, 0, folder, about={"arm": "judge"})
    return folder


def logits(model, tokenizer):
    with torch.inference_mode():
        return model(**tokenizer("a film about films", return_tensors="pt")).logits


def test_merged_model_answers_as_base_and_adapter_and_loads_without_homespun(trained, tiny, tmp_path):
    from peft import PeftModel
    from transformers import AutoModelForCausalLM, AutoTokenizer

    out = tmp_path / "shipped/model"
    export_model(tiny, trained, out, "merged")
    assert [path.name for path in out.parent.iterdir()] == ["model"]
    model, tokenizer = AutoModelForCausalLM.from_pretrained(out), AutoTokenizer.from_pretrained(out)
    base, base_tokenizer = load_for_training(tiny)
    untuned = logits(base, base_tokenizer)
    adapted = logits(PeftModel.from_pretrained(base, trained), base_tokenizer)
    torch.testing.assert_close(logits(model, tokenizer), adapted, atol=1e-4, rtol=1e-4)
    assert (untuned - adapted).abs().max() > 0.1
    assert tokenizer.chat_template == base_tokenizer.chat_template
    assert model.dtype == torch.float32
    assert {path.suffix for path in out.iterdir()} <= {".json", ".jinja", ".safetensors", ".md"}
    readme = (out / "README.md").read_text("utf-8")
    assert "library_name: transformers" in readme
    assert "# Tuned model judge" in readme


def test_adapter_is_a_copy_that_names_its_base(trained, tiny, tmp_path):
    out = tmp_path / "adapter"
    export_model(tiny, trained, out, "adapter")
    weights = "adapter_model.safetensors"
    assert (out / weights).read_bytes() == (trained / weights).read_bytes()
    assert json.loads((out / "adapter_config.json").read_text("utf-8"))["base_model_name_or_path"] == tiny.id
    assert base_name(ModelSpec(id="embedded")) == "HuggingFaceTB/SmolLM2-135M-Instruct"


def test_a_folder_with_something_in_it_is_left_alone(trained, tiny, tmp_path):
    out = tmp_path / "full"
    out.mkdir()
    (out / "mine.txt").write_text("keep", "utf-8")
    for taken in (out, out / "mine.txt"):
        with pytest.raises(UsageError, match="not empty; nothing was written"):
            export_model(tiny, trained, taken, "merged")
    assert [path.name for path in out.iterdir()] == ["mine.txt"]


def test_an_empty_folder_is_filled(trained, tiny, tmp_path):
    out = tmp_path / "empty"
    out.mkdir()
    export_model(tiny, trained, out, "adapter")
    assert (out / "adapter_config.json").is_file()


def test_what_cannot_be_written_leaves_nothing(trained, tiny, tmp_path):
    (tmp_path / "file").write_text("", "utf-8")
    with pytest.raises(StoreError, match="cannot be written"):
        export_model(tiny, trained, tmp_path / "file/below", "adapter")
    with pytest.raises(ModelError, match="is no LoRA adapter"):
        export_model(tiny, tmp_path, tmp_path / "out", "merged")
    assert not (tmp_path / "out").exists()
