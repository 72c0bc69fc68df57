"""The loss and its gradients against transformers' own loss over full logits."""

import random

import numpy as np
import pytest
import torch
from tiny_student import make_model

from homespun.errors import DegenerateError
from homespun.train.batches import Example, collate, encode, plan_batches
from homespun.train.fit import common_start, completion_loss, fit, seeded


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


@pytest.mark.parametrize("share", [False, True])
def test_loss_and_gradients_equal_those_over_full_logits(examples, share):
    model = make_model().train()
    shared = common_start(model, examples, dropout=0.0) if share else 0
    assert bool(shared) == share
    start = torch.tensor(examples[0].prompt[:shared]) if share else None
    loss = completion_loss(model, collate(examples, shared), start)
    expected = full_logits_loss(model, examples)
    assert loss.item() == pytest.approx(expected.item(), abs=1e-5)
    found, wanted = gradients(model, loss), gradients(model, expected)
    for name, gradient in wanted.items():
        torch.testing.assert_close(found[name], gradient, atol=1e-6, rtol=1e-4, msg=name)


def test_common_start_is_where_all_prompts_agree(examples):
    model = make_model()
    length = common_start(model, examples, dropout=0.0)
    starts = {tuple(example.prompt[:length]) for example in examples}
    assert len(starts) == 1
    assert len({tuple(example.prompt[: length + 1]) for example in examples}) > 1


def test_common_start_is_not_used_where_it_would_change_the_result(examples):
    from transformers import MistralConfig

    class Sliding:
        config = MistralConfig(num_hidden_layers=2, sliding_window=16)

    assert common_start(Sliding, examples, dropout=0.0) == 0
    assert common_start(make_model(), examples, dropout=0.1) == 0
    assert common_start(make_model(), [Example([1, 2, 3], [4]), Example([1, 2, 5], [4])], dropout=0.0) == 0


def run_fit(model, examples, tmp_path, told, **arguments):
    settings = {"learning_rate": 1e-2, "warmup_steps": 0.0, "weight_decay": 0.0, "max_grad_norm": 1.0} | arguments
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
