"""`homespun select`: rules applied to files as they are, one verdict per record, nothing changed but what is kept.

    find -> read (texts, groups, numbers, embeddings) -> rule after rule -> write what is kept, verdicts, report

Files are read twice: once for what rules compare, once to write the kept records as they were, in their order.
Between the two only rows are held, never records. The rules are those of a recipe's arms (select/), applied in
order, each to what the earlier ones kept.
"""

from __future__ import annotations

import gc
import os
from array import array
from collections.abc import Iterator, Mapping, Sequence
from contextlib import ExitStack, contextmanager
from heapq import merge
from importlib.util import find_spec
from operator import itemgetter
from pathlib import Path

from homespun.data import find, write
from homespun.data.find import Part
from homespun.data.records import JSONDict, Verdict
from homespun.data.text import TextOf
from homespun.engine.progress import Progress
from homespun.errors import DataError, DegenerateError, UsageError
from homespun.recipe.recipefile import load_rules
from homespun.select.api import calibrate
from homespun.select.base import Columns, Rule
from homespun.select.files.intake import Intake, gather
from homespun.select.files.options import rules_of
from homespun.select.files.outcome import SHOWN, UNREADABLE, Look, Outcome, Request
from homespun.select.rows import Wanted
from homespun.select.rules.combine import flat, groups_of
from homespun.select.scoring import Scoring
from homespun.task import ModelSpec

LANGUAGES = ("en", "ja")
BY_WORDS = {"rouge_l", "minhash", "contamination"}  #: rules that cut texts into words
MANY = 10_000  #: rows from which it is worth saying that a rule runs uncompiled
VERDICT_FIELDS: Mapping[str, type] = {
    "file": str, "record": int, "id": str, "rule": str, "score": float, "threshold": float, "reason": str,
    "duplicate_of": str,
}  # fmt: skip


def select(request: Request, progress: Progress) -> Outcome:
    """Apply rules to files and write what is asked for.

    Raises:
        UsageError: an option or rule that cannot be used.
        DataError: nothing in the files can be used.
        DegenerateError: the rules keep nothing; the verdicts are written all the same.
    """
    parts, texts = _parts(request, progress), tuple(map(TextOf, request.fields))
    with ExitStack() as at_end:
        scoring = Scoring(request.language or "en", request.seed, progress, _ledger(request))
        at_end.callback(scoring.close)
        at_end.callback(gc.unfreeze)
        rules = _rules(request, scoring)
        _check_paths(request, parts, rules)
        vectors = _vector_field(request.embeddings)
        numbers, embedded = _fields(rules, scoring, vectors)
        groups = tuple(groups_of(rules))
        wanted = Wanted(texts, request.output, groups, tuple(numbers), embedded, request.own_id, request.language)
        intake = _read(parts, wanted, request, progress)
        gc.freeze()  # the rows stay: later looks for cycles need not pass over them
        scoring.language = next(iter(intake.languages))
        scoring.made.update({scores.name: scores for scores in intake.scores})
        if embedded is not None:
            scoring.made["embedding" if vectors else embedded] = scoring.made.pop("embedding")
        for line in _advice(rules, intake):
            progress.say(line)
        outcome = _apply(request, rules, intake, scoring, progress)
        _write(request, outcome, progress)
        return outcome


def look_at(request: Request, progress: Progress) -> Look:
    """Return how near the rows of files are to one another by ROUGE-L; nothing is selected or written.

    Raises:
        UsageError: an option that selects or writes, or another that cannot be used.
        DataError: nothing in the files can be used.
    """
    paths = {"--out": request.out, "--verdicts": request.verdicts, "--report": request.report, "--rules": request.rules}
    asked = [*request.shortcuts, *(option for option, path in paths.items() if path is not None)]
    if asked:
        raise UsageError(f"--calibrate only looks, so that you can choose a threshold; leave out {', '.join(asked)}")
    groups = (request.within,) if request.within else ()
    wanted = Wanted(tuple(map(TextOf, request.fields)), None, groups, own_id=request.own_id, language=request.language)
    intake = _read(_parts(request, progress), wanted, request, progress)
    return Look(intake, calibrate(intake.rows, within=request.within, seed=request.seed))


def _read(parts: Sequence[Part], wanted: Wanted, request: Request, progress: Progress) -> Intake:
    """Read the files; report the language of the records, and the first that cannot be used."""
    with _many_records():
        intake = gather(parts, wanted, progress)
    if request.language is None:
        counts = [f"{language} ({count:,} rows)" for language, count in intake.languages.items()]
        told = " and ".join(counts) if len(counts) > 1 else next(iter(intake.languages))
        progress.say(f"language: {told}, by the script of each record (--language says otherwise)")
    for problem in intake.unreadable[:SHOWN]:
        progress.say(str(problem))
    if (more := len(intake.unreadable) - SHOWN) > 0:
        where = f"all are in {request.verdicts}" if request.verdicts else "--verdicts FILE writes them all"
        progress.say(f"... and {more:,} more; {where}")
    return intake


