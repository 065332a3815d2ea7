"""The account of a network: rows, stages, totals, text."""

from __future__ import annotations

import pytest
import torch
from torch import nn

from course_utils import models


@pytest.fixture(scope="module")
def lenet() -> models.Summary:
    return models.summarise(models.build("lenet5"), (1, 32, 32))


def test_every_row_adds_up_to_the_whole(lenet: models.Summary) -> None:
    assert sum(row.parameters for row in lenet.rows) == lenet.parameters == 60_000
    assert lenet["c3"].parameters == 1516
    assert lenet["c3"].shape == (16, 10, 10)
    assert lenet["s4"].field is not None
    assert lenet["s4"].field.size == (16, 16)
    assert lenet["s4"].field.stride == (4, 4)
    assert lenet["s4"].field.centre == (7.5, 7.5)
    stages = models.summarise(models.build("resnet18", num_classes=3), (3, 64, 64)).stages()
    assert sum(row.parameters for row in stages.rows) == stages.parameters
    assert [row.name for row in stages.rows] == ["conv1", "conv2_x", "conv3_x", "conv4_x", "conv5_x", "linear"]


def test_memory_counts_each_result_once() -> None:
    model = nn.Sequential(nn.Conv2d(1, 2, 3, padding=1), nn.ReLU(inplace=True), nn.Flatten(), nn.Linear(128, 4))
    summary = models.summarise(model, (1, 8, 8))
    assert [row.bytes for row in summary.rows] == [2 * 64 * 4, 0, 0, 16]


def test_a_layer_that_runs_twice_has_its_parameters_once() -> None:
    layer = nn.Conv2d(3, 3, 3, padding=1)
    summary = models.summarise(nn.Sequential(layer, layer), (3, 8, 8))
    assert summary.parameters == sum(row.parameters for row in summary.rows) == 84
    assert summary.multiply_adds == 2 * 81 * 64


def test_heads_that_only_training_runs_are_told_apart() -> None:
    with torch.device("meta"):
        model = models.build("googlenet")
    evaluated, trained = models.summarise(model), models.summarise(model, training=True)
    assert evaluated.parameters - evaluated.unused == 6_998_552
    assert (trained.parameters, trained.unused) == (13_378_280, 0)
    assert "parameters belong to parts that this pass did not run" in str(evaluated)


def test_the_table_reads_well_in_a_terminal_and_in_a_notebook(lenet: models.Summary) -> None:
    lines = str(lenet).splitlines()
    assert lines[0] == "LeNet5 on an input of 1x32x32"
    assert lines[3].split() == ["c1", "Conv2d", "6x28x28", "156", "117,600", "18.4", "5", "1"]
    assert max(map(len, lines)) <= 110
    assert "whole" in next(line for line in lines if line.startswith("c5"))
    html = lenet._repr_html_()
    assert html.count("<tr>") == len(lenet.rows) + 2
    assert "<caption>LeNet5 on an input of 1x32x32</caption>" in html


def test_a_row_that_does_not_exist_is_refused_with_its_neighbours(lenet: models.Summary) -> None:
    with pytest.raises(KeyError, match="has no row 'c2'; it has"):
        lenet["c2"]
    with pytest.raises(ValueError, match=r"input_shape\[0\] must be at least 1, got 0"):
        models.summarise(models.build("lenet5"), (0, 32, 32))


def test_vectors_are_inputs_too() -> None:
    summary = models.summarise(nn.Sequential(nn.Linear(5, 7), nn.ReLU(), nn.Linear(7, 2)), (5,))
    assert (summary.multiply_adds, summary.parameters, summary.depth) == (49, 58, 2)
