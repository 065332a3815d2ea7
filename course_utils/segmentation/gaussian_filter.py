r"""Gaussian filtering in any feature space: every pixel is told by every other, the nearer the louder (chapter 11).

$$v'_i = \sum_j \exp\left(-\tfrac12 \lVert f_i - f_j \rVert^2\right) v_j$$

With features of place and colour this is a bilateral filter. The sum over all pairs costs $N^2$ steps, the
permutohedral lattice $N d$: values are put on the corners of simplices that tile the feature space, blurred along the
lattice's $d + 1$ directions, and read off again.

Source: A. Adams, J. Baek, M. A. Davis, "Fast high-dimensional filtering using the permutohedral lattice", Eurographics
2010.
"""

from __future__ import annotations

import math

import torch
from torch import Tensor

from course_utils.check import check_number, check_shape

CHUNK = 1024


def filter_by_pairs(features: Tensor, values: Tensor) -> Tensor:
    """Sum over all pairs of pixels: the slow twin of `Lattice`.

    Args:
        features: (N, d), in units of the kernel's standard deviation.
        values: (N, C).

    Returns:
        (N, C), the pixel itself included.
    """
    check_shape("features", features, (None, None))
    check_shape("values", values, (len(features), None))
    rows = [
        torch.exp(-0.5 * torch.cdist(part, features, compute_mode="donot_use_mm_for_euclid_dist") ** 2).to(values)
        @ values
        for part in features.split(CHUNK)
    ]
    return torch.cat(rows) if rows else values.clone()


class Lattice:
    """The permutohedral lattice of a set of features; `filter` is linear in its values, and differentiable in them.

    Args:
        features: (N, d), finite, in units of the kernel's standard deviation; d at least 1.

    Attributes:
        size: number of lattice points in use, at most N (d + 1).

    Raises:
        ValueError: if a feature is not finite, or the features span more cells than can be numbered.
    """

    def __init__(self, features: Tensor) -> None:
        check_shape("features", features, (None, None))
        if not bool(torch.isfinite(features).all()):
            raise ValueError("features must be finite, got inf or nan")
        count, d = features.shape
        self.count, self.d = count, d
        elevated = elevate(features.detach().double())
        origin, rank = enclosing_simplex(elevated)
        self.weights = barycentric(elevated, origin, rank)  # (N, d + 1)
        # The corners of a pixel's simplex: one for each remainder k, as its first d coordinates.
        k = torch.arange(d + 1)[:, None, None]
        corners = origin + torch.where(rank <= d - k, k, k - (d + 1))  # (d + 1, N, d + 1)
        keys = corners[..., :d].permute(1, 0, 2).reshape(-1, d)
        low, high = (keys.amin(dim=0) - d - 1, keys.amax(dim=0) + d + 1) if count else (torch.zeros(d), torch.ones(d))
        self._low, self._radix = low.long(), (high - low + 1).long()
        if math.prod(self._radix.tolist()) >= 2**62:
            raise ValueError(
                f"features span {math.prod(self._radix.tolist()):.1e} cells, at most 2^62 can be numbered; use larger "
                "standard deviations"
            )
        points, inverse = keys.unique(dim=0, return_inverse=True)
        self.size = len(points)
        codes = self._encode(points)
        order = codes.argsort()
        self.corner = order.argsort()[inverse].view(count, d + 1)  # (N, d + 1): number of each corner
        points, self._codes = points[order], codes[order]
        self.neighbours = [self._along(points, direction) for direction in range(d + 1)]

    def _encode(self, keys: Tensor) -> Tensor:
        code = torch.zeros(len(keys), dtype=torch.int64)
        for i in range(self.d):
            code = code * self._radix[i] + (keys[:, i] - self._low[i])
        return code

    def _along(self, points: Tensor, direction: int) -> tuple[Tensor, Tensor]:
        """Return the numbers of each point's neighbours before and after in one direction; ``size`` for none."""
        found = []
        for sign in (-1, 1):
            keys = points + sign
            if direction < self.d:
                keys[:, direction] = points[:, direction] - sign * self.d
            codes = self._encode(keys)
            at = torch.searchsorted(self._codes, codes).clamp(max=max(0, self.size - 1))
            found.append(torch.where(self._codes[at] == codes, at, self.size) if self.size else at)
        return found[0], found[1]

    def filter(self, values: Tensor) -> Tensor:
        """Return the filtered values.

        Args:
            values: (N, C).

        Returns:
            (N, C): near the sum over all pairs, the pixel itself included; nearer where it is divided by the filter of
            ones (`average`), because the lattice's kernel has other tails than the Gaussian.
        """
        check_shape("values", values, (self.count, None))
        weights = self.weights.to(values.dtype)
        spread = (weights[:, :, None] * values[:, None]).flatten(0, 1)
        points = values.new_zeros(self.size + 1, values.shape[1]).index_add(0, self.corner.flatten(), spread)
        rest = values.new_zeros(1, values.shape[1])  # what lies where no point is: nothing
        for before, after in self.neighbours:
            points = torch.cat([points[:-1] + 0.5 * (points[before] + points[after]), rest])
        read = (weights[:, :, None] * points[self.corner]).sum(dim=1)
        return read * gain(self.d)

    def average(self, values: Tensor) -> Tensor:
        """Return the filtered values (N, C) over the filter of ones: a weighted mean of all pixels."""
        return self.filter(values) / self.filter(values.new_ones(self.count, 1))


