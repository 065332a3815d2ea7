"""Pictures of one bright bar, drawn from known factors: place, angle, brightness."""

import numpy as np
import torch

from course_utils.check import check_choice, check_int, check_same_length

FACTORS = ("x", "y", "angle", "brightness")
RANGES = {"x": (-0.45, 0.45), "y": (-0.45, 0.45), "angle": (0.0, np.pi), "brightness": (0.4, 1.0)}
HALF_LENGTH, WIDTH = 0.4, 0.13


def render(factors: dict[str, np.ndarray], size: int = 16) -> torch.Tensor:
    """Draw one bar for each row of factors.

    Args:
        factors: (N,) arrays by name: ``x``, ``y`` of the middle in [-1, 1] (right and down), ``angle`` in radians (a
            bar comes back after pi), ``brightness`` in [0, 1]. A name left out stays at 0, brightness at 1.
        size: side of the picture in pixels.

    Returns:
        (N, 1, size, size) float32 in [0, 1]; the bar has a Gaussian profile, so pictures change smoothly.
    """
    check_int("size", size, minimum=2)
    if not factors:
        raise ValueError("factors must name at least one of x, y, angle, brightness, got none")
    for name in factors:
        check_choice("factor", name, FACTORS)
    first = next(iter(factors))
    for name in factors:
        check_same_length(first, factors[first], name, factors[name])
    count = len(factors[first])

    def column(name: str, default: float) -> np.ndarray:
        return np.asarray(factors.get(name, np.full(count, default)), dtype=float).reshape(-1, 1, 1)

    axis = np.linspace(-1, 1, size)
    right = axis[None, None, :] - column("x", 0)
    down = axis[None, :, None] - column("y", 0)
    cos, sin = np.cos(column("angle", 0)), np.sin(column("angle", 0))
    along = right * cos + down * sin
    across = -right * sin + down * cos
    beyond = np.maximum(np.abs(along) - HALF_LENGTH, 0)
    pictures = column("brightness", 1) * np.exp(-(across**2 + beyond**2) / (2 * WIDTH**2))
    return torch.tensor(pictures[:, None], dtype=torch.float32)


def draw_factors(count: int, names: tuple[str, ...] = FACTORS, seed: int = 0) -> dict[str, np.ndarray]:
    """Draw the named factors at random, each by itself and evenly over its range."""
    rng = np.random.default_rng(seed)
    return {name: rng.uniform(*RANGES[check_choice("factor", name, FACTORS)], count) for name in names}


def targets(factors: dict[str, np.ndarray]) -> dict[str, np.ndarray]:
    """Return what to predict for each factor: (N, 1) values; (N, 2) for the angle, cos and sin of twice of it."""
    out = {name: np.asarray(values, dtype=float)[:, None] for name, values in factors.items()}
    if "angle" in out:
        out["angle"] = np.hstack([np.cos(2 * out["angle"]), np.sin(2 * out["angle"])])
    return out
