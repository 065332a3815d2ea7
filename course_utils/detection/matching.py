"""Which anchor learns which object: the rule that turns a few true boxes into a target for every anchor.

An anchor with IoU of at least ``high`` with an object takes it; below ``low`` with all of them it is background;
between, it is left out of the loss. Since an object may reach ``high`` with no anchor, some anchors are forced to it:

- ``"one"`` (SSD): each object gets an anchor of its own, the pairs of highest IoU first;
- ``"ties"`` (Faster R-CNN's region proposals): every anchor that reaches an object's best IoU counts as a match, with
  the object that the anchor itself overlaps most. Two objects may share it, and one of them go without.

Sources: S. Ren and others, "Faster R-CNN", NIPS 2015, section 3.1.2; W. Liu and others, "SSD", ECCV 2016, section 2.2.
"""

from __future__ import annotations

from dataclasses import dataclass

import torch
from torch import Tensor

from course_utils.check import check_choice, check_number
from course_utils.detection.iou import box_iou

BACKGROUND = -1
IGNORED = -2
FORCES = ("none", "one", "ties")


@dataclass(frozen=True)
class Matches:
    """What each anchor is to learn.

    Attributes:
        indices: int64 (N,): the object's number, or `BACKGROUND` (-1), or `IGNORED` (-2).
        overlaps: (N,): IoU with that object; for background and ignored anchors with the one they overlap most.
    """

    indices: Tensor
    overlaps: Tensor

    @property
    def foreground(self) -> Tensor:
        """Bool (N,): anchors that learn an object."""
        return self.indices >= 0

    @property
    def background(self) -> Tensor:
        """Bool (N,): anchors that learn that nothing is there."""
        return self.indices == BACKGROUND

    @property
    def ignored(self) -> Tensor:
        """Bool (N,): anchors that learn nothing."""
        return self.indices == IGNORED

    def labels(self, of_targets: Tensor, ignored: int = -1) -> Tensor:
        """Return a label for each anchor.

        Args:
            of_targets: int64 (M,), from 1 on.
            ignored: label of ignored anchors, the ``ignore_index`` of the loss.

        Returns:
            int64 (N,): the object's label, 0 for background.

        Raises:
            ValueError: if a label is below 1.
        """
        if len(of_targets) and int(of_targets.min()) < 1:
            raise ValueError(f"of_targets must be at least 1, got {int(of_targets.min())}; 0 is the background")
        padded = torch.cat((of_targets.long(), of_targets.new_tensor([ignored, 0]).long()))
        return padded[self.indices]  # -1 finds the last entry, -2 the one before

    def boxes(self, of_targets: Tensor) -> Tensor:
        """Return the box that each foreground anchor learns, (number of foreground anchors, 4)."""
        return of_targets[self.indices[self.foreground]]


def match(
    anchors: Tensor,
    targets: Tensor,
    high: float = 0.7,
    low: float = 0.3,
    force: bool | str = True,
) -> Matches:
    """Give every anchor an object, the background, or nothing.

    Args:
        anchors: xyxy, (N, 4).
        targets: xyxy, (M, 4), the true boxes; M may be 0, then everything is background.
        high: IoU from which on an anchor takes an object.
        low: IoU below which an anchor is background; at most ``high``. With ``low == high`` nothing is ignored.
        force: ``"one"`` or True, ``"ties"``, ``"none"`` or False: see the top of the module. A pair that does not
            overlap at all is never forced (torchvision's ``Matcher`` would then match every anchor).

    Returns:
        The matches. Of several objects with equal IoU an anchor takes the first.

    Raises:
        TypeError: if boxes are no tensors of floats.
        ValueError: if boxes or thresholds break a rule.
    """
    high, low, rule = _checked(high, low, force)
    overlap = box_iou(anchors, targets)  # (N, M)
    if len(targets) == 0:
        return Matches(torch.full((len(anchors),), BACKGROUND, device=anchors.device), anchors.new_zeros(len(anchors)))
    best, taken = overlap.max(dim=1)
    indices = taken.clone()
    indices[(best >= low) & (best < high)] = IGNORED
    indices[best < low] = BACKGROUND
    if rule == "ties" and len(anchors):
        highest = overlap.max(dim=0).values
        reaches = ((overlap == highest) & (overlap > 0)).any(dim=1)
        indices[reaches] = taken[reaches]
    if rule == "one" and len(anchors):
        free = overlap.clone()
        for _ in range(min(free.shape)):
            anchor, target = divmod(int(free.argmax()), len(targets))
            if free[anchor, target] <= 0:
                break
            indices[anchor] = target
            best[anchor] = overlap[anchor, target]
            free[anchor], free[:, target] = -1, -1
    return Matches(indices, best)


def match_loop(
    anchors: Tensor,
    targets: Tensor,
    high: float = 0.7,
    low: float = 0.3,
    force: bool | str = True,
) -> Matches:
    """Decide anchor by anchor, object by object: the slow twin of `match`."""
    high, low, rule = _checked(high, low, force)
    overlap = box_iou(anchors, targets).tolist()
    found, overlaps = [], []
    for row in overlap:
        best = max(row, default=0.0)
        taken = row.index(best) if row else BACKGROUND
        reaches = any(row[j] == max(other[j] for other in overlap) > 0 for j in range(len(row)))
        if row and (best >= high or (rule == "ties" and reaches)):
            found.append(taken)
        else:
            found.append(BACKGROUND if not row or best < low else IGNORED)
        overlaps.append(best)
    if rule == "one":
        pairs = [(-value, i, j) for i, row in enumerate(overlap) for j, value in enumerate(row) if value > 0]
        done: set[int] = set()
        given: set[int] = set()
        for value, i, j in sorted(pairs):
            if i not in given and j not in done:
                found[i], overlaps[i] = j, -value
                given.add(i)
                done.add(j)
    return Matches(torch.tensor(found, dtype=torch.int64), anchors.new_tensor(overlaps))


def _checked(high: float, low: float, force: bool | str) -> tuple[float, float, str]:
    check_number("high", high, minimum=0, maximum=1)
    check_number("low", low, minimum=0, maximum=high)
    rule = {True: "one", False: "none"}[force] if isinstance(force, bool) else force
    return high, low, check_choice("force", rule, FORCES)
