"""Label a pixel by classifying the patch around it; then all pixels at once, with the same numbers.

Training draws patches and is an image classification. Labelling by patches runs the network once a pixel, and
neighbouring patches share almost all of their work. Linear layers as convolutions and strides as dilations turn the
same network into one pass over the image.

Source: D. Ciresan et al., "Deep neural networks segment neuronal membranes in electron microscopy images", NIPS
2012; C. Farabet et al., "Learning hierarchical features for scene labeling", PAMI 2013.
"""

from __future__ import annotations

import torch
from torch import Tensor, nn
from torch.nn import functional as F

from course_utils.check import check_int, check_shape
from course_utils.models.summary import summarise
from course_utils.segmentation.convolutionalise import convolutionalise
from course_utils.segmentation.dilated_twin import dilated_twin
from course_utils.segmentation.metrics import IGNORE

SIDE = 17


def patch_network(num_classes: int, in_channels: int = 3, width: int = 16) -> nn.Sequential:
    """Return a small classifier of patches of 17 x 17 pixels, without padding: (N, C, 17, 17) to (N, num_classes).

    Two convolutions, each with an overlapping max pooling, then two linear layers.
    """
    check_int("num_classes", num_classes, minimum=1)
    check_int("width", width, minimum=1)
    return nn.Sequential(
        nn.Conv2d(in_channels, width, 3),
        nn.ReLU(),
        nn.MaxPool2d(3, 2),
        nn.Conv2d(width, 2 * width, 3),
        nn.ReLU(),
        nn.MaxPool2d(3, 2),
        nn.Flatten(),
        nn.Linear(2 * width * 4, 2 * width),
        nn.ReLU(),
        nn.Linear(2 * width, num_classes),
    )


def pad_for_patches(images: Tensor, side: int) -> Tensor:
    """Mirror images at their borders so that every pixel has a whole patch around it.

    Args:
        images: (N, C, H, W), each side longer than half a patch.
        side: of a patch; the pixel that it stands for is its row and column ``side // 2``.

    Returns:
        (N, C, H + side - 1, W + side - 1): the patch of pixel (i, j) begins at (i, j).
    """
    before, after = side // 2, side - 1 - side // 2
    return F.pad(images, (before, after, before, after), mode="reflect")


def cut_patches(images: Tensor, places: Tensor, side: int) -> Tensor:
    """Return the patches around pixels.

    Args:
        images: (N, C, H, W).
        places: int64 (M, 3): image, row, column.
        side: of a patch.

    Returns:
        (M, C, side, side).
    """
    check_shape("places", places, (None, 3))
    windows = pad_for_patches(images, side).unfold(2, side, 1).unfold(3, side, 1)  # (N, C, H, W, side, side)
    n, i, j = places.unbind(1)
    return windows[n, :, i, j]


def sample_places(labels: Tensor, per_class: int, seed: int = 0, ignore: int | None = IGNORE) -> Tensor:
    """Draw the same number of pixels of each class that occurs, with replacement.

    Args:
        labels: int (N, H, W).
        per_class: pixels a class.
        seed: of the draw.
        ignore: label to leave out.

    Returns:
        int64 (M, 3): image, row, column; class by class.
    """
    check_int("per_class", per_class, minimum=1)
    g = torch.Generator().manual_seed(seed)
    drawn = []
    for k in labels.unique().tolist():
        if k != ignore:
            places = (labels == k).nonzero()
            drawn.append(places[torch.randint(len(places), (per_class,), generator=g)])
    return torch.cat(drawn)


@torch.no_grad()
def label_by_patches(model: nn.Module, images: Tensor, side: int, batch_size: int = 1024) -> Tensor:
    """Run the classifier on the patch of every pixel: the slow twin of `label_densely`.

    Args:
        model: (M, C, side, side) to (M, K).
        images: (N, C, H, W).
        side: of a patch.
        batch_size: patches at a time.

    Returns:
        Logits (N, K, H, W).
    """
    n, _, height, width = images.shape
    places = torch.cartesian_prod(*(torch.arange(size) for size in (n, height, width)))
    logits = [model(cut_patches(images, part, side)) for part in places.split(batch_size)]
    return torch.cat(logits).view(n, height, width, -1).movedim(-1, 1)


def dense_network(model: nn.Sequential, in_channels: int, side: int) -> nn.Sequential:
    """Return the network that gives the logits of all patches of an image in one pass: (N, K, H - side + 1, ...)."""
    return dilated_twin(convolutionalise(model, (in_channels, side, side)))


@torch.no_grad()
def label_densely(model: nn.Sequential, images: Tensor, side: int) -> Tensor:
    """Return the logits of `label_by_patches`, from one pass over the images.

    Args:
        model: layers in a row without padding, as `patch_network`; evaluated in evaluation mode.
        images: (N, C, H, W).
        side: of the patches that the model was made for.

    Returns:
        Logits (N, K, H, W).
    """
    dense = dense_network(model, images.shape[1], side)
    # A network that drops rows at the end of a patch has room for more places at the end: they are cut off.
    return dense(pad_for_patches(images, side))[:, :, : images.shape[2], : images.shape[3]]


def work(model: nn.Sequential, in_channels: int, side: int, size: int) -> tuple[int, int]:
    """Return the multiply-adds for all pixels of one image of ``size`` x ``size``: patch by patch, and densely."""
    one = summarise(model, (in_channels, side, side)).multiply_adds
    whole = size + side - 1
    return one * size**2, summarise(dense_network(model, in_channels, side), (in_channels, whole, whole)).multiply_adds
