"""One wording for inputs that a network cannot take."""

from __future__ import annotations

from torch import Tensor


def check_images(x: Tensor, channels: int, size: tuple[int, int] | None = None, remedy: str = "") -> Tensor:
    """Return ``x`` if it is a batch of images that fits.

    Args:
        x: should be (N, channels, H, W).
        channels: that the first layer expects.
        size: the only (H, W) that the network takes; any if left out.
        remedy: what to do about a wrong size.

    Raises:
        ValueError: with what came, the rule and the remedy.
    """
    if x.ndim != 4 or x.shape[1] != channels:
        raise ValueError(f"x must be images (N, {channels}, H, W), got shape {tuple(x.shape)}")
    if size is not None and tuple(x.shape[2:]) != size:
        hint = f"; {remedy}" if remedy else ""
        raise ValueError(f"x must be {size[0]} x {size[1]} pixels, got {x.shape[2]} x {x.shape[3]}{hint}")
    return x
