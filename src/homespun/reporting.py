"""From a run directory to the data of the report page: reads everything, decides nothing.

Works for a run that ended early: what is not there yet is left out and the page says so. Rows to read are
a sample, drawn by the hash of the row so that it is the same each time, and the page says of how many.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any, cast

from homespun import stats
from homespun.evaluate.besides import general_sentences
from homespun.evaluate.compare import tuning_sentences
from homespun.generate.base import Funnel as Counted
from homespun.generate.base import Piece
from homespun.generate.hygiene import opening_share
from homespun.heldout import repeats_evaluation
from homespun.readback import RunData, open_run
from homespun.recipe import Recipe
from homespun.records import JSONDict, Labelled, Row, Scores, content_hash
from homespun.report.data import (
    ArmInfo,
    Cell,
    Counts,
    Funnel,
    Group,
    ReadRow,
    ReportData,
    ScoreColumn,
    StageCost,
    UseCommand,
)
from homespun.report.html import render
from homespun.select.explain import nearest_to_threshold
from homespun.stages import BASELINE, FEW_SHOT, PAGE, SUMMARY
from homespun.store import Store, file_hash
from homespun.text.diversity import distinct_n
from homespun.text.words import words

SHOWN = 12  #: rows of each kind on the page
ORIGINAL = "original"  #: form of a row that is a document as it is


def rewrite(folder: Path) -> Path:
    """Write the report of a run again and return its path."""
    store, recipe = open_run(folder)
    path = write(store, recipe)
    marker = store.marker(SUMMARY) or {"outputs": {}}
    if PAGE in marker["outputs"]:  # a page from another place or version differs and is no less whole
        store.write_json(f"done/{SUMMARY}.json", {**marker, "outputs": {**marker["outputs"], PAGE: file_hash(path)}})
    return path


def write(store: Store, recipe: Recipe) -> Path:
    """Write report/index.html and return its path."""
    store.write_text(PAGE, render(gather(store, recipe)))
    return store.path(PAGE)


def gather(store: Store, recipe: Recipe) -> ReportData:
    """Return everything the page shows."""
    run = RunData(store, recipe)
    accepted = run.accepted()
    rows, totals = _rows_to_read(run)
    columns = _columns(run)
    return ReportData(
        name=recipe.name,
        language=recipe.language,
        created=store.read_json("started.json")["started"],
        task=recipe.described.description if recipe.described else "",
        labels=_labels(recipe),
        axes=_axes(run),
        recipe_yaml=store.path("recipe.yaml").read_text(encoding="utf-8"),
        command=f"homespun run {store.root / 'recipe.yaml'} --out {store.root}",
        manifest={k: v for k, v in run.manifest.items() if k not in ("usage", "stages")},
        results=run.results if run.results and run.results["evaluations"] else None,
        verdicts=_sentences(run.results),
        funnels={name: _funnel(run, name) for name in run.attempts},
        scores=columns,
        correlations=_correlations(columns),
        rows=rows,
        row_totals=totals,
        coverage=_coverage(run),
        diversity=_diversity(accepted),
        warnings=_warnings(run, columns),
        stages=_stages(run),
        arms=_arms(run),
        usage=_usage(run),
    )


def _sentences(results: Mapping[str, Any] | None) -> list[str]:
    if not results:
        return []
    found = []
    for evaluation in results["evaluations"].values():
        if evaluation.get("general") and "recommendation" not in results:
            continue
        found += tuning_sentences(evaluation)
        found += [entry["sentence"] for entry in evaluation["arms"].values() if entry["sentence"]]
    return found + general_sentences(results)


def _funnel(run: RunData, name: str) -> Funnel:
    def counts(found: Mapping[str, Any]) -> Counts:
        keys = ("asked", "answered", "failed", "parsed", "unparsed", "kept")
        return Counts(**{key: found[key] for key in keys}, dropped=found["dropped_by"])

    key, _ = _axes(run)
    labels = _labels(run.recipe) or dict.fromkeys(a.groups[key] for a in run.attempts[name] if key in a.groups)

    def of_label(label: str) -> Counts:
        attempts = [attempt for attempt in run.attempts[name] if attempt.groups.get(key) == label]
        ids = {attempt.row.id for attempt in attempts if attempt.row is not None}
        piece = Piece(attempts, [verdict for verdict in run.checks[name] if verdict.row_id in ids])
        return counts(Counted.of([piece]).counts())

    return Funnel(counts(run.counts[name]), {label: of_label(label) for label in labels})


def _axes(run: RunData) -> tuple[str, str]:
    """Return the two groups that rows are counted by: those that the first generator's rows name."""
    return next((one.gives.axes for one in run.recipe.generate.values()), Labelled.axes)


