"""Pictures of two lamps, of which only one has to do with the number to be told."""

from __future__ import annotations

from dataclasses import dataclass

import torch
from torch import Tensor, nn
from torch.nn import functional as F

from course_utils.check import check_int

__all__ = ["Lamps", "lamp_net", "make_lamps", "train_lamp_net"]

RADIUS = 3.5


@dataclass(frozen=True, eq=False)
class Lamps:
    """Pictures with a number each.

    Args:
        images: float32 (N, 3, H, W), about 0..1.
        y: float32 (N,), brightness of the red lamp, 0..1.
        cause: bool (N, H, W), the red lamp's pixels.
        other: bool (N, H, W), the green lamp's pixels.
    """

    images: Tensor
    y: Tensor
    cause: Tensor
    other: Tensor


def make_lamps(n: int, size: int = 24, seed: int = 0) -> Lamps:
    """Draw a red and a green lamp of random brightness at random places, side by side or one above the other.

    Args:
        n: number of pictures, at least 1.
        size: side in pixels, at least 20.
        seed: of everything.
    """
    check_int("n", n, minimum=1)
    check_int("size", size, minimum=20)
    draw = torch.Generator().manual_seed(seed)
    # The picture is halved, one way or the other; each half holds one lamp.
    axis = torch.randint(0, 2, (n,), generator=draw)
    far = size - 1 - RADIUS
    low, high = (RADIUS + torch.rand(n, 2, generator=draw) * (far - RADIUS) for _ in range(2))
    every, depth = torch.arange(n), size / 2 - 1 - 2 * RADIUS
    low[every, axis] = RADIUS + torch.rand(n, generator=draw) * depth
    high[every, axis] = far - torch.rand(n, generator=draw) * depth
    swap = torch.rand(n, generator=draw) < 0.5
    red = torch.where(swap[:, None], high, low)
    green = torch.where(swap[:, None], low, high)
    line = torch.arange(size, dtype=torch.float32)

    def disc(centre: Tensor) -> Tensor:
        down, across = line[None, :, None] - centre[:, 0, None, None], line[None, None] - centre[:, 1, None, None]
        return down.square() + across.square() <= RADIUS**2

    cause, other = disc(red), disc(green)
    brightness = torch.rand(2, n, generator=draw)
    images = 0.15 + 0.1 * torch.rand(n, 3, size, size, generator=draw)
    glow = 0.1 + 0.9 * brightness[..., None, None]
    images[:, 0] += cause * glow[0]
    images[:, 1] += other * glow[1]
    return Lamps(images, brightness[0], cause, other & ~cause)


def lamp_net(seed: int = 0) -> nn.Sequential:
    """Return an untrained network from pictures (N, 3, H, W) to one number each, (N, 1)."""
    torch.manual_seed(seed)
    return nn.Sequential(
        nn.Conv2d(3, 8, 3, padding=1),
        nn.ReLU(),
        nn.MaxPool2d(2),
        nn.Conv2d(8, 12, 3, padding=1),
        nn.ReLU(),
        nn.AdaptiveAvgPool2d(1),
        nn.Flatten(),
        nn.Linear(12, 1),
    )


def train_lamp_net(lamps: Lamps, seed: int = 0, epochs: int = 12, batch_size: int = 50) -> nn.Sequential:
    """Fit a fresh network to the numbers, with Adam and squared error; returned in ``eval`` mode."""
    model = lamp_net(seed)
    steps = epochs * (len(lamps.y) // batch_size)
    adam = torch.optim.Adam(model.parameters(), lr=0.02)
    falling = torch.optim.lr_scheduler.CosineAnnealingLR(adam, steps)
    draw = torch.Generator().manual_seed(seed)
    for _ in range(epochs):
        for index in torch.randperm(len(lamps.y), generator=draw).split(batch_size)[: len(lamps.y) // batch_size]:
            loss = F.mse_loss(model(lamps.images[index])[:, 0], lamps.y[index])
            adam.zero_grad()
            loss.backward()
            adam.step()
            falling.step()
    return model.eval()
