#!/usr/bin/env bash
# Package:  statsmodels 0.15.0, mlxtend 0.25.0
# Expected: McNemar's test on two systems that are right and wrong on the same items finds no difference: p = 1 (the
#           exact form of both packages says so), or at worst nan.
# Happens:  the chi-squared form with its continuity correction, which is the default beside exact=False, gives
#           statistic inf and p = 0: (|0 - 0| - 1)^2 is divided by 0. Only numpy's RuntimeWarning tells.
# Matters:  a sweep over pairs of checkpoints, where some pair always agrees, reports that pair as the most
#           significant of all, and the p of 0 also passes every correction for many comparisons.
# Output (2026-11-30):
#   statsmodels: exact p = 1.0, chi-squared p = 0.0 (statistic inf), without correction p = nan
#   mlxtend: exact p = 1.0, chi-squared p = 0.0 (statistic inf), without correction p = nan
set -euo pipefail
tmp=$(mktemp -d)
trap 'rm -rf "$tmp"' EXIT
python3 -m venv "$tmp/venv"
"$tmp/venv/bin/pip" install --quiet --disable-pip-version-check statsmodels==0.15.0 mlxtend==0.25.0
"$tmp/venv/bin/python" -W ignore - <<'PY'
import sys

import numpy as np
from mlxtend.evaluate import mcnemar as mlxtend_mcnemar
from statsmodels.stats.contingency_tables import mcnemar


def statsmodels_test(table, exact, corrected=True):
    result = mcnemar(table, exact=exact, correction=corrected)
    return float(result.statistic), float(result.pvalue)


def mlxtend_test(table, exact, corrected=True):
    statistic, p = mlxtend_mcnemar(table, exact=exact, corrected=corrected)
    return None if statistic is None else float(statistic), float(p)


table = np.array([[70, 0], [0, 30]])  # both right on 70 items, both wrong on 30, never apart
for name, test in (("statsmodels", statsmodels_test), ("mlxtend", mlxtend_test)):
    exact, (statistic, p), plain = test(table, True)[1], test(table, False), test(table, False, False)[1]
    print(f"{name}: exact p = {exact}, chi-squared p = {p} (statistic {statistic}), without correction p = {plain}")
    if (exact, p) != (1.0, 0.0):
        sys.exit(f"changed: {name} was expected to give p = 1 exactly and p = 0 by chi-squared")
PY
