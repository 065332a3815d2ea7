"""Pretrained weights from a file as torchvision's cache holds it: made-up numbers in the real networks."""

from __future__ import annotations

import hashlib
from collections.abc import Callable
from pathlib import Path

import pytest
import torch
from torch import Tensor, nn

from course_utils import models
from course_utils.models.pretrained import OURS, PretrainedError, find_file, load_pretrained, prepare_for, read_state


def made_up(name: str, classes: int = 7) -> dict[str, Tensor]:
    """Numbers for torchvision's network that a swapped or forgotten layer would show."""
    from torchvision.models import get_model

    extra = {"inception_v3": {"init_weights": False}}.get(name, {})
    with torch.device("meta"):
        state = get_model(name, weights=None, num_classes=classes, **extra).state_dict()
    generator = torch.Generator().manual_seed(0)
    out = {}
    for key, value in state.items():
        if not value.is_floating_point():
            out[key] = torch.tensor(1)
        elif value.ndim > 1:
            out[key] = torch.randn(value.shape, generator=generator) * value[0].numel() ** -0.5
        elif key.endswith(("running_var", "weight")):
            out[key] = 0.5 + torch.rand(value.shape, generator=generator)
        else:
            out[key] = 0.1 * torch.randn(value.shape, generator=generator)
    return out


def cache(folder: Path, name: str, state: object, digits: str | None = None, **options: object) -> Path:
    """Write a file as torchvision's cache names it: with the beginning of its SHA-256."""
    part = folder / "part"
    torch.save(state, part, **options)
    digest = hashlib.sha256(part.read_bytes()).hexdigest()[:8]
    return part.rename(folder / f"{name}-{digits or digest}.pth")


