"""Every method on a network of torchvision, with weights from a file as its cache holds them (made-up numbers)."""

from __future__ import annotations

import hashlib
from collections.abc import Callable, Sequence

import pytest
import torch
from torch import Tensor, nn

from course_utils.explain import (
    adversarial,
    class_image,
    deep_dream,
    grad_cam,
    inversion,
    nearest,
    occlusion,
    relu_rules,
    saliency,
    sanity,
    style,
)
from course_utils.explain import correspondence as matching
from course_utils.explain.deconvnet import deconvnet
from course_utils.explain.filters import first_layer
from course_utils.explain.hooks import features
from course_utils.explain.regularisers import Regularisers
from course_utils.models.pretrained import load_pretrained, prepare_for

PREPARE = prepare_for("resnet18")
SIDE = 64


@pytest.fixture(scope="module")
def model(tmp_path_factory: pytest.TempPathFactory) -> nn.Module:
    """ResNet-18 as torchvision builds it, 1,000 classes, its weights read from a file of its cache's form."""
    from torchvision.models import resnet18

    torch.manual_seed(0)
    part = tmp_path_factory.mktemp("checkpoints") / "part"
    torch.save(resnet18(weights=None).state_dict(), part)
    digits = hashlib.sha256(part.read_bytes()).hexdigest()[:8]
    path = part.rename(part.with_name(f"resnet18-{digits}.pth"))
    return load_pretrained("resnet18", path.parent, source="torchvision")


@pytest.fixture(scope="module")
def pictures() -> Tensor:
    return torch.rand(2, 3, SIDE, SIDE, generator=torch.Generator().manual_seed(1))


Method = Callable[[nn.Module, Tensor], Tensor]
WISHES = Regularisers(l2=0.01, tv=0.01, jitter=2)
WHOLE: Sequence[tuple[str, Method]] = (
    ("gradient", lambda m, x: saliency.input_gradient(m, PREPARE(x), 7)),
    ("SmoothGrad", lambda m, x: saliency.smooth_grad(m, PREPARE(x), 7, samples=2)),
    ("integrated gradients", lambda m, x: saliency.integrated_gradients(m, PREPARE(x), 7, steps=2)),
    ("unit", lambda m, x: saliency.unit_gradient(m, PREPARE(x), "layer2", 5)),
    ("backprop", lambda m, x: relu_rules.rule_gradient(m, PREPARE(x), 7, "backprop")),
    ("deconvnet rule", lambda m, x: relu_rules.rule_gradient(m, PREPARE(x), 7, "deconvnet")),
    ("guided", lambda m, x: relu_rules.rule_gradient(m, PREPARE(x), 7, "guided")),
    ("guided Grad-CAM", lambda m, x: grad_cam.guided_grad_cam(m, PREPARE(x), "layer3", 7)),
    ("class image", lambda m, x: class_image.class_image(m, [7, 8], (3, SIDE, SIDE), WISHES, steps=2,
                                                         prepare=PREPARE).images),
    ("inversion", lambda m, x: inversion.invert(m, "layer1", x, WISHES, steps=2, prepare=PREPARE).images),
    ("nearest", lambda m, x: nearest.rebuild(m, "layer3", x, x.flip(3), prepare=PREPARE)),
    ("dream", lambda m, x: deep_dream.deep_dream(m, x, "layer2", octaves=2, steps=1, prepare=PREPARE).images),
    ("style", lambda m, x: style.transfer_style(m, x, x.flip(2), content_layer="layer2",
                                                style_layers=["conv1", "layer1"], steps=2, prepare=PREPARE).images),
    ("FGSM", lambda m, x: adversarial.fgsm(m, x, torch.tensor([7, 8]), 0.01, prepare=PREPARE)),
    ("PGD", lambda m, x: adversarial.pgd(m, x, torch.tensor([7, 8]), 0.01, steps=2, prepare=PREPARE)),
)  # fmt: skip


@pytest.mark.parametrize(("name", "method"), WHOLE, ids=[name for name, _ in WHOLE])
def test_a_method_gives_one_picture_a_picture(name: str, method: Method, model: nn.Module, pictures: Tensor) -> None:
    kept = {key: value.clone() for key, value in model.state_dict().items()}
    found = method(model, pictures)
    assert found.shape == pictures.shape
    assert bool(found.isfinite().all())
    assert float(found.std()) > 0
    assert not torch.equal(found[0], found[1])
    assert all(torch.equal(kept[key], value) for key, value in model.state_dict().items())
    assert all(p.requires_grad and p.grad is None for p in model.parameters())
    assert not any(m.training or m._forward_hooks or m._backward_hooks for m in model.modules())


def test_maps_have_the_layers_resolution(model: nn.Module, pictures: Tensor) -> None:
    x = PREPARE(pictures)
    assert grad_cam.grad_cam(model, x, "layer4", 7).shape == (2, 2, 2)
    assert features(model, x, ["layer1", "layer4"])["layer4"].shape == (2, 512, 2, 2)
    drops = occlusion.occlusion(model, x, 7, patch=32, stride=16)
    assert drops.shape == (2, 3, 3)
    assert torch.allclose(drops, occlusion.occlusion_one_by_one(model, x, 7, patch=32, stride=16), atol=1e-4)


def test_points_are_matched_in_the_maps_of_any_layer(model: nn.Module, pictures: Tensor) -> None:
    maps = features(model, PREPARE(pictures), "layer1")["layer1"]
    points = torch.tensor([[[20.0, 20.0], [40.0, 28.0]]] * 2)
    found = matching.match(maps, maps, points, (SIDE, SIDE))
    assert matching.hit_rate(found, points, reach=4.0) == 1


def test_first_filters_and_broken_copies(model: nn.Module, pictures: Tensor) -> None:
    assert first_layer(model)[0] == "conv1"
    before = model(PREPARE(pictures))
    steps = sanity.cascade(model, PREPARE(pictures[:1]))
    name, broken = next(steps)
    assert name == "fc"
    assert not torch.allclose(broken(PREPARE(pictures)), before)
    assert torch.equal(model(PREPARE(pictures)), before)


def test_a_deconvnet_says_what_it_can_take_instead(model: nn.Module, pictures: Tensor) -> None:
    with pytest.raises(ValueError, match="relu_rule"):
        deconvnet(model, PREPARE(pictures), "layer2", 5)


def test_the_courses_own_network_from_the_same_file_is_explained_alike(model: nn.Module, pictures: Tensor) -> None:
    from course_utils import models
    from course_utils.models.torchvision_keys import load_torchvision

    own = load_torchvision(models.build("resnet18", stride_on="3x3").eval(), model.state_dict())
    for rule in ("backprop", "guided"):
        found, expected = (relu_rules.rule_gradient(net, PREPARE(pictures), 7, rule) for net in (own, model))
        assert torch.allclose(found, expected, atol=1e-4 * float(expected.abs().max()))
