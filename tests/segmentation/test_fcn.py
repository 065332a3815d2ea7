"""FCN: the classifier's scores in the middle, places that fit, finer maps that begin at nothing."""

from __future__ import annotations

import pytest
import torch
from torch import Tensor, nn
from torch.nn import functional as F

from course_utils.models.resnet import ResNet
from course_utils.models.vgg import VGG
from course_utils.segmentation import upsampling
from course_utils.segmentation.convolutionalise import vgg_in_a_row
from course_utils.segmentation.fcn import FCN, VOC_CLASSES, fcn_from_classifier, place, split_stages


def small_vgg(side: int = 3) -> nn.Sequential:
    """A thin VGG-11 for images that five halvings bring down to ``side`` rows."""
    torch.manual_seed(0)
    return vgg_in_a_row(VGG(11, 10, width=0.03, input_size=32 * side).double().eval())


def test_a_vgg_becomes_fcn_32s_16s_and_8s_with_21_channels() -> None:
    assert VOC_CLASSES == 20 + 1
    strides = []
    for fused in range(3):
        model = fcn_from_classifier(small_vgg(), (3, 96, 96), fused=fused).eval()
        assert len(model.stages) == 5
        assert model.strides == [2, 4, 8, 16, 32]
        for size in ((96, 96), (65, 130), (32, 40)):
            assert model(torch.rand(1, 3, *size, dtype=torch.float64)).shape == (1, 21, *size)
        strides.append(model.stride)
    assert strides == [32, 16, 8]
    with pytest.raises(ValueError, match="fused must be at most 4"):
        fcn_from_classifier(small_vgg(), (3, 96, 96), fused=5)


@pytest.mark.parametrize("side", [3, 2])
def test_the_head_in_the_middle_is_the_classifiers_and_so_are_its_scores(side: int) -> None:
    row = small_vgg(side=side)
    model = fcn_from_classifier(row, (3, 32 * side, 32 * side), num_classes=10).eval()
    last = row[-1]
    model.score.weight.data.copy_(last.weight.data[:, :, None, None])
    model.score.bias.data.copy_(last.bias.data)
    x = torch.rand(2, 3, 32 * side, 32 * side, dtype=torch.float64)
    maps = x
    for stage in model.stages:
        maps = stage(maps)
    scores = model.score(model.head(maps))
    assert scores.shape == (2, 10, side, side)
    middle = (side - 1) // 2
    assert (scores[:, :, middle, middle] - row(x)).abs().max() < 1e-10
    assert model(x).shape == (2, 10, 32 * side, 32 * side)


def test_scores_are_interpolated_as_the_library_does_it() -> None:
    model = fcn_from_classifier(small_vgg(), (3, 96, 96)).eval()
    x = torch.rand(1, 3, 128, 96, dtype=torch.float64)
    maps = x
    for stage in model.stages:
        maps = stage(maps)
    scores = model.score(model.head(maps))
    assert (model(x) - F.interpolate(scores, scale_factor=32, mode="bilinear")).abs().max() < 1e-10


def test_a_finer_network_begins_where_the_coarser_one_was_and_the_detail_adds_itself() -> None:
    coarse = fcn_from_classifier(small_vgg(), (3, 96, 96)).eval()
    fine = coarse.finer().finer().eval()
    assert (coarse.fused, fine.fused, fine.stride) == (0, 2, 8)
    x = torch.rand(1, 3, 64, 64, dtype=torch.float64)
    assert torch.equal(fine.score.weight, coarse.score.weight)
    step = F.interpolate(coarse.score(coarse.head(nn.Sequential(*coarse.stages)(x))), scale_factor=2, mode="bilinear")
    step = F.interpolate(step, scale_factor=2, mode="bilinear")
    before = F.interpolate(step, scale_factor=8, mode="bilinear")
    assert (fine(x) - before).abs().max() < 1e-10
    with torch.no_grad():
        fine.skip[1].bias.fill_(1.0)
    assert (fine(x) - before - 1).abs().max() < 1e-10
    fine(x).sum().backward()
    assert all(p.grad is not None for p in fine.parameters())
    assert not any(name.startswith("enlarge.") for name, _ in fine.named_parameters())  # the last one is fixed
    with pytest.raises(ValueError, match="at most"):
        fine.finer().finer().finer()


def peak(response: Tensor) -> Tensor:
    """Centre of mass of a map (1, 1, H, W), in pixels."""
    mass = response[0, 0] / response.sum()
    rows, columns = (torch.arange(n, dtype=mass.dtype) for n in mass.shape)
    return torch.stack([(mass.sum(1) * rows).sum(), (mass.sum(0) * columns).sum()])


