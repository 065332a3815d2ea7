"""Units of the trained network: what is stored agrees with the network and the truth, and the card tells it."""

from __future__ import annotations

import json
from collections.abc import Callable
from functools import cache
from typing import Any

import numpy as np
import pytest
import torch
from torch import Tensor
from torch.nn import functional as F

from course_utils.data.synthetic import ObjectImages, make_object_images
from course_utils.explain.concepts import overlap_of_maps
from course_utils.explain.filters import as_pictures
from course_utils.explain.hooks import features
from course_utils.explain.receptive_fields import Fields, receptive_fields
from course_utils.explain.top_patches import TopPatches, cut_patches, feed_again
from course_utils.recipes.trained import Trained, trained
from course_utils.widgets.feature_viewer import DATA, MEASURED, SIDE, FeatureViewer, box_of, examine, load, purity
from tools.feature_viewer import (
    EVEN,
    HALF,
    PATCHES,
    SEED,
    SHOWN,
    STAGES,
    WORLD,
    answers_to,
    as_bytes,
    choose_units,
    cuts_of,
    decode,
    names_shown,
    parts_in,
    write,
)

REMEDY = "what is stored is older than the network: run python -m tools.feature_viewer"
NEAR = 0.02  # answers are stored with two decimals; processors differ in the last bits


@cache
def world() -> ObjectImages:
    return make_object_images(WORLD, SIDE, SEED)


@cache
def network() -> Trained:
    return trained("scenes")


@cache
def fields() -> dict[str, Fields]:
    return receptive_fields(network().model, STAGES, (3, SIDE, SIDE))


@cache
def maps() -> dict[str, Tensor]:
    x = network().prepare(world().images)
    parts = [features(network().model, part, list(STAGES)) for part in x.split(100)]
    return {stage: torch.cat([part[stage] for part in parts]) for stage in STAGES}


def numbers(stage: str, key: str) -> Tensor:
    return torch.tensor([row[key] for row in load()["stages"][stage]["units"]])


