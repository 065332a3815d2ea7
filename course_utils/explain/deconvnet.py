"""The deconvnet: run a stack of layers backwards, with switches for the poolings and ReLUs on the way.

Chapter 08b teaches it. The way forward notes where each maximum came from (the switches); the way back puts values
there, keeps what is positive, and applies the transposed filters. ``relu_rule("deconvnet")`` reaches the same pictures
through autograd and takes any network; this module is the machine as its inventors describe it.

Source: M. D. Zeiler, R. Fergus, "Visualizing and understanding convolutional networks", ECCV 2014, section 2.1.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator

import torch
from torch import Tensor, nn
from torch.nn import functional as F

from course_utils.check import check_int, check_shape
from course_utils.explain.hooks import Layer, find_layer, untouched
from course_utils.explain.saliency import strongest_place

__all__ = ["deconvnet", "pool_with_switches", "stack", "unpool"]

Back = Callable[[Tensor], Tensor]


def pool_with_switches(x: Tensor, pool: nn.MaxPool2d) -> tuple[Tensor, Tensor]:
    """Pool maps (N, C, H, W), and say where in its map (index row by row) each maximum was found."""
    return F.max_pool2d(
        x, pool.kernel_size, pool.stride, pool.padding, pool.dilation, pool.ceil_mode, return_indices=True
    )


def unpool(signal: Tensor, switches: Tensor, size: tuple[int, int]) -> Tensor:
    """Put each value where its switch points, zeros elsewhere; values that meet in one place are added.

    Args:
        signal: (N, C, h, w).
        switches: int64 like ``signal``, places in the flattened map.
        size: height and width of the map to fill.

    Returns:
        (N, C, H, W).
    """
    if signal.shape != switches.shape:
        raise ValueError(
            f"signal and switches must have the same shape, got {tuple(signal.shape)} and {tuple(switches.shape)}"
        )
    empty = signal.new_zeros(*signal.shape[:2], size[0] * size[1])
    return empty.scatter_add(2, switches.flatten(2), signal.flatten(2)).unflatten(2, size)


def stack(model: nn.Module, prefix: str = "") -> Iterator[tuple[str, nn.Module]]:
    """Yield names and layers of nested ``nn.Sequential`` in the order in which they run.

    Raises:
        ValueError: if the model is no ``nn.Sequential``.
    """
    if not isinstance(model, nn.Sequential):
        raise ValueError(
            f"a deconvnet needs layers in a row (nn.Sequential), got {type(model).__name__}; "
            "relu_rule('deconvnet') takes any network"
        )
    for name, module in model.named_children():
        if isinstance(module, nn.Sequential):
            yield from stack(module, f"{prefix}{name}.")
        else:
            yield prefix + name, module


def _step(name: str, layer: nn.Module, x: Tensor) -> tuple[Tensor, Back]:
    """Run one layer; return its output and what sends a signal back through it."""
    if isinstance(layer, nn.ReLU):
        return x.clamp_min(0), lambda signal: signal.clamp_min(0)
    if isinstance(layer, nn.MaxPool2d):
        pooled, switches = pool_with_switches(x, layer)
        return pooled, lambda signal: unpool(signal, switches, (x.shape[2], x.shape[3]))
    if isinstance(layer, nn.Conv2d) and layer.padding_mode == "zeros" and not isinstance(layer.padding, str):
        padding = (layer.padding[0], layer.padding[1])

        def back(signal: Tensor) -> Tensor:
            rest = [  # rows and columns at the far edge that no filter reached
                n + 2 * p - d * (k - 1) - 1 - s * (m - 1)
                for n, m, k, s, p, d in zip(
                    x.shape[2:], signal.shape[2:], layer.kernel_size, layer.stride, padding, layer.dilation, strict=True
                )
            ]
            return F.conv_transpose2d(signal, layer.weight, None, layer.stride, padding, rest, layer.groups,
                                      layer.dilation)  # fmt: skip

        return layer(x), back
    linear = nn.Linear, nn.BatchNorm2d, nn.AvgPool2d, nn.AdaptiveAvgPool2d, nn.Flatten, nn.Identity, nn.Dropout
    if isinstance(layer, linear) and not layer.training:
        # In eval mode these are linear in x (but for a constant): the way back is the transposed matrix.
        outputs, transposed = torch.func.vjp(layer, x)  # type: ignore[misc]
        return outputs, lambda signal: transposed(signal)[0]
    raise ValueError(
        f"layer {name!r} is a {type(layer).__name__}, which this deconvnet cannot run backwards; "
        "relu_rule('deconvnet') takes any network"
    )


def deconvnet(
    model: nn.Module,
    x: Tensor,
    layer: Layer,
    channel: int,
    place: tuple[int, int] | Tensor | None = None,
) -> Tensor:
    """Project one hidden unit's activation back to the pictures.

    All other activations of the layer are set to zero; then unpool, rectify and filter, layer after layer, down.

    Args:
        model: nested ``nn.Sequential`` of convolutions, ReLUs, poolings, batch normalisations and linear layers.
        x: prepared pictures (N, C, H, W).
        layer: name or module at which to begin; a whole nested ``nn.Sequential`` means its end.
        channel: which of the layer's maps.
        place: row and column of the unit, for all pictures or (N, 2); by default where the map is largest.

    Returns:
        (N, C, H, W), what in each picture excited the unit. Biases take no part.

    Raises:
        KeyError: if the model has no such layer.
        ValueError: if the model has layers that are not in a row, or of another kind.
    """
    name, _ = find_layer(model, layer)
    way: list[Back] = []
    with untouched(model), torch.no_grad():
        maps = x
        layers = list(stack(model))
        inside = [
            i for i, (known, _) in enumerate(layers) if known == name or known.startswith(f"{name}." * bool(name))
        ]
        if not inside:
            raise ValueError(f"layer {name!r} is not one of the layers that run in a row: {[n for n, _ in layers]}")
        for known, module in layers[: inside[-1] + 1]:
            maps, back = _step(known, module, maps)
            way.append(back)
        check_int("channel", channel, minimum=0, maximum=maps.shape[1] - 1)
        signal = torch.zeros_like(maps)
        every = torch.arange(len(x), device=x.device)
        if maps.ndim == 2:
            signal[:, channel] = maps[:, channel]
        else:
            check_shape("maps", maps, (None, None, None, None))
            best = strongest_place(maps, channel) if place is None else torch.as_tensor(place, device=x.device)
            row, column = best.expand(len(x), 2).unbind(1)
            signal[every, channel, row, column] = maps[every, channel, row, column]
        for back in reversed(way):
            signal = back(signal)
    return signal
