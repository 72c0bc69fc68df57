"""The whole trainer on a model of a few thousand weights."""

import json
from dataclasses import replace
from itertools import pairwise
from pathlib import Path

import pytest
import torch
from pydantic import ValidationError
from tiny_student import row, variant, weights

from homespun.data.records import Variant
from homespun.engine.progress import Lines
from homespun.errors import DataError, DegenerateError, ModelError, UsageError
from homespun.models.base import LogprobQuery, Request, Sampling
from homespun.models.load import load_model, model_identity
from homespun.registry import find_any
from homespun.task import ModelSpec
from homespun.train.base import Card
from homespun.train.continual import Continual
from homespun.train.export import export_model
from homespun.train.learner import Learner

QUICK = Continual(exposures=6, batch_size=4, learning_rate=1e-2)
LORA = QUICK.model_copy(update={"lora": find_any("trainer", "sft")().lora})
FULL_FILES = {"config.json", "generation_config.json", "model.safetensors", "tokenizer.json", "tokenizer_config.json"}


def test_is_found_by_its_kind_and_needs_no_task():
    assert find_any("trainer", "continual") is Continual
    assert (Continual.takes, Continual.needs_task) == (Variant, False)


@pytest.mark.parametrize(
    ("wrong", "said"),
    [
        ({"exposures": 0}, "exposures"),
        ({"exposures": 10, "at": (3, 11)}, "at: 11 is not among the exposures, which are 1 to 10"),
        ({"at": (0,)}, "at: 0 is not among"),
        ({"horizon": 100}, "a constant schedule has no horizon"),
        ({"schedule": "cosine", "exposures": 50, "horizon": 40}, "horizon: 40 lies before the last of 50"),
        ({"schedule": "step"}, "schedule"),
        ({"learning_rat": 1}, "learning_rat"),
        ({"replay": {"path": "x", "share": 1}}, "share"),
    ],
)
def test_wrong_settings_are_refused(wrong, said):
    with pytest.raises(ValidationError, match=said):
        Continual.model_validate(wrong)


def test_the_last_exposure_is_always_evaluated():
    assert Continual(exposures=40).points() == (2, 4, 5, 7, 10, 14, 20, 28, 40)
    assert Continual(exposures=9, at=(3, 1)).points() == (1, 3, 9)
    assert Continual(exposures=9, at=()).points() == (9,)


@pytest.mark.parametrize("trainer", [QUICK, LORA], ids=["full", "lora"])
def test_what_is_left_behind(trainer, texts, blank, tiny, tmp_path):
    card = trainer(texts, blank, tiny, 0, tmp_path, about={"recipe": "knowledge", "arm": "mix"})
    names = {path.name for path in tmp_path.iterdir()}
    wanted = {"adapter_config.json", "adapter_model.safetensors"} if trainer.lora else FULL_FILES
    assert wanted | {"README.md", "card.json"} <= names
    assert {Path(name).suffix for name in names} <= {".json", ".safetensors", ".md", ".jinja"}
    assert Card.read(tmp_path) == card
    assert (card.kind, card.rows, card.documents, card.labels, card.epochs) == ("continual", 15, 5, {}, 6)
    assert card.presented == trainer.presented(15, 5) == 30
    assert card.steps == len(card.losses) == 12
    assert len(card.exposure_losses) == len(card.exposure_tokens) == 6
    assert card.exposure_losses[-1] < card.exposure_losses[0]
    assert card.tokens == card.exposure_tokens[-1] == 2 * sum(len(row.text.encode()) + 2 for row in texts)
    assert (card.device, card.dtype, card.replay_tokens) == ("cpu", "float32", 0)
    readme = (tmp_path / "README.md").read_text("utf-8")
    for said in ("15 texts about 5 documents", "every document shown 6 times", "mix", "continual-pretraining"):
        assert said in readme
    assert "label" not in readme
    assert ('AutoModelForCausalLM.from_pretrained("THIS_FOLDER")' in readme) == (trainer.lora is None)


