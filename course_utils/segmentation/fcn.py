"""FCN: a classifier that has become fully convolutional, its coarse scores upsampled, finer ones added on the way.

FCN-32s upsamples the scores of the last map at once. FCN-16s doubles them, adds scores from the map before the last
halving, and upsamples the rest; FCN-8s takes one more. For VOC the scores have 21 channels: 20 classes and the
background.

*Where things lie.* Each map has a stride S and a first centre c, in pixels of the image (chapter 05b). Enlarged by a
factor f its step is S / f, and its first unit lies at c with the corner convention of `upsampling`, (S - S / f) / 2
before c with half pixels. The finer map (or the image) begins somewhere else. The difference has to be a whole number
of steps, to be cropped or repeated at the border: poolings of 2 ask for half pixels, convolutions of 3 with stride 2
and padding 1 for the corner kernel, and an even kernel in the head for a shift besides. With the wrong one, all edges
are off by half a step of the coarser map. The original pads the image by 100 pixels and crops with such offsets; here
layers pad as they do in the classifier, and images grow to a multiple of S.

Source: J. Long, E. Shelhamer, T. Darrell, "Fully convolutional networks for semantic segmentation", CVPR 2015
(preprint 2014; journal version by Shelhamer, Long and Darrell, PAMI 2017).
"""

from __future__ import annotations

import copy
from collections.abc import Sequence

import torch
from torch import Tensor, nn

from course_utils.check import check_int, check_shape
from course_utils.models.summary import summarise
from course_utils.models.tracing import pair, without_numbers
from course_utils.segmentation.any_size import pad_to_multiple
from course_utils.segmentation.convolutionalise import SlidingMean, convolutionalise, layers_in_a_row, sliding_window
from course_utils.segmentation.upsampling import Upsample

VOC_CLASSES = 20 + 1


def split_stages(features: nn.Module) -> list[nn.Sequential]:
    """Cut layers in a row behind each layer that has a stride; what follows the last one joins the last stage."""
    stages: list[list[nn.Module]] = [[]]
    for layer in layers_in_a_row(features):
        stages[-1].append(layer)
        window = sliding_window(layer)
        if window is not None and max(pair(window.stride)) > 1:
            stages.append([])
    rest = stages.pop()
    if not stages:
        raise ValueError("features must have at least one layer with a stride, found none")
    stages[-1] += rest
    return [nn.Sequential(*stage) for stage in stages]


def place(x: Tensor, offset: tuple[int, int], size: tuple[int, int]) -> Tensor:
    """Crop a map so that it begins ``offset`` units later, to ``size``; beyond its borders they are repeated.

    Args:
        x: (N, C, H, W).
        offset: rows and columns; negative to begin before the map.
        size: rows and columns of the result.
    """
    for axis in (0, 1):
        index = torch.arange(size[axis], device=x.device) + offset[axis]
        x = x.index_select(axis + 2, index.clamp(0, x.shape[axis + 2] - 1))
    return x


