"""Chapter 10: every system works, every claim is checked, every numbered equation is what the code does."""

from functools import cache
from math import comb

import numpy as np
import pytest
import torch
from torch import nn
from torch.nn import functional as F

from course_utils import data, models
from course_utils.data.synthetic import make_scenes
from course_utils.detection.anchors import SSD300_MAPS, count_windows, grid_anchors, ssd_anchors
from course_utils.detection.average_precision import (
    Detections,
    Targets,
    area_under_envelope,
    average_precision,
    eleven_points,
    envelope,
    mean_average_precision,
)
from course_utils.detection.bing import bing, fit_bing, gradients_at, strongest
from course_utils.detection.edge_boxes import edge_boxes, score_boxes
from course_utils.detection.edge_groups import find_groups
from course_utils.detection.iou import box_iou, box_iou_by_counting
from course_utils.detection.nms import decay_factor, nms, nms_loop, soft_nms
from course_utils.detection.objectness import CUES, fit_objectness, measure_cues
from course_utils.detection.precision_recall import curve, sweep
from course_utils.detection.recall import random_windows, recall, windows_needed
from course_utils.detection.selective_search import describe, selective_search, similarity
from course_utils.detection.windows import WindowNet, detect_windows, scan_densely, scan_naively, windows_of
from course_utils.runtime import band
from course_utils.training import fit


def drawn(seed, *shape):
    return torch.randn(*shape, generator=torch.Generator().manual_seed(seed), dtype=torch.float64)


def whole_boxes(count, seed, most=24):
    draw = torch.Generator().manual_seed(seed)
    corners = torch.randint(0, most, (count, 2, 2), generator=draw).sort(dim=1).values
    return (corners.flatten(1) + torch.tensor([0, 0, 1, 1])).float()


@cache
def scenes(count, seed):
    made = make_scenes(count, 96, seed, "medium")
    return list(made.images), [made.targets(i, min_visibility=0.33)["boxes"] for i in range(count)]


@cache
def learned():
    return fit_objectness(*scenes(16, 900)), fit_bing(*scenes(16, 900))


def centred(x, generator=None):
    return (x - 0.4) / 0.25


