"""U-Net: down to see much, up to say where, and at every size a skip connection that hands the detail across.

Source: O. Ronneberger, P. Fischer, T. Brox, "U-Net: Convolutional networks for biomedical image segmentation",
MICCAI 2015. The paper's network is ``UNet()``: 1 channel in, 2 classes out, 64 to 1024 maps, no padding, so that
572 x 572 pixels in give 388 x 388 out. Its dropout at the end of the way down is left out.
"""

from __future__ import annotations

import torch
from torch import Tensor, nn
from torch.nn import functional as F

from course_utils.check import check_choice, check_int, check_shape
from course_utils.segmentation.any_size import crop_centre, crop_end, pad_to_multiple
from course_utils.segmentation.upsampling import Upsample

UPSAMPLINGS = ("transposed", "bilinear", "nearest")


def two_convolutions(in_channels: int, out_channels: int, padding: int, norm: bool) -> nn.Sequential:
    """Return two 3 x 3 convolutions, each with a ReLU, and with batch normalisation between if asked for."""
    layers: list[nn.Module] = []
    for channels in (in_channels, out_channels):
        layers.append(nn.Conv2d(channels, out_channels, 3, padding=padding, bias=not norm))
        layers += [nn.BatchNorm2d(out_channels), nn.ReLU()] if norm else [nn.ReLU()]
    return nn.Sequential(*layers)


def double(in_channels: int, out_channels: int, how: str) -> nn.Module:
    """Return a layer (N, in_channels, H, W) to (N, out_channels, 2 H, 2 W), learned or interpolated."""
    if check_choice("upsampling", how, UPSAMPLINGS) == "transposed":
        return nn.ConvTranspose2d(in_channels, out_channels, 2, stride=2)
    return nn.Sequential(nn.Conv2d(in_channels, out_channels, 1), Upsample(out_channels, 2, how))


class UNet(nn.Module):
    """The U: ``depth`` halvings, as many doublings, skip connections by concatenation.

    Images (N, in_channels, H, W) to logits (N, num_classes, H', W'). With padding "same" H' = H for any size; with
    "valid" H' is `valid_output_size(H)`, the middle of the image.

    Args:
        in_channels: of the images.
        num_classes: K, with the background.
        width: maps at full resolution; they double at each halving.
        depth: number of halvings, at least 1.
        padding: ``"valid"`` as in the paper, or ``"same"``.
        norm: batch normalisation after each convolution (not in the paper).
        upsampling: ``"transposed"`` as in the paper, ``"bilinear"`` or ``"nearest"``.
        skips: False for the twin that gets nothing handed across: an encoder-decoder.

    Raises:
        ValueError: if an option is out of range.
    """

    def __init__(
        self,
        in_channels: int = 1,
        num_classes: int = 2,
        width: int = 64,
        depth: int = 4,
        *,
        padding: str = "valid",
        norm: bool = False,
        upsampling: str = "transposed",
        skips: bool = True,
    ) -> None:
        super().__init__()
        for name, value in (("in_channels", in_channels), ("num_classes", num_classes), ("width", width)):
            check_int(name, value, minimum=1)
        self.depth, self.skips = check_int("depth", depth, minimum=1), skips
        self.padding = check_choice("padding", padding, ("valid", "same"))
        border = int(padding == "same")
        widths = [width * 2**level for level in range(depth + 1)]
        before = [in_channels, *widths]
        self.down = nn.ModuleList(two_convolutions(a, b, border, norm) for a, b in zip(before, widths, strict=False))
        self.up = nn.ModuleList(double(2 * w, w, upsampling) for w in reversed(widths[:-1]))
        factor = 2 if skips else 1
        self.merge = nn.ModuleList(two_convolutions(factor * w, w, border, norm) for w in reversed(widths[:-1]))
        self.classify = nn.Conv2d(width, num_classes, 1)

    def forward(self, x: Tensor) -> Tensor:
        height, width = check_shape("x", x, (None, None, None, None)).shape[2:]
        if self.padding == "same":
            x = pad_to_multiple(x, 2**self.depth)
        else:
            valid_output_size(height, self.depth), valid_output_size(width, self.depth)
        detail: list[Tensor] = []
        for level, convolutions in enumerate(self.down):
            x = convolutions(x if level == 0 else F.max_pool2d(x, 2))
            detail.append(x)
        detail.pop()  # the lowest map goes up, not across
        for up, merge in zip(self.up, self.merge, strict=True):
            x, across = up(x), detail.pop()
            x = merge(torch.cat([crop_centre(across, (x.shape[2], x.shape[3])), x], dim=1) if self.skips else x)
        logits = self.classify(x)
        return crop_end(logits, (height, width)) if self.padding == "same" else logits


