"""The real sets, where COURSE_DATA has them; and what is said where it has not."""

from __future__ import annotations

import hashlib
import os
from pathlib import Path

import pytest
import torch

from course_utils import data
from course_utils.data.sources import SOURCES
from course_utils.runtime import data_dir


@pytest.fixture
def real_mnist() -> Path:
    if not os.environ.get("COURSE_DATA"):
        pytest.skip("COURSE_DATA is not set; it must name a folder that holds mnist/MNIST/raw/")
    return data_dir() / SOURCES["mnist"].folder


@pytest.mark.data
def test_mnist_files_are_the_official_ones(real_mnist: Path) -> None:
    for file in SOURCES["mnist"].files:
        content = (real_mnist / file.name).read_bytes()
        assert (len(content), hashlib.md5(content).hexdigest()) == (file.size, file.md5)


@pytest.mark.data
@pytest.mark.usefixtures("real_mnist")
def test_mnist_is_read_whole() -> None:
    assert data.available("mnist")
    train, test = data.load("mnist", "train"), data.load("mnist", "test")
    assert train.images.shape == (60_000, 1, 28, 28)
    assert test.images.shape == (10_000, 1, 28, 28)
    assert train.labels[:10].tolist() == [5, 0, 4, 1, 9, 2, 1, 3, 1, 4]
    assert train.labels.bincount().tolist() == [5923, 6742, 5958, 6131, 5842, 5421, 5918, 6265, 5851, 5949]
    assert test.labels.bincount().tolist() == [980, 1135, 1032, 1010, 982, 892, 958, 1028, 974, 1009]
    pixels = train.images.double() / 255
    assert abs(float(pixels.mean()) - 0.1307) < 5e-5  # the constants that every MNIST recipe quotes
    assert abs(float(pixels.std()) - 0.3081) < 5e-5


@pytest.mark.data
@pytest.mark.usefixtures("real_mnist")
def test_download_takes_the_set_that_is_there() -> None:
    from course_utils.data.download import download

    told: list[str] = []
    download("mnist", mirrors=["http://127.0.0.1:9"], attempts=1, progress=False, say=told.append)
    assert "already" in told[0]


@pytest.mark.parametrize("name", ["mnist", "fashion_mnist", "cifar10"])
def test_missing_set_names_the_command(name: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("COURSE_DATA", str(tmp_path))
    assert not data.available(name)
    with pytest.raises(data.DataNotFound, match=f"`course data {name}` once") as caught:
        data.load(name)
    assert str(tmp_path) in str(caught.value)
    assert isinstance(caught.value, FileNotFoundError)


def test_half_a_set_is_not_available(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("COURSE_DATA", str(tmp_path))
    folder = tmp_path / "mnist/MNIST/raw"
    folder.mkdir(parents=True)
    (folder / "train-images-idx3-ubyte.gz").touch()
    assert not data.available("mnist")
    with pytest.raises(data.DataNotFound, match="train-labels"):
        data.load("mnist")


def test_digits_need_no_folder(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("COURSE_DATA", "/nowhere")
    assert data.available("digits")
    assert isinstance(data.load("digits").images, torch.Tensor)
