"""Realistic report data for tests and for looking at the page: one arm, five arms, Japanese, hostile text."""

from __future__ import annotations

import copy
import dataclasses
import math
import random
from typing import Any

from homespun.report.data import (
    ArmInfo,
    Cell,
    Counts,
    Funnel,
    ReadRow,
    ReportData,
    ScoreColumn,
    StageCost,
    UseCommand,
)

SCRIPT = "<script>alert(1)</script>"
IMAGE = '"><img src=x onerror=alert(2)>'
BIDI = "safe\u202egnirts\u202c and zero\u200bwidth \u2066isolate\u2069 \x07bell \ud800 half"
LONG_WORD = "Unbreakable" * 60
HOSTILE = (SCRIPT, IMAGE, "{{ 7 * 7 }} {% raw %} <!-- --> </style></details>", BIDI, LONG_WORD)

RECIPE = """\
name: sentiment
language: en
models:
  writer: embedded
  student: embedded
task:
  kind: classification
  description: Decide whether a movie review is positive or negative.
  fields: [review]
  labels:
    positive: the reviewer liked the film
    negative: the reviewer disliked it
generate:
  labelled: {kind: labelled, keywords: 40, rows: 400}
score:
  probability: {kind: probability}
  judge: {kind: judge, mode: blind}
arms:
  unfiltered: {}
  judge: {select: [{kind: at_least, by: judge, value: 0.5}]}
train: {kind: sft, lora: {rank: 8}, epochs: 2, seeds: [0, 1, 2]}
evaluate:
  accuracy: {kind: classification, data: data/reviews_test.jsonl, columns: {review: review, label: label}}
"""

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


def minimal(results: dict[str, Any]) -> dict[str, Any]:
    """Return results with only the documented keys."""
    short: dict[str, Any] = copy.deepcopy(results)
    keys = ("metric", "difference", "low", "high", "p", "verdict")
    for evaluation in short["evaluations"].values():
        for entry in evaluation["arms"].values():
            for versus in ("versus_control", "versus_reference"):
                if entry[versus]:
                    entry[versus] = {key: entry[versus][key] for key in keys}
            entry.pop("versus_baseline", None)
            entry.pop("sentence", None)
    return short


