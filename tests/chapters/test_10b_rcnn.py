"""Chapter 10b: a classifier of regions becomes a localiser; each idea works, the claim is checked, equations hold."""

from __future__ import annotations

import json
import math
from functools import cache
from itertools import pairwise
from typing import Any

import jupytext
import pytest
import torch
from torch import Tensor
from torch.nn import functional as F
from torchvision.ops import roi_align as their_align
from torchvision.ops import roi_pool as their_pool

from course_utils import models
from course_utils.data.synthetic import make_scenes
from course_utils.data.synthetic.digit_scenes import make_digit_scenes
from course_utils.detection.boxes import convert
from course_utils.detection.coding import decode, encode
from course_utils.detection.fast_rcnn import WEIGHTS, BoxHead, FastRCNN, look, region_loss
from course_utils.detection.iou import box_iou
from course_utils.detection.rcnn import CONTEXT, RCNN, warp
from course_utils.detection.recall import random_windows
from course_utils.detection.roi_align import read, roi_align, roi_align_loop
from course_utils.detection.roi_pooling import quantise, roi_pool, roi_pool_loop, rois_of
from course_utils.detection.scene_batches import SceneBatches, prepare
from course_utils.runtime import band, load_record, repo_root
from tools.bands import SOURCES, tagged_code


def numbers(name: str, metric: str) -> Tensor:
    return torch.tensor(load_record(f"10b_rcnn.{name}")["metrics"][metric])


def regions(metric: str) -> Tensor:
    return numbers("regions", metric)


@cache
def chapter() -> dict[str, Any]:
    """Functions that the chapter defines, without its experiments."""
    namespace: dict[str, Any] = {"SEED": 5, "math": math, "torch": torch, "__name__": "chapter"}
    cells = [c.source.lstrip() for c in jupytext.read(SOURCES / "10b_rcnn.py", fmt="py:percent").cells]
    for start in ("import torch\nfrom torch import nn", "def pool_by_hand"):
        exec(compile(next(c for c in cells if c.startswith(start)), "<chapter 10b>", "exec"), namespace)
    return namespace


@cache
def stored_text() -> str:
    nb = json.loads((repo_root() / "notebooks" / "10b_rcnn.ipynb").read_text(encoding="utf-8"))
    outputs = [o for c in nb["cells"] for o in c.get("outputs", []) if o["output_type"] == "stream"]
    return "\n".join("".join(o["text"]) for o in outputs)


def rows_of(heading: str) -> list[list[float]]:
    """The table of numbers below a heading that the chapter printed."""
    below = stored_text().split(heading, 1)[1].splitlines()[1:]
    rows = []
    for line in below:
        try:
            rows.append([float(word) for word in line.split()])
        except ValueError:
            break
        if not rows[-1]:
            break
    return [row for row in rows if row]


# ---- four numbers ----


def test_s248_four_numbers_fit_one_object_above_0_7_with_either_loss() -> None:
    for name in ("MSE", "smooth L1"):
        assert numbers("four", f"{name}, right labels").min() > 0.7
    chapter_functions = chapter()
    singles, fresh = chapter_functions["shapes_in"](600, 50), chapter_functions["shapes_in"](200, 51)
    smooth = lambda out, y: F.smooth_l1_loss(out, y, beta=0.1)
    net = chapter_functions["learn_box"](SceneBatches(singles, seed=1), smooth, 10)
    said = chapter_functions["say_box"](net, fresh)
    overlap = box_iou(said, fresh.boxes[:, 0], paired=True).mean()
    one_for_all = singles.boxes[:, 0].mean(0).expand(200, 4)
    assert overlap > 0.6
    assert overlap > box_iou(one_for_all, fresh.boxes[:, 0], paired=True).mean() + 0.15


