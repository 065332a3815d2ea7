"""Sets that stand in for MNIST and CIFAR-10, the split of the faces, and cards that say what differs."""

from __future__ import annotations

from pathlib import Path

import pytest
import torch

from course_utils import data
from course_utils.data import stand_ins
from course_utils.data.cards import CARDS
from course_utils.data.stand_ins import enlarge_digits


@pytest.fixture
def empty_folder(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> Path:
    monkeypatch.setenv("COURSE_DATA", str(tmp_path))
    return tmp_path


@pytest.mark.parametrize(("name", "shape"), [("mnist", (1, 28, 28)), ("cifar10", (3, 32, 32))])
def test_without_files_a_labelled_stand_in_of_the_same_shape_comes(
    empty_folder: Path, name: str, shape: tuple[int, ...]
) -> None:
    train, test = data.load_or_stand_in(name), data.load_or_stand_in(name, "test")
    for part in (train, test):
        assert part.name.startswith(f"stand-in for {name}")
        assert part.images.shape[1:] == shape
        assert part.labels.unique().tolist() == list(range(10))
    rows = {image.numpy().tobytes() for image in train.images}
    assert not rows & {image.numpy().tobytes() for image in test.images}
    assert torch.equal(train.images, data.stand_in(name).images), "the same for everyone"


def test_with_files_the_real_set_comes(monkeypatch: pytest.MonkeyPatch) -> None:
    real = data.ImageSet(torch.zeros(4, 3, 32, 32, dtype=torch.uint8), torch.zeros(4).long(), ("a",), "cifar10/train")
    monkeypatch.setattr(stand_ins, "available", lambda name: name == "cifar10")
    monkeypatch.setattr(stand_ins, "load", lambda name, split: real)
    assert data.load_or_stand_in("cifar10") is real
    assert data.load_or_stand_in("mnist").name.startswith("stand-in")


def test_the_digits_are_the_scanned_ones_and_only_training_has_drawn_ones() -> None:
    scanned, train, test = data.load("digits"), data.stand_in("mnist"), data.stand_in("mnist", "test")
    assert (len(train), len(test)) == (1297 + 2000, 500)
    assert torch.equal(train.labels[:1297], scanned.labels)
    assert torch.equal(test.labels, data.load("digits", "test").labels)
    middle = train.images[:1297, :, 4:-4, 4:-4].float()
    assert int(train.images[:1297, :, :4].max()) == 0, "MNIST's empty border"
    assert (middle.mean((1, 2, 3)) - scanned.images.float().mean((1, 2, 3))).abs().max() < 4


def test_digits_are_enlarged_in_the_middle() -> None:
    few = data.load("digits").subset(slice(0, 3))
    assert enlarge_digits(few, side=32, ink=28).images.shape == (3, 1, 32, 32)
    with pytest.raises(ValueError, match="must be even, so that the digit stands in the middle, got 28 - 21"):
        enlarge_digits(few, ink=21)


def test_impossible_requests_are_refused() -> None:
    with pytest.raises(ValueError, match="name"):
        data.stand_in("imagenet")
    with pytest.raises(ValueError, match="count must be left out for mnist"):
        data.stand_in("mnist", count=3)
    assert len(data.stand_in("cifar10", "test", count=20)) == 20


def test_faces_are_split_without_overlap() -> None:
    train, test, whole = (data.load("faces", split) for split in ("train", "test", "all"))
    assert (len(train), len(test), len(whole)) == (140, 60, 200)
    assert train.labels.bincount().tolist() == [70, 70]
    assert test.labels.bincount().tolist() == [30, 30]
    rows = [{image.numpy().tobytes() for image in part.images} for part in (train, test, whole)]
    assert rows[0] | rows[1] == rows[2]
    assert not rows[0] & rows[1]
    assert data.available("faces")
    assert torch.equal(train.images[:70], data.faces().images[:70])


@pytest.mark.parametrize("name", CARDS)
def test_a_card_lists_the_differences_and_prints_narrow(name: str) -> None:
    shown = data.card(name)
    assert len(shown.differences) >= 4
    assert max(map(len, str(shown).splitlines())) <= 80
    for what, real, here in shown.differences:
        assert real
        assert here
        assert what in shown._repr_html_()


def test_the_numbers_on_the_cards_are_those_of_the_sets() -> None:
    said = {name: " ".join(here for _, _, here in shown.differences) for name, shown in CARDS.items()}
    train, test = data.load("digits"), data.load("digits", "test")
    assert f"{len(train):,} to train, {len(test)} to test" in said["digits"]
    assert f"{len(train.images.unique())} levels" in said["digits"]
    assert train.images.shape[2:] == (8, 8)
    assert data.load("faces").images.shape[1:] == (1, 25, 25)
    assert "25 x 25 pixels, gray" in said["faces"]
    assert len(data.synthetic.make_digits(20).labels.bincount().unique()) == 1  # equally many images each
    assert f"{len(data.stand_in('cifar10')):,} and {len(data.stand_in('cifar10', 'test')):,}" in said["shapes"]
