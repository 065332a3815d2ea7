"""Assignment 5: its picture, and the claim to be judged."""

import re

import numpy as np
import pytest

from tests.assignments.contract import AssignmentContract
from tools import mutation

NAME = "05_convolution"


class TestAssignment(AssignmentContract):
    """What holds for every assignment."""

    NAME = NAME
    PICTURES = ("forward_picture",)


def strongest(row, stride):
    """The claim's network: a kernel of one number, ReLU, global maximum."""
    return np.maximum(np.asarray(row)[::stride], 0).max()


def test_the_claim_to_be_judged_is_false_at_stride_2_and_true_at_stride_1_and_for_even_shifts():
    row = [0, 0, 1, 0, 0, 0]
    assert strongest(row, 2) == 1
    assert strongest(np.roll(row, 1), 2) == 0
    assert strongest(np.roll(row, 1), 1) == strongest(row, 1) == 1
    assert strongest(np.roll(row, 2), 2) == 1


@pytest.mark.parametrize(
    ("layer", "words"),
    [
        (lambda *a: None, "Nothing to draw: conv2d.* is None"),
        (lambda x, w, b, s, p: x, r"should have shape \(4, 24, 24\)"),
        (lambda *a: a[9], "stops with IndexError"),
    ],
)
def test_the_picture_cell_says_why_nothing_is_drawn(capsys, layer, words):
    with mutation.Judge(NAME) as judge:
        judge.checks.pictures.kernels(layer)
    assert re.search(words, capsys.readouterr().out)
