"""Write ``book/speed.md`` from the records of the benchmarks: what training costs, and what its choices save."""

from collections.abc import Iterable
from typing import Any

from course_utils.runtime import load_record

HEAD = """---
description: What the training loop adds to a step, what its choices of format and data save, measured on two cores.
---

<!-- Written by python -m tools.pages from results/training.json, cifar10_minute.json,
cifar10_five_minutes.json, batches.json, convolution.json, autograd.json and detection.json. -->

# How fast it is

A course that trains networks on a laptop has to be careful with your time. Each table below is the record of one run on
a quiet machine, with the command that repeats it on yours. Seconds differ between machines; ratios much less.
"""

NAMES = {"fit": "this course's `fit`", "accelerate": "Accelerate", "lightning": "Lightning", "fastai": "fastai"}


def table(head: tuple[str, ...], rows: Iterable[tuple[str, ...]]) -> str:
    """Return a Markdown table whose columns after the first are numbers."""
    lines = [head, ("---", *["---:"] * (len(head) - 1)), *rows]
    return "\n".join("| " + " | ".join(line) + " |" for line in lines)


def provenance(record: dict[str, Any]) -> str:
    """Return one line: command, date, machine, versions."""
    found = record["provenance"]
    threads = record["threads"]
    return (
        f"`{record['command']}`, {found['date']}, {found['processor']}, {threads} thread{'s' * (threads > 1)}, "
        f"PyTorch {found['versions']['torch']}."
    )


def training(record: dict[str, Any]) -> str:
    """Return the sections on the loop, its data and its formats."""
    o, runs, formats, memory = (record[key] for key in ("overhead", "lenet", "formats", "memory"))
    loops = [
        (f"{NAMES[name]}" + (f" {o[name]['version']}" if "version" in o[name] else ""), f"{o[name]['added_ms']:.3f} ms")
        for name in NAMES
        if name in o
    ]
    lenet = [
        (f"{i + 1}", f"{100 * a:.2f} %", f"{s:.1f} s") for i, (a, s) in enumerate(zip(*runs.values(), strict=True))
    ]
    rows = [
        (name, f"{found['images_per_second']:,.0f}", f"{100 * found['share_of_peak']:.0f} %")
        for name, found in formats.items()
        if "share_of_peak" in found
    ]
    loaders = [
        (
            name,
            f"{found['images']:,}",
            f"{found['memory_seconds']:.1f} s",
            f"{found['loader_seconds']:.1f} s",
            f"{found['ratio']:.1f}",
            f"{found['same_speed_ratio']:.1f}",
        )
        for name, found in record["loader"].items()
    ]
    peak = formats["peak"]
    return f"""## What the loop adds to a step

The step is tiny on purpose: one linear layer, 64 inputs of 16 numbers, Adam. A raw loop takes {o["raw_ms"]:.2f} ms of
processor time for it. Whatever a library adds shows at once; on a real network it is a small share.

{table(("loop", "added to each step"), loops)}

An epoch of LeNet in batches of 64 by `fit` takes {o["lenet_ratio"]:.3f} times the processor time of the raw loop.

## LeNet on MNIST

Three epochs, batches of 256, Adam, one cycle of the learning rate up to 0.006; accuracy on the 10,000 test images.

{table(("run", "accuracy", "time"), lenet)}

## Images in memory, or one at a time

An epoch with a random crop (and flips, for photographs), batches of 256. In memory, a batch is one indexing operation
and the crop is made for all its images at once. A `DataLoader` opens and transforms them one at a time.

{table(("network and data", "images", "in memory", "`DataLoader`", "ratio", "ratio, both in float32"), loaders)}

## Number formats

Images a second in training, and the share of what this machine reaches in a large matrix product in float32
({peak["giga_multiply_adds_per_second"]:.0f} billion multiply-adds a second; {peak["bfloat16"]:.0f} in bfloat16).
A share above 100 % is bfloat16 doing more than float32 ever could.

{table(("network and format", "images a second", "share of the float32 peak"), rows)}

The memory that a step frees is asked for again by the next. Kept in the process instead of given back to the system,
LeNet trains on {memory["kept"]:,.0f} images a second instead of {memory["given back"]:,.0f}, each in a fresh process.

For LeNet `fit(speed="auto")` chooses: {formats["LeNet, chosen"]["way"]}.

{provenance(record)}
"""


