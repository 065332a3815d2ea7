r"""Mean field as layers: a conditional random field that learns with the network below it (chapter 11).

One step of mean field is filtering, weighting, a table of which labels go together, adding the unary scores and a
softmax: all differentiable. Unrolled T times with shared weights it is a recurrent layer.

Source: S. Zheng and others, "Conditional random fields as recurrent neural networks", ICCV 2015. One weight a kernel
here (the paper: one a kernel and class).
"""

from __future__ import annotations

from collections.abc import Sequence

import torch
from torch import Tensor, nn

from course_utils.check import check_int, check_same_length, check_shape
from course_utils.segmentation.dense_crf import Kernels, Messages, message_filters


class CRFRNN(nn.Module):
    """Unary logits (N, C, H, W) and their images (N, 3, H, W) to refined logits (N, C, H, W).

    Untrained it does what `dense_crf.mean_field` does with the same kernels.

    Args:
        num_classes: C.
        kernels: weights to start from, and widths, which stay.
        steps: T, at least 1.
        filter_by: ``"lattice"`` or ``"pairs"``.

    Attributes:
        weights: of the two kernels, learned.
        compatibility: (C, C), what label a pays for each neighbour that says b; starts as Potts', learned.
    """

    def __init__(
        self, num_classes: int, kernels: Kernels | None = None, steps: int = 5, filter_by: str = "lattice"
    ) -> None:
        super().__init__()
        self.kernels, self.filter_by = kernels or Kernels(), filter_by
        self.steps = check_int("steps", steps, minimum=1)
        self.weights = nn.Parameter(torch.tensor([float(self.kernels.appearance), float(self.kernels.smoothness)]))
        self.compatibility = nn.Parameter(1 - torch.eye(check_int("num_classes", num_classes, minimum=2)))

    def filters(self, images: Tensor) -> list[tuple[Messages, Messages]]:
        """Return the two filters of each image: make them once, for pictures that come again in training."""
        return [message_filters(image, self.kernels, self.filter_by) for image in images]

    def forward(
        self, unary: Tensor, images: Tensor, filters: Sequence[tuple[Messages, Messages]] | None = None
    ) -> Tensor:
        check_shape("unary", unary, (None, len(self.compatibility), None, None))
        check_shape("images", images, (len(unary), None, *unary.shape[2:]))
        pairs = self.filters(images) if filters is None else filters
        check_same_length("filters", pairs, "images", images)
        return torch.stack([self.refine(u, *both) for u, both in zip(unary, pairs, strict=True)])

    def refine(self, unary: Tensor, appearance: Messages, smoothness: Messages) -> Tensor:
        """Return the refined logits (C, H, W) of one picture, whose filters are given."""
        u = unary.flatten(1).T  # (N, C)
        logits = u
        for _ in range(self.steps):
            q = logits.softmax(dim=1)
            heard = self.weights[0] * appearance(q) + self.weights[1] * smoothness(q)
            logits = u - heard @ self.compatibility.T
        return logits.T.reshape(unary.shape)
