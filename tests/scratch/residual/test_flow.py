import math

import pytest
import torch

from course_utils.scratch.residual.flow import expected_gradient, expected_signal, flow
from course_utils.scratch.residual.stacks import stack


def drawn(*shape):
    return torch.randn(*shape, generator=torch.Generator().manual_seed(100), dtype=torch.float64)


@pytest.mark.parametrize("order", ["plain", "post", "pre"])
def test_the_gradient_is_that_of_small_differences(order):
    blocks, x, delta = stack(3, 6, order, seed=1), drawn(8, 6), drawn(8, 6) + 1
    found = flow(blocks, x, delta)
    gradient = torch.zeros_like(x)
    for i in range(8):
        for j in range(6):
            step = torch.zeros_like(x)
            step[i, j] = 1e-6
            with torch.no_grad():
                gradient[i, j] = ((blocks(x + step) - blocks(x - step)) * delta).sum() / 2e-6
    assert found.backward[0].item() == pytest.approx(gradient.square().mean().sqrt().item(), rel=1e-4)
    assert found.backward[-1].item() == pytest.approx(delta.square().mean().sqrt().item())
    assert found.forward[0].item() == pytest.approx(x.square().mean().sqrt().item())
    assert len(found.forward) == len(found.backward) == 4


def test_expected_sizes_are_those_of_wide_stacks():
    found = flow(stack(40, 256, "pre"), drawn(128, 256))
    assert found.forward[-1].item() == pytest.approx(expected_signal(40)[-1], rel=0.1)
    assert found.backward[0].item() == pytest.approx(expected_gradient(40)[0], rel=0.2)


def test_expected_sizes_start_at_one():
    assert expected_signal(3) == [1, math.sqrt(2), math.sqrt(3), 2]
    assert expected_gradient(2)[-1] == 1
    assert expected_gradient(1)[0] == pytest.approx(math.sqrt(1 + math.pi / (math.pi - 1)))
