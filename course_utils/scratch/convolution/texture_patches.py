"""Pictures of noise with a small striped patch somewhere: lying or standing stripes, wherever they are."""

import numpy as np
import torch

from course_utils.check import check_int, check_number


def draw_texture_patches(
    count: int, size: int = 16, patch: int = 7, contrast: float = 2.0, seed: int = 0
) -> tuple[torch.Tensor, torch.Tensor]:
    """Draw pictures whose class is the direction of the stripes in a patch at a random place.

    Args:
        count: number of pictures.
        size: side of a picture in pixels.
        patch: side of the patch in pixels, at most ``size``.
        contrast: height of the stripes, in standard deviations of the noise.
        seed: of the draw.

    Returns:
        ``(x, y)``: (N, 1, size, size) pictures and (N,) classes, 0 for lying and 1 for standing stripes.
    """
    check_int("count", count, minimum=1)
    check_int("patch", patch, minimum=2, maximum=size)
    check_number("contrast", contrast, minimum=0)
    draw = np.random.default_rng(seed)
    x = draw.normal(size=(count, size, size))
    y = draw.integers(0, 2, size=count)
    top, left = draw.integers(0, size - patch + 1, size=(2, count))
    phase = draw.uniform(0, 2 * np.pi, size=count)
    for i in range(count):
        wave = contrast * np.sin(np.pi * np.arange(patch) / 2 + phase[i])  # four pixels from stripe to stripe
        stripes = np.broadcast_to(wave if y[i] else wave[:, None], (patch, patch))
        x[i, top[i] : top[i] + patch, left[i] : left[i] + patch] += stripes
    return torch.tensor(x[:, None], dtype=torch.float32), torch.tensor(y)
