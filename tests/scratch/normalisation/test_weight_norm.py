"""Weight normalisation against its slow twin and the library; its gradient against autograd."""

import pytest
import torch
from torch.nn.utils import parametrizations

from course_utils.scratch.normalisation.weight_norm import (
    WeightNormLinear,
    weight_norm,
    weight_norm_backward,
    weight_norm_loop,
)

SHAPES = [(4, 3), (1, 1), (3, 1), (5, 2, 3, 3), (2, 4, 3)]


def drawn(shape, seed=0, contiguous=True):
    generator = torch.Generator().manual_seed(seed)
    if contiguous:
        return torch.randn(shape, generator=generator, dtype=torch.float64)
    return torch.randn(tuple(reversed(shape)), generator=generator, dtype=torch.float64).permute(
        *reversed(range(len(shape)))
    )


@pytest.mark.parametrize("shape", SHAPES)
@pytest.mark.parametrize("contiguous", [True, False])
def test_forward_is_the_slow_twins_and_the_librarys(shape, contiguous):
    v, g = drawn(shape, contiguous=contiguous), drawn(shape[:1], seed=1)
    w = weight_norm(v, g)
    torch.testing.assert_close(w, weight_norm_loop(v, g))
    torch.testing.assert_close(w, torch._weight_norm(v, g.reshape(-1, *[1] * (len(shape) - 1)), 0))
    torch.testing.assert_close(w.flatten(1).norm(dim=1), g.abs())


@pytest.mark.parametrize("shape", SHAPES)
@pytest.mark.parametrize("contiguous", [True, False])
def test_backward_is_autograds_and_perpendicular(shape, contiguous):
    v, g, dw = drawn(shape, contiguous=contiguous), drawn(shape[:1], seed=1), drawn(shape, seed=2)
    dv, dg = weight_norm_backward(dw, v, g)
    v.requires_grad_()
    g.requires_grad_()
    theirs = torch.autograd.grad(weight_norm(v, g), (v, g), dw)
    torch.testing.assert_close(dv, theirs[0])
    torch.testing.assert_close(dg, theirs[1])
    assert (dv * v).flatten(1).sum(dim=1).abs().max() < 1e-12
    assert torch.autograd.gradcheck(weight_norm, (v, g))


def test_the_layer_is_the_librarys_parametrisation():
    torch.manual_seed(0)
    ours, theirs = WeightNormLinear(6, 4).double(), parametrizations.weight_norm(torch.nn.Linear(6, 4).double())
    with torch.no_grad():
        theirs.parametrizations.weight.original0.copy_(ours.g[:, None])
        theirs.parametrizations.weight.original1.copy_(ours.v)
        theirs.bias.copy_(ours.bias)
    x = drawn((5, 6))
    torch.testing.assert_close(ours(x), theirs(x))
    torch.testing.assert_close(ours(x)[:1], ours(x[:1]))  # no word of the rest of the batch
    ours(x).square().sum().backward()
    theirs(x).square().sum().backward()
    torch.testing.assert_close(ours.v.grad, theirs.parametrizations.weight.original1.grad)
    torch.testing.assert_close(ours.g.grad, theirs.parametrizations.weight.original0.grad[:, 0])


def test_a_zero_row_has_no_direction():
    v = torch.ones(3, 2)
    v[1] = 0
    with pytest.raises(ValueError, match=r"zeros in rows \[1\]"):
        weight_norm(v, torch.ones(3))
    with pytest.raises(ValueError, match=r"v must have shape \(out, in, \.\.\.\), got \(3,\)"):
        weight_norm(torch.ones(3), torch.ones(3))
    with pytest.raises(ValueError, match="g must have shape"):
        weight_norm(torch.ones(3, 2), torch.ones(2))
