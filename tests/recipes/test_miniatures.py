"""The recipe of the miniatures, on small drawn pictures in place of CIFAR-10."""

from __future__ import annotations

import numpy as np
import pytest
import torch
from PIL import Image

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


def test_sheets_give_the_images_in_their_order(tmp_path) -> None:
    draws = np.random.default_rng(0)
    images = draws.integers(0, 256, (2000, 32, 32, 3), dtype=np.uint8)
    labels = draws.integers(0, 10, 2000)
    np.save(tmp_path / "labels.npy", labels)
    for number in range(2):
        part = images[1000 * number : 1000 * (number + 1)].reshape(25, 40, 32, 32, 3)
        sheet = Image.fromarray(part.transpose(0, 2, 1, 3, 4).reshape(800, 1280, 3))
        sheet.save(tmp_path / f"batch_{number:02d}.webp", lossless=True)
    found = miniatures.read_sheets(tmp_path, range(990, 1010))
    assert torch.equal(found.images, torch.from_numpy(images[990:1010].transpose(0, 3, 1, 2).copy()))
    assert found.labels.tolist() == labels[990:1010].tolist()
