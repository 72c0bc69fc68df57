"""The plan of a continual pre-training: cases worked out by hand, and what must hold for any set of documents."""

from collections import Counter

import pytest
from hypothesis import given
from hypothesis import strategies as st

from homespun.train.exposures import (
    PROBES,
    Update,
    by_document,
    default_points,
    mix_in,
    near_equal,
    plan_updates,
    rate_factor,
)

documents = st.lists(st.sampled_from("abcdefg"), min_size=1, max_size=25)


def shown(updates, names, document):
    """The rows of one document, in the order they are shown."""
    return [row for update in updates for row in update.rows if names[row] == document]


def test_one_variant_is_shown_at_every_exposure():
    assert [update.rows for update in plan_updates(["a"], 4, 3, seed=0)] == [(0,)] * 3


def test_more_variants_than_exposures_are_all_different():
    names = ["a"] * 10
    rows = shown(plan_updates(names, 1, 4, seed=0), names, "a")
    assert len(rows) == len(set(rows)) == 4


@given(documents, st.integers(1, 5), st.integers(1, 8), st.integers(0, 5))
def test_every_exposure_shows_every_document_once(names, batch_size, exposures, seed):
    updates = plan_updates(names, batch_size, exposures, seed)
    for exposure in range(1, exposures + 1):
        rows = [row for update in updates if update.exposure == exposure for row in update.rows]
        assert sorted(names[row] for row in rows) == sorted(set(names))
        sizes = [len(update.rows) for update in updates if update.exposure == exposure]
        assert max(sizes) <= batch_size
        assert max(sizes) - min(sizes) <= 1
    assert [update.exposure for update in updates] == sorted(update.exposure for update in updates)


@given(documents, st.integers(1, 12), st.integers(0, 5))
def test_variants_follow_a_permutation_over_and_over(names, exposures, seed):
    updates = plan_updates(names, 3, exposures, seed)
    for document, rows in by_document(names).items():
        order = shown(updates, names, document)
        first = order[: len(rows)]
        assert len(set(first)) == min(exposures, len(rows))
        assert order == [first[t % len(rows)] for t in range(exposures)]


def test_each_document_has_a_permutation_of_its_own_that_only_the_seed_changes():
    names = [name for name in "abcdefgh" for _ in range(6)]

    def orders(names, seed):
        updates = plan_updates(names, 4, 6, seed)
        return {name: [row - names.index(name) for row in shown(updates, names, name)] for name in set(names)}

    found = orders(names, 0)
    assert len({tuple(order) for order in found.values()}) > 4
    assert orders(names[12:], 0) == {name: found[name] for name in "cdefgh"}
    assert orders(names, 1) != found


def test_documents_come_in_a_new_order_at_every_exposure():
    names = list("abcdefgh")
    orders = {tuple(update.rows) for update in plan_updates(names, 8, 5, seed=0)}
    assert len(orders) == 5


def test_fifty_documents_in_fours_are_thirteen_updates_of_three_or_four():
    sizes = Counter(len(update.rows) for update in plan_updates([str(i) for i in range(50)], 4, 1, seed=0))
    assert sizes == {4: 11, 3: 2}


def test_the_paper_s_cosine_is_nearly_constant():
    assert rate_factor(12_500, "cosine", 0, 100_000) == pytest.approx(0.962, abs=5e-4)  # methods.md C7
    assert rate_factor(0, "cosine", 0, 100_000) == 1
    assert rate_factor(100_000, "cosine", 0, 100_000) == pytest.approx(0)


def test_schedules_rise_over_the_warm_up_and_end_at_the_horizon():
    assert [rate_factor(n, "linear", 3, 7) for n in range(9)] == [0.25, 0.5, 0.75, 1, 0.75, 0.5, 0.25, 0, 0]
    assert [rate_factor(n, "constant", 1, 4) for n in range(6)] == [0.5, 1, 1, 1, 1, 1]
    assert rate_factor(5, "cosine", 3, 7) == pytest.approx(0.5)


@given(st.integers(1, 3000))
def test_points_end_with_the_last_exposure(exposures):
    points = default_points(exposures)
    assert points[-1] == exposures
    assert 1 <= len(points) <= PROBES
    assert all(point >= 1 for point in points)


def test_points_go_down_by_the_root_of_two():
    assert default_points(40) == (2, 4, 5, 7, 10, 14, 20, 28, 40)


@given(
    st.lists(st.integers(1, 300), min_size=1, max_size=30),
    st.lists(st.integers(1, 60), min_size=1, max_size=7),
    st.floats(0.05, 0.9),
)
def test_general_text_is_its_share_of_what_is_shown_to_half_a_piece(tokens, pieces, share):
    mixed = mix_in([Update(1, (row,)) for row in range(len(tokens))], tokens, pieces, share)
    total = replayed = 0
    for update in mixed:
        total += sum(tokens[row] for row in update.rows)
        replayed += sum(pieces[piece] for piece in update.replay)
        assert abs(replayed - share / (1 - share) * total) <= max(pieces) / 2 + 1e-6
    taken = [piece for update in mixed for piece in update.replay]
    assert taken == [i % len(pieces) for i in range(len(taken))]


@given(st.lists(st.integers(), max_size=40), st.integers(1, 9))
def test_near_equal_parts(items, most):
    parts = near_equal(items, most)
    assert [item for part in parts for item in part] == items
    assert max(map(len, parts)) <= most
    assert max(map(len, parts)) - min(map(len, parts)) <= 1
