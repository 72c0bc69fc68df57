"""Nothing of an evaluation gets into the rows: what a run holds out, and which rows were found to repeat it.

Every row that a run trains on is checked, whoever made it: a generator checks its own rows or has them
checked here, and a file of real rows is checked before anything is asked of a model. A row that repeats an
evaluation text is dropped with a verdict and listed. Of a row that retells another text only the questions that it asks
are checked: what else it says is that text's, and may well have the words of a question about it. How a repetition is
recognised is near/overlap.py's.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING

from homespun.data.records import JSONDict, Row, Verdict, content_hash
from homespun.data.store import Store, file_hash
from homespun.data.tables import rows_from_file, verdicts_from, verdicts_table
from homespun.errors import DataError
from homespun.evaluate.base import Item
from homespun.generate.base import Piece
from homespun.run.job import Job
from homespun.text.sentences import questions

if TYPE_CHECKING:  # near/ loads numpy, which a run without evaluations does not need
    from homespun.near.overlap import Overlap, Reference
    from homespun.recipe.recipe import Recipe

CONTAMINATION = "contamination"  #: the rule that verdicts name; hygiene names it with its own name before
NAMED = 0.5  #: share of n-grams that two questions may have in common: the names of what both ask about
LISTED = 100  #: dropped rows that are kept for reading, of each source
Files = dict[str, tuple[list[Row], str]]  #: file -> its rows, and a hash of what they depend on
_SHOWN = 300  #: characters of a listed row


def references(recipe: Recipe, items: Mapping[str, Sequence[Item]]) -> list[Reference]:
    """Return every text of the evaluations that no row may repeat."""
    if not any(items.values()):
        return []
    from homespun.near.overlap import Reference

    found = []
    for name, group in items.items():
        evaluation = recipe.evaluate[name]
        for item in group:
            found += [Reference(f"{name}/{item.id}", text, answer=answer) for text, answer in evaluation.texts(item)]
    return found


def repeats_evaluation(verdict: Verdict) -> bool:
    """Say whether a row was dropped for repeating an evaluation text."""
    return not verdict.keep and verdict.rule.rpartition(": ")[2] == CONTAMINATION


class Guard:
    """Checks rows as they come, and remembers what it found.

    Raises:
        DataError: there are evaluation texts, and none of them can be compared with anything.
    """

    def __init__(self, against: Sequence[Reference], language: str) -> None:
        self.index = None
        self.language = language
        self.checked = self.dropped = 0
        self.listed: list[JSONDict] = []
        self.asked: dict[str, Overlap | None] = {}
        if not against:
            return
        from homespun.near.overlap import OverlapIndex

        self.index = OverlapIndex(against, language, short_queries=True)
        if not self.index.compared:
            raise DataError(
                f"rows cannot be checked against the evaluations: of their {len(against)} texts"
                f" {self.index.too_short} are empty or too short and {self.index.templates} are shared by more than"
                f" {self.index.common} items; mend the evaluation files, or leave `evaluate` out"
            )

    def verdict(self, row: Row) -> Verdict | None:
        """Return the verdict on a row that repeats an evaluation text; None on any other."""
        if self.index is None:
            return None
        if row.payload.retells:
            asked = questions(row.text, row.language)
            found = next(filter(None, (self.first(question) for question in asked)), None)
        else:
            found = self.index.of_row(row)
        return Verdict(row.id, False, CONTAMINATION, found.score, found.threshold, found.reason) if found else None

    def first(self, question: str) -> Overlap | None:
        """Return what a question of a row that retells repeats; many of them ask the same.

        Questions about one thing share its name, which in Japanese may be an n-gram by itself.
        """
        if question not in self.asked:
            assert self.index is not None
            found = (one for one in self.index.matches(question) if one.check != "n-gram" or one.score > NAMED)
            self.asked[question] = next(found, None)
        return self.asked[question]

    def screen(self, piece: Piece, *, again: bool = True) -> Piece:
        """Return a piece whose rows are checked and noted; `again`: its generator has not checked them."""
        verdicts = list(piece.verdicts)
        for place, row in enumerate(piece.parsed):
            if again and verdicts[place].keep:
                verdicts[place] = self.verdict(row) or verdicts[place]
            self.note(row, verdicts[place])
        return Piece(piece.attempts, verdicts)

    def note(self, row: Row, verdict: Verdict) -> None:
        """Count a checked row, and list it if it was dropped for what it repeats."""
        self.checked += 1
        if not repeats_evaluation(verdict):
            return
        self.dropped += 1
        if len(self.listed) < LISTED:
            self.listed.append({"row": row.id, "reason": verdict.reason, "text": row.text[:_SHOWN]})

    def facts(self) -> JSONDict:
        """Return what a stage's marker says; nothing where there was nothing to check against."""
        if self.index is None:
            return {}
        index = self.index
        counts = {"compared": index.compared, "too_short": index.too_short, "templates": index.templates}
        return {"heldout": {**counts, "checked": self.checked, "dropped": self.dropped, "rows": self.listed}}


