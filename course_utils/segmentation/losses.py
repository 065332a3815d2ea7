"""What a segmentation network is trained on: cross-entropy of every pixel, with weights, and the Dice loss.

All losses take ``logits`` (N, K, H, W) and ``target`` int (N, H, W), where pixels labelled ``ignore`` do not count.

Source: J. Long, E. Shelhamer, T. Darrell, CVPR 2015 (per-pixel loss); D. Eigen, R. Fergus, ICCV 2015 (median
frequency balancing); F. Milletari, N. Navab, S. Ahmadi, "V-Net", 3DV 2016 (Dice loss); O. Ronneberger, P. Fischer,
T. Brox, "U-Net", MICCAI 2015, equation 2 (weights between touching cells).
"""

from __future__ import annotations

import math

import torch
from torch import Tensor
from torch.nn import functional as F

from course_utils.check import check_choice, check_int, check_number, check_shape
from course_utils.segmentation.metrics import IGNORE, check_labels


def _checked(logits: Tensor, target: Tensor, ignore: int | None) -> tuple[Tensor, Tensor]:
    """Return the target with a harmless class in ignored places, and the mask of those that count."""
    n, k, height, width = check_shape("logits", logits, (None, None, None, None)).shape
    check_shape("target", target, (n, height, width))
    target = check_labels("target", target, k, ignore)
    counted = torch.ones_like(target, dtype=torch.bool) if ignore is None else target != ignore
    return target.masked_fill(~counted, 0), counted


def pixel_losses(logits: Tensor, target: Tensor, ignore: int | None = IGNORE) -> Tensor:
    """Return minus the log-probability of the right class at each pixel, (N, H, W); 0 where ignored."""
    right, counted = _checked(logits, target, ignore)
    loss = -logits.log_softmax(dim=1).gather(1, right[:, None])[:, 0]
    return loss.masked_fill(~counted, 0.0)


def pixel_cross_entropy(
    logits: Tensor,
    target: Tensor,
    ignore: int | None = IGNORE,
    class_weights: Tensor | None = None,
    pixel_weights: Tensor | None = None,
) -> Tensor:
    """Return the weighted mean over the counted pixels of their cross-entropies.

    Args:
        logits: (N, K, H, W).
        target: int (N, H, W).
        ignore: label that does not count; None if there is none.
        class_weights: (K,), at least 0: a pixel weighs as much as its true class.
        pixel_weights: (N, H, W), at least 0, on top of these; see `border_weights`.

    Returns:
        A number: ``sum w_i loss_i / sum w_i``, as PyTorch weighs classes. 0, with gradient 0, when nothing counts,
        where PyTorch returns NaN and ruins the weights of the network.
    """
    right, counted = _checked(logits, target, ignore)
    weights = counted.to(logits.dtype)
    if class_weights is not None:
        weights = weights * check_shape("class_weights", class_weights, (logits.shape[1],)).to(logits)[right]
    if pixel_weights is not None:
        weights = weights * check_shape("pixel_weights", pixel_weights, target.shape).to(logits)
    total = weights.sum()
    return (pixel_losses(logits, target, ignore) * weights).sum() / total.where(total > 0, 1.0)


def class_frequencies(target: Tensor, num_classes: int, ignore: int | None = IGNORE) -> Tensor:
    """Return the share of each class among the counted pixels, float64 (K,)."""
    labels = check_labels("target", target, num_classes, ignore).flatten()
    if ignore is not None:
        labels = labels[labels != ignore]
    return torch.bincount(labels, minlength=num_classes).double() / max(1, labels.numel())


def balanced_class_weights(frequencies: Tensor, rule: str = "median") -> Tensor:
    """Return weights that let rare classes count more.

    Args:
        frequencies: share of each class, (K,).
        rule: ``"median"``: median frequency of the present classes over the class's own; ``"inverse"``: scaled so
            that the expected weight of a pixel is 1, and all present classes have equal parts in the loss.

    Returns:
        (K,); 0 for classes that never occur.
    """
    check_choice("rule", rule, ("median", "inverse"))
    present = frequencies > 0
    inverse = torch.where(present, 1 / frequencies.where(present, 1.0), 0.0)
    scale = frequencies[present].quantile(0.5) if rule == "median" else 1 / present.sum()
    return inverse * scale


def dice_loss(logits: Tensor, target: Tensor, ignore: int | None = IGNORE, smooth: float = 1.0) -> Tensor:
    """Return 1 minus the mean over classes of the soft Dice score of probabilities ``p`` and truth ``y``.

    For each class, over all counted pixels of the batch: ``(2 sum p y + s) / (sum p + sum y + s)``. Small objects
    weigh as much as large ones, and no class weights are needed; a pixel's gradient depends on all others.

    Args:
        logits: (N, K, H, W).
        target: int (N, H, W).
        ignore: label that does not count.
        smooth: s, at least 0. It gives a class that is nowhere, and nowhere predicted, the score 1. With 0 and
            extreme logits the loss is 1 minus the mean Dice score of `metrics`.

    Source: Milletari, Navab and Ahmadi (2016) square the probabilities in the denominator; this is the plain form.
    """
    check_number("smooth", smooth, minimum=0)
    right, counted = _checked(logits, target, ignore)
    y = F.one_hot(right, logits.shape[1]).movedim(-1, 1).to(logits.dtype)
    y, p = (part * counted[:, None] for part in (y, logits.softmax(dim=1)))
    both, either = (p * y).sum((0, 2, 3)), (p + y).sum((0, 2, 3))
    empty = either + smooth == 0  # only with smooth = 0: such a class has no score and is left out
    score = (2 * both + smooth) / (either + smooth).masked_fill(empty, 1.0)
    return 1 - score[~empty].mean()


def border_weights(instances: Tensor, w0: float = 10.0, sigma: float = 5.0) -> Tensor:
    """Return the weights that teach a network to keep touching objects apart.

    ``w0 exp(-(d1 + d2)^2 / (2 sigma^2))`` on background pixels, with the distances to the nearest and the second
    nearest object; 0 on objects and where there are fewer than two. Add 1 or class weights for a loss.

    Args:
        instances: int (H, W), 0 for background, another number for each object.
        w0: weight in a gap of no width, at least 0.
        sigma: width of a gap that still counts, in pixels, above 0.

    Returns:
        float32 (H, W).
    """
    check_number("w0", w0, minimum=0)
    check_number("sigma", sigma, above=0)
    height, width = check_shape("instances", instances, (None, None)).shape
    from scipy.ndimage import distance_transform_edt

    numbers = [int(k) for k in instances.unique() if k != 0]
    if len(numbers) < 2:
        return torch.zeros(height, width, device=instances.device)
    distances = torch.stack([torch.from_numpy(distance_transform_edt((instances != k).cpu().numpy())) for k in numbers])
    gap = distances.sort(0).values[:2].sum(0)
    weights = w0 * torch.exp(-(gap**2) / (2 * sigma**2))
    return weights.masked_fill(instances.cpu() != 0, 0.0).float().to(instances.device)


def expected_start_loss(num_classes: int) -> float:
    """Return the loss of a network that knows nothing, ``ln K``: the first number to check in a training run."""
    return math.log(check_int("num_classes", num_classes, minimum=1))
