"""Variants that a model writes: order, retries, what is dropped and why, what stops a run, and what a rerun asks."""

from __future__ import annotations

import threading
from collections import Counter
from contextlib import closing

import pytest
from variant_runs import FAITHFUL, TEXTS, context, documents, faithful, of, run

from homespun.data.ledger import Ledger
from homespun.data.records import Document
from homespun.errors import DegenerateError
from homespun.generate.base import Funnel
from homespun.generate.cells import STUBBORN
from homespun.generate.facts import Facts
from homespun.generate.graph import Graph
from homespun.generate.paraphrase import Paraphrase
from homespun.models.base import Completion
from homespun.models.recorded import Recorded
from homespun.models.scripted import ScriptedModel


def test_variants_come_variant_by_variant_with_forms_in_turn(tmp_path):
    (piece,) = run(tmp_path, Paraphrase(variants=5), context(documents("a", "b"), faithful))
    assert [row.lineage.key for row in piece.accepted] == [
        f"{name}|{form}|{k}"
        for form, k in (("easy", 0), ("medium", 0), ("hard", 0), ("qa", 0), ("easy", 1))
        for name in "ab"
    ]
    row = piece.accepted[2]
    assert row.groups == {"document": "a", "form": "medium", "category": "product", "number": "1", "facts": "0"}
    assert row.text.startswith("There is a copper thing")  # the lead-in is taken off
    assert row.lineage.prompt.startswith("rewrite-medium/en/")
    assert piece.verdicts[2].score == 1.0
    assert "340" in piece.attempts[2].raw


def test_a_rejected_text_is_asked_again_with_another_seed_and_stands_in_its_place(tmp_path):
    tries = Counter()
    seeds = []

    def reply(request):
        tries[of(request), request.messages[-1][1][:20]] += 1
        if of(request) == "a" and tries[of(request), request.messages[-1][1][:20]] < 3:
            seeds.append(request.seed)
            return "A copper thing of 350 g, by the name of Junarix."
        return faithful(request)

    (piece,) = run(tmp_path, Paraphrase(variants=2, forms=("easy", "hard")), context(documents("a", "b"), reply))
    assert [attempt.key for attempt in piece.attempts] == [
        "a|easy|0", "a|easy|0.1", "a|easy|0.2", "b|easy|0", "a|hard|0", "a|hard|0.1", "a|hard|0.2", "b|hard|0",
    ]  # fmt: skip
    assert [row.groups["number"] for row in piece.parsed] == ["0", "0", "0", "0", "1", "1", "1", "1"]
    assert len(set(seeds)) == 4
    counts = Funnel.of([piece]).counts()
    assert (counts["kept"], counts["dropped_by"]) == (4, {"fidelity: new numbers": 4})
    assert piece.verdicts[0].reason == "not in the document: 350 g"


def test_every_fate_of_an_answer_is_an_attempt(tmp_path):
    class Odd(ScriptedModel):
        def complete(self, requests, advance=lambda _: None):
            told = {
                "easy": lambda r: Completion(r.key, "", "error", error="too long: 9 tokens"),
                "medium": lambda r: Completion(r.key, " \n", "stop"),
                "hard": lambda r: Completion(r.key, FAITHFUL["a"] + ". And then it br", "length", 7, 9),
                "qa": lambda r: Completion(r.key, FAITHFUL["a"] + ".", "stop"),
            }
            return [told[request.key.split("|")[1]](request) for request in requests]

    ctx = context(documents("a"), None, Odd(reply=lambda _: ""))
    (piece,) = run(tmp_path, Paraphrase(retries=0), ctx)
    assert [(attempt.status, attempt.problem) for attempt in piece.attempts] == [
        ("failed", "too long: 9 tokens"), ("unparsed", "empty"), ("parsed", ""), ("parsed", ""),
    ]  # fmt: skip

    class Cut(ScriptedModel):
        def complete(self, requests, advance=lambda _: None):
            return [Completion(request.key, "There is a copper thing of", "length", 7, 9) for request in requests]

    ctx = context(documents("a"), None, Cut(reply=lambda _: ""))
    (cut,) = run(tmp_path / "cut", Paraphrase(max_asked=1, retries=0), ctx)
    assert cut.attempts[0].problem == "cut off before the end of its first sentence"
    assert piece.parsed[0].text == FAITHFUL["a"] + "."  # cut back to its last whole sentence
    assert [verdict.rule for verdict in piece.verdicts] == ["fidelity", "duplicate"]
    assert piece.verdicts[1].duplicate_of == piece.parsed[0].id


