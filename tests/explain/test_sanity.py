"""Checks for maps: destroyed weights, ranks, shares, the pointing game, edges."""

from __future__ import annotations

import pytest
import torch
from torch import nn

from course_utils.explain.sanity import (
    cascade,
    edge_map,
    layers_with_weights,
    mass_inside,
    pointing_game,
    rank_correlation,
)
from tests.explain.nets import NETS, FunctionalNet, left_alone, pictures, plain_net


def test_layers_come_in_the_order_in_which_they_run():
    assert layers_with_weights(plain_net(), pictures()) == ["0.0", "1.0", "2.2"]
    assert layers_with_weights(FunctionalNet(), pictures()) == ["first", "norm", "second", "head"]

    class Crossed(nn.Module):
        def __init__(self):
            super().__init__()
            self.last, self.early = nn.Linear(4, 2), nn.Linear(3, 4)

        def forward(self, x):
            return self.last(self.early(self.early(x[..., :3])[..., :3]))

    assert layers_with_weights(Crossed(), torch.zeros(1, 3)) == ["early", "last"]


@pytest.mark.parametrize("name", NETS)
def test_the_cascade_destroys_from_the_answer_down_and_leaves_the_network(name):
    x = pictures()
    with left_alone(NETS[name]()) as net:
        layers = layers_with_weights(net, x)
        seen = []
        for layer, broken in cascade(net, x, seed=2):
            seen.append(layer)
            for other in layers:
                same = torch.equal(net.get_submodule(other).weight, broken.get_submodule(other).weight)
                assert same == (other not in seen)
        assert seen == layers[::-1]
        again = [b.get_submodule(seen[0]).weight.clone() for _, b in cascade(net, x, seed=2)]
        other = [b.get_submodule(seen[0]).weight.clone() for _, b in cascade(net, x, seed=3)]
    assert torch.equal(again[0], again[-1])
    assert not torch.equal(again[0], other[0])


def test_fresh_weights_keep_the_size_of_the_old_ones():
    net = nn.Sequential(nn.Linear(100, 100))
    with torch.no_grad():
        net[0].weight.normal_(3.0, 0.2)
    ((_, broken),) = cascade(net, torch.zeros(1, 100))
    assert broken[0].weight.mean().item() == pytest.approx(3, abs=0.02)
    assert broken[0].weight.std().item() == pytest.approx(0.2, rel=0.05)


def test_ranks_with_ties_are_scipys():
    stats = pytest.importorskip("scipy.stats")
    draw = torch.Generator().manual_seed(0)
    a = torch.randint(0, 4, (5, 6, 6), generator=draw).float()
    b = torch.rand(5, 6, 6, generator=draw) + 0.3 * a
    ours = rank_correlation(a, b)
    for n in range(5):
        assert ours[n].item() == pytest.approx(stats.spearmanr(a[n].flatten(), b[n].flatten()).statistic)
    assert rank_correlation(a, a.exp()).tolist() == pytest.approx([1] * 5)
    assert rank_correlation(a, -a).tolist() == pytest.approx([-1] * 5)
    assert rank_correlation(a, torch.ones_like(a)).tolist() == [0] * 5
    with pytest.raises(ValueError, match="same shape"):
        rank_correlation(a, b[:2])


def test_share_inside_a_mask():
    maps = torch.tensor([[[1.0, 3.0], [-5.0, 0.0]], [[0.0, 0.0], [0.0, 0.0]], [[2.0, 2.0], [2.0, 2.0]]])
    mask = torch.tensor([[False, True], [False, False]]).expand(3, 2, 2)
    assert mass_inside(maps, mask).tolist() == [0.75, 0.25, 0.25]
    with pytest.raises(ValueError, match="same length"):
        mass_inside(maps, mask[:1])


def test_the_pointing_game_forgives_as_much_as_it_is_told():
    maps = torch.zeros(1, 7, 7)
    maps[0, 3, 1] = 1
    mask = torch.zeros(1, 7, 7, dtype=torch.bool)
    mask[0, 2:5, 4:6] = True
    assert [pointing_game(maps, mask, t).item() for t in (0, 2, 3)] == [False, False, True]
    maps[0, 4, 5] = 2
    assert pointing_game(maps, mask).item()
    with pytest.raises(ValueError, match="tolerance"):
        pointing_game(maps, mask, -1)


def test_edges_need_no_network():
    x = torch.zeros(1, 3, 6, 6)
    assert edge_map(x).abs().max() == 0
    x[:, 1, :, 3:] = 1
    assert edge_map(x)[0, 2].tolist() == [0, 0, 0.5, 0.5, 0, 0]
