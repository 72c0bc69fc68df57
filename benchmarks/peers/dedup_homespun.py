"""Near copies by exact cosine: read vectors, write the positions of the rows dropped.

python dedup_homespun.py VECTORS.npy THRESHOLD DROPPED.json
"""

import json
import sys
from pathlib import Path

import numpy as np

from homespun.near.cosine import greedy, unit

vectors, threshold, dropped = sys.argv[1:]
repeats = greedy(unit(np.load(vectors)), float(threshold))
Path(dropped).write_text(json.dumps(np.flatnonzero(~repeats.kept).tolist()))
