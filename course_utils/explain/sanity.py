"""Is the map about the network at all, and does it point at what decides? Checks for any method of explanation.

Chapter 08b teaches it.

Sources: J. Adebayo and others, "Sanity checks for saliency maps", NeurIPS 2018 (weights made random layer by layer,
from the answer down; comparison by rank correlation, and with an edge detector); J. Zhang and others, "Top-down neural
attention by excitation backprop", ECCV 2016 (the pointing game).
"""

from __future__ import annotations

import copy
from collections.abc import Iterator

import torch
from torch import Tensor, nn
from torch.nn import functional as F

from course_utils.check import check_int, check_same_length, check_shape
from course_utils.explain.hooks import attach, untouched

__all__ = ["cascade", "edge_map", "layers_with_weights", "mass_inside", "pointing_game", "rank_correlation"]


def layers_with_weights(model: nn.Module, x: Tensor) -> list[str]:
    """Name the layers that hold weights of their own, in the order in which they first run on ``x``."""
    order: list[str] = []

    def note(name: str) -> None:
        if name not in order:
            order.append(name)

    own = {name: m for name, m in model.named_modules() if next(m.parameters(recurse=False), None) is not None}
    hooks = {name: (lambda module, inputs, name=name: note(name)) for name in own}
    with untouched(model), torch.no_grad(), attach(model, hooks, "forward_pre"):
        model(x[:1])
    return order


def cascade(model: nn.Module, x: Tensor, seed: int = 0) -> Iterator[tuple[str, nn.Module]]:
    """Destroy what a network has learned, layer after layer, from the answer down to the picture.

    Every weight is drawn anew from a normal distribution with the mean and the spread that its layer's weights had, so
    that signals keep their size (the paper draws as before training).

    Args:
        model: any network; it is copied, and stays as it is.
        x: a picture (1 or more, C, H, W), to find out in which order the layers run.
        seed: of the random weights.

    Yields:
        name of the layer destroyed last, and a network in which it and all layers above it are random. The same copy
        is changed at each step: use it before asking for the next.
    """
    layers = layers_with_weights(model, x)
    broken = copy.deepcopy(model).eval()
    draw = torch.Generator().manual_seed(seed)
    modules = dict(broken.named_modules())
    for name in reversed(layers):
        with torch.no_grad():
            for weight in modules[name].parameters(recurse=False):
                spread = weight.std() if weight.numel() > 1 else weight.abs().mean()
                fresh = torch.randn(weight.shape, generator=draw).to(weight)
                weight.copy_(weight.mean() + spread * fresh)
        yield name, broken


def _ranks(values: Tensor) -> Tensor:
    """Ranks of each row, equal values sharing their mean rank."""
    ordered = values.sort(dim=1).values
    below = torch.searchsorted(ordered, values, right=False)
    upto = torch.searchsorted(ordered, values, right=True)
    return (below + upto - 1).double() / 2


def rank_correlation(a: Tensor, b: Tensor) -> Tensor:
    """Compare two maps of each picture by the order of their pixels (Spearman).

    Args:
        a: (N, ...).
        b: (N, ...), of the same shape.

    Returns:
        float64 (N,), 1 for the same order, -1 for the opposite one, about 0 for unrelated maps; 0 where a map is
        constant and has no order.
    """
    if a.shape != b.shape:
        raise ValueError(f"maps must have the same shape, got {tuple(a.shape)} and {tuple(b.shape)}")
    one, two = (_ranks(m.flatten(1).contiguous()) for m in (a, b))
    one, two = (r - r.mean(1, keepdim=True) for r in (one, two))
    length = one.norm(dim=1) * two.norm(dim=1)
    return torch.where(length > 0, (one * two).sum(1) / length.clamp_min(1e-300), torch.zeros_like(length))


def mass_inside(maps: Tensor, masks: Tensor) -> Tensor:
    """Return the share of a map that lies inside a mask, one number a picture.

    Args:
        maps: (N, H, W); negative values count as nothing.
        masks: bool (N, H, W).

    Returns:
        (N,) in 0..1; a map of zeros points nowhere and gets the mask's share of the picture. A map that is the same
        everywhere gets that share too: it is what chance gives.
    """
    check_same_length("maps", maps, "masks", masks)
    if maps.shape != masks.shape:
        raise ValueError(f"maps and masks must have the same shape, got {tuple(maps.shape)} and {tuple(masks.shape)}")
    maps = maps.clamp_min(0).double()
    total = maps.sum((1, 2))
    inside = (maps * masks).sum((1, 2)) / total.clamp_min(1e-300)
    return torch.where(total > 0, inside, masks.double().mean((1, 2)))


def pointing_game(maps: Tensor, masks: Tensor, tolerance: int = 0) -> Tensor:
    """Say whether the map's largest value lies inside the mask.

    Args:
        maps: (N, H, W).
        masks: bool (N, H, W).
        tolerance: a miss by at most so many rows and columns is a hit (the paper allows 15 pixels of about 500).

    Returns:
        bool (N,).
    """
    check_shape("maps", maps, (None, None, None))
    check_int("tolerance", tolerance, minimum=0)
    if maps.shape != masks.shape:
        raise ValueError(f"maps and masks must have the same shape, got {tuple(maps.shape)} and {tuple(masks.shape)}")
    if tolerance:
        grown = F.max_pool2d(masks[:, None].float(), 2 * tolerance + 1, stride=1, padding=tolerance)
        masks = grown[:, 0] > 0
    best = maps.flatten(1).argmax(1)
    return masks.flatten(1).gather(1, best[:, None])[:, 0]


def edge_map(x: Tensor) -> Tensor:
    """Return how fast pictures (N, C, H, W) change at each pixel, largest channel: a map that knows no network.

    What a method shows beyond this is what it can have from the network.
    """
    padded = F.pad(x, (1, 1, 1, 1), mode="replicate")
    down = padded[..., 2:, 1:-1] - padded[..., :-2, 1:-1]
    right = padded[..., 1:-1, 2:] - padded[..., 1:-1, :-2]
    return (down.square() + right.square()).sqrt().amax(1) / 2