def test_the_accept_rate_is_told_by_form_with_examples(tmp_path):
    def reply(request):
        if "young child" in request.messages[-1][1]:
            return TEXTS[of(request)]
        if "specialists" in request.messages[-1][1]:
            return "A thing of copper is what this is about."
        return faithful(request)

    ctx = context(documents("a"), reply)
    run(tmp_path, Paraphrase(variants=3, retries=0), ctx)
    (told, short) = ctx.progress.said
    assert "pool: 3 texts, 33% accepted" in told
    assert "easy: 0 of 1 accepted" in told
    assert "fidelity: unchanged, e.g. holds the document as it is: 'Junarix weighs 340 g" in told
    assert "fidelity: missing values, e.g. states 0 of 1 values; without 340 g: 'A thing of copper" in told
    assert "1 of 1 documents have fewer than 3 variants: a (1)" in short


def test_a_form_that_gets_nothing_stops_the_run_with_answers_to_look_at(tmp_path):
    def reply(request):
        return "I'm sorry, but I cannot." if "young child" in request.messages[-1][1] else faithful(request)

    with pytest.raises(DegenerateError, match=r'form "easy" is usable: fidelity: refusal \(\d+\)') as caught:
        run(tmp_path, Paraphrase(variants=200), context(documents("a", "b"), reply))
    assert "cannot" in str(caught.value)
    assert str(caught.value).endswith("Take a larger writer. Leave the form out (`forms`).")
    with pytest.raises(DegenerateError, match="none of 3 texts is usable"):
        run(tmp_path / "all", Paraphrase(variants=1), context(documents("a"), lambda _: "No."))


def test_one_stubborn_document_does_not_stop_the_run(tmp_path):
    asked = Counter()

    def reply(request):
        asked[of(request)] += 1
        return "It is all about a pump." if of(request) == "b" else faithful(request)

    ctx = context(documents("b", "a"), reply)
    found = run(tmp_path, Paraphrase(variants=60, shard=8), ctx)
    rows = [row for piece in found for row in piece.accepted]
    assert Counter(row.groups["document"] for row in rows) == {"a": 60}
    tried = sum(attempt.groups["document"] == "b" for piece in found for attempt in piece.attempts)
    assert tried == STUBBORN
    assert STUBBORN <= asked["b"] <= STUBBORN + 3 * 8  # what was in flight
    assert any(f'document "b" is left out: none of {STUBBORN} answers is usable' in said for said in ctx.progress.said)


def test_a_budget_ends_the_run_where_it_stands(tmp_path):
    spec = Paraphrase(variants=50).sample(10)
    (piece,) = run(tmp_path, spec, context(documents("a", "b"), faithful))
    assert len(piece.attempts) == 10
    (piece,) = run(tmp_path / "none", spec, context(documents("a", "b"), lambda _: "No."))  # an estimate, no error
    assert piece.accepted == []
    assert spec.answers(context(documents("a", "b"), faithful), 0.5) == 10
    assert Paraphrase(variants=50).answers(context(documents("a", "b"), faithful), 0.5) == 200
    assert Paraphrase(variants=50).answers(context(documents("a", "b"), faithful), 0.01) == 300


class Streamed(ScriptedModel):
    """Takes requests in a thread of its own and far ahead, like a server."""

    ahead = 16

    def stream(self, requests, advance=lambda _: None):
        taken, waiting = [], iter(requests)
        while True:

            def take():
                while len(taken) < self.ahead and (one := next(waiting, None)) is not None:
                    taken.append(one)

            thread = threading.Thread(target=take)
            thread.start()
            thread.join()
            if not taken:
                return
            yield from self.complete([taken.pop(0)], advance)


