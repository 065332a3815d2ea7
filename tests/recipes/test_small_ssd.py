"""The detector that runs in a page: one letter a weight, and the precision that its record states."""

from __future__ import annotations

import pytest
import torch
from torch import nn

from course_utils.data.synthetic import make_scenes
from course_utils.detection.boxes import clip
from course_utils.recipes import small_ssd, stored_weights
from course_utils.runtime import load_record


@pytest.fixture(scope="module")
def stored() -> small_ssd.SmallSSD:
    model = stored_weights.restore(small_ssd.build_model(), small_ssd.weights_path(), small_ssd.NAME)
    assert isinstance(model, small_ssd.SmallSSD)
    return model


def test_it_finds_drawn_things_as_well_as_recorded(stored: small_ssd.SmallSSD) -> None:
    record = load_record("small_ssd")
    fresh = make_scenes(120, small_ssd.SIZE, 7, "medium", **small_ssd.SCENES)  # neither trained on nor measured
    assert abs(small_ssd.measure(stored, fresh)["mAP"] - record["kept_mAP"]) < 0.07
    assert len(record["metrics"]["mAP"]) == small_ssd.RUNS
    assert min(record["metrics"]["mAP"]) > 0.85
    assert record["kept_mAP"] == record["metrics"]["mAP"][0]  # the first, not the best
    assert record["kept_seed"] == 0
    assert record["parameters"] == sum(p.numel() for p in stored.parameters()) <= 40_000


def _channels(model: nn.Module) -> list[torch.Tensor]:
    convs = [m for m in model.modules() if isinstance(m, nn.Conv2d)]
    return [row for conv in convs for row in conv.weight.detach().double().flatten(1)]


@pytest.mark.parametrize("source", ["stored", "random"])
def test_every_weight_is_a_letter_times_a_step(source: str, stored: small_ssd.SmallSSD) -> None:
    torch.manual_seed(1)
    model = stored if source == "stored" else small_ssd.build_model()
    before = _channels(model)
    if source == "random":
        small_ssd.round_to_letters(model)
    for name, value in model.state_dict().items():
        assert torch.equal(value, value.half().float()), f"float16 stores {name}"
    for row, old in zip(_channels(model), before, strict=True):
        most = float(row.abs().max())
        steps = [most / n for n in range(31, 0, -1)]
        step = next(s for s in steps if torch.equal(row / s, (row / s).round()))
        assert float((row - old).abs().max()) <= 1.04 * float(old.abs().max()) / 31 / 2 + 1e-9
        assert most <= 31 * step + 1e-12


def test_rounding_survives_a_channel_of_zeros() -> None:
    model = nn.Sequential(nn.Conv2d(1, 2, 1))
    nn.init.zeros_(model[0].weight)
    assert torch.equal(small_ssd.round_to_letters(model)[0].weight, torch.zeros(2, 1, 1, 1))


def test_folding_changes_nothing() -> None:
    torch.manual_seed(0)
    model = small_ssd.build_model(norm=True)
    for module in model.modules():
        if isinstance(module, nn.BatchNorm2d):
            for value in (module.weight, module.running_var):
                nn.init.uniform_(value, 0.5, 2)
            for value in (module.bias, module.running_mean):
                nn.init.normal_(value, std=0.3)
    x = torch.randn(2, 3, 96, 96)
    with torch.no_grad():
        expected, found = model.eval()(x), small_ssd.fold(model)(x)
    assert expected.shape == (2, 756, 15)
    assert float(expected.std()) > 0.01
    assert torch.allclose(found, expected, atol=1e-4)


def test_lessons_are_mirrored_with_their_pictures() -> None:
    """What the anchors are to say of a mirrored picture is what assign says of the mirrored boxes."""
    scenes = make_scenes(32, small_ssd.SIZE, 3, "medium", **small_ssd.SCENES)
    model = small_ssd.build_model()
    lessons = small_ssd._Lessons(scenes, model.anchors, seed=0)
    seen: set[bool] = set()
    for _ in range(6):
        for x, labels, corrections in lessons:
            plain = {bytes(one.byte().flatten().tolist()[:3000]) for one in (127.5 * (x + 1)).round()}
            flipped = not plain <= {bytes(one.flatten().tolist()[:3000]) for one in scenes.images}
            seen.add(flipped)
            # An anchor that learns an object sees it in the middle of its decoded box: the box holds coloured pixels.
            picture, anchor = (labels > 0).nonzero()[0].tolist()
            from course_utils.detection.coding import SSD_WEIGHTS, decode

            box = decode(corrections[picture, anchor][None], model.anchors[anchor][None], SSD_WEIGHTS)
            box = clip(box, (small_ssd.SIZE, small_ssd.SIZE))[0].round().int().tolist()
            true = _boxes_of(scenes, x[picture], flipped)
            assert box in true
    assert seen == {False, True}


def _boxes_of(scenes, x, flipped: bool) -> list[list[int]]:
    image = (127.5 * (x.flip(2) if flipped else x) + 127.5).round().byte()
    index = next(i for i in range(len(scenes)) if torch.equal(scenes.images[i], image))
    boxes = scenes.boxes[index].int().tolist()
    return [[96 - x2, y1, 96 - x1, y2] if flipped else [x1, y1, x2, y2] for x1, y1, x2, y2 in boxes]


def test_the_recipe_stores_the_first_seed_and_records_each(monkeypatch, tmp_path) -> None:
    saved: dict = {}
    monkeypatch.setattr(small_ssd, "save_record", lambda name, record: saved.update({name: dict(record)}))
    monkeypatch.setattr(small_ssd, "weights_path", lambda: tmp_path / "small_ssd.pt")
    for name, value in {"RUNS": 2, "EPOCHS": 1, "TRAIN": 64, "HELD_OUT": 20}.items():
        monkeypatch.setattr(small_ssd, name, value)
    record = small_ssd.run(seed=3, device="cpu", progress=False)
    assert record["seeds"] == [3, 4]
    assert record["kept_seed"] == 3
    assert record["kept_mAP"] == record["metrics"]["mAP"][0]
    assert record["command"] == "course train small_ssd --seed 3"
    assert saved["small_ssd"]["bytes"] == (tmp_path / "small_ssd.pt").stat().st_size