@pytest.fixture(scope="module")
def resnet18(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return cache(tmp_path_factory.mktemp("checkpoints"), "resnet18", made_up("resnet18"))


def without(name: str) -> Callable[[dict[str, Tensor]], dict[str, Tensor]]:
    return lambda state: {key: value for key, value in state.items() if name not in key}


@pytest.mark.parametrize("name", ["resnet18", "densenet121", "efficientnet_b0"])
@pytest.mark.parametrize("age", ["as saved today", "before 2018"])
def test_the_course_and_torchvision_read_the_same_file_alike(name: str, age: str, tmp_path: Path) -> None:
    state = made_up(name)
    if age == "before 2018":  # no counters of batches; DenseNet's layers with a dot before their number
        state = without("num_batches_tracked")(state)
        renamed = {key.replace(f"{part}{i}.", f"{part}.{i}."): key for part in ("norm", "conv") for i in (1, 2)
                   for key in state if f"{part}{i}." in key and "denselayer" in key}  # fmt: skip
        state = {{old: new for new, old in renamed.items()}.get(key, key): value for key, value in state.items()}
        path = cache(tmp_path, name, state, _use_new_zipfile_serialization=False)
    else:
        path = cache(tmp_path, name, state)
    ours, theirs = load_pretrained(name, path), load_pretrained(name, tmp_path, source="torchvision")
    assert type(ours).__module__.startswith("course_utils")
    assert type(theirs).__module__.startswith("torchvision")
    assert not ours.training
    assert not theirs.training
    x = prepare_for(name)(torch.rand(2, 3, 64, 64, generator=torch.Generator().manual_seed(1)))
    with torch.no_grad():
        expected, found = theirs(x), ours(x)
    assert expected.shape == (2, 7)
    assert float(expected.std()) > 0.01
    assert torch.allclose(found, expected, atol=1e-5 * float(expected.abs().max()))


def test_every_name_is_torchvisions_and_builds_the_same_number_of_parameters() -> None:
    from torchvision.models import get_model

    for name, (own, options) in OURS.items():
        with torch.device("meta"):
            ours = models.build(own, **options)
            extra = {"inception_v3": {"init_weights": False}}.get(name, {})
            theirs = get_model(name, weights=None, **extra)
        assert sum(p.numel() for p in ours.parameters()) == sum(p.numel() for p in theirs.parameters()), name


def test_the_largest_efficient_networks_normalise_as_torchvisions() -> None:
    from torchvision.models import get_model

    for name in ("efficientnet_b4", "efficientnet_b5"):
        with torch.device("meta"):
            models_ = load_pretrained(name), get_model(name, weights=None)
        eps = [{m.eps for m in model.modules() if isinstance(m, nn.BatchNorm2d)} for model in models_]
        assert eps[0] == eps[1]


def test_without_a_file_the_network_is_untrained() -> None:
    with torch.device("meta"):
        model = load_pretrained("resnet18")
    assert model.linear.out_features == 1000
    assert not model.training


def test_a_folder_finds_its_file_and_asks_where_there_are_two(resnet18: Path, tmp_path: Path) -> None:
    assert find_file("resnet18", resnet18.parent) == resnet18
    with pytest.raises(PretrainedError, match=r"no file named resnet34-DIGITS\.pth; .*weights='DEFAULT'"):
        find_file("resnet34", resnet18.parent)
    for digits in ("0676ba61", "11ad3fa6"):
        (tmp_path / f"resnet50-{digits}.pth").touch()
    with pytest.raises(PretrainedError, match=r"resnet50-0676ba61\.pth, resnet50-11ad3fa6\.pth; name one"):
        find_file("resnet50", tmp_path)
    (tmp_path / "vgg16_bn-6c64b313.pth").touch()
    with pytest.raises(PretrainedError, match="vgg16-DIGITS"):  # that of vgg16_bn is another network's
        find_file("vgg16", tmp_path)
    with pytest.raises(PretrainedError, match="there is no file"):
        find_file("resnet18", tmp_path / "none.pth")


class TestRefused:
    def test_a_damaged_file(self, resnet18: Path, tmp_path: Path) -> None:
        changed = bytearray(resnet18.read_bytes())
        changed[-100] ^= 1
        path = tmp_path / resnet18.name
        path.write_bytes(bytes(changed))
        with pytest.raises(PretrainedError, match="SHA-256 that begins with"):
            load_pretrained("resnet18", path)
        path = tmp_path / "half.pth"
        path.write_bytes(resnet18.read_bytes()[:100_000])
        with pytest.raises(PretrainedError, match=r"half\.pth holds no plain tensors"):
            load_pretrained("resnet18", path)

    def test_a_file_that_would_run_code(self, tmp_path: Path) -> None:
        torch.save(nn.Linear(2, 2), tmp_path / "whole.pth")
        with pytest.raises(PretrainedError, match="holds no plain tensors"):
            load_pretrained("resnet18", tmp_path / "whole.pth")

    def test_a_training_checkpoint_and_other_things(self, tmp_path: Path) -> None:
        torch.save({"model": {"fc.weight": torch.zeros(2, 2)}, "epoch": 3}, tmp_path / "run.pth")
        with pytest.raises(PretrainedError, match="model, epoch hold others"):
            read_state(tmp_path / "run.pth")
        torch.save(torch.zeros(3), tmp_path / "tensor.pth")
        with pytest.raises(PretrainedError, match="got Tensor"):
            read_state(tmp_path / "tensor.pth")
        (tmp_path / "page.pth").write_text("<html>404 Not Found</html>")
        with pytest.raises(PretrainedError, match="holds no plain tensors"):
            read_state(tmp_path / "page.pth")

    @pytest.mark.parametrize("source", ["course", "torchvision"])
    def test_weights_of_another_network(self, source: str, resnet18: Path, tmp_path: Path) -> None:
        for name in ("resnet34", "resnet50", "densenet121"):
            with pytest.raises(PretrainedError, match=f"{resnet18.name} is no checkpoint of {name}: "):
                load_pretrained(name, resnet18, source=source)
        torch.save({"layer1.0.conv1.weight": torch.zeros(64, 64, 3, 3)}, tmp_path / "headless.pth")
        with pytest.raises(PretrainedError, match="no last linear layer"):
            load_pretrained("resnet18", tmp_path / "headless.pth", source=source)

    def test_names_that_are_no_network(self) -> None:
        with pytest.raises(ValueError, match="resnet18"):
            load_pretrained("resnet17")
        with pytest.raises(ValueError, match="source"):
            load_pretrained("resnet18", source="timm")


def test_pictures_are_prepared_as_the_weights_were_trained() -> None:
    gray = torch.full((1, 3, 2, 2), 128, dtype=torch.uint8)
    assert prepare_for("inception_v3")(gray).unique().tolist() == pytest.approx([2 * 128 / 255 - 1], abs=1e-6)
    found = prepare_for("resnet18")(gray)[0, :, 0, 0]
    assert found.tolist() == pytest.approx([(128 / 255 - m) / s for m, s in
                                            ((0.485, 0.229), (0.456, 0.224), (0.406, 0.225))], abs=1e-6)  # fmt: skip
