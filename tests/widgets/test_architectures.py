"""The table of all networks: layer by layer what tracing them says, and in all what ``summarise`` says."""

from __future__ import annotations

import json
import math
from functools import cache

import pytest
import torch

from course_utils.models import NETWORKS, build, names, summarise
from course_utils.models.summary import Summary
from course_utils.widgets.architectures import collect, count, layers, load, title, totals, weights

REMEDY = "the table is older than the network: run python -m tools.architectures"


@cache
def summary(name: str) -> Summary:
    with torch.device("meta"):
        return summarise(build(name), NETWORKS[name].input_shape)


def test_table_holds_every_network_and_nothing_twice() -> None:
    table = load()
    assert tuple(table["networks"]) == names(), REMEDY
    for key in ("layers", "blocks"):
        assert len({json.dumps(row) for row in table[key]}) == len(table[key])
    assert len({title(name) for name in names()}) == len(names())


@pytest.mark.parametrize("name", names())
def test_network_is_as_traced_now(name: str) -> None:
    table, traced = load(), collect([name])
    assert layers(table, name) == layers(traced, name), REMEDY
    assert table["networks"][name][:4] == traced["networks"][name][:4], REMEDY
    said = summary(name)
    assert totals(table, name) == {
        "parameters": said.parameters - said.unused, "multiply_adds": said.multiply_adds, "bytes": said.bytes,
        "depth": said.depth,
    }  # fmt: skip


@pytest.mark.parametrize("name", ["alexnet", "googlenet", "resnet50", "densenet121", "se_resnet18", "xception"])
def test_costs_and_fields_are_those_of_the_rows(name: str) -> None:
    """Each convolution, product and pooling stands once, in order, with the field that ``summarise`` gives it."""
    told = [row for row in layers(load(), name) if row["multiply_adds"] or "pool" in row["kind"]]
    rows = [row for row in summary(name).rows if row.multiply_adds or "pool" in row.kind.lower()]
    assert len(told) == len(rows)
    for one, row in zip(told, rows):
        assert one["multiply_adds"] == row.multiply_adds, row.name
        assert row.field is not None
        assert (tuple(one["low"]), tuple(one["high"]), tuple(one["stride"])) == (
            row.field.low, row.field.high, row.field.stride,
        ), row.name  # fmt: skip


def test_counting_from_the_structure() -> None:
    # VGG's second layer and AlexNet's grouped one, by hand; the latter sees 48 of 96 maps.
    assert count(["conv", [3, 3, 1, 1], 64, [64, 224, 224], 1, 2, "ReLU"]) == [
        9 * 64 * 64 + 64, 9 * 64 * 64 * 224 * 224, 4 * 2 * 64 * 224 * 224,
    ]  # fmt: skip
    assert weights("conv", [5, 5, 1, 2], 96, 256) == 25 * 48 * 256
    assert count(["linear", [], 9216, [4096], 1, 1, ""])[:2] == [9216 * 4096 + 4096, 9216 * 4096]
    assert count(["max pool", [3, 3, 2, 1], 96, [96, 27, 27], 0, 1, ""]) == [0, 0, 4 * 96 * 27 * 27]


def test_repeated_blocks_are_stored_once() -> None:
    table = load()
    *_, column = table["networks"]["resnet1202_small"]
    assert sum(repeats for _, runs in column for _, repeats in runs) > 600
    assert len(column) < 12
    kinds = {row["kind"] for name in names() for row in layers(table, name)}
    assert {"conv", "linear", "max pool", "concatenate", "add", "gate", "shortcut", "RBF"} <= kinds
    assert all(math.prod(row["shape"]) > 0 for row in layers(table, "googlenet"))
