"""ZFNet: AlexNet with a finer first look (chapter 06).

Source: M. Zeiler, R. Fergus, "Visualizing and understanding convolutional networks", ECCV 2014, figure 3. The paper
does not give its padding; these values give the map sizes that it does give: 110, 55, 26, 13, 6.
"""

from __future__ import annotations

from torch import Tensor, nn
from torch.nn import functional as F

from course_utils.check import check_int, check_number
from course_utils.models.alexnet import LocalResponseNorm
from course_utils.models.input_size import check_images


class ZFNet(nn.Module):
    """First layer 7x7 with stride 2 in place of 11x11 with stride 4: images (N, 3, S, S) to logits (N, num_classes).

    Args:
        num_classes: outputs.
        dropout: share of units dropped before fc6 and fc7.
        width: factor on all numbers of maps and units, for miniatures; 1 is the paper's.
        input_size: side of the images, at least 62; the paper's is 224.

    Raises:
        ValueError: if an option is out of range.
    """

    def __init__(
        self, num_classes: int = 1000, dropout: float = 0.5, *, width: float = 1.0, input_size: int = 224
    ) -> None:
        super().__init__()
        check_int("num_classes", num_classes, minimum=1)
        check_number("width", width, above=0)
        self.input_size = check_int("input_size", input_size, minimum=62)

        def w(channels: int) -> int:
            return max(2, round(channels * width / 2) * 2)

        # In brackets the maps for images of 224 pixels.
        self.conv1 = nn.Conv2d(3, w(96), kernel_size=7, stride=2, padding=1)  # (N, 96, 110, 110)
        self.pool1 = nn.MaxPool2d(kernel_size=3, stride=2, padding=1)  # (N, 96, 55, 55)
        self.conv2 = nn.Conv2d(w(96), w(256), kernel_size=5, stride=2)  # (N, 256, 26, 26)
        self.pool2 = nn.MaxPool2d(kernel_size=3, stride=2, padding=1)  # (N, 256, 13, 13)
        self.conv3 = nn.Conv2d(w(256), w(384), kernel_size=3, padding=1)
        self.conv4 = nn.Conv2d(w(384), w(384), kernel_size=3, padding=1)
        self.conv5 = nn.Conv2d(w(384), w(256), kernel_size=3, padding=1)
        self.pool5 = nn.MaxPool2d(kernel_size=3, stride=2)  # (N, 256, 6, 6)
        side = input_size
        for kernel_size, stride, padding in ((7, 2, 1), (3, 2, 1), (5, 2, 0), (3, 2, 1), (3, 2, 0)):
            side = (side + 2 * padding - kernel_size) // stride + 1
        self.norm = LocalResponseNorm()
        self.dropout = nn.Dropout(dropout)
        self.fc6 = nn.Linear(w(256) * side**2, w(4096))
        self.fc7 = nn.Linear(w(4096), w(4096))
        self.fc8 = nn.Linear(w(4096), num_classes)

    def forward(self, x: Tensor) -> Tensor:
        side = self.input_size
        check_images(x, 3, (side, side), f"or build the network with input_size={x.shape[-1]}")
        x = self.norm(self.pool1(F.relu(self.conv1(x))))
        x = self.norm(self.pool2(F.relu(self.conv2(x))))
        x = F.relu(self.conv3(x))
        x = F.relu(self.conv4(x))
        x = self.pool5(F.relu(self.conv5(x))).flatten(1)
        x = F.relu(self.fc6(self.dropout(x)))
        x = F.relu(self.fc7(self.dropout(x)))
        return self.fc8(x)
