"""U-Net: the paper's sizes and weights, any size with padding, tiles, the twin without skips."""

from __future__ import annotations

import pytest
import torch
from torch import nn

from course_utils.models.summary import summarise
from course_utils.segmentation.unet import (
    UNet,
    mirror,
    predict_tiles,
    valid_input_size,
    valid_output_size,
)


def weights_by_hand(channels: int, classes: int, width: int = 64, depth: int = 4, skips: bool = True) -> int:
    """Count from the figure of the paper: 3 x 3 and 2 x 2 kernels with biases, level by level."""
    total, before = 0, channels
    for level in range(depth + 1):
        maps = width * 2**level
        total += 9 * before * maps + maps + 9 * maps * maps + maps
        before = maps
    for level in reversed(range(depth)):
        maps = width * 2**level
        total += 4 * (2 * maps) * maps + maps
        total += 9 * (2 if skips else 1) * maps * maps + maps + 9 * maps * maps + maps
    return total + width * classes + classes


def test_the_network_of_the_paper() -> None:
    with torch.device("meta"):
        model = UNet()
    assert summarise(model, (1, 572, 572)).rows[-1].shape == (2, 388, 388)
    assert valid_output_size(572) == 388
    count = sum(p.numel() for p in model.parameters())
    assert count == weights_by_hand(1, 2) == 31_030_658
    convolutions = [m for m in model.modules() if isinstance(m, (nn.Conv2d, nn.ConvTranspose2d))]
    assert len(convolutions) == 23  # "in total the network has 23 convolutional layers"
    shapes = {row.shape for row in summarise(model, (1, 572, 572)).rows}
    for maps, side in ((64, 568), (128, 280), (256, 136), (512, 64), (1024, 28), (512, 52), (256, 100), (128, 196)):
        assert (maps, side, side) in shapes  # as figure 1 labels them


@pytest.mark.parametrize("skips", [True, False])
def test_weights_of_small_ones_and_of_the_twin(skips: bool) -> None:
    model = UNet(3, 5, 4, 2, skips=skips)
    assert sum(p.numel() for p in model.parameters()) == weights_by_hand(3, 5, 4, 2, skips)


@pytest.mark.parametrize("depth", [1, 2, 4])
def test_sizes_without_padding_are_those_that_the_network_makes(depth: int) -> None:
    with torch.device("meta"):
        model = UNet(1, 2, 1, depth)
    possible = 0
    for size in range(1, 260):
        try:
            out = valid_output_size(size, depth)
        except ValueError as error:
            assert ("next side that can" in str(error)) or ("smallest is" in str(error))  # noqa: PT017
            continue
        possible += 1
        if possible % 5 == 1:
            assert model(torch.zeros(1, 1, size, size, device="meta")).shape[2:] == (out, out)
        assert valid_input_size(out, depth) == size
    assert possible > 3
    with pytest.raises(ValueError, match="next side that can is 572"):
        valid_output_size(560)
    with pytest.raises(ValueError, match="571 cannot be halved"):
        UNet(1, 2, 1)(torch.zeros(1, 1, 572, 571))


@pytest.mark.parametrize("upsampling", ["transposed", "bilinear", "nearest"])
@pytest.mark.parametrize("size", [(16, 16), (17, 30), (1, 5), (8, 3)])
def test_with_padding_any_size_goes_in_and_comes_out(size: tuple[int, int], upsampling: str) -> None:
    model = UNet(3, 4, 4, 3, padding="same", norm=True, upsampling=upsampling).eval()
    assert model(torch.rand(2, 3, *size)).shape == (2, 4, *size)


def test_one_network_trains_on_images_of_mixed_sizes() -> None:
    from course_utils.segmentation.losses import pixel_cross_entropy

    torch.manual_seed(0)
    model = UNet(1, 2, 4, 2, padding="same")
    batches = []
    for size in ((20, 24), (33, 17), (16, 41)):
        x = torch.rand(2, 1, *size)
        batches.append((x, (x[:, 0] > 0.5).long()))
    optimizer = torch.optim.Adam(model.parameters(), lr=0.01)
    losses = []
    for _ in range(25):
        for x, y in batches:
            loss = pixel_cross_entropy(model(x), y)
            optimizer.zero_grad()
            loss.backward()
            optimizer.step()
        losses.append(loss.item())
    assert losses[-1] < 0.5 * losses[0]
    with torch.no_grad():
        x = torch.rand(1, 1, 50, 27)  # a size that it has never seen
        assert ((model(x).argmax(1) == (x[:, 0] > 0.5)).float().mean()) > 0.9


def test_detail_reaches_the_output_only_through_the_skips() -> None:
    torch.manual_seed(0)
    full, twin = UNet(1, 2, 4, 2, padding="same").double(), UNet(1, 2, 4, 2, padding="same", skips=False).double()
    x = torch.rand(1, 1, 16, 16, dtype=torch.float64)
    for model, expected in ((full, True), (twin, False)):
        for up in model.up:  # cut the way through the lower maps
            nn.init.zeros_(up.weight)
        a, b = model(x), model(x + torch.randn_like(x))
        assert (not torch.equal(a, b)) == expected


@pytest.mark.parametrize("size", [(64, 64), (61, 90), (13, 20)])
def test_tiles_give_what_a_single_pass_over_the_mirrored_image_gives(size: tuple[int, int]) -> None:
    torch.manual_seed(1)
    model = UNet(1, 3, 3, 2).double().eval()
    images = torch.rand(1, 1, *size, dtype=torch.float64)
    side = valid_input_size(max(size), 2)
    margin = (side - valid_output_size(side, 2)) // 2
    rest = tuple(side - margin - n for n in size)
    whole = model(mirror(images, margin, rest))[:, :, : size[0], : size[1]]
    for tile in (60, 68):
        tiles = predict_tiles(model, images, tile)
        assert tiles.shape == (1, 3, *size)
        assert (tiles - whole).abs().max() < 1e-10


def test_tiles_too_small_to_move_and_padded_networks_are_refused() -> None:
    images = torch.rand(1, 1, 20, 20)
    with pytest.raises(ValueError, match=f"tile must be at least {valid_input_size(8, 3)}"):
        predict_tiles(UNet(1, 2, 1, 3), images, valid_input_size(1, 3))  # 4 pixels out, but steps of 8
    with pytest.raises(ValueError, match="valid"):
        predict_tiles(UNet(1, 2, 2, 1, padding="same"), images)


def test_mirroring_is_pytorchs_where_that_goes_and_goes_on_further() -> None:
    x = torch.rand(2, 3, 6, 5)
    assert torch.equal(mirror(x, 4, (3, 2)), nn.functional.pad(x, (4, 2, 4, 3), mode="reflect"))
    far = mirror(x, 23, (0, 0))
    assert torch.equal(far[:, :, 3], far[:, :, 13])  # a period of 2 (6 - 1)
    assert torch.equal(far[:, :, 23:, 23:], x)


def test_options_are_checked() -> None:
    with pytest.raises(ValueError, match="'same'"):
        UNet(padding="sam")
    with pytest.raises(ValueError, match="upsampling"):
        UNet(1, 2, 2, 1, upsampling="cubic")
    with pytest.raises(ValueError, match="depth must be at least 1"):
        UNet(depth=0)
