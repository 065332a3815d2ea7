"""Class activation maps by gradient: which maps of a late layer speak for the class, and where.

Chapter 08b teaches it.

Sources: B. Zhou, A. Khosla, A. Lapedriza, A. Oliva, A. Torralba, "Learning deep features for discriminative
localization", CVPR 2016 (for networks that end in an average and one linear layer); R. R. Selvaraju and others,
"Grad-CAM: visual explanations from deep networks via gradient-based localization", ICCV 2017.
"""

from __future__ import annotations

import torch
from torch import Tensor, nn
from torch.nn import functional as F

from course_utils.check import check_shape
from course_utils.explain.hooks import Layer, Taps, untouched
from course_utils.explain.relu_rules import rule_gradient
from course_utils.explain.targets import Target, output_value, resolve_target

__all__ = ["enlarge", "grad_cam", "guided_grad_cam"]


def grad_cam(
    model: nn.Module, x: Tensor, layer: Layer, target: Target = None, *, of: str = "score", positive: bool = True
) -> Tensor:
    """Weigh the maps of a layer by the mean gradient of the class's score, and add them up.

    Args:
        model: any network; left as it was found.
        x: prepared pictures (N, C, H, W).
        layer: name or module whose output is maps (N, K, h, w); usually the last that has places.
        target: class to explain, see ``resolve_target``.
        of: ``"score"``, ``"probability"`` or ``"log_probability"``.
        positive: keep only what speaks for the class, as the paper does.

    Returns:
        (N, h, w), in the layer's resolution; ``enlarge`` brings it to the picture's.

    Raises:
        KeyError: if the model has no such layer.
        ValueError: if the layer returns no maps.
    """
    with untouched(model), torch.enable_grad():
        x = x.detach().clone().requires_grad_()  # with all weights out of the graph, the picture begins it
        with Taps(model, layer) as taps:
            value = output_value(model(x), target, of)
        maps = taps[layer]
        check_shape("output of the layer", maps, (None, None, None, None))
        (gradient,) = torch.autograd.grad(value.sum(), maps)
    weight = gradient.mean((2, 3))
    cam = torch.einsum("nk,nkhw->nhw", weight, maps.detach())
    return cam.clamp_min(0) if positive else cam


def enlarge(maps: Tensor, size: tuple[int, int]) -> Tensor:
    """Bring maps (N, h, w) to a picture's height and width, bilinearly."""
    check_shape("maps", maps, (None, None, None))
    return F.interpolate(maps[:, None], size, mode="bilinear", align_corners=False)[:, 0]


def guided_grad_cam(model: nn.Module, x: Tensor, layer: Layer, target: Target = None) -> Tensor:
    """Multiply guided backpropagation, sharp but the same for each class, by Grad-CAM, coarse but of one class.

    Args:
        model: any network with ReLUs.
        x: prepared pictures (N, C, H, W).
        layer: as for ``grad_cam``.
        target: class to explain, see ``resolve_target``.

    Returns:
        (N, C, H, W).
    """
    with untouched(model), torch.no_grad():
        chosen = resolve_target(model(x), target)
    cam = enlarge(grad_cam(model, x, layer, chosen), (x.shape[2], x.shape[3]))
    return rule_gradient(model, x, chosen, "guided") * cam[:, None]
