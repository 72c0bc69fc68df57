"""Rules as functions: what was kept, why, and the same at another threshold without comparing again."""

from __future__ import annotations

import subprocess
import sys

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

import homespun.select as select
from homespun.data.records import Labelled, Lineage, Row
from homespun.errors import UsageError
from homespun.near import rouge
from homespun.select import api

TEXTS = ["write a poem about the sea", "write a poem about the lake", "list three fruits", "list three red fruits"]


def test_importing_the_package_is_cheap_and_names_are_functions():
    script = (
        "import sys, homespun.select as s\n"
        "print([m for m in ('numpy', 'pydantic', 'pyarrow', 'torch') if m in sys.modules])\n"
        "s.rouge_l, s.minhash, s.semantic\n"
        "import homespun.select.rules.minhash, homespun.select.api\n"
        "print(callable(s.minhash), callable(s.rules))"
    )
    done = subprocess.run([sys.executable, "-c", script], capture_output=True, text=True, check=True)
    assert done.stdout.split("\n")[:2] == ["[]", "True True"]


def test_every_name_is_there_and_nothing_else():
    for name in select.API:
        assert callable(getattr(select, name))
    with pytest.raises(AttributeError):
        _ = select.nothing


def test_kept_dropped_and_why():
    found = select.rouge_l(TEXTS, 0.7)
    assert found.kept == [TEXTS[0], TEXTS[2]]
    assert found.dropped == [TEXTS[1], TEXTS[3]]
    assert found.duplicates == [
        (TEXTS[1], TEXTS[0], pytest.approx(10 / 12)),
        (TEXTS[3], TEXTS[2], pytest.approx(6 / 7)),
    ]
    assert [verdict.duplicate_of for verdict in found.verdicts] == [None, "0", None, "2"]


@pytest.mark.parametrize("settings", [{}, {"floor": 0.5}])
def test_another_threshold_compares_no_text_again(monkeypatch, settings):
    found = select.rouge_l(TEXTS, 0.7, **settings)
    monkeypatch.setattr(rouge, "pairs", None)
    monkeypatch.setattr(rouge, "greedy", None)
    assert found.at(0.85).kept == [TEXTS[0], TEXTS[1], TEXTS[2]]
    assert found.at(0.9).kept == TEXTS
    assert found.at(0.9).at(0.7).kept == found.kept
    assert str(found.at(0.85).rule) == "rouge_l 0.85"


def test_of_rows_alike_by_the_thousand_pairs_are_found_when_asked_for(monkeypatch):
    from homespun.select.rules import repeats

    monkeypatch.setattr(repeats, "PAIRS_AT_LEAST", 10)
    monkeypatch.setattr(repeats, "PAIRS_PER_ROW", 1)
    texts = [f"a b c d e f g {n}" for n in range(40)]  # 780 pairs with an F of 7/8
    vectors = np.array([[1.0, n / 1000] for n in range(40)])
    for make in (
        lambda: select.rouge_l(texts, 0.7),
        lambda: select.minhash([f"{'w v u t s r q ' * 9} {n}" for n in range(40)], 0.2),
        lambda: select.semantic(texts, 0.9, vectors=vectors, within=None),
    ):
        found = make()
        with monkeypatch.context() as patched:  # the same with all pairs at hand
            patched.setattr(repeats, "PAIRS_AT_LEAST", 10**6)
            whole = make()
        assert found.verdicts == whole.verdicts
        for threshold in (0.2, 0.9, 0.95):
            assert found.at(threshold).verdicts == whole.at(threshold).verdicts


def test_below_the_floor_it_searches_once_more():
    found = select.rouge_l(TEXTS, 0.9)
    assert found.kept == TEXTS
    assert found.at(0.7).kept == select.rouge_l(TEXTS, 0.7).kept


@settings(max_examples=30)
@given(
    texts=st.lists(st.lists(st.sampled_from("abc"), min_size=1, max_size=6).map(" ".join), max_size=12),
    threshold=st.sampled_from([0.0, 0.4, 0.5, 0.6, 0.75, 0.8, 1.0]),
)
def test_moved_thresholds_keep_what_a_new_search_keeps(texts, threshold):
    moved, new = select.rouge_l(texts, 1.0, floor=0.0).at(threshold), select.rouge_l(texts, threshold)
    assert moved.kept == new.kept
    assert [verdict.keep for verdict in moved.verdicts] == [verdict.keep for verdict in new.verdicts]


