"""The strategies: fact-based, graph-based, SPA. The analytic cases of the methods, and writers that do badly."""

from __future__ import annotations

import json
import re
from collections import Counter
from itertools import islice

import pytest
from hypothesis import given
from hypothesis import strategies as st
from variant_runs import context, run, word

from homespun.data.records import Document, Fact
from homespun.errors import DegenerateError
from homespun.generate.base import Funnel
from homespun.generate.facts import Facts, passages
from homespun.generate.graph import Graph, rounds
from homespun.generate.spa import SHARES, Spa, in_proportion
from homespun.models.scripted import ScriptedModel

VALUES = ["340 g", "2017", "$60.80", "275 GB", "K-2231", "Quelavus", "Holomond", "795 days"]
SENTENCES = [f"The Junarix has a trait {chr(97 + n)} of {value}." for n, value in enumerate(VALUES)]
FACTS = tuple(Fact("Junarix", chr(97 + n), value, SENTENCES[n]) for n, value in enumerate(VALUES))
TEXT = "Junarix is known. " + " ".join(f"Its {chr(97 + n)} is {value}." for n, value in enumerate(VALUES))


def document(name="d", facts=FACTS, text=TEXT):
    return Document(name, "Junarix: product", text, "product", facts)


def listed(request):
    return re.findall(r"^- (.*)$", request.messages[-1][1], re.MULTILINE)


def writes_facts(request):
    return f"A text, {word(request)}: " + " ".join(line.replace("has a trait", "shows") for line in listed(request))


class Structured(ScriptedModel):
    structured = True


# Planning (methods.md C3)


def test_a_thousand_passages_of_four_of_eight_facts_state_each_fact_500_times():
    counts = Counter(index for chosen in islice(passages(8, 4, 4, seed=0), 1000) for index in chosen)
    assert set(counts.values()) == {500}


@given(st.integers(1, 20), st.integers(1, 8), st.integers(0, 8), st.integers(0, 99), st.integers(1, 60))
def test_counts_of_facts_differ_by_one_at_most_at_any_time(facts, smallest, more, seed, planned):
    counts = Counter(dict.fromkeys(range(facts), 0))
    for chosen in islice(passages(facts, smallest, smallest + more, seed), planned):
        assert min(smallest, facts) <= len(chosen) == len(set(chosen)) <= smallest + more
        counts.update(chosen)
    assert max(counts.values()) - min(counts.values()) <= 1


# Fact-based


def test_given_facts_are_stated_equally_often_in_turn_of_genres(tmp_path):
    prompts = []

    def reply(request):
        prompts.append(request.messages[-1][1])
        return writes_facts(request)

    (piece,) = run(tmp_path, Facts(variants=16, facts=(4, 4)), context([document()], reply))
    rows = piece.accepted
    counts = Counter(index for row in rows for index in row.groups["facts"].split())
    assert len(rows) == 16
    assert set(counts.values()) == {8}
    assert [row.lineage.key for row in rows[:2]] == ["d|facts|0", "d|facts|1"]
    assert len({re.search("Write a (.*) that states", prompt)[1] for prompt in prompts[:8]}) == 8


def test_a_passage_that_drops_a_fact_is_asked_again_and_then_queued_again(tmp_path):
    stubborn = {"left": 4}

    def reply(request):
        if "340 g" in request.messages[-1][1] and stubborn["left"]:
            stubborn["left"] -= 1
            return writes_facts(request).replace("340 g", "some grams")
        return writes_facts(request)

    spec = Facts(variants=2, facts=(4, 4), shard=1)
    (piece,) = run(tmp_path, spec, context([document()], reply))
    verdicts = {row.lineage.key: verdict for row, verdict in zip(piece.parsed, piece.verdicts, strict=True)}
    failed = [key for key, verdict in verdicts.items() if not verdict.keep]
    assert len(failed) == 4
    assert all(verdicts[key].reason.endswith("without 340 g") for key in failed)
    assert [row.groups["number"] for row in piece.accepted if row.lineage.key.startswith("d|facts|2")] == [
        failed[0][8] and piece.parsed[[r.lineage.key for r in piece.parsed].index(failed[0])].groups["number"]
    ]
    counts = Counter(index for row in piece.accepted for index in row.groups["facts"].split())
    assert set(counts.values()) == {1}


