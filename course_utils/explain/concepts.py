"""Does a unit answer to wheels? The overlap of its strongest answers with the truth (chapter 08).

Source: D. Bau, B. Zhou, A. Khosla, A. Oliva, A. Torralba, "Network dissection: quantifying interpretability of deep
visual representations", CVPR 2017. As there: the strongest half percent of a unit's answers, over all places of all
pictures, enlarged to the pictures' size, against the pixels that show a concept.
"""

from __future__ import annotations

import torch
from torch import Tensor, nn
from torch.nn import functional as F

from course_utils.check import check_int, check_number, check_same_length
from course_utils.explain.hooks import Layer, find_layer, untouched
from course_utils.explain.partial_run import run_up_to

__all__ = ["concept_overlap", "overlap_of_maps", "strongest_places"]


def strongest_places(maps: Tensor, share: float = 0.005) -> Tensor:
    """Threshold (U,) that a share of a unit's answers reaches.

    Args:
        maps: (N, U, h, w).
        share: 0..1; at least one answer is above.
    """
    check_number("share", share, above=0, below=1)
    flat = maps.transpose(0, 1).flatten(1)
    count = max(1, round(share * flat.shape[1]))
    return flat.topk(count, dim=1).values[:, -1]


def overlap_of_maps(maps: Tensor, masks: Tensor, share: float = 0.005, batch_size: int = 64) -> Tensor:
    """Intersection over union of each unit's strongest places with each concept, over all pictures together.

    Args:
        maps: (N, U, h, w), answers of U units. Answers of 0 (a closed ReLU) never count as strong.
        masks: bool (N, M, H, W), pixels that show each of M concepts.
        share: of the answers that count as strong.
        batch_size: pictures in one step.

    Returns:
        (U, M) in 0..1; 0 for a unit that never answers.
    """
    check_same_length("maps", maps, "masks", masks)
    check_int("batch_size", batch_size, minimum=1)
    if maps.ndim != 4 or masks.ndim != 4:
        raise ValueError(f"maps and masks must have four axes, got {tuple(maps.shape)} and {tuple(masks.shape)}")
    limit = strongest_places(maps, share)[None, :, None, None]
    both = torch.zeros(maps.shape[1], masks.shape[1])
    strong_pixels, concept_pixels = torch.zeros(maps.shape[1]), torch.zeros(masks.shape[1])
    for start in range(0, len(maps), batch_size):
        part, truth = maps[start : start + batch_size], masks[start : start + batch_size].flatten(2).float()
        large = F.interpolate(part, masks.shape[-2:], mode="bilinear", align_corners=False)
        strong = ((large >= limit) & (large > 0)).flatten(2).float()
        both += torch.einsum("nup,nmp->um", strong, truth)
        strong_pixels += strong.sum((0, 2))
        concept_pixels += truth.sum((0, 2))
    return both / (strong_pixels[:, None] + concept_pixels[None] - both).clamp_min(1)


def concept_overlap(
    model: nn.Module, x: Tensor, masks: Tensor, layer: Layer, *, share: float = 0.005, batch_size: int = 128
) -> Tensor:
    """`overlap_of_maps` for the units of a layer.

    Args:
        model: any network; evaluated in ``eval`` mode and left as it was found.
        x: pictures (N, C, H, W), prepared.
        masks: bool (N, M, H, W).
        layer: name or module that puts out maps.
        share: of the answers that count as strong.
        batch_size: pictures in one pass.

    Returns:
        (U, M) in 0..1.
    """
    check_same_length("x", x, "masks", masks)
    name, _ = find_layer(model, layer)
    with untouched(model), torch.no_grad():
        maps = torch.cat([run_up_to(model, batch, [name])[name] for batch in x.split(batch_size)])
    return overlap_of_maps(maps, masks, share)