@pytest.mark.parametrize("ahead", [1, 3, 16])
def test_what_is_in_flight_changes_nothing(tmp_path, ahead):
    def reply(request):
        return "It is all about a pump." if request.seed % 3 == 0 else faithful(request)

    model = Streamed(reply=reply)
    model.ahead = ahead
    spec = Paraphrase(variants=30)
    expected = run(tmp_path / "here", spec, context(documents("a", "b"), reply))
    assert run(tmp_path / "there", spec, context(documents("a", "b"), None, model)) == expected
    (sampled,) = run(tmp_path / "some", spec.sample(12), context(documents("a", "b"), None, model))
    assert list(sampled.attempts) == list(expected[0].attempts[: len(sampled.attempts)])
    assert len(sampled.attempts) == 12


@pytest.mark.parametrize("ahead", [1, 16])
def test_a_budget_ends_with_the_text_that_reaches_it_where_an_answer_holds_several(tmp_path, ahead):
    def reply(request):
        if request.key.startswith("entities"):
            return '{"summary": "It is Junarix.", "entities": ["Junarix", "340 g", "copper"]}'
        return "\n\n".join(f"## Part {part}\n{FAITHFUL['a']}, {part}." for part in ("one", "two", "three"))

    model = Streamed(reply=reply)
    model.ahead, model.structured = ahead, True
    (piece,) = run(tmp_path, Graph(variants=60, max_asked=4), context(documents("a"), None, model))
    assert [attempt.groups["form"] for attempt in piece.attempts] == ["graph-summary", *["graph-pair"] * 3]


def test_forms_are_named_once():
    with pytest.raises(ValueError, match="name every form once"):
        Paraphrase(forms=("easy", "easy"))


@pytest.mark.parametrize(
    "spec", [Paraphrase(variants=12, shard=4), Graph(variants=9, shard=4), Facts(variants=6, shard=4)]
)
def test_a_rerun_goes_on_where_an_interrupted_one_stopped(tmp_path, spec):
    asked = []

    def reply(request):
        asked.append(request.key)
        said = request.messages[-1][1]
        if "one per line" in said or "sentence per line" in said:
            return "- 340 g\n- Junarix\n- made of copper" if "340" in said else "- Preligan\n- 75 litres\n- an hour"
        return "It is about 99 pumps." if request.seed % 3 == 0 else faithful(request)

    class Mortal(ScriptedModel):
        lists = 0

        def complete(self, requests, advance=lambda _: None):
            self.lists += 1
            if self.lists == 4:
                raise KeyboardInterrupt
            return super().complete(requests, advance)

    found = documents("a", "b")
    expected = run(tmp_path / "whole", spec, context(found, reply))
    whole, asked[:] = list(asked), []
    with closing(Ledger(tmp_path / "ledger.db")) as ledger:
        with pytest.raises(KeyboardInterrupt):
            run(tmp_path / "cut", spec, context(found, None, Recorded(Mortal(reply=reply), ledger)))
        assert 0 < len(asked) < len(whole)
        again = run(tmp_path / "cut", spec, context(found, None, Recorded(ScriptedModel(reply=reply), ledger)))
    assert asked == whole
    assert again == expected


def test_a_bad_beginning_of_many_documents_does_not_stop_the_run(tmp_path):
    bad = [Document(f"bad-{n}", "", TEXTS["b"]) for n in range(40)]  # 120 texts of nothing, and then good ones
    good = [Document(f"good-{n}", "", TEXTS["a"]) for n in range(60)]

    def reply(request):
        return "It is all about a pump." if of(request) == "b" else faithful(request)

    found = run(tmp_path, Paraphrase(variants=1), context(bad + good, reply))
    assert sum(len(piece.accepted) for piece in found) == 60
