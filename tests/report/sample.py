"""Runs as they are read back, for tests and for looking at the page: one arm, five arms, Japanese, hostile text."""

from __future__ import annotations

import json
import math
import random
from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path
from types import SimpleNamespace
from typing import Any

from typer.testing import CliRunner

from homespun import commands
from homespun.data.records import Attempt, Labelled, Lineage, Payload, Row, Scores, Verdict
from homespun.generate.base import Funnel, Piece
from homespun.run.readback import RunData
from homespun.select.rules.threshold import AtLeast

SCRIPT = "<script>alert(1)</script>"
IMAGE = '"><img src=x onerror=alert(2)>'
BIDI = "safe\u202egnirts\u202c and zero\u200bwidth \u2066isolate\u2069 \x07bell \ud800 half"
LONG_WORD = "Unbreakable" * 60
HOSTILE = (SCRIPT, IMAGE, "{{ 7 * 7 }} {% raw %} <!-- --> </style></details>", BIDI, LONG_WORD)

KEYWORDS = (
    "acting", "plot", "soundtrack", "ending", "dialogue", "pacing", "costumes", "humour", "villain",
    "special effects", "romance", "script", "cinematography", "director", "sequel", "opening scene",
    "family film", "suspense", "chemistry", "documentary", "editing", "twist", "child actors", "budget",
    "dubbing", "animation", "runtime", "stunts", "camera work", "cameo", "atmosphere", "remake",
)  # fmt: skip
REVIEWS = {
    "positive": (
        "The acting is warm and never showy, and by the last scene I had forgotten I was in a cinema.",
        "A small film with a big heart; I laughed twice and cried once.",
        "The soundtrack lifts every scene, and the pacing never drags for a moment.",
        "I went in expecting nothing and left humming the theme. Go and see it.",
    ),
    "negative": (
        "The plot falls apart after twenty minutes and nobody seems to notice.",
        "Two hours of dialogue that no person has ever spoken. I kept looking at my watch.",
        "The special effects are loud, the story is thin, and the ending simply stops.",
        "It is not that the film is bad, it is that it never begins.",
    ),
}
VERDICTS = ("helped", "no evidence", "hurt", "helped", "no evidence")
ARMS = ("judge", "probability", "agreement", "judge and probability", "short reviews only")
SCORES = {"judge.score": 0.2, "probability.lp_output": 0.5, "probability.pmi": 0.9}  #: column -> its spread
CUT = 0.3
STAGES = {
    "pool/labelled": {"seconds": 214.0, "units": 400, "tokens": 31_250},
    "scores/judge": {"seconds": 31.4, "units": 342, "tokens": 26_110},
    "models/judge/seed-0": {"seconds": 188.0, "units": 128, "unit": "steps", "tokens": 71_900},
    "results/judge/seed-0/accuracy": {"seconds": 96.0, "units": 2_400, "unit": "items"},
}  # fmt: skip
MANIFEST = {
    "name": "sentiment",
    "versions": {"python": "3.11.2", "torch": "2.13.0", "transformers": "5.23.0", "trl": "1.16.0"},
    "machine": {"cpu": "2 cores, x86_64", "memory": "24 GiB", "threads": 2, "gpu": None},
    "models": {
        "writer": {"id": "smollm2-135m-instruct", "hash": "sha256:8f2c1d6b9a47e3550c1f", "licence": "Apache-2.0"}
    },
    "resumed": ["pool/labelled"],
}
SETTINGS = {"kind": "sft", "lora rank": 8, "epochs": 2, "learning rate": 2e-4, "batch": 16}


def _metric(rng: random.Random, mean: float, half: float, seeds: int) -> dict[str, Any]:
    draws = [round(mean + rng.gauss(0, half / 3), 4) for _ in range(seeds)]
    middle = sum(draws) / len(draws)
    return {"mean": middle, "low": middle - half, "high": middle + half, "seeds": draws}