def test_c264_smooth_l1_survives_wrong_labels_that_pull_mse_away() -> None:
    wrong, right = (numbers("four", f"{name}, a tenth wrong") for name in ("MSE", "smooth L1"))
    assert (right > wrong + 0.05).all()
    clean = [numbers("four", f"{name}, right labels").median() for name in ("MSE", "smooth L1")]
    assert abs(clean[0] - clean[1]) < 0.06, "with right labels there is little between them"
    # Nine ones and a three: where does each loss want to be?
    labels = torch.tensor([1.0] * 9 + [3.0], dtype=torch.float64)
    grid = torch.linspace(0.5, 3, 2501, dtype=torch.float64)
    squared = torch.stack([F.mse_loss(g.expand(10), labels) for g in grid])
    smooth = torch.stack([F.smooth_l1_loss(g.expand(10), labels, beta=0.1) for g in grid])
    assert grid[squared.argmin()] == pytest.approx(1.2, abs=2e-3)
    assert grid[smooth.argmin()] == pytest.approx(1 + 0.1 / 9, abs=2e-3)
    # The detectors' own loss of a region is smooth L1 with slope at most 1, on weighted corrections.
    codes = torch.full((1, 4), 50.0, requires_grad=True)
    loss = region_loss(torch.zeros(1, 3), codes, torch.tensor([1]), torch.zeros(1, 4))
    loss.backward()
    assert codes.grad is not None
    assert codes.grad.tolist() == [[1, 1, 1, 1]]
    assert WEIGHTS == (10, 10, 5, 5)


def test_equations_10_31_and_10_32_smooth_l1_and_its_slope() -> None:
    for beta in (0.1, 1.0):
        e = torch.linspace(-3, 3, 601, dtype=torch.float64, requires_grad=True)
        by_hand = torch.where(e.abs() < beta, e**2 / (2 * beta), e.abs() - beta / 2)
        theirs = F.smooth_l1_loss(e, torch.zeros_like(e), reduction="none", beta=beta)
        torch.testing.assert_close(by_hand, theirs)
        (slope,) = torch.autograd.grad(theirs.sum(), e)
        torch.testing.assert_close(slope, (e / beta).clamp(-1, 1))
        (steep,) = torch.autograd.grad((e**2).sum(), e)
        torch.testing.assert_close(steep, 2 * e)


def test_equation_10_33_the_best_single_answer_to_two_is_the_middle() -> None:
    b = torch.tensor([[2.0, 3, 10, 12], [20, 18, 30, 31]], dtype=torch.float64)
    c = torch.zeros(4, dtype=torch.float64, requires_grad=True)
    optimizer = torch.optim.SGD([c], 0.25)
    for _ in range(100):
        optimizer.zero_grad()
        (0.5 * ((c - b) ** 2).sum(1)).sum().backward()
        optimizer.step()
    torch.testing.assert_close(c.detach(), b.mean(0))
    assert box_iou(c.detach()[None], b).max() < 0.05, "and it covers neither"


# ---- coding ----


def test_s247_coding_goes_there_and_back_and_regression_raises_the_overlap() -> None:
    generator = torch.Generator().manual_seed(0)
    corner = 50 * torch.rand(300, 2, generator=generator, dtype=torch.float64)
    sides = 1 + 40 * torch.rand(300, 2, generator=generator, dtype=torch.float64)
    boxes = torch.cat([corner, corner + sides], 1)
    anchors = boxes[torch.randperm(300, generator=generator)]
    torch.testing.assert_close(decode(encode(boxes, anchors), anchors), boxes)
    codes = torch.randn(300, 4, generator=generator, dtype=torch.float64)
    torch.testing.assert_close(encode(decode(codes, anchors), anchors), codes)
    assert (regions("IoU: R-CNN") > regions("IoU: proposals") + 0.01).all()
    assert (regions("R-CNN: mAP 0.75") > regions("classes only: mAP 0.75")).all()


def test_equations_10_34_and_10_35_are_encode_and_decode() -> None:
    anchor, box = torch.tensor([[10.0, 20, 40, 80]]), torch.tensor([[22.0, 8, 37, 128]])
    (x_a, y_a, w_a, h_a), (x, y, w, h) = (convert(b, "xyxy", "cxcywh")[0].tolist() for b in (anchor, box))
    t = [(x - x_a) / w_a, (y - y_a) / h_a, math.log(w / w_a), math.log(h / h_a)]
    torch.testing.assert_close(encode(box, anchor), torch.tensor([t]))
    back = [x_a + w_a * t[0], y_a + h_a * t[1], w_a * math.exp(t[2]), h_a * math.exp(t[3])]
    wanted = convert(torch.tensor([back]), "cxcywh", "xyxy")
    torch.testing.assert_close(decode(torch.tensor([t]), anchor), wanted)
    torch.testing.assert_close(encode(7 * box + 3, 7 * anchor + 3), encode(box, anchor))


