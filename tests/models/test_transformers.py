import dataclasses
import math

import numpy as np
import pytest
import torch

from homespun.errors import UsageError
from homespun.models import decode
from homespun.models.base import LogprobQuery, Request, Sampling
from homespun.models.scoring import windows

TOPICS = ["music", "a dog", "war", "the ending of a very long film about trains", "robots", "school", "rain"]


def requests(temperature=0.0, max_tokens=12, **settings):
    sampling = Sampling(temperature, 0.9, max_tokens, **settings)
    return [
        Request(f"r{i}", (("user", f"Write one short review about {topic}."),), sampling, seed=i)
        for i, topic in enumerate(TOPICS)
    ]


def greedy_by_generate(model, request):
    """What transformers writes for one request alone."""
    return model.tokenizer.decode(greedy_ids(model, request), skip_special_tokens=True)


def greedy_ids(model, request):
    ids = model.encoder.prompts([(request.messages, request.prefill)])
    tokens = torch.tensor(ids)
    written = model.hf_model.generate(
        tokens,
        attention_mask=torch.ones_like(tokens),
        max_new_tokens=request.sampling.max_tokens,
        do_sample=False,
    )
    return written[0, tokens.shape[1] :].tolist()


ARCHITECTURES = {
    "Llama": ({}, True),
    "Qwen3": ({}, True),
    "Mistral": ({"sliding_window": 6}, False),
    "Gemma2": ({"sliding_window": 6, "query_pre_attn_scalar": 12}, False),
    "GPTNeoX": ({}, None),
    "GPT2": ({"n_embd": 48, "n_layer": 3, "n_head": 4, "n_positions": 256}, None),
}


@pytest.mark.parametrize("architecture", ARCHITECTURES)
def test_greedy_answers_and_scores_are_those_of_transformers(build, architecture):
    settings, shares = ARCHITECTURES[architecture]
    model = build(architecture, **settings)
    assert shares is None or model.forward.shares is shares
    asked = requests()
    assert [a.text for a in model.complete(asked)] == [greedy_by_generate(model, request) for request in asked]
    check_scores(model)


def check_scores(model):
    queries = [
        LogprobQuery((("user", f"Is {topic} good?"),), ("positive", "negative", "no way", "!"), prefill="Answer:")
        for topic in TOPICS[:4]
    ]
    queries += [LogprobQuery((), ("The film was slow.",)), LogprobQuery((), ("", "I would not."))]
    for query, answers in zip(queries, model.logprobs(queries), strict=True):
        [prompt] = model.encoder.prompts([(query.messages, query.prefill)])
        for text, answer in zip(query.continuations, answers, strict=True):
            [ids] = model.encoder.plain([text])
            assert len(answer.logprobs) == len(ids)
            if not ids:
                continue
            with torch.inference_mode():
                logits = model.hf_model(torch.tensor([prompt + ids]), use_cache=False).logits[0]
            expected = logits[len(prompt) - 1 : -1].log_softmax(-1)[range(len(ids)), ids]
            assert answer.logprobs == pytest.approx(expected.tolist(), abs=1e-4)


def test_both_ways_of_decoding_draw_the_same_texts(tiny, monkeypatch):
    asked = requests(temperature=1.0)
    shared = tiny.complete(asked)
    monkeypatch.setattr(tiny.forward, "_shares", False)
    assert tiny.complete(asked) == shared


@pytest.mark.parametrize("temperature", [0.0, 1.0])
def test_refilled_slots_give_what_each_request_gets_alone(tiny, monkeypatch, temperature):
    asked = [
        dataclasses.replace(r, sampling=dataclasses.replace(r.sampling, max_tokens=3 + 5 * i))
        for i, r in enumerate(requests(temperature))
    ]
    alone = [tiny.complete([request])[0] for request in asked]
    monkeypatch.setattr(decode, "SLACK", 2)  # the buffer's contents move often
    for slots, refill in ((2, 8), (3, 1), (64, 8)):
        monkeypatch.setattr(decode, "SLOTS", slots)
        monkeypatch.setattr(decode, "REFILL", refill)
        assert tiny.complete(asked) == alone


def test_prompts_read_in_several_passes_give_the_same(tiny, monkeypatch):
    asked = requests()
    expected = tiny.complete(asked)
    monkeypatch.setattr(decode, "PROMPT_TOKENS", 20)
    assert tiny.complete(asked) == expected


def test_the_same_list_gives_the_same_answers_and_another_seed_others(tiny):
    asked = requests(temperature=1.0, max_tokens=20)
    first = tiny.complete(asked)
    assert tiny.complete(asked) == first
    reseeded = [dataclasses.replace(request, seed=request.seed + 100) for request in asked]
    assert [a.text for a in tiny.complete(reseeded)] != [a.text for a in first]


def test_answers_come_in_the_order_asked_and_progress_counts_each_once(tiny):
    asked = list(reversed(requests(temperature=1.0)))
    done = []
    answers = tiny.complete(asked, done.append)
    assert [answer.key for answer in answers] == [request.key for request in asked]
    assert sum(done) == len(asked)


