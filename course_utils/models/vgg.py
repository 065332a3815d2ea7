"""The VGG family: nothing but 3x3 convolutions, ever deeper (chapter 06).

Source: K. Simonyan, A. Zisserman, "Very deep convolutional networks for large-scale image recognition", ICLR 2015,
table 1.
"""

from __future__ import annotations

from itertools import pairwise

from torch import Tensor, nn
from torch.nn import functional as F

from course_utils.check import check_choice, check_int, check_number
from course_utils.models.input_size import check_images

# Convolutions in each of the five stages, by weight layers: columns A, B, D and E of table 1.
STAGES = {11: (1, 1, 2, 2, 2), 13: (2, 2, 2, 2, 2), 16: (2, 2, 3, 3, 3), 19: (2, 2, 4, 4, 4)}
CHANNELS = (64, 128, 256, 512, 512)


class VGG(nn.Module):
    """Five stages of 3x3 convolutions, each closed by a pooling, then three linear layers.

    Images (N, 3, S, S) to logits (N, num_classes). Layers are named ``conv1_1`` to ``conv5_4``, ``fc6 fc7 fc8``.

    Args:
        depth: weight layers: 11, 13, 16 or 19. Or a tuple with the number of convolutions in each stage, for others.
        num_classes: outputs.
        batch_norm: put a normalisation after every convolution (not in the paper).
        width: factor on all numbers of maps and units, for thin copies.
        input_size: side of the images, a multiple of 32 (of 2 to the number of stages); the paper's is 224.
        dropout: share of units dropped after fc6 and fc7.

    Raises:
        ValueError: if an option is out of range.
    """

    def __init__(
        self,
        depth: int | tuple[int, ...] = 16,
        num_classes: int = 1000,
        *,
        batch_norm: bool = False,
        width: float = 1.0,
        input_size: int = 224,
        dropout: float = 0.5,
    ) -> None:
        super().__init__()
        stages = depth if isinstance(depth, tuple) else STAGES[check_choice("depth", depth, STAGES)]
        check_int("number of stages", len(stages), minimum=1, maximum=5)
        check_int("num_classes", num_classes, minimum=1)
        check_number("width", width, above=0)
        step = 2 ** len(stages)
        if check_int("input_size", input_size, minimum=step) % step:
            raise ValueError(f"input_size must be a multiple of {step}, got {input_size}: each stage halves the map")
        self.input_size, self.stages = input_size, stages
        maps = [3] + [max(1, round(c * width)) for c in CHANNELS[: len(stages)]]
        for stage, ((before, after), count) in enumerate(zip(pairwise(maps), stages, strict=True), start=1):
            for i in range(1, count + 1):
                conv = nn.Conv2d(before if i == 1 else after, after, kernel_size=3, padding=1)
                setattr(self, f"conv{stage}_{i}", conv)
                if batch_norm:
                    setattr(self, f"norm{stage}_{i}", nn.BatchNorm2d(after))
        self.batch_norm = batch_norm
        self.pool = nn.MaxPool2d(kernel_size=2, stride=2)
        self.dropout = nn.Dropout(dropout)
        units = max(1, round(4096 * width))
        self.fc6 = nn.Linear(maps[-1] * (input_size // step) ** 2, units)
        self.fc7 = nn.Linear(units, units)
        self.fc8 = nn.Linear(units, num_classes)

    def features(self, x: Tensor) -> Tensor:
        """Return the maps after the last pooling; for images of 224 pixels (N, 512, 7, 7)."""
        for stage, count in enumerate(self.stages, start=1):
            for i in range(1, count + 1):
                x = getattr(self, f"conv{stage}_{i}")(x)
                if self.batch_norm:
                    x = getattr(self, f"norm{stage}_{i}")(x)
                x = F.relu(x)
            x = self.pool(x)
        return x

    def forward(self, x: Tensor) -> Tensor:
        side = self.input_size
        check_images(x, 3, (side, side), "use dense() for larger images")
        x = self.features(x).flatten(1)
        x = self.dropout(F.relu(self.fc6(x)))
        x = self.dropout(F.relu(self.fc7(x)))
        return self.fc8(x)

    def dense(self, x: Tensor) -> Tensor:
        """Evaluate on images of any larger size, with the linear layers as convolutions (section 3.2).

        Args:
            x: images (N, 3, H, W), at least ``input_size`` on each side.

        Returns:
            Logits (N, num_classes, h, w); their mean over rows and columns is the paper's dense score.
        """
        check_images(x, 3)
        maps = self.features(x)
        side = self.input_size // 2 ** len(self.stages)
        fc6 = self.fc6.weight.view(-1, maps.shape[1], side, side)
        x = self.dropout(F.relu(F.conv2d(maps, fc6, self.fc6.bias)))
        x = self.dropout(F.relu(F.conv2d(x, self.fc7.weight[:, :, None, None], self.fc7.bias)))
        return F.conv2d(x, self.fc8.weight[:, :, None, None], self.fc8.bias)
