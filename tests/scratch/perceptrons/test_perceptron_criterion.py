"""The perceptron criterion: one value, three gradients at the kink."""

import pytest
import torch

from course_utils.scratch.perceptrons.perceptron_criterion import (
    criterion,
    criterion_kink_included,
    criterion_over_mistakes,
)

FORMS = (criterion_over_mistakes, criterion, criterion_kink_included)


def draw(seed, count=1000):
    generator = torch.Generator().manual_seed(seed)
    scores = torch.randn(count, generator=generator, dtype=torch.float64)
    scores[::10] = 0.0  # on the kink
    y = torch.where(torch.rand(count, generator=generator) < 0.5, -1.0, 1.0).double()
    return scores, y


@pytest.mark.parametrize("seed", range(5))
def test_all_forms_give_one_number(seed):
    scores, y = draw(seed)
    slow = sum(-t * s for t, s in zip(y.tolist(), scores.tolist()) if t * s < 0)
    for form in FORMS:
        assert form(scores, y).item() == pytest.approx(slow, rel=1e-12)


@pytest.mark.parametrize("form", FORMS)
def test_gradient_away_from_the_kink_is_minus_y_on_mistakes(form):
    scores, y = draw(1)
    scores = scores[scores != 0].requires_grad_()
    y = y[: len(scores)]
    form(scores, y).backward()
    expected = torch.where(y * scores < 0, -y, torch.zeros_like(y))
    assert torch.equal(scores.grad, expected)
    assert torch.autograd.gradcheck(lambda s: form(s, y), (scores.detach().requires_grad_(),))


@pytest.mark.parametrize("label", [-1.0, 1.0])
def test_gradient_on_the_kink(label):
    y = torch.tensor([label], dtype=torch.float64)
    slopes = []
    for form in (criterion, criterion_kink_included):
        score = torch.zeros(1, dtype=torch.float64, requires_grad=True)
        form(score, y).backward()
        slopes.append(score.grad.item())
    assert slopes == [0.0, -label]


def test_lengths_must_agree():
    with pytest.raises(ValueError, match="same length"):
        criterion(torch.zeros(2), torch.ones(3))
