"""Every refusal says what came and the rule."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
import pytest
import torch

from course_utils.check import check_choice, check_int, check_number, check_same_length, check_shape


def test_values_that_pass_come_back() -> None:
    assert check_int("stride", np.int64(2), minimum=1) == 2
    assert check_number("lr", 1, above=0) == 1.0
    assert check_choice("mode", "same", ["same", "valid"]) == "same"
    x = torch.zeros(2, 3)
    assert check_shape("x", x, (None, 3)) is x
    assert check_same_length("x", [1, 2], "y", (3, 4)) == 2


@pytest.mark.parametrize(
    ("call", "error", "message"),
    [
        (lambda: check_int("stride", 0, minimum=1), ValueError, "stride must be at least 1, got 0"),
        (lambda: check_int("k", 9, maximum=8), ValueError, "k must be at most 8, got 9"),
        (lambda: check_int("k", 2.0), TypeError, r"k must be an integer, got 2.0 \(float\)"),
        (lambda: check_int("k", True), TypeError, r"k must be an integer, got True \(bool\)"),
        (lambda: check_number("lr", 0, above=0), ValueError, "lr must be greater than 0, got 0"),
        (lambda: check_number("p", 1.0, below=1), ValueError, "p must be less than 1, got 1.0"),
        (lambda: check_number("p", float("nan")), ValueError, "p must be finite, got nan"),
        (lambda: check_number("p", "0.1"), TypeError, r"p must be a number, got '0.1' \(str\)"),
        (lambda: check_choice("set", "mnst", ["mnist"]), ValueError, "'mnist', got 'mnst'; did you mean 'mnist'"),
        (lambda: check_shape("x", np.zeros((2, 4)), (None, 3)), ValueError, r"shape \(any, 3\), got \(2, 4\)"),
        (lambda: check_shape("x", [1], (1,)), TypeError, r"x must be an array or tensor, got \[1\]"),
        (lambda: check_same_length("x", [1], "y", []), ValueError, "same length, got 1 and 0"),
    ],
)
def test_a_refusal_names_the_value_and_the_rule(call: Callable, error: type[Exception], message: str) -> None:
    with pytest.raises(error, match=message):
        call()
