"""Edges and errors of the stacks of small kernels; what they promise is tested with chapter 06c."""

import pytest
import torch

from course_utils.scratch.small_kernels.composition import compose, compose_by_loops, most_halvings, stack_weights
from course_utils.scratch.small_kernels.factorisation import fit_pair, shifted_pair


@pytest.mark.parametrize(("k", "l", "maps"), [(1, 1, 1), (1, 3, 2), (3, 1, 2), (5, 2, 1)])
def test_any_two_sizes_compose(k: int, l: int, maps: int) -> None:
    first = torch.randn(maps, 2, k, k, dtype=torch.float64)
    second = torch.randn(3, maps, l, l, dtype=torch.float64).transpose(-1, -2)  # not contiguous
    torch.testing.assert_close(compose(first, second), compose_by_loops(first, second))


def test_layers_that_do_not_meet_are_refused() -> None:
    with pytest.raises(ValueError, match="second"):
        compose(torch.zeros(4, 1, 3, 3), torch.zeros(1, 5, 3, 3))
    with pytest.raises(ValueError, match="one entry more than kernel_sizes, got 2"):
        stack_weights([3, 3], [8, 8])
    with pytest.raises(ValueError, match="size must be at least 1, got 0"):
        most_halvings(0)


def test_a_fit_is_repeatable_and_needs_a_5x5() -> None:
    kernel = torch.randn(5, 5, dtype=torch.float64)
    assert torch.equal(fit_pair(kernel, 1, restarts=1).first, fit_pair(kernel, 1, restarts=1).first)
    for call in (lambda k: fit_pair(k, 1), shifted_pair):
        with pytest.raises(ValueError, match="kernel"):
            call(torch.zeros(3, 3))
    with pytest.raises(ValueError, match="maps must be at least 1, got 0"):
        fit_pair(kernel, 0)