def cifar10(records: list[dict[str, Any]]) -> str:
    """Return the section on CIFAR-10 against the clock."""
    rows = []
    for record in records:
        found = record["metrics"]
        for i, seed in enumerate(record["seeds"]):
            shares = [f"{100 * found[name][i]:.1f} %" for name in ("accuracy", "accuracy, six views")]
            check = found.get("accuracy, six views, test images")
            shares.append(f"{100 * check[i]:.1f} %" if check else "-")
            rows.append((f"`{record['name']}`, seed {seed}", f"{found['seconds'][i]:.0f} s", *shares))
    head = ("recipe", "time", "held out", "held out, six views", "test images, six views")
    first = records[0]
    return f"""## CIFAR-10 against the clock

How far does a network come in a minute, and in five? The recipes train {first["parameters"]:,} and
{records[1]["parameters"]:,} numbers with Muon, after a first layer that whitens, on the first 40,000 training images.
The settings were chosen on the last 10,000, where the first two accuracies are measured; the last column is a check on
test images that no choice has seen (the first 1,000, so about one per cent up or down is chance). Six views: the
picture, moved by a pixel, and mirrored.

{table(head, rows)}

The public records for one GPU ([Jordan, 2024](references.md#jordan-2024)) use wider networks of the same kind and all
50,000 images: 94 % of the test images in a few seconds of an A100.

{provenance(first)}
"""


def batches(record: dict[str, Any]) -> str:
    """Return the section on batches alone."""
    return f"""## Batches alone

Without a network, {record["images"]:,} digits with a random crop: {record["batches_seconds"]:.2f} s from memory,
{record["loader_seconds"]:.2f} s by a `DataLoader`, {record["loader_workers_seconds"]:.2f} s by one with two worker
processes. Crop and flip of 128 colour images take {record["augment_ms"]:.2f} ms.

{provenance(record)}
"""


def teaching_code(convolution: dict[str, Any], autograd: dict[str, Any]) -> str:
    """Return the section on code that is written to be read."""
    layer = convolution["layer"]
    return f"""## Code that is written to be read

The convolution by im2col of [chapter 05](../notebooks/05_convolution.ipynb) takes {layer["forward_ratio"]:.1f} times
PyTorch's time forward and {layer["backward_ratio"]:.1f} times backward (a batch of {layer["input"][0]} maps of
{layer["input"][2]} x {layer["input"][3]}, {layer["input"][1]} channels to {layer["filters"]}).

{provenance(convolution)}

The tensor engine of [chapter 03](../notebooks/03_backprop.ipynb) takes {autograd["ratio"]:.2f} times PyTorch's time for
a step of a small network: so small that what PyTorch does around the arithmetic counts. The scalar engine takes
{autograd["scalar_ratio"]:,.0f} times as long.

{provenance(autograd)}
"""


def detection(record: dict[str, Any]) -> str:
    """Return the section on the pieces of detection."""
    rows = [
        (name, f"{row['milliseconds']:.1f} ms", f"{row['torchvision_milliseconds']:.1f} ms", f"{row['ratio']:.2f}")
        for name, row in record["pairs"].items()
    ]
    return f"""## Boxes, suppression and regions

The pieces of [detection](../notebooks/10_detection.ipynb) against torchvision's compiled operators. Both get the same
input and must give the same answer: {record["boxes"]:,} boxes to suppress, encode and match, {record["table"]:,} by
{record["table"]:,} overlaps, {record["regions"]} regions of a map with {record["channels"]} channels. A ratio above 1
means that torchvision is faster. (Its suppression is a compiled loop over kept boxes; here they are taken in blocks
by falling score, which pays where few boxes survive and costs where nearly all do.)

{table(("piece", "here", "torchvision", "ratio"), rows)}

Soft suppression, which torchvision does not have: {record["soft_nms_milliseconds"]:,.0f} ms for the crowd.

{provenance(record)}
"""


def page() -> str:
    """Return the page's Markdown."""
    names = ("training", "cifar10_minute", "cifar10_five_minutes", "batches", "convolution", "autograd", "detection")
    records = {name: load_record(name) for name in names}
    parts = [
        training(records["training"]),
        cifar10([records["cifar10_minute"], records["cifar10_five_minutes"]]),
        batches(records["batches"]),
        teaching_code(records["convolution"], records["autograd"]),
        detection(records["detection"]),
    ]
    return "\n".join([HEAD, *parts])
