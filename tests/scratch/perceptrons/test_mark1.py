"""The machine: wiring, signs, learning, and the estimator that passes a gradient."""

import numpy as np
import pytest
import torch

from course_utils.scratch.perceptrons.mark1 import (
    StraightThroughSign,
    associate,
    response_accuracy,
    train_response,
    wire_randomly,
)
from course_utils.scratch.perceptrons.stroke_letters import draw_letters


def test_each_unit_has_its_links_and_no_more():
    wiring = wire_randomly(64, sensors=400, links=20, seed=1)
    assert wiring.links.shape == (64, 400)
    assert (np.abs(wiring.links).sum(axis=1) == 20).all()
    assert set(np.unique(wiring.links)) == {-1.0, 0.0, 1.0}
    assert len(np.unique(wiring.links, axis=0)) == 64


def test_signs_by_hand():
    wiring = wire_randomly(8, sensors=9, links=3, seed=0)
    images = np.random.default_rng(0).integers(0, 2, size=(5, 3, 3))
    signs = associate(images, wiring)
    for n in range(5):
        for unit in range(8):
            total = sum(int(p) * link for p, link in zip(images[n].ravel(), wiring.links[unit]))
            assert signs[n, unit] == (1 if total >= 0.5 else -1)


def test_the_response_learns_its_letters():
    images, index = draw_letters("TL", 300, seed=0)
    fresh, fresh_index = draw_letters("TL", 300, seed=1)
    wiring = wire_randomly(512, seed=0)
    run = train_response(images, 2.0 * index - 1, wiring)
    assert run.converged
    assert response_accuracy(images, 2.0 * index - 1, wiring, run.w) == 1.0
    assert response_accuracy(fresh, 2.0 * fresh_index - 1, wiring, run.w) > 0.9


def test_straight_through_passes_the_gradient_near_the_threshold_only():
    x = torch.tensor([-3.0, -0.5, 0.0, 0.5, 3.0], dtype=torch.float64, requires_grad=True)
    out = StraightThroughSign.apply(x, 1.0)
    assert out.tolist() == [-1, -1, 1, 1, 1]
    (out * torch.arange(1.0, 6.0)).sum().backward()
    assert x.grad.tolist() == [0, 2, 3, 4, 0]


def test_wrong_sizes_are_named():
    with pytest.raises(ValueError, match="pixels must have shape"):
        associate(np.zeros((2, 5, 5)), wire_randomly(4, sensors=16, links=2))
    with pytest.raises(ValueError, match="links must be at most 16"):
        wire_randomly(4, sensors=16, links=17)
