"""Chapter 02b: every system works, every claim is checked, every numbered equation is what the code does."""

from itertools import product

import numpy as np
import pytest
import torch
from torch import nn
from torch.nn import functional as F

from course_utils import data
from course_utils.runtime import band, load_record
from course_utils.scratch.networks.activations import (
    ACTIVATIONS,
    leaky_relu,
    prelu,
    prelu_prime_slope,
    relu,
    scaled_tanh,
    sigmoid,
    sigmoid_prime,
    tanh,
    tanh_prime,
)
from course_utils.scratch.networks.losses import (
    cross_entropy,
    cross_entropy_gradient,
    mean_squared_error,
    mean_squared_error_as_printed,
    mean_squared_error_gradient,
    softmax,
)
from course_utils.scratch.networks.maxout import Maxout, maxout_as_relu, relu_as_maxout
from course_utils.scratch.networks.metric_learning import neighbour_accuracy, train_embedding, triplet_loss
from course_utils.scratch.networks.mlp import dense_parameters
from course_utils.scratch.networks.side_by_side import SideBySide
from tools.record_losses import batches_to_target

POINTS = np.append(np.linspace(-6, 6, 401), 0.0)


@pytest.fixture(scope="module")
def digits():
    """Training digits, centred, to unit spread, with their labels."""
    split = data.load("digits", "train")
    x = split.images.flatten(1).float() / 255
    return (x - x.mean(dim=0)) / x.std(), split.labels


# ---- systems ------------------------------------------------------------------------------------


@pytest.mark.parametrize("offset", [0.0, 1000.0, -1000.0])
def test_s045_softmax_is_stable(offset):
    scores = np.random.default_rng(0).normal(size=(40, 7)) * 4
    np.testing.assert_allclose(softmax(scores + offset).sum(axis=1), 1, rtol=0, atol=1e-12)
    np.testing.assert_allclose(softmax(scores + offset), softmax(scores), rtol=0, atol=1e-12)
    theirs = torch.tensor(scores + offset).softmax(dim=1).numpy()
    np.testing.assert_allclose(softmax(scores + offset), theirs, rtol=0, atol=1e-12)


def test_s046_cross_entropy_and_its_gradient():
    rng = np.random.default_rng(1)
    scores, labels = rng.normal(size=(30, 6)) * 3, rng.integers(6, size=30)
    tensor = torch.tensor(scores, requires_grad=True)
    loss = F.cross_entropy(tensor, torch.tensor(labels), reduction="sum")
    loss.backward()
    assert cross_entropy(scores, labels) == pytest.approx(loss.item(), abs=1e-10)
    np.testing.assert_allclose(tensor.grad.numpy(), softmax(scores) - np.eye(6)[labels], rtol=0, atol=1e-12)


def test_s047_mean_squared_error_and_the_slip_in_its_index():
    rng = np.random.default_rng(2)
    prediction, target = rng.normal(size=(2, 9))
    tensor = torch.tensor(prediction, requires_grad=True)
    loss = F.mse_loss(tensor, torch.tensor(target)) / 2
    loss.backward()
    assert mean_squared_error(prediction, target) == pytest.approx(loss.item(), abs=1e-12)
    np.testing.assert_allclose(mean_squared_error_gradient(prediction, target), tensor.grad.numpy(), atol=1e-12)
    n = 8
    assert len(range(0, n + 1)) == n + 1 == len(prediction)
    ratio = mean_squared_error_as_printed(prediction, target) / mean_squared_error(prediction, target)
    assert ratio == pytest.approx((n + 1) / n)


def test_s048_the_embedding_beats_pixels_on_held_out_digits():
    for case in ("all", "one"):
        embedding, pixels = (band("02b_losses.metric", f"{view}_{case}") for view in ("embedding", "pixels"))
        assert embedding.minimum > pixels.maximum
    # a short run: contrast and a veil of brightness, one digit a class stored
    split, fresh = data.load("digits", "train"), data.load("digits", "test")
    x, new = split.images.float() / 255, fresh.images.float() / 255

    def lamp(images, generator):
        contrast = 0.4 + 0.6 * torch.rand(len(images), 1, 1, 1, generator=generator)
        return contrast * images + (torch.rand(len(images), 1, 1, 1, generator=generator) - 0.5) / 2

    torch.manual_seed(0)
    net = nn.Sequential(nn.Flatten(), nn.Linear(64, 64), nn.ReLU(), nn.Linear(64, 16))
    train_embedding(net, x, split.labels, steps=200, augment=lamp)
    draw = torch.Generator().manual_seed(0)
    lit, lit_new = lamp(x, draw), lamp(new, draw)
    stored = torch.stack([torch.nonzero(split.labels == c)[0, 0] for c in range(10)])
    with torch.no_grad():
        learned = neighbour_accuracy(net(lit[stored]), split.labels[stored], net(lit_new), fresh.labels)
    raw = neighbour_accuracy(lit[stored].flatten(1), split.labels[stored], lit_new.flatten(1), fresh.labels)
    assert learned > raw + 0.2


