"""The asking loop: who is asked next, in numbers alone; and a generator of pairs, as short as one on it can be."""

from __future__ import annotations

from collections import Counter
from dataclasses import dataclass

import pytest
from hypothesis import given
from hypothesis import strategies as st
from variant_runs import Telling

from homespun.data.records import Response, Row, Verdict, derive_seed
from homespun.engine.context import Context, Models
from homespun.errors import DegenerateError
from homespun.generate.base import Made, attempt_of, lineage_of, pieces, request_of
from homespun.generate.cells import STUBBORN, Cell, Loop, Place, Plan, Queue, by_need, quotas
from homespun.models.scripted import ScriptedModel
from homespun.task import ModelSpec
from homespun.text.prompts import Prompt

# Quotas


def test_quotas_of_odd_counts():
    assert [(cell.name, cell.wanted) for cell in quotas(7, ["a", "b", "c"])] == [("a", 3), ("b", 2), ("c", 2)]


def test_cells_that_lack_more_are_asked_more_and_all_in_turn():
    half, full, new = Cell("half", 4, asked=3, accepted=1), Cell("full", 2, 5, 2), Cell("new", 2)
    assert [cell.name for cell in by_need([half, full, new], 99)] == ["half", "new", "half", "new", *["half"] * 4]
    assert [cell.name for cell in by_need([half, full, new], 3)] == ["half", "new", "half"]
    assert by_need([half, new], 0) == by_need([half, new], -1) == by_need([full], 9) == []


# The queue


def drained(places, tries, passing, ahead, at_once=True):
    """Ask for integers, `ahead` at once; return what was asked in order, and the places as they were handed on."""
    queue, asked, over = Queue(places, tries, at_once=at_once), [], []
    while (turn := queue.first()) is not None:
        flying = [turn]
        while flying:
            while len(flying) < ahead and (turn := queue.next()) is not None:
                flying.append(turn)
            turn = flying.pop(0)
            asked.append(turn.of)
            queue.take(turn, [turn.tried], passing(turn.of, turn.tried))
            over += queue.over()
    return asked, [(turn.of, turn.found) for turn in over]


def test_a_place_is_asked_again_before_new_ones_or_after_all():
    def second(place, tried):
        return place != 1 or tried == 1

    assert drained([0, 1, 2, 3], 3, second, 1)[0] == [0, 1, 1, 2, 3]
    assert drained([0, 1, 2, 3], 3, second, 2)[0] == [0, 1, 2, 1, 3]
    assert drained([0, 1, 2, 3], 3, second, 2, at_once=False)[0] == [0, 1, 2, 3, 1]
    assert drained([], 3, second, 2) == ([], [])


@given(st.integers(0, 30), st.integers(1, 4), st.integers(0, 99), st.integers(1, 9), st.booleans())
def test_what_comes_of_a_plan_does_not_depend_on_what_is_in_flight(places, tries, seed, ahead, at_once):
    def passing(place, tried):
        return derive_seed(seed, place, tried) % 3 == 0

    expected = [
        (place, list(range(next((n + 1 for n in range(tries) if passing(place, n)), tries)))) for place in range(places)
    ]
    asked, found = drained(range(places), tries, passing, ahead, at_once)
    assert found == expected
    assert Counter(asked) == {place: len(tried) for place, tried in expected}


# Pairs of a preferred and a rejected answer


@dataclass(frozen=True)
class Side(Place):
    """One answer of a pair; its cell is the prompt."""

    role: str


