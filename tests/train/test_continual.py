import pytest

from homespun.models.base import LogprobQuery
from homespun.models.load import load_model
from homespun.records import Lineage, Row, Variant
from homespun.train.continual import Continual


def variant(doc, n, text):
    return Row.make(
        Variant(text),
        language="en",
        groups={"document": doc, "number": str(n), "form": "qa"},
        lineage=Lineage("g", f"{doc}|qa|{n}"),
    )


@pytest.mark.parametrize("lora", [None, {}])
def test_smoke(ctx, tiny, tmp_path, lora):
    rows = [variant(f"d{d}", n, f"the color of d{d} is {d * 7} " + "very " * n) for d in range(5) for n in range(3)]
    seen = []

    def probe(model, n):
        seen.append((n, model.logprobs([LogprobQuery((), ("the color of d3 is 21",))])[0][0].total))

    t = Continual(exposures=6, lora=lora, learning_rate=1e-2)
    card = t(rows, ctx, tiny, 0, tmp_path / "a", probe, at=t.exposures_at(), state=tmp_path / "s")
    m = load_model(tiny, tmp_path / "a")
    assert m.logprobs([LogprobQuery((), ("the color of d3 is 21",))])[0][0].total == seen[-1][1]
    plain = t(rows, ctx, tiny, 0, tmp_path / "b")
    assert plain.losses == card.losses
