import pytest
import torch

from course_utils.scratch.residual.paths import branch_jacobians, path_counts, path_sums, path_sums_slow
from course_utils.scratch.residual.stacks import stack


def drawn(*shape):
    return torch.randn(*shape, generator=torch.Generator().manual_seed(0), dtype=torch.float64)


def test_half_of_the_paths_are_shorter_than_half():
    assert path_counts(3) == [1, 3, 3, 1]
    assert sum(path_counts(20)) == 2**20


def test_the_fast_sums_are_the_slow_ones_and_add_up_to_the_product():
    jacobians, delta = list(drawn(5, 4, 4)), drawn(4) + 1
    fast = path_sums(jacobians, delta)
    torch.testing.assert_close(fast, path_sums_slow(jacobians, delta))
    product = delta
    for jacobian in reversed(jacobians):
        product = product @ (torch.eye(4, dtype=torch.float64) + jacobian)
    torch.testing.assert_close(fast.sum(0), product)


def test_the_paths_add_up_to_the_gradient_of_a_network():
    blocks, x, delta = stack(6, 8, "pre", seed=2), drawn(32, 8), drawn(8) + 1
    blocks(x)  # some statistics
    blocks.eval()
    one = x[0].clone().requires_grad_()
    (gradient,) = torch.autograd.grad(blocks(one[None])[0] @ delta, one)
    torch.testing.assert_close(path_sums(branch_jacobians(blocks, x[0]), delta).sum(0), gradient)


def test_other_orders_are_refused():
    with pytest.raises(ValueError, match="order 'pre'"):
        branch_jacobians(stack(2, 4, "post"), drawn(4))
