#!/usr/bin/env bash
# Package:  mlxtend 0.25.0 (statsmodels 0.15.0 for comparison)
# Expected: proportion_difference tests whether two accuracies differ: p does not depend on the order of the two, and
#           equal accuracies give p = 1.
# Happens:  p is the lower tail of the normal distribution. The same pair gives 0.964 or 0.036 by order, and equal
#           accuracies 0.5. Neither docstring nor signature says so, and there is no way to ask for two sides.
# Matters:  with the weaker model first, a difference that a two-sided test puts at p = 0.074 passes at 0.05; with the
#           better one first no difference is ever found.
# Output (2026-11-30):
#   80 and 69 right of 100: mlxtend p = 0.9640, the other way round 0.0360, two-sided 0.0743
#   75 and 75 right of 100: mlxtend p = 0.5000, the other way round 0.5000, two-sided 1.0000
#   95 and 60 right of 100: mlxtend p = 1.0000, the other way round 0.0000, two-sided 0.0000
set -euo pipefail
tmp=$(mktemp -d)
trap 'rm -rf "$tmp"' EXIT
python3 -m venv "$tmp/venv"
"$tmp/venv/bin/pip" install --quiet --disable-pip-version-check mlxtend==0.25.0 statsmodels==0.15.0
"$tmp/venv/bin/python" - <<'PY'
import sys

from mlxtend.evaluate import proportion_difference
from statsmodels.stats.proportion import proportions_ztest


def p(first, second):
    return float(proportion_difference(first / 100, second / 100, n_1=100, n_2=100)[1])


for better, worse in ((80, 69), (75, 75), (95, 60)):
    two_sided = 1.0 if better == worse else float(proportions_ztest([better, worse], [100, 100])[1])
    print(f"{better} and {worse} right of 100: mlxtend p = {p(better, worse):.4f}, "
          f"the other way round {p(worse, better):.4f}, two-sided {two_sided:.4f}")
if not (p(75, 75) == 0.5 and p(95, 60) > 0.99 and p(69, 80) < 0.05 < proportions_ztest([69, 80], [100, 100])[1]):
    sys.exit("changed: p was expected to be the lower tail")
PY
