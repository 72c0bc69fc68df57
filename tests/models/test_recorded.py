"""A model of this process behind the ledger: the same answers, each list asked for once."""

from __future__ import annotations

import pytest

from homespun.data.ledger import Ledger
from homespun.engine.budget import Budget, Spending
from homespun.errors import BudgetError
from homespun.models.base import LogprobQuery, Request, Sampling
from homespun.models.recorded import Recorded
from homespun.models.scripted import Rule, Script, ScriptedModel
from homespun.task import Price

SCRIPT = Script(
    rules=(
        Rule(match="bad", error="on fire"),
        Rule(match="label", logprobs={"yes": -0.25, "no": float("-inf")}),
        Rule(match="odd", reply="a \u2028 b \x00 日本"),
    ),
    reply="one two three four",
)


class Counting(ScriptedModel):
    """Counts the lists it is asked for."""

    lists = 0

    def complete(self, requests, advance=lambda _: None):
        self.lists += 1
        return super().complete(requests, advance)

    def logprobs(self, queries, advance=lambda _: None):
        self.lists += 1
        return super().logprobs(queries, advance)


def requests(*texts: str) -> list[Request]:
    return [Request(f"r{n}", (("user", text),), Sampling(max_tokens=3), n) for n, text in enumerate(texts)]


@pytest.fixture
def ledger(tmp_path):
    with Ledger(tmp_path / "ledger.db") as opened:
        yield opened


def test_a_list_is_asked_for_once(ledger):
    inner = Counting(SCRIPT)
    model = Recorded(inner, ledger, lambda: "pool/a")
    asked = requests("fine", "bad", "odd", "fine")
    first = model.complete(asked)
    assert first == inner.complete(asked)
    assert model.complete(asked) == first and inner.lists == 2
    told = []
    assert Recorded(Counting(SCRIPT), ledger).complete(asked, told.append) == first and sum(told) == 4
    model.complete(asked[:3])  # another list: what shares a batch is a part of the answer
    assert inner.lists == 3
    query = LogprobQuery((("user", "label"),), ("yes", "no"))
    assert model.logprobs([query, query]) == model.logprobs([query, query]) == inner.logprobs([query, query])
    assert inner.lists == 5
    assert model.id == inner.id and (model.embed(["x"]) == inner.embed(["x"])).all()


def test_an_empty_list_asks_nothing(ledger):
    inner = Counting(SCRIPT)
    assert Recorded(inner, ledger).complete([]) == [] and inner.lists == 0


@pytest.mark.parametrize(
    "budget", [Budget(tokens=10), Budget(money=0.00001), Budget(minutes=1e-9)]
)  # fmt: skip
def test_a_spent_budget_stops_before_the_next_list(ledger, budget):
    spending = Spending(budget)
    model = Recorded(ScriptedModel(SCRIPT), ledger, spending=spending, price=Price(input=1, output=2))
    with pytest.raises(BudgetError, match=r"is spent .*of .*Raise `budget`"):
        for turn in range(5):
            model.complete(requests(f"one {turn}", "two", "three"))
    if budget.minutes is None:
        assert 0 < turn < 5
        fresh = Recorded(ScriptedModel(SCRIPT), ledger, spending=Spending(budget))
        assert fresh.complete(requests("one 0", "two", "three"))  # what is in the ledger costs nothing


def test_money_is_tokens_times_price():
    spending = Spending(Budget())
    spending.charge(Price(input=2, output=6), 1_000_000, 500_000)
    spending.charge(None, 1000, 1000)
    assert (spending.money, spending.tokens) == (5.0, 1_502_000)
