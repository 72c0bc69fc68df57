"""Near copies by semhash: read texts and their vectors, write the positions of the rows dropped.

semhash wants a model to encode new texts with; here all vectors are given, so it is never asked.

python dedup_semhash.py TEXTS.jsonl VECTORS.npy THRESHOLD DROPPED.json
"""

import json
import sys
from pathlib import Path

import numpy as np
from semhash import SemHash


class Unasked:
    """Stands in for the model."""

    def encode(self, inputs: object, **options: object) -> np.ndarray:
        """Refuse."""
        raise RuntimeError("every vector is given")


texts, vectors, threshold, dropped = sys.argv[1:]
records = [json.loads(line) for line in Path(texts).read_text().splitlines()]
places = [{"text": record["text"], "id": str(record["id"])} for record in records]
index = SemHash.from_embeddings(np.load(vectors), places, model=Unasked(), columns=["text"])
kept = {int(record["id"]) for record in index.self_deduplicate(threshold=float(threshold)).selected}
Path(dropped).write_text(json.dumps([record["id"] for record in records if record["id"] not in kept]))
