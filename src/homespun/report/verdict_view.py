"""The verdicts of a run, in words and large: the page's headline, its key figures, a card per selecting arm.

It repeats what the evaluation decided (`helped`, `hurt`, ...) and decides nothing itself. An arm's
verdict is the one against its random control, because only that isolates *which* rows were kept; the one
against the unfiltered rows stands beside it.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from homespun.report.charts import Axis, axis_over
from homespun.report.data import ReportData
from homespun.report.format import change_in_words, change_interval, change_of, is_share, metric_name, p_value, value_of
from homespun.report.results_view import arms_of, baseline_name, evaluations_of, primary_of

MARKS = {"helped": "▲", "hurt": "▼", "no difference that matters": "=", "no evidence": "○", "no verdict": "·"}
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
    strip: tuple[
        float, float, float, float
    ]  #: zero, low, middle, high in percent of a common scale; no interval: middle


@dataclass(frozen=True, slots=True)
class Card:
    """The verdict on one selecting arm."""

    arm: str
    rows: int | None
    verdict: str  #: against the control, or where a run has none, against the reference
    against: tuple[Against, ...]


@dataclass(frozen=True, slots=True)
class VerdictsView:
    """The first section of the page."""

    cards: tuple[Card, ...]
    figures: tuple[tuple[str, str], ...]  #: large numbers: name, value
    metric: str
    evaluation: str
    items: int
    shows: str  #: the differences that the run can tell, in words
    said: tuple[str, ...]  #: sentences of the run that no card repeats


def _sentence(versus: Mapping[str, Any], other: str) -> str:
    """Return the evaluation's own sentence, or one from its numbers."""
    if versus.get("sentence"):
        return str(versus["sentence"])
    metric = versus["metric"]
    words = change_in_words(metric, versus["difference"])
    than = f"the same as for {other}" if words == "no difference" else f"{words} than {other}"
    interval = change_interval(metric, versus)
    chance = f"p = {p_value(versus['p'])}".replace("= <", "<")
    return f"{metric_name(metric).capitalize()} {than} (95 % interval {interval}, {chance})."


def _against(key: str, versus: Mapping[str, Any], arm: Mapping[str, Any], axis: Axis) -> Against:
    metric, reference = versus["metric"], arm.get("reference") or "the reference"
    control, (low, middle, high) = key == "versus_control", _ends(versus)
    other = f"a random choice of as many {versus.get('alike', 'rows')}" if control else f"all rows ({reference})"
    return Against(
        name="random control" if control else reference,
        control=control,
        verdict=versus["verdict"],
        sentence=_sentence(versus, other),
        change=change_of(metric, versus["difference"]) + (" points" if is_share(metric) else ""),
        strip=(axis.at(0), axis.at(low), axis.at(middle), axis.at(high)),
    )


def _ends(versus: Mapping[str, Any]) -> tuple[float, float, float]:
    """Return low, middle, high; without an interval the middle alone."""
    middle = versus["difference"]
    return (middle, middle, middle) if versus["low"] is None else (versus["low"], middle, versus["high"])


def _cards(entries: Mapping[str, Any], arms: Mapping[str, Mapping[str, Any]]) -> tuple[Card, ...]:
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
    return tuple(cards)


def _figures(
    metric: str, evaluation: Mapping[str, Any], arms: Mapping[str, Mapping[str, Any]]
) -> tuple[tuple[str, str], ...]:
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
    return tuple(figures)


def view_verdicts(data: ReportData) -> VerdictsView | None:
    """Arrange the primary evaluation's verdicts; None while nothing is evaluated."""
    evaluations, arms = evaluations_of(data), arms_of(data)
    if not evaluations:
        return None
    name, first = next(iter(evaluations.items()))
    _, metric = primary_of(data)
    spoken = {entry.get("sentence") for entry in first["arms"].values()}
    return VerdictsView(
        cards=_cards(first["arms"], arms),
        figures=_figures(metric, first, arms),
        metric=metric_name(metric),
        evaluation=name,
        items=first["items"],
        shows=first.get("sentence", ""),
        said=tuple(sentence for sentence in data.verdicts if sentence not in spoken),
    )


def headline(data: ReportData, view: VerdictsView | None) -> str:
    """Return the finding of the run in one sentence."""
    advised = ((data.results or {}).get("recommendation") or {}).get("headline")
    if advised:
        return str(advised)
    if view is None:
        return _how_far(data)
    if not view.cards:
        return "The arms are evaluated; none of them selects rows, so there is no selection to judge."
    if len(view.cards) == 1:
        card = view.cards[0]
        other = "as many random ones" if card.against[0].control else "all rows"
        return {
            "no evidence": f"No evidence that the rows “{card.arm}” chose beat {other}.",
            "no verdict": f"No verdict about the rows “{card.arm}” chose: this run does not measure chance.",
            "no difference that matters": f"The rows “{card.arm}” chose and {other}: no difference that matters.",
        }.get(card.verdict, f"Training only on the rows that “{card.arm}” chose {card.verdict}.")
    ways = len(view.cards)
    counts = {word: sum(card.verdict == word for card in view.cards) for word in MARKS}
    if counts["no evidence"] == ways:
        return f"No evidence that any of the {ways} ways of selecting rows beats a random choice."
    parts = [f"{count} {SAID[word][count > 1]}" for word, count in counts.items() if count]
    first, *others = parts
    return f"{first.replace(' ', f' of {ways} ways of selecting rows ', 1)}{''.join(f', {part}' for part in others)}."


def _how_far(data: ReportData) -> str:
    """Return the headline of a run that has evaluated nothing."""
    accepted = sum(funnel.total.kept for funnel in data.funnels.values())
    if any(arm.losses for arm in data.arms):
        return "The arms are trained; nothing has been evaluated yet."
    if data.arms:
        return f"{len(data.arms)} arms have chosen their rows; nothing has been trained yet."
    if accepted:
        return f"{accepted:,} rows are written and accepted; no arm has chosen among them yet."
    return "Nothing has been accepted yet."