@pytest.mark.parametrize("trainer", [QUICK, LORA], ids=["full", "lora"])
def test_the_probe_sees_what_the_result_is_and_changes_nothing(trainer, texts, blank, tiny, tmp_path):
    ask = LogprobQuery((), ("The colour of d3 is 21.",))
    request = Request("q", (), Sampling(temperature=0, max_tokens=5), 0, prefill="The colour of d3 is")
    seen = []

    def answer(model):
        return model.logprobs([ask])[0][0].logprobs, model.complete([request, request])[0].text

    def probe(model, exposures):
        torch.rand(3)  # draws of the probe's own
        seen.append((exposures, model.id, *answer(model)))

    card = trainer(texts, blank, tiny, 0, tmp_path / "a", probe, at=(1, 4, 6))
    undisturbed = trainer(texts, blank, tiny, 0, tmp_path / "b")
    assert [exposures for exposures, *_ in seen] == [1, 4, 6]
    assert len({identity for _, identity, *_ in seen}) == 3
    assert sum(seen[0][2]) < sum(seen[2][2])
    result = load_model(tiny, tmp_path / "a")
    assert answer(result) == seen[-1][2:]
    assert card.losses == undisturbed.losses
    assert weights(tmp_path / "a") == weights(tmp_path / "b")


@pytest.mark.parametrize("trainer", [QUICK, LORA], ids=["full", "lora"])
def test_the_result_is_identified_exported_and_refused_where_it_does_not_fit(trainer, texts, blank, tiny, tmp_path):
    out = tmp_path / "out"
    trainer(texts, blank, tiny, 0, out)
    assert model_identity(tiny, out) != model_identity(tiny)
    export_model(tiny, out, tmp_path / "merged")
    ask = LogprobQuery((), ("The colour of d3 is 21.",))
    exported, kept = load_model(ModelSpec(id=str(tmp_path / "merged"))), load_model(tiny, out)
    assert exported.logprobs([ask])[0][0].logprobs == kept.logprobs([ask])[0][0].logprobs
    assert "15 texts about 5 documents" in (tmp_path / "merged/README.md").read_text("utf-8")
    if trainer.lora:
        export_model(tiny, out, tmp_path / "adapter", "adapter")
    else:
        with pytest.raises(UsageError, match=r"all weights were trained.*--model merged"):
            export_model(tiny, out, tmp_path / "adapter", "adapter")
        (out / "model.safetensors").unlink()
        with pytest.raises(ModelError, match="safetensors"):
            load_model(tiny, out)


def test_all_weights_are_trained_in_training_mode(texts, blank, tiny, tmp_path, monkeypatch):
    modes = []

    def learn(self, *arguments, learn=Learner.learn):
        modes.append(all(module.training for module in self.model.modules()))
        return learn(self, *arguments)

    monkeypatch.setattr(Learner, "learn", learn)
    QUICK(texts, blank, tiny, 0, tmp_path, lambda *_: None, (1, 3))
    assert modes == [True] * 12


def test_long_texts_are_shown_in_parts_and_said(texts, blank, tiny, tmp_path, capsys):
    longer = [*texts, variant("d0", 3, "It goes on and on. " * 100)]
    trainer = LORA.model_copy(update={"exposures": 4, "max_tokens": 500})
    card = trainer(longer, replace(blank, progress=Lines()), tiny, 0, tmp_path)
    said = "1 of 16 texts are longer than 500 tokens and are shown in parts (up to 4)"
    assert any(said in warning for warning in card.warnings)
    assert said in capsys.readouterr().err
    assert max(after - before for before, after in pairwise([0, *card.exposure_tokens])) > 1900


def test_the_student_s_context_is_the_limit_where_it_is_smaller(blank, tiny, tmp_path):
    card = LORA.model_copy(update={"exposures": 1, "max_tokens": 5000})(
        [variant("d0", 0, "word " * 300)], blank, tiny, 0, tmp_path
    )
    assert "longer than 1024 tokens" in card.warnings[0]


