"""The verdicts of a run, in words and large: headline, key figures, a card per selecting arm, what weakens them.

It repeats what the evaluation decided (`helped`, `hurt`, ...) and decides nothing itself. An arm's
verdict is the one against its random control, because only that isolates *which* rows were kept; the one
against the unfiltered rows stands beside it.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from homespun.data.records import Row, Scores
from homespun.evaluate.besides import general_sentences
from homespun.evaluate.compare import tuning_sentences
from homespun.generate.hygiene import opening_share
from homespun.report.charts import Axis, axis_over
from homespun.report.format import change_of, is_share, metric_name, value_of
from homespun.report.page import MARKS, Section
from homespun.report.sections.curves import curves_of
from homespun.report.sections.evaluated import baseline_name
from homespun.report.sections.scores import used_by
from homespun.run.readback import RunData
from homespun.select.audit import warnings_of
from homespun.select.base import Columns

TEMPLATE = 0.05  #: share of rows with one opening above which the pool looks like a template (methods.md A1)
SAID = {  #: of one way of selecting rows, and of several
    "helped": ("helped", "helped"),
    "hurt": ("hurt", "hurt"),
    "no difference that matters": ("makes no difference that matters", "make no difference that matters"),
    "no evidence": ("shows no evidence", "show no evidence"),
    "no verdict": ("has no verdict", "have no verdict"),
}


@dataclass(frozen=True, slots=True)
class Against:
    """One comparison of an arm: with its random control, or with its reference."""

    name: str
    control: bool  #: the other side is the random control
    verdict: str
    sentence: str
    change: str
    strip: Sequence[float]  #: zero, low, middle, high in percent of a common scale; no interval: middle


@dataclass(frozen=True, slots=True)
class Card:
    """The verdict on one selecting arm."""

    arm: str
    rows: int | None
    verdict: str  #: against the control, or where a run has none, against the reference
    against: tuple[Against, ...]


def _against(key: str, versus: Mapping[str, Any], arm: Mapping[str, Any], axis: Axis) -> Against:
    metric, control, (low, middle, high) = versus["metric"], key == "versus_control", _ends(versus)
    return Against(
        name="random control" if control else arm.get("reference") or "the reference",
        control=control,
        verdict=versus["verdict"],
        sentence=versus["sentence"],
        change=change_of(metric, versus["difference"]) + (" points" if is_share(metric) else ""),
        strip=(axis.at(0), axis.at(low), axis.at(middle), axis.at(high)),
    )


def _ends(versus: Mapping[str, Any]) -> tuple[float, float, float]:
    """Return low, middle, high; without an interval the middle alone."""
    middle = versus["difference"]
    return (middle, middle, middle) if versus["low"] is None else (versus["low"], middle, versus["high"])


def _cards(entries: Mapping[str, Any], arms: Mapping[str, Any]) -> Sequence[Card]:
    keys = ("versus_control", "versus_reference")
    found = {name: [(key, entry[key]) for key in keys if entry.get(key)] for name, entry in entries.items()}
    ends = [abs(end) for pairs in found.values() for _, versus in pairs for end in _ends(versus)]
    if not ends:
        return ()
    axis = axis_over([-max(ends), max(ends)])  # one scale on all cards, zero in the middle
    cards = []
    for name, pairs in found.items():
        if pairs:
            arm = arms.get(name, {})
            against = tuple(_against(key, versus, arm, axis) for key, versus in pairs)
            cards.append(Card(name, arm.get("kept"), against[0].verdict, against))
    return cards


def _figures(metric: str, evaluation: Mapping[str, Any], arms: Mapping[str, Any]) -> Sequence[tuple[str, str]]:
    """Return untrained, reference and selecting values; of several selecting arms the highest, called so."""
    baseline, entries = evaluation["baseline"], evaluation["arms"]
    figures = [
        (baseline_name(mode), value_of(metric, found[metric])) for mode, found in baseline.items() if metric in found
    ]
    means = {arm: entry["metrics"][metric]["mean"] for arm, entry in entries.items() if metric in entry["metrics"]}
    for arm in dict.fromkeys(entry.get("reference") for entry in arms.values()):
        if arm in means:
            figures.append((f"trained on all rows ({arm})", value_of(metric, means[arm])))
    selecting = [arm for arm in means if arms.get(arm, {}).get("control")]
    if selecting:
        best = max(selecting, key=lambda arm: means[arm])
        name = f"trained on {best}" if len(selecting) == 1 else f"highest of {len(selecting)} selecting arms ({best})"
        figures.append((name, value_of(metric, means[best])))
    return figures


def view(run: RunData) -> Mapping[str, Any]:
    """Return the primary evaluation's verdicts, or how far the run came, with what both are to be read with."""
    task = run.recipe.task
    head = {
        "title": "Did selecting help?" if curves_of(run) else "Did it help?",
        "lede": task.description if task else "",
        "terms": task.labels if task else {},
        "care": _warnings(run),
    }
    if not run.evaluations:
        return head | {"headline": _how_far(run), "evaluation": ""}
    name, first = next(iter(run.evaluations.items()))
    metric, cards = run.primary[1], _cards(first["arms"], run.arms)
    spoken = {entry["sentence"] for entry in first["arms"].values()}
    return head | {
        "headline": _headline(cards),
        "evaluation": name,
        "cards": cards,
        "figures": _figures(metric, first, run.arms),
        "metric": metric_name(metric),
        "items": first["items"],
        "shows": first.get("sentence", ""),
        "said": [sentence for sentence in _sentences(run) if sentence not in spoken],
        "controls": run.results.get("controls", "rows"),
        "axis": next((one.gives.axis for one in run.recipe.generate.values()), ""),
    }


