"""The rules on embeddings: who stays, what a verdict says, rows without a vector, groups, refusals."""

import math
from dataclasses import replace

import numpy as np
import pytest
from pydantic import ValidationError
from selection_pool import decide, kept, make_row, one_column

from homespun.data.records import Scores
from homespun.errors import UsageError
from homespun.select.base import Columns
from homespun.select.engine import is_unscored
from homespun.select.rules.coverage import Coverage
from homespun.select.rules.prototypes import D4, Prototypes
from homespun.select.rules.semantic import Semantic, SemDedup


def angles(*degrees):
    turned = np.radians(degrees)
    return np.stack([np.cos(turned), np.sin(turned)], axis=1).astype(np.float32)


def pool(vectors, keywords="", reasons=None):
    """Return rows, one keyword letter each, and their vectors as the column `embedding`."""
    letters = keywords or "a" * len(vectors)
    rows = [make_row(number, keyword=letter) for number, letter in enumerate(letters)]
    why = {rows[place].id: reason for place, reason in (reasons or {}).items()}
    scores = Scores("embedding", "vector", [row.id for row in rows], {"vector": np.asarray(vectors)}, why)
    return rows, Columns.of([scores])


EVERY = [
    Semantic(threshold=0.9, centre=False),
    SemDedup(threshold=0.9, centre=False),
    SemDedup(share=0.5, centre=False),
    SemDedup(threshold=0.9, variant="greedy", centre=False),
    Prototypes(share=0.5, centre=False),
    D4(share=0.5, centre=False),
    Coverage(count=2, centre=False),
]


@pytest.mark.parametrize("rule", EVERY, ids=str)
def test_rows_without_a_vector_are_dropped_with_their_reason_and_counted_nowhere(rule):
    vectors = angles(0, 0.1, 40, 41, 90, 91)
    vectors[1], vectors[4] = np.nan, 0
    rows, columns = pool(vectors, reasons={1: "its text is empty"})
    verdicts = decide(rule, rows, columns)
    assert [is_unscored(verdict) for verdict in verdicts] == [False, True, False, False, True, False]
    assert verdicts[1].reason == "could not be scored: its text is empty"
    assert verdicts[4].reason == "could not be scored: its embedding has no direction"
    alone = [0, 2, 3, 5]
    rest, few = pool(vectors[alone])
    assert [verdicts[place].keep for place in alone] == [verdict.keep for verdict in decide(rule, rest, few)]


@pytest.mark.parametrize("rule", EVERY, ids=str)
def test_no_rows_are_no_verdicts_and_one_row_has_one(rule):
    rows, columns = pool(angles(0))
    assert rule([], columns, 0) == []
    assert len(decide(rule, rows, columns)) == 1


@pytest.mark.parametrize("rule", EVERY, ids=str)
def test_the_same_seed_decides_the_same_and_a_column_of_numbers_is_refused(rule):
    rng = np.random.default_rng(0)
    rows, columns = pool(rng.standard_normal((60, 5)))
    assert rule(rows, columns, 3) == rule(rows, columns, 3)
    numbers = one_column(rows, [0.5] * 60)
    with pytest.raises(UsageError, match="by: score is no column of vectors; this rule needs embeddings"):
        rule.model_copy(update={"by": "score"})(rows, numbers, 0)
    with pytest.raises(UsageError, match='rows have no group "keywrod"'):
        rule.model_copy(update={"within": "keywrod"})(rows, columns, 0)


# semantic


def test_semantic_keeps_the_first_and_names_it():
    rows, columns = pool(angles(0, 20, 40))
    rule = Semantic(threshold=0.9, centre=False)
    first, second, third = decide(rule, rows, columns)
    assert (first.keep, second.keep, third.keep) == (True, False, True)
    assert second.duplicate_of == rows[0].id
    assert second.score == pytest.approx(math.cos(math.radians(20)))
    assert second.threshold == 0.9
    assert second.reason == f"cosine 0.9397 with row {rows[0].id} is above 0.9"
    assert str(rule) == "semantic embedding 0.9"
    assert rule.needs() == {"embedding"}


