"""A real llama.cpp server with the embedded model, next to the same weights in this process."""

from __future__ import annotations

import json
import math
import statistics
import subprocess
import sys

import numpy as np
import pytest

from homespun.data.ledger import Ledger
from homespun.models.base import LogprobQuery, Request, Sampling
from homespun.models.embedded import GGUF, fetch_gguf
from homespun.models.load import load_model
from homespun.models.server import connect
from homespun.task import ModelSpec


@pytest.fixture(scope="module")
def server(pytestconfig):
    """Address of a server that writes, scores and embeds, on loopback."""
    import xllamacpp

    folder = pytestconfig.cache.mkdir("gguf")
    params = xllamacpp.CommonParams()
    params.model.path = str(folder / GGUF if (folder / GGUF).is_file() else fetch_gguf(folder))
    params.n_parallel, params.n_ctx = 2, 2 * 2048
    params.cpuparams.n_threads = params.cpuparams_batch.n_threads = 1
    params.embedding, params.pooling_type = True, xllamacpp.llama_pooling_type.LLAMA_POOLING_TYPE_MEAN
    params.verbosity = 0
    running = xllamacpp.Server(params)
    yield f"{running.listening_address}/v1#smollm2"
    del running


@pytest.fixture
def asked(server, tmp_path):
    with Ledger(tmp_path / "ledger.db") as ledger:
        yield connect(ModelSpec(id=server, logprobs="llama.cpp", concurrency=2), ledger)


@pytest.fixture(scope="module")
def here(embedded):
    return load_model(ModelSpec(id=str(embedded), dtype="float32", device="cpu"))


def test_it_writes_within_its_limits(asked):
    turns = (("user", "Name three animals."),)
    answers = asked.complete(
        [
            Request("a", turns, Sampling(0, max_tokens=12), 1),
            Request("b", turns, Sampling(0, max_tokens=300, stop=("\n",)), 1),
            Request("c", turns, Sampling(0, max_tokens=12), 1),
        ]
    )
    assert [answer.finish_reason for answer in answers] == ["length", "stop", "length"]
    assert answers[0].text == answers[2].text and answers[0].completion_tokens == 12
    assert "\n" not in answers[1].text and answers[1].prompt_tokens > 20


def test_it_keeps_to_a_schema(asked):
    properties = {"label": {"enum": ["good", "bad"]}, "sure": {"type": "boolean"}}
    schema = {"type": "object", "properties": properties, "required": [*properties], "additionalProperties": False}
    turns = (("user", "Is this review good or bad? A lovely film."),)
    (answer,) = asked.complete([Request("a", turns, Sampling(0, max_tokens=60), 1, schema=schema)])
    found = json.loads(answer.text)
    assert found["label"] in ("good", "bad") and isinstance(found["sure"], bool)


REVIEWS = ("A lovely film.", "Dull from start to end.", "素晴らしい映画でした。")
ANSWERS = (" positive", " negative", "unforgivable", "ポジティブ", " 良い", "")
QUERIES = [
    LogprobQuery((("user", f"Is this review positive or negative? {review}"),), ANSWERS, prefill=prefill)
    for review in REVIEWS
    for prefill in ("", "Label:")
] + [LogprobQuery((("system", "Be brief."), ("user", "Hi")), ("Hello there!",))]


def test_its_log_probabilities_are_those_of_the_same_weights_here(asked, here):
    apart = []
    for there, local in zip(asked.logprobs(QUERIES), here.logprobs(QUERIES), strict=True):
        for one, other in zip(there, local, strict=True):
            assert len(one.logprobs) == len(other.logprobs)  # the same tokens, also inside of Japanese characters
            apart += [abs(x - y) for x, y in zip(one.logprobs, other.logprobs, strict=True)]
    # The server multiplies 4-bit weights with 8-bit activations; benchmarks/llamacpp.py compares in float32.
    assert statistics.median(apart) < 0.15 and max(apart) < 1


def test_forced_tokens_have_the_log_probability_of_the_whole_vocabularys_table(asked):
    import urllib.request

    root = asked.endpoint.base_url.removesuffix("/v1")

    def post(path, payload):
        request = urllib.request.Request(
            root + path, json.dumps(payload).encode(), {"Content-Type": "application/json"}
        )
        with urllib.request.urlopen(request) as answer:
            return json.load(answer)

    text = post("/apply-template", {"messages": [{"role": "user", "content": "Good or bad?"}]})["prompt"]
    whole = {"prompt": text, "n_predict": 1, "n_probs": 50_000, "logit_bias": [["A", 1e6]]}
    (table,) = post("/completion", whole)["completion_probabilities"]
    known = {one["id"]: one["logprob"] for one in table["top_logprobs"]}
    (row,) = asked.logprobs([LogprobQuery((("user", "Good or bad?"),), ANSWERS[:-1])])
    for answer, one in zip(ANSWERS, row, strict=False):
        first = post("/tokenize", {"content": answer})["tokens"][0]
        assert one.logprobs[0] == pytest.approx(known[first], abs=0.02)


def test_what_does_not_fit_has_no_number(asked):
    long = LogprobQuery((("user", "word " * 3000),), ("good",))
    ((found,), (short,)) = asked.logprobs([long, LogprobQuery((("user", "word"),), ("good",))])
    assert math.isnan(found.total) and short.total < 0


def test_it_embeds(asked):
    found = asked.embed(["A lovely film.", "A wonderful movie.", "Interest rates rose."])
    assert found.shape == (3, 576)
    near, far = (found[0] @ found[n] / np.linalg.norm(found[0]) / np.linalg.norm(found[n]) for n in (1, 2))
    assert near > far
    (answer,) = asked.complete([Request("a", (("user", "Hi"),), Sampling(max_tokens=4), 1)])
    assert not answer.error  # although the server calls itself something else in each call


RECIPE = """
name: served
models:
  writer: {{id: "{server}", concurrency: 2}}
  judge: {{id: "{server}", concurrency: 2, logprobs: llama.cpp}}
  scorer: {{id: "{server}", concurrency: 2, logprobs: llama.cpp}}
task:
  kind: classification
  description: Decide whether a movie review is positive or negative.
  fields: [review]
  labels: {{positive: the reviewer liked the film, negative: the reviewer disliked the film}}
generate:
  labelled: {{kind: labelled, keywords: [acting, plot], rows: 4, shard: 4}}
score:
  judge: {{kind: judge, mode: rating}}
  probability: {{kind: probability}}
"""


def test_a_run_with_a_server_as_writer_judge_and_scorer(server, tmp_path):
    import pyarrow.parquet as pq

    (tmp_path / "recipe.yaml").write_text(RECIPE.format(server=server))
    command = [
        sys.executable,
        "-m",
        "homespun.cli",
        "run",
        str(tmp_path / "recipe.yaml"),
        "--out",
        str(tmp_path / "run"),
    ]
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
    assert "no log-probability" not in done.stderr
    for name, columns in (("judge", ("rating",)), ("probability", ("posterior", "logprob", "pmi"))):
        scores = pq.read_table(tmp_path / f"run/scores/{name}.parquet").to_pydict()
        assert len(scores[columns[0]]) == 4
        assert all(math.isfinite(value) for column in columns for value in scores[column])
