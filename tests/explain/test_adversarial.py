"""Attacks on networks: their bounds, their formulas, and Captum's own."""

import copy

import pytest
import torch
from torch import nn
from torch.nn import functional as F

from course_utils.explain import adversarial as ad


def prepare(x):
    return (x - 0.45) / 0.25


def small_net(seed=0):
    torch.manual_seed(seed)
    return nn.Sequential(
        nn.Conv2d(1, 8, 3, padding=1), nn.BatchNorm2d(8), nn.ReLU(), nn.AvgPool2d(2), nn.Flatten(), nn.Linear(128, 3)
    )


@pytest.fixture(scope="module")
def trained():
    """Bars in three directions, learned in a second."""
    x, y = bars(400, 0)
    model = small_net()
    optimizer = torch.optim.Adam(model.parameters(), lr=5e-3)
    for _ in range(40):
        optimizer.zero_grad()
        F.cross_entropy(model(prepare(x)), y).backward()
        optimizer.step()
    return model.eval()


def bars(n, seed):
    draw = torch.Generator().manual_seed(seed)
    x = 0.2 * torch.rand(n, 1, 8, 8, generator=draw) + 0.2
    y = torch.arange(n) % 3
    where = torch.randint(0, 8, (n,), generator=draw)
    for i in range(n):
        if y[i] == 0:
            x[i, 0, where[i]] += 0.4
        elif y[i] == 1:
            x[i, 0, :, where[i]] += 0.4
        else:
            x[i, 0].diagonal(int(where[i]) % 3 - 1).add_(0.4)
    return x, y


@pytest.mark.parametrize("epsilon", [0.0, 0.03, 0.3])
def test_no_number_changes_by_more_than_epsilon_and_none_leaves_the_range(trained, epsilon):
    x, y = bars(30, 1)
    for made in (
        ad.fgsm(trained, x, y, epsilon, prepare=prepare),
        ad.pgd(trained, x, y, epsilon, prepare=prepare, steps=4),
        ad.pgd(trained, x, y, epsilon, prepare=prepare, steps=4, step_size=0.5),
        ad.random_signs(x, epsilon),
    ):
        assert float((made - x).abs().max()) <= epsilon + 1e-6
        assert 0 <= float(made.min()) <= float(made.max()) <= 1
    assert float((ad.random_signs(x, epsilon) - x).abs().max()) == pytest.approx(epsilon, abs=1e-6)


def test_one_step_is_the_formula(trained):
    x, y = bars(6, 2)
    z = x.clone().requires_grad_()
    F.cross_entropy(trained(prepare(z)), y, reduction="sum").backward()
    torch.testing.assert_close(ad.fgsm(trained, x, y, 0.02, prepare=prepare), (x + 0.02 * z.grad.sign()).clamp(0, 1))


def test_on_a_linear_score_the_loss_changes_by_epsilon_times_the_sum_of_the_weights():
    torch.manual_seed(0)
    model = nn.Sequential(nn.Flatten(), nn.Linear(48, 1)).double()
    x = 0.4 + 0.2 * torch.rand(5, 3, 4, 4, dtype=torch.float64)
    made = ad.fgsm(model, x, torch.zeros(5), 0.01, loss=lambda out, _: out[:, 0])
    torch.testing.assert_close((model(made) - model(x))[:, 0], (0.01 * model[1].weight.abs().sum()).expand(5))


def test_attacks_hurt_more_than_chance_and_many_steps_more_than_one(trained):
    x, y = bars(300, 3)
    right = ad.accuracy(trained, x, y, prepare)
    assert right > 0.9
    epsilon = 0.08
    noise = ad.accuracy(trained, ad.random_signs(x, epsilon), y, prepare)
    one = ad.accuracy(trained, ad.fgsm(trained, x, y, epsilon, prepare=prepare), y, prepare)
    many = ad.accuracy(trained, ad.pgd(trained, x, y, epsilon, prepare=prepare), y, prepare)
    assert noise > right - 0.1
    assert many <= one < noise - 0.2


def test_a_target_can_be_chosen(trained):
    x, y = bars(150, 4)
    goal = (y + 1) % 3
    made = ad.pgd(trained, x, goal, 0.2, targeted=True, prepare=prepare, steps=20)
    assert float((ad.predictions(trained, made, prepare) == goal).float().mean()) > 0.9
    assert float((ad.predictions(trained, x, prepare) == goal).float().mean()) < 0.1


