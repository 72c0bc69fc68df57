"""Packed examples against each by itself through transformers' own loss; passes, autocast, and the probe."""

import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st
from peft import get_peft_model
from tiny_student import make_model, make_tokenizer

from homespun.models.base import LogprobQuery
from homespun.models.encoding import shared_prefix
from homespun.train.batches import encode, encode_texts
from homespun.train.learner import Learner, answering, arrange, packable
from homespun.train.lora import Lora

TEXTS = ["A short one.", "日本語の文章です。", "Question: how long?\nAnswer: " + "very " * 20, "x"]


@pytest.fixture(scope="module")
def tokenizer():
    return make_tokenizer()


@pytest.fixture(params=["full", "lora"])
def model(request):
    torch.manual_seed(0)
    made = make_model()
    if request.param == "full":
        return made.train()
    adapted = get_peft_model(made, Lora(rank=4).config()).train()
    with torch.no_grad():  # B begins as zero, and then A has no gradient
        for name, weight in adapted.named_parameters():
            if "lora_B" in name:
                weight.normal_(std=0.1)
    return adapted


def learner(model, **changes):
    return Learner(model, **{"learning_rate": 1e-2, "weight_decay": 0.0, "max_grad_norm": 1e9, "half": False} | changes)


def learn(one, texts, general=(), seed=0):
    return one.learn(one.token_mean([texts], general), 1.0, seed)


def flat(examples):
    return [part for parts in examples for part in parts]


@pytest.mark.parametrize("sequences", [1, 2, 3, None])
def test_loss_and_gradients_of_packed_texts_equal_those_of_each_text_alone(model, tokenizer, sequences, monkeypatch):
    examples = flat(encode_texts(TEXTS, tokenizer, 100))
    one = learner(model)
    one.packs = sequences is not None
    divided = {1: [[0, 1, 2, 3, 4]], 2: [[2, 4], [0, 1, 3]], 3: [[3], [2], [0, 1, 4]]}.get(sequences)
    monkeypatch.setattr("homespun.train.learner.arrange", lambda lengths, shared: divided)
    loss = one.losses(examples).mean()
    loss.backward()
    found = {name: weight.grad.clone() for name, weight in one.weights.items()}
    model.zero_grad()

    total, count = 0.0, sum(len(example.completion) for example in examples)
    for example in examples:
        ids = torch.tensor([example.prompt + example.completion])
        alone = model(input_ids=ids, labels=ids).loss * len(example.completion) / count
        alone.backward()
        total += alone.item()
    assert loss.item() == pytest.approx(total, abs=1e-5)
    for name, weight in one.weights.items():
        gradient = weight.grad
        assert gradient.abs().max() > 0, name
        torch.testing.assert_close(found[name], gradient, atol=1e-6, rtol=1e-4, msg=name)


@pytest.mark.parametrize("start", ["shared", "repeated", "one row each"])
def test_loss_and_gradients_of_rows_equal_those_over_full_logits(model, rows, task, tokenizer, start):
    examples = encode(rows, task, "en", tokenizer)
    prompts = [example.prompt for example in examples]
    one = learner(model, shared=shared_prefix(prompts) if start == "shared" else 0)
    one.packs = start != "one row each"
    width = max(map(len, examples))
    pads = [width - len(e) for e in examples]
    ids = torch.tensor([e.prompt + e.completion + [0] * pad for e, pad in zip(examples, pads, strict=True)])
    labels = [[-100] * len(e.prompt) + e.completion + [-100] * pad for e, pad in zip(examples, pads, strict=True)]
    mask = torch.tensor([[1] * len(e) + [0] * pad for e, pad in zip(examples, pads, strict=True)])
    wanted = model(input_ids=ids, attention_mask=mask, labels=torch.tensor(labels)).loss
    wanted.backward()
    expected = {name: weight.grad.clone() for name, weight in one.weights.items()}
    model.zero_grad()
    ((loss, told),) = one.token_mean([[example] for example in examples])
    loss.backward()
    assert told.item() == loss.item() == pytest.approx(wanted.item(), abs=1e-5)
    for name, weight in one.weights.items():
        torch.testing.assert_close(weight.grad, expected[name], atol=1e-6, rtol=1e-4, msg=name)


@pytest.mark.parametrize(
    ("lengths", "sequences"),
    [
        ([140, 140, 140, 140], [[0], [1], [2], [3]]),
        ([140, 60, 80, 130], [[0], [3], [1, 2]]),
        ([1000, 50, 50, 50], [[0, 1, 2, 3]]),
        ([1000, 990, 980, 1010], [[3], [0], [1], [2]]),
        ([7], [[0]]),
    ],
)
def test_texts_are_divided_where_padding_and_attention_cost_least(lengths, sequences):
    assert arrange(lengths) == sequences


def test_a_long_shared_start_is_repeated_less_often():
    assert arrange([40, 40, 40, 40]) == [[0], [1], [2], [3]]
    assert arrange([40, 40, 40, 40], 60) == [[0, 1, 2, 3]]


