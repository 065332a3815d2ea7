"""Chapter 09b: searching, tagging and the VOC format, on other seeds than the chapter's where it is quick."""

from __future__ import annotations

from functools import cache
from pathlib import Path
from typing import Any

import pytest
import torch
from torch.nn import functional as F

from course_utils import data
from course_utils.data import voc
from course_utils.runtime import band, load_record
from course_utils.scratch.retrieval.neighbours import closeness, nearest, nearest_by_loops
from course_utils.scratch.retrieval.precision import (
    average_precision,
    eleven_point_precision,
    mean_average_precision,
    precision_at,
)
from tools.bands import run_once, tagged_code


@cache
def live(name: str, seed: int) -> dict[str, float]:
    return run_once(tagged_code("09b_search", name), name, seed)


def values(record: str) -> dict[str, Any]:
    return {name: torch.tensor(v) for name, v in load_record(f"09b_search.{record}")["metrics"].items()}


def test_s231_the_embedding_beats_raw_pixels_at_five() -> None:
    found = live("digits", 33)
    assert found["embedding_moved"] > found["pixels_moved"] + 0.1
    assert found["earlier_unseen"] > found["pixels_unseen"] + 0.05
    for metric, value in found.items():
        assert band("09b_search.digits", metric).contains(value, slack=0.05), metric
    metrics = values("digits")
    assert len(metrics["embedding_still"]) >= 12
    assert (metrics["embedding_still"] > metrics["pixels_still"]).double().mean() >= 0.9
    assert (metrics["embedding_moved"] > metrics["pixels_moved"] + 0.3).all()
    assert (metrics["earlier_unseen"] > metrics["embedding_unseen"]).all()


def test_s231_patches_of_unseen_photos() -> None:
    metrics = values("photos")
    assert len(metrics["embedding"]) >= 8
    for rival, least in (("pixels", 0.3), ("colours", 0.05), ("untrained", 0.05)):
        assert (metrics["embedding"] > metrics[rival] + least).all(), rival
    assert metrics["colours"].median() >= metrics["untrained"].median(), "five lines do as well as random filters"


def test_s231_mnist_in_the_record() -> None:
    metrics = values("mnist")
    assert (metrics["embedding"] > metrics["pixels"]).all()
    assert (metrics["embedding_moved"] > metrics["pixels_moved"]).all()


@pytest.mark.slow
def test_s232_the_tagger_reaches_mean_average_precision_of_four_fifths() -> None:
    metrics = values("tags")
    assert len(metrics["map"]) >= 8
    assert metrics["map"].min() >= 0.8
    assert live("tags", 33)["map"] >= 0.8


def test_s230_scenes_make_the_round_trip_and_a_real_set_is_read_where_there_is_one(tmp_path: Path) -> None:
    scenes = data.synthetic.make_scenes(20, 64, seed=11, difficulty="hard")
    written = []
    for i in range(len(scenes)):
        labels = scenes.labels[i].masked_fill(scenes.visibility[i] == 0, -1)
        hard = scenes.visibility[i] < 0.3
        written.append(
            voc.annotation_of(f"{i:06d}.jpg", scenes.images[i], scenes.boxes[i], labels, scenes.classes, difficult=hard)
        )
    base = voc.write_set(tmp_path, scenes.images, written, "val", scenes.classes)
    read = voc.read_set(base, "val")
    assert read == written
    for i, annotation in enumerate(read):
        kept = (scenes.labels[i] >= 0) & (scenes.visibility[i] > 0)
        assert torch.tensor([o.box for o in annotation.objects]).tolist() == scenes.boxes[i][kept].tolist()
        assert [scenes.classes.index(o.name) for o in annotation.objects] == scenes.labels[i][kept].tolist()
    assert voc.find(tmp_path.parent) == ()
    for real in voc.find():
        annotations = voc.read_set(real, "val")
        assert len(annotations) > 2000
        assert all(o.name in voc.CLASSES for annotation in annotations for o in annotation.objects)


