"""Class images: a case known by hand, every network left as it was, and errors that say what to do."""

from __future__ import annotations

import copy

import pytest
import torch
from torch import nn

from course_utils.explain.class_image import ascend, class_image, class_image_from_prior
from course_utils.explain.regularisers import Regularisers, total_variation

SHAPE = (2, 8, 8)


def network(outputs: int = 3) -> nn.Sequential:
    torch.manual_seed(0)
    return nn.Sequential(
        nn.Conv2d(2, 4, 3, padding=1), nn.BatchNorm2d(4), nn.ReLU(inplace=True), nn.Dropout(), nn.MaxPool2d(2),
        nn.Flatten(), nn.Linear(64, outputs),
    )  # fmt: skip


class Linear(nn.Module):
    """Scores are inner products with known pictures: the best picture is known too."""

    def __init__(self, weight: torch.Tensor) -> None:
        super().__init__()
        self.weight = nn.Parameter(weight)  # (K, C, H, W)

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        return x.flatten(1) @ self.weight.flatten(1).T


def test_of_a_linear_network_it_is_the_sign_of_the_weights():
    weight = torch.randn(3, *SHAPE, generator=torch.Generator().manual_seed(1))
    made = class_image(Linear(weight), [0, 2], SHAPE, steps=60, lr=0.5)
    clear = weight[[0, 2]].abs() > 0.1
    assert torch.equal(made.images[clear], (weight[[0, 2]] > 0).float()[clear])
    best = weight[[0, 2]].clamp(min=0).sum((1, 2, 3))
    torch.testing.assert_close(made.scores, best, rtol=0.01, atol=0)


def test_with_l2_it_is_the_weights_themselves():
    """max <w, x> - l2 |x|^2 / n has its top at x = n w / (2 l2)."""
    weight = 0.01 * torch.randn(2, *SHAPE, generator=torch.Generator().manual_seed(1))
    l2, n = 2.0, weight[0].numel()
    made = class_image(Linear(weight), 0, SHAPE, Regularisers(l2=l2), steps=400, lr=0.05, low=-9, high=9)
    torch.testing.assert_close(made.images, n * weight[:1] / (2 * l2), atol=2e-3, rtol=0)


def test_scores_are_those_of_the_pictures_and_the_history_rises():
    model = network().eval()
    made = class_image(model, [0, 1, 2, 1], SHAPE, steps=30)
    assert made.images.shape == (4, *SHAPE)
    assert made.history.shape == (30, 4)
    assert float(made.images.min()) >= 0
    assert float(made.images.max()) <= 1
    with torch.no_grad():
        torch.testing.assert_close(made.scores, model(made.images).gather(1, torch.tensor([[0], [1], [2], [1]]))[:, 0])
    assert (made.history[-1] > made.history[0]).all()
    assert made.codes is None


def test_a_batch_gives_what_single_pictures_give():
    model = network().eval()
    start = torch.rand(3, *SHAPE, generator=torch.Generator().manual_seed(3))
    together = class_image(model, [0, 1, 2], SHAPE, Regularisers(tv=1.0), steps=10, start=start)
    for i in range(3):
        alone = class_image(model, i, SHAPE, Regularisers(tv=1.0), steps=10, start=start[i : i + 1])
        torch.testing.assert_close(together.images[i], alone.images[0], atol=1e-4, rtol=0)


@pytest.mark.parametrize("training", [True, False])
def test_the_network_is_left_as_it_was(training):
    model = network()
    model.train(training)
    model[6].weight.requires_grad_(False)
    model[0].weight.grad = torch.ones_like(model[0].weight)
    before = copy.deepcopy(model.state_dict())
    class_image(model, [0, 1], SHAPE, Regularisers(l2=1, tv=1, blur=0.5, jitter=1), steps=6)
    decoder = nn.Sequential(nn.Linear(5, 128), nn.BatchNorm1d(128), nn.Unflatten(1, SHAPE))
    code_before = copy.deepcopy(decoder.state_dict())
    class_image_from_prior(model, [0, 1], decoder, 5, steps=6)
    for old, now in ((before, model.state_dict()), (code_before, decoder.state_dict())):
        assert all(torch.equal(old[name], now[name]) for name in old)
    assert model.training is training
    assert decoder.training is True
    assert not model[6].weight.requires_grad
    assert model[0].weight.requires_grad
    assert torch.equal(model[0].weight.grad, torch.ones_like(model[0].weight))
    assert model[6].weight.grad is None
    assert not any(module._forward_hooks for module in model.modules())


