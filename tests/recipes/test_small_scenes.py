"""The network that runs in a page: one byte a weight, and the accuracy that its record states."""

from __future__ import annotations

import pytest
import torch
from torch import nn

from course_utils.data.synthetic import make_object_images
from course_utils.recipes import small_scenes
from course_utils.recipes.trained import trained


def test_it_names_drawn_things_as_often_as_recorded() -> None:
    net = trained("small_scenes")
    fresh = make_object_images(400, 64, seed=7)  # neither trained on nor measured for the record
    with torch.no_grad():
        right = net.model(net.prepare(fresh.images)).argmax(1) == fresh.labels
    recorded = net.record["kept_accuracy"]
    assert abs(float(right.float().mean()) - recorded) < 4 * (recorded * (1 - recorded) / 400) ** 0.5
    assert len(net.record["metrics"]["accuracy"]) == 3
    assert min(net.record["metrics"]["accuracy"]) > 0.85
    assert net.record["kept_seed"] == 0  # the first, not the best
    assert net.record["parameters"] == sum(p.numel() for p in net.model.parameters()) <= 14_000


def _steps(weight: torch.Tensor) -> torch.Tensor:
    """The smallest powers of two, one a channel, with which a channel's weights fit in -127..127."""
    return torch.exp2(torch.ceil(torch.log2(weight.abs().flatten(1).amax(1) / 127)))


@pytest.mark.parametrize("source", ["stored", "random"])
def test_every_weight_is_a_byte_times_a_power_of_two(source: str) -> None:
    torch.manual_seed(1)
    model = trained("small_scenes").model if source == "stored" else small_scenes.build_model()
    before = {name: value.clone() for name, value in model.state_dict().items()}
    small_scenes.round_to_bytes(model)
    for name, value in model.state_dict().items():
        assert torch.equal(value, value.half().float()), "float16 stores it"
        if source == "stored":
            assert torch.equal(value, before[name]), "what is stored is rounded already"
        if name.endswith("weight"):
            step = _steps(value).reshape(-1, *[1] * (value.ndim - 1))
            whole = value / step
            assert torch.equal(whole, whole.round())
            assert float(whole.abs().flatten(1).amax(1).min()) >= 64  # seven bits at least are in use
            assert float((value - before[name]).abs().max()) <= float(step.max()) / 2 + 1e-9


def test_rounding_survives_a_channel_of_zeros() -> None:
    model = nn.Sequential(nn.Conv2d(1, 2, 1))
    nn.init.zeros_(model[0].weight)
    assert torch.isfinite(small_scenes.round_to_bytes(model)[0].weight).all()


def test_folding_changes_nothing() -> None:
    torch.manual_seed(0)
    model = small_scenes.build_model(norm=True)
    for module in model.modules():
        if isinstance(module, nn.BatchNorm2d):
            for value in (module.weight, module.running_var):
                nn.init.uniform_(value, 0.5, 2)
            for value in (module.bias, module.running_mean):
                nn.init.normal_(value, std=0.3)
    x = torch.randn(2, 3, 64, 64)
    with torch.no_grad():
        expected, found = model.eval()(x), small_scenes.fold(model)(x)
    assert float(expected.std()) > 0.01
    assert torch.allclose(found, expected, atol=1e-5)


def test_the_recipe_stores_the_first_seed_and_records_each(monkeypatch, tmp_path) -> None:
    saved: dict = {}
    monkeypatch.setattr(small_scenes, "save_record", lambda name, record: saved.update({name: dict(record)}))
    monkeypatch.setattr(small_scenes, "weights_path", lambda: tmp_path / "small_scenes.pt")
    for name, value in {"RUNS": 2, "EPOCHS": 1, "TRAIN": 128, "HELD_OUT": 40}.items():
        monkeypatch.setattr(small_scenes, name, value)
    record = small_scenes.run(seed=3, device="cpu", progress=False)
    assert record["seeds"] == [3, 4]
    assert record["kept_seed"] == 3
    assert record["kept_accuracy"] == record["metrics"]["accuracy"][0]
    assert record["command"] == "course train small_scenes --seed 3"
    assert saved["small_scenes"]["bytes"] == (tmp_path / "small_scenes.pt").stat().st_size
