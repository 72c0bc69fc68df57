#!/usr/bin/env bash
# Package:  datasets 5.2.0 (pyarrow 26.0.1)
# Expected: a JSON string is loaded as that string; JSON has no dates.
# Happens:  a column whose strings all look like dates becomes a timestamp column. "2024-05-01" comes back as a
#           datetime and is written as "2024-05-01 00:00:00". One answer that is no date turns the whole column back to
#           text. Saying features=Value("string") does not help: the text is made from the timestamp, midnight and all.
# Matters:  gold answers of a question-answering set stop matching word for word, and two parts of the same set (a
#           training and an evaluation file) get different types, depending on which rows were selected.
# Output (2026-11-30):
#   two dates:              timestamp[s] ['2024-05-01 00:00:00', '2023-01-31 00:00:00']
#   two dates and a word:   string ['2024-05-01', '2023-01-31', 'never']
#   two dates, said string: string ['2024-05-01 00:00:00', '2023-01-31 00:00:00']
#   0 of 2 answers equal their own gold text
set -euo pipefail
tmp=$(mktemp -d)
trap 'rm -rf "$tmp"' EXIT
python3 -m venv "$tmp/venv"
"$tmp/venv/bin/pip" install --quiet --disable-pip-version-check datasets==5.2.0 pyarrow==26.0.1
cd "$tmp"
export HF_HOME="$tmp/hf" HF_HUB_OFFLINE=1
cat > show.py <<'PY'
import json
import sys

import datasets

datasets.disable_progress_bars()
gold = ["2024-05-01", "2023-01-31", "never"]


def load(name, answers, **options):
    with open(name, "w") as file:
        file.writelines(json.dumps({"answer": answer}) + "\n" for answer in answers)
    return datasets.load_dataset("json", data_files=name, split="train", **options)


dates = load("dates.jsonl", gold[:2])
mixed = load("mixed.jsonl", gold)
told = load("told.jsonl", gold[:2], features=datasets.Features({"answer": datasets.Value("string")}))
print("two dates:             ", dates.features["answer"].dtype, [str(answer) for answer in dates["answer"]])
print("two dates and a word:  ", mixed.features["answer"].dtype, list(mixed["answer"]))
print("two dates, said string:", told.features["answer"].dtype, list(told["answer"]))
matches = sum(str(answer) == right for answer, right in zip(dates["answer"], gold))
print(f"{matches} of 2 answers equal their own gold text")
if matches or list(mixed["answer"]) != gold:
    sys.exit("changed: strings that look like dates were expected to become timestamps")
PY
"$tmp/venv/bin/python" show.py
