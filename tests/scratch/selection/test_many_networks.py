"""Each network of the stack takes the steps that torch.optim.SGD takes alone."""

import pytest
import torch
from torch.nn import functional as F

from course_utils.scratch.selection.many_networks import start, train_many


@pytest.mark.parametrize("batch_size", [8, 20])
def test_a_stack_is_its_networks_one_by_one(batch_size):
    draw = torch.Generator().manual_seed(0)
    x, y = torch.randn(20, 6, generator=draw), torch.randint(3, (20,), generator=draw)
    lr, decay, seeds = [0.1, 0.3, 0.1], [0.0, 0.01, 0.1], [4, 4, 7]
    networks, losses, accuracies = train_many(
        x, y, lr, decay, seeds, batch_size=batch_size, epochs=3, hidden=5, num_classes=3, watch=(x, y)
    )
    for s in range(3):
        parts = [p[0].detach().clone().requires_grad_() for p in start([seeds[s]], 6, 5, 3).parts()]
        groups = [
            {"params": [parts[0], parts[2]], "weight_decay": decay[s]},
            {"params": [parts[1], parts[3]], "weight_decay": 0.0},
        ]
        descent = torch.optim.SGD(groups, lr=lr[s], momentum=0.9)
        order = torch.Generator().manual_seed(1_000_003 * (seeds[s] + 1))
        for _ in range(3):
            for index in torch.randperm(20, generator=order).split(batch_size):
                if len(index) == batch_size:
                    descent.zero_grad()
                    hidden = (x[index] @ parts[0] + parts[1]).relu()
                    F.cross_entropy(hidden @ parts[2] + parts[3], y[index]).backward()
                    descent.step()
        for mine, alone in zip(networks.parts(), parts):
            torch.testing.assert_close(mine[s].detach(), alone.detach(), atol=1e-5, rtol=1e-4)
    assert losses.shape == accuracies.shape == (3, 3)
    torch.testing.assert_close(losses[-1], networks.scores(x, y)[0])


def test_networks_may_learn_from_different_examples():
    draw = torch.Generator().manual_seed(1)
    x, y = torch.randn(2, 12, 4, generator=draw), torch.randint(2, (2, 12), generator=draw)
    both, _, _ = train_many(x, y, [0.2] * 2, [0.0] * 2, [0, 1], batch_size=4, epochs=2, hidden=3, num_classes=2)
    alone, _, _ = train_many(x[1], y[1], [0.2], [0.0], [1], batch_size=4, epochs=2, hidden=3, num_classes=2)
    torch.testing.assert_close(both.first[1], alone.first[0])


def test_augmentation_changes_the_batches_of_its_networks_alone():
    draw = torch.Generator().manual_seed(2)
    x, y = torch.rand(12, 64, generator=draw), torch.randint(2, (12,), generator=draw)
    seen = []

    def darker(pictures, generator):
        seen.append(tuple(pictures.shape))
        return pictures * 0.5

    common = {"batch_size": 6, "epochs": 2, "hidden": 3, "num_classes": 2, "falling": True}
    mixed, _, _ = train_many(x, y, [0.2] * 3, [0.0] * 3, [5, 5, 5], augment=[None, darker, darker], **common)
    plain, _, _ = train_many(x, y, [0.2], [0.0], [5], **common)
    half, _, _ = train_many(x * 0.5, y, [0.2], [0.0], [5], **common)
    torch.testing.assert_close(mixed.first[0], plain.first[0])
    torch.testing.assert_close(mixed.first[1], half.first[0])
    torch.testing.assert_close(mixed.first[2], half.first[0])
    assert seen == [(12, 1, 8, 8)] * 4


def test_a_falling_rate_ends_near_zero():
    x, y = torch.eye(4), torch.tensor([0, 1, 0, 1])
    common = {"batch_size": 4, "hidden": 3, "num_classes": 2, "momentum": 0.0}
    paths = [train_many(x, y, [0.5], [0.0], [0], epochs=1, falling=f, **common)[0].first for f in (False, True)]
    torch.testing.assert_close(*paths)  # the first step has the whole rate
    begin = start([0], 4, 3, 2).first
    two = [train_many(x, y, [0.5], [0.0], [0], epochs=2, falling=f, **common)[0].first for f in (False, True)]
    assert (two[1] - paths[0]).norm() < 0.6 * (two[0] - paths[0]).norm()
    assert (paths[0] - begin).norm() > 0


def test_bad_requests_are_named():
    x, y = torch.zeros(4, 2), torch.zeros(4, dtype=torch.int64)
    with pytest.raises(ValueError, match="lr and seeds must have the same length, got 1 and 2"):
        train_many(x, y, [0.1], [0.0, 0.0], [0, 1])
    with pytest.raises(ValueError, match="batch_size must be at most 4, got 20"):
        train_many(x, y, [0.1], [0.0], [0])
