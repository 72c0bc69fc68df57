"""How often the recommendation claims a difference between strategies that do not differ, and finds one that do.

    python benchmarks/recommendation.py [--runs 500]

Each run simulates three strategies that train three seeds on the same questions, of different difficulty: the answer
to a question flips once on its way up, and seeds differ by luck. In the first table all three are the same; in the
second, one needs half the exposures of the others. Prints the share of runs with any claim "beyond the intervals"
about exposures, and about accuracy at the end with and without the answers item by item. The third table has more
strategies, three seeds: how often one is called sooner where all are the same, and how often another than the best is
the soonest, and the recommended one, where one ends three points higher, or needs two fifths fewer exposures.
"""

from __future__ import annotations

import argparse
import math
from typing import Any

import numpy as np

from homespun.evaluate import curves
from homespun.evaluate.recommend import recommend

POINTS = (0, 10, 20, 30, 40, 60, 80, 100, 140, 200)
NAMES = ("paraphrase", "facts", "graph")


def simulate(rng: np.random.Generator, speeds: dict[str, float], tops: dict[str, float], items: int, seeds: int) -> Any:
    """Return results.json, as far as the recommendation reads it, and the answers at the end."""
    hard = rng.normal(0, 1.2, items)
    values, answers = {}, {}
    for name in speeds:
        luck, draw = rng.normal(0, 0.25, (seeds, 1)), rng.uniform(size=(seeds, items))
        taste = rng.normal(0, 0.5, items)  # some questions suit one strategy better than another
        found = []
        for exposures in POINTS:
            p = max(0.01, tops[name] * (1 - math.exp(-exposures / speeds[name])))
            chance = 1 / (1 + np.exp(-(math.log(p / (1 - p)) * 1.3 - hard + taste + luck)))
            found.append((draw < chance).astype(float))
        values[name], answers[name] = found, found[-1]
    spread = curves.spreads([(POINTS, {"accuracy": found}) for found in values.values()])
    made = {
        name: curves.curve(POINTS, {"accuracy": found}, [[1.0]] * len(POINTS), [[n * 100] for n in POINTS], spread)
        for name, found in values.items()
    }
    results = {
        "primary": ["closed_book", "accuracy"],
        "arms": {name: {"from": [name], "forms": [name]} for name in speeds},
        "evaluations": {
            "closed_book": {
                "metric": "accuracy",
                "baseline": {},
                "arms": {name: {"curve": line, **curves.reached(line)} for name, line in made.items()},
            }
        },
    }
    return results, answers


def rates(speeds: dict[str, float], tops: dict[str, float], items: int, seeds: int, runs: int) -> tuple[float, ...]:
    """Return the shares of runs that claim: sooner, higher at the end, the same with answers item by item."""
    counts = np.zeros(3)
    for run in range(runs):
        results, answers = simulate(np.random.default_rng([items, seeds, run]), speeds, tops, items, seeds)
        alone, paired = recommend(results), recommend(results, answers=answers)
        assert alone is not None and paired is not None
        claims = (alone["choice"]["sooner_than"], alone["choice"]["higher_than"], paired["choice"]["higher_than"])
        counts += [bool(claim) for claim in claims]
    return tuple(counts / runs)


def missed(count: int, speed: float, top: float, items: int, runs: int) -> tuple[float, float, float]:
    """Return the shares of runs in which another than the first is soonest, is recommended, and that claim sooner."""
    names = [f"s{number}" for number in range(count)]
    counts = np.zeros(3)
    for run in range(runs):
        rng = np.random.default_rng([items, count, run])
        order = [str(name) for name in rng.permutation(names)]
        speeds, tops = dict.fromkeys(order, 40.0) | {"s0": speed}, dict.fromkeys(order, 0.9) | {"s0": top}
        results, answers = simulate(rng, speeds, tops, items, seeds=3)
        found = recommend(results, answers=answers)
        assert found is not None
        choice = found["choice"]
        counts += [found["strategies"][0]["arm"] != "s0", choice["arm"] != "s0", bool(choice["sooner_than"])]
    return float(counts[0] / runs), float(counts[1] / runs), float(counts[2] / runs)


def main() -> None:
    """Print the tables."""
    parser = argparse.ArgumentParser()
    parser.add_argument("--runs", type=int, default=500)
    runs = parser.parse_args().runs
    same, fast = dict.fromkeys(NAMES, 40.0), {"paraphrase": 60.0, "facts": 30.0, "graph": 60.0}
    level, higher = dict.fromkeys(NAMES, 0.9), {"paraphrase": 0.8, "facts": 0.92, "graph": 0.8}
    for title, speeds, tops in (("no difference", same, level), ("facts twice as fast, and higher", fast, higher)):
        print(f"{title}\nquestions  seeds  sooner  higher  higher, item by item")
        for items in (80, 400):
            for seeds in (1, 3, 5):
                sooner, above, paired = rates(speeds, tops, items, seeds, runs)
                print(f"{items:9}  {seeds:5}  {sooner:6.1%}  {above:6.1%}  {paired:6.1%}")
    print(
        "sooner where all are the same; another than the best is soonest, and is taken, where it is higher and faster"
    )
    print("strategies  questions  sooner  soonest   taken  soonest   taken")
    for count in (2, 4, 7):
        for items in (80, 400):
            falsely = missed(count, 40.0, 0.9, items, runs)[2]
            shares = *missed(count, 40.0, 0.93, items, runs)[:2], *missed(count, 24.0, 0.9, items, runs)[:2]
            print(f"{count:10}  {items:9}  {falsely:6.1%}  " + "  ".join(f"{share:7.1%}" for share in shares))


if __name__ == "__main__":
    main()
