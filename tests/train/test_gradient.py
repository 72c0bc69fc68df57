"""What all trainers share: kills at every write and at random moments, damage, divergence, a loss of one's own."""

import json
import math
import os
import random
import signal
import threading
from dataclasses import replace

import pytest
import torch
from tiny_student import make_model, weights

from homespun.data.store import crash_point, file_hash
from homespun.errors import DegenerateError
from homespun.models.base import LogprobQuery
from homespun.task import ModelSpec
from homespun.train.batches import Example
from homespun.train.continual import Continual
from homespun.train.sft import Lora, Sft

LORA = Continual(exposures=6, batch_size=4, learning_rate=1e-2, lora=Lora())
OFTEN = {"exposures": 30, "learning_rate": 1e-2, "schedule": "cosine", "checkpoint_minutes": 1e-6}
DROPOUT = Lora(rank=4, dropout=0.2)


def in_child(work, *, crash_at=None, kill_after=None):
    """Fork, work, and return the exit status; SIGKILL at the child's `crash_at`-th write or after some seconds."""
    child = os.fork()
    if child:
        return os.waitstatus_to_exitcode(os.waitpid(child, 0)[1])
    status = 1
    try:
        torch.set_num_threads(1)  # no pool of threads survives a fork
        crash_point.count = 0
        os.environ.pop("HOMESPUN_CRASH_AT", None)
        if crash_at is not None:
            os.environ["HOMESPUN_CRASH_AT"] = str(crash_at)
        if kill_after is not None:
            timer = threading.Timer(kill_after, lambda: os.kill(os.getpid(), signal.SIGKILL))
            timer.daemon = True
            timer.start()
        work()
        status = 0
    finally:
        os._exit(status)


@pytest.mark.parametrize(
    ("trainer", "at"),
    [
        (Continual(**OFTEN), (3, 10, 20, 30)),
        (Continual(**OFTEN, lora=DROPOUT), (3, 10, 20, 30)),
        (Sft(epochs=20, batch_size=4, learning_rate=1e-2, lora=DROPOUT, checkpoint_minutes=1e-6), (2, 7, 13, 20)),
    ],
    ids=["continual, full", "continual, lora with dropout", "sft with dropout"],
)
def test_kills_change_no_byte(trainer, at, rows, texts, ctx, tiny, tmp_path):
    shown = rows if trainer.kind == "sft" else texts
    state, asked = tmp_path / "state", tmp_path / "asked"

    def work(out, state=None):
        def probe(model, exposures):
            told = model.logprobs([LogprobQuery((), ("The colour of d3 is 21.",))])[0][0].total
            with asked.open("a") as stream:
                stream.write(f"{out.name} {exposures} {told!r}\n")

        card = trainer(shown, ctx, tiny, 0, out, probe, at, state=state)
        (out / "told.json").write_text(json.dumps([card.losses, card.exposure_losses]))

    assert in_child(lambda: work(tmp_path / "clean")) == 0
    rng = random.Random(0)
    kills = [{"crash_at": write} for write in (1, 2, 3, 4, 5, 7, 9)]
    kills += [{"kill_after": rng.uniform(0.2, 0.6)} for _ in range(3)]
    ends = [in_child(lambda: work(tmp_path / "killed", state), **kill) for kill in kills]
    assert ends[:7] == [-signal.SIGKILL] * 7  # the machine may be done before the seconds of the other three are over
    assert in_child(lambda: work(tmp_path / "killed", state)) == 0
    assert weights(tmp_path / "killed") == weights(tmp_path / "clean")
    assert (tmp_path / "killed/told.json").read_text() == (tmp_path / "clean/told.json").read_text()
    answers = [line.split() for line in asked.read_text().splitlines()]
    told = {(who, exposures, value) for who, exposures, value in answers}
    assert {pair[1:] for pair in told if pair[0] == "clean"} == {pair[1:] for pair in told if pair[0] == "killed"}
    assert len({(exposures, value) for _, exposures, value in told}) == 4


