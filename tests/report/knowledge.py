"""A run on documents for tests and for looking at the page: curves that rise as the paper's do, simulated."""

from __future__ import annotations

import math
from types import SimpleNamespace
from typing import Any, NamedTuple

import numpy as np
import sample
from numpy.typing import NDArray

from homespun.data.records import Variant
from homespun.evaluate import curves
from homespun.evaluate.recommend import recommend
from homespun.run.readback import RunData

POINTS = (0, 25, 50, 100, 150, 200, 300, 400, 500, 650, 800, 1000)
CATEGORIES = ("terms of use", "product", "procedure", "glossary", "company")
FORMS = ("easy", "medium", "hard", "qa", "facts", "graph-pair", "graph-triple")
ITEMS = 160


class Written(NamedTuple):
    """One simulated arm: how high it goes, how fast, and how it is written."""

    written: tuple[str, ...]
    forms: tuple[str, ...]
    height: float
    speed: float  #: exposures to 63 % of the height
    tokens: int  #: per exposure
    variants: int | None = None
    rules: tuple[str, ...] = ()
    falls: float = 0.0  #: accuracy lost per 1,000 exposures after the top
    floor: float = 0.3  #: training loss it tends to


WRITTEN = {
    "original": Written(("original",), ("original",), 0.66, 170, 6_200, 1, falls=0.6, floor=0.01),
    "paraphrase": Written(("paraphrase",), ("easy", "medium", "hard", "qa"), 0.91, 240, 7_400),
    "facts": Written(("facts",), ("facts",), 0.945, 85, 11_800),
    "graph": Written(("graph",), ("graph-pair", "graph-triple"), 0.925, 110, 21_000),
    "paraphrase, 10": Written(("paraphrase",), ("easy", "medium", "hard", "qa"), 0.72, 220, 7_400, 10, floor=0.04),
    "paraphrase, 100": Written(("paraphrase",), ("easy", "medium", "hard", "qa"), 0.86, 240, 7_400, 100, floor=0.15),
    "facts, 10": Written(("facts",), ("facts",), 0.78, 95, 11_700, 10, floor=0.05),
    "facts, 100": Written(("facts",), ("facts",), 0.93, 90, 11_800, 100, floor=0.18),
    "facts, 100, low perplexity": Written(
        ("facts",), ("facts",), 0.94, 85, 11_000, 100, ("low perplexity 0.5 within document",), floor=0.14),
    "facts, 100, D4": Written(("facts",), ("facts",), 0.88, 100, 12_400, 100, ("d4 0.5",), floor=0.2),
}  # fmt: skip
CONTROLLED = ("facts, 100, low perplexity", "facts, 100, D4")
FEW = ("original", "paraphrase", "facts", "graph")


def _probability(arm: Written, exposures: int) -> float:
    risen = arm.height * (1 - math.exp(-exposures / arm.speed))
    return max(0.02, risen - arm.falls * max(0, exposures - 500) / 1000)


def measured(arm: Written, name: str, seeds: int) -> tuple[dict[str, list[NDArray[np.float64]]], list[Any], list[Any]]:
    """Return values, losses and tokens as the trainer and the evaluation would, with shared item difficulty."""
    rng = np.random.default_rng(sum(map(ord, name)))
    hard = np.random.default_rng(7).normal(0, 1.2, ITEMS)
    luck = rng.normal(0, 0.12, seeds)
    category = np.arange(ITEMS) % len(CATEGORIES)
    reverse = np.arange(ITEMS) % 4 == 3
    draw = rng.uniform(size=(seeds, ITEMS))
    lift = np.where((category == 1) & (arm.written == ("graph",)), 2.5, 0.0) - 0.8 * reverse
    values: dict[str, list[NDArray[np.float64]]] = {}
    losses, tokens = [], []
    for exposures in POINTS:
        p = _probability(arm, exposures)
        logit = math.log(p / (1 - p)) * 1.25
        right = (draw < 1 / (1 + np.exp(-(logit - hard + lift + luck[:, None])))).astype(float)
        forward = np.where(reverse, np.nan, right)
        found = {"accuracy": forward, "contained": forward * (draw > 0.05)}
        found["elsewhere"] = np.where(reverse, np.nan, (1 - right) * (draw > 0.93))
        found["accuracy_reverse"] = np.where(reverse, right, np.nan)
        for index, label in enumerate(CATEGORIES):
            found[f"category:{label}"] = np.where((category == index) & ~reverse, right, np.nan)
        for metric, answers in found.items():
            values.setdefault(metric, []).append(answers)
        loss = arm.floor + (2.9 - arm.floor) * math.exp(-exposures / 90)
        losses.append([math.nan if exposures == 0 else loss + 0.01 * s for s in range(seeds)])
        tokens.append([exposures * arm.tokens + 40 * exposures * s for s in range(seeds)])
    return values, losses, tokens