def test_s050_sigmoid():
    a = torch.tensor(POINTS, requires_grad=True)
    torch.sigmoid(a).sum().backward()
    np.testing.assert_allclose(sigmoid(POINTS), 1 / (1 + np.exp(-POINTS)), rtol=0, atol=1e-15)
    np.testing.assert_allclose(sigmoid_prime(POINTS), a.grad.numpy(), rtol=0, atol=1e-12)
    assert sigmoid_prime(POINTS).max() == sigmoid_prime(0.0) == 0.25
    assert max(sigmoid_prime(-8.0), sigmoid_prime(8.0)) < 4e-4


def test_s050_saturation_is_measured(digits):
    x, _ = digits
    shares = []
    for gain in (0.5, 5.0, 50.0):
        with torch.no_grad():
            value = SideBySide([64, 64, 10], "sigmoid", range(3), gain=gain).layers(x)[0]
        shares.append(((value * (1 - value)) < 0.05).double().mean().item())
    assert shares[0] < 0.01
    assert shares[0] < shares[1] < shares[2]
    assert shares[2] > 0.8


def test_s051_tanh_and_lecuns_scaling():
    a = torch.tensor(POINTS, requires_grad=True)
    torch.tanh(a).sum().backward()
    np.testing.assert_allclose(tanh_prime(POINTS), a.grad.numpy(), rtol=0, atol=1e-12)
    np.testing.assert_allclose(tanh(POINTS), 2 * sigmoid(2 * POINTS) - 1, rtol=0, atol=1e-12)
    np.testing.assert_allclose(scaled_tanh(POINTS), 1.7159 * np.tanh(2 * POINTS / 3), rtol=0, atol=1e-12)
    np.testing.assert_allclose(scaled_tanh([-1.0, 1.0]), [-1, 1], atol=1e-4)


def test_s052_relu_and_the_recorded_race():
    a = torch.tensor(POINTS, requires_grad=True)
    torch.relu(a).sum().backward()
    f, f_prime = ACTIVATIONS["relu"]
    np.testing.assert_array_equal(f(POINTS), torch.relu(a).detach().numpy())
    np.testing.assert_array_equal(f_prime(POINTS), a.grad.numpy())
    race = load_record("02b_losses.race")
    for activation, depth in product(("relu", "tanh", "sigmoid"), race["hidden_layers"]):
        assert len(race["metrics"][f"{activation}_{depth}_to_1"]) == len(race["seeds"]) == 20
        assert race["rates"][f"{activation}_{depth}"] in race["rates_tried"]


@pytest.mark.parametrize(("activation", "target"), [("relu", "1"), ("tanh", "1"), ("sigmoid", "25")])
def test_s052_the_record_is_what_the_race_gives(activation, target):
    race, seeds = load_record("02b_losses.race"), [0, 1, 2]
    rates = [race["rates"][f"{activation}_3"]] * len(seeds)
    met = batches_to_target("digits", 3, activation, seeds, rates, lambda done: bool(done.all()), budget=200)
    recorded = np.minimum(race["metrics"][f"{activation}_3_to_{target}"][: len(seeds)], 201)
    np.testing.assert_allclose(met[target], recorded, atol=10)  # rounding may move a crossing by two looks


def test_c038_two_classes_are_the_logistic_loss_of_the_difference():
    for score in (-3.0, 0.0, 0.7, 40.0):
        pair = np.array([[0.0, score]])
        assert softmax(pair)[0, 1] == pytest.approx(sigmoid(score))
        assert cross_entropy(pair, [1]) == pytest.approx(np.logaddexp(0, -score))


