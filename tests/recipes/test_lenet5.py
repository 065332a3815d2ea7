"""The recipes of LeNet-5, on digits drawn for the test in place of MNIST."""

from __future__ import annotations

import pytest
import torch

from course_utils import data
from course_utils.recipes import RECIPES, lenet5


@pytest.fixture
def small(monkeypatch: pytest.MonkeyPatch) -> dict:
    digits = data.load("digits", "train").subset(torch.arange(160))
    large = torch.nn.functional.interpolate(digits.images.float(), 28).to(torch.uint8)
    images = data.ImageSet(large, digits.labels, digits.classes, "mnist")
    saved: dict = {}
    monkeypatch.setattr(lenet5.data, "load", lambda name, split: images)
    monkeypatch.setattr(lenet5, "save_record", lambda name, record: saved.update({name: record}))
    monkeypatch.setattr(lenet5, "SEEDS", 2)
    short = {name: lenet5.Setting(s.network, 12, s.lr, 32, s.shift) for name, s in lenet5.SETTINGS.items()}
    monkeypatch.setattr(lenet5, "SETTINGS", short)
    return saved


@pytest.mark.parametrize("name", ["lenet5", "lenet5_modern"])
def test_a_recipe_trains_its_network_and_records_each_seed(small: dict, name: str) -> None:
    record = RECIPES[name](seed=3, device="cpu", progress=False)
    assert small[name] == record
    assert record["seeds"] == [3, 4]
    assert len(record["metrics"]["error"]) == 2
    assert max(record["metrics"]["error"]) < 0.3
    assert record["parameters"] == {"lenet5": 60_000, "lenet5_modern": 61_706}[name]
    assert record["command"] == f"course train {name} --seed 3"


def test_digits_are_prepared_as_in_the_paper() -> None:
    x = lenet5.to_paper(torch.stack([torch.zeros(1, 28, 28), torch.ones(1, 28, 28)]))
    assert x.shape == (2, 1, 32, 32)
    assert x[0].unique().tolist() == pytest.approx([-0.1])
    assert float(x[1, 0, 16, 16]) == pytest.approx(1.175)
    assert float(x[1, 0, 0, 0]) == pytest.approx(-0.1)