def test_a_finished_state_is_only_saved_again_and_another_setting_starts_anew(texts, blank, tiny, tmp_path):
    asked = []

    def train(name, **changes):
        trainer = LORA.model_copy(update=changes)
        card = trainer(
            texts, blank, tiny, 0, tmp_path / name, lambda _, n: asked.append(n), (3, 6), state=tmp_path / "state"
        )
        return card, weights(tmp_path / name)

    first = train("a")
    assert asked == [3, 6]
    again = train("b")
    assert asked == [3, 6]
    assert again[1] == first[1]
    assert again[0].losses == first[0].losses
    train("c", learning_rate=2e-2)
    assert asked == [3, 6, 3, 6]


def test_a_damaged_checkpoint_costs_time_only(texts, blank, tiny, tmp_path):
    state = tmp_path / "state"
    LORA(texts, blank, tiny, 0, tmp_path / "a", lambda *_: None, (2, 4), state=state)
    newest = sorted(state.glob("*.safetensors"))[-1]
    newest.write_bytes(newest.read_bytes()[:-1] + b"!")
    LORA(texts, blank, tiny, 0, tmp_path / "b", lambda *_: None, (2, 4), state=state)
    assert file_hash(tmp_path / "a/adapter_model.safetensors") == file_hash(tmp_path / "b/adapter_model.safetensors")


def test_a_diverged_training_says_so_and_leaves_nothing(rows, ctx, tokenizer, tmp_path):
    model = make_model()
    with torch.no_grad():
        model.model.norm.weight.fill_(float("nan"))
    model.save_pretrained(tmp_path / "broken")
    tokenizer.save_pretrained(tmp_path / "broken")
    with pytest.raises(DegenerateError, match=r"the loss of step 1 is nan at learning_rate 0.0002. Lower it"):
        Sft()(rows, ctx, ModelSpec(id=str(tmp_path / "broken")), 0, tmp_path / "out", state=tmp_path / "state")
    assert not (tmp_path / "out").exists()
    assert not (tmp_path / "state").exists()


def test_the_seed_decides_and_torch_s_generator_is_put_back(texts, blank, tiny, tmp_path):
    before = torch.get_rng_state()
    for name, seed in (("a", 0), ("b", 0), ("c", 1)):
        LORA(texts, blank, tiny, seed, tmp_path / name)
    assert weights(tmp_path / "a") == weights(tmp_path / "b")
    assert weights(tmp_path / "a") != weights(tmp_path / "c")
    assert torch.equal(torch.get_rng_state(), before)


@pytest.mark.parametrize("count", [1, 5, 100])
@pytest.mark.parametrize("warmup", [0.0, 0.03, 0.5])
def test_every_step_of_sft_learns(warmup, count):
    rates = [Sft(warmup=warmup).rate(step, count) for step in range(count)]
    assert min(rates) > 0
    assert 0.5 <= max(rates) <= 1


class Pairs(Continual):
    """A text is to become likelier than its tokens in reverse, by more than it is to the untrained student."""

    def plan(self, rows, *given):
        plan = super().plan(rows, *given)
        return replace(plan, texts=[[part, Example(part.prompt, part.completion[::-1])] for (part,) in plan.texts])

    def loss(self, learner, texts, replay):
        for pair in texts:
            with torch.no_grad(), learner.model.disable_adapter():
                before = learner.losses(pair)
            chosen, rejected = (learner.losses(pair) - before).chunk(2)
            loss = torch.nn.functional.softplus((chosen - rejected).sum()) / len(texts)
            yield loss, loss


def test_a_trainer_with_a_loss_of_its_own_needs_no_more_than_that_and_its_examples(texts, blank, tiny, tmp_path):
    card = Pairs(exposures=4, learning_rate=1e-2, lora=Lora())(texts, blank, tiny, 0, tmp_path)
    assert card.first_loss == pytest.approx(math.log(2))
    assert card.last_loss < 0.1