def results(arms: int, seeds: int = 3) -> dict[str, Any]:
    """Return a results.json with `unfiltered` and that many selecting arms with their controls."""
    rng = random.Random(7)
    entries: dict[str, Any] = {
        "unfiltered": {
            "metrics": {"accuracy": _metric(rng, 0.843, 0.03, seeds), "macro_f1": _metric(rng, 0.842, 0.031, seeds)},
            "versus_control": None,
            "versus_reference": None,
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
            "versus_control": None,
            "versus_reference": None,
        }
        arm_counts[name] = {
            "candidates": 342,
            "kept": 207,
            "dropped_by": {f"at_least {name} 0.5": 135},
            "control": f"{name}/random",
            "reference": "unfiltered",
        }
    baseline = {
        "free": {"accuracy": 0.61, "macro_f1": 0.58},
        "constrained": {"accuracy": 0.797, "macro_f1": 0.795},
    }
    return {
        "version": 1,
        "primary": ["accuracy", "accuracy"],
        "funnel": {},
        "usage": {},
        "arms": arm_counts,
        "evaluations": {"accuracy": {"items": 300, "baseline": baseline, "arms": entries}},
    }


def _losses(rng: random.Random, steps: int) -> list[float]:
    return [0.9 * math.exp(-step / 12) + 0.12 + rng.gauss(0, 0.03) for step in range(steps)]


def _arms(rng: random.Random, count: int, seeds: int) -> tuple[ArmInfo, ...]:
    settings = {"kind": "sft", "lora rank": 8, "epochs": 2, "learning rate": 2e-4, "batch": 16}
    found = []
    for name in ("unfiltered", *ARMS[:count]):
        selecting = name != "unfiltered"
        chosen = 207 if selecting else 342
        for arm, control in ((name, f"{name}/random" if selecting else None), (f"{name}/random", None)):
            if arm.endswith("/random") and not selecting:
                continue
            found.append(
                ArmInfo(
                    name=arm,
                    chosen=chosen,
                    candidates=342,
                    rules=(f"at_least {name} 0.5",) if control else (),
                    dropped_by={f"at_least {name} 0.5": 120, "no score": 15} if control else {},
                    control=control,
                    reference="unfiltered" if selecting else None,
                    settings=settings,
                    losses={seed: _losses(rng, 2 * chosen // 16) for seed in range(seeds)},
                    artifacts={"adapter, seed 0": f"models/{arm}/seed-0"},
                )
            )
    return tuple(found)


def _columns(rng: random.Random, arms: int) -> tuple[ScoreColumn, ...]:
    names = {"judge": (0.68, 0.22), "probability.lp_output": (-0.9, 0.5), "probability.pmi": (1.1, 0.9)}
    columns = []
    for name, (mean, spread) in names.items():
        values = [rng.gauss(mean, spread) for _ in range(342)]
        if name == "judge":
            values = [min(1.0, max(0.0, value)) for value in values]
        values[3] = values[50] = math.nan
        kept = {
            arm: [value > mean - 0.2 * spread + rng.gauss(0, 0.15 * spread) for value in values] for arm in ARMS[:arms]
        }
        used = tuple(arm for arm in ARMS[:arms] if arm.split()[0] in name)
        columns.append(ScoreColumn(name, values, kept, used, dict.fromkeys(used, (mean - 0.2 * spread,))))
    return tuple(columns)


def _rows(rng: random.Random, arms: int) -> tuple[ReadRow, ...]:
    rows = []
    for number in range(22):
        label = ("positive", "negative")[number % 2]
        group = ("kept", "kept", "nearest to threshold", "dropped by selection", "dropped by hygiene")[number % 5]
        rows.append(
            ReadRow(
                id=f"{rng.getrandbits(64):016x}",
                fields={"review": rng.choice(REVIEWS[label])},
                group=group,
                label=label,
                keyword=rng.choice(KEYWORDS),
                kept_by=ARMS[:arms] if group == "kept" else (),
                reason="" if group == "kept" else "at_least judge 0.5: 0.41 is below 0.5",
                scores={"judge": rng.random(), "probability.pmi": rng.gauss(1, 1)},
            )
        )
    rows.append(
        ReadRow("ja01", {"review": "音楽も演技も素晴らしく、最後まで目が離せませんでした。"}, "kept", "positive",
                "音楽", ("judge",), "", {"judge": 0.93})
    )  # fmt: skip
    rows += [
        ReadRow(
            f"bad{number}",
            {"review": text},
            "dropped by hygiene",
            "negative",
            text[:80],
            (),
            f"repeats the prompt: {text}",
            {"judge": math.nan, "probability.pmi": math.inf},
        )
        for number, text in enumerate(HOSTILE)
    ]
    rows.append(ReadRow("raw1", {"answer": "Sure! Here is a review:\n\n1.\n2.\n"}, "unparsed answer", "positive"))
    return tuple(rows)


def _stages() -> tuple[StageCost, ...]:
    return (
        StageCost("write keywords", 14.2, 40, "keywords", 1_320, 93.0),
        StageCost("generate labelled", 214.0, 400, "rows", 31_250, 146.0, resumed=True),
        StageCost("score judge", 31.4, 342, "rows", 26_110, 831.5),
        StageCost("score probability", 44.9, 342, "rows", 37_020, 824.5),
        StageCost("select", 0.2, 342, "rows"),
        StageCost("train", 188.0, 128, "steps", 71_900, 382.4),
        StageCost("evaluate", 96.0, 2_400, "items", 80_112, 834.5),
    )


MANIFEST = {
    "homespun": "0.1.0",
    "versions": {"python": "3.11.2", "torch": "2.13.0", "transformers": "5.23.0", "trl": "1.16.0"},
    "machine": {"cpu": "2 cores, x86_64", "memory": "24 GiB", "threads": 2, "gpu": None},
    "models": {
        "writer": {
            "id": "smollm2-135m-instruct",
            "hash": "sha256:8f2c1d6b9a47e3550c1f",
            "licence": "Apache-2.0",
        },
        "student": {
            "id": "smollm2-135m-instruct",
            "hash": "sha256:8f2c1d6b9a47e3550c1f",
            "licence": "Apache-2.0",
        },
    },
}

USAGE = (
    UseCommand("Label a file of new texts", "homespun predict runs/sentiment --arm judge new_reviews.jsonl"),
    UseCommand(
        "Write one merged model for transformers and vLLM",
        "homespun export runs/sentiment --arm judge --model merged --out sentiment-model",
    ),
    UseCommand("Serve it", "vllm serve ./sentiment-model"),
)


def sample(arms: int = 1, seeds: int = 3) -> ReportData:
    """Return a complete run with that many selecting arms (0 to 5)."""
    rng = random.Random(arms)
    total = Counts(400, 398, 2, 381, 17, 342, {"duplicate": 21, "copies the prompt": 11, "too short": 7})
    half = Counts(200, 199, 1, 190, 9, 171, {"duplicate": 11, "copies the prompt": 5, "too short": 3})
    rest = Counts(200, 199, 1, 191, 8, 171, {"duplicate": 10, "copies the prompt": 6, "too short": 4})
    measured = results(arms, seeds)
    entries = measured["evaluations"]["accuracy"]["arms"]
    names = ("judge", "probability.lp_output", "probability.pmi")
    rho = {a: {b: 1.0 if a == b else 0.31 - 0.2 * (len(a) % 3) for b in names} for a in names}
    return ReportData(
        name="sentiment",
        language="en",
        created="2026-03-01T14:05:33+00:00",
        task="Decide whether a movie review is positive or negative.",
        labels={"positive": "the reviewer liked the film", "negative": "the reviewer disliked it"},
        recipe_yaml=RECIPE,
        command="homespun run recipes/sentiment.yaml --out runs/sentiment",
        manifest=MANIFEST,
        results=measured,
        verdicts=[entry["sentence"] for entry in entries.values() if "sentence" in entry],
        funnels={"labelled": Funnel(total, {"positive": half, "negative": rest})},
        scores=_columns(rng, arms),
        correlations=rho,
        rows=_rows(rng, arms),
        row_totals={"kept": 207, "dropped by selection": 135, "dropped by hygiene": 39, "unparsed answer": 17},
        coverage=[
            Cell(label, keyword, 6, rng.choice((6, 6, 6, 5, 5, 4, 3, 1)))
            for keyword in KEYWORDS
            for label in ("positive", "negative")
        ],
        diversity={"distinct-2": 0.812, "self-BLEU-4": 0.214, "distinct openings": 0.63},
        warnings=["Length tells the label apart with an AUC of 0.72; above 0.70 a model may learn length."],
        stages=_stages(),
        arms=_arms(rng, arms, seeds),
        usage=USAGE,
    )


def after_generation() -> ReportData:
    """Return a run that ended after generation: no scores, no arms, no results."""
    return dataclasses.replace(
        sample(1), results=None, verdicts=(), scores=(), correlations={}, arms=(), usage=(), stages=_stages()[:2]
    )


def after_selection() -> ReportData:
    """Return a run that ended after selection: arms without training."""
    full = sample(2)
    arms = [dataclasses.replace(arm, losses={}, settings={}, artifacts={}) for arm in full.arms]
    return dataclasses.replace(full, results=None, verdicts=(), arms=arms, usage=(), stages=_stages()[:5])


def hostile() -> ReportData:
    """Return a run in which every text a model or a user writes attacks the page."""
    full = sample(1)
    renamed = dataclasses.replace(full.arms[1], rules=HOSTILE, dropped_by=dict.fromkeys(HOSTILE, 3))
    counts = full.funnels["labelled"].total
    return dataclasses.replace(
        full,
        name=IMAGE,
        task=SCRIPT + LONG_WORD,
        labels=dict.fromkeys(HOSTILE, SCRIPT),
        recipe_yaml="\n".join(HOSTILE),
        command=SCRIPT,
        manifest={IMAGE: {SCRIPT: BIDI, "list": [IMAGE, {SCRIPT: 1}]}},
        verdicts=HOSTILE,
        funnels={
            SCRIPT: Funnel(
                dataclasses.replace(counts, dropped=dict.fromkeys(HOSTILE, 3)), dict.fromkeys(HOSTILE, counts)
            )
        },
        scores=[dataclasses.replace(column, name=IMAGE + column.name) for column in full.scores],
        correlations={IMAGE: {SCRIPT: 0.1}, SCRIPT: {IMAGE: 0.1}},
        coverage=[Cell(label, keyword, 4, 2) for keyword in HOSTILE for label in HOSTILE],
        warnings=HOSTILE,
        diversity=dict.fromkeys(HOSTILE, 0.5),
        stages=[dataclasses.replace(stage, name=IMAGE, unit=SCRIPT) for stage in full.stages],
        arms=(full.arms[0], renamed, full.arms[2]),
        usage=[UseCommand(SCRIPT, IMAGE)],
    )


def japanese() -> ReportData:
    """Return a run in Japanese."""
    labels = ("肯定的", "否定的")
    words = ("音楽", "演技", "脚本", "映像", "結末", "登場人物", "テンポ", "台詞")
    return dataclasses.replace(
        sample(1),
        name="映画レビューの感情分析",
        language="ja",
        task="映画のレビューが肯定的か否定的かを判断してください。",
        labels={"肯定的": "映画を気に入った", "否定的": "映画が気に入らなかった"},
        coverage=[Cell(label, word, 5, 4) for word in words for label in labels],
        rows=[
            ReadRow("j1", {"レビュー": "映像は美しいのに、脚本が最後まで弱く、登場人物に共感できませんでした。"},
                    "kept", "否定的", "脚本", ("judge",), "", {"judge": 0.88}),
            ReadRow("j2", {"レビュー": "音楽がとても良かった。" * 12}, "dropped by hygiene", "肯定的", "音楽", (),
                    "同じ文の繰り返し"),
        ],
    )  # fmt: skip