def test_semantic_within_a_group_lets_copies_in_others_be():
    rows, columns = pool(angles(0, 0, 0, 0), "abab")
    assert kept(Semantic(threshold=0.9, within="keyword", centre=False), rows, columns) == [0, 1]


def test_centring_parts_what_raw_hidden_states_crowd_together():
    vectors = angles(0, 90, 180, 270, 1) + np.array([20, 0], dtype=np.float32)  # all point one way
    rows, columns = pool(vectors)
    assert kept(Semantic(threshold=0.9, centre=False), rows, columns) == [0]
    assert kept(Semantic(threshold=0.9), rows, columns) == [0, 1, 2, 3]


@pytest.mark.parametrize("threshold", [-0.1, 1.1, math.nan])
def test_a_threshold_out_of_range_is_refused(threshold):
    with pytest.raises(ValidationError, match="threshold"):
        Semantic(threshold=threshold)
    with pytest.raises(ValidationError, match="threshold"):
        SemDedup(threshold=threshold)


# semdedup

CHAIN = angles(0, 21, 40, 41)  # one cluster: 0 is farthest from the centroid at 25.6 degrees, then 41, 40, 21


def test_semdedup_reference_loses_a_chain_and_greedy_keeps_its_ends():
    rows, columns = pool(angles(0, 20, 40, 60, 80, 150))  # farthest first: 150, 0, 20, 80, 40, 60
    reference = SemDedup(threshold=0.9, k=1, centre=False)
    assert kept(reference, rows, columns) == [0, 4, 5]
    assert kept(reference.model_copy(update={"variant": "greedy"}), rows, columns) == [0, 2, 4, 5]


def test_semdedup_verdicts_name_the_nearest_before_kept_or_not():
    rows, columns = pool(CHAIN)
    rule = SemDedup(threshold=0.95, k=1, centre=False)
    first, third, second, fourth = decide(rule, rows, columns)
    assert first.reason == "the first of its cluster: no row stands before it"
    assert fourth.keep and fourth.score == pytest.approx(math.cos(math.radians(41)))
    assert not second.keep and second.duplicate_of == rows[3].id
    assert second.reason == f"cosine 0.9998 with row {rows[3].id}, the nearest before it, is above 0.95"
    assert third.keep and third.duplicate_of is None
    assert third.reason.endswith(f"with row {rows[2].id}, the nearest before it, is not above 0.95")


def test_semdedup_keeps_a_share_exactly():
    rng = np.random.default_rng(1)
    rows, columns = pool(np.repeat(rng.standard_normal((10, 8)), 5, axis=0), "abcde" * 10)
    rule = SemDedup(share=0.5, centre=False)
    verdicts = decide(rule, rows, columns)
    assert sum(verdict.keep for verdict in verdicts) == 25
    dropped = next(verdict for verdict in verdicts if not verdict.keep)
    assert dropped.reason.endswith("is among the 25 highest of 50 rows")
    within = decide(SemDedup(share=0.2, within="keyword"), rows, columns)
    assert [sum(within[place].keep for place in range(start, 50, 5)) for start in range(5)] == [2] * 5
    assert "of 10 in keyword a" in within[0].reason or within[0].score is None


def test_semdedup_wants_one_amount_and_no_share_for_greedy():
    for amounts in ({}, {"share": 0.5, "threshold": 0.9}):
        with pytest.raises(ValidationError, match="either threshold or share"):
            SemDedup(**amounts)
    with pytest.raises(ValidationError, match="share works with `variant: reference` only"):
        SemDedup(share=0.5, variant="greedy")
    with pytest.raises(ValidationError, match="share"):
        SemDedup(share=1.5)


def test_semdedup_says_what_it_is():
    assert str(SemDedup(share=0.5, within="label")) == "semdedup embedding share 0.5 within label"
    assert str(SemDedup(threshold=0.9, variant="greedy")) == "semdedup greedy embedding 0.9"