def _sentences(run: RunData) -> list[str]:
    found = []
    for evaluation in run.evaluations.values():
        if not evaluation.get("general") or "recommendation" in run.results:
            found += tuning_sentences(evaluation)
            found += [entry["sentence"] for entry in evaluation["arms"].values() if entry["sentence"]]
    return found + general_sentences(run.results)


def _headline(cards: Sequence[Card]) -> str:
    """Return the finding of the run in one sentence."""
    if not cards:
        return "The arms are evaluated; none of them selects rows, so there is no selection to judge."
    if len(cards) == 1:
        card = cards[0]
        other = "as many random ones" if card.against[0].control else "all rows"
        return {
            "no evidence": f"No evidence that the rows “{card.arm}” chose beat {other}.",
            "no verdict": f"No verdict about the rows “{card.arm}” chose: this run does not measure chance.",
            "no difference that matters": f"The rows “{card.arm}” chose and {other}: no difference that matters.",
        }.get(card.verdict, f"Training only on the rows that “{card.arm}” chose {card.verdict}.")
    ways = len(cards)
    counts = {word: sum(card.verdict == word for card in cards) for word in MARKS}
    if counts["no evidence"] == ways:
        return f"No evidence that any of the {ways} ways of selecting rows beats a random choice."
    parts = [f"{count} {SAID[word][count > 1]}" for word, count in counts.items() if count]
    first, *others = parts
    return f"{first.replace(' ', f' of {ways} ways of selecting rows ', 1)}{''.join(f', {part}' for part in others)}."


def _how_far(run: RunData) -> str:
    """Return the headline of a run that has evaluated nothing."""
    accepted = sum(counts["kept"] for counts in run.counts.values())
    if any(card["losses"] for cards in run.cards.values() for card in cards.values()):
        return "The arms are trained; nothing has been evaluated yet."
    if run.arms:
        return f"{len(run.arms)} arms have chosen their rows; nothing has been trained yet."
    if accepted:
        return f"{accepted:,} rows are written and accepted; no arm has chosen among them yet."
    return "Nothing has been accepted yet."


def _warnings(run: RunData) -> list[str]:
    """Return what weakens the result, in sentences."""
    rows = run.accepted()
    ids = {row.id for row in rows}
    columns = Columns.of(scores for scores in run.scores if ids <= set(scores.ids))  # a run may have ended between
    used = {name: run.numbers[name] for name, arms in used_by(run).items() if arms}
    found = warnings_of(rows, columns, used, run.recipe.seed)
    written = [row.payload.written for row in rows if not row.payload.retells]  # what retells begins as its text does
    opening = opening_share(written, run.recipe.language)
    if opening.share > TEMPLATE and opening.share * len(written) >= 5:
        found.append(
            f'{opening.share:.0%} of the accepted rows begin with "{opening.text}": a model may learn the phrase'
            " instead of the task; more keywords or a higher temperature vary the rows"
        )
    found += [_disagreement(scores, rows) for scores in run.scores if any(scores.columns.get("raw_label", ()))]
    if damaged := run.results.get("usage", {}).get("damaged"):
        found.append(f"{damaged} answers in ledger.db were damaged on disk; they were set aside and asked for again")
    for name, counts in run.results.get("funnel", {}).get("generators", {}).items():
        if counts["kept"] < counts["wanted"]:
            found.append(f"{name} has {counts['kept']} of the {counts['wanted']} rows asked for")
    return found


def _disagreement(scores: Scores, rows: Sequence[Row]) -> str:
    """Return how many rows of each label a judge answers otherwise, as it says it and as it was calibrated."""
    own = {row.id: row.payload.output for row in rows}

    def other(column: str) -> str:
        pairs = [
            (own[key], said)
            for key, said in zip(scores.ids, scores.columns[column], strict=True)
            if said and key in own
        ]
        counts = {label: [said != label for carried, said in pairs if carried == label] for label, _ in pairs}
        return ", ".join(f"{sum(each) / len(each):.0%} of {label}" for label, each in counts.items())

    said = f"{scores.name} disagrees with the label of {other('raw_label')} rows"
    if scores.columns["label"] == scores.columns["raw_label"]:
        return said
    return f"{said}; calibrated, of {other('label')}: wrong rows of one label alone show best uncalibrated"


VERDICTS = Section("Did it help?", "verdicts.html", view)
