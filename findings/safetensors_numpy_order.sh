#!/usr/bin/env bash
# Package:  safetensors 0.8.0 with numpy 2.4.6
# Expected: what save() accepts, load() gives back; an array that cannot be stored is refused, as safetensors.torch
#           does with a non-contiguous tensor.
# Happens:  a transposed or strided array is stored in the order of its memory under its logical shape. load() returns
#           the right shape with scrambled values, and nothing warns. 0.7.0 kept the values.
# Matters:  transposed weights (a Conv1D turned into a Linear, a merged adapter, the components of a PCA) are a valid
#           file with a broken model; comparing it with another says "worse", not "wrong". np.ascontiguousarray helps.
#           Reported upstream as safetensors 825, open at the time.
# Output (2026-11-30):
#   0.7.0: transposed kept True, every second column kept True
#   0.8.0: transposed kept False, every second column kept False
set -euo pipefail
tmp=$(mktemp -d)
trap 'rm -rf "$tmp"' EXIT
python3 -m venv "$tmp/venv"
cat > "$tmp/show.py" <<'PY'
import sys
from importlib.metadata import version

import numpy as np
from safetensors.numpy import load, save

weight = np.arange(12, dtype=np.float32).reshape(3, 4)
views = {"transposed": weight.T, "every second column": weight[:, ::2]}
kept = {name: np.array_equal(view, load(save({"w": view}))["w"]) for name, view in views.items()}
print(f"{version('safetensors')}:", ", ".join(f"{name} kept {same}" for name, same in kept.items()))
if set(kept.values()) != {sys.argv[1] == "kept"}:
    sys.exit(f"changed: expected the values of safetensors {version('safetensors')} to be {sys.argv[1]}")
PY
for pair in 0.7.0:kept 0.8.0:scrambled; do
    "$tmp/venv/bin/pip" install --quiet --disable-pip-version-check numpy==2.4.6 "safetensors==${pair%:*}"
    "$tmp/venv/bin/python" "$tmp/show.py" "${pair#*:}"
done