def versus(arm: str, other: str, difference: float, half: float, verdict: str) -> dict[str, Any]:
    p = 0.004 if verdict != "no evidence" else 0.31
    ends = f"{100 * (difference - half):+.1f} to {100 * (difference + half):+.1f}"
    said = f"no evidence about {arm}" if verdict == "no evidence" else f"{arm} {verdict}"
    more = " To see a difference of this size it would take about 2,200 items; there are 300."
    return {
        "metric": "accuracy",
        "difference": difference,
        "low": difference - half,
        "high": difference + half,
        "p": p,
        "p_holm": min(1.0, 2 * p),
        "verdict": verdict,
        "against": other,
        "mcnemar": [{"seed": 0, "b": 31, "c": 18, "p": 0.085}],
        "items_needed": 2140 if verdict == "no evidence" else None,
        "sentence": f"{said}: {100 * difference:+.1f} points of accuracy over {other} (95 % interval {ends}, p = {p})."
        + (more if verdict == "no evidence" else ""),
    }


ALONE = {
    "versus_control": None,
    "versus_reference": None,
    "versus_baseline": versus("it", "untrained", 0.05, 0.03, "helped"),
    "sentence": "",
}


def results(arms: int, seeds: int = 3) -> dict[str, Any]:
    """Return a results.json with `unfiltered` and that many selecting arms with their controls."""
    rng = random.Random(7)
    entries: dict[str, Any] = {
        "unfiltered": {
            "metrics": {"accuracy": _metric(rng, 0.843, 0.03, seeds), "macro_f1": _metric(rng, 0.842, 0.031, seeds)},
            **ALONE,
        }
    }  # fmt: skip
    arm_counts: dict[str, Any] = {
        "unfiltered": {"candidates": 342, "kept": 342, "dropped_by": {}, "control": None, "reference": None}
    }
    for name, verdict in zip(ARMS[:arms], VERDICTS, strict=False):
        gain = {"helped": 0.044, "hurt": -0.036, "no evidence": 0.009}[verdict]
        entries[name] = {
            "metrics": {
                "accuracy": _metric(rng, 0.846 + gain, 0.024, seeds),
                "macro_f1": _metric(rng, 0.844 + gain, 0.025, seeds),
            },
            "versus_control": versus(name, "a random choice of as many rows", gain, 0.026, verdict),
            "versus_reference": versus(name, "unfiltered", gain + 0.004, 0.03, verdict),
            "versus_baseline": versus(name, "untrained", gain + 0.05, 0.03, "helped"),
        }
        entries[name]["sentence"] = entries[name]["versus_control"]["sentence"]
        entries[f"{name}/random"] = {
            "metrics": {
                "accuracy": _metric(rng, 0.846, 0.029, seeds),
                "macro_f1": _metric(rng, 0.844, 0.03, seeds),
            },
            **ALONE,
        }
        arm_counts[name] = {
            "candidates": 342,
            "kept": 207,
            "dropped_by": {f"at_least {name} 0.5": 135},
            "control": f"{name}/random",
            "reference": "unfiltered",
        }
        arm_counts[f"{name}/random"] = arm_counts[name] | {"dropped_by": {}, "control": None, "reference": None}
    baseline = {
        "free": {"accuracy": 0.61, "macro_f1": 0.58},
        "constrained": {"accuracy": 0.797, "macro_f1": 0.795},
    }
    return {
        "version": 1,
        "primary": ["accuracy", "accuracy"],
        "usage": {"stages": STAGES},
        "arms": arm_counts,
        "evaluations": {"accuracy": {"items": 300, "baseline": baseline, "arms": entries}},
    }


def recipe(name: str = "sentiment", language: str = "en", **changed: Any) -> Any:
    """Return what the page asks of a recipe."""
    labels = {"positive": "the reviewer liked the film", "negative": "the reviewer disliked it"}
    task = SimpleNamespace(description="Decide whether a movie review is positive or negative.", labels=labels)
    generate = {"labelled": SimpleNamespace(gives=Labelled)}
    found = {"task": task, "generate": generate, "arms": {}, "seed": 0, **changed}
    return SimpleNamespace(name=name, language=language, **found)


