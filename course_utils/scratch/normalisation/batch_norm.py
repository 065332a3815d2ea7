"""Batch normalisation: forward and backward by hand, running statistics, train and eval (chapter 04c)."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import torch
from torch import Tensor, nn

from course_utils.check import check_int, check_number, check_shape


@dataclass(frozen=True)
class BatchNormCache:
    """What the backward pass needs: normalised values, ``1 / sqrt(var + eps)``, gamma, values averaged over."""

    x_hat: Tensor
    inverse: Tensor
    gamma: Tensor
    count: int


def batch_norm_loop(x: Tensor, gamma: Tensor, beta: Tensor, epsilon: float = 1e-5) -> Tensor:
    """Normalise each channel over batch and positions with nothing but loops: the slow twin.

    Args:
        x: shape ``(N, C)`` or ``(N, C, ...)``.
        gamma: scale, shape ``(C,)``.
        beta: shift, shape ``(C,)``.
        epsilon: added to the variance, at least 0.
    """
    flat = x.reshape(x.shape[0], x.shape[1], -1)  # (N, C, positions)
    samples, channels, positions = flat.shape
    y = torch.empty_like(flat)
    for c in range(channels):
        values = [flat[i, c, p].item() for i in range(samples) for p in range(positions)]
        mean = sum(values) / len(values)
        variance = sum((value - mean) ** 2 for value in values) / len(values)
        for i in range(samples):
            for p in range(positions):
                x_hat = (flat[i, c, p].item() - mean) / (variance + epsilon) ** 0.5
                y[i, c, p] = gamma[c].item() * x_hat + beta[c].item()
    return y.reshape(x.shape)


def batch_norm_forward(x: Tensor, gamma: Tensor, beta: Tensor, epsilon: float = 1e-5) -> tuple[Tensor, BatchNormCache]:
    """Normalise each channel with the mean and the 1/m variance of this batch, then scale and shift.

    Args:
        x: shape ``(N, C)`` or ``(N, C, ...)``; statistics run over all sizes but ``C``.
        gamma: scale, shape ``(C,)``.
        beta: shift, shape ``(C,)``.
        epsilon: added to the variance, at least 0.

    Returns:
        ``y`` of the shape of ``x``, and what the backward pass needs.

    Raises:
        ValueError: if a channel has a single value: its variance is 0 and its output would be beta whatever came.

    Source: S. Ioffe, C. Szegedy, Batch normalization (2015), algorithm 1.
    """
    _check_parameters(x, gamma, beta, epsilon)
    count = x.numel() // x.shape[1]
    if count < 2:
        raise ValueError(
            f"x must hold at least 2 values a channel in training mode, got shape {tuple(x.shape)}: "
            "use a larger batch, or eval mode"
        )
    mean, variance = batch_statistics(x)
    inverse = 1 / torch.sqrt(variance + epsilon)
    x_hat = (x - _spread(mean, x)) * _spread(inverse, x)
    return _spread(gamma, x) * x_hat + _spread(beta, x), BatchNormCache(x_hat, inverse, gamma, count)


def batch_norm_backward(dy: Tensor, cache: BatchNormCache) -> tuple[Tensor, Tensor, Tensor]:
    """Return dL/dx, dL/dgamma and dL/dbeta from dL/dy, by the closed formula.

    Args:
        dy: of the shape of ``y``.
        cache: from :func:`batch_norm_forward`.
    """
    check_shape("dy", dy, tuple(cache.x_hat.shape))
    axes = _axes(dy)
    dbeta = dy.sum(dim=axes)
    dgamma = (dy * cache.x_hat).sum(dim=axes)
    # What is left of dy once its mean and its part along x_hat are taken away.
    inner = dy - _spread(dbeta / cache.count, dy) - cache.x_hat * _spread(dgamma / cache.count, dy)
    return _spread(cache.gamma * cache.inverse, dy) * inner, dgamma, dbeta


def batch_norm_backward_by_steps(
    dy: Tensor, x: Tensor, gamma: Tensor, epsilon: float = 1e-5
) -> tuple[Tensor, Tensor, Tensor]:
    """Do the same one node of the computation at a time: the long twin of :func:`batch_norm_backward`.

    Args:
        dy: dL/dy, of the shape of ``x``.
        x: the input of the forward pass.
        gamma: scale, shape ``(C,)``.
        epsilon: as in the forward pass.
    """
    axes, count = _axes(x), x.numel() // x.shape[1]
    mean, variance = batch_statistics(x)
    centred = x - _spread(mean, x)
    root = torch.sqrt(variance + epsilon)
    x_hat = centred / _spread(root, x)
    dbeta = dy.sum(dim=axes)  # y = gamma x_hat + beta
    dgamma = (dy * x_hat).sum(dim=axes)
    dx_hat = dy * _spread(gamma, x)
    droot = -(dx_hat * centred).sum(dim=axes) / root**2  # x_hat = centred / root
    dcentred = dx_hat / _spread(root, x)
    dvariance = droot / (2 * root)  # root = sqrt(variance + epsilon)
    dcentred = dcentred + 2 * centred * _spread(dvariance, x) / count  # variance = mean of centred^2
    dmean = -dcentred.sum(dim=axes)  # centred = x - mean
    return dcentred + _spread(dmean, x) / count, dgamma, dbeta  # mean = sum of x / count


def batch_statistics(x: Tensor) -> tuple[Tensor, Tensor]:
    """Return mean and 1/m variance of each channel over batch and positions, each of shape ``(C,)``."""
    mean = x.mean(dim=_axes(x))
    return mean, ((x - _spread(mean, x)) ** 2).mean(dim=_axes(x))


def normalise_each_position(x: Tensor, epsilon: float = 1e-5) -> Tensor:
    """Normalise each channel AND position over the batch alone: what batch normalisation of maps does not do.

    Args:
        x: shape ``(N, C, H, W)``.
        epsilon: added to the variance.
    """
    check_shape("x", x, (None, None, None, None))
    mean = x.mean(dim=0, keepdim=True)
    return (x - mean) / torch.sqrt(((x - mean) ** 2).mean(dim=0, keepdim=True) + epsilon)


class BatchNorm(nn.Module):
    """Batch normalisation of ``(N, C)`` or ``(N, C, ...)`` with hand-written forward and backward passes.

    In training mode it uses the batch's statistics and moves the running ones a step of ``momentum`` towards
    them; in eval mode it uses the running ones. As in PyTorch, the output is made with the 1/m variance and
    the running variance follows the 1/(m-1) one.

    Args:
        channels: ``C``, at least 1.
        epsilon: added to the variance.
        momentum: weight of the newest batch in the running statistics, in [0, 1]; ``None`` averages all batches.
    """

    running_mean: Tensor
    running_var: Tensor
    batches_seen: Tensor

    def __init__(self, channels: int, epsilon: float = 1e-5, momentum: float | None = 0.1) -> None:
        super().__init__()
        check_int("channels", channels, minimum=1)
        self.epsilon = check_number("epsilon", epsilon, minimum=0)
        self.momentum = None if momentum is None else check_number("momentum", momentum, minimum=0, maximum=1)
        self.gamma = nn.Parameter(torch.ones(channels))
        self.beta = nn.Parameter(torch.zeros(channels))
        self.register_buffer("running_mean", torch.zeros(channels))
        self.register_buffer("running_var", torch.ones(channels))
        self.register_buffer("batches_seen", torch.tensor(0))

    def forward(self, x: Tensor) -> Tensor:
        """Return the normalised ``x``, of the same shape."""
        if not self.training:
            _check_parameters(x, self.gamma, self.beta, self.epsilon)
            inverse = 1 / torch.sqrt(self.running_var + self.epsilon)
            return _spread(self.gamma * inverse, x) * (x - _spread(self.running_mean, x)) + _spread(self.beta, x)
        y: Tensor = _HandWritten.apply(x, self.gamma, self.beta, self.epsilon)
        self._follow(x.detach())
        return y

    @torch.no_grad()
    def _follow(self, x: Tensor) -> None:
        mean, variance = batch_statistics(x)
        count = x.numel() // x.shape[1]
        self.batches_seen += 1
        step = 1 / self.batches_seen.item() if self.momentum is None else self.momentum
        self.running_mean += step * (mean - self.running_mean)
        self.running_var += step * (variance * count / (count - 1) - self.running_var)


class _HandWritten(torch.autograd.Function):
    """Tells autograd to use our backward pass."""

    @staticmethod
    def forward(ctx: Any, x: Tensor, gamma: Tensor, beta: Tensor, epsilon: float) -> Tensor:
        y, cache = batch_norm_forward(x, gamma, beta, epsilon)
        ctx.save_for_backward(cache.x_hat, cache.inverse, cache.gamma)
        ctx.count = cache.count
        return y

    @staticmethod
    def backward(ctx: Any, *grads: Any) -> Any:
        x_hat, inverse, gamma = ctx.saved_tensors
        dx, dgamma, dbeta = batch_norm_backward(grads[0], BatchNormCache(x_hat, inverse, gamma, ctx.count))
        return dx, dgamma, dbeta, None


def _axes(x: Tensor) -> list[int]:
    return [axis for axis in range(x.dim()) if axis != 1]


def _spread(per_channel: Tensor, x: Tensor) -> Tensor:
    """Shape ``(C,)`` so that it broadcasts against ``(N, C, ...)``."""
    return per_channel.reshape(1, -1, *[1] * (x.dim() - 2))


def _check_parameters(x: Tensor, gamma: Tensor, beta: Tensor, epsilon: float) -> None:
    if x.dim() < 2:
        raise ValueError(f"x must have shape (N, C) or (N, C, ...), got {tuple(x.shape)}")
    check_shape("gamma", gamma, (x.shape[1],))
    check_shape("beta", beta, (x.shape[1],))
    check_number("epsilon", epsilon, minimum=0)
