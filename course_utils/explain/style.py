"""Style transfer: the texture of one picture on the contents of another (chapter 08d).

Source: L. Gatys, A. Ecker, M. Bethge, "A neural algorithm of artistic style", arXiv:1508.06576, 2015. Departures:
both losses are relative (0: equal, 1: as far as from a picture of which the layer says nothing), which amounts to
other weights of the layers and frees us from retuning them for each network; Adam in place of L-BFGS.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import torch
from torch import Tensor, nn

from course_utils.check import check_int, check_number
from course_utils.explain.hooks import Layer, find_layer, untouched
from course_utils.explain.inversion import relative_error
from course_utils.explain.partial_run import Prepare, pixels, run_up_to


@dataclass(frozen=True)
class Styled:
    """What a style transfer leaves.

    Args:
        images: (N, C, H, W) in 0..1.
        content: (steps + 1, N), content loss before the first step and after each.
        style: (steps + 1, N), style loss likewise.
    """

    images: Tensor
    content: Tensor
    style: Tensor


def gram(maps: Tensor) -> Tensor:
    """How the channels of a layer fire together, wherever it is: ``F F^T`` over the number of places.

    Args:
        maps: (N, C, H, W).

    Returns:
        (N, C, C), symmetric.

    Raises:
        ValueError: if the maps have another number of dimensions.
    """
    if maps.ndim != 4:
        raise ValueError(f"maps must have shape (N, C, H, W), got {tuple(maps.shape)}: take a layer that keeps places")
    f = maps.flatten(2)  # (N, C, places)
    return f @ f.transpose(1, 2) / f.shape[2]


def style_distance(
    model: nn.Module, images: Tensor, style: Tensor, layers: Sequence[Layer], prepare: Prepare | None = None
) -> Tensor:
    """How far pictures are from a style: mean over layers of the relative error of the Gram matrices, (N,).

    Args:
        model: any network; it is left as it was found.
        images: (N, C, H, W), uint8 or float in 0..1.
        style: (N, C, h, w) or (1, C, h, w), of any size.
        layers: names or modules with maps.
        prepare: what the network does to pixels in 0..1 first; nothing if None.
    """
    ready = prepare or (lambda x: x)
    with untouched(model), torch.no_grad():
        found = run_up_to(model, ready(pixels("images", images)), layers)
        wanted = run_up_to(model, ready(pixels("style", style)), layers)
    return _style_loss(found, {name: gram(maps) for name, maps in wanted.items()})


def _style_loss(maps: Mapping[str, Tensor], wanted: Mapping[str, Tensor]) -> Tensor:
    return torch.stack([relative_error(gram(maps[name]), wanted[name]) for name in wanted]).mean(0)


def transfer_style(
    model: nn.Module,
    content: Tensor,
    style: Tensor,
    *,
    content_layer: Layer,
    style_layers: Sequence[Layer],
    style_weight: float = 1.0,
    steps: int = 100,
    lr: float = 0.03,
    start: str | Tensor = "noise",
    prepare: Prepare | None = None,
    seed: int = 0,
) -> Styled:
    """Search for pictures with the content of one picture and the style of another.

    Args:
        model: any network; it is left as it was found.
        content: (N, C, H, W), uint8 or float in 0..1.
        style: (N, C, h, w) or (1, C, h, w), of any size.
        content_layer: where the contents are compared, place by place.
        style_layers: where the Gram matrices are compared.
        style_weight: of the style loss beside the content loss, at least 0.
        steps: of Adam, at least 1.
        lr: of Adam, in units of the picture's range.
        start: ``"noise"`` (a little noise on mid gray), ``"content"``, or pictures to start from.
        prepare: what the network does to pixels in 0..1 first; differentiable; nothing if None.
        seed: of the noise.

    Returns:
        Styled.

    Raises:
        KeyError: if there is no such layer.
        ValueError: if an argument is out of range.
    """
    check_int("steps", steps, minimum=1)
    check_number("style_weight", style_weight, minimum=0)
    check_number("lr", lr, above=0)
    ready = prepare or (lambda x: x)
    source, example = pixels("content", content), pixels("style", style)
    if isinstance(start, Tensor):
        x = pixels("start", start)
    elif start == "content":
        x = source.clone()
    elif start == "noise":
        noise = torch.rand(source.shape, generator=torch.Generator().manual_seed(seed)).to(source)
        x = 0.5 + 0.2 * (noise - 0.5)
    else:
        raise ValueError(f"start must be 'noise', 'content' or pictures, got {start!r}")
    place = find_layer(model, content_layer)[0]
    styles = [find_layer(model, layer)[0] for layer in style_layers]
    layers = list(dict.fromkeys([place, *styles]))
    curves: list[tuple[Tensor, Tensor]] = []
    with untouched(model):
        with torch.no_grad():
            kept = run_up_to(model, ready(source), [place])[place]
            grams = {name: gram(maps) for name, maps in run_up_to(model, ready(example), styles).items()}

        def losses(x: Tensor) -> tuple[Tensor, Tensor]:
            maps = run_up_to(model, ready(x), layers)
            return relative_error(maps[place], kept), _style_loss(maps, grams)

        x.requires_grad_()
        optimizer = torch.optim.Adam([x], lr=lr)
        for _ in range(steps):
            with torch.enable_grad():
                content_loss, style_loss = losses(x)
                optimizer.zero_grad()
                (content_loss + style_weight * style_loss).sum().backward()
            curves.append((content_loss.detach(), style_loss.detach()))
            optimizer.step()
            with torch.no_grad():
                x.clamp_(0, 1)
        with torch.no_grad():
            curves.append(losses(x))
    return Styled(x.detach(), torch.stack([c for c, _ in curves]), torch.stack([s for _, s in curves]))