def valid_output_size(size: int, depth: int = 4) -> int:
    """Return the side of the output of a U-Net without padding: 388 for 572.

    Args:
        size: side of the input.
        depth: number of halvings.

    Raises:
        ValueError: if a map with an odd side would be halved, or nothing is left; the message names the next size.
    """
    rest = check_int("size", size, minimum=1)
    for _ in range(depth):
        rest -= 4  # two 3 x 3 convolutions
        if rest < 2 or rest % 2:
            raise ValueError(
                f"a side of {size} cannot be halved {depth} times without padding; the next side that can is "
                f"{valid_input_size(1, depth, at_least=size)}"
            )
        rest //= 2
    rest -= 4
    for _ in range(depth):
        rest = 2 * rest - 4
    if rest < 1:
        raise ValueError(f"a side of {size} leaves no output; the smallest is {valid_input_size(1, depth)}")
    return rest


def valid_input_size(output: int, depth: int = 4, at_least: int = 1) -> int:
    """Return the smallest side from which a U-Net without padding makes at least ``output`` rows."""
    check_int("output", output, minimum=1)
    lowest = 1
    while True:
        side, up = lowest + 4, lowest  # up from the lowest map's side to the input, and to the output
        for _ in range(depth):
            side, up = 2 * side + 4, 2 * up - 4
        if up >= output and side >= at_least:
            return side
        lowest += 1


def mirror(images: Tensor, before: int, after: tuple[int, int]) -> Tensor:
    """Pad images by mirroring them at their borders, as often as needed.

    Args:
        images: (N, C, H, W), both sides at least 2.
        before: rows above and columns on the left.
        after: rows below, columns on the right.
    """

    def index(size: int, end: int) -> Tensor:
        place = torch.arange(-before, size + end) % (2 * size - 2)
        return torch.minimum(place, 2 * size - 2 - place)

    rows, columns = (index(size, end).to(images.device) for size, end in zip(images.shape[2:], after, strict=True))
    return images[:, :, rows][:, :, :, columns]


@torch.no_grad()
def predict_tiles(model: UNet, images: Tensor, tile: int = 572) -> Tensor:
    """Segment images of any size with a U-Net without padding, tile by tile: the paper's overlap-tile strategy.

    Borders are mirrored, and tiles overlap by what the network cuts off. Tiles begin at multiples of ``2^depth``, so
    that poolings fall on the same pixels as in a single pass over the image: then the result is that of this pass.
    (Tiles laid at the output's own side, 388 in the paper, are not: 388 is no multiple of 16.)

    Args:
        model: with padding ``"valid"``; put it into evaluation mode before.
        images: (N, C, H, W), both sides at least 2.
        tile: side of the input of a tile, one that `valid_output_size` accepts.

    Returns:
        Logits (N, K, H, W).
    """
    if model.padding != "valid":
        raise ValueError("padding must be 'valid' for tiles; a model with padding 'same' takes the image as it is")
    height, width = check_shape("images", images, (None, None, None, None)).shape[2:]
    out = valid_output_size(tile, model.depth)
    margin, step = (tile - out) // 2, out // 2**model.depth * 2**model.depth
    if step == 0:
        smallest = valid_input_size(2**model.depth, model.depth)
        raise ValueError(f"tile must be at least {smallest}, so that a step of {2**model.depth} fits, got {tile}")
    rows, columns = (max(0, -(-(size - out) // step)) for size in (height, width))  # steps after the first tile
    padded = mirror(images, margin, (rows * step + out - height + margin, columns * step + out - width + margin))
    logits: Tensor | None = None
    for i in range(0, rows * step + 1, step):
        for j in range(0, columns * step + 1, step):
            part = model(padded[:, :, i : i + tile, j : j + tile])
            if logits is None:
                logits = part.new_empty(*part.shape[:2], rows * step + out, columns * step + out)
            logits[:, :, i : i + out, j : j + out] = part
    assert logits is not None
    return crop_end(logits, (height, width))
