"""Fully connected layers as convolutions: same numbers, and maps of scores on larger inputs."""

import numpy as np
import pytest
import torch
from torch import nn
from torch.nn import functional as F

from course_utils.scratch.fully_convolutional.fc_as_conv import (
    as_fully_convolutional,
    connection_count,
    linear_as_kernel,
    score_map,
    score_map_loop,
    scores_of_crops,
    window_of,
)

RNG = np.random.default_rng(0)


@pytest.mark.parametrize("stride", [1, 2, 3])
@pytest.mark.parametrize(
    "x",
    [
        RNG.normal(size=(2, 3, 4, 4)),
        RNG.normal(size=(1, 1, 9, 7)),
        RNG.normal(size=(2, 3, 8, 18))[..., ::2],
        RNG.normal(size=(3, 2, 10, 6)).transpose(1, 0, 3, 2),
    ],
    ids=["its own size", "one map", "every second column", "transposed"],
)
def test_loops_fast_version_and_torch_agree(x, stride):
    channels = x.shape[1]
    weight, bias = RNG.normal(size=(5, channels * 16)), RNG.normal(size=5)
    kernel = torch.tensor(weight).view(5, channels, 4, 4)
    theirs = F.conv2d(torch.tensor(np.ascontiguousarray(x)), kernel, torch.tensor(bias), stride=stride).numpy()
    np.testing.assert_allclose(score_map(x, weight, bias, 4, stride), theirs, atol=1e-10)
    np.testing.assert_allclose(score_map_loop(x, weight, bias, 4, stride), theirs, atol=1e-10)


def test_one_pixel_maps_are_a_matrix_product():
    x, weight, bias = RNG.normal(size=(4, 6, 1, 1)), RNG.normal(size=(3, 6)), RNG.normal(size=3)
    np.testing.assert_allclose(score_map(x, weight, bias, 1)[:, :, 0, 0], x[:, :, 0, 0] @ weight.T + bias, atol=1e-12)


def test_weights_of_another_map_are_refused():
    with pytest.raises(ValueError, match="weight must have shape"):
        linear_as_kernel(np.zeros((5, 10)), 3, 2, 2)
    with pytest.raises(ValueError, match="use a smaller kernel"):
        score_map(np.zeros((1, 1, 3, 3)), np.zeros((5, 16)), np.zeros(5), 4)


def test_connections_are_counted():
    layer = nn.Linear(3 * 4 * 5, 7)
    assert connection_count(4, 5, 3, 7) == layer.weight.numel()


def make_model():
    torch.manual_seed(0)
    head = [nn.Flatten(), nn.Linear(8 * 4 * 4, 12), nn.ReLU(), nn.Linear(12, 5)]
    return nn.Sequential(nn.Conv2d(2, 8, 3, padding=1), nn.ReLU(), nn.MaxPool2d(2), *head).double()


def test_a_whole_classifier_gives_the_same_scores_and_is_left_as_it_was():
    model = make_model()
    before = {name: value.clone() for name, value in model.state_dict().items()}
    twin = as_fully_convolutional(model, (2, 8, 8))
    x = torch.randn(3, 2, 8, 8, dtype=torch.float64)
    assert torch.allclose(twin(x)[:, :, 0, 0], model(x), atol=1e-12)
    twin[0].weight.data.zero_()
    assert all(torch.equal(before[name], value) for name, value in model.state_dict().items())
    assert model.training


def test_larger_images_give_maps_of_scores():
    # Without padding inside, a score is exactly what the classifier says about the crop.
    torch.manual_seed(0)
    model = nn.Sequential(
        nn.Conv2d(1, 4, 3),
        nn.ReLU(),
        nn.MaxPool2d(2),
        nn.Flatten(),
        nn.Linear(4 * 3 * 3, 6),
        nn.ReLU(),
        nn.Linear(6, 3),
    ).double()
    twin = as_fully_convolutional(model, (1, 8, 8))
    image = torch.randn(1, 1, 16, 12, dtype=torch.float64)
    assert twin(image).shape == (1, 3, 5, 3)
    assert torch.allclose(twin(image), scores_of_crops(model, image, 8, 2), atol=1e-12)
    assert window_of(4, 2, 8, 2) == (4, 8, 12, 16)


def test_a_model_that_never_flattens_is_refused():
    with pytest.raises(ValueError, match=r"nn\.Flatten"):
        as_fully_convolutional(nn.Sequential(nn.Conv2d(1, 1, 3)), (1, 8, 8))
