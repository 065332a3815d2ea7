"""The vectorised pieces of detection against torchvision's compiled ones, in one run and on one thread.

Each pair gets the same input, must give the same answer, and takes turns, so that a busy moment meets both; the median
of the rounds counts. Run it on a quiet machine:

    python -m benchmarks.detection --record
"""

from __future__ import annotations

import argparse
import math
import time
from collections.abc import Callable
from statistics import median
from typing import Any

import torch
from torch import Tensor
from torchvision import ops
from torchvision.models.detection._utils import BoxCoder, Matcher

from course_utils.detection.anchors import cell_anchors, grid_anchors
from course_utils.detection.coding import decode, encode
from course_utils.detection.iou import box_iou, generalised_box_iou
from course_utils.detection.matching import match
from course_utils.detection.nms import batched_nms, nms, soft_nms
from course_utils.detection.roi_align import roi_align
from course_utils.detection.roi_pooling import roi_pool
from course_utils.runtime import save_record

# Sides of the square picture in which 10,000 boxes of up to 60 pixels lie: from a heap to hardly any overlap.
PICTURES = {"heap": 100, "crowd": 500, "sparse": 3000}
STRIDE, CHANNELS = 16, 256

Pair = tuple[Callable[[], Any], Callable[[], Any]]


def made_boxes(n: int, size: float, largest: float, seed: int) -> Tensor:
    """Return boxes of at least one pixel a side."""
    draw = torch.Generator().manual_seed(seed)
    corner = torch.rand(n, 2, generator=draw) * size
    return torch.cat((corner, corner + 1 + torch.rand(n, 2, generator=draw) * largest), dim=1)


def box_pairs(n: int, m: int) -> dict[str, Pair]:
    """Return what works on boxes: ``{name: (ours, torchvision's)}``."""
    a, b = made_boxes(m, 600, 200, 1), made_boxes(m, 600, 200, 2)
    boxes, anchors = made_boxes(n, 600, 200, 3), made_boxes(n, 600, 200, 4)
    codes, coder = encode(boxes, anchors), BoxCoder((1.0, 1.0, 1.0, 1.0))
    cells = max(1, round(math.sqrt(n / 9)))
    grid = grid_anchors((cells, cells), 800 / cells, cell_anchors([128, 256, 512]))
    targets, matcher = made_boxes(20, 600, 200, 5), Matcher(0.7, 0.3, allow_low_quality_matches=True)
    pairs: dict[str, Pair] = {
        "IoU": (lambda: box_iou(a, b), lambda: ops.box_iou(a, b)),
        "generalised IoU": (lambda: generalised_box_iou(a, b), lambda: ops.generalized_box_iou(a, b)),
        "encode": (lambda: encode(boxes, anchors), lambda: coder.encode_single(boxes, anchors)),
        "decode": (lambda: decode(codes, anchors), lambda: coder.decode_single(codes, anchors)),
        "match": (
            lambda: match(grid, targets, force="ties").indices,
            lambda: matcher(ops.box_iou(targets, grid)),
        ),
    }
    scores = (torch.randperm(n, generator=torch.Generator().manual_seed(6)) + 1) / n
    labels = torch.randint(0, 20, (n,), generator=torch.Generator().manual_seed(7))
    for name, size in PICTURES.items():
        heap = made_boxes(n, size, 60, 8)
        pairs[f"NMS, {name}"] = (lambda x=heap: nms(x, scores, 0.5), lambda x=heap: ops.nms(x, scores, 0.5))
    crowd = made_boxes(n, PICTURES["crowd"], 60, 8)
    pairs["NMS by class"] = (
        lambda: batched_nms(crowd, scores, labels, 0.5),
        lambda: ops.batched_nms(crowd, scores, labels, 0.5),
    )
    return pairs