@pytest.mark.parametrize("head_side", [1, 2, 3, 4])
@pytest.mark.parametrize("halving", ["pool", "conv", "large"])
def test_what_is_in_the_image_appears_at_its_own_place(halving: str, head_side: int) -> None:
    """With all weights positive and equal, a bright blob stays where it is, whatever the layers' geometry."""
    layer = {
        "pool": lambda: nn.AvgPool2d(2),
        "conv": lambda: nn.Conv2d(1, 1, 3, stride=2, padding=1),
        "large": lambda: nn.Conv2d(1, 1, 4, stride=2, padding=1),
    }[halving]
    body = nn.Sequential(*[nn.Sequential(nn.Conv2d(1, 1, 3, padding=1), layer()) for _ in range(3)])  # stride 8
    classifier = nn.Sequential(
        body, nn.AdaptiveAvgPool2d(head_side), nn.Flatten(), nn.Linear(head_side**2, 1), nn.Linear(1, 2)
    ).double()
    for m in classifier.modules():
        if isinstance(m, nn.Conv2d):
            nn.init.constant_(m.weight, 1 / m.weight[0].numel())
            nn.init.zeros_(m.bias)
    side = 8 * head_side
    for fused in (0, 1, 2):
        model = fcn_from_classifier(classifier, (1, side, side), num_classes=1, fused=fused).eval()
        for p in model.parameters():
            nn.init.constant_(p, 1 / p[0].numel()) if p.ndim == 4 else nn.init.zeros_(p)
        for step in model.enlarge_step:  # all parameters are equal now: back to the interpolation
            step.weight.data[0, 0] = upsampling.kernel(2, align_corners=halving == "conv")
        for at in ((64, 64), (59, 66)):
            x = torch.zeros(1, 1, 128, 128, dtype=torch.float64)
            x[0, 0, at[0] - 8 : at[0] + 8, at[1] - 8 : at[1] + 8] = 1  # the middle is half a pixel before `at`
            offset = peak(model(x)) - torch.tensor(at) + 0.5
            assert offset.abs().max() < 0.1, (fused, at, offset)  # strided windows weigh pixels unevenly


def test_a_residual_network_gives_its_stages_and_asks_for_the_corner_kernel() -> None:
    with torch.device("meta"):
        net = ResNet(18)
        stages = [net.conv1, nn.Sequential(nn.MaxPool2d(3, 2, 1), net.conv2_x), net.conv3_x, net.conv4_x, net.conv5_x]
        model = FCN(stages, nn.Identity(), fused=2)
        assert model(torch.zeros(1, 3, 97, 130)).shape == (1, 21, 97, 130)
    assert (model.stride, model.channels) == (8, [64, 64, 128, 256, 512])
    assert model.centres == [(0.0, 0.0)] * 5  # windows of 3 and 7 with a stride, padded alike on both sides
    assert model.enlarge.weight.shape[-1] == 2 * 8 - 1
    with torch.device("meta"):
        vgg = fcn_from_classifier(vgg_in_a_row(VGG(16)), (3, 224, 224), fused=2)
    assert vgg.centres == [(s / 2 - 0.5,) * 2 for s in (2, 4, 8, 16, 32)]  # poolings of 2: between pixels
    assert vgg.enlarge.weight.shape[-1] == 2 * 8
    assert [layer.kernel_size for layer in vgg.head if isinstance(layer, nn.Conv2d)] == [(7, 7), (1, 1)]


def test_stages_are_cut_behind_strides_and_places_repeat_borders() -> None:
    parts = [nn.Conv2d(1, 1, 3, 2), nn.ReLU(), nn.MaxPool2d(2), nn.BatchNorm2d(1), nn.ReLU()]
    assert [len(stage) for stage in split_stages(nn.Sequential(*parts))] == [1, 4]
    with pytest.raises(ValueError, match="stride"):
        split_stages(nn.Sequential(nn.ReLU()))
    x = torch.arange(12.0).view(1, 1, 3, 4)
    assert torch.equal(place(x, (1, 0), (2, 3)), x[:, :, 1:, :3])
    assert place(x, (-1, 2), (3, 4))[0, 0].tolist() == [[2, 3, 3, 3], [2, 3, 3, 3], [6, 7, 7, 7]]
    with pytest.raises(ValueError, match=r"nn\.Linear of its scores"):
        fcn_from_classifier(
            nn.Sequential(nn.MaxPool2d(2), nn.Conv2d(1, 1, 1), nn.Flatten(), nn.Linear(1, 2), nn.ReLU()), (1, 2, 2)
        )
    assert isinstance(FCN([nn.Conv2d(1, 2, 2, 2)], nn.Identity(), 3, 0, (1, 8, 8)).score, nn.Conv2d)