def test_squared_error_of_probabilities_cannot_correct_a_confident_mistake():
    """The slope of (1 - p)^2 has the factor p (1 - p); in -ln p the logarithm cancels it."""
    score = torch.linspace(-12, 12, 97, dtype=torch.float64, requires_grad=True)
    p = torch.sigmoid(score)
    (square,) = torch.autograd.grad(((1 - p) ** 2).sum(), score, retain_graph=True)
    (entropy,) = torch.autograd.grad(-torch.log(p).sum(), score)
    p = p.detach()
    torch.testing.assert_close(square, -2 * (1 - p) * p * (1 - p))
    torch.testing.assert_close(entropy, -(1 - p))
    assert square[0].abs() < 1e-4 < 0.99 < entropy[0].abs()


def test_s053_the_leak_revives_a_dead_unit():
    assert torch.equal(torch.tensor(leaky_relu(POINTS)), F.leaky_relu(torch.tensor(POINTS)))
    np.testing.assert_array_equal(leaky_relu(POINTS), np.maximum(0.01 * POINTS, POINTS))
    ends = {}
    x = torch.linspace(0, 1, 21, dtype=torch.float64)
    for name, bend in (("relu", torch.relu), ("leaky", F.leaky_relu)):
        w, b = (torch.tensor(v, dtype=torch.float64, requires_grad=True) for v in (1.0, -2.0))
        for _ in range(3000):
            loss = ((bend(w * x + b) - torch.relu(2 * x - 0.5)) ** 2).mean()
            gradients = torch.autograd.grad(loss, (w, b))
            with torch.no_grad():
                w -= 0.5 * gradients[0]
                b -= 0.5 * gradients[1]
        ends[name] = (w.item(), b.item(), loss.item())
    assert ends["relu"][:2] == (1.0, -2.0)
    assert ends["leaky"][2] < 1e-3 < ends["relu"][2]


def test_s054_the_slope_has_a_gradient_and_moves(digits):
    rng = np.random.default_rng(0)
    a, upstream, slope = rng.normal(size=(12, 3)), rng.normal(size=(12, 3)), np.array([0.25, 0.0, -0.5])
    formula = (upstream * prelu_prime_slope(a)).sum(axis=0)
    for j in range(3):
        nudge = np.eye(3)[j] * 1e-6
        numeric = (upstream * (prelu(a, slope + nudge) - prelu(a, slope - nudge))).sum() / 2e-6
        assert numeric == pytest.approx(formula[j], abs=1e-7)
    x, y = digits
    torch.manual_seed(0)
    net = nn.Sequential(nn.Linear(64, 8), nn.PReLU(8), nn.Linear(8, 10))
    optimiser = torch.optim.Adam(net.parameters(), lr=0.01)
    for _ in range(30):
        optimiser.zero_grad()
        F.cross_entropy(net(x), y).backward()
        optimiser.step()
    assert (net[1].weight - 0.25).abs().min() > 1e-3


def test_s055_maxout_and_relu_rewrite_each_other():
    rng = np.random.default_rng(0)
    x, weight, bias = rng.normal(size=(500, 4)), rng.normal(size=(3, 4)), rng.normal(size=3)
    np.testing.assert_allclose(relu_as_maxout(weight, bias)(x), relu(x @ weight.T + bias), rtol=0, atol=1e-12)
    layer = Maxout(rng.normal(size=(2, 3, 4)), rng.normal(size=(2, 3)))
    np.testing.assert_allclose(maxout_as_relu(layer)(x), layer(x), rtol=0, atol=1e-12)
    for pieces in (1, 2, 5):
        assert Maxout(np.zeros((pieces, 3, 4)), np.zeros((pieces, 3))).parameters == pieces * (weight.size + bias.size)


# ---- claims -------------------------------------------------------------------------------------


def test_c038_the_sum_is_n_times_the_librarys_default():
    rng = np.random.default_rng(3)
    scores, labels = rng.normal(size=(50, 10)), rng.integers(10, size=50)
    by_hand = -np.log(np.exp(scores) / np.exp(scores).sum(axis=1, keepdims=True))[np.arange(50), labels].sum()
    assert cross_entropy(scores, labels) == pytest.approx(by_hand)
    assert by_hand == pytest.approx(50 * F.cross_entropy(torch.tensor(scores), torch.tensor(labels)).item())


