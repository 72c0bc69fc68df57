"""Shortcut audit: can a row's label be guessed without reading it (methods.md 2E-4)?

A model trained on rows whose label follows from their length, from how much two fields share, from negations
or from the first word learns that and not the task (annotation artefacts: Gururangan and others 2018). Each
cue is scored by AUC, one label against the others: .5 says nothing, 1 tells the label. `first word` and
`together` are logistic models judged on folds that they did not see. Looks at inputs alone; whether a cue is
legitimate (a review that says "bad") is for a person.
"""

from __future__ import annotations

import math
import re
from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from homespun.data.records import Row, derive_seed
from homespun.select.base import Columns
from homespun.stats import descriptive
from homespun.text.words import length, words

Floats = NDArray[np.float64]

WARN = 0.70  #: AUC above which a cue is a shortcut
FEWEST = 10  #: rows with and without a label below which nothing is said about it
LABELS = 12  #: the most frequent labels that are looked at
FIRST_WORDS = 60  #: the most frequent first words that the logistic model knows
_FOLDS = 5
_RIDGE = 1.0
_NEGATION = {
    "en": re.compile(r"\b(?:not|no|never|none|nothing|nobody|nowhere|neither|nor|without|cannot)\b|n['’]t\b", re.I),
    "ja": re.compile(r"ない|なかっ|なく|ません|ずに|まい"),
}


@dataclass(frozen=True, slots=True)
class Cue:
    """How well one cue tells one label from the others, in one set of rows."""

    name: str
    label: str
    auc: float  #: 0 to 1; below .5: the label goes with low values
    rows: int
    noise: float  #: two standard errors of an AUC that is .5 in truth, for so many rows

    @property
    def strength(self) -> float:
        """AUC with the better of the two directions, .5 to 1."""
        return max(self.auc, 1 - self.auc)

    @property
    def warns(self) -> bool:
        """Whether it is a shortcut: above WARN and beyond what so few rows show by chance."""
        return self.strength > WARN and self.strength - 0.5 > self.noise

    @property
    def sentence(self) -> str:
        """The warning."""
        what = "all cues together" if self.name == "together" else f"{self.name} alone"
        return (
            f'the label "{self.label}" can be guessed from {what} (AUC {self.strength:.2f}, above {WARN:.2f}):'
            " a model may learn that instead of the task"
        )


def cues(rows: Sequence[Row], columns: Columns) -> list[Cue]:
    """Return how well each cue tells each label; empty where rows carry no label, or one alone.

    Args:
        rows: the rows; those without a `label` group are left out.
        columns: scores; columns named `cosine` are cues as well.
    """
    labelled = [row for row in rows if row.groups.get("label")]
    counts = Counter(row.groups["label"] for row in labelled)
    chosen = [label for label, count in counts.most_common(LABELS) if FEWEST <= count <= len(labelled) - FEWEST]
    if len(counts) == 2:
        chosen = chosen[:1]
    if not chosen:
        return []
    single = _features(labelled, columns)
    first = _first_words(labelled)
    together = np.column_stack([*(np.nan_to_num(values) for values in single.values()), first])
    folds = np.array([derive_seed("fold", row.id) % _FOLDS for row in labelled])
    found = []
    for label in chosen:
        is_label = np.array([row.groups["label"] == label for row in labelled], dtype=np.float64)
        values = dict(single)
        if first.shape[1]:
            values["first word"] = _predicted(first, is_label, folds)
        values["together"] = _predicted(together, is_label, folds)
        found += [_cue(name, label, column, is_label) for name, column in values.items()]
    return found


def _cue(name: str, label: str, values: Floats, is_label: Floats) -> Cue:
    auc = descriptive.auc(values, is_label)
    there = ~np.isnan(values)
    ones, zeros = float(is_label[there].sum()), float((1 - is_label[there]).sum())
    noise = 2 * math.sqrt((ones + zeros + 1) / (12 * ones * zeros)) if ones and zeros else math.inf
    return Cue(name, label, auc.value, auc.used, noise)


def _features(rows: Sequence[Row], columns: Columns) -> Mapping[str, Floats]:
    """Return the cues that are a number per row."""
    found: dict[str, Floats] = {"length": np.array([length(row.text, row.language) for row in rows], dtype=np.float64)}
    if all(len(row.payload.fields) > 1 for row in rows):
        found["shared words"] = np.array([_shared(row) for row in rows])
    for name, scores in columns.scores.items():
        if "cosine" in scores.columns:
            found[f"{name}.cosine"] = np.array(columns.numbers(f"{name}.cosine", rows))
    negations = [len(_NEGATION.get(row.language, _NEGATION["en"]).findall(row.text)) for row in rows]
    return {**found, "negations": np.array(negations, dtype=np.float64)}


def _shared(row: Row) -> float:
    """Return the Jaccard similarity of the words of the first two fields."""
    one, other, *_ = (set(words(text, row.language)) for text in row.payload.fields.values())
    return len(one & other) / len(one | other) if one or other else math.nan


def _first_words(rows: Sequence[Row]) -> Floats:
    """Return a column of 0 and 1 for each frequent first word; rows x words."""
    first = [next(iter(words(row.text[:200], row.language)), "") for row in rows]
    frequent = [word for word, count in Counter(first).most_common(FIRST_WORDS) if word and count >= _FOLDS]
    return np.array([[float(word == known) for known in frequent] for word in first]).reshape(len(rows), -1)


def _predicted(features: Floats, target: Floats, folds: NDArray[np.int64]) -> Floats:
    """Return for each row the log-odds that a ridge logistic model fitted to the other folds gives it."""
    spread = features.std(axis=0)
    scaled = (features - features.mean(axis=0)) / np.where(spread > 0, spread, 1.0)
    scaled = np.column_stack([np.ones(len(scaled)), scaled])
    found = np.zeros(len(target))
    for fold in range(_FOLDS):
        held = folds == fold
        # Weights alone: the intercept follows the balance of the other folds, and so would tell the label.
        found[held] = scaled[held, 1:] @ _logistic(scaled[~held], target[~held])[1:]
    return found


def _logistic(features: Floats, target: Floats) -> Floats:
    """Return the weights of a logistic model with a ridge on all but the intercept, by Newton's method."""
    weights = np.zeros(features.shape[1])
    ridge = np.full(features.shape[1], _RIDGE)
    ridge[0] = 1e-6
    for _ in range(20):
        chance = 1 / (1 + np.exp(-np.clip(features @ weights, -30, 30)))
        slope = features.T @ (target - chance) - ridge * weights
        bend = (features * (chance * (1 - chance))[:, None]).T @ features + np.diag(ridge)
        step = np.linalg.solve(bend, slope)
        weights += step
        if np.abs(step).max() < 1e-8:
            break
    return weights