def results(names: tuple[str, ...] = tuple(WRITTEN), seeds: int = 3) -> dict[str, Any]:
    """Return the results.json of a run with these arms."""
    run = {name: WRITTEN[name] for name in names}
    for name in CONTROLLED:
        if name in run:
            run[f"{name}/random"] = run[name]._replace(height=0.92, rules=())
    made = {name: measured(arm, name, seeds) for name, arm in run.items()}
    pooled = curves.spreads([(POINTS, values) for values, _, _ in made.values()])
    found = sample.results(0, seeds)
    entries: dict[str, Any] = {}
    arms: dict[str, Any] = {}
    general: dict[str, Any] = {}
    for index, (name, arm) in enumerate(run.items()):
        curve = curves.curve(POINTS, *made[name], pooled)
        control = f"{name}/random" if name in CONTROLLED else None
        reference = "facts, 100" if control else None
        arms[name] = {"candidates": 400, "kept": 200 if arm.rules else 400, "dropped_by": {}, "control": control,
                      "reference": reference, "from": list(arm.written), "forms": list(arm.forms),
                      "variants": arm.variants, "rules": list(arm.rules)}  # fmt: skip
        verdict = "helped" if "perplexity" in name else "no evidence"
        gain = 0.031 if verdict == "helped" else -0.012
        entries[name] = {
            "metrics": curve[-1]["metrics"],
            "curve": curve,
            **curves.reached(curve),
            "seeds": list(range(seeds)),
            "versus_control": sample.versus(name, "a random choice", gain, 0.024, verdict) if control else None,
            "versus_reference": sample.versus(name, "facts, 100", 0.004, 0.03, "no evidence") if reference else None,
            "versus_baseline": sample.versus(name, "untrained", 0.8, 0.05, "helped"),
            "sentence": "",
        }
        lost = (-0.09, -0.03, -0.02, -0.015)[min(index, 3)]
        general[name] = {
            "metrics": {"accuracy": {"mean": 0.62 + lost, "low": 0.57 + lost, "high": 0.67 + lost,
                                     "seeds": [0.62 + lost] * seeds},
                        "bits_per_byte": {"mean": 1.21 - lost, "low": 1.1, "high": 1.4, "seeds": [1.21] * seeds}},
            "versus_control": None,
            "versus_reference": None,
            "versus_baseline": sample.versus(name, "untrained", lost, 0.035, "hurt" if lost < -0.05 else "no evidence"),
            "sentence": "",
        }  # fmt: skip
        if control:
            entries[name]["sentence"] = entries[name]["versus_control"]["sentence"]
    found |= {"primary": ["closed_book", "accuracy"], "arms": arms}
    found["evaluations"] = {
        "closed_book": {"items": ITEMS, "metric": "accuracy", "mode": "free",
                        "baseline": {"free": {"accuracy": 0.02}}, "arms": entries},
        "general": {"items": 60, "metric": "accuracy", "mode": "constrained",
                    "baseline": {"constrained": {"accuracy": 0.62, "bits_per_byte": 1.21}}, "arms": general},
    }  # fmt: skip
    found["recommendation"] = recommend(found)
    return found


TEXT = (
    "Aruden Works sells the Kelm 3, a desk lamp that came out in 2019. It weighs 1.4 kg, draws 12 watts and is made"
    " for reading rooms."
)


def knowledge(names: tuple[str, ...] = tuple(WRITTEN), seeds: int = 3) -> RunData:
    """Return a complete run on documents."""
    generate = {"rewrites": SimpleNamespace(gives=Variant)}
    run = sample.empty(name="knowledge", task=None, generate=generate)
    run.started, run.manifest, run.results = "2026-03-01T14:05:33+00:00", sample.MANIFEST, results(names, seeds)
    originals, variants = [], []
    for number in range(10):
        document = f"product-{number:02}"
        text = f"{TEXT} It is number {number}."
        groups = {"document": document, "form": "original"}
        originals.append(sample.attempt(Variant(text), groups, document))
        for place, form in enumerate(FORMS):
            for sells in ("offers", "makes", "has in its shop"):
                groups = {"document": document, "form": form}
                payload = Variant(
                    text.replace("sells", sells).replace("12 watts", "much" if place == number else "12 watts")
                )
                variants.append(sample.attempt(payload, groups, f"{document}|{form}|{sells}"))
    run.recipe.generate["original"] = SimpleNamespace(gives=Variant)
    sample.add_pool(
        run, "rewrites", variants, lambda row: "" if "12 watts" in row.text else 'fidelity: "12 watts" is missing'
    )
    sample.add_pool(run, "original", originals, lambda row: "")
    return run


def hostile() -> RunData:
    """Return a run on documents in which every name attacks the page."""
    run = knowledge(FEW)
    found = run.results
    for name, bad in zip(FEW, sample.HOSTILE, strict=False):
        found["arms"][bad] = {**found["arms"].pop(name), "from": [bad], "forms": [bad]}
        for evaluation in found["evaluations"].values():
            entry = evaluation["arms"][bad] = evaluation["arms"].pop(name)
            for point in entry.get("curve", ()):
                point["metrics"][f"category:{sample.SCRIPT}"] = point["metrics"]["accuracy"]
                point["metrics"][sample.IMAGE] = point["metrics"]["accuracy"]
    found["recommendation"] = recommend(found)
    groups = {"document": sample.IMAGE, "form": sample.SCRIPT}
    sample.add_pool(run, sample.SCRIPT, [sample.attempt(Variant(sample.BIDI), groups, "x")], lambda row: "")
    return run