def empty(**changed: Any) -> RunData:
    """Return a run of which nothing is there but the recipe."""
    return RunData(recipe(**changed), Path("runs/sentiment"))


def attempt(payload: Payload | None, groups: dict[str, str], key: str, language: str = "en", raw: str = "") -> Attempt:
    """Return an answer: a row, or without a payload an answer in which there is none."""
    row = payload and Row.make(payload, language=language, groups=groups, lineage=Lineage("g", key))
    status = "parsed" if row else "unparsed" if raw else "failed"
    return Attempt(key, status, raw, "" if row else "no text", groups, row or None)


def add_pool(run: RunData, name: str, attempts: Sequence[Attempt], drop: Any) -> None:
    """Add what a generator wrote; `drop` returns why a row fails the checks, `rule: reason`, or nothing."""
    checks = []
    for one in attempts:
        if one.row is not None:
            rule, _, reason = drop(one.row).partition(": ")
            checks.append(Verdict(one.row.id, not rule, rule or "hygiene", reason=reason))
    run.attempts[name], run.checks[name] = list(attempts), checks
    run.counts[name] = Funnel.of([Piece(attempts, checks)]).counts()


def select(run: RunData, arm: str, by: str, values: Sequence[float]) -> None:
    """Add an arm that keeps the rows with at least `CUT`, and its verdicts."""
    rule = AtLeast(by=by, value=CUT)
    run.recipe.arms[arm] = SimpleNamespace(select=(rule,))
    for key, value in zip(run.scored, values, strict=True):
        keep = value >= CUT
        said = f"{by} {value:.2f} is {'at or above' if keep else 'below'} {CUT}"
        run.verdicts.setdefault(arm, {})[key] = Verdict(key, keep, str(rule), value, CUT, said)


