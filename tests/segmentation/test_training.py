"""A small U-Net learns to tell objects from background, in seconds, from two starts."""

from __future__ import annotations

import pytest
import torch

from course_utils.data.synthetic import make_scenes
from course_utils.segmentation.losses import pixel_cross_entropy
from course_utils.segmentation.metrics import confusion_matrix, mean_iou
from course_utils.segmentation.unet import UNet

SIZE, STEPS = 32, 100


@pytest.fixture(scope="module")
def scenes() -> tuple[torch.Tensor, ...]:
    train, test = make_scenes(300, SIZE, 1, "easy"), make_scenes(60, SIZE, 2, "easy")
    labels = [part.semantic.clamp(max=1) for part in (train, test)]  # object or not
    return train.images.float() / 255, labels[0], test.images.float() / 255, labels[1]


@pytest.mark.parametrize("seed", [0, 1])
def test_a_u_net_of_30_000_weights_learns_masks(seed: int, scenes: tuple[torch.Tensor, ...]) -> None:
    x, y, x_test, y_test = scenes
    torch.manual_seed(seed)
    model = UNet(3, 2, 8, 2, padding="same", norm=True)
    assert sum(p.numel() for p in model.parameters()) <= 30_000

    def score() -> float:
        model.eval()
        with torch.no_grad():
            return mean_iou(confusion_matrix(model(x_test).argmax(1), y_test, 2))

    untrained = score()
    model.train()
    optimizer = torch.optim.Adam(model.parameters())
    schedule = torch.optim.lr_scheduler.OneCycleLR(optimizer, 0.02, total_steps=STEPS)
    for _ in range(STEPS):
        batch = torch.randint(0, len(x), (16,))
        loss = pixel_cross_entropy(model(x[batch]), y[batch])
        optimizer.zero_grad()
        loss.backward()
        optimizer.step()
        schedule.step()
    majority = mean_iou(confusion_matrix(torch.zeros_like(y_test), y_test, 2))
    assert majority < 0.5
    assert untrained < 0.5
    assert score() > 0.8
