"""How much each of several answers agrees with the others: minimum Bayes risk (methods.md B2).

    score_i = ((m_i - 1) + sum over j != i of m_j u(i, j)) / (N - 1),   N = sum of m

over distinct answers, m_j copies of each; a copy agrees fully. With the cosine as u the sum over j is one
product with the weighted sum of all vectors, so the cost grows with the number of answers, not its square;
other measures have no such form. Vectors must be of unit length before they are summed.
"""

from __future__ import annotations

from collections.abc import Hashable, Sequence

import numpy as np
from numpy.typing import NDArray

from homespun.near.cosine import Scores, Vectors
from homespun.near.rouge import rouge_l

DIGITS = 9  #: scores are rounded, so that equal ones are equal whatever the order of the sum


def by_cosine(vectors: Vectors, copies: Sequence[int] | None = None) -> Scores:
    """Return the centrality of each of several distinct answers.

    Args:
        vectors: unit vectors, shape (answers, dimensions), none of nan.
        copies: how often each answer was given; once each unless given.

    Returns:
        a score per answer; nan for a single one, which has nothing to agree with.
    """
    weights = _weights(len(vectors), copies)
    exact = vectors.astype(np.float64)
    total = (exact * weights[:, None]).sum(axis=0)
    own = (exact * exact).sum(axis=1)  # 1 but for rounding
    return _score((exact * total).sum(axis=1) - weights * own, weights)


def by_rouge_l(answers: Sequence[Sequence[Hashable]], copies: Sequence[int] | None = None) -> Scores:
    """Return the centrality of each of several distinct answers by ROUGE-L F of their words.

    Args:
        answers: the words of each answer.
        copies: how often each answer was given; once each unless given.

    Returns:
        a score per answer; nan for a single one.
    """
    weights = _weights(len(answers), copies)
    agreement = np.zeros(len(answers))
    for i, first in enumerate(answers):
        for j in range(i):
            score = rouge_l(first, answers[j])
            agreement[i] += weights[j] * score
            agreement[j] += weights[i] * score
    return _score(agreement, weights)


def ranks(scores: Scores, lengths: Sequence[int]) -> NDArray[np.int64]:
    """Return ranks from 1, the most central first; of equals the shorter, then the earlier. nan ranks last."""
    order = np.lexsort((np.arange(len(scores)), np.asarray(lengths), -np.nan_to_num(scores, nan=-np.inf)))
    found = np.empty(len(scores), dtype=np.int64)
    found[order] = np.arange(1, len(scores) + 1)
    return found


def _weights(count: int, copies: Sequence[int] | None) -> Scores:
    return np.ones(count) if copies is None else np.asarray(copies, dtype=np.float64)


def _score(agreement: Scores, weights: Scores) -> Scores:
    """Divide what the other answers say, own further copies added, by how many they are."""
    others = weights.sum() - 1
    if others < 1:
        return np.full(len(weights), np.nan)
    score: Scores = (weights - 1 + agreement) / others
    return score.round(DIGITS)