def test_a_stop_string_ends_the_text_before_it(tiny):
    asked = requests(temperature=1.0, max_tokens=40)
    for request, answer in zip(asked, tiny.complete(asked), strict=True):
        if len(answer.text) < 4:
            continue
        stop = answer.text[2:4]
        limited = dataclasses.replace(request, sampling=dataclasses.replace(request.sampling, stop=("\0", stop)))
        [stopped] = tiny.complete([limited])
        assert stopped.text == answer.text[: answer.text.index(stop)]
        assert stopped.finish_reason == "stop"
        assert stopped.completion_tokens < answer.completion_tokens or answer.text.endswith(stop)


def test_the_reasons_to_finish(tiny, monkeypatch):
    [cut] = tiny.complete([requests(max_tokens=1)[0]])
    assert (cut.finish_reason, cut.completion_tokens) == ("length", 1)
    ids = greedy_ids(tiny, requests(max_tokens=8)[0])
    monkeypatch.setattr(tiny, "ends", frozenset({ids[4]}))
    [ended] = tiny.complete([requests(max_tokens=8)[0]])
    before = ids.index(ids[4])
    assert (ended.finish_reason, ended.completion_tokens) == ("stop", before + 1)
    assert ended.text == tiny.tokenizer.decode(ids[:before])


def test_a_prefill_is_what_the_answer_follows_and_is_not_repeated(tiny):
    [plain] = tiny.complete([requests(max_tokens=12)[0]])
    begun = plain.text[:3]
    rest = dataclasses.replace(requests(max_tokens=12)[0], prefill=begun)
    prompt = tiny.encoder.prompt_text(rest.messages, begun)
    assert prompt.endswith("<|assistant|>" + begun)
    [answer] = tiny.complete([rest])
    assert answer.text == greedy_by_generate(tiny, rest)


def test_one_impossible_request_is_an_answer_and_the_others_are_not_touched(tiny):
    asked = requests()
    too_long = dataclasses.replace(asked[0], key="long", messages=(("user", "film " * 300),))
    none = dataclasses.replace(asked[0], key="none", sampling=Sampling(max_tokens=0))
    answers = tiny.complete([asked[0], too_long, asked[1], none])
    assert [answer.finish_reason == "error" for answer in answers] == [False, True, False, True]
    assert "context of 256" in answers[1].error
    assert "max_tokens is 0" in answers[3].error
    assert [answers[0], answers[2]] == tiny.complete(asked[:2])


def test_roles_that_the_template_refuses(tiny, monkeypatch):
    strict = (
        "{% if messages[0]['role'] == 'system' %}{{ raise_exception('no system turn') }}{% endif %}"
        "{% for m in messages %}{{ m['role'] + ': ' + m['content'] }}{% endfor %}"
    )
    monkeypatch.setattr(tiny.tokenizer, "chat_template", strict)
    merged = tiny.encoder.prompt_text((("system", "Be brief."), ("user", "Hello.")))
    assert merged == "user: Be brief.\n\nHello."
    only_system = dataclasses.replace(requests()[0], messages=(("system", "Be brief."),))
    answers = tiny.complete([only_system, requests()[1]])
    assert [answer.finish_reason == "error" for answer in answers] == [True, False]
    assert "system" in answers[0].error
    queries = [LogprobQuery((("system", "Be brief."),), ("a",)), LogprobQuery((("user", "Hi."),), ("a",))]
    refused, scored = tiny.logprobs(queries)
    assert math.isnan(refused[0].total)
    assert not math.isnan(scored[0].total)


def test_nothing_asked_nothing_answered(tiny):
    assert tiny.complete([]) == []
    assert tiny.logprobs([]) == []
    assert tiny.embed([]).shape == (0, 48)
    assert tiny.logprobs([LogprobQuery((("user", "Hi."),), ())]) == [()]


def test_scores_do_not_depend_on_the_batch(tiny, monkeypatch):
    queries = [LogprobQuery((("user", t),), ("positive", "not so bad", "bad")) for t in TOPICS]
    together = tiny.logprobs(queries)
    monkeypatch.setattr("homespun.models.scoring.BATCH_TOKENS", 60)
    monkeypatch.setattr("homespun.models.scoring.BATCH_READS", 5)
    done = []
    for many, one in zip(together, tiny.logprobs(queries, done.append), strict=True):
        assert [c.total for c in many] == pytest.approx([c.total for c in one], abs=1e-4)
    assert sum(done) == len(queries)


def test_single_token_answers_sum_to_one_over_the_vocabulary(tiny):
    texts = tuple(tiny.tokenizer.decode([i]) for i in range(len(tiny.tokenizer)))
    whole = {t for t in texts if len(tiny.encoder.plain([t])[0]) == 1}
    [scores] = tiny.logprobs([LogprobQuery((("user", "Well?"),), tuple(sorted(whole)))])
    total = sum(math.exp(score.total) for score in scores)
    assert 0.5 < total <= 1 + 1e-5