# prototypes, d4, coverage


def test_prototypes_drop_the_most_typical_row():
    """methods.md C6: 0, 5, 30 degrees; keeping two of three drops the one at 5."""
    rows, columns = pool(angles(0, 5, 30))
    verdicts = decide(Prototypes(count=2, k=1, centre=False), rows, columns)
    assert [verdict.keep for verdict in verdicts] == [True, False, True]
    assert verdicts[1].score == pytest.approx(0.0066, abs=5e-5)
    assert verdicts[1].threshold == pytest.approx(0.0204, abs=5e-5)
    assert verdicts[1].reason == "distance 0.006613 to the centroid of its cluster ranks 3 of 3; 2 kept"


def test_d4_drops_copies_then_prototypes_within_each_group():
    rng = np.random.default_rng(2)
    vectors = rng.standard_normal((80, 6))
    vectors[40:60] = vectors[:20]  # a quarter are copies, of rows of the same keyword
    rows, columns = pool(vectors, "ab" * 40)
    rule = D4(share=0.5, within="keyword")
    verdicts = decide(rule, rows, columns)
    assert [sum(verdicts[place].keep for place in range(start, 80, 2)) for start in (0, 1)] == [20, 20]
    copies = [verdict for verdict in verdicts if verdict.duplicate_of]
    assert len(copies) == 20
    position = {row.id: place for place, row in enumerate(rows)}
    assert {abs(position[one.row_id] - position[one.duplicate_of]) for one in copies} == {40}
    assert "is among the 10 highest of 40 in keyword " in copies[0].reason
    typical = [verdict for verdict in verdicts if not verdict.keep and not verdict.duplicate_of]
    assert len(typical) == 20
    assert "of 30 in keyword" in typical[0].reason and typical[0].reason.endswith("; 20 kept")
    assert str(rule) == "d4 embedding 0.5 within keyword"


def test_d4_works_within_documents_where_rows_have_them():
    rows, columns = pool(angles(0, 0.1, 20, 25, 90, 90.1, 120, 150))
    documents = [replace(row, groups={**row.groups, "document": "ab"[place > 3]}) for place, row in enumerate(rows)]
    apart = kept(D4(share=0.5, within="document", centre=False), documents, columns)
    assert kept(D4(share=0.5, centre=False), documents, columns) == apart
    assert sum(place < 4 for place in apart) == 2
    together = kept(D4(share=0.5, centre=False, stratify=False), documents, columns)
    assert together == kept(D4(share=0.5, centre=False), rows, columns)


def test_d4_refuses_to_keep_more_than_its_first_half_leaves():
    with pytest.raises(ValidationError, match=r"share 0\.8 is above dedup_share 0\.75"):
        D4(share=0.8)
    assert D4(share=0.8, dedup_share=0.9).share == 0.8
    with pytest.raises(ValidationError, match="either share or count"):
        D4()
    rows, columns = pool(angles(0, 1, 2, 3))
    assert len(kept(D4(count=9, centre=False), rows, columns)) == 4


def test_coverage_keeps_so_many_far_apart_rows_of_each_group():
    rows, columns = pool(angles(0, 10, 20, 30, 100), "aaaab")
    verdicts = decide(Coverage(count=3, centre=False), rows, columns)
    assert [verdict.keep for verdict in verdicts] == [True, False, False, True, True]
    assert verdicts[3].reason == "choice 1 of 3 that cover 5 rows"
    assert verdicts[1].score == pytest.approx(math.cos(math.radians(10)))
    assert verdicts[1].reason == f"row {rows[0].id} covers it at cosine 0.9848; 3 of 5 rows kept"
    assert kept(Coverage(count=1, within="keyword", centre=False), rows, columns) == [1, 4]
    one = decide(Coverage(share=0.1, centre=False), rows, columns)
    assert one[3].reason == "choice 1 of 1 that cover 5 rows"
    few = decide(Coverage(share=0.1, within="keyword", centre=False), rows, columns)
    assert few[4].reason == "0 of 1 rows in keyword b kept"
