"""Run a network only as far as it is needed: up to a layer in the middle, whatever stands behind it.

Dreams and styles (chapter 08d) ask what a middle layer says of a picture of *any* size. The linear layers at the end of
many networks accept one size only; they never run here, which also saves their time.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable
from typing import Any

import torch
from torch import Tensor, nn

from course_utils.explain.hooks import Layer, attach, find_layer

Prepare = Callable[[Tensor], Tensor]


class _Reached(Exception):
    """The last of the wanted layers has answered."""


def run_up_to(model: nn.Module, x: Tensor, layers: Iterable[Layer]) -> dict[str, Tensor]:
    """What some layers say of an input; the network stops behind the last of them.

    Args:
        model: any network, run in the mode it is in.
        x: inputs (N, ...), prepared for the network.
        layers: names or modules; a module that the network uses several times answers for its first use.

    Returns:
        ``{name: output}`` in the order of ``layers``, part of the graph if ``x`` or the weights want gradients.

    Raises:
        KeyError: if the model has no such layer, or did not run through one of them.
        ValueError: if no layer is named.
        TypeError: if a layer returns something other than one tensor.
    """
    if isinstance(layers, str | nn.Module):
        raise TypeError(f"layers must be a list of names or modules, got {type(layers).__name__}: write [layer]")
    found = dict(find_layer(model, layer) for layer in layers)
    if not found:
        raise ValueError("layers must name at least one layer, got none")
    kept: dict[str, Tensor] = {}

    def keeper(name: str) -> Callable[[nn.Module, Any, Any], Tensor]:
        def keep(module: nn.Module, inputs: Any, output: Any) -> Tensor:
            if not isinstance(output, Tensor):
                raise TypeError(f"layer {name!r} returns {type(output).__name__}, not one tensor; name a layer in it")
            kept.setdefault(name, output)
            if len(kept) == len(found):
                raise _Reached
            return output.clone()  # a later in-place layer must not overwrite what is kept

        return keep

    with attach(model, {module: keeper(name) for name, module in found.items()}):
        try:
            model(x)
        except _Reached:
            pass
        else:
            missing = [name for name in found if name not in kept]
            raise KeyError(f"the model did not run through {missing}")
    return {name: kept[name] for name in found}


def pixels(name: str, images: Tensor) -> Tensor:
    """Pictures as float in 0..1, a copy that no gradient flows back through.

    Args:
        name: how the caller names the argument, for the message.
        images: (N, C, H, W), uint8 in 0..255 or float in 0..1.

    Raises:
        ValueError: if the shape or the range is another one.
    """
    if images.ndim != 4 or len(images) == 0:
        raise ValueError(f"{name} must have shape (N, C, H, W) with at least one picture, got {tuple(images.shape)}")
    if images.dtype == torch.uint8:
        return images.float() / 255
    if not images.is_floating_point():
        raise TypeError(f"{name} must be uint8 or float, got {images.dtype}")
    low, high = float(images.min()), float(images.max())
    if low < -1e-4 or high > 1 + 1e-4:
        raise ValueError(
            f"{name} must lie in 0..1, got {low:.3g}..{high:.3g}: hand over the picture itself, and what the network "
            "does to its pixels as prepare"
        )
    return images.detach().clone().clamp_(0, 1)
