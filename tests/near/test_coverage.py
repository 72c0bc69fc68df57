"""k-center: on a line of points, against a plain loop, and with copies."""

import numpy as np
import pytest
from vectors import at_angles, corpus

from homespun.errors import UsageError
from homespun.near.cosine import unit
from homespun.near.coverage import k_center


def test_the_centre_comes_first_then_the_farthest():
    found = k_center(at_angles(0, 10, 20, 30, 100), 3)
    assert found.chosen.tolist() == [3, 4, 0]  # the mean points to 30.5 degrees
    assert found.of.tolist() == [0, 0, 3, 3, 4]
    assert found.radius == pytest.approx(1 - np.cos(np.radians(10)), abs=1e-6)


def test_choices_are_those_of_a_plain_loop():
    vectors = unit(corpus(300, 12, 0.2))
    exact = vectors.astype(np.float64)
    near = exact @ exact.T
    chosen = [int((exact @ exact.sum(axis=0)).argmax())]
    while len(chosen) < 40:
        chosen.append(int(near[chosen].max(axis=0).argmin()))
    found = k_center(vectors, 40)
    assert found.chosen.tolist() == chosen
    np.testing.assert_allclose(found.cosine, near[chosen].max(axis=0), atol=1e-6)
    assert k_center(vectors, 20).chosen.tolist() == chosen[:20]
    assert k_center(vectors, 10, np.arange(50, 200)).chosen.max() < 150


def test_copies_are_chosen_last():
    vectors = np.concatenate([at_angles(0, 40, 90), at_angles(0, 40, 90)])
    assert {place % 3 for place in k_center(vectors, 3).chosen.tolist()} == {0, 1, 2}
    assert sorted(k_center(vectors, 6).chosen.tolist()) == list(range(6))


@pytest.mark.parametrize("count", [0, 4])
def test_impossible_counts_are_refused(count):
    with pytest.raises(UsageError, match=f"cannot choose {count} of 3 rows"):
        k_center(at_angles(0, 1, 2), count)
