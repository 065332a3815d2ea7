"""Linear layers as convolutions: the same scores at the same places, and where that ends."""

from __future__ import annotations

import pytest
import torch
from torch import nn

from course_utils.models.vgg import VGG
from course_utils.scratch.fully_convolutional.fc_as_conv import scores_of_crops
from course_utils.segmentation.convolutionalise import (
    convolutionalise,
    layers_in_a_row,
    pads,
    total_stride,
    vgg_in_a_row,
)


def classifier(padding: int = 0) -> nn.Sequential:
    """Nested, with two halvings: 14 or 16 rows become 2 without padding (of 16, two rows are dropped), 4 with 1."""
    side = 4 if padding else 2
    torch.manual_seed(0)
    features = nn.Sequential(
        nn.Sequential(nn.Conv2d(3, 4, 3, padding=padding), nn.BatchNorm2d(4), nn.ReLU(), nn.MaxPool2d(2)),
        nn.Sequential(nn.Conv2d(4, 5, 3, padding=padding), nn.ReLU(), nn.AvgPool2d(2)),
    )
    head = nn.Sequential(nn.Linear(5 * side**2, 6), nn.ReLU(), nn.Dropout(0.5), nn.Linear(6, 7))
    return nn.Sequential(features, nn.Flatten(), head).double().eval()


@pytest.mark.parametrize("side", [14, 16])
@pytest.mark.parametrize("size", [(16, 16), (17, 19), (24, 20), (41, 31)])
def test_scores_equal_those_of_crops_at_any_size(size: tuple[int, int], side: int) -> None:
    model = classifier()
    x = torch.randn(1, 3, *size, dtype=torch.float64)
    dense = convolutionalise(model, (3, side, side))
    assert not pads(dense)
    expected = scores_of_crops(model, x, side, total_stride(dense))
    scores = dense(x)
    # Crops of 16 of which only 14 rows are seen: at the end there may be room for one more look, not for a crop.
    extra = [a - b for a, b in zip(scores.shape[2:], expected.shape[2:], strict=True)]
    assert all(more in ((0,) if side == 14 else (0, 1)) for more in extra)
    assert (scores[:, :, : expected.shape[2], : expected.shape[3]] - expected).abs().max() < 1e-10


def test_the_first_linear_layer_needs_the_whole_map_and_only_the_later_ones_are_pointwise() -> None:
    convs = [layer for layer in convolutionalise(classifier(), (3, 16, 16)) if isinstance(layer, nn.Conv2d)]
    assert [conv.kernel_size for conv in convs] == [(3, 3), (3, 3), (2, 2), (1, 1)]
    assert convs[2].weight.shape == (6, 5, 2, 2)
    with pytest.raises(RuntimeError):  # a 1 x 1 kernel has no place for its weights
        classifier()[2][0].weight.view(6, 5, 1, 1)


def test_with_padding_only_an_image_of_the_original_size_scores_alike() -> None:
    model = classifier(padding=1)
    dense = convolutionalise(model, (3, 16, 16))
    assert pads(dense)
    x = torch.randn(1, 3, 32, 32, dtype=torch.float64)
    crop = x[:, :, :16, :16]
    assert (dense(crop)[:, :, 0, 0] - model(crop)).abs().max() < 1e-10
    assert (dense(x) - scores_of_crops(model, x, 16, 4)).abs().max() > 1e-3


def test_global_pooling_becomes_a_sliding_window_and_idle_adaptive_pooling_vanishes() -> None:
    torch.manual_seed(1)
    body = nn.Sequential(nn.Conv2d(2, 4, 3), nn.ReLU(), nn.MaxPool2d(2))  # 10 -> 4
    x = torch.randn(1, 2, 14, 12, dtype=torch.float64)
    for pool, inputs in ((nn.AdaptiveAvgPool2d(1), 4), (nn.AdaptiveAvgPool2d(4), 64)):
        model = nn.Sequential(body, pool, nn.Flatten(), nn.Linear(inputs, 3)).double()
        dense = convolutionalise(model, (2, 10, 10))
        assert (dense(x) - scores_of_crops(model, x, 10, 2)).abs().max() < 1e-10
    with pytest.raises(ValueError, match=r"from \(4, 4\) to \(2, 2\)"):
        convolutionalise(nn.Sequential(body, nn.AdaptiveAvgPool2d(2), nn.Flatten(), nn.Linear(16, 3)), (2, 10, 10))


def test_a_vgg_in_a_row_is_the_same_network_and_its_map_that_of_its_own_dense_pass() -> None:
    torch.manual_seed(2)
    vgg = VGG(11, 10, width=0.05, input_size=64, batch_norm=True).double().eval()
    row = vgg_in_a_row(vgg)
    x = torch.rand(1, 3, 64, 64, dtype=torch.float64)
    assert torch.equal(row(x), vgg(x))
    dense = convolutionalise(row, (3, 64, 64))
    wide = torch.rand(1, 3, 96, 128, dtype=torch.float64)
    assert dense(wide).shape == (1, 10, 2, 3)
    assert (dense(wide) - vgg.dense(wide)).abs().max() < 1e-10


def test_five_halvings_make_one_in_32() -> None:
    row = vgg_in_a_row(VGG(16, 21, width=0.02))
    assert total_stride(nn.Sequential(*[m for m in row if not isinstance(m, (nn.Linear, nn.Flatten))])) == 2**5 == 32
    assert 224 // 32 == 7


def test_the_model_is_left_as_it_was_and_others_are_refused() -> None:
    model = classifier().train()
    model[0][0][1].eval()
    before = {name: value.clone() for name, value in model.state_dict().items()}
    modes = [module.training for module in model.modules()]
    dense = convolutionalise(model, (3, 16, 16))
    assert all(torch.equal(value, before[name]) for name, value in model.state_dict().items())
    assert [module.training for module in model.modules()] == modes
    assert not any(module.training for module in dense.modules())
    assert not {p.data_ptr() for p in dense.parameters()} & {p.data_ptr() for p in model.parameters()}
    assert len(layers_in_a_row(model)) == 12
    with pytest.raises(ValueError, match=r"nn\.Sequential.*Linear"):
        layers_in_a_row(nn.Linear(1, 1))
    with pytest.raises(ValueError, match="Flatten"):
        convolutionalise(nn.Sequential(nn.Conv2d(3, 1, 3)), (3, 8, 8))
