"""What the checks against an evaluation set find, per kind of copy, and what they call a copy that is none.

Evaluation texts are one half of a set of real texts; copies of them are made by rule, paraphrases are those
that people or a model wrote. Clean rows are the other half. Prints Markdown; docs/contamination.md holds it.
The data are those described in the README of the folder given; nothing of them comes with the package.

    python benchmarks/contamination.py --data DIR          # half a minute on one core
    python benchmarks/contamination.py --data DIR --show 5 # and clean rows that were flagged
"""

from __future__ import annotations

import argparse
import json
import random
from collections import Counter
from collections.abc import Callable, Iterable, Sequence
from pathlib import Path
from typing import NamedTuple

from homespun.near.overlap import OverlapIndex, Reference
from homespun.stats.descriptive import wilson
from homespun.text.normalise import comparable
from homespun.text.words import words

CHECKS = ("copy", "same words", "n-gram", "contained", "rouge-l")


class Texts(NamedTuple):
    """A set of texts: one half stands for the evaluation, the other for clean rows."""

    name: str
    language: str
    held: list[str]
    clean: list[str]


def read(path: Path) -> list[dict]:
    """Read JSON Lines."""
    return [json.loads(line) for line in path.read_text("utf-8").splitlines() if line.strip()]


def split(name: str, language: str, texts: Iterable[str]) -> Texts:
    """Return the two halves of a set; a text that differs from another in signs alone is left out."""
    unique = list({"".join(filter(str.isalnum, comparable(text))): text for text in texts}.values())
    return Texts(name, language, unique[: len(unique) // 2], unique[len(unique) // 2 :])


def sets(data: Path) -> list[Texts]:
    """Return the sets to copy from. Halves of SQuAD have no article in common."""
    squad = read(data / "knowledge_en/squad_200.jsonl")
    titles = sorted({one["title"] for one in squad})
    first = set(titles[: len(titles) // 2])
    halves = [[one for one in squad if (one["title"] in first) is side] for side in (True, False)]
    questions = [[q["question"] for one in half for q in one["questions"]] for half in halves]
    passages = [[one["passage"] for one in half] for half in halves]
    return [
        split("film reviews", "en", [r["text"] for r in read(data / "sentiment_en/movie_reviews.jsonl")]),
        Texts("questions", "en", *questions),
        Texts("passages", "en", *passages),
        split("instructions", "en", [r["instruction"] for r in read(data / "instructions_en/seed_tasks.jsonl")]),
        split("captions", "ja", [r["premise"] for r in read(data / "nli_ja/jnli_valid.jsonl")]),
        split("questions", "ja", [r["turns"][0] for r in read(data / "instructions_ja/mt_bench_ja.jsonl")]),
    ]


def joined(parts: Sequence[str], language: str) -> str:
    """Return words as a text."""
    return ("" if language == "ja" else " ").join(parts)


def dressed(rng: random.Random, text: str, texts: Texts) -> str:
    """Change case or width, and signs, and no word."""
    if texts.language == "ja":
        wide = {ord(c): chr(ord(c) + 0xFEE0) for c in "abcdefghijklmnopqrstuvwxyz0123456789"}
        return text.translate(wide).replace("。", "！").replace("、", " ") + "？"
    signs = str.maketrans(dict.fromkeys(",;:.!?\"'()", " "))
    return " -- ".join(text.upper().translate(signs).split("  ")) + " !"


def halves(rng: random.Random, text: str, texts: Texts) -> str:
    """Exchange the two halves of a text."""
    found = words(text, texts.language)
    return joined([*found[len(found) // 2 :], *found[: len(found) // 2]], texts.language)


def shuffled(rng: random.Random, text: str, texts: Texts) -> str:
    """Put the words in any order."""
    found = words(text, texts.language)
    return joined(rng.sample(found, len(found)), texts.language)


def edited(share: float) -> Callable[[random.Random, str, Texts], str]:
    """Return a way to replace this share of the words, one at least, by words of other texts."""

    def edit(rng: random.Random, text: str, texts: Texts) -> str:
        found = words(text, texts.language)
        for place in rng.sample(range(len(found)), max(1, round(share * len(found)))):
            found[place] = rng.choice(words(rng.choice(texts.clean), texts.language) or [""])
        return joined(found, texts.language)

    return edit


def inside(rng: random.Random, text: str, texts: Texts) -> str:
    """Put a text between two clean ones."""
    before, after = rng.choice(texts.clean), rng.choice(texts.clean)
    return f"{before} {text} {after}"


KINDS: dict[str, Callable[[random.Random, str, Texts], str]] = {
    "verbatim": lambda rng, text, texts: text,
    "case, width, punctuation": dressed,
    "inside a longer text": inside,
    "two halves exchanged": halves,
    "all words shuffled": shuffled,
    "one word in ten replaced": edited(0.1),
    "one word in four replaced": edited(0.25),
}


def paraphrases(data: Path) -> list[tuple[str, str, list[tuple[str, str]]]]:
    """Return real paraphrases: name, language, pairs of evaluation text and row."""
    restaurants = [r["references"] for r in read(data / "e2e_nlg/dev.jsonl")]
    captions = [r for r in read(data / "nli_ja/jnli_valid.jsonl") if r["label"] == "entailment"]
    passages = {r["id"]: r["passage"] for r in read(data / "knowledge_en/squad_200.jsonl")}
    variants = read(data / "knowledge_en/model_written_variants.jsonl")
    return [
        ("two people describe one restaurant", "en", [(texts[0], texts[1]) for texts in restaurants]),
        ("a model restates a passage", "en", [(passages[r["passage_id"]], r["text"]) for r in variants]),
        ("two people caption one picture", "ja", [(r["premise"], r["hypothesis"]) for r in captions]),
    ]


def index_of(texts: Sequence[str], language: str) -> OverlapIndex:
    """Return the index of evaluation texts, named by their place."""
    return OverlapIndex((Reference(str(place), text) for place, text in enumerate(texts)), language)


def found(index: OverlapIndex, text: str, place: int | None = None) -> set[str]:
    """Return the checks that match, with `any` where one does; `place`: only matches with that item count."""
    checks = {match.check for match in index.matches(text) if place is None or match.item == str(place)}
    return checks | {"any"} if checks else checks


def line(name: str, hits: Counter[str], count: int) -> str:
    """Return a line of a table: shares in percent, and Wilson's interval of `any`."""
    low, high = wilson(hits["any"], count)
    shares = " | ".join(f"{100 * hits[check] / count:.1f}" for check in CHECKS)
    return (
        f"| {name} | {count} | **{100 * hits['any'] / count:.1f}** ({100 * low:.1f} to {100 * high:.1f}) | {shares} |"
    )


def head(first: str, measure: str) -> str:
    """Return the head of a table."""
    return f"\n| {first} | texts | {measure} | {' | '.join(CHECKS)} |\n|---|{'---|' * (len(CHECKS) + 2)}"


def main() -> None:
    """Print the tables."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--data", type=Path, required=True, help="folder of the real texts")
    parser.add_argument("--show", type=int, default=0, help="print so many clean rows that were flagged, per set")
    arguments = parser.parse_args()
    every = sets(arguments.data)
    indexes = [index_of(texts.held, texts.language) for texts in every]

    for language in ("en", "ja"):
        print(f"\nLanguage: {language}")
        print(head("kind of copy", "found, % (95 %)"))
        for kind, make in KINDS.items():
            rng, hits, count = random.Random(0), Counter[str](), 0
            for texts, index in zip(every, indexes, strict=True):
                if texts.language == language:
                    for text in texts.held:
                        hits.update(found(index, make(rng, text, texts)))
                        count += 1
            print(line(kind, hits, count))

    print(head("paraphrases", "found, % (95 %)"))
    for name, language, pairs in paraphrases(arguments.data):
        originals = list(dict.fromkeys(text for text, _ in pairs))
        index, place = index_of(originals, language), {text: place for place, text in enumerate(originals)}
        hits = Counter[str]()
        for original, row in pairs:
            hits.update(found(index, row, place[original]))
        print(line(f"{name} ({language})", hits, len(pairs)))

    print(head("clean rows", "flagged, % (95 %)"))
    for texts, index in zip(every, indexes, strict=True):
        hits, shown = Counter[str](), []
        for text in texts.clean:
            checks = found(index, text)
            hits.update(checks)
            if checks:
                shown.append((text, index.first(text)))
        print(line(f"{texts.name} ({texts.language})", hits, len(texts.clean)))
        for text, match in shown[: arguments.show]:
            print(f"    {text[:200]!r}\n      {match.reason if match else ''}")
            if match:
                print(f"      {texts.held[int(match.item)][:200]!r}")


if __name__ == "__main__":
    main()