def test_what_exceeds_the_context_is_nan_and_the_rest_is_scored(tiny):
    [row] = tiny.logprobs([LogprobQuery((("user", "film " * 120),), ("good", "good " * 200))])
    assert not math.isnan(row[0].total)
    assert math.isnan(row[1].total)


def plain(model, texts):
    return [found for (found,) in model.logprobs([LogprobQuery((), (text,)) for text in texts])]


def token_logprobs(model, ids):
    """Log-probability of each of `ids` but the first, by one pass of transformers."""
    with torch.inference_mode():
        logits = model.hf_model(torch.tensor([ids]), use_cache=False).logits[0].float()
    return logits.log_softmax(-1)[torch.arange(len(ids) - 1), torch.tensor(ids[1:])].tolist()


@pytest.mark.parametrize("architecture", ["Llama", "GPT2"])
def test_plain_text_is_scored_after_the_start_token_however_it_is_cut_into_passes(build, architecture, monkeypatch):
    model = build(architecture, **ARCHITECTURES[architecture][0])
    texts = ["The film was slow, but the music was lovely.", "Good.", "素晴らしい映画でした。" * 3]
    expected = [token_logprobs(model, model.encoder.start + ids) for ids in model.encoder.plain(texts)]
    for reads in (512, 7):
        monkeypatch.setattr("homespun.models.scoring.BATCH_READS", reads)
        for one, right in zip(plain(model, texts), expected, strict=True):
            assert one.logprobs == pytest.approx(right, abs=1e-4)


def test_a_prompt_longer_than_a_pass_is_read_before_its_continuation(tiny, monkeypatch):
    query = LogprobQuery((("user", "The plot made no sense."),), ("The music was lovely, the plot was not.",))
    [[expected]] = tiny.logprobs([query])
    monkeypatch.setattr("homespun.models.scoring.BATCH_READS", 5)
    [[found]] = tiny.logprobs([query])
    assert found.logprobs == pytest.approx(expected.logprobs, abs=1e-4)


def test_windows_score_every_token_once():
    ids = list(range(100, 123))
    found = windows([0], ids, 9)  # room for 8 tokens, moved by 4
    assert [token for _, scored in found for token in scored] == ids
    assert found[1] == ([0, 104, 105, 106, 107], [108, 109, 110, 111])
    assert all(len(before) + len(scored) <= 9 for before, scored in found)
    assert windows([0], ids, 24) == [([0], ids)]
    assert windows([0], ids, 1) == [([0], ids)]  # no room: left as it is, and not scored


def test_a_text_longer_than_the_context_is_scored_by_a_sliding_window(tiny, monkeypatch):
    text = "The film was slow, but the music was lovely. " * 40
    [ids] = tiny.encoder.plain([text])
    assert len(ids) > 2 * tiny.context
    parts = windows(tiny.encoder.start, ids, tiny.context)
    expected = [value for before, part in parts for value in token_logprobs(tiny, before + part)[-len(part) :]]
    done = []
    long, short = tiny.logprobs([LogprobQuery((), (text,)), LogprobQuery((), ("Good.", text))], done.append)
    assert sum(done) == 2
    assert len(long[0].logprobs) == len(ids)
    assert long[0].logprobs == pytest.approx(expected, abs=1e-4)
    assert short[1].logprobs == pytest.approx(expected, abs=1e-4)
    assert not math.isnan(short[0].total)


def test_a_layer_that_the_model_does_not_have(tiny):
    assert (tiny.embed(["film"], layer=2) == tiny.embed(["film"])).all()  # two thirds of three
    assert (tiny.embed(["film"], layer=1) != tiny.embed(["film"])).any()
    with pytest.raises(UsageError, match="layer: 4 is asked for; Llama has the layers 1 to 3"):
        tiny.embed(["film"], layer=4)


@pytest.mark.parametrize("architecture", ["Llama", "GPT2"])  # the second keeps its layers elsewhere
def test_embeddings_are_the_mean_states_of_the_texts_own_tokens(build, architecture):
    tiny = build(architecture, **ARCHITECTURES[architecture][0])
    texts = ["The film was slow.", "", "素晴らしい", "I would not see it again; the plot made no sense at all."]
    done = []
    found = tiny.embed(texts, done.append)
    assert found.dtype == np.float32
    assert sum(done) == len(texts)
    assert not found[1].any()
    for text, vector in zip(texts, found, strict=True):
        if not text:
            continue
        [ids] = tiny.encoder.plain([text])
        tokens = torch.tensor([[tiny.tokenizer.bos_token_id, *ids]])
        with torch.inference_mode():
            states = tiny.hf_model(tokens, output_hidden_states=True, use_cache=False).hidden_states[2]
        np.testing.assert_allclose(vector, states[0, 1:].mean(0).numpy(), rtol=1e-4, atol=1e-5)


def test_long_prompts_get_fewer_slots(tiny, monkeypatch):
    asked = requests()
    expected = tiny.complete(asked)
    monkeypatch.setattr(decode, "SLOT_BYTES", 1)
    assert tiny.complete(asked) == expected