class FCN(nn.Module):
    """A fully convolutional network of stages: (N, C, H, W) to logits (N, num_classes, H, W), any size.

    Args:
        stages: each makes the map smaller by a factor; together the body of a classifier.
        head: layers on the last map that keep its size, such as fc6 and fc7 as convolutions.
        num_classes: K with the background; 21 for VOC.
        fused: how many finer maps add their scores: of five halvings 0, 1, 2 give FCN-32s, 16s and 8s.
        input_shape: (C, H, W) of some image, to follow sizes and places.

    Raises:
        ValueError: if there are fewer stages than that.
    """

    def __init__(
        self,
        stages: Sequence[nn.Module],
        head: nn.Module,
        num_classes: int = VOC_CLASSES,
        fused: int = 0,
        input_shape: tuple[int, int, int] = (3, 224, 224),
    ) -> None:
        super().__init__()
        check_int("num_classes", num_classes, minimum=1)
        check_int("fused", fused, minimum=0, maximum=len(stages) - 1)
        self.stages, self.head, self.fused = nn.ModuleList(stages), head, 0
        # Channels, stride and first centre of the map after each stage; the head's in place of the last stage's.
        self.channels: list[int] = []
        self.strides: list[int] = []
        self.centres: list[tuple[float, float]] = []
        body = nn.Sequential(*stages)
        for count in range(1, len(stages) + 1):
            part = nn.Sequential(*body[:count], *([head] if count == len(stages) else []))
            last = summarise(without_numbers(part).float(), input_shape).rows[-1]
            if last.field is None or last.field.stride[0] != last.field.stride[1]:
                raise ValueError(f"stage {count - 1} does not move evenly over the image")
            self.channels.append(last.shape[0])
            self.strides.append(round(last.field.stride[0]))
            self.centres.append(last.field.centre)
        self.score = nn.Conv2d(self.channels[-1], num_classes, 1)
        self.enlarge_step = nn.ModuleList()
        self.skip = nn.ModuleList()
        self.enlarge = self._upsampling(num_classes, len(stages) - 1, None)
        for _ in range(fused):
            self._fuse()
        self.to(next(body.parameters()))

    @property
    def stride(self) -> int:
        """Pixels from one score to the next before the last upsampling: the number in the network's name."""
        return self.strides[-1 - self.fused]

    def _fuse(self) -> None:
        """Add the scores of one finer map, which begin at 0: at first nothing changes but the interpolation."""
        classes, level = self.score.out_channels, len(self.stages) - 1 - self.fused
        skip = nn.Conv2d(self.channels[level - 1], classes, 1)
        nn.init.zeros_(skip.weight)
        nn.init.zeros_(skip.bias)  # type: ignore[arg-type]
        self.enlarge_step.append(self._upsampling(classes, level, level - 1, learn=True).to(self.score.weight))
        self.skip.append(skip.to(self.score.weight))
        self.enlarge = self._upsampling(classes, level - 1, None).to(self.score.weight)
        self.fused += 1

    def finer(self) -> FCN:
        """Return a copy that fuses one finer map more and goes on from these weights, as the paper trains them.

        Raises:
            ValueError: if no finer map is left.
        """
        check_int("fused", self.fused + 1, maximum=len(self.stages) - 1)
        model = copy.deepcopy(self)
        model._fuse()
        return model

    def _fit(self, level: int, goal: int | None) -> tuple[bool, tuple[int, int]]:
        """Return how a level is laid over a finer one, None for the image: the corner convention?, units to crop."""
        step = 1 if goal is None else self.strides[goal]
        half = (self.strides[level] / step - 1) / 2
        firsts = (0.0, 0.0) if goal is None else self.centres[goal]
        corner = [(first - c) / step for first, c in zip(firsts, self.centres[level], strict=True)]
        halves = [units + half for units in corner]
        corners = all(u == round(u) for u in corner) and any(u != round(u) for u in halves)
        rows, columns = map(round, corner if corners else halves)
        return corners, (rows, columns)

    def _upsampling(self, classes: int, level: int, goal: int | None, learn: bool = False) -> Upsample:
        factor = self.strides[level] // (1 if goal is None else self.strides[goal])
        return Upsample(classes, factor, learn=learn, mix=learn, align_corners=self._fit(level, goal)[0])

    def forward(self, x: Tensor) -> Tensor:
        height, width = check_shape("x", x, (None, None, None, None)).shape[2:]
        x = pad_to_multiple(x, self.strides[-1])
        maps: list[Tensor] = []
        for stage in self.stages:
            x = stage(x)
            maps.append(x)
        scores, level = self.score(self.head(x)), len(maps) - 1
        for enlarge_step, skip in zip(self.enlarge_step, self.skip, strict=True):
            fine = skip(maps[level - 1])
            coarse = place(enlarge_step(scores), self._fit(level, level - 1)[1], (fine.shape[2], fine.shape[3]))
            scores, level = fine + coarse, level - 1
        return place(self.enlarge(scores), self._fit(level, None)[1], (height, width))


def fcn_from_classifier(
    model: nn.Module, input_shape: tuple[int, int, int], num_classes: int = VOC_CLASSES, fused: int = 0
) -> FCN:
    """Turn a classifier into an FCN with its weights: only the last layer, the scores, is new.

    The first linear layer's kernel of h x w gets a border of h - 1 and w - 1 zeros, so that the map keeps its size;
    on an image of the original size its unit in the middle, ((h - 1) // 2, (w - 1) // 2), is the classifier's.

    Args:
        model: layers in a row with `nn.Flatten`, as for `convolutionalise`; `vgg_in_a_row` makes one of a VGG.
        input_shape: (C, H, W) that it was made for.
        num_classes: K with the background.
        fused: finer maps to add, from 0.

    Raises:
        ValueError: if the last layer is not linear, or as `convolutionalise` and `FCN` do.
    """
    layers = list(convolutionalise(model, input_shape))
    if not isinstance(layers[-1], nn.Conv2d):
        raise ValueError(f"model must end with the nn.Linear of its scores, got {type(layers[-1]).__name__}")
    # What stands behind nn.Flatten is the head; a layer that slides over the whole map stands before its first layer.
    row = layers_in_a_row(model)
    behind = len(row) - 1 - [isinstance(layer, nn.Flatten) for layer in row].index(True)
    body, head = layers[:-behind], layers[-behind:-1]
    if isinstance(body[-1], SlidingMean):
        head.insert(0, body.pop())
    padded: list[nn.Module] = []
    for layer in head:
        if isinstance(layer, (nn.Conv2d, nn.AvgPool2d)) and pair(layer.kernel_size) != (1, 1):
            h, w = pair(layer.kernel_size)
            padded.append(nn.ZeroPad2d(((w - 1) // 2, w // 2, (h - 1) // 2, h // 2)))
        padded.append(layer)
    return FCN(split_stages(nn.Sequential(*body)), nn.Sequential(*padded), num_classes, fused, input_shape)