# ---- R-CNN ----


def test_s244_warped_proposals_reach_an_map_of_0_6_on_digit_scenes() -> None:
    assert len(load_record("10b_rcnn.regions")["seeds"]) >= 5
    assert (regions("R-CNN: mAP 0.5") > 0.6).all()
    # A crop is stretched to a square, with a little context, and holds what the box holds.
    picture = torch.zeros(1, 3, 64, 64)
    picture[:, :, 10:20, 20:50] = 1
    box = torch.tensor([[20.0, 10, 50, 20]])
    (crop,) = warp(picture, [box], 32)
    edge = round(32 * CONTEXT)
    assert crop.shape == (3, 32, 32)
    assert crop[:, edge + 1 : -edge - 1, edge + 1 : -edge - 1].min() > 0.99
    assert crop[:, 0].max() == crop[:, :, 0].max() == 0
    # One row a proposal: background and ten classes, and four corrections.
    assert RCNN(10, 64, 8).eval()(torch.zeros(5, 3, 32, 32)).shape == (5, 11 + 4)


def test_s244_a_short_run_learns_to_read_digits_among_windows() -> None:
    """Crops of digits against crops of ground, a few steps: far above chance on digits nobody has seen."""
    torch.manual_seed(0)
    net = RCNN(10, 64, 8)

    def crops(split: str, seed: int, n: int) -> tuple[Tensor, Tensor]:
        scenes = make_digit_scenes(n, 64, seed, split, objects=(1, 3), scale=(0.25, 0.5))
        boxes, labels = [], []
        for i in range(n):
            true = scenes.targets(i)
            away = random_windows(8, 64, 64, seed + i, 12)
            away = away[box_iou(away, true["boxes"]).amax(1) < 0.3]
            boxes.append(torch.cat([true["boxes"], away]))
            labels.append(torch.cat([true["labels"] + 1, torch.zeros(len(away), dtype=torch.int64)]))
        return warp(prepare(scenes.images), boxes), torch.cat(labels)

    x, y = crops("train", 1, 90)
    optimizer = torch.optim.Adam(net.parameters(), 6e-3)
    for _ in range(6):
        for i in torch.randperm(len(x)).split(64):
            optimizer.zero_grad()
            F.cross_entropy(net(x[i])[:, :-4], y[i]).backward()
            optimizer.step()
    x, y = crops("test", 2, 40)
    with torch.no_grad():
        said = net.eval()(x)[:, :-4].argmax(1)
    assert (said == y)[y > 0].float().mean() > 0.4
    assert (said == y)[y == 0].float().mean() > 0.8


def test_equation_10_36_the_loss_of_regions() -> None:
    torch.manual_seed(0)
    logits, codes, truth = torch.randn(6, 4), 2 * torch.randn(6, 4), torch.randn(6, 4)
    labels = torch.tensor([0, 1, 3, 0, 2, 0])
    by_hand = torch.zeros(())
    for k, u in enumerate(labels.tolist()):
        by_hand = by_hand - logits[k].softmax(0)[u].log()
        if u >= 1:
            e = (codes[k] - truth[k]).abs()
            by_hand = by_hand + torch.where(e < 1, e**2 / 2, e - 0.5).sum()
    torch.testing.assert_close(region_loss(logits, codes, labels, truth), by_hand / 6)


# ---- reading regions ----


def test_s246_roi_pooling_by_hand_equals_torchvision_with_gradients() -> None:
    generator = torch.Generator().manual_seed(3)
    planes = torch.randn(2, 3, 12, 16, generator=generator, dtype=torch.float64, requires_grad=True)
    corner = torch.randint(0, 40, (20, 2), generator=generator).double()
    sides = torch.randint(1, 24, (20, 2), generator=generator).double()
    number = torch.randint(0, 2, (20, 1), generator=generator).double()
    rois = torch.cat([number, corner, corner + sides], 1)
    weight = torch.randn(20, 3, 4, 3, generator=generator, dtype=torch.float64)
    theirs = their_pool(planes, rois, (4, 3), 0.25)
    (their_slope,) = torch.autograd.grad((theirs * weight).sum(), planes)
    for way in (roi_pool, roi_pool_loop):
        ours = way(planes, rois, (4, 3), 0.25)
        (slope,) = torch.autograd.grad((ours * weight).sum(), planes)
        assert torch.equal(ours, theirs)
        torch.testing.assert_close(slope, their_slope)
    for k in (0, 7, 13):  # the chapter's own few lines
        plane = planes[int(rois[k, 0]), 1]
        inside = rois[k, 1:].clamp(max=44)
        alone = torch.cat([rois[k, :1], inside])[None]
        by_hand = chapter()["pool_by_hand"](plane, inside.tolist(), 3, 4)
        torch.testing.assert_close(by_hand.reshape(3, 3), their_pool(planes, alone, 3, 0.25)[0, 1])


