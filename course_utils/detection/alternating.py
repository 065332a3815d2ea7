"""How the first paper trained Faster R-CNN: four steps in turn, at the end of which both parts share one map.

1. The proposals learn, backbone included.
2. A detector with a backbone of its own learns from the proposals of step 1.
3. The proposals move onto the detector's backbone, which stays as it is; only their own layers learn.
4. The detector's head learns anew from the proposals of step 3, on the same frozen backbone.

Source: S. Ren and others, "Faster R-CNN", NIPS 2015, section 3.2.
"""

from __future__ import annotations

import copy
from collections.abc import Callable

import torch
from torch import Tensor, nn

from course_utils.detection.fast_rcnn import look, region_loss, sample_regions
from course_utils.detection.faster_rcnn import FasterRCNN
from course_utils.training import History, fit
from course_utils.training.loop import BatchSource

STEPS = ("proposals", "detector", "proposals on its map", "head on its map")


class _Parts(nn.Module):
    """The parts that learn, as one model for `fit`; all others stay as they are, their normalisation too."""

    def __init__(self, forward: Callable[[Tensor], Tensor], *parts: nn.Module) -> None:
        super().__init__()
        self.parts = nn.ModuleList(parts)
        self._pass = forward

    def forward(self, x: Tensor) -> Tensor:
        return self._pass(x)


def four_steps(
    model: FasterRCNN, batches: Callable[[int], BatchSource], *, epochs: int = 4, lr: float = 4e-3
) -> dict[str, History]:
    """Train a detector in the four steps of the paper, in place.

    Args:
        model: untrained.
        batches: returns the batches ``(x, truth)`` of step 0, 1, 2, 3.
        epochs: of each step.
        lr: highest learning rate of each step.

    Returns:
        The history of each step, by the names in ``STEPS``.
    """
    first = copy.deepcopy(model).eval()  # the proposals of steps 1 and 2 have a backbone of their own
    model.eval()

    def both_maps(x: Tensor) -> Tensor:
        with torch.no_grad():
            theirs = first(x)
        return torch.cat([model(x), theirs], dim=1)

    def detector_loss(maps: Tensor, truth: Tensor) -> Tensor:
        features, theirs = maps.chunk(2, dim=1)
        boxes, labels, corrections = sample_regions(first.propose(theirs, 2 * model.proposals), truth, model.count)
        return region_loss(*look(model.head, features, boxes, model.stride), labels, corrections)

    plan = (
        (_Parts(first.forward, first.backbone, first.rpn), first.rpn_loss),
        (_Parts(both_maps, model.backbone, model.head), detector_loss),
        (_Parts(model.forward, model.rpn), model.rpn_loss),
        (_Parts(model.forward, model.head), model.head_loss),
    )
    histories = {}
    for number, (parts, loss) in enumerate(plan):
        histories[STEPS[number]] = fit(
            parts, batches(number), epochs=epochs, lr=lr, optimizer="adamw", schedule="one_cycle", loss=loss,
            progress=False,
        )  # fmt: skip
        parts.eval()
    return histories