def test_what_is_told_about_the_rows(texts, blank, tiny, tmp_path):
    uneven = [*texts, *(variant("d0", n, f"more {n}") for n in range(3, 9))]
    fewer, unseen = QUICK.check_rows(uneven, None)
    assert "4 of 5 documents have fewer variants than others (from 3 to 9)" in fewer
    assert "3 of 21 variants are never shown: documents have up to 9, and are shown 6 times" in unseen
    with pytest.raises(DegenerateError, match="no texts"):
        QUICK([], blank, ModelSpec(id="./nowhere"), 0, tmp_path)
    with pytest.raises(DataError, match="texts of documents"):
        QUICK.check_rows([row("good", "positive")], None)
    with pytest.raises(DataError, match="1 of 2 texts are empty"):
        QUICK.check_rows([texts[0], variant("d9", 0, " \n")], None)


def test_a_scripted_student_cannot_be_trained(texts, blank, tmp_path):
    script = tmp_path / "script.json"
    script.write_text("{}", "utf-8")
    with pytest.raises(ModelError):
        QUICK(texts, blank, ModelSpec(id=f"scripted:{script}"), 0, tmp_path / "out")


# Replay


def with_replay(path, **changes):
    return Continual.model_validate(LORA.model_dump(exclude={"kind"}) | {"replay": {"path": str(path), **changes}})


def test_general_text_is_its_share_and_is_said_when_it_is_short(texts, blank, tiny, tmp_path):
    path = tmp_path / "general.txt"
    path.write_text("The first paragraph\nof two lines.\n\n\nAnother one, which is 日本語.\n", "utf-8")
    card = with_replay(path, share=0.25)(texts, blank, tiny, 0, tmp_path / "out")
    assert card.replay_tokens / (card.replay_tokens + card.tokens) == pytest.approx(0.25, abs=0.02)
    assert "the replay text has 69 tokens and is shown" in card.warnings[0]
    assert "tokens of general text" in (tmp_path / "out/README.md").read_text("utf-8")
    plain = LORA(texts, blank, tiny, 0, tmp_path / "plain")
    assert plain.exposure_tokens == card.exposure_tokens
    assert weights(tmp_path / "out") != weights(tmp_path / "plain")


def test_general_text_from_a_column_is_read_only_as_far_as_needed(texts, blank, tiny, tmp_path):
    path = tmp_path / "general.jsonl"
    lines = [json.dumps({"body": f"general text {n} " * 5}) for n in range(1000)]
    path.write_text("\n".join([*lines, "not json"]), "utf-8")
    card = with_replay(path, column="body")(texts, blank, tiny, 0, tmp_path / "out")
    assert card.warnings == []


@pytest.mark.parametrize(
    ("name", "content", "said"),
    [
        ("a.jsonl", b'{"body": "x"}\n', "record 1 has no text in the column `text`; .*one of: body"),
        ("a.txt", b"\xef\xbb\xbf\n \n", "no text in it"),
        ("a.txt", b"\xff\xfe", "not UTF-8"),
        ("a.txt", None, "No such file"),
    ],
)
def test_general_text_that_cannot_be_read_is_refused(name, content, said, texts, blank, tiny, tmp_path):
    if content is not None:
        (tmp_path / name).write_bytes(content)
    with pytest.raises(DataError, match=said):
        with_replay(tmp_path / name)(texts, blank, tiny, 0, tmp_path / "out")


def test_products_in_bfloat16_are_asked_for_and_weights_stay_float32(texts, blank, tiny, tmp_path):
    exact, rounded = [
        LORA.model_copy(update={"lora": None, "products": products})(texts, blank, tiny, 0, tmp_path / products)
        for products in ("auto", "bfloat16")
    ]
    assert exact.dtype == rounded.dtype == "float32"
    assert exact.losses != rounded.losses
    assert rounded.losses == pytest.approx(exact.losses, rel=0.05)
