"""LeNet-5 unit by unit, against the paper's numbers."""

from __future__ import annotations

import pytest
import torch
from torch.nn import functional as F

from course_utils.models.lenet5 import (
    C3_TABLE,
    LeNet5,
    RBFOutputs,
    Subsampling,
    TableConv2d,
    connections,
    digit_codes,
    map_loss,
    scaled_tanh,
)


def test_connections_are_the_papers() -> None:
    found = connections()
    assert found["C1"] == 122_304
    assert found["S2"] == 5_880
    assert found["C3"] == 151_600
    assert found["S4"] == 2_000
    assert found["C5"] == 48_120
    assert sum(found.values()) == 340_908


def test_the_table_has_the_papers_shape() -> None:
    assert [len(maps) for maps in C3_TABLE] == [3] * 6 + [4] * 9 + [6]
    assert sum(map(len, C3_TABLE)) == 60
    assert all(sum(i in maps for maps in C3_TABLE) == 10 for i in range(6)), "each map of S2 is seen by ten of C3"
    assert len(set(C3_TABLE)) == 16


def test_a_table_of_all_links_is_an_ordinary_convolution() -> None:
    layer = TableConv2d(3, ((0, 1, 2), (0, 1, 2)), kernel_size=3).double()
    x = torch.randn(2, 3, 7, 7, dtype=torch.float64)
    assert torch.allclose(layer(x), F.conv2d(x, layer.weight.view(2, 3, 3, 3), layer.bias))


def test_missing_links_pass_nothing_forward_or_back() -> None:
    layer = TableConv2d(6, C3_TABLE, kernel_size=5)
    assert sum(p.numel() for p in layer.parameters()) == 1516
    x = torch.randn(1, 6, 14, 14, requires_grad=True)
    layer(x)[0, 0].sum().backward()
    assert x.grad is not None
    touched = x.grad[0].abs().sum(dim=(1, 2)) > 0
    assert touched.tolist() == [i in C3_TABLE[0] for i in range(6)]


@pytest.mark.parametrize("table", [(), ((0,), ()), ((0, 0),), ((0, 6),)])
def test_tables_that_make_no_sense_are_refused(table: tuple) -> None:
    with pytest.raises(ValueError, match="table"):
        TableConv2d(6, table, kernel_size=3)


def test_subsampling_sums_four_neighbours() -> None:
    layer = Subsampling(2)
    assert sum(p.numel() for p in layer.parameters()) == 4
    with torch.no_grad():
        layer.coefficient.copy_(torch.tensor([0.5, 2.0]))
        layer.bias.copy_(torch.tensor([1.0, -1.0]))
    x = torch.arange(16.0).view(1, 1, 4, 4).expand(1, 2, 4, 4)
    assert layer(x)[0, 0, 0, 0] == 0.5 * (0 + 1 + 4 + 5) + 1
    assert layer(x)[0, 1, 1, 1] == 2 * (10 + 11 + 14 + 15) - 1


def test_the_squash_is_fixed_at_plus_and_minus_one() -> None:
    assert scaled_tanh(torch.tensor([-1.0, 0.0, 1.0])).tolist() == pytest.approx([-1, 0, 1], abs=1e-4)


def test_outputs_are_squared_distances_to_the_codes() -> None:
    codes = digit_codes()
    assert codes.shape == (10, 84)
    assert set(codes.unique().tolist()) == {-1.0, 1.0}
    assert len({tuple(code.tolist()) for code in codes}) == 10
    outputs = RBFOutputs(codes)
    assert not list(outputs.parameters())
    x = torch.randn(4, 84)
    slow = torch.stack([sum((x[:, j] - codes[i, j]) ** 2 for j in range(84)) for i in range(10)], dim=1)
    assert torch.allclose(outputs(x), -slow, rtol=1e-4)
    assert outputs(codes).argmax(dim=1).tolist() == list(range(10))


def test_the_criterion_is_cross_entropy_with_one_more_class() -> None:
    logits, y = -torch.rand(5, 10, dtype=torch.float64) * 20, torch.tensor([0, 3, 9, 1, 4])
    slow = [-logits[n, y[n]] + torch.log(torch.exp(torch.tensor(-2.0)) + logits[n].exp().sum()) for n in range(5)]
    assert float(map_loss(logits, y, j=2.0)) == pytest.approx(float(sum(slow) / 5))
    assert float(map_loss(logits, y, j=1e3)) == pytest.approx(float(F.cross_entropy(logits, y)))


def test_larger_images_are_answered_at_every_fourth_pixel() -> None:
    torch.manual_seed(0)
    model, x = LeNet5().eval(), torch.randn(1, 1, 40, 36)
    with torch.no_grad():
        out = model(x)
        assert out.shape == (1, 10, 3, 2)
        assert torch.allclose(out[:, :, 2, 1], model(x[:, :, 8:40, 4:36]), atol=1e-4)
    with pytest.raises(ValueError, match="at least 32 x 32 pixels, got 28 x 28; pad"):
        model(torch.zeros(1, 1, 28, 28))
