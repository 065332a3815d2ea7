"""The recipes against the clock, on a few drawn pictures in place of CIFAR-10."""

from __future__ import annotations

from dataclasses import replace

import pytest
import torch

from course_utils import data
from course_utils.recipes import RECIPES, cifar10
from course_utils.runtime.allocation import keep_freed_memory
from course_utils.training import Speed

SMALL = cifar10.Setting((8, 12, 16), epochs=2, seeds=2, batch_size=32)
HOW = Speed(torch.device("cpu"))


@pytest.fixture(scope="module")
def pictures() -> data.ImageSet:
    return data.synthetic.make_images(320, size=32, seed=1)


def test_a_run_learns_and_is_the_same_again(pictures: data.ImageSet) -> None:
    model, history = cifar10.train_one(replace(SMALL, epochs=8), pictures, 0, HOW, progress=False)
    again, _ = cifar10.train_one(replace(SMALL, epochs=8), pictures, 0, HOW, progress=False)
    assert history.train_loss[-1] < history.train_loss[0] - 0.2
    assert all(torch.equal(a, b) for a, b in zip(model.parameters(), again.parameters(), strict=True))
    assert history.lr[0] < max(history.lr)
    assert history.lr[-1] < 0.1 * max(history.lr)


def test_views_of_a_network_that_sees_no_position_agree() -> None:
    views = cifar10.ViewMean(lambda x: x[:, :, 3:-3, 3:-3].mean((2, 3)))
    flat = torch.rand(4, 3, 1, 1).expand(4, 3, 12, 12)
    assert torch.allclose(views(flat), flat[:, :, 0, 0], atol=1e-6)
    corner = cifar10.ViewMean(lambda x: x[:, :, 0, 0])
    x = torch.rand(2, 3, 6, 6)
    by_hand = (2 * (x[:, :, 0, 0] + x[:, :, 0, 5]) + 2 * (x[:, :, 1, 1] + x[:, :, 1, 4])) / 8
    assert torch.allclose(corner(x), by_hand, atol=1e-6)


def test_a_record_is_written_after_each_network(monkeypatch: pytest.MonkeyPatch, pictures: data.ImageSet) -> None:
    saved: list[list[int]] = []
    whole = data.ImageSet(pictures.images.repeat(157, 1, 1, 1)[:50_000], pictures.labels.repeat(157)[:50_000],
                          pictures.classes, "drawn")  # fmt: skip
    monkeypatch.setattr(data, "load", lambda name, split: whole)
    monkeypatch.setattr(cifar10, "TRAIN", range(320))
    monkeypatch.setattr(cifar10, "HELD_OUT", range(40_000, 40_200))
    monkeypatch.setattr(cifar10, "save_record", lambda name, record: saved.append(list(record["seeds"])))
    monkeypatch.setitem(cifar10.SETTINGS, "cifar10_minute", SMALL)
    record = RECIPES["cifar10_minute"](seed=3, device="cpu", progress=False)
    assert saved == [[3], [3, 4]]
    assert record["command"] == "course train cifar10_minute --seed 3"
    assert {len(values) for values in record["metrics"].values()} == {2}
    assert record["setting"]["widths"] == (8, 12, 16)
    assert "200 of the" in record["data"]


def test_memory_is_kept_where_the_allocator_can_be_told(monkeypatch: pytest.MonkeyPatch) -> None:
    assert keep_freed_memory() in (True, False)
    monkeypatch.setattr("sys.platform", "win32")
    assert keep_freed_memory() is False
