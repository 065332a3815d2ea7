"""MNIST, Fashion-MNIST and CIFAR-10, read from the data folder with torchvision's own readers."""

from __future__ import annotations

import gzip
import shutil
import tempfile
import zlib
from pathlib import Path

import numpy as np
import torch
from torch import Tensor

from course_utils.check import check_choice
from course_utils.data.image_set import ImageSet
from course_utils.data.sheets import FOLDER, TRAIN, are_official, has_sheets, read_sheets
from course_utils.runtime import data_dir

SPLITS = ("train", "test")

# Where each set lies below the data folder: the root that torchvision's reader is given.
ROOTS = {"mnist": "mnist", "fashion_mnist": "fashion_mnist", "cifar10": "cifar10"}

IDX_FOLDERS = {"mnist": "mnist/MNIST/raw", "fashion_mnist": "fashion_mnist/FashionMNIST/raw"}
IDX_FILES = {
    "train": ("train-images-idx3-ubyte.gz", "train-labels-idx1-ubyte.gz"),
    "test": ("t10k-images-idx3-ubyte.gz", "t10k-labels-idx1-ubyte.gz"),
}
CIFAR_FOLDER = "cifar10/cifar-10-batches-py"
CIFAR_FILES = {
    "train": tuple(f"data_batch_{i}" for i in range(1, 6)),
    "test": ("test_batch",),
}

CLASSES = {
    "mnist": tuple("0123456789"),
    "fashion_mnist": (
        "T-shirt/top", "trouser", "pullover", "dress", "coat",
        "sandal", "shirt", "sneaker", "bag", "ankle boot",
    ),
    "cifar10": (
        "airplane", "automobile", "bird", "cat", "deer",
        "dog", "frog", "horse", "ship", "truck",
    ),
}  # fmt: skip


class DataNotFound(FileNotFoundError):
    """A data set was asked for that is not (or not whole) in the data folder."""


def _not_found(name: str, path: Path, what: str = "is not there") -> DataNotFound:
    return DataNotFound(
        f"{name} was not found: {path} {what}. Nothing is downloaded unless asked: "
        f"run `course data {name}` once, or set COURSE_DATA to a folder that holds {ROOTS[name]}/."
    )


def files_of(name: str, split: str, folder: Path | None = None) -> list[Path]:
    """Return the files that hold a split of a real set, whether or not they exist.

    Args:
        name: ``"mnist"``, ``"fashion_mnist"`` or ``"cifar10"``.
        split: ``"train"`` or ``"test"``.
        folder: data folder; None for `course_utils.runtime.data_dir()`.
    """
    folder = folder if folder is not None else data_dir()
    check_choice("name", name, tuple(ROOTS))
    check_choice("split", split, SPLITS)
    if name == "cifar10":
        return [folder / CIFAR_FOLDER / file for file in (*CIFAR_FILES[split], "batches.meta")]
    return [folder / IDX_FOLDERS[name] / file for file in IDX_FILES[split]]


def _read_idx(path: Path) -> Tensor:
    """Unpack one gzip file beside nothing else, and read it with torchvision's IDX reader."""
    from torchvision.datasets.mnist import read_sn3_pascalvincent_tensor

    # The packed file is the one kept: gzip's checksum is verified at every read.
    with tempfile.TemporaryDirectory() as folder:
        unpacked = Path(folder) / path.stem
        with gzip.open(path, "rb") as packed, open(unpacked, "wb") as file:
            shutil.copyfileobj(packed, file)
        return read_sn3_pascalvincent_tensor(str(unpacked))


def _read_mnist_like(name: str, split: str, folder: Path) -> tuple[Tensor, Tensor]:
    paths = files_of(name, split, folder)
    for path in paths:
        if not path.is_file():
            raise _not_found(name, path)
    try:
        images, labels = (_read_idx(path) for path in paths)
    except (EOFError, gzip.BadGzipFile, zlib.error, AssertionError, ValueError) as error:
        raise _not_found(name, paths[0].parent, f"holds a damaged file ({error})") from error
    return images[:, None], labels.long()


def _read_cifar10(split: str, folder: Path) -> tuple[Tensor, Tensor]:
    from torchvision.datasets import CIFAR10

    if not is_present("cifar10", folder) and has_sheets(folder / FOLDER):
        return _read_cifar10_sheets(split, folder / FOLDER)
    for path in files_of("cifar10", split, folder):
        if not path.is_file():
            raise _not_found("cifar10", path)
    try:
        # Verifies the md5 of every file before it opens one.
        reader = CIFAR10(root=folder / ROOTS["cifar10"], train=split == "train", download=False)
    except RuntimeError as error:
        raise _not_found("cifar10", folder / CIFAR_FOLDER, "is not whole or was changed") from error
    images = torch.from_numpy(np.ascontiguousarray(np.asarray(reader.data).transpose(0, 3, 1, 2)))
    return images, torch.tensor(reader.targets, dtype=torch.int64)


def _read_cifar10_sheets(split: str, folder: Path) -> tuple[Tensor, Tensor]:
    if split == "test":
        raise _not_found("cifar10", folder, "holds the training pictures and a tenth of the test set only")
    images, labels = read_sheets(folder, range(TRAIN))
    if not are_official(images, labels):
        raise _not_found("cifar10", folder, "holds pictures that are not the official ones")
    return images, labels


def load_real(name: str, split: str = "train", folder: Path | None = None) -> ImageSet:
    """Return a real data set from the data folder.

    Args:
        name: ``"mnist"`` (1x28x28), ``"fashion_mnist"`` (1x28x28) or ``"cifar10"`` (3x32x32).
        split: ``"train"`` (60,000, 60,000 or 50,000 images) or ``"test"`` (10,000).
        folder: data folder; None for `course_utils.runtime.data_dir()`.

    Returns:
        ImageSet in the official order.

    CIFAR-10's training set is also read from lossless sheets in ``cifar10_lossless/``, where the official files are
    missing.

    Raises:
        ValueError: there is no such set or split.
        DataNotFound: the files are not there or damaged; the message names the command that fetches them.

    Source: Y. LeCun et al., Gradient-based learning applied to document recognition, 1998 (MNIST);
    H. Xiao et al., Fashion-MNIST, 2017; A. Krizhevsky, Learning multiple layers of features from tiny
    images, 2009 (CIFAR-10).
    """
    check_choice("name", name, tuple(ROOTS))
    check_choice("split", split, SPLITS)
    folder = folder if folder is not None else data_dir()
    if name == "cifar10":
        images, labels = _read_cifar10(split, folder)
    else:
        images, labels = _read_mnist_like(name, split, folder)
    return ImageSet(images, labels, CLASSES[name], f"{name}/{split}")


def is_present(name: str, folder: Path | None = None) -> bool:
    """Say whether every file of a real set lies in the data folder (their content is not read)."""
    return all(path.is_file() for split in SPLITS for path in files_of(name, split, folder))
