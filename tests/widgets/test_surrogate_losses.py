"""The losses of the widget against torch, and the verdict which of them bound the error."""

from __future__ import annotations

import pytest
import torch
from torch.nn import functional as F

from course_utils.widgets.surrogate_losses import LOSSES, SurrogateLosses, least_gap, loss, slope

IN_TORCH = {
    "perceptron": lambda m: F.relu(-m),
    "hinge": lambda m: F.relu(1 - m),
    "logistic": lambda m: F.softplus(-m),
    "exponential": lambda m: torch.exp(-m),
    "squared": lambda m: F.mse_loss(m, torch.ones_like(m), reduction="sum"),
}


@pytest.mark.parametrize("name", IN_TORCH)
def test_values_and_slopes_equal_autograd(name: str) -> None:
    for value in torch.linspace(-2.95, 2.95, 40, dtype=torch.float64):
        m = value.clone().requires_grad_(True)
        out = IN_TORCH[name](m)
        out.backward()
        assert loss(name, float(value)) == pytest.approx(float(out.detach()), abs=1e-12)
        assert slope(name, float(value)) == pytest.approx(float(m.grad), abs=1e-12)


def test_which_losses_bound_the_error() -> None:
    natural = {name for name in LOSSES if least_gap(name) >= -1e-12}
    assert natural == {"zero-one", "hinge", "exponential", "squared"}
    base_two = {name for name in LOSSES if least_gap(name, base_two=True) >= -1e-12}
    assert base_two == natural | {"logistic"}


def test_zero_counts_as_an_error() -> None:
    assert [loss("zero-one", m) for m in (-0.1, 0.0, 0.1)] == [1, 1, 0]


def test_arguments_are_checked() -> None:
    with pytest.raises(ValueError, match=r"margin must be at most 3\.0, got 4"):
        SurrogateLosses(margin=4)
    with pytest.raises(ValueError, match="did you mean 'hinge'"):
        loss("hing", 1.0)