def _advice(rules: Sequence[Rule], intake: Intake) -> Iterator[str]:
    """Say which missing extra changes the result or the time."""
    kinds = {rule.kind for rule in flat(rules)}
    cut = [rule for rule in flat(rules) if dict(rule).get("tokenizer") is None]
    if "ja" in intake.languages and kinds & BY_WORDS & {rule.kind for rule in cut} and find_spec("sudachipy") is None:
        yield (
            "words: Japanese is cut by kinds of characters, and scores are others than by morphemes; for those"
            " install the extra `ja` (SudachiPy)"
        )
    if "rouge_l" in kinds and len(intake.rows) >= MANY and find_spec("numba") is None:
        yield "rouge_l runs uncompiled, some ten times slower, with the same result; install the extra `fast` (numba)"


@contextmanager
def _many_records() -> Iterator[None]:
    """Make many small records that stay, without looking for cycles among them again and again."""
    enabled = gc.isenabled()
    gc.disable()
    try:
        yield
    finally:
        if enabled:
            gc.enable()


def _apply(request: Request, rules: Sequence[Rule], intake: Intake, scoring: Scoring, progress: Progress) -> Outcome:
    """Apply the rules in order; what is left is scored for each, or all rows where a page compares rules."""
    whole = request.report is not None
    columns = Columns(scoring.made)
    outcome = Outcome(
        intake.rows, whole, 5 * whole, intake=intake, language=scoring.language, columns=columns, out=request.out
    )
    for rule in rules:
        if outcome.kept or whole:
            scoring.score(rule, intake.rows if whole else outcome.kept)
        before = len(outcome.kept)
        with progress.bar(str(rule), before, "rows") as bar:
            with _many_records():
                outcome.apply(rule, columns, request.seed)
            bar.advance(before)
    return outcome


def _write(request: Request, outcome: Outcome, progress: Progress) -> None:
    intake = outcome.intake
    if request.verdicts:
        count = write.write_records(request.verdicts, VERDICT_FIELDS, _verdict_records(outcome))
        outcome.told.append(f"verdicts: {count:,} in {request.verdicts}")
    if request.report:
        from homespun.select.files import page

        page.write(request.report, outcome, request)
        outcome.told.append(f"report: {request.report}")
    if not outcome.kept:
        counts = ", ".join(f"{step.rule}: {step.dropped:,}" for step in outcome.steps)
        told = "; ".join(["", *outcome.told])
        raise DegenerateError(f"none of {len(intake.rows):,} rows is kept ({counts}); loosen the rules{told}")
    if request.out:
        numbers: list[array[int]] = [array("Q") for _ in intake.parts]
        for row, (part, number) in zip(intake.rows, intake.places(), strict=True):
            if row.id not in outcome.dropped:
                numbers[part].append(number)
        total = len(intake.rows) + len(intake.unreadable)
        with progress.bar("write", total, "records") as bar:
            write.write(request.out, list(zip(intake.parts, numbers, strict=True)), bar.advance, intake.stamps)


def _verdict_records(outcome: Outcome) -> Iterator[JSONDict]:
    """Return a record for each that is not kept, in the order of the input."""
    intake = outcome.intake
    rows = zip(intake.rows, intake.own_ids, strict=True)
    for part, numbers, problems in zip(intake.parts, intake.numbers, intake.problems, strict=True):
        here = zip(numbers, rows, strict=False)  # as many as this part has
        found = ((number, own_id, outcome.dropped.get(row.id)) for number, (row, own_id) in here)
        bad = ((one.number, one.own_id, Verdict("", False, UNREADABLE, reason=one.reason)) for one in problems)
        for number, own_id, verdict in merge(found, bad, key=itemgetter(0)):
            if verdict is not None:
                yield {
                    "file": part.name, "record": number, "id": own_id or None, "rule": verdict.rule,
                    "score": verdict.score, "threshold": verdict.threshold, "reason": verdict.reason,
                    "duplicate_of": verdict.duplicate_of,
                }  # fmt: skip


def _parts(request: Request, progress: Progress) -> list[Part]:
    """Return the files that hold the records, and say which they are where a folder is named."""
    if request.language not in (None, *LANGUAGES):
        raise UsageError(f"--language {request.language}: there are {', '.join(LANGUAGES)}")
    found = [part for path in request.files for part in find.parts(path)]
    seen: set[Path] = set()
    for part in found:
        if part.path.resolve() in seen:
            raise UsageError(f"{part.name} is named twice")
        seen.add(part.path.resolve())
    if not found:
        raise DataError("no file is named")
    for path in request.files:
        if path.is_dir():
            inside = [str(part.path.relative_to(path)) for part in found if path in part.path.parents]
            progress.say(f"{path}: {len(inside)} files, {inside[0]} to {inside[-1]}" if inside[1:] else str(path))
    return found


