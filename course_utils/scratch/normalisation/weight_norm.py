"""Weight normalisation: learn the direction and the length of each weight vector apart (chapter 04c)."""

from __future__ import annotations

import torch
from torch import Tensor, nn

from course_utils.check import check_int, check_shape


def weight_norm_loop(v: Tensor, g: Tensor) -> Tensor:
    """Compute ``w = g v / |v|`` for each output with nothing but loops: the slow twin.

    Args:
        v: directions, shape ``(out, ...)``.
        g: lengths, shape ``(out,)``.
    """
    rows = v.reshape(len(v), -1)
    w = torch.empty_like(rows)
    for j in range(rows.shape[0]):
        length = sum(value.item() ** 2 for value in rows[j]) ** 0.5
        for i in range(rows.shape[1]):
            w[j, i] = g[j].item() * rows[j, i].item() / length
    return w.reshape(v.shape)


def weight_norm(v: Tensor, g: Tensor) -> Tensor:
    """Compute ``w = g v / |v|``, one length for each output.

    Args:
        v: directions, shape ``(out, ...)``: a linear or a convolutional weight.
        g: lengths, shape ``(out,)``; a negative one turns the direction round.

    Raises:
        ValueError: if a direction is 0, which has no direction.

    Source: T. Salimans, D. P. Kingma, Weight normalization (2016), equation 2.
    """
    check_shape("g", g, (v.shape[0],))
    return _spread(g / _lengths(v), v) * v


def weight_norm_backward(dw: Tensor, v: Tensor, g: Tensor) -> tuple[Tensor, Tensor]:
    """Return dL/dv and dL/dg from dL/dw.

    Args:
        dw: of the shape of ``v``.
        v: directions, shape ``(out, ...)``.
        g: lengths, shape ``(out,)``.

    Returns:
        ``dv``, perpendicular to ``v`` in every row, and ``dg``, the part of ``dw`` along the direction.
    """
    check_shape("dw", dw, tuple(v.shape))
    check_shape("g", g, (v.shape[0],))
    lengths = _lengths(v)
    unit = v / _spread(lengths, v)
    dg = (dw * unit).flatten(1).sum(dim=1)
    return _spread(g / lengths, v) * (dw - _spread(dg, v) * unit), dg


class WeightNormLinear(nn.Module):
    """A linear layer with weights ``g v / |v|`` and a bias; it never looks at the batch.

    Args:
        in_features: inputs, at least 1.
        out_features: outputs, at least 1.
    """

    def __init__(self, in_features: int, out_features: int) -> None:
        super().__init__()
        check_int("in_features", in_features, minimum=1)
        check_int("out_features", out_features, minimum=1)
        self.v = nn.Parameter(torch.randn(out_features, in_features) * (2 / in_features) ** 0.5)
        self.g = nn.Parameter(torch.linalg.norm(self.v.detach(), dim=1))
        self.bias = nn.Parameter(torch.zeros(out_features))

    def forward(self, x: Tensor) -> Tensor:
        """Return ``x W^T + b``, shape ``(N, out_features)``."""
        return nn.functional.linear(x, weight_norm(self.v, self.g), self.bias)


def _lengths(v: Tensor) -> Tensor:
    if v.dim() < 2:
        raise ValueError(f"v must have shape (out, in, ...), got {tuple(v.shape)}")
    lengths = v.flatten(1).norm(dim=1)
    if (lengths == 0).any():
        rows = torch.nonzero(lengths == 0).flatten().tolist()
        raise ValueError(f"v must have no zero row, got zeros in rows {rows}: draw them at random instead")
    return lengths


def _spread(per_row: Tensor, v: Tensor) -> Tensor:
    return per_row.reshape(-1, *[1] * (v.dim() - 1))
