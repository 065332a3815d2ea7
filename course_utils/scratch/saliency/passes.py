"""Count what a method costs: how many pictures go forwards and backwards through the network."""

from __future__ import annotations

from torch import Tensor, nn

__all__ = ["Counted"]


class Counted(nn.Module):
    """Wrap a network and count.

    ``forward_passes`` counts pictures that went in, ``backward_passes`` pictures whose answer was sent back.

    Args:
        model: any network; its layers keep their names behind ``model.``.
    """

    def __init__(self, model: nn.Module) -> None:
        super().__init__()
        self.model = model
        self.forward_passes = self.backward_passes = 0
        self.train(model.training)

    def forward(self, x: Tensor) -> Tensor:
        """Run the network on pictures (N, ...)."""
        self.forward_passes += len(x)
        outputs = self.model(x)
        if outputs.requires_grad:
            outputs.register_hook(self._count)
        return outputs

    def _count(self, gradient: Tensor) -> None:
        self.backward_passes += len(gradient)
