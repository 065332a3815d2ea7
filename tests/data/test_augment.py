"""Augmentation: each batched routine against a slow twin, and the properties its name promises."""

from __future__ import annotations

import math

import pytest
import torch
import torch.nn.functional as F
from torch import Tensor

from course_utils.data import compose, random_affine, random_color, random_crop, random_flip, random_shift
from course_utils.data.augment import Augment, shift_each

EVERY: dict[str, Augment] = {
    "shift": random_shift(3),
    "crop": random_crop(3),
    "flip": random_flip(),
    "affine": random_affine(20, 0.2, 0.1),
    "color": random_color(0.3, 0.5),
    "compose": compose(random_crop(2), random_flip()),
}


def generator(seed: int = 0) -> torch.Generator:
    return torch.Generator().manual_seed(seed)


def pictures(count: int = 64, channels: int = 3, height: int = 9, width: int = 12) -> Tensor:
    return torch.rand(count, channels, height, width, generator=generator(9))


@pytest.mark.parametrize("fill", ["constant", "reflect", "replicate"])
def test_shift_equals_one_image_at_a_time(fill: str) -> None:
    x = pictures()
    down, right = (torch.randint(-4, 5, (len(x),), generator=generator(seed)) for seed in (1, 2))
    fast = shift_each(x, down, right, fill)
    for image, dy, dx, moved in zip(x, down.tolist(), right.tolist(), fast):
        padded = F.pad(image[None], (4, 4, 4, 4), mode=fill)[0]
        assert torch.equal(moved, padded[:, 4 - dy : 13 - dy, 4 - dx : 16 - dx])


def test_shift_moves_down_and_right() -> None:
    x = torch.zeros(1, 1, 5, 5)
    x[0, 0, 1, 2] = 1
    moved = shift_each(x, torch.tensor([2]), torch.tensor([-1]))
    assert moved[0, 0].nonzero().tolist() == [[3, 1]]
    assert float(moved.sum()) == 1


@pytest.mark.parametrize("name", EVERY)
def test_each_image_gets_its_own_draw_and_the_input_stays(name: str) -> None:
    one = pictures(1)
    x = one.repeat(64, 1, 1, 1)
    before = x.clone()
    out = EVERY[name](x, generator())
    assert torch.equal(x, before)
    assert out.shape == x.shape
    assert out.dtype == x.dtype
    assert len(torch.unique(out.flatten(1), dim=0)) >= 2
    assert float(out.min()) >= 0
    assert float(out.max()) <= 1


@pytest.mark.parametrize("name", EVERY)
def test_seed_decides(name: str) -> None:
    x = pictures()
    assert torch.equal(EVERY[name](x, generator(1)), EVERY[name](x, generator(1)))
    assert not torch.equal(EVERY[name](x, generator(1)), EVERY[name](x, generator(2)))


def test_shift_reaches_every_place_and_no_further() -> None:
    x = torch.zeros(2000, 1, 11, 11)
    x[:, 0, 5, 5] = 1
    places = random_shift(2)(x, generator()).nonzero()[:, 2:] - 5
    assert places.min() == -2
    assert places.max() == 2
    counts = torch.bincount((places[:, 0] + 2) * 5 + places[:, 1] + 2, minlength=25)
    assert (counts - 80).abs().max() < 45  # five standard deviations of 2000 draws from 25


def test_crop_and_shift_differ_at_the_border_only() -> None:
    x = torch.ones(50, 1, 8, 8)
    assert float(random_crop(3)(x, generator()).min()) == 1  # reflected content
    assert float(random_shift(3)(x, generator()).min()) == 0  # zeros


def test_flip_mirrors_about_half_of_the_images() -> None:
    x = pictures(1000)
    out = random_flip()(x, generator())
    same = (out == x).flatten(1).all(1)
    mirrored = (out == x.flip(3)).flatten(1).all(1)
    assert bool((same ^ mirrored).all())
    assert 420 < int(mirrored.sum()) < 580
    assert torch.equal(random_flip(1.0)(x, generator()), x.flip(3))
    assert torch.equal(random_flip(0.0)(x, generator()), x)


def test_affine_without_range_changes_nothing() -> None:
    x = pictures()
    assert torch.allclose(random_affine()(x, generator()), x, atol=1e-5)


def dot(height: int, width: int, row: float, column: float) -> Tensor:
    down = torch.arange(height)[:, None] + 0.5 - row
    across = torch.arange(width)[None] + 0.5 - column
    return torch.exp(-(down**2 + across**2) / 4)[None, None]


def centre_of(x: Tensor) -> tuple[Tensor, Tensor]:
    mass = x[:, 0]
    total = mass.sum((1, 2))
    row = (mass.sum(2) * (torch.arange(x.shape[2]) + 0.5)).sum(1) / total
    column = (mass.sum(1) * (torch.arange(x.shape[3]) + 0.5)).sum(1) / total
    return row, column


def test_affine_turn_keeps_the_distance_to_the_centre_in_a_long_image() -> None:
    x = dot(41, 61, 20.5, 44.5).repeat(200, 1, 1, 1)  # 14 pixels to the right of the centre
    row, column = centre_of(random_affine(degrees=45)(x, generator()))
    assert (torch.hypot(row - 20.5, column - 30.5) - 14).abs().max() < 0.1
    angle = torch.atan2(row - 20.5, column - 30.5).abs()
    assert math.radians(40) < float(angle.max()) < math.radians(45.5)


def test_affine_scale_and_shift_mean_what_they_say() -> None:
    x = dot(41, 61, 20.5, 40.5).repeat(400, 1, 1, 1)  # 10 to the right
    _, column = centre_of(random_affine(scale=0.3)(x, generator()))
    assert 6.9 < float((column - 30.5).min()) < 7.3
    assert 12.7 < float((column - 30.5).max()) < 13.1
    x = dot(41, 61, 20.5, 30.5).repeat(400, 1, 1, 1)
    row, column = centre_of(random_affine(shift=0.2)(x, generator()))
    assert 11.5 < float((column - 30.5).max()) < 12.3
    assert 7.7 < float((row - 20.5).max()) < 8.3


def test_color_changes_brightness_and_contrast_alone() -> None:
    x = 0.4 + 0.2 * pictures()
    out = random_color(brightness=0.1, contrast=0.3)(x, generator())
    centred_in = (x - x.mean((1, 2, 3), keepdim=True)).flatten(1)
    centred_out = (out - out.mean((1, 2, 3), keepdim=True)).flatten(1)
    factor = (centred_out * centred_in).sum(1) / (centred_in**2).sum(1)
    assert torch.allclose(centred_out, factor[:, None] * centred_in, atol=1e-5)
    assert 0.7 <= float(factor.min()) < 0.8
    assert 1.2 < float(factor.max()) <= 1.3
    assert (out - x).mean((1, 2, 3)).abs().max() <= 0.1 + 1e-6


def test_compose_applies_in_order() -> None:
    steps = compose(lambda x, generator: x + 1, lambda x, generator: x * 10)
    assert float(steps(torch.zeros(1), generator())) == 10


@pytest.mark.parametrize(
    ("make", "says"),
    [
        (lambda: random_shift(-1), "pixels must be at least 0, got -1"),
        (lambda: random_crop(1, "wrap"), "fill must be one of"),
        (lambda: random_flip(1.5), "probability"),
        (lambda: random_affine(degrees=200), "degrees"),
        (lambda: random_affine(scale=1), "scale"),
    ],
)
def test_refuses_bad_arguments(make: object, says: str) -> None:
    with pytest.raises(ValueError, match=says):
        make()  # type: ignore[operator]
