"""Small networks that every method of explanation must take, and the check that it leaves them as they were."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import contextmanager

import torch
from torch import Tensor, nn
from torch.nn import functional as F


def pictures(n: int = 3, size: int = 16, seed: int = 0) -> Tensor:
    return torch.randn(n, 3, size, size, generator=torch.Generator().manual_seed(seed))


def plain_net(classes: int = 5, in_place: bool = False) -> nn.Sequential:
    torch.manual_seed(0)
    return nn.Sequential(
        nn.Sequential(nn.Conv2d(3, 6, 3, padding=1), nn.ReLU(in_place), nn.MaxPool2d(2)),
        nn.Sequential(nn.Conv2d(6, 8, 3, padding=1), nn.ReLU(in_place), nn.MaxPool2d(2)),
        nn.Sequential(nn.AdaptiveAvgPool2d(1), nn.Flatten(), nn.Linear(8, classes)),
    ).eval()


class FunctionalNet(nn.Module):
    """Uses functions where `plain_net` uses modules, a residual sum, batch normalisation and dropout."""

    def __init__(self, classes: int = 5) -> None:
        super().__init__()
        torch.manual_seed(1)
        self.first = nn.Conv2d(3, 6, 3, padding=1)
        self.norm = nn.BatchNorm2d(6)
        self.second = nn.Conv2d(6, 6, 3, padding=1)
        self.drop = nn.Dropout(0.5)
        self.head = nn.Linear(6, classes)
        nn.init.normal_(self.norm.running_mean)
        nn.init.uniform_(self.norm.weight, 0.5, 1.5)

    def forward(self, x: Tensor) -> Tensor:
        x = F.relu(self.norm(self.first(x)))
        x = torch.relu(x + self.second(x))
        x = F.max_pool2d(x, 2)
        return self.head(self.drop(x.mean((2, 3)).relu()))


class Regression(nn.Module):
    """One number a picture, shape (N,)."""

    def __init__(self) -> None:
        super().__init__()
        self.body = plain_net(1)

    def forward(self, x: Tensor) -> Tensor:
        return self.body(x)[:, 0]


NETS: dict[str, Callable[[], nn.Module]] = {
    "plain": plain_net,
    "in place": lambda: plain_net(in_place=True),
    "functional": FunctionalNet,
    "regression": Regression,
}


@contextmanager
def left_alone(model: nn.Module) -> Iterator[nn.Module]:
    """Fail if what happens inside changes the model: weights, modes, gradients, hooks."""
    model.train()
    first = next(model.parameters())
    first.requires_grad_(False)
    kept = {name: value.clone() for name, value in model.state_dict().items()}
    modes = [m.training for m in model.modules()]
    yield model
    assert all(torch.equal(kept[name], value) for name, value in model.state_dict().items())
    assert [m.training for m in model.modules()] == modes
    assert [p.requires_grad for p in model.parameters()] == [False] + [True] * (len(list(model.parameters())) - 1)
    assert all(p.grad is None for p in model.parameters())
    for m in model.modules():
        hooks = m._forward_hooks, m._forward_pre_hooks, m._backward_hooks, m._backward_pre_hooks
        assert not any(hooks)
