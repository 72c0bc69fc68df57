"""The recommendation of recommend.py in plain English; only numbers of the recommendation are spoken.

A difference within the intervals is called that, never a tie and never a win.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from homespun.evaluate.versus import VERDICTS

UNEVEN = 0.1  #: share of tokens from which on a difference between an arm and its control is told
TOLERABLE = 0.1  #: loss of accuracy up to which fewer variants are advised, by the far end of its interval
Found = Mapping[str, Any]


def share(value: float) -> str:
    """Return an accuracy as `93.1 %`, whole numbers as `85 %`."""
    text = f"{100 * value:.1f}"
    return f"{text.removesuffix('.0')} %"


def points(value: float) -> str:
    """Return a difference of accuracies as `+3.1`."""
    return f"{100 * value:+.1f}"


def amount(value: float) -> str:
    """Return a number of exposures or tokens as one says it: `213`, `1,200`, `48 thousand`, `1.2 million`."""
    for size, word in ((1e9, "billion"), (1e6, "million"), (1e4, "thousand")):
        if value >= size:
            return f"{value / (1e3 if word == 'thousand' else size):.3g} {word}"
    return f"{value:,.0f}" if value >= 10 else f"{value:.1f}".removesuffix(".0")


def listed(names: Sequence[str]) -> str:
    """Return `a`, `a and b`, `a, b and c`."""
    return " and ".join([", ".join(names[:-1]), names[-1]] if len(names) > 1 else names)


def headline(found: Found) -> str:
    """Return the finding in one sentence."""
    said = _headline(found)
    return f"{said.removesuffix('.')} (one training seed)." if found["seeds"] == 1 else said


def _headline(found: Found) -> str:
    strategies, choice, limit = found["strategies"], found["choice"], found["threshold"]
    best = _entry(strategies, choice["arm"])
    if limit is None:
        highest = _entry(strategies, choice["highest"])
        return f"No strategy reaches {share(_lowest(found))}; the highest is {highest['arm']} with {_end(highest)}."
    if best["exposures"] is None:
        return f"{best['arm']} ends highest, at {_end(best)}."
    said = f"{best['arm']} reaches {share(limit)} after {_exposures(best['exposures'])}"
    other = _entry(strategies, found["base"]) if found["base"] not in (None, best["arm"]) else None
    other = other or next((entry for entry in strategies if entry is not best), None)
    if other is None:
        return f"{said}."
    if other["exposures"] is None:
        within = "" if other["arm"] in choice["sooner_than"] else ", a difference within the intervals"
        return f"{said}; {other['arm']} does not within {amount(found['exposures'])}{within}."
    if other["arm"] in (*choice["sooner_than"], *choice["later_than"]):
        return f"{said}, {other['arm']} after {amount(other['exposures'])}."
    return f"{said}, {other['arm']} after {amount(other['exposures'])}: within the intervals."


def sentences(found: Found) -> list[str]:
    """Return what the run advises, the most important first."""
    said = _strategy(found)
    if found["seeds"] == 1:  # before anything else is concluded from it
        said.append(
            "One training seed: how far chance in training moves these figures was not measured, so the intervals are"
            " too narrow and what lies beyond them may still be chance. Train with three seeds before relying on it."
        )
    if any(entry["end"]["mean"] for entry in found["strategies"]):  # of what learned nothing there is nothing to say
        said += [*_saving(found), *_falls(found), *_variants(found), *_selection(found)]
    return [*said, *_forgetting(found), *_categories(found), *_reverse(found)]


def _entry(strategies: Sequence[Found], arm: str) -> Found:
    return next((entry for entry in strategies if entry["arm"] == arm), strategies[0])


def _end(entry: Found) -> str:
    return share(entry["end"]["mean"])


def _exposures(value: float) -> str:
    said = amount(value)
    return f"{said} exposure" if said == "1" else f"{said} exposures"


def _lowest(found: Found) -> float:
    return min(map(float, found["reach"]))


def _interval(value: Found) -> str:
    if value["low"] is None:
        return "one replicate"
    return f"95 % interval {points(value['low'])} to {points(value['high'])}"


# strategy


def _strategy(found: Found) -> list[str]:
    strategies, choice, limit = found["strategies"], found["choice"], found["threshold"]
    best = _entry(strategies, choice["arm"])
    others = [entry for entry in strategies if entry is not best]
    ends = f"at {_end(best)} (95 % interval {share(best['end']['low'])} to {share(best['end']['high'])})"
    name = best["arm"] if best["arm"] == best["strategy"] else f"{best['strategy']} (arm {best['arm']})"
    within = f"within {_exposures(found['exposures'])}"
    if limit is None:
        said = f"No strategy reaches {share(_lowest(found))} {within}; the highest, {name}, ends {ends}."
        return [said + " Train longer or at a higher rate before comparing strategies.", *_higher(found, best, others)]
    if not others:
        return [f"One strategy was tried: {name}. It reaches {share(limit)} {_after(best)} and ends {ends}."]
    first = strategies[0]
    if best["exposures"] is None or first["arm"] in (*choice["higher_than"], *choice["later_than"]):
        said = f"Take {name}: it ends {ends}. {first['arm']} reaches {share(limit)} sooner ({_after(first)}) but ends"
        return [f"{said} at {_end(first)}, lower beyond the intervals.", *_higher(found, best, others)]
    place = f", first of {len(strategies)} strategies," if first is best else ""
    said = f"Take {name}: it reaches {share(limit)} {_after(best)}{place} and ends {ends}"
    said += "." if first is best else f", highest of those not told from the first, {first['arm']}, in exposures."
    surely = [entry["arm"] for entry in others if entry["arm"] in choice["sooner_than"]]
    unsure = [entry for entry in others if entry["arm"] not in surely]
    close = listed([f"{entry['arm']} ({_after(entry) or 'not reached'})" for entry in unsure])
    if not surely:
        said += f" This run does not tell it from {close}: the differences in exposures are within the intervals."
    else:
        said += f" That is sooner than {listed(surely)} beyond the intervals"
        said += f"; the difference to {close} is within them." if unsure else "."
    return [said, *_higher(found, best, others)]


def _after(entry: Found) -> str:
    return "" if entry["exposures"] is None else f"after {_exposures(entry['exposures'])}"


def _higher(found: Found, best: Found, others: Sequence[Found]) -> list[str]:
    """Say how sure the order at the end of training is."""
    if not others:
        return []
    choice = found["choice"]
    surely = [entry["arm"] for entry in others if entry["arm"] in choice["higher_than"]]
    rest = [f"{entry['arm']} ({_end(entry)})" for entry in others if entry["arm"] not in surely]
    if not surely:
        return [f"At the end of training it is not told apart from {listed(rest)}: within the intervals."]
    said = f"At the end of training it is above {listed(surely)} beyond the intervals"
    return [f"{said}; against {listed(rest)} the difference is within them." if rest else f"{said}."]


# exposures and tokens


def _saving(found: Found) -> list[str]:
    """Say what the choice saves against the base, in exposures and in tokens."""
    base, choice, limit = found["base"], found["choice"], found["threshold"]
    if limit is None:
        return []
    said = []
    if base not in (None, choice["arm"]):
        both = [key for key, rows in found["reach"].items() if rows[choice["arm"]]["exposures_saving"] is not None]
        at = f"{limit:g}" if f"{limit:g}" in both else max(both, key=float, default=None)
        if at != f"{limit:g}" and found["reach"][f"{limit:g}"][base]["exposures"] is None:
            said.append(f"{base} does not reach {share(limit)} within {_exposures(found['exposures'])}.")
        if at is not None:
            said.append(_saved(found, at))
    fewest, best = choice["fewest_tokens"], choice["arm"]
    rows = found["reach"][f"{limit:g}"]
    if fewest not in (None, best) and rows[best]["tokens"] is not None:
        known = "beyond the intervals" if fewest in choice["dearer_than"] else "within the intervals"
        said.append(
            f"Counted in training tokens, {fewest} is there first: {amount(rows[fewest]['tokens'])} against"
            f" {amount(rows[best]['tokens'])} for {best}, a difference {known}."
        )
    return said


def _saved(found: Found, at: str) -> str:
    base, best = found["base"], found["choice"]["arm"]
    mine, theirs = found["reach"][at][best], found["reach"][at][base]
    surely = f"{found['threshold']:g}" == at and base in found["choice"]["sooner_than"] + found["choice"]["later_than"]
    exposures, tokens = mine["exposures_saving"], mine["tokens_saving"]
    figures = f"{amount(mine['exposures'])} instead of {amount(theirs['exposures'])}"
    paid = f"{amount(mine['tokens'])} instead of {amount(theirs['tokens'])}"
    said = f"To {share(float(at))} it needs {_fewer(exposures)} exposures than {base} ({figures})"
    if exposures > 0 >= tokens:
        more = "as many" if round(100 * tokens) == 0 else f"{abs(100 * tokens):.0f} % more"
        said += f" but {more} training tokens ({paid}): its variants are longer, so the saving in exposures is none in"
        said += " tokens"
    else:
        said += f" and {_fewer(tokens)} training tokens ({paid})"
    return f"{said}." if surely else f"{said}; in exposures the difference is not beyond the intervals."


def _fewer(value: float) -> str:
    return f"{abs(100 * value):.0f} % {'fewer' if value >= 0 else 'more'}"


def _falls(found: Found) -> list[str]:
    return [
        f"{fall['arm']} is highest after {_exposures(fall['exposures'])} ({share(fall['peak'])}) and falls to"
        f" {share(fall['end'])} by the end, beyond the intervals: it is trained too long."
        for fall in found["falls"]
    ]


# variants


def _variants(found: Found) -> list[str]:
    said = []
    for entry in found["variants"]:
        top, largest = share(entry["largest_accuracy"]), _count(entry["largest"])
        if entry["arm"] == entry["arms"][-1]:
            said.append(
                f"Variants of {entry['strategy']}: take the most tried ({largest}, {top}); with fewer, accuracy is"
                " lower beyond the intervals, so still more may help."
            )
            continue
        lost = f"{100 * entry['difference']['high']:.1f} points"
        compared = f"({share(entry['accuracy'])} against {top})"
        if entry["difference"]["high"] > TOLERABLE:
            said.append(
                f"Variants of {entry['strategy']}: this run cannot tell how few are enough. {_count(entry['enough'])}"
                f" per document is not worse than {largest} beyond the interval {compared}, and may yet lose up to"
                f" {lost}. Take {largest} until more questions or seeds tell."
            )
            continue
        fewest = entry["enough"] == entry["tried"][0]
        said.append(
            f"Variants of {entry['strategy']}: {_count(entry['enough'])} per document is the smallest number tried"
            f" that is not worse than {largest} beyond the interval {compared}; the loss may still be up to {lost}."
            + (" No fewer were tried." if fewest else "")
        )
    return said


def _count(variants: int | None) -> str:
    return "all" if variants is None else f"{variants:,}"


# selection


def _selection(found: Found) -> list[str]:
    held = [entry for entry in found["selection"] if entry["control"]]
    if not held:
        return []
    groups = {word: [e for e in held if e["control"]["verdict"] == word] for word in VERDICTS}
    parts = [
        f"{listed([_selected(entry) for entry in group])} {word}"
        for word, group in groups.items()
        if group and word in ("helped", "hurt", "no difference that matters")
    ]
    undecided = [*groups["no evidence"], *groups["no verdict"]]
    count = len(undecided)
    if count == len(held):
        who = held[0]["arm"] if count == 1 else f"any of the {count} ways of selecting variants"
        said = f"No evidence that {who} beats a random choice of as many variants."
    else:
        said = f"Selecting against a random choice of as many variants: {'; '.join(parts)}"
        said += f"; no evidence for {listed([e['arm'] for e in undecided])}." if count else "."
    return [f"{said} {_paid(groups['helped'])}", *_lengths(held)]


def _lengths(held: Sequence[Found]) -> list[str]:
    """Say which rules chose by length, too: as many variants are then not as much text."""
    uneven = [entry for entry in held if entry["tokens_more"] is not None and abs(entry["tokens_more"]) >= UNEVEN]
    if not uneven:
        return []
    told = [
        f"{entry['arm']} on {abs(100 * entry['tokens_more']):.0f} % {'more' if entry['tokens_more'] > 0 else 'fewer'}"
        for entry in uneven
    ]
    return [
        f"Length comes along with the choice: {listed(told)} training tokens than a random choice of as many variants."
        " What such an arm gains or loses may be that."
    ]


def _selected(entry: Found) -> str:
    return f"{entry['arm']} ({points(entry['control']['difference'])} points, {_interval(entry['control'])})"


def _paid(helped: Sequence[Found]) -> str:
    """Say whether selecting is worth it: it must also not lose against using every variant."""
    if not helped:
        return "Nothing here shows that selecting pays: use all variants."
    worth = [entry for entry in helped if not entry["all"] or entry["all"]["verdict"] != "hurt"]
    if not worth:
        return f"Yet all variants together do better than {listed([e['arm'] for e in helped])}: use all of them."
    said = []
    for entry in worth:
        against = entry["all"]
        if against is None:
            continue
        verdict = "helped" if against["verdict"] == "helped" else "shows no evidence of a difference"
        told = f"Against all variants {entry['arm']} {verdict} ({points(against['difference'])} points)."
        if entry["exposures_saving"] is not None and entry["tokens_saving"] is not None:
            told += f" To the threshold it needs {_fewer(entry['exposures_saving'])} exposures and"
            told += f" {_fewer(entry['tokens_saving'])} training tokens than all variants,"
            told += f" {'in exposures beyond' if entry['sooner'] else 'within'} the intervals."
        said.append(told)
    return " ".join(said)


# forgetting and categories


def _forgetting(found: Found) -> list[str]:
    said = []
    for name in dict.fromkeys(entry["evaluation"] for entry in found["forgetting"]):
        entries = [entry for entry in found["forgetting"] if entry["evaluation"] == name]
        mine = next((entry for entry in entries if entry["arm"] == found["choice"]["arm"]), entries[0])
        told = f"General ability ({name}): {share(mine['before'])} before, {share(mine['after']['mean'])} after"
        told += f" training on {mine['arm']}"
        if mine["change"]:
            words = dict.fromkeys(VERDICTS, "no evidence of forgetting or gain") | {
                "hurt": "it forgot",
                "helped": "a gain",
                "no difference that matters": "no change that matters",
            }
            told += f": {words[mine['change']['verdict']]} ({points(mine['change']['difference'])} points,"
            told += f" {_interval(mine['change'])})"
        if bits := mine["bits"]:
            told += f"; plain text takes {bits['after']:.2f} bits per byte, {bits['before']:.2f} before"
        told += "."
        lost = [e["arm"] for e in entries if e is not mine and (e["change"] or {}).get("verdict") == "hurt"]
        said.append(told + (f" Beyond chance forgot: {listed(lost)}." if lost else ""))
    return said


def _categories(found: Found) -> list[str]:
    best = found["choice"]["arm"]
    said = [
        f"In {entry['category']}, {entry['arm']} is higher than {best}: {share(entry['accuracy'])} against"
        f" {share(entry['chosen_accuracy'])}, beyond the intervals."
        for entry in found["categories"]
        if entry["clear"]
    ]
    unsure = [entry for entry in found["categories"] if not entry["clear"]]
    if unsure:
        told = listed([f"{entry['category']} ({entry['arm']})" for entry in unsure])
        said.append(f"In {told} another strategy is highest, within the intervals.")
    return said


def _reverse(found: Found) -> list[str]:
    reverse = found["reverse"]
    if reverse is None or not reverse["below"]:
        return []
    best = _entry(found["strategies"], found["choice"]["arm"])
    return [
        f"Asked in reverse, {best['arm']} answers {share(reverse['mean'])} of the questions, below the {_end(best)}"
        " asked forward beyond the intervals: what was learned one way round is not known the other way."
    ]
