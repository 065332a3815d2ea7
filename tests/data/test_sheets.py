"""CIFAR-10 from lossless sheets: made-up sheets always, the real ones where COURSE_DATA has them."""

from __future__ import annotations

import os
import shutil
from pathlib import Path

import numpy as np
import pytest
import torch
from PIL import Image

from course_utils import data
from course_utils.data import sheets
from course_utils.runtime import data_dir


def write_sheets(folder: Path, count: int) -> tuple[np.ndarray, np.ndarray]:
    """Write ``count`` thousands of random pictures as sheets, and return pictures (N, 32, 32, 3) and labels."""
    draws = np.random.default_rng(0)
    images = draws.integers(0, 256, (1000 * count, 32, 32, 3), dtype=np.uint8)
    labels = draws.integers(0, 10, 1000 * count)
    folder.mkdir(exist_ok=True)
    np.save(folder / "labels.npy", labels)
    for number in range(count):
        part = images[1000 * number : 1000 * (number + 1)].reshape(25, 40, 32, 32, 3)
        sheet = Image.fromarray(part.transpose(0, 2, 1, 3, 4).reshape(800, 1280, 3))
        sheet.save(folder / f"batch_{number:02d}.webp", lossless=True)
    return images, labels


def test_sheets_give_the_images_in_their_order(tmp_path: Path) -> None:
    images, labels = write_sheets(tmp_path, 2)
    found, classes = sheets.read_sheets(tmp_path, range(990, 1010))
    assert torch.equal(found, torch.from_numpy(images[990:1010].transpose(0, 3, 1, 2).copy()))
    assert classes.tolist() == labels[990:1010].tolist()


def test_a_range_past_the_last_picture_is_refused(tmp_path: Path) -> None:
    with pytest.raises(ValueError, match=r"range within 0 to 51,000, got range\(50000, 60000\)"):
        sheets.read_sheets(tmp_path, range(50_000, 60_000))


def test_sheets_with_other_pictures_are_refused(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("COURSE_DATA", str(tmp_path))
    folder = tmp_path / sheets.FOLDER
    write_sheets(folder, 1)
    np.save(folder / "labels.npy", np.zeros(51_000, dtype=int))
    for number in range(1, 51):
        shutil.copy(folder / "batch_00.webp", folder / f"batch_{number:02d}.webp")
    with pytest.raises(data.DataNotFound, match="not the official ones"):
        data.load("cifar10", "train")
    with pytest.raises(data.DataNotFound, match="a tenth of the test set"):
        data.load("cifar10", "test")


def test_a_folder_that_lacks_a_sheet_is_no_cifar10(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("COURSE_DATA", str(tmp_path))
    write_sheets(tmp_path / sheets.FOLDER, 2)
    with pytest.raises(data.DataNotFound, match="course data cifar10"):
        data.load("cifar10", "train")


@pytest.mark.data
def test_real_sheets_are_the_official_pictures() -> None:
    if not os.environ.get("COURSE_DATA"):
        pytest.skip("COURSE_DATA is not set; it must name a folder that holds cifar10_lossless/")
    assert sheets.has_sheets(data_dir() / sheets.FOLDER)
    images, labels = sheets.read_sheets(data_dir() / sheets.FOLDER, range(50_000))
    assert sheets.are_official(images, labels)
    images[7, 0, 0, 0] ^= 1
    assert not sheets.are_official(images, labels)
