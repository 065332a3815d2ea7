"""Pen-drawn digits: drawn where the strokes are, balanced, and like enough to real ones."""

from __future__ import annotations

import pytest
import torch

from course_utils import data
from course_utils.data.synthetic import make_digits
from course_utils.data.synthetic.strokes import _distance_to_pieces


def test_distance_equals_one_piece_at_a_time() -> None:
    random = torch.Generator().manual_seed(0)
    starts, ends = torch.rand(2, 3, 5, 2, generator=random, dtype=torch.float64) * 2 - 1
    ends[0, 0] = starts[0, 0]  # a piece of no length is a point
    steps = torch.linspace(-1, 1, 7, dtype=torch.float64)
    fast = _distance_to_pieces(steps, starts, ends)
    for n in range(3):
        for i, y in enumerate(steps):
            for j, x in enumerate(steps):
                best = torch.tensor(float("inf"), dtype=torch.float64)
                for a, b in zip(starts[n], ends[n]):
                    on_the_way = torch.linspace(0, 1, 2001, dtype=torch.float64)[:, None] * (b - a) + a
                    best = torch.minimum(best, (on_the_way - torch.stack([x, y])).norm(dim=1).min())
                assert float(fast[n, i, j]) == pytest.approx(float(best), abs=1e-3)


def test_digits_are_balanced_repeatable_and_free_of_chunks(monkeypatch: pytest.MonkeyPatch) -> None:
    from course_utils.data.synthetic import strokes

    first = make_digits(60, 28, 0)
    assert first.images.shape == (60, 1, 28, 28)
    assert first.labels.bincount().tolist() == [6] * 10
    monkeypatch.setattr(strokes, "CHUNK_PIXELS", 28 * 28 * 7)
    assert torch.equal(make_digits(60, 28, 0).images, first.images)
    assert not torch.equal(make_digits(60, 28, 1).images, first.images)


def test_digits_fill_the_frame_up_to_the_margin() -> None:
    images = make_digits(300, 28, 0).images
    assert int(images[:, :, [0, -1]].max()) == 0
    assert int(images[:, :, :, [0, -1]].max()) == 0
    assert int(images.amax((1, 2, 3)).min()) > 200


def test_classifier_trained_on_drawn_digits_reads_most_real_ones() -> None:
    from sklearn.svm import SVC

    drawn, real = make_digits(2000, 8, 0, pen=(0.1, 0.2), margin=0), data.load("digits", "all")
    model = SVC(C=5).fit(drawn.images.flatten(1).numpy() / 255, drawn.labels.numpy())
    accuracy = (model.predict(real.images.flatten(1).numpy() / 255) == real.labels.numpy()).mean()
    assert accuracy > 0.7


def test_without_variety_all_hands_are_one() -> None:
    frame = {"seed": 0, "pen": (0.1, 0.1), "margin": 0.1}
    alike = make_digits(40, 16, variety=0, ways=1, **frame)  # type: ignore[arg-type]
    assert len({image.numpy().tobytes() for image in alike.images}) == 10
    written = make_digits(200, 16, variety=0, **frame)  # type: ignore[arg-type]
    assert 10 < len({image.numpy().tobytes() for image in written.images}) <= 40
    hands = make_digits(40, 16, ways=1, **frame)  # type: ignore[arg-type]
    assert len({image.numpy().tobytes() for image in hands.images}) == 40


def test_a_narrow_hand_writes_narrow_digits() -> None:
    def columns(width: tuple[float, float]) -> float:
        images = make_digits(200, 16, 0, width=width, margin=0.1).images
        return float((images.amax((1, 2)) > 0).double().sum(1).mean())

    assert columns((0.3, 0.4)) < 0.75 * columns((0.9, 1.0))


def test_refuses_bad_arguments() -> None:
    with pytest.raises(ValueError, match="size must be at least 8, got 4"):
        make_digits(2, 4)
    with pytest.raises(ValueError, match=r"pen\[1\] must be at least"):
        make_digits(2, pen=(0.2, 0.1))
    with pytest.raises(ValueError, match="variety must be at least 0, got -1"):
        make_digits(2, variety=-1)
    with pytest.raises(ValueError, match="ways must be at least 1, got 0"):
        make_digits(2, ways=0)