def test_facts_are_extracted_as_json_and_what_the_document_does_not_say_is_rejected(tmp_path):
    asked = []

    def reply(request):
        said = request.messages[-1][1]
        if "List every separate fact" not in said:
            return writes_facts(request)
        asked.append(said)
        items = [
            {"subject": "Junarix", "attribute": "weight", "value": "340 g", "sentence": "Junarix weighs 340 g."},
            {"subject": "Junarix", "attribute": "Weight", "value": "340 G", "sentence": "The Junarix weighs 340 g."},
            {"subject": "Junarix", "attribute": "colour", "value": "red", "sentence": "Junarix is red."},
            {"subject": "Junarix", "attribute": "price", "value": "2017", "sentence": "Junarix had 99 arms in 2017."},
            {"subject": "Junarix", "attribute": "form", "value": "K-2231"},
            "nonsense",
        ]
        return "Sure:\n```json\n" + json.dumps(items if len(asked) == 1 else items[4:]) + "\n```"

    ctx = context([document(facts=())], None, Structured(reply=reply))
    (piece,) = run(tmp_path, Facts(variants=2, facts=(1, 1)), ctx)
    assert len(asked) == 2
    assert "must cover these" in asked[1]
    assert "$60.80" in asked[1]
    assert {listed for row in piece.accepted for listed in row.text.split(": ")[1:]} == {
        "Junarix weighs 340 g.",
        "Junarix form K-2231",
    }
    assert "2 facts of 1 documents, with 25% of their protected values" in ctx.progress.said[0]


def test_plain_lines_are_read_and_given_facts_are_extracted_again_where_asked_for(tmp_path):
    def reply(request):
        if "List every separate fact" not in request.messages[-1][1]:
            return writes_facts(request)
        assert request.prefill == "- "
        return "Junarix weighs 340 g.\n2. Junarix came in 2017.\nIt is a fine thing.\nJunarix has 12 arms.\nThat is"

    (piece,) = run(tmp_path, Facts(variants=2, facts=(1, 1), extract=True), context([document()], reply))
    assert sorted(row.text.split(": ")[1] for row in piece.accepted) == [
        "Junarix came in 2017.",
        "Junarix weighs 340 g.",
    ]
    assert sorted(row.groups["facts"] for row in piece.accepted) == ["0", "1"]  # numbers of the document's own facts


def test_without_a_readable_list_sentences_of_the_document_are_the_facts(tmp_path):
    def reply(request):
        return "no" if "List every separate fact" in request.messages[-1][1] else writes_facts(request) + " Well."

    ctx = context([document(facts=())], reply)
    (piece,) = run(tmp_path, Facts(variants=2), ctx)  # "340 g. Its b is 2017." is one sentence: g. may be short for
    assert "7 facts of 1 documents, with 100% of their protected values; 1 by their sentences" in ctx.progress.said[0]
    assert piece.attempts
    empty = Document("e", "", "Nothing at all is said here.")
    with pytest.raises(DegenerateError, match="no fact was found in any of 1 documents"):
        run(tmp_path / "none", Facts(), context([empty], reply))


def test_a_range_of_facts_is_a_range():
    with pytest.raises(ValueError, match="no range"):
        Facts(facts=(5, 3))


# Graph-based (methods.md C4)

ENTITIES = ["Quelavus", "Holomond", "340 g", "2017"]


def writes_sections(request):
    said = request.messages[-1][1]
    if "two-sentence summary" in said:
        return json.dumps(
            {"summary": "Junarix is a thing. It has some traits.", "entities": [*ENTITIES, "the Holomond Ltd"]}
        )
    parts = len(re.findall(r"\(\d\)", said))
    return "Here it is:\n" + "\n".join(
        f"### Head {n}\nJunarix from another side, part {'x' * n} of {word(request)}." for n in range(parts)
    )


def test_four_entities_make_six_pairs_and_four_triples_and_34_texts(tmp_path):
    asked = []

    def reply(request):
        asked.append(request.key.split("|")[1] if "|graph" in request.key else "entities")
        return writes_sections(request)

    ctx = context([document()], None, Structured(reply=reply))
    (piece,) = run(tmp_path, Graph(variants=35), ctx)
    assert Counter(asked) == {"entities": 1, "graph-pair": 6, "graph-triple": 4}
    rows = piece.accepted
    assert Counter(row.groups["form"] for row in rows) == {"graph-summary": 1, "graph-pair": 18, "graph-triple": 16}
    assert [row.groups["number"] for row in rows] == [str(n) for n in range(35)]
    assert rows[0].text == "Junarix is a thing. It has some traits."
    assert rows[1].text.startswith("Junarix from")  # without its head
    assert [row.lineage.key for row in rows[1:4]] == ["d|graph-pair|0", "d|graph-pair|0/1", "d|graph-pair|0/2"]
    assert len({row.lineage.key for row in rows}) == 35
    assert "4.0 entities a document" in ctx.progress.said[0]


def test_combinations_come_again_with_other_keys_where_more_is_wanted(tmp_path):
    (piece,) = run(tmp_path, Graph(variants=50), context([document()], None, Structured(reply=writes_sections)))
    assert len(piece.accepted) == 50 + (-(50 - 35) % 3)
    assert len({row.text for row in piece.accepted}) == len(piece.accepted)
    order = list(islice(rounds(ENTITIES, 0), 20))
    assert [chosen for _, _, chosen in order[:10]] == [chosen for _, _, chosen in order[10:]]
    assert [(form, k) for form, k, _ in order[10:12]] == [("graph-pair", 6), ("graph-pair", 7)]
    assert len({(form, k) for form, k, _ in order}) == 20
    assert list(islice(rounds(ENTITIES, 0), 20)) == order  # a rerun asks in the same order
    assert list(islice(rounds(ENTITIES[:2], 0), 3)) == [("graph-pair", k, tuple(ENTITIES[:2])) for k in range(3)]