@pytest.mark.parametrize("name", ["l2", "tv", "blur", "jitter"])
def test_each_wish_does_its_own_and_is_off_by_default(name):
    model = network().eval()
    plain = class_image(model, 1, SHAPE, steps=40)
    again = class_image(model, 1, SHAPE, Regularisers(), steps=40)
    assert torch.equal(plain.images, again.images)
    strength = {"l2": 20.0, "tv": 20.0, "blur": 1.0, "jitter": 2}[name]
    held = class_image(model, 1, SHAPE, Regularisers(**{name: strength}), steps=40)
    assert not torch.equal(plain.images, held.images)
    if name == "l2":
        assert held.images.square().mean() < 0.8 * plain.images.square().mean()
    if name in ("tv", "blur"):
        assert float(total_variation(held.images)) < 0.7 * float(total_variation(plain.images))
    if name == "jitter":  # the score does not rest on the exact place
        with torch.no_grad():
            moved = [model(made.images.roll((1, 1), (2, 3)))[0, 1] - made.scores[0] for made in (plain, held)]
        assert moved[1] > moved[0]


def test_the_same_seed_gives_the_same_pictures():
    model, wishes = network().eval(), Regularisers(jitter=2)
    first, second, other = (class_image(model, 0, SHAPE, wishes, steps=8, seed=s).images for s in (1, 1, 2))
    assert torch.equal(first, second)
    assert not torch.equal(first, other)


def test_a_network_with_one_output_climbs_without_a_class():
    for model in (network(1).eval(), nn.Sequential(network(1), nn.Flatten(0)).eval()):
        made = class_image(model, None, SHAPE, steps=20)
        assert made.scores.shape == (1,)
        assert made.history[-1] > made.history[0]


def test_a_prior_draws_only_what_it_can():
    torch.manual_seed(1)
    patterns = torch.rand(2, 2 * 8 * 8)
    prior = nn.Sequential(nn.Linear(2, 128, bias=False), nn.Unflatten(1, SHAPE))
    prior[0].weight.data = patterns.T.clone()
    made = class_image_from_prior(network().eval(), [0, 1], prior, 2, steps=30, limit=1.5)
    assert made.codes.abs().max() <= 1.5
    torch.testing.assert_close(made.images.flatten(1), made.codes @ patterns)
    assert (made.history[-1] > made.history[0]).all()
    tame = class_image_from_prior(network().eval(), [0, 1], prior, 2, steps=60, code_l2=50.0)
    assert tame.codes.square().mean() < made.codes.square().mean()


def test_a_step_has_the_length_that_was_asked_for():
    start = torch.zeros(2, 3)
    scale = torch.tensor([[1.0], [1000.0]])

    def objective(v):
        return (v * scale).sum(1), v.sum(1)

    value, history = ascend(start, objective, 1, 0.3, lambda v, _: v)
    torch.testing.assert_close(value, torch.full((2, 3), 0.3))
    assert history.shape == (1, 2)


def test_what_is_prepared_is_what_the_network_sees():
    model = network().eval()
    made = class_image(model, 0, SHAPE, steps=10, prepare=lambda x: 3 * x - 1)
    with torch.no_grad():
        torch.testing.assert_close(made.scores, model(3 * made.images - 1)[:, 0])


@pytest.mark.parametrize(("arguments", "message"), [
    ({"targets": 3}, r"0\.\.2"),
    ({"targets": [-1]}, r"0\.\.2"),
    ({"targets": None}, "targets must name a class for each of 3 outputs"),
    ({"targets": [0.5]}, "class numbers"),
    ({"targets": 0, "steps": 0}, "steps must be at least 1, got 0"),
    ({"targets": 0, "lr": 0.0}, "lr must be greater than 0"),
    ({"targets": 0, "low": 1.0}, "low must be below high, got 1.0 and 1.0"),
    ({"targets": [0, 1], "start": torch.zeros(1, *SHAPE)}, r"start must have shape \(2, 2, 8, 8\)"),
])  # fmt: skip
def test_wrong_arguments_are_explained(arguments, message):
    with pytest.raises(ValueError, match=message):
        class_image(network(), arguments.pop("targets"), SHAPE, **arguments)
