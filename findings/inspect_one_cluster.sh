#!/usr/bin/env bash
# Package:  inspect-ai 0.3.285
# Expected: a clustered standard error of samples that all come from one cluster is refused or nan: one cluster says
#           nothing about the spread between clusters.
# Happens:  stderr(cluster=...) is 0.0 and ci(cluster=...) is an interval of no width around the accuracy, by t and by
#           bootstrap. ci_wilson(cluster=...) of the same package refuses the same samples.
# Matters:  grouped(stderr(cluster="document"), "category") reports 75% +- 0 for a category whose 100 samples come from
#           one document, and any other model then differs "significantly" from it.
# Output (2026-11-30):
#   10 document(s): accuracy 0.750, stderr 0.044, clustered 0.017, interval 0.712 to 0.788, Wilson 0.642 to 0.834
#   2 document(s): accuracy 0.750, stderr 0.044, clustered 0.010, interval 0.623 to 0.877, Wilson 0.222 to 0.969
#   1 document(s): accuracy 0.750, stderr 0.044, clustered 0.000, interval 0.750 to 0.750, Wilson refused
set -euo pipefail
tmp=$(mktemp -d)
trap 'rm -rf "$tmp"' EXIT
python3 -m venv "$tmp/venv"
"$tmp/venv/bin/pip" install --quiet --disable-pip-version-check inspect-ai==0.3.285 numpy==2.4.6
cd "$tmp"
"$tmp/venv/bin/python" - <<'PY'
import sys

from inspect_ai.scorer import SampleScore, Score, accuracy, ci, ci_wilson, stderr

for documents in (10, 2, 1):
    samples = [SampleScore(score=Score(value="C" if i % 10 < 7 else "I"), sample_id=i,
                           sample_metadata={"document": i * documents // 100}) for i in range(100)]
    for i in range(0, 100, 7):  # so that the documents differ a little
        samples[i].score.value = "C"
    error = stderr(cluster="document")(samples)
    interval = ci(cluster="document")(samples)
    try:
        wilson = "{lower:.3f} to {upper:.3f}".format(**ci_wilson(cluster="document")(samples))
    except ValueError:
        wilson = "refused"
    print(f"{documents} document(s): accuracy {accuracy()(samples):.3f}, stderr {stderr()(samples):.3f}, clustered "
          f"{error:.3f}, interval {interval['lower']:.3f} to {interval['upper']:.3f}, Wilson {wilson}")
if not (error == 0 and interval["lower"] == interval["upper"] and wilson == "refused"):
    sys.exit("changed: one cluster was expected to have no standard error at all")
PY
