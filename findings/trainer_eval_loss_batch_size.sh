#!/usr/bin/env bash
# Package:  transformers 5.23.0 with torch 2.13.0
# Expected: the eval_loss of a causal language model is a property of the model and the rows.
# Happens:  it is the mean over batches of the mean over the tokens of a batch. The batch size and the order of the rows
#           decide how much a token of a short row weighs against one of a long row, and with them which of two models
#           has the lower eval_loss. All runs below use the same rows, and both models the same batch size.
# Matters:  the choice of a checkpoint, load_best_model_at_end, and perplexities compared between reports flip with a
#           setting that is chosen for memory. Rows of very different lengths (labels and essays) make it large.
#           Reported upstream as transformers 39241, open at the time.
# Output (2026-11-30):
#   batches of 1: trained on short rows 1.646, on long rows 3.089; better: short
#   batches of 2: trained on short rows 2.810, on long rows 2.394; better: long
#   batches of 8: trained on short rows 2.810, on long rows 2.394; better: long
set -euo pipefail
tmp=$(mktemp -d)
trap 'rm -rf "$tmp"' EXIT
python3 -m venv "$tmp/venv"
"$tmp/venv/bin/pip" install --quiet --disable-pip-version-check torch==2.13.0
"$tmp/venv/bin/pip" install --quiet --disable-pip-version-check transformers==5.23.0 accelerate==1.15.0
export HF_HOME="$tmp/hf" HF_HUB_OFFLINE=1 OUT="$tmp/out"
"$tmp/venv/bin/python" -W ignore - <<'PY'
import os
import sys

import torch
from transformers import GPT2Config, GPT2LMHeadModel, Trainer, TrainingArguments, logging

logging.set_verbosity_error()
torch.set_num_threads(1)
torch.manual_seed(0)
LENGTH = 24


def row(tokens):
    spare = LENGTH - len(tokens)
    return {"input_ids": tokens + [0] * spare, "attention_mask": [1] * len(tokens) + [0] * spare,
            "labels": tokens + [-100] * spare}


short = [row([7] * 4) for _ in range(8)]
long = [row(torch.randint(10, 20, (LENGTH,)).tolist()) for _ in range(8)]
rows = [one for pair in zip(short, long) for one in pair]


def trained(on):
    model = GPT2LMHeadModel(GPT2Config(vocab_size=32, n_positions=LENGTH, n_embd=16, n_layer=1, n_head=2,
                                       bos_token_id=0, eos_token_id=0))
    batch = {name: torch.tensor([one[name] for one in on]) for name in on[0]}
    optimizer = torch.optim.AdamW(model.parameters(), lr=0.01)
    for _ in range(20):
        model(**batch).loss.backward()
        optimizer.step()
        optimizer.zero_grad()
    return model.eval()


def eval_loss(model, batch_size):
    args = TrainingArguments(output_dir=os.environ["OUT"], per_device_eval_batch_size=batch_size, use_cpu=True,
                             report_to=[], disable_tqdm=True)
    trainer = Trainer(model=model, args=args, eval_dataset=rows)
    trainer.log = lambda *_, **__: None
    return trainer.evaluate()["eval_loss"]


models = {"short": trained(short), "long": trained(long)}
better = {}
for batch_size in (1, 2, 8):
    loss = {name: eval_loss(model, batch_size) for name, model in models.items()}
    better[batch_size] = min(loss, key=loss.get)
    print(f"batches of {batch_size}: trained on short rows {loss['short']:.3f}, on long rows {loss['long']:.3f}; "
          f"better: {better[batch_size]}")
if better[1] == better[8]:
    sys.exit("changed: the better model was expected to depend on the batch size")
PY
