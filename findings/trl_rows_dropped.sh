#!/usr/bin/env bash
# Package:  trl 1.16.0 with transformers 5.23.0, torch 2.13.0
# Expected: SFTTrainer trains on, and evaluates, the rows it is given; if it leaves some out it says how many.
# Happens:  a row whose prompt alone fills max_length is dropped, from the training set and from the evaluation set.
#           There is no warning and no count, only the title of a progress bar. A row beside it that keeps a single
#           token of its answer stays, without an end token.
# Matters:  two arms of equal size are no longer equal when one rule prefers long prompts, and their evaluation rows
#           are not those of the file. len(trainer.train_dataset) tells.
# Output (2026-11-30):
#   training rows: 4 of 8, of which 2 with an end token; evaluation rows: 1 of 2
#   messages about it: 0
set -euo pipefail
tmp=$(mktemp -d)
trap 'rm -rf "$tmp"' EXIT
python3 -m venv "$tmp/venv"
"$tmp/venv/bin/pip" install --quiet --disable-pip-version-check torch==2.13.0
"$tmp/venv/bin/pip" install --quiet --disable-pip-version-check trl==1.16.0 transformers==5.23.0 datasets==5.2.0 \
    accelerate==1.15.0
export HF_HOME="$tmp/hf" HF_HUB_OFFLINE=1 OUT="$tmp/out"
"$tmp/venv/bin/python" - 2> "$tmp/messages" <<'PY' || { tail -n 3 "$tmp/messages"; exit 1; }
import os
import sys

import datasets
import torch
from tokenizers import Tokenizer, models, pre_tokenizers
from transformers import LlamaConfig, LlamaForCausalLM, PreTrainedTokenizerFast
from trl import SFTConfig, SFTTrainer

datasets.disable_progress_bars()
torch.set_num_threads(1)
words = ["<pad>", "<eos>", "<unk>", *(f"w{i}" for i in range(40))]
tokenizer = Tokenizer(models.WordLevel({word: i for i, word in enumerate(words)}, unk_token="<unk>"))
tokenizer.pre_tokenizer = pre_tokenizers.Whitespace()
model = LlamaForCausalLM(LlamaConfig(vocab_size=len(words), hidden_size=16, intermediate_size=32, num_hidden_layers=1,
                                     num_attention_heads=2, pad_token_id=0, eos_token_id=1))


def rows(prompt_lengths):
    return datasets.Dataset.from_list([{"prompt": " ".join(words[3 : 3 + length]), "completion": " w1 w2 w3"}
                                       for length in prompt_lengths])


trainer = SFTTrainer(
    model=model,
    args=SFTConfig(output_dir=os.environ["OUT"], max_length=16, use_cpu=True, bf16=False, report_to=[]),
    train_dataset=rows([8, 15, 16, 20, 8, 15, 16, 20]),
    eval_dataset=rows([8, 16]),
    processing_class=PreTrainedTokenizerFast(tokenizer_object=tokenizer, pad_token="<pad>", eos_token="<eos>",
                                             unk_token="<unk>"),
)
ends = [row[-1] == 1 for row in trainer.train_dataset["input_ids"]]
print(f"training rows: {len(ends)} of 8, of which {sum(ends)} with an end token; "
      f"evaluation rows: {len(trainer.eval_dataset)} of 2")
if (len(ends), sum(ends), len(trainer.eval_dataset)) != (4, 2, 1):
    sys.exit("changed: 4 of 8 training rows and 1 of 2 evaluation rows were expected to be dropped")
PY
echo "messages about it: $(grep -ciE 'drop|mask|truncat|exceed|filter' "$tmp/messages" || true)"
if grep -qiE 'drop|mask|truncat|exceed|filter' "$tmp/messages"; then
    echo "changed: the dropped rows were expected to go without a message" >&2
    exit 1
fi