@given(st.lists(st.integers(1, 2000), min_size=1, max_size=9), st.integers(0, 100))
def test_every_text_is_in_one_sequence(lengths, shared):
    sequences = arrange(lengths, shared)
    assert sorted(i for sequence in sequences for i in sequence) == list(range(len(lengths)))
    assert all(sequences)
    assert arrange(lengths, shared) == sequences


def test_a_model_with_a_sliding_window_gets_a_sequence_for_each_text(tokenizer):
    from transformers import BloomConfig, BloomForCausalLM, MistralConfig, MistralForCausalLM

    assert packable(make_model())
    assert not packable(BloomForCausalLM(BloomConfig(n_layer=1, hidden_size=8, n_head=2, vocab_size=16)))
    sizes = {"num_hidden_layers": 2, "hidden_size": 8, "num_attention_heads": 2, "num_key_value_heads": 2}
    sliding = MistralForCausalLM(MistralConfig(**sizes, intermediate_size=8, vocab_size=260, sliding_window=16))
    one = learner(sliding.train())
    assert not one.packs
    examples = flat(encode_texts(TEXTS, tokenizer, 100))
    total = 0.0
    for example in examples:
        ids = torch.tensor([example.prompt + example.completion])
        total += sliding(input_ids=ids, labels=ids).loss.item() * len(example.completion)
    assert one.losses(examples).sum().item() == pytest.approx(total, rel=1e-5)


def test_the_loss_told_is_that_of_the_texts_and_general_text_is_learned_too(model, tokenizer):
    texts, general = (flat(encode_texts(some, tokenizer, 100)) for some in (TEXTS[:2], TEXTS[2:]))
    one = learner(model)
    wanted, before = one.losses(texts).mean().item(), one.losses(general).mean().item()
    assert learn(one, texts, general) == pytest.approx(wanted, abs=1e-5)
    for step in range(3):
        learn(one, texts[:1], general, step)
    assert one.losses(general).mean().item() < before


def test_an_update_in_several_passes_is_the_same_update(tokenizer, monkeypatch):
    examples = flat(encode_texts(TEXTS, tokenizer, 100))
    made, losses = [], []
    for limit in (1, 40, 10_000):
        monkeypatch.setattr("homespun.train.learner.PASS", limit)
        model = make_model().train()
        losses.append(learn(learner(model, max_grad_norm=1.0), examples[:2], examples[2:]))
        made.append(model.state_dict())
    assert losses == pytest.approx([losses[0]] * 3, abs=1e-6)
    for other in made[1:]:  # a first step of AdamW is the gradient's sign: tiny gradients may round to either
        close = [torch.isclose(other[name], weight, atol=1e-4).float().mean() for name, weight in made[0].items()]
        assert min(close) > 0.99


def test_under_autocast_products_are_in_bfloat16_and_weights_stay_float32(model, tokenizer):
    examples = flat(encode_texts(TEXTS, tokenizer, 100))
    exact = learner(model).losses(examples)
    one = learner(model, half=True)
    rounded = one.losses(examples)
    assert 0 < (rounded - exact).abs().max() < 0.1
    first = learn(one, examples)
    assert learn(one, examples, seed=1) < first
    assert {weight.dtype for weight in one.weights.values()} == {torch.float32}
    assert {value.dtype for value in one.tensors().values()} == {torch.float32}


def test_only_matrices_decay():
    model = make_model().train()
    one = learner(model, weight_decay=0.5)
    decays = {id(w): group["weight_decay"] for group in one.optimizer.param_groups for w in group["params"]}
    assert {name for name, weight in one.weights.items() if not decays[id(weight)]} == {
        name for name, _ in model.named_parameters() if "norm" in name
    }


def test_answering_leaves_no_trace_and_answers_as_the_model_in_training(model, tokenizer):
    examples = flat(encode_texts(TEXTS, tokenizer, 100))
    one = learner(model)
    learn(one, examples)
    before = {name: weight.clone() for name, weight in model.state_dict().items()}
    losses = one.losses(examples[:1])
    base = model.get_base_model() if hasattr(model, "get_base_model") else model
    attention, hooks = base.config._attn_implementation, len(base.get_output_embeddings()._forward_pre_hooks)
    with answering("m", model, tokenizer) as answerer:
        assert not any(module.training for module in model.modules())
        assert answerer.forward.shares  # as writing does it
        (told,) = answerer.logprobs([LogprobQuery((), (TEXTS[0],))])
    assert told[0].total == pytest.approx(-losses[:-1].sum().item(), abs=1e-4)
    assert model.training
    assert base.config._attn_implementation == attention
    assert len(base.get_output_embeddings()._forward_pre_hooks) == hooks
    after = model.state_dict()
    assert all(torch.equal(after[name], weight) for name, weight in before.items())
    assert torch.equal(one.losses(examples[:1]), losses)
