"""k-means, SemDeDup, prototypes and D4 on the cases of methods.md C6 and on planted structure."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from vectors import at_angles, corpus

from homespun.errors import UsageError
from homespun.near import cosine, semdedup
from homespun.near.d4 import d4
from homespun.near.kmeans import Clusters, default_k, kmeans
from homespun.near.pairs import KEPT, chained, greedy
from homespun.near.prototypes import prototypes


def planted(clusters, each, dimensions=32, noise=0.3, seed=0):
    """Return unit vectors around so many centres, cluster after cluster."""
    rng = np.random.default_rng(seed)
    centres = rng.standard_normal((clusters, dimensions))
    found = np.repeat(centres, each, axis=0) + noise * rng.standard_normal((clusters * each, dimensions))
    return cosine.unit(found)


def in_order(vectors, *order):
    """Return one cluster whose rows stand in this order: the first farthest from the centroid."""
    distance = np.empty(len(order))
    distance[list(order)] = np.linspace(0.9, 0.1, len(order))
    return Clusters(vectors[:1], np.zeros(len(order), np.int32), 1 - distance)


# k-means


def test_planted_clusters_are_found():
    vectors = planted(8, 60, noise=0.05)
    found = kmeans(vectors, 8, seed=3)
    labels = found.label.reshape(8, 60)
    assert (labels == labels[:, :1]).all()
    assert len(set(labels[:, 0].tolist())) == 8
    assert np.linalg.norm(found.centroids, axis=1) == pytest.approx(np.ones(8), abs=1e-6)


def test_labels_are_those_of_the_nearest_centroid_in_float64():
    vectors = cosine.unit(corpus(900, 16, 0.5))
    found = kmeans(vectors, 30, seed=0)
    exact = vectors.astype(np.float64) @ found.centroids.T.astype(np.float64)
    np.testing.assert_allclose(found.cosine, exact.max(axis=1), atol=1e-12)
    np.testing.assert_allclose(exact[np.arange(900), found.label], exact.max(axis=1), atol=1e-12)
    assert found.cosine.mean() > kmeans(vectors, 30, seed=0, iterations=1).cosine.mean()
    assert sum(map(len, found.members())) == 900


def test_the_seed_decides_and_the_rows_say_which():
    vectors = cosine.unit(corpus(600, 8, 0.2))
    once, twice, other = (kmeans(vectors, 12, seed=seed) for seed in (5, 5, 6))
    np.testing.assert_array_equal(once.label, twice.label)
    assert (once.label != other.label).any()
    rows = np.arange(100, 400)
    part, same = kmeans(vectors, 12, 5, rows), kmeans(vectors[rows].copy(), 12, 5)
    np.testing.assert_array_equal(part.label, same.label)


def test_centroids_may_be_trained_on_a_sample():
    vectors = planted(4, 500, noise=0.05)
    found = kmeans(vectors, 4, seed=0, per_centroid=20)
    assert np.bincount(found.label).tolist() == [500] * 4


def test_an_empty_cluster_is_started_again_at_the_farthest_row():
    """Three far groups and a seeding that may take two of one: every cluster ends with rows."""
    vectors = planted(3, 40, noise=0.01)
    for seed in range(20):
        found = kmeans(vectors, 3, seed)
        assert np.bincount(found.label, minlength=3).tolist() == [40, 40, 40]


def test_fewer_distinct_rows_than_clusters_leave_clusters_empty():
    vectors = cosine.unit(np.repeat(corpus(3, 5, 0), 10, axis=0))
    found = kmeans(vectors, 6, seed=0)
    assert len(set(found.label.tolist())) == 3
    assert found.cosine == pytest.approx(np.ones(30), abs=1e-6)


def test_a_memory_map_gives_what_an_array_gives(tmp_path):
    vectors = cosine.unit(corpus(500, 8, 0.3))
    np.save(tmp_path / "v.npy", vectors)
    mapped = np.load(tmp_path / "v.npy", mmap_mode="r")
    np.testing.assert_array_equal(d4(mapped, 200, 300, 1, exact=0).kept, d4(vectors, 200, 300, 1, exact=0).kept)


def test_impossible_clusterings_are_refused():
    with pytest.raises(UsageError, match="cannot make 0 clusters of 3 rows"):
        kmeans(at_angles(0, 1, 2), 0, seed=0)
    with pytest.raises(UsageError, match="cannot make 2 clusters of 0 rows"):
        kmeans(np.empty((0, 2), np.float32), 2, seed=0)
    assert [default_k(count) for count in (1, 2, 1000, 1_000_000)] == [1, 1, 32, 1000]


# SemDeDup


@pytest.mark.parametrize(
    ("order", "reference", "one_by_one"),
    [((0, 1, 2), {0}, {0, 2}), ((0, 2, 1), {0, 2}, {0, 2}), ((1, 0, 2), {1}, {1})],
)
def test_both_variants_on_a_chain(order, reference, one_by_one):
    """methods.md C6: A 0, B 20, C 40 degrees at 0.9, in three orders."""
    vectors = at_angles(0, 20, 40)
    clusters = in_order(vectors, *order)
    near = semdedup.nearest(vectors, clusters)
    assert near.order.tolist() == list(order)
    assert set(np.flatnonzero(near.above(0.9).kept).tolist()) == reference
    assert set(np.flatnonzero(semdedup.greedy(vectors, clusters, 0.9).kept).tolist()) == one_by_one


def test_the_farthest_row_stays_or_with_easy_the_nearest():
    vectors = at_angles(0, 5, 10)
    clusters = in_order(vectors, 2, 1, 0)
    assert semdedup.nearest(vectors, clusters).above(0.9).of.tolist() == [1, 2, KEPT]
    assert semdedup.nearest(vectors, clusters, keep="easy").above(0.9).of.tolist() == [KEPT, 0, 1]


def test_m_answers_every_threshold_and_every_share():
    vectors = at_angles(0, 20, 40, 50)  # M in this order: none, cos 20, cos 20, cos 10
    near = semdedup.nearest(vectors, in_order(vectors, 0, 1, 2, 3))
    assert near.score[1:] == pytest.approx([0.9397, 0.9397, 0.9848], abs=5e-5)
    assert near.above(0.95).kept.tolist() == [True, True, True, False]
    repeats, threshold = near.keeping(3)
    assert repeats.kept.tolist() == [True, True, True, False]
    assert threshold == pytest.approx(0.9397, abs=5e-5)
    assert near.keeping(1)[0].kept.tolist() == near.keeping(0)[0].kept.tolist() == [True, False, False, False]
    with pytest.raises(UsageError, match="cannot keep 5 of 4 rows"):
        near.keeping(5)


def test_copies_alike_to_the_last_bit_are_kept_in_order_when_a_share_cuts_through_them():
    vectors = np.repeat(at_angles(0), 6, axis=0)
    repeats, threshold = semdedup.nearest(vectors, in_order(vectors, *range(6))).keeping(4)
    assert repeats.of.tolist() == [KEPT, KEPT, KEPT, KEPT, 0, 0]
    assert threshold == 1.0


@given(rows=st.integers(1, 80), k=st.integers(1, 8), copied=st.floats(0, 1), seed=st.integers(0, 99))
def test_both_variants_are_those_of_all_pairs_within_clusters(rows, k, copied, seed):
    vectors = cosine.unit(corpus(rows, 4, copied, seed))
    clusters = kmeans(vectors, k, seed)
    near, kept = semdedup.nearest(vectors, clusters, exact=0), semdedup.greedy(vectors, clusters, 0.9, exact=0)
    assert sorted(near.order.tolist()) == list(range(rows))
    for members in clusters.members():
        order = members[np.argsort(-clusters.distance[members], kind="stable")]
        pairs = cosine.pairs(vectors[order], 0.9)
        np.testing.assert_array_equal(near.above(0.9).kept[order], chained(pairs, 0.9).kept)
        np.testing.assert_array_equal(kept.kept[order], greedy(pairs, 0.9).kept)
    together = semdedup.nearest(vectors, clusters)
    assert together.above(0.9).kept.sum() <= near.above(0.9).kept.sum()


def test_recall_counts_the_pairs_that_clusters_part():
    vectors = at_angles(0, 1, 2, 90)
    whole = Clusters(vectors[:2], np.array([0, 0, 1, 1], np.int32), np.ones(4))
    found = semdedup.recall(vectors, whole, 0.99)
    assert (found.rows, found.pairs, found.pairs_found, found.repeated, found.repeated_found) == (4, 6, 2, 3, 2)
    assert found.of_pairs == pytest.approx(1 / 3) and found.of_rows == pytest.approx(2 / 3)
    assert semdedup.recall(vectors, whole, 0.99, sample=2).rows == 2
    assert np.isnan(semdedup.recall(vectors[3:], Clusters(vectors[:1], np.zeros(1, np.int32), np.ones(1)), 0.9).of_rows)


# Prototypes and D4


def test_the_most_prototypical_of_three_goes():
    """methods.md C6: 0, 5, 30 degrees around a centroid at 11.59 degrees."""
    clusters = kmeans(at_angles(0, 5, 30), 1, seed=0)
    assert np.degrees(np.arctan2(*clusters.centroids[0, ::-1])) == pytest.approx(11.59, abs=0.005)
    found = prototypes(clusters, 2)
    assert found.distance == pytest.approx([0.0204, 0.0066, 0.0512], abs=5e-5)
    assert found.kept.tolist() == [True, False, True]
    assert found.threshold == pytest.approx(0.0204, abs=5e-5)
    with pytest.raises(UsageError, match="cannot keep 4 of 3 rows"):
        prototypes(clusters, 4)


def test_d4_drops_copies_before_it_drops_prototypes():
    vectors = planted(5, 40)
    vectors = np.concatenate([vectors, vectors[:50]])  # 50 exact copies of 200 rows
    found = d4(vectors, 100, 200, seed=0)
    assert found.kept.sum() == 100
    assert found.repeats.kept.sum() == 200
    pairs = {frozenset((place, of)) for place, of in enumerate(found.repeats.of.tolist()) if of != KEPT}
    assert pairs == {frozenset((place, place + 200)) for place in range(50)}
    gone = found.survivors[~found.prototypes.kept]
    assert found.prototypes.distance[~found.prototypes.kept].max() <= found.prototypes.threshold
    assert not found.kept[gone].any()


def test_d4_keeps_so_many_of_any_subset_and_refuses_the_impossible():
    vectors = cosine.unit(corpus(120, 6, 0.3))
    rows = np.arange(20, 100)
    assert d4(vectors, 40, 60, 0, rows, k=5).kept.shape == (80,)
    assert d4(vectors, 40, 60, 0, rows, k=5).kept.sum() == 40
    with pytest.raises(UsageError, match="cannot keep 61 of 60 of 120 rows"):
        d4(vectors, 61, 60, 0)
