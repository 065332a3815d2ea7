"""Networks to look into: what is stored is what was measured, and nothing else is opened."""

from __future__ import annotations

from types import SimpleNamespace

import pytest
import torch
from torch import nn

from course_utils import data
from course_utils.data.synthetic import OBJECTS, make_object_images
from course_utils.recipes import RECIPES, cifar10_resnet, scenes, stored_weights
from course_utils.recipes.trained import MADE_BY, trained
from course_utils.runtime import load_record, results_dir

# Networks whose run is recorded; the others must say how they are made.
NAMES = tuple(name for name, recipe in MADE_BY.items() if (results_dir() / f"{recipe}.json").is_file())


@pytest.mark.parametrize("name", NAMES)
def test_a_trained_network_is_what_its_record_says(name: str) -> None:
    net = trained(name)
    assert not net.model.training
    assert sum(p.numel() for p in net.model.parameters()) == net.record["parameters"] <= 900_000
    assert {p.dtype for p in net.model.parameters()} == {torch.float32}
    assert all(torch.equal(v, v.half().float()) for v in net.model.state_dict().values() if v.is_floating_point())
    path = results_dir() / net.record["weights"]
    assert path.stat().st_size == net.record["bytes"] <= stored_weights.LARGEST
    assert "preliminary" not in net.record
    scores = dict(zip(net.record["seeds"], net.record["metrics"]["accuracy"], strict=True))
    assert net.record["kept_seed"] == net.record["seeds"][0]  # decided before, not chosen after
    assert net.record["kept_accuracy"] == scores[net.record["kept_seed"]]
    assert net.record["name"] in RECIPES
    assert len(net.classes) == 10


@pytest.mark.parametrize("name", NAMES)
def test_pictures_are_prepared_alike_from_bytes_and_floats_and_let_gradients_pass(name: str) -> None:
    net = trained(name)
    pictures = torch.randint(0, 256, (2, 3, 32, 32), dtype=torch.uint8)
    x = (pictures.float() / 255).requires_grad_()
    assert torch.allclose(net.prepare(pictures), net.prepare(x))
    net.prepare(x).sum().backward()
    assert x.grad is not None
    assert float(x.grad.min()) > 0


def test_the_network_of_scenes_names_drawn_things_as_often_as_recorded() -> None:
    net = trained("scenes")
    fresh = make_object_images(400, 64, seed=7)  # neither trained on nor measured for the record
    with torch.no_grad():
        right = net.model(net.prepare(fresh.images)).argmax(1) == fresh.labels
    assert net.classes == fresh.classes
    recorded = net.record["kept_accuracy"]
    spread = (recorded * (1 - recorded) / 400) ** 0.5
    assert abs(float(right.float().mean()) - recorded) < 4 * spread
    assert 0.95 < recorded < 1  # good, and a few mistakes are left to explain


def test_the_network_of_scenes_is_plain() -> None:
    model = trained("scenes").model
    assert [name for name, _ in model.named_children()] == ["stage1", "stage2", "stage3", "stage4", "head"]
    kinds = {type(m) for m in model.modules() if not list(m.children())}
    assert kinds == {nn.Conv2d, nn.ReLU, nn.MaxPool2d, nn.AdaptiveAvgPool2d, nn.Flatten, nn.Linear}
    maps = model.stage1(torch.zeros(1, 3, 64, 64))
    assert maps.shape == (1, scenes.WIDTHS[0], 32, 32)


def test_weights_and_records_come_together() -> None:
    assert "scenes" in NAMES
    for name, recipe in MADE_BY.items():
        assert stored_weights.weights_path(recipe).is_file() == (name in NAMES)


def test_the_network_of_photographs_is_as_good_as_recorded() -> None:
    if "cifar10" not in NAMES:
        with pytest.raises(stored_weights.WeightsError, match="course train cifar10_resnet"):
            trained("cifar10")
        return
    net = trained("cifar10")
    assert net.classes[3] == "cat"
    assert net.record["kept_accuracy"] > 0.85
    try:
        images = data.load("cifar10", "train")
    except data.DataNotFound:
        pytest.skip("CIFAR-10 is not in the data folder")
    held_out = images.subset(slice(40_000, 41_000))
    with torch.no_grad():
        right = net.model(net.prepare(held_out.images)).argmax(1) == held_out.labels
    assert abs(float(right.float().mean()) - net.record["kept_accuracy"]) < 0.04


def test_there_is_no_other_network() -> None:
    with pytest.raises(ValueError, match="scenes"):
        trained("imagenet")


