"""All networks of the package in one table: depth, parameters, multiply-adds, memory, receptive field (chapter 07)."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass

import torch

from course_utils.models import NETWORKS, build, names
from course_utils.models.summary import summarise


@dataclass(frozen=True)
class Account:
    """One network in numbers, in evaluation mode, for one image of its paper's size.

    Args:
        name: as :func:`course_utils.models.build` takes it.
        year: of its paper.
        input_size: side of the image in pixels.
        depth: convolutions and linear layers on the longest way.
        parameters: without parts that run in training only.
        multiply_adds: of one forward pass.
        megabytes: of all results in float32.
        field: side of the receptive field of the last map with rows and columns, in pixels; None if it cannot be
            followed.
    """

    name: str
    year: int
    input_size: int
    depth: int
    parameters: int
    multiply_adds: int
    megabytes: float
    field: int | None


def account(name: str) -> Account:
    """Return the numbers of one network by name; nothing is computed and no memory is taken for weights."""
    network = NETWORKS[name]
    with torch.device("meta"):
        summary = summarise(build(name), network.input_shape)
    maps = [row for row in summary.rows if row.spatial and len(row.shape) == 3 and min(row.shape[1:]) > 1]
    field = maps[-1].field
    return Account(
        name,
        network.year,
        network.input_shape[-1],
        summary.depth,
        summary.parameters - summary.unused,
        summary.multiply_adds,
        summary.bytes / 1e6,
        None if field is None else max(field.size),
    )


def comparison(which: Iterable[str] | None = None) -> list[Account]:
    """Return the accounts of some networks, of all by default, in the order given."""
    return [account(name) for name in (names() if which is None else which)]
