"""Exact cosine: equal to dense float64 numpy, whatever the tile, the groups and the threads."""

import hashlib
import os
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from vectors import at_angles, corpus

from homespun.errors import UsageError
from homespun.near import cosine
from homespun.near.pairs import KEPT, chained, greedy

NAN = np.nan


def dense(vectors, threshold, groups=None):
    """Return (later, earlier) of all pairs above the threshold, from the whole matrix in float64."""
    exact = vectors.astype(np.float64)
    over = np.nan_to_num(exact @ exact.T, nan=-1) > threshold
    if groups is not None:
        over &= np.asarray(groups)[:, None] == np.asarray(groups)
    return np.nonzero(np.tril(over, -1))


# Unit vectors


def test_unit_reports_what_has_no_direction_as_nan():
    found = cosine.unit(np.array([[3, 4], [0, 0], [NAN, 1], [np.inf, 1], [1e-20, 0], [3e38, 3e38]], np.float32))
    assert np.isnan(found).all(axis=1).tolist() == [False, True, True, True, False, False]
    assert found.dtype == np.float32
    assert found[0] == pytest.approx([0.6, 0.8])
    assert np.linalg.norm(found[[0, 4, 5]], axis=1) == pytest.approx([1, 1, 1])


def test_centring_takes_off_the_mean_of_finite_rows():
    """Two clouds around a far point: crowded near 1 without centring, opposite with it."""
    vectors = np.array([[10, 1], [10, -1], [NAN, 0]], np.float32)
    plain, centred = cosine.unit(vectors), cosine.unit(vectors, centre=True)
    assert plain[0] @ plain[1] > 0.98
    assert centred[:2].tolist() == [[0, 1], [0, -1]]
    assert np.isnan(centred[2]).all()


def test_centring_gives_no_direction_to_a_row_of_zeros_and_leaves_it_out_of_the_mean():
    vectors = np.array([[10, 1], [0, 0], [10, -1], [0, 0]], np.float32)
    centred = cosine.unit(vectors, centre=True)
    assert np.isnan(centred[[1, 3]]).all()
    assert centred[[0, 2]].tolist() == [[0, 1], [0, -1]]


def test_centring_leaves_no_direction_to_rows_equal_to_the_mean():
    assert np.isnan(cosine.unit(np.full((5, 3), 0.1, np.float32), centre=True)).all()


def test_unit_can_write_over_its_input_and_wants_a_matrix():
    vectors = corpus(9000, 4, 0.1)
    expected = cosine.unit(vectors)
    assert cosine.unit(vectors, out=vectors) is vectors
    np.testing.assert_array_equal(vectors, expected)
    with pytest.raises(UsageError, match=r"shape \(3,\); give rows x dimensions"):
        cosine.unit(np.ones(3))


# Pairs


@given(
    rows=st.integers(0, 60),
    dimensions=st.integers(1, 6),
    copied=st.floats(0, 1),
    threshold=st.sampled_from([-0.5, 0.0, 0.5, 0.9, 0.999999]),
    tile=st.integers(1, 20),
    kinds=st.integers(0, 4),
    gaps=st.sets(st.integers(0, 59), max_size=5),
    seed=st.integers(0, 1000),
)
def test_pairs_equal_dense_numpy_and_greedy_equals_the_greedy_of_pairs(
    rows, dimensions, copied, threshold, tile, kinds, gaps, seed
):
    vectors = corpus(rows, dimensions, copied, seed)
    vectors[[gap for gap in gaps if gap < rows]] = NAN
    vectors = cosine.unit(vectors)
    groups = [f"g{place % kinds}" for place in range(rows)] if kinds else None
    found = cosine.pairs(vectors, threshold, groups, tile=tile)
    later, earlier = dense(vectors, threshold, groups)
    assert found.later.tolist() == later.tolist()
    assert found.earlier.tolist() == earlier.tolist()
    expected, streamed = greedy(found, threshold), cosine.greedy(vectors, threshold, groups, tile=tile)
    np.testing.assert_array_equal(streamed.of, expected.of)
    np.testing.assert_array_equal(streamed.score, expected.score)
    if groups is None:
        nearest = cosine.nearest(vectors, tile=tile)
        over = nearest.score > threshold
        np.testing.assert_array_equal(np.where(over, nearest.of, KEPT), chained(found, threshold).of)