def test_equation_10_37_rows_of_the_bins() -> None:
    boxes = torch.tensor([[3.0, 5, 41, 58], [10, 10, 13, 17], [0, 6, 63, 61]], dtype=torch.float64)
    bins = quantise(boxes, (16, 16), 3, 1 / 4)
    for k, (x1, y1, x2, y2) in enumerate(boxes.tolist()):
        for low, high, found in ((y1, y2, bins.rows[k]), (x1, x2, bins.columns[k])):
            r1, r2 = math.floor(low / 4 + 0.5), math.floor(high / 4 + 0.5)
            h = r2 - r1 + 1
            wanted = [[r1 + i * h // 3, r1 + math.ceil((i + 1) * h / 3)] for i in range(3)]
            assert found.tolist() == [[min(a, 16), min(b, 16)] for a, b in wanted]


def test_rounding_makes_stairs_and_align_makes_a_line() -> None:
    ramp = (8 * (torch.arange(16) + 0.5)).expand(16, 16)[None, None].double()
    steps = torch.arange(17).double()
    boxes = torch.stack([0 * steps, 20 + steps, 0 * steps + 20, 52 + steps, 0 * steps + 52], 1)
    assert len(roi_pool(ramp, boxes, 4, 1 / 8)[:, 0, 0, 0].unique()) == 3
    read_at = roi_align(ramp, boxes, 4, 1 / 8)[:, 0, 0, 0]
    torch.testing.assert_close(read_at, 20 + steps + 32 / 8)  # the middle of the first of four bins


def test_equation_10_38_reading_between_cells_and_align_equals_torchvision() -> None:
    generator = torch.Generator().manual_seed(4)
    plane = torch.randn(9, 9, generator=generator, dtype=torch.float64)
    v, h = 0.3, 0.65
    wanted = (
        (1 - v) * (1 - h) * plane[4, 2] + (1 - v) * h * plane[4, 3] + v * (1 - h) * plane[5, 2] + v * h * plane[5, 3]
    )
    torch.testing.assert_close(read(plane, 4 + v, 2 + h), wanted)
    planes = torch.randn(1, 2, 9, 9, generator=generator, dtype=torch.float64, requires_grad=True)
    rois = torch.tensor([[0, 3.5, 2, 28, 33.3], [0, 10, 11, 12, 30]], dtype=torch.float64)
    weight = torch.randn(2, 2, 3, 3, generator=generator, dtype=torch.float64)
    slopes = []
    for way in (roi_align, roi_align_loop, their_align):
        value = way(planes, rois, 3, 0.25, sampling_ratio=2, aligned=True)
        slopes.append(torch.autograd.grad((value * weight).sum(), planes)[0])
    torch.testing.assert_close(slopes[0], slopes[1])
    torch.testing.assert_close(slopes[0], slopes[2])


# ---- shared computation ----


def test_s245_one_pass_gives_close_scores_and_a_timed_speedup() -> None:
    for at in (0.5, 0.75):
        apart = (regions(f"Fast R-CNN: mAP {at}") - regions(f"R-CNN: mAP {at}")).median()
        assert abs(apart) < 0.15
    assert (regions("Fast R-CNN: mAP 0.5") > 0.6).all()
    table = rows_of("windows   R-CNN ms")
    assert [row[0] for row in table] == [1, 10, 40, 160, 640]
    for _, separate, shared, factor, _ in table:
        assert factor == pytest.approx(separate / shared, rel=0.2, abs=0.1)
    assert table[-1][3] > 2, "with hundreds of windows the shared pass is faster in time too"
    assert table[-1][3] > table[0][3]


def test_s245_every_region_reads_the_same_map() -> None:
    """The map is computed once; a head looks at it for each box, alone or in company, with the same scores."""
    torch.manual_seed(0)
    fast = FastRCNN(10, 64, 8, stride=4).eval()
    x = torch.randn(1, 3, 64, 64)
    boxes = random_windows(6, 64, 64, 1)
    calls = []
    fast.backbone.register_forward_hook(lambda *_: calls.append(1))
    with torch.no_grad():
        features = fast(x)
        together, _ = look(fast.head, features, [boxes], fast.stride)
        alone = torch.cat([look(fast.head, features, [b[None]], fast.stride)[0] for b in boxes])
    assert len(calls) == 1
    torch.testing.assert_close(together, alone, rtol=1e-4, atol=1e-5)


def test_equation_10_39_the_factor_and_its_limit() -> None:
    crop = models.summarise(RCNN(10, 64, 8).layers, (3, 32, 32)).multiply_adds + 128 * 15
    fast = FastRCNN(10, 64, 12, stride=4)
    whole = models.summarise(fast.backbone, (3, 64, 64)).multiply_adds
    head = models.summarise(fast.head, (36, 5, 5)).multiply_adds
    assert head == 36 * 25 * 128 + 128 * 128 + 128 * 15
    factors = [n * crop / (whole + n * head) for n in (1, 10, 40, 200, 2000, 10**7)]
    assert all(a < b for a, b in pairwise(factors))
    assert factors[0] < 1
    assert factors[-1] == pytest.approx(crop / head, rel=1e-4)
    printed = [
        float(line.split(":")[1].split()[0])
        for line in stored_text().splitlines()
        if "proposals:" in line and "times fewer" in line
    ]
    assert printed == [pytest.approx(f, abs=0.006) for f in factors[:5]]


# ---- looking again ----


def test_s252_a_second_look_raises_the_overlap_over_the_proposals() -> None:
    assert (regions("IoU: round 1") > regions("IoU: proposals")).all()
    assert (regions("IoU: round 2, own head") > regions("IoU: proposals") + 0.01).all()
    assert (regions("IoU: round 4") < regions("IoU: round 1")).all(), "the same head again and again loses"
    assert (regions("IoU: round 3") < regions("IoU: round 2")).all()
    gain = (regions("IoU: round 2") - regions("IoU: round 1")).median()
    assert gain < 0.1 * (regions("IoU: round 1") - regions("IoU: proposals")).median()
    for k in (2, 3):
        better = regions(f"IoU: round {k}, own head") > regions(f"IoU: round {k}")
        assert better.sum() >= 4, "a head of its own holds the level better, in four of five seeds"


def test_equation_10_40_a_head_that_knows_the_answer_is_there_after_one_round_and_stays() -> None:
    box, proposal = torch.tensor([[12.0, 14, 40, 46]]), torch.tensor([[8.0, 10, 36, 50]])

    class Knows(BoxHead):
        """Says the true correction of whatever box it is asked about."""

        def forward(self, regions: Tensor) -> tuple[Tensor, Tensor]:
            return torch.zeros(1, 2), encode(box, here, WEIGHTS)

    head, features = Knows(1, 1), torch.zeros(1, 1, 16, 16)
    here = proposal
    for _ in range(3):
        _, codes = look(head, features, [here], 4)
        here = decode(codes, here, WEIGHTS)
        torch.testing.assert_close(here, box)


def test_the_bands_of_this_chapter_hold_what_its_text_says() -> None:
    for name in load_record("10b_rcnn.regions")["metrics"]:
        b = band("10b_rcnn.regions", name)
        assert 0 <= b.minimum <= b.median <= b.maximum <= 1
    assert (regions("IoU: R-CNN") > regions("IoU: proposals")).all()
    digits = make_digit_scenes(3, 64, 1, "test", objects=(1, 3), scale=(0.25, 0.5))
    assert rois_of([digits.targets(i)["boxes"] for i in range(3)]).shape[1] == 5
    assert len(make_scenes(2, 32, 0, "easy", objects=1)) == 2
    assert "seed" in tagged_code("10b_rcnn", "four").lower()
