"""The exchange of blocks, the pairs it learns from, and the striped shapes of the probes."""

import numpy as np
import pytest
import torch
from sklearn.neighbors import KNeighborsRegressor

from course_utils.scratch.features.disentangling import BlockAutoencoder, draw_pairs, swap, train_by_swapping
from course_utils.scratch.features.rendered_bars import FACTORS, draw_factors, render, targets
from course_utils.scratch.features.textured_shapes import SHAPES, STRIPES, draw_shapes


def test_swap_exchanges_the_named_block_only() -> None:
    a, b = torch.randn(5, 4, 2), torch.randn(5, 4, 2)
    shared = torch.tensor([0, 3, 1, 2, 2])
    new_a, new_b = swap(a, b, shared)
    for i, k in enumerate(shared.tolist()):
        for block in range(4):
            left, right = (b, a) if block == k else (a, b)
            assert torch.equal(new_a[i, block], left[i, block])
            assert torch.equal(new_b[i, block], right[i, block])
    again = swap(new_a, new_b, shared)
    assert torch.equal(again[0], a)


def test_pairs_share_one_factor_and_repeat_by_seed() -> None:
    a, b, shared = draw_pairs(300, seed=4)
    assert a.shape == b.shape == (300, 1, 16, 16)
    assert set(shared.tolist()) == set(range(len(FACTORS)))
    peak_a, peak_b = a.flatten(1).max(1).values, b.flatten(1).max(1).values
    same_light = (peak_a - peak_b).abs() < 0.05
    assert same_light[shared == 3].float().mean() > same_light[shared != 3].float().mean() + 0.3
    assert torch.equal(a, draw_pairs(300, seed=4)[0])


def test_code_has_a_block_for_each_factor() -> None:
    model = BlockAutoencoder(pixels=64, blocks=3, width=2)
    code = model.encode(torch.rand(5, 1, 8, 8))
    assert code.shape == (5, 3, 2)
    assert model.decode(code).shape == (5, 64)


@pytest.mark.slow
def test_exchange_puts_each_factor_into_its_own_block() -> None:
    first, second, shared = draw_pairs(4000, seed=1)
    model = train_by_swapping(first, second, shared, steps=700, batch=64, seed=1)
    known, asked = draw_factors(1000, seed=50), draw_factors(300, seed=51)
    with torch.no_grad():
        code, code_asked = model.encode(render(known)).numpy(), model.encode(render(asked)).numpy()
    score = np.empty((4, 4))
    for j, name in enumerate(FACTORS):
        truth = targets(asked)[name]
        for k in range(4):
            guess = KNeighborsRegressor(10).fit(code[:, k], targets(known)[name]).predict(code_asked[:, k])
            score[k, j] = 1 - ((guess - truth) ** 2).sum() / ((truth - truth.mean(0)) ** 2).sum()
    assert (np.diag(score) > 0.9).all()
    geometry = score[:, :3].copy()
    geometry[[0, 1, 2], [0, 1, 2]] = 0
    assert geometry.max() < 0.5  # brightness may leak into other blocks, place and angle may not


def test_striped_shapes_draw_their_labels_independently() -> None:
    x, shape, stripes = draw_shapes(3000, seed=0)
    assert x.shape == (3000, 1, 32, 32)
    table = np.histogram2d(shape, stripes, bins=(len(SHAPES), len(STRIPES)))[0] / 3000
    expected = table.sum(1, keepdims=True) * table.sum(0, keepdims=True)
    assert np.abs(table - expected).max() < 0.015


def test_stripes_run_the_way_their_label_says() -> None:
    x, _, stripes = draw_shapes(200, noise=0.0, seed=2)
    right, down = x[:, 0, 1:-1, 2:] - x[:, 0, 1:-1, :-2], x[:, 0, 2:, 1:-1] - x[:, 0, :-2, 1:-1]
    across = (right.abs() - down.abs()).sum(dim=(1, 2))
    assert (across[stripes == 0] > 0).float().mean() > 0.95
    assert (across[stripes == 2] < 0).float().mean() > 0.95
