"""Synthetic images, scenes, flow pairs, clips and digits made in a second on one core.

OMP_NUM_THREADS=1 python -m benchmarks.synthetic
"""

from __future__ import annotations

import argparse
import time
from collections.abc import Callable
from typing import Any

import torch

from course_utils.data import synthetic
from course_utils.runtime import save_record

# What the chapters count on, on one core: made in a second.
NEEDED = {"images 32x32, medium": 2000.0, "scenes 128x128, medium, all truth": 300.0}


def scenes_with_all_truth(count: int, difficulty: str) -> None:
    """Make scenes, and every piece of truth that is made on demand."""
    scenes = synthetic.make_scenes(count, 128, 1, difficulty)
    _ = scenes.masks, scenes.depth, scenes.semantic


def main(repeats: int = 5) -> dict[str, Any]:
    """Time every generator, print and return what it makes in a second (fastest of several runs).

    Rates count processor time as well as time on the clock: with one thread, processor time is what a
    core of its own would need, and a busy neighbour changes it little.
    """
    work: dict[str, tuple[int, Callable[[], object]]] = {
        "images 32x32, easy": (2000, lambda: synthetic.make_images(2000, 32, 1, "easy")),
        "images 32x32, medium": (2000, lambda: synthetic.make_images(2000, 32, 1)),
        "images 32x32, hard": (2000, lambda: synthetic.make_images(2000, 32, 1, "hard")),
        "scenes 128x128, easy, all truth": (128, lambda: scenes_with_all_truth(128, "easy")),
        "scenes 128x128, medium, all truth": (128, lambda: scenes_with_all_truth(128, "medium")),
        "scenes 128x128, hard, all truth": (128, lambda: scenes_with_all_truth(128, "hard")),
        "flow pairs 64x64": (128, lambda: synthetic.make_flow_pairs(128, 64, 1)),
        "clips 8x32x32": (256, lambda: synthetic.make_clips(256, 8, 32, 1)),
        "digits 28x28": (1000, lambda: synthetic.make_digits(1000, 28, 1)),
    }
    rates: dict[str, float] = {}
    clock_rates: dict[str, float] = {}
    print(f"made in a second, {torch.get_num_threads()} thread(s), fastest of {repeats}")
    print(f"  {'':36} {'processor':>9} {'clock':>9}")
    for name, (count, make) in work.items():
        make()  # reads and scales the photos once
        busy, seconds = [], []
        for _ in range(repeats):
            busy_start, start = time.process_time(), time.perf_counter()
            make()
            seconds.append(time.perf_counter() - start)
            busy.append(time.process_time() - busy_start)
        rates[name], clock_rates[name] = count / min(busy), count / min(seconds)
        needed = f"  (needed: {NEEDED[name]:,.0f})" if name in NEEDED else ""
        print(f"  {name:36} {rates[name]:9,.0f} {clock_rates[name]:9,.0f}{needed}")
    return {
        "threads": torch.get_num_threads(),
        "repeats": repeats,
        "per_processor_second": rates,
        "per_second": clock_rates,
        "needed": NEEDED,
    }


if __name__ == "__main__":
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--repeats", type=int, default=5)
    parser.add_argument("--record", action="store_true", help="store the figures in results/synthetic.json")
    arguments = parser.parse_args()
    figures = main(arguments.repeats)
    if arguments.record:
        save_record("synthetic", {"command": "OMP_NUM_THREADS=1 python -m benchmarks.synthetic --record", **figures})