class TestStored:
    def test_a_changed_file_is_refused(self, monkeypatch, tmp_path) -> None:
        changed = bytearray(scenes.weights_path().read_bytes())
        changed[len(changed) // 2] ^= 1
        (tmp_path / "scenes.pt").write_bytes(bytes(changed))
        monkeypatch.setattr(scenes, "weights_path", lambda: tmp_path / "scenes.pt")
        with pytest.raises(stored_weights.WeightsError, match=r"SHA-256 .* course train scenes"):
            trained("scenes")

    def test_a_missing_file_names_the_remedy(self, monkeypatch, tmp_path) -> None:
        monkeypatch.setattr(cifar10_resnet, "weights_path", lambda: tmp_path / "none.pt")
        with pytest.raises(stored_weights.WeightsError, match="course train cifar10_resnet"):
            trained("cifar10")

    def test_what_is_stored_comes_back_to_the_bit(self, monkeypatch, tmp_path) -> None:
        model = nn.Sequential(nn.Conv2d(3, 4, 3), nn.BatchNorm2d(4))
        model(torch.randn(2, 3, 8, 8))
        stored_weights.round_to_half(model)
        said = stored_weights.store(model, tmp_path / "new" / "net.pt")
        assert said["weights"] == "weights/net.pt"
        monkeypatch.setattr(stored_weights, "load_record", lambda name: said)
        twin = stored_weights.restore(
            nn.Sequential(nn.Conv2d(3, 4, 3), nn.BatchNorm2d(4)), tmp_path / "new/net.pt", "x"
        )
        for name, value in model.state_dict().items():
            assert torch.equal(twin.state_dict()[name], value)
            assert twin.state_dict()[name].dtype == value.dtype
        assert not twin.training

    def test_a_network_too_large_to_travel_is_refused(self, tmp_path) -> None:
        with pytest.raises(ValueError, match="at most 2000000 bytes"):
            stored_weights.store(nn.Linear(1100, 1000), tmp_path / "large.pt")


class TestRecipes:
    def test_folding_changes_nothing(self) -> None:
        torch.manual_seed(0)
        model = scenes.build_model(norm=True)
        for module in model.modules():
            if isinstance(module, nn.BatchNorm2d):
                for value in (module.weight, module.running_var):
                    nn.init.uniform_(value, 0.5, 2)
                for value in (module.bias, module.running_mean):
                    nn.init.normal_(value, std=0.3)
        x = torch.randn(2, 3, 64, 64)
        with torch.no_grad():
            expected, found = model.eval()(x), scenes.fold(model)(x)
        assert float(expected.std()) > 0.01
        assert torch.allclose(found, expected, atol=1e-5)

    def test_scenes_stores_the_first_seed_and_records_each(self, monkeypatch, tmp_path) -> None:
        saved: dict = {}
        monkeypatch.setattr(scenes, "save_record", lambda name, record: saved.update({name: record}))
        monkeypatch.setattr(scenes, "weights_path", lambda: tmp_path / "scenes.pt")
        monkeypatch.setattr(scenes, "make_object_images", lambda n, size, seed: make_object_images(n, 32, seed))
        for name, value in {"TRAIN": 64, "HELD_OUT": 40, "EPOCHS": 1}.items():
            monkeypatch.setattr(scenes, name, value)
        record = RECIPES["scenes"](seed=3, device="cpu", progress=False)
        assert saved["scenes"] == record
        assert record["seeds"] == [3, 4, 5]
        assert record["kept_accuracy"] == record["metrics"]["accuracy"][0]
        assert record["sha256"] == stored_weights.sha256(tmp_path / "scenes.pt")
        assert record["command"] == "course train scenes --seed 3"
        monkeypatch.setattr(stored_weights, "load_record", lambda name: record)
        monkeypatch.setattr("course_utils.recipes.trained.load_record", lambda name: record)
        assert trained("scenes").record == record

    def test_cifar10_trains_on_the_first_and_measures_on_the_last(self, monkeypatch, tmp_path) -> None:
        pictures = data.synthetic.make_images(224, size=32, seed=1)
        images = data.ImageSet(pictures.images, pictures.labels, cifar10_resnet.CLASSES, "cifar10/train")
        seen = SimpleNamespace(trained=0)
        train = cifar10_resnet.train

        def watched(images, *args, **options):
            seen.trained = len(images)
            return train(images, *args, **options)

        saved: dict = {}
        monkeypatch.setattr(cifar10_resnet.data, "load", lambda name, split: images)
        monkeypatch.setattr(cifar10_resnet, "train", watched)
        monkeypatch.setattr(cifar10_resnet, "save_record", lambda name, record: saved.update({name: record}))
        monkeypatch.setattr(cifar10_resnet, "weights_path", lambda: tmp_path / "cifar10_resnet.pt")
        monkeypatch.setattr(cifar10_resnet, "EPOCHS", 1)
        monkeypatch.setattr(cifar10_resnet, "TRAIN", range(160))
        monkeypatch.setattr(cifar10_resnet, "HELD_OUT", range(160, 224))
        record = RECIPES["cifar10_resnet"](device="cpu", progress=False)
        assert seen.trained == 160
        assert saved["cifar10_resnet"] == record
        assert (record["accuracy_by_class"].keys()) == set(cifar10_resnet.CLASSES)
        assert record["bytes"] < stored_weights.LARGEST


def test_records_and_weights_belong_to_recipes() -> None:
    for name in NAMES:
        assert load_record(MADE_BY[name])["command"].startswith(f"course train {MADE_BY[name]}")
    assert len(OBJECTS) == 10
