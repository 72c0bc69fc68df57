"""What a writer's variants are worth: accept rate and share of values kept, by form, on documents of the corpus.

Nothing is asked again, so the rates are those of single answers. Prints Markdown as each strategy ends;
docs/variants.md holds it.

    python benchmarks/rewriting.py                                     # the embedded model, English
    python benchmarks/rewriting.py --model FOLDER --language ja --strategies facts paraphrase
    python benchmarks/rewriting.py --show 2                            # and the first answers of every form
"""

from __future__ import annotations

import argparse
import time
from collections import Counter, defaultdict
from pathlib import Path
from tempfile import TemporaryDirectory

from homespun.data.records import Document, Fact, Record
from homespun.data.store import Store
from homespun.engine.context import Context, Models
from homespun.engine.progress import Lines
from homespun.errors import DegenerateError
from homespun.generate.base import Piece
from homespun.generate.facts import Facts
from homespun.generate.graph import Graph
from homespun.generate.paraphrase import Paraphrase
from homespun.generate.spa import Spa
from homespun.generate.writing import WrittenVariants
from homespun.models.load import load_model
from homespun.sources.corpus.builder import build
from homespun.task import ModelSpec


def strategies(tokens: int) -> dict[str, WrittenVariants]:
    """Return what is measured; a small model runs on, so its answers are bounded."""
    most = {"retries": 0, "max_tokens": tokens}
    return {
        "paraphrase": Paraphrase(variants=4, **most),
        "facts": Facts(variants=2, facts=(2, 3), **most),
        "graph": Graph(variants=2, **most),
        "extract": Facts(variants=2, facts=(2, 3), extract=True, **most),
        "spa": Spa(**most),
    }


def documents(language: str, count: int) -> list[Document]:
    """Return the first documents of the corpus."""
    found = build(language, count).documents
    return [
        Document(
            one["id"],
            one["title"],
            one["text"],
            one["category"],
            tuple(Fact(f["subject"], f["attribute"], f["value"], f["sentence"]) for f in one["facts"]),
        )
        for one in found
    ]


def table(pieces: list[Piece], show: int) -> None:
    """Print one line per form."""
    forms = defaultdict(list)
    for piece in pieces:
        verdicts = iter(piece.verdicts)
        for attempt in piece.attempts:
            forms[attempt.groups["form"]].append((attempt, next(verdicts) if attempt.row else None))
    for form, found in forms.items():
        kept = sum(verdict is not None and verdict.keep for _, verdict in found)
        scores = [verdict.score for _, verdict in found if verdict is not None]
        share = f"{sum(scores) / len(scores):.0%}" if scores else ""
        why = Counter(
            verdict.rule.removeprefix("fidelity: ") if verdict else attempt.problem
            for attempt, verdict in found
            if not (verdict and verdict.keep)
        )
        told = ", ".join(f"{count} {reason}" for reason, count in why.most_common(3))
        print(f"| `{form}` | {kept} of {len(found)} | {share} | {told} |", flush=True)
        for attempt, verdict in found[:show]:
            print(f"\n    {verdict.reason if verdict else attempt.problem}: {attempt.raw!r}\n", flush=True)


def main() -> None:
    """Measure."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--model", default="embedded")
    parser.add_argument("--language", default="en")
    parser.add_argument("--documents", type=int, default=5)
    parser.add_argument("--tokens", type=int, default=200)
    parser.add_argument("--strategies", nargs="+", default=["paraphrase", "facts", "graph"], choices=strategies(200))
    parser.add_argument("--show", type=int, default=0)
    asked = parser.parse_args()
    found = documents(asked.language, asked.documents)
    spec = ModelSpec(id=asked.model)
    model = load_model(spec)
    for name in asked.strategies:
        ctx = Context(
            None,
            asked.language,
            0,
            Models({"writer": spec}, lambda _: model),
            Lines(),
            sources={"documents": lambda: (Record(one.id, one) for one in found)},
        )
        started = time.monotonic()
        with TemporaryDirectory() as folder, Store.open(Path(folder) / "run") as store:
            try:
                pieces = list(strategies(asked.tokens)[name](name, ctx, store.work("pool/measured", "measured")))
            except DegenerateError as error:
                print(f"\n{name}: {error}", flush=True)
                continue
        print(f"\n{name}, {model.id}, {asked.language}, {time.monotonic() - started:.0f} s\n", flush=True)
        table(pieces, asked.show)


if __name__ == "__main__":
    main()
