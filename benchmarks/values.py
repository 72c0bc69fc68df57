"""How well values are read: right and wrong answers and rewrites of tests/text/data, by kind and language.

python benchmarks/values.py
"""

from __future__ import annotations

import json
from collections import Counter
from collections.abc import Iterator
from pathlib import Path

from homespun.data.records import Document
from homespun.text.answers import Values, find_answer
from homespun.text.fidelity import Faithful
from homespun.text.parse import unwrapped

DATA = Path(__file__).parent.parent / "tests" / "text" / "data"


def graded(path: Path) -> Iterator[tuple[str, str, bool, bool]]:
    """Yield kind, language, whether the answer is right, and whether it counts as right."""
    for line in path.read_text(encoding="utf-8").splitlines():
        pair = json.loads(line)
        found = find_answer(pair["answer"], Values(pair["accepted"]), question=pair.get("question", ""))
        yield pair.get("kind", ""), pair.get("language", ""), pair["right"], found == "right"


def checked(path: Path) -> Iterator[tuple[str, str, bool, bool]]:
    """Yield kind, language, whether the rewrite is faithful, and whether it passes."""
    for line in path.read_text(encoding="utf-8").splitlines():
        pair = json.loads(line)
        faithful = Faithful(Document("d", pair["document"]["title"], pair["document"]["text"]), pair["language"])
        found = faithful.check(unwrapped(pair.get("rewrite") or pair["variant"]))
        yield pair.get("kind", ""), pair["language"], pair["faithful"], found.passes


def main() -> None:
    """Print, by kind and language, how many of the right and of the wrong ones are accepted."""
    for name, judged in (("answers", graded), ("rewrites", checked)):
        print(f"{name:20} right ones accepted  wrong ones accepted")
        table: Counter[tuple[str, str, bool, bool]] = Counter(judged(DATA / f"values_{name}.jsonl"))
        kinds = sorted({(kind, language) for kind, language, _, _ in table})
        groups = [(f"{kind} {language}", {(kind, language)}) for kind, language in kinds]
        groups += [(f"all {tongue}", {one for one in kinds if one[1] == tongue}) for tongue in ("en", "ja")]
        for title, group in [*groups, ("all", set(kinds))]:
            counts = {
                (true, accepted): sum(table[(*kind, true, accepted)] for kind in group)
                for true in (True, False)
                for accepted in (True, False)
            }
            totals = [(counts[true, True], counts[true, True] + counts[true, False]) for true in (True, False)]
            shares = [f"{accepted:3} of {total:3}" for accepted, total in totals]
            print(f"{title:20} {shares[0]:>20} {shares[1]:>20}")


if __name__ == "__main__":
    main()
