"""AlexNet, as it ran on two GPUs and as one network, whole or with layers left out (chapter 06).

Source: A. Krizhevsky, I. Sutskever, G. Hinton, "ImageNet classification with deep convolutional neural networks",
NIPS 2012, section 3. Departure: the paper's images of 224 pixels do not give its maps of 55; here they are padded by 2.
The layers that can be left out are those of M. Zeiler, R. Fergus, "Visualizing and understanding convolutional
networks", ECCV 2014, table 3. The paper does not say whether a window of its normalisation reaches over to the maps of
the other GPU; here it does not.
"""

from __future__ import annotations

from collections.abc import Callable, Collection

import torch
from torch import Tensor, nn
from torch.nn import functional as F

from course_utils.check import check_choice, check_int, check_number
from course_utils.models.input_size import check_images

ACTIVATIONS: dict[str, Callable[[Tensor], Tensor]] = {"relu": F.relu, "tanh": torch.tanh}
OPTIONAL = ("conv3", "conv4", "fc6", "fc7")


class LocalResponseNorm(nn.LocalResponseNorm):
    """Divide by what the neighbouring maps on the same GPU say, with the paper's constants.

    Args:
        cards: GPUs that the maps lie on; windows end where a card ends.
    """

    def __init__(self, cards: int = 1) -> None:
        super().__init__(size=5, alpha=5 * 1e-4, beta=0.75, k=2)  # PyTorch divides alpha by size
        self.cards = cards

    def forward(self, x: Tensor) -> Tensor:
        n, channels, height, width = x.shape
        per_card = x.reshape(n * self.cards, channels // self.cards, height, width)
        return super().forward(per_card).reshape(x.shape)


class AlexNet(nn.Module):
    """Five convolutions and three linear layers: images (N, 3, S, S) to logits (N, num_classes).

    Args:
        num_classes: outputs.
        groups: 2 for the network split over two GPUs (60,965,224 parameters), 1 for the whole one (62,378,344).
        without: layers to leave out, of ``conv3 conv4 fc6 fc7``.
        width: factor on all numbers of maps and units, for miniatures; 1 is the paper's.
        input_size: side of the images, at least 63; the paper's is 224.
        dropout: share of units dropped before fc6 and fc7.
        activation: of all layers but the last, ``relu`` as published, or ``tanh``, with which the paper compares it.

    Raises:
        ValueError: if an option is out of range.
    """

    def __init__(
        self,
        num_classes: int = 1000,
        *,
        groups: int = 2,
        without: Collection[str] = (),
        width: float = 1.0,
        input_size: int = 224,
        dropout: float = 0.5,
        activation: str = "relu",
    ) -> None:
        super().__init__()
        check_int("num_classes", num_classes, minimum=1)
        check_choice("groups", groups, (1, 2))
        for name in without:
            check_choice("without", name, OPTIONAL)
        check_number("width", width, above=0)
        check_int("input_size", input_size, minimum=63)
        self.activation = ACTIVATIONS[check_choice("activation", activation, ACTIVATIONS)]
        self.input_size, self.without = input_size, tuple(without)

        def w(channels: int) -> int:
            return max(2, round(channels * width / 2) * 2)

        self.conv1 = nn.Conv2d(3, w(96), kernel_size=11, stride=4, padding=2)
        self.conv2 = nn.Conv2d(w(96), w(256), kernel_size=5, padding=2, groups=groups)
        channels = w(256)
        if "conv3" not in without:  # the one convolution in which both GPUs see all maps
            self.conv3 = nn.Conv2d(channels, w(384), kernel_size=3, padding=1)
            channels = w(384)
        if "conv4" not in without:
            self.conv4 = nn.Conv2d(channels, w(384), kernel_size=3, padding=1, groups=groups)
            channels = w(384)
        self.conv5 = nn.Conv2d(channels, w(256), kernel_size=3, padding=1, groups=groups)
        side = input_size
        for kernel_size, stride, padding in ((11, 4, 2), (3, 2, 0), (3, 2, 0), (3, 2, 0)):
            side = (side + 2 * padding - kernel_size) // stride + 1
        self.norm = LocalResponseNorm(groups)
        self.pool = nn.MaxPool2d(kernel_size=3, stride=2)
        self.dropout = nn.Dropout(dropout)
        features = w(256) * side**2
        if "fc6" not in without:
            self.fc6 = nn.Linear(features, w(4096))
            features = w(4096)
        if "fc7" not in without:
            self.fc7 = nn.Linear(features, w(4096))
            features = w(4096)
        self.fc8 = nn.Linear(features, num_classes)

    def features(self, x: Tensor) -> Tensor:
        """Return the maps of pool5; for images of 224 pixels (N, 256, 6, 6)."""
        x = self.pool(self.norm(self.activation(self.conv1(x))))
        x = self.pool(self.norm(self.activation(self.conv2(x))))
        if "conv3" not in self.without:
            x = self.activation(self.conv3(x))
        if "conv4" not in self.without:
            x = self.activation(self.conv4(x))
        return self.pool(self.activation(self.conv5(x)))

    def classify(self, maps: Tensor) -> Tensor:
        """Return the logits for the maps of pool5: all that comes after :meth:`features`."""
        x = maps.flatten(1)
        if "fc6" not in self.without:
            x = self.activation(self.fc6(self.dropout(x)))
        if "fc7" not in self.without:
            x = self.activation(self.fc7(self.dropout(x)))
        return self.fc8(x)

    def forward(self, x: Tensor) -> Tensor:
        side = self.input_size
        check_images(x, 3, (side, side), f"or build the network with input_size={x.shape[-1]}")
        return self.classify(self.features(x))


def initialise_as_published(model: AlexNet) -> AlexNet:
    """Draw weights from N(0, 0.01^2) and set biases as section 5 of the paper says; return the model.

    Biases are 1 in conv2, conv4, conv5, fc6 and fc7, so that their ReLUs start active, and 0 in the others.
    """
    for name, layer in model.named_children():
        if isinstance(layer, nn.Conv2d | nn.Linear):
            assert layer.bias is not None
            nn.init.normal_(layer.weight, std=0.01)
            nn.init.constant_(layer.bias, 1.0 if name in {"conv2", "conv4", "conv5", "fc6", "fc7"} else 0.0)
    return model
