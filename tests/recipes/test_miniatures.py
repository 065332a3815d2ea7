"""The recipe of the miniatures, on small drawn pictures in place of CIFAR-10."""

from __future__ import annotations

import pytest

from course_utils import data
from course_utils.recipes import RECIPES, miniatures


def test_a_record_is_written_after_each_seed_and_says_of_how_many(monkeypatch: pytest.MonkeyPatch) -> None:
    pictures = data.synthetic.make_images(160, size=32, seed=1)
    saved: list[dict] = []
    monkeypatch.setattr(miniatures, "load_images", lambda: (pictures, pictures))
    monkeypatch.setattr(miniatures, "save_record", lambda name, record: saved.append({name: record}))
    monkeypatch.setattr(miniatures, "SEEDS", 2)
    monkeypatch.setattr(miniatures, "EPOCHS", 1)
    chosen = {name: miniatures.NETWORKS[name] for name in ("LeNet", "residual 8")}
    monkeypatch.setattr(miniatures, "NETWORKS", chosen)
    record = RECIPES["miniatures"](seed=3, device="cpu")
    assert [entry["miniatures"]["seeds"] for entry in saved] == [[3], [3, 4]]
    assert saved[-1]["miniatures"] == record
    assert record["command"] == "course train miniatures --seed 3"
    assert set(record["metrics"]) == set(chosen)
    assert all(len(values) == 2 and 0 <= min(values) <= max(values) <= 1 for values in record["metrics"].values())
    assert record["parameters"]["LeNet"] == sum(p.numel() for p in chosen["LeNet"]().parameters())