class Pairs(Plan[Side]):
    """Asks every prompt for an answer in earnest and for one that is cut short."""

    axis, nouns, ways = "role", ("prompt", "answers", "answers"), {"": "Take another writer."}

    def __init__(self, name, ctx, prompts):
        self.name, self.ctx, self.prompts = name, ctx, prompts

    def places(self):
        return (Side(prompt, role) for prompt in self.prompts for role in ("preferred", "rejected"))

    def request(self, turn):
        key = f"{turn.of.cell}|{turn.of.role}|{turn.tried}"
        prompt = Prompt("pairs", (("user", f"{turn.of.cell} ({turn.of.role})"),))
        return request_of(key, prompt, derive_seed(self.ctx.seed, self.name, key), 1.0, 1.0, 99)

    def read(self, turn, asked, answer):
        groups = {"prompt": turn.of.cell, "role": turn.of.role}
        if answer.finish_reason == "error":
            return [Made(attempt_of(answer, groups))]
        lineage = lineage_of(self.name, "writer", "pairs", asked, answer)
        row = Row.make(Response(asked.messages, answer.text), language="en", groups=groups, lineage=lineage)
        keep = "sorry" not in answer.text
        return [Made(attempt_of(answer, groups, row=row), Verdict(row.id, keep, "answered" if keep else "refusal"))]


def paired(ctx, prompts, tries=3):
    """Return the pairs (prompt, preferred, rejected) and all pieces."""
    loop = Loop("pairs", ctx, Pairs("pairs", ctx, prompts), {one: Cell(one, 2) for one in prompts}, tries, shard=4)
    found = list(pieces(ctx, loop.all(), 512))
    rows = {(row.groups["prompt"], row.groups["role"]): row for piece in found for row in piece.accepted}
    both = [one for one in prompts if (one, "preferred") in rows and (one, "rejected") in rows]
    return [(one, *(rows[one, role].payload.output for role in ("preferred", "rejected"))) for one in both], found


def context(reply):
    model = ScriptedModel(reply=reply)
    return Context(None, "en", 0, Models({"writer": ModelSpec(id="scripted:pairs")}, lambda _: model), Telling())


def test_pairs_are_asked_for_until_both_sides_are_there():
    asked = []

    def reply(request):
        asked.append(request.key)
        if request.key.startswith(("two|rejected|0", "two|rejected|1", "three|preferred")):
            return "I'm sorry."
        return f"answer to {request.key}"

    ctx = context(reply)
    pairs, (piece,) = paired(ctx, ["one", "two", "three"])
    assert pairs == [
        ("one", "answer to one|preferred|0", "answer to one|rejected|0"),
        ("two", "answer to two|preferred|0", "answer to two|rejected|2"),
    ]
    assert [attempt.key for attempt in piece.attempts] == [
        "one|preferred|0", "one|rejected|0", "two|preferred|0", "two|rejected|0", "two|rejected|1", "two|rejected|2",
        "three|preferred|0", "three|preferred|1", "three|preferred|2", "three|rejected|0",
    ]  # fmt: skip
    assert asked[:4] == [attempt.key for attempt in piece.attempts][:4]
    assert asked[4] == "two|rejected|1"
    said = ctx.progress.said
    assert said[0].startswith("pairs: 10 answers, 50% accepted\n  preferred: 2 of 5 accepted\n    3 x refusal, e.g.")
    assert said[1] == "pairs: 1 of 3 prompts have fewer than 2 answers: three (1)"


def test_a_side_that_gets_nothing_stops_the_run_and_a_stubborn_prompt_does_not():
    def no_rejected(request):
        return "I'm sorry." if "rejected" in request.key else "Gladly."

    with pytest.raises(DegenerateError, match=r'none of 96 answers for the role "rejected" is usable: refusal \(96\)'):
        paired(context(no_rejected), [str(n) for n in range(32)])
    ctx = context(lambda request: "I'm sorry." if request.key[0] == "a" else request.key)
    pairs, (piece,) = paired(ctx, ["a", "b"], tries=STUBBORN)
    assert pairs == [("b", "b|preferred|0", "b|rejected|0")]
    assert sum(attempt.groups["prompt"] == "a" for attempt in piece.attempts) == STUBBORN
    assert (
        f'prompt "a" is left out: none of {STUBBORN} answers is usable, mostly refusal ({STUBBORN})'
        in ctx.progress.said[0]
    )