def region_pairs(regions: int, channels: int) -> dict[str, Pair]:
    """Return pooling of regions from two maps of 50 x 68 cells, forward and backward."""
    draw = torch.Generator().manual_seed(9)
    features = torch.rand(2, channels, 50, 68, generator=draw)
    boxes = made_boxes(regions, 700, 300, 10)
    rois = torch.cat((torch.randint(0, 2, (regions, 1), generator=draw).float(), boxes), dim=1)
    scale = 1 / STRIDE
    forwards: dict[str, tuple[Callable[[Tensor], Tensor], Callable[[Tensor], Tensor]]] = {
        "RoI pooling": (lambda x: roi_pool(x, rois, 7, scale), lambda x: ops.roi_pool(x, rois, 7, scale)),
        "RoI align": (
            lambda x: roi_align(x, rois, 7, scale, 2),
            lambda x: ops.roi_align(x, rois, 7, scale, 2, True),
        ),
    }
    pairs: dict[str, Pair] = {}
    for name, (ours, theirs) in forwards.items():
        pairs[f"{name}, forward"] = (lambda f=ours: f(features), lambda f=theirs: f(features))
        leaf = features.clone().requires_grad_()
        out, other = ours(leaf), theirs(leaf)
        grad = torch.rand(out.shape, generator=draw)
        pairs[f"{name}, backward"] = (
            lambda y=out, x=leaf, g=grad: torch.autograd.grad(y, x, g, retain_graph=True)[0],
            lambda y=other, x=leaf, g=grad: torch.autograd.grad(y, x, g, retain_graph=True)[0],
        )
    return pairs


def seconds(run: Callable[[], Any]) -> float:
    """Return how long one call takes."""
    start = time.perf_counter()
    run()
    return time.perf_counter() - start


def race(pair: Pair, repeats: int) -> dict[str, float]:
    """Hold both answers against each other, then time both in turns.

    Returns:
        Medians ``milliseconds`` and ``torchvision_milliseconds``, and ``ratio``, the median of the rounds' ratios.

    Raises:
        AssertionError: if the answers differ.
    """
    ours, theirs = pair
    torch.testing.assert_close(ours(), theirs(), rtol=1e-4, atol=1e-4)
    rounds = [(seconds(ours), seconds(theirs)) for _ in range(repeats)]
    return {
        "milliseconds": 1000 * median(a for a, _ in rounds),
        "torchvision_milliseconds": 1000 * median(b for _, b in rounds),
        "ratio": median(a / b for a, b in rounds),
    }


def main(
    repeats: int = 9, n: int = 10_000, m: int = 1000, regions: int = 300, channels: int = CHANNELS
) -> dict[str, Any]:
    """Time everything, print and return the figures.

    Args:
        repeats: rounds of each pair.
        n: boxes of suppression and coding; anchors of matching, about.
        m: boxes a side of the tables of overlap.
        regions: how many to pool.
        channels: of the maps they are pooled from.
    """
    threads = torch.get_num_threads()
    torch.set_num_threads(1)
    pairs = box_pairs(n, m) | region_pairs(regions, channels)
    figures = {name: race(pair, repeats) for name, pair in pairs.items()}
    crowd, scores = made_boxes(n, PICTURES["crowd"], 60, 8), torch.rand(n, generator=torch.Generator().manual_seed(11))
    soft = 1000 * median(seconds(lambda: soft_nms(crowd, scores)) for _ in range(min(repeats, 3)))
    torch.set_num_threads(threads)
    print(f"one thread; {n:,} boxes, {m:,} x {m:,} overlaps, {regions} regions of {channels} channels; milliseconds")
    print(f"{'':24s}{'here':>10s}{'torchvision':>14s}{'ratio':>9s}")
    for name, row in figures.items():
        print(f"{name:24s}{row['milliseconds']:10.2f}{row['torchvision_milliseconds']:14.2f}{row['ratio']:9.2f}")
    print(f"{'soft NMS, crowd':24s}{soft:10.2f}{'-':>14s}{'-':>9s}")
    sizes = {"boxes": n, "table": m, "regions": regions, "channels": channels}
    return {"threads": 1, "repeats": repeats, **sizes, "pairs": figures, "soft_nms_milliseconds": soft}


if __name__ == "__main__":
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--repeats", type=int, default=9)
    parser.add_argument("--record", action="store_true", help="store the figures in results/detection.json")
    arguments = parser.parse_args()
    record = main(arguments.repeats)
    if arguments.record:
        save_record("detection", {"command": "python -m benchmarks.detection --record", **record})
