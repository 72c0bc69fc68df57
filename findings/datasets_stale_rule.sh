#!/usr/bin/env bash
# Package:  datasets 5.2.0
# Expected: Dataset.filter and map keep their result under a hash of the function, so a rule that was edited is applied
#           anew, as it is when the function stands in the script itself.
# Happens:  a function imported from a module is hashed by its name only. After its threshold went from 3 to 8, the next
#           run returns the rows of the old threshold, without a warning. A function of the script that reads the
#           module's constant is computed anew, so one file can hold both answers.
# Matters:  somebody who tunes a selection rule in rules.py trains every variant on the rows of the first one and
#           concludes that the threshold makes no difference. load_from_cache_file=False helps.
#           Reported upstream as datasets 3297, open at the time.
# Output (2026-11-30):
#   keep score >= 3: 8 of 10 rows by the imported rule, 8 by the same rule in the script
#   keep score >= 8: 8 of 10 rows by the imported rule, 3 by the same rule in the script
set -euo pipefail
tmp=$(mktemp -d)
trap 'rm -rf "$tmp"' EXIT
python3 -m venv "$tmp/venv"
"$tmp/venv/bin/pip" install --quiet --disable-pip-version-check datasets==5.2.0
cd "$tmp"
export HF_HOME="$tmp/hf" HF_HUB_OFFLINE=1 PYTHONDONTWRITEBYTECODE=1
for score in $(seq 10); do echo "{\"score\": $score}"; done > rows.jsonl
cat > run.py <<'PY'
import sys

import datasets
import rules

datasets.disable_progress_bars()
rows = datasets.load_dataset("json", data_files="rows.jsonl", split="train")
imported = len(rows.filter(rules.keep))
here = len(rows.filter(lambda row: row["score"] >= rules.LEAST))
print(f"keep score >= {rules.LEAST}: {imported} of 10 rows by the imported rule, {here} by the same rule in the script")
if (imported, here) != (8, 11 - rules.LEAST):
    sys.exit("changed: the imported rule was expected to return the 8 rows of the first run")
PY
for least in 3 8; do
    printf 'LEAST = %s\n\n\ndef keep(row):\n    return row["score"] >= LEAST\n' "$least" > rules.py
    "$tmp/venv/bin/python" run.py
done
