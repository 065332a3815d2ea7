"""All ways to convolve against each other and against PyTorch, in one run and on one thread.

Three questions: how far is a layer by columns and one matrix product from PyTorch's own; which way is fastest for which
kernel size on one picture; and what do the slow ways cost on a small one. Run it on a quiet machine:

    python -m benchmarks.convolution --record
"""

from __future__ import annotations

import argparse
from typing import Any

import numpy as np
import torch
import torch.nn.functional as F
from threadpoolctl import threadpool_limits

from course_utils.runtime import save_record
from course_utils.scratch.convolution.backward import conv2d_backward
from course_utils.scratch.convolution.im2col import conv2d_im2col
from course_utils.scratch.convolution.race import best_seconds, crossover, ways

SMALL, SMALL_KERNELS = 32, [3, 5, 7, 9, 13]
LARGE, LARGE_KERNELS = 256, [2, 3, 4, 5, 6, 7, 9, 13, 17, 25, 33, 49, 65]


def layer_times(repeats: int) -> dict[str, Any]:
    """Time one layer, (32, 64, 32, 32) with 64 filters of 3x3 in float32, forward and backward."""
    draw = np.random.default_rng(0)
    x = draw.normal(size=(32, 64, 32, 32)).astype(np.float32)
    weight = draw.normal(size=(64, 64, 3, 3)).astype(np.float32)
    grad = draw.normal(size=x.shape).astype(np.float32)
    tx, tw, tg = (torch.tensor(a) for a in (x, weight, grad))
    np.testing.assert_allclose(conv2d_im2col(x, weight, padding=1), F.conv2d(tx, tw, padding=1), atol=1e-3)
    times = {
        "im2col_forward_seconds": best_seconds(lambda: conv2d_im2col(x, weight, padding=1), repeats, 60),
        "torch_forward_seconds": best_seconds(lambda: F.conv2d(tx, tw, padding=1), repeats, 60),
        "im2col_backward_seconds": best_seconds(lambda: conv2d_backward(grad, x, weight, padding=1), repeats, 60),
        "torch_backward_seconds": best_seconds(
            lambda: torch.ops.aten.convolution_backward(
                tg, tx, tw, [64], [1, 1], [1, 1], [1, 1], False, [0, 0], 1, [True, True, True]
            ),
            repeats,
            60,
        ),
    }
    times["forward_ratio"] = times["im2col_forward_seconds"] / times["torch_forward_seconds"]
    times["backward_ratio"] = times["im2col_backward_seconds"] / times["torch_backward_seconds"]
    return times


def race_times(size: int, kernels: list[int], repeats: int, slow: bool) -> dict[str, list[float]]:
    """Time every way on one picture for all kernel sizes."""
    times: dict[str, list[float]] = {}
    for kernel_size in kernels:
        for name, run in ways(size, kernel_size, slow=slow).items():
            times.setdefault(name, []).append(best_seconds(run, repeats, 2.0))
    return times


def main(repeats: int = 7) -> dict[str, Any]:
    """Time everything, print and return the figures (seconds, and ratios within this run)."""
    torch.set_num_threads(1)
    with threadpool_limits(1):  # NumPy's matrix products
        layer = layer_times(repeats)
        small = race_times(SMALL, SMALL_KERNELS, repeats, slow=True)
        large = race_times(LARGE, LARGE_KERNELS, repeats, slow=False)
    record: dict[str, Any] = {
        "threads": 1,
        "layer": {"input": [32, 64, 32, 32], "filters": 64, "kernel_size": 3, "dtype": "float32", **layer},
        "small": {"size": SMALL, "kernels": SMALL_KERNELS, "seconds": small},
        "large": {
            "size": LARGE,
            "kernels": LARGE_KERNELS,
            "seconds": large,
            "fourier_beats_pytorch_from": crossover(LARGE_KERNELS, large["Fourier"], large["PyTorch"]),
            "fourier_beats_im2col_from": crossover(LARGE_KERNELS, large["Fourier"], large["im2col"]),
            "thin_passes_beat_pytorch_from": crossover(LARGE_KERNELS, large["two thin passes"], large["PyTorch"]),
        },
    }
    print(f"layer, forward:  im2col {1000 * layer['im2col_forward_seconds']:7.1f} ms", end="")
    print(f"   PyTorch {1000 * layer['torch_forward_seconds']:7.1f} ms   {layer['forward_ratio']:5.2f} times")
    print(f"layer, backward: im2col {1000 * layer['im2col_backward_seconds']:7.1f} ms", end="")
    print(f"   PyTorch {1000 * layer['torch_backward_seconds']:7.1f} ms   {layer['backward_ratio']:5.2f} times")
    for title, part in (("small", record["small"]), ("large", record["large"])):
        print(f"{title}: one {part['size']} x {part['size']} picture, milliseconds")
        print(" " * 18 + "".join(f"{k:9d}" for k in part["kernels"]))
        for name, values in part["seconds"].items():
            print(f"  {name:16s}" + "".join(f"{1000 * value:9.3f}" for value in values))
    for key in ("fourier_beats_pytorch_from", "fourier_beats_im2col_from", "thin_passes_beat_pytorch_from"):
        print(f"{key.replace('_', ' ')}: {record['large'][key]}")
    return record


if __name__ == "__main__":
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--repeats", type=int, default=7)
    parser.add_argument("--record", action="store_true", help="store the figures in results/convolution.json")
    arguments = parser.parse_args()
    figures = main(arguments.repeats)
    if arguments.record:
        save_record("convolution", {"command": "python -m benchmarks.convolution --record", **figures})
