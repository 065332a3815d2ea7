"""The trace by hand against autograd; predicted factors against measured ones; clipping against the library."""

import math

import pytest
import torch

from course_utils.scratch.initialisation.signal import (
    ACTIVATIONS,
    activate,
    batch_norm_relu_growth,
    clip_by_norm,
    deep_weights,
    root_mean_square,
    trace,
    variance_factor,
)

FUNCTIONS = {"linear": lambda a: a, "relu": torch.relu, "tanh": torch.tanh, "sigmoid": torch.sigmoid}


def drawn(*shape, seed=0):
    return torch.randn(*shape, generator=torch.Generator().manual_seed(seed), dtype=torch.float64)


@pytest.mark.parametrize("activation", ACTIVATIONS)
def test_activation_and_slope_are_autograds(activation):
    a = torch.cat([drawn(50), torch.zeros(1, dtype=torch.float64)]).requires_grad_()
    y, slope = activate(a, activation)
    expected = FUNCTIONS[activation](a)
    torch.testing.assert_close(y, expected)
    torch.testing.assert_close(slope, torch.autograd.grad(expected.sum(), a)[0])


@pytest.mark.parametrize("activation", ACTIVATIONS)
@pytest.mark.parametrize("batch_norm", [False, True])
@pytest.mark.parametrize("skip", [False, True])
def test_the_trace_is_what_autograd_finds(activation, batch_norm, skip):
    weights = [w.requires_grad_() for w in deep_weights(4, 9, "he fan_in", seed=1)]
    x, delta = drawn(12, 9), drawn(12, 9, seed=2)
    ours = trace([w.detach() for w in weights], x, activation, delta=delta, batch_norm=batch_norm, skip=skip)
    values = [x.clone().requires_grad_()]
    for weight in weights:
        a = values[-1] @ weight.T
        if batch_norm:
            a = torch.nn.functional.batch_norm(a, None, None, training=True)
        y = FUNCTIONS[activation](a)
        values.append(values[-1] + y if skip else y)
        values[-1].retain_grad()
    (values[-1] * delta).sum().backward()
    torch.testing.assert_close(ours.activation, torch.stack([v.detach().square().mean().sqrt() for v in values]))
    torch.testing.assert_close(ours.gradient, torch.stack([v.grad.square().mean().sqrt() for v in values]))
    torch.testing.assert_close(ours.weight_gradient, torch.stack([w.grad.norm() for w in weights]))
    for mine, theirs in zip(ours.outputs, values):
        torch.testing.assert_close(mine, theirs.detach())


def test_layers_may_have_different_widths():
    weights = [drawn(5, 8), drawn(3, 5, seed=1)]
    ours = trace(weights, drawn(1, 8))
    assert [tuple(y.shape) for y in ours.outputs] == [(1, 8), (1, 5), (1, 3)]
    with pytest.raises(ValueError, match=r"x must have shape \(any, 8\), got \(2, 7\)"):
        trace(weights, drawn(2, 7))
    with pytest.raises(ValueError, match="delta must have shape"):
        trace(weights, drawn(2, 8), delta=drawn(2, 8))
    with pytest.raises(ValueError, match="did you mean 'relu'"):
        trace(weights, drawn(2, 8), "reluu")


def test_the_first_matrix_takes_the_inputs():
    weights = deep_weights(3, 6, "xavier", inputs=4)
    assert [tuple(w.shape) for w in weights] == [(6, 4), (6, 6), (6, 6)]
    with pytest.raises(ValueError, match="inputs must be at least 1"):
        deep_weights(3, 6, "xavier", inputs=0)


def test_the_default_delta_does_not_repeat_the_weights():
    """Equal seeds give equal numbers: the signal would be correlated with the weights that it meets."""
    weights = deep_weights(1, 300, "he fan_in", seed=0)
    ours = trace(weights, drawn(300, 300, seed=1), "linear")
    assert (ours.gradient[0] / ours.gradient[1]).item() == pytest.approx(2**0.5, rel=0.03)


def test_non_contiguous_input_gives_the_same_trace():
    weights = deep_weights(3, 6, "xavier")
    x = drawn(6, 10).T
    assert not x.is_contiguous()
    torch.testing.assert_close(trace(weights, x).activation, trace(weights, x.contiguous()).activation)


def test_root_mean_square_survives_what_its_square_does_not():
    tiny = torch.tensor([3e-30, 4e-30])
    assert (tiny**2).mean() == 0
    assert root_mean_square(tiny).item() == pytest.approx(math.sqrt(12.5) * 1e-30, rel=1e-6)
    assert root_mean_square(torch.zeros(3)) == 0
    assert root_mean_square(torch.tensor([1.0, math.inf])) == math.inf


@pytest.mark.parametrize(
    ("scheme", "activation"), [("he fan_in", "relu"), ("xavier", "linear"), ("gaussian 0.1", "relu")]
)
def test_predicted_factor_is_the_measured_one(scheme, activation):
    weights = deep_weights(10, 400, scheme, seed=3)
    ours = trace(weights, drawn(400, 400), activation)
    variance = weights[0].var().item()
    predicted = variance_factor(400, variance, halved=activation == "relu")
    measured = (ours.activation[-1] / ours.activation[0]).item() ** (2 / 10)
    assert measured == pytest.approx(predicted, rel=0.05)
    measured = (ours.gradient[0] / ours.gradient[-1]).item() ** (2 / 10)
    assert measured == pytest.approx(predicted, rel=0.05)


def test_predicted_growth_of_batch_norm_relu_is_the_measured_one():
    ours = trace(deep_weights(30, 512, "he fan_in", seed=1), drawn(256, 512), batch_norm=True)
    measured = (ours.gradient[1] / ours.gradient[-1]).item() ** (1 / 29)
    assert measured == pytest.approx(batch_norm_relu_growth(), rel=0.02)


@pytest.mark.parametrize("max_norm", [0.1, 3.0, 1000.0])
def test_clipping_is_the_librarys(max_norm):
    parameters = [torch.nn.Parameter(torch.zeros(3, 4)), torch.nn.Parameter(torch.zeros(5))]
    for seed, parameter in enumerate(parameters):
        parameter.grad = drawn(*parameter.shape, seed=seed).float()
    ours, norm = clip_by_norm([p.grad for p in parameters], max_norm)
    theirs = torch.nn.utils.clip_grad_norm_(parameters, max_norm)
    assert norm == pytest.approx(theirs.item(), rel=1e-6)
    for mine, parameter in zip(ours, parameters):
        torch.testing.assert_close(mine, parameter.grad, rtol=1e-5, atol=0)


def test_clipping_leaves_zero_gradients_and_refuses_a_zero_limit():
    ours, norm = clip_by_norm([torch.zeros(2)], 1.0)
    assert norm == 0
    assert torch.equal(ours[0], torch.zeros(2))
    with pytest.raises(ValueError, match="max_norm must be greater than 0"):
        clip_by_norm([torch.ones(2)], 0)
