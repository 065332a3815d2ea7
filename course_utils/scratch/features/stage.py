"""One stage of a feature extractor: normalise, filter, nonlinearity, pool.

Sources: Jarrett, Kavukcuoglu, Ranzato and LeCun, "What is the Best Multi-Stage Architecture for Object
Recognition?", ICCV 2009; local contrast normalisation after Pinto, Cox and DiCarlo, 2008.
"""

import torch
from torch.nn import functional as F

from course_utils.check import check_choice, check_int, check_number, check_shape

STEPS = ("normalise", "filter", "nonlinearity", "pool")


def gaussian_window(size: int) -> torch.Tensor:
    """Return a (size, size) Gaussian of deviation size / 4 that sums to one."""
    check_int("size", size, minimum=1)
    axis = torch.arange(size, dtype=torch.float32) - (size - 1) / 2
    line = torch.exp(-(axis**2) / (2 * (size / 4) ** 2))
    line = line / line.sum()
    return line[:, None] * line[None, :]


def local_contrast(x: torch.Tensor, size: int = 7, epsilon: float = 1e-4) -> torch.Tensor:
    """Take away the local mean, divide by the local deviation; both over all maps and a Gaussian neighbourhood.

    Args:
        x: (N, C, H, W).
        size: odd side of the neighbourhood in pixels; near the border it reaches into repeated border values.
        epsilon: smallest deviation to divide by, in the unit of ``x``; keeps a blank image at 0 instead of 0 / 0.

    Returns:
        (N, C, H, W). The divisor is the local deviation or its mean over the image, whichever is larger (Jarrett's
        rule): noise in flat regions is not blown up, and a factor on the whole image cancels.
    """
    check_shape("x", x, (None, None, None, None))
    check_number("epsilon", epsilon, above=0)
    channels = x.shape[1]
    window = gaussian_window(size).to(x).expand(1, channels, size, size) / channels
    margin = size // 2

    def local_mean(maps: torch.Tensor) -> torch.Tensor:
        return F.conv2d(F.pad(maps, (margin,) * 4, mode="replicate"), window)

    centred = x - local_mean(x)
    deviation = local_mean(centred**2).sqrt()
    typical = deviation.mean(dim=(2, 3), keepdim=True).clamp(min=epsilon)
    return centred / torch.maximum(deviation, typical)


def random_filters(out_channels: int, in_channels: int, size: int, seed: int = 0) -> torch.Tensor:
    """Return (out, in, size, size) random filters, each of mean zero and length one."""
    generator = torch.Generator().manual_seed(seed)
    filters = torch.randn(out_channels, in_channels, size, size, generator=generator)
    filters = filters - filters.mean(dim=(2, 3), keepdim=True)
    return filters / filters.flatten(1).norm(dim=1).view(-1, 1, 1, 1)


def average_pool_loop(x: torch.Tensor, size: int) -> torch.Tensor:
    """Average windows one by one: the slow twin of the stage's pooling."""
    n, c, h, w = x.shape
    out = torch.empty(n, c, h // size, w // size, dtype=x.dtype)
    for i in range(h // size):
        for j in range(w // size):
            out[:, :, i, j] = x[:, :, i * size : (i + 1) * size, j * size : (j + 1) * size].mean(dim=(2, 3))
    return out


def stage(x: torch.Tensor, filters: torch.Tensor, pool: int = 2, without: str | None = None) -> torch.Tensor:
    """Run one stage: normalise, filter, take absolute values, average.

    Args:
        x: (N, C, H, W).
        filters: (K, C, k, k), slid without padding.
        pool: side of the pooled windows in pixels.
        without: name of one step to leave out, from STEPS. Without "filter" the maps are only cropped to the size
            that filtering would give; without "pool" every ``pool``-th value is kept unaveraged.

    Returns:
        (N, K, (H - k + 1) // pool, (W - k + 1) // pool); C instead of K maps without "filter".
    """
    check_int("pool", pool, minimum=1)
    if without is not None:
        check_choice("without", without, STEPS)
    if without != "normalise":
        x = local_contrast(x)
    if without != "filter":
        x = F.conv2d(x, filters)
    else:
        edge = (filters.shape[-1] - 1) // 2
        x = x[:, :, edge : x.shape[2] - edge, edge : x.shape[3] - edge]
    if without != "nonlinearity":
        x = x.abs()
    if without != "pool":
        return F.avg_pool2d(x, pool)
    return x[:, :, : x.shape[2] // pool * pool : pool, : x.shape[3] // pool * pool : pool]
