"""Batches: every image once, the same for the same seed, different in every epoch."""

from __future__ import annotations

import pytest
import torch

from course_utils.data import Batches, ImageSet, compose, random_affine, random_crop, random_flip


def numbered(count: int = 50) -> ImageSet:
    """Image i shows the value i everywhere."""
    images = torch.arange(count, dtype=torch.uint8).view(-1, 1, 1, 1).expand(-1, 2, 6, 6).contiguous()
    return ImageSet(images, torch.arange(count), tuple(map(str, range(count))), "numbered")


def order(batches: Batches) -> list[int]:
    return torch.cat([y for _, y in batches]).tolist()


def test_every_image_comes_once_with_its_own_label() -> None:
    seen = []
    for x, y in Batches(numbered(), 8):
        assert x.dtype == torch.float32
        assert y.dtype == torch.int64
        assert x.shape == (len(y), 2, 6, 6)
        assert torch.equal((x * 255).round().long(), y[:, None, None, None].expand(-1, 2, 6, 6))
        seen += y.tolist()
    assert sorted(seen) == list(range(50))
    assert seen != list(range(50))


def test_values_lie_between_zero_and_one() -> None:
    bright = ImageSet(torch.full((3, 1, 2, 2), 255, dtype=torch.uint8), torch.zeros(3).long(), ("a",), "bright")
    x, _ = next(iter(Batches(bright)))
    assert torch.equal(x, torch.ones(3, 1, 2, 2))


@pytest.mark.parametrize(("count", "drop_last", "sizes"), [
    (50, False, [8] * 6 + [2]), (50, True, [8] * 6), (48, False, [8] * 6), (48, True, [8] * 6), (3, True, []),
])  # fmt: skip
def test_length_and_last_batch(count: int, drop_last: bool, sizes: list[int]) -> None:
    batches = Batches(numbered(count), 8, drop_last=drop_last)
    assert [len(y) for _, y in batches] == sizes
    assert len(batches) == len(sizes)


def test_without_shuffle_the_order_is_kept() -> None:
    assert order(Batches(numbered(), 8, shuffle=False)) == list(range(50))


def test_seed_decides_and_epochs_differ() -> None:
    first, second, other = (
        Batches(numbered(), 8, seed=3),
        Batches(numbered(), 8, seed=3),
        Batches(numbered(), 8, seed=4),
    )
    epochs = [order(first) for _ in range(3)]
    assert epochs == [order(second) for _ in range(3)]
    assert len({tuple(epoch) for epoch in epochs}) == 3
    assert order(other) not in epochs
    # Seed s + 1 must not replay the epochs of seed s one later.
    assert order(Batches(numbered(), 8, seed=3)) != [order(Batches(numbered(), 8, seed=2)) for _ in range(2)][1]


def test_global_random_numbers_are_neither_used_nor_moved() -> None:
    torch.manual_seed(0)
    first = order(Batches(numbered(), 8, augment=random_affine(10)))
    state = torch.get_rng_state()
    torch.manual_seed(1)
    assert order(Batches(numbered(), 8, augment=random_affine(10))) == first
    torch.manual_seed(0)
    assert torch.equal(torch.get_rng_state(), state)


def test_epoch_can_be_set_to_resume() -> None:
    batches = Batches(numbered(), 8)
    epochs = [order(batches) for _ in range(4)]
    resumed = Batches(numbered(), 8)
    resumed.set_epoch(2)
    assert order(resumed) == epochs[2]


def test_two_passes_at_once_do_not_disturb_each_other() -> None:
    batches = Batches(numbered(), 8, augment=compose(random_crop(1), random_flip()))
    apart = [list(batches), list(batches)]
    batches.set_epoch(0)
    together = list(zip(batches, batches))
    for (left, right), first, second in zip(together, *apart):
        assert torch.equal(left[0], first[0])
        assert torch.equal(right[0], second[0])


def test_augmentation_is_new_in_every_epoch_and_repeats_by_seed() -> None:
    images = torch.randint(0, 256, (16, 3, 8, 8), dtype=torch.uint8, generator=torch.Generator().manual_seed(0))
    image_set = ImageSet(images, torch.zeros(16).long(), ("a",), "noise")
    augment = compose(random_crop(2), random_flip())
    batches = Batches(image_set, 16, shuffle=False, augment=augment, seed=1)
    (first, _), (second, _) = next(iter(batches)), next(iter(batches))
    again, _ = next(iter(Batches(image_set, 16, shuffle=False, augment=augment, seed=1)))
    assert not torch.equal(first, second)
    assert torch.equal(first, again)


def test_the_set_itself_is_never_changed() -> None:
    image_set = numbered()
    before = image_set.images.clone()
    for x, _ in Batches(image_set, 8, shuffle=False, augment=lambda x, generator: x.mul_(0)):
        assert float(x.sum()) == 0
    assert torch.equal(image_set.images, before)


def test_refuses_bad_arguments() -> None:
    with pytest.raises(ValueError, match="batch_size must be at least 1, got 0"):
        Batches(numbered(), 0)
    with pytest.raises(ValueError, match="seed must be at least 0, got -1"):
        Batches(numbered(), seed=-1)


@pytest.mark.parametrize("device", ["cpu", "cuda"] if torch.cuda.is_available() else ["cpu"])
def test_every_device_makes_the_same_batches(device: str) -> None:
    augment = compose(random_crop(2), random_flip(), random_affine(20, 0.1, 0.1))
    here, there = Batches(numbered(), 8, augment=augment), Batches(numbered(), 8, augment=augment, device=device)
    for (x, y), (other_x, other_y) in zip(here, there):
        assert other_x.device.type == device
        assert torch.equal(y, other_y.cpu())
        assert torch.allclose(x, other_x.cpu(), atol=1e-4)