def test_equations_9_41_and_9_42_cosine_and_distance_on_unit_vectors() -> None:
    generator = torch.Generator().manual_seed(0)
    u, v = (torch.randn(n, 7, generator=generator, dtype=torch.float64) for n in (4, 9))
    by_hand = torch.tensor([[float(a @ b / (a.norm() * b.norm())) for b in v] for a in u], dtype=torch.float64)
    torch.testing.assert_close(closeness(u, v), by_hand)
    p, q = F.normalize(u), F.normalize(v)
    torch.testing.assert_close((p[:, None] - q).square().sum(2), 2 - 2 * closeness(p, q))
    assert torch.equal(nearest(u, v, 3), nearest_by_loops(u, v, 3))


def test_equation_9_43_precision_at_k() -> None:
    labels = torch.tensor([1, 0, 1, 1, 0])
    found = torch.tensor([[0, 1, 2, 3, 4]])
    for k in range(1, 6):
        assert precision_at(found, torch.tensor([1]), labels, k) == pytest.approx(sum(labels[:k].tolist()) / k)


def test_equation_9_44_is_one_cross_entropy_a_tag() -> None:
    generator = torch.Generator().manual_seed(0)
    s, y = torch.randn(6, 4, generator=generator), (torch.rand(6, 4, generator=generator) < 0.5).float()
    by_formula = -(y * s.sigmoid().log() + (1 - y) * (1 - s.sigmoid()).log()).mean(1)
    whole = F.binary_cross_entropy_with_logits(s, y)
    torch.testing.assert_close(by_formula.mean(), whole)
    # T sigmoids know nothing of each other: a tag's gradient depends on its own score alone.
    leaf = s.clone().requires_grad_()
    (slope,) = torch.autograd.grad(F.binary_cross_entropy_with_logits(leaf, y), leaf)
    torch.testing.assert_close(slope, (s.sigmoid() - y) / s.numel())


def test_equations_9_45_and_9_46_average_precision() -> None:
    relevant = torch.tensor([True, False, True, True, False])
    scores = torch.tensor([5.0, 4, 3, 2, 1])
    assert average_precision(scores, relevant) == pytest.approx((1 + 2 / 3 + 3 / 4) / 3)
    both = torch.stack([scores, scores.flip(0)], 1)
    mean = mean_average_precision(both, torch.stack([relevant, relevant], 1))
    other = average_precision(scores.flip(0), relevant)
    assert mean == pytest.approx(((1 + 2 / 3 + 3 / 4) / 3 + other) / 2)


def test_equation_9_47_pixels_from_one_the_last_one_included() -> None:
    thing = voc.VocObject("cat", (4.0, 6.0, 12.0, 9.0))
    text = voc.render(voc.VocAnnotation("a.jpg", 20, 20, objects=(thing,)))
    numbers = {side: int(text.split(f"<{side}>")[1].split("<")[0]) for side in ("xmin", "ymin", "xmax", "ymax")}
    assert numbers == {"xmin": 5, "ymin": 7, "xmax": 12, "ymax": 9}
    assert numbers["xmax"] - numbers["xmin"] + 1 == 8
    assert numbers["ymax"] - numbers["ymin"] + 1 == 3


def test_equation_9_48_eleven_points() -> None:
    generator = torch.Generator().manual_seed(0)
    for _ in range(10):
        scores = torch.rand(30, generator=generator)
        relevant = torch.rand(30, generator=generator) < 0.4
        order = scores.argsort(descending=True)
        hits = relevant[order].cumsum(0)
        precision, recall = hits / torch.arange(1, 31), hits / hits[-1]
        total = sum(
            max((float(p) for p, r in zip(precision, recall, strict=True) if float(r) >= rho / 10 - 1e-6), default=0.0)
            for rho in range(11)
        )
        assert eleven_point_precision(scores, relevant) == pytest.approx(total / 11, abs=1e-6)