@pytest.mark.parametrize("copied", [0.1, 0.9])
def test_tiles_of_every_size_agree_on_a_larger_set(copied):
    vectors = cosine.unit(corpus(1500, 24, copied))
    whole = cosine.pairs(vectors, 0.7)
    assert len(whole) > 50
    assert (whole.later.tolist(), whole.earlier.tolist()) == tuple(part.tolist() for part in dense(vectors, 0.7))
    exact = vectors.astype(np.float64)
    scores = (exact[whole.later] * exact[whole.earlier]).sum(axis=1)
    np.testing.assert_allclose(whole.score, np.where(scores > cosine.ONE, 1, scores), atol=1e-14)
    for tile in (17, 256):
        again = cosine.pairs(vectors, 0.7, tile=tile)
        np.testing.assert_array_equal(again.later, whole.later)
        np.testing.assert_array_equal(again.score, whole.score)
        np.testing.assert_array_equal(cosine.greedy(vectors, 0.7, tile=tile).of, greedy(whole, 0.7).of)


def test_a_decision_below_the_precision_of_float32_is_that_of_float64():
    """The product of these rows is above the floor in float32 for some orders of the sum, below for others."""
    vectors = cosine.unit(corpus(400, 384, 0.8, seed=3))
    exact = vectors.astype(np.float64)
    scores = np.sort((exact @ exact.T)[np.tril_indices(400, -1)])
    for floor in scores[(scores > 0.3) & (scores < 0.999)][::200]:
        for offset in (-1e-12, 1e-12):
            found = cosine.pairs(vectors, floor + offset)
            assert len(found) == (scores > floor + offset).sum()


def test_a_cosine_of_one_is_not_above_one():
    vectors = cosine.unit(np.repeat(corpus(30, 7, 0), 2, axis=0))
    assert len(cosine.pairs(vectors, 1.0)) == 0
    assert cosine.greedy(vectors, 1.0).kept.all()
    assert cosine.greedy(vectors, 0.99999).of.tolist() == [KEPT if n % 2 == 0 else n - 1 for n in range(60)]


def test_a_chain_and_its_scores():
    """methods.md C6: A 0, B 20, C 40 degrees at 0.9."""
    repeats = cosine.greedy(at_angles(0, 20, 40), 0.9)
    assert repeats.of.tolist() == [KEPT, 0, KEPT]
    assert repeats.score[1] == pytest.approx(0.9397, abs=5e-5)
    nearest = cosine.nearest(at_angles(0, 20, 40))
    assert nearest.of.tolist() == [KEPT, 0, 1]
    assert nearest.score[1:] == pytest.approx([0.9397, 0.9397], abs=5e-5)


def test_many_copies_of_one_row_are_cheap_to_drop():
    vectors = cosine.unit(np.repeat(corpus(2, 16, 0), 20_000, axis=0))
    assert np.flatnonzero(cosine.greedy(vectors, 0.9).kept).tolist() == [0, 20_000]
    nearest = cosine.nearest(vectors)
    assert nearest.of.tolist() == [KEPT] + [0] * 20_000 + [20_000] * 19_999
    assert (nearest.score[1:20_000] == 1).all() and (nearest.score[20_001:] == 1).all()


def test_groups_must_fit_the_rows():
    with pytest.raises(UsageError, match="2 groups are given for 3 vectors"):
        cosine.pairs(at_angles(0, 1, 2), 0.5, ["a", "b"])


def test_nothing_in_gives_nothing_out():
    nothing = np.empty((0, 4), np.float32)
    assert len(cosine.pairs(nothing, 0.5)) == len(cosine.greedy(nothing, 0.5).of) == 0
    assert cosine.nearest(cosine.unit(np.full((2, 4), NAN))).of.tolist() == [KEPT, KEPT]


DIGEST = """
import numpy as np, sys
sys.path.insert(0, sys.argv[1])
from vectors import corpus
from homespun.near import cosine, coverage, d4, kmeans, semdedup
vectors = cosine.unit(corpus(3000, 64, 0.5), centre=True)
pairs = cosine.pairs(vectors, 0.3)
clusters = kmeans.kmeans(vectors, 40, seed=1)
near = semdedup.nearest(vectors, clusters, exact=0)
chosen = coverage.k_center(vectors, 50)
whole = d4.d4(vectors, 1500, 2250, seed=1, exact=0)
for part in (pairs.later, pairs.score, cosine.greedy(vectors, 0.8).of, clusters.centroids, clusters.label,
             clusters.cosine, near.of, near.score, chosen.chosen, chosen.cosine, whole.kept):
    sys.stdout.buffer.write(np.ascontiguousarray(part).tobytes())
"""


def test_the_number_of_threads_changes_no_byte_of_any_result():
    digests = set()
    for threads in ("1", "2"):
        surroundings = {**os.environ, "OMP_NUM_THREADS": threads, "OPENBLAS_NUM_THREADS": threads}
        command = [sys.executable, "-c", DIGEST, str(Path(__file__).parent)]
        done = subprocess.run(command, env=surroundings, check=True, capture_output=True)
        assert len(done.stdout) > 100_000
        digests.add(hashlib.sha256(done.stdout).hexdigest())
    assert len(digests) == 1
