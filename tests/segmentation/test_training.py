"""A small U-Net and a small FCN learn to tell objects from background, in seconds."""

from __future__ import annotations

import pytest
import torch
from torch import nn

from course_utils.data.synthetic import make_scenes
from course_utils.models.conv_norm import ConvNormAct
from course_utils.segmentation.boundary import trimap_confusion
from course_utils.segmentation.fcn import fcn_from_classifier
from course_utils.segmentation.losses import pixel_cross_entropy
from course_utils.segmentation.metrics import confusion_matrix, mean_iou
from course_utils.segmentation.unet import UNet

SIZE, STEPS = 32, 100


@pytest.fixture(scope="module")
def scenes() -> tuple[torch.Tensor, ...]:
    train, test = make_scenes(300, SIZE, 1, "easy"), make_scenes(60, SIZE, 2, "easy")
    labels = [part.semantic.clamp(max=1) for part in (train, test)]  # object or not
    return train.images.float() / 255, labels[0], test.images.float() / 255, labels[1]


def train(model: nn.Module, x: torch.Tensor, y: torch.Tensor, lr: float) -> None:
    """A hundred steps with one cycle of the learning rate."""
    model.train()
    optimizer = torch.optim.Adam(model.parameters())
    schedule = torch.optim.lr_scheduler.OneCycleLR(optimizer, lr, total_steps=STEPS)
    for _ in range(STEPS):
        batch = torch.randint(0, len(x), (16,))
        loss = pixel_cross_entropy(model(x[batch]), y[batch])
        optimizer.zero_grad()
        loss.backward()
        optimizer.step()
        schedule.step()
    model.eval()


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
    train(model, x, y, 0.02)
    majority = mean_iou(confusion_matrix(torch.zeros_like(y_test), y_test, 2))
    assert majority < 0.5
    assert untrained < 0.5
    assert score() > 0.8


def test_finer_maps_pay_near_boundaries(scenes: tuple[torch.Tensor, ...]) -> None:
    x, y, x_test, y_test = scenes
    whole, near = [], []
    for fused in (0, 2):
        torch.manual_seed(0)
        stages = [[ConvNormAct(a, b), ConvNormAct(b, b), nn.MaxPool2d(2)] for a, b in ((3, 12), (12, 24), (24, 48))]
        layers = [layer for stage in stages for layer in stage]
        classifier = nn.Sequential(*layers, nn.Flatten(), nn.Linear(48 * 16, 32), nn.ReLU(), nn.Linear(32, 10))
        model = fcn_from_classifier(classifier, (3, SIZE, SIZE), num_classes=2, fused=fused)
        train(model, x, y, 0.01)
        with torch.no_grad():
            guess = model(x_test).argmax(1)
        whole.append(mean_iou(confusion_matrix(guess, y_test, 2)))
        near.append(mean_iou(trimap_confusion(guess, y_test, 2, width=1)))
    assert whole[1] > 0.7
    assert near[1] > near[0] + 0.1
