"""Local response normalisation against its slow twin and the library (with alpha times n)."""

import pytest
import torch
from torch.nn import functional as F

from course_utils.scratch.normalisation.local_response import (
    local_response_norm,
    local_response_norm_backward,
    local_response_norm_loop,
)

SHAPES = [(2, 7, 3, 4), (1, 1, 2, 2), (1, 3, 1, 1), (3, 6, 5), (2, 5)]


def drawn(shape, seed=0, contiguous=True):
    generator = torch.Generator().manual_seed(seed)
    if contiguous:
        return 4 * torch.randn(shape, generator=generator, dtype=torch.float64)
    return 4 * torch.randn(tuple(reversed(shape)), generator=generator, dtype=torch.float64).permute(
        *reversed(range(len(shape)))
    )


@pytest.mark.parametrize("shape", SHAPES)
@pytest.mark.parametrize("n", [1, 2, 3, 4, 5, 9])
@pytest.mark.parametrize("contiguous", [True, False])
def test_forward_is_the_slow_twins_and_the_librarys(shape, n, contiguous):
    x = drawn(shape, contiguous=contiguous)
    y = local_response_norm(x, n, k=1.5, alpha=0.1, beta=0.75)
    torch.testing.assert_close(y, local_response_norm_loop(x, n, k=1.5, alpha=0.1, beta=0.75))
    if x.dim() > 2:  # the library wants at least one position
        torch.testing.assert_close(y, F.local_response_norm(x, n, alpha=0.1 * n, beta=0.75, k=1.5))


@pytest.mark.parametrize("shape", SHAPES)
@pytest.mark.parametrize("n", [1, 2, 3, 4, 5])
def test_backward_is_autograds(shape, n):
    x, dy = drawn(shape, contiguous=False).requires_grad_(), drawn(shape, seed=1)
    (theirs,) = torch.autograd.grad(local_response_norm(x, n, k=2.0, alpha=0.1), x, dy)
    torch.testing.assert_close(local_response_norm_backward(dy, x.detach(), n, k=2.0, alpha=0.1), theirs)


def test_gradient_passes_the_numerical_check():
    x = drawn((2, 6, 2)).requires_grad_()
    assert torch.autograd.gradcheck(lambda x: local_response_norm(x, 4, alpha=0.3), (x,))


def test_the_defaults_are_the_lectures():
    x = 30 * drawn((1, 8, 2, 2))
    torch.testing.assert_close(local_response_norm(x), local_response_norm_loop(x, 5, 2.0, 1e-4, 0.75))
    assert (local_response_norm(x) - F.local_response_norm(x, 5, alpha=1e-4, beta=0.75, k=2)).abs().max() > 0.1


def test_settings_out_of_range_are_named():
    with pytest.raises(ValueError, match="n must be at least 1, got 0"):
        local_response_norm(torch.ones(1, 2, 2, 2), n=0)
    with pytest.raises(ValueError, match="alpha must be at least 0"):
        local_response_norm(torch.ones(1, 2, 2, 2), alpha=-1.0)
    with pytest.raises(ValueError, match=r"x must have shape \(N, C, \.\.\.\), got \(4,\)"):
        local_response_norm(torch.ones(4))