def plant(patches, labels, seed, grounds=("brick", "coins"), each=2, size=96):
    """Put pictures (N, 1, 20, 20) on photographs, ``each`` on one, in different quarters."""
    draw = torch.Generator().manual_seed(seed)
    pictures, truth = [], []
    for i in range(0, len(patches), each):
        picture = data.photo(grounds[i // each % len(grounds)], 128, gray=True)[:, :size, :size].float() * 0.5
        boxes = []
        for k, patch in enumerate(patches[i : i + each]):
            x, y = (int(torch.randint(size // 2 - 20, (1,), generator=draw)) for _ in range(2))
            x, y = x + (k % 2) * size // 2, y + (k // 2) * size // 2
            picture[:, y : y + 20, x : x + 20] = patch.clamp(0, 255)
            boxes.append([x, y, x + 20, y + 20])
        pictures.append(picture)
        truth.append(Targets(torch.tensor(boxes).float(), labels[i : i + each]))
    return pictures, truth


def windows_on(pictures, truth, seed):
    """Windows on things (label + 1) and others (0), four times as many."""
    draw = torch.Generator().manual_seed(seed)
    cuts, labels = [], []
    for picture, true in zip(pictures, truth):
        every = F.unfold(picture[None], 20, stride=4)[0].T.reshape(-1, 1, 20, 20)
        best, which = box_iou(windows_of(tuple(picture.shape[1:]), 20, 4), true.boxes).max(1)
        on, off = (best >= 0.55).nonzero()[:, 0], (best < 0.4).nonzero()[:, 0]
        off = off[torch.randperm(len(off), generator=draw)[: 4 * max(len(on), 2)]]
        cuts += [every[on], every[off]]
        labels += [true.labels[which[on]] + 1, torch.zeros(len(off)).long()]
    return torch.cat(cuts), torch.cat(labels)


def train(windows, labels, classes, epochs):
    torch.manual_seed(0)
    net = WindowNet(1, classes)
    pixels = windows.round().clamp(0, 255).to(torch.uint8)
    pictures = data.ImageSet(pixels, labels, tuple(map(str, range(classes))), "windows")
    batches = data.Batches(pictures, 64, augment=centred, seed=0)
    fit(nn.Sequential(net, nn.Flatten()), batches, epochs=epochs, lr=6e-3, progress=False)
    return net.eval()


def digit_patches(split):
    digits = data.load("digits", split)
    ink = F.interpolate(digits.images.float(), (16, 16), mode="bilinear")
    return F.pad(ink, (2, 2, 2, 2)), digits.labels


@cache
def digit_world():
    patches, labels = digit_patches("train")
    net = train(*windows_on(*plant(patches[:400], labels[:400], 1), 1), 11, 6)
    patches, labels = digit_patches("test")
    pictures, truth = plant(patches[:60], labels[:60], 2, ("gravel", "grass"))
    return net, [centred(p / 255) for p in pictures], truth


# ---- systems ------------------------------------------------------------------------------------


def test_s233_iou_equals_counted_pixels():
    a, b = whole_boxes(20, 0), whole_boxes(25, 1)
    assert torch.allclose(box_iou(a, b), box_iou_by_counting(a, b))
    assert 0 < box_iou(a, b).mean() < 1


def test_s234_average_precision_by_hand():
    things = torch.tensor([[0.0, 0, 10, 10], [20, 0, 30, 10], [40, 0, 50, 10]])
    said = torch.cat([things[:1], things[:1], things[1:], things[1:2] + 100])
    found = Detections(said, torch.tensor([0.9, 0.8, 0.7, 0.6, 0.5]), torch.zeros(5).long())
    true = Targets(things, torch.zeros(3).long())
    assert average_precision([found], [true])[0] == pytest.approx(2.5 / 3)
    assert average_precision([found], [true], method="voc2007")[0] == pytest.approx((4 + 7 * 0.75) / 11)
    other = Targets(torch.cat([things, things[:1]]), torch.tensor([0, 0, 0, 1]))  # a class that is never found
    assert mean_average_precision([found], [other]) == pytest.approx(2.5 / 6)


def test_s235_nms_equals_torchvision_and_leaves_one_box_a_digit():
    from torchvision.ops import nms as reference

    boxes = whole_boxes(300, 3, 60)
    scores = torch.rand(300, generator=torch.Generator().manual_seed(3))
    for tau in (0.1, 0.3, 0.5, 0.7):
        assert nms(boxes, scores, tau).tolist() == reference(boxes, scores, tau).tolist()
    net, pictures, truth = digit_world()
    many, few = (
        sum(len(detect_windows(net, x, score_threshold=0.5, iou_threshold=t).boxes) for x in pictures)
        for t in (1.0, 0.3)
    )
    assert many > 1.5 * few
    doubles = [nms(t.boxes.repeat(3, 1), torch.arange(3.0 * len(t.boxes)), 0.5) for t in truth]
    assert [len(d) for d in doubles] == [len(t.boxes) for t in truth]


def test_s236_the_number_of_objects_follows_the_threshold():
    net, pictures, truth = digit_world()
    found = [detect_windows(net, x, score_threshold=0.01) for x in pictures]
    at = sweep(found, truth, (0.02, 0.1, 0.3, 0.5, 0.7, 0.9, 0.99))
    assert (np.diff(at.count) <= 0).all()
    assert at.count[0] > at.objects > at.count[-1]
    assert (np.diff(at.recall) <= 0).all()
    assert at.precision[-1] > at.precision[0]


def test_s237_a_window_classifier_finds_planted_digits():
    net, pictures, truth = digit_world()
    found = [detect_windows(net, x, score_threshold=0.01) for x in pictures]
    assert mean_average_precision(found, truth) > 0.5
    blind = WindowNet(1, 11).eval()
    nothing = [detect_windows(blind, x, score_threshold=0.01) for x in pictures]
    assert mean_average_precision(nothing, truth) < 0.1
    # The cost, before any run: windows times the price of one.
    naive = scan_naively(net, pictures[0], 20, 4)
    assert naive[0].numel() == ((96 - 20) // 4 + 1) ** 2 == 400
    assert models.summarise(net, (1, 20, 20)).multiply_adds == 181_008


def test_s238_one_pass_gives_the_same_scores_for_a_seventh_of_the_work():
    net = WindowNet(1, 11).double()
    for height, width in ((96, 96), (41, 63)):
        picture = drawn(0, 1, height, width)
        assert torch.allclose(scan_densely(net, picture), scan_naively(net, picture, 20, 4), rtol=0, atol=1e-12)
    one, whole = (models.summarise(WindowNet(1, 11), (1, side, side)).multiply_adds for side in (20, 96))
    assert 400 * one / whole > 6


def test_s239_a_face_detector_reports_recall_at_a_fixed_number_of_false_alarms():
    small = lambda x: F.interpolate(x.float(), (20, 20), mode="bilinear", antialias=True)
    train_set, test_set = data.load("faces", "train"), data.load("faces", "test")
    faces = small(train_set.images[train_set.labels == 1])
    views = torch.cat([faces, faces.flip(3), small(train_set.images[train_set.labels == 1][:, :, 1:24, 1:24])])
    draw = torch.Generator().manual_seed(0)
    others = [small(train_set.images[train_set.labels == 0])]
    for i in range(700):
        ground = data.photo(("brick", "cat", "clock", "coins")[i % 4], 128, gray=True)
        y, x = torch.randint(0, 108, (2,), generator=draw).tolist()
        others.append(ground[None, :, y : y + 20, x : x + 20].float())
    windows = torch.cat([views, *others])
    labels = torch.cat([torch.ones(len(views)), torch.zeros(len(windows) - len(views))]).long()
    net = train(windows, labels, 2, 10)
    new = small(test_set.images[test_set.labels == 1])
    pictures, truth = plant(new, torch.zeros(len(new)).long(), 5, ("gravel", "moon"), each=1)
    found = [detect_windows(net, centred(p / 255), score_threshold=0.001) for p in pictures]
    points = curve(found, truth, 0)
    right = points.recall * points.objects
    wrong = np.arange(1, len(right) + 1) - right
    at_three = points.recall[wrong <= 3 * len(pictures)].max()
    at_tenth = points.recall[wrong <= 0.1 * len(pictures)].max(initial=0)
    assert at_three > 0.5
    assert at_three >= at_tenth


def test_s240_objectness_ranks_true_boxes_above_random_ones():
    images, objects = scenes(10, 0)
    model = learned()[0]
    on = np.concatenate([measure_cues(x, b) for x, b in zip(images, objects)])
    off = np.concatenate([measure_cues(x, random_windows(60, 96, 96, i)) for i, x in enumerate(images)])
    a, b = model.of_cues(on)[:, None], model.of_cues(off)
    assert (a > b).mean() > 0.8


@pytest.mark.parametrize("seed", [0, 1])
def test_s241_edge_boxes_cover_more_than_random_windows(seed):
    images, objects = scenes(4, seed)
    counts = (30, 100)
    ours = recall([edge_boxes(x, 100)[0] for x in images], objects, counts)
    theirs = recall([random_windows(100, 96, 96, 50 + i) for i in range(4)], objects, counts)
    assert (ours > theirs).all()


def test_s242_bing_covers_more_than_random_windows_with_100():
    images, objects = scenes(10, 0)
    ours = recall([bing(learned()[1], x, 100)[0] for x in images], objects, (100,))
    theirs = recall([random_windows(100, 96, 96, i) for i in range(10)], objects, (100,))
    assert ours > theirs + 0.1


def test_s243_selective_search_says_how_many_windows_cover_95_percent():
    images, objects = scenes(10, 0)
    found = [selective_search(x, "fast") for x in images]
    curve_ = recall(found, objects, (1, 10, 100, 1000))
    assert (curve_.diff() >= 0).all()
    needed = windows_needed(found, objects, 0.95)
    assert needed is not None
    assert needed < 400
    assert recall(found, objects, (needed,)) >= 0.95 > recall(found, objects, (needed - 1,))


# ---- claims -------------------------------------------------------------------------------------


def test_c255_a_photo_has_nearly_nine_thousand_million_boxes():
    assert count_windows((375, 500)) == 8_830_125_000


def test_c256_the_curve_in_small_and_what_it_cannot_say():
    for name in ("selective search", "random"):
        medians = [band("10_detection.proposals", f"{name}: {n}").median for n in (1, 10, 100, 1000)]
        assert medians == sorted(medians)
    assert band("10_detection.proposals", "selective search: 1000").median > 0.95
    assert band("10_detection.proposals", "random: 1000").median < 0.95


@pytest.mark.parametrize(("name", "whole"), [("alexnet", (8, 15)), ("vgg16", (60, 80))])
def test_c257_the_convolutions_save_two_orders_and_the_whole_network_does_not(name, whole):
    rows = models.summarise(models.build(name)).rows
    conv, head = (sum(r.multiply_adds for r in rows if r.spatial == s) for s in (True, False))
    by_area = 2000 * 224**2 / (600 * 1000)  # what a network of padded convolutions saves
    assert 150 < by_area < 180
    assert whole[0] < 2000 * (conv + head) / (2000 * conv / by_area + 2000 * head) < whole[1]


def test_c258_dense_scores_are_the_windows_scores_unless_there_is_padding():
    net, picture = WindowNet(1, 3).double(), drawn(1, 1, 60, 44)
    assert torch.allclose(scan_densely(net, picture), scan_naively(net, picture, 20, 4), rtol=0, atol=1e-12)
    first = nn.Conv2d(1, 4, 5, padding=2).double()
    alone, inside = first(picture[None, :, :20, :20]), first(picture[None])[:, :, :20, :20]
    assert torch.allclose(alone[:, :, 2:18, 2:18], inside[:, :, 2:18, 2:18])
    assert not torch.allclose(alone, inside)


def test_c259_k_anchors_a_place():
    cell = torch.tensor([[-1.0, -1, 1, 1]] * 5)
    assert len(grid_anchors((4, 7), 8, cell)) == 5 * 4 * 7
    maps = ssd_anchors()
    assert [len(a) // side**2 for a, side in zip(maps, SSD300_MAPS)] == [4, 6, 6, 6, 4, 4]
    assert sum(map(len, maps)) == 8732


# ---- equations ----------------------------------------------------------------------------------


def test_equations_10_1_and_10_2_iou():
    a, b = whole_boxes(15, 5), whole_boxes(15, 6)
    for p, q, value in zip(a.tolist(), b.tolist(), box_iou(a, b, paired=True)):
        w = max(0, min(p[2], q[2]) - max(p[0], q[0]))
        h = max(0, min(p[3], q[3]) - max(p[1], q[1]))
        size = lambda c: (c[2] - c[0]) * (c[3] - c[1])
        assert value.item() == pytest.approx(w * h / (size(p) + size(q) - w * h))
    apart = torch.tensor([[0.0, 0, 1, 1]]), torch.tensor([[2.0, 2, 3, 3]])
    assert box_iou(*apart).item() == 0


@pytest.mark.parametrize("d", [0.0, 0.1, 1 / 3, 0.9])
def test_equation_10_3_shifted_squares(d):
    square = torch.tensor([[0.0, 0, 1, 1]], dtype=torch.float64)
    along, both = (square + torch.tensor(s, dtype=torch.float64) for s in ([d, 0, d, 0], [d, d, d, d]))
    assert box_iou(square, along).item() == pytest.approx((1 - d) / (1 + d))
    assert box_iou(square, both).item() == pytest.approx((1 - d) ** 2 / (2 - (1 - d) ** 2))


def test_equation_10_4_all_boxes():
    for h, w in ((1, 1), (2, 3), (5, 4)):
        listed = [1 for t in range(h) for b in range(t, h) for left in range(w) for r in range(left, w)]
        assert count_windows((h, w)) == len(listed) == comb(h + 1, 2) * comb(w + 1, 2)


@pytest.mark.parametrize(("h", "w", "side", "t"), [(96, 96, 20, 4), (41, 37, 20, 4), (30, 50, 7, 3)])
def test_equation_10_5_places_of_a_window(h, w, side, t):
    assert len(windows_of((h, w), side, t)) == ((h - side) // t + 1) * ((w - side) // t + 1)


def test_equations_10_6_and_10_7_the_factor_and_its_limit():
    cost = lambda side: models.summarise(WindowNet(1, 11), (1, side, side)).multiply_adds
    places = lambda side: ((side - 20) // 4 + 1) ** 2
    limit = 16 * 25 * 12 + 4 * 9 * 12 * 24 + 9 * 24 * 48 + 48 * 11
    factors = [places(side) * cost(20) / cost(side) for side in (20, 96, 480, 1920)]
    assert factors[0] == 1
    assert factors == sorted(factors)
    assert factors[-1] == pytest.approx(cost(20) / limit, rel=0.01)


def test_equation_10_8_greedy_suppression():
    boxes = whole_boxes(120, 8, 40)
    scores = torch.rand(120, generator=torch.Generator().manual_seed(8))
    kept = set(nms(boxes, scores, 0.4).tolist())
    overlap = box_iou(boxes, boxes)
    for i in range(120):
        rivals = [j for j in kept if scores[j] > scores[i]]
        assert (i in kept) == all(overlap[i, j] <= 0.4 for j in rivals)
    assert kept == set(nms_loop(boxes, scores, 0.4).tolist())


def test_equation_10_9_soft_suppression():
    o = torch.tensor([0.0, 0.2, 0.5, 0.9])
    assert torch.allclose(decay_factor(o, 0.3, 0.5, "gaussian"), (-(o**2) / 0.5).exp())
    assert torch.allclose(decay_factor(o, 0.3, 0.5, "linear"), torch.tensor([1.0, 1, 0.5, 0.1]))
    pair = torch.tensor([[0.0, 0, 40, 100], [10, 0, 50, 100]])
    soft = soft_nms(pair, torch.tensor([0.9, 0.8]))
    assert soft.scores[1].item() == pytest.approx(0.8 * np.exp(-(0.6**2) / 0.5), rel=1e-5)


def test_equation_10_10_precision_and_recall():
    net, pictures, truth = digit_world()
    found = [detect_windows(net, x, score_threshold=0.05) for x in pictures]
    points = curve(found, truth, 3)
    right = points.recall * points.objects
    assert np.allclose(points.precision, right / np.arange(1, len(right) + 1))


def test_equations_10_11_to_10_13_average_precision():
    rng = np.random.default_rng(0)
    for n in (1, 5, 40):
        hits = rng.random(n) < 0.6
        p, r = hits.cumsum() / np.arange(1, n + 1), hits.cumsum() / (hits.sum() + 2)
        best = lambda at, p=p, r=r: max(p[r >= at], default=0)
        assert np.allclose(envelope(p), [max(p[k:]) for k in range(n)])
        steps = np.diff(r, prepend=0)
        assert area_under_envelope(p, r) == pytest.approx(sum(s * best(at) for s, at in zip(steps, r)))
        assert eleven_points(p, r) == pytest.approx(np.mean([best(k / 10) for k in range(11)]))


def test_equation_10_14_recall_of_windows():
    windows, objects = [random_windows(30, 40, 40, 1)], [random_windows(9, 40, 40, 2)]
    covered = (box_iou(objects[0], windows[0][:12]) >= 0.5).any(1).float().mean()
    assert recall(windows, objects, (12,)).item() == pytest.approx(covered.item())


def test_equation_10_15_evidence_adds_up():
    model, (images, _) = learned()[0], scenes(10, 0)
    windows = random_windows(20, 96, 96, 4)
    measured = measure_cues(images[0], windows)
    total = sum(model.log_ratio[c][np.searchsorted(model.edges[c], measured[:, c])] for c in range(len(CUES)))
    assert np.allclose(model.score(images[0], windows).numpy(), total, atol=1e-5)


def test_equation_10_16_edge_boxes():
    groups = find_groups(scenes(10, 0)[0][0])
    x1, y1, x2, y2 = box = (10, 14, 60, 70)
    inside = np.zeros(groups.labels.shape, dtype=bool)
    inside[y1:y2, x1:x2] = True
    held = 0.0
    members = [groups.labels == i for i in range(len(groups.strength))]
    crossing = [bool((m & inside).any() and (m & ~inside).any()) for m in members]
    for i, m in enumerate(members):
        if (m & ~inside).any() or not m.any():
            continue
        reach = max((groups.linked[i, j] for j in range(len(members)) if crossing[j]), default=0.0)
        held += (1 - reach) * groups.strength[i]
    qw, qh = (x2 - x1) // 4, (y2 - y1) // 4
    held -= groups.magnitude[y1 + qh : y2 - qh, x1 + qw : x2 - qw].sum()
    expected = held / (2 * (x2 - x1 + y2 - y1) ** 1.5)
    assert score_boxes(groups, np.array([box]))[0] == pytest.approx(expected)


def test_equation_10_17_bing():
    model, (images, _) = learned()[1], scenes(10, 0)
    k = int((~torch.isnan(model.slope)).nonzero()[0])
    boxes, scores = strongest(images[0], model.template, model.sizes[k])
    width, height = model.sizes[k]
    x, y = round(float(boxes[0, 0]) * 8 / width), round(float(boxes[0, 1]) * 8 / height)
    g = gradients_at(images[0], width, height)[y : y + 8, x : x + 8]
    assert float((model.template * g).sum()) == pytest.approx(float(scores[0]), rel=1e-4, abs=1e-3)
    every, calibrated = bing(model, images[0], 10_000)
    row = (every == boxes[0]).all(1).nonzero()[:, 0]
    assert float(model.slope[k] * scores[0] + model.offset[k]) in [
        pytest.approx(float(c), rel=1e-4, abs=1e-4) for c in calibrated[row]
    ]


def test_equation_10_18_similarity_is_a_sum():
    labels = np.kron(np.arange(4).reshape(2, 2), np.ones((6, 6), dtype=int))
    image = np.random.default_rng(1).random((12, 12, 3)) * 255
    regions = describe(image, labels)
    whole = similarity(regions, 0, [1, 2, 3], 144, "CTSF")
    parts = sum(similarity(regions, 0, [1, 2, 3], 144, letter) for letter in "CTSF")
    assert np.allclose(whole, parts)
    assert np.allclose(similarity(regions, 0, [1], 144, "S"), 1 - 72 / 144)


def test_equation_10_19_number_of_anchors():
    assert sum(map(len, ssd_anchors())) == sum(k * s * s for k, s in zip((4, 6, 6, 6, 4, 4), SSD300_MAPS))