def gain(d: int) -> float:
    r"""Return the factor that gives the lattice's kernel the Gaussian's integral.

    Each of d + 1 blurs with (1/2, 1, 1/2) doubles the mass, and a lattice point owns the volume
    $(3/2)^{d/2} / \sqrt{d + 1}$; the Gaussian's integral is $(2 \pi)^{d/2}$.
    """
    return (2 * math.pi) ** (d / 2) / (2 ** (d + 1) * 1.5 ** (d / 2) / math.sqrt(d + 1))


def elevate(features: Tensor) -> Tensor:
    """Place features (N, d) on the plane of d + 1 coordinates that sum to 0, (N, d + 1); one blur is then unit wide."""
    d = features.shape[1]
    i = torch.arange(1, d + 1, dtype=features.dtype)
    scaled = features * (math.sqrt(2 / 3) * (d + 1) / (i * (i + 1)).sqrt())
    after = scaled.flip(1).cumsum(1).flip(1)  # sums of the coordinate and all later ones
    return torch.cat([after[:, :1], (after - scaled) - i * scaled], dim=1)


def enclosing_simplex(elevated: Tensor) -> tuple[Tensor, Tensor]:
    """Return the simplex's corner of remainder 0, int64 (N, d + 1), and the rank of each coordinate's way from it."""
    d = elevated.shape[1] - 1
    origin = (elevated / (d + 1)).round().long() * (d + 1)
    excess = origin.sum(dim=1, keepdim=True) // (d + 1)
    order = (elevated - origin).argsort(dim=1, descending=True, stable=True)
    rank = order.argsort(dim=1) + excess
    low, high = rank < 0, rank > d
    shift = (low.long() - high.long()) * (d + 1)
    return origin + shift, rank + shift


def barycentric(elevated: Tensor, origin: Tensor, rank: Tensor) -> Tensor:
    """Return the weights (N, d + 1) with which a point is the mean of its simplex's corners, by remainder."""
    d = elevated.shape[1] - 1
    v = (elevated - origin) / (d + 1)
    b = elevated.new_zeros(len(elevated), d + 2)
    b.scatter_add_(1, d - rank, v)
    b.scatter_add_(1, d + 1 - rank, -v)
    b[:, 0] += 1 + b[:, d + 1]
    return b[:, : d + 1]


def place_features(height: int, width: int, sigma: float) -> Tensor:
    """Return where each pixel stands, (H W, 2), in units of ``sigma`` pixels."""
    check_number("sigma", sigma, above=0)
    y, x = torch.meshgrid(torch.arange(height), torch.arange(width), indexing="ij")
    return torch.stack([x, y], dim=-1).view(-1, 2) / sigma


def appearance_features(image: Tensor, sigma_place: float, sigma_color: float) -> Tensor:
    """Return place and colour of each pixel, (H W, 2 + C).

    Args:
        image: (C, H, W); colours in the units of ``sigma_color``.
        sigma_place: pixels.
        sigma_color: what counts as another colour.
    """
    check_shape("image", image, (None, None, None))
    check_number("sigma_color", sigma_color, above=0)
    place = place_features(image.shape[1], image.shape[2], sigma_place)
    return torch.cat([place, image.float().flatten(1).T / sigma_color], dim=1)
