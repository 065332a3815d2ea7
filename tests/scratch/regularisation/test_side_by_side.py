"""Networks in a stack are what they would be alone."""

import pytest
import torch
from torch.nn import functional as F

from course_utils import data
from course_utils.scratch.regularisation.side_by_side import Regulariser, Stack, train_side_by_side


@pytest.fixture(scope="module")
def digits():
    few = data.load("digits", "train").subset(torch.arange(150))
    return few.images.reshape(150, -1).float() / 255, few.labels


def alone(x, y, r, hidden, steps, lr, seed):
    """The slow twin: one network, one loop, torch's own loss (no dropout)."""
    start = Stack(1, (64, *hidden, 10), seed)
    params = [p[0].detach().clone().requires_grad_() for p in (*start.weights, *start.biases)]
    weights, biases = params[: len(hidden) + 1], params[len(hidden) + 1 :]
    optimiser = torch.optim.Adam(params, lr=lr)
    draw, batches = torch.Generator().manual_seed(seed + 1), []
    for _ in range(steps):
        batches = batches or list(torch.randperm(len(x), generator=draw).split(50))
        index = batches.pop()
        h = x[index]
        for w, b in zip(weights[:-1], biases[:-1]):
            h = torch.relu(h @ w + b)
        loss = F.cross_entropy(h @ weights[-1] + biases[-1], y[index], label_smoothing=r.smoothing)
        loss = loss + sum(r.l2 / 2 * (w**2).sum() + r.l1 * w.abs().sum() for w in weights)
        optimiser.zero_grad()
        loss.backward()
        optimiser.step()
    return weights


@pytest.mark.parametrize("hidden", [(12,), (9, 7)])
def test_each_network_is_the_one_trained_alone(digits, hidden):
    choices = {
        "none": Regulariser(),
        "l2": Regulariser(l2=0.05),
        "l1": Regulariser(l1=0.002),
        "smooth": Regulariser(smoothing=0.2),
    }
    stack = train_side_by_side(*digits, choices, hidden, steps=12, lr=0.01, seed=3)
    for number, r in enumerate(choices.values()):
        for ours, theirs in zip(stack.weights, alone(*digits, r, hidden, 12, 0.01, 3)):
            torch.testing.assert_close(ours[number], theirs, rtol=1e-3, atol=2e-5)


def test_all_start_alike_and_only_dropout_draws(digits):
    same = train_side_by_side(*digits, {"a": Regulariser(), "b": Regulariser(), "c": Regulariser(dropout=0.5)}, steps=5)
    assert torch.equal(same.weights[0][0], same.weights[0][1])
    assert not torch.equal(same.weights[0][0], same.weights[0][2])
    again = train_side_by_side(
        *digits, {"a": Regulariser(), "b": Regulariser(), "c": Regulariser(dropout=0.5)}, steps=5
    )
    assert torch.equal(same.weights[0], again.weights[0])


def test_scores_are_torchs(digits):
    x, y = digits
    stack = Stack(2, (64, 8, 10), seed=1)
    loss, accuracy = stack.scores(x, y)
    logits = stack.logits(x)[1].detach()
    assert loss[1].item() == pytest.approx(F.cross_entropy(logits, y).item(), rel=1e-5)
    assert accuracy[1].item() == pytest.approx((logits.argmax(1) == y).double().mean().item())
    assert stack.norms()[0].item() == pytest.approx(
        sum((w[0] ** 2).sum().item() for w in stack.weights) ** 0.5, rel=1e-5
    )


def test_dropout_keeps_the_mean(digits):
    stack = Stack(2, (64, 8, 10), seed=1)
    keep = torch.tensor([0.5, 0.8])[:, None, None]
    draw = torch.Generator().manual_seed(0)
    mean = torch.stack([stack.hidden(digits[0], keep, draw).detach() for _ in range(3000)]).mean(dim=0)
    torch.testing.assert_close(mean, stack.hidden(digits[0]).detach(), rtol=0, atol=0.05)


def test_wrong_strengths_are_named():
    with pytest.raises(ValueError, match="dropout must be less than 1, got 1"):
        Regulariser(dropout=1.0)
