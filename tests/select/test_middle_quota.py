import math
from collections import Counter

import pytest
from hypothesis import given
from hypothesis import strategies as st
from pydantic import ValidationError
from selection_pool import kept, make_row, make_rows, one_column

from homespun.data.records import Labelled, Lineage, Row
from homespun.errors import UsageError
from homespun.select.rules.quota import Quota
from homespun.select.rules.share import Middle

NAN = math.nan


# Middle


@pytest.mark.parametrize(
    ("amount", "values", "expected"),
    [
        ({"share": 0.5}, [1, 2, 3, 4, 5], [1, 2, 3]),  # 2.5 rounds half up to 3: methods.md C5
        ({"share": 0.5}, [5, 4, 3, 2, 1], [1, 2, 3]),
        ({"count": 2}, [1, 2, 3, 4, 5], [1, 2]),  # of two ranks equally far from the median the lower score
        ({"count": 2}, [5, 4, 3, 2, 1], [2, 3]),
        ({"count": 1}, [10, 20, 30, 1000], [1]),  # by rank, so an outlier moves nothing
        ({"count": 3}, [7, 7, 7, 7, 7], [1, 2, 3]),  # ties are ranked in the order of the rows
        ({"share": 1.0}, [3, 1, 2], [0, 1, 2]),
        ({"count": 9}, [3, 1], [0, 1]),
        ({"share": 0.5}, [1, NAN, 2, NAN, 3], [0, 2]),  # of the scored rows: 1.5 is 2
        ({"share": 0.1}, [1, 2], []),
    ],
)
def test_middle_keeps_the_nearest_to_the_median(amount, values, expected):
    rows = make_rows("p" * len(values))
    assert kept(Middle(by="score", **amount), rows, one_column(rows, values)) == expected


def test_middle_within_a_label_and_what_its_verdicts_say():
    rows = make_rows("ppppnnn")
    rule = Middle(by="score", share=0.4, within="label")
    verdicts = rule(rows, one_column(rows, [4, 1, 3, 2, 30, 10, 20]), 0)
    assert [v.keep for v in verdicts] == [False, False, True, True, False, False, True]
    assert [v.threshold for v in verdicts] == [3, 2, 3, 2, 20, 20, 20]
    assert verdicts[0].reason == "score 4 ranks 4 of 4 in label positive; 2 in the middle kept"
    assert str(rule) == "middle score 0.4 within label"


@given(st.lists(st.integers(0, 9), min_size=1, max_size=30), st.integers(1, 30))
def test_middle_is_by_distance_of_ranks(values, count):
    rows = make_rows("p" * len(values))
    found = kept(Middle(by="score", count=count), rows, one_column(rows, values))
    order = sorted(range(len(values)), key=lambda place: values[place])
    rank = {place: at for at, place in enumerate(order, start=1)}
    nearest = sorted(order, key=lambda place: abs(rank[place] - (len(values) + 1) / 2))  # stable: lower first
    assert found == sorted(nearest[:count])


# Quota


def cells(rows, places):
    return Counter((rows[place].groups["label"], rows[place].groups["keyword"]) for place in places)


@pytest.fixture
def rows():
    labels = "ppppnnpnnp"
    keywords = ["plot"] * 4 + ["cast"] * 6
    names = {"p": "positive", "n": "negative"}
    cells = zip(labels, keywords, strict=True)
    return [make_row(n, names[label], keyword=word) for n, (label, word) in enumerate(cells)]


def test_quota_of_each_cell_by_a_score(rows):
    rule = Quota(within=("label", "keyword"), count=2, by="score")
    columns = one_column(rows, [0.1, 0.4, 0.3, 0.4, 1, 2, NAN, 3, 4, 0])
    assert kept(rule, rows, columns) == [1, 3, 7, 8, 9]
    verdicts = rule(rows, columns, 0)
    assert verdicts[2].reason == "score 0.3 ranks 3 of 4 in label positive, keyword plot; 2 kept"
    assert (verdicts[2].score, verdicts[2].threshold) == (0.3, 0.4)
    assert verdicts[6].reason.startswith("could not be scored: ")
    assert str(rule) == "quota 2 of each label, keyword by score"


def test_quota_by_lot_follows_the_seed_and_not_the_order(rows):
    rule = Quota(within="label", count=3)
    assert rule.within == ("label",)
    found = kept(rule, rows, seed=5)
    assert Counter(rows[place].groups["label"] for place in found) == {"positive": 3, "negative": 3}
    backwards = kept(rule, rows[::-1], seed=5)
    assert {rows[place].id for place in found} == {rows[::-1][place].id for place in backwards}
    assert any(kept(rule, rows, seed=seed) != found for seed in range(9))
    assert kept(Quota(within="label", count=3, seed=5), rows, seed=8) == found
    assert set(found) <= set(kept(Quota(within="label", count=4, seed=5), rows))


def test_as_many_of_each_as_the_smallest_has(rows):
    found = kept(Quota(within=["label"], count="smallest"), rows)
    assert Counter(rows[place].groups["label"] for place in found) == {"positive": 4, "negative": 4}
    by_both = cells(rows, kept(Quota(within=["label", "keyword"], count="smallest"), rows))
    assert set(by_both.values()) == {2} and len(by_both) == 3
    scored = one_column(rows, [NAN, NAN, NAN, 1, NAN, NAN, 1, 1, NAN, 1])  # one positive plot has a score
    found = kept(Quota(within=["label", "keyword"], count="smallest", by="score"), rows, scored)
    assert found == [3, 6, 7]


def test_quota_over_an_input_field():
    rows = [
        Row.make(Labelled({"text": f"t {n}", "source": source}, "x"), language="en", groups={},
                 lineage=Lineage("file", str(n)))
        for n, source in enumerate(["wiki", "web", "web", "web"])
    ]  # fmt: skip
    assert len(kept(Quota(within="source", count="smallest"), rows)) == 2
    with pytest.raises(UsageError, match=r'no group "sauce".*Did you mean "source"\?.*text, source'):
        kept(Quota(within="sauce", count=1), rows)


def test_quota_of_nothing():
    assert kept(Quota(within="label", count="smallest"), []) == []


@pytest.mark.parametrize(
    "settings",
    [
        {"within": "label"},
        {"within": [], "count": 1},
        {"within": "label", "count": 0},
        {"within": "label", "count": "all"},
    ],
)
def test_quotas_that_make_no_sense(settings):
    with pytest.raises(ValidationError):
        Quota(**settings)


def test_a_rule_survives_a_round_trip():
    for rule in (Quota(within="label", count="smallest", by="score"), Middle(by="a.b", share=0.5)):
        assert type(rule).model_validate(rule.model_dump(mode="json")) == rule