def _labels(recipe: Recipe) -> Mapping[str, str]:
    return recipe.described.labels if recipe.described else {}


def _columns(run: RunData) -> list[ScoreColumn]:
    found = []
    for scores in run.scores:
        for column, values in scores.columns.items():
            if not _are_numbers(values):
                continue
            kept, used, thresholds = {}, [], {}
            for arm in run.selecting:
                verdicts = run.verdicts[arm]
                kept[arm] = [row_id in verdicts and verdicts[row_id].keep for row_id in scores.ids]
                needs = {by for rule in run.recipe.arms[arm].select for by in rule.needs()}
                if f"{scores.name}.{column}" in needs or (scores.name in needs and column == scores.primary):
                    used.append(arm)
                    cuts = {v.threshold for v in verdicts.values() if v.threshold is not None}
                    thresholds[arm] = sorted(cuts)
            name = f"{scores.name}.{column}"
            found.append(ScoreColumn(name, [float(v) for v in values], kept, used, thresholds))
    return found


def _are_numbers(column: Any) -> bool:
    """Say whether a column of scores can be drawn: texts and vectors cannot."""
    return getattr(column, "ndim", 1) == 1 and not any(isinstance(value, str) for value in column)


def _correlations(columns: Sequence[ScoreColumn]) -> dict[str, dict[str, float]]:
    return {
        one.name: {other.name: stats.spearman(one.values, other.values).value for other in columns} for one in columns
    }


