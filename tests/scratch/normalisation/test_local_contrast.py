"""Local contrast normalisation against its slow twin, against patches cut out, and against the library."""

import pytest
import torch
from torch.nn import functional as F

from course_utils.scratch.normalisation.local_contrast import (
    local_contrast_norm,
    local_contrast_norm_backward,
    local_contrast_norm_loop,
    normalise_patches,
)

SHAPES = [(2, 3, 6, 5), (1, 1, 4, 4), (1, 2, 1, 1), (1, 5, 3, 7)]


def drawn(shape, seed=0, contiguous=True):
    generator = torch.Generator().manual_seed(seed)
    if contiguous:
        return torch.rand(shape, generator=generator, dtype=torch.float64)
    return torch.rand(tuple(reversed(shape)), generator=generator, dtype=torch.float64).permute(
        *reversed(range(len(shape)))
    )


@pytest.mark.parametrize("shape", SHAPES)
@pytest.mark.parametrize(("size", "maps"), [(3, None), (5, 1), (1, 3), (7, 3)])
@pytest.mark.parametrize("contiguous", [True, False])
def test_forward_is_the_slow_twins(shape, size, maps, contiguous):
    x = drawn(shape, contiguous=contiguous)
    torch.testing.assert_close(local_contrast_norm(x, size, maps), local_contrast_norm_loop(x, size, maps))


@pytest.mark.parametrize("shape", SHAPES)
@pytest.mark.parametrize(("size", "maps"), [(3, None), (5, 1), (3, 3)])
def test_backward_is_autograds(shape, size, maps):
    x, dy = drawn(shape, contiguous=False).requires_grad_(), drawn(shape, seed=1)
    (theirs,) = torch.autograd.grad(local_contrast_norm(x, size, maps, epsilon=1e-2), x, dy)
    ours = local_contrast_norm_backward(dy, x.detach(), size, maps, epsilon=1e-2)
    torch.testing.assert_close(ours, theirs, atol=1e-10, rtol=1e-8)


def test_gradient_passes_the_numerical_check():
    x = drawn((1, 2, 4, 3)).requires_grad_()
    assert torch.autograd.gradcheck(lambda x: local_contrast_norm(x, 3, epsilon=1e-2), (x,))


def test_every_value_is_the_middle_of_its_normalised_patch():
    x = drawn((2, 3, 9, 8))
    patches = F.unfold(x, 5).transpose(1, 2).reshape(2 * 5 * 4, 3 * 25)  # one row a place
    middle = normalise_patches(patches).reshape(2, 5, 4, 3, 25)[..., 12].permute(0, 3, 1, 2)
    torch.testing.assert_close(local_contrast_norm(x, 5)[:, :, 2:-2, 2:-2], middle)


def test_patches_are_the_librarys_layer_norm():
    x = drawn((4, 3, 5, 5))
    torch.testing.assert_close(normalise_patches(x), F.layer_norm(x, (3, 5, 5)))
    y = normalise_patches(x, epsilon=0)
    torch.testing.assert_close(y.mean(dim=(1, 2, 3)), torch.zeros(4, dtype=torch.float64))
    torch.testing.assert_close(y.std(dim=(1, 2, 3), correction=0), torch.ones(4, dtype=torch.float64))


@pytest.mark.parametrize("epsilon", [0.0, 1e-5])
def test_gain_and_offset_cancel_and_flat_patches_need_the_epsilon(epsilon):
    x = drawn((2, 2, 8, 8))
    tolerance = 1e-9 if epsilon == 0 else 5e-3
    difference = local_contrast_norm(3 * x + 7, epsilon=epsilon) - local_contrast_norm(x, epsilon=epsilon)
    assert difference.abs().max() < tolerance
    flat = local_contrast_norm(torch.full((1, 1, 6, 6), 0.5), epsilon=epsilon)
    assert torch.isfinite(flat).all() == (epsilon > 0)
    if epsilon:
        assert flat.abs().max() == 0


def test_a_neighbourhood_needs_a_middle():
    with pytest.raises(ValueError, match=r"size must be odd.*got 4"):
        local_contrast_norm(torch.ones(1, 1, 5, 5), size=4)
    with pytest.raises(ValueError, match=r"maps must be odd.*got 2"):
        local_contrast_norm(torch.ones(1, 1, 5, 5), maps=2)
    with pytest.raises(ValueError, match="x must have shape"):
        local_contrast_norm(torch.ones(5, 5))
