"""Digits and photos: complete, offline, and the same for everyone."""

from __future__ import annotations

import hashlib
import socket
from pathlib import Path

import numpy as np
import pytest
import torch

from course_utils import data
from course_utils.data.digits import quotas
from course_utils.data.photos import PHOTOS, _bundled, photo_about

# The split is part of the course: numbers in chapters and grades depend on it.
DIGITS_SHA256 = "81256263aeb1f820af31db79c0282bea82a35ff61c74c67d7c5aa32eb5dc087a"


@pytest.fixture
def no_network(monkeypatch: pytest.MonkeyPatch) -> None:
    def refuse(*args: object, **options: object) -> None:
        raise AssertionError("something tried to use the network")

    monkeypatch.setattr(socket.socket, "connect", refuse)
    monkeypatch.setattr(socket, "getaddrinfo", refuse)


def test_digits_are_split_once_and_for_all() -> None:
    train, test, whole = (data.load("digits", split) for split in ("train", "test", "all"))
    assert (len(train), len(test), len(whole)) == (1297, 500, 1797)
    assert torch.equal(torch.cat([train.images, test.images]), whole.images)
    content = whole.images.numpy().tobytes() + whole.labels.numpy().tobytes()
    assert hashlib.sha256(content).hexdigest() == DIGITS_SHA256


def test_digits_are_scikit_learns_own() -> None:
    from sklearn.datasets import load_digits

    bunch = load_digits()
    whole = data.load("digits", "all")
    expected = {(image.tobytes(), int(label)) for image, label in zip(bunch.images.astype(np.uint8), bunch.target)}
    sixteenths = (whole.images.float() * 16 / 255).round().to(torch.uint8).numpy()
    assert {(image.tobytes(), int(label)) for image, label in zip(sixteenths, whole.labels)} == expected
    assert int(whole.images.max()) == 255


def test_digits_split_does_not_depend_on_the_order_in_the_library(monkeypatch: pytest.MonkeyPatch) -> None:
    import sklearn.datasets

    from course_utils.data import digits

    before = data.load("digits", "test")
    bunch = sklearn.datasets.load_digits()
    shuffled = np.random.default_rng(0).permutation(len(bunch.target))
    bunch.images, bunch.target = bunch.images[shuffled], bunch.target[shuffled]
    monkeypatch.setattr(sklearn.datasets, "load_digits", lambda: bunch)
    digits._load_all.cache_clear()
    try:
        after = data.load("digits", "test")
    finally:
        digits._load_all.cache_clear()
    assert torch.equal(before.images, after.images)
    assert torch.equal(before.labels, after.labels)


def test_digits_are_stratified_and_disjoint() -> None:
    train, test, whole = (data.load("digits", split) for split in ("train", "test", "all"))
    share = test.labels.bincount() / whole.labels.bincount()
    assert (share - 500 / 1797).abs().max() < 0.004
    assert len(torch.unique(whole.images.flatten(1), dim=0)) == len(train) + len(test)
    # Early images of either part are a fair sample: no class is left out.
    assert train.labels[:100].bincount(minlength=10).min() > 0
    assert test.labels[:100].bincount(minlength=10).min() > 0


def test_digits_returned_twice_do_not_share_memory() -> None:
    data.load("digits", "train").images.zero_()
    assert int(data.load("digits", "train").images.max()) == 255


def test_quotas_add_up() -> None:
    assert quotas([178, 182, 177, 183, 181, 182, 181, 179, 174, 180], 500) == [50, 51, 49, 51, 50, 51, 50, 50, 48, 50]
    assert sum(quotas([1, 1, 1], 2)) == 2


def test_unknown_names_are_told_the_known_ones() -> None:
    with pytest.raises(ValueError, match="did you mean 'digits'"):
        data.load("digit")
    with pytest.raises(ValueError, match="'train', 'test', 'all'"):
        data.load("digits", "valid")
    with pytest.raises(ValueError, match="did you mean 'coffee'"):
        data.photo("cofee")


@pytest.mark.usefixtures("no_network")
@pytest.mark.parametrize("name", sorted(PHOTOS))
def test_photo_lies_in_the_installed_library(name: str) -> None:
    from skimage import data as skimage_data

    image = data.photo(name)
    assert image.dtype == torch.uint8
    assert image.shape[0] == 3
    assert min(image.shape[1:]) >= 100
    assert image.float().std() > 5
    about = photo_about(name)
    assert len(about.alt) >= 40
    assert about.source
    path = _bundled(about.file)
    assert "site-packages" in str(path) or path.is_relative_to(Path(skimage_data.__file__).parents[1])


def test_photos_are_read_right_side_up_in_the_right_colours() -> None:
    from skimage import data as skimage_data

    assert np.array_equal(data.photo("cat").permute(1, 2, 0).numpy(), skimage_data.chelsea())
    assert np.array_equal(data.photo("camera", gray=True)[0].numpy(), skimage_data.camera())
    assert torch.equal(data.photo("chelsea"), data.photo("cat"))
    horse = data.photo("horse", gray=True)[0].numpy()
    assert ((horse > 127) == skimage_data.horse()).mean() > 0.999


def test_photo_sizes() -> None:
    assert data.photo("coffee", 64).shape == (3, 64, 64)
    assert data.photo("coffee", (32, 64), gray=True).shape == (1, 32, 64)
    whole = data.photo("coffee").float()
    square = data.photo("coffee", 100).float()
    assert (square.mean((1, 2)) - whole[:, :, 100:500].mean((1, 2))).abs().max() < 1.5  # the centred square
    with pytest.raises(ValueError, match="at least 1"):
        data.photo("coffee", 0)


def test_photo_is_a_tensor_of_its_own() -> None:
    data.photo("coffee").zero_()
    assert int(data.photo("coffee").max()) > 0


def test_stereo_pair_matches_its_disparity() -> None:
    left, right, disparity = data.stereo_pair()
    assert left.shape == right.shape == (3, *disparity.shape)
    known = disparity.isfinite()
    assert 0.5 < known.float().mean() < 1
    rows, columns = known.nonzero(as_tuple=True)
    target = (columns - disparity[rows, columns]).round().long()
    inside = (target >= 0) & (target < disparity.shape[1])
    rows, columns, target = rows[inside], columns[inside], target[inside]
    matched = (left[:, rows, columns].float() - right[:, rows, target].float()).abs().mean()
    unmatched = (left[:, rows, columns].float() - right[:, rows, columns].float()).abs().mean()
    assert matched < 0.5 * unmatched


def test_faces_are_told_from_other_patches_by_a_template() -> None:
    faces = data.faces()
    assert faces.images.shape == (200, 1, 25, 25)
    assert faces.labels.bincount().tolist() == [100, 100]
    flat = faces.images.flatten(1).float()
    flat = flat - flat.mean(1, keepdim=True)
    template = flat[faces.labels == 1][:50].mean(0)
    scores = flat @ template / flat.norm(dim=1)
    held_out, other = scores[50:100], scores[100:]
    assert (held_out[:, None] > other[None]).float().mean() > 0.9  # faces really are the first hundred