def _rows_to_read(run: RunData) -> tuple[list[ReadRow], dict[str, int]]:
    values: dict[str, dict[str, float]] = {}
    for scores in run.scores:
        column = scores.columns[scores.primary]
        if _are_numbers(column):
            for row_id, value in zip(scores.ids, column, strict=True):
                values.setdefault(row_id, {})[scores.name] = value
    entries: dict[Group, list[ReadRow]] = {}
    label, keyword = _axes(run)
    documents = _documents(run)

    def add(group: Group, row: Row, reason: str, kept_by: Sequence[str] = ()) -> None:
        entries.setdefault(group, []).append(
            ReadRow(
                id=row.id,
                fields=_shown(row, documents),
                group=group,
                label=row.groups.get(label, ""),
                keyword=row.groups.get(keyword, ""),
                kept_by=kept_by,
                reason=reason,
                scores=values.get(row.id, {}),
            )
        )

    near = {
        verdict.row_id: verdict
        for arm in run.selecting
        for edge in nearest_to_threshold(list(run.verdicts[arm].values()), SHOWN // 4)
        for verdict in (*edge.kept, *edge.dropped)
    }
    for name, attempts in run.attempts.items():
        for attempt in attempts:
            if attempt.row is None:
                entries.setdefault("unparsed answer", []).append(
                    ReadRow(
                        id=attempt.key,
                        fields={"answer": attempt.raw},
                        group="unparsed answer",
                        label=attempt.groups.get(label, ""),
                        keyword=attempt.groups.get(keyword, ""),
                        reason=attempt.problem,
                    )
                )
        for row, check in zip(run.piece(name).parsed, run.checks[name], strict=True):
            if not check.keep:
                if repeats_evaluation(check):
                    add("repeats the evaluation", row, check.reason)
                else:
                    add("dropped by hygiene", row, f"{check.rule}: {check.reason}")
                continue
            # an arm that takes its rows from elsewhere, or fewer of them, has no verdict on this one
            said = {arm: run.verdicts[arm][row.id] for arm in run.selecting if row.id in run.verdicts[arm]}
            kept_by = [arm for arm, verdict in said.items() if verdict.keep]
            drops = [verdict for verdict in said.values() if not verdict.keep]
            reason = "; ".join(f"{verdict.rule}: {verdict.reason}" for verdict in drops)
            if row.id in near:
                add("nearest to threshold", row, f"{near[row.id].rule}: {near[row.id].reason}", kept_by)
            elif drops:
                add("dropped by selection", row, reason, kept_by)
            else:
                add("kept", row, reason, kept_by)
    for entry in ((run.results or {}).get("heldout") or {}).get("rows", ()):
        if entry["source"] not in run.attempts:  # a file of real rows: those that repeat are in no pool
            text = {entry["source"]: entry["text"]}
            found = ReadRow(entry["row"], text, "repeats the evaluation", reason=entry["reason"])
            entries.setdefault("repeats the evaluation", []).append(found)
    shown = [
        row
        for group in entries.values()
        for row in sorted(group, key=lambda entry: content_hash([entry.id, "shown"]))[:SHOWN]
    ]
    return shown, {group: len(found) for group, found in entries.items()}


def _shown(row: Row, documents: Mapping[str, str]) -> Mapping[str, str]:
    """Return the texts to read; a variant beside its document, where the run has that as a row."""
    payload = row.payload
    if payload.retells and row.groups.get("form") != ORIGINAL and row.groups.get(payload.axis) in documents:
        return {payload.axis: documents[row.groups[payload.axis]], **payload.shown}
    return payload.shown


def _documents(run: RunData) -> dict[str, str]:
    rows = [attempt.row for attempts in run.attempts.values() for attempt in attempts if attempt.row is not None]
    originals = (row for row in rows if row.groups.get("form") == ORIGINAL)
    return {row.groups["document"]: row.text for row in originals if "document" in row.groups}


def _coverage(run: RunData) -> list[Cell]:
    label, keyword = _axes(run)
    asked: Counter[tuple[str, str]] = Counter()
    accepted: Counter[tuple[str, str]] = Counter()
    for attempts in run.attempts.values():
        asked.update((a.groups[label], a.groups[keyword]) for a in attempts if {label, keyword} <= a.groups.keys())
    accepted.update((r.groups[label], r.groups[keyword]) for r in run.accepted() if {label, keyword} <= r.groups.keys())
    return [Cell(name, word, count, accepted[(name, word)]) for (name, word), count in sorted(asked.items())]


def _diversity(rows: Sequence[Row]) -> dict[str, float]:
    if not rows:
        return {}
    tokens = [words(row.payload.written, row.language) for row in rows]
    return {
        "distinct-1": distinct_n(tokens, 1),
        "distinct-2": distinct_n(tokens, 2),
        "mean length": sum(map(len, tokens)) / len(tokens),
    }


def _warnings(run: RunData, columns: Sequence[ScoreColumn]) -> list[str]:
    found = []
    rows = run.accepted()
    labels = list(_labels(run.recipe))
    if rows and len(labels) == 2:
        lengths = [float(len(words(row.text, row.language))) for row in rows]
        area = stats.auc(lengths, [int(row.payload.output == labels[0]) for row in rows]).value
        if max(area, 1 - area) > 0.7:
            found.append(
                f"the label can be guessed from the length of a row (AUC {max(area, 1 - area):.2f}):"
                " a model may learn length instead of meaning"
            )
    written = [row.payload.written for row in rows if not row.payload.retells]  # what retells begins as its text does
    opening = opening_share(written, run.recipe.language)
    if opening.share > TEMPLATE and opening.share * len(written) >= 5:
        found.append(
            f'{opening.share:.0%} of the accepted rows begin with "{opening.text}": a model may learn the phrase'
            " instead of the task; more keywords or a higher temperature vary the rows"
        )
    found += [_disagreement(scores, rows, labels) for scores in run.scores if any(scores.columns.get("raw_label", ()))]
    for one, other, value in _near_copies(columns):
        found.append(f"{one} and {other} rank the rows nearly alike (Spearman {value:.2f}): one filter, not two")
    if damaged := (run.results or {}).get("usage", {}).get("damaged"):
        found.append(f"{damaged} answers in ledger.db were damaged on disk; they were set aside and asked for again")
    for name, counts in ((run.results or {}).get("funnel", {}).get("generators", {})).items():
        if counts["kept"] < counts["wanted"]:
            found.append(f"{name} has {counts['kept']} of the {counts['wanted']} rows asked for")
    return found


def _disagreement(scores: Scores, rows: Sequence[Row], labels: Sequence[str]) -> str:
    """Return how many rows of each label a judge answers otherwise, as it says it and as it was calibrated."""
    own = {row.id: row.payload.output for row in rows}

    def other(column: str) -> str:
        pairs = [(own.get(key), said) for key, said in zip(scores.ids, scores.columns[column], strict=True) if said]
        counts = {label: [said != label for carried, said in pairs if carried == label] for label in labels}
        return ", ".join(f"{sum(each) / len(each):.0%} of {label}" for label, each in counts.items() if each)

    said = f"{scores.name} disagrees with the label of {other('raw_label')} rows"
    if scores.columns["label"] == scores.columns["raw_label"]:
        return said
    return f"{said}; calibrated, of {other('label')}: wrong rows of one label alone show best uncalibrated"


def _near_copies(columns: Sequence[ScoreColumn]) -> list[tuple[str, str, float]]:
    used = [column for column in columns if column.used_by]
    pairs = [(a, b) for index, a in enumerate(used) for b in used[index + 1 :]]
    ranked = [(a.name, b.name, stats.spearman(a.values, b.values).value) for a, b in pairs]
    return [pair for pair in ranked if pair[2] > 0.9]


TEMPLATE = 0.05  #: share of rows with one opening above which the pool looks like a template (methods.md A1)
STAGES = {
    "pool": "write",
    "scores": "score",
    "models": "train",
    "ungraded": "ask",
    "results": "evaluate",
}  #: in the order of a run


def _stages(run: RunData) -> list[StageCost]:
    resumed = set(run.manifest.get("resumed", ()))
    entries: JSONDict = (run.results or {}).get("usage", {}).get("stages", {})
    order = list(STAGES)
    found = []
    for name in sorted(entries, key=lambda name: order.index(name.partition("/")[0])):
        entry = entries[name]
        kind, _, rest = name.partition("/")
        tokens, seconds = entry.get("tokens", 0), entry["seconds"]
        rate = tokens / seconds if tokens and seconds else None
        marks = ("@", ", replicate "), (f"{FEW_SHOT}/", "untrained, few-shot/"), ("/seed-", ", seed ")
        for mark, said in (*marks, (f"{BASELINE}/", "untrained, ")):
            rest = rest.replace(mark, said)
        title = f"{STAGES[kind]} {rest}"
        units, unit = entry.get("units", 0), entry.get("unit", "rows")
        found.append(StageCost(title, seconds, units, unit, tokens, rate, name in resumed))
    return found


def _arms(run: RunData) -> list[ArmInfo]:
    found = []
    owners = {entry["control"]: arm for arm, entry in run.arms.items() if entry["control"]}
    for arm, entry in run.arms.items():
        losses: dict[int, Sequence[float]] = {}
        artifacts: dict[str, str] = {}
        trained: JSONDict = {}
        for stage in run.stages:
            marker = run.store.marker(stage) if stage.startswith(f"models/{arm}/seed-") else None
            if marker:
                trained = run.store.read_json(f"{marker['adapter']}/card.json")
                losses[trained["seed"]] = trained["losses"]
                artifacts[f"adapter, seed {trained['seed']}"] = marker["adapter"]
        if run.store.has(f"arms/{arm}/verdicts.parquet"):
            artifacts["verdicts"] = f"arms/{arm}/verdicts.parquet"
        rules = [str(rule) for rule in run.recipe.arms[arm].select] if arm in run.recipe.arms else []
        if arm in owners:
            each = "of each label as" if _labels(run.recipe) else "rows as"
            rules = [f"random, as many {each} {owners[arm]}"]
        found.append(
            ArmInfo(
                name=arm,
                chosen=entry["kept"],
                candidates=entry["candidates"],
                rules=rules,
                dropped_by=entry["dropped_by"],
                control=entry["control"],
                reference=entry["reference"],
                settings=trained.get("settings", {}),
                losses=losses,
                artifacts=artifacts,
            )
        )
    return found


def _usage(run: RunData) -> list[UseCommand]:
    if not run.results or not any(stage.startswith("models/") for stage in run.stages):
        return []
    best = _best_arm(run)
    root = run.store.root
    return [
        UseCommand("Apply the tuned model to a file", f"homespun predict {root} --arm {best} FILE"),
        UseCommand(
            "Write a model folder that transformers and vLLM load",
            f"homespun export {root} --arm {best} --model merged --out tuned-model",
        ),
        UseCommand("Serve it", "vllm serve ./tuned-model"),
        UseCommand(
            "Write the chosen rows for another trainer",
            f"homespun export {root} --arm {best} --format messages --out rows.jsonl",
        ),
    ]


def _best_arm(run: RunData) -> str:
    """Return the arm that the run advises or the recipe's with the highest primary metric, for the examples."""
    advised = cast(JSONDict, run.results).get("recommendation")
    if advised:
        return str(advised["choice"]["arm"])
    arms = [arm for arm in run.arms if arm in run.recipe.arms] or list(run.arms)
    primary = cast(JSONDict, run.results)["primary"]
    evaluations = cast(JSONDict, run.results)["evaluations"]
    if not primary or not evaluations:
        return arms[0]
    entries = evaluations[primary[0]]["arms"]
    return max((arm for arm in arms if arm in entries), key=lambda arm: entries[arm]["metrics"][primary[1]]["mean"])
