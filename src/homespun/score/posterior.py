"""From the log scores of all labels to what they say about a row's own label, calibrated if asked.

A small model prefers one label whatever the input says: its posterior still ranks the rows of one label,
but 0.5 is no longer the point where it changes its mind. Two remedies, each adding one bias per label:

- `content_free`: subtract the log posterior of an empty input (contextual calibration, Zhao et al. 2021)
- `pool`: the biases for which the mean posterior over the pool equals the share of rows that carry each
  label (after batch calibration, Zhou et al. 2024, with the shares in place of equal priors). It uses no
  row's own label, only how many there are, and needs the whole pool: some dozens of rows at least.

Where rows of one label are wrong, `pool` takes them for the model's taste and hides them. `auto` therefore
calibrates over the pool only where the model answers one label for more than ONE_SIDED of the rows of *every*
label: rows cannot be wrong that way unless most of a label are, while a model with a taste answers so.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import Literal

import numpy as np

from homespun.data.records import Row
from homespun.models.judge import log_softmax
from homespun.score.base import Marks
from homespun.stats.descriptive import matching_biases
from homespun.task import Task
from homespun.text.prompts import pick

Calibration = Literal["none", "content_free", "pool", "auto"]

CALIBRATE = "take off the model's taste for a label: by an empty input, or over the pool (auto: if one-sided)"
ONE_SIDED = 0.6  #: with rows spread evenly over two labels, a model that gives one to over 80 % of all is above it
CONTENT_FREE = {"en": "N/A", "ja": "該当なし"}  #: stands for every field of an empty input
NO_PROBABILITY = "the model gave no log-probability for one of the labels"


def empty_input(task: Task, language: str) -> dict[str, str]:
    """Return the fields of an input that says nothing."""
    return dict.fromkeys(task.fields, pick(CONTENT_FREE, language))


def label_problem(row: Row, labels: Sequence[str]) -> str:
    """Return why a row's output is no label of the task, or the empty string."""
    if row.payload.output in labels:
        return ""
    return f'its output "{row.payload.output}" is no label of the task: {", ".join(labels)}'


def label_marks(
    rows: Sequence[Row],
    labels: Sequence[str],
    scores: Sequence[Sequence[float]],
    empty: Sequence[float],
    calibration: Calibration,
) -> list[Marks]:
    """Return posterior, margin, label and agrees of each row.

    Args:
        rows: the rows.
        labels: the task's labels.
        scores: log scores of the labels, shape (rows, labels).
        empty: log scores of the labels for an empty input, shape (labels,).
        calibration: which biases to add.
    """
    problems = [
        label_problem(row, labels) or ("" if all(map(math.isfinite, (*each, *empty))) else NO_PROBABILITY)
        for row, each in zip(rows, scores, strict=True)
    ]
    usable = [place for place, problem in enumerate(problems) if not problem]
    own = {place: labels.index(rows[place].payload.output) for place in usable}
    biases = [0.0] * len(labels)
    if calibration == "content_free":
        biases = [-log for log in log_softmax(empty)]
    elif calibration != "none" and usable:
        found, carried = [scores[place] for place in usable], list(own.values())
        if calibration == "pool" or one_sided(found, carried):
            biases = pool_biases(found, carried)
    return [
        Marks({}, problem) if problem else Marks(_about(own[place], labels, scores[place], biases))
        for place, problem in enumerate(problems)
    ]


def _about(own: int, labels: Sequence[str], scores: Sequence[float], biases: Sequence[float]) -> dict[str, float | str]:
    shifted = [score + bias for score, bias in zip(scores, biases, strict=True)]
    best = shifted.index(max(shifted))
    others = [score for place, score in enumerate(shifted) if place != own]
    return {
        "posterior": math.exp(log_softmax(shifted)[own]),
        "margin": shifted[own] - max(others),
        "label": labels[best],
        "agrees": float(best == own),
    }


def one_sided(scores: Sequence[Sequence[float]], own: Sequence[int]) -> bool:
    """Return whether one label scores highest for more than ONE_SIDED of the rows of every label that has rows.

    Rows of a single label cannot tell a taste from the truth: False.

    Args:
        scores: finite log scores, shape (rows, labels).
        own: position of each row's own label.
    """
    answers, carried = np.argmax(scores, axis=1), np.asarray(own)
    said = [np.bincount(answers[carried == label], minlength=len(scores[0])) for label in set(own)]
    return len(said) > 1 and bool((np.array([each / each.sum() for each in said]).min(axis=0) > ONE_SIDED).any())


def pool_biases(scores: Sequence[Sequence[float]], own: Sequence[int]) -> list[float]:
    """Return one bias per label that makes the mean posterior match the labels' shares.

    Shares are smoothed by one row per label, so that a label without rows keeps a finite bias.

    Args:
        scores: finite log scores, shape (rows, labels), at least one row.
        own: position of each row's own label.
    """
    counts = np.bincount(own, minlength=len(scores[0])) + 1
    return matching_biases(scores, counts / counts.sum())
