"""Metric losses: values, gradients, triplets that are what they claim, neighbours against the slow way."""

import numpy as np
import pytest
import torch
from torch import nn
from torch.nn import functional as F

from course_utils.scratch.networks.metric_learning import (
    contrastive_loss,
    draw_triplets,
    nearest_neighbours,
    neighbour_accuracy,
    train_embedding,
    triplet_gradient,
    triplet_loss,
)


@pytest.mark.parametrize("shape", [(8, 3), (1, 2), (5, 1)])
@pytest.mark.parametrize("margin", [0.1, 1.0, 5.0])
def test_triplet_loss_and_gradients_by_autograd(shape, margin):
    rng = np.random.default_rng(0)
    a, p, n = (torch.tensor(rng.normal(size=shape), requires_grad=True) for _ in range(3))
    loss = torch.relu(((a - p) ** 2).sum(1) - ((a - n) ** 2).sum(1) + margin).mean()
    loss.backward()
    values = [v.detach().numpy() for v in (a, p, n)]
    assert triplet_loss(*values, margin) == pytest.approx(loss.item(), abs=1e-12)
    for ours, theirs in zip(triplet_gradient(*values, margin), (a, p, n)):
        np.testing.assert_allclose(ours, theirs.grad, atol=1e-12)


def test_torchs_triplet_loss_takes_the_distance_not_its_square():
    rng = np.random.default_rng(1)
    a, p, n = (rng.normal(size=(6, 1)) for _ in range(3))
    distance = lambda u, v: ((u - v) ** 2).sum(1)
    theirs = F.triplet_margin_with_distance_loss(*map(torch.tensor, (a, p, n)), distance_function=distance, margin=1.0)
    assert triplet_loss(a, p, n) == pytest.approx(theirs.item(), abs=1e-9)


def test_contrastive_loss_by_hand():
    origin, partner = np.zeros((3, 2)), np.array([[3.0, 4.0], [0.6, 0.8], [0.0, 0.5]])
    assert contrastive_loss(origin, partner, [True, True, False], margin=2) == pytest.approx((12.5 + 0.5 + 1.125) / 3)
    assert contrastive_loss(origin[:1], partner[:1], [False], margin=2) == 0  # far enough


def test_neighbours_are_the_closest():
    rng = np.random.default_rng(2)
    gallery, queries = rng.normal(size=(30, 4)) + 5, rng.normal(size=(11, 4)) + 5
    slow = [min(range(30), key=lambda j: np.linalg.norm(q - gallery[j])) for q in queries]
    assert nearest_neighbours(gallery, queries).tolist() == slow
    assert neighbour_accuracy(gallery, np.arange(30) % 3, queries, np.array(slow) % 3) == 1


def test_triplets_are_what_they_claim():
    labels = torch.tensor([2, 0, 2, 5, 0, 2, 5, 0, 5, 5])
    a, p, n = draw_triplets(labels, 5000, torch.Generator().manual_seed(0))
    assert (labels[a] == labels[p]).all()
    assert (a != p).all()
    assert (labels[a] != labels[n]).all()
    pairs = {(int(i), int(j)) for i, j in zip(a, p)}
    others = {(int(i), int(j)) for i, j in zip(a, n)}
    assert len(pairs) == 3 * 2 + 3 * 2 + 4 * 3  # every pair of two of one class comes up
    assert len(others) == 3 * 7 + 3 * 7 + 4 * 6


@pytest.mark.parametrize("labels", [[1, 1, 1], [0, 0, 1]])
def test_labels_without_triplets_are_refused(labels):
    with pytest.raises(ValueError, match="at least two"):
        draw_triplets(torch.tensor(labels), 4, torch.Generator())


def test_training_pulls_classes_apart():
    torch.manual_seed(0)
    x, y = torch.randn(60, 5), torch.arange(60) % 3
    x[:, 0] = y.float() * 0.3 + 0.05 * x[:, 0]  # one informative number among four loud ones
    net = nn.Linear(5, 2)
    before = neighbour_accuracy(x[:30], y[:30], x[30:], y[30:])
    losses = train_embedding(net, x, y, steps=300, lr=0.02)
    z = net(x).detach()
    assert np.mean(losses[-20:]) < 0.3 * np.mean(losses[:20])
    assert neighbour_accuracy(z[:30], y[:30], z[30:], y[30:]) > max(0.9, before)
