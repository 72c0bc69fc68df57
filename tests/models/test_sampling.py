import numpy as np
import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st
from scipy.stats import chisquare

from homespun.models import sampling
from homespun.models.rows import uniforms
from homespun.models.sampling import draw, pick


def nucleus(probabilities, top_p):
    """The definition, in words: take tokens from the most probable on until their mass reaches top_p."""
    order = np.argsort(-probabilities, kind="stable")
    mass, kept = 0.0, []
    for token in order:
        kept.append(int(token))
        mass += probabilities[token]
        if mass >= top_p:
            break
    return set(kept)


def drawn(logits, top_p, temperature=1.0, count=400):
    rows = torch.tensor(logits, dtype=torch.float32).expand(count, -1)
    full = torch.full((count,), temperature), torch.full((count,), top_p, dtype=torch.float64)
    steps = (torch.arange(count, dtype=torch.float64) + 0.5) / count
    return draw(rows, *full, steps)


@given(
    weights=st.lists(st.integers(1, 40), min_size=1, max_size=30),
    top_p=st.floats(0.05, 0.99),
    temperature=st.sampled_from([0.5, 1.0, 2.0]),
)
def test_draws_cover_the_nucleus_and_nothing_else(weights, top_p, temperature):
    logits = np.log(np.array(weights, dtype=float))
    probabilities = np.exp(logits / temperature)
    probabilities /= probabilities.sum()
    steps = 1000
    tokens = drawn(logits, top_p, temperature, steps)
    # The set is unique up to ties at its border: compare masses, and sets of probabilities.
    wanted = nucleus(probabilities, top_p + 1e-7), nucleus(probabilities, top_p - 1e-7)
    allowed = sorted(probabilities[list(wanted[0] | wanted[1])])
    assert all(probabilities[token] >= allowed[0] - 1e-9 for token in tokens)
    assert len(set(tokens)) <= len(wanted[0])
    mass = probabilities[list(wanted[1])].sum()
    sure = {t for t in wanted[1] if probabilities[t] > allowed[0] + 1e-9 and probabilities[t] / mass > 3 / steps}
    assert sure <= set(tokens)


def test_frequencies_are_the_renormalised_probabilities():
    probabilities = np.array([0.5, 0.25, 0.15, 0.06, 0.04])
    numbers = torch.tensor(uniforms(7, 20_000), dtype=torch.float64)
    rows = torch.tensor(np.log(probabilities), dtype=torch.float32).expand(len(numbers), -1)
    tokens = draw(rows, torch.ones(len(numbers)), torch.full((len(numbers),), 0.85, dtype=torch.float64), numbers)
    counts = np.bincount(tokens, minlength=5)
    assert counts[3:].sum() == 0
    kept = probabilities[:3] / probabilities[:3].sum()
    assert chisquare(counts[:3], kept * counts.sum()).pvalue > 1e-3


@pytest.mark.parametrize("candidates", [(256, 4096), (256, 700)])
def test_a_nucleus_wider_than_the_candidates_is_exact(monkeypatch, candidates):
    monkeypatch.setattr(sampling, "CANDIDATES", candidates)
    generator = np.random.default_rng(0)
    logits = generator.normal(size=2000) * 0.1  # nearly flat: the nucleus holds most of the vocabulary
    probabilities = np.exp(logits) / np.exp(logits).sum()
    tokens = set(drawn(logits, 0.6, count=6_000))
    assert sampling.CANDIDATES[0] < len(tokens)
    wanted = nucleus(probabilities, 0.6)
    assert len(tokens - wanted) <= 1  # float32 at the very border
    assert len(tokens) > 0.95 * len(wanted)


def test_top_p_of_one_keeps_every_token():
    logits = np.zeros(1000)
    logits[3] = 2.0
    assert set(drawn(logits, 1.0, count=8_000)) == set(range(1000))


def test_temperature_zero_is_the_most_probable_token_in_any_company():
    rows = torch.tensor([[0.0, 2.0, 1.0], [3.0, 0.0, 2.9]])
    half = torch.tensor([0.99, 0.99], dtype=torch.float64)
    top_p = torch.ones(2, dtype=torch.float64)
    assert draw(rows, torch.tensor([0.0, 0.0]), top_p, half) == [1, 0]
    assert draw(rows, torch.tensor([0.0, 1.0]), top_p, half) == [1, 2]


def test_pick_never_leaves_the_nucleus_at_the_edges_of_the_unit_interval():
    probabilities = torch.tensor([[0.7, 0.2, 0.1]] * 3, dtype=torch.float64)
    top_p = torch.tensor([0.7, 0.70001, 0.89], dtype=torch.float64)
    almost_one = torch.full((3,), 1 - 2**-53, dtype=torch.float64)
    assert pick(probabilities, top_p, almost_one).tolist() == [0, 1, 1]
    assert pick(probabilities, top_p, torch.zeros(3, dtype=torch.float64)).tolist() == [0, 0, 0]


def test_a_rows_numbers_depend_on_its_seed_alone():
    assert uniforms(5, 8) == uniforms(5, 8)
    assert uniforms(5, 8)[:3] == uniforms(5, 3)
    assert uniforms(5, 8) != uniforms(6, 8)
    assert len(uniforms(2**63 - 1, 1)) == 1
