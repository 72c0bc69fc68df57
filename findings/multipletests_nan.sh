#!/usr/bin/env bash
# Package:  statsmodels 0.15.0 with scipy 1.17.1
# Expected: a comparison without a p-value (scipy's ttest_rel of two systems with the same scores is nan) is left out of
#           a correction for many comparisons or refused, and the adjusted p agree with the decisions beside them.
# Happens:  multipletests takes the nan. Benjamini-Hochberg returns nan as every adjusted p and still decides True for
#           some; Holm and Bonferroni count the nan as a comparison; Hommel decides False for all, also for p = 0.0001.
# Matters:  one pair of equal systems among many changes what is reported about all others, in a way that depends on the
#           method. scipy's false_discovery_control refuses the same input.
# Output (2026-11-30), of the p-values 0.0001, nan, 0.02, 0.3:
#   fdr_bh     with nan: adjusted [nan, nan, nan, nan], different [True, False, True, False]
#   fdr_bh     without: adjusted [0.0003, 0.03, 0.3], different [True, True, False]
#   holm       with nan: adjusted [0.0004, nan, 0.06, 0.6], different [True, False, False, False]
#   holm       without: adjusted [0.0003, 0.04, 0.3], different [True, True, False]
#   hommel     with nan: adjusted [nan, nan, nan, nan], different [False, False, False, False]
#   hommel     without: adjusted [0.0003, 0.04, 0.3], different [True, True, False]
set -euo pipefail
tmp=$(mktemp -d)
trap 'rm -rf "$tmp"' EXIT
python3 -m venv "$tmp/venv"
"$tmp/venv/bin/pip" install --quiet --disable-pip-version-check statsmodels==0.15.0 scipy==1.17.1
"$tmp/venv/bin/python" -W ignore - <<'PY'
import sys

import numpy as np
from scipy.stats import false_discovery_control, ttest_rel
from statsmodels.stats.multitest import multipletests

equal = ttest_rel([1, 0, 1, 1], [1, 0, 1, 1]).pvalue
ps = [0.0001, equal, 0.02, 0.3]
print("p of the comparisons:", [float(p) for p in ps])
seen = {}
for method in ("fdr_bh", "holm", "bonferroni", "hommel"):
    for name, values in (("with nan", ps), ("without", [p for p in ps if p == p])):
        reject, adjusted = multipletests(values, method=method)[:2]
        seen[method, name] = reject.tolist(), adjusted
        print(f"{method:10} {name}: adjusted {adjusted.round(4).tolist()}, different {reject.tolist()}")
try:
    false_discovery_control(ps)
    refused = False
except ValueError as error:
    refused = True
    print("scipy:", error)
decided, adjusted = seen["fdr_bh", "with nan"]
if not (np.isnan(adjusted).all() and any(decided) and not any(seen["hommel", "with nan"][0]) and refused):
    sys.exit("changed: nan was expected to spoil the adjusted p-values without an error")
PY