def test_pictures_are_the_chapters_and_still_to_be_recognised() -> None:
    sheet = decode(load()["pictures"]).astype(float)
    pictures = world().images[:SHOWN].permute(0, 2, 3, 1).numpy()
    cut = sheet.reshape(SHOWN // 16, SIDE, 16, SIDE, 3).swapaxes(1, 2).reshape(SHOWN, SIDE, SIDE, 3)
    assert np.abs(cut - pictures).mean() < 12
    assert load()["labels"] == world().labels[:SHOWN].tolist()
    x = torch.from_numpy(cut).permute(0, 3, 1, 2).to(torch.uint8)
    with torch.no_grad():
        right = (network().model(network().prepare(x)).argmax(1) == world().labels[:SHOWN]).double().mean()
    assert right > 0.8, "the network itself recognises the compressed pictures"


@pytest.mark.parametrize("stage", STAGES)
def test_patches_are_the_strongest_answers_in_their_order(stage: str) -> None:
    answers, stored = maps()[stage], load()["stages"][stage]
    units, scores = numbers(stage, "unit"), numbers(stage, "scores")
    peak = answers[:SHOWN].amax((2, 3)).T[units]
    assert torch.allclose(peak.topk(PATCHES).values, scores, atol=NEAR), REMEDY
    places, pictures = numbers(stage, "places"), numbers(stage, "pictures")
    there = answers.flatten(2)[pictures, units[:, None], places]
    assert torch.allclose(there, scores, atol=NEAR), REMEDY
    assert (scores.diff(dim=1) <= 0).all()
    assert all(len(set(row)) == PATCHES for row in pictures.tolist()), "one patch a picture"
    assert torch.allclose(answers.amax((0, 2, 3))[units], numbers(stage, "most"), atol=NEAR), REMEDY
    assert stored["width"] == answers.shape[1]


@pytest.mark.parametrize("stage", STAGES)
def test_patches_alone_bring_the_answers_back(stage: str) -> None:
    """What JavaScript and Python cut out is all that the unit saw: shown alone, the answer is the same."""
    stored, field = load()["stages"][stage], fields()[stage]
    assert field.rows.tolist() == stored["ends"], REMEDY
    assert field.size == (stored["size"], stored["size"])
    made = FeatureViewer(stage)
    width, boxes = len(stored["ends"]), []
    for made.unit in range(len(stored["units"])):
        for made.patch in range(PATCHES):
            picture, box = made.box
            boxes.append(box)
            assert parts_in(world(), picture, box) == made.row["shows"][made.patch]
    places = numbers(stage, "places")
    top = TopPatches(stage, numbers(stage, "unit"), numbers(stage, "scores"), numbers(stage, "pictures"),
                     torch.stack([places // width, places % width], -1),
                     torch.tensor(boxes).view(*places.shape, 4), field)  # fmt: skip
    again = feed_again(network().model, network().prepare(world().images), top)
    assert torch.allclose(again, top.scores, atol=NEAR)
    made.unit = 3
    sheet = decode(load()["pictures"]).reshape(SHOWN // 16, SIDE, 16, SIDE, 3).swapaxes(1, 2)
    stored_pictures = torch.from_numpy(sheet.reshape(SHOWN, SIDE, SIDE, 3).copy()).permute(0, 3, 1, 2)
    expected = cut_patches(stored_pictures, top, fill=225)[3].permute(0, 2, 3, 1).numpy()
    np.testing.assert_array_equal(made.patches(), expected)


@pytest.mark.parametrize("stage", STAGES)
def test_names_are_those_of_the_truth(stage: str) -> None:
    answers, units = maps()[stage], numbers(stage, "unit")
    masks = torch.stack([F.avg_pool2d(m.float(), 2) > 0.5 for m in world().part_masks.values()], 1)
    mine = answers[:, units]
    first, second = (overlap_of_maps(mine[part], masks[part]) for part in (slice(HALF), slice(HALF, None)))
    assert torch.allclose(1000 * second, numbers(stage, "overlap").float(), atol=1.5), REMEDY
    chosen = first.gather(1, numbers(stage, "name")[:, None])[:, 0]
    assert torch.allclose(chosen, first.amax(1), atol=0.002), REMEDY
    at = list(world().part_masks).index("wheel")
    wheel = overlap_of_maps(answers[:HALF], masks[:HALF, at : at + 1])[:, 0]
    assert [unit for unit, _ in choose_units(answers.shape[1], wheel)] == units.tolist(), REMEDY
    assert units[:EVEN].tolist() == [i * answers.shape[1] // EVEN for i in range(EVEN)]
    shown, peak = names_shown(world()), answers.amax((2, 3))[HALF:]
    assert load()["base"] == shown[HALF:].sum(0).tolist()
    assert MEASURED == WORLD - HALF
    strongest = peak[:, units].argsort(dim=0, descending=True, stable=True)[:50]
    counts = shown[HALF:][strongest].sum(0)
    assert (counts - numbers(stage, "share")).abs().max() <= 2, REMEDY


@pytest.mark.parametrize("stage", STAGES[1:])
def test_unit_images_excite_their_units_more_than_pictures_do(stage: str) -> None:
    stored, units = load()["stages"][stage], numbers(stage, "unit").tolist()
    cuts = cuts_of(decode(load()["images"]), stored["strip"], stored["size"], len(units))
    answers = answers_to(network(), stage, units, cuts, fields()[stage])
    assert torch.allclose(answers, numbers(stage, "image"), atol=NEAR, rtol=0.01), REMEDY
    alive = numbers(stage, "most") > 0
    assert alive.sum() >= 10
    beaten = (answers > numbers(stage, "most"))[alive].double().mean()
    assert beaten >= 0.8, "a unit image answers more strongly than the best of 800 pictures, but for a few"
    usual = maps()[stage].amax((2, 3)).quantile(0.95, dim=0)[units]
    assert (answers > usual)[alive].all(), "and always more strongly than 19 of 20 pictures"
    noise = torch.rand(len(units), 3, stored["size"], stored["size"], generator=torch.Generator().manual_seed(0))
    assert (answers > answers_to(network(), stage, units, noise, fields()[stage]))[alive].all()
    others = answers_to(network(), stage, units, cuts.roll(1, 0), fields()[stage])
    assert (answers > others)[alive].double().mean() > 0.9, "each image is its own unit's"


def test_filters_are_the_networks() -> None:
    units = numbers("stage1", "unit")
    expected = as_bytes(as_pictures(network().model.stage1.conv1.weight.detach()[units]))
    for at in range(len(units)):
        np.testing.assert_array_equal(FeatureViewer("stage1", int(units[at])).unit_image(), expected[at])


def test_examine_counts_what_the_patches_show() -> None:
    data, seen = load(), set()
    for stage in STAGES:
        for at, row in enumerate(data["stages"][stage]["units"]):
            for name in ("wheel", "eye", "bus"):
                found = examine(data, stage, at, name)
                for k, here in enumerate(found["here"]):
                    picture, box = row["pictures"][k], box_of(data["stages"][stage]["ends"], row["places"][k])
                    if name == "bus":
                        truth = bool(world().labels[picture] == data["classes"].index("bus"))
                    else:
                        x1, y1, x2, y2 = box
                        truth = bool(world().part(name)[picture, y1:y2, x1:x2].sum() >= 4)
                    assert here == (truth if row["scores"][k] > 0 else None)
                    seen.add(here)
                assert found["hits"] == sum(one is True for one in found["here"])
    assert seen >= {True, False}
    assert examine(data, "stage3", 0, "bus")["overlap"] is None
    assert purity([1, 1, 2]) == pytest.approx(2 / 3)


def test_sizes_words_and_wrong_arguments() -> None:
    assert DATA.stat().st_size <= 120_000
    made = FeatureViewer()
    state = {name: value for name, value in made.get_state().items() if not name.startswith("_")}
    assert len(json.dumps(state)) <= 90_000
    assert json.loads(write(load())) == load()
    assert "Unit 0 of stage3" in made.static_text
    assert len(made.static_svg()) < 30_000
    assert made.units[:2] == [0, 6]
    assert FeatureViewer("stage2", 3).row["unit"] == 3
    with pytest.raises(ValueError, match="stage must be one of"):
        FeatureViewer("stage5")
    with pytest.raises(ValueError, match="unit must be one of"):
        FeatureViewer("stage3", 1)
    with pytest.raises(ValueError, match="name must be one of"):
        FeatureViewer(name="sail")


@pytest.mark.browser
def test_canvases_show_the_pieces_that_python_cuts(open_widget: Callable[..., Any]) -> None:
    made = FeatureViewer("stage3")
    page = open_widget(made)
    page.wait_for_function("document.querySelector('.fv-patch canvas').width === 38")
    page.wait_for_timeout(200)
    read = """async (canvas) => {
      const shot = await createImageBitmap(canvas), copy = new OffscreenCanvas(shot.width, shot.height);
      const context = copy.getContext('2d', { willReadFrequently: true });
      context.drawImage(shot, 0, 0);
      return [...context.getImageData(0, 0, shot.width, shot.height).data];
    }"""
    for at in (0, 4):
        made.unit = at
        page.locator(".fv-unit").nth(at).click()
        pieces = made.patches().astype(float)
        for k in (0, 5):
            pixels = np.array(page.locator(".fv-patch canvas").nth(k).evaluate(read)).reshape(38, 38, 4)[..., :3]
            seen = (pieces[k] != 225).any(-1)  # the rest has the colour of the theme
            assert seen.mean() > 0.5
            assert np.abs(pixels[seen] - pieces[k][seen]).mean() < 4, "decoders round colours differently"
        image = np.array(page.locator(".fv-pair canvas").nth(1).evaluate(read)).reshape(38, 38, 4)[..., :3]
        assert np.abs(image - made.unit_image()).mean() < 4


@pytest.mark.browser
def test_keys_choose_units_and_patches_and_the_name_is_tested(open_widget: Callable[..., Any]) -> None:
    made = FeatureViewer("stage3")
    page = open_widget(made)
    status = page.locator("[role=status]")
    page.locator(".fv-grid").focus()
    page.keyboard.press("ArrowRight")
    page.keyboard.press("ArrowDown")
    made.unit = 8
    assert f"Unit {made.row['unit']} of stage3" in status.inner_text()
    page.locator(".fv-wall").focus()
    page.keyboard.press("ArrowDown")
    made.patch = 3
    picture, (x1, _, x2, _) = made.box
    kind = made.data["classes"][made.data["labels"][picture]]
    assert f"Patch 4: answer {made.row['scores'][3]:.1f}" in status.inner_text()
    assert f"{kind}, columns {x1} to {x2 - 1}" in status.inner_text()
    box = page.locator(".fv-box")
    assert [float(box.get_attribute(one)) for one in ("x", "width")] == [x1, x2 - x1]
    page.get_by_label("I say: it finds").select_option("class: house")
    made.name = "house"
    found = made.finding
    assert f"“house”: in {found['hits']} of {found['answers']} patches" in status.inner_text()
    assert page.locator(".fv-no").count() == found["answers"] - found["hits"]
    page.get_by_role("button", name="Take the part that fits best").click()
    best = made.data["parts"][made.row["name"]]
    assert f"of all parts, {best} fits unit {made.row['unit']} best" in status.inner_text()
    assert page.get_by_label("I say: it finds").input_value() == best
    page.get_by_label("Stage", exact=True).select_option("stage1")
    page.wait_for_function("document.querySelector('.fv-pair figure:last-child canvas').width === 7")
    assert "The filter itself" in page.locator(".fv-pair").inner_text()
