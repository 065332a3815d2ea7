"""Change a picture a little: how far does each layer's picture of it move? (chapter 06c)

Source: M. Zeiler, R. Fergus, "Visualizing and understanding convolutional networks", ECCV 2014, figure 5, which draws
the plain Euclidean distance for the first and the seventh layer. Here a distance is divided by that of two different
pictures, so that layers can be compared: 0 is "nothing changed", 1 is "might as well be another picture".
"""

from __future__ import annotations

from collections.abc import Sequence

import torch
from torch import Tensor, nn

from course_utils.check import check_same_length


def layer_outputs(model: nn.Module, x: Tensor, names: Sequence[str]) -> dict[str, Tensor]:
    """Run a network once and keep what some of its layers say, after the ReLU.

    Args:
        model: any network; it is put in evaluation mode.
        x: images (N, C, H, W).
        names: dotted names of modules, such as ``conv1_1``; ``input`` and ``output`` are known too.

    Returns:
        One row of numbers an image (N, ...) by name. All but input and output are clamped at 0.

    Raises:
        KeyError: if the network has no such layer.
    """
    modules = dict(model.named_modules())
    kept: dict[str, Tensor] = {"input": x.flatten(1)} if "input" in names else {}
    handles = []
    for name in names:
        if name in ("input", "output"):
            continue
        if name not in modules:
            raise KeyError(f"the network has no layer {name!r}; it has {', '.join(n for n in modules if n)}")

        def keep(module: nn.Module, inputs: object, output: Tensor, name: str = name) -> None:
            kept[name] = output.detach().clamp_min(0).flatten(1)

        handles.append(modules[name].register_forward_hook(keep))
    model.eval()
    try:
        with torch.no_grad():
            output = model(x)
    finally:
        for handle in handles:
            handle.remove()
    if "output" in names:
        kept["output"] = output.softmax(dim=1)
    return {name: kept[name] for name in names}


def relative_distance(before: Tensor, after: Tensor) -> float:
    """Return how far representations moved, in units of the distance between two different pictures.

    Args:
        before: (N, D), one row a picture, N at least 2.
        after: (N, D), the same pictures, changed.

    Returns:
        Mean distance of ``before[i]`` and ``after[i]`` over the mean distance of ``before[i]`` and ``before[j]``.
    """
    check_same_length("before", before, "after", after)
    if len(before) < 2:
        raise ValueError(f"before must hold at least 2 pictures, got {len(before)}: there is nothing to compare with")
    count = len(before)
    between = torch.cdist(before, before).sum() / (count * (count - 1))
    return float((before - after).norm(dim=1).mean() / between)


def distances_by_layer(model: nn.Module, x: Tensor, changed: Tensor, names: Sequence[str]) -> dict[str, float]:
    """Return :func:`relative_distance` of each named layer for a batch of pictures and its changed copy."""
    before, after = layer_outputs(model, x, names), layer_outputs(model, changed, names)
    return {name: relative_distance(before[name], after[name]) for name in names}


def probability_of_truth(model: nn.Module, x: Tensor, labels: Tensor) -> Tensor:
    """Return the probability that a network gives to the right class of each picture, (N,)."""
    probabilities = layer_outputs(model, x, ["output"])["output"]
    return probabilities.gather(1, labels[:, None])[:, 0]
