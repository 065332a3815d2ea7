"""BING against windows cut out one by one, its binary form against the full one, its recall on scenes with truth."""

from __future__ import annotations

from functools import lru_cache

import numpy as np
import pytest
import torch
from torch.nn import functional as F

from course_utils.detection.bing import (
    SIDES,
    Bing,
    binarised_scores,
    binary_terms,
    bing,
    fit_bing,
    gradients_at,
    normed_gradients,
    strongest,
)
from course_utils.detection.recall import random_windows, recall
from tests.detection.scene_truth import scenes_with_boxes


@lru_cache(maxsize=1)
def model() -> Bing:
    return fit_bing(*scenes_with_boxes(40, 900))


def test_normed_gradients_equal_a_loop() -> None:
    image = torch.randint(0, 256, (3, 6, 7), generator=torch.Generator().manual_seed(0), dtype=torch.uint8)
    p, expected = image.long(), torch.zeros(6, 7)
    for y in range(6):
        for x in range(7):
            right = (p[:, y, min(x + 1, 6)] - p[:, y, max(x - 1, 0)]).abs()
            down = (p[:, min(y + 1, 5), x] - p[:, max(y - 1, 0), x]).abs()
            expected[y, x] = min(int((right + down).max()), 255)
    assert torch.equal(normed_gradients(image), expected)
    assert float(expected.max()) == 255


def test_filtering_equals_scoring_each_window() -> None:
    images, _ = scenes_with_boxes(2, 0)
    template = torch.randn(8, 8, generator=torch.Generator().manual_seed(1))
    size = (40, 20)
    gradients = gradients_at(images[0], *size)
    assert gradients is not None
    assert gradients.shape == (round(96 * 8 / 20), round(96 * 8 / 40))
    boxes, scores = strongest(images[0], template, size)
    scale = torch.tensor([8 / 40, 8 / 20])
    for box, score in zip(boxes, scores):
        x, y = (box[:2] * scale).round().int().tolist()
        assert float((gradients[y : y + 8, x : x + 8] * template).sum()) == pytest.approx(
            float(score), rel=1e-4, abs=0.01
        )
    dense = F.conv2d(gradients[None, None], template[None, None])[0, 0]
    assert float(scores[0]) == float(dense.max())
    assert bool((scores.diff() <= 0).all())


def test_of_neighbouring_places_one_stays() -> None:
    images, _ = scenes_with_boxes(2, 0)
    boxes, _ = strongest(images[1], model().template, (20, 20))
    steps = (boxes[:, None, :2] - boxes[None, :, :2]).abs().amax(-1) / (20 / 8)
    assert float(steps.add(torch.eye(len(boxes)) * 99).min()) > 2


def test_the_template_is_a_ring() -> None:
    """The paper's figure 1: an object's border counts for it, its middle does not."""
    template = model().template
    border = torch.ones(8, 8, dtype=torch.bool)
    border[2:6, 2:6] = False
    assert float(template[border].mean()) > float(template[~border].mean())


def test_binary_terms_close_in_on_the_template() -> None:
    template = model().template.numpy()
    error = []
    for terms in (1, 2, 4, 16):
        beta, signs = binary_terms(template, terms)
        assert set(np.unique(signs)) <= {-1.0, 1.0}
        error.append(np.linalg.norm(template.ravel() - beta @ signs))
    assert error == sorted(error, reverse=True)
    assert error[-1] < 0.2 * np.linalg.norm(template)
    first, signs = binary_terms(np.array([[3.0, -1.0]]), 1)
    assert first.tolist() == [2.0]
    assert signs.tolist() == [[1.0, -1.0]]


def test_bit_counts_equal_the_product_they_stand_for() -> None:
    rng = np.random.default_rng(3)
    features, template = rng.integers(0, 256, (50, 64)), rng.normal(size=(8, 8))
    for terms, bits in ((1, 1), (2, 4), (3, 8)):
        beta, signs = binary_terms(template, terms)
        cut = features >> (8 - bits) << (8 - bits)
        assert binarised_scores(features, template, terms, bits) == pytest.approx(cut @ (beta @ signs))
    fine = binarised_scores(features, template, terms=40, bits=8)
    assert np.corrcoef(fine, features @ template.ravel())[0, 1] > 0.999


@pytest.mark.parametrize("seed", [0, 1, 2])
def test_recall_beats_random_windows_at_100(seed: int) -> None:
    """S242, on scenes that it was not trained on."""
    images, objects = scenes_with_boxes(20, seed)
    found = [bing(model(), image, 100)[0] for image in images]
    random = [random_windows(100, 96, 96, 100 * seed + i) for i in range(len(images))]
    ours, theirs = recall(found, objects, (10, 100)), recall(random, objects, (10, 100))
    assert float(ours[1]) > float(theirs[1]) + 0.15
    assert float(ours[0]) > float(theirs[0])


def test_windows_come_best_first_and_fit() -> None:
    images, _ = scenes_with_boxes(20, 0)
    boxes, scores = bing(model(), images[0], 30)
    assert boxes.shape == (30, 4)
    assert bool((scores.diff() <= 0).all())
    assert float(boxes.min()) >= 0
    assert float(boxes.max()) <= 96
    sides = {(round(float(b[2] - b[0])), round(float(b[3] - b[1]))) for b in boxes}
    assert len(sides & {(w, h) for w in SIDES for h in SIDES}) > 1
    assert len(bing(model(), images[0][:, :9, :9])[0]) == 0  # no window fits


def test_wrong_input_is_named() -> None:
    image, far = torch.zeros(3, 32, 32), torch.tensor([[0.0, 0, 2, 2]])
    with pytest.raises(ValueError, match="no window with sides"):
        fit_bing([image], [far])
    with pytest.raises(ValueError, match="same length"):
        fit_bing([image], [])
    with pytest.raises(ValueError, match="bits must be at most 8, got 9"):
        binarised_scores(np.zeros((1, 64)), np.zeros((8, 8)), bits=9)
