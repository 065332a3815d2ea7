"""Batches from tensors in memory against a ``DataLoader`` that transforms one image at a time.

Both make the same thing in one run: shuffled float batches with a random crop (4 pixels of padding), on
MNIST where it is in the data folder, on the bundled digits otherwise. Run it on a quiet machine:

    python -m benchmarks.batches
"""

from __future__ import annotations

import argparse
import time
from collections.abc import Callable, Iterable
from typing import Any

import torch

from course_utils import data
from course_utils.runtime import save_record


def best_of(repeats: int, run: Callable[[], None]) -> float:
    """Return the fewest seconds of several runs: what else the machine does only adds time."""
    seconds = []
    for _ in range(repeats):
        start = time.perf_counter()
        run()
        seconds.append(time.perf_counter() - start)
    return min(seconds)


def pass_over(batches: Iterable[Any]) -> Callable[[], None]:
    """Return a function that takes every batch once."""

    def run() -> None:
        for x, y in batches:
            assert len(x) == len(y)

    return run


class Pictures(torch.utils.data.Dataset):
    """What torchvision's MNIST and CIFAR-10 do for each image: a PIL image, gray or in colour, transformed."""

    def __init__(self, image_set: data.ImageSet, transform: Callable[[Any], torch.Tensor]) -> None:
        self.images, self.labels, self.transform = image_set.images, image_set.labels, transform

    def __len__(self) -> int:
        return len(self.images)

    def __getitem__(self, index: int) -> tuple[torch.Tensor, int]:
        from PIL import Image

        pixels = self.images[index]
        picture = Image.fromarray(pixels[0].numpy() if len(pixels) == 1 else pixels.permute(1, 2, 0).numpy())
        return self.transform(picture), int(self.labels[index])


def main(images: int = 20_000, batch_size: int = 128, repeats: int = 3, workers: int = 2) -> dict[str, Any]:
    """Time one epoch each way, print and return the figures.

    Args:
        images: at most this many.
        batch_size: images a batch.
        repeats: runs each; the fastest counts.
        workers: processes of the DataLoader in its second run.

    Returns:
        Seconds an epoch (``batches_seconds``, ``loader_seconds``, ``loader_workers_seconds``), the ratios,
        and milliseconds for crop and flip of one batch of 128 colour images, 32x32 (``augment_ms``).
    """
    from torch.utils.data import DataLoader
    from torchvision import transforms

    name = "mnist" if data.available("mnist") else "digits"
    image_set = data.load(name, "train")
    image_set = image_set.subset(slice(0, images))
    side = image_set.images.shape[-1]
    ours = data.Batches(image_set, batch_size, augment=data.random_crop(4, fill="constant"))
    transform = transforms.Compose([transforms.RandomCrop(side, padding=4), transforms.ToTensor()])
    pictures = Pictures(image_set, transform)
    loader: DataLoader[Any] = DataLoader(pictures, batch_size, shuffle=True)
    parallel: DataLoader[Any] = DataLoader(pictures, batch_size, shuffle=True, num_workers=workers)

    x = torch.rand(128, 3, 32, 32)
    generator = torch.Generator().manual_seed(0)
    augment = data.compose(data.random_crop(4), data.random_flip())

    def augment_once() -> None:
        augment(x, generator)

    augment_seconds = best_of(50, augment_once)

    record: dict[str, Any] = {
        "data": image_set.name,
        "images": len(image_set),
        "threads": torch.get_num_threads(),
        "batches_seconds": best_of(repeats, pass_over(ours)),
        "loader_seconds": best_of(repeats, pass_over(loader)),
        "loader_workers_seconds": best_of(repeats, pass_over(parallel)),
        "augment_ms": 1000 * augment_seconds,
    }
    record["ratio"] = record["loader_seconds"] / record["batches_seconds"]
    record["ratio_workers"] = record["loader_workers_seconds"] / record["batches_seconds"]
    print(f"one epoch of {record['images']:,} images of {record['data']}, {record['threads']} threads")
    print(f"  Batches, tensors in memory      {record['batches_seconds']:8.3f} s")
    print(f"  DataLoader with transforms      {record['loader_seconds']:8.3f} s  {record['ratio']:6.1f} times")
    print(
        f"  the same with {workers} workers         {record['loader_workers_seconds']:8.3f} s"
        f"  {record['ratio_workers']:6.1f} times"
    )
    print(f"crop and flip of 128 images 3x32x32: {record['augment_ms']:.2f} ms")
    return record


if __name__ == "__main__":
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--images", type=int, default=20_000)
    parser.add_argument("--repeats", type=int, default=3)
    parser.add_argument("--record", action="store_true", help="store the figures in results/batches.json")
    arguments = parser.parse_args()
    figures = main(arguments.images, repeats=arguments.repeats)
    if arguments.record:
        save_record("batches", {"command": "python -m benchmarks.batches --record", **figures})