def test_stems_and_tokenizers():
    texts = ["she walks her dogs daily", "she walked her dog daily"]
    assert select.rouge_l(texts, 0.7).kept == texts
    assert select.rouge_l(texts, 0.7, stem=True).kept == texts[:1]
    assert select.rouge_l(["今日は良い天気です", "今日は悪い天気です"], 0.7, tokenizer="characters").dropped


def test_dicts_templates_and_groups():
    rows = [{"q": "say it", "a": str(i), "topic": t} for i, t in enumerate("xxy")]
    assert select.exact(rows, field="q").kept == [rows[0]]
    assert select.exact(rows, field="{q} {a}").kept == rows
    assert select.rouge_l(rows, field="q", within="topic").kept == [rows[0], rows[2]]


def test_rows_keep_their_ids():
    rows = [Row(f"id{i}", Labelled({"text": "same"}, ""), "en", {}, Lineage("g", str(i))) for i in range(2)]
    found = select.exact(rows)
    assert (found.kept, found.verdicts[1].duplicate_of) == ([rows[0]], "id0")


def test_inputs_without_a_text_are_told():
    found = select.rouge_l(["one text", "", 7, None, "one text"], 0.7)
    assert found.kept == ["one text"]
    assert [verdict.rule for verdict in found.verdicts] == ["rouge_l 0.7", *["unusable"] * 3, "rouge_l 0.7"]
    assert found.verdicts[2].reason == "is no text, dict or row but int"
    assert found.verdicts[4].duplicate_of == "0"


def test_ranked_by_a_field_or_by_numbers():
    rows = [{"text": "a", "q": 1}, {"text": "b", "q": 3}, {"text": "c"}, {"text": "d", "q": 2}]
    found = select.top(rows, 0.5, by="q")
    assert found.kept == [rows[1], rows[3]]
    assert found.at(1.0).kept == [rows[0], rows[1], rows[3]]
    assert found.verdicts[2].reason.startswith("could not be scored")
    assert select.bottom(["a", "b", "c"], 0.34, by=[3, 1, 2]).kept == ["b"]
    assert select.middle(["a", "b", "c"], 0.34, by=[3, 1, 2]).kept == ["c"]
    assert select.at_least(["a", "b"], 2, by=[1, 2]).kept == ["b"]
    assert select.at_most(["a", "b"], 2, by=[1, 2]).at(1).kept == ["a"]
    with pytest.raises(UsageError, match="1 numbers for 2 inputs"):
        select.top(["a", "b"], 0.5, by=[1.0])


def test_semantic_from_vectors():
    vectors = np.array([[1, 0], [0.9, 0.1], [-1, 0], [0, 0], [0, -1.0]])
    found = select.semantic(list("abcde"), 0.9, vectors=vectors, floor=0.0)
    assert (found.kept, len(found.at(0.9999).kept)) == (["a", "c", "e"], 4)  # the row of zeros has no direction
    assert select.semantic(list("abcde"), 0.9, vectors=vectors).verdicts[1].duplicate_of == "0"
    with pytest.raises(UsageError, match=r"give one per input: \(2, dimensions\)"):
        select.semantic(["a", "b"], 0.9, vectors=[[1.0, 0.0]])
    with pytest.raises(UsageError, match="uneven width"):
        select.semantic(["a", "b"], 0.9, vectors=[[1.0, 0.0], [1.0]])


def test_d4_semdedup_and_random_move_their_share():
    vectors = np.random.default_rng(0).normal(size=(40, 8))
    texts = [f"row {i}" for i in range(40)]
    large, small = select.d4(texts, 0.9, vectors=vectors), select.d4(texts, 0.5, vectors=vectors)
    assert (len(large.kept), len(small.kept), len(small.at(0.25).kept)) == (36, 20, 10)
    assert (large.at(0.5).kept, small.at(0.9).kept) == (small.kept, large.kept)  # more than its first step leaves
    with pytest.raises(UsageError, match=r"^share: "):
        select.d4(texts, 2, vectors=vectors)
    assert len(select.semdedup(texts, 0.2, vectors=vectors).kept) < 40
    drawn = select.random(texts, 0.5)
    assert len(drawn.kept) == 20
    assert set(drawn.at(0.25).kept) < set(drawn.kept)


def test_minhash_of_long_texts():
    words = " ".join(f"word{i}" for i in range(200))
    found = select.minhash([words, words + " more", "another text of some length"], 0.8)
    assert found.kept == [words, "another text of some length"]
    assert len(found.at(0.99).kept) == 2 + (found.duplicates[0][2] <= 0.99)