def test_c039_slope_one_for_every_positive_input():
    assert (ACTIVATIONS["relu"][1](np.geomspace(1e-9, 1e9, 50)) == 1).all()
    assert (ACTIVATIONS["relu"][1](-np.geomspace(1e-9, 1e9, 50)) == 0).all()


def test_c040_six_times_is_not_general():
    race = load_record("02b_losses.race")
    median = lambda name, depth: np.median(race["metrics"][f"{name}_{depth}_to_1"])
    for depth in race["hidden_layers"]:
        assert median("tanh", depth) < 2 * median("relu", depth)
        assert median("sigmoid", depth) > median("relu", depth)
        assert median("leaky_relu", depth) == pytest.approx(median("relu", depth), rel=0.25)
    assert median("sigmoid", 3) > 4 * median("relu", 3) > 2 * median("sigmoid", 1)
    large = load_record("02b_losses.mnist")["metrics"]
    for depth in race["hidden_layers"]:
        relu_, tanh_, sigmoid_ = (np.median(large[f"{name}_{depth}_to_5"]) for name in ("relu", "tanh", "sigmoid"))
        assert relu_ < tanh_ < 2 * relu_  # the other way round than on digits, and nowhere near six
        assert sigmoid_ > tanh_


def test_c041_one_percent_of_the_signal_and_never_less():
    slopes = ACTIVATIONS["leaky_relu"][1](np.concatenate([-np.geomspace(1e-9, 1e9, 50), [0.0]]))
    assert (slopes == 0.01).all()


def test_c042_both_directions():
    test_s055_maxout_and_relu_rewrite_each_other()
    assert len(maxout_as_relu(Maxout(np.zeros((2, 1, 1)), np.zeros((2, 1)))).weight) == 3


def test_c043_k_times_the_weights():
    assert Maxout(np.zeros((4, 6, 8)), np.zeros((4, 6))).parameters == 4 * dense_parameters(8, 6)


def test_c048_the_sigmoid():
    np.testing.assert_allclose(sigmoid(POINTS), torch.sigmoid(torch.tensor(POINTS)).numpy(), rtol=0, atol=1e-15)
    assert sigmoid_prime(POINTS).max() <= 0.25


# ---- equations ----------------------------------------------------------------------------------


def test_equations_of_losses():
    scores, labels = np.array([[0.2, -1.0, 2.0], [1.0, 1.0, 0.0]]), np.array([2, 0])
    p = np.array([[np.exp(s) / sum(np.exp(t) for t in row) for s in row] for row in scores])
    np.testing.assert_allclose(softmax(scores), p)  # (2.7)
    assert cross_entropy(scores, labels) == pytest.approx(-np.log(p[0, 2]) - np.log(p[1, 0]))  # (2.8)
    np.testing.assert_allclose(cross_entropy_gradient(scores, labels), p - np.eye(3)[labels])  # (2.9)
    f, y = np.array([[1.0, 2.0], [0.0, -1.0]]), np.array([[0.0, 2.5], [1.0, 1.0]])
    assert mean_squared_error(f, y) == pytest.approx((1 + 0.25 + 1 + 4) / 4)  # (2.10)
    np.testing.assert_allclose(mean_squared_error_gradient(f, y), (f - y) / 2)
    a, p, n = np.array([[0.0, 0.0]]), np.array([[1.0, 0.0]]), np.array([[0.0, 1.2]])
    assert triplet_loss(a, p, n, margin=0.5) == pytest.approx(max(0, 1 - 1.44 + 0.5))  # (2.11)


def test_equations_of_activations():
    np.testing.assert_allclose(sigmoid_prime(POINTS), sigmoid(POINTS) * (1 - sigmoid(POINTS)))  # (2.12)
    np.testing.assert_allclose(tanh(POINTS), 2 * sigmoid(2 * POINTS) - 1, atol=1e-15)  # (2.13)
    np.testing.assert_allclose(tanh_prime(POINTS), 1 - np.tanh(POINTS) ** 2)
    for alpha, f in ((0.0, relu), (0.01, leaky_relu), (0.25, lambda a: prelu(a, 0.25))):
        np.testing.assert_allclose(f(POINTS), np.maximum(alpha * POINTS, POINTS), atol=1e-15)  # (2.14)
    u, v = np.random.default_rng(0).normal(size=(2, 100))
    np.testing.assert_allclose(np.maximum(u, v), relu(v) - relu(-v) + relu(u - v), atol=1e-15)  # (2.15)