def _check_paths(request: Request, parts: Sequence[Part], rules: Sequence[Rule]) -> None:
    """Refuse to write over what is read, or twice to one place."""
    read = {part.path.resolve() for part in parts} | {path.resolve() for path in request.files}
    read |= {Path(name).resolve() for rule in flat(rules) for name in dict(rule).get("against", ())}
    read |= {request.rules.resolve()} if request.rules else set()
    written: dict[Path, str] = {}
    records, page = write.WRITABLE, (".html", ".htm")
    for option, path, endings in (
        ("--out", request.out, records), ("--verdicts", request.verdicts, records), ("--report", request.report, page)
    ):  # fmt: skip
        if path is None:
            continue
        place = path.resolve()
        if place in read or any(folder in place.parents for folder in read):
            raise UsageError(f"{option} {path} is, or lies in, what is read; name another file")
        if place in written:
            raise UsageError(f"{option} and {written[place]} name the same file {path}")
        if path.is_dir():
            raise UsageError(f"{option} {path} is a folder; name a file")
        folder = next(folder for folder in place.parents if folder.exists())
        if not folder.is_dir() or not os.access(folder, os.W_OK):  # told before the work, not after it
            raise UsageError(f"{option} {path}: cannot write into {folder}; name a file elsewhere")
        if path.suffix.lower() not in endings:
            must = (
                "the report is a web page; end it in .html" if endings is page else f"must end in {', '.join(endings)}"
            )
            raise UsageError(f"{option} {path}: {must}")
        written[place] = option
    if request.out is not None:
        write.check(request.out, parts)


def _ledger(request: Request) -> Path:
    beside = request.out or request.verdicts or request.report or request.files[0]
    return beside.resolve().with_name(beside.resolve().name + ".ledger.db")


def _rules(request: Request, scoring: Scoring) -> list[Rule]:
    """Return the rules of the options or of the rules file, and put the scorers they need at hand."""
    if request.rules and request.shortcuts:
        raise UsageError(f"give {', '.join(request.shortcuts)} or --rules, not both; the file can hold all rules")
    if request.rules and request.within:
        raise UsageError("--within goes with rules given as options; in a rules file write `within:` in the rule")
    if not request.rules and not request.shortcuts:
        raise UsageError("nothing to select by; give a rule such as --exact or --rouge-l 0.7, or --rules FILE")
    if request.rules:
        found = load_rules(request.rules)
        scoring.specs.update(found.models)
        scoring.scorers.update(found.score)
    rules = list(found.select) if request.rules else rules_of(request.shortcuts, request.within)
    if request.model is not None:
        scoring.specs["scorer"] = ModelSpec(id=request.model)
    if "--perplexity" in request.shortcuts:
        scoring.add("perplexity")
    if request.embeddings is not None and _vector_field(request.embeddings) is None:
        made_for_it = (Path(request.embeddings) / "modules.json").is_file()  # a sentence-transformers folder
        scoring.specs["student"] = ModelSpec(id=("sentence:" if made_for_it else "") + request.embeddings)
        scoring.add("embedding")
    return rules


def _fields(rules: Sequence[Rule], scoring: Scoring, vectors: str | None) -> tuple[list[str], str | None]:
    """Return the fields of the file that rules rank by, and the one that holds vectors.

    Raises:
        UsageError: rules read vectors that nothing makes, or from several fields.
    """
    of_vectors = {by for rule in flat(rules) if "centre" in type(rule).model_fields for by in rule.needs()}
    numbers = [by for by in scoring.fields_of(rules) if by not in of_vectors]
    wanted = {by for by in of_vectors if scoring.scorer_of(by) is None}
    if vectors:
        return numbers, vectors
    if "embedding" in wanted:
        raise UsageError(
            "these rules need embeddings: add --embeddings FIELD (a list of numbers in each record), embedded,"
            " a model's PATH or hub id, sentence:PATH, or URL#MODEL"
        )
    if len(wanted) > 1:
        raise UsageError(f"rules read vectors from {', '.join(sorted(wanted))}; one field of vectors at a time")
    return numbers, next(iter(wanted), None)


def _vector_field(embeddings: str | None) -> str | None:
    """Return the field that --embeddings names; None where it names a model."""
    if embeddings is None or embeddings == "embedded" or set("/:") & set(embeddings) or Path(embeddings).is_dir():
        return None
    return embeddings
