"""Regularisers: against loops, against torchvision, and what each of them likes."""

from __future__ import annotations

import pytest
import torch

from course_utils.explain.regularisers import Regularisers, alpha_norm, gaussian_blur, roll, total_variation


def noise(*shape: int, seed: int = 0) -> torch.Tensor:
    return torch.rand(*shape, generator=torch.Generator().manual_seed(seed), dtype=torch.float64)


@pytest.mark.parametrize("beta", [0.7, 1.0, 2.0])
@pytest.mark.parametrize("shape", [(2, 3, 5, 4), (1, 1, 1, 6), (1, 2, 1, 1)])
def test_total_variation_against_loops(beta, shape):
    x = noise(*shape)
    for n in range(shape[0]):
        total = 0.0
        for c in range(shape[1]):
            for i in range(shape[2]):
                for j in range(shape[3]):
                    right = float(x[n, c, i, j + 1] - x[n, c, i, j]) if j + 1 < shape[3] else 0.0
                    below = float(x[n, c, i + 1, j] - x[n, c, i, j]) if i + 1 < shape[2] else 0.0
                    total += (right**2 + below**2) ** (beta / 2)
        expected = total / (shape[1] * shape[2] * shape[3])
        assert float(total_variation(x, beta)[n]) == pytest.approx(expected, abs=1e-4)


def test_total_variation_of_a_flat_picture_is_0_and_so_is_its_slope():
    x = torch.full((1, 1, 4, 4), 0.3, requires_grad=True)
    value = total_variation(x).sum()
    value.backward()
    assert float(value.detach()) == 0
    assert torch.equal(x.grad, torch.zeros_like(x))


def test_an_edge_costs_as_much_as_a_slope_for_beta_1_and_more_for_beta_2():
    edge = (torch.arange(8.0) >= 4).float().expand(1, 1, 8, 8)
    slope = (torch.arange(8.0) / 7).expand(1, 1, 8, 8)
    torch.testing.assert_close(total_variation(edge), total_variation(slope), rtol=1e-4, atol=1e-5)
    assert float(total_variation(edge, 2)) > 5 * float(total_variation(slope, 2))


@pytest.mark.parametrize("function", [lambda x: total_variation(x, 1.0), lambda x: total_variation(x, 2.0), alpha_norm,
                                      lambda x: alpha_norm(x, 6.0, 0.5)])  # fmt: skip
def test_slopes_of_the_penalties(function):
    x = noise(2, 2, 4, 3).requires_grad_()
    assert torch.autograd.gradcheck(function, (x,))


def test_alpha_norm_is_a_mean_of_powers():
    x = noise(3, 2, 4, 4) - 0.5
    torch.testing.assert_close(alpha_norm(x), x.square().mean((1, 2, 3)))
    torch.testing.assert_close(alpha_norm(x, 6.0, 0.2), ((x - 0.2) ** 6).mean((1, 2, 3)))


@pytest.mark.parametrize("sigma", [0.5, 1.0, 1.7])
def test_blur_against_torchvision(sigma):
    import math

    from torchvision.transforms.functional import gaussian_blur as reference

    x = noise(2, 3, 14, 12)
    expected = reference(x, [2 * math.ceil(3 * sigma) + 1] * 2, [sigma] * 2)
    torch.testing.assert_close(gaussian_blur(x, sigma), expected, rtol=1e-6, atol=1e-7)


def test_blur_keeps_flat_pictures_and_lowers_total_variation():
    flat = torch.full((1, 2, 9, 9), 0.4)
    torch.testing.assert_close(gaussian_blur(flat, 1.0), flat)
    x = noise(1, 1, 16, 16)
    values = [float(total_variation(gaussian_blur(x, sigma))) for sigma in (0, 0.5, 1.0, 2.0)]
    assert values == sorted(values, reverse=True)
    assert values[-1] < 0.2 * values[0]
    with pytest.raises(ValueError, match="needs sides above 6 pixels"):
        gaussian_blur(noise(1, 1, 6, 9), 2.0)


def test_roll_moves_all_pictures_alike_and_loses_nothing():
    x = noise(2, 1, 6, 5)
    moved = roll(x, 3, torch.Generator().manual_seed(4))
    rows, columns = torch.randint(-3, 4, (2,), generator=torch.Generator().manual_seed(4)).tolist()
    assert torch.equal(moved, x.roll((rows, columns), (2, 3)))
    assert torch.equal(moved.flatten().sort().values, x.flatten().sort().values)
    assert roll(x, 0) is x


def test_strengths_add_up_and_0_costs_nothing():
    x = noise(3, 1, 6, 6)
    assert torch.equal(Regularisers().penalty(x), torch.zeros(3, dtype=x.dtype))
    wishes = Regularisers(l2=2.0, centre=0.5, tv=3.0, beta=2.0)
    torch.testing.assert_close(wishes.penalty(x), 2 * alpha_norm(x, 2.0, 0.5) + 3 * total_variation(x, 2.0))
    assert [step for step in range(9) if Regularisers(blur=1.0, blur_every=3).blurs_after(step)] == [2, 5, 8]
    assert not any(Regularisers().blurs_after(step) for step in range(9))


@pytest.mark.parametrize("wrong", [{"l2": -1.0}, {"tv": -0.1}, {"blur": -1.0}, {"jitter": -1}, {"blur_every": 0},
                                   {"beta": 0.0}, {"alpha": 0.5}])  # fmt: skip
def test_strengths_that_make_no_sense_are_refused(wrong):
    with pytest.raises(ValueError, match=next(iter(wrong))):
        Regularisers(**wrong)