def test_the_smallest_epsilon_suffices_and_a_little_less_does_not(trained):
    x, y = bars(60, 5)

    def attack(images, labels, epsilon):
        return ad.fgsm(trained, images, labels, epsilon, prepare=prepare)

    found = ad.smallest_epsilon(trained, x, y, attack, prepare=prepare, largest=0.25, halvings=9)
    known = torch.isfinite(found) & (found > 0)
    assert int(known.sum()) > 30
    x, y, found = x[known], y[known], found[known]
    assert ad.accuracy(trained, attack(x, y, found), y, prepare) == 0
    assert ad.accuracy(trained, attack(x, y, found - 0.25 / 2**9), y, prepare) == 1
    wrong = (y + 1) % 3
    assert float(ad.smallest_epsilon(trained, x, wrong, attack, prepare=prepare).max()) == 0


def test_one_epsilon_for_each_picture(trained):
    x, y = bars(4, 6)
    sizes = torch.tensor([0.0, 0.01, 0.02, 0.05])
    for made in (ad.fgsm(trained, x, y, sizes, prepare=prepare), ad.pgd(trained, x, y, sizes, prepare=prepare)):
        torch.testing.assert_close((made - x).abs().flatten(1).amax(1), sizes, atol=1e-6, rtol=1e-4)
    with pytest.raises(ValueError, match="epsilon must have shape"):
        ad.fgsm(trained, x, y, sizes[:2])


def test_a_regression_network_can_be_attacked():
    torch.manual_seed(0)
    model = nn.Sequential(nn.Flatten(), nn.Linear(64, 16), nn.Tanh(), nn.Linear(16, 1))
    x, y = bars(10, 7)[0], torch.zeros(10)

    def squared(out, wanted):
        return (out[:, 0] - wanted).square()

    made = ad.pgd(model, x, y, 0.05, loss=squared)
    assert bool((squared(model(made), y) > squared(model(x), y)).all())


def test_the_network_is_left_as_it_was(trained):
    model = copy.deepcopy(trained).train()
    model[0].weight.requires_grad_(False)
    before = copy.deepcopy(model.state_dict())
    x, y = bars(6, 8)
    ad.fgsm(model, x, y, 0.1)
    ad.pgd(model, x, y, 0.1)
    ad.predictions(model, x)
    assert all(torch.equal(before[k], v) for k, v in model.state_dict().items())
    assert all(m.training for m in model.modules())
    assert [p.requires_grad for p in model.parameters()][:2] == [False, True]
    assert all(p.grad is None for p in model.parameters())


def test_attacks_are_those_of_captum(trained):
    captum = pytest.importorskip("captum.robust")
    x, y = bars(20, 9)
    x.requires_grad_()  # Captum warns if it has to do this itself

    def forward(z):
        return trained(prepare(z))

    loss = nn.CrossEntropyLoss(reduction="none")
    theirs = captum.FGSM(forward, loss, lower_bound=0, upper_bound=1)
    torch.testing.assert_close(theirs.perturb(x, 0.05, y), ad.fgsm(trained, x, y, 0.05, prepare=prepare))
    goal = (y + 1) % 3
    torch.testing.assert_close(
        theirs.perturb(x, 0.05, goal, targeted=True), ad.fgsm(trained, x, goal, 0.05, targeted=True, prepare=prepare)
    )
    many = captum.PGD(forward, loss, lower_bound=0, upper_bound=1)
    ours = ad.pgd(trained, x, y, 0.05, steps=5, step_size=0.02, random_start=False, prepare=prepare)
    torch.testing.assert_close(many.perturb(x, 0.05, 0.02, 5, y), ours, atol=1e-6, rtol=0)


def test_attacks_say_what_is_wrong(trained):
    x, y = bars(4, 0)
    with pytest.raises(ValueError, match="epsilon must be at most 1, got 8"):
        ad.fgsm(trained, x, y, 8)
    with pytest.raises(ValueError, match="labels"):
        ad.fgsm(trained, x, y[:2], 0.1)
    with pytest.raises(ValueError, match=r"must lie in 0\.\.1"):
        ad.pgd(trained, prepare(x), y, 0.1)
    with pytest.raises(ValueError, match="steps must be at least 1"):
        ad.pgd(trained, x, y, 0.1, steps=0)
