"""The whole trainer on a model of a few thousand weights, then once on the embedded one."""

import json
from dataclasses import replace

import pytest
from pydantic import ValidationError
from tiny_student import row, weights

from homespun.engine.progress import Lines
from homespun.errors import DegenerateError, ModelError
from homespun.models.base import LogprobQuery
from homespun.models.embedded import cached_path
from homespun.models.load import load_model
from homespun.registry import find_any
from homespun.task import ModelSpec
from homespun.text.prompts import task_messages
from homespun.train.base import Card
from homespun.train.sft import Lora, Sft

QUICK = Sft(epochs=2, batch_size=4, learning_rate=1e-2)


def test_is_found_by_its_kind():
    assert find_any("trainer", "sft") is Sft


@pytest.mark.parametrize(
    "wrong", [{"epochs": 0}, {"learning_rate": -1}, {"seeds": ()}, {"lora": {"rank": 0}}, {"learning_rat": 1}]
)
def test_wrong_settings_are_refused(wrong):
    with pytest.raises(ValidationError):
        Sft.model_validate(wrong)


def test_what_is_left_behind(rows, ctx, tiny, tmp_path):
    card = QUICK(rows, ctx, tiny, 0, tmp_path, about={"recipe": "sentiment", "arm": "judge"})
    assert sorted(path.name for path in tmp_path.iterdir()) == [
        "README.md",
        "adapter_config.json",
        "adapter_model.safetensors",
        "card.json",
    ]
    assert Card.read(tmp_path) == card
    assert card.rows == 12
    assert card.labels == {"positive": 6, "negative": 6}
    assert (card.epochs, card.steps, len(card.losses)) == (2, 6, 6)
    assert card.settings["lora"] == {"rank": 8, "alpha": 16.0, "dropout": 0.0, "targets": "all-linear"}
    assert card.student.startswith("bytes-llama@")
    assert card.tokens_per_second == pytest.approx(card.tokens / card.seconds)
    readme = (tmp_path / "README.md").read_text("utf-8")
    for said in ("judge", "sentiment", tiny.id, "6 positive, 6 negative", "PeftModel.from_pretrained", "learning_rate"):
        assert said in readme
    config = json.loads((tmp_path / "adapter_config.json").read_text("utf-8"))
    assert config["target_modules"] == sorted(config["target_modules"])
    assert config["base_model_name_or_path"] == tiny.id


def test_tokens_of_the_card_are_those_of_the_rows(rows, ctx, tiny, tokenizer, tmp_path):
    card = QUICK(rows, ctx, tiny, 0, tmp_path)
    turn = "<|im_start|>{}\n{}<|im_end|>\n"

    def whole(r):
        asked = "".join(turn.format(*message) for message in task_messages(ctx.the_task, r.payload.fields, "en"))
        return f"{asked}<|im_start|>assistant\n{r.payload.output}<|im_end|>"

    assert card.tokens == 2 * sum(len(tokenizer(whole(r))["input_ids"]) for r in rows)


def test_equal_seeds_give_equal_bytes_and_others_do_not(rows, ctx, tiny, tmp_path):
    cards = [QUICK(rows, ctx, tiny, seed, tmp_path / str(i)) for i, seed in enumerate((0, 0, 1))]
    assert weights(tmp_path / "0") == weights(tmp_path / "1")
    assert weights(tmp_path / "0") != weights(tmp_path / "2")
    assert cards[0].losses == cards[1].losses
    assert (tmp_path / "0/adapter_config.json").read_bytes() == (tmp_path / "1/adapter_config.json").read_bytes()


def test_packing_rows_behind_their_common_start_changes_no_loss(rows, ctx, tiny, tmp_path, monkeypatch):
    shared = QUICK(rows, ctx, tiny, 0, tmp_path / "shared").losses
    monkeypatch.setattr("homespun.train.learner.packable", lambda _: False)
    assert QUICK(rows, ctx, tiny, 0, tmp_path / "plain").losses == pytest.approx(shared, abs=1e-4)


