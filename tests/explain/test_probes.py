"""Linear probes: a convex problem, solved; features pooled; networks left alone."""

from __future__ import annotations

import pytest
import torch
from sklearn.linear_model import LogisticRegression
from torch import nn

from course_utils.explain.probes import fit_probe, pooled_features, probe_layers


def clouds(n: int, seed: int) -> tuple[torch.Tensor, torch.Tensor]:
    draw = torch.Generator().manual_seed(seed)
    labels = torch.randint(3, (n,), generator=draw)
    centres = torch.tensor([[2.0, 0, 0, 0], [0, 2.0, 0, 0], [0, 0, 2.0, 0]])
    return centres[labels] + torch.randn(n, 4, generator=draw), labels


def test_it_finds_scikit_learns_solution() -> None:
    h, y = (t.double() if t.is_floating_point() else t for t in clouds(300, 0))
    probe = fit_probe(h, y, decay=0.02, steps=300)
    z = ((h - h.mean(0)) / h.std(0, unbiased=False)).numpy()
    theirs = LogisticRegression(C=1 / (0.02 * 300), tol=1e-8, max_iter=1000).fit(z, y.numpy())
    torch.testing.assert_close(probe.weight, torch.tensor(theirs.coef_), rtol=1e-3, atol=1e-4)


def test_scales_and_dead_features_do_not_matter() -> None:
    h, y = clouds(300, 0)
    test, truth = clouds(300, 1)
    plain = fit_probe(h, y).accuracy(test, truth)
    assert plain > 0.75
    stretch = torch.tensor([1.0, 1e-3, 1e4, 7.0])
    assert fit_probe(h * stretch + 5, y).accuracy(test * stretch + 5, truth) == pytest.approx(plain, abs=0.02)
    dead = torch.zeros(300, 2)
    assert fit_probe(torch.cat([h, dead], 1), y).accuracy(torch.cat([test, dead], 1), truth) == pytest.approx(plain)


def test_a_straight_line_cannot_read_what_is_bent() -> None:
    draw = torch.Generator().manual_seed(0)
    h = torch.randn(600, 2, generator=draw)
    y = (h[:, 0] * h[:, 1] > 0).long()
    assert fit_probe(h, y).accuracy(h, y) < 0.65
    bent = torch.cat([h, (h[:, :1] * h[:, 1:])], 1)
    assert fit_probe(bent, y).accuracy(bent, y) > 0.95


def test_layers_are_pooled_and_the_network_is_left_alone() -> None:
    torch.manual_seed(0)
    net = nn.Sequential(nn.Conv2d(1, 4, 3), nn.ReLU(), nn.Flatten(), nn.Linear(4 * 36, 5)).train()
    x = torch.randn(30, 1, 8, 8, generator=torch.Generator().manual_seed(0))
    read = pooled_features(net, x, ["", "1", net[3]], grid=3, batch_size=7)
    assert {name: tuple(h.shape) for name, h in read.items()} == {"input": (30, 9), "1": (30, 36), "3": (30, 5)}
    expected = net[1](net[0](x)).detach().reshape(30, 4, 3, 2, 3, 2).mean((3, 5)).flatten(1)
    torch.testing.assert_close(read["1"], expected)
    assert net.training
    assert all(p.requires_grad for p in net.parameters())
    labels = torch.arange(30) % 2
    curve = probe_layers(net, (x, labels), (x, labels), ["", "1"])
    assert list(curve) == ["input", "1"]
    assert all(0 <= v <= 1 for v in curve.values())


def test_errors_say_what_is_wrong() -> None:
    h, y = clouds(20, 0)
    with pytest.raises(ValueError, match="two classes"):
        fit_probe(h, torch.zeros(20, dtype=torch.int64))
    with pytest.raises(ValueError, match="decay"):
        fit_probe(h, y, decay=0.0)
    with pytest.raises(ValueError, match="pooled_features"):
        fit_probe(h[:, :, None], y)
    with pytest.raises(ValueError, match="features"):
        fit_probe(h[:-1], y)
