"""Handwritten digits of many sizes on photographs: scenes small enough to train detectors on, with exact boxes.

The digits are scikit-learn's, cut to their ink, stretched a little and painted in a bright colour. Training scenes and
test scenes use different digits, not only different places.
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import Any

import torch
from torch import Tensor
from torch.nn import functional as F

from course_utils.check import check_choice, check_int, check_number
from course_utils.data.digits import load_digits
from course_utils.data.synthetic.backgrounds import BACKGROUNDS, draw_backgrounds
from course_utils.data.synthetic.draws import Draws
from course_utils.data.synthetic.textures import hsv_to_rgb

CLASSES = tuple("0123456789")
INK = 40  # of 255: from here on a pixel of a digit counts when its frame is found
TRIES = 12  # places that are tried for a digit before it is left out
GAP = 2  # pixels between two digits, at least


@dataclass(frozen=True, eq=False)
class DigitScenes:
    """Pictures of digits with what is true about them; the fields are named as in `Scenes`.

    K is the number of slots; an unused slot has label -1 and zeros elsewhere.

    Args:
        images: uint8 (N, 3, H, W).
        labels: int64 (N, K), the digit, or -1.
        boxes: float32 (N, K, 4), xyxy in whole pixels, around the ink.
        classes: names of the labels.
    """

    images: Tensor
    labels: Tensor
    boxes: Tensor
    classes: tuple[str, ...] = CLASSES

    def __len__(self) -> int:
        return len(self.images)

    @property
    def visibility(self) -> Tensor:
        """Float32 (N, K): 1 for a digit, since none hides another; 0 for an empty slot."""
        return (self.labels >= 0).float()

    def targets(self, i: int) -> dict[str, Tensor]:
        """Return ``boxes`` (n, 4) and ``labels`` (n,) of scene ``i``."""
        there = self.labels[i] >= 0
        return {"boxes": self.boxes[i][there], "labels": self.labels[i][there]}

    def subset(self, index: Any) -> DigitScenes:
        """Return the scenes chosen by a slice, a tensor of positions or a mask."""
        return replace(self, images=self.images[index], labels=self.labels[index], boxes=self.boxes[index])


def cut_to_ink(digit: Tensor) -> Tensor:
    """Return the part of a picture (H, W) of 0..255 that holds its ink."""
    rows, columns = (digit > INK).any(1).nonzero()[:, 0], (digit > INK).any(0).nonzero()[:, 0]
    return digit[int(rows[0]) : int(rows[-1]) + 1, int(columns[0]) : int(columns[-1]) + 1]


def make_digit_scenes(
    n: int,
    size: int = 96,
    seed: int = 0,
    split: str = "train",
    *,
    objects: tuple[int, int] = (1, 4),
    scale: tuple[float, float] = (0.18, 0.42),
    background: str = "photo",
) -> DigitScenes:
    """Make scenes of digits that do not touch.

    Args:
        n: number of scenes, at least 1.
        size: side of the picture in pixels, at least 32.
        seed: at least 0; the same seed gives the same scenes.
        split: which digits are used: ``"train"``, ``"test"`` or ``"all"``.
        objects: fewest and most digits; where no room is left a scene gets fewer.
        scale: smallest and largest height of a digit as a fraction of the side, 0.1..1.
        background: ``"plain"``, ``"gradient"`` or ``"photo"``, darkened to half.

    Returns:
        DigitScenes.

    Raises:
        ValueError: an argument is out of range.
    """
    check_int("size", size, minimum=32)
    fewest = check_int("objects[0]", objects[0], minimum=0)
    most = check_int("objects[1]", objects[1], minimum=max(1, fewest), maximum=16)
    low = check_number("scale[0]", scale[0], minimum=0.1, maximum=1)
    high = check_number("scale[1]", scale[1], minimum=low, maximum=1)
    check_choice("background", background, BACKGROUNDS)
    digits = load_digits(split)
    ground = draw_backgrounds(Draws(n, seed, "digit grounds"), size, background).paint() * 0.5
    draws = Draws(n, seed, f"digits of {split}")
    count = fewest + draws.choice(most - fewest + 1)
    chosen = draws.choice(len(digits), most)
    height = (draws.uniform(most, low=low, high=high) * size).round().long()
    stretch = draws.uniform(most, low=0.8, high=1.25)
    corner = draws.uniform(most, TRIES, 2)
    color = hsv_to_rgb(
        draws.uniform(most), draws.uniform(most, high=0.9), draws.uniform(most, low=0.85, high=1.0)
    )  # (N, K, 3)
    labels, boxes = torch.full((n, most), -1), torch.zeros(n, most, 4)
    for i in range(n):
        for k in range(int(count[i])):
            ink = cut_to_ink(digits.images[chosen[i, k], 0])
            h = int(height[i, k])
            w = min(max(round(h * ink.shape[1] / ink.shape[0] * float(stretch[i, k])), h // 3), size)
            room = torch.tensor([size - w + 1, size - h + 1])
            for x, y in (corner[i, k] * room).long().tolist():
                near = torch.tensor([x - GAP, y - GAP, x + w + GAP, y + h + GAP])
                taken = boxes[i, :k][labels[i, :k] >= 0]
                if ((taken[:, :2] < near[2:]) & (taken[:, 2:] > near[:2])).all(1).any():
                    continue
                drawn = F.interpolate(ink[None, None].float() / 255, (h, w), mode="bilinear", antialias=True)[0]
                spot = ground[i, :, y : y + h, x : x + w]
                spot += drawn * (color[i, k, :, None, None] - spot)
                labels[i, k], boxes[i, k] = digits.labels[chosen[i, k]], torch.tensor([x, y, x + w, y + h])
                break
    return DigitScenes((ground * 255).round().to(torch.uint8), labels, boxes)
