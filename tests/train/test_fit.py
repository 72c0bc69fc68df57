"""The loss and its gradients against transformers' own loss over full logits."""

import random

import numpy as np
import pytest
import torch
from tiny_student import make_model

from homespun.errors import DegenerateError
from homespun.models.encoding import shared_prefix
from homespun.train.batches import collate, encode, plan_batches
from homespun.train.fit import PACK, completion_loss, fit, packable, seeded


def gradients(model, loss):
    model.zero_grad()
    loss.backward()
    return {name: weight.grad.clone() for name, weight in model.named_parameters()}


def full_logits_loss(model, examples):
    """transformers' loss on a padded, masked batch, labels -100 outside the completions."""
    width = max(map(len, examples))
    pads = [width - len(e) for e in examples]
    tokens = torch.tensor([e.prompt + e.completion + [0] * pad for e, pad in zip(examples, pads, strict=True)])
    labels = [[-100] * len(e.prompt) + e.completion + [-100] * pad for e, pad in zip(examples, pads, strict=True)]
    mask = torch.tensor([[1] * len(e) + [0] * pad for e, pad in zip(examples, pads, strict=True)])
    return model(input_ids=tokens, attention_mask=mask, labels=torch.tensor(labels)).loss


@pytest.fixture
def examples(rows, task, tokenizer):
    return encode(rows, task, "en", tokenizer)


@pytest.mark.parametrize("pack", [0, 60, PACK])
@pytest.mark.parametrize("share", [False, True])
def test_loss_and_gradients_equal_those_over_full_logits(examples, share, pack):
    model = make_model().train()
    shared = shared_prefix([example.prompt for example in examples]) if share and pack else 0
    batch = collate(examples, shared, pack)
    if pack > 60:
        assert len(batch["tokens"]) < len(examples)
    loss = completion_loss(model, batch)
    expected = full_logits_loss(model, examples)
    assert loss.item() == pytest.approx(expected.item(), abs=1e-5)
    found, wanted = gradients(model, loss), gradients(model, expected)
    for name, gradient in wanted.items():
        torch.testing.assert_close(found[name], gradient, atol=1e-6, rtol=1e-4, msg=name)


def test_rows_share_a_sequence_only_where_that_changes_nothing():
    from transformers import BloomConfig, BloomForCausalLM, MistralConfig, MistralForCausalLM

    sizes = {"num_hidden_layers": 2, "hidden_size": 8, "num_attention_heads": 2, "num_key_value_heads": 2}
    sliding = MistralForCausalLM(MistralConfig(**sizes, intermediate_size=8, vocab_size=16, sliding_window=16))
    by_distance = BloomForCausalLM(BloomConfig(n_layer=1, hidden_size=8, n_head=2, vocab_size=16))
    assert packable(make_model())
    assert not packable(sliding)
    assert not packable(by_distance)


def run_fit(model, examples, tmp_path, told, **arguments):
    settings = {"learning_rate": 1e-2, "warmup": 0.0, "weight_decay": 0.0, "max_grad_norm": 1.0} | arguments
    steps = plan_batches([len(e) for e in examples], 4, 3, seed=0)
    with seeded(0):
        return fit(
            model, examples, steps, seed=0, dropout=0.0, scratch=str(tmp_path),
            step_done=lambda step, loss: told.append((step, loss)), **settings,
        )  # fmt: skip


def test_fit_reports_each_step_lowers_the_loss_and_writes_nothing(examples, tmp_path, capsys):
    told: list[tuple[int, float]] = []
    losses = run_fit(make_model(), examples, tmp_path, told)
    assert [step for step, _ in told] == list(range(1, 10))
    assert [loss for _, loss in told] == losses
    assert sum(losses[-3:]) < 0.7 * sum(losses[:3])
    assert not list(tmp_path.iterdir())
    assert capsys.readouterr().out == ""


@pytest.mark.parametrize("warmup", [0.0, 0.03, 0.5])
def test_every_step_learns(examples, tmp_path, warmup):
    model, weights = make_model(), []
    steps = plan_batches([len(e) for e in examples], 4, 3, seed=0)

    def step_done(step, loss):
        weights.append(model.model.embed_tokens.weight.detach().clone())

    with seeded(0):
        before = model.model.embed_tokens.weight.detach().clone()
        fit(
            model, examples, steps, seed=0, dropout=0.0, scratch=str(tmp_path), step_done=step_done, warmup=warmup,
            learning_rate=1e-2, weight_decay=0.0, max_grad_norm=1.0,
        )  # fmt: skip
    for after in weights:
        assert not torch.equal(before, after)
        before = after


def test_a_diverging_training_says_so(examples, tmp_path):
    model = make_model()
    with torch.no_grad():
        model.model.norm.weight.fill_(float("inf"))
    with pytest.raises(DegenerateError, match=r"loss of step 1 is (nan|inf) at learning_rate 0.01. Lower it"):
        run_fit(model, examples, tmp_path, [])


def test_seeded_puts_every_generator_back():
    def draws():
        return random.random(), float(np.random.rand()), float(torch.rand(1))

    with seeded(3):
        first = draws()
    before = random.getstate(), np.random.get_state()[1].tolist(), torch.get_rng_state().tolist()
    with seeded(3):
        assert draws() == first
    assert (random.getstate(), np.random.get_state()[1].tolist(), torch.get_rng_state().tolist()) == before