def real_stage(source: str) -> str:
    """Return the stage under which a file of real rows is checked."""
    return f"real/{Path(source).stem}-{content_hash(source, 8)}"


def summary(store: Store, marks: Sequence[str], sources: Sequence[str]) -> JSONDict | None:
    """Return what was dropped for repeating an evaluation text, from the markers; None without evaluations.

    Args:
        store: the run directory.
        marks: of the pools of its replicates.
        sources: names of the generators and files that rows come from.
    """
    found = []
    for source in sources:
        for stage in (*(f"pool/{source}{mark}" for mark in marks), real_stage(source)):
            facts = (store.marker(stage) or {}).get("heldout")
            if facts:
                found.append((source, facts))
    if not found:
        return None
    first = found[0][1]
    return {
        **{key: first[key] for key in ("compared", "too_short", "templates")},
        "checked": sum(facts["checked"] for _, facts in found),
        "dropped": sum(facts["dropped"] for _, facts in found),
        "rows": [{"source": source, **row} for source, facts in found for row in facts["rows"]],
    }


def file_rows(recipe: Recipe) -> Files:
    """Read the files of real rows that arms name under `from`, with a hash of each."""
    found = {}
    for arm in recipe.arms.values():
        for source in arm.sources or ():
            if source not in recipe.generate and source not in found:
                task = recipe.the_task
                rows = rows_from_file(Path(source), task.fields, list(task.labels), recipe.language)
                found[source] = (rows, file_hash(Path(source)))
    return found


def real_rows(job: Job, files: Files, against: Sequence[Reference]) -> Files:
    """Return the files of real rows without those that repeat an evaluation text, and a hash of what went in.

    Raises:
        DataError: a file cannot be read, or nothing of it is left.
    """
    found = {}
    for source, (rows, digest) in files.items():
        found[source] = (rows, digest)
        if not against:
            continue
        stage, output = real_stage(source), f"{real_stage(source)}/verdicts.parquet"
        fingerprint = content_hash([job.base(), digest, [list(text) for text in against]])
        if not job.finished(stage, fingerprint):
            guard, verdicts = Guard(against, job.recipe.language), []
            for row in rows:
                verdicts.append(guard.verdict(row) or Verdict(row.id, True, CONTAMINATION, reason="repeats none"))
                guard.note(row, verdicts[-1])
            job.store.write_table(output, verdicts_table(verdicts))
            job.finish(stage, fingerprint, [output], **guard.facts())
        kept = {verdict.row_id for verdict in verdicts_from(job.store.read_table(output)) if verdict.keep}
        found[source] = ([row for row in rows if row.id in kept], fingerprint)
        if not found[source][0]:
            raise DataError(f"{source}: each of its {len(rows)} rows repeats an evaluation text; see {output}")
    return found
