"""All methods of chapter 08b with one signature, so that they can be scored side by side."""

from __future__ import annotations

from collections.abc import Callable

import torch
from torch import Tensor, nn

from course_utils.check import check_choice
from course_utils.explain.grad_cam import enlarge, grad_cam, guided_grad_cam
from course_utils.explain.hooks import Layer
from course_utils.explain.occlusion import occlusion, spread
from course_utils.explain.relu_rules import rule_gradient
from course_utils.explain.saliency import channel_map, input_gradient, integrated_gradients, smooth_grad
from course_utils.explain.sanity import edge_map
from course_utils.explain.targets import Target

__all__ = ["BASELINES", "METHODS", "pixel_map"]

BASELINES = ("random", "centre", "edges")
METHODS = (
    "occlusion",
    "gradient",
    "SmoothGrad",
    "integrated",
    "deconvnet",
    "guided",
    "Grad-CAM",
    "guided Grad-CAM",
)


def _random(x: Tensor) -> Tensor:
    draw = torch.Generator().manual_seed(0)
    return torch.rand(len(x), *x.shape[2:], generator=draw).to(x)


def _centre(x: Tensor) -> Tensor:
    rows, columns = (torch.linspace(-1, 1, n, dtype=x.dtype, device=x.device) for n in x.shape[2:])
    hill = torch.exp(-(rows[:, None] ** 2 + columns**2) / 0.5)
    return hill.expand(len(x), -1, -1)


def pixel_map(
    method: str,
    model: nn.Module,
    x: Tensor,
    target: Target = None,
    *,
    layer: Layer = "",
    patch: int = 16,
    stride: int = 8,
    fill: float | Tensor = 0.0,
    samples: int = 8,
    steps: int = 16,
) -> Tensor:
    """Return one method's map of what mattered, in the picture's size.

    Args:
        method: one of ``METHODS``, or of ``BASELINES``, which know no network.
        model: any network.
        x: prepared pictures (N, C, H, W).
        target: class to explain; the preferred one by default.
        layer: for Grad-CAM, the layer whose maps it weighs.
        patch: for occlusion, side of the patch.
        stride: for occlusion, pixels between two places.
        fill: for occlusion, what the patch shows.
        samples: for SmoothGrad, noisy copies.
        steps: for integrated gradients, gradients on the way.

    Returns:
        (N, H, W); large where the picture mattered. Negative only for occlusion, where covering helped the class.

    Raises:
        ValueError: if there is no such method.
    """
    check_choice("method", method, (*METHODS, *BASELINES))
    size = (x.shape[2], x.shape[3])
    ways: dict[str, Callable[[], Tensor]] = {
        "random": lambda: _random(x),
        "centre": lambda: _centre(x),
        "edges": lambda: edge_map(x),
        "occlusion": lambda: spread(
            occlusion(model, x, target, patch=patch, stride=stride, fill=fill), size, patch, stride
        ),
        "gradient": lambda: channel_map(input_gradient(model, x, target)),
        "SmoothGrad": lambda: channel_map(smooth_grad(model, x, target, samples=samples)),
        "integrated": lambda: channel_map(integrated_gradients(model, x, target, steps=steps), "sum"),
        "deconvnet": lambda: channel_map(rule_gradient(model, x, target, "deconvnet")),
        "guided": lambda: channel_map(rule_gradient(model, x, target, "guided")),
        "Grad-CAM": lambda: enlarge(grad_cam(model, x, layer, target), size),
        "guided Grad-CAM": lambda: channel_map(guided_grad_cam(model, x, layer, target)),
    }
    return ways[method]()
