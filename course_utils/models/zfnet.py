"""ZFNet: AlexNet with a finer first look (chapter 06).

Source: M. Zeiler, R. Fergus, "Visualizing and understanding convolutional networks", ECCV 2014, figure 3. The paper
does not give its padding; these values give the map sizes that it does give: 110, 55, 26, 13, 6.
"""

from __future__ import annotations

from torch import Tensor, nn
from torch.nn import functional as F

from course_utils.check import check_int
from course_utils.models.input_size import check_images


class ZFNet(nn.Module):
    """First layer 7x7 with stride 2 in place of 11x11 with stride 4: images (N, 3, 224, 224) to (N, num_classes)."""

    def __init__(self, num_classes: int = 1000, dropout: float = 0.5) -> None:
        super().__init__()
        check_int("num_classes", num_classes, minimum=1)
        self.conv1 = nn.Conv2d(3, 96, kernel_size=7, stride=2, padding=1)  # (N, 96, 110, 110)
        self.pool1 = nn.MaxPool2d(kernel_size=3, stride=2, padding=1)  # (N, 96, 55, 55)
        self.conv2 = nn.Conv2d(96, 256, kernel_size=5, stride=2)  # (N, 256, 26, 26)
        self.pool2 = nn.MaxPool2d(kernel_size=3, stride=2, padding=1)  # (N, 256, 13, 13)
        self.conv3 = nn.Conv2d(256, 384, kernel_size=3, padding=1)
        self.conv4 = nn.Conv2d(384, 384, kernel_size=3, padding=1)
        self.conv5 = nn.Conv2d(384, 256, kernel_size=3, padding=1)
        self.pool5 = nn.MaxPool2d(kernel_size=3, stride=2)  # (N, 256, 6, 6)
        self.norm = nn.LocalResponseNorm(size=5, alpha=5 * 1e-4, beta=0.75, k=2)
        self.dropout = nn.Dropout(dropout)
        self.fc6 = nn.Linear(256 * 6 * 6, 4096)
        self.fc7 = nn.Linear(4096, 4096)
        self.fc8 = nn.Linear(4096, num_classes)

    def forward(self, x: Tensor) -> Tensor:
        check_images(x, 3, (224, 224), "crop or resize the images")
        x = self.norm(self.pool1(F.relu(self.conv1(x))))
        x = self.norm(self.pool2(F.relu(self.conv2(x))))
        x = F.relu(self.conv3(x))
        x = F.relu(self.conv4(x))
        x = self.pool5(F.relu(self.conv5(x))).flatten(1)
        x = F.relu(self.fc6(self.dropout(x)))
        x = F.relu(self.fc7(self.dropout(x)))
        return self.fc8(x)
