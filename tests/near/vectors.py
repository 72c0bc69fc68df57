"""Small sets of vectors for the tests of what is near."""

import math

import numpy as np


def at_angles(*degrees):
    """Return unit vectors of the plane at these angles."""
    turned = [math.radians(angle) for angle in degrees]
    return np.array([[math.cos(angle), math.sin(angle)] for angle in turned], dtype=np.float32)


def corpus(rows, dimensions, copied, seed=0):
    """Return vectors of which a share are copies of others, some exact, some blurred."""
    rng = np.random.default_rng(seed)
    found = rng.standard_normal((rows, dimensions)).astype(np.float32)
    count = round(rows * copied)
    to, of = rng.choice(rows, count, replace=False), rng.integers(0, rows, count)
    blur = rng.choice([0, 0.1, 0.3, 0.6], count).astype(np.float32)[:, None]
    found[to] = found[of] + blur * rng.standard_normal((count, dimensions)).astype(np.float32)
    return found
