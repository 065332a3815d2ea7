"""A convolution, its normalisation and its activation: the brick of most networks since 2015."""

from __future__ import annotations

from collections.abc import Callable

from torch import Tensor, nn
from torch.nn import functional as F

Size = int | tuple[int, int]


class ConvNormAct(nn.Module):
    """Convolution without bias, batch normalisation, activation.

    The bias is left out because the normalisation's own shift does its work.

    Args:
        in_channels: of the input (N, in_channels, H, W).
        out_channels: of the output.
        kernel_size: side, or (rows, columns).
        stride: step of the window.
        padding: rows and columns of zeros on each side; half the kernel if left out ("same" for odd kernels).
        groups: of channels that do not see each other.
        act: applied last; None for none.
        eps: of the normalisation.
    """

    def __init__(
        self,
        in_channels: int,
        out_channels: int,
        kernel_size: Size = 3,
        stride: Size = 1,
        padding: Size | None = None,
        *,
        groups: int = 1,
        act: Callable[[Tensor], Tensor] | None = F.relu,
        eps: float = 1e-5,
    ) -> None:
        super().__init__()
        if padding is None:
            padding = kernel_size // 2 if isinstance(kernel_size, int) else (kernel_size[0] // 2, kernel_size[1] // 2)
        self.conv = nn.Conv2d(in_channels, out_channels, kernel_size, stride, padding, groups=groups, bias=False)
        self.norm = nn.BatchNorm2d(out_channels, eps=eps)
        self.act = act

    def forward(self, x: Tensor) -> Tensor:
        x = self.norm(self.conv(x))
        return x if self.act is None else self.act(x)