def test_rules_one_after_the_other():
    rows = [{"text": "a", "q": 1}, {"text": "b", "q": 3}, {"text": "b", "q": 3}]
    found = select.rules(rows, [{"kind": "exact_duplicates"}, {"kind": "at_least", "by": "q", "value": 2}])
    assert found.kept == [rows[1]]
    with pytest.raises(UsageError, match="Did you mean"):
        select.rules(rows, [{"kind": "exact_duplicate"}])


def test_report():
    report = select.rouge_l(TEXTS, 0.7).report()
    assert (report.rows, report.kept) == (4, 2)
    assert report.nearest[0].dropped[0].repeats_text == TEXTS[0]


@pytest.mark.parametrize(
    ("call", "says"),
    [
        (lambda: select.rouge_l(TEXTS, 1.5), r"threshold: .* \(got 1.5\)"),
        (lambda: select.rouge_l(TEXTS, 0.7, floor=0.8), "floor is 0.8; it must lie between 0 and the threshold"),
        (lambda: select.rouge_l("one text"), "a list of texts"),
        (lambda: select.exact(TEXTS).at(0.5), "has no threshold to move"),
        (lambda: select.rouge_l(TEXTS).at(2), "threshold"),
        (lambda: select.perplexity(TEXTS, part="lowest"), "it is one of low, middle, high"),
        (lambda: select.rules(TEXTS, []), "no rules"),
        (lambda: select.semantic(TEXTS, model="http://127.0.0.1:1/v1#m"), "give vectors"),
    ],
)
def test_what_is_refused(call, says):
    with pytest.raises(UsageError, match=says):
        call()


def test_empty_input():
    assert select.rouge_l([]).kept == select.semantic([]).kept == select.top([], 0.5, by="q").at(1).kept == []
    assert api.exact([]).verdicts == []


def test_texts_of_signs_are_compared_by_their_signs():
    texts = ["?!", "?!", "🎉 🎉", "🎉 🎉", "..."]
    for rule in (select.rouge_l, select.minhash):
        assert rule(texts).kept == ["?!", "🎉 🎉", "..."]


def test_rows_whose_embeddings_are_all_equal_repeat_the_first():
    found = select.semantic(list("abc"), 0.9, vectors=np.ones((3, 4)))
    assert (found.kept, found.duplicates[1]) == (["a"], ("c", "a", 1.0))
    assert len(select.d4(list("abcd"), 0.5, vectors=np.ones((4, 4))).kept) == 2


def test_a_number_beyond_any_float_is_no_number():
    found = select.top([{"text": "a", "q": 10**400}, {"text": "b", "q": 1}], 1.0, by="q")
    assert [each["text"] for each in found.kept] == ["b"]
    assert found.verdicts[0].reason.startswith("could not be scored")


def test_calibrate_proposes_a_threshold_between_copies_and_the_rest():
    rng = np.random.default_rng(0)
    texts = [" ".join(f"w{number}" for number in rng.integers(300, size=20)) for _ in range(200)]
    texts += [text.rsplit(" ", 1)[0] + " other" for text in texts[:60]]
    found = select.calibrate([{"q": text} for text in texts] + [{"q": ""}], field="q")
    assert len(found.nearest) == 260
    assert "two heaps" in found.why
    assert len(select.rouge_l(texts, found.proposed).kept) == 200
    apart = select.calibrate([{"q": "a b c", "g": 1}, {"q": "a b c", "g": 2}], field="q", within="g")
    assert apart.nearest.tolist() == [0.0, 0.0]
    assert select.calibrate([]).nearest.tolist() == []


def test_rules_work_within_the_fields_that_they_name():
    records = [{"text": "a b c", "g": 1, "h": "x"}, {"text": "a b c", "g": 2, "h": "x"}, {"text": "a b c", "g": 2}]
    found = select.rules(
        records,
        [{"kind": "rouge_l", "within": "g"}, {"kind": "any", "rules": [{"kind": "random", "count": 1, "within": "h"}]}],
    )
    assert len(found.kept) == 1
    assert (found.verdicts[2].rule, found.verdicts[2].reason) == ("unusable", 'has no field "h"')


def test_texts_are_each_in_their_language():
    found = select.rouge_l(["今日はとても天気が良い。", "A fine day.", "今日はとても天気が悪い。", "A fine day!"], 0.6)
    assert [row.language for row in found.rows] == ["ja", "en", "ja", "en"]
    assert [verdict.duplicate_of for verdict in found.verdicts] == [None, None, "0", "1"]
