"""Top patches against a search over everything, and answers that come back from the patch alone."""

from __future__ import annotations

import pytest
import torch
from torch import nn

from course_utils.explain.hooks import features
from course_utils.explain.top_patches import class_purity, cut_patches, feed_again, top_patches
from course_utils.recipes.scenes import build_model


def pictures(n: int, side: int = 40) -> torch.Tensor:
    return torch.randn(n, 3, side, side, generator=torch.Generator().manual_seed(3))


def net() -> nn.Module:
    torch.manual_seed(1)
    return build_model()


@pytest.mark.parametrize("layer", ["stage1", "stage2.conv1", "stage3", "head"])
@pytest.mark.parametrize("one", [True, False])
def test_it_finds_what_a_search_over_all_places_finds(layer: str, one: bool) -> None:
    model, x = net(), pictures(14)
    found = top_patches(model, x, layer, k=9, one_per_picture=one, batch_size=4)
    maps = features(model, x, [layer])[layer]
    flat = maps.reshape(*maps.shape[:2], -1).transpose(0, 1)  # (U, N, P)
    whole = flat.amax(2).topk(9, dim=1).values if one else flat.flatten(1)
    if not one and whole.shape[1] >= 9:
        whole = whole.topk(9, dim=1).values
    if layer == "head" or one or whole.shape[1] == 9:
        torch.testing.assert_close(found.scores, whole, rtol=1e-4, atol=1e-5)
    for u, unit in enumerate(found.units.tolist()):
        rows, columns = found.places[u].unbind(-1)
        there = maps if maps.ndim == 4 else maps[:, :, None, None]
        torch.testing.assert_close(there[found.images[u], unit, rows, columns], found.scores[u], rtol=1e-4, atol=1e-5)
        if one:
            assert found.images[u].unique().numel() == 9


@pytest.mark.parametrize("layer", ["stage1.conv1", "stage1", "stage2", "stage3.conv2", "stage3", "stage4", "head"])
def test_feeding_the_patch_alone_gives_the_score_again(layer: str) -> None:
    model, x = net(), pictures(20)
    found = top_patches(model, x, layer, units=[0, 3, 7], k=9)
    torch.testing.assert_close(feed_again(model, x, found), found.scores, rtol=1e-4, atol=1e-5)


def test_pixels_outside_the_patch_do_not_matter_and_those_inside_do() -> None:
    model, x = net(), pictures(12)
    found = top_patches(model, x, "stage2", units=[5], k=4)
    for b in range(4):
        x1, y1, x2, y2 = found.boxes[0, b].tolist()
        outside = torch.ones(40, 40, dtype=torch.bool)
        outside[y1:y2, x1:x2] = False
        row, column = found.places[0, b].tolist()
        for changed, same in ((outside, True), (~outside, False)):
            other = x[found.images[0, b]].clone()
            other[:, changed] = 5.0
            answer = features(model, other[None], ["stage2"])["stage2"][0, 5, row, column]
            assert torch.isclose(answer, found.scores[0, b], rtol=1e-4, atol=1e-5) == same


def test_patches_show_what_the_boxes_say() -> None:
    model, x = net(), pictures(12)
    found = top_patches(model, x, "stage2", units=[1, 2], k=5)
    height, width = found.fields.size
    patches = cut_patches(x, found, fill=99.0)
    assert patches.shape == (2, 5, 3, height, width)
    for a in range(2):
        for b in range(5):
            x1, y1, x2, y2 = found.boxes[a, b].tolist()
            real = patches[a, b] != 99
            assert real[0].sum() == (x2 - x1) * (y2 - y1)
            piece = x[found.images[a, b], :, y1:y2, x1:x2]
            assert torch.equal(patches[a, b][real], piece.flatten())


def test_a_field_that_hangs_over_the_border_is_filled_on_that_side() -> None:
    model = nn.Conv2d(1, 1, 3, padding=1, bias=False)
    nn.init.ones_(model.weight)
    x = torch.zeros(2, 1, 5, 5)
    x[0, 0, 0, 0] = 2.0
    x[1, 0, 4, 4] = 1.0
    found = top_patches(model, x, "", k=2)
    assert found.images.tolist() == [[0, 1]]
    patch = cut_patches(x, found, fill=-1.0)[0, 0, 0]
    corner = found.places[0, 0].tolist()
    if corner == [0, 0]:
        assert patch.tolist() == [[-1, -1, -1], [-1, 2, 0], [-1, 0, 0]]
    torch.testing.assert_close(feed_again(model, x, found), found.scores)


def test_the_model_is_left_alone_and_errors_are_clear() -> None:
    model, x = net().train(), pictures(10)
    state = {k: v.clone() for k, v in model.state_dict().items()}
    found = top_patches(model, x, "stage1", k=3)
    feed_again(model, x, found)
    assert model.training
    assert all(p.requires_grad for p in model.parameters())
    assert all(torch.equal(state[k], v) for k, v in model.state_dict().items())
    assert not any(m._forward_hooks for m in model.modules())
    with pytest.raises(ValueError, match="at least 11 pictures, got 10"):
        top_patches(model, x, "stage1", k=11)
    with pytest.raises(ValueError, match="unit must be at most 23"):
        top_patches(model, x, "stage1", units=[24], k=3)
    with pytest.raises(KeyError, match="no layer"):
        top_patches(model, x, "stage9")


def test_purity_counts_the_most_common_label() -> None:
    labels = torch.tensor([[1, 1, 2, 3], [0, 0, 0, 0], [1, 2, 3, 4]])
    assert class_purity(labels).tolist() == [0.5, 1.0, 0.25]
    with pytest.raises(ValueError, match="at least one"):
        class_purity(torch.zeros(3, 0))
