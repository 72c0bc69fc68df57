"""Values read out of text: one spelling each; and how well a fixed set of answers and rewrites is judged."""

from __future__ import annotations

import importlib.util
from pathlib import Path

import pytest

from homespun.text.values import atoms

ROOT = Path(__file__).parents[2]
CASES = ROOT.parent / "shared" / "cases" / "grading"
spec = importlib.util.spec_from_file_location("benchmark_of_values", ROOT / "benchmarks" / "values.py")
benchmark = importlib.util.module_from_spec(spec)
spec.loader.exec_module(benchmark)


def read(text):
    return " ".join(atom.text for atom in atoms(text))


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        # numbers and units
        ("1,200 g", "1200 ~g"),
        ("１２００グラム", "1200 ~g"),
        ("$60.80 a month", "60.8 ~dollar a month"),
        ("865万円", "8650000 ~yen"),
        ("￥4,700", "4700 ~yen"),
        ("$93.1 million", "93100000 ~dollar"),
        ("174 °C and 174度", "174 ~c 174 ~c"),
        ("12-month, 12 months", "12 ~month 12 ~month"),
        ("007 and 0.50", "007 0.5"),
        ("4.79倍の340kg", "4.79 ~x の 340 ~kg"),
        ("340 widgets", "340 widgets"),
        ("K-2231 and B2B", "k 2231 b 2 b"),
        ("32㎡, 32 square metres", "32 ~m2 32 ~m2"),
        ("時速40km, 40 km/h", "40 ~km/h 40 ~km/h"),
        ("4万5000円と5冊", "45000 ~yen と 5 ~#冊"),
        ("3割5分, 3分の1", "35 ~% 1/3"),
        ("half a million, a dozen, two and a half million", "500000 12 2500000"),
        ("一度に三千台", "一 度 に 3000 ~#台"),
        # dates and times
        ("5:45 p.m. or 午後5時45分", "17:45 | 17:45"),
        ("12 am, 12:30 pm, 10時半", "0:00 12:30 10:30"),
        ("10時間と3時代", "10 ~h と 3 時 代"),
        ("昭和39年度と昭和39年", "1964 ~year 度 と 1964"),
        # bounds and ranges
        ("at least 5, 5 or more, 5以上", ">= 5 >= 5 >= 5"),
        ("under the age of 16, 16歳未満", "< 16 < 16 ~#歳"),
        ("from 5 to 9, between 5 and 9, 5-9, 5から9", "5 | 9 5 | 9 5 | 9 5 | 9"),
        ("over the hill before dawn", "over hill before dawn"),
        # variants of writing
        ("サーバー、ヴァイオリン", "サ ー バ バ イ オ リ ン"),
        ("申し込み、申込み、申込書", "申 込 申 込 申 込 書"),
        ("青い森", "青 い 森"),
        ("U.S.A.", "usa"),
    ],
)
def test_a_value_has_one_spelling(text, expected):
    assert read(text) == expected


def shares(results):
    accepted = {true: [found for _, _, right, found in results if right == true] for true in (True, False)}
    return tuple(sum(found) / len(found) for found in (accepted[True], accepted[False]))


@pytest.mark.parametrize("language", ["en", "ja"])
def test_answers_are_judged_as_a_strict_person_would(language):
    results = [one for one in benchmark.graded(benchmark.DATA / "values_answers.jsonl") if one[1] == language]
    right = [true for _, _, true, found in results if found]
    assert sum(right) / len(right) >= 0.95
    assert shares(results)[0] >= 0.90


@pytest.mark.parametrize("language", ["en", "ja"])
def test_rewrites_are_judged_as_a_strict_person_would(language):
    pytest.importorskip("sudachipy")
    results = [one for one in benchmark.checked(benchmark.DATA / "values_rewrites.jsonl") if one[1] == language]
    faithful, unfaithful = shares(results)
    assert faithful >= 0.85
    assert unfaithful <= 0.15


@pytest.mark.skipif(not CASES.is_dir(), reason="the shared cases are not here")
def test_the_shared_cases_are_judged_rightly():
    answers = list(benchmark.graded(CASES / "closed_book.jsonl"))
    assert all(found == right for _, _, right, found in answers)
    pytest.importorskip("sudachipy")
    rewrites = list(benchmark.checked(CASES / "fidelity.jsonl"))
    assert all(found for _, _, faithful, found in rewrites if faithful)
    assert sum(found for _, _, faithful, found in rewrites if not faithful) <= 1  # facts invented in plain words
