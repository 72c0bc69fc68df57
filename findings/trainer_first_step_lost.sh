#!/usr/bin/env bash
# Package:  transformers 5.23.0 with torch 2.13.0
# Expected: every batch that the Trainer shows changes the model; warm-up makes the first steps small.
# Happens:  the warm-up starts at a rate of exactly 0, so the first optimizer step leaves every weight bit for bit as it
#           was. With 15 steps and a usual warm-up of a tenth, one batch in fifteen is counted as seen and not learned;
#           with gradient accumulation it is that many batches. warmup_steps=1 does nothing but this.
# Matters:  small selected sets are trained for few steps: two arms of 15 batches compare what 14 taught, which one is
#           lost depends on the seed, and a smoke test of one step shows a loss and a gradient but trains nothing.
# Output (2026-11-30):
#   warmup_steps=0: 15 steps, weights bit for bit the same after step(s) []
#   warmup_steps=1: 15 steps, weights bit for bit the same after step(s) [1]
#   warmup_steps=0.1: 15 steps, weights bit for bit the same after step(s) [1]
set -euo pipefail
tmp=$(mktemp -d)
trap 'rm -rf "$tmp"' EXIT
python3 -m venv "$tmp/venv"
"$tmp/venv/bin/pip" install --quiet --disable-pip-version-check torch==2.13.0
"$tmp/venv/bin/pip" install --quiet --disable-pip-version-check transformers==5.23.0 accelerate==1.15.0
export HF_HOME="$tmp/hf" HF_HUB_OFFLINE=1 OUT="$tmp/out"
"$tmp/venv/bin/python" -W ignore - <<'PY'
import copy
import os
import sys

import torch
from transformers import GPT2Config, GPT2LMHeadModel, Trainer, TrainerCallback, TrainingArguments, logging

logging.set_verbosity_error()
torch.set_num_threads(1)
rows = [{"input_ids": [i + 1] * 8, "labels": [i + 1] * 8} for i in range(15)]


class Watch(TrainerCallback):
    def __init__(self, model):
        self.weights, self.still = copy.deepcopy(model.state_dict()), []

    def on_step_end(self, args, state, control, model=None, **_):
        now = copy.deepcopy(model.state_dict())
        if all(torch.equal(now[name], self.weights[name]) for name in now):
            self.still.append(state.global_step)
        self.weights = now


still = {}
for warmup in (0, 1, 0.1):  # steps, or below 1 a part of all steps
    torch.manual_seed(0)
    model = GPT2LMHeadModel(GPT2Config(vocab_size=32, n_positions=8, n_embd=16, n_layer=1, n_head=2,
                                       bos_token_id=0, eos_token_id=0))
    watch = Watch(model)
    args = TrainingArguments(output_dir=os.environ["OUT"], per_device_train_batch_size=1, num_train_epochs=1,
                             learning_rate=1e-3, warmup_steps=warmup, use_cpu=True, report_to=[], disable_tqdm=True,
                             save_strategy="no", logging_strategy="no")
    trainer = Trainer(model=model, args=args, train_dataset=rows, callbacks=[watch])
    trainer.log = lambda *_, **__: None
    steps = trainer.train().global_step
    still[warmup] = watch.still
    print(f"warmup_steps={warmup}: {steps} steps, weights bit for bit the same after step(s) {watch.still}")
if still != {0: [], 1: [1], 0.1: [1]}:
    sys.exit("changed: only the first step, and only with warm-up, was expected to leave the weights")
PY
