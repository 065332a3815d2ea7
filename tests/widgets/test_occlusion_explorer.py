"""The network in the page against torch and `course_utils.explain`, on the trained weights; and what a reader does."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch

from course_utils.data.synthetic import make_object_images
from course_utils.explain import occlusion, saliency, sanity
from course_utils.recipes import small_scenes
from course_utils.recipes.trained import trained
from course_utils.widgets import OcclusionExplorer
from course_utils.widgets import small_network as net
from course_utils.widgets.occlusion_explorer import METHODS, SIZE, stride_of
from tests.widgets.test_twins import plain, run_node


def close(found: Any, expected: torch.Tensor, tolerance: float = 1e-4) -> bool:
    """Whether no number differs by more than ``tolerance`` of the largest."""
    expected = expected.double().flatten()
    return float((torch.as_tensor(found).double().flatten() - expected).abs().max()) <= tolerance * float(
        expected.abs().max()
    )


@pytest.fixture(scope="module")
def made() -> OcclusionExplorer:
    return OcclusionExplorer()


def test_the_page_computes_what_torch_computes_in_float32(made: OcclusionExplorer, tmp_path: Path) -> None:
    """Unlike the twins, which compare each function in float64: the whole way, with the trained network."""
    model, rng = trained("small_scenes").model, np.random.default_rng(3)
    layers = plain(net.unpack_network(made.network))
    pictures = make_object_images(20, SIZE, seed=11).images.float()
    pictures[10:] = torch.from_numpy(rng.integers(0, 256, (10, 3, SIZE, SIZE))).float()  # noise fires other units
    x = small_scenes.prepare(pictures / 255)
    flat, calls, expected = [one.flatten().tolist() for one in x], [], []
    for one, given in zip(x, flat):
        target, patch = int(rng.integers(10)), int(rng.integers(4, 33))
        top, left = (int(v) for v in rng.integers(0, SIZE - patch + 1, 2))
        covered = one.clone()
        covered[:, top : top + patch, left : left + patch] = 0
        with torch.no_grad():
            before, after = model(torch.stack([one, covered]))
        calls += [("scores", [given, SIZE, layers]), ("drops", [given, SIZE, layers, target, patch, [[top, left]]])]
        expected += [before, (before - after)[target]]
        calls.append(("inputGradient", [given, SIZE, layers, target]))
        expected.append(saliency.input_gradient(model, one[None], target))
    results = run_node(made._esm, calls, tmp_path)["results"]
    for (name, arguments), found, right in zip(calls, results, expected, strict=True):
        scale = 1e-4 if name != "drops" else 1e-4 * max(1.0, 10 / max(float(right.abs()), 1e-3))  # a difference of two
        assert close(found, right, scale), (name, arguments[3:])


@pytest.mark.parametrize(("patch", "target"), [(16, 1), (28, 4), (10, 9)])
def test_the_map_is_that_of_explain(made: OcclusionExplorer, tmp_path: Path, patch: int, target: int) -> None:
    model, stride = trained("small_scenes").model, stride_of(patch) if patch > 10 else 9
    pictures = make_object_images(2, SIZE, seed=5 + patch)
    x = small_scenes.prepare(pictures.images)
    fallen = occlusion.occlusion(model, x, target, patch=patch, stride=stride)
    expected = occlusion.spread(fallen, (SIZE, SIZE), patch, stride)
    layers, where = plain(net.unpack_network(made.network)), net.places(SIZE, patch, stride)
    calls = [("drops", [one.flatten().tolist(), SIZE, layers, target, patch, where]) for one in x]
    drops = run_node(made._esm, calls, tmp_path)["results"]
    maps = run_node(made._esm, [("spread", [one, where, SIZE, patch]) for one in drops], tmp_path)["results"]
    shares = [("shareInside", [m, mask.flatten().int().tolist()]) for m, mask in zip(maps, pictures.object_masks)]
    for one, right, found, said in zip(drops, fallen, maps, expected):
        assert close(one, right)
        assert close(found, said)
    found_shares = run_node(made._esm, shares, tmp_path)["results"]
    assert np.allclose(found_shares, sanity.mass_inside(expected, pictures.object_masks).numpy(), atol=1e-4)


def test_stored_weights_are_the_measured_ones(made: OcclusionExplorer) -> None:
    kept = [value for name, value in trained("small_scenes").model.state_dict().items()]
    stored = [layer[name] for layer in net.unpack_network(made.network) for name in ("weight", "bias")]
    for value, array in zip(kept, stored, strict=True):
        assert np.array_equal(value.double().flatten().numpy(), array)


def test_pictures_keep_their_outline_and_nearly_their_colours(made: OcclusionExplorer) -> None:
    shown = make_object_images(6, SIZE, seed=1)
    stored = OcclusionExplorer(pictures=shown).pictures
    for one, image, mask, label in zip(stored, shown.images, shown.object_masks, shown.labels, strict=True):
        found = net.unpack_picture(one)
        assert np.array_equal(np.array(found["mask"]), mask.flatten().numpy())
        assert np.abs(np.array(found["bytes"]) - image.flatten().numpy().astype(int)).mean() < 6
        assert one["label"] == label
    nothing = net.pack_picture(shown.images[0].numpy(), np.zeros((SIZE, SIZE), dtype=bool), 2)
    assert sum(net.unpack_picture(nothing)["mask"]) == 0


def test_colours_lost_in_storing_change_no_answer(made: OcclusionExplorer) -> None:
    """What the page reads of the six pictures is what the network says of the whole ones."""
    from course_utils.widgets.occlusion_explorer import EXAMPLE_SEED, EXAMPLES

    model = trained("small_scenes").model
    whole = small_scenes.prepare(make_object_images(24, SIZE, EXAMPLE_SEED).images[list(EXAMPLES)])
    stored = torch.tensor([net.unpack_picture(one)["bytes"] for one in made.pictures]).reshape(whole.shape)
    with torch.no_grad():
        before, after = (model(x).argmax(1) for x in (whole, small_scenes.prepare(stored / 255)))
    assert torch.equal(before, after)
    wrong = before != torch.tensor([one["label"] for one in made.pictures])
    assert wrong.tolist() == [False, False, False, True, True, False]  # two mistakes to explain


def test_state_is_small(made: OcclusionExplorer) -> None:
    stored = sum(len(str(value)) for name, value in made.get_state().items() if not name.startswith("_"))
    assert stored < 45_000
    module = Path(__file__).parents[2] / "course_utils" / "widgets" / "occlusion_explorer.js"
    assert module.stat().st_size < 25_000


def test_python_says_what_the_square_takes() -> None:
    made = OcclusionExplorer(row=60, column=60)
    assert made.place == (48, 48)
    assert made.fall == pytest.approx(made.scores(False)[1] - made.scores(True)[1])
    assert made.label == 1  # bus
    assert made.scores() == made.scores(True)
    made.covered = False
    assert made.scores() == made.scores(False)
    made.picture, made.target = 3, "true"
    assert made.classes[made.label] == "bird"
    made.target = "predicted"
    assert made.classes[made.label] == "horse"
    made.target = "tree"
    assert made.label == made.classes.index("tree")


def test_maps_are_scored_against_the_outline() -> None:
    made = OcclusionExplorer()
    shares = {method: made.share(method) for method in METHODS[1:]}
    chance = float(np.mean(net.unpack_picture(made.pictures[0])["mask"]))
    for method, (share, uniform) in shares.items():
        assert made.map(method).shape == (SIZE, SIZE)
        assert uniform == pytest.approx(chance)
        assert share > chance, "each of the three points at the bus rather than beside it"
    assert "of the occlusion map" in made.static_text
    assert made.map("saliency").min() >= 0
    assert made.map("gradient × input").min() < 0


def test_wrong_arguments_are_refused() -> None:
    with pytest.raises(ValueError, match="picture must be at most 5, got 6"):
        OcclusionExplorer(picture=6)
    with pytest.raises(ValueError, match="size must be at least 4, got 2"):
        OcclusionExplorer(size=2)
    with pytest.raises(ValueError, match="dragon"):
        OcclusionExplorer(target="dragon")
    with pytest.raises(ValueError, match="64 by 64 in colour"):
        OcclusionExplorer(pictures=make_object_images(2, 32))
    with pytest.raises(ValueError, match="must be one of"):
        OcclusionExplorer().map("by hand")


@pytest.mark.browser
class TestInThePage:
    def test_the_patch_follows_mouse_and_keys(self, open_widget: Callable[..., Any]) -> None:
        made = OcclusionExplorer()
        page = open_widget(made)
        status, area = page.locator("[role=status]"), page.locator(".cw-surface")
        box = area.bounding_box()
        page.mouse.move(box["x"] + 0.5 * box["width"], box["y"] + 0.5 * box["height"])
        page.mouse.down()
        page.mouse.move(box["x"] + 0.75 * box["width"], box["y"] + 0.625 * box["height"], steps=3)
        page.mouse.up()
        assert "at row 32, column 40" in status.inner_text()
        area.focus()
        page.keyboard.press("ArrowLeft")
        page.keyboard.press("Shift+ArrowUp")
        assert "at row 31, column 36" in status.inner_text()
        made.row, made.column = 31, 36
        assert f"→ {made.scores()[1]:.1f})" in status.inner_text()
        page.keyboard.press("Enter")
        assert "Nothing covered" in status.inner_text()

    def test_the_whole_map_comes_without_freezing_the_page(self, open_widget: Callable[..., Any]) -> None:
        made = OcclusionExplorer()
        page = open_widget(made)
        page.evaluate(
            """() => { window.longest = 0; window.frames_ = 0; let last = performance.now();
              const tick = () => { const now = performance.now(); window.longest = Math.max(window.longest, now - last);
                last = now; window.frames_ += 1; requestAnimationFrame(tick); };
              requestAnimationFrame(tick); }"""
        )
        page.get_by_label("Map", exact=True).select_option("occlusion")
        assert "Trying every place" in page.locator("[role=status]").inner_text()
        page.wait_for_function("document.querySelector('[role=status]').textContent.includes('Map occlusion')")
        share, chance = made.share("occlusion")
        told = page.locator("[role=status]").inner_text()
        assert f"{100 * share:.0f} % inside the object, {share / chance:.1f} times chance" in told
        print(f"{page.evaluate('window.frames_')} frames, the longest {page.evaluate('window.longest'):.0f} ms")
        assert page.evaluate("window.frames_") > 10, "the page was alive meanwhile"

    def test_gradient_maps_are_scored(self, open_widget: Callable[..., Any]) -> None:
        made = OcclusionExplorer(picture=2, target="true")
        page = open_widget(made)
        for method in METHODS[2:]:
            page.get_by_label("Map", exact=True).select_option(method)
            share, chance = made.share(method)
            words = f"Map {method}: {100 * share:.0f} % inside the object, {share / chance:.1f} times chance"
            assert words in page.locator("[role=status]").inner_text()

    def test_a_map_by_hand_grows_with_the_places_tried(self, open_widget: Callable[..., Any]) -> None:
        page = open_widget(OcclusionExplorer())
        caption = page.locator(".oe-stage figcaption").nth(1)
        assert caption.inner_text().startswith("1 place tried")
        page.locator(".cw-surface").focus()
        for key in ["ArrowRight", "ArrowRight", "ArrowLeft", "ArrowDown"]:
            page.keyboard.press(key)
        assert caption.inner_text().startswith("4 places tried"), "a place visited twice counts once"
        page.get_by_label("Picture", exact=True).select_option(index=1)
        assert caption.inner_text().startswith("1 place tried"), "another picture, another map"