def test_dropout_and_named_targets_are_trained(rows, ctx, tiny, tmp_path):
    trainer = QUICK.model_copy(update={"lora": Lora(rank=2, dropout=0.1, targets=("v_proj", "q_proj"))})
    trainer(rows, ctx, tiny, 0, tmp_path)
    config = json.loads((tmp_path / "adapter_config.json").read_text("utf-8"))
    assert (config["r"], config["lora_dropout"], config["target_modules"]) == (2, 0.1, ["q_proj", "v_proj"])


def test_rows_that_are_too_long_are_left_out_and_said(rows, ctx, tiny, tmp_path, capsys):
    longer = [*rows, row("long " * 200, "positive")]
    card = QUICK(longer, replace(ctx, progress=Lines()), tiny, 0, tmp_path)
    assert card.rows == 12
    assert "1 of 13 rows are longer than max_tokens 512" in card.warnings[0]
    assert card.warnings[0] in capsys.readouterr().err


def test_only_rows_that_are_too_long_are_an_error(rows, ctx, tiny, tmp_path):
    with pytest.raises(DegenerateError, match=r"all 12 rows are longer than max_tokens 16 .*Raise max_tokens"):
        QUICK.model_copy(update={"max_tokens": 16})(rows, ctx, tiny, 0, tmp_path)
    assert not list(tmp_path.iterdir())


def test_rows_of_one_label_that_are_left_are_refused(ctx, tiny, tmp_path):
    rows = [row("good", "positive"), row("fine", "positive"), row("bad " * 300, "negative")]
    with pytest.raises(DegenerateError, match='all 2 rows have the label "positive"'):
        QUICK(rows, ctx, tiny, 0, tmp_path)


def test_a_degenerate_set_is_refused_before_the_model_is_looked_for(ctx, tmp_path):
    with pytest.raises(DegenerateError, match="no rows"):
        QUICK([], ctx, ModelSpec(id="./nowhere"), 0, tmp_path)


def test_a_scripted_student_cannot_be_trained(rows, ctx, tmp_path):
    script = tmp_path / "script.json"
    script.write_text("{}", "utf-8")
    with pytest.raises(ModelError):
        QUICK(rows, ctx, ModelSpec(id=f"scripted:{script}"), 0, tmp_path / "out")


def test_the_probe_sees_the_model_as_it_is_trained(rows, ctx, tiny, tmp_path):
    seen = []

    def probe(model, exposures):
        query = LogprobQuery(task_messages(ctx.the_task, {"review": "film"}, "en"), ("positive",))
        seen.append((exposures, model.id, model.logprobs([query])[0][0].total))

    card = QUICK.model_copy(update={"epochs": 3})(rows, ctx, tiny, 0, tmp_path / "a", probe, at=(1, 3))
    unprobed = QUICK.model_copy(update={"epochs": 3})(rows, ctx, tiny, 0, tmp_path / "b")
    assert [exposures for exposures, _, _ in seen] == [1, 3]
    assert seen[0][1] != seen[1][1]
    assert seen[0][2] < seen[1][2] < 0
    assert card.losses == unprobed.losses
    assert card.exposure_tokens == [card.tokens / 3, card.tokens * 2 / 3, card.tokens]


GOOD = ["wonderful", "great", "superb", "lovely", "charming", "brilliant", "delightful", "moving", "funny", "excellent"]
BAD = ["dreadful", "boring", "awful", "clumsy", "dull", "stupid", "tedious", "horrible", "lifeless", "terrible"]


@pytest.mark.skipif(cached_path() is None, reason="the embedded model is not pulled")
def test_the_embedded_student_learns_twenty_sentences(ctx, tmp_path):
    words = [(word, "positive") for word in GOOD] + [(word, "negative") for word in BAD]
    rows = [row(f"A {word} film.", label) for word, label in words]
    queries = [
        LogprobQuery(task_messages(ctx.the_task, r.payload.fields, "en"), ("positive", "negative")) for r in rows
    ]
    spec = ModelSpec(id="embedded")

    def right(model):
        chosen = ["positive" if yes.total > no.total else "negative" for yes, no in model.logprobs(queries)]
        return sum(r.payload.output == label for r, label in zip(rows, chosen, strict=True))

    card = Sft(epochs=2, learning_rate=5e-4, batch_size=5)(rows, ctx, spec, 0, tmp_path)
    assert card.last_loss < 0.5 * card.first_loss
    assert right(load_model(spec, tmp_path)) >= 18