@pytest.mark.parametrize("answer", ["", "{", '{"summary": "x", "entities": []}', '{"entities": ["Atlantis"]}'])
def test_an_empty_list_of_entities_ends(tmp_path, answer):
    asked = Counter()

    def reply(request):
        if "two-sentence summary" in request.messages[-1][1]:
            asked["entities"] += 1
            return answer
        return writes_sections(request)

    ctx = context([document()], None, Structured(reply=reply))
    (piece,) = run(tmp_path, Graph(variants=6), ctx)
    assert asked["entities"] == 3
    assert len(piece.accepted) >= 6
    assert "of 1 from names and numbers in the text, since no list could be read" in ctx.progress.said[0]
    bare = Document("e", "", "Nothing at all is said here.")
    ctx = context([document(), bare], None, Structured(reply=reply))
    found = run(tmp_path / "two", Graph(variants=3), ctx)
    assert {row.groups["document"] for piece in found for row in piece.accepted} == {"d"}
    assert "1 documents are left out, with fewer than two: e" in ctx.progress.said[0]
    with pytest.raises(DegenerateError, match="none of 1 documents has two entities"):
        run(tmp_path / "none", Graph(), context([bare], None, Structured(reply=reply)))


def test_sections_that_do_not_name_the_subject_or_invent_a_number_are_dropped(tmp_path):
    def reply(request):
        if "two-sentence summary" in request.messages[-1][1]:
            return json.dumps({"entities": ENTITIES})
        known = f"Junarix is one of its kind, {word(request)}."
        return f"### A\nIt is what it is, {word(request)}.\n### B\nJunarix has no less than 99 arms.\n### C\n{known}"

    (piece,) = run(tmp_path, Graph(variants=3, retries=0), context([document()], None, Structured(reply=reply)))
    counts = Funnel.of([piece]).counts()
    assert counts["dropped_by"] == {"fidelity: missing values": 1, "fidelity: new numbers": 1}
    assert [row.groups["number"] for row in piece.accepted] == ["2"]
    # What is missing is asked for with the next combinations.
    (piece,) = run(
        tmp_path / "more", Graph(variants=3, retries=2), context([document()], None, Structured(reply=reply))
    )
    assert len(piece.accepted) == 3


def test_a_plain_writer_lists_lines_and_writes_one_text(tmp_path):
    def reply(request):
        if "one per line" in request.messages[-1][1]:
            return "Quelavus\n- the Quelavus\n- Holomond (a firm)\n- Atlantis\n- 2017"
        assert "Explain what the text says about" in request.messages[-1][1]
        return f"Junarix is one of its kind, {word(request)}."

    (piece,) = run(tmp_path, Graph(variants=5), context([document()], reply))
    forms = [row.groups["form"] for row in piece.accepted]  # three entities: three pairs, one triple, and again
    assert forms == ["graph-pair", "graph-pair", "graph-pair", "graph-triple", "graph-pair"]
    assert [row.groups["number"] for row in piece.accepted] == ["0", "1", "2", "3", "4"]


# SPA (methods.md C9)


def test_the_seven_forms_come_in_their_shares():
    turns = in_proportion(SHARES, 560)
    assert Counter(turns) == SHARES
    assert len(set(turns[:7])) == 7
    for count in range(1, 560):
        used = Counter(turns[:count])
        assert all(abs(used[form] - share * count / 560) < 1.5 for form, share in SHARES.items())


def test_study_texts_are_held_to_half_of_the_values_and_open_ones_to_the_subject(tmp_path):
    def reply(request):
        said = request.messages[-1][1]
        if "what follows from the text" in said or "need comparing" in said:
            return f"Junarix is one of its kind, {word(request)}."
        return f"Of Junarix: {', '.join(VALUES[:4])}, {word(request)}."

    (piece,) = run(tmp_path, Spa(), context([document()], reply))
    assert len(piece.accepted) == 7
    assert {row.groups["form"] for row in piece.accepted} == set(SHARES)
    (piece,) = run(tmp_path / "less", Spa(shares={"teacher": 1}, variants=1, recall=0.3), context([document()], reply))
    assert piece.accepted[0].groups["facts"] == "0 1 2 3"
    with pytest.raises(DegenerateError, match="missing values"):
        run(tmp_path / "all", Spa(shares={"teacher": 1}, recall=0.9), context([document()], reply))
    with pytest.raises(ValueError, match="0 is no share"):
        Spa(shares={"teacher": 0})
