"""Each detector learns a handful of scenes by heart, and what its parts promise holds."""

from __future__ import annotations

import copy

import pytest
import torch

from course_utils.data.synthetic import CLASSES, make_scenes
from course_utils.detection.alternating import STEPS, four_steps
from course_utils.detection.average_precision import mean_average_precision
from course_utils.detection.coding import SSD_WEIGHTS, encode
from course_utils.detection.fast_rcnn import FastRCNN, sample_regions
from course_utils.detection.faster_rcnn import FasterRCNN
from course_utils.detection.iou import box_iou
from course_utils.detection.multibox_loss import assign, multibox_loss
from course_utils.detection.rcnn import RCNN, warp
from course_utils.detection.rpn import RPN
from course_utils.detection.scene_batches import SceneBatches, objects_of, prepare, targets_of, truth_of
from course_utils.detection.ssd import SSD
from course_utils.training import fit

SCENES = make_scenes(8, 64, seed=1, difficulty="easy")
X, TRUTH = prepare(SCENES.images), truth_of(SCENES)
C = len(CLASSES)


def by_heart(model: torch.nn.Module, epochs: int = 80) -> None:
    batches = SceneBatches(SCENES, 8, flip=False)
    fit(model, batches, epochs=epochs, lr=4e-3, schedule="one_cycle", loss=model.loss, progress=False)  # type: ignore[arg-type]


def some_proposals(seed: int = 0) -> list[torch.Tensor]:
    """The true boxes, jittered, and as many anywhere: what a search would hand over."""
    generator = torch.Generator().manual_seed(seed)
    found = []
    for row in TRUTH:
        boxes, _ = objects_of(row)
        near = boxes.repeat(6, 1) + 3 * torch.randn(6 * len(boxes), 4, generator=generator)
        corner = 44 * torch.rand(20, 2, generator=generator)
        far = torch.cat([corner, corner + 8 + 12 * torch.rand(20, 2, generator=generator)], dim=1)
        found.append(torch.cat([near, far]).clamp(0, 64))
    return found


# ---- one shot ----


def test_ssd_learns_scenes_by_heart() -> None:
    torch.manual_seed(0)
    model = SSD(C, 64, width=12)
    untrained = mean_average_precision(model.detect(X), targets_of(SCENES))
    by_heart(model)
    found = model.detect(X)
    assert mean_average_precision(found, targets_of(SCENES)) > 0.9 > 0.1 > untrained
    assert all((d.scores[:-1] >= d.scores[1:]).all() for d in found)
    assert all(d.boxes.min() >= 0 and d.boxes.max() <= 64 for d in found if len(d.boxes))
    assert all(len(d.boxes) <= 2 for d in model.detect(X, most=2))


def test_ssd_has_a_row_for_each_anchor() -> None:
    model = SSD(C, 96)
    assert model(torch.zeros(2, 3, 96, 96)).shape == (2, (12**2 + 6**2 + 3**2) * 4, 4 + 1 + C)
    assert len(model.anchors) == (12**2 + 6**2 + 3**2) * 4
    assert "anchors" not in model.state_dict()
    with pytest.raises(ValueError, match="multiple of 32"):
        SSD(C, 80)


def test_assigned_corrections_lead_back_to_the_objects() -> None:
    model = SSD(C, 64)
    labels, corrections = assign(model.anchors, TRUTH)
    for i, row in enumerate(TRUTH):
        boxes, classes = objects_of(row)
        there = labels[i] > 0
        assert set((labels[i][there] - 1).tolist()) == set(classes.tolist()), "every object has an anchor"
        for anchor, label, correction in zip(
            model.anchors[there], labels[i][there], corrections[i][there], strict=True
        ):
            fits = [
                torch.allclose(encode(box[None], anchor[None], SSD_WEIGHTS)[0], correction, atol=1e-4)
                for box, c in zip(boxes, classes, strict=True)
                if c == label - 1
            ]
            assert any(fits)
        assert (corrections[i][~there] == 0).all()
    nothing = torch.full((1, 3, 5), -1.0)
    labels, corrections = assign(model.anchors, nothing)
    assert (labels == 0).all()
    assert (corrections == 0).all()


def test_the_loss_counts_three_hard_negatives_to_an_object() -> None:
    labels = torch.tensor([[1, 0, 0, 0, 0, 0, -1]])
    logits = torch.zeros(1, 7, 3)
    logits[0, 1:6, 0] = torch.tensor([0.0, 1, 2, 3, 4])  # ever surer that nothing is there
    logits[0, 6, 1] = 100.0  # ignored, however wrong
    codes = torch.zeros(1, 7, 4)
    corrections = codes.clone()
    corrections[0, 0] = 0.5  # smooth L1: 0.5 * 0.25 each
    each = -logits[0].log_softmax(dim=1)
    wanted = each[0, 1] + each[1:4, 0].sum() + 4 * 0.125
    torch.testing.assert_close(multibox_loss(logits, codes, labels, corrections), wanted)


# ---- two stages ----


def test_the_proposal_network_has_six_outputs_an_anchor() -> None:
    rpn = RPN(96, 8, (96, 96))
    assert rpn.predict.out_channels == 54
    assert rpn.window.kernel_size == (3, 3)
    assert rpn.predict.kernel_size == (1, 1)
    assert rpn(torch.zeros(2, 96, 12, 12)).shape == (2, 9 * 12 * 12, 6)
    assert len(rpn.anchors) == 9 * 12 * 12