def sample(arms: int = 1, seeds: int = 3, texts: Any = None, **changed: Any) -> RunData:
    """Return a complete run with that many selecting arms (0 to 5); `texts`: label -> texts of its rows."""
    rng = random.Random(arms)
    run = empty(**changed)
    run.started, run.recipe_yaml, run.manifest = "2026-03-01T14:05:33+00:00", "name: sentiment\n", MANIFEST
    run.results = results(arms, seeds)
    labels, texts = list(run.recipe.task.labels), texts or REVIEWS
    cells = [(label, word) for word in KEYWORDS for label in labels for _ in range(6)]
    attempts = []
    for number, (label, word) in enumerate(cells):
        text = f"{rng.choice(texts[label])} {number}"
        payload = None if number % 40 in (0, 20) else Labelled({"review": text}, label)
        raw = "Sure! Here is a review:\n\n1.\n2.\n" if number % 40 else ""
        groups = {"label": label, "keyword": word}
        attempts.append(attempt(payload, groups, str(number), run.recipe.language, raw))
    add_pool(run, "labelled", attempts, lambda row: "hygiene: too short: it has 3" if row.text.endswith("7") else "")
    ids = [row.id for row in run.accepted()]
    for name, spread in SCORES.items():
        scorer, _, column = name.partition(".")
        values = [math.nan if place in (3, 50) else rng.gauss(0.5, spread) for place in range(len(ids))]
        of = {scores.name: scores for scores in run.scores}
        columns = {**(of[scorer].columns if scorer in of else {}), column: values}
        of[scorer] = Scores(scorer, column, ids, columns)
        run.scores = list(of.values())
    run.recipe.arms["unfiltered"] = SimpleNamespace(select=())
    for arm in ARMS[:arms]:
        select(run, arm, "judge", run.numbers["judge.score"])
    for arm, entry in run.arms.items():
        losses = [[0.9 * math.exp(-step / 12) + 0.12 for step in range(entry["kept"] // 8)] for _ in range(seeds)]
        cards = [{"seed": seed, "losses": curve, "settings": SETTINGS} for seed, curve in enumerate(losses)]
        run.cards[arm] = dict(enumerate(cards))
        run.files[arm] = {"adapter, seed 0": f"models/{arm}/seed-0"}
    return run


def after_generation() -> RunData:
    """Return a run that ended after generation: no scores, no arms, no results."""
    return replace(sample(1), results={}, scores=[], verdicts={}, cards={}, files={})


def after_selection() -> RunData:
    """Return a run that ended after selection: arms without training."""
    full = sample(2)
    return replace(full, results={**full.results, "evaluations": {}}, cards={}, files={})


def hostile() -> RunData:
    """Return a run in which every text a model or a user writes attacks the page."""
    labels = dict.fromkeys(HOSTILE, SCRIPT)
    described = SimpleNamespace(description=SCRIPT + LONG_WORD, labels=labels)
    full = sample(1, texts=dict.fromkeys(HOSTILE, HOSTILE), name=IMAGE, task=described)
    full.recipe_yaml, full.root = "\n".join(HOSTILE), Path(SCRIPT)
    full.manifest = {IMAGE: {SCRIPT: BIDI, "list": [IMAGE, {SCRIPT: 1}]}}
    attempts = [
        attempt(Labelled({SCRIPT: text, "b": text}, text), {"label": text, "keyword": text[:80]}, text)
        for text in HOSTILE
    ]
    add_pool(
        full, SCRIPT, [*attempts, attempt(None, {"label": IMAGE}, "raw", raw=BIDI)], lambda row: f"{IMAGE}: {row.text}"
    )
    full.scores = [replace(scores, name=IMAGE + scores.name) for scores in full.scores]
    full.__dict__.pop("numbers", None)
    results = full.results
    results["arms"]["judge"] |= {"rules": HOSTILE, "dropped_by": dict.fromkeys(HOSTILE, 3)}
    results["usage"] = {"stages": {f"pool/{IMAGE}": {"seconds": 1, "units": 2, "unit": SCRIPT}}, "damaged": SCRIPT}
    results["evaluations"]["accuracy"]["arms"]["judge"]["sentence"] = BIDI
    for bad in HOSTILE:
        results["arms"][bad] = results["arms"]["unfiltered"]
        results["evaluations"]["accuracy"]["arms"][bad] = results["evaluations"]["accuracy"]["arms"]["unfiltered"]
        full.cards[bad] = {0: {"seed": 0, "losses": [1.0], "settings": {IMAGE: SCRIPT}}}
        full.files[bad] = {SCRIPT: IMAGE}
    return full


def japanese() -> RunData:
    """Return a run in Japanese."""
    labels = {"肯定的": "映画を気に入った", "否定的": "映画が気に入らなかった"}
    texts = {
        "肯定的": ["音楽も演技も素晴らしく、最後まで目が離せませんでした。"],
        "否定的": ["映像は美しいのに、脚本が最後まで弱く、登場人物に共感できませんでした。"],
    }
    described = SimpleNamespace(description="映画のレビューが肯定的か否定的かを判断してください。", labels=labels)
    return sample(1, texts=texts, name="映画レビューの感情分析", language="ja", task=described)


def selection(folder: Path, *options: str) -> str:
    """Return the page about a selection of hostile rows with bad records among them, as the command writes it."""
    texts = [f"{text} more {number % 7} times" for number, text in enumerate([*HOSTILE[:3], "long " * 400] * 5)]
    records = [json.dumps({"text": text, "q": n, "r": -n}) for n, text in enumerate(texts)]
    (folder / "rows.jsonl").write_text("\n".join([*records, "broken"]) + "\n")
    words = ["select", str(folder / "rows.jsonl"), *options, "--report", str(folder / "new/page.html")]
    assert CliRunner().invoke(commands.app, words).exit_code in (0, 2)
    return (folder / "new/page.html").read_text(encoding="utf-8")
