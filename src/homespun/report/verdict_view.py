"""The verdicts of a run, in words and large: the page's headline, its key figures, a card per selecting arm.

It repeats what the evaluation decided (`helped`, `hurt`, `no evidence`) and decides nothing itself. An arm's
verdict is the one against its random control, because only that isolates *which* rows were kept; the one
against the unfiltered rows stands beside it.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from homespun.report.charts import Axis, axis_over
from homespun.report.data import ReportData
from homespun.report.format import change_in_words, change_of, is_share, metric_name, p_value, value_of
from homespun.report.results_view import BASELINES, arms_of, comparisons, evaluations_of

MARKS = {"helped": "▲", "hurt": "▼", "no evidence": "○"}


@dataclass(frozen=True, slots=True)
class Against:
    """One comparison of an arm: with its random control, or with its reference."""

    name: str
    who: str  #: the other side, in words
    verdict: str
    mark: str
    sentence: str
    note: str
    change: str
    strip: tuple[float, float, float, float]  #: zero, low, middle, high in percent of a common scale


@dataclass(frozen=True, slots=True)
class Card:
    """The verdict on one selecting arm."""

    arm: str
    rows: int | None
    verdict: str
    mark: str
    against: tuple[Against, ...]
    sentence: str


@dataclass(frozen=True, slots=True)
class VerdictsView:
    """The first section of the page."""

    cards: tuple[Card, ...]
    figures: tuple[tuple[str, str, str], ...]  #: large numbers: name, value, metric
    metric: str
    items: int


def _against(key: str, versus: Mapping[str, Any], arm: Mapping[str, Any], axis: Axis) -> Against:
    metric = versus["metric"]
    if key == "versus_control":
        name, who = "random control", f"a random choice of {arm['kept']:,} rows" if arm.get("kept") else "random"
    else:
        name, who = arm.get("reference") or "reference", f"{arm.get('reference') or 'the reference'}, all its rows"
    words = change_in_words(metric, versus["difference"])
    than = "to" if words == "no difference" else "than"
    low, high = change_of(metric, versus["low"]), change_of(metric, versus["high"])
    chance = f"p = {p_value(versus['p'])}".replace("= <", "<")
    if versus.get("p_holm") is not None:
        chance += f", {p_value(versus['p_holm'])} after Holm's correction"
    sentence = f"{metric_name(metric).capitalize()} {words} {than} {who}: 95 % interval {low} to {high}, {chance}."
    needed = versus.get("items_needed")
    note = f"It would take about {needed:,} test items to see a difference of this size." if needed else ""
    return Against(
        name=name,
        who=who,
        verdict=versus["verdict"],
        mark=MARKS.get(versus["verdict"], ""),
        sentence=sentence,
        note=note,
        change=change_of(metric, versus["difference"]) + (" points" if is_share(metric) else ""),
        strip=(axis.at(0), axis.at(versus["low"]), axis.at(versus["difference"]), axis.at(versus["high"])),
    )


def _cards(entries: Mapping[str, Any], arms: Mapping[str, Mapping[str, Any]]) -> tuple[Card, ...]:
    chosen = {name: comparisons(entry) for name, entry in entries.items()}
    chosen = {name: found for name, found in chosen.items() if found}
    ends = [versus[key] for found in chosen.values() for _, versus in found for key in ("low", "high")]
    if not ends:
        return ()
    reach = max(abs(end) for end in ends)
    axis = axis_over([-reach, reach])  # one scale on all cards, zero in the middle
    cards = []
    for name, found in chosen.items():
        arm = arms.get(name, {})
        against = tuple(_against(key, versus, arm, axis) for key, versus in found)
        sentence = str(entries[name].get("sentence") or "")
        cards.append(Card(name, arm.get("kept"), against[0].verdict, against[0].mark, against, sentence))
    return tuple(cards)


def _figures(
    metric: str, evaluation: Mapping[str, Any], arms: Mapping[str, Mapping[str, Any]]
) -> tuple[tuple[str, str, str], ...]:
    name = metric_name(metric)
    figures = []
    for mode, found in evaluation.get("baseline", {}).items():
        if metric in found:
            figures.append((BASELINES.get(mode, mode), value_of(metric, found[metric]), name))
    means = {arm: entry["metrics"][metric]["mean"] for arm, entry in evaluation["arms"].items()
             if metric in entry["metrics"]}  # fmt: skip
    references = dict.fromkeys(entry.get("reference") for entry in arms.values())
    for arm in references:
        if arm in means:
            figures.append((f"trained on {arm}", value_of(metric, means[arm]), name))
    selecting = {arm: mean for arm, mean in means.items() if arms.get(arm, {}).get("control")}
    if selecting:
        best = max(selecting, key=lambda arm: selecting[arm])
        word = "trained on" if len(selecting) == 1 else "highest selecting arm:"
        figures.append((f"{word} {best}", value_of(metric, selecting[best]), name))
    return tuple(figures)


def view_verdicts(data: ReportData) -> VerdictsView | None:
    """Arrange the primary evaluation's verdicts; None while nothing is evaluated."""
    evaluations = evaluations_of(data)
    if data.results is None or not evaluations:
        return None
    metric, first, arms = data.results["primary"][1], next(iter(evaluations.values())), arms_of(data)
    return VerdictsView(
        _cards(first["arms"], arms), _figures(metric, first, arms), metric_name(metric), first["items"]
    )


def headline(data: ReportData, view: VerdictsView | None) -> str:
    """Return the finding of the run in one sentence."""
    if view is None:
        accepted = sum(funnel.total.kept for funnel in data.funnels.values())
        if any(arm.losses for arm in data.arms):
            return "The arms are trained; nothing has been evaluated yet."
        if data.arms:
            return f"{len(data.arms)} arms have chosen their rows; nothing has been trained yet."
        if accepted:
            return f"{accepted:,} rows are written and accepted; no arm has chosen among them yet."
        return "Nothing has been accepted yet."
    if not view.cards:
        return "The arms are evaluated; none of them selects rows, so there is no selection to judge."
    if len(view.cards) == 1:
        card = view.cards[0]
        said = {
            "helped": f"Keeping only the rows that “{card.arm}” chose helped.",
            "hurt": f"Keeping only the rows that “{card.arm}” chose hurt.",
        }
        return said.get(card.verdict, f"No evidence that the rows “{card.arm}” chose are better than random ones.")
    counts = {word: sum(card.verdict == word for card in view.cards) for word in MARKS}
    parts = [f"{counts['helped']} of {len(view.cards)} ways of selecting rows helped"]
    if counts["hurt"]:
        parts.append(f"{counts['hurt']} hurt")
    if counts["no evidence"]:
        parts.append(f"{counts['no evidence']} {'shows' if counts['no evidence'] == 1 else 'show'} no evidence")
    return ", ".join(parts) + "."
