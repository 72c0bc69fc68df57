#!/usr/bin/env bash
# Package:  scikit-learn 1.9.1, torchmetrics 1.9.0 (torch 2.13.0)
# Expected: one answer outside the task's labels, in 100 rows, costs a macro average about one point, as it costs
#           accuracy; and two packages give the same macro-F1, and one package the same macro recall under two names.
# Happens:  a label that only a prediction has becomes a class of its own with F1 = 0, so with two classes macro-F1
#           falls from 0.995 to 0.663. balanced_accuracy_score, described as the mean recall of the classes, leaves
#           the stray class out (0.990) where recall_score(average="macro") counts it (0.660). For a known label that
#           is neither in the gold nor predicted, the packages part: scikit-learn counts F1 = 0 for it (labels=),
#           torchmetrics (num_classes=) leaves it out.
# Matters:  a generating model that says "neutral" once (0.663) is ranked below one with thirty ordinary errors (0.700).
#           labels= with the task's labels, and no others, gives 0.995.
# Output (2026-11-30):
#   thirty errors, macro-F1: 0.700
#   one stray answer, macro-F1: 0.663
#   one stray answer, macro-F1 of the task's labels: 0.995
#   one stray answer, recall_score macro: 0.660
#   one stray answer, balanced_accuracy_score: 0.990
#   the same, torchmetrics, 3 classes: 0.663
#   a 4th label never used, scikit-learn: 0.497
#   a 4th label never used, torchmetrics: 0.663
set -euo pipefail
tmp=$(mktemp -d)
trap 'rm -rf "$tmp"' EXIT
python3 -m venv "$tmp/venv"
"$tmp/venv/bin/pip" install --quiet --disable-pip-version-check torch==2.13.0
"$tmp/venv/bin/pip" install --quiet --disable-pip-version-check scikit-learn==1.9.1 torchmetrics==1.9.0
"$tmp/venv/bin/python" -W ignore - <<'PY'
import sys

import torch
from sklearn.metrics import balanced_accuracy_score, f1_score, recall_score
from torchmetrics.functional import f1_score as torchmetrics_f1

gold = [0] * 50 + [1] * 50
stray = [2] + gold[1:]  # one answer outside the two labels of the task
errors = [1] * 15 + [0] * 35 + [0] * 15 + [1] * 35  # thirty ordinary errors


def of_torchmetrics(predicted, classes):
    return float(torchmetrics_f1(torch.tensor(predicted), torch.tensor(gold), task="multiclass", num_classes=classes,
                                 average="macro"))


seen = {
    "thirty errors, macro-F1": f1_score(gold, errors, average="macro"),
    "one stray answer, macro-F1": f1_score(gold, stray, average="macro"),
    "one stray answer, macro-F1 of the task's labels": f1_score(gold, stray, average="macro", labels=[0, 1]),
    "one stray answer, recall_score macro": recall_score(gold, stray, average="macro"),
    "one stray answer, balanced_accuracy_score": balanced_accuracy_score(gold, stray),
    "the same, torchmetrics, 3 classes": of_torchmetrics(stray, 3),
    "a 4th label never used, scikit-learn": f1_score(gold, stray, average="macro", labels=[0, 1, 2, 3]),
    "a 4th label never used, torchmetrics": of_torchmetrics(stray, 4),
}
for name, value in seen.items():
    print(f"{name}: {value:.3f}")
wanted = [0.7, 0.663, 0.995, 0.66, 0.99, 0.663, 0.497, 0.663]
if [round(value, 3) for value in seen.values()] != wanted:
    sys.exit(f"changed: expected {wanted}")
PY