def test_learned_proposals_find_more_than_anchors_alone() -> None:
    torch.manual_seed(0)
    model = FasterRCNN(C, 64, width=12)

    def recall(proposals: list[torch.Tensor]) -> float:
        hit = [
            (box_iou(objects_of(row)[0], boxes).amax(dim=1) >= 0.6).float()
            for row, boxes in zip(TRUTH, proposals, strict=True)
        ]
        return float(torch.cat(hit).mean())

    model.eval()
    before = recall(model.propose(model(X), 10))
    by_heart(model, 120)
    model.eval()
    learned = recall(model.propose(model(X), 10))
    generator = torch.Generator().manual_seed(0)
    any_ten = [
        model.rpn.anchors[torch.randperm(len(model.rpn.anchors), generator=generator)[:10]] for _ in range(len(X))
    ]
    assert learned > 0.9
    assert learned > recall(any_ten) + 0.4
    assert learned > before + 0.4
    # The same network end to end.
    found = model.detect(X)
    assert mean_average_precision(found, targets_of(SCENES)) > 0.85
    # A second look does no harm to boxes, and shrinks none to nothing.
    again = model.detect(X, rounds=2)
    assert all((d.boxes[:, 2:] >= d.boxes[:, :2]).all() for d in again)
    assert mean_average_precision(again, targets_of(SCENES)) > 0.85


def test_four_steps_end_on_one_map() -> None:
    torch.manual_seed(0)
    model = FasterRCNN(C, 64, width=12)
    start = copy.deepcopy(model.state_dict())
    kept: dict[int, dict[str, torch.Tensor]] = {}

    def batches(step: int) -> SceneBatches:
        kept[step] = copy.deepcopy(model.state_dict())
        return SceneBatches(SCENES, 8, flip=False, seed=step)

    histories = four_steps(model, batches, epochs=40)
    assert tuple(histories) == STEPS
    assert all(h.train_loss[-1] < 0.7 * h.train_loss[0] for h in histories.values())
    end = model.state_dict()

    def moved(a: dict[str, torch.Tensor], b: dict[str, torch.Tensor]) -> set[str]:
        return {name.split(".")[0] for name in a if not torch.equal(a[name], b[name])}

    assert moved(start, kept[1]) == set(), "step 1 trains a copy"
    assert moved(kept[1], kept[2]) == {"backbone", "head"}
    assert moved(kept[2], kept[3]) == {"rpn"}
    assert moved(kept[3], end) == {"head"}
    assert mean_average_precision(model.detect(X), targets_of(SCENES)) > 0.7


@pytest.mark.parametrize("kind", [FastRCNN, RCNN])
def test_detectors_of_given_proposals_learn_by_heart(kind: type) -> None:
    torch.manual_seed(0)
    model, proposals = kind(C, 64, width=12, count=16), some_proposals()
    opt = torch.optim.Adam(model.parameters(), 4e-3)
    for _ in range(50):
        opt.zero_grad()
        (model.loss(X if kind is RCNN else model(X), TRUTH, proposals)).backward()
        opt.step()
    found = model.detect(X, some_proposals(1))
    assert mean_average_precision(found, targets_of(SCENES)) > 0.8
    beside = [
        boxes[box_iou(boxes, objects_of(row)[0]).amax(dim=1) < 0.05]
        for boxes, row in zip(some_proposals(1), TRUTH, strict=True)
    ]
    assert min(len(boxes) for boxes in beside) > 3
    assert mean_average_precision(model.detect(X, beside), targets_of(SCENES)) < 0.3, "what no proposal shows is lost"


def test_regions_are_drawn_as_the_rule_says() -> None:
    boxes, labels, corrections = sample_regions(some_proposals(), TRUTH, count=16, positive_share=0.25)
    assert [len(b) for b in boxes] == [16] * 8
    assert len(labels) == len(corrections) == 128
    for b, row, label in zip(boxes, TRUTH, labels.split(16), strict=True):
        objects, classes = objects_of(row)
        overlap, which = box_iou(b, objects).max(dim=1)
        there = label > 0
        assert 0 < int(there.sum()) <= 4
        assert (overlap[there] >= 0.5).all()
        assert (overlap[~there] < 0.5).all()
        assert torch.equal(classes[which[there]] + 1, label[there])
    assert (corrections[labels == 0] == 0).all()
    with pytest.raises(ValueError, match="proposals"):
        sample_regions(some_proposals()[:3], TRUTH)


def test_a_warped_box_fills_the_square_but_for_its_context() -> None:
    x = torch.zeros(1, 1, 64, 64)
    x[..., 10:30, 20:60] = 1  # 40 wide, 20 high
    crop = warp(x, [torch.tensor([[20.0, 10, 60, 30]])], 32)[0, 0]
    assert crop[4:28, 4:28].min() > 0.99
    assert crop[:2].max() < 0.01
    assert crop[:, :2].max() < 0.01
    torch.testing.assert_close(crop.mean(), torch.tensor((26 / 32) ** 2), rtol=0.02, atol=0)


def test_fast_rcnn_may_keep_a_finer_map() -> None:
    coarse, fine = FastRCNN(3, 64, 8), FastRCNN(3, 64, 8, stride=4)
    x = torch.zeros(2, 3, 64, 64)
    assert coarse(x).shape == (2, 24, 8, 8)
    assert fine(x).shape == (2, 24, 16, 16)
    assert sum(p.numel() for p in coarse.parameters()) == sum(p.numel() for p in fine.parameters())
    with pytest.raises(ValueError, match="stride must be one of 8, 4"):
        FastRCNN(3, stride=16)
